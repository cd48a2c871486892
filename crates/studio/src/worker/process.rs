//! A worker process, seen from the studio.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout, timeout_at};

use super::protocol::{Order, Report};

/// Silence after which a worker counts as lost.
const SILENCE: Duration = Duration::from_secs(20);
/// Time that a worker has to stop at its next step.
const GRACE: Duration = Duration::from_secs(3);

/// The program that makes videos, and how its processes are watched.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// What makes it a worker, which calls
    /// [`run_worker_process`](crate::run_worker_process) or speaks the same lines.
    pub arguments: Vec<String>,
    /// Silence after which a worker counts as lost.
    pub silence: Duration,
}

impl Program {
    /// A program with these arguments; a worker says every other second that it lives.
    pub fn new(path: PathBuf, arguments: Vec<String>) -> Self {
        Self {
            path,
            arguments,
            silence: SILENCE,
        }
    }
}

/// A worker process with both ends of its pipes.
pub struct Worker {
    child: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
    silence: Duration,
    /// When it last spoke or was given work.
    heard: Instant,
}

impl Worker {
    /// Starts a process. It is of a group of its own, as a terminal's Ctrl-C reaches the whole group, and a
    /// studio that closes lets it finish what it makes.
    ///
    /// # Errors
    /// When the system does not start it.
    pub fn start(program: &Program) -> io::Result<Self> {
        let mut command = Command::new(&program.path);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .args(&program.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let orders = child.stdin.take().expect("the input is piped");
        let output = child.stdout.take().expect("the output is piped");
        Ok(Self {
            child,
            orders,
            reports: BufReader::new(output).lines(),
            silence: program.silence,
            heard: Instant::now(),
        })
    }

    /// Gives it something to do, or asks it to stop.
    ///
    /// # Errors
    /// When the process is gone.
    pub async fn order(&mut self, order: &Order) -> io::Result<()> {
        // To be asked to stop is no sign of life, however often.
        if !matches!(order, Order::Cancel(_)) {
            self.heard = Instant::now();
        }
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.orders.write_all(&line).await?;
        self.orders.flush().await
    }

    /// The next report; `None` when the process is gone, silent for too long or talks nonsense. Silence is
    /// counted from when it was last heard, however often this is given up and asked again.
    pub async fn report(&mut self) -> Option<Report> {
        let end = self.heard + self.silence;
        let line = timeout_at(end, self.reports.next_line())
            .await
            .ok()?
            .ok()??;
        self.heard = Instant::now();
        serde_json::from_str(&line).ok()
    }

    /// Lets the process end by itself, so that it leaves no file behind, then ends it.
    pub async fn close(mut self) {
        drop(self.orders);
        if timeout(GRACE, self.child.wait()).await.is_err() {
            // An error means that it is gone already.
            let _ = self.child.kill().await;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn silence_is_noticed_however_often_a_report_is_waited_for() {
        let program = Program {
            silence: Duration::from_millis(300),
            ..Program::new("sleep".into(), vec!["60".into()])
        };
        let mut worker = Worker::start(&program).expect("a process");
        let lost = async {
            loop {
                tokio::select! {
                    report = worker.report() => break report,
                    () = sleep(Duration::from_millis(50)) => {}
                }
            }
        };
        let report = timeout(Duration::from_secs(10), lost).await;
        assert!(matches!(report, Ok(None)), "{report:?}");
    }
}

//! A worker process, seen from the studio.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

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
}

impl Worker {
    /// Starts a process.
    ///
    /// # Errors
    /// When the system does not start it.
    pub fn start(program: &Program) -> io::Result<Self> {
        let mut child = Command::new(&program.path)
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
        })
    }

    /// Gives it something to do.
    ///
    /// # Errors
    /// When the process is gone.
    pub async fn order(&mut self, order: &Order) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.orders.write_all(&line).await?;
        self.orders.flush().await
    }

    /// The next report; `None` when the process is gone, silent for too long or talks nonsense.
    pub async fn report(&mut self) -> Option<Report> {
        let line = timeout(self.silence, self.reports.next_line())
            .await
            .ok()?
            .ok()??;
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

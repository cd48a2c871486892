//! A studio in a process of its own, and what a client asks of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;
use ureq::http::Response;

use crate::contract::Contract;

/// Longest time that anything may take here.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// A running studio; dropping it kills it.
pub struct Studio {
    pub process: Child,
    pub base: String,
    pub agent: Agent,
    saying: Receiver<String>,
}

impl Studio {
    pub fn open(data: &Path) -> Self {
        Self::open_in(data, &[])
    }

    /// A studio with variables of its own.
    pub fn open_in(data: &Path, variables: &[(&str, &Path)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinora"));
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(data)
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the studio starts");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let base = loop {
            let line = lines
                .next()
                .expect("the studio says where it is")
                .expect("text");
            if let Some((_, address)) = line.split_once("is open: ") {
                break address.replace("0.0.0.0", "127.0.0.1");
            }
        };
        // Whatever it says later must not fill the pipe.
        let (said, saying) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // A test that is over listens no more.
                let _ = said.send(line);
            }
        });
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .middleware(Contract::of(&base))
            .build()
            .into();
        Self {
            process,
            base,
            agent,
            saying,
        }
    }

    pub fn get(&self, path: &str) -> Response<ureq::Body> {
        self.agent
            .get(format!("{}{path}", self.base))
            .call()
            .expect("an answer")
    }

    pub fn json(&self, path: &str) -> Value {
        read(self.get(path)).1
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        read(
            self.agent
                .post(format!("{}{path}", self.base))
                .send_json(body)
                .expect("an answer"),
        )
    }

    pub fn create(&self, body: &Value) -> String {
        let (status, video) = self.post("/v1/videos", body);
        assert_eq!(status, 200, "{video}");
        video["id"].as_str().expect("an id").to_owned()
    }

    pub fn video(&self, id: &str) -> Value {
        self.json(&format!("/v1/videos/{id}"))
    }

    /// Waits until a video has one of these states.
    pub fn wait(&self, id: &str, statuses: &[&str]) -> Value {
        let began = Instant::now();
        loop {
            let video = self.video(id);
            if statuses.contains(&video["status"].as_str().unwrap_or_default()) {
                return video;
            }
            assert!(began.elapsed() < PATIENCE, "still {video}");
            sleep(Duration::from_millis(50));
        }
    }

    /// The next line of its output with this text.
    pub fn said(&self, text: &str) -> String {
        loop {
            let line = self.saying.recv_timeout(PATIENCE).expect("it says so");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Everything that it has said since it was last asked.
    pub fn log(&self) -> String {
        self.saying.try_iter().collect::<Vec<_>>().join("\n")
    }

    /// Asks it to close, and waits until it has.
    #[cfg(target_os = "linux")]
    pub fn terminate(self) {
        let id = self.process.id().to_string();
        self.close(&["-s", "TERM", "--", &id]);
    }

    /// Closes it as Ctrl-C in a terminal does, which reaches all processes of its group.
    #[cfg(target_os = "linux")]
    pub fn interrupt(self) {
        let group = format!("-{}", self.process.id());
        self.close(&["-s", "INT", "--", &group]);
    }

    #[cfg(target_os = "linux")]
    fn close(mut self, signal: &[&str]) {
        let asked = Command::new("kill").args(signal).status();
        assert!(asked.expect("kill runs").success());
        let ended = self.process.wait().expect("it ends");
        assert!(ended.success(), "{ended}");
    }

    pub fn kill(mut self) {
        self.process.kill().expect("SIGKILL");
        self.process.wait().expect("it is gone");
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn read(mut response: Response<ureq::Body>) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.body_mut().read_json().expect("JSON"))
}

/// What a clip holds that was made from the same request and seed; a studio that signs adds a manifest in
/// front of the frames, which is another one each time.
pub fn repeatable(clip: &[u8]) -> &[u8] {
    if cfg!(feature = "c2pa") {
        let frames = clip.windows(4).position(|part| part == b"mdat");
        &clip[frames.expect("frames")..]
    } else {
        clip
    }
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A clip that is made in a moment.
pub fn short() -> Value {
    json!({"prompt": "a dog runs over a beach at dawn", "seconds": 1, "steps": 2, "seed": 7})
}

/// A clip that takes a while.
pub fn long() -> Value {
    json!({"prompt": "a dog runs over a beach at dawn", "seconds": 4, "steps": 200, "seed": 7})
}

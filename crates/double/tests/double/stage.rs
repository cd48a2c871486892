//! A studio of the double in a process of its own, and what a client asks of it.

use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

/// Longest time that anything may take here.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// How a studio of the double is started.
#[derive(Clone)]
pub struct Stage {
    pub data: PathBuf,
    pub silence: Duration,
    pub variables: Vec<(&'static str, String)>,
}

impl Stage {
    pub fn new(data: &Path, config: &str) -> Self {
        fs::write(data.join("kinora.toml"), config).expect("a file");
        Self {
            data: data.into(),
            silence: Duration::from_secs(20),
            variables: Vec::new(),
        }
    }

    pub fn with(mut self, name: &'static str, value: &dyn Display) -> Self {
        self.variables.push((name, value.to_string()));
        self
    }

    /// Starts a studio and waits until it answers.
    pub fn open(&self) -> Studio {
        let (process, base, log) = self.start("serve", "is open: ");
        let agent = Agent::config_builder().http_status_as_error(false);
        Studio {
            process,
            base,
            agent: agent.timeout_global(Some(PATIENCE)).build().into(),
            log,
        }
    }

    /// Starts a worker of another machine and waits until it works.
    pub fn machine(&self) -> Machine {
        let (process, _, log) = self.start("work", "waits for videos");
        Machine { process, log }
    }

    /// Starts a process and waits for a line of its; tells what comes after `sign` in it.
    fn start(&self, what: &str, sign: &str) -> (Child, String, Log) {
        let mut process = Command::new(env!("CARGO_BIN_EXE_kinora-double"))
            .arg(what)
            .arg(&self.data)
            .arg(self.silence.as_millis().to_string())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let mut before = String::new();
        let told = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("{what} does not begin: {before}");
            };
            if let Some((_, told)) = line.split_once(sign) {
                break told.to_owned();
            }
            before = before + "\n" + &line;
        };
        let log = Log::default();
        let said = log.clone();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| said.add(line)));
        (process, told, log)
    }
}

/// What a process has said.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.join("\n")
    }
}

/// A running worker of another machine; dropping it kills it.
pub struct Machine {
    pub process: Child,
    log: Log,
}

impl Machine {
    /// What it has said, for the message of a test that fails.
    pub fn log(&self) -> String {
        self.log.text()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A running studio; dropping it kills it.
pub struct Studio {
    pub process: Child,
    pub base: String,
    pub agent: Agent,
    log: Log,
}

impl Studio {
    pub fn get(&self, path: &str) -> Response<ureq::Body> {
        let request = self.agent.get(format!("{}{path}", self.base));
        request.call().expect("an answer")
    }

    pub fn json(&self, path: &str) -> Value {
        read(self.get(path)).1
    }

    pub fn post(&self, body: &Value) -> (u16, Value) {
        let request = self.agent.post(format!("{}/v1/videos", self.base));
        read(request.send_json(body).expect("an answer"))
    }

    pub fn create(&self, prompt: &str, steps: u32) -> String {
        let (status, video) = self.post(&body(prompt, steps));
        assert_eq!(status, 200, "{video}: {}", self.log());
        id_of(&video)
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
            assert!(began.elapsed() < PATIENCE, "still {video}: {}", self.log());
            sleep(Duration::from_millis(25));
        }
    }

    pub fn ended(&self, id: &str) -> Value {
        self.wait(id, &["completed", "failed"])
    }

    /// What it has said, for the message of a test that fails.
    pub fn log(&self) -> String {
        self.log.text()
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

pub fn body(prompt: &str, steps: u32) -> Value {
    json!({"prompt": prompt, "seconds": 1, "steps": steps, "seed": 7})
}

pub fn id_of(video: &Value) -> String {
    video["id"].as_str().expect("an id").to_owned()
}

/// The processes that one has started, whichever of its threads did.
pub fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    let lists = tasks.into_iter().flatten().flatten();
    let lists = lists.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let ids = lists.flat_map(|list| {
        let ids = list.split_whitespace().map(str::parse::<u32>);
        ids.filter_map(Result::ok).collect::<Vec<_>>()
    });
    ids.collect()
}

/// Sends a signal by its name; the process may be gone already.
pub fn signal(name: &str, process: u32) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .stderr(Stdio::null())
        .status();
    sent.expect("kill runs");
}

/// Resident memory of a process in bytes.
pub fn resident_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.expect("VmRSS in kB") * 1024
}

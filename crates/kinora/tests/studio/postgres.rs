//! A studio and workers of other machines, which here are other processes, on one `PostgreSQL` server.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};

use serde_json::json;
use tempfile::TempDir;
use ureq::Agent;

use crate::client::{PATIENCE, Studio, folder, long, short};

#[path = "../../../studio/src/store/tests/server.rs"]
mod server;

use server::Server;

/// A data folder that is shared and a database of its own; none where `PostgreSQL` is not installed.
struct Site {
    data: TempDir,
    database: String,
}

impl Site {
    fn new() -> Option<Self> {
        server::server().map(Self::on)
    }

    fn on(server: &Server) -> Self {
        let database = server.database();
        let data = folder();
        Self { data, database }
    }

    /// A studio that leaves all the making to others.
    fn studio(&self) -> Studio {
        Studio::open_in(self.data.path(), &self.variables())
    }

    fn variables(&self) -> [(&'static str, &Path); 2] {
        [
            ("KINORA_DATABASE", Path::new(&self.database)),
            ("KINORA_QUEUE_WORKERS", Path::new("0")),
        ]
    }

    fn worker(&self) -> Worker {
        Worker::start(self.kinora(&["worker", "--connect", &self.database]))
    }

    fn kinora(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinora"));
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data.path());
        command
    }

    /// The one file of a finished clip.
    fn file_of(&self, id: &str) -> PathBuf {
        let files = fs::read_dir(self.data.path().join("outputs").join(id)).expect("its folder");
        let files = files.map(|file| file.expect("a file").path());
        let mut videos = files.filter(|file| file.extension().is_some_and(|end| end == "mp4"));
        let video = videos.next().expect("a video");
        assert_eq!(videos.next(), None, "one visible result");
        video
    }

    /// Which try made a finished clip.
    fn try_of(&self, id: &str) -> char {
        let name = self.file_of(id);
        let name = name.file_name().expect("a name").to_string_lossy();
        name.chars().next().expect("a number")
    }
}

/// A worker of another machine; dropping it kills it.
struct Worker {
    process: Child,
    saying: Receiver<String>,
}

impl Worker {
    fn start(mut command: Command) -> Self {
        let mut process = command
            .env("KINORA_LOG_LEVEL", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the worker starts");
        let lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let (said, saying) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // A test that is over listens no more.
                let _ = said.send(line);
            }
        });
        let worker = Self { process, saying };
        worker.said("waits for videos of postgres://kinora@localhost/");
        worker
    }

    /// The next line of its output with this text.
    fn said(&self, text: &str) -> String {
        loop {
            let line = self.saying.recv_timeout(PATIENCE).expect("it says so");
            if line.contains(text) {
                return line;
            }
        }
    }

    fn terminate(&mut self) {
        let id = self.process.id().to_string();
        let asked = Command::new("kill").arg(id).status().expect("kill runs");
        assert!(asked.success());
        let ended = self.process.wait().expect("it ends");
        assert!(ended.success(), "{ended}");
    }

    fn kill(&mut self) {
        self.process.kill().expect("SIGKILL");
        self.process.wait().expect("it is gone");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The events of a clip to its end.
fn events(agent: &Agent, base: &str, id: &str) -> String {
    let mut stream = String::new();
    let events = agent.get(format!("{base}/v1/videos/{id}/events")).call();
    let mut events = events.expect("a stream");
    let mut events = events.body_mut().as_reader();
    events
        .read_to_string(&mut stream)
        .expect("it ends by itself");
    stream
}

#[test]
fn a_worker_that_is_killed_costs_no_clip_and_doubles_none() {
    let Some(site) = Site::new() else { return };
    let studio = site.studio();
    let mut workers = [site.worker(), site.worker(), site.worker()];
    let mut body = short();
    body["steps"] = json!(20);
    let ids: Vec<_> = (0..6).map(|_| studio.create(&body)).collect();
    let begun = workers[0].said("begins");
    let lost = ids
        .iter()
        .find(|id| begun.contains(*id))
        .expect("one of them");
    workers[0].kill();
    for id in &ids {
        let video = studio.wait(id, &["completed", "failed"]);
        assert_eq!(video["status"], "completed", "{video}");
        let tries = if id == lost { '2' } else { '1' };
        assert_eq!(site.try_of(id), tries, "{id}");
        let told = events(&studio.agent, &studio.base, id);
        assert_eq!(told.matches("event: done\n").count(), 1, "{told}");
    }
}

#[test]
fn workers_go_on_while_the_studio_is_killed_and_opened_again() {
    let Some(site) = Site::new() else { return };
    let studio = site.studio();
    let _worker = site.worker();
    let mut body = short();
    body["steps"] = json!(40);
    let (running, waiting) = (studio.create(&body), studio.create(&short()));
    studio.wait(&running, &["in_progress"]);
    studio.kill();
    let studio = site.studio();
    for id in [&running, &waiting] {
        assert_eq!(
            studio.wait(id, &["completed", "failed"])["status"],
            "completed"
        );
        assert_eq!(site.try_of(id), '1', "nobody took it away");
    }
}

#[cfg(feature = "s3")]
#[test]
fn machines_that_share_no_folder_share_a_bucket() {
    let (Some(site), Some(bucket)) = (Site::new(), crate::bucket::Bucket::open()) else {
        return;
    };
    let variables = bucket.variables();
    let mut all: Vec<_> = variables
        .each_ref()
        .map(|(name, value)| (*name, Path::new(value)))
        .into();
    all.extend(site.variables());
    let studio = Studio::open_in(site.data.path(), &all);
    let body = short();
    let picture = ("input_reference", &crate::inputs::png()[..]);
    let (status, video) = crate::inputs::form(&studio, "/v1/videos", &body, picture);
    assert_eq!(status, 200, "{video}");
    let id = video["id"].as_str().expect("an id");

    let stranger = site
        .kinora(&["worker", "--connect", &site.database])
        .output();
    let told = String::from_utf8(stranger.expect("it runs").stderr).expect("text");
    assert!(
        told.contains("its files in s3://films/a studio, this worker in its data folder"),
        "{told}"
    );

    let elsewhere = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinora"));
    command
        .args(["worker", "--connect", &site.database, "--data-dir"])
        .arg(elsewhere.path())
        .envs(variables);
    let worker = Worker::start(command);
    let video = studio.wait(id, &["completed", "failed"]);
    assert_eq!(video["status"], "completed", "{video}");
    let mut content = studio.get(&format!("/v1/videos/{id}/content"));
    let clip = content.body_mut().read_to_vec().expect("a clip");
    assert_eq!(&clip[4..8], b"ftyp");
    drop(worker);
    for data in [site.data.path(), elsewhere.path()] {
        let made = fs::read_dir(data.join("outputs")).expect("the folder");
        assert_eq!(made.count(), 0, "it is in the bucket alone");
    }
}

#[test]
fn a_server_that_restarts_ends_nobody_and_loses_no_clip() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let site = Site::on(&server);
    let studio = site.studio();
    let worker = site.worker();
    let mut body = short();
    body["steps"] = json!(12);
    let ids = [studio.create(&body), studio.create(&short())];
    worker.said("begins");
    server.restart();
    let later = studio.create(&short());
    for id in ids.iter().chain([&later]) {
        let video = studio.wait(id, &["completed", "failed"]);
        assert_eq!(video["status"], "completed", "{video}");
        site.file_of(id);
    }
}

#[test]
fn a_stop_reaches_a_worker_and_its_progress_who_listens() {
    let Some(site) = Site::new() else { return };
    let studio = site.studio();
    let id = studio.create(&long());
    let (agent, base) = (&studio.agent, &studio.base);
    let told = std::thread::scope(|scope| {
        // From before anybody makes it: all that comes is news of another process.
        let listening = scope.spawn(|| events(agent, base, &id));
        let worker = site.worker();
        worker.said("begins");
        while studio.video(&id)["progress"].as_i64() < Some(2) {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        studio.post(&format!("/v1/videos/{id}/cancel"), &json!({}));
        let video = studio.wait(&id, &["failed"]);
        assert_eq!(video["error"]["code"], "cancelled");
        listening.join().expect("a stream")
    });
    let kinds: Vec<_> = told
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(kinds.first(), Some(&"queued"), "{told}");
    assert!(
        kinds.contains(&"progress") && kinds.contains(&"preview") && kinds.ends_with(&["done"]),
        "{told}"
    );
}

#[test]
fn a_worker_that_is_ended_gives_its_clip_back_at_once() {
    let Some(site) = Site::new() else { return };
    let studio = site.studio();
    let mut leaving = site.worker();
    let mut body = short();
    body["steps"] = json!(40);
    let id = studio.create(&body);
    leaving.said("begins");
    let staying = site.worker();
    leaving.terminate();
    assert!(staying.said("begins").contains(&id));
    assert_eq!(
        studio.wait(&id, &["completed", "failed"])["status"],
        "completed"
    );
    assert_eq!(site.try_of(&id), '1', "it does not count as a try");
}

#[test]
fn a_password_is_shown_nowhere_and_keys_are_kept_on_the_server() {
    let Some(site) = Site::new() else { return };
    let run = |arguments: &[&str], database: &str| {
        let mut command = site.kinora(arguments);
        command
            .env("KINORA_DATABASE", database)
            .output()
            .expect("it runs")
    };
    let text = |output: &Output| {
        let all = [&output.stdout[..], &output.stderr].concat();
        String::from_utf8(all).expect("text")
    };
    let secret = site.database.replace("kinora@", "kinora:swordfish@");
    let shown = text(&run(&["config", "check"], &secret));
    assert!(
        shown.contains("database = \"postgres://kinora@localhost/"),
        "{shown}"
    );
    assert!(!shown.contains("swordfish"), "{shown}");

    let made = run(&["keys", "create", "--name", "far"], &secret);
    assert!(made.status.success(), "{}", text(&made));
    assert!(text(&run(&["keys", "list"], &secret)).contains("far"));
    assert!(!site.data.path().join("studio.sqlite").exists());

    let none = run(&["worker"], "");
    assert_eq!(none.status.code(), Some(1));
    assert!(
        text(&none).contains("hint: name it with --connect"),
        "{}",
        text(&none)
    );
    let empty = site
        .database
        .replace("host=", "user=kinora&dbname=postgres&host=");
    let early = run(&["worker", "--connect", &empty], "");
    assert!(
        text(&early).contains("open the studio of this version first"),
        "{}",
        text(&early)
    );
    let gone = "postgres://kinora:swordfish@localhost/kinora?host=/nowhere/at/all";
    let lost = run(&["worker", "--connect", gone], "");
    assert_eq!(lost.status.code(), Some(1));
    assert!(!text(&lost).contains("swordfish"), "{}", text(&lost));
}

#[test]
fn what_a_server_cannot_keep_is_refused() {
    let Some(site) = Site::new() else { return };
    let studio = site.studio();
    let mut body = short();
    body["prompt"] = json!("a dog\0");
    let (status, answer) = studio.post("/v1/videos", &body);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("invalid_value")),
        "{answer}"
    );
    assert_eq!(studio.json("/v1/prompts")["data"], json!([]));
}

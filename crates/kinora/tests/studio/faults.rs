//! What kills and a second studio can do, which is nothing.

use std::process::Command;
#[cfg(target_os = "linux")]
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;

#[cfg(target_os = "linux")]
use crate::client::PATIENCE;
use crate::client::{Studio, folder, long, short};

#[test]
fn no_accepted_clip_is_lost_when_the_studio_is_killed() {
    let data = folder();
    let studio = Studio::open(data.path());
    let mut body = long();
    body["steps"] = json!(40);
    body["seconds"] = json!(1);
    let first = studio.create(&body);
    let second = studio.create(&short());
    studio.wait(&first, &["in_progress"]);
    studio.kill();

    let studio = Studio::open(data.path());
    for id in [&first, &second] {
        assert_eq!(
            studio.wait(id, &["completed", "failed"])["status"],
            "completed"
        );
        let files = std::fs::read_dir(data.path().join("outputs").join(id)).expect("its folder");
        let videos = files.filter(|file| {
            file.as_ref()
                .is_ok_and(|file| file.path().extension().is_some_and(|e| e == "mp4"))
        });
        assert_eq!(videos.count(), 1, "one visible result");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_worker_is_replaced_and_its_clip_made() {
    let data = folder();
    let studio = Studio::open(data.path());
    let mut body = long();
    body["steps"] = json!(40);
    body["seconds"] = json!(1);
    let id = studio.create(&body);
    studio.wait(&id, &["in_progress"]);
    let worker = worker_of(studio.process.id());
    let killed = Command::new("kill")
        .args(["-KILL", &worker])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    assert_eq!(
        studio.wait(&id, &["completed", "failed"])["status"],
        "completed"
    );
}

/// The process id of the studio's only child, whichever of its threads started it.
#[cfg(target_os = "linux")]
pub fn worker_of(studio: u32) -> String {
    let began = Instant::now();
    loop {
        let tasks = std::fs::read_dir(format!("/proc/{studio}/task")).expect("its threads");
        let found = tasks.flatten().find_map(|task| {
            let list = std::fs::read_to_string(task.path().join("children")).ok()?;
            list.split_whitespace().next().map(str::to_owned)
        });
        if let Some(worker) = found {
            return worker;
        }
        assert!(began.elapsed() < PATIENCE, "the studio has no worker");
        sleep(Duration::from_millis(20));
    }
}

#[cfg(not(feature = "s3"))]
#[test]
fn a_bucket_that_this_build_cannot_reach_is_refused() {
    let data = folder();
    let output = Command::new(env!("CARGO_BIN_EXE_kinora"))
        .args([
            "serve",
            "--port",
            "0",
            "--storage",
            "s3://films",
            "--data-dir",
        ])
        .arg(data.path())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("--features s3"), "{said}");
}

#[test]
fn a_folder_has_one_studio() {
    let data = folder();
    let _studio = Studio::open(data.path());
    let refused = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_kinora"))
            .arg("serve")
            .args(arguments)
            .arg("--data-dir")
            .arg(data.path())
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).expect("text")
    };
    let message = refused(&["--port", "0"]);
    assert!(
        message.contains("another studio") && message.contains("hint:"),
        "{message}"
    );
}

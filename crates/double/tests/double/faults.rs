//! Each way in which a worker can fail, alone.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::tempdir;

use crate::stage::{PATIENCE, Stage, children, signal};
use crate::truth;

#[test]
fn a_clip_ends_once_whatever_its_worker_does() {
    let data = tempdir().expect("a folder");
    let mut stage = Stage::new(data.path(), "[queue]\nworkers = 4\n");
    stage.silence = Duration::from_secs(3);
    let studio = stage.open();
    let cases = [
        ("a dog", None),
        ("a dog fault=crash:2@1", None),
        ("a dog fault=half@1", None),
        ("a dog fault=hang:1@1", None),
        ("a dog fault=slow:500", None),
        ("a dog fault=crash:0", Some("worker_lost")),
        ("a dog fault=half", Some("worker_lost")),
        ("a dog fault=fail:media_failed", Some("media_failed")),
    ];
    let ids = cases.map(|(prompt, _)| studio.create(prompt, 4));
    for (id, (prompt, code)) in ids.iter().zip(cases) {
        let video = studio.ended(id);
        let status = if code.is_some() {
            "failed"
        } else {
            "completed"
        };
        assert_eq!(video["status"], status, "{prompt}: {}", studio.log());
        assert_eq!(video["error"]["code"], json!(code), "{prompt}");
    }
    let completed = truth::check(&studio, data.path(), &BTreeSet::from(ids));
    assert_eq!(completed, 5);
}

#[test]
fn a_stopped_worker_is_noticed_and_its_clip_made_by_another() {
    let data = tempdir().expect("a folder");
    let mut stage = Stage::new(data.path(), "");
    stage.silence = Duration::from_secs(2);
    let studio = stage.open();
    let id = studio.create("a dog", 200);
    studio.wait(&id, &["in_progress"]);
    let worker = worker_of(studio.process.id());
    signal("STOP", worker);
    let began = Instant::now();
    assert_eq!(studio.ended(&id)["status"], "completed");
    assert!(began.elapsed() > stage.silence, "it was silent first");
    assert!(
        !children(studio.process.id()).contains(&worker),
        "a worker that hangs is ended"
    );
}

#[test]
fn workers_that_do_not_start_fail_the_clip_and_not_the_studio() {
    let data = tempdir().expect("a folder");
    let stage = Stage::new(data.path(), "").with("KINORA_DOUBLE_EXIT", &1);
    let studio = stage.open();
    let ids = [(); 2].map(|()| studio.create("a dog", 4));
    for id in &ids {
        assert_eq!(studio.ended(id)["error"]["code"], "worker_lost");
    }
    truth::check(&studio, data.path(), &BTreeSet::from(ids));
}

/// The studio's only worker.
fn worker_of(studio: u32) -> u32 {
    let began = Instant::now();
    loop {
        if let [worker] = children(studio)[..] {
            return worker;
        }
        assert!(began.elapsed() < PATIENCE, "no worker");
    }
}

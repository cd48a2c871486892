//! What the studio hands out is signed, and what it only passes on is not.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::client::{Studio, folder, short};

/// Exit code and report of `kinora verify --json`.
fn verify(data: &Path, file: &Path) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_kinora"))
        .args(["verify", "--json"])
        .arg(file)
        .env("KINORA_DATA_DIR", data)
        .output()
        .expect("it runs");
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), report)
}

#[test]
fn a_clip_that_is_handed_out_is_signed_and_a_cut_of_clips_is_not() {
    let data = folder();
    let studio = Studio::open(data.path());
    let id = studio.create(&short());
    let video = studio.wait(&id, &["completed", "failed"]);
    assert_eq!(video["status"], "completed", "{video}");
    let path = data.path().join("handed-out.mp4");
    let content = format!("/v1/videos/{id}/content");
    let bytes = studio.get(&content).body_mut().read_to_vec();
    std::fs::write(&path, bytes.expect("a file")).expect("a file");
    let (code, report) = verify(data.path(), &path);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["signature"]["kind"], "this_machine");
    assert_eq!(report["claimed"]["model"]["name"], "kinora-1");
    // Part of it is part of the signed file.
    let request = studio.agent.get(format!("{}{content}", studio.base));
    let mut part = request
        .header("range", "bytes=-9")
        .call()
        .expect("an answer");
    assert_eq!(part.status(), 206);
    let end = std::fs::read(&path).expect("a file");
    assert_eq!(
        part.body_mut().read_to_vec().expect("bytes"),
        end[end.len() - 9..]
    );

    let body = json!({"video_ids": [id, id]});
    let request = studio.agent.post(format!("{}/v1/cuts", studio.base));
    let mut cut = request.send_json(&body).expect("an answer");
    assert_eq!(cut.status(), 200);
    std::fs::write(&path, cut.body_mut().read_to_vec().expect("a cut")).expect("a file");
    assert_eq!(verify(data.path(), &path).0, Some(1), "it has no manifest");
    let clip = kinora_media::ClipReader::open(&path).expect("a cut that plays");
    assert_eq!(clip.frames(), 48, "both clips of 24 frames");
}

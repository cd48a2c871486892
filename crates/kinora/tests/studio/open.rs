//! Open models in the studio: tiny ones with random weights, one that was pulled and one that the
//! configuration names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kinora_media::ClipReader;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Studio, folder, read, repeatable};

/// A published model's name; what lies there is tiny.
const PULLED: &str = "wan-2.1-t2v-1.3b";
const LOCAL: &str = "tiny/ltx";

/// Tiny models as diffusers saves them.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/fixtures/open")
}

/// A models' folder, and a studio's data folder whose configuration names one more.
fn folders() -> (TempDir, TempDir) {
    let (models, data) = (folder(), folder());
    pull("wan-2.1", &models.path().join(PULLED));
    let local = fixtures().join("ltx-0.9.0");
    let text = format!("[models.local]\n\"{LOCAL}\" = \"{}\"\n", local.display());
    fs::write(data.path().join("kinora.toml"), text).expect("a file");
    (models, data)
}

/// What `kinora pull` leaves: the files, and the list of them that says that all are there.
fn pull(fixture: &str, folder: &Path) {
    let mut files = Vec::new();
    copy(&fixtures().join(fixture), folder, "", &mut files);
    let manifest = json!({
        "name": PULLED,
        "repo": "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
        "revision": "main",
        "licence": "Apache-2.0",
        "licence_url": "https://www.apache.org/licenses/LICENSE-2.0",
        "files": files,
    });
    fs::write(folder.join("kinora-model.json"), manifest.to_string()).expect("a file");
}

fn copy(from: &Path, to: &Path, under: &str, files: &mut Vec<Value>) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a fixture").flatten() {
        let name = entry.file_name().into_string().expect("a plain name");
        let (from, to) = (entry.path(), to.join(&name));
        if from.is_dir() {
            copy(&from, &to, &format!("{under}{name}/"), files);
        } else {
            let size = fs::copy(&from, &to).expect("a copy");
            files.push(json!({"path": format!("{under}{name}"), "size": size, "sha256": ""}));
        }
    }
}

fn open(data: &Path, models: &Path) -> Studio {
    // No text states of an earlier run stand in for a text encoder.
    Studio::open_in(
        data,
        &[("KINORA_MODELS", models), ("KINORA_CACHE", Path::new(""))],
    )
}

/// What is asked of a tiny model.
fn wish(model: &str, size: &str) -> Value {
    json!({
        "prompt": "A red sailboat on a calm sea", "model": model, "size": size, "frames": 9,
        "steps": 2, "seed": 7,
    })
}

#[test]
fn models_that_are_here_are_listed_and_make_clips() {
    let (models, data) = folders();
    let studio = open(data.path(), models.path());
    let list = studio.json("/v1/models");
    let list = list["data"].as_array().expect("a list");
    let listed = |id: &str| {
        let model = list.iter().find(|model| model["id"] == id);
        model.unwrap_or_else(|| panic!("{id} in {list:?}"))
    };
    let pulled = listed(PULLED);
    for (key, value) in [
        ("owned_by", json!("Wan-AI")),
        ("licence", json!("Apache-2.0")),
        ("leaves_machine", json!(false)),
        ("fps", json!(16)),
        ("longest_seconds", json!(10.0)),
        ("takes", Value::Null),
    ] {
        assert_eq!(pulled[key], value, "{key}");
    }
    assert_eq!(pulled["sizes"][0], "832x480");
    assert_eq!(listed(LOCAL)["licence"], Value::Null);
    assert_eq!(listed("kinora-1")["licence"], "MIT OR Apache-2.0");

    // A size off the model's grid is snapped, and the answer says so.
    let wan = studio.create(&wish(PULLED, "50x32"));
    let ltx = studio.create(&wish(LOCAL, "32x64"));
    for (id, model, size, fps) in [(&wan, PULLED, "48x32", 16), (&ltx, LOCAL, "32x64", 25)] {
        let video = studio.wait(id, &["completed", "failed"]);
        for (key, value) in [
            ("status", json!("completed")),
            ("model", json!(model)),
            ("size", json!(size)),
            ("num_frames", json!(9)),
            ("fps", json!(fps)),
            ("num_inference_steps", json!(2)),
            ("leaves_machine", json!(false)),
        ] {
            assert_eq!(video[key], value, "{key} of {video}");
        }
        let recipe = studio.json(&format!("/v1/videos/{id}/recipe"));
        assert_eq!(recipe["model"], model, "the name, and no path");
        let path = data.path().join(format!("{id}.mp4"));
        let content = studio
            .get(&format!("/v1/videos/{id}/content"))
            .body_mut()
            .read_to_vec();
        fs::write(&path, content.expect("bytes")).expect("a file");
        let mut clip = ClipReader::open(&path).expect("an MP4");
        assert_eq!(format!("{}x{}", clip.width(), clip.height()), size);
        let mut frames = 0;
        while clip.next_frame().expect("it decodes").is_some() {
            frames += 1;
        }
        assert_eq!((frames, clip.fps()), (9, f64::from(fps)));
    }
    let analysis = json!({"prompt": "a red boat", "model": PULLED});
    let (status, answer) = studio.post("/v1/prompts/analysis", &analysis);
    assert_eq!((status, &answer["model"]), (200, &json!(PULLED)));
}

#[test]
fn the_command_line_makes_the_same_bytes_with_a_pulled_model() {
    let (models, data) = folders();
    let studio = open(data.path(), models.path());
    let id = studio.create(&wish(PULLED, "48x32"));
    studio.wait(&id, &["completed"]);
    let content = studio
        .get(&format!("/v1/videos/{id}/content"))
        .body_mut()
        .read_to_vec();
    let path = data.path().join("again.mp4");
    let made = Command::new(env!("CARGO_BIN_EXE_kinora"))
        .args(["generate", "A red sailboat on a calm sea"])
        .args(["--model", PULLED, "--size", "48x32", "--frames", "9"])
        .args(["--steps", "2", "--seed", "7", "--output"])
        .arg(&path)
        .envs([
            ("KINORA_MODELS", models.path()),
            ("KINORA_CACHE", Path::new("")),
        ])
        .output()
        .expect("it runs");
    assert!(made.status.success(), "{made:?}");
    let here = fs::read(&path).expect("a file");
    assert!(repeatable(&here) == repeatable(&content.expect("a file")));
}

#[test]
fn what_a_model_does_not_make_is_refused_with_its_own_range() {
    let (models, data) = folders();
    let studio = open(data.path(), models.path());
    let with = |key: &str, value: Value| {
        let mut body = wish(PULLED, "48x32");
        body.as_object_mut().expect("an object").remove("frames");
        body[key] = value;
        body
    };
    for (body, code, param, words) in [
        (
            with("seconds", json!(11)),
            "invalid_seconds",
            "seconds",
            "0.0625 to 10 seconds",
        ),
        (
            with("size", json!("4000x32")),
            "invalid_size",
            "size",
            "1920x1080",
        ),
        (
            with("frames", json!(900)),
            "invalid_value",
            "frames",
            "1 + 4k",
        ),
        (with("fps", json!(17)), "invalid_value", "fps", "16"),
        (
            with("strict", json!(true)),
            "invalid_value",
            "strict",
            PULLED,
        ),
        (with("loop", json!(true)), "invalid_value", "loop", PULLED),
        (
            with("model", json!("wan-2.2-ti2v-5b")),
            "model_not_installed",
            "model",
            "`kinora pull wan-2.2-ti2v-5b`",
        ),
        (
            with("model", json!("wan-2.1-t2v-1.3")),
            "unknown_model",
            "model",
            PULLED,
        ),
        (
            with("model", json!(fixtures().join("wan-2.1"))),
            "unknown_model",
            "model",
            "known: kinora-1, tiny/ltx",
        ),
    ] {
        let (status, answer) = studio.post("/v1/videos", &body);
        let error = &answer["error"];
        assert_eq!(
            (status, &error["code"], &error["param"]),
            (400, &json!(code), &json!(param)),
            "{body}: {answer}"
        );
        let message = error["message"].as_str().expect("text");
        assert!(message.contains(words), "{words} in {message}");
    }
    assert_eq!(studio.json("/v1/videos")["data"], json!([]));
}

#[test]
fn a_model_comes_and_goes_while_the_studio_runs() {
    let (models, data) = folders();
    let studio = open(data.path(), models.path());
    let ids = || {
        let list = studio.json("/v1/models");
        let list = list["data"].as_array().expect("a list").iter();
        list.map(|model| model["id"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    assert!(ids().contains(&PULLED.to_owned()));
    studio
        .agent
        .patch(format!("{}/v1/queue", studio.base))
        .send_json(json!({"paused": true}))
        .expect("an answer");
    let id = studio.create(&wish(PULLED, "48x32"));
    fs::remove_dir_all(models.path().join(PULLED)).expect("it was there");
    assert!(!ids().contains(&PULLED.to_owned()));
    let resume = studio
        .agent
        .patch(format!("{}/v1/queue", studio.base))
        .send_json(json!({"paused": false}));
    assert_eq!(read(resume.expect("an answer")).0, 200);
    let video = studio.wait(&id, &["failed"]);
    assert_eq!(video["error"]["code"], "model_not_installed", "{video}");

    pull("wan-2.1", &models.path().join(PULLED));
    let (status, _) = studio.post(&format!("/v1/videos/{id}/retry"), &json!({}));
    assert_eq!(status, 200);
    assert_eq!(
        studio.wait(&id, &["completed", "failed"])["status"],
        "completed"
    );
    // One that is damaged is not offered, and the others are.
    let index = models.path().join(PULLED).join("model_index.json");
    let size = fs::metadata(&index).expect("a file").len();
    fs::write(&index, vec![b' '; size as usize]).expect("a file");
    let ids = ids();
    assert!(!ids.contains(&PULLED.to_owned()) && ids.contains(&LOCAL.to_owned()));
    assert!(studio.said("is not offered").contains(PULLED));
}

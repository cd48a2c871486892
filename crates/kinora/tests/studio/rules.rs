//! Content rules in the studio: what is refused, what an operator has told instead, and what of it the
//! prompt log keeps.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::client::{Studio, folder};
use crate::open::fixtures;

const GORE: &str = "a battlefield at dawn, gore everywhere";

/// A studio with a tiny model and these rules.
fn open(data: &Path, rules: &str) -> Studio {
    let model = fixtures().join("ltx-0.9.0");
    let model = model.display();
    let text = format!("[models.local]\ntiny = \"{model}\"\n{rules}");
    fs::write(data.join("kinora.toml"), text).expect("a file");
    // No text states of an earlier run stand in for a text encoder.
    Studio::open_in(data, &[("KINORA_CACHE", Path::new(""))])
}

fn wish(prompt: &str) -> Value {
    json!({"prompt": prompt, "model": "tiny", "size": "32x64", "frames": 9, "steps": 2, "seed": 7})
}

fn export(studio: &Studio, format: &str) -> String {
    let mut answer = studio.get(&format!("/v1/prompts/export?format={format}"));
    answer.body_mut().read_to_string().expect("text")
}

#[test]
fn what_is_refused_is_logged_with_its_category_everywhere() {
    let data = folder();
    let studio = open(data.path(), "");
    let (status, answer) = studio.post("/v1/videos", &wish(GORE));
    let error = &answer["error"];
    assert_eq!(
        (status, &error["code"], &error["param"]),
        (400, &json!("moderation_blocked"), &json!("prompt"))
    );
    let message = error["message"].as_str().expect("text");
    assert!(message.contains("graphic_violence"), "{message}");
    let log = studio.json("/v1/prompts");
    let entry = &log["data"][0];
    for (key, value) in [
        ("prompt", json!(GORE)),
        ("decision", json!("graphic_violence")),
        ("warning", Value::Null),
        ("video_ids", json!([])),
    ] {
        assert_eq!(entry[key], value, "{key}");
    }
    let id = entry["id"].as_str().expect("an id");
    assert_eq!(&studio.json(&format!("/v1/prompts/{id}")), entry);
    let line: Value = serde_json::from_str(export(&studio, "jsonl").trim()).expect("JSON");
    assert_eq!(&line, entry);
    let table = export(&studio, "csv");
    assert!(
        table.starts_with("id,") && table.contains(",\"graphic_violence\",\"\","),
        "{table}"
    );
}

#[test]
fn what_is_told_is_made_with_a_warning_that_the_log_keeps() {
    let data = folder();
    let studio = open(data.path(), "[rules]\nwarn = [\"graphic_violence\"]\n");
    let id = studio.create(&wish(GORE));
    let video = studio.wait(&id, &["completed", "failed"]);
    assert_eq!(video["status"], "completed", "{video}");
    let note = video["notes"][0].as_str().expect("a note");
    assert!(note.contains("graphic_violence"), "{note}");
    let log = studio.json("/v1/prompts");
    let entry = &log["data"][0];
    assert_eq!(
        (&entry["decision"], &entry["warning"], &entry["video_ids"]),
        (&json!("accepted"), &json!("graphic_violence"), &json!([id]))
    );
    let table = export(&studio, "csv");
    assert!(
        table.contains(",\"accepted\",\"graphic_violence\","),
        "{table}"
    );
    let recipe = studio.json(&format!("/v1/videos/{id}/recipe")).to_string();
    assert!(!recipe.contains("told"), "the setting is no part of a clip");

    let analyse = |prompt: &str| {
        let question = json!({"prompt": prompt, "model": "tiny"});
        studio.post("/v1/prompts/analysis", &question).1["moderation"].clone()
    };
    let told = json!({"allowed": true, "category": "graphic_violence"});
    assert_eq!(analyse(GORE), told);
    // Everything else is refused as ever, also beside what is told.
    for (prompt, category) in [
        ("a nude woman on a beach", "sexual"),
        ("a nude woman on a battlefield, gore everywhere", "sexual"),
        ("a 15yo in lingerie, gore everywhere", "sexual_minors"),
        ("Taylor Swift walks, gore everywhere", "real_person"),
    ] {
        let (status, answer) = studio.post("/v1/videos", &wish(prompt));
        let code = &answer["error"]["code"];
        assert_eq!((status, code), (400, &json!("moderation_blocked")));
        assert_eq!(studio.json("/v1/prompts")["data"][0]["decision"], category);
        let refused = json!({"allowed": false, "category": category});
        assert_eq!(analyse(prompt), refused);
    }
}

#[test]
fn a_setting_that_is_taken_away_holds_for_what_waits() {
    let data = folder();
    let studio = open(data.path(), "[rules]\nwarn = [\"graphic_violence\"]\n");
    studio
        .agent
        .patch(format!("{}/v1/queue", studio.base))
        .send_json(json!({"paused": true}))
        .expect("an answer");
    let id = studio.create(&wish(GORE));
    studio.kill();
    let studio = open(data.path(), "");
    studio
        .agent
        .patch(format!("{}/v1/queue", studio.base))
        .send_json(json!({"paused": false}))
        .expect("an answer");
    let video = studio.wait(&id, &["completed", "failed"]);
    assert_eq!(video["error"]["code"], "moderation_blocked", "{video}");
}

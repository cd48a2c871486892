//! Storyboards and the cuts that come of them.

use std::process::Command;

use serde_json::{Value, json};

use crate::client::{Studio, folder, read, short};

/// The answer to a cut: status, type, file name, bytes.
fn cut(studio: &Studio, body: &Value) -> (u16, String, String, Vec<u8>) {
    let request = studio.agent.post(format!("{}/v1/cuts", studio.base));
    let mut answer = request.send_json(body).expect("an answer");
    let header = |name: &str| {
        let value = answer.headers().get(name);
        value.map_or_else(String::new, |value| {
            value.to_str().expect("text").to_owned()
        })
    };
    let (kind, name, length) = (
        header("content-type"),
        header("content-disposition"),
        header("content-length"),
    );
    let status = answer.status().as_u16();
    let bytes = answer.body_mut().read_to_vec().expect("a whole body");
    assert_eq!(length, bytes.len().to_string());
    (status, kind, name, bytes)
}

#[test]
fn finished_shots_become_one_file_with_all_recipes() {
    let data = folder();
    let studio = Studio::open(data.path());
    let mut tall = short();
    tall["aspect"] = json!("9:16");
    let mut second = short();
    second["seed"] = json!(8);
    let [a, b, c] = [short(), second, tall].map(|body| studio.create(&body));
    for id in [&a, &b, &c] {
        assert_eq!(
            studio.wait(id, &["completed", "failed"])["status"],
            "completed"
        );
    }
    let body = json!({"video_ids": [b, a, b], "title": "The \"Harbour\" / one"});
    let (status, kind, name, bytes) = cut(&studio, &body);
    assert_eq!((status, &*kind), (200, "video/mp4"));
    assert_eq!(name, "attachment; filename=\"the-harbour-one.mp4\"");
    let path = data.path().join("cut.mp4");
    std::fs::write(&path, &bytes).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_kinora"))
        .arg("recipe")
        .arg(&path)
        .output()
        .expect("it runs");
    let recipes: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let seeds: Vec<_> = recipes
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| &r["effective"]["seed"])
        .collect();
    assert_eq!(seeds, [&json!(8), &json!(7), &json!(8)]);
    assert_eq!(
        cut(&studio, &body).3,
        bytes,
        "the same cut is the same file"
    );
    if let Ok(probe) = Command::new("ffprobe")
        .args("-v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0".split(' '))
        .arg(&path)
        .output()
    {
        let frames = studio.video(&a)["num_frames"].as_u64().expect("a number");
        assert_eq!(
            String::from_utf8_lossy(&probe.stdout).trim(),
            (3 * frames).to_string()
        );
        assert!(probe.stderr.is_empty());
    }

    let (status, _, _, bytes) = cut(&studio, &json!({"video_ids": [a, c, b]}));
    let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("mixed_clips"))
    );
    let message = answer["error"]["message"].as_str().expect("text");
    assert!(message.contains("shot 2") && message.contains(&c) && !message.contains("shot 3"));
}

#[test]
fn a_cut_needs_finished_videos() {
    let data = folder();
    let studio = Studio::open(data.path());
    let request = studio.agent.patch(format!("{}/v1/queue", studio.base));
    request
        .send_json(json!({"paused": true}))
        .expect("an answer");
    let id = studio.create(&short());
    let many = vec![id.clone(); 101];
    for (body, status, code) in [
        (json!({"video_ids": [id]}), 400, "not_completed"),
        (json!({"video_ids": []}), 400, "invalid_value"),
        (json!({"video_ids": many}), 400, "invalid_value"),
        (
            json!({"video_ids": ["../../studio.sqlite"]}),
            404,
            "video_not_found",
        ),
        (
            json!({"video_ids": [id], "title": "a\nb"}),
            400,
            "invalid_value",
        ),
        (
            json!({"video_ids": [id], "path": "/tmp/x"}),
            400,
            "invalid_body",
        ),
        (json!({}), 400, "invalid_body"),
    ] {
        let (found, answer) = studio.post("/v1/cuts", &body);
        assert_eq!(
            (found, &answer["error"]["code"]),
            (status, &json!(code)),
            "{answer}"
        );
    }
}

#[test]
fn a_storyboard_is_a_document_that_two_pages_may_edit() {
    let data = folder();
    let studio = Studio::open(data.path());
    let shot = |id: &str| json!({"id": id, "prompt": "a dog", "seconds": 2, "video_ids": ["v"], "video_id": "v"});
    let body =
        json!({"title": "Dogs", "settings": {"aspect": "9:16"}, "shots": [shot("1"), shot("2")]});
    let (status, made) = studio.post("/v1/storyboards", &body);
    assert_eq!(
        (status, &made["revision"], &made["shot_count"]),
        (200, &json!(1), &json!(2)),
        "{made}"
    );
    let id = made["id"].as_str().expect("an id").to_owned();
    let put = |body: &Value| {
        let request = studio
            .agent
            .put(format!("{}/v1/storyboards/{id}", studio.base));
        read(request.send_json(body).expect("an answer"))
    };
    let change = json!({"title": "Cats", "shots": [shot("1")], "revision": 1});
    let (status, changed) = put(&change);
    assert_eq!(
        (status, &changed["revision"], &changed["settings"]),
        (200, &json!(2), &json!({}))
    );
    let (status, answer) = put(&change);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (409, &json!("storyboard_changed"))
    );
    assert_eq!(put(&json!({"title": "x"})).1["error"]["param"], "revision");
    for shots in [
        json!([shot("1"), shot("1")]),
        json!([{"id": "", "prompt": "a"}]),
        json!([{"id": "1", "prompt": "a", "video_id": "other"}]),
        json!([{"id": "1", "prompt": "a", "seed": 9_007_199_254_740_992_u64}]),
        json!(vec![json!({"id": "1", "prompt": "a"}); 101]),
    ] {
        let (status, answer) = studio.post("/v1/storyboards", &json!({"shots": shots}));
        assert_eq!(
            (status, &answer["error"]["param"]),
            (400, &json!("shots")),
            "{answer}"
        );
    }
    let list = studio.json("/v1/storyboards");
    assert_eq!(
        (&list["data"][0]["title"], &list["has_more"]),
        (&json!("Cats"), &json!(false))
    );
    assert_eq!(
        list["data"][0]["shots"],
        Value::Null,
        "a list has no documents"
    );
    let url = format!("{}/v1/storyboards/{id}", studio.base);
    assert_eq!(
        studio
            .agent
            .delete(&url)
            .call()
            .expect("an answer")
            .status(),
        200
    );
    assert_eq!(
        studio
            .agent
            .delete(&url)
            .call()
            .expect("an answer")
            .status(),
        404
    );
}

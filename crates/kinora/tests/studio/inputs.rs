//! What a video begins with, and what it is measured to show.

use std::fs;
use std::path::Path;

use kinora_media::{Still, StillFormat};
use kinora_nn::sha256_hex;
use serde_json::{Value, json};

use crate::client::{Studio, folder, long, read, short};

pub fn png() -> Vec<u8> {
    let rgb = [[200, 90, 40], [30, 60, 90]].map(|color: [u8; 3]| color.repeat(64 * 18));
    let still = Still::new(64, 36, rgb.concat()).expect("a picture");
    still.encode(StillFormat::Png).expect("a file")
}

/// Sends a form with a file.
pub fn form(
    studio: &Studio,
    path: &str,
    fields: &Value,
    (name, file): (&str, &[u8]),
) -> (u16, Value) {
    let mut body = Vec::new();
    for (name, value) in fields.as_object().expect("fields") {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        body.extend(
            format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .bytes(),
        );
    }
    // The SDKs may give a file any name and kind.
    let head = format!(
        "--x\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"upload\"\r\ncontent-type: application/octet-stream\r\n\r\n"
    );
    body.extend(head.bytes());
    body.extend(file);
    body.extend(b"\r\n--x--\r\n");
    let request = studio.agent.post(format!("{}{path}", studio.base));
    let request = request.header("content-type", "multipart/form-data; boundary=x");
    read(request.send(&body[..]).expect("an answer"))
}

fn inputs(data: &Path) -> usize {
    fs::read_dir(data.join("inputs"))
        .expect("the folder")
        .count()
}

#[test]
fn a_video_begins_with_a_picture() {
    let data = folder();
    let studio = Studio::open(data.path());
    let (status, video) = form(&studio, "/v1/videos", &short(), ("input_reference", &png()));
    assert_eq!(status, 200, "{video}");
    let id = video["id"].as_str().expect("an id");
    assert_eq!(video["adherence"], Value::Null);
    let video = studio.wait(id, &["completed", "failed"]);
    assert_eq!(video["status"], "completed", "{video}");
    assert_eq!(video["size"], "568x320", "the picture's shape");
    let recipe = studio.json(&format!("/v1/videos/{id}/recipe"));
    assert_eq!(
        recipe["effective"]["given"]["image"],
        sha256_hex([&png()[..]])
    );

    // The same as a data URL is kept once; a remix begins with it too.
    let url = format!("data:image/png;base64,{}", base64(&png()));
    let mut body = short();
    body["input_reference"] = json!({ "image_url": url });
    let second = studio.create(&body);
    let (status, remix) = studio.post(
        &format!("/v1/videos/{id}/remix"),
        &json!({"prompt": "a dog runs over a beach at night"}),
    );
    assert_eq!(status, 200, "{remix}");
    let remix = remix["id"].as_str().expect("an id");
    let recipe = studio.json(&format!("/v1/videos/{remix}/recipe"));
    assert_eq!(
        recipe["effective"]["given"]["image"],
        sha256_hex([&png()[..]])
    );
    // Refused in another role, it stays for those that need it.
    let (status, answer) = form(
        &studio,
        "/v1/videos/extensions",
        &short(),
        ("video", &png()),
    );
    assert_eq!(status, 400, "{answer}");
    assert_eq!(inputs(data.path()), 1);
    assert_eq!(
        studio.wait(remix, &["completed", "failed"])["status"],
        "completed"
    );

    // It goes with the last video that needs it.
    for (id, left) in [(id, 1), (remix, 1), (&second, 0)] {
        let answer = studio
            .agent
            .delete(format!("{}/v1/videos/{id}", studio.base))
            .call();
        assert_eq!(read(answer.expect("an answer")).0, 200);
        assert_eq!(inputs(data.path()), left, "after {id}");
    }
}

#[test]
fn a_clip_goes_on_from_another() {
    let data = folder();
    let studio = Studio::open(data.path());
    let id = studio.create(&short());
    assert_eq!(
        studio.wait(&id, &["completed", "failed"])["status"],
        "completed"
    );
    let body =
        json!({"video": {"id": id}, "prompt": "the dog runs away", "seconds": "1", "steps": 2});
    let (status, video) = studio.post("/v1/videos/extensions", &body);
    assert_eq!(status, 200, "{video}");
    assert_eq!(
        (&video["seconds"], &video["num_frames"]),
        (&json!("2"), &json!(48))
    );
    // The continuation needs the clip no more.
    let deleted = studio
        .agent
        .delete(format!("{}/v1/videos/{id}", studio.base))
        .call();
    assert_eq!(read(deleted.expect("an answer")).0, 200);
    let extended = video["id"].as_str().expect("an id");
    let video = studio.wait(extended, &["completed", "failed"]);
    assert_eq!(video["status"], "completed", "{video}");

    let mut content = studio.get(&format!("/v1/videos/{extended}/content"));
    let clip = content.body_mut().read_to_vec().expect("the clip");
    let fields = json!({"prompt": "and on", "seconds": "1", "steps": "2"});
    let (status, video) = form(&studio, "/v1/videos/extensions", &fields, ("video", &clip));
    assert_eq!((status, &video["seconds"]), (200, &json!("3")), "{video}");
}

#[test]
fn an_extension_that_is_refused_leaves_no_copy_of_its_clip() {
    let data = folder();
    let studio = Studio::open(data.path());
    let id = studio.create(&short());
    assert_eq!(
        studio.wait(&id, &["completed", "failed"])["status"],
        "completed"
    );
    for (name, value) in [
        ("input_reference", json!("no picture")),
        ("seconds", json!(30)),
    ] {
        let mut body = json!({"video": {"id": id}, "prompt": "and on"});
        body[name] = value;
        let (status, answer) = studio.post("/v1/videos/extensions", &body);
        assert_eq!(
            (status, &answer["error"]["param"]),
            (400, &json!(name)),
            "{answer}"
        );
        assert_eq!(inputs(data.path()), 0, "after {name}");
    }
}

#[test]
fn what_a_video_cannot_begin_with_is_refused_and_not_kept() {
    let data = folder();
    let studio = Studio::open(data.path());
    let waiting = studio.create(&long());
    let mut late = short();
    late["seconds"] = json!(30);
    for (path, fields, file, status, param) in [
        (
            "/v1/videos",
            short(),
            ("input_reference", &b"no picture"[..]),
            400,
            "input_reference",
        ),
        (
            "/v1/videos",
            late,
            ("input_reference", &png()[..]),
            400,
            "seconds",
        ),
        (
            "/v1/videos",
            short(),
            ("picture", &png()[..]),
            400,
            "picture",
        ),
        (
            "/v1/videos/extensions",
            short(),
            ("video", &png()[..]),
            400,
            "video",
        ),
    ] {
        let (found, answer) = form(&studio, path, &fields, file);
        assert_eq!(
            (found, &answer["error"]["param"]),
            (status, &json!(param)),
            "{answer}"
        );
    }
    for (video, status, code) in [
        (json!({"id": "video_none"}), 404, "video_not_found"),
        (json!({"id": waiting}), 400, "not_completed"),
        (Value::Null, 400, "invalid_value"),
    ] {
        let body = json!({"video": video, "prompt": "and on"});
        let (found, answer) = studio.post("/v1/videos/extensions", &body);
        assert_eq!(
            (found, &answer["error"]["code"]),
            (status, &json!(code)),
            "{answer}"
        );
    }
    for (reference, code) in [
        (json!({"image_url": "data:"}), "invalid_value"),
        (
            json!({"image_url": "data:image/png;base64,AAAA"}),
            "invalid_value",
        ),
        (
            json!({"image_url": "http://127.0.0.1/a.png"}),
            "unsupported_feature",
        ),
        (json!({"file_id": "file_1"}), "unsupported_feature"),
        (json!("a.png"), "invalid_value"),
    ] {
        let body = json!({"prompt": "a dog", "input_reference": reference});
        let (status, answer) = studio.post("/v1/videos", &body);
        let error = &answer["error"];
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{answer}");
        assert_eq!(error["param"], "input_reference");
    }
    assert_eq!(inputs(data.path()), 0);
}

#[test]
fn finished_videos_are_measured_and_the_best_take_is_kept() {
    let data = folder();
    let studio = Studio::open(data.path());
    let mut body = short();
    body["best_of"] = json!(2);
    let id = studio.create(&body);
    let video = studio.wait(&id, &["completed", "failed"]);
    assert_eq!(
        (&video["status"], &video["best_of"]),
        (&json!("completed"), &json!(2)),
        "{video}"
    );
    let seed = video["seed"].as_u64().expect("a seed");
    assert!([7, 8].contains(&seed), "{seed}");
    let adherence = &video["adherence"];
    assert!(adherence["checkable"].as_u64() >= Some(3), "{adherence}");
    let clauses = adherence["clauses"].as_array().expect("clauses");
    assert!(
        clauses
            .iter()
            .any(|clause| clause["slot"] == "setting" && clause["asked"] == "beach")
    );
    // The library and the file tell the same seed.
    let mut content = studio.get(&format!("/v1/videos/{id}/content"));
    let file = data.path().join("copy.mp4");
    fs::write(&file, content.body_mut().read_to_vec().expect("the clip")).expect("a file");
    let recipe = kinora_media::read_recipe(&file).expect("a recipe");
    let recipe: Value = serde_json::from_str(&recipe).expect("JSON");
    assert_eq!(recipe["effective"]["seed"], seed);
}

#[test]
fn a_clip_that_needs_more_memory_than_there_is_is_refused_as_the_request_it_is() {
    let data = folder();
    let studio = Studio::open_in(data.path(), &[("KINORA_MEMORY_MIB", Path::new("10"))]);
    let (status, answer) = studio.post("/v1/videos", &short());
    let error = &answer["error"];
    assert_eq!((status, &error["code"]), (400, &json!("not_enough_memory")));
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("a smaller size"), "{message}");
}

#[test]
fn a_remix_can_be_told_another_length_however_the_first_was_told() {
    let data = folder();
    let studio = Studio::open(data.path());
    let framed = json!({
        "prompt": "a dog runs over a beach at dawn", "frames": 25, "steps": 2, "seed": 7
    });
    let id = studio.create(&framed);
    let video = studio.wait(&id, &["completed", "failed"]);
    assert_eq!(video["num_frames"], 25, "{video}");
    let remix = json!({"prompt": "a dog runs over a beach at night", "seconds": 2});
    let (status, remix) = studio.post(&format!("/v1/videos/{id}/remix"), &remix);
    assert_eq!((status, &remix["num_frames"]), (200, &json!(48)));
}

#[test]
fn no_more_of_a_prompt_is_analysed_than_is_read() {
    let data = folder();
    let studio = Studio::open(data.path());
    let question = json!({"prompt": "a".repeat(1 << 19)});
    let (status, answer) = studio.post("/v1/prompts/analysis", &question);
    let code = &answer["error"]["code"];
    assert_eq!((status, code), (400, &json!("prompt_too_long")), "{answer}");
}

/// Base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let word = chunk
            .iter()
            .fold(0_u32, |word, &byte| word << 8 | u32::from(byte));
        let word = word << (8 * (3 - chunk.len()));
        (0..4).map(move |i| {
            if i <= chunk.len() {
                char::from(DIGITS[(word >> (18 - 6 * i)) as usize % 64])
            } else {
                '='
            }
        })
    });
    digits.collect()
}

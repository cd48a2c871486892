//! The studio as its clients and its operator see it: the real program, the real model, real kills.

#[cfg(feature = "s3")]
mod bucket;
mod client;
mod contract;
mod cuts;
mod double;
mod faults;
mod inputs;
mod keys;
mod open;
mod operation;
#[cfg(unix)]
mod postgres;
#[cfg(feature = "c2pa")]
mod provenance;
mod queue;
mod remotes;
mod rules;
mod webhooks;

use std::io::Read;
use std::process::Command;

use client::{Studio, folder, long, read, repeatable, short};
use serde_json::{Value, json};

#[test]
fn a_clip_is_made_watched_downloaded_and_deleted() {
    let data = folder();
    let studio = Studio::open(data.path());
    let id = studio.create(&short());

    let mut events = studio.get(&format!("/v1/videos/{id}/events"));
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let mut stream = String::new();
    events
        .body_mut()
        .as_reader()
        .read_to_string(&mut stream)
        .expect("it ends by itself");
    for kind in ["progress", "preview", "done"] {
        assert!(
            stream.contains(&format!("event: {kind}\n")),
            "{kind} in {stream}"
        );
    }

    contract::check_events(&stream);

    let video = studio.video(&id);
    assert_eq!(video["status"], "completed", "{video}");
    assert_eq!(
        (&video["progress"], &video["seconds"]),
        (&json!(100), &json!("1"))
    );
    assert_eq!(
        (&video["seed"], &video["size"]),
        (&json!(7), &json!("576x320"))
    );
    assert_eq!(
        (&video["num_inference_steps"], &video["error"]),
        (&json!(2), &Value::Null)
    );

    let content = format!("/v1/videos/{id}/content");
    let mut whole = Vec::new();
    studio
        .get(&content)
        .body_mut()
        .as_reader()
        .read_to_end(&mut whole)
        .expect("a file");
    assert_eq!(&whole[4..8], b"ftyp");
    let request = studio.agent.get(format!("{}{content}", studio.base));
    let mut part = request
        .header("range", "bytes=4-7")
        .call()
        .expect("an answer");
    assert_eq!(part.status(), 206);
    assert_eq!(part.body_mut().read_to_vec().expect("four bytes"), b"ftyp");
    let kind = |variant: &str| {
        let mut response = studio.get(&format!("{content}?variant={variant}"));
        let bytes = response.body_mut().read_to_vec().expect("a picture");
        (
            response.headers()["content-type"]
                .to_str()
                .expect("text")
                .to_owned(),
            bytes,
        )
    };
    let (name, bytes) = kind("thumbnail");
    assert_eq!((&*name, &bytes[8..12]), ("image/webp", &b"WEBP"[..]));
    let (name, bytes) = kind("spritesheet");
    assert_eq!((&*name, &bytes[..2]), ("image/jpeg", &[0xff, 0xd8][..]));

    // An event stream that is opened after the end tells the end.
    let mut late = studio.get(&format!("/v1/videos/{id}/events"));
    assert!(
        late.body_mut()
            .read_to_string()
            .expect("text")
            .contains("event: done\n")
    );

    let deleted = studio
        .agent
        .delete(format!("{}/v1/videos/{id}", studio.base))
        .call();
    let (status, answer) = read(deleted.expect("an answer"));
    assert_eq!((status, &answer["deleted"]), (200, &json!(true)));
    assert_eq!(studio.get(&content).status(), 404);
    let log = studio.json("/v1/prompts");
    assert_eq!(
        log["data"][0]["video_ids"],
        json!([id]),
        "the log keeps what was deleted"
    );
}

#[test]
fn the_studio_and_the_command_line_make_the_same_bytes() {
    let data = folder();
    let studio = Studio::open(data.path());
    let id = studio.create(&short());
    studio.wait(&id, &["completed"]);
    let content = studio
        .get(&format!("/v1/videos/{id}/content"))
        .body_mut()
        .read_to_vec();
    let recipe = studio.json(&format!("/v1/videos/{id}/recipe"));
    assert_eq!(recipe["effective"]["seed"], 7);
    let path = data.path().join("again.mp4");
    let made = Command::new(env!("CARGO_BIN_EXE_kinora"))
        .args([
            "generate",
            "a dog runs over a beach at dawn",
            "--seconds",
            "1",
            "--steps",
            "2",
        ])
        .args(["--seed", "7", "--model", "kinora-1", "--output"])
        .arg(&path)
        .output()
        .expect("it runs");
    assert!(made.status.success());
    let here = std::fs::read(&path).expect("a file");
    assert!(
        repeatable(&here) == repeatable(&content.expect("a file")),
        "both ways make the same bytes"
    );
}

#[test]
fn a_remix_keeps_what_it_does_not_change() {
    let data = folder();
    let studio = Studio::open(data.path());
    let mut body = short();
    body["negative_prompt"] = json!("birds");
    body["n"] = json!(2);
    let first = studio.create(&body);
    let ids = studio.video(&first)["variation_ids"].clone();
    assert_eq!(ids.as_array().map(Vec::len), Some(2));
    let second = studio.video(ids[1].as_str().expect("an id"));
    assert_eq!(second["seed"], 8, "variations count up");

    let prompt = json!({"prompt": "a dog runs over a beach at night"});
    let (status, remix) = studio.post(&format!("/v1/videos/{first}/remix"), &prompt);
    assert_eq!(status, 200, "{remix}");
    assert_eq!(remix["remixed_from_video_id"], json!(first));
    assert_eq!(
        (&remix["seed"], &remix["negative_prompt"]),
        (&json!(7), &json!("birds"))
    );
    let log = studio.json("/v1/prompts");
    assert_eq!(log["data"][0]["parent_id"], log["data"][1]["id"]);
}

#[test]
fn bad_requests_say_what_is_wrong_and_change_nothing() {
    let data = folder();
    let studio = Studio::open(data.path());
    let cases = [
        (json!({}), "missing_prompt", Some("prompt")),
        (json!({"prompt": " "}), "empty_prompt", Some("prompt")),
        (
            json!({"prompt": "a dog", "seconds": "30"}),
            "invalid_seconds",
            Some("seconds"),
        ),
        (
            json!({"prompt": "a dog", "seconds": "soon"}),
            "invalid_value",
            Some("seconds"),
        ),
        (
            json!({"prompt": "a dog", "size": "1x1"}),
            "invalid_size",
            Some("size"),
        ),
        (
            json!({"prompt": "a dog", "size": "huge"}),
            "invalid_value",
            Some("size"),
        ),
        (
            json!({"prompt": "a dog", "model": "kinora-9"}),
            "unknown_model",
            Some("model"),
        ),
        (
            json!({"prompt": "a dog", "model": "/"}),
            "unknown_model",
            Some("model"),
        ),
        (
            json!({"prompt": "a dog", "steps": 0}),
            "invalid_value",
            Some("num_inference_steps"),
        ),
        (
            json!({"prompt": "a dog", "seed": -1}),
            "invalid_value",
            Some("seed"),
        ),
        (
            json!({"prompt": "a dog", "n": 9}),
            "invalid_value",
            Some("n"),
        ),
        (
            json!({"prompt": "a dog", "output": "/etc/x"}),
            "unknown_field",
            Some("output"),
        ),
        (json!({"prompt": ["a"]}), "invalid_value", Some("prompt")),
        (
            json!({"prompt": "a dog", "best_of": 17}),
            "invalid_value",
            Some("best_of"),
        ),
    ];
    for (body, code, param) in cases {
        let (status, answer) = studio.post("/v1/videos", &body);
        let error = answer["error"]
            .as_object()
            .unwrap_or_else(|| panic!("{body}: {answer}"));
        assert_eq!(
            (status, &error["code"], &error["param"]),
            (400, &json!(code), &json!(param))
        );
        assert_eq!(error["type"], "invalid_request_error");
        // It names the field, not the option of the command line.
        let message = error["message"].as_str().expect("a message");
        assert!(
            !message.contains("--") && !message.contains("best-of"),
            "{message}"
        );
    }
    for (path, status, code) in [
        ("/v1/videos/video_x", 404, "video_not_found"),
        ("/v1/videos/video_x/content", 404, "video_not_found"),
        ("/v1/videos?limit=101", 400, "invalid_value"),
        ("/v1/videos?limit=x", 400, "invalid_query"),
        ("/v1/nothing", 404, "not_found"),
        ("/v1/videos/%FF", 404, "not_found"),
        ("/v1/videos/a/remix", 405, "method_not_allowed"),
    ] {
        let (found, answer) = read(studio.get(path));
        assert_eq!(
            (found, &answer["error"]["code"]),
            (status, &json!(code)),
            "{path}"
        );
    }
    // Just over the limit: of a longer body the client may still be sending when it is refused.
    let large = json!({"prompt": "a".repeat(1 << 20)});
    assert_eq!(studio.post("/v1/videos", &large).0, 413);
    assert_eq!(studio.json("/v1/videos")["data"], json!([]));
    assert_eq!(studio.json("/v1/prompts")["data"], json!([]));
}

#[test]
fn a_cancelled_clip_stops_and_the_next_one_is_made() {
    let data = folder();
    let studio = Studio::open(data.path());
    let running = studio.create(&long());
    let waiting = studio.create(&long());
    let next = studio.create(&short());
    studio.wait(&running, &["in_progress"]);
    for id in [&waiting, &running] {
        studio.post(&format!("/v1/videos/{id}/cancel"), &json!({}));
        let video = studio.wait(id, &["failed"]);
        assert_eq!(video["error"]["code"], "cancelled");
    }
    assert_eq!(
        studio.wait(&next, &["completed", "failed"])["status"],
        "completed"
    );
    assert_eq!(
        studio
            .get(&format!("/v1/videos/{running}/content"))
            .status(),
        404
    );
}

#[test]
fn a_repeated_create_with_the_same_key_makes_one_clip() {
    let data = folder();
    let studio = Studio::open(data.path());
    let send = |body: &Value| {
        let request = studio.agent.post(format!("{}/v1/videos", studio.base));
        let request = request.header("idempotency-key", "once");
        read(request.send_json(body).expect("an answer"))
    };
    let (first, second) = (send(&short()), send(&short()));
    assert_eq!(first.1["id"], second.1["id"]);
    let (status, answer) = send(&long());
    assert_eq!(
        (status, &answer["error"]["code"]),
        (409, &json!("idempotency_mismatch"))
    );
    assert_eq!(
        studio.json("/v1/videos")["data"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn forms_are_read_like_json() {
    let data = folder();
    let studio = Studio::open(data.path());
    let part = |name: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let send = |parts: String| {
        let request = studio.agent.post(format!("{}/v1/videos", studio.base));
        let request = request.header("content-type", "multipart/form-data; boundary=x");
        read(
            request
                .send(format!("{parts}--x--\r\n"))
                .expect("an answer"),
        )
    };
    let fields = part("prompt", "a dog") + &part("seconds", "1") + &part("steps", "2");
    let (status, video) = send(fields.clone() + &part("model", "sora-2"));
    assert_eq!(
        (status, &video["model"]),
        (200, &json!("kinora-1")),
        "{video}"
    );
    assert_eq!(video["seconds"], "1");
    let (status, answer) = send(fields + &part("input_reference[image_url]", "data:"));
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("invalid_value"))
    );
}

#[test]
fn pages_of_other_sites_are_refused() {
    let data = folder();
    let studio = Studio::open(data.path());
    for (header, value) in [("origin", "https://example.org"), ("host", "example.org")] {
        let request = studio.agent.post(format!("{}/v1/videos", studio.base));
        let (status, answer) = read(
            request
                .header(header, value)
                .send_json(short())
                .expect("an answer"),
        );
        assert_eq!(
            (status, &answer["error"]["code"]),
            (403, &json!("foreign_origin")),
            "{header}"
        );
    }
    assert_eq!(studio.json("/v1/videos")["data"], json!([]));
}

#[test]
fn the_page_is_served_with_rules_that_keep_it_at_home() {
    let data = folder();
    let studio = Studio::open(data.path());
    let mut page = studio.get("/");
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(policy.starts_with("default-src 'self'"));
    let html = page.body_mut().read_to_string().expect("text");
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "no foreign address"
    );
    for file in ["/assets/app.js", "/assets/app.css"] {
        assert_eq!(studio.get(file).status(), 200, "{file}");
        assert!(html.contains(file), "the page uses {file}");
    }
    let mut docs = studio.get("/docs");
    assert_eq!(docs.headers()["content-security-policy"], policy);
    let html = docs.body_mut().read_to_string().expect("text");
    assert!(
        html.contains("/docs.js") && !html.contains("//"),
        "at home too"
    );
    for file in ["/docs.js", "/docs.css", "/openapi.json"] {
        assert_eq!(studio.get(file).status(), 200, "{file}");
    }
    assert_eq!(
        studio.get("/library").status(),
        200,
        "views are paths of the page"
    );
}

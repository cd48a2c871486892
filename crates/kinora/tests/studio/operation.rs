//! The studio as its operator runs it: configuration, tiers and workers, limits, metrics, the end.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::client::{Studio, folder, long, read, short};

fn configure(data: &Path, text: &str) {
    fs::write(data.join("kinora.toml"), text).expect("a file");
}

/// Exit code and output of `kinora config check`.
fn check(data: &Path, variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kinora"))
        .args(["config", "check", "--data-dir"])
        .arg(data)
        .envs(variables.iter().copied())
        .output()
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_configuration_is_told_with_its_origins_or_refused_with_its_mistakes() {
    let data = folder();
    configure(data.path(), "[queue]\nworkers = 2\n");
    let (code, out, _) = check(data.path(), &[("KINORA_LOG_FORMAT", "json")]);
    assert_eq!(code, Some(0));
    for (value, origin) in [
        ("queue.workers = 2", "kinora.toml:2"),
        ("log.format = \"json\"", "KINORA_LOG_FORMAT"),
        ("server.port = 8765", "default"),
    ] {
        let line = out.lines().find(|line| line.starts_with(value));
        let line = line.unwrap_or_else(|| panic!("{value} in {out}"));
        assert!(line.ends_with(origin), "{line}");
    }
    configure(data.path(), "[queue]\nworker = 2\n");
    let (code, _, err) = check(data.path(), &[]);
    assert_eq!(code, Some(1));
    for words in [
        "kinora.toml:2: queue.worker",
        "did you mean queue.workers?",
        "hint: ",
    ] {
        assert!(err.contains(words), "{words} in {err}");
    }
}

#[test]
fn pro_is_the_same_model_with_more_steps_and_goes_first() {
    let data = folder();
    let studio = Studio::open(data.path());
    let models = studio.json("/v1/models");
    let [standard, pro] = ["kinora-1", "kinora-1-pro"].map(|id| {
        let mut all = models["data"].as_array().expect("a list").iter();
        all.find(|model| model["id"] == id)
            .expect("it is there")
            .clone()
    });
    assert_eq!(
        (&standard["aliases"], &pro["aliases"]),
        (&json!(["sora-2"]), &json!(["sora-2-pro"]))
    );
    assert_eq!(standard["sizes"], pro["sizes"]);
    let about = pro["about"].as_str().expect("text");
    assert!(about.starts_with("The weights of kinora-1, not others"));

    let running = studio.create(&long());
    studio.wait(&running, &["in_progress"]);
    let waiting = studio.create(&short());
    let body = json!({"prompt": "a dog", "seconds": 1, "model": "sora-2-pro"});
    let first = studio.create(&body);
    let video = studio.video(&first);
    for (key, value) in [
        ("model", json!("kinora-1-pro")),
        ("tier", json!("pro")),
        ("num_inference_steps", json!(32)),
        ("best_of", json!(3)),
    ] {
        assert_eq!(video[key], value, "{key}");
    }
    let path = format!("/v1/videos/{first}/remix");
    let (_, remix) = studio.post(&path, &json!({"prompt": "a cat"}));
    assert_eq!(remix["model"], "kinora-1-pro", "a remix stays what it was");
    let queue = studio.json("/v1/queue");
    let waits = queue["queued"].as_array().expect("a list").iter();
    let ids: Vec<_> = waits.map(|video| &video["id"]).collect();
    assert_eq!(ids, [&json!(first), &remix["id"], &json!(waiting)]);
}

#[test]
fn workers_make_different_clips_at_the_same_time_and_one_waits_for_pro() {
    let data = folder();
    configure(data.path(), "[queue]\nworkers = 3\npro_workers = 1\n");
    let studio = Studio::open(data.path());
    let mut body = long();
    body["seconds"] = json!(1);
    let clips = [(); 3].map(|()| studio.create(&body));
    studio.wait(&clips[0], &["in_progress"]);
    studio.wait(&clips[1], &["in_progress"]);
    assert_eq!(
        studio.video(&clips[2])["status"],
        "queued",
        "the third worker is for Pro"
    );
    body["model"] = json!("kinora-1-pro");
    body["steps"] = json!(2);
    body["best_of"] = json!(1);
    let pro = studio.create(&body);
    assert_eq!(
        studio.wait(&pro, &["completed", "failed"])["status"],
        "completed"
    );
    assert_eq!(studio.video(&clips[2])["status"], "queued");
    for id in &clips {
        studio.post(&format!("/v1/videos/{id}/cancel"), &json!({}));
    }
}

#[test]
fn bodies_and_uploads_have_limits_of_their_own() {
    let data = folder();
    configure(
        data.path(),
        "[limits]\nbody_bytes = 131072\nupload_bytes = 1048576\n",
    );
    let studio = Studio::open(data.path());
    let (status, answer) = studio.post("/v1/videos", &json!({"prompt": "a".repeat(132_000)}));
    assert_eq!(
        (status, &answer["error"]["code"]),
        (413, &json!("too_large"))
    );
    let upload = |bytes: usize| {
        let head = "--x\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\na dog\r\n\
            --x\r\ncontent-disposition: form-data; name=\"input_reference\"; filename=\"upload\"\r\n\r\n";
        let request = studio.agent.post(format!("{}/v1/videos", studio.base));
        let request = request.header("content-type", "multipart/form-data; boundary=x");
        read(
            request
                .send(format!("{head}{}\r\n--x--\r\n", "f".repeat(bytes)))
                .expect("an answer"),
        )
    };
    let (status, answer) = upload(500_000);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("invalid_value"))
    );
    let (status, answer) = upload(1_048_576);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (413, &json!("too_large"))
    );
}

#[test]
fn what_happened_is_counted_and_logged_with_the_ids_of_requests() {
    let data = folder();
    configure(data.path(), "[log]\nformat = \"json\"\nlevel = \"info\"\n");
    let studio = Studio::open(data.path());
    let made = studio.create(&short());
    studio.wait(&made, &["completed"]);
    let mut metrics = studio.get("/metrics");
    assert!(
        metrics.headers()["content-type"]
            .to_str()
            .expect("text")
            .starts_with("text/plain")
    );
    let metrics = metrics.body_mut().read_to_string().expect("text");
    for line in [
        "kinora_queue_videos{tier=\"standard\",state=\"queued\"} 0",
        "kinora_videos_total{outcome=\"completed\",code=\"\"} 1",
        "kinora_wait_seconds_count{tier=\"standard\"} 1",
        "kinora_http_requests_total{route=\"/v1/videos\",method=\"POST\",status=\"200\"} 1",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} in {metrics}"
        );
    }
    let steps = metrics
        .lines()
        .find_map(|line| line.strip_prefix("kinora_step_seconds_count "));
    assert!(steps.is_some_and(|count| count != "0"), "{metrics}");

    let request = studio.get("/v1/nothing");
    let id = request.headers()["x-request-id"].to_str().expect("text");
    let line = studio.said(id);
    let line: Value = serde_json::from_str(&line).expect("a line is an object");
    assert_eq!(
        (&line["status"], &line["level"]),
        (&json!(404), &json!("INFO")),
        "{line}"
    );
    assert_eq!(line["span"]["path"], "/v1/nothing");
}

#[test]
fn every_answer_keeps_the_browser_at_home() {
    let data = folder();
    let studio = Studio::open(data.path());
    for path in [
        "/",
        "/v1/models",
        "/v1/nothing",
        "/assets/app.js",
        "/healthz",
    ] {
        let response = studio.get(path);
        let text = |name: &str| response.headers()[name].to_str().expect("text");
        let policy = text("content-security-policy");
        assert!(
            policy.starts_with("default-src 'self';"),
            "{path}: {policy}"
        );
        for word in ["unsafe", "*", "http", "script-src"] {
            assert!(!policy.contains(word), "{path}: {word} in {policy}");
        }
        for rule in [
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {rule} in {policy}");
        }
        assert_eq!(text("x-content-type-options"), "nosniff");
        assert_eq!(text("referrer-policy"), "no-referrer");
    }
    // No other site may read anything: nothing grants it, and what it asks for first is refused.
    for origin in [studio.base.as_str(), "https://example.org"] {
        let request = studio.agent.options(format!("{}/v1/videos", studio.base));
        let request = request.header("access-control-request-method", "POST");
        let response = request.header("origin", origin).call().expect("an answer");
        assert!(matches!(response.status().as_u16(), 403 | 405), "{origin}");
        let grants = response.headers().keys();
        let grants = grants.filter(|name| name.as_str().starts_with("access-control"));
        assert_eq!(grants.count(), 0, "{origin}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_studio_that_closes_lets_its_clip_end_or_puts_it_back() {
    let data = folder();
    let mut body = long();
    body["seconds"] = json!(1);
    body["steps"] = json!(20);
    configure(data.path(), "[server]\ndrain_seconds = 600\n");
    let studio = Studio::open(data.path());
    let drained = studio.create(&body);
    let waiting = studio.create(&short());
    studio.wait(&drained, &["in_progress"]);
    studio.interrupt();

    // It ended in the studio that closed: this one has made nothing yet.
    let put_back = {
        configure(data.path(), "");
        let studio = Studio::open(data.path());
        assert_eq!(studio.video(&drained)["status"], "completed");
        studio.wait(&waiting, &["completed"]);
        let id = studio.create(&body);
        studio.wait(&id, &["in_progress"]);
        studio.terminate();
        id
    };
    let studio = Studio::open(data.path());
    assert_eq!(
        studio.wait(&put_back, &["completed", "failed"])["status"],
        "completed"
    );
    let files = fs::read_dir(data.path().join("outputs").join(&put_back)).expect("its folder");
    let names = files.map(|file| file.expect("a file").file_name());
    let names: Vec<_> = names
        .map(|name| name.into_string().expect("text"))
        .collect();
    assert!(
        names.iter().all(|name| name.starts_with("1-")),
        "no try was lost: {names:?}"
    );
}

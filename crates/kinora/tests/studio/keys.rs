//! API keys: who gets in with which, over the API and by the page.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use ureq::http::Response;

use crate::client::{Studio, folder, read, short};

/// What `kinora keys ...` prints, for a studio that may be running.
pub fn keys(data: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kinora"))
        .arg("keys")
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn create(studio: &Studio, key: &str, body: &Value) -> (u16, Value, Option<String>) {
    let request = studio.agent.post(format!("{}/v1/videos", studio.base));
    let request = request.header("authorization", format!("Bearer {key}"));
    let response = request.send_json(body).expect("an answer");
    let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let retry = header("retry-after").zip(header("x-should-retry"));
    let (status, answer) = read(response);
    (
        status,
        answer,
        retry.map(|(after, should)| format!("{after} {should}")),
    )
}

#[test]
fn keys_that_are_made_and_revoked_while_the_studio_runs_count_at_once() {
    let data = folder();
    let studio = Studio::open(data.path());
    let (status, answer, _) = create(&studio, "anything", &short());
    assert_eq!(status, 200, "without keys no header matters: {answer}");
    studio.post(
        &format!(
            "/v1/videos/{}/cancel",
            answer["id"].as_str().expect("an id")
        ),
        &json!({}),
    );

    let key = keys(
        data.path(),
        &["create", "--name", "laptop", "--max-queued", "2"],
    );
    let key = key.trim();
    assert_eq!(key.len(), "sk-kinora-".len() + 43, "256 bits: {key}");
    let stored = std::fs::read(data.path().join("studio.sqlite-wal")).expect("the log");
    let holds = stored
        .windows(key.len())
        .any(|bytes| bytes == key.as_bytes());
    assert!(!holds, "the key is stored nowhere");

    for path in ["/v1/models", "/v1/videos", "/metrics"] {
        let (status, answer) = read(studio.get(path));
        let error = answer["error"].as_object().expect("an error");
        assert_eq!(
            (status, &error["code"]),
            (401, &json!("missing_api_key")),
            "{path}"
        );
        assert!(
            ["message", "type", "param"]
                .iter()
                .all(|key| error.contains_key(*key))
        );
    }
    assert_eq!(studio.get("/healthz").status(), 200);
    let (status, answer, _) = create(&studio, "sk-kinora-no", &short());
    assert_eq!(
        (status, &answer["error"]["code"]),
        (401, &json!("invalid_api_key"))
    );

    // Two at a time, of the standard tier.
    let mut pair = short();
    pair["n"] = json!(2);
    pair["steps"] = json!(100);
    let (status, first, _) = create(&studio, key, &pair);
    assert_eq!(status, 200, "{first}");
    let (status, answer, retry) = create(&studio, key, &short());
    assert_eq!(
        (status, &answer["error"]["code"]),
        (429, &json!("too_many_queued"))
    );
    assert_eq!(answer["error"]["type"], "rate_limit_error");
    assert_eq!(retry.as_deref(), Some("10 true"));
    let pro = json!({"prompt": "a dog", "model": "kinora-1-pro"});
    let (status, answer, _) = create(&studio, key, &pro);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (403, &json!("tier_not_allowed"))
    );
    let other = keys(data.path(), &["create", "--tier", "pro"]);
    let (status, answer, _) = create(&studio, other.trim(), &pro);
    assert_eq!(
        (status, &answer["model"]),
        (200, &json!("kinora-1-pro")),
        "{answer}"
    );

    let listed = keys(data.path(), &["list"]);
    let line = listed
        .lines()
        .find(|line| line.ends_with("laptop"))
        .expect("it is listed");
    let id = line.split(' ').next().expect("its id");
    keys(data.path(), &["revoke", id]);
    let (status, answer, _) = create(&studio, key, &short());
    assert_eq!(
        (status, &answer["error"]["code"]),
        (401, &json!("invalid_api_key"))
    );
    assert!(keys(data.path(), &["list"]).contains("revoked"));
}

#[test]
fn the_page_asks_for_a_key_once() {
    let data = folder();
    let key = keys(data.path(), &["create"]);
    let key = key.trim();
    let studio = Studio::open(data.path());
    let mut door = studio.get("/");
    assert_eq!(door.status(), 401);
    let html = door.body_mut().read_to_string().expect("text");
    assert!(html.contains("action=\"/sign-in\""), "{html}");
    for file in ["/assets/app.css", "/sign-in.css"] {
        assert_eq!(studio.get(file).status(), 200, "{file}");
    }

    let enter = |key: &str| {
        let request = studio.agent.post(format!("{}/sign-in", studio.base));
        let request = request.config().max_redirects(0).build();
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.send(format!("key={key}")).expect("an answer")
    };
    let mut refused = enter("wrong");
    assert_eq!(refused.status(), 401);
    assert!(
        refused
            .body_mut()
            .read_to_string()
            .expect("text")
            .contains("unknown or was revoked")
    );
    let entered = enter(key);
    assert_eq!(
        (entered.status().as_u16(), &*header(&entered, "location")),
        (303, "/")
    );
    let cookie = header(&entered, "set-cookie");
    assert!(cookie.ends_with("HttpOnly; SameSite=Strict"), "{cookie}");

    let pair = cookie.split(';').next().expect("name and value");
    for path in ["/", "/library", "/v1/videos"] {
        let request = studio.agent.get(format!("{}{path}", studio.base));
        let response = request.header("cookie", pair).call().expect("an answer");
        assert_eq!(response.status(), 200, "{path}");
    }
    // Another site may make the browser send a form, but neither its name nor the cookie.
    let request = studio.agent.post(format!("{}/v1/videos", studio.base));
    let request = request
        .header("cookie", pair)
        .header("origin", "https://example.org");
    let (status, answer) = read(request.send_json(short()).expect("an answer"));
    assert_eq!(
        (status, &answer["error"]["code"]),
        (403, &json!("foreign_origin"))
    );
}

fn header(response: &Response<ureq::Body>, name: &str) -> String {
    response.headers()[name].to_str().expect("text").to_owned()
}

#[test]
fn what_others_can_reach_needs_a_key() {
    let data = folder();
    let file = data.path().join("kinora.toml");
    std::fs::write(&file, "[server]\nhost = \"0.0.0.0\"").expect("a file");
    let refused = Command::new(env!("CARGO_BIN_EXE_kinora"))
        .args(["serve", "--port", "0", "--data-dir"])
        .arg(data.path())
        .output()
        .expect("it runs");
    let message = String::from_utf8(refused.stderr).expect("text");
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        message.contains("other machines") && message.contains("kinora keys create"),
        "{message}"
    );

    let key = keys(data.path(), &["create"]);
    let studio = Studio::open(data.path());
    let listed = keys(data.path(), &["list"]);
    let id = listed
        .lines()
        .nth(1)
        .and_then(|line| line.split(' ').next())
        .expect("an id");
    let status = |key: &str| create(&studio, key, &json!({})).0;
    assert_eq!(status(key.trim()), 400, "it is let in and has no prompt");
    keys(data.path(), &["revoke", id]);
    assert_eq!(
        status(key.trim()),
        401,
        "without any key it is closed, not open"
    );
}

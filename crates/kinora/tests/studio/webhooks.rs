//! Webhooks: a receiver on this machine, the signatures as others check them, and kills in between.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{sleep, spawn};
use std::time::Duration;

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use ureq::http::HeaderMap;

use crate::client::{PATIENCE, Studio, folder, read, short};

/// What the receiver was sent.
struct Received {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Received {
    fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A program that takes webhooks and answers with these statuses, the last one for ever.
struct Receiving {
    url: String,
    inbox: Receiver<Received>,
}

impl Receiving {
    fn open(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, inbox) = channel();
        spawn(move || {
            let mut statuses = statuses.iter();
            let mut status = 200;
            for stream in listener.incoming() {
                status = statuses.next().copied().unwrap_or(status);
                answer(stream.expect("a connection"), status, &sender);
            }
        });
        Self {
            url: format!("http://{address}/hook"),
            inbox,
        }
    }

    fn next(&self) -> Received {
        self.inbox.recv_timeout(PATIENCE).expect("an event")
    }

    fn is_quiet(&self) -> bool {
        self.inbox.recv_timeout(Duration::from_secs(2)).is_err()
    }
}

fn answer(stream: TcpStream, status: u16, sender: &Sender<Received>) {
    let mut reader = BufReader::new(stream);
    let mut headers = HeaderMap::new();
    let mut line = String::new();
    while reader.read_line(&mut line).expect("text") > 2 {
        if let Some((name, value)) = line.trim().split_once(": ") {
            let name: ureq::http::HeaderName = name.parse().expect("a header");
            headers.insert(name, value.parse().expect("a header"));
        }
        line.clear();
    }
    let length = headers["content-length"].to_str().expect("text");
    let mut body = vec![0; length.parse().expect("a number")];
    reader.read_exact(&mut body).expect("a body");
    sender.send(Received { headers, body }).ok();
    let text = format!(
        "HTTP/1.1 {status} x\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    reader.into_inner().write_all(text.as_bytes()).ok();
}

fn allow_private(data: &Path, more: &str) {
    let text = format!("[network]\nallow_private_webhooks = true\n{more}");
    std::fs::write(data.join("kinora.toml"), text).expect("a file");
}

/// Adds an endpoint; answers its id and secret.
fn add(studio: &Studio, url: &str, event_types: &[&str]) -> (String, String) {
    let body = json!({"name": "Mine", "url": url, "event_types": event_types});
    let (status, made) = studio.post("/v1/webhook_endpoints", &body);
    assert_eq!(status, 200, "{made}");
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    (text("id"), text("signing_secret"))
}

fn deliveries(studio: &Studio, endpoint: &str) -> Value {
    studio.json(&format!("/v1/webhook_endpoints/{endpoint}/deliveries"))["data"].clone()
}

/// Waits until the latest delivery has this status.
fn settled(studio: &Studio, endpoint: &str, status: &str) -> Value {
    for _ in 0..PATIENCE.as_millis() / 50 {
        let latest = deliveries(studio, endpoint)[0].clone();
        if latest["status"] == status {
            return latest;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("still {}", deliveries(studio, endpoint));
}

#[test]
fn the_end_of_a_video_is_told_signed_and_told_again_after_a_failure() {
    let data = folder();
    allow_private(data.path(), "");
    let studio = Studio::open(data.path());
    let receiving = Receiving::open(&[500, 302, 200]);
    let (endpoint, secret) = add(&studio, &receiving.url, &["video.completed"]);
    let shown = studio.json("/v1/webhook_endpoints");
    assert!(!shown.to_string().contains(&secret), "shown once");
    assert_eq!(shown["data"][0]["id"], json!(endpoint));

    let cancelled = studio.create(&crate::client::long());
    let id = studio.create(&short());
    studio.post(&format!("/v1/videos/{cancelled}/cancel"), &json!({}));
    let first = receiving.next();
    let event = first.event();
    assert_eq!(
        (&event["object"], &event["type"]),
        (&json!("event"), &json!("video.completed"))
    );
    assert_eq!(
        event["data"]["id"],
        json!(id),
        "the cancelled one was not asked for"
    );
    assert_eq!(
        first.headers["webhook-id"],
        event["id"].as_str().expect("an id")
    );
    // The library that other programs check with.
    let judge = Webhook::new(&secret).expect("a secret");
    judge
        .verify(&first.body, &first.headers)
        .expect("a good signature");
    let forged = [&first.body[..], b" "].concat();
    assert!(judge.verify(&forged, &first.headers).is_err());

    let second = receiving.next();
    assert_eq!(second.body, first.body, "the same event after five seconds");
    assert_eq!(second.headers["webhook-id"], first.headers["webhook-id"]);
    judge
        .verify(&second.body, &second.headers)
        .expect("a good signature");
    let latest = deliveries(&studio, &endpoint);
    let latest = latest.as_array().expect("a list").last().expect("one");
    assert!(
        latest["last_error"].is_string() && latest["next_attempt_at"].is_i64(),
        "{latest}"
    );

    let deleted = studio
        .agent
        .delete(format!("{}/v1/webhook_endpoints/{endpoint}", studio.base));
    assert_eq!(read(deleted.call().expect("an answer")).0, 200);
    assert_eq!(
        studio
            .get(&format!("/v1/webhook_endpoints/{endpoint}"))
            .status(),
        404
    );
}

#[test]
fn an_end_that_was_not_told_is_told_by_the_next_studio() {
    let data = folder();
    allow_private(data.path(), "");
    let studio = Studio::open(data.path());
    // The endpoint is down: nobody listens at a port that was just given up.
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("one")
        .port();
    let (endpoint, secret) = add(
        &studio,
        &format!("http://127.0.0.1:{port}/"),
        &["video.completed"],
    );
    let id = studio.create(&short());
    studio.wait(&id, &["completed"]);
    studio.kill();

    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the same port");
    let (sender, inbox) = channel();
    spawn(move || answer(listener.accept().expect("a connection").0, 204, &sender));
    let studio = Studio::open(data.path());
    let received = inbox.recv_timeout(PATIENCE).expect("an event");
    assert_eq!(received.event()["data"]["id"], json!(id));
    let judge = Webhook::new(&secret).expect("a secret");
    judge
        .verify(&received.body, &received.headers)
        .expect("a good signature");
    let delivery = settled(&studio, &endpoint, "delivered");
    assert_eq!(
        (&delivery["last_status_code"], &delivery["last_error"]),
        (&json!(204), &Value::Null)
    );
}

#[test]
fn endpoints_of_the_file_are_told_and_stay_there() {
    let data = folder();
    let receiving = Receiving::open(&[200]);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8I";
    let section = format!(
        "[[webhooks]]\nname = \"Cutting room\"\nurl = \"{}\"\nsecret = \"{secret}\"\n\
         event_types = [\"video.failed\"]\n",
        receiving.url
    );
    allow_private(data.path(), &section);
    let studio = Studio::open(data.path());
    let endpoint = studio.json("/v1/webhook_endpoints")["data"][0].clone();
    assert_eq!(
        (&endpoint["name"], &endpoint["configured"]),
        (&json!("Cutting room"), &json!(true))
    );
    let path = format!(
        "/v1/webhook_endpoints/{}",
        endpoint["id"].as_str().expect("an id")
    );
    let (status, answer) = studio.post(
        &format!("{path}/test"),
        &json!({"event_type": "video.failed"}),
    );
    assert_eq!(
        (status, &answer["status_code"]),
        (200, &json!(200)),
        "{answer}"
    );
    let test = receiving.next();
    let judge = Webhook::new(secret).expect("a secret");
    judge
        .verify(&test.body, &test.headers)
        .expect("a good signature");
    let deleted = studio.agent.delete(format!("{}{path}", studio.base)).call();
    let (status, answer) = read(deleted.expect("an answer"));
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("configured"))
    );

    let id = studio.create(&crate::client::long());
    studio.post(&format!("/v1/videos/{id}/cancel"), &json!({}));
    let event = receiving.next().event();
    assert_eq!(
        (&event["type"], &event["data"]["id"]),
        (&json!("video.failed"), &json!(id))
    );
    assert!(receiving.is_quiet(), "told once");

    studio.kill();
    allow_private(data.path(), "");
    let studio = Studio::open(data.path());
    assert_eq!(studio.json("/v1/webhook_endpoints")["data"], json!([]));
}

#[test]
fn webhooks_never_reach_this_machine_unless_that_is_allowed() {
    let data = folder();
    let studio = Studio::open(data.path());
    let receiving = Receiving::open(&[200]);
    let port = receiving
        .url
        .split(':')
        .next_back()
        .expect("a port")
        .to_owned();
    for (host, code) in [
        ("127.0.0.1", "private_target"),
        ("localhost", "private_target"),
        ("[::ffff:127.0.0.1]", "private_target"),
        ("169.254.169.254", "private_target"),
        ("me@example.org", "invalid_value"),
    ] {
        let url = format!("http://{host}:{port}");
        let body = json!({"name": "x", "url": url, "event_types": ["video.failed"]});
        let (status, answer) = studio.post("/v1/webhook_endpoints", &body);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (400, &json!(code)),
            "{host}"
        );
        assert_eq!(answer["error"]["param"], "url");
    }
    // A name that only a resolver reads as 127.0.0.1 is stopped where it is connected to.
    let (endpoint, _) = add(
        &studio,
        &format!("http://2130706433:{port}"),
        &["video.failed"],
    );
    let test = format!("/v1/webhook_endpoints/{endpoint}/test");
    let (status, answer) = studio.post(&test, &json!({"event_type": "video.failed"}));
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("webhook_not_reached"))
    );
    for body in [
        json!({"name": "x", "url": "https://example.org", "event_types": []}),
        json!({"name": "x", "url": "https://example.org", "event_types": ["batch.failed"]}),
        json!({"name": "", "url": "https://example.org", "event_types": ["video.failed"]}),
    ] {
        assert_eq!(studio.post("/v1/webhook_endpoints", &body).0, 400, "{body}");
    }
    assert!(receiving.is_quiet());
}

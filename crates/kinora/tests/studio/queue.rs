//! Pause, order, and second tries over the API, across a kill of the studio.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Studio, folder, long, read, short};

fn pause(studio: &Studio, paused: bool) -> Value {
    let request = studio.agent.patch(format!("{}/v1/queue", studio.base));
    let answer = request.send_json(json!({ "paused": paused }));
    let (status, queue) = read(answer.expect("an answer"));
    assert_eq!((status, &queue["paused"]), (200, &json!(paused)));
    queue
}

fn order(studio: &Studio, id: &str, target: &Value) -> Vec<String> {
    let (status, answer) = studio.post(&format!("/v1/videos/{id}/move"), target);
    assert_eq!(status, 200, "{answer}");
    waiting(&studio.json("/v1/queue"))
}

fn waiting(queue: &Value) -> Vec<String> {
    let videos = queue["queued"].as_array().expect("a list");
    assert_eq!(queue["queued_count"], json!(videos.len()));
    let ids = videos
        .iter()
        .map(|video| video["id"].as_str().expect("an id"));
    ids.map(str::to_owned).collect()
}

#[test]
fn a_pause_and_the_order_survive_a_kill_and_a_stopped_clip_is_made_later() {
    let data = folder();
    let studio = Studio::open(data.path());
    let running = studio.create(&long());
    studio.wait(&running, &["in_progress"]);
    let [a, b, stopped] = [(); 3].map(|()| studio.create(&short()));
    let mut first = short();
    first["first"] = json!(true);
    let c = studio.create(&first);
    let queue = pause(&studio, true);
    assert_eq!(queue["in_progress"][0]["id"], json!(running));
    assert_eq!(waiting(&queue), [&*c, &*a, &*b, &*stopped]);
    assert_eq!(
        order(&studio, &b, &json!({"before": a})),
        [&*c, &*b, &*a, &*stopped]
    );

    for id in [&stopped, &running] {
        studio.post(&format!("/v1/videos/{id}/cancel"), &json!({}));
        let video = studio.wait(id, &["failed"]);
        assert_eq!(video["error"]["code"], "cancelled");
    }
    sleep(Duration::from_millis(1500)); // longer than the queue is left alone
    assert_eq!(studio.video(&c)["status"], "queued", "nothing new starts");
    studio.kill();

    let studio = Studio::open(data.path());
    let (status, again) = studio.post(&format!("/v1/videos/{stopped}/retry"), &json!({}));
    assert_eq!(
        (status, &again["status"], &again["error"]),
        (200, &json!("queued"), &Value::Null)
    );
    let queue = studio.json("/v1/queue");
    assert_eq!(queue["paused"], json!(true));
    assert_eq!(waiting(&queue), [&*c, &*b, &*a, &*stopped]);
    let target = json!({"to": "first"});
    assert_eq!(
        order(&studio, &stopped, &target),
        [&*stopped, &*c, &*b, &*a]
    );
    pause(&studio, false);
    let made = [&stopped, &c, &b, &a].map(|id| {
        let video = studio.wait(id, &["completed", "failed"]);
        assert_eq!(video["status"], "completed", "{video}");
        video["completed_at"].as_i64().expect("a time")
    });
    assert!(made.is_sorted(), "{made:?}");
    let files = std::fs::read_dir(data.path().join("outputs").join(&stopped)).expect("its folder");
    let names: Vec<_> = files
        .map(|file| file.expect("a file").file_name())
        .collect();
    assert_eq!(
        names.len(),
        3,
        "one video, one thumbnail, one sheet: {names:?}"
    );
}

#[test]
fn what_cannot_be_moved_or_tried_again_is_told_so() {
    let data = folder();
    let studio = Studio::open(data.path());
    pause(&studio, true);
    let [a, b] = [studio.create(&short()), studio.create(&short())];
    studio.post(&format!("/v1/videos/{b}/cancel"), &json!({}));
    for (path, body, status, code) in [
        (
            format!("/v1/videos/{a}/move"),
            json!({}),
            400,
            "invalid_value",
        ),
        (
            format!("/v1/videos/{a}/move"),
            json!({"to": "last", "before": a}),
            400,
            "invalid_value",
        ),
        (
            format!("/v1/videos/{a}/move"),
            json!({"to": "middle"}),
            400,
            "invalid_body",
        ),
        (
            format!("/v1/videos/{a}/move"),
            json!({"before": b}),
            400,
            "not_waiting",
        ),
        (
            format!("/v1/videos/{b}/move"),
            json!({"to": "first"}),
            400,
            "not_waiting",
        ),
        (
            format!("/v1/videos/{a}/move"),
            json!({"before": "video_x"}),
            404,
            "video_not_found",
        ),
        (
            "/v1/videos/video_x/move".into(),
            json!({"to": "first"}),
            404,
            "video_not_found",
        ),
        (
            format!("/v1/videos/{a}/retry"),
            json!({}),
            400,
            "not_failed",
        ),
        (
            "/v1/videos/video_x/retry".into(),
            json!({}),
            404,
            "video_not_found",
        ),
    ] {
        let (found, answer) = studio.post(&path, &body);
        assert_eq!(
            (found, &answer["error"]["code"]),
            (status, &json!(code)),
            "{path} {body}"
        );
    }
    let (status, answer) = read(studio.get("/v1/queue?limit=-1"));
    assert_eq!((status, &answer["error"]["param"]), (400, &json!("limit")));
    assert_eq!(waiting(&studio.json("/v1/queue")), [&*a], "nothing changed");
}

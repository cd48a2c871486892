//! Models that other machines run: Kinora as a remote of Kinora, and a double that misbehaves.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Studio, folder, read, short};
use crate::contract;
use crate::double::{Answer, Call, Double, mp4, video};
use crate::inputs::{form, png};
use crate::keys::keys;

const KEY: &str = "sk-nobody-may-see-this-0123456789";
const NAME: &str = "far/model";

/// A studio that knows one remote.
fn configure(data: &Path, url: &str, more: &str) {
    let text = format!(
        "[log]\nlevel = \"debug\"\n[[remotes]]\nname = \"{NAME}\"\nurl = \"{url}\"\n\
         model = \"there-1\"\nkey_file = \"remote.key\"\nseconds = [1, 2]\n\
         sizes = [\"576x320\"]\n{more}\n"
    );
    fs::write(data.join("kinora.toml"), text).expect("a file");
    fs::write(data.join("remote.key"), format!("{KEY}\n")).expect("a file");
}

fn wish() -> Value {
    json!({"prompt": "a dog runs over a beach at dawn", "model": NAME})
}

/// Answers that make a video at once, but for what a test changes.
fn willing(call: &Call) -> Answer {
    match call.what.as_str() {
        "POST /v1/videos" => Answer::Json(200, video("queued", 0)),
        "GET /v1/videos/video_there" => Answer::Json(200, video("completed", 100)),
        "GET /v1/videos/video_there/content" => Answer::Bytes(mp4(1000)),
        "DELETE /v1/videos/video_there" => Answer::Json(200, json!({"deleted": true})),
        other => panic!("nobody asks for {other}"),
    }
}

/// Whether the key stands in any file beside its own.
fn is_kept(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|entry| entry.path()).any(|path| {
        if path.is_dir() {
            return is_kept(&path);
        }
        let bytes = fs::read(&path).expect("a file");
        let holds = bytes
            .windows(KEY.len())
            .any(|bytes| bytes == KEY.as_bytes());
        holds && !path.ends_with("remote.key")
    })
}

#[test]
fn one_prompt_is_made_here_and_by_another_kinora() {
    let (there, here) = (folder(), folder());
    let key = keys(there.path(), &["create", "--name", "friend"]);
    let remote = Studio::open(there.path());
    let fields = "fields = [\"seed\", \"num_inference_steps\"]";
    configure(here.path(), &format!("{}/", remote.base), fields);
    let text = fs::read_to_string(here.path().join("kinora.toml")).expect("a file");
    let text = text.replace("there-1", "kinora-1");
    fs::write(here.path().join("kinora.toml"), text).expect("a file");
    fs::write(here.path().join("remote.key"), key.trim()).expect("a file");
    let studio = Studio::open(here.path());

    let models = studio.json("/v1/models");
    let models = models["data"].as_array().expect("a list");
    let leaves = |id: &str| {
        let model = models.iter().find(|model| model["id"] == id);
        model.unwrap_or_else(|| panic!("{id}"))["leaves_machine"].clone()
    };
    assert_eq!(
        (leaves("kinora-1"), leaves(NAME)),
        (json!(false), json!(true))
    );

    // A remote is told a size; a clip whose recipe says so too has the same bytes.
    let mut body = short();
    body["size"] = json!("576x320");
    let near = studio.create(&body);
    body["model"] = json!(NAME);
    let far = studio.create(&body);
    let mut events = studio.get(&format!("/v1/videos/{far}/events"));
    let events = events.body_mut().read_to_string().expect("text");
    contract::check_events(&events);
    assert!(events.contains("\"stage\":\"remote\""), "{events}");
    let made = studio.wait(&far, &["completed", "failed"]);
    assert_eq!(made["status"], "completed", "{made}");
    for (name, value) in [
        ("model", json!(NAME)),
        ("leaves_machine", json!(true)),
        ("seed", json!(7)),
        ("num_inference_steps", json!(2)),
        ("size", json!("576x320")),
        ("seconds", json!("1")),
        ("model_hash", Value::Null),
    ] {
        assert_eq!(made[name], value, "{name}");
    }
    let own = studio.wait(&near, &["completed"]);
    for name in ["fps", "num_frames", "adherence"] {
        assert_eq!(made[name], own[name], "{name} is measured from the file");
        assert_ne!(made[name], Value::Null);
    }
    let content = |id: &str, variant: &str| {
        let path = format!("/v1/videos/{id}/content?variant={variant}");
        let mut answer = studio.get(&path);
        assert_eq!(answer.status(), 200, "{path}");
        answer.body_mut().read_to_vec().expect("bytes")
    };
    assert!(
        content(&far, "video") == content(&near, "video"),
        "both machines made the same clip"
    );
    assert_eq!(&content(&far, "thumbnail")[8..12], b"WEBP");
    assert_eq!(content(&far, "spritesheet")[..2], [0xff, 0xd8]);
    let (status, answer) = read(studio.get(&format!("/v1/videos/{far}/recipe")));
    assert_eq!(
        (status, &answer["error"]["code"]),
        (404, &json!("no_recipe"))
    );

    // A picture goes along; the clip takes the size that is asked for.
    let fields = json!({
        "prompt": "a dog runs over a beach at dawn", "model": NAME, "num_inference_steps": 1,
    });
    let (status, pictured) = form(&studio, "/v1/videos", &fields, ("input_reference", &png()));
    assert_eq!(status, 200, "{pictured}");
    let id = pictured["id"].as_str().expect("an id");
    let pictured = studio.wait(id, &["completed", "failed"]);
    assert_eq!(pictured["status"], "completed", "{pictured}");
    let there = pictured["remote_id"].as_str().expect("an id");
    let recipe = format!("{}/v1/videos/{there}/recipe", remote.base);
    let recipe = ureq::get(recipe).header("authorization", format!("Bearer {}", key.trim()));
    let (_, recipe) = read(recipe.call().expect("an answer"));
    assert_eq!(
        recipe["effective"]["given"]["image"],
        kinora_nn::sha256_hex([&png()[..]])
    );

    // A remix stays there, and one of a clip that was made here takes over what can be asked.
    let prompt = json!({"prompt": "a dog runs over a beach at night"});
    let (_, remix) = studio.post(&format!("/v1/videos/{far}/remix"), &prompt);
    assert_eq!((&remix["model"], &remix["seed"]), (&json!(NAME), &json!(7)));
    let prompt = json!({"prompt": "a dog runs over a beach at night", "model": NAME});
    let (status, remix) = studio.post(&format!("/v1/videos/{near}/remix"), &prompt);
    assert_eq!(status, 200, "{remix}");
    assert_eq!(remix["guidance_scale"], Value::Null);
}

#[test]
fn a_create_says_what_is_asked_and_polls_as_often_as_it_is_told() {
    let data = folder();
    let looks = AtomicUsize::new(0);
    let creates = AtomicUsize::new(0);
    let double = Double::open(move |call| match call.what.as_str() {
        "POST /v1/videos" if creates.fetch_add(1, Ordering::SeqCst) == 0 => {
            Answer::With(429, "retry-after-ms: 900\r\n", json!({}))
        }
        "GET /v1/videos/video_there" => match looks.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::With(
                200,
                "openai-poll-after-ms: 700\r\n",
                video("in_progress", 40),
            ),
            1 => Answer::Json(503, json!({})),
            _ => Answer::Json(200, video("completed", 100)),
        },
        _ => willing(call),
    });
    configure(data.path(), &double.url, "");
    let studio = Studio::open(data.path());
    let (status, made) = form(&studio, "/v1/videos", &wish(), ("input_reference", &png()));
    assert_eq!(status, 200, "{made}");
    let id = made["id"].as_str().expect("an id");
    let made = studio.wait(id, &["completed", "failed"]);
    assert_eq!(made["status"], "completed", "{made}");
    assert_eq!(made["remote_id"], "video_there");
    assert_eq!(made["fps"], Value::Null, "nobody can decode it");
    let (status, answer) = read(studio.get(&format!("/v1/videos/{id}/content?variant=thumbnail")));
    assert_eq!(
        (status, &answer["error"]["code"]),
        (404, &json!("no_pictures"))
    );

    let creates = double.calls("POST");
    assert_eq!(creates.len(), 2);
    assert!(creates[1].at - creates[0].at >= Duration::from_millis(900));
    let Call { headers, body, .. } = &creates[1];
    assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
    let key = headers["idempotency-key"].to_str().expect("text");
    assert!(key.starts_with(id), "{key}");
    let kind = headers["content-type"].to_str().expect("text");
    assert!(kind.starts_with("multipart/form-data; boundary="), "{kind}");
    let form = String::from_utf8_lossy(body);
    for (name, value) in [
        ("model", "there-1"),
        ("seconds", "1"),
        ("size", "576x320"),
        ("prompt", "a dog runs over a beach at dawn"),
    ] {
        let field = format!("name=\"{name}\"\r\n\r\n{value}\r\n");
        assert!(form.contains(&field), "{name} in {form}");
    }
    assert!(!form.contains("name=\"seed\""), "it takes none");
    let picture = png();
    assert!(body.windows(picture.len()).any(|part| part == picture));
    let looks = double.calls("GET /v1/videos/video_there");
    assert!(looks[1].at - looks[0].at >= Duration::from_millis(700));
}

#[test]
fn what_goes_wrong_there_has_a_code_here_and_the_key_stays_hidden() {
    let data = folder();
    let elsewhere = Double::open(willing);
    let target = elsewhere.url.clone();
    let case = Arc::new(AtomicUsize::new(0));
    let current = Arc::clone(&case);
    let redirect: &'static str = format!("location: {target}/videos\r\n").leak();
    let double = Double::open(move |call| {
        let refused =
            |code: &str| json!({"error": {"code": code, "message": format!("no, {KEY}")}});
        match (current.load(Ordering::SeqCst), call.what.as_str()) {
            (0, "POST /v1/videos") => Answer::Json(401, refused("invalid_api_key")),
            (1, "POST /v1/videos") => Answer::Json(400, refused("moderation_blocked")),
            (2, "POST /v1/videos") => Answer::Json(400, refused("invalid_value")),
            (3, "POST /v1/videos") => Answer::With(307, redirect, json!({})),
            (4, "POST /v1/videos") => Answer::Json(500, refused("server_error")),
            (5, "POST /v1/videos") => Answer::Bytes(b"<html>".to_vec()),
            (6, "GET /v1/videos/video_there") => {
                let error = json!({"code": "gpu_on_fire", "message": KEY});
                Answer::Json(
                    200,
                    json!({"id": "video_there", "status": "failed", "error": error}),
                )
            }
            (7, "GET /v1/videos/video_there") => Answer::Json(404, json!({})),
            (8, "GET /v1/videos/video_there/content") => Answer::With(302, redirect, json!({})),
            (9, "GET /v1/videos/video_there/content") => Answer::Bytes(b"<p>Sign in".to_vec()),
            (10, "POST /v1/videos") => Answer::Json(429, refused("insufficient_quota")),
            _ => willing(call),
        }
    });
    configure(data.path(), &double.url, "");
    let studio = Studio::open(data.path());
    let mut told = String::new();
    for (number, code) in [
        "remote_auth",
        "remote_content_refused",
        "remote_rejected",
        "remote_redirected",
        "remote_uncertain",
        "remote_uncertain",
        "remote_failed",
        "remote_gone",
        "remote_redirected",
        "remote_not_mp4",
        "remote_quota",
    ]
    .into_iter()
    .enumerate()
    {
        case.store(number, Ordering::SeqCst);
        let id = studio.create(&wish());
        let failed = studio.wait(&id, &["completed", "failed"]);
        assert_eq!(failed["error"]["code"], code, "case {number}: {failed}");
        let message = failed["error"]["message"].as_str().expect("text");
        assert!(message.starts_with(&format!("`{NAME}`: ")), "{message}");
        let posts = double.calls("POST").len();
        assert_eq!(posts, number + 1, "asked once: case {number}");
        let files = fs::read_dir(data.path().join("outputs").join(&id));
        assert_eq!(files.map_or(0, Iterator::count), 0, "nothing is left");
        told += &studio.video(&id).to_string();
    }
    assert!(elsewhere.calls("").is_empty(), "no redirect was followed");
    told += &studio.json("/v1/models").to_string();
    told += &studio.json("/v1/prompts").to_string();
    told += &studio.log();
    assert!(told.contains("remote_auth") && told.contains("invalid_api_key"));
    assert!(!told.contains(KEY), "{told}");
    assert!(!is_kept(data.path()), "not in the database either");
}

#[test]
fn a_cancelled_video_is_stopped_there_too() {
    let data = folder();
    let double = Double::open(|call| match call.what.as_str() {
        "GET /v1/videos/video_there" => Answer::Json(200, video("in_progress", 10)),
        _ => willing(call),
    });
    configure(data.path(), &double.url, "");
    let studio = Studio::open(data.path());
    let id = studio.create(&wish());
    double.wait("GET", 1);
    studio.post(&format!("/v1/videos/{id}/cancel"), &json!({}));
    let stopped = double.wait("DELETE /v1/videos/video_there", 1);
    assert_eq!(stopped[0].headers["authorization"], format!("Bearer {KEY}"));
    let cancelled = studio.wait(&id, &["failed"]);
    assert_eq!(cancelled["error"]["code"], "cancelled", "{cancelled}");

    let id = studio.create(&wish());
    double.wait("POST", 2);
    let deleted = studio
        .agent
        .delete(format!("{}/v1/videos/{id}", studio.base));
    assert_eq!(read(deleted.call().expect("an answer")).0, 200);
    double.wait("DELETE /v1/videos/video_there", 2);
}

#[test]
fn a_remote_that_takes_too_long_is_stopped() {
    let data = folder();
    let double = Double::open(|call| match call.what.as_str() {
        "GET /v1/videos/video_there" => Answer::Json(200, video("in_progress", 10)),
        "DELETE /v1/videos/video_there" => Answer::Json(409, json!({})),
        _ => willing(call),
    });
    configure(data.path(), &double.url, "timeout_seconds = 2");
    let studio = Studio::open(data.path());
    let id = studio.create(&wish());
    let failed = studio.wait(&id, &["failed"]);
    assert_eq!(failed["error"]["code"], "remote_timed_out");
    let message = failed["error"]["message"].as_str().expect("text");
    assert!(message.contains("it may go on there"), "{message}");
    assert_eq!(double.calls("DELETE").len(), 1);
}

#[test]
fn a_studio_that_is_killed_goes_on_where_it_was_and_asks_once() {
    let data = folder();
    let is_done = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&is_done);
    let double = Double::open(move |call| match call.what.as_str() {
        "GET /v1/videos/video_there" if !done.load(Ordering::SeqCst) => {
            Answer::Json(200, video("in_progress", 50))
        }
        _ => willing(call),
    });
    configure(data.path(), &double.url, "");
    let mut studio = Studio::open(data.path());
    let id = studio.create(&wish());
    for kills in 1..=4 {
        // More kills than a lost worker has tries.
        let looks = double.calls("GET").len();
        double.wait("GET", looks + 2);
        assert_eq!(studio.video(&id)["remote_id"], "video_there", "{kills}");
        #[cfg(target_os = "linux")]
        if kills == 4 {
            studio.terminate();
            studio = Studio::open(data.path());
            break;
        }
        studio.kill();
        studio = Studio::open(data.path());
    }
    is_done.store(true, Ordering::SeqCst);
    let made = studio.wait(&id, &["completed", "failed"]);
    assert_eq!(made["status"], "completed", "{made}");
    assert_eq!(double.calls("POST").len(), 1, "paid once");
}

#[test]
fn what_waits_for_a_remote_that_is_gone_ends_and_goes_on_when_it_is_back() {
    let data = folder();
    let is_done = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&is_done);
    let double = Double::open(move |call| match call.what.as_str() {
        "GET /v1/videos/video_there" if !done.load(Ordering::SeqCst) => {
            Answer::Json(200, video("in_progress", 50))
        }
        _ => willing(call),
    });
    configure(data.path(), &double.url, "");
    let studio = Studio::open(data.path());
    let id = studio.create(&wish());
    double.wait("GET", 1);
    studio.kill();
    fs::write(data.path().join("kinora.toml"), "").expect("a file");
    let studio = Studio::open(data.path());
    let gone = studio.video(&id);
    assert_eq!(gone["error"]["code"], "remote_removed", "{gone}");
    let remix = studio.post(
        &format!("/v1/videos/{id}/remix"),
        &json!({"prompt": "a cat"}),
    );
    assert_eq!(remix.1["error"]["code"], "unknown_model", "{remix:?}");
    studio.kill();

    configure(data.path(), &double.url, "");
    is_done.store(true, Ordering::SeqCst);
    let studio = Studio::open(data.path());
    studio.post(&format!("/v1/videos/{id}/retry"), &json!({}));
    let made = studio.wait(&id, &["completed", "failed"]);
    assert_eq!(made["status"], "completed", "{made}");
    assert_eq!(double.calls("POST").len(), 1);
}

/// A studio that is killed while its create is on the way; then the next one's end of the video and
/// the creates that arrived.
fn killed_in_a_create(more: &str) -> (Value, Vec<Call>) {
    let data = folder();
    let creates = AtomicUsize::new(0);
    let double = Double::open(move |call| match call.what.as_str() {
        "POST /v1/videos" if creates.fetch_add(1, Ordering::SeqCst) == 0 => Answer::Silence,
        _ => willing(call),
    });
    configure(data.path(), &double.url, more);
    let studio = Studio::open(data.path());
    let id = studio.create(&wish());
    double.wait("POST", 1);
    studio.kill();
    let studio = Studio::open(data.path());
    let ended = studio.wait(&id, &["completed", "failed"]);
    if more.is_empty() {
        assert_eq!(ended["error"]["code"], "remote_uncertain", "{ended}");
        assert_eq!(double.calls("POST").len(), 1, "not asked twice");
        studio.post(&format!("/v1/videos/{id}/retry"), &json!({}));
        let ended = studio.wait(&id, &["completed"]);
        return (ended, double.calls("POST"));
    }
    (ended, double.calls("POST"))
}

#[test]
fn a_create_whose_answer_was_lost_is_repeated_only_where_that_is_safe() {
    let (ended, creates) = killed_in_a_create("");
    assert_eq!(ended["status"], "completed", "the user asked again");
    assert_eq!(creates.len(), 2);
    let keys = |creates: &[Call]| {
        let keys = creates.iter();
        let keys = keys.map(|create| create.headers["idempotency-key"].clone());
        keys.collect::<Vec<_>>()
    };
    let [first, second] = &keys(&creates)[..] else {
        panic!("two keys");
    };
    assert_ne!(first, second, "another wish");

    let (ended, creates) = killed_in_a_create("idempotent = true");
    assert_eq!(ended["status"], "completed", "{ended}");
    let [first, second] = &keys(&creates)[..] else {
        panic!("two keys");
    };
    assert_eq!(first, second, "the same wish");
}

#[test]
fn a_video_that_is_too_large_is_not_kept_and_can_be_fetched_later() {
    for is_measured in [true, false] {
        let data = folder();
        let double = Double::open(move |call| match call.what.as_str() {
            "GET /v1/videos/video_there/content" if is_measured => Answer::Bytes(mp4(200_000)),
            "GET /v1/videos/video_there/content" => Answer::Unmeasured(mp4(200_000)),
            _ => willing(call),
        });
        let limits = "[limits]\ndownload_bytes = 131072";
        configure(data.path(), &double.url, limits);
        let studio = Studio::open(data.path());
        let id = studio.create(&wish());
        let failed = studio.wait(&id, &["completed", "failed"]);
        assert_eq!(failed["error"]["code"], "remote_too_large", "{failed}");
        let outputs = data.path().join("outputs");
        assert_eq!(fs::read_dir(&outputs).expect("a folder").count(), 0);
        studio.kill();

        configure(data.path(), &double.url, "");
        let studio = Studio::open(data.path());
        studio.post(&format!("/v1/videos/{id}/retry"), &json!({}));
        let made = studio.wait(&id, &["completed", "failed"]);
        assert_eq!(made["status"], "completed", "{made}");
        assert_eq!(double.calls("POST").len(), 1, "fetched, not made again");
        let mut content = studio.get(&format!("/v1/videos/{id}/content"));
        let content = content.body_mut().read_to_vec().expect("bytes");
        assert!(content == mp4(200_000));
    }
}

#[test]
fn what_is_refused_here_never_leaves() {
    let data = folder();
    let double = Double::open(willing);
    configure(data.path(), &double.url, "");
    let studio = Studio::open(data.path());
    for (field, value, code) in [
        (
            "prompt",
            json!("a nude woman on a beach"),
            "moderation_blocked",
        ),
        ("prompt", json!(" "), "empty_prompt"),
        ("seed", json!(7), "unsupported_feature"),
        ("num_inference_steps", json!(7), "unsupported_feature"),
        ("guidance_scale", json!(7), "unsupported_feature"),
        ("negative_prompt", json!("birds"), "unsupported_feature"),
        ("fps", json!(24), "unsupported_feature"),
        ("aspect", json!("16:9"), "unsupported_feature"),
        ("finish", json!("grain"), "unsupported_feature"),
        ("loop", json!(true), "unsupported_feature"),
        ("best_of", json!(3), "unsupported_feature"),
        ("seconds", json!(5), "invalid_value"),
        ("size", json!("640x640"), "invalid_size"),
        ("unheard", json!("of"), "unknown_field"),
    ] {
        let mut body = wish();
        body[field] = value;
        let (status, answer) = studio.post("/v1/videos", &body);
        let error = &answer["error"];
        assert_eq!(
            (status, &error["code"], &error["param"]),
            (400, &json!(code), &json!(field)),
            "{answer}"
        );
    }
    let log = studio.json("/v1/prompts");
    assert_eq!(log["data"][0]["decision"], "sexual", "refused and logged");
    let question = json!({"prompt": "vertical, a dog", "model": NAME});
    let (status, analysis) = studio.post("/v1/prompts/analysis", &question);
    assert_eq!((status, &analysis["model"]), (200, &json!(NAME)));
    assert_eq!(analysis["text"], "vertical, a dog", "sent as it is");
    assert!(double.calls("").is_empty(), "{:?}", double.calls(""));
}

#[test]
fn the_configuration_is_checked_without_telling_the_key() {
    let data = folder();
    configure(data.path(), "https://api.example.org/v1", "");
    let path = data.path().join("kinora.toml");
    let text = fs::read_to_string(&path).expect("a file");
    let check = |variable: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinora"));
        command
            .args(["config", "check", "--data-dir"])
            .arg(data.path());
        command.envs(variable.map(|value| ("FAR_KEY", value)));
        let output = command.output().expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).expect("text");
        assert!(!said.contains(KEY), "{said}");
        (output.status.code(), said)
    };
    let (code, said) = check(None);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("key_file = \"remote.key\""), "{said}");
    let by_variable = text.replace("key_file = \"remote.key\"", "key_env = \"FAR_KEY\"");
    fs::write(&path, by_variable).expect("a file");
    assert_eq!(check(Some(KEY)).0, Some(0));
    let (code, said) = check(None);
    assert_eq!(code, Some(1));
    assert!(said.contains("a variable that is not set"), "{said}");
    // Whoever mistakes the name for the key is not told the key.
    let mistaken = text.replace("key_file = \"remote.key\"", &format!("key_env = \"{KEY}\""));
    fs::write(&path, mistaken).expect("a file");
    assert_eq!(check(None).0, Some(1));
}

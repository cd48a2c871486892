//! A studio that keeps its files in a bucket: moto's server stands for an S3-compatible store, and a
//! proxy before it can be out of order. Skipped, visibly, where moto is not installed: `tests/bucket/install`
//! installs it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use kinora_media::{Still, StillFormat};
use serde_json::{Value, json};

use crate::client::{PATIENCE, Studio, folder, long, read, short};
use crate::inputs::form;

/// Where `tests/bucket/install` installs it.
const SERVER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../target/moto/bin/moto_server"
);

/// An S3-compatible store with a bucket `films`, which can be cut off.
pub struct Bucket {
    server: Child,
    /// The store itself.
    behind: u16,
    /// The proxy before it, which the studio knows.
    port: u16,
    is_cut_off: Arc<AtomicBool>,
}

impl Bucket {
    pub fn open() -> Option<Self> {
        if !Path::new(SERVER).exists() {
            eprintln!(
                "SKIPPED: moto is not installed; crates/kinora/tests/bucket/install does that"
            );
            return None;
        }
        let behind = free_port();
        let server = Command::new(SERVER)
            .args(["-p", &behind.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto starts");
        let is_cut_off = Arc::new(AtomicBool::new(false));
        let port = proxy(behind, Arc::clone(&is_cut_off));
        let bucket = Self {
            server,
            behind,
            port,
            is_cut_off,
        };
        let began = Instant::now();
        while ureq::put(bucket.url("films")).send_empty().is_err() {
            assert!(began.elapsed() < PATIENCE, "moto does not answer");
            sleep(Duration::from_millis(100));
        }
        Some(bucket)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.behind)
    }

    /// A studio that keeps its files here.
    fn studio(&self, data: &Path) -> Studio {
        Studio::open_in(
            data,
            &self
                .variables()
                .each_ref()
                .map(|(name, value)| (*name, Path::new(value))),
        )
    }

    pub fn variables(&self) -> [(&'static str, String); 6] {
        [
            ("KINORA_STORAGE", "s3://films/a studio".into()),
            ("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_REGION", "eu-north-1".into()),
            ("AWS_ACCESS_KEY_ID", "bucket-key".into()),
            ("AWS_SECRET_ACCESS_KEY", "bucket-secret".into()),
        ]
    }

    /// Names of the objects of videos and inputs, in order.
    fn objects(&self) -> Vec<String> {
        let listed = ureq::get(self.url("films?list-type=2"))
            .call()
            .expect("a list");
        let text = listed.into_body().read_to_string().expect("text");
        let names = text.split("<Key>").skip(1);
        let names = names.filter_map(|rest| rest.split("</Key>").next());
        let names = names.filter_map(|name| name.strip_prefix("a studio/"));
        let names = names.filter(|name| name.contains('/')); // not the studio's mark
        names.map(str::to_owned).collect()
    }

    fn cut_off(&self, is_cut_off: bool) {
        self.is_cut_off.store(is_cut_off, Ordering::SeqCst);
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// Passes connections on; cut off, it ends all at once and accepts none.
fn proxy(behind: u16, is_cut_off: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", behind));
            let Ok(server) = server.and_then(|one| Ok((one.try_clone()?, one))) else {
                continue;
            };
            if is_cut_off.load(Ordering::SeqCst) {
                continue;
            }
            let other = client.try_clone().expect("a socket");
            for (from, to) in [(client, server.0), (server.1, other)] {
                let is_cut_off = Arc::clone(&is_cut_off);
                spawn(move || pass(from, to, &is_cut_off));
            }
        }
    });
    port
}

fn pass(mut from: TcpStream, mut to: TcpStream, is_cut_off: &AtomicBool) {
    let mut piece = [0; 1 << 14];
    // Looks up now and then whether it is cut off.
    let _ = from.set_read_timeout(Some(Duration::from_millis(50)));
    while !is_cut_off.load(Ordering::SeqCst) {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) if to.write_all(&piece[..count]).is_err() => break,
            Err(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                break;
            }
            _ => {}
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn completed(studio: &Studio, id: &str) -> Value {
    let video = studio.wait(id, &["completed", "failed"]);
    assert_eq!(video["status"], "completed", "{video}");
    video
}

fn delete(studio: &Studio, id: &str) -> (u16, Value) {
    let request = studio
        .agent
        .delete(format!("{}/v1/videos/{id}", studio.base));
    read(request.call().expect("an answer"))
}

/// Files under a folder, in every depth.
fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let count = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path()),
        _ => 1,
    });
    count.sum()
}

#[test]
fn a_clip_is_made_downloaded_in_parts_cut_and_deleted_in_a_bucket() {
    let Some(bucket) = Bucket::open() else { return };
    let data = folder();
    let studio = bucket.studio(data.path());
    let id = studio.create(&short());
    completed(&studio, &id);
    let names = bucket.objects();
    let ends: Vec<_> = names
        .iter()
        .filter_map(|name| name.rsplit('.').next())
        .collect();
    assert_eq!(ends, ["jpg", "mp4", "webp"], "{names:?}");
    assert!(
        names
            .iter()
            .all(|name| name.starts_with(&format!("outputs/{id}/1-")))
    );
    assert_eq!(
        files(&data.path().join("outputs")),
        0,
        "nothing is left here"
    );

    let content = format!("{}/v1/videos/{id}/content", studio.base);
    let get = |header: (&str, &str)| {
        let request = studio.agent.get(&content).header(header.0, header.1);
        request.call().expect("an answer")
    };
    let mut whole = get(("accept", "application/binary"));
    let header = |answer: &ureq::http::Response<ureq::Body>, name: &str| {
        let value = answer.headers().get(name).expect(name);
        value.to_str().expect("text").to_owned()
    };
    let (etag, length) = (header(&whole, "etag"), header(&whole, "content-length"));
    assert_eq!(header(&whole, "content-type"), "video/mp4");
    let bytes = whole.body_mut().read_to_vec().expect("a clip");
    assert_eq!(length, bytes.len().to_string());
    assert_eq!(&bytes[4..8], b"ftyp");
    let last = bytes.len() - 1;
    for (range, expected) in [
        ("bytes=4-7".to_owned(), 4..8),
        (format!("bytes={}-", last - 4), last - 4..last + 1),
        ("bytes=-10".to_owned(), last - 9..last + 1),
    ] {
        let mut part = get(("range", &range));
        assert_eq!(part.status(), 206, "{range}");
        let told = format!("bytes {}-{}/{length}", expected.start, expected.end - 1);
        assert_eq!(header(&part, "content-range"), told);
        assert_eq!(
            part.body_mut().read_to_vec().expect("bytes"),
            bytes[expected]
        );
    }
    let beyond = get(("range", &format!("bytes={length}-")));
    assert_eq!(beyond.status(), 416);
    assert_eq!(
        header(&beyond, "content-range"),
        format!("bytes */{length}")
    );
    assert_eq!(get(("if-none-match", &etag)).status(), 304);
    for (variant, begin) in [("thumbnail", &b"RIFF"[..]), ("spritesheet", &[0xff, 0xd8])] {
        let mut picture = studio.get(&format!("/v1/videos/{id}/content?variant={variant}"));
        let bytes = picture.body_mut().read_to_vec().expect("a picture");
        assert!(bytes.starts_with(begin), "{variant}");
    }

    let request = studio.agent.post(format!("{}/v1/cuts", studio.base));
    let mut cut = request
        .send_json(json!({"video_ids": [id, id]}))
        .expect("an answer");
    assert_eq!(cut.status(), 200);
    let path = data.path().join("cut.mp4");
    std::fs::write(&path, cut.body_mut().read_to_vec().expect("a cut")).expect("a file");
    let clip = kinora_media::ClipReader::open(&path).expect("a cut that plays");
    assert_eq!(clip.frames(), 48);
    assert_eq!(
        files(&data.path().join("fetched")),
        0,
        "what was fetched is gone"
    );

    assert_eq!(delete(&studio, &id).0, 200);
    assert_eq!(bucket.objects(), [""; 0]);
    assert_eq!(
        studio.get(&format!("/v1/videos/{id}/content")).status(),
        404
    );
}

#[test]
fn a_clip_goes_on_from_a_file_that_only_the_bucket_has() {
    let Some(bucket) = Bucket::open() else { return };
    let data = folder();
    let studio = bucket.studio(data.path());
    let id = studio.create(&short());
    completed(&studio, &id);
    let body = json!({
        "video": {"id": id}, "prompt": "a dog runs over a beach at night", "seconds": 1, "steps": 2,
    });
    let (status, longer) = studio.post("/v1/videos/extensions", &body);
    assert_eq!(status, 200, "{longer}");
    let longer = longer["id"].as_str().expect("an id").to_owned();
    completed(&studio, &longer);
    let inputs = || {
        let names = bucket.objects().into_iter();
        names.filter(|name| name.starts_with("inputs/")).count()
    };
    assert_eq!(inputs(), 1);
    // Another machine, or this one with another disk, has it from the bucket.
    for entry in std::fs::read_dir(data.path().join("inputs"))
        .expect("inputs")
        .flatten()
    {
        std::fs::remove_file(entry.path()).expect("a file");
    }
    let remix = json!({"prompt": "a dog runs over a beach at noon"});
    let (status, remix) = studio.post(&format!("/v1/videos/{longer}/remix"), &remix);
    assert_eq!(status, 200, "{remix}");
    let remix = remix["id"].as_str().expect("an id").to_owned();
    let video = completed(&studio, &remix);
    assert_eq!(video["num_frames"], studio.video(&longer)["num_frames"]);
    for id in [&id, &longer] {
        assert_eq!(delete(&studio, id).0, 200);
    }
    assert_eq!(inputs(), 1, "another begins with it");
    assert_eq!(delete(&studio, &remix).0, 200);
    assert_eq!(bucket.objects(), [""; 0]);
}

#[test]
fn a_file_of_several_parts_arrives_whole() {
    let Some(bucket) = Bucket::open() else { return };
    let data = folder();
    let studio = bucket.studio(data.path());
    // Noise, which no encoder makes smaller.
    let mut random = 1_u32;
    let noise = std::iter::repeat_with(|| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    });
    let (width, height) = (2048, 2048);
    let noise = noise.take((3 * width * height) as usize).collect();
    let still = Still::new(width, height, noise).expect("a picture");
    let png = still.encode(StillFormat::Png).expect("a file");
    assert!(png.len() > 8 << 20, "more than one part");
    let picture = ("input_reference", &png[..]);
    let (status, video) = form(&studio, "/v1/videos", &short(), picture);
    assert_eq!(status, 200, "{video}");
    let name = &bucket.objects()[0];
    let kept = ureq::get(bucket.url(&format!("films/a%20studio/{name}"))).call();
    let kept = kept.expect("the object").into_body().into_with_config();
    let kept = kept.limit(1 << 26).read_to_vec().expect("its bytes");
    assert!(kept == png, "{} bytes of {}", kept.len(), png.len());
}

#[cfg(target_os = "linux")]
#[test]
fn killed_workers_and_studios_leave_one_whole_result() {
    let Some(bucket) = Bucket::open() else { return };
    let data = folder();
    let studio = bucket.studio(data.path());
    let mut body = long();
    body["seconds"] = json!(1);
    body["steps"] = json!(40);
    let id = studio.create(&body);
    studio.wait(&id, &["in_progress"]);
    let worker = crate::faults::worker_of(studio.process.id());
    let killed = Command::new("kill").args(["-KILL", &worker]).status();
    assert!(killed.expect("kill runs").success());
    sleep(Duration::from_millis(300));
    assert_eq!(bucket.objects(), [""; 0], "no half is seen");
    studio.kill();
    let studio = bucket.studio(data.path());
    completed(&studio, &id);
    assert_eq!(
        bucket.objects().len(),
        3,
        "one try's files: {:?}",
        bucket.objects()
    );
    assert_eq!(files(&data.path().join("outputs")), 0);
}

#[test]
fn a_store_that_is_away_is_waited_for_and_told_of() {
    let Some(bucket) = Bucket::open() else { return };
    let data = folder();
    let studio = bucket.studio(data.path());
    let first = studio.create(&short());
    completed(&studio, &first);

    bucket.cut_off(true);
    let second = studio.create(&short()); // needs nothing of the store yet
    studio.said("waits for the object store");
    assert_eq!(studio.video(&second)["status"], "in_progress");
    let (status, error) = read(studio.get(&format!("/v1/videos/{first}/content")));
    assert_eq!(
        (status, &error["error"]["code"]),
        (503, &json!("storage_unavailable"))
    );
    let (status, error) = delete(&studio, &first);
    assert_eq!(
        (status, &error["error"]["type"]),
        (503, &json!("server_error"))
    );
    assert_eq!(
        studio.video(&first)["status"],
        "completed",
        "nothing was deleted"
    );

    bucket.cut_off(false);
    completed(&studio, &second);
    assert_eq!(
        studio.get(&format!("/v1/videos/{second}/content")).status(),
        200
    );
    assert_eq!(delete(&studio, &first).0, 200);
    assert_eq!(bucket.objects().len(), 3, "the second's");
}

#[test]
fn a_store_that_cannot_be_used_keeps_the_studio_closed_and_no_secret_is_told() {
    let Some(bucket) = Bucket::open() else { return };
    let data = folder();
    let serve = |url: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_kinora"))
            .args(["serve", "--port", "0", "--storage", url, "--data-dir"])
            .arg(data.path())
            .envs(bucket.variables())
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{url}");
        String::from_utf8(output.stderr).expect("text")
    };
    for (url, expected) in [
        ("s3://no-such-bucket", "the object store"),
        ("s3://bucket-key:bucket-secret@films", "must be s3://BUCKET"),
        ("ftp://films", "must be s3://BUCKET"),
    ] {
        let said = serve(url);
        assert!(said.contains(expected) && said.contains("hint: "), "{said}");
        assert!(!said.contains("bucket-secret"), "{said}");
    }
    bucket.cut_off(true);
    let said = serve("s3://films");
    assert!(said.contains("does not answer"), "{said}");
    let shown = Command::new(env!("CARGO_BIN_EXE_kinora"))
        .args(["config", "check", "--data-dir"])
        .arg(data.path())
        .envs(bucket.variables())
        .output()
        .expect("it runs");
    let shown = String::from_utf8(shown.stdout).expect("text");
    assert!(
        shown.contains("storage = \"s3://films/a studio\""),
        "{shown}"
    );
    assert!(!shown.contains("bucket-"), "{shown}");
}

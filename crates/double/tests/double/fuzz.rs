//! Bodies, forms and Range headers that nobody would send, made from those of `corpus` by random
//! edits and sent as they are: no answer may be a 5xx, no thread may panic, and memory stays bounded.
//!
//! `BOLERO_RANDOM_ITERATIONS` sets how many are sent, `BOLERO_RANDOM_SEED` repeats them.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use bolero::{TypeGenerator, check};
use tempfile::tempdir;

use crate::stage::{Stage, Studio};

/// Requests of each kind in a run of all tests.
const ITERATIONS: usize = 1500;
/// What a body of at most a few kilobytes may cost on top of a studio at work.
const MOST_BYTES: u64 = 192 << 20;

/// A seed of the corpus and what is done to it.
#[derive(Debug, Clone, TypeGenerator)]
struct Recipe {
    seed: u8,
    edits: Vec<Edit>,
}

#[derive(Debug, Clone, TypeGenerator)]
enum Edit {
    /// Another byte in this place.
    Put(u16, u8),
    /// One more.
    Insert(u16, u8),
    /// So many fewer.
    Cut(u16, u8),
    /// A piece once more, elsewhere.
    Repeat(u16, u16, u8),
    /// A number where one can be.
    Number(u16, u64),
}

impl Recipe {
    fn cook(&self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[usize::from(self.seed) % corpus.len()].clone();
        for edit in self.edits.iter().take(8) {
            edit.apply(&mut bytes);
        }
        bytes
    }
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |place: u16, bytes: &[u8]| usize::from(place) % (bytes.len() + 1);
        match *self {
            Self::Put(place, byte) => {
                let place = at(place, bytes);
                if let Some(old) = bytes.get_mut(place) {
                    *old = byte;
                }
            }
            Self::Insert(place, byte) => bytes.insert(at(place, bytes), byte),
            Self::Cut(place, length) => {
                let begin = at(place, bytes);
                let end = bytes.len().min(begin + usize::from(length));
                bytes.drain(begin..end);
            }
            Self::Repeat(from, to, length) => {
                let begin = at(from, bytes);
                let end = bytes.len().min(begin + usize::from(length));
                let piece = bytes[begin..end].to_vec();
                let to = at(to, bytes);
                bytes.splice(to..to, piece);
            }
            Self::Number(place, number) => {
                let begin = at(place, bytes);
                let digits = bytes[begin..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit());
                let end = begin + digits.count();
                bytes.splice(begin..end, number.to_string().into_bytes());
            }
        }
    }
}

fn corpus(kind: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/double/corpus")
        .join(kind);
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| fs::read(path).expect("a seed"))
        .collect()
}

/// A connection that is opened anew when the studio closes it.
struct Client {
    address: String,
    stream: Mutex<Option<TcpStream>>,
}

/// Status, head and body of an answer.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Client {
    fn of(studio: &Studio) -> Self {
        Self {
            address: studio.base.trim_start_matches("http://").to_owned(),
            stream: Mutex::default(),
        }
    }

    /// Sends a request as it is; none when the studio closed the connection without an answer,
    /// which a head that is no head may have.
    fn send(&self, line: &str, headers: &[u8], body: &[u8]) -> Option<Answer> {
        let kept = self.stream.lock().expect("no panic").take();
        let mut stream = kept.unwrap_or_else(|| self.connect());
        let mut request = format!("{line} HTTP/1.1\r\nhost: {}\r\n", self.address).into_bytes();
        request.extend_from_slice(headers);
        let length = format!("content-length: {}\r\n\r\n", body.len());
        request.extend_from_slice(length.as_bytes());
        request.extend_from_slice(body);
        // It may have answered and closed before it was told everything.
        let _ = stream.write_all(&request);
        let answer = receive(&mut stream)?;
        if !answer.head.contains("connection: close") {
            *self.stream.lock().expect("no panic") = Some(stream);
        }
        Some(answer)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the studio listens");
        let patience = Some(Duration::from_mins(1));
        stream.set_read_timeout(patience).expect("a time");
        stream
    }
}

fn receive(stream: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    let mut wanted = None;
    while wanted.is_none_or(|(_, end)| bytes.len() < end) {
        match stream.read(&mut buffer) {
            Ok(0) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("no answer: {error}"),
        }
        if wanted.is_none() {
            wanted = ends(&bytes);
        }
    }
    let (head, end) = wanted?;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    Some(Answer {
        status: text.get(9..12)?.parse().ok()?,
        head: text,
        body: bytes[head..end].to_vec(),
    })
}

/// Where the head of an answer ends, and where its body does.
fn ends(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().expect("a length"));
    Some((head, head + length))
}

/// A studio that makes nothing while it is asked.
fn paused(data: &Path) -> Studio {
    let studio = Stage::new(data, "").open();
    let request = studio.agent.patch(format!("{}/v1/queue", studio.base));
    let paused = request.send_json(serde_json::json!({"paused": true}));
    assert_eq!(paused.expect("an answer").status(), 200);
    studio
}

/// What holds after any requests.
fn assert_well(studio: &Studio, before: u64) {
    assert_eq!(studio.get("/readyz").status(), 200);
    let log = studio.log();
    assert!(!log.contains("panicked"), "{log}");
    let peak = peak_bytes(studio.process.id());
    assert!(peak < before + MOST_BYTES, "{before} bytes became {peak}");
}

/// The most memory that a process has ever had.
fn peak_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.expect("VmHWM in kB") * 1024
}

fn fuzz_bodies(kind: &str, header: &str) {
    let data = tempdir().expect("a folder");
    let studio = paused(data.path());
    // Once whole, so that what is read once is in memory.
    studio.create("a dog", 2);
    let before = peak_bytes(studio.process.id());
    let (client, corpus) = (Client::of(&studio), corpus(kind));
    let paths = ["/v1/videos", "/v1/videos/extensions"];
    check!()
        .with_type::<Recipe>()
        .with_iterations(ITERATIONS)
        .for_each(|recipe| {
            let body = recipe.cook(&corpus);
            let line = format!("POST {}", paths[recipe.edits.len() % 2]);
            let answer = client.send(&line, header.as_bytes(), &body);
            let answer = answer.expect("a good head has an answer");
            let said = String::from_utf8_lossy(&answer.body);
            assert!(answer.status < 500, "{} to {body:?}: {said}", answer.status);
            assert!(!said.is_empty(), "it says why");
        });
    assert_well(&studio, before);
    let taken = studio.json("/v1/queue?limit=1")["queued_count"].as_u64();
    println!("{taken:?} clips were asked for");
    assert!(taken > Some(1), "some edits leave a good request");
}

#[test]
fn json_bodies_are_taken_or_refused() {
    fuzz_bodies("json", "content-type: application/json\r\n");
}

#[test]
fn forms_are_taken_or_refused() {
    fuzz_bodies("form", "content-type: multipart/form-data; boundary=x\r\n");
}

#[test]
fn an_array_is_no_object() {
    let data = tempdir().expect("a folder");
    let studio = paused(data.path());
    let id = studio.create("a dog", 1);
    let client = Client::of(&studio);
    let json = b"content-type: application/json\r\n";
    for (line, body) in [
        ("POST /v1/storyboards", r#"{"settings": [null, null]}"#),
        ("POST /v1/storyboards", r#"{"shots": [["1", "a dog"]]}"#),
        ("POST /v1/storyboards", r#"["a board", {}, []]"#),
        (&format!("PATCH /v1/videos/{id}"), "[true]"),
        (&format!("POST /v1/videos/{id}/move"), r#"[null, "last"]"#),
        ("PATCH /v1/queue", "[false]"),
        ("POST /v1/prompts/analysis", r#"["a dog", null]"#),
        ("POST /v1/videos", r#"["a dog"]"#),
    ] {
        let answer = client.send(line, json, body.as_bytes());
        let answer = answer.expect("a good head has an answer");
        let said = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 400, "{line} {body}: {said}");
        assert!(said.contains("invalid_body"), "{line} {body}: {said}");
    }
}

#[test]
fn ranges_give_the_bytes_that_they_name() {
    let data = tempdir().expect("a folder");
    let studio = Stage::new(data.path(), "").open();
    let id = studio.create("a dog", 1);
    assert_eq!(studio.ended(&id)["status"], "completed");
    let path = format!("/v1/videos/{id}/content");
    let whole = studio.get(&path).body_mut().read_to_vec().expect("a clip");
    let before = peak_bytes(studio.process.id());
    let (client, corpus) = (Client::of(&studio), corpus("range"));
    check!()
        .with_type::<Recipe>()
        .with_iterations(ITERATIONS)
        .for_each(|recipe| {
            let mut range = recipe.cook(&corpus);
            // Other headers are not what is tried here.
            range.retain(|byte| !matches!(byte, b'\r' | b'\n'));
            let header = [b"range: ", &range[..], b"\r\n"].concat();
            let Some(answer) = client.send(&format!("GET {path}"), &header, b"") else {
                return;
            };
            check_range(&answer, &whole, &range);
        });
    assert_well(&studio, before);
}

fn check_range(answer: &Answer, whole: &[u8], range: &[u8]) {
    let said = String::from_utf8_lossy(range);
    match answer.status {
        200 => assert!(answer.body == whole, "all of it for {said}"),
        206 => {
            let line = answer
                .head
                .lines()
                .find_map(|line| line.strip_prefix("content-range: "));
            let line = line.unwrap_or_else(|| panic!("what is it of {said}"));
            let bounds = line.strip_prefix("bytes ").and_then(|line| {
                let (bounds, length) = line.split_once('/')?;
                assert_eq!(length, whole.len().to_string());
                let (begin, end) = bounds.split_once('-')?;
                Some(begin.parse().ok()?..=end.parse().ok()?)
            });
            let bounds: std::ops::RangeInclusive<usize> = bounds.expect("begin, end, length");
            assert!(answer.body == whole[bounds], "the bytes of {said}");
        }
        400 | 416 => assert!(answer.body.len() < 1024),
        other => panic!("{other} for {said}"),
    }
}

//! A Videos API that answers as a test tells it, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::http::HeaderMap;

use crate::client::PATIENCE;

/// A call that arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// Method and path: `GET /v1/videos/x`.
    pub what: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub at: Instant,
}

/// What it is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    Json(u16, Value),
    /// With more headers.
    With(u16, &'static str, Value),
    Bytes(Vec<u8>),
    /// Without saying how much there is.
    Unmeasured(Vec<u8>),
    /// None, for ever.
    Silence,
}

/// The API; it goes on until the tests end.
pub struct Double {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Double {
    pub fn open(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let (kept, answer) = (Arc::clone(&calls), Arc::new(answer));
        spawn(move || {
            for stream in listener.incoming() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                spawn(move || {
                    let mut reader = BufReader::new(stream.expect("a connection"));
                    let call = read(&mut reader);
                    kept.lock().expect("no panic").push(call.clone());
                    write(reader.into_inner(), answer(&call));
                });
            }
        });
        Self {
            url: format!("http://{address}/v1"),
            calls,
        }
    }

    /// What it was asked so far, of this kind: the beginning of method and path.
    pub fn calls(&self, kind: &str) -> Vec<Call> {
        let calls = self.calls.lock().expect("no panic");
        let fitting = calls.iter().filter(|call| call.what.starts_with(kind));
        fitting.cloned().collect()
    }

    /// Waits until it was asked so often.
    pub fn wait(&self, kind: &str, count: usize) -> Vec<Call> {
        let began = Instant::now();
        loop {
            let calls = self.calls(kind);
            if calls.len() >= count {
                return calls;
            }
            assert!(began.elapsed() < PATIENCE, "{kind}: only {calls:?}");
            sleep(Duration::from_millis(20));
        }
    }
}

/// A video of the double.
pub fn video(status: &str, progress: i64) -> Value {
    json!({"id": "video_there", "object": "video", "status": status, "progress": progress, "error": null})
}

/// Whole boxes of an MP4 file whose pictures nobody can decode.
pub fn mp4(bytes: usize) -> Vec<u8> {
    let one = |kind: &[u8; 4], bytes: usize| {
        let mut whole = (bytes as u32 + 8).to_be_bytes().to_vec();
        whole.extend_from_slice(kind);
        whole.resize(bytes + 8, 7);
        whole
    };
    [one(b"ftyp", 8), one(b"moov", 4), one(b"mdat", bytes)].concat()
}

fn read(reader: &mut BufReader<TcpStream>) -> Call {
    let at = Instant::now();
    let mut first = String::new();
    reader.read_line(&mut first).expect("text");
    let what = first.rsplit_once(' ').expect("a request").0.to_owned();
    let mut headers = HeaderMap::new();
    let mut line = String::new();
    while reader.read_line(&mut line).expect("text") > 2 {
        if let Some((name, value)) = line.trim().split_once(": ") {
            let name: ureq::http::HeaderName = name.parse().expect("a header");
            headers.insert(name, value.parse().expect("a header"));
        }
        line.clear();
    }
    let length = headers.get("content-length");
    let length = length.map_or("0", |length| length.to_str().expect("text"));
    let mut body = vec![0; length.parse().expect("a number")];
    reader.read_exact(&mut body).expect("a body");
    Call {
        what,
        headers,
        body,
        at,
    }
}

fn write(mut stream: TcpStream, answer: Answer) {
    let (status, more, body) = match answer {
        Answer::Json(status, body) => (status, "", body.to_string().into_bytes()),
        Answer::With(status, more, body) => (status, more, body.to_string().into_bytes()),
        Answer::Bytes(body) => (200, "", body),
        Answer::Unmeasured(body) => {
            let head = b"HTTP/1.1 200 x\r\nconnection: close\r\n\r\n";
            // Whoever has enough goes away.
            let _ = stream
                .write_all(head)
                .and_then(|()| stream.write_all(&body));
            return;
        }
        Answer::Silence => loop {
            sleep(PATIENCE);
        },
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&body);
}

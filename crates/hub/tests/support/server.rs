//! A hub of one repository, played by a thread on this machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use sha2::{Digest, Sha256};

/// What the hub has and how it behaves.
#[derive(Default)]
pub struct State {
    /// Its repository.
    repo: &'static str,
    /// The file that is stored as hubs store large ones, with its digest in the list.
    large: &'static str,
    /// Where it listens.
    address: String,
    pub files: BTreeMap<String, Vec<u8>>,
    /// Digests that are listed instead of the true ones.
    pub listed: BTreeMap<String, String>,
    /// The list itself, when it is not that of the files.
    pub list: Option<String>,
    /// Closes the connection after so many bytes of a large file.
    pub cut: Option<usize>,
    /// Answers requests for large files with this status, as often as said.
    pub status: Option<(u16, usize)>,
    /// Sends whole files, whatever range was asked for.
    pub ignores_ranges: bool,
    /// Sends large files to another address.
    pub redirect: Option<String>,
    /// Every request: its first line and headers.
    pub requests: Vec<String>,
}

/// The hub.
pub struct Server {
    pub address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// A hub that has these files in `repo`, of which it lists the digest of `large` alone.
    pub fn start(
        repo: &'static str,
        large: &'static str,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            repo,
            large,
            address: address.clone(),
            files,
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up early is part of the tests.
                let _ = answer(stream, &shared);
            }
        });
        Self { address, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The requests for the large file.
    pub fn downloads(&self) -> Vec<String> {
        let state = self.state();
        let wanted = state
            .requests
            .iter()
            .filter(|request| request.contains(state.large));
        wanted.cloned().collect()
    }
}

/// A header's value in a request.
pub fn header<'r>(request: &'r str, name: &str) -> Option<&'r str> {
    request.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The digest of some bytes.
pub fn sha256(data: &[u8]) -> String {
    Sha256::digest(data)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
    }
    let mut state = state.lock().unwrap();
    state.requests.push(request.clone());
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path == format!("/api/models/{}/tree/main", state.repo) {
        return list(&mut stream, &state, query);
    }
    let place = format!("/{}/resolve/main/", state.repo);
    let name = path.strip_prefix(&place).unwrap_or_default().to_owned();
    match state.files.get(&name).cloned() {
        Some(data) => send(&mut stream, &mut state, &request, &name, &data),
        None => reply(&mut stream, 404, "", b"not here"),
    }
}

/// The list in pages of two files.
fn list(stream: &mut TcpStream, state: &State, query: &str) -> std::io::Result<()> {
    if let Some(list) = &state.list {
        return reply(stream, 200, "", list.as_bytes());
    }
    let first = query
        .split_once("cursor=")
        .map_or(0, |(_, at)| at.parse().unwrap());
    let entries: Vec<String> = state
        .files
        .iter()
        .map(|(path, data)| {
            let digest = state
                .listed
                .get(path)
                .cloned()
                .unwrap_or_else(|| sha256(data));
            let size = data.len();
            let lfs =
                format!(r#", "lfs": {{"oid": "{digest}", "size": {size}, "pointerSize": 9}}"#);
            let lfs = if path == state.large { &lfs[..] } else { "" };
            format!(r#"{{"type": "file", "oid": "0", "size": {size}, "path": "{path}"{lfs}}}"#)
        })
        .chain([r#"{"type": "directory", "oid": "1", "size": 0, "path": "vae"}"#.to_owned()])
        .collect();
    let page = entries[first..]
        .iter()
        .take(2)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let link = if first + 2 < entries.len() {
        let tree = format!("{}/api/models/{}/tree/main", state.address, state.repo);
        let next = first + 2;
        format!("Link: <{tree}?recursive=true&cursor={next}>; rel=\"next\"\r\n")
    } else {
        String::new()
    };
    reply(stream, 200, &link, format!("[{page}]").as_bytes())
}

fn send(
    stream: &mut TcpStream,
    state: &mut State,
    request: &str,
    name: &str,
    data: &[u8],
) -> std::io::Result<()> {
    if name != state.large {
        return reply(stream, 200, "", data);
    }
    if let Some((status, left)) = state.status
        && left > 0
    {
        state.status = Some((status, left - 1));
        return reply(stream, status, "", b"no");
    }
    if let Some(to) = &state.redirect {
        return reply(
            stream,
            302,
            &format!("Location: {to}/{}/resolve/main/{name}\r\n", state.repo),
            b"",
        );
    }
    let range = header(request, "range").and_then(|range| range.strip_prefix("bytes="));
    let first = range.and_then(|range| range.trim_end_matches('-').parse().ok());
    let first: usize = if state.ignores_ranges {
        0
    } else {
        first.unwrap_or(0)
    };
    let rest = &data[first.min(data.len())..];
    let (status, range) = if range.is_some() && !state.ignores_ranges {
        let last = data.len() - 1;
        (
            206,
            format!("Content-Range: bytes {first}-{last}/{}\r\n", data.len()),
        )
    } else {
        (200, String::new())
    };
    let length = rest.len();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n{range}\r\n"
    )?;
    stream.write_all(&rest[..state.cut.unwrap_or(length).min(length)])
}

fn reply(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    )?;
    stream.write_all(body)
}

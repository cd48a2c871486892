//! Many clients that listen to events at once, on one thread.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

/// Longest time between two lines: the studio says every 15 seconds that it lives.
const SILENCE: Duration = Duration::from_mins(1);

/// What a listener was told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Told {
    /// Numbers of stored events, in the order in which they came.
    pub numbers: Vec<i64>,
    /// Ends.
    pub ends: usize,
}

/// Listens to a video until its end. With `is_interrupted`, the connection is given up after every
/// stored event and a new one goes on from there.
pub async fn listen(address: String, id: String, is_interrupted: bool) -> Told {
    let mut told = Told::default();
    loop {
        let before = told.numbers.len();
        follow(&address, &id, is_interrupted, &mut told).await;
        if told.ends > 0 || !is_interrupted {
            return told;
        }
        assert!(
            told.numbers.len() > before,
            "{id}: the stream ended without an end"
        );
    }
}

/// One connection.
async fn follow(address: &str, id: &str, is_interrupted: bool, told: &mut Told) {
    let mut lines = connect(address, id, told.numbers.last()).await;
    let (mut kind, before) = (String::new(), told.numbers.len());
    while let Some(line) = next(&mut lines).await {
        if let Some(name) = line.strip_prefix("event: ") {
            name.clone_into(&mut kind);
        } else if let Some(number) = line.strip_prefix("id: ") {
            told.numbers.push(number.parse().expect("a number"));
        } else if line.is_empty() && !kind.is_empty() {
            told.ends += usize::from(kind == "done");
            kind.clear();
            if is_interrupted && told.numbers.len() > before {
                return;
            }
        }
    }
}

async fn next(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> Option<String> {
    let line = timeout(SILENCE, lines.next_line()).await;
    line.expect("the studio lives")
        .expect("the connection holds")
}

/// Opens a stream and reads its head. HTTP/1.0, for which an answer has no chunks.
async fn connect(address: &str, id: &str, last: Option<&i64>) -> Lines<BufReader<OwnedReadHalf>> {
    let (reader, mut writer) = TcpStream::connect(address)
        .await
        .expect("it listens")
        .into_split();
    let last = last.map_or(String::new(), |number| {
        format!("last-event-id: {number}\r\n")
    });
    let request = format!("GET /v1/videos/{id}/events HTTP/1.0\r\nhost: {address}\r\n{last}\r\n");
    writer
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    // Dropped, this half would end the connection.
    writer.forget();
    let mut lines = BufReader::new(reader).lines();
    let status = next(&mut lines).await.expect("a status");
    assert!(status.contains(" 200 "), "{status}");
    while next(&mut lines).await.is_some_and(|line| !line.is_empty()) {}
    lines
}

//! The calls of a Videos API that another machine serves.
//!
//! Reference: `resources/videos.py` of openai-python 3.54.0.

use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderMap;
use kinora_engine::Cancel;
use serde_json::Value;
use tokio::task::spawn_blocking;
use ureq::http::Response;
use ureq::{Agent, Body, RequestBuilder};

use super::content;
use super::failure::Failure;
use super::request;
use crate::config::{ApiKey, Remote};
use crate::outbound::agent;

/// Longest time of a call that moves no video.
const PATIENCE: Duration = Duration::from_mins(1);
/// Longest time until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest time of a download, and of a pause in it.
const DOWNLOAD: Duration = Duration::from_mins(30);
const PAUSE: Duration = Duration::from_mins(1);
/// Largest answer that is not a video, in bytes.
const LARGEST_ANSWER: u64 = 1 << 20;
/// Longest id in characters.
const LONGEST_ID: usize = 512;
/// Longest wait that an answer may ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// One remote and the key to it.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    key: ApiKey,
}

/// A video as the remote tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its id there.
    pub id: String,
    /// Where it is in its life.
    pub stage: Stage,
    /// When to ask again, where the remote says so.
    pub again: Option<Duration>,
}

/// Where a video is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It waits or is made: 0 to 100.
    Made(i64),
    /// Its file is there.
    Completed,
    /// There will be none.
    Failed(Failure),
}

impl Client {
    /// A client of a remote.
    pub fn new(remote: &Remote) -> Self {
        // The operator names it, so it may be one of this machine's networks.
        let agent = agent(true, |config| {
            config
                .timeout_global(Some(PATIENCE))
                .timeout_connect(Some(CONNECT))
        });
        Self {
            agent,
            base: remote.base(),
            key: remote.key.clone(),
        }
    }

    /// Asks for a video; the same key asks for the same one.
    ///
    /// # Errors
    /// [`Failure`], unsure where the remote may make the video all the same.
    pub async fn create(&self, body: &request::Body, key: &str) -> Result<Told, Failure> {
        let (client, body, key) = (self.clone(), body.clone(), key.to_owned());
        blocking(move || {
            let request = client.agent.post(client.url(&[]));
            let request = client
                .signed(request)
                .content_type(body.kind)
                .header("idempotency-key", key);
            let answer = client.answer(request.send(body.bytes))?;
            Told::read(&answer)
        })
        .await
    }

    /// How far a video is.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn retrieve(&self, id: &str) -> Result<Told, Failure> {
        let (client, url) = (self.clone(), self.url(&[id]));
        blocking(move || {
            let answer = client.answer(client.signed(client.agent.get(url)).call())?;
            Told::read(&answer)
        })
        .await
    }

    /// Stops and deletes a video; one that is gone already is as well.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn delete(&self, id: &str) -> Result<(), Failure> {
        let (client, url) = (self.clone(), self.url(&[id]));
        let deleted = blocking(move || {
            let request = client.signed(client.agent.delete(url));
            client.answer(request.call()).map(|_| ())
        });
        match deleted.await {
            Err(failure) if failure.code == "remote_gone" => Ok(()),
            deleted => deleted,
        }
    }

    /// Writes a finished video of at most so many bytes to a file, which appears whole or not at all.
    ///
    /// # Errors
    /// [`Failure`], also for what is no MP4.
    pub async fn download(
        &self,
        id: &str,
        target: PathBuf,
        most_bytes: u64,
        stop: Cancel,
    ) -> Result<(), Failure> {
        let (client, url) = (self.clone(), self.url(&[id, "content"]));
        blocking(move || {
            let request = client.signed(client.agent.get(url)).config();
            let request = request
                .timeout_global(Some(DOWNLOAD))
                .timeout_per_read(Some(PAUSE))
                .build();
            let response = request.call().map_err(|error| Failure::of_error(&error))?;
            if response.status().as_u16() != 200 {
                return match client.answer(Ok(response)) {
                    Err(failure) => Err(failure),
                    Ok(_) => Err(Failure::nonsense("no content")),
                };
            }
            content::keep(response.into_body(), &target, most_bytes, &stop)
        })
        .await
    }

    fn url(&self, path: &[&str]) -> String {
        let mut url = format!("{}/videos", self.base);
        for part in path {
            url.push('/');
            url.push_str(&encoded(part));
        }
        url
    }

    fn signed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match self.key.authorization() {
            Some(value) => request.header("authorization", value),
            None => request,
        }
    }

    /// What a call came to: the document of a success.
    fn answer(&self, called: Result<Response<Body>, ureq::Error>) -> Result<Answer, Failure> {
        let mut response = called.map_err(|error| Failure::of_error(&error))?;
        let status = response.status().as_u16();
        let wait = wait_of(response.headers());
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER);
        let document = body.read_to_vec().map(|bytes| {
            let document = serde_json::from_slice(&bytes).unwrap_or_default();
            self.hidden(document)
        });
        match (status, document) {
            (200..300, Ok(document)) => Ok(Answer { document, wait }),
            (200..300, Err(error)) => Err(Failure::of_error(&error)),
            (_, document) => {
                let document = document.unwrap_or_default();
                Err(Failure::of_status(status, &document, wait))
            }
        }
    }

    /// A document in which the key does not stand, whatever the remote wrote.
    fn hidden(&self, document: Value) -> Value {
        match document {
            Value::String(text) => Value::String(self.key.hide_in(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.hidden(value)).collect(),
            Value::Object(entries) => {
                let entries = entries.into_iter();
                entries
                    .map(|(name, value)| (name, self.hidden(value)))
                    .collect()
            }
            other => other,
        }
    }
}

/// A successful answer.
struct Answer {
    document: Value,
    wait: Option<Duration>,
}

impl Told {
    fn read(Answer { document, wait }: &Answer) -> Result<Self, Failure> {
        let id = document["id"].as_str().unwrap_or_default();
        let is_plain = id.bytes().all(|byte| byte.is_ascii_graphic());
        if id.is_empty() || id.len() > LONGEST_ID || !is_plain {
            return Err(Failure::nonsense("it names no video"));
        }
        let progress = document["progress"].as_f64().unwrap_or_default();
        let stage = match document["status"].as_str().unwrap_or_default() {
            "queued" | "in_progress" => Stage::Made(progress.clamp(0.0, 100.0) as i64),
            "completed" => Stage::Completed,
            // The SDKs take every other status for an end.
            _ => Stage::Failed(Failure::of_video(&document["error"])),
        };
        Ok(Self {
            id: id.into(),
            stage,
            again: *wait,
        })
    }
}

/// When an answer wants to be asked again: the SDKs' headers, then the standard one in seconds.
fn wait_of(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms")
        .or_else(|| number("openai-poll-after-ms"))
        .map(|milliseconds| milliseconds / 1000.0)
        .or_else(|| number("retry-after"))?;
    let wait = Duration::try_from_secs_f64(seconds).ok()?;
    Some(wait.min(LONGEST_WAIT))
}

/// Text as one part of a path (RFC 3986, section 2).
fn encoded(part: &str) -> String {
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~');
    part.bytes().fold(String::new(), |path, byte| {
        if is_unreserved(byte) {
            path + &char::from(byte).to_string()
        } else {
            path + &format!("%{byte:02X}")
        }
    })
}

/// Runs a call on a thread that may wait.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match spawn_blocking(call).await {
        Ok(result) => result,
        Err(lost) => Err(Failure {
            again: Some(Duration::ZERO),
            is_unsure: true,
            ..Failure::lasting("remote_unavailable", lost.to_string())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_and_bounded() {
        let check = |pairs: &[(&'static str, &'static str)], expected: Option<u64>| {
            let pairs = pairs.iter();
            let headers = pairs.map(|&(name, value)| {
                let name = axum::http::HeaderName::from_static(name);
                (name, axum::http::HeaderValue::from_static(value))
            });
            let found = wait_of(&headers.collect());
            assert_eq!(found, expected.map(Duration::from_millis));
        };
        check(&[], None);
        check(&[("retry-after", "2")], Some(2000));
        check(&[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")], None);
        check(&[("retry-after", "-1")], None);
        check(&[("retry-after", "999999")], Some(600_000));
        check(
            &[("retry-after", "9"), ("openai-poll-after-ms", "250")],
            Some(250),
        );
    }

    #[test]
    fn an_id_stays_one_part_of_a_path() {
        assert_eq!(encoded("video_0-a"), "video_0-a");
        assert_eq!(encoded("../a?b=%c"), "%2E%2E%2Fa%3Fb%3D%25c");
    }
}

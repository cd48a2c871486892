//! Cuts: finished clips joined into one MP4 that is sent while it is read.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use kinora_media::{Cut, MediaError, Part, Tags};
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, Take};

use super::Studio;
use super::body::Object;
use super::error::ApiError;
use super::storyboards::{MOST_SHOTS, checked_title};
use super::videos::find;
use crate::outputs::LocalFile;
use crate::store::{State as Life, Video};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// The body of a cut.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    video_ids: Vec<String>,
    #[serde(default)]
    title: String,
}

/// `POST /v1/cuts`: an MP4 of these videos in order, with all their recipes.
pub async fn create(
    State(studio): State<Studio>,
    Object(order): Object<Order>,
) -> Result<Response, ApiError> {
    if !(1..=MOST_SHOTS).contains(&order.video_ids.len()) {
        let message = format!("a cut has 1 to {MOST_SHOTS} videos");
        return Err(ApiError::invalid("video_ids", message));
    }
    let title = checked_title(order.title)?;
    let mut known = HashMap::new(); // a video may come more than once
    for id in &order.video_ids {
        if !known.contains_key(id) {
            known.insert(id.clone(), find(&studio, id).await?);
        }
    }
    let shots: Vec<&Video> = order.video_ids.iter().map(|id| &known[id]).collect();
    let keys = keys(&shots)?;
    same_shape(&shots)?;
    // A remote tells no recipe of its clips.
    let made_here = shots.iter().filter(|video| video.remote.is_none());
    let recipes: Vec<String> = made_here.map(|video| video.recipe.to_json()).collect();
    let tags = Tags {
        title: Some(title.clone()).filter(|title| !title.is_empty()),
        recipe: Some(format!("[{}]", recipes.join(","))),
        ..Tags::default()
    };
    let mut clips = HashMap::new(); // held until all is sent
    for &key in &keys {
        if !clips.contains_key(key) {
            clips.insert(key.to_owned(), studio.outputs.video(key).await?);
        }
    }
    let paths = keys.iter().map(|&key| clips[key].path().to_owned());
    let paths: Vec<_> = paths.collect();
    let planned = {
        let paths = paths.clone();
        tokio::task::spawn_blocking(move || Cut::plan(&paths, tags)).await
    };
    let cut = planned
        .map_err(|error| ApiError::internal(&error))?
        .map_err(|error| refusal(error, &shots, &paths))?;
    let name = format!("attachment; filename=\"{}.mp4\"", file_name(&title));
    let headers = [
        (CONTENT_TYPE, "video/mp4".to_owned()),
        (CONTENT_LENGTH, cut.bytes().to_string()),
        (CONTENT_DISPOSITION, name),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    let clips = clips.into_values().collect();
    Ok((headers, stream(cut, clips)).into_response())
}

/// The files of the shots, all of which must be finished.
fn keys<'a>(shots: &[&'a Video]) -> Result<Vec<&'a str>, ApiError> {
    let finished = |video: &&Video| video.state == Life::Completed && video.output_key.is_some();
    let open: Vec<String> = named(
        shots,
        |video| !finished(&video),
        |video| video.state.status(),
    );
    if !open.is_empty() {
        let message = format!(
            "a cut needs finished videos, but these are not: {}; wait for them or leave them out",
            open.join(", ")
        );
        let code = "not_completed";
        return Err(ApiError::bad_request(code, Some("video_ids"), message));
    }
    Ok(shots
        .iter()
        .filter_map(|video| video.output_key.as_deref())
        .collect())
}

/// Shots that fit a condition, by number and id, with what is said about each.
fn named<T: std::fmt::Display>(
    shots: &[&Video],
    is_meant: impl Fn(&Video) -> bool,
    about: impl Fn(&Video) -> T,
) -> Vec<String> {
    let shots = shots
        .iter()
        .enumerate()
        .filter(|(_, video)| is_meant(video));
    shots
        .map(|(index, video)| format!("shot {} (`{}`: {})", index + 1, video.id, about(video)))
        .collect()
}

fn same_shape(shots: &[&Video]) -> Result<(), ApiError> {
    let shape = |video: &Video| {
        let effective = &video.recipe.effective;
        format!("{} at {} fps", effective.framing.size, effective.timing.fps)
    };
    let first = shape(shots[0]);
    let others = named(shots, |video| shape(video) != first, shape);
    if others.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "shot 1 (`{}`) is {first}, but {}",
        shots[0].id,
        others.join(", ")
    );
    Err(mixed(&format!(
        "{reason}; make them again in one size and frame rate"
    )))
}

fn mixed(message: &str) -> ApiError {
    ApiError::bad_request("mixed_clips", Some("video_ids"), message)
}

/// What the files themselves say against a cut.
fn refusal(error: MediaError, shots: &[&Video], paths: &[PathBuf]) -> ApiError {
    match error {
        MediaError::DoesNotFit { path, reason } => {
            let index = paths.iter().position(|one| *one == path).unwrap_or(0);
            let id = &shots[index].id;
            let message = format!(
                "shot {} (`{id}`) cannot be joined without encoding it again: {reason}; \
                 try it again, or remix it",
                index + 1
            );
            mixed(&message)
        }
        MediaError::TagTooLong { .. } => {
            let message = format!("{error}; leave out some videos");
            ApiError::invalid("video_ids", message)
        }
        other => ApiError::internal(&other),
    }
}

/// A file name that every system takes.
fn file_name(title: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            ' '
        }
    };
    let text: String = title.chars().map(plain).collect();
    let name = text.split_whitespace().collect::<Vec<_>>().join("-");
    if name.is_empty() {
        "kinora-cut".into()
    } else {
        name
    }
}

/// A cut that is being sent.
struct Sending {
    head: Option<Vec<u8>>,
    parts: std::vec::IntoIter<Part>,
    file: Option<Take<File>>,
    /// Files that go when all is sent, or nobody listens any more.
    _clips: Vec<LocalFile>,
}

fn stream(cut: Cut, clips: Vec<LocalFile>) -> Body {
    let sending = Sending {
        head: Some(cut.head),
        parts: cut.parts.into_iter(),
        file: None,
        _clips: clips,
    };
    Body::from_stream(try_unfold(sending, |mut sending| async move {
        let next = sending.next().await?;
        Ok::<_, io::Error>(next.map(|bytes| (bytes, sending)))
    }))
}

impl Sending {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head.into()));
        }
        loop {
            if let Some(file) = &mut self.file {
                let mut bytes = vec![0; CHUNK];
                let count = file.read(&mut bytes).await?;
                if count > 0 {
                    bytes.truncate(count);
                    return Ok(Some(bytes.into()));
                }
                if file.limit() > 0 {
                    // The length was promised: a shorter answer must not look whole.
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            let Some(part) = self.parts.next() else {
                return Ok(None);
            };
            let mut file = File::open(&part.path).await?;
            file.seek(io::SeekFrom::Start(part.start)).await?;
            self.file = Some(file.take(part.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn file_names_are_plain() {
        assert_eq!(file_name("Harbour: the Cut"), "harbour-the-cut");
        assert_eq!(file_name("../../etc/\"x\""), "etc-x");
        assert_eq!(file_name("日本"), "kinora-cut");
    }
}

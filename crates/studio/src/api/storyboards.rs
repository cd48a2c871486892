//! Storyboards. A change names the revision it was made on, so that two pages never undo each
//! other's work unseen.

use std::collections::HashSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Studio;
use super::body::{Ignored, Object, object, objects};
use super::create::new_id;
use super::error::ApiError;
use super::path::Path;
use super::videos::{listed, page_limit};
use crate::store::{Change, Document, Settings, Shot, Storyboard};

const PAGE: i64 = 50;
/// Most shots of a storyboard, and of a cut.
pub const MOST_SHOTS: usize = 100;
/// Most takes of a shot.
const MOST_TAKES: usize = 100;
/// Longest title in characters.
pub const LONGEST_TITLE: usize = 200;
/// Longest text of any other field in characters, as of a prompt.
const LONGEST_TEXT: usize = 32_000;
/// Longest id in characters.
const LONGEST_ID: usize = 64;
/// Largest seed: above it, JSON readers lose digits.
const LARGEST_SEED: u64 = (1 << 53) - 1;

/// The query of the list.
#[derive(Debug, Deserialize)]
pub struct Page {
    after: Option<String>,
    limit: Option<i64>,
}

/// A storyboard as a client sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    #[serde(default)]
    title: String,
    #[serde(default, deserialize_with = "object")]
    settings: Settings,
    #[serde(default, deserialize_with = "objects")]
    shots: Vec<Shot>,
    /// The revision that a change was made on.
    revision: Option<i64>,
}

impl Sent {
    fn check(self) -> Result<(String, Document), ApiError> {
        let title = checked_title(self.title)?;
        if self.shots.len() > MOST_SHOTS {
            let message = format!("a storyboard has at most {MOST_SHOTS} shots");
            return Err(ApiError::invalid("shots", message));
        }
        let mut ids = HashSet::new();
        for shot in &self.shots {
            check_shot(shot)?;
            if !ids.insert(&shot.id) {
                let message = format!("two shots have the id `{}`", shot.id);
                return Err(ApiError::invalid("shots", message));
            }
        }
        let document = Document {
            settings: self.settings,
            shots: self.shots,
        };
        Ok((title, document))
    }
}

/// A title without the characters that no title has.
pub fn checked_title(title: String) -> Result<String, ApiError> {
    let is_fine = title.chars().count() <= LONGEST_TITLE && !title.contains(char::is_control);
    let message = || format!("a title is one line of at most {LONGEST_TITLE} characters");
    is_fine
        .then_some(title)
        .ok_or_else(|| ApiError::invalid("title", message()))
}

fn check_shot(shot: &Shot) -> Result<(), ApiError> {
    let is_id = |id: &String| (1..=LONGEST_ID).contains(&id.chars().count());
    let are_ids = is_id(&shot.id) && shot.video_ids.iter().all(is_id);
    let message = if !are_ids {
        format!("ids have 1 to {LONGEST_ID} characters")
    } else if shot.prompt.chars().count() > LONGEST_TEXT {
        format!("a prompt has at most {LONGEST_TEXT} characters")
    } else if shot.video_ids.len() > MOST_TAKES {
        format!("a shot keeps at most {MOST_TAKES} takes; delete older ones")
    } else if shot
        .video_id
        .as_ref()
        .is_some_and(|id| !shot.video_ids.contains(id))
    {
        "video_id must be one of the shot's video_ids".to_owned()
    } else if shot.seed.is_some_and(|seed| seed > LARGEST_SEED) {
        format!("seed is 0 to {LARGEST_SEED}")
    } else {
        return Ok(());
    };
    Err(ApiError::invalid("shots", message))
}

fn view(storyboard: &Storyboard) -> Value {
    let mut view = json!({
        "id": storyboard.id,
        "object": "storyboard",
        "title": storyboard.title,
        "created_at": storyboard.created_at / 1000,
        "updated_at": storyboard.updated_at / 1000,
        "revision": storyboard.revision,
        "shot_count": storyboard.shot_count,
    });
    if let Some(document) = &storyboard.document {
        view["settings"] = json!(document.settings);
        view["shots"] = json!(document.shots);
    }
    view
}

fn missing(id: &str) -> ApiError {
    let message = format!("there is no storyboard `{id}`; GET /v1/storyboards lists them");
    ApiError::not_found("storyboard_not_found", message)
}

/// `GET /v1/storyboards`.
pub async fn list(
    State(studio): State<Studio>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(page) = query?;
    let limit = page_limit(page.limit, PAGE)?;
    let found = studio
        .store
        .storyboards(page.after.as_deref(), limit + 1)
        .await?;
    Ok(Json(listed(found.iter().map(view).collect(), limit)))
}

/// `GET /v1/storyboards/{id}`.
pub async fn retrieve(
    State(studio): State<Studio>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let found = studio.store.storyboard(&id).await?;
    found
        .as_ref()
        .map(|found| Json(view(found)))
        .ok_or_else(|| missing(&id))
}

/// `POST /v1/storyboards`.
pub async fn create(
    State(studio): State<Studio>,
    Object(sent): Object<Sent>,
) -> Result<Json<Value>, ApiError> {
    let (title, document) = sent.check()?;
    let id = new_id("storyboard");
    studio.store.add_storyboard(&id, &title, &document).await?;
    retrieve(State(studio), Path(id)).await
}

/// `PUT /v1/storyboards/{id}`.
pub async fn change(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    Object(sent): Object<Sent>,
) -> Result<Json<Value>, ApiError> {
    let Some(revision) = sent.revision else {
        let message = "give the revision of the storyboard that was changed";
        return Err(ApiError::invalid("revision", message));
    };
    let (title, document) = sent.check()?;
    let change = studio
        .store
        .change_storyboard(&id, revision, &title, &document)
        .await?;
    match change {
        Change::Made => retrieve(State(studio), Path(id)).await,
        Change::Missing => Err(missing(&id)),
        Change::Conflict => Err(ApiError::conflict(
            "storyboard_changed",
            "the storyboard was changed elsewhere; read it again and change that",
        )),
    }
}

/// `DELETE /v1/storyboards/{id}`: its clips stay.
pub async fn delete(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    _: Ignored,
) -> Result<Json<Value>, ApiError> {
    if !studio.store.delete_storyboard(&id).await? {
        return Err(missing(&id));
    }
    Ok(Json(
        json!({"id": id, "object": "storyboard.deleted", "deleted": true}),
    ))
}

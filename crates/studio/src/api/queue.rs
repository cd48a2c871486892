//! The queue: its order, its pause, and second tries.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Studio;
use super::auth::Caller;
use super::body::{Ignored, Object};
use super::error::ApiError;
use super::path::Path;
use super::videos::{find, page_limit, view};
use crate::store::{Move, StoreError};

/// Waiting videos that are shown unless the request says otherwise.
const SHOWN: i64 = 50;

/// The query of the queue.
#[derive(Debug, Default, Deserialize)]
pub struct Page {
    limit: Option<i64>,
}

/// `GET /v1/queue`.
pub async fn retrieve(
    State(studio): State<Studio>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(page) = query?;
    let limit = page_limit(page.limit, SHOWN)?;
    let queue = studio.store.queue(limit).await?;
    let views = |videos: &[_]| videos.iter().map(view).collect::<Vec<_>>();
    Ok(Json(json!({
        "object": "queue",
        "paused": queue.paused,
        "in_progress": views(&queue.running),
        "queued": views(&queue.waiting),
        "queued_count": queue.waiting_count,
    })))
}

/// The body of a pause.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    paused: bool,
}

/// `PATCH /v1/queue`.
pub async fn change(
    State(studio): State<Studio>,
    Object(change): Object<Change>,
) -> Result<Json<Value>, ApiError> {
    studio.store.pause(change.paused).await?;
    studio.hub.queue_changed();
    retrieve(State(studio), Ok(Query(Page::default()))).await
}

/// The body of a move: one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    before: Option<String>,
    to: Option<End>,
}

/// An end of the queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    First,
    Last,
}

/// `POST /v1/videos/{id}/move`.
pub async fn reorder(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    Object(target): Object<Target>,
) -> Result<Json<Value>, ApiError> {
    let to = match (target.before, target.to) {
        (Some(before), None) => Move::Before(before),
        (None, Some(End::First)) => Move::First,
        (None, Some(End::Last)) => Move::Last,
        _ => {
            let message =
                "give `before` with the id of a waiting video, or `to` with first or last";
            return Err(ApiError::invalid("before", message));
        }
    };
    find(&studio, &id).await?;
    if let Move::Before(other) = &to {
        find(&studio, other).await?;
    }
    if !studio.store.reorder(&id, &to).await? {
        let message = "only waiting videos can change places; GET /v1/queue lists them";
        return Err(ApiError::bad_request("not_waiting", None, message));
    }
    studio.hub.queue_changed();
    Ok(Json(view(&find(&studio, &id).await?)))
}

/// `POST /v1/videos/{id}/retry`: the same request and seed once more, under the same id.
pub async fn retry(
    State(studio): State<Studio>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    _: Ignored,
) -> Result<Json<Value>, ApiError> {
    find(&studio, &id).await?;
    let owner = caller.owner(&studio.config.queue);
    let is_queued = match studio.store.retry(&id, owner).await {
        Err(StoreError::TooMany { most }) => return Err(ApiError::too_many(most)),
        retried => retried?,
    };
    if !is_queued {
        let message = "only a failed or cancelled video can be tried again; \
            remix a finished one, or create it with another seed";
        return Err(ApiError::bad_request("not_failed", None, message));
    }
    studio.hub.queue_changed();
    Ok(Json(view(&find(&studio, &id).await?)))
}

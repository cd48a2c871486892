//! Reading, changing and ending videos.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Studio;
use super::body::{Ignored, Object};
use super::error::ApiError;
use super::inputs;
use super::path::Path;
use super::view::polled;
pub use super::view::view;
use crate::store::{self, Ending, Filter, Video};

/// Videos of a page unless the request says otherwise, and at most.
const PAGE: i64 = 20;
const LARGEST_PAGE: i64 = 100;

/// A video by its id.
pub async fn find(studio: &Studio, id: &str) -> Result<Video, ApiError> {
    studio
        .store
        .video(id)
        .await?
        .ok_or_else(|| ApiError::no_video(id))
}

/// `GET /v1/videos/{id}`.
pub async fn retrieve(
    State(studio): State<Studio>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let video = find(&studio, &id).await?;
    Ok(polled(&video, Json(view(&video))))
}

/// The query of a list.
#[derive(Debug, Deserialize)]
pub struct Page {
    after: Option<String>,
    limit: Option<i64>,
    order: Option<String>,
    #[serde(default)]
    q: String,
    status: Option<String>,
    #[serde(default)]
    starred: bool,
}

/// `GET /v1/videos`.
pub async fn list(
    State(studio): State<Studio>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(page) = query?;
    let limit = page_limit(page.limit, PAGE)?;
    let ascending = match page.order.as_deref() {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(other) => {
            return Err(ApiError::invalid(
                "order",
                format!("order is asc or desc, not `{other}`"),
            ));
        }
    };
    let state = page.status.as_deref().map(|status| {
        store::State::of_status(status).ok_or_else(|| {
            let message = "status is queued, in_progress, completed or failed";
            ApiError::invalid("status", message)
        })
    });
    let filter = Filter {
        text: page.q,
        state: state.transpose()?,
        starred: page.starred,
        after: page.after,
        ascending,
        limit: limit + 1,
    };
    let videos = studio.store.videos(&filter).await?;
    Ok(Json(listed(videos.iter().map(view).collect(), limit)))
}

/// Checks the limit of a page.
pub fn page_limit(limit: Option<i64>, usual: i64) -> Result<i64, ApiError> {
    let limit = limit.unwrap_or(usual);
    if (0..=LARGEST_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::invalid(
            "limit",
            format!("limit is 0 to {LARGEST_PAGE}, not {limit}"),
        ))
    }
}

/// A page of objects with ids, of which one more than `limit` was looked up.
pub fn listed(mut data: Vec<Value>, limit: i64) -> Value {
    let has_more = data.len() as i64 > limit;
    data.truncate(limit as usize);
    let id = |object: Option<&Value>| object.map(|object| object["id"].clone());
    json!({
        "object": "list",
        "first_id": id(data.first()),
        "last_id": id(data.last()),
        "has_more": has_more,
        "data": data,
    })
}

/// `POST /v1/videos/{id}/cancel`: a video that has ended stays as it is.
pub async fn cancel(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    _: Ignored,
) -> Result<Json<Value>, ApiError> {
    find(&studio, &id).await?;
    stop(&studio, &id).await?;
    Ok(Json(view(&find(&studio, &id).await?)))
}

async fn stop(studio: &Studio, id: &str) -> Result<(), ApiError> {
    if studio.store.cancel(id).await? {
        studio.metrics.ended(&Ending::cancelled());
        studio.hub.ended(id);
        studio.hub.queue_changed();
    }
    studio.hub.cancel_asked();
    Ok(())
}

/// `DELETE /v1/videos/{id}`.
pub async fn delete(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    _: Ignored,
) -> Result<Json<Value>, ApiError> {
    let video = find(&studio, &id).await?;
    if !video.state.is_final() {
        stop(&studio, &id).await?;
    }
    // First the files, so that none is left behind that no row names.
    if let Some(key) = &video.output_key {
        studio.outputs.remove(key).await?;
    }
    let key = studio.store.delete(&id).await?;
    // It may have been finished between the two.
    if let Some(key) = key.filter(|key| video.output_key.as_ref() != Some(key)) {
        studio.outputs.remove(&key).await?;
    }
    inputs::forget_unused(&studio, &video.inputs).await?;
    Ok(Json(
        json!({"id": id, "object": "video.deleted", "deleted": true}),
    ))
}

/// The body of a change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    starred: bool,
}

/// `PATCH /v1/videos/{id}`.
pub async fn change(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    Object(change): Object<Change>,
) -> Result<Json<Value>, ApiError> {
    find(&studio, &id).await?;
    studio.store.star(&id, change.starred).await?;
    Ok(Json(view(&find(&studio, &id).await?)))
}

/// `GET /v1/videos/{id}/recipe`.
pub async fn recipe(
    State(studio): State<Studio>,
    Path(id): Path<String>,
) -> Result<Json<kinora_engine::Recipe>, ApiError> {
    let video = find(&studio, &id).await?;
    if let Some(remote) = &video.remote {
        let message = format!(
            "`{remote}` made this video and tells no recipe; the prompt log holds what was asked"
        );
        return Err(ApiError::not_found("no_recipe", message));
    }
    Ok(Json(video.recipe))
}

//! Files of finished videos.

use std::path::PathBuf;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::Studio;
use super::error::ApiError;
use super::object;
use super::path::Path;
use super::videos::find;
use crate::outputs::{Content, Part, StorageError};
use crate::store;

/// The query of a download.
#[derive(Debug, Deserialize)]
pub struct Variant {
    variant: Option<String>,
}

/// `GET /v1/videos/{id}/content`, with `Range`.
pub async fn content(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    query: Result<Query<Variant>, QueryRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let Query(variant) = query?;
    let video = find(&studio, &id).await?;
    let key = match (&video.output_key, video.state) {
        (Some(key), store::State::Completed) => key,
        // 404 and not 409: the SDKs would ask a 409 again at once.
        (_, store::State::Failed) => {
            return Err(ApiError::not_found(
                "not_ready",
                "this video failed and has no content",
            ));
        }
        _ => {
            let message = "this video is not completed yet; ask for it again when it is";
            return Err(ApiError::not_found("not_ready", message));
        }
    };
    let (part, kind) = match variant.variant.as_deref().unwrap_or("video") {
        "video" => (Part::Video, "video/mp4"),
        "thumbnail" => (Part::Thumbnail, "image/webp"),
        "spritesheet" => (Part::Spritesheet, "image/jpeg"),
        other => {
            let message = format!("variant is video, thumbnail or spritesheet, not `{other}`");
            return Err(ApiError::invalid("variant", message));
        }
    };
    let mut response = match studio.outputs.content(key, part).await {
        Ok(Content::File(path)) => send_file(path, request).await,
        Ok(Content::Object(bucket, name, about)) => {
            object::send((bucket, name, about), request.method(), request.headers()).await?
        }
        Err(StorageError::Missing { .. }) if video.remote.is_some() && part != Part::Video => {
            let message = "this studio cannot decode the clip, so it has no pictures of it";
            return Err(ApiError::not_found("no_pictures", message));
        }
        Err(error) => return Err(error.into()),
    };
    if response.status().is_client_error() {
        return Ok(response); // a part that it does not have
    }
    // A file never changes under its video's id.
    let forever = HeaderValue::from_static("private, max-age=31536000, immutable");
    let is_sent = response.status().is_success();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, forever);
    if !is_sent {
        return Ok(response); // the client has it
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let stem = match &video.remote {
        None => video.recipe.effective.seed.to_string(),
        Some(_) => video.id.clone(),
    };
    let name = format!("inline; filename=\"kinora-{stem}.{}\"", part.extension());
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_str(&name).expect("plain characters"),
    );
    Ok(response)
}

async fn send_file(path: PathBuf, mut request: Request) -> Response {
    // Whatever a client accepts, there is one form of it.
    request.headers_mut().remove(ACCEPT);
    match ServeFile::new(path).oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}

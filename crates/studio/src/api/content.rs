//! Files of finished videos.

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
use super::path::Path;
use super::videos::find;
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
    mut request: Request,
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
    let files = studio.outputs.files(key);
    let (path, kind, extension) = match variant.variant.as_deref().unwrap_or("video") {
        "video" => (files.video, "video/mp4", "mp4"),
        "thumbnail" => (files.thumbnail, "image/webp", "webp"),
        "spritesheet" => (files.spritesheet, "image/jpeg", "jpg"),
        other => {
            let message = format!("variant is video, thumbnail or spritesheet, not `{other}`");
            return Err(ApiError::invalid("variant", message));
        }
    };
    if video.remote.is_some() && !path.exists() {
        let message = "this studio cannot decode the clip, so it has no pictures of it";
        return Err(ApiError::not_found("no_pictures", message));
    }
    // Whatever a client accepts, there is one form of it.
    request.headers_mut().remove(ACCEPT);
    let served = ServeFile::new(path).oneshot(request).await;
    let mut response = match served {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // A file never changes under its video's id.
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=31536000, immutable"),
    );
    let stem = match &video.remote {
        None => video.recipe.effective.seed.to_string(),
        Some(_) => video.id.clone(),
    };
    let name = format!("inline; filename=\"kinora-{stem}.{extension}\"");
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_str(&name).expect("plain characters"),
    );
    Ok(response)
}

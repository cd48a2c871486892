//! The web page's files, which are inside the program.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rust_embed::RustEmbed;

use super::auth::{Access, access};
use super::error::ApiError;
use super::{Studio, sign_in};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Files;

/// A file of the page; the page itself for every path that its views use.
pub async fn file(
    State(studio): State<Studio>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("v1/") || (method != Method::GET && method != Method::HEAD) {
        let message = format!("there is no `{}`; docs/api.md lists the calls", uri.path());
        return ApiError::not_found("not_found", message).into_response();
    }
    let is_view = !path.contains('.');
    if is_view {
        match access(&studio, &headers).await {
            Ok(Access::Granted(_)) => {}
            Ok(Access::Missing) => return sign_in::page(""),
            Ok(Access::Wrong) => return sign_in::page("Your key was revoked."),
            Err(error) => return ApiError::from(error).into_response(),
        }
    }
    let name = match path {
        "docs" => "docs.html",
        _ if is_view => "index.html",
        file => file,
    };
    let Some(file) = Files::get(name) else {
        let message = format!("there is no file `{}`", uri.path());
        return ApiError::not_found("not_found", message).into_response();
    };
    let tag = format!(
        "\"{}\"",
        BASE64_STANDARD.encode(file.metadata.sha256_hash())
    );
    if headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes())
    {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    };
    let headers = [
        (CONTENT_TYPE, kind.into()),
        (CACHE_CONTROL, "no-cache".into()),
        (ETAG, tag),
    ];
    (headers, file.data.into_owned()).into_response()
}

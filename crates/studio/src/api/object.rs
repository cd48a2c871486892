//! Sending a file of the bucket while it is read.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, LAST_MODIFIED,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;

use super::error::ApiError;
use super::range::{Wanted, wanted};
use crate::outputs::{About, Bucket};

/// Answers a request for an object as one for a local file is answered.
pub async fn send(
    (bucket, name, about): (Bucket, String, About),
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let (status, bytes) = match wanted(headers, &about) {
        Wanted::Whole => (StatusCode::OK, 0..about.bytes),
        Wanted::Bytes(bytes) => (StatusCode::PARTIAL_CONTENT, bytes),
        Wanted::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
        Wanted::Unchanged => (StatusCode::NOT_MODIFIED, 0..0),
    };
    let length = bytes.end - bytes.start;
    let body = if length == 0 || method == Method::HEAD {
        Body::empty()
    } else {
        Body::from_stream(bucket.read(&name, bytes.clone()).await?)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let mut set = |name: HeaderName, text: &str| {
        // A store may say what is no header.
        if let Ok(value) = HeaderValue::from_str(text) {
            response.headers_mut().insert(name, value);
        }
    };
    set(ACCEPT_RANGES, "bytes");
    set(LAST_MODIFIED, &httpdate::fmt_http_date(about.modified));
    if let Some(etag) = &about.etag {
        set(ETAG, etag);
    }
    let total = about.bytes;
    match status {
        StatusCode::PARTIAL_CONTENT => {
            set(
                CONTENT_RANGE,
                &format!("bytes {}-{}/{total}", bytes.start, bytes.end - 1),
            );
        }
        StatusCode::RANGE_NOT_SATISFIABLE => set(CONTENT_RANGE, &format!("bytes */{total}")),
        _ => {}
    }
    if status != StatusCode::NOT_MODIFIED {
        set(CONTENT_LENGTH, &length.to_string());
    }
    Ok(response)
}

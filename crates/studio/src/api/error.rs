//! The one table from errors to what clients see.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kinora_engine::Error;
use serde_json::json;

use crate::outputs::StorageError;
use crate::shelf::Missing;
use crate::store::{Obstacle, StoreError, Tier};

/// When to try again after too many requests: about the time of a clip.
const SECONDS_TO_WAIT: &str = "10";

/// An error as the SDKs read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable name of the cause.
    pub code: String,
    /// The field at fault.
    pub param: Option<String>,
    /// The cause and the way out.
    pub message: String,
}

impl ApiError {
    fn new(
        status: StatusCode,
        code: &str,
        param: Option<&str>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            param: param.map(Into::into),
            message: message.into(),
        }
    }

    /// A field with a value that cannot be meant.
    pub fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_value",
            Some(param),
            message,
        )
    }

    /// A request that is wrong as a whole, or in a way with a name of its own.
    pub fn bad_request(code: &str, param: Option<&str>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, param, message)
    }

    /// What no model here can do.
    pub fn unsupported(message: &str, param: Option<&str>) -> Self {
        Self::bad_request("unsupported_feature", param, message)
    }

    /// A field that a remote is not asked.
    pub fn not_taken(remote: &str, field: &str) -> Self {
        let message = format!(
            "`{remote}` takes no `{field}`: leave it out; its `takes` in GET /v1/models is what \
             it takes"
        );
        Self::unsupported(&message, Some(field))
    }

    /// Something that is not there.
    pub fn not_found(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, None, message)
    }

    /// No video of this id.
    pub fn no_video(id: &str) -> Self {
        Self::not_found(
            "video_not_found",
            format!("there is no video `{id}`; GET /v1/videos lists them"),
        )
    }

    /// A request from the page of another machine, or under another machine's name.
    pub fn foreign() -> Self {
        let message = "this studio answers its own page and programs on this machine only; \
            use http://127.0.0.1 or http://localhost with its port, or a name of server.public_names";
        Self::new(StatusCode::FORBIDDEN, "foreign_origin", None, message)
    }

    /// A call without the key that it needs.
    pub fn no_key() -> Self {
        let message = "this studio needs an API key: send `Authorization: Bearer KEY`, or open its \
            page in a browser and sign in; its operator makes keys with `kinora keys create`";
        Self::new(StatusCode::UNAUTHORIZED, "missing_api_key", None, message)
    }

    /// A key that is none of this studio's.
    pub fn wrong_key() -> Self {
        let message = "this API key is unknown or was revoked; \
            the studio's operator makes another with `kinora keys create`";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", None, message)
    }

    /// A tier above that of the key.
    pub fn tier(allowed: Tier) -> Self {
        let message = format!(
            "this API key is for the {allowed} tier; leave out `-pro`, or ask the studio's \
             operator for a key made with `--tier pro`"
        );
        Self::new(
            StatusCode::FORBIDDEN,
            "tier_not_allowed",
            Some("model"),
            message,
        )
    }

    /// More unfinished videos than a key may have.
    pub fn too_many(most: u32) -> Self {
        let message = format!(
            "this API key may have {most} unfinished videos at a time; \
             wait until one is done, or cancel one"
        );
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_queued",
            None,
            message,
        )
    }

    /// A path that exists, called in another way.
    pub fn method_not_allowed() -> Self {
        let message = "this path does not take this method; docs/api.md lists the calls";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            None,
            message,
        )
    }

    /// A body that is too long.
    pub fn too_large() -> Self {
        let message = "the body is longer than this studio takes; \
            its operator can raise limits.body_bytes and limits.upload_bytes";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", None, message)
    }

    /// A body that is neither JSON nor a form.
    pub fn unsupported_media_type() -> Self {
        let message = "send application/json or multipart/form-data";
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            None,
            message,
        )
    }

    /// A change that another one came before.
    pub fn conflict(code: &str, message: &str) -> Self {
        Self::new(StatusCode::CONFLICT, code, None, message)
    }

    /// An idempotency key that came with another body.
    pub fn idempotency_mismatch() -> Self {
        let message = "this Idempotency-Key was used with another body; use a new key";
        Self::conflict("idempotency_mismatch", message)
    }

    /// A database that another program holds; nothing was changed.
    pub fn busy() -> Self {
        let message = "the studio's database is busy and nothing was changed; try again";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database_busy",
            None,
            message,
        )
    }

    /// A disk without room; nothing was changed.
    pub fn disk_full() -> Self {
        let message = "the studio's disk is full and nothing was changed; \
            delete clips or make room, then try again";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", None, message)
    }

    /// A mistake of ours or of the machine; the cause goes to the studio's own output.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        let message = "the studio failed; its output says why";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            None,
            message,
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        const RETRY: HeaderName = HeaderName::from_static("x-should-retry");
        let kind = match self.status {
            status if status.is_server_error() => "server_error",
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            _ => "invalid_request_error",
        };
        let body = json!({"error": {
            "message": self.message, "type": kind, "param": self.param, "code": self.code,
        }});
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::CONFLICT {
            // The SDKs would send the same request twice more.
            headers.insert(RETRY, HeaderValue::from_static("false"));
        }
        if self.status == StatusCode::INSUFFICIENT_STORAGE {
            headers.insert(RETRY, HeaderValue::from_static("false"));
        }
        if matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            headers.insert(RETRY, HeaderValue::from_static("true"));
            headers.insert(RETRY_AFTER, HeaderValue::from_static(SECONDS_TO_WAIT));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if let StoreError::Character = error {
            return Self::bad_request("invalid_value", None, format!("{error}; leave it out"));
        }
        match error.obstacle() {
            Some(Obstacle::Busy) => Self::busy(),
            Some(Obstacle::Full) => Self::disk_full(),
            None => Self::internal(&error),
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        let (status, code, message) = match error {
            StorageError::Unavailable { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "storage_unavailable",
                "the studio's object store does not answer; try again in a moment",
            ),
            StorageError::NotBuilt
            | StorageError::Refused { .. }
            | StorageError::Settings { .. } => (
                StatusCode::BAD_GATEWAY,
                "storage_failed",
                "the studio's object store refuses; the studio's output says why",
            ),
            StorageError::Missing { .. } => {
                let message = "this file is not kept any more; make the video again";
                return Self::not_found("content_missing", message);
            }
            StorageError::Io(error) => return error.into(),
        };
        tracing::error!(%error, "the object store failed");
        Self::new(status, code, None, message)
    }
}

impl From<Missing> for ApiError {
    fn from(missing: Missing) -> Self {
        Self::bad_request(missing.code(), Some("model"), missing.to_string())
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull => Self::disk_full(),
            _ => Self::internal(&error),
        }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::unsupported_media_type(),
            _ => Self::bad_request("invalid_body", None, rejection.body_text()),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request("invalid_query", None, rejection.body_text())
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Model { .. } | Error::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let param = match &error {
            Error::EmptyPrompt | Error::Moderation { .. } | Error::Coverage { .. } => {
                Some("prompt")
            }
            Error::PromptTooLong { what: "prompt", .. } => Some("prompt"),
            Error::PromptTooLong { .. } => Some("negative_prompt"),
            Error::Seconds { .. } => Some("seconds"),
            Error::Size { .. } => Some("size"),
            Error::UnknownModel { .. } => Some("model"),
            Error::Value {
                name: "--steps", ..
            } => Some("num_inference_steps"),
            Error::Value {
                name: "--guidance", ..
            } => Some("guidance_scale"),
            Error::Value {
                name: "--image", ..
            } => Some("input_reference"),
            Error::Value {
                name: "--extend", ..
            } => Some("video"),
            Error::Value {
                name: "--best-of", ..
            } => Some("best_of"),
            Error::Value { name, .. } => Some(name.trim_start_matches('-')),
            _ => None,
        };
        // It speaks of the command line's options; most fields have the same names here.
        let message = format!("{error}; {}", error.hint());
        let message = match (&error, param) {
            (Error::Value { name, .. }, Some(field)) => message.replace(name, field),
            _ => message,
        };
        Self::new(status, error.code(), param, message.replace("--", ""))
    }
}

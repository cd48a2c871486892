//! The door of the page where the studio has keys: asks for one, and has the browser keep it in a
//! cookie that no script can read and no other site can send.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::response::{IntoResponse, Response};

use super::Studio;
use super::auth::{Access, KEY_COOKIE, access_of};
use super::error::ApiError;

const PAGE: &str = include_str!("sign_in/page.html");
const SHEET: &str = include_str!("sign_in/page.css");
/// A year, in seconds.
const KEPT: u32 = 31_536_000;

/// The page that asks for a key, with what was wrong about the last one.
pub fn page(refused: &str) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    let page = PAGE.replace("{refused}", refused);
    (StatusCode::UNAUTHORIZED, headers, page).into_response()
}

/// `GET /sign-in.css`
pub async fn sheet() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], SHEET).into_response()
}

/// `POST /sign-in`: the form of the page.
pub async fn enter(State(studio): State<Studio>, body: Bytes) -> Result<Response, ApiError> {
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let key = text.strip_prefix("key=").unwrap_or_default();
    // What a form writes in another way is no key, and nothing else may get into the cookie.
    let is_plain = key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let granted = is_plain && matches!(access_of(&studio, Some(key)).await?, Access::Granted(_));
    if granted {
        Ok(home(&format!("{KEY_COOKIE}={key}"), KEPT))
    } else {
        Ok(page("This key is unknown or was revoked."))
    }
}

/// `GET /sign-out`: forgets the key.
pub async fn leave() -> Response {
    home(&format!("{KEY_COOKIE}="), 0)
}

fn home(cookie: &str, seconds: u32) -> Response {
    let cookie = format!("{cookie}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict");
    let headers = [(LOCATION, "/".into()), (SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, headers).into_response()
}

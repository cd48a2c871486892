//! Keeps foreign web pages out. A studio on loopback has no keys, so a page that is open in the
//! same browser could otherwise send it forms, or read it under a name of its own that it lets
//! point here (DNS rebinding).

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

/// Refuses requests that were not meant for this machine or come from a page of another one.
pub async fn guard(request: Request, next: Next) -> Response {
    if is_at_home(request.headers()) {
        next.run(request).await
    } else {
        ApiError::foreign().into_response()
    }
}

fn is_at_home(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let Some(host) = text(HOST) else { return true }; // no browser
    let is_same = text(ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
    is_same && is_loopback(host)
}

/// Whether `host`, with or without a port, names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a header"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().expect("a header"));
        }
        assert_eq!(is_at_home(&headers), expected, "{host} from {origin:?}");
    }

    #[test]
    fn only_this_machine_and_its_own_page_are_at_home() {
        check("127.0.0.1:8765", None, true);
        check("localhost:8765", Some("http://localhost:8765"), true);
        check("[::1]:8765", Some("http://[::1]:8765"), true);
        check("LOCALHOST", None, true);
        check("127.0.0.1:8765", Some("http://127.0.0.1:9999"), false);
        check("127.0.0.1:8765", Some("https://example.org"), false);
        check("127.0.0.1:8765", Some("null"), false);
        check("example.org:8765", Some("http://example.org:8765"), false);
        check("127.0.0.1.example.org", None, false);
        check("10.0.0.7:8765", None, false);
        assert!(
            is_at_home(&HeaderMap::new()),
            "a client without a host is no browser"
        );
    }
}

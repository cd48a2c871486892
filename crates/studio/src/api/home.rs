//! Keeps foreign web pages out. A studio on loopback has no keys, so a page that is open in the
//! same browser could otherwise send it forms, or read it under a name of its own that it lets
//! point here (DNS rebinding).

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Studio;
use super::error::ApiError;
use crate::config::Server;

/// Refuses requests that were not meant for this machine or come from a page of another one.
pub async fn guard(State(studio): State<Studio>, request: Request, next: Next) -> Response {
    if is_at_home(request.headers(), &studio.config.server) {
        next.run(request).await
    } else {
        ApiError::foreign().into_response()
    }
}

fn is_at_home(headers: &HeaderMap, server: &Server) -> bool {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let Some(host) = text(HOST) else { return true }; // no browser
    let is_same = text(ORIGIN).is_none_or(|origin| {
        // https: a proxy in front of the studio may speak it.
        let origin = origin
            .strip_prefix("http://")
            .or(origin.strip_prefix("https://"));
        origin == Some(host)
    });
    is_same && is_ours(host, server)
}

/// Whether `host`, with or without a port, names this machine. An address cannot be made to point
/// here by a stranger, as a name can.
fn is_ours(host: &str, server: &Server) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let address: Option<IpAddr> = name
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok();
    let is_known = server.public_names.iter().any(|known| is(known));
    match address {
        Some(address) => address.is_loopback() || !server.host.is_loopback(),
        None => is("localhost") || is_known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(server: &Server, host: &str, origin: Option<&str>, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a header"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().expect("a header"));
        }
        let found = is_at_home(&headers, server);
        assert_eq!(found, expected, "{host} from {origin:?}");
    }

    #[test]
    fn only_this_machine_and_its_own_page_are_at_home() {
        let server = Server::default();
        let check = |host: &str, origin, expected| check(&server, host, origin, expected);
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
            is_at_home(&HeaderMap::new(), &server),
            "a client without a host is no browser"
        );
    }

    #[test]
    fn a_public_studio_has_its_names_and_addresses() {
        let server = Server {
            host: IpAddr::from([0, 0, 0, 0]),
            public_names: vec!["studio.example".into()],
            ..Server::default()
        };
        let check = |host: &str, origin, expected| check(&server, host, origin, expected);
        check("10.0.0.7:8765", Some("http://10.0.0.7:8765"), true);
        check("studio.example", Some("https://studio.example"), true);
        check("Studio.Example:80", None, true);
        check("studio.example", Some("https://example.org"), false);
        check("example.org", Some("http://example.org"), false);
    }
}

//! Which bytes of a file a request asks for.
//!
//! Reference: RFC 9110, sections 13 and 14. Several ranges at once are refused, as they are with files of this
//! machine.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use axum::http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};

use crate::outputs::About;

/// What is to be sent of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole,
    /// These bytes of it.
    Bytes(Range<u64>),
    /// Bytes that it does not have.
    Unsatisfiable,
    /// Nothing: the client has it already.
    Unchanged,
}

/// What a request wants of a file.
pub fn wanted(headers: &HeaderMap, about: &About) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_known = |list: &str| {
        let mut tags = list
            .split(',')
            .map(|tag| tag.trim().trim_start_matches("W/"));
        tags.any(|tag| tag == "*" || Some(tag) == about.etag.as_deref())
    };
    let unchanged = match (text(IF_NONE_MATCH), text(IF_MODIFIED_SINCE)) {
        (Some(list), _) => is_known(list),
        (None, Some(date)) => httpdate::parse_http_date(date).is_ok_and(|date| is_old(about, date)),
        (None, None) => false,
    };
    if unchanged {
        return Wanted::Unchanged;
    }
    let is_same = text(IF_RANGE).is_none_or(|value| match httpdate::parse_http_date(value) {
        Ok(date) => is_old(about, date),
        Err(_) => Some(value) == about.etag.as_deref(),
    });
    match text(RANGE).filter(|_| is_same) {
        None => Wanted::Whole,
        Some(range) => bytes(range, about.bytes).map_or(Wanted::Unsatisfiable, Wanted::Bytes),
    }
}

/// Whether a file was not written after a date, which has whole seconds.
fn is_old(about: &About, date: SystemTime) -> bool {
    about.modified < date + Duration::from_secs(1)
}

/// The bytes of one range of a file of this length.
fn bytes(range: &str, length: u64) -> Option<Range<u64>> {
    let ranges = http_range_header::parse_range_header(range).ok()?;
    match ranges.validate(length).ok()?.as_slice() {
        [one] => Some(*one.start()..one.end() + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            bytes: 100,
            etag: Some("\"abc\"".into()),
            modified: SystemTime::UNIX_EPOCH + Duration::from_millis(1_500),
        }
    }

    fn check(headers: &[(axum::http::HeaderName, &str)], expected: &Wanted) {
        let headers = headers.iter().map(|(name, value)| {
            let value = value.parse().expect("a value");
            (name.clone(), value)
        });
        let headers = headers.collect();
        assert_eq!(&wanted(&headers, &about()), expected, "{headers:?}");
    }

    #[test]
    fn ranges_are_those_of_the_file() {
        check(&[], &Wanted::Whole);
        for (range, expected) in [
            ("bytes=0-0", Some(0..1)),
            ("bytes=10-19", Some(10..20)),
            ("bytes=90-", Some(90..100)),
            ("bytes=90-1000", Some(90..100)),
            ("bytes=-1", Some(99..100)),
            ("bytes=-1000", None), // as it is with files of this machine
            ("bytes=100-", None),
            ("bytes=-0", None),
            ("bytes=9-3", None),
            ("bytes=0-1,5-6", None),
            ("bytes=+1-3", None),
            ("bytes=-", None),
            ("lines=0-1", None),
            ("bytes", None),
        ] {
            let expected = expected.map_or(Wanted::Unsatisfiable, Wanted::Bytes);
            check(&[(RANGE, range)], &expected);
        }
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        check(&[(IF_NONE_MATCH, "\"x\", W/\"abc\"")], &Wanted::Unchanged);
        check(&[(IF_NONE_MATCH, "\"x\"")], &Wanted::Whole);
        let (then, before) = (
            "Thu, 01 Jan 1970 00:00:01 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        );
        check(&[(IF_MODIFIED_SINCE, then)], &Wanted::Unchanged);
        check(&[(IF_MODIFIED_SINCE, before)], &Wanted::Whole);
        let range = (RANGE, "bytes=0-1");
        check(
            &[range.clone(), (IF_RANGE, "\"abc\"")],
            &Wanted::Bytes(0..2),
        );
        check(&[range.clone(), (IF_RANGE, then)], &Wanted::Bytes(0..2));
        check(&[range, (IF_RANGE, "\"old\"")], &Wanted::Whole);
    }
}

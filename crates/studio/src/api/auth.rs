//! API keys: who may call, and what.
//!
//! Without keys a studio on loopback lets everyone on this machine in, whatever they send. With
//! keys every call under `/v1` and `/metrics` needs one: as `Authorization: Bearer KEY`, as the SDKs
//! send it, or in the cookie that the page's sign-in sets, for a page cannot add a header to its
//! pictures and event streams.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::Studio;
use super::error::ApiError;
use crate::config::Queue;
use crate::keys;
use crate::store::{Key, Owner, Result, Tier};

/// Name of the page's cookie.
pub const KEY_COOKIE: &str = "kinora_key";

/// Who calls: an API key, or anyone on a machine whose studio has none.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    key: Option<Key>,
}

impl Caller {
    /// Refuses a tier above the key's.
    pub fn check(&self, tier: Tier) -> std::result::Result<(), ApiError> {
        match &self.key {
            Some(key) if tier > key.tier => Err(ApiError::tier(key.tier)),
            _ => Ok(()),
        }
    }

    /// What the queue counts the key's videos by.
    pub fn owner(&self, queue: &Queue) -> Option<Owner<'_>> {
        self.key.as_ref().map(|key| Owner {
            key_id: &key.id,
            most: key.max_queued.unwrap_or(queue.max_queued_per_key),
        })
    }

    /// A caller's own name for a text that only it must be able to say.
    pub fn scoped(&self, text: &str) -> String {
        match &self.key {
            Some(key) => format!("{}:{text}", key.id),
            None => text.into(),
        }
    }
}

/// What a request's key opens.
pub enum Access {
    /// Everything that the caller may do.
    Granted(Caller),
    /// Nothing: there was no key.
    Missing,
    /// Nothing: no active key is like it.
    Wrong,
}

/// Looks up the key of a request.
pub async fn access(studio: &Studio, headers: &HeaderMap) -> Result<Access> {
    access_of(studio, bearer(headers).or_else(|| cookie(headers))).await
}

/// What a key opens; one that was made or revoked a moment ago counts already.
pub async fn access_of(studio: &Studio, sent: Option<&str>) -> Result<Access> {
    let active = studio.store.active_keys().await?;
    if active.is_empty() && !studio.config.server.is_public() {
        return Ok(Access::Granted(Caller::default()));
    }
    let Some(sent) = sent else {
        return Ok(Access::Missing);
    };
    let hash = keys::hash(sent);
    // All are compared, whole: how long it takes tells nothing.
    let found = active.into_iter().fold(None, |found, key| {
        let is_same: bool = key.hash.ct_eq(&hash[..]).into();
        if is_same { Some(key) } else { found }
    });
    Ok(match found {
        Some(key) => Access::Granted(Caller { key: Some(key) }),
        None => Access::Wrong,
    })
}

/// Lets calls with a good key through, and says whose they are.
pub async fn guard(State(studio): State<Studio>, mut request: Request, next: Next) -> Response {
    match access(&studio, request.headers()).await {
        Ok(Access::Granted(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(Access::Missing) => ApiError::no_key().into_response(),
        Ok(Access::Wrong) => ApiError::wrong_key().into_response(),
        Err(error) => ApiError::from(error).into_response(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).into_iter();
    let pairs = cookies
        .filter_map(|value: &HeaderValue| value.to_str().ok())
        .flat_map(|text| text.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == KEY_COOKIE)
        .map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_header_or_its_cookie() {
        let headers = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(
                axum::http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )])
        };
        for (value, key) in [
            ("Bearer a", Some("a")),
            ("bearer  a ", Some("a")),
            ("Basic a", None),
            ("a", None),
        ] {
            assert_eq!(bearer(&headers("authorization", value)), key, "{value}");
        }
        for (value, key) in [
            ("kinora_key=a", Some("a")),
            ("x=1; kinora_key=a; y=2", Some("a")),
            ("kinora_keys=a", None),
        ] {
            assert_eq!(cookie(&headers("cookie", value)), key, "{value}");
        }
    }
}

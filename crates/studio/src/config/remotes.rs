//! `[[remotes]]`: Videos APIs elsewhere that are models here.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use axum::http::Uri;
use kinora_engine::{Size, is_embedded};
use serde::{Deserialize, Serialize};

use super::Models;
use crate::outbound::Target;

/// What `fields` may name; the names here are those there.
const FIELDS: [&str; 5] = [
    "seed",
    "negative_prompt",
    "num_inference_steps",
    "guidance_scale",
    "fps",
];
/// Longest name of a remote in characters.
const LONGEST_NAME: usize = 64;

/// A model that another machine runs, behind a Videos API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// The model's name here; no two are called the same.
    pub name: String,
    /// What the SDKs call `base_url`; without a path `/v1` is meant.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// Variable of the environment that holds the API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// File that holds it, seen from the folder of `kinora.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Lengths that can be asked for in seconds, the default first.
    #[serde(default = "usual_seconds")]
    pub seconds: Vec<f64>,
    /// Sizes that can be asked for, the default first.
    #[serde(default = "usual_sizes")]
    pub sizes: Vec<Size>,
    /// Fields beyond the Videos API that the endpoint takes too.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Videos that are made there at the same time.
    #[serde(default = "one")]
    pub concurrency: u32,
    /// Longest time that a video may take there.
    #[serde(default = "an_hour")]
    pub timeout_seconds: u32,
    /// Whether the endpoint answers a repeated `Idempotency-Key` with the first video, so that a
    /// create whose answer was lost may be sent again.
    #[serde(default)]
    pub idempotent: bool,
    /// What `key_env` or `key_file` holds.
    #[serde(skip)]
    pub key: ApiKey,
}

fn usual_seconds() -> Vec<f64> {
    vec![4.0, 8.0, 12.0]
}

fn usual_sizes() -> Vec<Size> {
    vec![Size::new(1280, 720), Size::new(720, 1280)]
}

fn one() -> u32 {
    1
}

fn an_hour() -> u32 {
    3600
}

/// A key, which is never shown. Empty: none is sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ApiKey(String);

impl fmt::Debug for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(hidden)")
    }
}

impl ApiKey {
    /// Reads a key as it stands in a variable or a file; none for what is no key.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_key = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_key.then(|| Self(text.into()))
    }

    /// The value of the header `Authorization`.
    pub fn authorization(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| format!("Bearer {}", self.0))
    }

    /// A text of somebody who knows the key, without it.
    pub fn hide_in(&self, text: &str) -> String {
        if self.0.is_empty() {
            text.into()
        } else {
            text.replace(&self.0, "(hidden)")
        }
    }
}

impl Remote {
    /// The URL that calls begin with, without a slash at its end.
    pub fn base(&self) -> String {
        let base = self.url.trim_end_matches('/');
        let has_path = base.splitn(4, '/').count() > 3;
        if has_path {
            base.into()
        } else {
            format!("{base}/v1")
        }
    }

    /// The host that prompts go to.
    pub fn host(&self) -> String {
        let uri = self.url.parse::<Uri>().ok();
        let host = uri.and_then(|uri| uri.host().map(str::to_owned));
        host.unwrap_or_default()
    }

    /// Takes the key from where it is; says what is wrong when it is not there.
    ///
    /// No message tells what the configuration says in place of a name: it may be the key itself.
    pub(super) fn read_key(
        &mut self,
        variables: &[(String, String)],
        folder: &Path,
    ) -> Result<(), String> {
        let key = match (&self.key_env, &self.key_file) {
            (None, None) => return Ok(()),
            (Some(_), Some(_)) => return Err("give key_env or key_file, not both".into()),
            (Some(name), None) => {
                let found = variables.iter().find(|(known, _)| known == name);
                let (_, text) = found.ok_or("key_env names a variable that is not set")?;
                ApiKey::read(text)
            }
            (None, Some(file)) => {
                let text = fs::read_to_string(folder.join(file));
                ApiKey::read(&text.map_err(|error| format!("key_file cannot be read: {error}"))?)
            }
        };
        self.key = key.ok_or("the key must be one line of plain characters")?;
        Ok(())
    }

    /// What is wrong beside the key.
    pub(super) fn mistake(&self, earlier: &[Self], models: &Models) -> Option<String> {
        if let Some(reason) = mistake_of_name(&self.name, models) {
            return Some(reason);
        }
        if earlier.iter().any(|other| other.name == self.name) {
            return Some("another remote has this name".into());
        }
        if let Some(reason) = self.mistake_of_url() {
            return Some(reason.into());
        }
        let is_length = |seconds: &f64| (0.1..=3600.0).contains(seconds);
        let unknown = |field: &&String| !FIELDS.contains(&field.as_str());
        if self.model.is_empty() {
            Some("model must say what the endpoint calls it".into())
        } else if self.seconds.is_empty() || !self.seconds.iter().all(is_length) {
            Some("seconds must be a list of lengths from 0.1 to 3600".into())
        } else if self.sizes.is_empty() {
            Some("sizes must name at least one".into())
        } else if let Some(field) = self.fields.iter().find(unknown) {
            Some(format!(
                "there is no field `{field}`; known are {}",
                FIELDS.join(", ")
            ))
        } else if !(1..=64).contains(&self.concurrency) {
            Some(format!(
                "concurrency must be 1 to 64, not {}",
                self.concurrency
            ))
        } else if self.timeout_seconds == 0 {
            Some("timeout_seconds must be at least 1".into())
        } else {
            None
        }
    }

    fn mistake_of_url(&self) -> Option<&'static str> {
        // The operator names it, so it may be one of this machine's networks.
        if Target::read(&self.url, true).is_err() || self.url.contains(['?', '#']) {
            return Some(
                "url must be https://HOST or https://HOST/PATH, without a user name and a query",
            );
        }
        let host = self.host();
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let is_local_name = host == "localhost" || host.ends_with(".localhost");
        let is_here = host
            .parse::<IpAddr>()
            .map_or(is_local_name, |address| address.is_loopback());
        // Anyone on the way could read the prompt and the key.
        let is_readable = self.url.parse::<Uri>().ok()?.scheme_str() != Some("https");
        (is_readable && !is_here).then_some("url must begin with https, except on this machine")
    }
}

/// What is wrong with the name of a model that the configuration adds.
pub(super) fn mistake_of_name(name: &str, models: &Models) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || name.len() > LONGEST_NAME
        || !name.chars().all(is_plain)
    {
        return Some(format!(
            "name must be 1 to {LONGEST_NAME} letters, digits and `.`, `_`, `-`, `/`"
        ));
    }
    let base = name.strip_suffix("-pro").unwrap_or(name);
    let is_taken = is_embedded(name) || is_embedded(base) || models.named(name) != name;
    is_taken.then(|| "a model of this studio has this name, or an alias of one".into())
}

#[cfg(test)]
mod tests {
    use super::ApiKey;

    #[test]
    fn a_key_is_plain_and_never_shown() {
        let key = ApiKey::read(" sk-secret\n").expect("a key");
        assert_eq!(key.authorization().as_deref(), Some("Bearer sk-secret"));
        assert_eq!(format!("{key:?}"), "(hidden)");
        assert_eq!(key.hide_in("no sk-secret, no"), "no (hidden), no");
        assert_eq!(ApiKey::default().hide_in("text"), "text");
        for text in ["", " \n", "two words", "line\nbreak", "schlüssel"] {
            assert_eq!(ApiKey::read(text), None, "{text:?}");
        }
    }
}

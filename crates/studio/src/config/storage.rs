//! `storage`: where finished files are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the URL of a bucket begins.
const SCHEME: &str = "s3://";

/// `s3://BUCKET` or `s3://BUCKET/PREFIX`; empty for the data folder. Who asks and where, the variables
/// `AWS_*` say: no secret belongs here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Storage(String);

impl Storage {
    /// As it was said.
    pub fn url(&self) -> &str {
        &self.0
    }

    /// Bucket and prefix, if it is no folder.
    pub fn bucket(&self) -> Option<(&str, &str)> {
        let place = self.0.strip_prefix(SCHEME)?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        Some((bucket, prefix.trim_matches('/')))
    }

    /// What is wrong with it, without repeating it: what somebody means by another URL may hold a secret.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
        let is_right = match self.bucket() {
            Some((bucket, prefix)) => {
                !bucket.is_empty() && bucket.chars().all(is_plain) && !prefix.contains("//")
            }
            None => self.0.is_empty(),
        };
        (!is_right)
            .then_some("must be s3://BUCKET or s3://BUCKET/PREFIX, or empty for the data folder")
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_empty() {
            "its data folder"
        } else {
            &self.0
        })
    }
}

impl From<&str> for Storage {
    fn from(url: &str) -> Self {
        Self(url.into())
    }
}

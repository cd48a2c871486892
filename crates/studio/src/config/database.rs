//! `database`: where the studio's database is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the URL of a server begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The URL of a database of a `PostgreSQL` server; empty for a file in the data folder. It may hold a
/// password and is shown without.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Database(String);

impl Database {
    /// The URL, if it is no file.
    pub fn server(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|url| !url.is_empty())
    }

    /// What is wrong with it.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let url = self.server()?;
        let is_known = SCHEMES.iter().any(|scheme| url.starts_with(scheme));
        (!is_known)
            .then_some("must be postgres://USER@HOST/NAME, or empty for a file in the data folder")
    }

    /// A URL without its secrets.
    pub(super) fn shown(url: &str) -> String {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        // A password may hold any character that ends a host.
        let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| {
            (
                Some(user.split_once(':').map_or(user, |(name, _)| name)),
                place,
            )
        });
        let (place, options) = place.split_once('?').unwrap_or((place, ""));
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let options = if options.is_empty() { "" } else { "?(hidden)" };
        if scheme.is_empty() {
            return "(hidden)".into();
        }
        format!("{scheme}://{user}{place}{options}")
    }
}

impl From<&str> for Database {
    fn from(url: &str) -> Self {
        Self(url.into())
    }
}

impl fmt::Display for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&Self::shown(&self.0))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), out)
    }
}

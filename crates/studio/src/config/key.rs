//! Names of values: `queue.workers`, `models.aliases.sora-2`, `webhooks[0].url`.

use std::fmt;

/// Tables whose keys are the operator's own names.
const FREE: [&[&str]; 2] = [&["models", "aliases"], &["models", "local"]];
/// How far a name may be from a known one to be taken for a slip.
const NEAR: f64 = 0.8;

/// The way to a value: tables by name, elements of arrays as `[0]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub Vec<String>);

impl Key {
    /// The key of what stands under a name here.
    pub fn join(&self, part: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push(part.into());
        Self(parts)
    }

    /// The key of an element of the array that stands here.
    pub fn index(&self, index: usize) -> Self {
        self.join(&format!("[{index}]"))
    }

    /// Whether the operator names the keys of this table.
    pub fn is_free(&self) -> bool {
        FREE.iter().any(|free| self.0 == *free)
    }

    /// This key, then every table and array around it.
    pub fn upwards(&self) -> impl Iterator<Item = Self> {
        let parts = self.0.clone();
        (1..=parts.len())
            .rev()
            .map(move |count| Self(parts[..count].to_vec()))
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("KINORA_{}", self.0.join("_").to_uppercase())
    }

    /// Whether it is shown to nobody.
    pub fn is_secret(&self) -> bool {
        let last = self.0.last().map_or("", String::as_str);
        last.contains("secret") || last == "key" || last.ends_with("_key")
    }
}

impl From<&str> for Key {
    /// A key of plain names, as the sections have them.
    fn from(dotted: &str) -> Self {
        Self(dotted.split('.').map(Into::into).collect())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            let is_plain = part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            if index > 0 && !part.starts_with('[') {
                out.write_str(".")?;
            }
            if is_plain || part.starts_with('[') {
                out.write_str(part)?;
            } else {
                write!(out, "{part:?}")?;
            }
        }
        Ok(())
    }
}

/// The known name that an unknown one is probably meant to be.
pub fn nearest(name: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let scored = known.into_iter().map(|known| {
        let score = strsim::normalized_damerau_levenshtein(name, &known);
        // The right key in the wrong section, or without one.
        let is_end = known.ends_with(&format!(".{name}"));
        (if is_end { 1.0 } else { score }, known)
    });
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(score, _)| *score >= NEAR)
        .map(|(_, known)| known)
}

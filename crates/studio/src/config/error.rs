//! What is wrong with a configuration: all of it, each with its place and the nearest right name.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::layers::Origin;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Some of it is wrong.
    #[error("{}", list(problems))]
    Wrong {
        /// Everything that is.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "--config names the file; without it kinora.toml is optional",
            Self::Wrong { .. } => {
                "docs/operation.md lists every key; `kinora config check` tries again"
            }
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where the value was said.
    pub origin: Origin,
    /// The name of the value, if it has one.
    pub key: String,
    /// What is wrong with it.
    pub message: String,
    /// The known name that was probably meant.
    pub nearest: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(out, "{}: ", self.key)?;
        }
        out.write_str(&self.message)?;
        match &self.nearest {
            Some(nearest) => write!(out, "; did you mean {nearest}?"),
            None => Ok(()),
        }
    }
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

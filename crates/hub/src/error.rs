//! What can go wrong between a hub and a folder.

use std::path::PathBuf;

/// Why a model was not listed, downloaded or installed.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// No published model has the name.
    #[error("no model is called `{name}`; the nearest is `{nearest}`")]
    UnknownVariant {
        /// The name that was asked for.
        name: String,
        /// The most similar known one.
        nearest: &'static str,
    },
    /// There is no place for models: neither `KINORA_MODELS` nor a home folder is set.
    #[error("no folder for models: set KINORA_MODELS")]
    NoFolder,
    /// The address of the hub is none.
    #[error("`{endpoint}` is no address of a hub: it begins with https:// or http://")]
    Endpoint {
        /// The address.
        endpoint: String,
    },
    /// The hub has no such repository, revision or file.
    #[error("{url}: not found (404); the repository or the file was renamed or withdrawn")]
    NotFound {
        /// What was asked for.
        url: String,
    },
    /// The hub wants to know who asks, or that the licence was accepted.
    #[error("{url}: refused ({status}); {}", authorise(*with_token))]
    Refused {
        /// What was asked for.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The hub answered with another error.
    #[error("{url}: the hub answered with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The hub cannot be reached, or the connection broke more often than was tried again.
    #[error("{url}: the connection failed")]
    Network {
        /// What was asked for.
        url: String,
        /// The system's reason.
        source: Box<ureq::Error>,
    },
    /// The connection ended early more often than was tried again.
    #[error("{url}: the connection ended after {received} of {size} bytes; what came is kept")]
    Cut {
        /// What was asked for.
        url: String,
        /// Bytes of the file so far.
        received: u64,
        /// Its size.
        size: u64,
    },
    /// The hub's list of files is not of the known form.
    #[error("{url}: the list of files cannot be read: {reason}")]
    Listing {
        /// The list.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// A name in the list would be written outside of the model's folder.
    #[error("{repo}: the file name `{path}` leaves the model's folder")]
    Path {
        /// The repository.
        repo: String,
        /// The name.
        path: String,
    },
    /// The repository has no file where the model needs one.
    #[error("{repo}: no file matches `{pattern}`")]
    NoFile {
        /// The repository.
        repo: String,
        /// The pattern.
        pattern: String,
    },
    /// A file came whole and is not the one that the hub lists.
    #[error("{}: its SHA-256 is {found}, the hub lists {expected}; it was removed", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// The hub's.
        expected: String,
        /// That of what came.
        found: String,
    },
    /// A file that stands in the folder is not the one that was installed.
    #[error("{}: {reason}; pull the model again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The disk is full.
    #[error("{}: the disk is full; {missing} bytes of the file are missing, what came is kept", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// Bytes that did not come.
        missing: u64,
    },
    /// Another process downloads the same file.
    #[error("{}: another process is downloading it", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: cannot be read or written", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The caller stopped it. What came is kept.
    #[error("stopped; what came is kept")]
    Stopped,
}

impl HubError {
    /// What to do about it, if that is known.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownVariant { .. } => "`kinora models` lists the names",
            Self::Refused { .. } => {
                "accept the licence on the model's page, and set HF_TOKEN to a token of that account"
            }
            Self::Network { .. } => "HF_ENDPOINT names another hub, HTTPS_PROXY a proxy",
            Self::Cut { .. } | Self::Stopped => "pull again to go on from there",
            Self::DiskFull { .. } => {
                "make room, or set KINORA_MODELS to a folder on another disk, and pull again"
            }
            Self::Hash { .. } => "pull again; if it happens twice, the hub's file is damaged",
            _ => return None,
        })
    }
}

fn authorise(with_token: bool) -> &'static str {
    if with_token {
        "the token's account has no access"
    } else {
        "it wants a token"
    }
}

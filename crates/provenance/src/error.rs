//! What can go wrong when a file is signed or verified, each with a way out.

use std::io;
use std::path::PathBuf;

/// Result of this crate's functions.
pub type Result<T> = std::result::Result<T, ProvenanceError>;

/// A failure with its cause; [`ProvenanceError::hint`] says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvenanceError {
    /// The program was built without C2PA.
    #[error("this build of Kinora has no C2PA")]
    NotBuilt,
    /// A file or folder cannot be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The signing key is no key.
    #[error("{} holds no Ed25519 key in PKCS#8 PEM", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
    },
    /// The file of trusted certificates holds none.
    #[error("{} holds no certificate in PEM", path.display())]
    BadTrust {
        /// The file.
        path: PathBuf,
    },
    /// A clip could not be signed.
    #[error("the clip cannot be signed: {reason}")]
    NotSigned {
        /// Why.
        reason: String,
    },
    /// The file says nothing about where it comes from.
    #[error("{} has no C2PA manifest", path.display())]
    NoManifest {
        /// The file.
        path: PathBuf,
    },
    /// The file or its manifest is too damaged to say anything.
    #[error("the C2PA manifest of {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The manifest is there and what it says does not hold.
    #[error("{} is not what was signed: {reason}", path.display())]
    NotValid {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        reason: String,
    },
}

impl ProvenanceError {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotBuilt => {
                "`cargo build --release --features c2pa` makes one that has it; so does the Dockerfile"
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "check the file's name"
            }
            Self::Io { .. } => "choose a file or folder that you may use",
            Self::BadKey { .. } => {
                "move the file away: the next signature makes a new key and a new certificate"
            }
            Self::BadTrust { .. } => "a file of -----BEGIN CERTIFICATE----- blocks is wanted",
            Self::NotSigned { .. } => "without --c2pa the clip is made all the same",
            Self::NoManifest { .. } => {
                "it was never signed, or an editor or a website took the manifest away; `kinora recipe` may know more"
            }
            Self::Unreadable { .. } => {
                "the file is damaged or was cut short: ask for it again where it came from"
            }
            Self::NotValid { .. } => {
                "it was changed after it was signed, or is damaged: ask for it again where it came from"
            }
        }
    }
}

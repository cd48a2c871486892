//! What can go wrong where files are kept.

use std::io;

use crate::store::Ending;

/// Result of what touches kept files.
pub type Result<T> = std::result::Result<T, StorageError>;

/// A failure with its cause.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A bucket is named, and this build reaches none.
    #[error("this build keeps files in the data folder only, and `storage` names a bucket")]
    NotBuilt,
    /// What the operator says of the store cannot be meant.
    #[error("the object store: {reason}")]
    Settings {
        /// What is wrong.
        reason: String,
    },
    /// The store does not answer, or not now.
    #[error("the object store does not answer: {reason}")]
    Unavailable {
        /// What it or the network says.
        reason: String,
    },
    /// The store answers and refuses.
    #[error("the object store refuses: {reason}")]
    Refused {
        /// What it says.
        reason: String,
    },
    /// It is not there.
    #[error("there is no {name}")]
    Missing {
        /// Name of the file or object.
        name: String,
    },
    /// A file of this machine cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl StorageError {
    /// How a video ends that cannot be kept.
    pub fn ending(&self) -> Ending {
        Ending::Failed {
            code: "storage_failed".into(),
            message: format!("{self}; {}, and try the video again", self.hint()),
        }
    }

    /// What the operator can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotBuilt => "build it with `cargo build --release --features s3`",
            Self::Settings { .. } => {
                "`storage` is s3://BUCKET/PREFIX; AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY say where it is and who asks"
            }
            Self::Unavailable { .. } => "look whether AWS_ENDPOINT is right and the store runs",
            Self::Refused { .. } | Self::Missing { .. } => {
                "look whether the bucket is there and the credentials may write to it"
            }
            Self::Io(_) => "look whether the data folder can be written and has room",
        }
    }
}

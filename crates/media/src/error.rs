//! What can go wrong when writing or reading media files.

use std::io;
use std::path::{Path, PathBuf};

/// Result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, MediaError>;

/// A failure of this crate, with the file and the numbers that a person needs to act on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The target exists and overwriting was not asked for.
    #[error("{} already exists", path.display())]
    AlreadyExists {
        /// The file in the way; it was not touched.
        path: PathBuf,
    },

    /// The target is a device, a pipe or a socket: a file that takes its name would end it.
    #[error("{} is not a file and is never replaced", path.display())]
    NotAFile {
        /// What is in the way; it was not touched.
        path: PathBuf,
    },

    /// The file system refused an operation: full disk, missing folder, no permission, ...
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb: `create`, `write`, `rename`, ...
        action: &'static str,
        /// The file or folder it was done to.
        path: PathBuf,
        /// The answer of the operating system; `source.kind()` tells the cases apart.
        source: io::Error,
    },

    /// H.264 4:2:0 needs even sides of at least 16 and at most 3840x2160 pixels in all.
    #[error(
        "{width}x{height} cannot be encoded: both sides must be even and at least 16, \
         with at most 3840x2160 pixels in all"
    )]
    UnsupportedSize {
        /// Requested width in pixels.
        width: u32,
        /// Requested height in pixels.
        height: u32,
    },

    /// The frame rate is outside 1 to 240.
    #[error("{fps} frames a second is outside 1 to 240")]
    UnsupportedFrameRate {
        /// Requested frames a second.
        fps: u32,
    },

    /// A picture's bytes do not fit its stated size.
    #[error("a {width}x{height} RGB picture has {expected} bytes, not {actual}")]
    WrongLength {
        /// Stated width in pixels.
        width: u32,
        /// Stated height in pixels.
        height: u32,
        /// `width * height * 3`.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },

    /// A tag is longer than this crate writes or reads back.
    #[error("the {tag} tag has {actual} bytes, more than the {limit} allowed")]
    TagTooLong {
        /// `title`, `comment` or `recipe`.
        tag: &'static str,
        /// Bytes given.
        actual: usize,
        /// Bytes allowed.
        limit: usize,
    },

    /// `finish` was called before any frame was written.
    #[error("{} would have no frames", path.display())]
    NoFrames {
        /// The target, which was not created.
        path: PathBuf,
    },

    /// The H.264 encoder reported a failure.
    #[error("H.264 encoder: {reason}")]
    Encoder {
        /// What was being done and the encoder's code.
        reason: String,
    },

    /// The boxes of the MP4 file could not be built.
    #[error("MP4 boxes: {reason}")]
    Mux {
        /// What the muxer said.
        reason: String,
    },

    /// The file is not an MP4 file, or a damaged one.
    #[error("{} is not a readable MP4 file: {reason}", path.display())]
    BadMp4 {
        /// The file read.
        path: PathBuf,
        /// The first thing found wrong.
        reason: String,
    },

    /// The MP4 file carries no Kinora recipe.
    #[error("{} holds no Kinora recipe", path.display())]
    NoRecipe {
        /// The file read.
        path: PathBuf,
    },

    /// A clip does not fit the others of a cut.
    #[error("{} cannot join the cut: {reason}", path.display())]
    DoesNotFit {
        /// The clip.
        path: PathBuf,
        /// What differs from the first clip, with both values.
        reason: String,
    },

    /// A cut of no clips was asked for.
    #[error("a cut needs at least one clip")]
    NothingToJoin,

    /// The picture is in no format that this crate reads or writes, or is damaged or too large.
    #[error("cannot use picture {}: {reason}", path.display())]
    BadPicture {
        /// The file named by the caller.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },

    /// What a whole file passes through before it gets its name has failed.
    #[error("cannot seal {}", path.display())]
    Seal {
        /// The file that was about to appear.
        path: PathBuf,
        /// The seal's own reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A picture could not be encoded or resized.
    #[error("cannot {action} a {width}x{height} picture: {reason}")]
    Picture {
        /// What was being done, as a verb.
        action: &'static str,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// What was wrong.
        reason: String,
    },
}

impl MediaError {
    /// Adapter for `map_err`: names the operation and the file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// Checks that `bytes` is a whole RGB picture.
pub(crate) fn check_rgb(bytes: usize, width: u32, height: u32) -> Result<()> {
    let expected = width as usize * height as usize * 3;
    if bytes == expected {
        Ok(())
    } else {
        Err(MediaError::WrongLength {
            width,
            height,
            expected,
            actual: bytes,
        })
    }
}

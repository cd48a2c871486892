//! What a finished file passes through before it appears under its name.

use std::error::Error;
use std::fmt::Debug;
use std::fs::File;
use std::path::Path;

/// Copies a whole file and adds to it what says where it comes from, such as a signature.
pub trait Seal: Debug + Send + Sync {
    /// Writes to `sealed`, an empty file, what `file` holds and what the seal adds. The bytes of the
    /// frames stay as they are, and `moov` stays in front of them.
    ///
    /// # Errors
    /// Whatever keeps the seal from doing so; then no file appears.
    fn seal(&self, file: &Path, sealed: &mut File) -> Result<(), Box<dyn Error + Send + Sync>>;
}

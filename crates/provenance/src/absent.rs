//! What a build without C2PA answers.

use std::convert::Infallible;
use std::error::Error;
use std::fs::File;
use std::path::Path;

use kinora_media::Seal;

use crate::error::{ProvenanceError, Result};
use crate::report::Report;

/// A signer that this build has none of.
#[derive(Debug)]
pub struct Signer(Infallible);

impl Signer {
    /// Refuses.
    ///
    /// # Errors
    /// [`ProvenanceError::NotBuilt`].
    pub fn open(_folder: &Path) -> Result<Self> {
        Err(ProvenanceError::NotBuilt)
    }
}

impl Seal for Signer {
    fn seal(
        &self,
        _: &Path,
        _: &mut File,
    ) -> std::result::Result<(), Box<dyn Error + Send + Sync>> {
        match self.0 {}
    }
}

/// Refuses.
///
/// # Errors
/// [`ProvenanceError::NotBuilt`].
pub fn verify(_file: &Path, _own: Option<&Path>, _trust: Option<&Path>) -> Result<Report> {
    Err(ProvenanceError::NotBuilt)
}

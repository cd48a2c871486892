//! What a build without object stores answers.

use std::convert::Infallible;
use std::io;
use std::ops::Range;
use std::path::Path;

use axum::body::Bytes;
use futures_util::stream::BoxStream;

use super::error::{Result, StorageError};
use super::{About, Place};

/// A bucket that this build has none of.
#[derive(Debug, Clone)]
pub struct Bucket(Infallible);

#[expect(clippy::unused_async, reason = "as the one that is built")]
impl Bucket {
    /// Refuses.
    ///
    /// # Errors
    /// [`StorageError::NotBuilt`].
    pub async fn open(_place: Place<'_>) -> Result<Self> {
        Err(StorageError::NotBuilt)
    }

    pub async fn put(&self, _name: &str, _file: &Path) -> Result<()> {
        match self.0 {}
    }

    pub async fn fetch(&self, _name: &str, _target: &Path) -> Result<()> {
        match self.0 {}
    }

    pub async fn about(&self, _name: &str) -> Result<About> {
        match self.0 {}
    }

    pub async fn read(
        &self,
        _name: &str,
        _range: Range<u64>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>> {
        match self.0 {}
    }

    pub async fn delete(&self, _name: &str) -> Result<()> {
        match self.0 {}
    }
}

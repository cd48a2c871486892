//! A bucket of an S3-compatible store.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt,
    RetryConfig,
};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio_util::io::StreamReader;

use super::error::{Result, StorageError};
use super::{About, Place};

/// Bytes that are sent at once; what is longer goes in parts, and appears when all are there.
const PART: usize = 8 << 20;
/// Longest time until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest silence of the store.
const SILENCE: Duration = Duration::from_secs(30);
/// How often and how long a call is tried again by itself; whoever can wait longer asks again.
const RETRIES: usize = 2;
const RETRYING: Duration = Duration::from_secs(10);
/// What is written at the start, to see whether writing works.
const MARK: &str = "kinora-storage";

/// The objects under a prefix of a bucket.
#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The store knows its credentials.
        out.debug_tuple("Bucket").field(&self.prefix).finish()
    }
}

impl Bucket {
    /// A bucket that is there and takes what it is given; where it is and who asks, the variables `AWS_*`
    /// say.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn open((bucket, prefix): Place<'_>) -> Result<Self> {
        // The studio's other connections use this one, too. A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let allow_http = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value == "true");
        // A clip of any length takes as long as it takes.
        let client = ClientOptions::new()
            .with_allow_http(allow_http)
            .with_timeout_disabled()
            .with_connect_timeout(CONNECT)
            .with_read_timeout(SILENCE);
        let builder = AmazonS3Builder::from_env()
            .with_client_options(client)
            .with_bucket_name(bucket)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES,
                retry_timeout: RETRYING,
            });
        let opened = Self {
            store: Arc::new(builder.build().map_err(|error| settings(&error))?),
            prefix: Path::parse(prefix).map_err(|error| settings(&error.into()))?,
        };
        opened.check(bucket).await?;
        Ok(opened)
    }

    async fn check(&self, bucket: &str) -> Result<()> {
        let mark = Bytes::from_static(b"1").into();
        match self.store.put(&self.path(MARK), mark).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::NotFound { .. }) => Err(StorageError::Refused {
                reason: format!("there is no bucket `{bucket}`"),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a file's content as an object, which appears whole or not at all.
    ///
    /// # Errors
    /// [`StorageError`]; the same call may be made again.
    pub async fn put(&self, name: &str, file: &FilePath) -> Result<()> {
        let path = self.path(name);
        let mut file = File::open(file).await?;
        let first = piece(&mut file).await?;
        if first.len() < PART {
            self.store.put(&path, first.into()).await?;
            return Ok(());
        }
        let mut upload = self.store.put_multipart(&path).await?;
        let sent = send(&mut *upload, first, &mut file).await;
        if sent.is_err() {
            // Parts that arrived are of no use; where this fails too, the bucket's rules clear them.
            let _ = upload.abort().await;
        }
        sent
    }

    /// Brings an object into a file.
    ///
    /// # Errors
    /// [`StorageError`]; then there is a part of a file at most.
    pub async fn fetch(&self, name: &str, target: &FilePath) -> Result<()> {
        let found = self.store.get(&self.path(name)).await?;
        let mut pieces = StreamReader::new(found.into_stream().map_err(io::Error::other));
        let mut file = File::create(target).await?;
        copy(&mut pieces, &mut file).await.map_err(cause)?;
        Ok(file.flush().await?)
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// [`StorageError`], [`StorageError::Missing`] for one that is not there.
    pub async fn about(&self, name: &str) -> Result<About> {
        let meta = self.store.head(&self.path(name)).await?;
        Ok(About {
            bytes: meta.size,
            etag: meta.e_tag,
            modified: meta.last_modified.into(),
        })
    }

    /// A part of an object, piece by piece.
    ///
    /// # Errors
    /// [`StorageError`] at once, and later what breaks it off.
    pub async fn read(
        &self,
        name: &str,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>> {
        let options = GetOptions::new().with_range(Some(range));
        let found = self.store.get_opts(&self.path(name), options).await?;
        Ok(found.into_stream().map_err(io::Error::other).boxed())
    }

    /// Removes an object; one that is gone already is as well.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn delete(&self, name: &str) -> Result<()> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn path(&self, name: &str) -> Path {
        let parts = name.split('/').map(Into::into);
        self.prefix.parts().chain(parts).collect()
    }
}

/// The next bytes of a file, a part's worth unless it ends before.
async fn piece(file: &mut File) -> Result<Bytes> {
    let mut bytes = Vec::new();
    file.take(PART as u64).read_to_end(&mut bytes).await?;
    Ok(bytes.into())
}

/// Sends a file from its first part on, and has the parts joined.
async fn send(upload: &mut dyn MultipartUpload, first: Bytes, file: &mut File) -> Result<()> {
    let mut next = first;
    while !next.is_empty() {
        upload.put_part(next.into()).await?;
        next = piece(file).await?;
    }
    upload.complete().await?;
    Ok(())
}

fn settings(error: &object_store::Error) -> StorageError {
    StorageError::Settings {
        reason: error.to_string(),
    }
}

/// What failed: the store, or a file of this machine.
fn cause(error: io::Error) -> StorageError {
    match error.downcast::<object_store::Error>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
        match error {
            NotFound { path, .. } => Self::Missing { name: path },
            PermissionDenied { .. } | Unauthenticated { .. } => Self::Refused {
                reason: error.to_string(),
            },
            other => Self::Unavailable {
                reason: other.to_string(),
            },
        }
    }
}

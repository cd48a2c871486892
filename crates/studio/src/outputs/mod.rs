//! Finished files, `outputs/ID/ATTEMPT-TOKEN.{mp4,webp,jpg}`, and those that videos begin with,
//! `inputs/SHA256`: in folders of this machine, or as objects of the same names in a bucket.
//!
//! Whoever makes a file needs a real one, so everything is written to the folders first. Where there is a
//! bucket, [`Outputs::hand_over`] brings a try's files there before its row names them, and whatever
//! somebody has to read as a file comes from there as a [`LocalFile`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use uuid::Uuid;

#[cfg(not(feature = "s3"))]
mod absent;
#[cfg(feature = "s3")]
mod bucket;
mod error;
mod local;
mod patience;

#[cfg(not(feature = "s3"))]
pub use absent::Bucket;
#[cfg(feature = "s3")]
pub use bucket::Bucket;
pub use error::{Result, StorageError};
pub use local::LocalFile;
pub use patience::patiently;

/// How the hidden folder begins in which the engine makes several takes of a clip.
const TAKES: &[u8] = b".kinora-takes-";

/// The names of a bucket and of a folder in it, which may be empty.
pub type Place<'a> = (&'a str, &'a str);

/// Where files of videos are.
#[derive(Debug, Clone)]
pub struct Outputs {
    data: PathBuf,
    folder: PathBuf,
    inputs: PathBuf,
    /// What came from the bucket for a while.
    fetched: PathBuf,
    bucket: Option<Bucket>,
}

/// The files of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The MP4.
    pub video: PathBuf,
    /// A WebP of its middle.
    pub thumbnail: PathBuf,
    /// A JPEG of frames from its beginning to its end.
    pub spritesheet: PathBuf,
}

/// One of the files of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The MP4.
    Video,
    /// A WebP of its middle.
    Thumbnail,
    /// A JPEG of frames from its beginning to its end.
    Spritesheet,
}

/// A finished file, wherever it is.
pub enum Content {
    /// In a folder of this machine.
    File(PathBuf),
    /// In the bucket, under a name.
    Object(Bucket, String, About),
}

/// What is known of an object without reading it.
#[derive(Debug, Clone)]
pub struct About {
    /// Its length.
    pub bytes: u64,
    /// A name of its content, in quotes, as HTTP has it.
    pub etag: Option<String>,
    /// When it was written.
    pub modified: SystemTime,
}

impl Outputs {
    /// The files under a data folder, whose folders are made when missing.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn open(data: &Path) -> io::Result<Self> {
        let [folder, inputs, fetched] =
            ["outputs", "inputs", "fetched"].map(|name| data.join(name));
        for folder in [&folder, &inputs, &fetched] {
            fs::create_dir_all(folder)?;
        }
        local::sweep(&fetched)?;
        Ok(Self {
            data: data.into(),
            folder,
            inputs,
            fetched,
            bucket: None,
        })
    }

    /// The same, with what is finished in a bucket.
    pub fn beside(mut self, bucket: Bucket) -> Self {
        self.bucket = Some(bucket);
        self
    }

    /// The folder whose key signs what is made here; none where this build does not sign.
    pub fn signer(&self) -> Option<PathBuf> {
        kinora_provenance::IS_BUILT.then(|| self.data.clone())
    }

    /// Keeps a file that a video begins with, under the SHA-256 of its content.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, content: &[u8]) -> io::Result<String> {
        let hash = Sha256::digest(content);
        let digits = hash.iter();
        let hash = digits.fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let path = self.inputs.join(&hash);
        if !path.exists() {
            let part = self
                .inputs
                .join(format!("{}.part", Uuid::now_v7().simple()));
            fs::write(&part, content)
                .and_then(|()| fs::rename(&part, &path))
                .inspect_err(|_| {
                    let _ = fs::remove_file(&part);
                })?;
        }
        Ok(hash)
    }

    /// Brings a kept file to where the workers of every machine find it.
    ///
    /// # Errors
    /// [`StorageError`]; the same call may be made again.
    pub async fn share(&self, hash: &str) -> Result<()> {
        match &self.bucket {
            Some(bucket) => bucket.put(&input(hash), &self.inputs.join(hash)).await,
            None => Ok(()),
        }
    }

    /// The kept file of a hash that [`Outputs::keep`] gave.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn input(&self, hash: &str) -> Result<LocalFile> {
        let path = self.inputs.join(hash);
        match &self.bucket {
            Some(bucket) if !path.exists() => self.fetch(bucket, &input(hash)).await,
            _ => Ok(LocalFile::Kept(path)),
        }
    }

    /// Removes a kept file that no video begins with any more.
    pub async fn forget(&self, hash: &str) {
        let _ = fs::remove_file(self.inputs.join(hash)); // gone already is as well
        if let Some(bucket) = &self.bucket
            && let Err(error) = bucket.delete(&input(hash)).await
        {
            tracing::warn!(hash, %error, "an input stays in the object store");
        }
    }

    /// The files of a key as they are written; the folder of its video is made. Keys are made by this
    /// program from ids and tokens, never from a request.
    pub fn files(&self, key: &str) -> Files {
        let file = |part| self.local(key, part);
        let files = Files {
            video: file(Part::Video),
            thumbnail: file(Part::Thumbnail),
            spritesheet: file(Part::Spritesheet),
        };
        if let Some(parent) = files.video.parent() {
            // A failure shows when the worker opens its file, with its cause.
            let _ = fs::create_dir_all(parent);
        }
        files
    }

    /// Brings the files of a try to where they are handed out from; then they are there, and not here.
    /// A clip of a remote may have no pictures.
    ///
    /// # Errors
    /// [`StorageError`]; the same call may be made again.
    pub async fn hand_over(&self, key: &str) -> Result<()> {
        let Some(bucket) = &self.bucket else {
            return Ok(());
        };
        for part in Part::ALL {
            let path = self.local(key, part);
            if part == Part::Video || path.exists() {
                bucket.put(&object(key, part), &path).await?;
            }
        }
        self.discard_here(key);
        Ok(())
    }

    /// Removes what is left here of a video that has ended, and is in the bucket.
    pub fn settle(&self, key: &str) {
        if self.bucket.is_some() {
            self.sweep_here(key);
        }
    }

    /// A finished file. One that is still here, as from the time before there was a bucket, is taken
    /// from here.
    ///
    /// # Errors
    /// [`StorageError`], [`StorageError::Missing`] for one that is nowhere.
    pub async fn content(&self, key: &str, part: Part) -> Result<Content> {
        let path = self.local(key, part);
        match &self.bucket {
            _ if path.exists() => Ok(Content::File(path)),
            Some(bucket) => {
                let name = object(key, part);
                let about = bucket.about(&name).await?;
                Ok(Content::Object(bucket.clone(), name, about))
            }
            None => Err(StorageError::Missing {
                name: object(key, part),
            }),
        }
    }

    /// The finished MP4 of a key as a file.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn video(&self, key: &str) -> Result<LocalFile> {
        match self.content(key, Part::Video).await? {
            Content::File(path) => Ok(LocalFile::Kept(path)),
            Content::Object(bucket, name, _) => self.fetch(&bucket, &name).await,
        }
    }

    async fn fetch(&self, bucket: &Bucket, name: &str) -> Result<LocalFile> {
        let path = tempfile::NamedTempFile::new_in(&self.fetched)?.into_temp_path();
        bucket.fetch(name, &path).await?;
        Ok(LocalFile::Fetched(path))
    }

    /// Removes the files of a try alone, as far as that can be done now: another try of the same video may
    /// be under way.
    pub async fn discard(&self, key: &str) {
        self.discard_here(key);
        self.discard_there(key).await;
    }

    /// Removes what a try left, files that a killed worker was writing too, as far as that can be done
    /// now; files that are not there are no mistake.
    pub async fn sweep(&self, key: &str) {
        self.sweep_here(key);
        self.discard_there(key).await;
    }

    /// Removes the files of a finished video.
    ///
    /// # Errors
    /// [`StorageError`] where some may be left in the bucket; then none is removed here.
    pub async fn remove(&self, key: &str) -> Result<()> {
        self.remove_there(key).await?;
        self.sweep_here(key);
        Ok(())
    }

    async fn remove_there(&self, key: &str) -> Result<()> {
        let Some(bucket) = &self.bucket else {
            return Ok(());
        };
        for part in Part::ALL {
            bucket.delete(&object(key, part)).await?;
        }
        Ok(())
    }

    async fn discard_there(&self, key: &str) {
        if let Err(error) = self.remove_there(key).await {
            tracing::warn!(key, %error, "files of a lost try stay in the object store");
        }
    }

    fn local(&self, key: &str, part: Part) -> PathBuf {
        self.folder.join(key).with_extension(part.extension())
    }

    fn discard_here(&self, key: &str) {
        for part in Part::ALL {
            let _ = fs::remove_file(self.local(key, part));
        }
    }

    fn sweep_here(&self, key: &str) {
        self.discard_here(key);
        let stem = self.folder.join(key);
        let Some(folder) = stem.parent() else { return };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "part") {
                let _ = fs::remove_file(path);
            } else if entry.file_name().as_encoded_bytes().starts_with(TAKES) {
                let _ = fs::remove_dir_all(path);
            }
        }
        let _ = fs::remove_dir(folder); // only when it is empty
    }
}

impl Part {
    const ALL: [Self; 3] = [Self::Video, Self::Thumbnail, Self::Spritesheet];

    /// How the names of such files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Video => "mp4",
            Self::Thumbnail => "webp",
            Self::Spritesheet => "jpg",
        }
    }
}

/// Name of a file of a try in the bucket: as in the folder.
fn object(key: &str, part: Part) -> String {
    format!("outputs/{key}.{}", part.extension())
}

fn input(hash: &str) -> String {
    format!("inputs/{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_try_left_is_removed_and_the_rest_stays() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let outputs = Outputs::open(data.path()).expect("outputs");
        let (lost, kept) = (outputs.files("video_a/1-x"), outputs.files("video_a/2-y"));
        let part = kept.video.with_file_name(".kinora-7.part");
        for path in [&lost.video, &kept.video, &part] {
            fs::write(path, "film").expect("a file");
        }
        let takes = kept.video.with_file_name(".kinora-takes-7");
        fs::create_dir(&takes).expect("a folder");
        fs::write(takes.join("1-clip.mp4"), "film").expect("a file");
        outputs.discard("video_a/1-x").await;
        assert!(!lost.video.exists() && part.exists(), "another goes on");
        outputs.sweep("video_a/1-x").await;
        assert!(!lost.video.exists() && !part.exists() && kept.video.exists());
        assert!(!takes.exists(), "takes of a lost worker go too");
        outputs.remove("video_a/2-y").await.expect("no bucket");
        assert!(
            !data.path().join("outputs/video_a").exists(),
            "an empty folder goes too"
        );
    }
}

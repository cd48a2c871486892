//! The folders of finished files, `outputs/ID/ATTEMPT-TOKEN.{mp4,webp,jpg}`, and of those that videos
//! begin with, `inputs/SHA256`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How the hidden folder begins in which the engine makes several takes of a clip.
const TAKES: &[u8] = b".kinora-takes-";

/// Where files of videos are.
#[derive(Debug, Clone)]
pub struct Outputs {
    data: PathBuf,
    folder: PathBuf,
    inputs: PathBuf,
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

impl Outputs {
    /// The files under a data folder, whose folders are made when missing.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn open(data: &Path) -> io::Result<Self> {
        let [folder, inputs] = ["outputs", "inputs"].map(|name| data.join(name));
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(&inputs)?;
        Ok(Self {
            data: data.into(),
            folder,
            inputs,
        })
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
        let path = self.input(&hash);
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

    /// The kept file of a hash that [`Outputs::keep`] gave.
    pub fn input(&self, hash: &str) -> PathBuf {
        self.inputs.join(hash)
    }

    /// Removes a kept file that no video begins with any more.
    pub fn forget(&self, hash: &str) {
        let _ = fs::remove_file(self.input(hash)); // gone already is as well
    }

    /// The files of a key; the folder of its video is made. Keys are made by this program from
    /// ids and tokens, never from a request.
    pub fn files(&self, key: &str) -> Files {
        let files = self.places(key);
        if let Some(parent) = files.video.parent() {
            // A failure shows when the worker opens its file, with its cause.
            let _ = fs::create_dir_all(parent);
        }
        files
    }

    fn places(&self, key: &str) -> Files {
        let stem = self.folder.join(key);
        let with = |extension| stem.with_extension(extension);
        Files {
            video: with("mp4"),
            thumbnail: with("webp"),
            spritesheet: with("jpg"),
        }
    }

    /// Removes the files of a try alone: another try of the same video may be under way.
    pub fn discard(&self, key: &str) {
        let files = self.places(key);
        for path in [files.video, files.thumbnail, files.spritesheet] {
            let _ = fs::remove_file(path);
        }
    }

    /// Removes what a try left, files that a killed worker was writing too; files that are not
    /// there are no mistake.
    pub fn remove(&self, key: &str) {
        self.discard(key);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_try_left_is_removed_and_the_rest_stays() {
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
        outputs.discard("video_a/1-x");
        assert!(!lost.video.exists() && part.exists(), "another goes on");
        outputs.remove("video_a/1-x");
        assert!(!lost.video.exists() && !part.exists() && kept.video.exists());
        assert!(!takes.exists(), "takes of a lost worker go too");
        outputs.remove("video_a/2-y");
        assert!(
            !data.path().join("outputs/video_a").exists(),
            "an empty folder goes too"
        );
    }
}

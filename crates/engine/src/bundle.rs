//! The files of one model, from the program itself or from a folder.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use kinora_nn::{WeightFile, WeightsError, sha256_hex};

use crate::error::{Error, Result};

/// Names of a model's files, in the order of the embedded table.
const FILES: [&str; 7] = [
    "config.json",
    "vocabulary.txt",
    "coverage.json",
    "SHA256SUMS",
    "text.safetensors",
    "transformer.safetensors",
    "codec.safetensors",
];
/// Evaluation rewrites it without changing a pixel, so it has no checksum.
const UNSUMMED: &str = "coverage.json";

/// Models inside the program: name and files in the order of [`FILES`].
static EMBEDDED: &[(&str, [&[u8]; 7])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Where a model's files are.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    /// Its name.
    pub(crate) name: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Embedded(&'static [&'static [u8]; 7]),
    Folder(PathBuf),
}

impl Bundle {
    /// The models inside the program.
    pub(crate) fn embedded() -> impl Iterator<Item = Self> {
        EMBEDDED.iter().map(|(name, files)| Self {
            name: (*name).into(),
            place: Place::Embedded(files),
        })
    }

    /// The model in a folder, called after it unless it has a name.
    pub(crate) fn folder(path: &Path, name: Option<&str>) -> Self {
        let last = path.file_name().map(|name| name.to_string_lossy());
        let name = name.or(last.as_deref()).unwrap_or("model");
        Self {
            name: name.into(),
            place: Place::Folder(path.to_path_buf()),
        }
    }

    /// A small text file.
    pub(crate) fn text(&self, file: &str) -> Result<String> {
        let bytes = match self.place {
            Place::Embedded(files) => Cow::Borrowed(files[index(file)]),
            Place::Folder(ref folder) => {
                Cow::Owned(fs::read(folder.join(file)).map_err(|error| self.failed(file, error))?)
            }
        };
        String::from_utf8(bytes.into_owned()).map_err(|error| self.failed(file, error))
    }

    /// A weight file, mapped and compared with its checksum.
    pub(crate) fn weights(&self, file: &str) -> Result<WeightFile> {
        let weights = match self.place {
            Place::Embedded(files) => WeightFile::from_static(file, files[index(file)]),
            Place::Folder(ref folder) => WeightFile::open(&folder.join(file)),
        };
        let weights = weights.map_err(|error| self.weights_error(file, &error))?;
        weights
            .files()
            .try_for_each(|bytes| self.verify(file, bytes))?;
        Ok(weights)
    }

    /// Bytes of all weight files.
    pub(crate) fn weight_bytes(&self) -> Result<u64> {
        let weights = FILES.iter().filter(|file| file.ends_with(".safetensors"));
        weights
            .map(|file| match self.place {
                Place::Embedded(files) => Ok(files[index(file)].len() as u64),
                Place::Folder(ref folder) => fs::metadata(folder.join(file))
                    .map(|data| data.len())
                    .map_err(|error| self.failed(file, error)),
            })
            .sum()
    }

    /// The model's hash: that of its checksums. Also checks the small files against them.
    pub(crate) fn hash(&self) -> Result<String> {
        for file in FILES.into_iter().filter(|file| {
            !file.ends_with(".safetensors") && !["SHA256SUMS", UNSUMMED].contains(file)
        }) {
            self.verify(file, self.text(file)?.as_bytes())?;
        }
        Ok(sha256_hex([self.text("SHA256SUMS")?.as_bytes()]))
    }

    fn verify(&self, file: &str, bytes: &[u8]) -> Result<()> {
        let sums = self.text("SHA256SUMS")?;
        let line = sums.lines().find_map(|line| {
            let (sum, name) = line.split_once(char::is_whitespace)?;
            (name.trim_start_matches([' ', '*']) == file).then(|| sum.to_owned())
        });
        let expected = line.ok_or_else(|| self.failed(file, "SHA256SUMS does not list it"))?;
        let found = sha256_hex([bytes]);
        if found == expected {
            return Ok(());
        }
        let short = |sum: &str| sum.chars().take(12).collect::<String>();
        let (found, expected) = (short(&found), short(&expected));
        Err(self.failed(
            file,
            format!("damaged: its SHA-256 begins {found}, expected {expected}"),
        ))
    }

    /// An error about one of the files.
    pub(crate) fn failed(&self, file: &str, reason: impl std::fmt::Display) -> Error {
        Error::Model {
            model: self.name.clone(),
            file: file.into(),
            reason: reason.to_string(),
        }
    }

    /// An error about the tensors of a file.
    pub(crate) fn weights_error(&self, file: &str, error: &WeightsError) -> Error {
        let reason = crate::error::chain(error);
        self.failed(file, reason.trim_start_matches(&format!("{file}: ")))
    }
}

fn index(file: &str) -> usize {
    FILES
        .iter()
        .position(|name| *name == file)
        .expect("a file of a model")
}

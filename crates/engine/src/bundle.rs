//! The files of one model, from the program itself or from a folder.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use kinora_nn::{WeightFile, WeightsError, is_file_of, sha256_hex};

use crate::error::{Error, Result};

/// Parts of a model, each in weight files of its own.
pub(crate) const TEXT: &str = "text";
pub(crate) const TRANSFORMER: &str = "transformer";
pub(crate) const CODEC: &str = "codec";
/// Small files that decide what a clip shows. Evaluation rewrites `coverage.json` without changing a pixel,
/// so that has no checksum.
const SUMMED: [&str; 2] = ["config.json", "vocabulary.txt"];
const SUMS: &str = "SHA256SUMS";

/// Files of a model inside the program, by name.
type Embedded = &'static [(&'static str, &'static [u8])];

/// Models inside the program.
static EMBEDDED: &[(&str, Embedded)] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Where a model's files are.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    /// Its name.
    pub(crate) name: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Embedded(Embedded),
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
            Place::Embedded(files) => Cow::Borrowed(self.embedded_file(files, file)?),
            Place::Folder(ref folder) => {
                Cow::Owned(fs::read(folder.join(file)).map_err(|error| self.failed(file, error))?)
            }
        };
        String::from_utf8(bytes.into_owned()).map_err(|error| self.failed(file, error))
    }

    /// The weights of a part, mapped and compared with their checksums.
    pub(crate) fn weights(&self, part: &str) -> Result<WeightFile> {
        let files = self.files_of(part)?;
        let weights = match self.place {
            Place::Embedded(all) => {
                let mut named = Vec::new();
                for file in &files {
                    named.push((&**file, self.embedded_file(all, file)?));
                }
                WeightFile::from_static(&named)
            }
            Place::Folder(ref folder) => {
                let paths: Vec<_> = files.iter().map(|file| folder.join(file)).collect();
                WeightFile::open_all(&paths)
            }
        };
        let weights = weights.map_err(|error| self.weights_error(part, &error))?;
        for (file, bytes) in files.iter().zip(weights.files()) {
            self.verify(file, bytes)?;
        }
        Ok(weights)
    }

    /// Bytes of all weight files.
    pub(crate) fn weight_bytes(&self) -> Result<u64> {
        let mut sum = 0;
        for part in [TEXT, TRANSFORMER, CODEC] {
            for file in self.files_of(part)? {
                sum += match self.place {
                    Place::Embedded(files) => self.embedded_file(files, &file)?.len() as u64,
                    Place::Folder(ref folder) => fs::metadata(folder.join(&file))
                        .map_err(|error| self.failed(&file, error))?
                        .len(),
                };
            }
        }
        Ok(sum)
    }

    /// The model's hash: that of its checksums. Also checks the small files against them.
    pub(crate) fn hash(&self) -> Result<String> {
        for file in SUMMED {
            self.verify(file, self.text(file)?.as_bytes())?;
        }
        Ok(sha256_hex([self.text(SUMS)?.as_bytes()]))
    }

    /// The weight files of a part that have a checksum: one, or shards.
    fn files_of(&self, part: &str) -> Result<Vec<String>> {
        let sums = self.text(SUMS)?;
        let names = sums.lines().filter_map(summed).map(|(_, name)| name);
        let own = names.filter(|name| is_file_of(part, name));
        let own: Vec<String> = own.map(str::to_owned).collect();
        if own.is_empty() {
            let reason = format!("{SUMS} does not list it");
            return Err(self.failed(&format!("{part}.safetensors"), reason));
        }
        Ok(own)
    }

    fn embedded_file(&self, files: Embedded, file: &str) -> Result<&'static [u8]> {
        let found = files.iter().find(|(name, _)| *name == file);
        let found = found.map(|(_, bytes)| *bytes);
        found.ok_or_else(|| self.failed(file, "it is not in the program"))
    }

    fn verify(&self, file: &str, bytes: &[u8]) -> Result<()> {
        let sums = self.text(SUMS)?;
        let mut lines = sums.lines().filter_map(summed);
        let line = lines.find_map(|(sum, name)| (name == file).then_some(sum));
        let expected = line.ok_or_else(|| self.failed(file, format!("{SUMS} does not list it")))?;
        let found = sha256_hex([bytes]);
        if found == expected {
            return Ok(());
        }
        let short = |sum: &str| sum.chars().take(12).collect::<String>();
        let (found, expected) = (short(&found), short(expected));
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

    /// An error about the tensors of a part.
    pub(crate) fn weights_error(&self, part: &str, error: &WeightsError) -> Error {
        let file = &format!("{part}.safetensors");
        let reason = crate::error::chain(error);
        self.failed(file, reason.trim_start_matches(&format!("{file}: ")))
    }
}

/// Checksum and name in a line of `SHA256SUMS`.
fn summed(line: &str) -> Option<(&str, &str)> {
    let (sum, name) = line.split_once(char::is_whitespace)?;
    Some((sum, name.trim_start_matches([' ', '*'])))
}

//! A diffusers directory: one folder a part, each described by its own JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kinora_nn::{Rule, WeightFile, WeightsError};
use serde::Deserialize;
use serde_json::Value;

use super::fingerprint::Fingerprint;
use crate::error::{Error, Result};

/// The file that makes a folder a model.
pub(crate) const INDEX: &str = "model_index.json";
/// Larger descriptions are refused: the published ones have a few kilobytes.
const MOST_JSON_BYTES: u64 = 1 << 20;

/// `model_index.json`: the pipeline's class, its switches, and the class of each part.
#[derive(Debug, Clone, Deserialize)]
struct Index {
    #[serde(rename = "_class_name")]
    class: String,
    /// Share of the timesteps from which on the expert for low noise works.
    #[serde(default)]
    boundary_ratio: Option<f64>,
    /// Whether every token has a timestep of its own.
    #[serde(default)]
    expand_timesteps: Option<bool>,
    #[serde(flatten)]
    parts: BTreeMap<String, Value>,
}

/// The folder and what its index says.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    root: PathBuf,
    index: Index,
}

impl Directory {
    /// Whether a folder is one.
    pub(crate) fn is_at(root: &Path) -> bool {
        root.join(INDEX).is_file()
    }

    /// Reads the index.
    ///
    /// # Errors
    /// [`Error::Model`] when it is missing or not an index.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let mut directory = Self {
            root: root.to_path_buf(),
            index: Index {
                class: String::new(),
                boundary_ratio: None,
                expand_timesteps: None,
                parts: BTreeMap::new(),
            },
        };
        let json = directory.text(INDEX)?;
        directory.index =
            serde_json::from_str(&json).map_err(|error| directory.failed(INDEX, error))?;
        Ok(directory)
    }

    /// Name of the folder, which is the model's.
    pub(crate) fn name(&self) -> String {
        // `.` and `dir/..` have no last part of their own.
        let whole = fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone());
        let name = whole.file_name().map(|name| name.to_string_lossy().into());
        name.unwrap_or_else(|| "model".into())
    }

    /// The pipeline's class.
    pub(crate) fn class(&self) -> &str {
        &self.index.class
    }

    /// Share of the timesteps from which on the expert for low noise works.
    pub(crate) fn boundary_ratio(&self) -> Option<f64> {
        self.index.boundary_ratio
    }

    /// Whether every token has a timestep of its own.
    pub(crate) fn expand_timesteps(&self) -> bool {
        self.index.expand_timesteps.unwrap_or(false)
    }

    /// The class of a part, if the model has it: `["library", "Class"]` in the index.
    pub(crate) fn class_of(&self, part: &str) -> Option<&str> {
        self.index.parts.get(part)?.get(1)?.as_str()
    }

    /// The folder of a part.
    pub(crate) fn folder(&self, part: &str) -> PathBuf {
        self.root.join(part)
    }

    /// A small text file, by its path in the folder.
    ///
    /// # Errors
    /// [`Error::Model`] when it cannot be read or is not small.
    pub(crate) fn text(&self, file: &str) -> Result<String> {
        let path = self.root.join(file);
        let failed = |error| self.failed(file, error);
        let bytes = fs::metadata(&path).map_err(failed)?.len();
        if bytes > MOST_JSON_BYTES {
            return Err(self.failed(
                file,
                format!("{bytes} bytes, a description has a few thousand"),
            ));
        }
        fs::read_to_string(&path).map_err(failed)
    }

    /// The weights of a part, whose names `rules` turn into the model's.
    ///
    /// # Errors
    /// [`Error::Model`] when they are missing or damaged.
    pub(crate) fn weights(&self, part: &str, rules: &[&[Rule]]) -> Result<WeightFile> {
        let file = WeightFile::open_folder(&self.folder(part));
        let file = file.map_err(|error| self.weights_error(part, &error))?;
        Ok(file.with_rules(rules))
    }

    /// Bytes of the weight files of a part.
    pub(crate) fn weight_bytes(&self, part: &str) -> u64 {
        let files = fs::read_dir(self.folder(part))
            .into_iter()
            .flatten()
            .flatten();
        let weights = files.filter(|file| {
            file.path()
                .extension()
                .is_some_and(|extension| extension == "safetensors")
        });
        weights
            .filter_map(|file| Some(file.metadata().ok()?.len()))
            .sum()
    }

    /// How many numbers the weights of a part are.
    ///
    /// # Errors
    /// [`Error::Model`] when they are missing or damaged.
    pub(crate) fn numbers(&self, part: &str) -> Result<u64> {
        let file = self.weights(part, &[])?;
        let count = |name| {
            file.shape(name)
                .map_or(0, |shape| shape.iter().product::<usize>())
        };
        Ok(file.names().map(count).sum::<usize>() as u64)
    }

    /// What the parts' files look like, and the index itself.
    ///
    /// # Errors
    /// [`Error::Model`] for a part that cannot be read.
    pub(crate) fn fingerprint(&self, parts: &[&str]) -> Result<Fingerprint> {
        let mut print = Fingerprint::default();
        print.text(&self.text(INDEX)?);
        for part in parts {
            print
                .folder(&self.folder(part))
                .map_err(|error| self.failed(part, error))?;
        }
        Ok(print)
    }

    /// An error about one of the files.
    pub(crate) fn failed(&self, file: &str, reason: impl std::fmt::Display) -> Error {
        Error::Model {
            model: self.name(),
            file: file.into(),
            reason: reason.to_string(),
        }
    }

    /// An error about the tensors of a part.
    pub(crate) fn weights_error(&self, part: &str, error: &WeightsError) -> Error {
        self.failed(part, crate::error::chain(error))
    }
}

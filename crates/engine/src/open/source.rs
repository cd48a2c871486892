//! Where a model's parts are, and what describes each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kinora_models::t5::Tokenizer;
use kinora_nn::{Lora, Rule, WeightFile, Weights, WeightsError};

use super::experts::expert_of;
use super::fingerprint::Fingerprint;
use crate::error::{Error, Result, chain};
use crate::request::Dtype;

/// A part of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// The transformer, or the expert for high noise.
    Transformer,
    /// The expert for low noise.
    Transformer2,
    /// The VAE.
    Vae,
    /// The text encoder.
    TextEncoder,
}

impl Name {
    /// The folder of a diffusers directory, and the word in errors.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::Transformer2 => "transformer_2",
            Self::Vae => "vae",
            Self::TextEncoder => "text_encoder",
        }
    }
}

/// The weights of a part, how their names become the model's, and their `config.json`.
#[derive(Debug, Clone)]
pub(crate) struct Weighty {
    /// A file, or a folder with one or with shards.
    pub(crate) place: PathBuf,
    /// What every name begins with, where that is so.
    pub(crate) prefix: &'static str,
    /// Key maps, applied one after the other; of the tables of one, the first that fits decides.
    pub(crate) rules: Vec<Vec<&'static [Rule]>>,
    pub(crate) config: String,
}

/// A model's parts.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    /// The reference's pipeline.
    pub(crate) class: String,
    pub(crate) parts: BTreeMap<Name, Weighty>,
    /// How many weights the parts have, of a model that is described and not there.
    pub(crate) numbers: BTreeMap<Name, u64>,
    /// `tokenizer.json`, `spiece.model`, a folder with one of them, or weights with one inside.
    pub(crate) tokenizer: PathBuf,
    /// `scheduler_config.json`.
    pub(crate) scheduler: String,
    /// Share of the timesteps from which down the expert for low noise works.
    pub(crate) boundary_ratio: Option<f64>,
    /// Whether each latent frame is told its own timestep, so that the first can be a picture.
    pub(crate) expand_timesteps: bool,
    /// Low-rank adaptations of the transformer and their factors.
    pub(crate) loras: Vec<(PathBuf, f64)>,
}

impl Source {
    /// The description of a part.
    ///
    /// # Errors
    /// [`Error::Model`] when the model has no such part.
    pub(crate) fn config(&self, name: Name) -> Result<&str> {
        self.part(name).map(|part| part.config.as_str())
    }

    pub(crate) fn has(&self, name: Name) -> bool {
        self.parts.contains_key(&name)
    }

    fn part(&self, name: Name) -> Result<&Weighty> {
        let part = self.parts.get(&name);
        part.ok_or_else(|| self.failed(name.folder(), "the model has no such part"))
    }

    /// Reads a part of the model with `load`. Tensors under the prefixes `others` are for another
    /// reader of the same file; all the rest must be read.
    ///
    /// # Errors
    /// As [`Source::weights`], and when the tensors are not those that `load` asks for.
    pub(crate) fn read<T>(
        &self,
        name: Name,
        dtype: Dtype,
        others: &[&str],
        load: impl FnOnce(&Weights) -> std::result::Result<T, WeightsError>,
    ) -> Result<T> {
        let file = self.weights(name)?;
        let part = load(&file.weights(dtype.into()));
        let part = part.and_then(|part| file.finish_without(others).map(|()| part));
        part.map_err(|error| self.weights_error(name, &error))
    }

    /// The weights of a part under the names that the model asks for, LoRAs merged.
    ///
    /// # Errors
    /// [`Error::Model`] when they are missing or damaged, or a LoRA is for another model.
    pub(crate) fn weights(&self, name: Name) -> Result<WeightFile> {
        let (file, _) = self.merged(name)?;
        Ok(file)
    }

    /// [`Source::weights`], and the keys of LoRAs that no tensor of the part takes.
    pub(crate) fn merged(&self, name: Name) -> Result<(WeightFile, Vec<String>)> {
        let part = self.part(name)?;
        let failed = |error: WeightsError| self.weights_error(name, &error);
        let file = open(&part.place).map_err(failed)?;
        let mut file = file.without_prefix(part.prefix);
        for tables in &part.rules {
            file = file.with_rules(tables);
        }
        let mut unmatched = Vec::new();
        if matches!(name, Name::Transformer | Name::Transformer2) {
            let (tables, _) = super::directory::rules(&self.class)
                .map_err(|reason| self.failed(name.folder(), reason))?;
            for (path, strength) in self.loras_of(name) {
                let lora = Lora::open(path).map_err(failed)?;
                let merged = file.with_lora(&lora, *strength as f32, &[tables]);
                let (changed, report) = merged.map_err(failed)?;
                unmatched.extend(report.unmatched);
                file = changed;
            }
        }
        Ok((file, unmatched))
    }

    /// The LoRAs of a transformer: of a pair, those that are not named for the other expert.
    fn loras_of(&self, name: Name) -> impl Iterator<Item = &(PathBuf, f64)> {
        let is_pair = self.has(Name::Transformer2);
        self.loras.iter().filter(move |(path, _)| {
            !is_pair || expert_of(path).is_none_or(|expert| expert == name)
        })
    }

    /// What the user should know of the LoRAs.
    ///
    /// # Errors
    /// [`Error::Model`] for a LoRA of another model.
    pub(crate) fn lora_notes(&self) -> Result<Vec<String>> {
        if self.loras.is_empty() {
            return Ok(Vec::new());
        }
        let mut unmatched = Vec::new();
        for name in [Name::Transformer, Name::Transformer2] {
            if self.has(name) {
                unmatched.extend(self.merged(name)?.1);
            }
        }
        // Experts of one shape have the same layers.
        unmatched.sort_unstable();
        unmatched.dedup();
        let first = unmatched
            .iter()
            .take(3)
            .map(String::as_str)
            .collect::<Vec<_>>();
        Ok(match unmatched.len() {
            0 => Vec::new(),
            count => vec![format!(
                "{count} keys of the LoRAs are not used, such as {}",
                first.join(", ")
            )],
        })
    }

    /// How many numbers the weights of a part are.
    ///
    /// # Errors
    /// As [`Source::weights`].
    pub(crate) fn numbers(&self, name: Name) -> Result<u64> {
        if let Some(numbers) = self.numbers.get(&name) {
            return Ok(*numbers);
        }
        let file = self.weights(name)?;
        let count = |name| {
            file.shape(name)
                .map_or(0, |shape| shape.iter().product::<usize>())
        };
        Ok(file.names().map(count).sum::<usize>() as u64)
    }

    /// Bytes of all weight files.
    pub(crate) fn weight_bytes(&self) -> u64 {
        let mut places: Vec<&Path> = self
            .parts
            .values()
            .map(|part| part.place.as_path())
            .collect();
        places.sort_unstable();
        places.dedup();
        let files = places.into_iter().flat_map(weight_files);
        files
            .filter_map(|file| Some(fs::metadata(file).ok()?.len()))
            .sum()
    }

    /// The tokenizer.
    ///
    /// # Errors
    /// [`Error::Model`] when it is missing or damaged.
    pub(crate) fn tokenizer(&self) -> Result<Tokenizer> {
        let failed = |error: &dyn std::error::Error| self.failed("tokenizer", chain(error));
        if weight_files(&self.tokenizer).is_empty() {
            return Tokenizer::open(&self.tokenizer).map_err(|error| failed(&error));
        }
        let file = open(&self.tokenizer).map_err(|error| failed(&error))?;
        let found = Tokenizer::in_weights(&file);
        let found =
            found.ok_or_else(|| self.failed("tokenizer", "the weights bring none along"))?;
        found.map_err(|error| failed(&error))
    }

    /// What all files look like and how they are described.
    ///
    /// # Errors
    /// [`Error::Model`] for a file that cannot be read.
    pub(crate) fn hash(&self) -> Result<String> {
        let mut print = Fingerprint::default();
        for text in [
            &self.class,
            &self.scheduler,
            &format!("{:?}", self.boundary_ratio),
        ] {
            print.text(text);
        }
        for name in self.parts.keys() {
            print = self.fingerprint(print, *name)?;
        }
        let failed = |error: std::io::Error| self.failed("tokenizer", error);
        for file in files(&self.tokenizer) {
            print.file(&file).map_err(failed)?;
        }
        for (path, strength) in &self.loras {
            print.text(&strength.to_string());
            print
                .file(path)
                .map_err(|error| self.failed(&path.display().to_string(), error))?;
        }
        Ok(print.finish())
    }

    /// Adds what a part's files look like.
    ///
    /// # Errors
    /// [`Error::Model`] for a file that cannot be read.
    pub(crate) fn fingerprint(&self, mut print: Fingerprint, name: Name) -> Result<Fingerprint> {
        let part = self.part(name)?;
        print.text(&part.config);
        for file in files(&part.place) {
            print
                .file(&file)
                .map_err(|error| self.failed(name.folder(), error))?;
        }
        Ok(print)
    }

    /// An error about a part or file.
    pub(crate) fn failed(&self, part: &str, reason: impl std::fmt::Display) -> Error {
        failed(&self.name, part, reason)
    }

    /// An error about the tensors of a part.
    pub(crate) fn weights_error(&self, name: Name, error: &WeightsError) -> Error {
        self.failed(name.folder(), chain(error))
    }
}

/// An error about a part or file of a model.
pub(crate) fn failed(model: &str, part: &str, reason: impl std::fmt::Display) -> Error {
    Error::Model {
        model: model.into(),
        file: part.into(),
        reason: reason.to_string(),
    }
}

/// Opens a weight file, or a folder of one, whatever its name, or of shards.
pub(crate) fn open(place: &Path) -> std::result::Result<WeightFile, WeightsError> {
    match &weight_files(place)[..] {
        [one] if place.is_dir() => WeightFile::open(one),
        _ if place.is_dir() => WeightFile::open_folder(place),
        _ => WeightFile::open(place),
    }
}

/// The file itself, or the files of a folder in order; none where nothing is there by intent.
fn files(place: &Path) -> Vec<PathBuf> {
    if place.as_os_str().is_empty() {
        return Vec::new();
    }
    if !place.is_dir() {
        return vec![place.to_path_buf()];
    }
    let files = fs::read_dir(place).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = files.map(|file| file.path()).collect();
    files.retain(|file| file.is_file());
    files.sort_unstable();
    files
}

/// Those of them that hold weights.
pub(crate) fn weight_files(place: &Path) -> Vec<PathBuf> {
    let mut files = files(place);
    files.retain(|file| {
        let extension = file.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("safetensors" | "sft" | "gguf"))
    });
    files
}

/// The name of a model in a file or folder.
pub(crate) fn name_of(path: &Path) -> String {
    // `.` and `dir/..` have no last part of their own.
    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = if whole.is_dir() {
        whole.file_name()
    } else {
        whole.file_stem()
    };
    name.map_or_else(|| "model".into(), |name| name.to_string_lossy().into())
}

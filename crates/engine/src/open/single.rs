//! A single file as the original repositories and ComfyUI have it: the transformer, and of LTX-Video
//! often the VAE too. What it lacks is named by the user, stands beside it, as a pull leaves it, or is
//! taken from a model that is here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kinora_models::ltx::{self, presets as ltx_presets};
use kinora_models::t5::{self, Variant};
use kinora_models::wan::{self, VaePreset};
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::Precision;

use super::experts::{expert_of, low_noise_beside};
use super::source::{Name, Source, Weighty, failed, name_of, open, weight_files};
use crate::error::{Error, Result, chain};
use crate::request::ModelFiles;

/// The prefix of a transformer beside other parts.
const PREFIX: &str = "model.diffusion_model.";
/// The scheduler that Wan's single files are run with: shift as the converter writes it.
const WAN_SCHEDULER: &str = r#"{"_class_name": "UniPCMultistepScheduler",
    "prediction_type": "flow_prediction", "use_flow_sigmas": true, "flow_shift": 3.0}"#;
/// The same for the model of 5 billion weights.
const WAN_5B_SCHEDULER: &str = r#"{"_class_name": "UniPCMultistepScheduler",
    "prediction_type": "flow_prediction", "use_flow_sigmas": true, "flow_shift": 5.0}"#;
/// Whether a path is a weight file, or a folder with just one and no index.
pub(crate) fn at(path: &Path) -> Option<PathBuf> {
    match &weight_files(path)[..] {
        [file] if path.is_file() || !path.join("config.json").is_file() => Some(file.clone()),
        _ => None,
    }
}

/// Reads the names and shapes of the file's tensors, and finds the other parts.
///
/// # Errors
/// [`Error::Model`] for a file of no known family, and for a part that is nowhere; [`Error::Value`]
/// for a second expert that the model has no use for.
pub(crate) fn read(file: &Path, files: &ModelFiles) -> Result<Source> {
    let parts = Parts {
        name: name_of(file),
        file,
        files,
    };
    if let Some(transformer) = ltx::transformer_of(&parts.ltx_transformer()?) {
        return parts.ltx(transformer);
    }
    let rules = parts.wan_rules(file)?;
    match wan::transformer_of(&parts.wan_transformer(file, &rules)?) {
        Ok(found) => parts.wan(found, rules),
        Err(error) => {
            Err(parts.failed("file", format!("no transformer of LTX-Video, and {error}")))
        }
    }
}

/// Class and scheduler of an LTX-Video in a single file: the reference goes by the version of its VAE.
pub(super) fn ltx_pipeline(vae: &str) -> (&'static str, &'static str) {
    if ltx::VaeConfig::from_json(vae).is_ok_and(|vae| vae.is_095()) {
        ("LTXConditionPipeline", ltx_presets::SCHEDULER_095)
    } else {
        ("LTXPipeline", ltx_presets::SCHEDULER_090)
    }
}

/// The scheduler of a Wan in a single file; whether each of its tokens has a timestep of its own.
pub(super) fn wan_scheduler(expand_timesteps: bool) -> &'static str {
    if expand_timesteps {
        WAN_5B_SCHEDULER
    } else {
        WAN_SCHEDULER
    }
}

/// The search for a model's parts.
struct Parts<'a> {
    name: String,
    file: &'a Path,
    files: &'a ModelFiles,
}

/// Key maps, one after the other.
type Tables = Vec<Vec<&'static [Rule]>>;

/// The transformer of an LTX-Video, in any layout.
fn ltx_transformer_tables() -> Tables {
    vec![
        vec![ltx::keys::TRANSFORMER_OF_FILE],
        vec![ltx::FROM_DIFFUSERS],
    ]
}

fn renamed(file: WeightFile, tables: &Tables) -> WeightFile {
    tables
        .iter()
        .fold(file, |file, table| file.with_rules(table))
}

impl Parts<'_> {
    fn ltx_transformer(&self) -> Result<WeightFile> {
        Ok(renamed(
            self.open(self.file, "file")?,
            &ltx_transformer_tables(),
        ))
    }

    fn ltx(&self, transformer: String) -> Result<Source> {
        if self.files.transformer_2.is_some() {
            return Err(self.no_pair());
        }
        let place = match &self.files.vae {
            Some(given) => given.clone(),
            None if self.ltx_vae(self.file)?.is_some() => self.file.to_path_buf(),
            None => self.beside("vae", None, "--vae", |place| {
                Ok(self.ltx_vae(place)?.map(|vae| vae.config))
            })?,
        };
        let vae = self.ltx_vae(&place)?;
        let vae = vae.ok_or_else(|| self.wrong("vae", "it is none of LTX-Video", "--vae"))?;
        let (class, scheduler) = ltx_pipeline(&vae.config);
        let part = Weighty {
            place: self.file.to_path_buf(),
            prefix: "",
            rules: ltx_transformer_tables(),
            config: transformer,
        };
        self.source(class, scheduler, part, vae)
    }

    /// The VAE in a file or folder, if it is one of LTX-Video.
    fn ltx_vae(&self, place: &Path) -> Result<Option<Weighty>> {
        let mut rules = vec![vec![ltx::keys::VAE_OF_FILE]];
        let mut names = renamed(self.open(place, "vae")?, &rules);
        if let Some(original) = ltx::keys::original_vae(|name| names.shape(name).is_some()) {
            names = names.with_rules(original);
            rules.push(original.to_vec());
        }
        let vae = ltx::vae_of(&names).map(|config| Weighty {
            place: place.to_path_buf(),
            prefix: "",
            rules,
            config,
        });
        Ok(vae)
    }

    /// The key map of a transformer of Wan: none for the original names, which ComfyUI and GGUF have.
    fn wan_rules(&self, file: &Path) -> Result<Tables> {
        let names = self.open(file, "file")?.without_prefix(PREFIX);
        let is_diffusers = names
            .names()
            .any(|name| name.starts_with("blocks.") && name.contains(".attn1."));
        Ok(if is_diffusers {
            vec![vec![wan::FROM_DIFFUSERS]]
        } else {
            Vec::new()
        })
    }

    fn wan_transformer(&self, file: &Path, rules: &Tables) -> Result<WeightFile> {
        let file = self.open(file, "file")?.without_prefix(PREFIX);
        Ok(renamed(file, rules))
    }

    fn wan(&self, found: wan::Detected, rules: Tables) -> Result<Source> {
        let needed = found.vae;
        let place = self.beside("vae", self.files.vae.as_deref(), "--vae", |place| {
            let vae = self.wan_vae(place).ok();
            let vae = vae.filter(|(_, preset)| preset.name == needed.name);
            Ok(vae.map(|(vae, _)| vae.config))
        })?;
        let (vae, preset) = self.wan_vae(&place)?;
        if preset.name != needed.name {
            let reason = format!("it is {}, the model needs {}", preset.name, needed.name);
            return Err(self.wrong("vae", reason, "--vae"));
        }
        let low = self.low_noise()?;
        let low = low.map(|file| self.expert(file, &found)).transpose()?;
        let part = Weighty {
            place: self.file.to_path_buf(),
            prefix: PREFIX,
            rules,
            config: found.config,
        };
        let expand_timesteps = wan::expands_timesteps(needed);
        let scheduler = wan_scheduler(expand_timesteps);
        let mut source = self.source("WanPipeline", scheduler, part, vae)?;
        source.boundary_ratio = low.is_some().then_some(wan::BOUNDARY_RATIO);
        source
            .parts
            .extend(low.map(|low| (Name::Transformer2, low)));
        Ok(Source {
            expand_timesteps,
            ..source
        })
    }

    /// The VAE in a file or folder, and which of Wan's it is.
    fn wan_vae(&self, place: &Path) -> Result<(Weighty, &'static VaePreset)> {
        let tables: [Tables; 2] = [Vec::new(), vec![vec![wan::VAE_FROM_DIFFUSERS]]];
        let mut refused = None;
        for rules in tables {
            match wan::vae_of(&renamed(self.open(place, "vae")?, &rules)) {
                Ok(found) => {
                    let vae = Weighty {
                        place: place.to_path_buf(),
                        prefix: "",
                        rules,
                        config: found.config,
                    };
                    return Ok((vae, found.vae));
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        let error = refused.expect("two layouts were tried");
        Err(self.wrong("vae", error, "--vae"))
    }

    /// The expert for low noise of a pair: the one that the user names, or the file beside this one
    /// that is named alike.
    fn low_noise(&self) -> Result<Option<PathBuf>> {
        if let Some(given) = &self.files.transformer_2 {
            return Ok(Some(given.clone()));
        }
        let Some(expert) = expert_of(self.file) else {
            return Ok(None);
        };
        let other = low_noise_beside(self.file);
        if expert == Name::Transformer && other.is_file() {
            return Ok(Some(other));
        }
        let other = other.file_name().unwrap_or_default().to_string_lossy();
        let reason = format!(
            "the model's name says that it is one of two experts: --model takes the one for high \
             noise, and `{other}` is not beside it"
        );
        Err(self.wrong("transformer_2", reason, "--transformer-2"))
    }

    fn expert(&self, file: PathBuf, first: &wan::Detected) -> Result<Weighty> {
        let failed =
            |error: &dyn std::fmt::Display| self.wrong("transformer_2", error, "--transformer-2");
        let rules = self.wan_rules(&file)?;
        let found = wan::transformer_of(&self.wan_transformer(&file, &rules)?)
            .map_err(|error| failed(&error))?;
        if found.config != first.config {
            return Err(failed(&"its shape is not that of the first expert"));
        }
        Ok(Weighty {
            place: file,
            prefix: PREFIX,
            rules,
            config: found.config,
        })
    }

    fn source(&self, class: &str, scheduler: &str, part: Weighty, vae: Weighty) -> Result<Source> {
        let variant = if class == "WanPipeline" {
            Variant::Umt5
        } else {
            Variant::T5
        };
        let text = self.text_encoder(variant)?;
        Ok(Source {
            name: self.name.clone(),
            class: class.into(),
            tokenizer: self.tokenizer(&text.place)?,
            parts: BTreeMap::from([
                (Name::Transformer, part),
                (Name::Vae, vae),
                (Name::TextEncoder, text),
            ]),
            numbers: BTreeMap::new(),
            scheduler: scheduler.into(),
            boundary_ratio: None,
            expand_timesteps: false,
            loras: Vec::new(),
        })
    }

    fn text_encoder(&self, needed: Variant) -> Result<Weighty> {
        let given = self.files.text_encoder.as_deref();
        let place = self.beside("text_encoder", given, "--text-encoder", |place| {
            let (text, variant) = self.encoder_at(place)?;
            Ok((variant == needed).then_some(text.config))
        })?;
        let (text, variant) = self.encoder_at(&place)?;
        if variant == needed {
            Ok(text)
        } else {
            let reason = format!("it is a {variant}, the model needs a {needed}");
            Err(self.wrong("text_encoder", reason, "--text-encoder"))
        }
    }

    /// The text encoder in a file or folder, by its `config.json` or its shapes.
    fn encoder_at(&self, place: &Path) -> Result<(Weighty, Variant)> {
        let failed = |error: &dyn std::fmt::Display| self.failed("text_encoder", error);
        let file = self.open(place, "text_encoder")?;
        let rules = t5::layout(&file).ok_or_else(|| failed(&"it holds no T5 or UMT5"))?;
        let config = if let Ok(json) = std::fs::read_to_string(place.join("config.json")) {
            t5::Config::from_json(&json).map_err(|error| failed(&error))?
        } else {
            let file = file.with_rules(&[rules]);
            t5::Config::from_shapes(&file.weights(Precision::F32))
                .ok_or_else(|| failed(&"its tensors are not those of a whole T5 or UMT5"))?
        };
        let text = Weighty {
            place: place.to_path_buf(),
            prefix: "",
            rules: vec![vec![rules]],
            config: config.to_json(),
        };
        Ok((text, config.variant))
    }

    /// The tokenizer: named, beside the model or the text encoder, or within the text encoder's file.
    fn tokenizer(&self, text_encoder: &Path) -> Result<PathBuf> {
        if let Some(given) = &self.files.tokenizer {
            return Ok(given.clone());
        }
        let folders = [self.file.parent(), text_encoder.parent()];
        let mut beside = folders
            .into_iter()
            .flatten()
            .map(|folder| folder.join("tokenizer"));
        if let Some(found) = beside.find(|place| place.exists()) {
            return Ok(found);
        }
        let file = self.open(text_encoder, "text_encoder")?;
        if t5::Tokenizer::is_in_weights(&file) {
            return Ok(text_encoder.to_path_buf());
        }
        Err(self.nowhere("tokenizer", "--tokenizer"))
    }

    /// The place that the user names, or the folder of this name beside the model, or that of a model
    /// that is here. `fits` describes the part at such a place if it is the right one.
    fn beside(
        &self,
        part: &str,
        given: Option<&Path>,
        option: &'static str,
        fits: impl Fn(&Path) -> Result<Option<String>>,
    ) -> Result<PathBuf> {
        if let Some(given) = given {
            return Ok(given.to_path_buf());
        }
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let own = folder.join(part);
        if own.exists() {
            return Ok(own);
        }
        // A damaged model that is here too is not what the user asked for.
        let others = self.files.others.iter().map(|folder| folder.join(part));
        let others = others.filter(|place| place.exists());
        let others: Vec<(PathBuf, String)> = others
            .filter_map(|place| fits(&place).ok()?.map(|config| (place, config)))
            .collect();
        let Some((place, config)) = others.first() else {
            return Err(self.nowhere(part, option));
        };
        match others.iter().find(|(_, other)| other != config) {
            None => Ok(place.clone()),
            Some((another, _)) => {
                let reason = format!(
                    "the file has none, and {} and {} are not the same",
                    place.display(),
                    another.display()
                );
                Err(self.wrong(part, reason, option))
            }
        }
    }

    fn nowhere(&self, part: &str, option: &'static str) -> Error {
        let reason =
            "the file has none, there is none beside it, and no installed model has one that fits";
        self.wrong(part, reason, option)
    }

    fn wrong(&self, part: &str, reason: impl std::fmt::Display, option: &'static str) -> Error {
        Error::Part {
            model: self.name.clone(),
            part: part.into(),
            reason: reason.to_string(),
            option,
        }
    }

    fn no_pair(&self) -> Error {
        Error::Value {
            name: "--transformer-2",
            value: String::new(),
            hint: format!("{} has one transformer", self.name),
        }
    }

    fn open(&self, place: &Path, part: &str) -> Result<WeightFile> {
        open(place).map_err(|error| self.failed(part, chain(&error)))
    }

    fn failed(&self, part: &str, reason: impl std::fmt::Display) -> Error {
        failed(&self.name, part, reason)
    }
}

//! A single file as the original repositories and ComfyUI have it: the transformer, and of LTX-Video
//! the VAE too. What it lacks stands beside it, as a pull leaves it, or is named by the user.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kinora_models::ltx::{self, presets as ltx_presets};
use kinora_models::t5;
use kinora_models::wan::{self, Preset, VaePreset};
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::Precision;

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
/// [`Error::Model`] for a file of no known family, and for a part that is nowhere.
pub(crate) fn read(file: &Path, files: &ModelFiles) -> Result<Source> {
    let parts = Parts {
        name: name_of(file),
        file,
        files,
    };
    let weights = parts.open(file, "file")?.without_prefix(PREFIX);
    let (root, shapes) = (weights.weights(Precision::F32), |name: &str| {
        weights.shape(name).is_some()
    });
    let originals = |names: &WeightFile, rules: &'static [Rule]| {
        // Diffusers' names become the original ones where there are any.
        let diffusers = names
            .names()
            .any(|name| name.starts_with("blocks.") && name.contains(".attn1."));
        if diffusers {
            vec![vec![rules]]
        } else {
            Vec::new()
        }
    };
    if let Some(config) = ltx_presets::transformer_of(shapes) {
        return parts.ltx(config);
    }
    let rules = originals(&weights, wan::FROM_DIFFUSERS);
    let detected = if rules.is_empty() {
        Preset::detect(&root)
    } else {
        let renamed = parts
            .open(file, "file")?
            .without_prefix(PREFIX)
            .with_rules(&rules[0]);
        Preset::detect(&renamed.weights(Precision::F32))
    };
    match detected {
        Ok(preset) => parts.wan(preset, rules),
        Err(error) => {
            Err(parts.failed("file", format!("no transformer of LTX-Video, and {error}")))
        }
    }
}

/// Class and scheduler of an LTX-Video in a single file: the reference goes by the version of its VAE.
pub(super) fn ltx_pipeline(vae: &str) -> (&'static str, &'static str) {
    if vae == ltx_presets::VAE_095 {
        ("LTXConditionPipeline", ltx_presets::SCHEDULER_095)
    } else {
        ("LTXPipeline", ltx_presets::SCHEDULER_090)
    }
}

/// The scheduler of a Wan in a single file.
pub(super) fn wan_scheduler(preset: &Preset) -> &'static str {
    if preset.expand_timesteps {
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

impl Parts<'_> {
    fn ltx(&self, transformer: &str) -> Result<Source> {
        let given = self.files.vae.as_deref();
        let place = given.unwrap_or(self.file);
        let mut rules = vec![vec![ltx::keys::VAE_OF_FILE]];
        let mut names = self.open(place, "vae")?.with_rules(&rules[0]);
        if let Some(original) = ltx::keys::original_vae(|name| names.shape(name).is_some()) {
            names = names.with_rules(original);
            rules.push(original.to_vec());
        }
        let vae = ltx_presets::vae_of(|name| names.shape(name).is_some());
        let vae = vae.ok_or_else(|| {
            self.failed(
                "vae",
                "the file holds no VAE of LTX-Video; name one with --vae",
            )
        })?;
        let (class, scheduler) = ltx_pipeline(vae);
        let part = Weighty {
            place: self.file.to_path_buf(),
            prefix: "",
            rules: vec![
                vec![ltx::keys::TRANSFORMER_OF_FILE],
                vec![ltx::FROM_DIFFUSERS],
            ],
            config: transformer.into(),
        };
        let vae = Weighty {
            place: place.to_path_buf(),
            prefix: "",
            rules,
            config: vae.into(),
        };
        self.source(class, scheduler, part, vae)
    }

    fn wan(&self, preset: &Preset, rules: Vec<Vec<&'static [Rule]>>) -> Result<Source> {
        let place = self.beside("vae", self.files.vae.as_deref(), "--vae")?;
        let names = self.open(&place, "vae")?;
        let is_original = VaePreset::detect(&names.weights(Precision::F32)).is_ok();
        let vae_rules: Vec<&'static [Rule]> = if is_original {
            Vec::new()
        } else {
            vec![wan::VAE_FROM_DIFFUSERS]
        };
        let names = names.with_rules(&vae_rules);
        let found = VaePreset::detect(&names.weights(Precision::F32));
        let found = found.map_err(|error| self.failed("vae", error))?;
        if found.name != preset.vae.name {
            let reason = format!(
                "it is {}, {} needs {}",
                found.name, preset.name, preset.vae.name
            );
            return Err(self.failed("vae", reason));
        }
        let part = Weighty {
            place: self.file.to_path_buf(),
            prefix: PREFIX,
            rules,
            config: preset.transformer.into(),
        };
        let vae = Weighty {
            place,
            prefix: "",
            rules: vec![vae_rules],
            config: found.config.into(),
        };
        let source = self.source("WanPipeline", wan_scheduler(preset), part, vae)?;
        Ok(Source {
            expand_timesteps: preset.expand_timesteps,
            ..source
        })
    }

    fn source(&self, class: &str, scheduler: &str, part: Weighty, vae: Weighty) -> Result<Source> {
        let text = self.text_encoder(class == "WanPipeline")?;
        let tokenizer = self.beside("tokenizer", self.files.tokenizer.as_deref(), "--tokenizer")?;
        Ok(Source {
            name: self.name.clone(),
            class: class.into(),
            parts: BTreeMap::from([
                (Name::Transformer, part),
                (Name::Vae, vae),
                (Name::TextEncoder, text),
            ]),
            numbers: BTreeMap::new(),
            tokenizer,
            scheduler: scheduler.into(),
            boundary_ratio: None,
            expand_timesteps: false,
            loras: Vec::new(),
        })
    }

    fn text_encoder(&self, is_umt5: bool) -> Result<Weighty> {
        let given = self.files.text_encoder.as_deref();
        let place = self.beside("text_encoder", given, "--text-encoder")?;
        let file = self.open(&place, "text_encoder")?;
        let rules = t5::layout(&file);
        let rules = rules.ok_or_else(|| self.failed("text_encoder", "it holds no T5 or UMT5"))?;
        let config = std::fs::read_to_string(place.join("config.json"));
        let preset = if is_umt5 {
            t5::UMT5_XXL
        } else {
            t5::T5_V1_1_XXL
        };
        Ok(Weighty {
            place,
            prefix: "",
            rules: vec![vec![rules]],
            config: config.unwrap_or_else(|_| preset.into()),
        })
    }

    /// The place that the user names, or the folder or file of this name beside the model.
    fn beside(&self, part: &str, given: Option<&Path>, option: &str) -> Result<PathBuf> {
        if let Some(given) = given {
            return Ok(given.to_path_buf());
        }
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let found = folder.join(part);
        if found.exists() {
            return Ok(found);
        }
        let reason =
            format!("the file has none and there is none beside it; name one with {option}");
        Err(self.failed(part, reason))
    }

    fn open(&self, place: &Path, part: &str) -> Result<WeightFile> {
        open(place).map_err(|error| self.failed(part, chain(&error)))
    }

    fn failed(&self, part: &str, reason: impl std::fmt::Display) -> Error {
        failed(&self.name, part, reason)
    }
}

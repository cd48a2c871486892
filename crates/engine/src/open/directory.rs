//! A diffusers directory: one folder a part, each described by its own JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kinora_models::t5::layout;
use kinora_models::{ltx, wan};
use kinora_nn::Rule;
use serde::Deserialize;
use serde_json::Value;

use super::source::{Name, Source, Weighty, failed, name_of, open};
use crate::error::{Error, Result, chain};

/// The file that makes a folder a model.
pub(crate) const INDEX: &str = "model_index.json";
const SCHEDULER: &str = "scheduler/scheduler_config.json";
/// Larger descriptions are refused: the published ones have a few kilobytes.
const MOST_JSON_BYTES: u64 = 1 << 20;

/// `model_index.json`: the pipeline's class, its switches, and the class of each part.
#[derive(Deserialize)]
struct Index {
    #[serde(rename = "_class_name")]
    class: String,
    /// Share of the timesteps from which down the expert for low noise works.
    #[serde(default)]
    boundary_ratio: Option<f64>,
    /// Whether each latent frame is told its own timestep.
    #[serde(default)]
    expand_timesteps: bool,
    #[serde(flatten)]
    parts: BTreeMap<String, Value>,
}

/// Whether a folder is one.
pub(crate) fn is_at(root: &Path) -> bool {
    root.join(INDEX).is_file()
}

/// Reads the descriptions.
///
/// # Errors
/// [`Error::Model`] for a pipeline that Kinora does not run, or a description that is missing or is
/// none.
pub(crate) fn read(root: &Path) -> Result<Source> {
    let name = name_of(root);
    let about = |file: &str, reason: &dyn std::fmt::Display| failed(&name, file, reason);
    let index: Index =
        serde_json::from_str(&text(root, INDEX, &name)?).map_err(|error| about(INDEX, &error))?;
    let (transformer, vae) = rules(&index.class).map_err(|reason| about(INDEX, &reason))?;
    let has = |part: Name| {
        // `["library", "Class"]`, or nulls for a part that the model does without.
        let class = index
            .parts
            .get(part.folder())
            .and_then(|class| class.get(1)?.as_str());
        class.is_some()
    };
    let mut parts = BTreeMap::new();
    for part in [
        Name::Transformer,
        Name::Transformer2,
        Name::Vae,
        Name::TextEncoder,
    ] {
        if part == Name::Transformer2 && !has(part) {
            continue;
        }
        let place = root.join(part.folder());
        let rules = match part {
            Name::Transformer | Name::Transformer2 => vec![vec![transformer]],
            Name::Vae => vec![vec![vae]],
            Name::TextEncoder => {
                let file = open(&place).map_err(|error| about(part.folder(), &chain(&error)))?;
                layout(&file).into_iter().map(|table| vec![table]).collect()
            }
        };
        let config = text(root, &format!("{}/config.json", part.folder()), &name)?;
        let part = (
            part,
            Weighty {
                place,
                prefix: "",
                rules,
                config,
            },
        );
        parts.insert(part.0, part.1);
    }
    Ok(Source {
        class: index.class,
        parts,
        numbers: BTreeMap::new(),
        tokenizer: root.join("tokenizer"),
        scheduler: text(root, SCHEDULER, &name)?,
        boundary_ratio: index.boundary_ratio,
        expand_timesteps: index.expand_timesteps,
        loras: Vec::new(),
        name,
    })
}

/// The key maps of a pipeline's transformer and VAE.
pub(super) fn rules(
    class: &str,
) -> std::result::Result<(&'static [Rule], &'static [Rule]), String> {
    match class {
        "LTXPipeline" | "LTXImageToVideoPipeline" | "LTXConditionPipeline" => {
            Ok((ltx::FROM_DIFFUSERS, &[]))
        }
        "WanPipeline" => Ok((wan::FROM_DIFFUSERS, wan::VAE_FROM_DIFFUSERS)),
        class => Err(format!(
            "the pipeline `{class}` is not known; LTXPipeline, LTXConditionPipeline and WanPipeline are"
        )),
    }
}

/// A small text file.
fn text(root: &Path, file: &str, name: &str) -> Result<String> {
    let path = root.join(file);
    let about = |error| -> Error { failed(name, file, error) };
    let bytes = fs::metadata(&path).map_err(about)?.len();
    if bytes > MOST_JSON_BYTES {
        let reason = format!("{bytes} bytes, a description has a few thousand");
        return Err(failed(name, file, reason));
    }
    fs::read_to_string(&path).map_err(about)
}

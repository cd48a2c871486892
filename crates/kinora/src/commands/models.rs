//! `kinora models`.

use anyhow::Result;
use kinora_engine::Engine;
use kinora_engine::model::ModelInfo;
use kinora_hub::{Ability, Installed, VARIANTS, Variant};
use serde::Serialize;

use super::pull::gigabytes;
use crate::args::Models;
use crate::installed;

/// The document of `--json`.
#[derive(Serialize)]
struct Document {
    /// Models inside the program.
    models: Vec<ModelInfo>,
    /// Models that can be pulled.
    published: Vec<Published>,
}

/// A published model.
#[derive(Serialize)]
struct Published {
    name: &'static str,
    family: &'static str,
    parameters: &'static str,
    about: &'static str,
    licence: &'static str,
    licence_url: &'static str,
    repository: &'static str,
    abilities: Vec<&'static str>,
    installed: bool,
    /// Bytes of the installed files.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

impl Published {
    fn new(variant: &'static Variant, here: &[Installed]) -> Self {
        let found = here.iter().find(|model| model.name == variant.name);
        Self {
            name: variant.name,
            family: variant.family.name(),
            parameters: variant.parameters,
            about: variant.about,
            licence: variant.licence.name,
            licence_url: variant.licence.url,
            repository: variant.repo,
            abilities: variant
                .abilities
                .iter()
                .map(|ability| name(*ability))
                .collect(),
            installed: found.is_some(),
            bytes: found.map(Installed::bytes),
        }
    }
}

/// Only what Kinora does with the model; some can do more.
fn name(ability: Ability) -> &'static str {
    match ability {
        Ability::TextToVideo => "text to video",
        Ability::ImageToVideo => "image to video (not yet in Kinora)",
    }
}

pub fn run(arguments: &Models) -> Result<()> {
    let models = Engine::new().models()?;
    let here = installed::here();
    let published: Vec<Published> = VARIANTS
        .iter()
        .map(|variant| Published::new(variant, &here))
        .collect();
    if arguments.json {
        return super::print_json(&Document { models, published });
    }
    if models.is_empty() {
        super::print("no model is inside this build; name a folder with --model")?;
    }
    for model in models {
        super::print(&built_in(&model))?;
    }
    super::print("\nPublished models, by `kinora pull NAME`:")?;
    for model in published {
        let state = model.bytes.map_or_else(String::new, |bytes| {
            format!("  [installed, {}]", gigabytes(bytes))
        });
        super::print(&format!(
            "{:<26}{} {}, {}{state}\n{:26}{}",
            model.name, model.family, model.parameters, model.about, "", model.licence
        ))?;
    }
    Ok(())
}

fn built_in(model: &ModelInfo) -> String {
    let sizes: Vec<String> = model.sizes.iter().map(ToString::to_string).collect();
    format!(
        "{}  {}\n  {} to {} s at {} fps, painted at {}\n  {:.1} MB of weights, hash {}",
        model.name,
        model.about,
        model.shortest_seconds,
        model.longest_seconds,
        model.fps,
        sizes.join(", "),
        model.weight_bytes as f64 / 1e6,
        &model.hash[..16]
    )
}

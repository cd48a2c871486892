//! `kinora models`.

use anyhow::Result;
use kinora_engine::model::ModelInfo;
use kinora_engine::{Engine, Error, ModelFiles, Need, needs, published_bytes, published_needs};
use kinora_hub::{Ability, Installed, VARIANTS, Variant};
use serde::Serialize;

use super::pull::gigabytes;
use crate::args::Models;
use crate::installed;

/// The document of `--json`.
#[derive(Serialize)]
struct Document {
    /// Models inside the program.
    models: Vec<BuiltIn>,
    /// Models that can be pulled.
    published: Vec<Published>,
}

/// A model inside the program.
#[derive(Serialize)]
struct BuiltIn {
    #[serde(flatten)]
    info: ModelInfo,
    /// The memory that its clips take.
    memory: Vec<Need>,
}

impl BuiltIn {
    fn new(engine: &Engine, info: ModelInfo) -> Result<Self, Error> {
        let family = engine.family(Some(&info.name), &ModelFiles::default())?;
        let memory = needs(&*family)?;
        Ok(Self { info, memory })
    }
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
    /// Bytes of its files: of those that are here, else about those to download.
    bytes: u64,
    /// Whether `bytes` is told from the number of weights, in 16 bits.
    bytes_are_about: bool,
    /// The memory that its clips take.
    memory: Vec<Need>,
}

impl Published {
    fn new(engine: &Engine, variant: &'static Variant, here: &[Installed]) -> Result<Self, Error> {
        let found = here.iter().find(|model| model.name == variant.name);
        let about = published_bytes(variant.shape);
        Ok(Self {
            memory: memory(engine, variant, found)?,
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
            bytes: found.map(Installed::bytes).or(about).unwrap_or_default(),
            bytes_are_about: found.is_none(),
        })
    }
}

/// What the files say where they are, else what the published descriptions say. Files that cannot be
/// opened are told about when they are used.
fn memory(
    engine: &Engine,
    variant: &Variant,
    found: Option<&Installed>,
) -> Result<Vec<Need>, Error> {
    let opened = found.and_then(|model| {
        let files = ModelFiles {
            place: Some(model.folder.clone()),
            ..ModelFiles::default()
        };
        let family = engine.family(Some(variant.name), &files).ok()?;
        needs(&*family).ok()
    });
    match opened {
        Some(needs) => Ok(needs),
        None => Ok(published_needs(variant.shape)?.unwrap_or_default()),
    }
}

/// What people call an ability.
fn name(ability: Ability) -> &'static str {
    match ability {
        Ability::TextToVideo => "text to video",
        Ability::ImageToVideo => "image to video",
    }
}

pub fn run(arguments: &Models) -> Result<()> {
    let engine = Engine::new();
    let models = engine.models()?.into_iter();
    let models: Vec<BuiltIn> = models
        .map(|info| BuiltIn::new(&engine, info))
        .collect::<Result<_, _>>()?;
    let here = installed::here();
    let published: Vec<Published> = VARIANTS
        .iter()
        .map(|variant| Published::new(&engine, variant, &here))
        .collect::<Result<_, _>>()?;
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
        super::print(&told_published(&model))?;
    }
    Ok(())
}

/// A published model in a paragraph, its name in the margin.
fn told_published(model: &Published) -> String {
    let bytes = gigabytes(model.bytes);
    let state = if model.installed {
        format!("installed, {bytes}")
    } else {
        format!("not installed, about {bytes} to download")
    };
    let lines = [
        format!("{}, {}, {}", model.family, model.parameters, model.about),
        format!("licence: {}", model.licence),
        model.abilities.join(", "),
        state,
        told(&model.memory),
    ];
    let margin = format!("\n{:26}", "");
    format!("{:<26}{}", model.name, lines.join(&margin))
}

/// The memory of clips in one line.
fn told(memory: &[Need]) -> String {
    let seconds = memory.first().map_or(0.0, |need| need.seconds);
    let sizes = memory.iter().map(|need| {
        let (bytes, name) = (gigabytes(need.peak_bytes), need.resolution.name());
        format!("{bytes} at {name}")
    });
    let sizes: Vec<String> = sizes.collect();
    format!("memory for {seconds} s: {}", sizes.join(", "))
}

fn built_in(
    BuiltIn {
        info: model,
        memory,
    }: &BuiltIn,
) -> String {
    let sizes: Vec<String> = model.sizes.iter().map(ToString::to_string).collect();
    format!(
        "{}  {}\n  {} to {} s at {} fps, painted at {}\n  {:.1} MB of weights, hash {}\n  {}",
        model.name,
        model.about,
        model.shortest_seconds,
        model.longest_seconds,
        model.fps,
        sizes.join(", "),
        model.weight_bytes as f64 / 1e6,
        &model.hash[..16],
        told(memory)
    )
}

//! `kinora models`.

use anyhow::Result;
use kinora_engine::Engine;
use kinora_engine::model::ModelInfo;
use serde::Serialize;

use crate::args::Models;

/// The document of `--json`.
#[derive(Serialize)]
struct Document {
    models: Vec<ModelInfo>,
}

pub fn run(arguments: &Models) -> Result<()> {
    let models = Engine::new().models()?;
    if arguments.json {
        return super::print_json(&Document { models });
    }
    if models.is_empty() {
        return super::print("no model is inside this build; name a folder with --model");
    }
    for model in models {
        let sizes: Vec<String> = model.sizes.iter().map(ToString::to_string).collect();
        super::print(&format!(
            "{}  {}\n  {} to {} s at {} fps, painted at {}\n  {:.1} MB of weights, hash {}",
            model.name,
            model.about,
            model.shortest_seconds,
            model.longest_seconds,
            model.fps,
            sizes.join(", "),
            model.weight_bytes as f64 / 1e6,
            &model.hash[..16]
        ))?;
    }
    Ok(())
}

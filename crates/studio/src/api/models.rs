//! The models.

use axum::Json;
use axum::extract::State;
use kinora_engine::ModelFiles;
use kinora_engine::model::ModelInfo;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::error::ApiError;
use super::{Studio, tiers};
use crate::config::Remote;
use crate::store::Tier;

/// When the models of this version came to be, seconds since 1970.
const CREATED: u64 = 1_790_000_000;

/// The licence of the models inside the program, whose text comes with it.
const LICENCE: &str = "MIT OR Apache-2.0";

/// `GET /v1/models`.
pub async fn list(State(studio): State<Studio>) -> Result<Json<Value>, ApiError> {
    let mut models = Vec::new();
    for model in studio.engine.models()? {
        models.push(view(&studio, &model, Tier::Standard));
        if tiers::has_pro(&model.name) {
            models.push(view(&studio, &model, Tier::Pro));
        }
    }
    models.extend(block_in_place(|| shelved(&studio)));
    let remotes = &studio.config.remotes;
    models.extend(remotes.iter().map(|remote| remote_view(&studio, remote)));
    Ok(Json(json!({"object": "list", "data": models})))
}

/// What the models outside the program can do. One that cannot be read takes no other's place.
fn shelved(studio: &Studio) -> Vec<Value> {
    let views = studio.shelf.models().into_iter().filter_map(|model| {
        let files = ModelFiles {
            place: Some(model.place),
            ..ModelFiles::default()
        };
        let family = studio.engine.family(Some(&model.name), &files);
        let family = family.inspect_err(|error| {
            tracing::warn!(model = model.name, %error, "is not offered");
        });
        let mut view = view(studio, family.ok()?.info(), Tier::Standard);
        view["owned_by"] = model.owner.unwrap_or_else(|| "local".into()).into();
        let [licence, url] = model.licence.map_or([None, None], |texts| texts.map(Some));
        view["licence"] = licence.into();
        view["licence_url"] = url.into();
        Some(view)
    });
    views.collect()
}

/// What a remote can be asked, of which its operator knows the rest.
fn remote_view(studio: &Studio, remote: &Remote) -> Value {
    let host = remote.host();
    let seconds = remote.seconds.iter().copied();
    let takes = ["seconds", "size", "input_reference"].into_iter();
    let takes: Vec<_> = takes
        .chain(remote.fields.iter().map(String::as_str))
        .collect();
    json!({
        "id": remote.name,
        "object": "model",
        "created": CREATED,
        "owned_by": host,
        "about": format!("{} at {host}: prompts and pictures leave this machine.", remote.model),
        "tier": Tier::Standard.name(),
        "licence": null,
        "licence_url": null,
        "leaves_machine": true,
        "takes": takes,
        "sizes": remote.sizes,
        "seconds": remote.seconds,
        "shortest_seconds": seconds.clone().fold(f64::INFINITY, f64::min),
        "longest_seconds": seconds.fold(0.0, f64::max),
        "fps": null,
        "defaults": {"steps": null, "best_of": 1, "draft_steps": null, "guidance": null},
        "aliases": studio.config.models.aliases_of(&remote.name),
    })
}

fn view(studio: &Studio, model: &ModelInfo, tier: Tier) -> Value {
    let id = tiers::shown(tier, &model.name);
    let (about, steps, takes) = match tier {
        Tier::Standard => (model.about.clone(), model.defaults.steps, 1),
        Tier::Pro => (pro(&model.name), tiers::PRO_STEPS, tiers::PRO_TAKES),
    };
    json!({
        "id": id,
        "object": "model",
        "created": CREATED,
        "owned_by": "kinora",
        "about": about,
        "tier": tier.name(),
        "licence": LICENCE,
        "licence_url": null,
        "leaves_machine": false,
        "takes": null,
        "sizes": model.sizes,
        "seconds": null,
        "shortest_seconds": model.shortest_seconds,
        "longest_seconds": model.longest_seconds,
        "fps": model.fps,
        "defaults": {
            "steps": steps,
            "best_of": takes,
            "draft_steps": model.defaults.draft_steps,
            "guidance": model.defaults.guidance,
        },
        "aliases": studio.config.models.aliases_of(&id),
    })
}

/// What Pro is, and what it is not.
fn pro(model: &str) -> String {
    format!(
        "The weights of {model}, not others: {} denoising steps and the best of {} takes by measured \
         adherence, unless the request says otherwise, and first in the queue. Sizes and lengths are \
         those of {model}.",
        tiers::PRO_STEPS,
        tiers::PRO_TAKES
    )
}

//! The models.

use axum::Json;
use axum::extract::State;
use kinora_engine::model::ModelInfo;
use serde_json::{Value, json};

use super::error::ApiError;
use super::{Studio, tiers};
use crate::store::Tier;

/// When the models of this version came to be, seconds since 1970.
const CREATED: u64 = 1_790_000_000;

/// `GET /v1/models`.
pub async fn list(State(studio): State<Studio>) -> Result<Json<Value>, ApiError> {
    let mut models = Vec::new();
    for model in studio.engine.models()? {
        models.push(view(&studio, &model, Tier::Standard));
        if tiers::has_pro(&model.name) {
            models.push(view(&studio, &model, Tier::Pro));
        }
    }
    Ok(Json(json!({"object": "list", "data": models})))
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
        "sizes": model.sizes,
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

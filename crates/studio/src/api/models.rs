//! The models.

use axum::Json;
use axum::extract::State;
use kinora_engine::DEFAULT_MODEL;
use serde_json::{Value, json};

use super::Studio;
use super::error::ApiError;

/// When the models of this version came to be, seconds since 1970.
const CREATED: u64 = 1_790_000_000;

/// The model that a name means. Models are named, never opened from a path that a request sends.
pub fn named(studio: &Studio, name: &str) -> String {
    let name = studio.config.models.named(name);
    // A folder is a model on the command line, and must not be one for a request.
    if name != DEFAULT_MODEL && std::path::Path::new(name).exists() {
        format!("{name} (a path)")
    } else {
        name.into()
    }
}

/// `GET /v1/models`.
pub async fn list(State(studio): State<Studio>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({"object": "list", "data": models(&studio)?})))
}

fn models(studio: &Studio) -> Result<Vec<Value>, ApiError> {
    let models = studio.engine.models()?;
    let view = |model: kinora_engine::model::ModelInfo| {
        let aliases = studio.config.models.aliases_of(&model.name);
        json!({
            "id": model.name,
            "object": "model",
            "created": CREATED,
            "owned_by": "kinora",
            "about": model.about,
            "sizes": model.sizes,
            "shortest_seconds": model.shortest_seconds,
            "longest_seconds": model.longest_seconds,
            "fps": model.fps,
            "defaults": {
                "steps": model.defaults.steps,
                "draft_steps": model.defaults.draft_steps,
                "guidance": model.defaults.guidance,
            },
            "aliases": aliases,
        })
    };
    Ok(models.into_iter().map(view).collect())
}

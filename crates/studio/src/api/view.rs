//! Videos as clients see them.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::tiers;
use crate::store::{State, Video};

/// When to ask again about a video in the making, milliseconds.
const POLL_AFTER: &str = "500";

/// The video object: the SDK's thirteen keys, then ours with every effective value.
pub fn view(video: &Video) -> Value {
    let effective = &video.recipe.effective;
    let error = video
        .error
        .as_ref()
        .map(|(code, message)| json!({"code": code, "message": message}));
    let timing = &effective.timing;
    // Of a remote's clip only the file tells how many frames it has, and only some remotes are told
    // the rest.
    let is_remote = video.remote.is_some();
    let known = |number: u32| Some(number).filter(|&number| number > 0);
    let seconds = if is_remote {
        timing.seconds
    } else {
        f64::from(effective.frames()) / f64::from(timing.fps)
    };
    let asked = &video.request;
    json!({
        "id": video.id,
        "object": "video",
        "model": tiers::shown(video.tier, &video.recipe.model),
        "tier": video.tier.name(),
        "status": video.state.status(),
        "progress": video.progress,
        "created_at": video.created_at / 1000,
        "completed_at": video.completed_at.filter(|_| video.state == State::Completed).map(|at| at / 1000),
        "expires_at": null,
        "prompt": video.request.prompt,
        "size": effective.framing.size,
        "seconds": seconds.to_string(),
        "remixed_from_video_id": video.remixed_from,
        "error": error,
        "seed": if is_remote { asked.seed } else { Some(effective.seed) },
        "negative_prompt": effective.negative,
        "num_inference_steps": if is_remote { asked.steps } else { Some(effective.steps) },
        "best_of": asked.best_of.unwrap_or(1),
        "guidance_scale": if is_remote { asked.guidance } else { Some(effective.guidance) },
        "fps": known(timing.fps),
        "num_frames": known(effective.frames()),
        "width": effective.framing.size.width,
        "height": effective.framing.size.height,
        "finish": effective.finish,
        "draft": asked.draft,
        "model_hash": Some(&video.recipe.model_hash).filter(|_| !is_remote),
        "leaves_machine": is_remote,
        "remote_id": video.remote_id,
        "notes": video.notes,
        "variation_ids": video.batch,
        "adherence": video.adherence,
        "starred": video.starred,
    })
}

/// Adds when to ask again, while there is something to wait for.
pub fn polled(video: &Video, response: impl IntoResponse) -> Response {
    const HEADER: HeaderName = HeaderName::from_static("openai-poll-after-ms");
    let mut response = response.into_response();
    if !video.state.is_final() {
        response
            .headers_mut()
            .insert(HEADER, HeaderValue::from_static(POLL_AFTER));
    }
    response
}

//! Accepting videos.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use kinora_engine::safety::Category;
use kinora_engine::{Given, Recipe, Request};
use serde_json::Value;
use tokio::task::block_in_place;
use uuid::Uuid;

use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::inputs;
use super::path::Path;
use super::tiers;
use super::videos::{find, view};
use super::{Studio, view::polled};
use crate::config::Remote;
use crate::remotes;
use crate::store::{Inputs, Move, NewPrompt, NewVideo, StoreError, Terms, Tier, Video};

/// Most videos of one create.
const MOST_VARIATIONS: u64 = 8;
/// Longest idempotency key in characters.
const LONGEST_KEY: usize = 255;

/// `POST /v1/videos`.
pub async fn create(
    State(studio): State<Studio>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let origin = Origin::default();
    accept(&studio, &caller, &headers, body, origin).await
}

/// `POST /v1/videos/{id}/remix`: the same request and seed, but for the fields that are given.
pub async fn remix(
    State(studio): State<Studio>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let video = find(&studio, &id).await?;
    let origin = Origin {
        request: video.request.clone(),
        inputs: video.inputs.clone(),
        tier: video.tier,
        video: Some(video),
    };
    accept(&studio, &caller, &headers, body, origin).await
}

/// `POST /v1/videos/extensions`: a clip and what comes after it, in one file.
pub async fn extend(
    State(studio): State<Studio>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    mut body: Body,
) -> Result<Response, ApiError> {
    let inputs = Inputs {
        clip: Some(inputs::clip(&studio, &mut body).await?),
        image: None,
    };
    let origin = Origin {
        inputs,
        ..Origin::default()
    };
    accept(&studio, &caller, &headers, body, origin).await
}

/// What a create starts from.
#[derive(Default)]
struct Origin {
    request: Request,
    inputs: Inputs,
    tier: Tier,
    video: Option<Video>,
}

async fn accept(
    studio: &Studio,
    caller: &Caller,
    headers: &HeaderMap,
    mut body: Body,
    mut origin: Origin,
) -> Result<Response, ApiError> {
    let mut kept = origin.inputs.clone();
    let answer = match inputs::image(studio, &mut body).await {
        Ok(image) => {
            kept.image = image.or(kept.image);
            origin.inputs = kept.clone();
            // Boxed, for it is large.
            Box::pin(enqueue(studio, caller, headers, body, origin)).await
        }
        Err(error) => Err(error),
    };
    // Refused, or a repetition of what was accepted before: the files may be nobody's.
    inputs::forget_unused(studio, &kept).await?;
    answer
}

async fn enqueue(
    studio: &Studio,
    caller: &Caller,
    headers: &HeaderMap,
    mut body: Body,
    origin: Origin,
) -> Result<Response, ApiError> {
    // The keys of two callers are two keys, although they read the same.
    let idempotency = idempotency_key(headers)?.map(|key| caller.scoped(key));
    let hash = body.hash;
    let mut parameters = body.fields().clone();
    parameters.retain(|name, _| {
        !matches!(
            name.as_str(),
            "prompt" | "negative_prompt" | "model" | "first"
        )
    });
    let count = variations(&mut body)?;
    let to = match body.switch("first")? {
        Some(true) => Move::First,
        _ => Move::Last,
    };
    let inputs = origin.inputs.clone();
    for (name, hash) in [("input_reference", &inputs.image), ("video", &inputs.clip)] {
        if let Some(hash) = hash {
            parameters.insert(name.into(), hash.clone().into());
        }
    }
    // Held until everything that is wrong with them is told.
    let (given, _held) = inputs::given(&studio.outputs, &origin.inputs).await?;
    let Asked {
        request,
        tier,
        remote,
    } = asked(studio, body, &origin, given)?;
    caller.check(tier)?;
    let mut prompt = NewPrompt {
        id: new_id("prompt"),
        prompt: request.prompt.clone(),
        negative: request.negative.clone(),
        model: tiers::shown(tier, request.model.as_deref().unwrap_or_default()),
        parameters: Value::Object(parameters),
        decision: "accepted".into(),
        warning: None,
        parent_id: origin.video.as_ref().map(|video| video.prompt_id.clone()),
    };
    let first = match decided(studio, remote, &request) {
        Ok(decided) => decided,
        Err(error) => {
            if let kinora_engine::Error::Moderation { category } = &error {
                prompt.decision = category.name().into();
                studio.store.add_refused(&prompt).await?;
            }
            return Err(error.into());
        }
    };
    prompt.warning = first.warning.map(|category| category.name().into());
    let remixed_from = origin.video.map(|video| video.id);
    let mut videos = Vec::new();
    for index in 0..count {
        let Decided {
            request,
            recipe,
            notes,
            ..
        } = variation(studio, remote, &first, index)?;
        videos.push(NewVideo {
            id: new_id("video"),
            request,
            recipe,
            notes,
            remixed_from: remixed_from.clone(),
            inputs: inputs.clone(),
            tier,
            remote: remote.map(|remote| remote.name.clone()),
        });
    }
    let terms = Terms {
        idempotency: idempotency.as_deref().map(|key| (key, &hash[..])),
        to,
        owner: caller.owner(&studio.config.queue),
    };
    let id = match studio.store.accept(&prompt, &videos, &terms).await {
        Ok(()) => videos.swap_remove(0).id,
        Err(StoreError::Repeated {
            id,
            same_body: true,
        }) => id,
        Err(StoreError::Repeated { .. }) => return Err(ApiError::idempotency_mismatch()),
        Err(StoreError::TooMany { most }) => return Err(ApiError::too_many(most)),
        Err(error) => return Err(error.into()),
    };
    studio.hub.queue_changed();
    let video = find(studio, &id).await?;
    Ok(polled(&video, Json(view(&video))).into_response())
}

/// What a body asks for, and of whom.
struct Asked<'s> {
    request: Request,
    tier: Tier,
    /// The remote whose model it is, if it is one's.
    remote: Option<&'s Remote>,
}

fn asked<'s>(
    studio: &'s Studio,
    mut body: Body,
    origin: &Origin,
    given: Given,
) -> Result<Asked<'s>, ApiError> {
    let (mut base, mut tier) = (origin.request.clone(), origin.tier);
    if let Some(name) = body.text(&["model"])? {
        let (model, named) = tiers::named(studio, &name);
        base.model = Some(model);
        tier = named;
    }
    let model = base.model.as_deref();
    let remote = model.and_then(|name| studio.config.remote(name));
    base.files.place = match (model, remote) {
        (Some(name), None) => block_in_place(|| studio.shelf.place(name))?,
        _ => None,
    };
    base.told.clone_from(&studio.config.rules.warn);
    if let Some(remote) = remote {
        base = remotes::kept(remote, base);
    }
    let mut request = read(body, base)?;
    request.given = given;
    if let Some(remote) = remote
        && let Some(field) = remotes::untaken(remote, &request)
    {
        return Err(ApiError::not_taken(&remote.name, field));
    }
    tiers::prepare(tier, &mut request);
    Ok(Asked {
        request,
        tier,
        remote,
    })
}

/// A new id of a kind; ids grow with time.
pub fn new_id(kind: &str) -> String {
    format!("{kind}_{}", Uuid::now_v7().simple())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match key.to_str() {
        Ok(key) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(Some(key)),
        _ => {
            let message = format!("Idempotency-Key must be 1 to {LONGEST_KEY} plain characters");
            Err(ApiError::bad_request("invalid_header", None, message))
        }
    }
}

fn variations(body: &mut Body) -> Result<u64, ApiError> {
    let count = body.parsed::<u64>(&["n"])?.unwrap_or(1);
    if (1..=MOST_VARIATIONS).contains(&count) {
        Ok(count)
    } else {
        Err(ApiError::invalid(
            "n",
            format!("n must be 1 to {MOST_VARIATIONS}, not {count}"),
        ))
    }
}

/// The fields of a body over the request they change.
fn read(mut body: Body, base: Request) -> Result<Request, ApiError> {
    let Some(prompt) = body.text(&["prompt"])? else {
        let message = "a video needs a prompt: say what it shows";
        return Err(ApiError::bad_request(
            "missing_prompt",
            Some("prompt"),
            message,
        ));
    };
    let size = size(&mut body)?;
    let aspect = body.parsed(&["aspect", "aspect_ratio"])?;
    let resolution = body.parsed(&["resolution"])?;
    let seconds = body.parsed(&["seconds"])?;
    let frames = body.parsed(&["frames", "num_frames"])?;
    // A shape or a length that is asked for replaces the base's, however that was said.
    let is_retimed = seconds.is_some() || frames.is_some();
    let is_reshaped = size.is_some() || aspect.is_some() || resolution.is_some();
    let request = Request {
        prompt,
        negative: body.text(&["negative_prompt"])?.unwrap_or(base.negative),
        seconds: if is_retimed { seconds } else { base.seconds },
        frames: if is_retimed { frames } else { base.frames },
        size: if is_reshaped { size } else { base.size },
        aspect: if is_reshaped { aspect } else { base.aspect },
        resolution: if is_reshaped {
            resolution
        } else {
            base.resolution
        },
        fps: body.parsed(&["fps"])?.or(base.fps),
        seed: body.parsed(&["seed"])?.or(base.seed),
        steps: body
            .parsed(&["num_inference_steps", "steps"])?
            .or(base.steps),
        best_of: body.parsed(&["best_of"])?.or(base.best_of),
        guidance: body
            .parsed(&["guidance_scale", "cfg_scale"])?
            .or(base.guidance),
        guidance_interval: base.guidance_interval,
        cache: base.cache,
        model: base.model,
        finish: body.parsed(&["finish"])?.unwrap_or(base.finish),
        draft: body.switch("draft")?.unwrap_or(base.draft),
        strict: body.switch("strict")?.unwrap_or(base.strict),
        given: base.given,
        looped: body.switch("loop")?.unwrap_or(base.looped),
        options: base.options,
        files: base.files,
        told: base.told,
    };
    body.finish()?;
    Ok(request)
}

/// `size`, or `width` and `height` together.
fn size(body: &mut Body) -> Result<Option<kinora_engine::Size>, ApiError> {
    let size = body.parsed(&["size"])?;
    match (body.parsed(&["width"])?, body.parsed(&["height"])?) {
        (Some(width), Some(height)) => Ok(Some(kinora_engine::Size::new(width, height))),
        (None, None) => Ok(size),
        _ => Err(ApiError::invalid(
            "size",
            "give width and height together, or size",
        )),
    }
}

/// A request with nothing left open.
struct Decided {
    request: Request,
    recipe: Recipe,
    /// What the content rules tell of it.
    warning: Option<Category>,
    notes: Vec<String>,
}

/// Decides what a request leaves open, as the engine or a remote has it, and whether it can be made.
fn decided(
    studio: &Studio,
    remote: Option<&Remote>,
    request: &Request,
) -> Result<Decided, kinora_engine::Error> {
    let mut request = request.clone();
    if let Some(remote) = remote {
        remotes::decide(remote, &mut request)?;
        return Ok(Decided {
            recipe: remotes::recipe(remote, &request),
            warning: None,
            notes: Vec::new(),
            request,
        });
    }
    let job = block_in_place(|| studio.engine.resolve(&request))?;
    // When its turn comes other clips are done; what is free then is compared by who makes it, which may be
    // another machine.
    if studio.config.queue.workers > 0 {
        job.plan.check(kinora_engine::total_bytes())?;
    }
    request.seed = Some(job.recipe.effective.seed);
    Ok(Decided {
        request,
        recipe: job.recipe,
        warning: job.warning,
        notes: job.notes,
    })
}

/// The video of the seed after the first one's by `index`, where seeds can be asked for.
fn variation(
    studio: &Studio,
    remote: Option<&Remote>,
    first: &Decided,
    index: u64,
) -> Result<Decided, kinora_engine::Error> {
    // The takes of one video have the seeds up to the next video's.
    let takes = u64::from(first.request.best_of.unwrap_or(1));
    let seed = first.request.seed;
    let request = Request {
        seed: seed.map(|seed| seed.saturating_add(index * takes)),
        ..first.request.clone()
    };
    decided(studio, remote, &request)
}

//! From a request to a job: content rules, format words, defaults, validation, memory plan.

use crate::error::{Error, Result};
use crate::framing::{self, Ask, Framing};
use crate::given::{GivenHashes, Inspected};
use crate::model::{Asked, Defaults, Family, ModelInfo};
use crate::noise;
use crate::plan::{self, Plan};
use crate::prompt::Analysis;
use crate::recipe::{Effective, FORMAT, Recipe};
use crate::request::{ModelOptions, Request, StepCache};
use crate::safety::{Category, Moderation, moderate_telling};
use crate::size::Aspect;
use crate::timing::{RATES, Timing};

/// Most characters of a prompt, before its words are counted.
const MOST_CHARACTERS: usize = 4000;
/// Most denoising steps.
const MOST_STEPS: u32 = 200;
/// Most takes of one clip.
const MOST_TAKES: u32 = 16;
/// Largest guidance scale.
const MOST_GUIDANCE: f64 = 20.0;
/// The largest seed that JSON readers keep exactly.
pub const LARGEST_SEED: u64 = (1 << 53) - 1;
/// Coverage that a strict request asks for.
pub const STRICT_COVERAGE: f64 = 0.8;

/// A request that can be carried out.
#[derive(Debug, Clone)]
pub struct Job {
    /// What the clip will follow from.
    pub recipe: Recipe,
    /// What the prompt says.
    pub analysis: Analysis,
    /// Where memory will go.
    pub plan: Plan,
    /// Whether files are encoded more coarsely.
    pub draft: bool,
    /// What the content rules would have refused, had the request not said to tell it.
    pub warning: Option<Category>,
    /// What the user should know: content rules, resized, held frames, ignored words.
    pub notes: Vec<String>,
}

/// Decides everything that `request` leaves open.
///
/// # Errors
/// Every variant of [`Error`] that a request can cause; nothing has been computed then.
pub fn resolve(family: &dyn Family, request: &Request) -> Result<Job> {
    resolve_within(family, request, plan::available_bytes())
}

/// [`resolve`], where so many bytes of memory are available; `None` where that does not matter.
pub(crate) fn resolve_within(
    family: &dyn Family,
    request: &Request,
    available: Option<u64>,
) -> Result<Job> {
    let info = family.info();
    check_prompt(&request.prompt, info)?;
    check_text(
        "negative prompt",
        &request.negative,
        info,
        family.count_words(&request.negative),
    )?;
    let mut warning = moderated(&request.prompt, request)?;
    let analysis = Analysis::of(&request.prompt, family.knowledge());
    if !analysis.text.chars().any(char::is_alphanumeric) {
        return Err(Error::EmptyPrompt);
    }
    check_text(
        "prompt",
        &analysis.text,
        info,
        family.count_words(&analysis.text),
    )?;
    if request.strict {
        if family.knowledge().is_none() {
            let hint = format!("nobody has measured which words {} shows", info.name);
            return Err(value("--strict", "", hint));
        }
        check_coverage(&analysis)?;
    }
    check_options(&request.options, info)?;
    let given = Inspected::of(request, info)?;
    let framing = framing(request, &analysis, info, &given)?;
    let timing = timing(request, &analysis, info, &given)?;
    let has_end = request.looped || request.given.last_image.is_some();
    if has_end && timing.native_frames == 1 {
        let least = 1 + info.frame_stride;
        let hint = format!("a clip with a given end has at least {least} frames");
        return Err(value("--frames", 1, hint));
    }
    let mut effective = effective(request, &analysis, &info.defaults, framing, timing)?;
    if effective.leads_to_negative() {
        warning = warning.or(moderated(&request.negative, request)?);
    }
    let latents = family.latent_shape(framing.native, timing.native_frames);
    let asked = Asked {
        shift: request.options.shift,
        ..effective.asked()
    };
    let sampling = family.sampling(&asked, latents)?;
    effective.shift = sampling.shift;
    sampling.sampler.name().clone_into(&mut effective.sampler);
    effective.steps = sampling.schedule.steps().len() as u32;
    effective.earlier_frames = given.earlier_frames(effective.timing.fps);
    effective.given = given.hashes;
    let plan = Plan::within(family, &mut effective, available);
    let mut notes: Vec<String> = warning.map(warned).into_iter().collect();
    notes.extend(self::notes(&effective, &analysis, request));
    notes.extend_from_slice(family.notes());
    // A folder's path is no part of what a clip follows from.
    let request = Request {
        model: Some(info.name.clone()),
        ..request.clone()
    };
    let recipe = Recipe {
        recipe: FORMAT,
        program: format!("kinora {}", env!("CARGO_PKG_VERSION")),
        model: info.name.clone(),
        model_hash: info.hash.clone(),
        request,
        effective,
    };
    Ok(Job {
        draft: recipe.request.draft,
        recipe,
        analysis,
        plan,
        warning,
        notes,
    })
}

/// The category of a text that the request asks to be told instead of refused.
fn moderated(text: &str, request: &Request) -> Result<Option<Category>> {
    match moderate_telling(text, &request.told) {
        Moderation {
            allowed: false,
            category: Some(category),
        } => Err(Error::Moderation { category }),
        Moderation { category, .. } => Ok(category),
    }
}

/// Refuses a prompt that is longer than any is read, before its words are looked at.
///
/// # Errors
/// [`Error::PromptTooLong`].
pub fn check_prompt(prompt: &str, info: &ModelInfo) -> Result<()> {
    check_text("prompt", prompt, info, 0)
}

fn check_text(what: &'static str, text: &str, info: &ModelInfo, words: usize) -> Result<()> {
    let too_long = |found, unit, limit| Error::PromptTooLong {
        what,
        found,
        unit,
        limit,
        model: info.name.clone(),
    };
    let characters = text.chars().count();
    if characters > MOST_CHARACTERS {
        Err(too_long(characters, "characters", MOST_CHARACTERS))
    } else if words > info.max_words {
        Err(too_long(words, "words", info.max_words))
    } else {
        Ok(())
    }
}

fn check_coverage(analysis: &Analysis) -> Result<()> {
    let ignored: Vec<String> = analysis.ignored().map(|word| word.text.clone()).collect();
    if ignored.is_empty() && analysis.coverage >= STRICT_COVERAGE {
        return Ok(());
    }
    Err(Error::Coverage {
        coverage: analysis.coverage,
        least: STRICT_COVERAGE,
        ignored,
    })
}

/// Options win over the prompt's format words, those over the shape of what is given, and that over
/// the model's own frame.
fn framing(
    request: &Request,
    analysis: &Analysis,
    info: &ModelInfo,
    given: &Inspected,
) -> Result<Framing> {
    let mut ask = Ask {
        size: request.size,
        aspect: request.aspect.or(analysis.format.aspect),
        resolution: request.resolution.or(analysis.format.resolution),
    };
    if let Some(size) = given.size {
        let is_free = ask.size.is_none() && ask.aspect.is_none();
        if is_free && given.clip.is_some() && ask.resolution.is_none() {
            ask.size = Some(size);
        } else if is_free && size.ratio().max(1.0 / size.ratio()) <= framing::MOST_ELONGATED {
            ask.aspect = Some(Aspect::new(size.width, size.height));
        }
    }
    framing::frame(ask, info.canvas()).map_err(|(message, hint)| Error::Size { message, hint })
}

fn timing(
    request: &Request,
    analysis: &Analysis,
    info: &ModelInfo,
    given: &Inspected,
) -> Result<Timing> {
    let fps = request.fps.or(analysis.format.fps).or(given.fps());
    let fps = fps.unwrap_or(info.fps);
    if !RATES.contains(&fps) && fps != info.fps {
        let rates: Vec<String> = RATES.iter().map(u32::to_string).collect();
        let hint = format!(
            "the model makes {} frames a second; {} can be delivered",
            info.fps,
            rates.join(", ")
        );
        return Err(value("--fps", fps, hint));
    }
    if let Some(frames) = request.frames {
        return exact_frames(frames, fps, info);
    }
    // What repeats the end of an extended clip takes from the model's longest clip.
    let lead = given.lead(info.frame_stride);
    let longest = (info.longest_seconds * f64::from(info.fps) - f64::from(lead.saturating_sub(1)))
        / f64::from(info.fps);
    let longest = (longest * 10.0).floor() / 10.0;
    let asked = request
        .seconds
        .or(analysis.format.seconds)
        .unwrap_or(longest.floor().min(4.0).max(info.shortest_seconds));
    let shortest = info.shortest_seconds;
    if !(shortest..=longest).contains(&asked) {
        let from_prompt = request
            .seconds
            .is_none()
            .then(|| analysis.format.seconds_text.clone());
        let model = info.name.clone();
        return Err(Error::Seconds {
            model,
            asked,
            shortest,
            longest,
            from_prompt,
        });
    }
    let native_fps = if info.fps_is_free { fps } else { info.fps };
    Ok(Timing::after(
        lead,
        asked,
        fps,
        native_fps,
        info.frame_stride,
    ))
}

fn exact_frames(frames: u32, fps: u32, info: &ModelInfo) -> Result<Timing> {
    let most = (info.longest_seconds * f64::from(info.fps)) as u32 + 1;
    if !(1..=most).contains(&frames) {
        let hint = format!("1 to {most} frames, of the form 1 + {}k", info.frame_stride);
        return Err(value("--frames", frames, hint));
    }
    if fps != info.fps && !info.fps_is_free {
        let hint = format!(
            "an exact number of frames has the model's own {} a second",
            info.fps
        );
        return Err(value("--fps", fps, hint));
    }
    Ok(Timing::of_frames(frames, fps, info.frame_stride))
}

/// What a model has no use for is refused rather than ignored.
fn check_options(options: &ModelOptions, info: &ModelInfo) -> Result<()> {
    let defaults = &info.defaults;
    let unused = |name: &'static str, asked: Option<f64>, known: bool| match asked {
        Some(asked) if !known => {
            let hint = format!("{} has no use for it", info.name);
            Err(value(name, asked, hint))
        }
        _ => Ok(()),
    };
    let tokens = options.text_tokens.map(f64::from);
    unused(
        "--guidance-2",
        options.guidance_2,
        defaults.guidance_2.is_some(),
    )?;
    unused("--max-text-tokens", tokens, defaults.text_tokens.is_some())?;
    unused(
        "--decode-timestep",
        options.decode_timestep,
        defaults.decode_timestep.is_some(),
    )?;
    let known = defaults.decode_noise_scale.is_some();
    unused("--decode-noise-scale", options.decode_noise_scale, known)?;
    let known = defaults.image_noise_scale.is_some();
    unused("--image-noise-scale", options.image_noise_scale, known)?;
    let within = |name, asked: Option<f64>, least: f64, most: f64| match asked {
        Some(asked) if !(least..=most).contains(&asked) => {
            Err(value(name, asked, format!("{least} to {most}")))
        }
        _ => Ok(()),
    };
    within("--shift", options.shift, 0.01, 100.0)?;
    within("--guidance-2", options.guidance_2, 0.0, MOST_GUIDANCE)?;
    within("--max-text-tokens", tokens, 1.0, 4096.0)?;
    within("--decode-timestep", options.decode_timestep, 0.0, 1.0)?;
    within("--decode-noise-scale", options.decode_noise_scale, 0.0, 1.0)?;
    within("--image-noise-scale", options.image_noise_scale, 0.0, 1.0)
}

fn effective(
    request: &Request,
    analysis: &Analysis,
    defaults: &Defaults,
    framing: Framing,
    timing: Timing,
) -> Result<Effective> {
    let usual = if request.draft {
        defaults.draft_steps
    } else {
        defaults.steps
    };
    let steps = request.steps.unwrap_or(usual);
    if !(1..=MOST_STEPS).contains(&steps) {
        return Err(value(
            "--steps",
            steps,
            format!("1 to {MOST_STEPS} steps; usual is {usual}"),
        ));
    }
    let guidance = request.guidance.unwrap_or(defaults.guidance);
    if !(0.0..=MOST_GUIDANCE).contains(&guidance) {
        let hint = format!("0 to {MOST_GUIDANCE}; usual is {}", defaults.guidance);
        return Err(value("--guidance", guidance, hint));
    }
    let (from, to) = request
        .guidance_interval
        .unwrap_or(defaults.guidance_interval);
    if !(0.0 <= from && from <= to && to <= 1.0) {
        let hint = "two noise levels in [0, 1], the lower one first".to_owned();
        return Err(value("--guidance-interval", format!("{from},{to}"), hint));
    }
    if let Some(StepCache::Easy(threshold)) = request.cache
        && !(0.0..=1.0).contains(&threshold)
    {
        let hint = "a threshold of 0 to 1; larger reuses more".to_owned();
        return Err(value("--cache", format!("easy:{threshold}"), hint));
    }
    let takes = request.best_of.unwrap_or(1);
    if !(1..=MOST_TAKES).contains(&takes) {
        let hint = format!("1 to {MOST_TAKES} takes");
        return Err(value("--best-of", takes, hint));
    }
    let seed = request.seed.unwrap_or_else(noise::random_seed);
    let largest = LARGEST_SEED - u64::from(takes - 1);
    if seed > largest {
        return Err(value("--seed", seed, format!("0 to {largest}")));
    }
    let options = &request.options;
    // One scale for both experts, unless the second has its own.
    let guidance_2 = options.guidance_2.or(match request.guidance {
        Some(_) => defaults.guidance_2.and(request.guidance),
        None => defaults.guidance_2,
    });
    Ok(Effective {
        prompt: analysis.text.clone(),
        negative: request.negative.trim().to_owned(),
        seed,
        timing,
        framing,
        steps,
        guidance,
        guidance_interval: (from, to),
        cache: request.cache,
        sampler: String::new(),
        shift: defaults.shift,
        dtype: options.dtype.unwrap_or_default(),
        guidance_2,
        timesteps: options.timesteps.clone().or_else(|| {
            let own = defaults.timesteps.filter(|_| request.steps.is_none());
            own.map(<[f64]>::to_vec)
        }),
        text_tokens: options.text_tokens.or(defaults.text_tokens),
        decode_timestep: options.decode_timestep.or(defaults.decode_timestep),
        decode_noise_scale: options.decode_noise_scale.or(defaults.decode_noise_scale),
        image_noise_scale: options
            .image_noise_scale
            .or(defaults.image_noise_scale)
            .filter(|_| request.given.image.is_some()),
        tiles: false,
        finish: request.finish,
        given: GivenHashes::default(),
        earlier_frames: 0,
        noise_from_file: false,
    })
}

fn value(name: &'static str, value: impl std::fmt::Display, hint: String) -> Error {
    Error::Value {
        name,
        value: value.to_string(),
        hint,
    }
}

fn warned(category: Category) -> String {
    let (about, name) = (category.about(), category.name());
    format!("content rules: {about} ({name}), told and not refused as this studio is set")
}

fn notes(effective: &Effective, analysis: &Analysis, request: &Request) -> Vec<String> {
    let (framing, timing) = (&effective.framing, &effective.timing);
    let mut notes = Vec::new();
    if let Some(asked) = request.size.filter(|size| *size != framing.size) {
        notes.push(format!(
            "{} is the nearest size to {asked} that the model makes",
            framing.size
        ));
    }
    if let Some(asked) = request.frames.filter(|frames| *frames != timing.frames) {
        notes.push(format!(
            "{} frames, the nearest to {asked} that the model makes",
            timing.frames
        ));
    }
    if framing.is_resized() {
        notes.push(format!(
            "painted at {}, resized to {}",
            framing.native, framing.size
        ));
    } else if framing.crop != framing.native && request.size.is_none() {
        notes.push(format!(
            "painted at {}, cut to {}",
            framing.native, framing.size
        ));
    }
    if timing.fps > timing.native_fps {
        notes.push(format!(
            "{} frames a second made, some shown twice",
            timing.native_fps
        ));
    }
    if effective.tiles {
        notes.push("decoded in blended tiles, as memory is short for whole frames".into());
    }
    let ignored: Vec<&str> = analysis.ignored().map(|word| word.text.as_str()).collect();
    if !ignored.is_empty() {
        notes.push(format!("not shown by this model: {}", ignored.join(", ")));
    }
    notes
}

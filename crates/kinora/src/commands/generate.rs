//! `kinora generate`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use kinora_engine::{
    Cancel, Clip, Engine, Given, Job, ModelFiles, ModelOptions, Output, Request, Size, random_seed,
};
use kinora_provenance::Signer;
use serde::Serialize;

use crate::args::{Generate, Place};
use crate::files::{numbered, outputs};
use crate::installed;
use crate::progress::{Terminal, seconds};

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    outputs: &'a [Clip],
}

pub fn run(arguments: &Generate) -> Result<()> {
    let engine = Engine::new();
    let request = request(arguments)?;
    let seed = request.seed.expect("set above");
    // Everything that can be wrong is said before anything is computed.
    let jobs = (0..arguments.count)
        .map(|n| {
            let request = Request {
                // The takes of one clip have the seeds up to the next clip's.
                seed: Some(seed + u64::from(n) * u64::from(arguments.best_of.unwrap_or(1))),
                ..request.clone()
            };
            engine.resolve(&request).map(|job| (request, job))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if arguments.plan {
        return plan(&jobs[0].1, arguments.json);
    }
    let files = outputs(arguments.output.as_deref(), seed, arguments.count);
    let signer = signer(arguments)?;
    let outputs: Vec<Output> = files
        .into_iter()
        .zip(1..)
        .map(|(path, n)| Output {
            seal: signer.clone().map(|signer| signer as _),
            ..output(arguments, path, n)
        })
        .collect();
    outputs.iter().try_for_each(Output::check)?;
    tell(arguments, &jobs[0].1, seed);

    let cancel = Cancel::default();
    let on_interrupt = cancel.clone();
    ctrlc::set_handler(move || on_interrupt.cancel()).context("cannot listen for Ctrl-C")?;
    let mut clips = Vec::new();
    for ((request, job), output) in jobs.iter().zip(&outputs) {
        let mut progress = Terminal::new(arguments.preview);
        let clip = engine.run(request, job, output, &mut progress, &cancel)?;
        drop(progress);
        if !arguments.json {
            super::print(&summary(&clip))?;
            if let Some(adherence) = &clip.adherence {
                super::print(&super::measure::describe(adherence))?;
            }
        }
        clips.push(clip);
    }
    if arguments.json {
        super::print_json(&Document { outputs: &clips })
    } else {
        Ok(())
    }
}

fn request(arguments: &Generate) -> Result<Request> {
    let open = &arguments.open;
    Ok(Request {
        prompt: arguments.prompt.clone(),
        negative: arguments.negative.clone(),
        seconds: arguments.seconds,
        frames: arguments.frames,
        size: arguments.size.or(arguments
            .width
            .zip(arguments.height)
            .map(|(width, height)| Size::new(width, height))),
        aspect: arguments.aspect,
        resolution: arguments.resolution,
        fps: arguments.fps,
        seed: Some(arguments.seed.unwrap_or_else(random_seed)),
        steps: arguments.steps,
        best_of: arguments.best_of,
        guidance: arguments.guidance,
        guidance_interval: arguments.guidance_interval,
        cache: arguments.cache,
        model: arguments.model.clone(),
        given: Given {
            image: arguments.image.clone(),
            last_image: arguments.last_image.clone(),
            extend: arguments.extend.clone(),
        },
        looped: arguments.looped,
        told: Vec::new(),
        finish: arguments.finish.unwrap_or_default(),
        draft: arguments.draft,
        strict: arguments.strict,
        options: ModelOptions {
            dtype: open.dtype,
            shift: open.shift,
            timesteps: open.timesteps.as_ref().map(|list| list.0.clone()),
            guidance_2: open.guidance_2,
            text_tokens: open.max_text_tokens,
            decode_timestep: open.decode_timestep,
            decode_noise_scale: open.decode_noise_scale,
            image_noise_scale: open.image_noise_scale,
        },
        files: ModelFiles {
            transformer_2: open.transformer_2.clone(),
            vae: open.vae.clone(),
            text_encoder: open.text_encoder.clone(),
            tokenizer: open.tokenizer.clone(),
            loras: open.loras.clone(),
            ..installed::files(arguments.model.as_deref())?
        },
    })
}

/// Who signs the clips, if that is asked for: the same as the studio of the user's data folder.
fn signer(arguments: &Generate) -> Result<Option<Arc<Signer>>> {
    if !arguments.c2pa {
        return Ok(None);
    }
    let folder = super::config::data(&Place::default())?;
    Ok(Some(Arc::new(Signer::open(&folder)?)))
}

fn output(arguments: &Generate, path: PathBuf, n: u32) -> Output {
    let beside = |file: &Option<PathBuf>| {
        let number = |path: &PathBuf| {
            if arguments.count == 1 {
                path.clone()
            } else {
                numbered(path, n)
            }
        };
        file.as_ref().map(number)
    };
    Output {
        path,
        overwrite: arguments.force,
        save_frames: beside(&arguments.save_frames),
        save_latents: beside(&arguments.save_latents),
        init_latents: arguments.init_latents.clone(),
        measure: arguments.measure,
        ..Output::default()
    }
}

/// The memory plan of a job.
fn plan(job: &Job, json: bool) -> Result<()> {
    if json {
        return super::print_json(&job.plan);
    }
    super::print(&job.plan.to_string())
}

/// What is about to happen, on standard error.
fn tell(arguments: &Generate, job: &Job, seed: u64) {
    let effective = &job.recipe.effective;
    let (size, timing) = (effective.framing.size, effective.timing);
    let clips = if arguments.count > 1 {
        format!(", {} clips", arguments.count)
    } else {
        String::new()
    };
    let added = if effective.earlier_frames > 0 {
        "adds "
    } else {
        ""
    };
    eprintln!(
        "{} at {size}, {added}{} s, {} fps, {} steps, seed {seed}{clips}",
        job.recipe.model, timing.seconds, timing.fps, effective.steps
    );
    for note in &job.notes {
        eprintln!("note: {note}");
    }
}

fn summary(clip: &Clip) -> String {
    let name: &Path = &clip.path;
    let resized = (clip.native_size != Size::new(clip.width, clip.height))
        .then(|| format!(" (painted at {})", clip.native_size));
    let takes = match clip.takes.len() {
        0 => String::new(),
        takes => format!(", best of {takes}"),
    };
    let reused = match clip.reused_steps {
        0 => String::new(),
        reused => format!(", {reused} steps reused"),
    };
    format!(
        "{}  {}x{}{}, {} frames at {} fps, seed {}{takes}{reused}, made in {}",
        name.display(),
        clip.width,
        clip.height,
        resized.unwrap_or_default(),
        clip.frames,
        clip.fps,
        clip.seed,
        seconds(clip.timings.total)
    )
}

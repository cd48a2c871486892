//! Several takes of one clip, of which the best is kept.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

use kinora_media::MediaError;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::model::Family;
use crate::noise::random_seed;
use crate::pipeline::{Clip, Output, Take};
use crate::progress::{Cancel, Progress};

/// Makes `count` takes with seeds from the job's on, and keeps the one that shows the most clauses
/// of the prompt; among equals the one that flickers least, then the earliest.
///
/// The takes are made in a folder beside the output, so that only the best appears, whole.
///
/// # Errors
/// As [`Engine::run`], and [`Error::Value`] where all takes would begin with the same noise.
pub(crate) fn best(
    engine: &Engine,
    family: &dyn Family,
    job: &Job,
    count: u32,
    output: &Output,
    progress: &mut dyn Progress,
    cancel: &Cancel,
) -> Result<Clip> {
    let began = Instant::now();
    output.check()?;
    if output.init_latents.is_some() {
        return Err(Error::Value {
            name: "--best-of",
            value: count.to_string(),
            hint: "with --init-latents all takes would be the same".into(),
        });
    }
    let folder = Folder::beside(&output.path)?;
    let mut takes = Vec::new();
    let mut best: Option<(Take, Clip, Output)> = None;
    for number in 0..count {
        progress.take(number + 1, count);
        let mut job = job.clone();
        job.recipe.effective.seed += u64::from(number);
        let here = inside(&folder, number, output);
        let clip = engine.run_family(family, &job, &here, progress, cancel)?;
        let adherence = clip.adherence.as_ref().expect("it was asked for");
        let take = Take {
            seed: clip.seed,
            satisfied: adherence.satisfied,
            flicker: adherence.report.flicker,
        };
        takes.push(take.clone());
        if best
            .as_ref()
            .is_none_or(|(best, ..)| is_better(&take, best))
        {
            best = Some((take, clip, here));
        }
    }
    let (_, mut clip, made) = best.expect("at least one take");
    publish(&made, output)?;
    clip.path.clone_from(&output.path);
    clip.takes = takes;
    clip.timings.total = began.elapsed();
    Ok(clip)
}

fn is_better(take: &Take, best: &Take) -> bool {
    let flicker = |take: &Take| take.flicker.unwrap_or(f32::MAX);
    let order = take.satisfied.cmp(&best.satisfied);
    order.then(flicker(best).total_cmp(&flicker(take))) == Ordering::Greater
}

/// A hidden folder that goes with everything in it.
struct Folder(PathBuf);

impl Folder {
    fn beside(path: &Path) -> Result<Self> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let folder = parent.join(format!(".kinora-takes-{}", random_seed()));
        fs::create_dir(&folder).map_err(failed("create", &folder))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: it is hidden, and its name says whose it is.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MediaError {
    let path = path.to_path_buf();
    move |source| MediaError::Io {
        action,
        path,
        source,
    }
}

/// The files of a take: those of `output`, numbered, in the folder.
fn inside(folder: &Folder, number: u32, output: &Output) -> Output {
    let here = |role: &str, path: &PathBuf| {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        folder.0.join(format!("{number}-{role}.{extension}"))
    };
    let maybe = |role, path: &Option<PathBuf>| path.as_ref().map(|path| here(role, path));
    Output {
        path: here("clip", &output.path),
        overwrite: false,
        thumbnail: maybe("thumbnail", &output.thumbnail),
        spritesheet: maybe("spritesheet", &output.spritesheet),
        save_frames: maybe("frames", &output.save_frames),
        save_latents: maybe("latents", &output.save_latents),
        init_latents: None,
        measure: true,
        seal: output.seal.clone(),
    }
}

/// Moves the files of a take to where they are wanted; the clip last, so that it is never alone.
fn publish(made: &Output, wanted: &Output) -> Result<()> {
    wanted.check()?;
    let pairs: Vec<_> = made.files().zip(wanted.files()).collect();
    for (from, to) in pairs.into_iter().rev() {
        place(from, to).map_err(failed("write", to))?;
    }
    Ok(())
}

/// Renames; where the target is on another disk, copies beside it first.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let part = to.with_added_extension("part");
            fs::copy(from, &part)
                .and_then(|_| fs::rename(&part, to))
                .inspect_err(|_| {
                    let _ = fs::remove_file(&part);
                })
        }
        result => result,
    }
}

//! The engine: models by name, jobs from requests, clips from jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kinora_tensor::Isa;

use crate::adherence::{self, Adherence};
use crate::bundle::Bundle;
use crate::error::{Error, Result};
use crate::job::{self, Job};
use crate::model::{Family, ModelInfo, Reading, VideoModel};
use crate::native::Native;
use crate::open::{self, Embeddings};
use crate::pipeline::{Clip, Output, Run, Timings};
use crate::plan;
use crate::progress::{Cancel, Progress, Stage, Update};
use crate::request::{Dtype, ModelFiles, Request};
use crate::stills::{self, Film};
use crate::takes;
use crate::text::nearest;

/// The model that requests without one get.
pub const DEFAULT_MODEL: &str = "kinora-1";

/// Everything between a request and a clip. One engine runs one clip at a time and keeps the
/// weights of the last model.
pub struct Engine {
    loaded: Mutex<Option<Loaded>>,
    /// Texts that open models have encoded.
    known: Embeddings,
}

#[derive(Clone)]
struct Loaded {
    hash: String,
    dtype: Dtype,
    model: Arc<dyn VideoModel>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine with the models inside the program; no weights are read yet.
    pub fn new() -> Self {
        Self::knowing(Embeddings::of_user())
    }

    /// An engine that keeps what text encoders of open models say in `folder` and not in the user's
    /// cache ([`crate::CACHE_VARIABLE`]); nowhere when there is none.
    pub fn with_cache(folder: Option<PathBuf>) -> Self {
        Self::knowing(Embeddings::at(folder))
    }

    fn knowing(known: Embeddings) -> Self {
        Self {
            loaded: Mutex::default(),
            known,
        }
    }

    /// Every model that can be named.
    ///
    /// # Errors
    /// [`Error::Model`] when the files of one are damaged.
    pub fn models(&self) -> Result<Vec<ModelInfo>> {
        Bundle::embedded()
            .map(|bundle| Ok(Native::open(bundle)?.info().clone()))
            .collect()
    }

    /// Finds a model by name, or in a folder or file when the name is one; completed or changed with
    /// files.
    ///
    /// # Errors
    /// [`Error::UnknownModel`] with the nearest name, [`Error::Model`] for damaged files,
    /// [`Error::Value`] for files that the model has no use for.
    pub fn family(&self, name: Option<&str>, files: &ModelFiles) -> Result<Arc<dyn Family>> {
        let name = name.unwrap_or(DEFAULT_MODEL);
        let given = files.place.as_deref();
        let embedded = Bundle::embedded().find(|bundle| bundle.name == name);
        let bundle = match (given, embedded) {
            (None, Some(bundle)) => bundle,
            (None, None) if !Path::new(name).exists() => return Err(unknown(name)),
            _ => {
                let place = given.unwrap_or(Path::new(name));
                let name = given.map(|_| name);
                match open::open(place, name, files, &self.known)? {
                    Some(family) => return Ok(family),
                    None => Bundle::folder(place, name),
                }
            }
        };
        if let Some(option) = files.first() {
            let hint = format!("{name} has no use for it; the published open models do");
            return Err(Error::Value {
                name: option,
                value: String::new(),
                hint,
            });
        }
        Ok(Arc::new(Native::open(bundle)?))
    }

    /// What a model itself reads from a text; loads its weights.
    ///
    /// # Errors
    /// [`Error::Model`] for damaged weights.
    pub fn read(&self, text: &str, family: &dyn Family) -> Result<Vec<Reading>> {
        check_processor()?;
        guard(|| Ok(self.load(family, Dtype::default())?.read(text)))
    }

    /// Decides everything that a request leaves open; nothing is computed.
    ///
    /// # Errors
    /// As [`Engine::family`], and everything that is wrong with the request.
    pub fn resolve(&self, request: &Request) -> Result<Job> {
        let family = self.family(request.model.as_deref(), &request.files)?;
        job::resolve(&*family, request)
    }

    /// Makes the clip of a request's job.
    ///
    /// # Errors
    /// [`Error::Memory`] before the first operation; [`Error::Cancelled`] at the step after
    /// `cancel`; files that cannot be read or written. No part of a file is left behind.
    pub fn run(
        &self,
        request: &Request,
        job: &Job,
        output: &Output,
        progress: &mut dyn Progress,
        cancel: &Cancel,
    ) -> Result<Clip> {
        let family = self.family(request.model.as_deref(), &request.files)?;
        match request.best_of {
            Some(count) if count > 1 => {
                takes::best(self, &*family, job, count, output, progress, cancel)
            }
            _ => self.run_family(&*family, job, output, progress, cancel),
        }
    }

    /// Makes a clip with a model that need not be one of [`Engine::models`].
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run_family(
        &self,
        family: &dyn Family,
        job: &Job,
        output: &Output,
        progress: &mut dyn Progress,
        cancel: &Cancel,
    ) -> Result<Clip> {
        let began = Instant::now();
        check_processor()?;
        job.plan.check(plan::available_bytes())?;
        let tell = |progress: &mut dyn Progress, stage, step| {
            progress.update(&Update {
                stage,
                step,
                of: 1,
                elapsed: began.elapsed(),
                eta: None,
            });
        };
        let mut clip = guard(|| {
            tell(progress, Stage::Load, 0);
            let model = self.load(family, job.recipe.effective.dtype)?;
            tell(progress, Stage::Load, 1);
            cancel.check()?;
            let effective = &job.recipe.effective;
            let latent_shape =
                family.latent_shape(effective.framing.native, effective.timing.native_frames);
            let sampling = family.sampling(&effective.asked(), latent_shape)?;
            let timings = Timings {
                load: began.elapsed(),
                ..Timings::default()
            };
            Run {
                job,
                output,
                latent_shape,
                sampling,
                progress,
                cancel,
                began,
                timings,
            }
            .clip(&*model)
        })?;
        if output.measure {
            tell(progress, Stage::Measure, 0);
            let prompt = &job.recipe.effective.prompt;
            clip.adherence = Some(self.measure(&output.path, Some(prompt))?);
            tell(progress, Stage::Measure, 1);
        }
        Ok(clip)
    }

    /// Writes the thumbnail and the spritesheet of the clip at `output.path`, whoever made it, and
    /// tells what its pictures are.
    ///
    /// # Errors
    /// [`Error::Media`] for a clip that cannot be read and pictures that cannot be written.
    pub fn pictures(&self, output: &Output) -> Result<Film> {
        guard(|| stills::beside(output))
    }

    /// Which clauses of a prompt a clip shows, whoever made it; without a prompt, of its own.
    ///
    /// # Errors
    /// [`Error::Media`] and [`Error::Measure`] for a clip that cannot be read or measured.
    pub fn measure(&self, clip: &Path, prompt: Option<&str>) -> Result<Adherence> {
        guard(|| adherence::measure(clip, prompt))
    }

    fn load(&self, family: &dyn Family, dtype: Dtype) -> Result<Arc<dyn VideoModel>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = loaded
            .as_ref()
            .filter(|kept| kept.hash == family.info().hash && kept.dtype == dtype)
        {
            return Ok(Arc::clone(&kept.model));
        }
        // The old weights go before the new ones come.
        *loaded = None;
        let model: Arc<dyn VideoModel> = family.load(dtype)?.into();
        *loaded = Some(Loaded {
            hash: family.info().hash.clone(),
            dtype,
            model: Arc::clone(&model),
        });
        Ok(model)
    }
}

/// Whether a model of this name is inside the program.
pub fn is_embedded(name: &str) -> bool {
    Bundle::embedded().any(|bundle| bundle.name == name)
}

fn unknown(name: &str) -> Error {
    let known: Vec<String> = Bundle::embedded().map(|bundle| bundle.name).collect();
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    Error::UnknownModel {
        name: name.into(),
        nearest: nearest(name, &names).map(Into::into),
        known,
    }
}

/// Refuses a `KINORA_CPU` that this machine cannot follow.
pub(crate) fn check_processor() -> Result<Isa> {
    Isa::of_process().map_err(|error| {
        let names: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
        Error::Processor {
            message: error.to_string(),
            known: names.join(", "),
        }
    })
}

/// The boundary of a job: a mistake of ours inside becomes an error of this job alone.
fn guard<T>(job: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Error::Internal {
            message: text.unwrap_or("a panic without words").into(),
        })
    })
}

//! The stages of a run: text, denoise, decode with finishing and encoding.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinora_diffusion::samplers::{self, Progress as Sampled};
use kinora_media::{ClipReader, MediaError, Mp4Writer, Quality, Seal, Tags, VideoSettings};
use kinora_tensor::Tensor;
use serde::Serialize;

use crate::adherence::Adherence;
use crate::arrays::{self, ArrayWriter};
use crate::error::Result;
use crate::finish::Finisher;
use crate::given::{self, Held, Replay};
use crate::guided::Guided;
use crate::job::Job;
use crate::model::{Sampling, VideoModel};
use crate::noise::{Gaussian, mix};
use crate::picture::{Picture, develop, fit, to_rgb};
use crate::progress::{Cancel, Preview, Progress, Stage, Update};
use crate::recipe::Recipe;
use crate::size::Size;
use crate::stills::Stills;
use crate::timing::is_zero;

/// Told apart from the seed's noise that a clip begins with.
const FRESH_STREAM: u64 = 0x66_7265_7368;
/// Widest side of a preview in pixels.
const PREVIEW_SIDE: u32 = 160;

/// Where a clip goes.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// The MP4 file.
    pub path: PathBuf,
    /// Whether files that exist are replaced.
    pub overwrite: bool,
    /// Also a picture of the clip's middle, in the format of its name.
    pub thumbnail: Option<PathBuf>,
    /// Also a sheet of frames from the clip's beginning to its end, in the format of its name.
    pub spritesheet: Option<PathBuf>,
    /// Also every frame that was painted, before it is cut, scaled, finished and encoded:
    /// safetensors, `frames` F32 `[t, h, w, 3]` in [0, 1].
    pub save_frames: Option<PathBuf>,
    /// Also the denoised latents: safetensors, `latents` F32 `[1, c, t, h, w]`.
    pub save_latents: Option<PathBuf>,
    /// The noise to start from instead of the seed's: safetensors, `latents` F32 `[1, c, t, h, w]`.
    pub init_latents: Option<PathBuf>,
    /// Whether to measure which clauses of the prompt the clip shows; several takes always are.
    pub measure: bool,
    /// What the whole MP4 passes before it appears. Without one the same request is the same bytes.
    pub seal: Option<Arc<dyn Seal>>,
}

impl Output {
    /// Refuses a file that exists and may not be replaced, so that nobody waits for a clip first. A
    /// device such as `/dev/null` never may: renaming a file into its place would be the end of it.
    ///
    /// # Errors
    /// [`crate::Error::Media`].
    pub fn check(&self) -> Result<()> {
        for path in self.files() {
            let Ok(found) = path.metadata() else { continue };
            let path = path.clone();
            if !found.is_file() && !found.is_dir() {
                return Err(MediaError::NotAFile { path }.into());
            }
            if !self.overwrite {
                return Err(MediaError::AlreadyExists { path }.into());
            }
        }
        Ok(())
    }

    /// The files that are written.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let files = [
            Some(&self.path),
            self.thumbnail.as_ref(),
            self.spritesheet.as_ref(),
            self.save_frames.as_ref(),
            self.save_latents.as_ref(),
        ];
        files.into_iter().flatten()
    }
}

/// A clip that was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clip {
    /// The file.
    pub path: PathBuf,
    /// Its seed.
    pub seed: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
    /// Number of frames.
    pub frames: u32,
    /// Length in seconds.
    pub seconds: f64,
    /// Name of the model.
    pub model: String,
    /// Hash of the model's files.
    pub model_hash: String,
    /// The size that the model painted, before it was cut and scaled.
    pub native_size: Size,
    /// Denoising steps that the step cache told instead of computing them.
    #[serde(skip_serializing_if = "is_zero")]
    pub reused_steps: u32,
    /// What it shows of the prompt, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adherence: Option<Adherence>,
    /// The takes that it was chosen from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub takes: Vec<Take>,
    /// Size of the file in bytes.
    #[serde(skip)]
    pub bytes: u64,
    /// Where the time went.
    #[serde(skip)]
    pub timings: Timings,
}

/// One of several takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Take {
    /// Its seed.
    pub seed: u64,
    /// How many clauses of the prompt it shows.
    pub satisfied: u32,
    /// Its flicker in grey levels; `None` when nothing stands still.
    pub flicker: Option<f32>,
}

/// Where a run's time went.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Reading weights; nothing when they were read before.
    pub load: Duration,
    /// Encoding the prompts.
    pub text: Duration,
    /// Each denoising step.
    pub steps: Vec<Duration>,
    /// How many of them the step cache told.
    pub reused_steps: u32,
    /// Decoding, finishing and encoding.
    pub decode: Duration,
    /// All of it.
    pub total: Duration,
    /// From the start of the run to the end of the first denoising step.
    pub first_step: Duration,
}

/// One run in progress.
pub(crate) struct Run<'a> {
    pub(crate) job: &'a Job,
    pub(crate) output: &'a Output,
    pub(crate) latent_shape: [usize; 4],
    pub(crate) sampling: Sampling,
    pub(crate) progress: &'a mut dyn Progress,
    pub(crate) cancel: &'a Cancel,
    pub(crate) began: Instant,
    pub(crate) timings: Timings,
}

impl Run<'_> {
    /// Makes the clip. Nothing is left behind unless it is whole.
    pub(crate) fn clip(mut self, model: &dyn VideoModel) -> Result<Clip> {
        self.output.check()?;
        let noise = self.noise()?;
        let mut files = Files::create(self.job, self.output, noise.is_given)?;
        let held = self.held(model, &noise.latents)?;
        let latents = self.denoise(model, &noise.latents, &held)?;
        if let Some(path) = &self.output.save_latents {
            arrays::save_latents(path, &latents, self.output.overwrite)?;
        }
        self.decode(model, &latents, &mut files)?;
        self.cancel.check()?;
        let bytes = files.finish()?;
        self.timings.total = self.began.elapsed();
        Ok(self.summary(bytes))
    }

    fn tell(&mut self, stage: Stage, step: u32, of: u32, since: Instant) {
        let spent = since.elapsed();
        let eta = (step > 0).then(|| spent / step * (of - step));
        self.progress.update(&Update {
            stage,
            step,
            of,
            elapsed: self.began.elapsed(),
            eta,
        });
    }

    fn noise(&self) -> Result<Noise> {
        if let Some(path) = &self.output.init_latents {
            let latents = arrays::load_latents(path, self.latent_shape)?;
            return Ok(Noise {
                latents,
                is_given: true,
            });
        }
        let mut gaussian = Gaussian::new(self.job.recipe.effective.seed);
        let latents = Tensor::from_fn(&self.latent_shape, |_| gaussian.next());
        Ok(Noise {
            latents,
            is_given: false,
        })
    }

    /// The latents of what the clip begins and ends with.
    fn held(&mut self, model: &dyn VideoModel, noise: &Tensor) -> Result<Held> {
        let Recipe {
            request, effective, ..
        } = &self.job.recipe;
        let (given, timing) = (&request.given, &effective.timing);
        let size = effective.framing.native;
        let mut held = Held::default();
        if let Some(path) = &given.extend {
            let tail = given::tail(path, size, timing.lead, timing.native_fps)?;
            held.put(0, &model.encode(&tail)?);
        }
        let picture = |path: &PathBuf| given::picture(path, size);
        let first = match &given.image {
            Some(path) => Some(picture(path)?),
            None if request.looped => Some(self.opening(model, noise)?),
            None => None,
        };
        if let Some(first) = &first {
            held.put(0, &model.encode(first)?);
        }
        let last = match &given.last_image {
            Some(path) => Some(picture(path)?),
            None => first.filter(|_| request.looped),
        };
        if let Some(last) = last {
            // A latent frame behind the first stands for as many frames as lie between two.
            let latents = noise.shape()[0];
            let stride = (timing.native_frames as usize - 1) / (latents - 1);
            let film = Tensor::concat(&vec![&last; 1 + stride], 0);
            held.put(latents - 1, &model.encode(&film)?.slice(1..2));
        }
        Ok(held)
    }

    /// The first frame `[1, h, w, 3]` of the clip, painted alone.
    fn opening(&mut self, model: &dyn VideoModel, noise: &Tensor) -> Result<Tensor> {
        let latents = self.denoise(model, &noise.slice(0..1), &Held::default())?;
        let mut stream = model.decoder(&self.job.recipe.effective)?;
        stream.feed(&latents, true);
        let frame = stream.next_frames().expect("a latent frame is a frame");
        let pixels = frame.as_f32();
        Ok(Tensor::from_fn(frame.shape(), |i| {
            pixels[i].clamp(-1.0, 1.0)
        }))
    }

    fn denoise(&mut self, model: &dyn VideoModel, noise: &Tensor, held: &Held) -> Result<Tensor> {
        let effective = &self.job.recipe.effective;
        let since = Instant::now();
        self.tell(Stage::Text, 0, 1, since);
        self.cancel.check()?;
        let denoiser = model.denoiser(effective, &held.positions())?;
        // Weights that are read here are no part of the first step's time.
        denoiser.enter(self.sampling.schedule.sigmas()[0])?;
        self.timings.text = since.elapsed();
        self.tell(Stage::Text, 1, 1, since);

        let Sampling {
            sampler, schedule, ..
        } = self.sampling.clone();
        let steps = schedule.steps().len();
        let mut guided = Guided::new(&*denoiser, held, effective, self.cancel, steps);
        let since = Instant::now();
        self.tell(Stage::Denoise, 0, effective.steps, since);
        let mut entered = Ok(());
        let on_step = |sampled: &Sampled| {
            self.stepped(model, sampled, since)?;
            let next = sampled.step.index + 1;
            if next < sampled.step.of {
                entered = denoiser.enter(schedule.sigmas()[next]);
            }
            if entered.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let velocity = |x: &Tensor, sigma: f64| guided.velocity(x, sigma);
        let mut fresh = Gaussian::new(mix(effective.seed ^ FRESH_STREAM));
        let noised = |clean: &Tensor, level: f64| {
            let noise = Tensor::from_fn(clean.shape(), |_| fresh.next());
            held.place(&clean.combine((1.0 - level) as f32, &noise, level as f32))
        };
        let latents = samplers::sample(
            sampler,
            held.place(noise),
            &schedule,
            velocity,
            noised,
            on_step,
        );
        entered?;
        self.timings.reused_steps += guided.reused();
        latents.ok_or(crate::Error::Cancelled)
    }

    fn stepped(
        &mut self,
        model: &dyn VideoModel,
        sampled: &Sampled,
        since: Instant,
    ) -> ControlFlow<()> {
        let before: Duration = self.timings.steps.iter().sum();
        self.timings
            .steps
            .push(since.elapsed().saturating_sub(before));
        if sampled.step.index == 0 {
            self.timings.first_step = self.began.elapsed();
        }
        if self.cancel.is_cancelled() {
            return ControlFlow::Break(());
        }
        self.tell(
            Stage::Denoise,
            sampled.step.index as u32 + 1,
            sampled.step.of as u32,
            since,
        );
        if self.progress.wants_preview()
            && let Some(picture) = preview(model, sampled.denoised)
        {
            self.progress.preview(&picture);
        }
        ControlFlow::Continue(())
    }

    /// Decodes a few frames at a time: memory does not grow with the length of the clip.
    fn decode(
        &mut self,
        model: &dyn VideoModel,
        latents: &Tensor,
        files: &mut Files,
    ) -> Result<()> {
        let effective = &self.job.recipe.effective;
        let (framing, timing) = (&effective.framing, &effective.timing);
        let finisher = Finisher::new(effective.finish, framing.size, effective.seed);
        let since = Instant::now();
        self.tell(Stage::Decode, 0, effective.frames(), since);
        self.replay(files, since)?;
        let mut stream = model.decoder(effective)?;
        let (mut made, mut shown) = (0, 0);
        let groups = latents.shape()[0];
        for group in 0..groups {
            self.cancel.check()?;
            stream.feed(&latents.slice(group..group + 1), group + 1 == groups);
            while let Some(frames) = stream.next_frames() {
                self.cancel.check()?;
                files.keep(&frames)?;
                let mut wanted = Vec::new();
                for frame in 0..frames.shape()[0] {
                    let showings = timing.showings(made);
                    if showings > 0 {
                        wanted.push((frame, shown, showings));
                    }
                    made += 1;
                    shown += showings;
                }
                for picture in develop(&frames, &wanted, framing, &finisher)? {
                    files.write(&picture)?;
                }
                let done = effective.earlier_frames + shown;
                self.tell(Stage::Decode, done, effective.frames(), since);
            }
        }
        assert_eq!(shown, timing.frames, "every delivered frame was decoded");
        self.timings.decode = since.elapsed();
        Ok(())
    }

    /// Writes the frames of the clip that is extended.
    fn replay(&mut self, files: &mut Files, since: Instant) -> Result<()> {
        let Recipe {
            request, effective, ..
        } = &self.job.recipe;
        let Some(path) = &request.given.extend else {
            return Ok(());
        };
        let mut clip = ClipReader::open(path)?;
        let size = effective.framing.size;
        let replay = Replay::new((clip.frames(), clip.fps()), effective.timing.fps);
        let from = Size::new(clip.width(), clip.height());
        let (mut index, mut shown) = (0, 0);
        while let Some(rgb) = clip.next_frame()? {
            self.cancel.check()?;
            let showings = replay.showings(index);
            index += 1;
            if showings > 0 {
                let rgb = fit(rgb, from, size)?;
                files.write(&Picture { rgb, showings })?;
                shown += showings;
                self.tell(Stage::Decode, shown, effective.frames(), since);
            }
        }
        Ok(())
    }

    fn summary(self, bytes: u64) -> Clip {
        let recipe = &self.job.recipe;
        let (framing, timing) = (&recipe.effective.framing, &recipe.effective.timing);
        Clip {
            path: self.output.path.clone(),
            seed: recipe.effective.seed,
            width: framing.size.width,
            height: framing.size.height,
            fps: timing.fps,
            frames: recipe.effective.frames(),
            seconds: f64::from(recipe.effective.frames()) / f64::from(timing.fps),
            model: recipe.model.clone(),
            model_hash: recipe.model_hash.clone(),
            native_size: framing.native,
            reused_steps: self.timings.reused_steps,
            adherence: None,
            takes: Vec::new(),
            bytes,
            timings: self.timings,
        }
    }
}

struct Noise {
    latents: Tensor,
    is_given: bool,
}

/// The middle of the clip as it looks now.
fn preview(model: &dyn VideoModel, estimate: &Tensor) -> Option<Preview> {
    let middle = estimate.shape()[0] / 2;
    let frames = model.glance(&estimate.slice(middle..middle + 1))?;
    let [n, h, w, _] = frames.dims();
    let from = Size::new(w as u32, h as u32);
    let scale = f64::from(PREVIEW_SIDE) / f64::from(from.width.max(from.height));
    let side = |pixels: u32| ((f64::from(pixels) * scale / 2.0).round() as u32 * 2).max(2);
    let size = Size::new(side(from.width), side(from.height));
    fit(to_rgb(&frames, n - 1), from, size)
        .ok()
        .map(|rgb| Preview { size, rgb })
}

/// The files of a run, which appear when they are whole.
struct Files {
    video: Mp4Writer,
    frames: Option<ArrayWriter>,
    stills: Stills,
    seal: Option<Arc<dyn Seal>>,
}

impl Files {
    fn create(job: &Job, output: &Output, noise_from_file: bool) -> Result<Self> {
        let mut recipe = job.recipe.clone();
        recipe.effective.noise_from_file = noise_from_file;
        let (size, timing) = (recipe.effective.framing.size, recipe.effective.timing);
        let settings = VideoSettings {
            quality: if job.draft {
                Quality::Draft
            } else {
                Quality::Standard
            },
            tags: Tags {
                title: Some(recipe.effective.prompt.clone()),
                comment: Some(format!("Made with {}", recipe.program)),
                recipe: Some(recipe.to_json()),
            },
            overwrite: output.overwrite,
            ..VideoSettings::new(size.width, size.height, timing.fps)
        };
        let video = Mp4Writer::create(&output.path, settings)?;
        let painted = recipe.effective.framing.native;
        let shape = [
            timing.native_frames as usize,
            painted.height as usize,
            painted.width as usize,
            3,
        ];
        let frames = output.save_frames.as_ref();
        let frames =
            frames.map(|path| ArrayWriter::create(path, "frames", &shape, output.overwrite));
        Ok(Self {
            video,
            frames: frames.transpose()?,
            stills: Stills::new(output, size, recipe.effective.frames()),
            seal: output.seal.clone(),
        })
    }

    /// Saves painted frames `[n, h, w, 3]` in [-1, 1], where that is asked for.
    fn keep(&mut self, frames: &Tensor) -> Result<()> {
        let Some(file) = &mut self.frames else {
            return Ok(());
        };
        let values = frames.as_f32().iter();
        file.write(values.map(|value| ((value + 1.0) / 2.0).clamp(0.0, 1.0)))
    }

    fn write(&mut self, picture: &Picture) -> Result<()> {
        for _ in 0..picture.showings {
            self.video.write_frame(&picture.rgb)?;
            self.stills.add(&picture.rgb)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<u64> {
        if let Some(frames) = self.frames {
            frames.finish()?;
        }
        self.stills.finish()?;
        Ok(self.video.finish_sealed(self.seal.as_deref())?.bytes)
    }
}

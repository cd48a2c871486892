//! A run of the transformer: batches by plan, and what is seen of the averaged weights.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use kinora_filmset::script::random::{Rng, mix};
use kinora_models::native::Config;
use kinora_nn::WeightFile;
use kinora_nn::optim::Parameters;
use kinora_tensor::Precision;

use super::batch::Batch;
use super::channels;
use super::plan::trapezoid;
use super::samples::Samples;
use super::settings::{Arguments, Settings};
use super::texts::Texts;
use super::trainer::Trainer;
use crate::cache::{Cache, Part};
use crate::course::{Course, Metrics, Training};
use crate::eval::model::{self, Codec};
use crate::learner::CHECKPOINT;

/// The transformer in a model folder.
pub const PART: &str = "transformer";
/// Steps between two looks for new shards.
const REFRESH: u64 = 100;
/// Batches of each length that are measured on clips set aside.
const UNSEEN_BATCHES: usize = 4;

/// Trains until the plan is done or time is up.
///
/// The same seed, cache and settings give the same weights, whether or not the run was interrupted.
///
/// # Errors
/// When a file is missing, damaged or of another version, the disk is full, or a loss is not finite;
/// the last checkpoint stays.
pub fn run(arguments: &Arguments) -> Result<()> {
    let settings = Settings::of(arguments)?;
    let common = &arguments.common;
    let config = model::config(&common.from)?;
    let cache = Cache::open(&arguments.cache)?;
    let texts = Texts::open(&common.from, &config)?;
    let samples = Samples::open(&common.from, &config, settings.samples)?;
    let trainer = begin(arguments, &settings, config)?;
    let channels = channels::weights(&Codec::load(&common.from)?, settings.channel_share);
    let mut run = Run {
        trainer: trainer.weighing(channels),
        cache,
        texts,
        samples,
        settings,
    };
    let course = Course {
        folder: &common.run,
        steps: run.settings.plan.steps(),
        minutes: common.minutes,
        log_every: run.settings.log_every,
        look_every: run.settings.grid_every,
        save_every: run.settings.save_every,
    };
    course.run(&mut run)
}

struct Run {
    settings: Settings,
    trainer: Trainer,
    cache: Cache,
    texts: Texts,
    samples: Samples,
}

impl Training for Run {
    fn steps(&self) -> u64 {
        self.trainer.steps()
    }

    fn step(&mut self) -> Result<Metrics> {
        let started = Instant::now();
        let (step, settings) = (self.steps(), &self.settings);
        if step.is_multiple_of(REFRESH) {
            self.cache.refresh()?;
        }
        let bucket = settings.plan.bucket(step).expect("a step of the plan");
        let mut rng = Rng::new(mix(settings.seed) ^ mix(step));
        let texts = &mut self.texts;
        let batch = Batch::draw(&self.cache, Part::Training, texts, bucket, &mut rng)?;
        let steps = settings.plan.steps();
        let factor = trapezoid(step, steps, settings.warmup, settings.cooldown);
        let losses = self.trainer.step(&batch, settings.learning_rate * factor)?;
        let named = |(name, value): (&str, f64)| (format!("{name} {}", bucket.frames), value);
        let metrics = [
            ("velocity", losses.velocity),
            ("teacher", losses.teacher),
            ("motion", losses.motion),
            ("seconds", started.elapsed().as_secs_f64()),
        ];
        let clips = ("clips".to_owned(), self.cache.clips() as f64);
        Ok(metrics.map(named).into_iter().chain([clips]).collect())
    }

    fn look(&mut self, folder: &Path) -> Result<Metrics> {
        self.samples.draw(&self.trainer, &mut self.texts, folder)?;
        unseen(&self.trainer, &self.cache, &mut self.texts, &self.settings)
    }

    fn save(&self, path: &Path) -> Result<()> {
        self.trainer.save(path)
    }
}

/// The averaged weights of a run's checkpoint, of the configuration in `from`.
///
/// # Errors
/// When the checkpoint cannot be read or is of another model.
pub fn exported(checkpoint: &Path, from: &Path) -> Result<Parameters> {
    let config = model::config(from)?;
    let trainer = Trainer::resume(checkpoint, config, Precision::F32, 1)?;
    Ok(trainer.averaged().clone())
}

/// What the averaged weights make of clips that training never takes, by the frames of a clip. Clips and
/// noise are the same each time while the cache is, so that a curve shows the weights alone.
fn unseen(
    trainer: &Trainer,
    cache: &Cache,
    texts: &mut Texts,
    settings: &Settings,
) -> Result<Metrics> {
    let mut metrics = Vec::new();
    for bucket in settings.plan.lengths() {
        let mut rng = Rng::new(mix(settings.seed));
        let mut draw = || Batch::draw(cache, Part::Unseen, texts, bucket, &mut rng);
        let batches: Result<Vec<Batch>, _> = (0..UNSEEN_BATCHES).map(|_| draw()).collect();
        // A small cache has set none aside.
        let Ok(batches) = batches else { continue };
        let velocity = trainer.measure(&batches)?;
        metrics.push((format!("unseen velocity {}", bucket.frames), velocity));
    }
    Ok(metrics)
}

/// The checkpoint of the run, or the weights that it begins from.
fn begin(arguments: &Arguments, settings: &Settings, config: Config) -> Result<Trainer> {
    let checkpoint = arguments.common.run.join(CHECKPOINT);
    let (precision, tokens) = (settings.precision.precision(), settings.tokens);
    if checkpoint.exists() {
        return Trainer::resume(&checkpoint, config, precision, tokens);
    }
    let weights = WeightFile::open_part(&arguments.common.from, PART)?;
    let head = Trainer::new_head(&config, settings.seed);
    Trainer::new(config, precision, &weights, head, tokens)
}

//! A run: steps by plan, a log with its curve, grids and checkpoints, until the plan or time is over.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use kinora_filmset::script::random::{Rng, mix};
use kinora_models::native::Config;
use kinora_nn::WeightFile;
use kinora_tensor::Precision;

use super::batch::Batch;
use super::channels;
use super::checkpoint::TRANSFORMER;
use super::plan::trapezoid;
use super::samples::Samples;
use super::settings::{Arguments, Settings};
use super::texts::Texts;
use super::trainer::{Losses, Trainer};
use crate::cache::{Cache, Part};
use crate::eval::model::{self, Codec};
use crate::log::Log;

const CHECKPOINT: &str = "checkpoint.safetensors";
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
    let folder = &arguments.run;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let checkpoint = folder.join(CHECKPOINT);
    let config = model::config(&arguments.from)?;
    let mut cache = Cache::open(&arguments.cache)?;
    let mut texts = Texts::open(&arguments.from, &config)?;
    let samples = Samples::open(&arguments.from, &config, settings.samples)?;
    let channels = channels::weights(&Codec::load(&arguments.from)?, settings.channel_share);
    let mut trainer = begin(arguments, &settings, config)?.weighing(channels);
    let mut log = Log::open(folder, trainer.steps())?;

    let started = Instant::now();
    let late = |now: Instant| {
        let minutes = arguments.minutes.unwrap_or(f64::INFINITY);
        (now - started).as_secs_f64() > 60.0 * minutes
    };
    let mut saved = started;
    let bar = bar(trainer.steps(), settings.plan.steps());
    let mut means = BTreeMap::<usize, Mean>::new();
    while let Some(bucket) = settings.plan.bucket(trainer.steps()) {
        let now = Instant::now();
        if late(now) {
            break;
        }
        let step = trainer.steps();
        let mut rng = Rng::new(mix(settings.seed) ^ mix(step));
        let batch = Batch::draw(&cache, Part::Training, &mut texts, bucket, &mut rng)?;
        let factor = trapezoid(
            step,
            settings.plan.steps(),
            settings.warmup,
            settings.cooldown,
        );
        let losses = match trainer.step(&batch, settings.learning_rate * factor) {
            Ok(losses) => losses,
            Err(error) => {
                trainer.save(&checkpoint)?;
                let kept = checkpoint.display();
                return Err(
                    error.context(format!("training stopped; the state before is in {kept}"))
                );
            }
        };
        let step = trainer.steps();
        report(&bar, step, losses);
        means
            .entry(bucket.frames)
            .or_default()
            .add(losses, now.elapsed());
        if step.is_multiple_of(settings.log_every) {
            log.write(step, &metrics(&means, cache.clips()))?;
            means.clear();
        }
        if step.is_multiple_of(settings.grid_every) {
            log.write(step, &unseen(&trainer, &cache, &mut texts, &settings)?)?;
            samples.draw(&trainer, &mut texts, folder)?;
            log.draw()?;
        }
        if step.is_multiple_of(REFRESH) {
            cache.refresh()?;
        }
        if saved.elapsed() > Duration::from_secs(settings.save_every) {
            trainer.save(&checkpoint)?;
            saved = Instant::now();
        }
    }
    bar.finish_and_clear();
    trainer.save(&checkpoint)?;
    samples.draw(&trainer, &mut texts, folder)?;
    log.draw()?;
    println!("{}: step {}", folder.display(), trainer.steps());
    Ok(())
}

/// Writes the averaged weights of a run as a model folder that the engine runs.
///
/// # Errors
/// When the run's checkpoint or the result cannot be read or written.
pub fn export(run: &Path, from: &Path, output: &Path) -> Result<()> {
    let config = model::config(from)?;
    let trainer = Trainer::resume(&run.join(CHECKPOINT), config, Precision::F32, 1)?;
    trainer.export(from, output)
}

/// What the averaged weights make of clips that training never takes, by the frames of a clip. Clips and
/// noise are the same each time while the cache is, so that a curve shows the weights alone.
fn unseen(
    trainer: &Trainer,
    cache: &Cache,
    texts: &mut Texts,
    settings: &Settings,
) -> Result<Vec<(String, f64)>> {
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
    let checkpoint = arguments.run.join(CHECKPOINT);
    let (precision, tokens) = (settings.precision(), settings.tokens);
    if checkpoint.exists() {
        return Trainer::resume(&checkpoint, config, precision, tokens);
    }
    let weights = WeightFile::open(&arguments.from.join(TRANSFORMER))?;
    let head = Trainer::new_head(&config, settings.seed);
    Trainer::new(config, precision, &weights, head, tokens)
}

/// Of the steps with clips of one length since the last line of the log.
#[derive(Default)]
struct Mean {
    steps: f64,
    velocity: f64,
    motion: f64,
    teacher: f64,
    seconds: f64,
}

impl Mean {
    fn add(&mut self, losses: Losses, time: Duration) {
        self.steps += 1.0;
        self.velocity += losses.velocity;
        self.motion += losses.motion;
        self.teacher += losses.teacher;
        self.seconds += time.as_secs_f64();
    }
}

/// A line of the log: what is measured is named with the frames of a clip.
fn metrics(means: &BTreeMap<usize, Mean>, clips: usize) -> Vec<(String, f64)> {
    let mut metrics = vec![("clips".to_owned(), clips as f64)];
    for (frames, mean) in means {
        for (name, sum) in [
            ("velocity", mean.velocity),
            ("motion", mean.motion),
            ("teacher", mean.teacher),
            ("seconds", mean.seconds),
        ] {
            metrics.push((format!("{name} {frames}"), sum / mean.steps));
        }
    }
    metrics
}

fn bar(step: u64, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {msg}  {per_sec}  ETA {eta}");
    let bar = ProgressBar::new(steps).with_position(step);
    bar.reset_eta();
    bar.with_style(style.expect("a template of known keys"))
}

fn report(bar: &ProgressBar, step: u64, losses: Losses) {
    bar.set_position(step);
    bar.set_message(format!(
        "velocity {:.3}  teacher {:.3}",
        losses.velocity, losses.teacher
    ));
}

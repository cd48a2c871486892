//! The course of a run: steps, a log with its curves, looks at what was learned, and checkpoints, until all
//! steps are made or time is up.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::learner::CHECKPOINT;
use crate::log::Log;

/// Numbers by what they are.
pub type Metrics = Vec<(String, f64)>;

/// A part of the model that is being trained.
pub trait Training {
    /// How many steps were made.
    fn steps(&self) -> u64;

    /// Makes a step.
    ///
    /// # Errors
    /// When nothing could be learned; nothing has moved then.
    fn step(&mut self) -> Result<Metrics>;

    /// Measures the averaged weights, and draws what they do into `folder`.
    ///
    /// # Errors
    /// When a file cannot be written.
    fn look(&mut self, folder: &Path) -> Result<Metrics>;

    /// Writes all that is needed to go on.
    ///
    /// # Errors
    /// When the file cannot be written; what was there before stays.
    fn save(&self, path: &Path) -> Result<()>;
}

/// How far a run goes, and what it does on the way.
pub struct Course<'a> {
    /// Of the run.
    pub folder: &'a Path,
    /// Steps in all.
    pub steps: u64,
    /// Ends the run before.
    pub minutes: Option<f64>,
    /// Steps between two lines of the log.
    pub log_every: u64,
    /// Steps between two looks.
    pub look_every: u64,
    /// Seconds between two checkpoints.
    pub save_every: u64,
}

impl Course<'_> {
    /// Goes on from where the training is.
    ///
    /// # Errors
    /// Those of the training, and when a file cannot be written; the last good state stays.
    pub fn run(&self, training: &mut impl Training) -> Result<()> {
        let folder = self.folder;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let checkpoint = folder.join(CHECKPOINT);
        let done = training.steps();
        let mut log = Log::open(folder, done)?;
        let bar = bar(done, self.steps);
        let started = Instant::now();
        let minutes = self.minutes.unwrap_or(f64::INFINITY);
        let mut saved = started;
        let mut means = Means::default();
        let mut unseen = false;
        while training.steps() < self.steps && started.elapsed().as_secs_f64() < 60.0 * minutes {
            let metrics = match training.step() {
                Ok(metrics) => metrics,
                Err(error) if training.steps() == done => return Err(error),
                Err(error) => {
                    training.save(&checkpoint)?;
                    let kept = checkpoint.display();
                    return Err(
                        error.context(format!("training stopped; the state before is in {kept}"))
                    );
                }
            };
            let step = training.steps();
            bar.set_position(step);
            let said = metrics.iter().take(2);
            let said = said.map(|(name, value)| format!("{name}: {value:.3}"));
            bar.set_message(said.collect::<Vec<_>>().join("  "));
            means.add(metrics);
            if step.is_multiple_of(self.log_every) {
                log.write(step, &means.take())?;
            }
            unseen = !step.is_multiple_of(self.look_every);
            if !unseen {
                look(training, &mut log, folder)?;
            }
            if saved.elapsed() > Duration::from_secs(self.save_every) {
                training.save(&checkpoint)?;
                saved = Instant::now();
            }
        }
        bar.finish_and_clear();
        training.save(&checkpoint)?;
        if unseen {
            look(training, &mut log, folder)?;
        }
        println!("{}: step {}", folder.display(), training.steps());
        Ok(())
    }
}

fn look(training: &mut impl Training, log: &mut Log, folder: &Path) -> Result<()> {
    let metrics = training.look(folder)?;
    if !metrics.is_empty() {
        log.write(training.steps(), &metrics)?;
    }
    log.draw()
}

fn bar(done: u64, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {msg}  {per_sec}  ETA {eta}");
    let bar = ProgressBar::new(steps).with_position(done);
    bar.reset_eta();
    bar.with_style(style.expect("a template of known keys"))
}

/// Sums and numbers of values by their names.
#[derive(Default)]
struct Means(BTreeMap<String, (f64, f64)>);

impl Means {
    fn add(&mut self, metrics: Metrics) {
        for (name, value) in metrics {
            let (sum, count) = self.0.entry(name).or_default();
            *sum += value;
            *count += 1.0;
        }
    }

    /// The means, and none are left.
    fn take(&mut self) -> Metrics {
        let means = std::mem::take(&mut self.0).into_iter();
        means
            .map(|(name, (sum, count))| (name, sum / count))
            .collect()
    }
}

//! A run of the text encoder: fresh captions each step, and how the averaged weights read held-out ones.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use kinora_nn::WeightFile;
use kinora_nn::optim::Parameters;
use kinora_nn::tokenizer::WordTokenizer;

use super::batch::Batch;
use super::settings::{Arguments, Settings};
use super::trainer::Trainer;
use crate::course::{Course, Metrics, Training};
use crate::dit::trapezoid;
use crate::eval::model;
use crate::learner::CHECKPOINT;

/// The text encoder in a model folder.
pub const PART: &str = "text";

/// Trains until the steps are made or time is up.
///
/// The same seed and settings give the same weights, whether or not the run was interrupted.
///
/// # Errors
/// When a file is missing, damaged or of another version, the disk is full, or a loss is not finite;
/// the last checkpoint stays.
pub fn run(arguments: &Arguments) -> Result<()> {
    let settings = Settings::of(arguments)?;
    let common = &arguments.common;
    let config = model::config(&common.from)?;
    let checkpoint = common.run.join(CHECKPOINT);
    let trainer = if checkpoint.exists() {
        Trainer::resume(&checkpoint, config)?
    } else {
        Trainer::new(config, &WeightFile::open_part(&common.from, PART)?)?
    };
    let tokenizer = tokenizer(&common.from)?;
    let mut run = Run {
        held_out: Batch::held_out(&settings, &tokenizer),
        tokenizer,
        trainer,
        settings,
    };
    let course = Course {
        folder: &common.run,
        steps: run.settings.steps,
        minutes: common.minutes,
        log_every: run.settings.log_every,
        look_every: run.settings.measure_every,
        save_every: run.settings.save_every,
    };
    course.run(&mut run)
}

/// The tokenizer of the model in a folder.
///
/// # Errors
/// `vocabulary.txt` is missing or not one.
pub fn tokenizer(folder: &Path) -> Result<WordTokenizer> {
    let path = folder.join("vocabulary.txt");
    let name = path.display();
    let words = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
    WordTokenizer::from_vocabulary(&words).with_context(|| format!("{name} is no vocabulary"))
}

/// The averaged weights of a run's checkpoint, of the configuration in `from`. A transformer that has
/// learned other states and beliefs has to learn these anew.
///
/// # Errors
/// When the checkpoint cannot be read or is of another model.
pub fn exported(checkpoint: &Path, from: &Path) -> Result<Parameters> {
    let trainer = Trainer::resume(checkpoint, model::config(from)?)?;
    Ok(trainer.averaged().clone())
}

struct Run {
    settings: Settings,
    tokenizer: WordTokenizer,
    trainer: Trainer,
    held_out: Batch,
}

impl Training for Run {
    fn steps(&self) -> u64 {
        self.trainer.steps()
    }

    fn step(&mut self) -> Result<Metrics> {
        let (step, settings) = (self.steps(), &self.settings);
        let batch = Batch::draw(settings, step, &self.tokenizer);
        let factor = trapezoid(step, settings.steps, settings.warmup, settings.cooldown);
        let loss = self.trainer.step(&batch, settings.learning_rate * factor)?;
        Ok(vec![("loss".to_owned(), loss)])
    }

    fn look(&mut self, _: &Path) -> Result<Metrics> {
        let accuracy = self.trainer.measure(&self.held_out)?;
        let metrics = [
            ("slots", accuracy.slots),
            ("said", accuracy.said),
            ("whole", accuracy.whole),
        ];
        Ok(metrics
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec())
    }

    fn save(&self, path: &Path) -> Result<()> {
        self.trainer.save(path)
    }
}

//! A run of the codec: fresh film each step, and what the averaged weights make of held-out film.

use std::path::Path;

use anyhow::Result;
use kinora_filmset::program::Aspect;
use kinora_filmset::script::Split;
use kinora_models::native::Config;
use kinora_nn::WeightFile;
use kinora_nn::optim::Parameters;
use kinora_tensor::{Precision, Tensor};

use super::batch::Batch;
use super::samples::Samples;
use super::settings::{Arguments, Settings};
use super::trainer::Trainer;
use crate::cache::film;
use crate::course::{Course, Metrics, Training};
use crate::data::Source;
use crate::dit::trapezoid;
use crate::eval::model::{self, Codec};
use crate::learner::{CHECKPOINT, parameters};

/// The codec in a model folder.
pub const PART: &str = "codec";
/// Films, and frames of each, that latents' mean and spread are taken from.
const FILMS: u64 = 48;
const FRAMES: u32 = 25;
const MEAN: &str = "mean";
const STD: &str = "std";

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
    let mut run = Run {
        samples: Samples::new(settings.samples),
        trainer: begin(arguments, &settings, config.clone())?,
        settings,
        config,
    };
    let course = Course {
        folder: &common.run,
        steps: run.settings.steps,
        minutes: common.minutes,
        log_every: run.settings.log_every,
        look_every: run.settings.grid_every,
        save_every: run.settings.save_every,
    };
    course.run(&mut run)
}

struct Run {
    settings: Settings,
    config: Config,
    trainer: Trainer,
    samples: Samples,
}

impl Training for Run {
    fn steps(&self) -> u64 {
        self.trainer.steps()
    }

    fn step(&mut self) -> Result<Metrics> {
        let (step, settings) = (self.steps(), &self.settings);
        let batch = Batch::draw(settings, step, self.config.codec.latent_channels);
        let factor = trapezoid(step, settings.steps, settings.warmup, settings.cooldown);
        let losses = self.trainer.step(&batch, settings.learning_rate * factor)?;
        let metrics = [
            ("pixel", losses.pixel),
            ("edges", losses.edges),
            ("motion", losses.motion),
            ("texture", losses.texture),
            ("magnitude", losses.magnitude),
        ];
        Ok(metrics.map(named).to_vec())
    }

    fn look(&mut self, folder: &Path) -> Result<Metrics> {
        let codec = Codec::of(self.trainer.averaged().clone(), &self.config)?;
        let path = folder.join(format!("grid-{:06}.png", self.steps()));
        let measured = self.samples.measure(&codec, &path)?;
        let metrics = [
            ("psnr", measured.psnr),
            ("subject psnr", measured.subject_psnr),
            ("edge energy", measured.edges),
        ];
        Ok(metrics.map(named).to_vec())
    }

    fn save(&self, path: &Path) -> Result<()> {
        self.trainer.save(path)
    }
}

fn named((name, value): (&str, f64)) -> (String, f64) {
    (name.to_owned(), value)
}

/// The averaged weights of a run's checkpoint, of the configuration in `from`. Where the encoder is not that
/// of `from` any more, its latents are made unit normal again: a transformer has to learn them anew.
///
/// # Errors
/// When the checkpoint or the codec in `from` cannot be read, or they are of different models.
pub fn exported(checkpoint: &Path, from: &Path) -> Result<Parameters> {
    let config = model::config(from)?;
    let trainer = Trainer::resume(checkpoint, config.clone(), Precision::F32, false)?;
    let mut weights = trainer.averaged().clone();
    let before = parameters(&WeightFile::open_part(from, PART)?)?;
    let same = |(name, weight): (&String, &Tensor)| {
        let before = before.get(name).map(Tensor::as_f32);
        !name.starts_with("encoder.") || before == Some(weight.as_f32())
    };
    if !weights.iter().all(same) {
        calibrate(&mut weights, &config)?;
    }
    Ok(weights)
}

/// Sets the latents' mean and spread to those of film, so that a transformer sees unit normals.
fn calibrate(weights: &mut Parameters, config: &Config) -> Result<()> {
    let channels = config.codec.latent_channels;
    let set = |weights: &mut Parameters, mean: &[f32], std: &[f32]| {
        weights.insert(MEAN.to_owned(), Tensor::from_f32(mean, &[channels]));
        weights.insert(STD.to_owned(), Tensor::from_f32(std, &[channels]));
    };
    set(weights, &vec![0.0; channels], &vec![1.0; channels]);
    let codec = Codec::of(weights.clone(), config)?;
    let source = Source::new(FRAMES, Some(Aspect::Wide), Split::Train);
    let mut sums = vec![[0.0_f64; 2]; channels];
    let mut count = 0.0;
    for seed in 0..FILMS {
        let latents = codec.encode(&film(&source.draw(seed)).0);
        for latent in latents.as_f32().chunks_exact(channels) {
            count += 1.0;
            for ([sum, squares], &x) in sums.iter_mut().zip(latent) {
                *sum += f64::from(x);
                *squares += f64::from(x).powi(2);
            }
        }
    }
    let mean: Vec<f32> = sums.iter().map(|[sum, _]| (sum / count) as f32).collect();
    let std = |[sum, squares]: &[f64; 2]| (squares / count - (sum / count).powi(2)).sqrt() as f32;
    set(weights, &mean, &sums.iter().map(std).collect::<Vec<_>>());
    Ok(())
}

/// The checkpoint of the run, or the weights that it begins from.
fn begin(arguments: &Arguments, settings: &Settings, config: Config) -> Result<Trainer> {
    let checkpoint = arguments.common.run.join(CHECKPOINT);
    let precision = settings.precision.precision();
    if checkpoint.exists() {
        return Trainer::resume(&checkpoint, config, precision, arguments.keep_latents);
    }
    let weights = WeightFile::open_part(&arguments.common.from, PART)?;
    Trainer::new(config, precision, &weights, arguments.keep_latents)
}

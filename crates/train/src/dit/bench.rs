//! The time of a training step.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use kinora_filmset::program::{Aspect, Color, SubjectKind};
use kinora_filmset::script::Split;
use kinora_filmset::script::random::Rng;
use kinora_models::native::PIXEL_STRIDE;
use kinora_nn::WeightFile;
use kinora_tensor::{Precision, Tensor, threads};

use super::batch::{Batch, levels, normal};
use super::plan::Bucket;
use super::run::PART;
use super::texts::Texts;
use super::trainer::Trainer;
use crate::cache::Subject;
use crate::data::{Example, Source};
use crate::eval::model;

/// Options of `kinora-train bench`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The model, a folder with its weights
    #[arg(
        long,
        value_name = "DIR",
        default_value = "crates/engine/weights/kinora-1"
    )]
    pub from: PathBuf,
    /// Frames and clips of a step; several are timed in turns
    #[arg(
        long,
        value_name = "FRAMESxCLIPS",
        value_delimiter = ',',
        default_value = "1x96,25x24,97x8"
    )]
    pub buckets: Vec<Bucket>,
    /// Steps to time of each, after one that is not counted
    #[arg(long, default_value_t = 7)]
    pub steps: usize,
    /// Tokens that go forward and back at once
    #[arg(long, default_value_t = 1200)]
    pub tokens: usize,
    /// Multiply in f32 instead of bf16
    #[arg(long)]
    pub f32: bool,
}

/// Prints the median and the fastest step of each bucket, in seconds.
///
/// # Errors
/// When the model cannot be read, or nobody reads the output.
pub fn bench(arguments: &Arguments, output: &mut impl Write) -> Result<()> {
    let config = model::config(&arguments.from)?;
    let mut texts = Texts::open(&arguments.from, &config)?;
    let weights = WeightFile::open_part(&arguments.from, PART)?;
    let precision = if arguments.f32 {
        Precision::F32
    } else {
        Precision::Bf16
    };
    let head = Trainer::new_head(&config, 0);
    let channels = config.codec.latent_channels;
    let mut trainer = Trainer::new(config, precision, &weights, head, arguments.tokens)?;

    let batches: Vec<Batch> = arguments
        .buckets
        .iter()
        .map(|bucket| random(*bucket, channels, &mut texts))
        .collect();
    let mut times = vec![Vec::new(); batches.len()];
    for round in 0..=arguments.steps {
        for (batch, times) in batches.iter().zip(&mut times) {
            let started = Instant::now();
            trainer.step(batch, 0.0)?;
            if round > 0 {
                times.push(started.elapsed().as_secs_f64());
            }
        }
    }
    writeln!(
        output,
        "{} threads, {precision:?}, seconds a step",
        threads()
    )?;
    writeln!(output, "clips      median  fastest")?;
    for (bucket, mut times) in arguments.buckets.iter().zip(times) {
        times.sort_by(f64::total_cmp);
        let name = format!("{}x{}", bucket.frames, bucket.clips);
        let [fastest, median] =
            [0, times.len() / 2].map(|i| times.get(i).copied().unwrap_or(f64::NAN));
        writeln!(output, "{name:<9} {median:>7.3} {fastest:>8.3}")?;
    }
    Ok(())
}

/// Noise in the place of clips, with captions of the film set.
fn random(bucket: Bucket, channels: usize, texts: &mut Texts) -> Batch {
    let (width, height) = Aspect::Wide.size();
    let [h, w] = [height, width].map(|side| side as usize / PIXEL_STRIDE);
    let t = bucket.latent_frames();
    let dims = [bucket.clips, t, h, w, channels];
    let mut rng = Rng::new(1);
    let mut noise = || {
        let values: Vec<f32> = (0..dims.iter().product())
            .map(|_| normal(&mut rng))
            .collect();
        Tensor::from_f32(&values, &dims)
    };
    let (clean, noise) = (noise(), noise());
    let source = Source::new(bucket.frames as u32, Some(Aspect::Wide), Split::Train);
    let examples: Vec<Example> = (0..bucket.clips as u64)
        .map(|seed| source.draw(seed))
        .collect();
    let mut rng = Rng::new(2);
    Batch {
        clean,
        noise,
        sigma: (0..bucket.clips)
            .flat_map(|_| levels(t, &mut rng))
            .collect(),
        cover: vec![0.1; bucket.clips * t * h * w],
        texts: examples
            .iter()
            .map(|example| texts.read(&example.caption.text))
            .collect(),
        cameras: examples.iter().map(Example::camera).collect(),
        subjects: (0..bucket.clips)
            .map(|i| {
                Some(Subject {
                    kind: SubjectKind::ALL[i % SubjectKind::ALL.len()],
                    color: Color::ALL[i % Color::ALL.len()],
                })
            })
            .collect(),
    }
}

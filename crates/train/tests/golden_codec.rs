//! The codec's trainer follows the losses of its mirror in `PyTorch` (`oracle/fixtures.py`) for twenty
//! steps.

use std::path::{Path, PathBuf};

use kinora_models::native::Config;
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::{Precision, Tensor};
use kinora_train::codec::{Batch, Crop, Losses, Trainer};
use kinora_train::data::Film;
use kinora_train::dit::trapezoid;

const STEPS: u64 = 20;
const LEARNING_RATE: f32 = 2e-3;
const SIDE: usize = 64;
const CROPS: usize = 2;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fixtures/native")
}

fn open(name: &str) -> WeightFile {
    WeightFile::open(&fixtures().join(name)).expect("a fixture")
}

fn config() -> Config {
    let json = include_str!("../../models/fixtures/native/config.json");
    Config::from_json(json).expect("the tiny config")
}

fn trainer(precision: Precision, keep_latents: bool) -> Trainer {
    const WEIGHTS: &[Rule] = &[
        Rule::Rename("weights.{*}", "{*}"),
        Rule::Ignore("{*}", "inputs and outputs"),
    ];
    let weights = open("codec.safetensors").with_rules(&[WEIGHTS]);
    Trainer::new(config(), precision, &weights, keep_latents).expect("the fixture's weights")
}

/// The crops that the oracle makes by the same formulas.
fn batch(step: u64) -> Batch {
    let (turn, begins) = (step as usize % 4, step.is_multiple_of(2));
    let frames = if begins { 9 } else { 16 };
    let pixels = frames * SIDE * SIDE;
    let latents = [2, 2, 2, config().codec.latent_channels];
    let numbers: usize = latents.iter().product();
    let crop = |crop: usize| {
        let value = |i: usize| ((i * 7919 + i / 97 * 31 + turn * 17) % 256) as u8;
        let noise = |i: usize| ((i * 263 + turn * 71) % 211) as f32 / 211.0 * 0.3 - 0.15;
        let noise = Tensor::from_fn(&latents, |i| noise(crop * numbers + i));
        Crop {
            film: Film {
                width: SIDE,
                height: SIDE,
                frames: (crop * pixels * 3..(crop + 1) * pixels * 3)
                    .map(value)
                    .collect(),
            },
            mask: (crop * pixels..(crop + 1) * pixels)
                .map(|i| (i + turn) / 5 % 7 == 0)
                .collect(),
            begins,
            noise,
        }
    };
    Batch {
        crops: (0..CROPS).map(crop).collect(),
    }
}

/// The losses of twenty steps, and the trainer after them.
fn twenty(precision: Precision) -> (Vec<Losses>, Trainer) {
    let mut trainer = trainer(precision, false);
    let losses = (0..STEPS).map(|step| {
        let factor = trapezoid(step, STEPS, 5, 8);
        let taken = trainer.step(&batch(step), LEARNING_RATE * factor);
        taken.expect("finite losses")
    });
    (losses.collect(), trainer)
}

/// The furthest that losses are from the oracle's, relative to them.
fn furthest(losses: &[Losses]) -> f64 {
    let file = open("codec_training.safetensors");
    let golden = file
        .weights(Precision::F32)
        .tensor("losses", [STEPS as usize, 5]);
    let golden = golden.expect("losses").to_vec();
    let ours = losses.iter().flat_map(|ours| {
        let Losses {
            pixel,
            edges,
            motion,
            texture,
            magnitude,
        } = *ours;
        [pixel, edges, motion, texture, magnitude]
    });
    let errors = ours.zip(golden).map(|(ours, golden)| {
        let golden = f64::from(golden);
        (ours - golden).abs() / golden
    });
    errors.fold(0.0, f64::max)
}

#[test]
fn twenty_steps_follow_the_oracle() {
    let (losses, trainer) = twenty(Precision::F32);
    let furthest = furthest(&losses);
    assert!(furthest < 2e-5, "{furthest}");
    for name in [
        "encoder.stem.weight",
        "decoder.levels.1.0.conv1.weight",
        "decoder.head.bias",
    ] {
        let ours = &trainer.averaged()[name];
        let file = open("codec_training.safetensors");
        let golden = file.weights(Precision::F32).at("average");
        let golden = golden.any(name, ours.shape()).expect("an averaged weight");
        let values = golden.to_vec();
        let size = values.iter().fold(0.0_f32, |size, x| size.max(x.abs()));
        for (x, y) in ours.as_f32().iter().zip(values) {
            assert!((x - y).abs() < 1e-3 * size, "{name}: {x} for {y}");
        }
    }
}

#[test]
fn twenty_steps_in_bf16_stay_near_the_oracle() {
    // Film of noise: rounding turns the sign of many a small difference, and with it a gradient.
    let furthest = furthest(&twenty(Precision::Bf16).0);
    assert!(furthest < 5e-2, "{furthest}");
}

#[test]
fn latents_are_kept_where_they_must_be() {
    let mut trainer = trainer(Precision::F32, true);
    let before = trainer.averaged().clone();
    for step in 0..2 {
        trainer.step(&batch(step), 1e-3).expect("finite losses");
    }
    for (name, weight) in trainer.averaged() {
        let moved = weight.as_f32() != before[name].as_f32();
        assert_eq!(moved, name.starts_with("decoder."), "{name}");
    }
}

#[test]
fn a_resumed_run_is_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoint.safetensors");
    let [mut whole, mut first] = [(), ()].map(|()| trainer(Precision::F32, false));
    for step in 0..4 {
        whole.step(&batch(step), 1e-3).expect("finite losses");
    }
    for step in 0..2 {
        first.step(&batch(step), 1e-3).expect("finite losses");
    }
    first.save(&path).expect("a checkpoint");
    let second = Trainer::resume(&path, config(), Precision::F32, false);
    let mut second = second.expect("a checkpoint");
    for step in 2..4 {
        second.step(&batch(step), 1e-3).expect("finite losses");
    }
    for (name, weight) in whole.averaged() {
        assert_eq!(weight.as_f32(), second.averaged()[name].as_f32(), "{name}");
    }
}

//! The trainer follows the losses of its mirror in `PyTorch` (`oracle/fixtures.py`) for twenty steps.

use std::path::{Path, PathBuf};

use kinora_filmset::program::{Color, SubjectKind};
use kinora_models::native::{Config, TextStates, View};
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::{Precision, Tensor};
use kinora_train::cache::Subject;
use kinora_train::dit::{Batch, Losses, Trainer, trapezoid};

const STEPS: u64 = 20;
const LEARNING_RATE: f32 = 2e-3;
/// Of losses: f32 sums in another order, twenty times through Muon.
const BOUND: f64 = 5e-6;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fixtures/native")
}

fn open(name: &str) -> WeightFile {
    WeightFile::open(&fixtures().join(name)).expect("a fixture")
}

fn read<const N: usize>(name: &str, shape: [usize; N]) -> Tensor {
    let file = open("training.safetensors");
    let tensor = file.weights(Precision::F32).tensor(name, shape);
    tensor.expect("a named tensor")
}

/// Row `i` of each of the fixture's batches.
fn part<const N: usize>(name: &str, i: usize, shape: [usize; N]) -> Tensor {
    let all = read(name, shape).slice(i..i + 1);
    all.reshape(&shape[1..])
}

fn batch(i: usize) -> Batch {
    let clips = [4, 3, 3, 4, 6, 8];
    let words = part("words", i, [4, 3]).to_vec();
    let states = part("states", i, [4, 3, 7, 32]);
    let belief = part("belief", i, [4, 3, 13]);
    let text = |clip: usize| {
        let words = words[clip] as usize;
        let own = states.slice(clip..clip + 1).reshape(&[7, 32]);
        TextStates {
            states: (words > 0).then(|| own.slice(0..words)),
            belief: belief.slice(clip..clip + 1),
            attention: Vec::new(),
        }
    };
    let [kinds, colors] = ["kinds", "colors"].map(|name| part(name, i, [4, 3]).to_vec());
    let subject = |(kind, color): (&f32, &f32)| {
        (*kind >= 0.0).then(|| Subject {
            kind: SubjectKind::ALL[*kind as usize],
            color: Color::ALL[*color as usize],
        })
    };
    let cameras = part("cameras", i, [4, 3, 3, 5]);
    let views = cameras.as_f32().as_chunks().0.iter().copied();
    let views: Vec<View> = views.map(View::from).collect();
    Batch {
        clean: part("clean", i, clips),
        noise: part("noise", i, clips),
        sigma: part("sigma", i, [4, 3, 3]).to_vec(),
        cover: part("cover", i, [4, 3, 3, 4, 6]).to_vec(),
        texts: (0..3).map(text).collect(),
        cameras: views.chunks(3).map(<[View]>::to_vec).collect(),
        subjects: kinds.iter().zip(&colors).map(subject).collect(),
    }
}

fn channels() -> Vec<f32> {
    read("channels", [8]).to_vec()
}

/// A trainer from the fixture's weights.
fn trainer(precision: Precision, tokens: usize) -> Trainer {
    const WEIGHTS: &[Rule] = &[
        Rule::Rename("weights.{*}", "{*}"),
        Rule::Ignore("{*}", "inputs and outputs"),
    ];
    let json = include_str!("../../models/fixtures/native/config.json");
    let config = Config::from_json(json).expect("the tiny config");
    let weights = open("transformer.safetensors").with_rules(&[WEIGHTS]);
    let head = [
        read("head.head.weight", [25, 48]),
        read("head.head.bias", [25]),
    ];
    let trainer = Trainer::new(config, precision, &weights, head, tokens);
    let trainer = trainer.expect("the fixture's weights");
    trainer.weighing(channels())
}

/// The losses of twenty steps, and the trainer after them.
fn twenty(precision: Precision, tokens: usize) -> (Vec<Losses>, Trainer) {
    let mut trainer = trainer(precision, tokens);
    let losses = (0..STEPS).map(|step| {
        let factor = trapezoid(step, STEPS, 5, 8);
        let taken = trainer.step(&batch(step as usize % 4), LEARNING_RATE * factor);
        taken.expect("finite losses")
    });
    (losses.collect(), trainer)
}

fn check(losses: &[Losses], bound: f64) {
    let golden = read("losses", [STEPS as usize, 3]).to_vec();
    for (step, (ours, golden)) in losses.iter().zip(golden.chunks(3)).enumerate() {
        for (what, ours, golden) in [
            ("velocity", ours.velocity, f64::from(golden[0])),
            ("motion", ours.motion, f64::from(golden[1])),
            ("teacher", ours.teacher, f64::from(golden[2])),
        ] {
            let error = (ours - golden).abs() / golden;
            assert!(error < bound, "step {step}: {what} {ours} for {golden}");
        }
    }
}

#[test]
fn twenty_steps_follow_the_oracle() {
    let (losses, trainer) = twenty(Precision::F32, 1000);
    check(&losses, BOUND);
    for name in [
        "blocks.0.qkv.weight",
        "blocks.1.q_norm.weight",
        "slots.weight",
    ] {
        let ours = &trainer.averaged()[name];
        let file = open("training.safetensors");
        let golden = file.weights(Precision::F32).at("average");
        let golden = golden.any(name, ours.shape()).expect("an averaged weight");
        let size = golden
            .to_vec()
            .iter()
            .fold(0.0_f32, |size, x| size.max(x.abs()));
        for (x, y) in ours.as_f32().iter().zip(golden.as_f32()) {
            assert!((x - y).abs() < 1e-3 * size, "{name}: {x} for {y}");
        }
    }
}

#[test]
fn twenty_steps_in_bf16_stay_near_the_oracle() {
    check(&twenty(Precision::Bf16, 1000).0, 2e-3);
}

#[test]
fn a_step_in_parts_is_the_same_step() {
    let trainers = [1000, 1].map(|tokens| trainer(Precision::F32, tokens));
    for i in 0..4 {
        let [whole, parts] = trainers
            .each_ref()
            .map(|trainer| trainer.gradients(&batch(i)).expect("finite losses"));
        assert!((whole.0.velocity - parts.0.velocity).abs() < 1e-5);
        assert!((whole.0.motion - parts.0.motion).abs() < 1e-5);
        assert!((whole.0.teacher - parts.0.teacher).abs() < 1e-5);
        assert_eq!(whole.1.len(), parts.1.len());
        for (name, whole) in &whole.1 {
            let whole = whole.as_f32();
            let size = whole.iter().fold(1e-3_f32, |size, x| size.max(x.abs()));
            for (x, y) in whole.iter().zip(parts.1[name].as_f32()) {
                assert!((x - y).abs() < 1e-4 * size, "{name}: {x} for {y}");
            }
        }
    }
}

#[test]
fn a_resumed_run_is_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoint.safetensors");
    let json = include_str!("../../models/fixtures/native/config.json");
    let config = || Config::from_json(json).expect("the tiny config");
    let (mut whole, mut first) = (trainer(Precision::F32, 1000), trainer(Precision::F32, 1000));
    for i in 0..6 {
        whole.step(&batch(i % 4), 1e-3).expect("finite losses");
    }
    for i in 0..3 {
        first.step(&batch(i), 1e-3).expect("finite losses");
    }
    first.save(&path).expect("a checkpoint");
    let second = Trainer::resume(&path, config(), Precision::F32, 1000).expect("a checkpoint");
    let mut second = second.weighing(channels());
    assert_eq!(second.steps(), 3);
    for i in 3..6 {
        second.step(&batch(i % 4), 1e-3).expect("finite losses");
    }
    for (name, weight) in whole.averaged() {
        assert_eq!(weight.as_f32(), second.averaged()[name].as_f32(), "{name}");
    }

    let other = Config {
        name: "another".to_owned(),
        ..config()
    };
    let refused = Trainer::resume(&path, other, Precision::F32, 1000).err();
    let refused = refused.expect("another model").to_string();
    assert!(refused.contains("of another model"), "{refused}");
    let foreign = Trainer::resume(
        &fixtures().join("text.safetensors"),
        config(),
        Precision::F32,
        1,
    );
    let foreign = foreign.err().expect("no checkpoint").to_string();
    assert!(foreign.contains("format unknown"), "{foreign}");
}

#[test]
fn a_loss_that_is_not_finite_moves_nothing() {
    let mut trainer = trainer(Precision::F32, 1000);
    let before = trainer.averaged().clone();
    let good = batch(0);
    let noise = good.noise.scale(f32::MAX);
    let error = trainer.step(&Batch { noise, ..good }, 1e-3).err();
    let error = error.expect("an infinite loss").to_string();
    assert!(error.starts_with("step 1: the loss is"), "{error}");
    assert_eq!(trainer.steps(), 0);
    for (name, weight) in &before {
        assert_eq!(weight.as_f32(), trainer.averaged()[name].as_f32(), "{name}");
    }
}

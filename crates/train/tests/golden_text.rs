//! The text encoder's trainer follows the losses of its mirror in `PyTorch` (`oracle/fixtures.py`) for
//! twenty steps.

use std::path::Path;

use kinora_models::native::{Config, TextEncoder, Word};
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::Precision;
use kinora_train::dit::trapezoid;
use kinora_train::text::{Batch, Caption, Trainer};

const STEPS: u64 = 20;
const LEARNING_RATE: f32 = 2e-3;

fn open(name: &str) -> WeightFile {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fixtures/native");
    WeightFile::open(&fixtures.join(name)).expect("a fixture")
}

fn weights() -> WeightFile {
    const WEIGHTS: &[Rule] = &[
        Rule::Rename("weights.{*}", "{*}"),
        Rule::Ignore("{*}", "inputs and outputs"),
    ];
    open("text.safetensors").with_rules(&[WEIGHTS])
}

fn config() -> Config {
    let json = include_str!("../../models/fixtures/native/config.json");
    Config::from_json(json).expect("the tiny config")
}

/// The captions that the oracle makes by the same formulas.
fn batch(step: u64) -> Batch {
    let turn = step as usize % 4;
    let word = |caption: usize, word: usize| {
        let id = (7 * word + 3 * caption + turn) % 40;
        let gram = |i: usize| {
            if i < id % 4 {
                (5 * id + 11 * i) % 63 + 1
            } else {
                0
            }
        };
        Word {
            id: id as u32,
            ngrams: (0..8).map(|i| gram(i) as u32).collect(),
            number: id.is_multiple_of(3).then(|| id as f32 / 2.0),
            unit: id as u32 % 5,
        }
    };
    let slots = config().text.slots;
    let captions = [7, 4, 0].into_iter().enumerate();
    Batch {
        captions: captions
            .map(|(caption, length)| Caption {
                words: (0..length).map(|i| word(caption, i)).collect(),
                slots: slots
                    .iter()
                    .map(|slot| ((caption + turn) % slot.num_classes()) as u8)
                    .collect(),
            })
            .collect(),
    }
}

#[test]
fn twenty_steps_follow_the_oracle() {
    let mut trainer = Trainer::new(config(), &weights()).expect("the fixture's weights");
    let golden = open("text_training.safetensors");
    let golden = golden.weights(Precision::F32);
    let losses = golden.tensor("losses", [STEPS as usize]).expect("losses");
    for (step, golden) in (0..STEPS).zip(losses.to_vec()) {
        let factor = trapezoid(step, STEPS, 5, 8);
        let loss = trainer.step(&batch(step), LEARNING_RATE * factor);
        let (loss, golden) = (loss.expect("a finite loss"), f64::from(golden));
        let error = (loss - golden).abs() / golden;
        assert!(error < 5e-6, "step {step}: {loss} for {golden}");
    }
    for (name, ours) in trainer.averaged() {
        let golden = golden.at("average").any(name, ours.shape());
        let golden = golden.expect("an averaged weight").to_vec();
        let size = golden.iter().fold(0.0_f32, |size, x| size.max(x.abs()));
        for (x, y) in ours.as_f32().iter().zip(golden) {
            assert!((x - y).abs() < 1e-3 * size, "{name}: {x} for {y}");
        }
    }
}

#[test]
fn beliefs_are_the_softmax_of_what_training_sees() {
    let encoder = TextEncoder::load(&weights().weights(Precision::F32), &config().text);
    let encoder = encoder.expect("the fixture's weights");
    let captions = batch(1).captions;
    let prompts: Vec<&[Word]> = captions.iter().map(|caption| &caption.words[..]).collect();
    for (logits, words) in encoder.slot_logits(&prompts).iter().zip(prompts) {
        let belief = encoder.encode(words).belief.to_vec();
        let mut first = 0;
        for (slot, row) in config()
            .text
            .slots
            .iter()
            .zip(logits.to_vec().chunks(belief.len()))
        {
            let own = first..first + slot.num_classes();
            first = own.end;
            let sum: f32 = row[own.clone()].iter().map(|x| x.exp()).sum();
            for (logit, belief) in row[own.clone()].iter().zip(&belief[own]) {
                let ours = logit.exp() / sum;
                assert!((ours - belief).abs() < 1e-5, "{ours} for {belief}");
            }
        }
    }
}

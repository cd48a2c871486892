//! LoRAs of three families against sums made by numpy.

mod support;

use kinora_nn::{Lora, LoraReport, Rule, WeightFile, WeightsError};
use kinora_tensor::{DType, Precision};
use support::{fixture, open, read};

const FROM_DIFFUSERS: &[Rule] = &[
    Rule::Rename("blocks.{}.attn1.to_q.{}", "blocks.{}.self_attn.q.{}"),
    Rule::Rename("blocks.{}.norm2.{}", "blocks.{}.norm3.{}"),
];

fn lora(family: &str) -> Lora {
    Lora::open(&fixture(&format!("lora_{family}.safetensors"))).unwrap()
}

fn merged(family: &str, strength: f32) -> (WeightFile, LoraReport) {
    let model = open("lora_model.safetensors");
    model
        .with_lora(&lora(family), strength, &[FROM_DIFFUSERS])
        .unwrap()
}

/// The sums of a family are what its weights are read as, and everything else stays.
fn check(family: &str, changed: usize, unmatched: &[&str]) {
    let (model, plain) = (merged(family, 0.7), open("lora_model.safetensors"));
    let (model, report) = model;
    assert_eq!(report.changed, changed);
    assert_eq!(report.unmatched, unmatched);
    let sums = open("lora_sums.safetensors").without_prefix(&format!("{family}."));
    let mut compared = 0;
    for name in plain.names() {
        let is_changed = sums.shape(name).is_some();
        compared += usize::from(is_changed);
        let truth = read(if is_changed { &sums } else { &plain }, name);
        let ours = read(&model, name);
        assert_eq!(ours.shape(), truth.shape());
        for (a, b) in ours.to_vec().into_iter().zip(truth.to_vec()) {
            assert!(
                (a - b).abs() <= 2e-6 * b.abs().max(1.0),
                "{family} {name}: {a} for {b}"
            );
        }
    }
    assert_eq!(compared, changed);
    model.finish().unwrap();
}

#[test]
fn names_of_the_authors_with_differences_and_convolutions() {
    check(
        "original",
        5,
        &[
            "diffusion_model.blocks.7.self_attn.q.lora_A.weight",
            "text_encoders.t5.layer.lokr_w1",
        ],
    );
}

#[test]
fn names_with_underscores() {
    check("musubi", 1, &[]);
}

#[test]
fn names_of_diffusers_and_its_own_alpha() {
    check("diffusers", 2, &[]);
}

#[test]
fn loras_add_up_and_are_rounded_once() {
    let (model, _) = merged("musubi", 0.3);
    let (model, _) = model.with_lora(&lora("musubi"), 0.4, &[]).unwrap();
    let (once, _) = merged("musubi", 0.7);
    let name = "blocks.0.self_attn.q.weight";
    let (twice, exact) = (read(&model, name).to_vec(), read(&once, name));
    for (a, b) in twice.iter().zip(exact.to_vec()) {
        assert!((a - b).abs() < 1e-5);
    }
    let rounded = once.weights(Precision::Bf16).factor(name, [6, 8]).unwrap();
    assert_eq!(rounded.dtype(), DType::Bf16);
    assert_eq!(rounded.to_vec(), exact.to_dtype(DType::Bf16).to_vec());
}

#[test]
fn a_lora_of_another_model_is_refused() {
    let other = open("fp8_truth.safetensors");
    let error = other.with_lora(&lora("musubi"), 1.0, &[]).err().unwrap();
    assert!(matches!(
        &error,
        WeightsError::LoraUnmatched {
            nearest: Some(_),
            ..
        }
    ));
    let message = error.to_string();
    for part in [
        "lora_musubi.safetensors",
        "fp8_truth.safetensors",
        "lora_unet_blocks_0_self_attn_q",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_lora_of_another_size_is_refused() {
    const RULES: &[Rule] = &[Rule::Rename("rows.weight", "blocks.0.self_attn.q.weight")];
    let other = open("fp8_truth.safetensors").with_rules(&[RULES]);
    let error = other.with_lora(&lora("musubi"), 1.0, &[]).err().unwrap();
    let message = error.to_string();
    assert!(
        message.ends_with(
            "`lora_unet_blocks_0_self_attn_q.lora_down.weight` is for another model: \
             `blocks.0.self_attn.q.weight` (in the file `rows.weight`) is [16, 16], \
             it changes [[6, 3], [3, 8]]"
        ),
        "{message}"
    );
}

//! The transformer.

use kinora_models::ltx::keys::TRANSFORMER_OF_FILE;
use kinora_models::ltx::{FROM_DIFFUSERS, TimeRule, Transformer, TransformerConfig};
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::{Precision, Tensor};

use crate::fixture::{BF16_BOUND, F32_BOUND, assert_close, in_original_layout, open, read, text};

/// Frames a second of the fixtures.
const FPS: f32 = 25.0;
/// The fixture's tensors beside the weights.
const INPUTS: &[Rule] = &[Rule::Rename("weights.{*}", "{*}")];

fn config() -> TransformerConfig {
    TransformerConfig::from_json(&text("transformer.json")).expect("the tiny config")
}

/// Weights in diffusers' layout.
fn diffusers() -> WeightFile {
    open("transformer")
        .with_rules(&[INPUTS])
        .with_rules(&[FROM_DIFFUSERS])
}

fn load(file: &WeightFile, precision: Precision, config: &TransformerConfig) -> Transformer {
    Transformer::load(&file.weights(precision), config).expect("the transformer")
}

fn forward(model: &Transformer, timesteps: &[f32], mask: &[bool], rule: TimeRule) -> Tensor {
    let file = open("transformer");
    let latents = read(&file, "latents");
    let conditioning = model.condition(&read(&file, "text"), mask);
    let positions = model.positions([3, 2, 3], [8, 32], rule, FPS);
    model.forward(&latents, timesteps, &conditioning, &positions)
}

fn mask() -> Vec<bool> {
    read(&open("transformer"), "mask")
        .to_vec()
        .iter()
        .map(|on| *on > 0.0)
        .collect()
}

fn per_token() -> Vec<f32> {
    read(&open("transformer"), "per_token").to_vec()
}

fn all_cases(precision: Precision, bound: f32) {
    let file = diffusers();
    let model = load(&file, precision, &config());
    let (mask, per_token) = (mask(), per_token());
    let reference = open("transformer");
    let check = |name, timesteps: &[f32], mask: &[bool], rule| {
        let velocity = forward(&model, timesteps, mask, rule);
        assert_close(name, &velocity, &read(&reference, name), bound);
    };
    check("masked", &[731.0], &mask, TimeRule::Scaled);
    check("unmasked", &[731.0], &[true; 5], TimeRule::Scaled);
    check("causal", &[731.0; 3], &mask, TimeRule::Causal);
    check("causal_per_token", &per_token, &mask, TimeRule::Causal);
    check("scaled_per_token", &per_token, &mask, TimeRule::Scaled);
}

#[test]
fn in_f32() {
    all_cases(Precision::F32, F32_BOUND);
}

#[test]
fn in_bf16() {
    all_cases(Precision::Bf16, BF16_BOUND);
}

#[test]
fn in_eight_bits() {
    all_cases(Precision::Int8, BF16_BOUND);
}

#[test]
fn block_by_block() {
    let reference = open("transformer");
    for blocks in 0..2 {
        let config = TransformerConfig {
            num_layers: blocks,
            ..config()
        };
        let file = diffusers();
        let model = load(&file, Precision::F32, &config);
        let velocity = forward(&model, &per_token(), &mask(), TimeRule::Causal);
        let name = format!("after.{blocks}");
        assert_close(&name, &velocity, &read(&reference, &name), F32_BOUND);
    }
}

#[test]
fn both_layouts_are_read_whole_and_alike() {
    let original = in_original_layout("transformer", "transformer.names.json");
    let original = original.with_rules(&[TRANSFORMER_OF_FILE]);
    let diffusers = diffusers();
    let models = [&original, &diffusers].map(|file| load(file, Precision::F32, &config()));
    original.finish().expect("every tensor is read");
    let velocities = models.map(|model| forward(&model, &[500.0], &mask(), TimeRule::Causal));
    assert_eq!(velocities[0].as_f32(), velocities[1].as_f32());
}

#[test]
fn a_timestep_for_each_frame_is_one_for_each_of_its_tokens() {
    let file = diffusers();
    let model = load(&file, Precision::F32, &config());
    let frames = [0.0, 431.0, 731.0];
    let tokens: Vec<f32> = frames.iter().flat_map(|t| [*t; 6]).collect();
    let forward = |timesteps: &[f32]| forward(&model, timesteps, &mask(), TimeRule::Scaled);
    assert_eq!(forward(&frames).as_f32(), forward(&tokens).as_f32());
}

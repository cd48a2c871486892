//! The layouts in which T5 and UMT5 encoders are published: names and shapes of whole files, and the
//! numbers of tiny ones.

use std::collections::BTreeMap;

use kinora_models::t5::{self, Config, Encoder, keys};
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::{Precision, Tensor};
use serde::Deserialize;

use super::{F32_BOUND, Fixture, assert_close, json};

/// The names of GGUF beside those of transformers, `{}` for the block.
///
/// Reference: `MODEL_TENSORS` of T5 in the package gguf, and llama.cpp's `build_t5_enc`, where the
/// activation is that of `ffn_gate`.
const GGUF: &[(&str, &str)] = &[
    ("token_embd", "shared"),
    ("enc.output_norm", "encoder.final_layer_norm"),
    (
        "enc.blk.{}.attn_q",
        "encoder.block.{}.layer.0.SelfAttention.q",
    ),
    (
        "enc.blk.{}.attn_k",
        "encoder.block.{}.layer.0.SelfAttention.k",
    ),
    (
        "enc.blk.{}.attn_v",
        "encoder.block.{}.layer.0.SelfAttention.v",
    ),
    (
        "enc.blk.{}.attn_o",
        "encoder.block.{}.layer.0.SelfAttention.o",
    ),
    (
        "enc.blk.{}.attn_rel_b",
        "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias",
    ),
    (
        "enc.blk.{}.attn_norm",
        "encoder.block.{}.layer.0.layer_norm",
    ),
    (
        "enc.blk.{}.ffn_gate",
        "encoder.block.{}.layer.1.DenseReluDense.wi_0",
    ),
    (
        "enc.blk.{}.ffn_up",
        "encoder.block.{}.layer.1.DenseReluDense.wi_1",
    ),
    (
        "enc.blk.{}.ffn_down",
        "encoder.block.{}.layer.1.DenseReluDense.wo",
    ),
    ("enc.blk.{}.ffn_norm", "encoder.block.{}.layer.1.layer_norm"),
];
/// The same of Wan's own encoder.
///
/// Reference: `T5Attention` and `T5FeedForward` in `wan/modules/t5.py`, which computes
/// `fc2(fc1(x) * gate(x))`.
const WAN: &[(&str, &str)] = &[
    ("token_embedding", "shared"),
    ("norm", "encoder.final_layer_norm"),
    (
        "blocks.{}.attn.q",
        "encoder.block.{}.layer.0.SelfAttention.q",
    ),
    (
        "blocks.{}.attn.k",
        "encoder.block.{}.layer.0.SelfAttention.k",
    ),
    (
        "blocks.{}.attn.v",
        "encoder.block.{}.layer.0.SelfAttention.v",
    ),
    (
        "blocks.{}.attn.o",
        "encoder.block.{}.layer.0.SelfAttention.o",
    ),
    (
        "blocks.{}.pos_embedding.embedding",
        "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias",
    ),
    ("blocks.{}.norm1", "encoder.block.{}.layer.0.layer_norm"),
    (
        "blocks.{}.ffn.gate.0",
        "encoder.block.{}.layer.1.DenseReluDense.wi_0",
    ),
    (
        "blocks.{}.ffn.fc1",
        "encoder.block.{}.layer.1.DenseReluDense.wi_1",
    ),
    (
        "blocks.{}.ffn.fc2",
        "encoder.block.{}.layer.1.DenseReluDense.wo",
    ),
    ("blocks.{}.norm2", "encoder.block.{}.layer.1.layer_norm"),
];

/// Names and shapes of a published file, `{}` for the block.
#[derive(Deserialize)]
struct Names {
    apart: BTreeMap<String, Vec<usize>>,
    first: BTreeMap<String, Vec<usize>>,
    others: BTreeMap<String, Vec<usize>>,
    blocks: usize,
}

impl Names {
    fn all(&self) -> Vec<(String, Vec<usize>)> {
        let mut all: Vec<_> = self.apart.clone().into_iter().collect();
        for i in 0..self.blocks {
            let block = if i == 0 { &self.first } else { &self.others };
            let named = |(name, shape): (&String, &Vec<usize>)| {
                (name.replace("{}", &i.to_string()), shape.clone())
            };
            all.extend(block.iter().map(named));
        }
        all
    }
}

#[test]
fn every_tensor_of_the_published_files_is_read_once() {
    let layouts: BTreeMap<String, Names> = json("names.json");
    assert_eq!(layouts.len(), 5);
    for (layout, names) in layouts {
        let (kind, variant) = layout.split_once('_').expect("layout and encoder");
        let rules: &[Rule] = match kind {
            "transformers" => keys::FROM_TRANSFORMERS,
            "gguf" => keys::FROM_GGUF,
            _ => keys::FROM_WAN,
        };
        let file = WeightFile::shapes_only(&layout, names.all());
        assert_eq!(t5::layout(&file), Some(rules), "{layout}");
        let preset = if variant == "t5" {
            t5::T5_V1_1_XXL
        } else {
            t5::UMT5_XXL
        };
        let config = Config::from_json(preset).expect("the preset");
        let file = file.with_rules(&[rules]);
        let weights = file.weights(Precision::Bf16);
        let detected = Config::from_shapes(&weights);
        assert_eq!(detected.as_ref(), Some(&config), "{layout}");
        let encoder = Encoder::load(&weights, &config);
        encoder
            .err()
            .map_or(Ok(()), Err)
            .expect("every tensor is there");
        file.finish().expect("every tensor is read");
    }
}

#[test]
fn an_embedding_under_the_name_of_the_stack_alone_is_found() {
    let layouts: BTreeMap<String, Names> = json("names.json");
    let mut names = layouts["transformers_umt5"].all();
    names.retain(|(name, _)| name != "shared.weight");
    let file = WeightFile::shapes_only("stack", names);
    assert_eq!(t5::layout(&file), Some(keys::FROM_STACK));
    let file = file.with_rules(&[keys::FROM_STACK]);
    let config = Config::from_shapes(&file.weights(Precision::F32)).expect("an encoder");
    assert!(Encoder::load(&file.weights(Precision::Bf16), &config).is_ok());
    file.finish().expect("every tensor is read");
}

#[test]
fn a_decoder_in_the_file_is_left_alone() {
    let layouts: BTreeMap<String, Names> = json("names.json");
    let mut names = layouts["transformers_t5"].all();
    names.retain(|(name, _)| name != "encoder.embed_tokens.weight");
    let others = [
        "decoder.block.0.layer.0.SelfAttention.q.weight",
        "lm_head.weight",
    ];
    names.extend(others.map(|name| (name.to_owned(), vec![4096, 4096])));
    let file = WeightFile::shapes_only("all of it", names);
    let file = file.with_rules(&[keys::FROM_TRANSFORMERS]);
    let config = Config::from_json(t5::T5_V1_1_XXL).expect("the preset");
    assert!(Encoder::load(&file.weights(Precision::Bf16), &config).is_ok());
    file.finish().expect("every tensor is read");
}

/// The weights of a fixture under the names of another layout. A bias that only the first block has
/// is left out of the others.
fn renamed(fixture: &Fixture, names: &[(&str, &str)]) -> WeightFile {
    let weights = fixture.file.weights(Precision::F32).at("weights");
    let mut tensors = BTreeMap::<String, Tensor>::new();
    for (other, own) in names {
        let blocks = if own.contains("{}") {
            fixture.config.num_layers
        } else {
            1
        };
        for block in 0..blocks {
            let name = |pattern: &str| pattern.replace("{}", &block.to_string()) + ".weight";
            let Some(shape) = weights.shape(&name(own)) else {
                assert!(block > 0 && own.ends_with("bias"), "no {}", name(own));
                continue;
            };
            let tensor = weights.any(&name(own), shape).expect("a weight");
            tensors.insert(name(other), tensor);
        }
    }
    let all = fixture
        .file
        .names()
        .filter(|name| name.starts_with("weights."));
    assert_eq!(tensors.len(), all.count(), "every weight has another name");
    WeightFile::of_tensors("renamed", tensors)
}

/// A tiny encoder in another layout computes the states of the reference: a tensor in the place of
/// another of its shape would not.
fn check(fixture: &Fixture, names: &[(&str, &str)], rules: &'static [Rule]) {
    let file = renamed(fixture, names);
    assert_eq!(t5::layout(&file), Some(rules));
    let file = file.with_rules(&[rules]);
    let encoder = Encoder::load(&file.weights(Precision::F32), &fixture.config);
    let states = encoder.expect("the encoder").encode(&fixture.ids);
    assert_close("states", &states, &fixture.read("states"), F32_BOUND);
    file.finish().expect("every tensor is read");
}

#[test]
fn t5_and_umt5_in_the_layout_of_gguf() {
    check(&Fixture::open("t5", 40), GGUF, keys::FROM_GGUF);
    check(&Fixture::open("umt5", 29), GGUF, keys::FROM_GGUF);
}

#[test]
fn umt5_in_the_layout_of_wan() {
    check(&Fixture::open("umt5", 29), WAN, keys::FROM_WAN);
}

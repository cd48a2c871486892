//! The tensors of every published variant, by name and shape.

use kinora_models::ltx::keys::{TRANSFORMER_OF_FILE, VAE_OF_FILE, original_vae};
use kinora_models::ltx::presets;
use kinora_models::ltx::{
    Decoder, Encoder, FROM_DIFFUSERS, Transformer, TransformerConfig, VaeConfig, transformer_of,
    vae_of,
};
use kinora_nn::WeightFile;
use kinora_tensor::Precision;

use crate::fixture::text;

/// A key list: a name and a shape a line, where `{0..27}` stands for each number from 0 to 27.
fn list(name: &str) -> WeightFile {
    let text = text(&format!("keys/{name}.txt"));
    let tensors = text.lines().flat_map(|line| {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let shape: Vec<usize> = words.map(|size| size.parse().expect("a size")).collect();
        let names = match name.split_once('{') {
            None => vec![name.to_owned()],
            Some((before, rest)) => {
                let (range, after) = rest.split_once('}').expect("a range");
                let (first, last) = range.split_once("..").expect("a range");
                let number = |n: &str| n.parse::<usize>().expect("a number");
                let all = number(first)..=number(last);
                all.map(|i| format!("{before}{i}{after}")).collect()
            }
        };
        names.into_iter().map(move |name| (name, shape.clone()))
    });
    WeightFile::shapes_only(name, tensors)
}

fn transformer(file: &WeightFile, preset: &str, tensors: usize) {
    let config = TransformerConfig::from_json(preset).expect("a preset");
    let detected = transformer_of(file).expect("a transformer");
    let detected = TransformerConfig::from_json(&detected).expect("a description");
    assert_eq!(detected, config);
    assert_eq!(file.names().count(), tensors);
    Transformer::load(&file.weights(Precision::Bf16), &config).expect("nothing is missing");
    file.finish().expect("nothing is unread");
}

#[test]
fn transformers() {
    for (name, preset, tensors) in [
        ("transformer-2b", presets::TRANSFORMER_2B, 28 * 25 + 15),
        ("transformer-13b", presets::TRANSFORMER_13B, 48 * 25 + 15),
    ] {
        let diffusers = list(&format!("{name}.diffusers")).with_rules(&[FROM_DIFFUSERS]);
        transformer(&diffusers, preset, tensors);
        let original = list(&format!("{name}.original")).with_rules(&[TRANSFORMER_OF_FILE]);
        transformer(&original, preset, tensors);
    }
}

fn vae(file: &WeightFile, preset: &str) {
    let config = VaeConfig::from_json(preset).expect("a preset");
    let detected = vae_of(file).expect("a VAE");
    assert_eq!(
        VaeConfig::from_json(&detected).expect("a description"),
        config
    );
    let weights = file.weights(Precision::Bf16);
    Decoder::load(&weights, &config).expect("nothing is missing");
    file.finish_without(&["encoder."])
        .expect("nothing of the decoder is unread");
    Encoder::load(&weights, &config).expect("nothing is missing");
    file.finish().expect("nothing is unread");
}

#[test]
fn vaes() {
    for (name, preset) in [
        ("vae-0.9.0", presets::VAE_090),
        ("vae-0.9.1", presets::VAE_091),
        ("vae-0.9.5", presets::VAE_095),
    ] {
        vae(&list(&format!("{name}.diffusers")), preset);
        let original = list(&format!("{name}.original")).with_rules(&[VAE_OF_FILE]);
        let tables = original_vae(|name| original.shape(name).is_some()).expect("original names");
        vae(&original.with_rules(tables), preset);
    }
}

#[test]
fn weights_of_decoders_are_counted() {
    for (version, preset) in [
        ("0.9.0", presets::VAE_090),
        ("0.9.1", presets::VAE_091),
        ("0.9.5", presets::VAE_095),
    ] {
        let config = VaeConfig::from_json(preset).expect("a preset");
        let file = list(&format!("vae-{version}.diffusers"));
        let sizes = |part: &str| -> Vec<usize> {
            let names = file
                .names()
                .filter(|name| name.starts_with("decoder.") && name.contains(part));
            let shapes = names.filter_map(|name| file.shape(name));
            shapes.map(|shape| shape.iter().product()).collect()
        };
        assert_eq!(
            config.decoder_weights(),
            sizes("").iter().sum::<usize>(),
            "{version}"
        );
        let exact: usize = sizes("timestep_embedder").iter().sum();
        assert_eq!(config.decoder_exact_weights(), exact, "{version}");
        let largest = sizes("upsamplers.0.conv.conv.weight").into_iter().max();
        assert!(
            config.decoder_largest() - largest.unwrap_or(0) <= 1 << 14,
            "{version}"
        );
    }
}

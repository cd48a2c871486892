//! Wan reproduces what diffusers computes, module by module and whole (`oracle/open_models/wan.py`).

use std::collections::BTreeMap;

use kinora_models::Tiling;
use kinora_models::wan::{
    Decoder, Encoder, FROM_DIFFUSERS, Stream, Transformer, TransformerConfig, VAE_FROM_DIFFUSERS,
    VaeConfig,
};
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::{Precision, Tensor};

mod support;

use support::{F32_BOUND, assert_close, assert_parity, config, open, read};

/// A model's weights under the names of one layout, its rules applied.
fn weights(name: &str, layout: &str) -> WeightFile {
    let rules: &[Rule] = match (layout, name) {
        ("original", _) => &[],
        (_, "transformer") => FROM_DIFFUSERS,
        _ => VAE_FROM_DIFFUSERS,
    };
    open(&format!("{name}.{layout}")).with_rules(&[rules])
}

fn transformer(file: &WeightFile, precision: Precision) -> Transformer {
    let config = TransformerConfig::from_json(&config("transformer")).expect("the tiny config");
    let model = Transformer::load(&file.weights(precision), &config).expect("a transformer");
    file.finish().expect("every tensor is read");
    model
}

/// A forward in which every token has one of `timesteps`, checked after every block.
fn check_forward(layout: &str, precision: Precision, case: &str, timesteps: &[f32]) {
    let file = weights("transformer", layout);
    let model = transformer(&file, precision);
    let expected = open("transformer");
    let text = model.condition(&read(&expected, "text", [5, 20]), 512);
    let latents = read(&expected, "latents", [3, 4, 6, 6]);
    let mut seen = 0;
    let velocity = model.forward_observed(&latents, timesteps, &text, &mut |name, x| {
        let name = format!("{case}.{name}");
        if expected.shape(&name).is_some() {
            let reference = read(&expected, &name, [18, 48]);
            assert_parity(&name, &x.reshape(&[18, 48]), &reference, precision);
            seen += 1;
        }
    });
    assert!(seen >= 2, "both blocks are looked at");
    let reference = read(&expected, &format!("{case}.velocity"), [3, 4, 6, 6]);
    assert_parity(case, &velocity, &reference, precision);
}

#[test]
fn one_timestep_for_all_tokens() {
    check_forward("original", Precision::F32, "one", &[937.0]);
    check_forward("original", Precision::F32, "one", &[937.0; 3]);
}

#[test]
fn diffusers_names_give_the_same() {
    check_forward("diffusers", Precision::F32, "one", &[937.0]);
}

#[test]
fn a_clean_first_frame_has_a_timestep_of_its_own() {
    let frames = [0.0, 623.0, 623.0];
    check_forward("original", Precision::F32, "token", &frames);
    let tokens: Vec<f32> = (0..18).map(|i| if i < 6 { 0.0 } else { 623.0 }).collect();
    check_forward("diffusers", Precision::F32, "token", &tokens);
}

#[test]
fn transformer_in_bf16() {
    check_forward("original", Precision::Bf16, "one", &[937.0]);
    check_forward("original", Precision::Bf16, "token", &[0.0, 623.0, 623.0]);
}

#[test]
fn transformer_in_eight_bits() {
    check_forward("original", Precision::Int8, "one", &[937.0]);
    check_forward("original", Precision::Int8, "token", &[0.0, 623.0, 623.0]);
}

#[test]
fn one_row_of_padding_stands_for_all() {
    let file = weights("transformer", "original");
    let model = transformer(&file, Precision::F32);
    let expected = open("transformer");
    let states = read(&expected, "text", [5, 20]);
    let latents = read(&expected, "latents", [3, 4, 6, 6]);
    let zeros = Tensor::zeros(&[27, 20], states.dtype());
    let padded = Tensor::concat(&[&states, &zeros], 0);
    for rows in [6, 7, 32] {
        let short = model.forward(&latents, &[500.0], &model.condition(&states, rows));
        let whole = model.condition(&padded.slice(0..rows), rows);
        let whole = model.forward(&latents, &[500.0], &whole);
        assert_close(&format!("{rows} rows"), &short, &whole, 2e-6);
    }
    let without = model.forward(&latents, &[500.0], &model.condition(&states, 5));
    let with = model.forward(&latents, &[500.0], &model.condition(&states, 512));
    let differs = without.sub(&with).to_vec().iter().any(|x| x.abs() > 0.01);
    assert!(differs, "padding is attended to");
}

fn vae_config(name: &str) -> VaeConfig {
    VaeConfig::from_json(&config(name)).expect("the tiny config")
}

/// Decodes `latents` in chunks and checks the maps of every level and the frames.
fn check_decode(name: &str, layout: &str, precision: Precision, chunks: &[usize]) {
    let file = weights(name, layout);
    let config = vae_config(name);
    let decoder = Decoder::load(&file.weights(precision), &config).expect("a decoder");
    file.finish_without(&["encoder.", "conv1."])
        .expect("every tensor is read");
    let expected = open(name);
    let latents = read(&expected, "latents", [4, 2, 2, 6]);
    let (mut stream, mut start) = (decoder.stream(), 0);
    let frames: Vec<Tensor> = chunks
        .iter()
        .map(|&count| {
            start += count;
            stream.push(&latents.slice(start - count..start))
        })
        .collect();
    let frames = Tensor::concat(&frames.iter().collect::<Vec<_>>(), 0);

    let mut maps: BTreeMap<String, Vec<Tensor>> = BTreeMap::new();
    let whole = decoder.decode_observed(&latents, &mut |name, x| {
        maps.entry(name.to_owned()).or_default().push(x.clone());
    });
    assert_eq!(frames.to_vec(), whole.to_vec());
    let mut seen = 0;
    for (level, parts) in &maps {
        let name = format!("decoder.{}", level.trim_start_matches("levels."));
        if let Some(&[t, h, w, c]) = expected.shape(&name) {
            let ours = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0);
            assert_parity(
                &name,
                &ours,
                &read(&expected, &name, [t, h, w, c]),
                precision,
            );
            seen += 1;
        }
    }
    assert!(seen >= 2, "the maps of {name} are looked at");
    let side = 2 * config.pixel_stride();
    assert_eq!(frames.shape(), [13, side, side, 3]);
    let third = frames.slice(0..12).reshape(&[4, 3 * side * side * 3]);
    let third = third
        .narrow(1, 0..side * side * 3)
        .reshape(&[4, side, side, 3]);
    let kept = Tensor::concat(&[&third, &frames.slice(12..13)], 0);
    assert_parity(
        name,
        &kept,
        &read(&expected, "frames", [5, side, side, 3]),
        precision,
    );
}

#[test]
fn decoder_of_2_1() {
    check_decode("vae21", "original", Precision::F32, &[1, 1, 1, 1]);
    check_decode("vae21", "diffusers", Precision::F32, &[4]);
}

#[test]
fn decoder_of_2_2() {
    check_decode("vae22", "original", Precision::F32, &[1, 1, 1, 1]);
    check_decode("vae22", "diffusers", Precision::F32, &[3, 1]);
}

#[test]
fn decoders_in_bf16() {
    check_decode("vae21", "original", Precision::Bf16, &[4]);
    check_decode("vae22", "original", Precision::Bf16, &[4]);
}

fn check_encode(name: &str, layout: &str, precision: Precision) {
    let file = weights(name, layout);
    let config = vae_config(name);
    let encoder = Encoder::load(&file.weights(precision), &config).expect("an encoder");
    file.finish_without(&["decoder.", "conv2."])
        .expect("every tensor is read");
    let expected = open(name);
    let side = config.pixel_stride();
    let film = read(&expected, "film", [9, 2 * side, side, 3]);
    let reference = read(&expected, "encoded", [3, 2, 1, 6]);
    assert_parity(name, &encoder.encode(&film), &reference, precision);
    let picture = encoder.encode(&film.slice(0..1));
    assert_parity("one picture", &picture, &reference.slice(0..1), precision);
}

#[test]
fn encoder_of_2_1() {
    check_encode("vae21", "original", Precision::F32);
    check_encode("vae21", "diffusers", Precision::F32);
}

#[test]
fn encoder_of_2_2() {
    check_encode("vae22", "original", Precision::F32);
    check_encode("vae22", "diffusers", Precision::F32);
}

#[test]
fn encoders_in_bf16() {
    check_encode("vae21", "original", Precision::Bf16);
    check_encode("vae22", "original", Precision::Bf16);
}

fn check_tiles(name: &str) {
    let file = weights(name, "original");
    let config = vae_config(name);
    let decoder = Decoder::load(&file.weights(Precision::F32), &config).expect("a decoder");
    let expected = open(name);
    let wide = read(&expected, "wide", [2, 5, 4, 6]);
    let pixels = config.pixel_stride();
    let tiling = Tiling {
        size: [3 * pixels; 2],
        stride: [2 * pixels; 2],
    };
    let decode = |tiling: Option<Tiling>| {
        let mut stream = Stream::new(&decoder, tiling);
        // In parts, as a clip comes.
        for part in [0..1, 1..2] {
            stream.feed(&wide.slice(part));
        }
        stream.end();
        let frames: Vec<Tensor> = std::iter::from_fn(|| stream.next_frames()).collect();
        Tensor::concat(&frames.iter().collect::<Vec<_>>(), 0)
    };
    let frames = decode(Some(tiling));
    assert_eq!(frames.shape()[0], 5);
    let reference = read(&expected, "tiled", [1, 5 * pixels, 4 * pixels, 3]);
    assert_close(name, &frames.slice(4..5), &reference, F32_BOUND);

    // One tile that holds everything is no tiling at all.
    let whole = Tiling {
        size: [5 * pixels; 2],
        stride: [5 * pixels; 2],
    };
    assert_eq!(decode(Some(whole)).to_vec(), decode(None).to_vec());
}

#[test]
fn tiles_blend_as_in_the_reference() {
    check_tiles("vae21");
    check_tiles("vae22");
}

//! The VAE in its three published forms.

use kinora_models::Tiling;
use kinora_models::ltx::keys::{VAE_OF_FILE, original_vae};
use kinora_models::ltx::{DecodeOptions, Decoder, Encoder, VaeConfig};
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::{Precision, Tensor};

use crate::fixture::{BF16_BOUND, F32_BOUND, assert_close, in_original_layout, open, read, text};

const VERSIONS: [&str; 3] = ["0.9.0", "0.9.1", "0.9.5"];
/// As the fixtures are decoded.
const OPTIONS: DecodeOptions = DecodeOptions {
    timestep: 0.05,
    noise_scale: 0.025,
    tiling: None,
};
const INPUTS: &[Rule] = &[Rule::Rename("weights.{*}", "{*}")];

pub fn config(version: &str) -> VaeConfig {
    VaeConfig::from_json(&text(&format!("vae-{version}.json"))).expect("the tiny config")
}

/// Weights in diffusers' layout, and the fixture's other tensors.
pub fn vae(version: &str) -> WeightFile {
    open(&format!("vae-{version}")).with_rules(&[INPUTS])
}

pub fn decoder(file: &WeightFile, version: &str, precision: Precision) -> Decoder {
    Decoder::load(&file.weights(precision), &config(version)).expect("the decoder")
}

/// Decodes latents in parts of so many frames.
fn decode(file: &WeightFile, decoder: &Decoder, parts: &[usize]) -> Tensor {
    let (latents, noise) = (read(file, "latents"), read(file, "noise"));
    let mut stream = decoder.stream(OPTIONS, |draw, size| {
        let map = read(file, &format!("draw.{draw}"));
        assert_eq!(map.shape(), size);
        map
    });
    let mut frames = Vec::new();
    let mut first = 0;
    for count in parts {
        let range = first..first + count;
        frames.extend(stream.push(&latents.slice(range.clone()), Some(&noise.slice(range))));
        first += count;
    }
    frames.extend(stream.finish());
    Tensor::concat(&frames.iter().collect::<Vec<_>>(), 0)
}

fn check_decoder(precision: Precision, parts: &[usize], bound: f32) {
    for version in VERSIONS {
        let file = vae(version);
        let frames = decode(&file, &decoder(&file, version, precision), parts);
        assert_close(version, &frames, &read(&file, "frames"), bound);
    }
}

#[test]
fn decoders_in_f32() {
    check_decoder(Precision::F32, &[3], F32_BOUND);
}

#[test]
fn decoders_in_bf16() {
    check_decoder(Precision::Bf16, &[3], BF16_BOUND);
}

#[test]
fn decoding_part_by_part_changes_no_bit() {
    for version in VERSIONS {
        let file = vae(version);
        let decoder = decoder(&file, version, Precision::F32);
        let whole = decode(&file, &decoder, &[3]);
        for parts in [&[1, 1, 1][..], &[2, 1], &[1, 2]] {
            let frames = decode(&file, &decoder, parts);
            assert_eq!(
                frames.as_f32(),
                whole.as_f32(),
                "{version} in parts of {parts:?}"
            );
        }
    }
}

#[test]
fn frames_come_one_or_two_at_a_time() {
    let file = vae("0.9.5");
    let decoder = decoder(&file, "0.9.5", Precision::F32);
    let mut stream = decoder.stream(OPTIONS, |_, _| unreachable!("0.9.5 adds no noise"));
    assert!(stream.next_frames().is_none(), "no latents yet");
    let (latents, noise) = (read(&file, "latents"), read(&file, "noise"));
    for i in 0..3 {
        let frame = |x: &Tensor| x.slice(i..i + 1);
        stream.feed(&frame(&latents), Some(&frame(&noise)));
    }
    stream.end();
    let frames: Vec<Tensor> = std::iter::from_fn(|| stream.next_frames()).collect();
    assert!(frames.iter().all(|frames| frames.shape()[0] <= 2));
    let all = Tensor::concat(&frames.iter().collect::<Vec<_>>(), 0);
    assert_close("frames", &all, &read(&file, "frames"), F32_BOUND);
}

fn check_encoder(precision: Precision, bound: f32) {
    for version in VERSIONS {
        let file = vae(version);
        let encoder =
            Encoder::load(&file.weights(precision), &config(version)).expect("the encoder");
        let film = read(&file, "film");
        assert_close(
            version,
            &encoder.encode(&film),
            &read(&file, "encoded"),
            bound,
        );
        let still = encoder.encode(&film.slice(0..1));
        assert_close(version, &still, &read(&file, "encoded_still"), bound);
    }
}

#[test]
fn encoders_in_f32() {
    check_encoder(Precision::F32, F32_BOUND);
}

#[test]
fn encoders_in_bf16() {
    check_encoder(Precision::Bf16, BF16_BOUND);
}

#[test]
fn tiles_are_blended_as_the_reference_does() {
    let (file, tiled) = (vae("0.9.5"), open("tiled"));
    let decoder = decoder(&file, "0.9.5", Precision::F32);
    let options = DecodeOptions {
        tiling: Some(Tiling {
            size: [48, 48],
            stride: [32, 32],
        }),
        ..OPTIONS
    };
    let mut stream = decoder.stream(options, |_, _| unreachable!("0.9.5 adds no noise"));
    let latents = read(&tiled, "latents");
    let parts = [stream.push(&latents, None), stream.finish()];
    let parts: Vec<&Tensor> = parts.iter().flatten().collect();
    let frames = Tensor::concat(&parts, 0);
    let [t, h, w, c] = frames.dims();
    assert_eq!([t, h, w, c], [9, 64, 80, 3]);
    let rows: Vec<Tensor> = (0..h)
        .step_by(5)
        .map(|y| frames.narrow(1, y..y + 1))
        .collect();
    let rows = Tensor::concat(&rows.iter().collect::<Vec<_>>(), 1);
    assert_close("tiled", &rows, &read(&tiled, "frames"), F32_BOUND);
}

#[test]
fn both_layouts_are_read_whole_and_alike() {
    for version in VERSIONS {
        let name = format!("vae-{version}");
        let original = in_original_layout(&name, &format!("{name}.names.json"));
        let original = original.with_rules(&[VAE_OF_FILE]);
        let tables = original_vae(|name| original.shape(name).is_some()).expect("original names");
        let original = original.with_rules(tables);
        let diffusers = vae(version);
        assert!(original_vae(|name| diffusers.shape(name).is_some()).is_none());

        let frames = [&original, &diffusers].map(|file| {
            let decoder = decoder(file, version, Precision::F32);
            decode(&diffusers, &decoder, &[3])
        });
        assert_eq!(frames[0].as_f32(), frames[1].as_f32(), "{version}");
        Encoder::load(&original.weights(Precision::F32), &config(version)).expect("the encoder");
        original.finish().expect("every tensor is read");
    }
}

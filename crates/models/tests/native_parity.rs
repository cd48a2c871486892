//! The Rust model reproduces the named intermediates of its mirror in `PyTorch` (`oracle/fixtures.py`).

#[path = "support/close.rs"]
mod close;

use std::path::Path;

use close::assert_close;
use kinora_models::native::{
    Config, Decoder, Encoder, TextEncoder, TextStates, Transformer, View, Word,
};
use kinora_nn::WeightFile;
use kinora_tensor::{DType, Precision, Tensor};
use safetensors::SafeTensors;

/// Largest error allowed, relative to the largest value: f32 sums in another order.
const F32_BOUND: f32 = 2e-5;
/// The same for bf16 matrices (8 bits of mantissa through a dozen layers), and for blocks in eight bits.
const BF16_BOUND: f32 = 4e-2;

fn config() -> Config {
    Config::from_json(include_str!("../fixtures/native/config.json")).expect("the tiny config")
}

fn fixture(name: &str) -> WeightFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/native");
    WeightFile::open(&folder.join(format!("{name}.safetensors"))).expect("a fixture")
}

fn read<const N: usize>(file: &WeightFile, name: &str, shape: [usize; N]) -> Tensor {
    file.weights(Precision::F32)
        .tensor(name, shape)
        .expect("a named intermediate")
}

/// The numbers of the words, NaN where a word is none: weights may not hold that, so the file is read
/// without them.
fn numbers(file: &WeightFile) -> Vec<f32> {
    let bytes = file.files().next().expect("one file");
    let file = SafeTensors::deserialize(bytes).expect("safetensors");
    let numbers = file.tensor("numbers").expect("a named intermediate");
    let values = numbers.data().as_chunks().0.iter();
    values.map(|value| f32::from_le_bytes(*value)).collect()
}

fn words(file: &WeightFile) -> Vec<Word> {
    let ids =
        |tensor: Tensor| -> Vec<u32> { tensor.to_vec().into_iter().map(|id| id as u32).collect() };
    let [id, unit] = ["words", "units"].map(|name| ids(read(file, name, [7])));
    let ngrams = ids(read(file, "ngrams", [7, 8]));
    let numbers = numbers(file);
    (0..7)
        .map(|i| Word {
            id: id[i],
            ngrams: ngrams[8 * i..8 * (i + 1)].to_vec(),
            number: Some(numbers[i]).filter(|value| !value.is_nan()),
            unit: unit[i],
        })
        .collect()
}

#[test]
fn text_states_and_slot_beliefs() {
    let file = fixture("text");
    let weights = file.weights(Precision::F32).at("weights");
    let encoder = TextEncoder::load(&weights, &config().text).expect("the encoder");
    let text = encoder.encode(&words(&file));
    let states = text.states.expect("a prompt with words has states");
    assert_close(
        "states",
        &states,
        &read(&file, "states", [7, 32]),
        F32_BOUND,
    );
    let belief = read(&file, "belief", [1, 13]);
    assert_close("belief", &text.belief, &belief, F32_BOUND);
    let empty = encoder.encode(&[]);
    assert!(empty.states.is_none());
    assert_close(
        "empty",
        &empty.belief,
        &read(&file, "empty_belief", [1, 13]),
        F32_BOUND,
    );
    file.finish_without(&["numbers"])
        .expect("every tensor of the encoder is read");
}

fn transformer(precision: Precision, bound: f32) {
    let file = fixture("transformer");
    let weights = file.weights(precision).at("weights");
    let model = Transformer::load(&weights, &config()).expect("the transformer");
    let noisy = read(&file, "noisy", [3, 4, 6, 8]);
    let sigma = read(&file, "sigma", [3]).to_vec();
    let states = Some(read(&file, "text_states", [7, 32]));
    let text = TextStates {
        states,
        belief: read(&file, "belief", [1, 13]),
        attention: vec![],
    };
    let camera = read(&file, "camera", [3, 5]);
    let camera = camera
        .as_f32()
        .as_chunks()
        .0
        .iter()
        .copied()
        .map(View::from);
    let filmed = model.condition(&text).filmed(vec![camera.collect()]);
    let clean = model.forward(&noisy, &sigma, &filmed);
    assert_close("clean", &clean, &read(&file, "clean", [3, 4, 6, 8]), bound);

    let belief = read(&file, "empty_belief", [1, 13]);
    let nothing = TextStates {
        states: None,
        belief,
        attention: vec![],
    };
    let clean = model.forward(&noisy, &sigma, &model.condition(&nothing));
    let reference = read(&file, "clean_without_text", [3, 4, 6, 8]);
    assert_close("clean without text", &clean, &reference, bound);
}

#[test]
fn transformer_in_f32() {
    transformer(Precision::F32, F32_BOUND);
}

#[test]
fn transformer_in_bf16() {
    transformer(Precision::Bf16, BF16_BOUND);
}

#[test]
fn transformer_in_eight_bits() {
    transformer(Precision::Int8, BF16_BOUND);
}

#[test]
fn encoder_in_f32() {
    let file = fixture("codec");
    let weights = file.weights(Precision::F32).at("weights");
    let encoder = Encoder::load(&weights, &config().codec).expect("the encoder");
    let latents = encoder.encode(&read(&file, "film", [17, 32, 64, 3]));
    assert_close(
        "latents",
        &latents,
        &read(&file, "latents", [3, 2, 4, 8]),
        F32_BOUND,
    );
}

fn decoder(precision: Precision, chunks: &[usize], bound: f32) {
    let file = fixture("codec");
    let weights = file.weights(precision).at("weights");
    let decoder = Decoder::load(&weights, &config().codec).expect("the decoder");
    let latents = read(&file, "sampled", [3, 2, 4, 8]);
    let mut stream = decoder.stream();
    let mut first = 0;
    let parts: Vec<Tensor> = chunks
        .iter()
        .map(|&count| {
            first += count;
            stream.push(&latents.slice(first - count..first))
        })
        .collect();
    let frames = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0);
    assert_eq!(frames.dtype(), DType::F32);
    assert_close(
        "frames",
        &frames,
        &read(&file, "frames", [17, 64, 128, 3]),
        bound,
    );
}

#[test]
fn decoder_in_f32() {
    decoder(Precision::F32, &[3], F32_BOUND);
}

#[test]
fn decoder_streams_latent_frames_one_by_one() {
    decoder(Precision::F32, &[1, 1, 1], F32_BOUND);
    decoder(Precision::F32, &[2, 1], F32_BOUND);
}

#[test]
fn decoder_in_bf16() {
    decoder(Precision::Bf16, &[3], BF16_BOUND);
}

#[test]
#[should_panic(expected = "off by NaN")]
fn what_is_no_number_is_close_to_nothing() {
    let reference = Tensor::from_fn(&[3], |i| i as f32);
    let ours = Tensor::from_fn(&[3], |i| if i == 1 { f32::NAN } else { i as f32 });
    assert_close("a NaN among numbers", &ours, &reference, 1.0);
}

//! Decoding in tiles where memory is short.

use std::fs;
use std::path::{Path, PathBuf};

use kinora_engine::{Dtype, ModelOptions, Request, Size};
use kinora_models::{ltx, wan};
use kinora_nn::WeightFile;
use kinora_tensor::{Precision, Tensor};
use safetensors::SafeTensors;
use tempfile::tempdir;

use crate::child::{frames, latents, measure};

fn fixture(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/open")
        .join(model)
}

fn array(path: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let array = file.tensor(name).unwrap();
    let values = array.data().as_chunks().0.iter();
    let values = values.map(|value| f32::from_le_bytes(*value)).collect();
    (array.shape().to_vec(), values)
}

/// Latents of a file as decoders take them, `[t, h, w, c]`.
fn saved_latents(folder: &Path) -> Tensor {
    let (shape, values) = array(&latents(folder), "latents");
    let [_, c, t, h, w] = shape[..] else {
        panic!("latents of {shape:?}");
    };
    Tensor::from_f32(&values, &[c, t, h, w]).permute([1, 2, 3, 0])
}

/// The VAE's description and weights.
fn vae(model: &str) -> (String, WeightFile) {
    let folder = fixture(model).join("vae");
    let config = fs::read_to_string(folder.join("config.json")).unwrap();
    (config, WeightFile::open_folder(&folder).unwrap())
}

fn decode_wan(latents: &Tensor) -> Vec<Tensor> {
    let (config, file) = vae("wan-2.1");
    let config = wan::VaeConfig::from_json(&config).unwrap();
    let file = file.with_rules(&[wan::VAE_FROM_DIFFUSERS]);
    let decoder = wan::Decoder::load(&file.weights(Precision::F32), &config).unwrap();
    let mut stream = wan::Stream::new(&decoder, Some(wan::TILING));
    stream.feed(latents);
    stream.end();
    std::iter::from_fn(|| stream.next_frames()).collect()
}

fn decode_ltx(latents: &Tensor) -> Vec<Tensor> {
    let (config, file) = vae("ltx-0.9.0");
    let config = ltx::VaeConfig::from_json(&config).unwrap();
    let decoder = ltx::Decoder::load(&file.weights(Precision::F32), &config).unwrap();
    let options = ltx::DecodeOptions {
        tiling: Some(ltx::TILING),
        ..ltx::DecodeOptions::default()
    };
    let mut stream = decoder.stream(options, |_, _| unreachable!("0.9.0 adds no noise"));
    stream.feed(latents, None);
    stream.end();
    std::iter::from_fn(|| stream.next_frames()).collect()
}

#[track_caller]
fn check(model: &str, size: Size, count: u32, decode: impl Fn(&Tensor) -> Vec<Tensor>) {
    let folder = tempdir().unwrap();
    let request = Request {
        options: ModelOptions {
            dtype: Some(Dtype::F32),
            ..ModelOptions::default()
        },
        ..crate::request(&fixture(model), size, count)
    };
    let says_tiles = |notes: &[String]| notes.iter().any(|note| note.contains("tiles"));

    let whole = measure(&request, folder.path(), None);
    assert_eq!(whole.error, None);
    assert!(!says_tiles(&whole.notes), "{:?}", whole.notes);
    let (_, untiled) = array(&frames(folder.path()), "frames");

    let mib = (whole.planned_peak >> 20) - 1;
    let tiled = measure(&request, folder.path(), Some(mib));
    assert_eq!(tiled.error, None);
    assert!(says_tiles(&tiled.notes), "{:?}", tiled.notes);
    assert!(tiled.plan.contains("frames in tiles"), "{}", tiled.plan);
    assert!(tiled.planned_peak <= mib << 20, "{}", tiled.plan);

    let (shape, found) = array(&frames(folder.path()), "frames");
    assert_eq!(
        shape,
        [count as usize, size.height as usize, size.width as usize, 3]
    );
    let expected = decode(&saved_latents(folder.path()));
    let expected = expected.iter().flat_map(Tensor::to_vec);
    let expected: Vec<f32> = expected
        .map(|x| f32::midpoint(x, 1.0).clamp(0.0, 1.0))
        .collect();
    assert_eq!(found.len(), expected.len());
    let furthest = |a: &[f32], b: &[f32]| {
        let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, f32::max)
    };
    assert!(furthest(&found, &expected) < 1e-6, "{model}");
    assert!(
        furthest(&found, &untiled) > 1e-4,
        "{model}: tiles show nowhere"
    );
}

#[test]
fn wan_is_decoded_in_tiles_where_that_fits_and_whole_frames_do_not() {
    check("wan-2.1", Size::new(320, 320), 5, decode_wan);
}

#[test]
fn ltx_video_is_decoded_in_tiles_where_that_fits_and_whole_frames_do_not() {
    check("ltx-0.9.0", Size::new(1024, 512), 1, decode_ltx);
}

//! Open models by the command line, as a test of the reference drives it: noise in, latents and frames
//! out, every option named. What they are compared with diffusers made (`oracle/open_models`).

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Folder, Outcome};

const PROMPT: &str = "A red sailboat on a calm sea at golden hour, slow push in";
const NEGATIVE: &str = "rain, text";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/fixtures/open")
}

/// Shape and numbers of an F32 array in a safetensors file.
fn array(path: &Path, name: &str) -> (Vec<u64>, Vec<f32>) {
    let bytes = fs::read(path).expect("an array file");
    let length = u64::from_le_bytes(*bytes.first_chunk().expect("a header")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    let numbers = |key: &str| -> Vec<u64> {
        let list = header[name][key].as_array().expect("a list").iter();
        list.map(|n| n.as_u64().expect("a number")).collect()
    };
    assert_eq!(header[name]["dtype"], "F32");
    let [from, to] = numbers("data_offsets")[..] else {
        panic!("two offsets");
    };
    let data = &bytes[8 + length..][from as usize..to as usize];
    let values = data.as_chunks().0.iter();
    (
        numbers("shape"),
        values.map(|bytes| f32::from_le_bytes(*bytes)).collect(),
    )
}

/// Writes the noise of a fixture as `noise.safetensors`.
fn noise(folder: &Folder, golden: &Path) {
    let (shape, values) = array(golden, "init");
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [0, bytes.len()]});
    let header = json!({"latents": entry}).to_string();
    let length = (header.len() as u64).to_le_bytes();
    let file = [&length[..], header.as_bytes(), &bytes].concat();
    fs::write(folder.0.join("noise.safetensors"), file).expect("the noise is written");
}

fn generate(folder: &Folder, model: &Path, more: &str) -> Outcome {
    let model = model.to_str().expect("a plain path");
    let common = "--negative NEGATIVE --steps 5 --seed 1 --max-text-tokens 48 --dtype f32 \
                  --init-latents noise.safetensors --save-latents latents.safetensors \
                  --save-frames frames.safetensors -o clip.mp4 --force";
    let words = common.split_whitespace().chain(more.split_whitespace());
    let words = words.map(|word| if word == "NEGATIVE" { NEGATIVE } else { word });
    let arguments: Vec<&str> = ["generate", PROMPT, "--model", model]
        .into_iter()
        .chain(words)
        .collect();
    let mut command = folder.command(&arguments);
    command.env("KINORA_CACHE", "");
    command.env("KINORA_MODELS", folder.0.join("models"));
    let output = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Outcome {
        code: output.status.code().expect("no signal"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// The largest difference from the reference's latents in parts of their largest value, and the mean
/// difference of one frame in four.
fn errors(folder: &Folder, golden: &Path) -> [f32; 2] {
    let ours = array(&folder.0.join("latents.safetensors"), "latents");
    let reference = array(golden, "latents");
    assert_eq!(ours.0, reference.0, "shape of the latents");
    let largest = |values: &mut dyn Iterator<Item = f32>| {
        values.fold(
            0.0,
            |most: f32, x| {
                if x.abs() <= most { most } else { x.abs() }
            },
        )
    };
    let differences = &mut ours.1.iter().zip(&reference.1).map(|(a, b)| a - b);
    let latents = largest(differences) / largest(&mut reference.1.iter().copied());
    let (shape, frames) = array(&folder.0.join("frames.safetensors"), "frames");
    let reference = array(golden, "frames").1;
    let frame = shape[1..].iter().product::<u64>() as usize;
    let kept = frames.chunks(frame).step_by(4).flatten();
    let sum: f32 = kept.zip(&reference).map(|(a, b)| (a - b).abs()).sum();
    [latents, sum / reference.len() as f32]
}

#[track_caller]
fn check(model: &Path, golden: &str, more: &str) {
    let (folder, golden) = (Folder::new(), fixtures().join(golden));
    noise(&folder, &golden);
    let outcome = generate(&folder, model, more);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let [latents, frames] = errors(&folder, &golden);
    assert!(latents <= 1e-3, "latents off by {latents}");
    assert!(frames <= 1.0 / 255.0, "frames off by {frames}");
    assert!(folder.files().contains(&"clip.mp4".into()));
}

#[test]
fn ltx_video_with_every_option() {
    check(
        &fixtures().join("ltx-0.9.5"),
        "ltx-0.9.5.safetensors",
        "--width 32 --height 64 --frames 17 --fps 24 --guidance 3 --decode-timestep 0.05 \
         --decode-noise-scale 0",
    );
}

#[test]
fn wan_with_every_option() {
    check(
        &fixtures().join("wan-2.2-pair"),
        "wan-2.2-pair.safetensors",
        "--size 48x32 --frames 9 --fps 16 --guidance 4 --guidance-2 2.5 --shift 5",
    );
}

#[test]
fn a_single_file_with_its_parts_named() {
    let place = |file: &str| fixtures().join(file).display().to_string();
    let more = format!(
        "--size 32x32 --frames 9 --guidance 4 --vae {} --text-encoder {} --tokenizer {}",
        place("single/wan-2.1-vae.safetensors"),
        place("wan-2.1/text_encoder/model.safetensors"),
        place("ltx-0.9.0/tokenizer/spiece.model"),
    );
    let model = fixtures().join("single/wan-2.1.safetensors");
    check(&model, "single/wan-2.1.made.safetensors", &more);

    // Without one of them the way out is told, and nothing is left behind.
    let folder = Folder::new();
    noise(&folder, &fixtures().join("single/wan-2.1.made.safetensors"));
    let outcome = generate(&folder, &model, "--size 32x32 --frames 9");
    assert_eq!(outcome.code, 2, "{}", outcome.err);
    for word in ["vae", "no installed model", "--vae"] {
        assert!(outcome.err.contains(word), "`{word}` in: {}", outcome.err);
    }
    assert_eq!(folder.files(), ["noise.safetensors"]);
}

#[test]
fn noise_of_another_shape_is_refused() {
    let folder = Folder::new();
    noise(&folder, &fixtures().join("wan-2.1.safetensors"));
    let outcome = generate(
        &folder,
        &fixtures().join("ltx-0.9.0"),
        "--size 32x64 --frames 17",
    );
    assert_ne!(outcome.code, 0);
    assert!(outcome.err.contains("noise.safetensors"), "{}", outcome.err);
}

//! Whole open models, text and pictures in and frames out, against what diffusers made of the same
//! (`oracle/open_models/directories.py` and `pictures.py`).

use std::fs;
use std::path::{Path, PathBuf};

use kinora_engine::{Dtype, Given, ModelFiles, ModelOptions, Output, Request, Size};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use crate::files::copy;
use crate::support::Folder;
use crate::{fixtures, make};

/// Largest error of the latents allowed in f32, relative to the largest value.
const LATENTS_BOUND: f32 = 1e-3;
/// Largest mean error of the frames in f32, which are in [0, 1].
const FRAMES_BOUND: f32 = 1.0 / 255.0;

/// Types that round: the root mean square allowed of the errors of the latents, relative to that of the
/// latents, and the largest error as above. In eight bits that one says little: it is one number of a few
/// thousand, and which falls on the other side of a code depends on the order of the sums.
const ROUNDED: [(Dtype, f32, Option<f32>); 2] =
    [(Dtype::Bf16, 0.01, Some(0.02)), (Dtype::Int8, 0.02, None)];
const FRAMES_BOUND_ROUNDED: f32 = 0.01;

pub(crate) const PROMPT: &str = "A red sailboat on a calm sea at golden hour, slow push in";
pub(crate) const NEGATIVE: &str = "rain, text";

pub(crate) fn array(path: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let array = file.tensor(name).unwrap();
    let values = array.data().as_chunks().0.iter();
    (
        array.shape().to_vec(),
        values.map(|value| f32::from_le_bytes(*value)).collect(),
    )
}

/// The init latents of a fixture as a file for `init_latents`.
pub(crate) fn init(folder: &Folder, golden: &Path) -> PathBuf {
    let (shape, values) = array(golden, "init");
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let view = TensorView::new(safetensors::Dtype::F32, shape, &bytes).unwrap();
    let path = folder.0.join("init.safetensors");
    fs::write(
        &path,
        safetensors::serialize([("latents", view)], None).unwrap(),
    )
    .unwrap();
    path
}

#[derive(Clone, Copy)]
struct Case {
    model: &'static str,
    size: Size,
    frames: u32,
    fps: Option<u32>,
    guidance: f64,
    guidance_2: Option<f64>,
    /// Timestep and noise scale of the decoder.
    decode: Option<(f64, f64)>,
    /// Whether it begins with a picture.
    picture: bool,
}

impl Case {
    fn request(&self, dtype: Dtype) -> Request {
        Request {
            prompt: PROMPT.into(),
            negative: NEGATIVE.into(),
            model: Some(fixtures().join(self.model).display().to_string()),
            size: Some(self.size),
            frames: Some(self.frames),
            fps: self.fps,
            seed: Some(1),
            steps: Some(5),
            guidance: Some(self.guidance),
            options: ModelOptions {
                dtype: Some(dtype),
                guidance_2: self.guidance_2,
                text_tokens: Some(48),
                decode_timestep: self.decode.map(|(timestep, _)| timestep),
                decode_noise_scale: self.decode.map(|(_, scale)| scale),
                // Only the condition pipeline adds noise to a picture; its decoder is told a level.
                image_noise_scale: self.decode.filter(|_| self.picture).map(|_| 0.0),
                ..ModelOptions::default()
            },
            given: Given {
                image: self.picture.then(|| self.fixture("png")),
                ..Given::default()
            },
            ..Request::default()
        }
    }

    /// What belongs to this case beside the model.
    fn fixture(&self, extension: &str) -> PathBuf {
        let suffix = if self.picture { "-image" } else { "" };
        fixtures().join(format!("{}{suffix}.{extension}", self.model))
    }

    /// [`errors`] of this case.
    fn errors(&self, dtype: Dtype) -> Errors {
        errors(&self.request(dtype), &self.fixture("safetensors"))
    }
}

/// How far a clip is from the reference.
pub(crate) struct Errors {
    /// The largest error of its latents, relative to the largest value.
    largest: f32,
    /// The root mean square of these errors, relative to that of the values.
    spread: f32,
    /// The mean error of its frames.
    frames: f32,
}

/// The largest of absolute values; a NaN stays one.
fn largest(values: impl Iterator<Item = f32>) -> f32 {
    values.fold(
        0.0,
        |most: f32, x| {
            if x.abs() <= most { most } else { x.abs() }
        },
    )
}

/// Runs a request from the noise of a fixture.
pub(crate) fn errors(request: &Request, golden: &Path) -> Errors {
    let folder = Folder::new();
    let output = Output {
        path: folder.0.join("clip.mp4"),
        init_latents: Some(init(&folder, golden)),
        save_latents: Some(folder.0.join("latents.safetensors")),
        save_frames: Some(folder.0.join("frames.safetensors")),
        ..Output::default()
    };
    make(request, &output).unwrap();
    let ours = array(output.save_latents.as_ref().unwrap(), "latents");
    let reference = array(golden, "latents");
    assert_eq!(ours.0, reference.0, "shape of the latents");
    let differences = ours.1.iter().zip(&reference.1).map(|(a, b)| a - b);
    let values = reference.1.iter().copied();
    let squares = |values: &mut dyn Iterator<Item = f32>| values.map(|x| x * x).sum::<f32>();
    let spread = (squares(&mut differences.clone()) / squares(&mut values.clone())).sqrt();
    let largest = largest(differences) / largest(values);

    let (shape, frames) = array(output.save_frames.as_ref().unwrap(), "frames");
    let reference = array(golden, "frames");
    assert_eq!(shape[0], request.frames.unwrap() as usize);
    assert_eq!(shape[1..], reference.0[1..], "shape of the frames");
    let frame: usize = shape[1..].iter().product();
    let kept = frames.chunks(frame).step_by(4).flatten();
    let differences = kept.zip(&reference.1).map(|(a, b)| (a - b).abs());
    Errors {
        largest,
        spread,
        frames: differences.sum::<f32>() / reference.1.len() as f32,
    }
}

/// Asserts the bounds of f32.
#[track_caller]
pub(crate) fn assert_close(what: &str, errors: &Errors) {
    let Errors {
        largest, frames, ..
    } = errors;
    assert!(
        *largest <= LATENTS_BOUND,
        "{what}: latents off by {largest}"
    );
    assert!(*frames <= FRAMES_BOUND, "{what}: frames off by {frames}");
}

#[track_caller]
fn check(case: &Case) {
    assert_close(case.model, &case.errors(Dtype::F32));
}

const OLD: Case = Case {
    model: "ltx-0.9.0",
    size: Size::new(32, 64),
    frames: 17,
    fps: Some(24),
    guidance: 3.0,
    guidance_2: None,
    decode: None,
    picture: false,
};
const WAN: Case = Case {
    model: "wan-2.1",
    size: Size::new(48, 32),
    frames: 9,
    fps: None,
    guidance: 4.0,
    guidance_2: None,
    decode: None,
    picture: false,
};

const NEW: Case = Case {
    model: "ltx-0.9.5",
    decode: Some((0.05, 0.0)),
    ..OLD
};
const PAIR: Case = Case {
    model: "wan-2.2-pair",
    guidance_2: Some(2.5),
    ..WAN
};
const SMALL: Case = Case {
    model: "wan-2.2-5b",
    size: Size::new(96, 64),
    ..WAN
};

/// The case that begins with a picture.
const fn pictured(case: Case) -> Case {
    Case {
        picture: true,
        ..case
    }
}

#[test]
fn ltx_video_of_the_first_version() {
    check(&OLD);
}

#[test]
fn ltx_video_with_the_condition_pipeline() {
    check(&NEW);
}

#[test]
fn wan_of_the_first_version() {
    check(&WAN);
}

#[test]
fn wan_with_two_experts() {
    check(&PAIR);
}

#[test]
fn wan_with_the_vae_of_the_second_version() {
    check(&SMALL);
}

#[test]
fn ltx_video_begins_with_a_picture() {
    check(&pictured(OLD));
}

#[test]
fn ltx_video_with_the_condition_pipeline_begins_with_a_picture() {
    check(&pictured(NEW));
}

#[test]
fn wan_of_the_second_version_begins_with_a_picture() {
    check(&pictured(SMALL));
}

/// A LoRA of rank 1 on one layer, in diffusers' names.
fn lora(path: &Path, layer: &str, width: usize) {
    let ones = vec![1.0_f32; width];
    let bytes: Vec<u8> = ones.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = |shape| TensorView::new(safetensors::Dtype::F32, shape, &bytes).unwrap();
    let tensors = [
        (
            format!("transformer.{layer}.lora_A.weight"),
            view(vec![1, width]),
        ),
        (
            format!("transformer.{layer}.lora_B.weight"),
            view(vec![width, 1]),
        ),
    ];
    fs::write(path, safetensors::serialize(tensors, None).unwrap()).unwrap();
}

#[test]
fn a_lora_changes_the_clip_by_its_factor_and_the_hash_tells() {
    let folder = Folder::new();
    let file = folder.0.join("lora.safetensors");
    lora(&file, "transformer_blocks.0.attn1.to_q", 20);
    let run = |loras: Vec<(PathBuf, f64)>, name: &str| {
        let request = Request {
            files: ModelFiles {
                loras,
                ..ModelFiles::default()
            },
            ..OLD.request(Dtype::F32)
        };
        let latents = folder.0.join(format!("{name}.safetensors"));
        let output = Output {
            path: folder.0.join(format!("{name}.mp4")),
            save_latents: Some(latents.clone()),
            ..Output::default()
        };
        let clip = make(&request, &output).unwrap();
        (array(&latents, "latents").1, clip.model_hash)
    };
    let (plain, plain_hash) = run(Vec::new(), "plain");
    let (nothing, _) = run(vec![(file.clone(), 0.0)], "nothing");
    let (changed, hash) = run(vec![(file, 0.5)], "changed");
    assert_eq!(plain, nothing);
    assert!(plain != changed && plain_hash != hash);
}

#[test]
fn bf16_and_eight_bits_stay_near_the_reference() {
    // Weights are exact in bf16; activations meet them rounded, five steps long.
    let cases = [
        &OLD,
        &NEW,
        &WAN,
        &PAIR,
        &SMALL,
        &pictured(OLD),
        &pictured(NEW),
        &pictured(SMALL),
    ];
    for (case, (dtype, bound, most)) in cases.into_iter().flat_map(|c| ROUNDED.map(|d| (c, d))) {
        let Errors {
            largest,
            spread,
            frames,
        } = case.errors(dtype);
        let what = format!("{} in {dtype:?}", case.model);
        assert!(spread <= bound, "{what}: latents off by {spread}");
        assert!(
            most.is_none_or(|most| largest <= most),
            "{what}: a latent off by {largest}"
        );
        assert!(
            frames <= FRAMES_BOUND_ROUNDED,
            "{what}: frames off by {frames}"
        );
    }
}

/// Writes the weights of a folder as two shards and their index, as `save_pretrained` does it.
fn shard(folder: &Path) {
    let whole = folder.join("diffusion_pytorch_model.safetensors");
    let bytes = fs::read(&whole).unwrap();
    let mut tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let rest = tensors.split_off(tensors.len() / 2);
    let mut places = serde_json::Map::new();
    for (n, tensors) in [tensors, rest].into_iter().enumerate() {
        let name = format!("diffusion_pytorch_model-0000{}-of-00002.safetensors", n + 1);
        let place = |(tensor, _): &(String, TensorView)| (tensor.clone(), name.as_str().into());
        places.extend(tensors.iter().map(place));
        let shard = safetensors::serialize(tensors, None).unwrap();
        fs::write(folder.join(name), shard).unwrap();
    }
    let index = serde_json::json!({"weight_map": places}).to_string();
    let name = "diffusion_pytorch_model.safetensors.index.json";
    fs::write(folder.join(name), index).unwrap();
    fs::remove_file(whole).unwrap();
}

#[test]
fn a_directory_in_shards_is_the_same_model() {
    let folder = Folder::new();
    let model = copy(WAN.model, &folder);
    for part in ["transformer", "vae"] {
        shard(&model.join(part));
    }
    let mut request = WAN.request(Dtype::F32);
    request.model = Some(model.display().to_string());
    assert_close("in shards", &errors(&request, &WAN.fixture("safetensors")));
}

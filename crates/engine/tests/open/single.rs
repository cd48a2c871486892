//! Single files in the layouts that people have, against what diffusers made of the same weights
//! (`oracle/open_models/single_files.py`).

use std::fs;
use std::path::{Path, PathBuf};

use kinora_engine::{Dtype, ModelFiles, ModelOptions, Output, Request, Size};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype as Stored, TensorView};

use crate::parity::{NEGATIVE, PROMPT, array, assert_close, errors};
use crate::support::Folder;
use crate::{engine, fixtures, make};

const PREFIX: &str = "model.diffusion_model.";

fn single(name: &str) -> PathBuf {
    fixtures().join("single").join(name)
}

/// Text encoder and tokenizer of a directory, the encoder without its description.
fn words(model: &str) -> ModelFiles {
    ModelFiles {
        text_encoder: Some(
            fixtures()
                .join(model)
                .join("text_encoder/model.safetensors"),
        ),
        tokenizer: Some(fixtures().join("ltx-0.9.5/tokenizer")),
        ..ModelFiles::default()
    }
}

fn request(model: &Path, files: ModelFiles) -> Request {
    Request {
        prompt: PROMPT.into(),
        negative: NEGATIVE.into(),
        model: Some(model.display().to_string()),
        size: Some(Size::new(32, 32)),
        seed: Some(1),
        steps: Some(5),
        files,
        options: ModelOptions {
            dtype: Some(Dtype::F32),
            text_tokens: Some(48),
            ..ModelOptions::default()
        },
        ..Request::default()
    }
}

fn ltx(model: &Path, files: ModelFiles) -> Request {
    Request {
        frames: Some(17),
        fps: Some(24),
        guidance: Some(3.0),
        ..request(model, files)
    }
}

fn wan(model: &Path, files: ModelFiles) -> Request {
    Request {
        frames: Some(9),
        guidance: Some(4.0),
        ..request(model, files)
    }
}

/// The files of a Wan but the transformer.
fn wan_files() -> ModelFiles {
    ModelFiles {
        vae: Some(single("wan-2.1-vae.safetensors")),
        ..words("wan-2.1")
    }
}

#[track_caller]
fn check(request: &Request, golden: &str) {
    let golden = single(&format!("{golden}.made.safetensors"));
    assert_close(&golden.display().to_string(), &errors(request, &golden));
}

/// Writes the tensors of a file that `change` keeps, under the names that it gives them, and `more`.
fn rewrite(
    from: &Path,
    to: &Path,
    change: impl Fn(&str) -> Option<String>,
    more: &[(String, f32)],
) -> PathBuf {
    let bytes = fs::read(from).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let numbers: Vec<(&String, [u8; 4])> = more
        .iter()
        .map(|(name, number)| (name, number.to_le_bytes()))
        .collect();
    let kept = file
        .tensors()
        .into_iter()
        .filter_map(|(name, view)| Some((change(&name)?, view)));
    let added = numbers.iter().map(|(name, number)| {
        let view = TensorView::new(Stored::F32, vec![1], number).unwrap();
        ((*name).clone(), view)
    });
    let all: Vec<_> = kept.chain(added).collect();
    fs::write(to, safetensors::serialize(all, None).unwrap()).unwrap();
    to.to_path_buf()
}

/// The transformer of LTX-Video's single file alone, without a prefix.
fn bare_ltx(to: &Path) -> PathBuf {
    let bare = |name: &str| name.strip_prefix(PREFIX).map(str::to_owned);
    rewrite(&single("ltx-0.9.0.safetensors"), to, bare, &[])
}

#[test]
fn ltx_video_with_its_vae_in_one_file() {
    let request = ltx(&single("ltx-0.9.0.safetensors"), words("ltx-0.9.0"));
    check(&request, "ltx-0.9.0");
}

#[test]
fn ltx_video_as_a_transformer_and_a_vae_that_decides_the_pipeline() {
    let folder = Folder::new();
    let files = ModelFiles {
        vae: Some(fixtures().join("ltx-0.9.5/vae/diffusion_pytorch_model.safetensors")),
        ..words("ltx-0.9.0")
    };
    let mut request = ltx(&bare_ltx(&folder.0.join("ltx.safetensors")), files);
    request.options.decode_timestep = Some(0.05);
    request.options.decode_noise_scale = Some(0.0);
    check(&request, "ltx-0.9.5");
}

/// Copies of files, as `folder/part/name`.
fn lay(folder: &Path, parts: &[(&str, PathBuf)]) {
    for (part, file) in parts {
        let place = folder.join(part);
        fs::create_dir_all(&place).unwrap();
        fs::copy(file, place.join(file.file_name().unwrap())).unwrap();
    }
}

fn ltx_parts() -> [(&'static str, PathBuf); 3] {
    let directory = fixtures().join("ltx-0.9.0");
    [
        (
            "vae",
            directory.join("vae/diffusion_pytorch_model.safetensors"),
        ),
        (
            "text_encoder",
            directory.join("text_encoder/model.safetensors"),
        ),
        ("tokenizer", directory.join("tokenizer/spiece.model")),
    ]
}

fn wan_parts() -> [(&'static str, PathBuf); 3] {
    [
        ("vae", single("wan-2.1-vae.safetensors")),
        (
            "text_encoder",
            fixtures().join("wan-2.1/text_encoder/model.safetensors"),
        ),
        (
            "tokenizer",
            fixtures().join("ltx-0.9.0/tokenizer/spiece.model"),
        ),
    ]
}

#[test]
fn parts_stand_beside_a_file_or_come_from_a_model_that_is_here() {
    let beside = Folder::new();
    lay(&beside.0, &ltx_parts());
    let model = bare_ltx(&beside.0.join("ltx.safetensors"));
    check(&ltx(&model, ModelFiles::default()), "ltx-0.9.0");

    // Of two models that are here each file takes the parts of its own family.
    let here = [Folder::new(), Folder::new()];
    lay(&here[0].0, &ltx_parts());
    lay(&here[1].0, &wan_parts());
    let files = ModelFiles {
        others: here.iter().map(|folder| folder.0.clone()).collect(),
        ..ModelFiles::default()
    };
    let alone = Folder::new();
    let model = bare_ltx(&alone.0.join("ltx.safetensors"));
    check(&ltx(&model, files.clone()), "ltx-0.9.0");
    let model = single("wan-2.1.safetensors");
    check(&wan(&model, files.clone()), "wan-2.1");

    // Two that differ are not chosen between.
    let other = Folder::new();
    let newer = fixtures().join("ltx-0.9.5/vae/diffusion_pytorch_model.safetensors");
    lay(&other.0, &[("vae", newer)]);
    let mut torn = files;
    torn.others.push(other.0.clone());
    let model = alone.0.join("ltx.safetensors");
    refused(&ltx(&model, torn), &["are not the same", "--vae"]);
}

#[test]
fn wan_with_and_without_a_prefix_in_fp8() {
    let folder = Folder::new();
    let plain = single("wan-2.1.safetensors");
    check(&wan(&plain, wan_files()), "wan-2.1");
    let prefixed = |name: &str| Some(format!("{PREFIX}{name}"));
    let prefixed = rewrite(&plain, &folder.0.join("comfy.safetensors"), prefixed, &[]);
    check(&wan(&prefixed, wan_files()), "wan-2.1");
}

#[test]
fn wan_in_gguf_with_a_text_encoder_that_brings_its_vocabulary() {
    let files = ModelFiles {
        text_encoder: Some(single("umt5.gguf")),
        tokenizer: None,
        ..wan_files()
    };
    check(&wan(&single("wan-2.1.gguf"), files), "wan-2.1-gguf");
}

#[test]
fn a_text_encoder_of_comfyui_brings_its_vocabulary() {
    let folder = Folder::new();
    let encoder = words("wan-2.1").text_encoder.unwrap();
    let bytes = fs::read(&encoder).unwrap();
    let spiece = fs::read(fixtures().join("ltx-0.9.0/tokenizer/spiece.model")).unwrap();
    let mut tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let vocabulary = TensorView::new(Stored::U8, vec![spiece.len()], &spiece).unwrap();
    tensors.push(("spiece_model".into(), vocabulary));
    let path = folder.0.join("umt5.safetensors");
    fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    let files = ModelFiles {
        text_encoder: Some(path),
        tokenizer: None,
        ..wan_files()
    };
    check(&wan(&single("wan-2.1.safetensors"), files), "wan-2.1");
}

/// The expert for low noise of the fixture's pair: the same matrices with a factor of a half, packed
/// as ComfyUI scales fp8.
fn low_noise(to: &Path) -> PathBuf {
    let plain = single("wan-2.1.safetensors");
    let bytes = fs::read(&plain).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let matrices = tensors
        .iter()
        .filter(|(_, view)| view.dtype() == Stored::F8_E4M3);
    let factors: Vec<(String, f32)> = matrices
        .map(|(name, _)| {
            let layer = name.strip_suffix("weight").unwrap();
            (format!("{PREFIX}{layer}scale_weight"), 0.5)
        })
        .collect();
    let prefixed = |name: &str| Some(format!("{PREFIX}{name}"));
    rewrite(&plain, to, prefixed, &factors)
}

#[test]
fn the_experts_of_a_pair_are_two_files() {
    let folder = Folder::new();
    let high = folder.0.join("wan2.2_t2v_high_noise.safetensors");
    fs::copy(single("wan-2.1.safetensors"), &high).unwrap();
    refused(
        &wan(&high, wan_files()),
        &["transformer_2", "wan2.2_t2v_low_noise.safetensors"],
    );
    let pair = |model: &Path, files: ModelFiles| {
        let mut request = wan(model, files);
        request.options.guidance_2 = Some(2.5);
        request
    };
    let low = low_noise(&folder.0.join("other.safetensors"));
    let named = ModelFiles {
        transformer_2: Some(low.clone()),
        ..wan_files()
    };
    check(&pair(&high, named), "wan-2.2-pair");
    fs::rename(low, folder.0.join("wan2.2_t2v_low_noise.safetensors")).unwrap();
    check(&pair(&high, wan_files()), "wan-2.2-pair");
    let wrong = folder.0.join("wan2.2_t2v_low_noise.safetensors");
    refused(&wan(&wrong, wan_files()), &["--model", "high noise"]);
}

#[track_caller]
fn refused(request: &Request, words: &[&str]) {
    let error = engine().resolve(request).map(|_| ()).unwrap_err();
    let text = format!("{error} / {}", error.hint());
    for word in words {
        assert!(text.contains(word), "`{word}` in: {text}");
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let model = single("wan-2.1.safetensors");
    let with = |change: fn(&mut ModelFiles)| {
        let mut files = wan_files();
        change(&mut files);
        wan(&model, files)
    };
    let t5 = with(|files| files.text_encoder = words("ltx-0.9.0").text_encoder);
    refused(&t5, &["text_encoder", "it is a T5, the model needs a UMT5"]);
    let none = with(|files| files.vae = None);
    refused(&none, &["vae", "no installed model", "--vae"]);
    let other = with(|files| files.vae = Some(single("ltx-0.9.0.safetensors")));
    refused(&other, &["vae", "no VAE of Wan"]);
    let bare = with(|files| files.tokenizer = None);
    refused(&bare, &["tokenizer", "--tokenizer"]);
    let pair = ModelFiles {
        transformer_2: Some(model.clone()),
        ..words("ltx-0.9.0")
    };
    let request = ltx(&single("ltx-0.9.0.safetensors"), pair);
    refused(&request, &["--transformer-2", "one transformer"]);
    let unknown = wan(&single("wan-2.1-vae.safetensors"), wan_files());
    refused(&unknown, &["no transformer of LTX-Video", "of Wan"]);
}

#[test]
fn tensors_that_are_missing_or_unread_are_named() {
    let folder = Folder::new();
    let fails = |model: &Path, words: &[&str]| {
        let output = Output {
            path: folder.0.join("clip.mp4"),
            ..Output::default()
        };
        let error = make(&wan(model, wan_files()), &output).unwrap_err();
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "`{word}` in: {text}");
        }
        assert!(!folder.0.join("clip.mp4").exists());
    };
    let model = single("wan-2.1.safetensors");
    let renamed = |name: &str| Some(name.replace("blocks.0.ffn.2", "blocks.0.fnf.2"));
    let path = folder.0.join("renamed.safetensors");
    fails(
        &rewrite(&model, &path, renamed, &[]),
        &["renamed.safetensors", "blocks.0.ffn.2.", "nearest is"],
    );
    let same = |name: &str| Some(name.to_owned());
    let path = folder.0.join("more.safetensors");
    let stray = [("blocks.0.stray.weight".to_owned(), 1.0)];
    fails(
        &rewrite(&model, &path, same, &stray),
        &["more.safetensors", "blocks.0.stray.weight"],
    );
}

/// Files of weights that lie, each in one way, as `crates/nn/tests/broken.rs` explains.
#[test]
fn files_that_lie_are_refused_wherever_they_are_named() {
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nn/fixtures/broken");
    let model = single("wan-2.1.safetensors");
    let mut tried = 0;
    for entry in fs::read_dir(broken).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let as_model = wan(&file, wan_files());
        let mut as_vae = wan(&model, wan_files());
        as_vae.files.vae = Some(file.clone());
        let mut as_encoder = wan(&model, wan_files());
        as_encoder.files.text_encoder = Some(file.clone());
        let mut as_lora = wan(&model, wan_files());
        as_lora.files.loras = vec![(file, 1.0)];
        for request in [as_model, as_vae, as_encoder, as_lora] {
            refused(&request, &[&name]);
            tried += 1;
        }
    }
    assert!(tried >= 4 * 40, "{tried} files");
}

/// A LoRA of rank 1 on the first query matrix, its layer named as a family of files names it.
fn lora(path: &Path, layer: &str, parts: [&str; 2], width: usize) -> (PathBuf, f64) {
    let ones: Vec<u8> = std::iter::repeat_n(0.05_f32.to_le_bytes(), width)
        .flatten()
        .collect();
    let view = |shape| TensorView::new(Stored::F32, shape, &ones).unwrap();
    let [down, up] = parts.map(|part| format!("{layer}.{part}.weight"));
    let stray = format!("{layer}_of_another_model.{}.weight", parts[0]);
    let tensors = [
        (down, view(vec![1, width])),
        (up, view(vec![width, 1])),
        (stray, view(vec![1, width])),
    ];
    fs::write(path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    (path.to_path_buf(), 1.0)
}

#[test]
fn a_lora_of_any_family_changes_any_layout_alike_and_its_strays_are_told() {
    const AB: [&str; 2] = ["lora_A", "lora_B"];
    const DOWN_UP: [&str; 2] = ["lora_down", "lora_up"];
    let folder = Folder::new();
    let original = single("wan-2.1.safetensors");
    let prefixed = |name: &str| Some(format!("{PREFIX}{name}"));
    let comfy = folder.0.join("comfy.safetensors");
    let comfy = rewrite(&original, &comfy, prefixed, &[]);
    let path = folder.0.join("lora.safetensors");
    let run = |model: &Path, loras: Vec<(PathBuf, f64)>| {
        let files = ModelFiles {
            loras,
            ..wan_files()
        };
        let latents = folder.0.join("latents.safetensors");
        let output = Output {
            path: folder.0.join("clip.mp4"),
            save_latents: Some(latents.clone()),
            overwrite: true,
            ..Output::default()
        };
        make(&wan(model, files), &output).unwrap();
        array(&latents, "latents").1
    };
    let plain = run(&original, Vec::new());
    let families = [
        ("transformer.blocks.0.attn1.to_q", AB),
        ("diffusion_model.blocks.0.self_attn.q", AB),
        ("lora_unet_blocks_0_self_attn_q", DOWN_UP),
    ];
    let mut changed = Vec::new();
    for (layer, parts) in families {
        let lora = lora(&path, layer, parts, 128);
        for model in [&original, &comfy] {
            changed.push(run(model, vec![lora.clone()]));
        }
        let files = ModelFiles {
            loras: vec![lora],
            ..wan_files()
        };
        let family = engine()
            .family(Some(&original.display().to_string()), &files)
            .unwrap();
        let notes = family.notes().join("; ");
        assert!(
            notes.contains("1 keys of the LoRAs are not used") && notes.contains("another_model"),
            "{notes}"
        );
    }
    assert!(changed.iter().all(|latents| *latents == changed[0]));
    assert!(changed[0] != plain);
}

#[test]
fn a_lora_named_for_one_expert_leaves_the_other_alone() {
    let folder = Folder::new();
    let low = low_noise(&folder.0.join("low.safetensors"));
    let run = |loras: Vec<(PathBuf, f64)>| {
        let files = ModelFiles {
            transformer_2: Some(low.clone()),
            loras,
            ..wan_files()
        };
        let latents = folder.0.join("latents.safetensors");
        let output = Output {
            path: folder.0.join("clip.mp4"),
            save_latents: Some(latents.clone()),
            overwrite: true,
            ..Output::default()
        };
        make(&wan(&single("wan-2.1.safetensors"), files), &output).unwrap();
        array(&latents, "latents").1
    };
    let named = |name: &str| {
        let layer = "diffusion_model.blocks.0.self_attn.q";
        lora(&folder.0.join(name), layer, ["lora_A", "lora_B"], 128)
    };
    let plain = run(Vec::new());
    let both = run(vec![named("style.safetensors")]);
    let high = run(vec![named("style_high_noise.safetensors")]);
    let low = run(vec![named("style_low_noise.safetensors")]);
    let each = run(vec![
        named("style_high_noise.safetensors"),
        named("style_low_noise.safetensors"),
    ]);
    assert_eq!(both, each);
    assert!(plain != high && plain != low && high != low && both != high && both != low);
}

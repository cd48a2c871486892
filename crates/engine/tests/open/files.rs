//! What files are opened, as what, and which are refused with what words.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use kinora_engine::{
    Error, Given, ModelFiles, ModelOptions, Output, Request, Size, needs, published_needs,
};
use kinora_media::ClipReader;
use serde_json::{Map, Value, json};

use crate::support::Folder;
use crate::{engine, fixtures, make};

pub(crate) fn request(model: &Path) -> Request {
    Request {
        prompt: "a dog on a beach".into(),
        model: Some(model.display().to_string()),
        frames: Some(9),
        size: Some(Size::new(32, 32)),
        seed: Some(1),
        steps: Some(2),
        options: ModelOptions {
            text_tokens: Some(48),
            ..ModelOptions::default()
        },
        ..Request::default()
    }
}

/// A copy of a fixture that a test may damage.
pub(crate) fn copy(model: &str, folder: &Folder) -> PathBuf {
    let to = folder.0.join(model);
    copy_folder(&fixtures().join(model), &to);
    to
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[track_caller]
fn refused(request: &Request, words: &[&str]) {
    let folder = Folder::new();
    let output = Output {
        path: folder.0.join("clip.mp4"),
        ..Output::default()
    };
    let error = make(request, &output).unwrap_err();
    let text = format!("{error} / {}", error.hint());
    assert!(!matches!(error, Error::Internal { .. }), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` in: {text}");
    }
    assert_eq!(folder.files(), [""; 0]);
}

#[test]
fn the_smallest_clips_are_made_and_sizes_are_snapped_and_said() {
    for model in [
        "ltx-0.9.0",
        "ltx-0.9.5",
        "wan-2.1",
        "wan-2.2-pair",
        "wan-2.2-5b",
    ] {
        let folder = Folder::new();
        let request = request(&fixtures().join(model));
        let output = Output {
            path: folder.0.join("clip.mp4"),
            ..Output::default()
        };
        let clip = make(&request, &output).unwrap();
        assert_eq!(
            (clip.width, clip.height, clip.frames),
            (32, 32, 9),
            "{model}"
        );
        let mut film = ClipReader::open(&output.path).unwrap();
        let mut shown = 0;
        while let Some(frame) = film.next_frame().unwrap() {
            assert_eq!(frame.len(), 32 * 32 * 3, "{model}");
            shown += 1;
        }
        assert_eq!(shown, 9, "{model}");

        let odd = Request {
            size: Some(Size::new(70, 33)),
            frames: Some(11),
            ..request
        };
        let job = engine().resolve(&odd).unwrap();
        let notes = job.notes.join("; ");
        assert!(
            notes.contains("64x32") && notes.contains("frames, the nearest to 11"),
            "{model}: {notes}"
        );
    }
}

#[test]
fn options_that_a_model_has_no_use_for_are_refused() {
    let wan = request(&fixtures().join("wan-2.1"));
    let with = |options: ModelOptions| Request {
        options,
        ..wan.clone()
    };
    let default = ModelOptions::default();
    refused(
        &with(ModelOptions {
            guidance_2: Some(3.0),
            ..default.clone()
        }),
        &["--guidance-2", "no use"],
    );
    refused(
        &with(ModelOptions {
            decode_timestep: Some(0.05),
            ..default.clone()
        }),
        &["--decode-timestep"],
    );
    let timesteps = Some(vec![1000.0, 500.0]);
    refused(
        &with(ModelOptions {
            timesteps: timesteps.clone(),
            ..default.clone()
        }),
        &["--timesteps", "no use"],
    );
    let rising = Request {
        options: ModelOptions {
            timesteps: Some(vec![500.0, 1000.0]),
            ..default.clone()
        },
        ..request(&fixtures().join("ltx-0.9.5"))
    };
    refused(&rising, &["--timesteps", "do not fall"]);
    let falling = Request {
        options: ModelOptions {
            timesteps,
            ..rising.options.clone()
        },
        ..rising
    };
    let job = engine().resolve(&falling).unwrap();
    assert_eq!(job.recipe.effective.steps, 2, "as many steps as timesteps");
    refused(
        &with(ModelOptions {
            shift: Some(-1.0),
            ..default
        }),
        &["--shift", "0.01"],
    );
    let vae = ModelFiles {
        vae: Some("vae.safetensors".into()),
        ..ModelFiles::default()
    };
    refused(
        &Request {
            files: vae.clone(),
            ..wan.clone()
        },
        &["--vae", "model_index.json"],
    );
    let native = Request {
        prompt: "a dog".into(),
        ..Request::default()
    };
    refused(
        &Request {
            files: vae,
            ..native
        },
        &["--vae", "kinora-1"],
    );
    let strict = Request {
        strict: true,
        ..wan
    };
    refused(&strict, &["--strict", "nobody has measured"]);
}

#[test]
fn a_lora_of_another_model_is_refused() {
    let loras = vec![(
        fixtures().join("wan-2.1/transformer/diffusion_pytorch_model.safetensors"),
        1.0,
    )];
    let files = ModelFiles {
        loras,
        ..ModelFiles::default()
    };
    refused(
        &Request {
            files,
            ..request(&fixtures().join("ltx-0.9.0"))
        },
        &["transformer"],
    );
}

#[test]
fn damaged_directories_say_which_file_and_why() {
    let folder = Folder::new();
    let damage = |file: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>, words: &[&str]| {
        let model = copy("wan-2.1", &folder);
        let path = model.join(file);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, change(bytes)).unwrap();
        refused(&request(&model), words);
    };
    let replace = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| {
            String::from_utf8(bytes)
                .unwrap()
                .replace(from, to)
                .into_bytes()
        }
    };
    damage(
        "model_index.json",
        &replace("WanPipeline", "MochiPipeline"),
        &["MochiPipeline", "LTXPipeline"],
    );
    damage(
        "model_index.json",
        &|_| b"{".to_vec(),
        &["model_index.json"],
    );
    // What a plan would count must stay numbers, also of descriptions that ask for the absurd.
    damage(
        "transformer/config.json",
        &replace("\"num_layers\": 2", "\"num_layers\": 9"),
        &["transformer", "blocks."],
    );
    damage(
        "text_encoder/config.json",
        &replace("\"d_kv\": 6", "\"d_kv\": 16000000"),
        &["text_encoder", "d_kv"],
    );
    damage(
        "vae/config.json",
        &replace("\"base_dim\": 3", "\"base_dim\": 65536"),
        &["vae", "dim_mult", "131072"],
    );
    damage(
        "vae/config.json",
        &replace("z_dim", "y_dim"),
        &["vae", "y_dim"],
    );
    damage(
        "transformer/config.json",
        &replace("\"ffn_dim\": 56", "\"ffn_dim\": 57"),
        &["transformer", "57"],
    );
    damage(
        "scheduler/scheduler_config.json",
        &replace("flow_prediction", "epsilon"),
        &["scheduler", "epsilon"],
    );
    let weights = "transformer/diffusion_pytorch_model.safetensors";
    damage(
        weights,
        &|bytes| bytes[..bytes.len() / 2].to_vec(),
        &["diffusion_pytorch_model"],
    );
    damage(
        weights,
        &|mut bytes| {
            let end = bytes.len();
            bytes[end - 2..].copy_from_slice(&[0xc0, 0x7f]); // NaN in bf16
            bytes
        },
        &["transformer", "NaN"],
    );
    damage(
        "tokenizer/tokenizer.json",
        &|_| b"[]".to_vec(),
        &["tokenizer"],
    );
}

#[test]
fn a_missing_part_is_named() {
    let folder = Folder::new();
    let model = copy("ltx-0.9.0", &folder);
    fs::remove_dir_all(model.join("vae")).unwrap();
    refused(&request(&model), &["vae"]);
}

/// A weight file of the published names and shapes, its numbers a hole in the file.
fn hollow(path: &Path, lists: &[&str]) {
    let mut header = Map::new();
    let mut end = 0;
    for line in lists.iter().flat_map(|list| list.lines()) {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let shape: Vec<usize> = words.map(|size| size.parse().unwrap()).collect();
        for name in numbered(name) {
            let start = end;
            end += shape.iter().product::<usize>() * 2;
            let entry = json!({"dtype": "BF16", "shape": shape, "data_offsets": [start, end]});
            header.insert(name, entry);
        }
    }
    let header = Value::Object(header).to_string();
    let mut file = File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len((8 + header.len() + end) as u64).unwrap();
}

/// `a.{0..2}.b` is three names.
fn numbered(name: &str) -> Vec<String> {
    let parts = name.split_once('{').and_then(|(before, rest)| {
        let (range, after) = rest.split_once('}')?;
        let (first, last) = range.split_once("..")?;
        Some((
            before,
            first.parse::<usize>().ok()?..=last.parse().ok()?,
            after,
        ))
    });
    match parts {
        Some((before, range, after)) => range.map(|i| format!("{before}{i}{after}")).collect(),
        None => vec![name.to_owned()],
    }
}

#[test]
fn a_single_file_of_ltx_video_is_told_by_its_tensors() {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fixtures/ltx/keys");
    let list = |name: &str| fs::read_to_string(keys.join(name)).unwrap();
    let transformer = list("transformer-2b.original.txt");
    for (vae, told) in [("0.9.0", false), ("0.9.1", true), ("0.9.5", true)] {
        let folder = Folder::new();
        let file = folder.0.join("ltx-video.safetensors");
        hollow(
            &file,
            &[&transformer, &list(&format!("vae-{vae}.original.txt"))],
        );
        let whole = Request {
            size: Some(Size::new(512, 512)),
            frames: Some(49),
            ..request(&file)
        };
        refused(&whole, &["text_encoder", "--text-encoder"]);

        fs::create_dir(folder.0.join("text_encoder")).unwrap();
        let encoder = "../models/src/t5/presets/t5_v1_1_xxl.json";
        let encoder = Path::new(env!("CARGO_MANIFEST_DIR")).join(encoder);
        fs::copy(encoder, folder.0.join("text_encoder/config.json")).unwrap();
        hollow(
            &folder.0.join("text_encoder/model.safetensors"),
            &["shared.weight 32128 4096"],
        );
        let spiece = fixtures().join("ltx-0.9.0/tokenizer/spiece.model");
        let tokenizer = Some(spiece);
        let files = ModelFiles {
            tokenizer,
            ..ModelFiles::default()
        };
        let job = engine().resolve(&Request { files, ..whole }).unwrap();
        let effective = &job.recipe.effective;
        assert_eq!(job.recipe.model, "ltx-video");
        assert_eq!(effective.decode_timestep.is_some(), told, "{vae}");
        let parts = job.plan.denoise.iter();
        let weights = parts
            .clone()
            .find(|part| part.name == "transformer")
            .unwrap()
            .bytes;
        assert!(
            (3_700_000_000..4_000_000_000).contains(&weights),
            "{weights} bytes for 1.9 billion"
        );

        // Without the file, its descriptions come to the same plan.
        let files = ModelFiles {
            tokenizer: Some(fixtures().join("ltx-0.9.0/tokenizer/spiece.model")),
            ..ModelFiles::default()
        };
        let name = file.display().to_string();
        let family = engine().family(Some(&name), &files).unwrap();
        let here = needs(&*family).unwrap();
        let told = published_needs(&format!("ltx-2b-{vae}")).unwrap().unwrap();
        assert_eq!(here.len(), 3);
        for (here, told) in here.iter().zip(&told) {
            // The original layout has statistics of the latents twice.
            let difference = here.peak_bytes.abs_diff(told.peak_bytes);
            assert!(difference < 4096, "{here:?}, not {told:?}");
            assert_eq!((here.size, here.seconds), (told.size, told.seconds));
        }
    }
}

#[test]
fn a_model_is_given_only_pictures_that_it_can_use() {
    let picture = fixtures().join("ltx-0.9.5-image.png");
    let given = |model: &str, given: Given| Request {
        given,
        ..request(&fixtures().join(model))
    };
    let first = Given {
        image: Some(picture.clone()),
        ..Given::default()
    };
    let last = Given {
        last_image: Some(picture),
        ..first.clone()
    };
    refused(&given("wan-2.1", first.clone()), &["--image", "text alone"]);
    refused(&given("ltx-0.9.5", last), &["--last-image", "no more"]);
    let looped = Request {
        looped: true,
        ..given("wan-2.2-5b", first.clone())
    };
    refused(&looped, &["--loop", "no more"]);
    // The first version adds no noise to pictures, the condition pipeline does.
    let mut noisy = given("ltx-0.9.0", first);
    noisy.options.image_noise_scale = Some(0.1);
    refused(&noisy, &["--image-noise-scale", "no use"]);
}

#[test]
fn one_of_two_experts_is_planned_for() {
    let weights = |model: &str| {
        let job = engine().resolve(&request(&fixtures().join(model)));
        let parts = job.unwrap().plan.denoise;
        let transformer = parts.iter().find(|part| part.name == "transformer");
        transformer.unwrap().bytes
    };
    // The second expert of the pair has fewer layers than the first, which is the single model's.
    assert_eq!(weights("wan-2.2-pair"), weights("wan-2.1"));
}

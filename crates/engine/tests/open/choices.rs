//! What a request leaves open is the model's published choice.

use std::fs;
use std::path::{Path, PathBuf};

use kinora_engine::{Effective, Engine, Output, Request};

use crate::files::{copy, request};
use crate::parity::{array, init};
use crate::support::Folder;
use crate::{engine, fixtures, make};

fn effective(request: &Request) -> Effective {
    let job = engine().resolve(request).unwrap();
    job.recipe.effective
}

#[test]
fn guidance_is_for_both_experts_unless_the_second_has_its_own() {
    let with = |guidance: Option<f64>, second: Option<f64>| {
        let mut request = request(&fixtures().join("wan-2.2-pair"));
        (request.guidance, request.options.guidance_2) = (guidance, second);
        let effective = effective(&request);
        (effective.guidance, effective.guidance_2)
    };
    assert_eq!(with(None, None), (4.0, Some(3.0)), "the published pair");
    assert_eq!(with(Some(6.0), None), (6.0, Some(6.0)));
    assert_eq!(with(None, Some(2.0)), (4.0, Some(2.0)));
    assert_eq!(with(Some(6.0), Some(2.0)), (6.0, Some(2.0)));
}

#[test]
fn a_model_that_is_called_distilled_has_its_fixed_timesteps() {
    let folder = Folder::new();
    let model = copy("ltx-0.9.5", &folder);
    let distilled = folder.0.join("ltx-tiny-Distilled");
    fs::rename(model, &distilled).unwrap();
    let mut request = request(&distilled);
    request.steps = None;
    let job = engine().resolve(&request).unwrap();
    let own = &job.recipe.effective;
    assert_eq!((own.steps, own.guidance), (8, 1.0));
    assert_eq!(own.timesteps.as_ref().unwrap()[..2], [1000.0, 993.0]);
    let notes = job.notes.join("; ");
    assert!(notes.contains("8 timesteps of its own"), "{notes}");

    (request.steps, request.guidance) = (Some(5), Some(2.0));
    let asked = effective(&request);
    assert_eq!((asked.steps, asked.guidance), (5, 2.0));
    assert_eq!(asked.timesteps, None);
}

/// The latents that a model makes of a fixture's noise with a seed.
fn latents(model: &Path, seed: u64) -> Vec<f32> {
    let folder = Folder::new();
    let mut request = request(model);
    request.seed = Some(seed);
    (request.frames, request.size) = (Some(17), Some(kinora_engine::Size::new(32, 64)));
    let latents = folder.0.join("latents.safetensors");
    let output = Output {
        path: folder.0.join("clip.mp4"),
        init_latents: Some(init(&folder, &fixtures().join("ltx-0.9.0.safetensors"))),
        save_latents: Some(latents.clone()),
        ..Output::default()
    };
    make(&request, &output).unwrap();
    array(&latents, "latents").1
}

#[test]
fn a_scheduler_may_ask_for_fresh_noise_in_each_step() {
    let folder = Folder::new();
    let plain = fixtures().join("ltx-0.9.0");
    let fresh = copy("ltx-0.9.0", &folder);
    let scheduler = fresh.join("scheduler/scheduler_config.json");
    let text = fs::read_to_string(&scheduler).unwrap();
    let switched = text.replace(
        "\"stochastic_sampling\": false",
        "\"stochastic_sampling\": true",
    );
    assert_ne!(text, switched);
    fs::write(&scheduler, switched).unwrap();
    let sampler = |model: &PathBuf| effective(&request(model)).sampler;
    assert_eq!(
        (&*sampler(&plain), &*sampler(&fresh)),
        ("euler", "euler-fresh")
    );
    // The noise to begin with is given: the seed decides nothing more, but for fresh noise.
    assert_eq!(latents(&plain, 1), latents(&plain, 2));
    assert_eq!(latents(&fresh, 1), latents(&fresh, 1));
    assert_ne!(latents(&fresh, 1), latents(&fresh, 2));
    assert_ne!(latents(&fresh, 1), latents(&plain, 1));
}

#[test]
fn a_text_is_encoded_once_by_each_text_encoder() {
    let folder = Folder::new();
    let states = folder.0.join("states");
    let model = copy("wan-2.1", &folder);
    let run = |prompt: &str| {
        let engine = Engine::with_cache(Some(states.clone()));
        let mut request = request(&model);
        request.prompt = prompt.into();
        let output = Output {
            path: folder.0.join("clip.mp4"),
            overwrite: true,
            ..Output::default()
        };
        let job = engine.resolve(&request).unwrap();
        engine
            .run(
                &request,
                &job,
                &output,
                &mut (),
                &kinora_engine::Cancel::default(),
            )
            .unwrap();
        fs::read_dir(&states).unwrap().count()
    };
    assert_eq!(run("a dog on a beach"), 2, "prompt and negative prompt");
    assert_eq!(run("a dog on a beach"), 2);
    assert_eq!(run("a cat on a beach"), 3);
    let weights = model.join("text_encoder/model.safetensors");
    let mut changed = fs::read(&weights).unwrap();
    let end = changed.len();
    changed[end - 1] ^= 1;
    fs::write(&weights, changed).unwrap();
    assert_eq!(
        run("a cat on a beach"),
        5,
        "another encoder says something else"
    );
}

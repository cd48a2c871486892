//! Clips from the double: the stages, the files, stopping and failing.

mod support;

use std::fs;

use kinora_engine::{
    Cancel, Clip, Engine, Error, Output, Preview, Progress, Recipe, Request, Result, Stage,
    StepCache, Update, resolve,
};
use support::{Double, Folder, request};

#[derive(Default)]
struct Watcher {
    updates: Vec<(Stage, u32, u32)>,
    previews: Vec<Preview>,
    /// Stops when this comes.
    stop_at: Option<(Stage, u32)>,
    cancel: Cancel,
}

impl Progress for Watcher {
    fn update(&mut self, update: &Update) {
        self.updates.push((update.stage, update.step, update.of));
        if self
            .stop_at
            .is_some_and(|(stage, step)| update.stage == stage && update.step >= step)
        {
            self.cancel.cancel();
        }
    }
    fn wants_preview(&self) -> bool {
        true
    }
    fn preview(&mut self, picture: &Preview) {
        self.previews.push(picture.clone());
    }
}

fn make(
    double: &Double,
    request: &Request,
    output: &Output,
    watcher: &mut Watcher,
) -> Result<Clip> {
    let job = resolve(double, request)?;
    let cancel = watcher.cancel.clone();
    Engine::new().run_family(double, &job, output, watcher, &cancel)
}

fn output(folder: &Folder, name: &str) -> Output {
    Output {
        path: folder.0.join(name),
        ..Output::default()
    }
}

#[test]
fn a_clip_is_made_and_says_how() {
    let folder = Folder::new();
    let (output, mut watcher) = (output(&folder, "a.mp4"), Watcher::default());
    let clip = make(
        &Double::default(),
        &request("a dog at dawn"),
        &output,
        &mut watcher,
    )
    .unwrap();
    assert_eq!(
        (clip.width, clip.height, clip.frames, clip.fps),
        (192, 128, 24, 24)
    );
    assert_eq!(folder.files(), ["a.mp4"]);
    let recipe = Recipe::of_file(&output.path).unwrap();
    assert_eq!(
        (recipe.model.as_str(), recipe.effective.seed),
        ("double", 7)
    );

    let denoise: Vec<u32> = watcher
        .updates
        .iter()
        .filter(|u| u.0 == Stage::Denoise)
        .map(|u| u.1)
        .collect();
    assert_eq!(denoise, [0, 1, 2, 3, 4]);
    assert_eq!(watcher.updates.last(), Some(&(Stage::Decode, 24, 24)));
    assert!(
        watcher.updates.is_sorted_by_key(|update| update.0),
        "stages come in order"
    );
    assert_eq!(watcher.previews.len(), 4);
    assert_eq!(
        watcher.previews[0].rgb.len(),
        watcher.previews[0].size.rgb_bytes()
    );
}

#[test]
fn steps_are_reused_where_that_is_asked_for_and_the_recipe_says_so() {
    let folder = Folder::new();
    let reused = |name: &str, cache: Option<StepCache>| {
        let wish = Request {
            steps: Some(20),
            cache,
            ..request("a dog at dawn")
        };
        let output = output(&folder, name);
        let clip = make(&Double::default(), &wish, &output, &mut Watcher::default()).unwrap();
        let recipe = Recipe::of_file(&output.path).unwrap();
        assert_eq!(recipe.effective.cache, cache);
        clip.reused_steps
    };
    assert_eq!(reused("all.mp4", None), 0);
    assert_eq!(reused("none.mp4", Some(StepCache::Easy(0.0))), 0);
    let some = reused("some.mp4", Some(StepCache::Easy(0.5)));
    assert!(
        (1..=16).contains(&some),
        "{some} of 20, three and the last never"
    );
}

#[test]
fn same_request_same_bytes_under_any_name_and_another_seed_differs() {
    let folder = Folder::new();
    let make = |name: &str, request: &Request| {
        let output = output(&folder, name);
        make(
            &Double::default(),
            request,
            &output,
            &mut Watcher::default(),
        )
        .unwrap();
        fs::read(output.path).unwrap()
    };
    let wish = Request {
        finish: "grain".parse().unwrap(),
        ..request("a dog at dawn")
    };
    let first = make("a.mp4", &wish);
    kinora_tensor::set_threads(1);
    assert_eq!(first, make("another name.mp4", &wish));
    assert_ne!(
        first,
        make(
            "c.mp4",
            &Request {
                seed: Some(8),
                ..wish.clone()
            }
        )
    );
    assert_ne!(
        first,
        make(
            "d.mp4",
            &Request {
                negative: "rain".into(),
                ..wish
            }
        )
    );
}

#[test]
fn stopping_leaves_no_file() {
    for stop_at in [
        (Stage::Load, 0),
        (Stage::Text, 0),
        (Stage::Denoise, 2),
        (Stage::Decode, 9),
    ] {
        let folder = Folder::new();
        let mut watcher = Watcher {
            stop_at: Some(stop_at),
            ..Watcher::default()
        };
        let save_frames = Some(folder.0.join("frames.safetensors"));
        let output = Output {
            save_frames,
            ..output(&folder, "a.mp4")
        };
        let made = make(
            &Double::default(),
            &request("a dog at dawn"),
            &output,
            &mut watcher,
        );
        assert!(matches!(made, Err(Error::Cancelled)), "{stop_at:?}");
        assert_eq!(folder.files(), [""; 0], "{stop_at:?}");
        let after = watcher
            .updates
            .iter()
            .filter(|u| (u.0, u.1) > stop_at)
            .count();
        assert!(after <= 1, "{stop_at:?}: {after} steps after the stop");
    }
}

#[test]
fn a_mistake_inside_is_an_error_of_this_job_and_leaves_no_file() {
    let folder = Folder::new();
    let double = Double {
        panics: true,
        ..Double::default()
    };
    let output = output(&folder, "a.mp4");
    let error = make(&double, &request("a dog"), &output, &mut Watcher::default()).unwrap_err();
    assert!(
        matches!(&error, Error::Internal { message } if message.contains("told to fail")),
        "{error}"
    );
    assert_eq!(folder.files(), [""; 0]);
}

#[test]
fn what_does_not_fit_into_memory_is_refused_with_the_plan() {
    let folder = Folder::new();
    let double = Double {
        bytes: 1 << 50,
        ..Double::default()
    };
    let output = output(&folder, "a.mp4");
    let error = make(&double, &request("a dog"), &output, &mut Watcher::default()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Memory { .. }), "{text}");
    assert!(
        text.contains("activations") && text.contains("peak"),
        "{text}"
    );
    assert_eq!(folder.files(), [""; 0]);
}

#[test]
fn frames_and_latents_are_saved_and_latents_start_a_clip() {
    let folder = Folder::new();
    let (frames, latents) = (
        folder.0.join("f.safetensors"),
        folder.0.join("l.safetensors"),
    );
    let saving = Output {
        save_frames: Some(frames.clone()),
        save_latents: Some(latents.clone()),
        ..output(&folder, "a.mp4")
    };
    let wish = request("a dog at dawn");
    make(&Double::default(), &wish, &saving, &mut Watcher::default()).unwrap();
    let bytes = fs::read(&frames).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    // Every painted frame, also the one that the clip does not show.
    assert_eq!(file.tensor("frames").unwrap().shape(), [25, 128, 192, 3]);

    let starting = Output {
        init_latents: Some(latents.clone()),
        ..output(&folder, "b.mp4")
    };
    make(
        &Double::default(),
        &wish,
        &starting,
        &mut Watcher::default(),
    )
    .unwrap();
    assert!(
        Recipe::of_file(&starting.path)
            .unwrap()
            .effective
            .noise_from_file
    );
    let longer = Request {
        seconds: Some(2.0),
        ..wish
    };
    let output = Output {
        init_latents: Some(latents),
        ..output(&folder, "c.mp4")
    };
    let error = make(
        &Double::default(),
        &longer,
        &output,
        &mut Watcher::default(),
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("this clip needs F32 [1, 1, 7, 4, 6]"),
        "{error}"
    );
}

#[test]
fn files_are_never_replaced_unasked() {
    let folder = Folder::new();
    let output = output(&folder, "a.mp4");
    fs::write(&output.path, "mine").unwrap();
    let error = make(
        &Double::default(),
        &request("a dog"),
        &output,
        &mut Watcher::default(),
    );
    assert!(error.unwrap_err().hint().contains("--force"));
    assert_eq!(fs::read(&output.path).unwrap(), b"mine");
    let output = Output {
        overwrite: true,
        ..output
    };
    make(
        &Double::default(),
        &request("a dog"),
        &output,
        &mut Watcher::default(),
    )
    .unwrap();
    assert_ne!(fs::read(&output.path).unwrap(), b"mine");

    let nowhere = Output {
        path: folder.0.join("no/such/a.mp4"),
        ..Output::default()
    };
    let error = make(
        &Double::default(),
        &request("a dog"),
        &nowhere,
        &mut Watcher::default(),
    );
    assert!(error.unwrap_err().hint().contains("folder must exist"));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_replaced() {
    let folder = Folder::new();
    let socket = folder.0.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let output = Output {
        overwrite: true,
        save_frames: Some(socket.clone()),
        ..output(&folder, "a.mp4")
    };
    let error = make(
        &Double::default(),
        &request("a dog"),
        &output,
        &mut Watcher::default(),
    );
    let error = error.unwrap_err();
    assert!(
        error.to_string().contains("socket is not a file"),
        "{error}"
    );
    assert_eq!(folder.files(), ["socket"]);
}

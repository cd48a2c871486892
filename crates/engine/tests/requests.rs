//! What a request comes to, and what is refused with which words, before anything is computed.

mod support;

use kinora_engine::model::Pictures;
use kinora_engine::{Engine, Error, Kind, Request, Resolution, StepCache, resolve};
use support::{Double, request};

#[track_caller]
fn refused(request: &Request, code: &str, message: &str, hint: &str) {
    let error = resolve(&Double::default(), request).expect_err("refused");
    assert_eq!(error.code(), code);
    assert!(error.to_string().contains(message), "message: {error}");
    assert!(error.hint().contains(hint), "hint: {}", error.hint());
}

#[test]
fn impossible_requests_say_cause_and_way_out() {
    let good = request("a dog at dawn");
    refused(&request(""), "empty_prompt", "empty", "such as");
    refused(&request(" \n\t"), "empty_prompt", "empty", "such as");
    refused(
        &request("Square, two seconds:"),
        "empty_prompt",
        "empty",
        "such as",
    );
    refused(
        &request(&"a dog ".repeat(30)),
        "prompt_too_long",
        "60 words",
        "camera sees",
    );
    refused(
        &request(&"x".repeat(5000)),
        "prompt_too_long",
        "5000 characters",
        "camera",
    );
    for seconds in [0.0, -1.0, 0.99, 4.01, 1e300, f64::NAN, f64::INFINITY] {
        let request = Request {
            seconds: Some(seconds),
            ..good.clone()
        };
        refused(&request, "invalid_seconds", "1 to 4 seconds", "--seconds");
    }
    for fps in [0, 1, 23, 240, u32::MAX] {
        refused(
            &Request {
                fps: Some(fps),
                ..good.clone()
            },
            "invalid_value",
            "--fps",
            "24, 25",
        );
    }
    for steps in [0, 201, u32::MAX] {
        refused(
            &Request {
                steps: Some(steps),
                ..good.clone()
            },
            "invalid_value",
            "--steps",
            "200",
        );
    }
    for guidance in [-0.5, 21.0, f64::NAN, f64::NEG_INFINITY] {
        let request = Request {
            guidance: Some(guidance),
            ..good.clone()
        };
        refused(&request, "invalid_value", "--guidance", "usual is 2");
    }
    refused(
        &Request {
            seed: Some(u64::MAX),
            ..good.clone()
        },
        "invalid_value",
        "--seed",
        "0 to",
    );
    let size = Some("4000x100".parse().unwrap());
    refused(
        &Request {
            size,
            ..good.clone()
        },
        "invalid_size",
        "4000x100",
        "1920x1080",
    );
    let negative = "word ".repeat(21);
    refused(
        &Request { negative, ..good },
        "prompt_too_long",
        "negative prompt",
        "",
    );
}

#[test]
fn impossible_savings_say_cause_and_way_out() {
    for interval in [(0.6, 0.4), (-0.1, 1.0), (0.0, 1.1), (f64::NAN, 1.0)] {
        let request = Request {
            guidance_interval: Some(interval),
            ..request("a dog")
        };
        refused(
            &request,
            "invalid_value",
            "--guidance-interval",
            "lower one first",
        );
    }
    for threshold in [-0.1, 1.5, f64::NAN] {
        let request = Request {
            cache: Some(StepCache::Easy(threshold)),
            ..request("a dog")
        };
        refused(&request, "invalid_value", "--cache", "0 to 1");
    }
}

#[test]
fn refused_content_names_its_category_and_is_no_usage_error() {
    let error = resolve(&Double::default(), &request("a nude woman")).unwrap_err();
    assert!(matches!(error, Error::Moderation { .. }) && error.kind() == Kind::Failure);
    assert!(error.to_string().contains("(sexual)"), "{error}");
    // A negative prompt may name what is not wanted.
    let negative = Request {
        negative: "nudity, gore".into(),
        ..request("a dog at dawn")
    };
    assert!(resolve(&Double::default(), &negative).is_ok());
    // Unless guidance leads to it.
    let led = Request {
        guidance: Some(0.0),
        ..negative
    };
    let error = resolve(&Double::default(), &led).unwrap_err();
    assert!(matches!(error, Error::Moderation { .. }), "{error}");
}

#[test]
fn a_single_frame_has_no_end_of_its_own() {
    let looped = Request {
        seconds: None,
        frames: Some(1),
        looped: true,
        ..request("a dog at dawn")
    };
    let mut double = Double::default();
    double.info.pictures = Pictures::Any;
    let error = resolve(&double, &looped).unwrap_err();
    let said = format!("{error} {}", error.hint());
    assert!(said.contains("at least 9 frames"), "{said}");
}

#[test]
fn options_win_over_format_words_and_those_over_defaults() {
    let double = Double::default();
    let read = Request {
        seconds: None,
        ..request("Vertical, two seconds: a dog at dawn")
    };
    let effective = resolve(&double, &read).unwrap().recipe.effective;
    assert_eq!(effective.prompt, "a dog at dawn");
    assert_eq!(
        (effective.timing.frames, effective.timing.native_frames),
        (48, 49)
    );
    assert_eq!(effective.framing.native.to_string(), "128x192");
    let (aspect, seconds) = (Some("1:1".parse().unwrap()), Some(3.0));
    let effective = resolve(
        &double,
        &Request {
            aspect,
            seconds,
            ..read
        },
    )
    .unwrap()
    .recipe
    .effective;
    assert_eq!(effective.timing.frames, 72);
    assert_eq!(effective.framing.size.to_string(), "160x160");
    let long = Request {
        seconds: None,
        ..request("eight seconds: a dog at dawn")
    };
    refused(
        &long,
        "invalid_seconds",
        "not 8",
        "\"eight seconds\": --seconds 4",
    );
}

#[test]
fn steps_lean_to_noise_with_the_length_of_a_clip_and_what_is_asked_wins() {
    let shift = |seconds: f64, asked: Option<f64>| {
        let mut request = Request {
            seconds: Some(seconds),
            ..request("a dog at dawn")
        };
        request.options.shift = asked;
        let job = Engine::new().resolve(&request).expect("a job of kinora-1");
        job.recipe.effective.shift
    };
    let shifts = [1.0, 4.0, 20.0].map(|seconds| shift(seconds, None));
    assert!(
        1.0 < shifts[0] && shifts.is_sorted_by(|a, b| a < b),
        "{shifts:?}"
    );
    assert!((shift(4.0, Some(1.5)) - 1.5).abs() < f64::EPSILON);
}

#[test]
fn other_sizes_are_told_with_the_native_one() {
    let resolution = Some(Resolution::P720);
    let job = resolve(
        &Double::default(),
        &Request {
            resolution,
            ..request("a dog at dawn")
        },
    )
    .unwrap();
    assert_eq!(job.recipe.effective.framing.size.to_string(), "1280x720");
    assert!(
        job.notes
            .iter()
            .any(|note| note.contains("painted at 192x128")),
        "{:?}",
        job.notes
    );
}

#[test]
fn strict_refuses_ignored_words_and_low_coverage() {
    let strict = |prompt| Request {
        strict: true,
        ..request(prompt)
    };
    refused(
        &strict("a gryphon at dawn"),
        "coverage_too_low",
        "ignored: gryphon",
        "--strict",
    );
    // Nothing is measured for the double: everything is weak, which is less than strict asks for.
    refused(
        &strict("a dog at dawn"),
        "coverage_too_low",
        "0.50 of at least 0.80",
        "kinora prompt",
    );
}

#[test]
fn the_recipe_holds_no_path_and_round_trips() {
    let model = Some("some/folder".to_owned());
    let job = resolve(
        &Double::default(),
        &Request {
            model,
            ..request("a dog at dawn")
        },
    )
    .unwrap();
    let json = job.recipe.to_json();
    assert!(!json.contains("folder"), "{json}");
    let back: kinora_engine::Recipe = serde_json::from_str(&json).unwrap();
    assert_eq!(back, job.recipe);
}

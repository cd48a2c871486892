//! The command line as a user meets it: the built binary, its words, files and exit codes.

mod support;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use kinora_media::ClipReader;
use serde_json::{Value, json};
use support::{Folder, tiny_model, write_model};

/// Runs in an empty folder and expects one clear error: exit code, words of message and hint.
#[track_caller]
fn fails(arguments: &[&str], code: i32, message: &str, hint: &str) {
    let folder = Folder::new();
    let outcome = folder.kinora(arguments);
    assert_eq!(outcome.code, code, "{arguments:?}: {}", outcome.err);
    assert!(
        outcome.err.contains(message),
        "{arguments:?} says {}",
        outcome.err
    );
    let said = outcome
        .err
        .lines()
        .find_map(|line| line.strip_prefix("hint: "))
        .unwrap_or_default();
    assert!(
        said.contains(hint),
        "{arguments:?} hints `{said}`: {}",
        outcome.err
    );
    assert!(
        outcome.out.is_empty(),
        "nothing on standard output: {}",
        outcome.out
    );
    assert_eq!(folder.files(), [""; 0], "{arguments:?} leaves no file");
}

#[track_caller]
fn generate_fails(more: &[&str], code: i32, message: &str, hint: &str) {
    let model = tiny_model();
    let model = model.to_str().unwrap();
    fails(
        &[&["generate", "a dog at dawn", "--model", model], more].concat(),
        code,
        message,
        hint,
    );
}

#[test]
fn help_is_complete() {
    let folder = Folder::new();
    insta::assert_snapshot!("help", folder.kinora(&["--help"]).out);
    insta::assert_snapshot!("generate_help", folder.kinora(&["generate", "--help"]).out);
    insta::assert_snapshot!("bench_help", folder.kinora(&["bench", "--help"]).out);
    assert!(folder.kinora(&["--version"]).out.starts_with("kinora "));
}

#[test]
fn wrong_usage_is_explained() {
    fails(&["generate"], 2, "<PROMPT>", "--help");
    fails(
        &["generat", "a dog"],
        2,
        "unrecognized subcommand",
        "--help",
    );
    generate_fails(&["--sedonds", "2"], 2, "--sedonds", "--help");
    generate_fails(&["--seconds", "long"], 2, "invalid value 'long'", "--help");
    generate_fails(&["--steps", "-4"], 2, "invalid value '-4'", "--help");
    generate_fails(
        &["--steps", "0"],
        2,
        "--steps 0 is not possible",
        "1 to 200",
    );
    generate_fails(&["--seed", "-1"], 2, "invalid value '-1'", "--help");
    generate_fails(&["--count", "0"], 2, "invalid value '0'", "--help");
    generate_fails(
        &["--seconds", "NaN"],
        2,
        "not NaN",
        "--seconds 1 to --seconds 4",
    );
    generate_fails(
        &["--seconds", "-3"],
        2,
        "not -3",
        "--seconds 1 to --seconds 4",
    );
    generate_fails(&["--seconds", "9"], 2, "1 to 4 seconds, not 9", "--seconds");
    generate_fails(&["--guidance", "NaN"], 2, "--guidance NaN", "0 to 20");
    generate_fails(&["--fps", "0"], 2, "--fps 0", "24");
    generate_fails(&["--size", "0x0"], 2, "0x0", "--help");
    generate_fails(
        &["--size", "9000x200"],
        2,
        "larger than 1920x1080",
        "1920x1080",
    );
    generate_fails(&["--size", "641x360"], 2, "odd side", "640x360");
    generate_fails(&["--aspect", "9:1"], 2, "too elongated", "16:9");
    generate_fails(
        &["--aspect", "1:1", "--size", "640x640"],
        2,
        "cannot be used with",
        "--help",
    );
    generate_fails(&["--resolution", "4k"], 2, "known are 480p", "--help");
    generate_fails(
        &["--finish", "kinora-250x"],
        2,
        "did you mean `kinora-250d`?",
        "--help",
    );
}

#[test]
fn prompts_that_cannot_be_made_are_refused_before_anything_happens() {
    let model = tiny_model();
    let model = model.to_str().unwrap();
    let generate = |prompt: &str, code: i32, message: &str, hint: &str| {
        fails(&["generate", prompt, "--model", model], code, message, hint);
    };
    generate("", 2, "the prompt is empty", "such as");
    generate(
        &"a dog ".repeat(30),
        2,
        "60 words, more than the 40",
        "kinora prompt",
    );
    generate("a nude woman on a beach", 1, "(sexual)", "kinora prompt");
    generate(
        "sexy schoolgirl",
        1,
        "(sexual_minors)",
        "no setting allows this",
    );
    generate("eight seconds: a dog at dawn", 2, "not 8", "--seconds 4");
    generate_fails(
        &["--strict", "--negative", "rain"],
        1,
        "coverage",
        "without --strict",
    );
}

#[test]
fn unknown_models_and_damaged_weights_are_named() {
    fails(
        &["generate", "a dog", "--model", "sora"],
        2,
        "no model `sora`",
        "folder",
    );
    let folder = write_model(&format!("damaged-{}", std::process::id()));
    let model = folder.to_str().unwrap();
    let file = folder.join("transformer.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    fails(
        &["generate", "a dog", "--model", model],
        1,
        "transformer.safetensors: damaged",
        "install",
    );
    fs::write(&file, &bytes[..middle]).unwrap();
    fails(
        &["generate", "a dog", "--model", model],
        1,
        "transformer.safetensors",
        "install",
    );
    fs::remove_file(&file).unwrap();
    fails(
        &["generate", "a dog", "--model", model],
        1,
        "transformer.safetensors",
        "install",
    );
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn outputs_that_cannot_be_written_are_refused() {
    generate_fails(
        &["--output", "no/such/folder/a.mp4"],
        1,
        "no/such/folder",
        "folder must exist",
    );
    generate_fails(&["--output", "."], 1, "", "");
    generate_fails(
        &["--init-latents", "none.safetensors"],
        1,
        "none.safetensors",
        "safetensors",
    );
}

#[test]
fn too_little_memory_shows_the_plan() {
    let folder = Folder::new();
    let model = tiny_model();
    let mut command = folder.command(&["generate", "a dog", "--model", model.to_str().unwrap()]);
    let output = command.env("KINORA_MEMORY_MIB", "20").output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(
        err.contains("20 MiB are available") && err.contains("feature maps"),
        "{err}"
    );
    assert_eq!(folder.files(), [""; 0]);
}

#[test]
fn unknown_processors_are_refused() {
    let folder = Folder::new();
    let model = tiny_model();
    let mut command = folder.command(&["generate", "a dog", "--model", model.to_str().unwrap()]);
    let output = command.env("KINORA_CPU", "abacus").output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(
        err.contains("KINORA_CPU") && err.contains("hint: this machine has reference"),
        "{err}"
    );
}

#[test]
fn json_is_one_object_on_standard_output() {
    let folder = Folder::new();
    let outcome = folder.generate("a dog at dawn", &["--seed", "5", "--count", "2", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let json: Value = serde_json::from_str(&outcome.out).expect("one JSON object");
    let outputs = json["outputs"].as_array().expect("outputs");
    assert_eq!(folder.files(), ["kinora-5-1.mp4", "kinora-5-2.mp4"]);
    for (output, n) in outputs.iter().zip(1..) {
        assert_eq!(output["path"], format!("kinora-5-{n}.mp4"));
        assert_eq!(output["seed"], 4 + n);
        assert_eq!(
            (&output["width"], &output["height"]),
            (&576.into(), &320.into())
        );
        assert_eq!(
            (&output["fps"], &output["frames"]),
            (&24.into(), &24.into())
        );
        assert_eq!(output["seconds"], 1.0);
        assert_eq!(output["model"], "tiny");
        assert_eq!(output["model_hash"].as_str().map(str::len), Some(64));
    }
    assert!(
        outcome.err.contains("denoise 2/2") && outcome.err.contains("seed 5"),
        "{}",
        outcome.err
    );
}

#[test]
fn default_names_count_up_and_named_files_are_kept() {
    let folder = Folder::new();
    for _ in 0..2 {
        let outcome = folder.generate("a dog at dawn", &["--seed", "5"]);
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        assert!(
            outcome.out.contains("576x320, 24 frames at 24 fps, seed 5"),
            "{}",
            outcome.out
        );
    }
    assert_eq!(folder.files(), ["kinora-5.mp4", "kinora-5_2.mp4"]);
    let bytes = |name: &str| fs::read(folder.0.join(name)).unwrap();
    assert_eq!(
        bytes("kinora-5.mp4"),
        bytes("kinora-5_2.mp4"),
        "same request, same bytes"
    );

    let output = ["--seed", "6", "--output", "kinora-5.mp4"];
    let refused = folder.generate("a dog at dawn", &output);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("already exists") && refused.err.contains("hint: --force"),
        "{}",
        refused.err
    );
    assert_eq!(bytes("kinora-5.mp4"), bytes("kinora-5_2.mp4"), "untouched");
    let forced = folder.generate("a dog at dawn", &[&output[..], &["--force"]].concat());
    assert_eq!(forced.code, 0, "{}", forced.err);
    assert_ne!(bytes("kinora-5.mp4"), bytes("kinora-5_2.mp4"));
}

#[test]
fn eight_bits_make_nearly_the_same_clip() {
    let folder = Folder::new();
    let [whole, eight] = ["bf16", "int8"].map(|weights| {
        let file = format!("{weights}.mp4");
        let fixed = ["--seconds", "1", "--steps", "4", "--seed", "3"];
        let asked = ["--weights", weights, "--output", &file];
        let prompt = ["generate", "a red sailboat on a calm sea at dawn"];
        let made = folder.kinora(&[&prompt[..], &fixed, &asked].concat());
        assert_eq!(made.code, 0, "{}", made.err);
        let recipe: Value = serde_json::from_str(&folder.kinora(&["recipe", &file]).out).unwrap();
        assert_eq!(recipe["effective"]["dtype"], weights);
        let mut clip = ClipReader::open(folder.0.join(file)).expect("a clip");
        std::iter::from_fn(|| clip.next_frame().expect("a picture"))
            .flatten()
            .collect::<Vec<u8>>()
    });
    let difference = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
    let mean = whole.iter().zip(&eight).map(difference).sum::<f64>() / whole.len() as f64;
    assert!(
        mean > 0.0 && mean.sqrt() < 4.0,
        "off by {} of 255",
        mean.sqrt()
    );
}

#[test]
fn the_recipe_tells_how_a_clip_was_made() {
    let folder = Folder::new();
    let more = [
        "--size",
        "320x180",
        "--fps",
        "12",
        "--finish",
        "kinora-500t+grain",
        "--output",
        "a.mp4",
    ];
    let outcome = folder.generate("a dog at dawn", &more);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert!(
        outcome.out.contains("320x180 (painted at 576x320)"),
        "{}",
        outcome.out
    );
    let recipe = folder.kinora(&["recipe", "a.mp4"]);
    let json: Value = serde_json::from_str(&recipe.out).expect("JSON");
    assert_eq!(json["request"]["prompt"], "a dog at dawn");
    assert_eq!(json["effective"]["framing"]["native"], "576x320");
    assert_eq!(json["effective"]["timing"]["frames"], 12);
    assert_eq!(json["effective"]["finish"], "kinora-500t+grain");
    assert!(
        !recipe.out.contains("tiny-"),
        "no path of the model: {}",
        recipe.out
    );
    fs::write(folder.0.join("b.mp4"), "no video").unwrap();
    let wrong = folder.kinora(&["recipe", "b.mp4"]);
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.err.contains("b.mp4") && wrong.err.contains("hint: "),
        "{}",
        wrong.err
    );
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_at_the_step_and_leaves_nothing() {
    let folder = Folder::new();
    let model = tiny_model();
    let arguments = [
        "generate",
        "a dog at dawn",
        "--model",
        model.to_str().unwrap(),
        "--steps",
        "200",
        "--size",
        "1920x1080",
    ];
    let mut child = folder
        .command(&arguments)
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while folder.files().is_empty() && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(folder.files(), [""; 0], "no partial file");
}

#[test]
fn a_prompt_is_explained_as_json_and_as_text() {
    let folder = Folder::new();
    let model = tiny_model();
    let model = model.to_str().unwrap();
    let prompt = "Vertical, two seconds: a fisherman rides a gryphon in a harbor at dawn, 4k";
    let outcome = folder.kinora(&["prompt", prompt, "--model", model, "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let mut json: Value = serde_json::from_str(&outcome.out).expect("JSON");
    assert_eq!(json["moderation"]["allowed"], true);
    assert_eq!(json["moderation"]["category"], Value::Null);
    // What random weights read is nothing to compare.
    json.as_object_mut()
        .unwrap()
        .remove("reading")
        .expect("the model's own reading");
    insta::assert_snapshot!("prompt_json", serde_json::to_string_pretty(&json).unwrap());
    let text = folder.kinora(&["prompt", prompt, "--model", model]).out;
    let text: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("reads"))
        .collect();
    insta::assert_snapshot!("prompt_text", text.join("\n"));
    let refused = folder.kinora(&["prompt", "a naked child", "--model", model, "--json"]);
    let json: Value = serde_json::from_str(&refused.out).expect("JSON");
    assert_eq!(json["moderation"]["category"], "sexual_minors");
    fails(
        &["prompt", "", "--model", model],
        2,
        "the prompt is empty",
        "such as",
    );
}

#[test]
fn parts_of_a_preset_are_measured_against_the_multiply_loop() {
    let folder = Folder::new();
    let check = |what: &str, more: &[&str]| {
        let arguments = [
            "bench", what, "--preset", "kinora-1", "--json", "--runs", "2",
        ];
        let bench = folder.kinora(&[&arguments[..], more].concat());
        assert_eq!(bench.code, 0, "{what}: {}", bench.err);
        let json: Value = serde_json::from_str(&bench.out).expect("JSON");
        for key in [
            "median_seconds",
            "fastest_seconds",
            "slowest_seconds",
            "work_gflop",
            "gflops",
            "peak_gflops",
            "peak_share",
            "peak_memory_bytes",
        ] {
            let value = json[key].as_f64();
            assert!(value.is_some_and(|value| value > 0.0), "{key}: {json}");
        }
        json
    };
    let dit = check("dit", &["--size", "128x128", "--frames", "9"]);
    assert_eq!(dit["latents"], json!([2, 4, 4, 48]));
    check(
        "vae",
        &["--size", "128x128", "--frames", "9", "--dtype", "f32"],
    );
    let text = check("text", &["--threads", "1"]);
    assert_eq!(text["threads"], 1);
}

#[test]
fn what_cannot_be_measured_is_explained() {
    let bench = |arguments: &[&str], message: &str, hint: &str| {
        fails(&[&["bench"], arguments].concat(), 2, message, hint);
    };
    bench(
        &["dit", "--preset", "ltx-vide-2b"],
        "--preset ltx-vide-2b",
        "did you mean `ltx-video-2b`?",
    );
    bench(
        &["vae", "--preset", "wan2.1-t2v-1.3b", "--size", "480x270"],
        "--size 480x270",
        "multiples of 16",
    );
    bench(&["dit", "--frames", "2"], "--frames 2", "a multiple of 8");
    bench(&["ops", "--frames", "9"], "--frames", "bench dit");
    bench(&["generate", "--preset", "kinora-1"], "--preset", "--model");
    bench(&["text", "--draft"], "--draft", "--preset");
    bench(
        &["ops", "--dtype", "f16"],
        "known are bf16, f32 and int8",
        "--help",
    );
    bench(&["ops", "--threads", "0"], "invalid value '0'", "--help");
}

#[test]
fn the_memory_that_models_tells_is_that_of_the_plan() {
    let folder = Folder::new();
    let json = |arguments: &[&str]| -> Value {
        let outcome = folder.kinora(arguments);
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        serde_json::from_str(&outcome.out).expect("JSON")
    };
    let models = json(&["models", "--json"]);
    let Some(told) = models["models"][0]["memory"].as_array() else {
        return; // a build without weights
    };
    for need in told {
        let resolution = need["resolution"].as_str().expect("text");
        let plan = json(&[
            "generate",
            "a boat",
            "--resolution",
            resolution,
            "--plan",
            "--json",
        ]);
        let sum = |stage: &str| -> u64 {
            let parts = plan[stage].as_array().into_iter().flatten();
            parts
                .map(|part| part["bytes"].as_u64().expect("a number"))
                .sum()
        };
        let stages = ["picture", "text", "denoise", "decode"].map(sum);
        let peak = sum("resident") + stages.into_iter().max().unwrap_or_default();
        assert_eq!(need["peak_bytes"], peak, "{resolution}");
    }
}

#[test]
fn models_completions_and_benchmarks_are_printed() {
    let folder = Folder::new();
    let models = folder.kinora(&["models", "--json"]);
    let json: Value = serde_json::from_str(&models.out).expect("JSON");
    for model in ["models", "published"].map(|kind| &json[kind]) {
        for model in model.as_array().expect("a list") {
            let memory = model["memory"].as_array().expect("a list");
            let names: Vec<_> = memory.iter().map(|need| &need["resolution"]).collect();
            assert_eq!(names, ["480p", "720p", "1080p"], "{model}");
            assert_eq!(memory[0]["seconds"], 4.0, "{model}");
        }
    }
    let listed = folder.kinora(&["models"]).out;
    assert_eq!(
        listed.matches("memory for 4 s: ").count(),
        json["published"].as_array().map_or(0, Vec::len)
            + json["models"].as_array().map_or(0, Vec::len)
    );
    let script = folder.kinora(&["completions", "bash"]);
    assert!(script.out.contains("kinora__subcmd__generate") || script.out.contains("_kinora()"));
    let model = tiny_model();
    let bench = folder.kinora(&[
        "bench",
        "generate",
        "--runs",
        "1",
        "--draft",
        "--json",
        "--model",
        model.to_str().unwrap(),
    ]);
    assert_eq!(bench.code, 0, "{}", bench.err);
    let json: Value = serde_json::from_str(&bench.out).expect("JSON");
    for key in [
        "first_step_seconds",
        "first_clip_seconds",
        "median_seconds",
        "step_seconds",
        "gflops",
        "peak_share",
        "peak_memory_bytes",
    ] {
        assert!(
            json[key].as_f64().is_some_and(|value| value > 0.0),
            "{key}: {json}"
        );
    }
    assert_eq!(folder.files(), [""; 0]);
}

//! Signed clips from the command line: made, read, measured, extended, verified.

mod support;

const PROMPT: &str = "a red boat in a harbor at dawn";

#[cfg(not(feature = "c2pa"))]
#[test]
fn a_build_without_c2pa_says_which_one_has_it() {
    let folder = support::Folder::new();
    let signing = folder.generate(PROMPT, &["--c2pa", "--output", "a.mp4"]);
    let verifying = folder.kinora(&["verify", "a.mp4"]);
    for refused in [&signing, &verifying] {
        assert_eq!(refused.code, 1, "{}", refused.err);
        assert!(refused.err.contains("has no C2PA"), "{}", refused.err);
        assert!(
            refused.err.contains("hint: `cargo build"),
            "{}",
            refused.err
        );
    }
    assert_eq!(folder.files(), [""; 0], "before anything is made");
}

#[cfg(feature = "c2pa")]
mod signed {
    use std::fs;

    use serde_json::{Value, json};

    use super::PROMPT;
    use super::support::{Folder, Outcome};

    /// A run with a data folder of its own.
    fn kinora(folder: &Folder, arguments: &[&str]) -> Outcome {
        let mut command = folder.command(arguments);
        let output = command.env("KINORA_DATA_DIR", folder.0.join("data"));
        let output = output.output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Outcome {
            code: output.status.code().expect("no signal"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    fn generate(folder: &Folder, more: &[&str]) -> Outcome {
        let model = super::support::tiny_model();
        let model = model.to_str().expect("a plain path");
        let first = [
            "generate",
            PROMPT,
            "--model",
            model,
            "--seconds",
            "1",
            "--steps",
            "2",
        ];
        kinora(
            folder,
            &[&first[..], &["--seed", "7", "--c2pa"], more].concat(),
        )
    }

    fn verify(folder: &Folder, name: &str) -> (i32, Value) {
        let seen = kinora(folder, &["verify", name, "--json"]);
        (
            seen.code,
            serde_json::from_str(&seen.out).unwrap_or_default(),
        )
    }

    #[test]
    fn a_signed_clip_is_a_clip_like_any_other_and_says_who_made_it() {
        let folder = Folder::new();
        let made = generate(&folder, &["--output", "a.mp4"]);
        assert_eq!(made.code, 0, "{}", made.err);
        let (code, report) = verify(&folder, "a.mp4");
        assert_eq!((code, &report["valid"]), (0, &json!(true)), "{report}");
        assert_eq!(report["signature"]["kind"], "this_machine");
        assert_eq!(report["signature"]["time"], Value::Null);
        let source = &report["claimed"]["actions"][0]["source_type"];
        assert_eq!(source, "trainedAlgorithmicMedia");
        let recipe = kinora(&folder, &["recipe", "a.mp4"]);
        let recipe: Value = serde_json::from_str(&recipe.out).expect("a recipe");
        assert_eq!(report["claimed"]["model"]["hash"], recipe["model_hash"]);
        let text = kinora(&folder, &["verify", "a.mp4"]).out;
        assert!(text.starts_with("valid      unchanged"), "{text}");
        assert!(text.contains("with the key of this machine"), "{text}");

        let measured = kinora(&folder, &["measure", "a.mp4"]);
        assert_eq!(measured.code, 0, "{}", measured.err);
        // The header is still in front of the frames.
        let bytes = fs::read(folder.0.join("a.mp4")).expect("a file");
        let at = |kind: &[u8]| bytes.windows(4).position(|part| part == kind);
        assert!(at(b"ftyp") < at(b"uuid") && at(b"uuid") < at(b"moov"));
        assert!(at(b"moov") < at(b"mdat"));
    }

    #[test]
    fn players_take_it() {
        if std::process::Command::new("ffprobe")
            .arg("-version")
            .output()
            .is_err()
        {
            eprintln!("SKIPPED: ffprobe is not installed");
            return;
        }
        let folder = Folder::new();
        assert_eq!(generate(&folder, &["--output", "a.mp4"]).code, 0);
        let run = |tool: &str, arguments: &[&str]| {
            let mut command = std::process::Command::new(tool);
            command.args(arguments).current_dir(&folder.0);
            let output = command.stdin(std::process::Stdio::null()).output();
            let output = output.expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.is_empty(), "{tool}: {said}");
            String::from_utf8(output.stdout).expect("text")
        };
        let fields = "stream=codec_name,profile,pix_fmt,nb_frames,start_time:format_tags=recipe";
        let shown = run(
            "ffprobe",
            &["-v", "error", "-show_entries", fields, "a.mp4"],
        );
        for field in [
            "codec_name=h264",
            "profile=High",
            "pix_fmt=yuv420p",
            "TAG:recipe={",
        ] {
            assert!(shown.contains(field), "{field} in {shown}");
        }
        run("ffmpeg", &["-v", "error", "-i", "a.mp4", "-f", "null", "-"]);
    }

    #[test]
    fn what_goes_on_from_a_signed_clip_is_a_composite() {
        let folder = Folder::new();
        assert_eq!(generate(&folder, &["--output", "a.mp4"]).code, 0);
        let longer = generate(&folder, &["--extend", "a.mp4", "--output", "b.mp4"]);
        assert_eq!(longer.code, 0, "{}", longer.err);
        let (code, report) = verify(&folder, "b.mp4");
        assert_eq!(code, 0);
        let source = &report["claimed"]["actions"][0]["source_type"];
        assert_eq!(source, "compositeWithTrainedAlgorithmicMedia");
    }

    #[test]
    fn the_best_of_several_takes_is_signed() {
        let folder = Folder::new();
        let made = generate(&folder, &["--best-of", "2", "--output", "a.mp4"]);
        assert_eq!(made.code, 0, "{}", made.err);
        assert_eq!(verify(&folder, "a.mp4").0, 0);
        assert_eq!(folder.files(), ["a.mp4", "data"], "no take is left");
    }

    #[test]
    fn a_changed_clip_and_one_without_a_manifest_are_refused_with_a_way_out() {
        let folder = Folder::new();
        assert_eq!(generate(&folder, &["--output", "a.mp4"]).code, 0);
        let mut bytes = fs::read(folder.0.join("a.mp4")).expect("a file");
        *bytes.last_mut().expect("a byte") ^= 1;
        fs::write(folder.0.join("changed.mp4"), bytes).expect("a file");
        let seen = kinora(&folder, &["verify", "changed.mp4"]);
        assert_eq!(seen.code, 1);
        assert!(
            seen.out.contains("not valid  the content was changed"),
            "{}",
            seen.out
        );
        assert!(seen.err.contains("hint: it was changed"), "{}", seen.err);
        let (code, report) = verify(&folder, "changed.mp4");
        assert_eq!((code, &report["valid"]), (1, &json!(false)));
        let code = &report["problems"][0]["code"];
        assert_eq!(code, "assertion.bmffHash.mismatch");

        let plain = folder.generate(PROMPT, &["--output", "plain.mp4"]);
        assert_eq!(plain.code, 0, "{}", plain.err);
        let seen = kinora(&folder, &["verify", "plain.mp4"]);
        assert_eq!(seen.code, 1);
        assert!(seen.err.contains("has no C2PA manifest"), "{}", seen.err);
        assert!(seen.err.contains("hint: "), "{}", seen.err);
        assert_eq!(kinora(&folder, &["verify"]).code, 2);
    }
}

//! Measured adherence from the command line: a clip, its prompt, and the best of several takes.

mod support;

use serde_json::Value;
use support::Folder;

const PROMPT: &str = "a dog runs over a beach at dawn, 35 mm";

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("one JSON object")
}

/// The verdict on a slot.
fn verdict<'a>(adherence: &'a Value, slot: &str) -> &'a str {
    let clauses = adherence["clauses"].as_array().expect("clauses");
    let clause = clauses.iter().find(|clause| clause["slot"] == slot);
    clause.unwrap_or_else(|| panic!("no {slot} in {adherence}"))["verdict"]
        .as_str()
        .expect("a verdict")
}

#[test]
fn a_clip_is_measured_against_its_own_prompt_or_another() {
    let folder = Folder::new();
    let made = folder.generate(PROMPT, &["--output", "a.mp4", "--measure", "--json"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let made = json(&made.out);
    let adherence = &made["outputs"][0]["adherence"];
    let checkable = adherence["checkable"].as_u64().expect("a number");
    let satisfied = adherence["satisfied"].as_u64().expect("a number");
    assert!(checkable >= 3 && satisfied <= checkable, "{adherence}");

    let measured = folder.kinora(&["measure", "a.mp4", "--json"]);
    assert_eq!(measured.code, 0, "{}", measured.err);
    let measured = json(&measured.out);
    assert_eq!(measured["prompt"], PROMPT);
    assert_eq!(measured["clauses"], adherence["clauses"]);
    for slot in ["setting", "time", "subject kind"] {
        let verdict = verdict(&measured, slot);
        assert!(
            ["satisfied", "not_satisfied"].contains(&verdict),
            "{slot}: {verdict}"
        );
    }
    assert_eq!(verdict(&measured, "action"), "not_checkable");

    // What the detectors see of the place is right by definition when it is asked for.
    let shown = measured["report"]["setting"]["label"]
        .as_str()
        .expect("a place");
    let asked = format!("{shown} at noon");
    let other = folder.kinora(&["measure", "a.mp4", "--prompt", &asked, "--json"]);
    assert_eq!(verdict(&json(&other.out), "setting"), "satisfied");

    let text = folder.kinora(&["measure", "a.mp4"]).out;
    assert!(text.contains("not checkable  action"), "{text}");
    let last = text.lines().last().unwrap_or_default();
    assert!(last.contains(" checkable clauses, "), "{text}");
}

#[test]
fn what_cannot_be_measured_says_so() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("text.mp4"), "no clip").expect("a file");
    let clip = folder.kinora(&["measure", "text.mp4", "--prompt", "a dog"]);
    assert_eq!(clip.code, 1);
    assert!(clip.err.contains("not a readable MP4 file"), "{}", clip.err);
    let missing = folder.kinora(&["measure", "none.mp4", "--prompt", "a dog"]);
    assert_eq!(missing.code, 1);
    assert!(
        missing.err.contains("cannot open none.mp4"),
        "{}",
        missing.err
    );
    let empty = folder.kinora(&["measure", "none.mp4", "--prompt", " "]);
    assert_eq!(
        (empty.code, empty.err.contains("the prompt is empty")),
        (2, true)
    );
}

#[test]
fn the_best_of_several_takes_is_kept_alone() {
    let folder = Folder::new();
    let arguments = [
        "--best-of",
        "3",
        "--seed",
        "5",
        "--output",
        "best.mp4",
        "--json",
    ];
    let made = folder.generate(PROMPT, &arguments);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.err.contains("take 3 of 3"), "{}", made.err);
    assert_eq!(folder.files(), ["best.mp4"], "no take is left");

    let clip = &json(&made.out)["outputs"][0];
    let takes = clip["takes"].as_array().expect("takes");
    let seeds: Vec<u64> = takes
        .iter()
        .filter_map(|take| take["seed"].as_u64())
        .collect();
    assert_eq!(seeds, [5, 6, 7]);
    let satisfied = |take: &Value| take["satisfied"].as_u64().expect("a number");
    let most = takes.iter().map(satisfied).max().expect("three");
    let seed = clip["seed"].as_u64().expect("a seed");
    let chosen = takes
        .iter()
        .find(|take| take["seed"] == seed)
        .expect("one of them");
    assert_eq!(satisfied(chosen), most);
    assert_eq!(clip["adherence"]["satisfied"], most);

    // The recipe names the seed that was kept, and that seed alone gives the same pictures.
    let recipe = json(&folder.kinora(&["recipe", "best.mp4"]).out);
    assert_eq!(recipe["effective"]["seed"], seed);
    assert_eq!(recipe["request"]["best_of"], 3);
    let seed = seed.to_string();
    let again = folder.generate(PROMPT, &["--seed", &seed, "--output", "one.mp4"]);
    assert_eq!(again.code, 0, "{}", again.err);
    let pictures = |name: &str| {
        let mut clip = kinora_media::ClipReader::open(folder.0.join(name)).expect("a clip");
        std::iter::from_fn(|| clip.next_frame().expect("a picture")).collect::<Vec<_>>()
    };
    assert_eq!(pictures("best.mp4"), pictures("one.mp4"));
}

#[test]
fn takes_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    let refused = folder.generate(PROMPT, &["--best-of", "17"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("1 to 16 takes"), "{}", refused.err);
    let noise = ["--best-of", "2", "--init-latents", "noise.safetensors"];
    let refused = folder.generate(PROMPT, &noise);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("would be the same"), "{}", refused.err);
    assert_eq!(folder.files(), [""; 0]);
}

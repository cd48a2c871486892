//! `kinora models`: everything that it says of each model, to people and to programs.

use serde_json::{Value, json};

use super::support::{Folder, Outcome};

/// Runs the binary where no model is installed.
fn run(arguments: &[&str]) -> String {
    let folder = Folder::new();
    let mut command = folder.command(arguments);
    command.env("KINORA_MODELS", folder.0.join("models"));
    let outcome = Outcome::of(&mut command);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    outcome.out
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&run(arguments)).expect("JSON")
}

/// Gigabytes as people read them.
fn gigabytes(bytes: &Value) -> String {
    format!("{:.2} GB", bytes.as_f64().expect("a number") / 1e9)
}

#[test]
fn every_published_model_is_told_whole() {
    let listed = json(&["models", "--json"]);
    let published = listed["published"].as_array().expect("a list");
    for (family, count) in [("LTX-Video", 10), ("Wan", 4)] {
        let of_it = published.iter().filter(|model| model["family"] == family);
        assert_eq!(of_it.count(), count, "{family}");
    }
    for model in published {
        for key in ["name", "parameters", "about", "licence", "repository"] {
            let text = model[key].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{key}: {model}");
        }
        let address = model["licence_url"].as_str().unwrap_or_default();
        assert!(address.starts_with("https://"), "{model}");
        assert!(model["bytes"].as_u64() > Some(10_000_000_000), "{model}");
        assert_eq!(model["bytes_are_about"], true, "{model}");
        assert_eq!(model["installed"], false, "{model}");
        let from_text = &model["abilities"][0];
        assert_eq!(from_text, "text to video", "{model}");
        check_memory(model);
    }
}

#[test]
fn what_a_model_begins_with_is_told_as_it_is() {
    let listed = json(&["models", "--json"]);
    let published = listed["published"].as_array().expect("a list");
    for model in published {
        let name = model["name"].as_str().expect("a name");
        let from_pictures = name.starts_with("ltx") || name == "wan-2.2-ti2v-5b";
        let abilities = if from_pictures {
            json!(["text to video", "image to video"])
        } else {
            json!(["text to video"])
        };
        assert_eq!(model["abilities"], abilities, "{name}");
    }
}

#[test]
fn the_list_for_people_says_what_programs_are_told() {
    let listed = json(&["models", "--json"]);
    let text = run(&["models"]);
    for model in listed["published"].as_array().expect("a list") {
        let field = |key: &str| model[key].as_str().expect("text");
        let paragraph = paragraph(&text, field("name"));
        let [family, parameters] = ["family", "parameters"].map(field);
        let memory = model["memory"].as_array().expect("a list").iter();
        let memory = memory.map(|need| {
            let resolution = need["resolution"].as_str().expect("text");
            format!("{} at {resolution}", gigabytes(&need["peak_bytes"]))
        });
        let abilities = model["abilities"].as_array().expect("a list").iter();
        let abilities: Vec<_> = abilities.filter_map(Value::as_str).collect();
        let expected = [
            format!("{family}, {parameters}, {}", field("about")),
            format!("licence: {}", field("licence")),
            abilities.join(", "),
            format!(
                "not installed, about {} to download",
                gigabytes(&model["bytes"])
            ),
            format!("memory for 4 s: {}", memory.collect::<Vec<_>>().join(", ")),
        ];
        assert_eq!(paragraph, expected, "{text}");
    }
}

/// The lines that a list has of a model, without its name.
fn paragraph<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with(&format!("{name} ")));
    let first = lines.next().map(|line| line[name.len()..].trim());
    let others = lines
        .take_while(|line| line.starts_with("     "))
        .map(str::trim);
    first.into_iter().chain(others).collect()
}

fn check_memory(model: &Value) {
    let memory = model["memory"].as_array().expect("a list");
    let names: Vec<_> = memory.iter().map(|need| &need["resolution"]).collect();
    assert_eq!(names, ["480p", "720p", "1080p"], "{model}");
    assert_eq!(memory[0]["seconds"], 4.0, "{model}");
    let peaks = memory.iter().map(|need| need["peak_bytes"].as_u64());
    assert!(peaks.clone().all(|peak| peak > Some(0)), "{model}");
    assert!(peaks.is_sorted(), "{model}");
}

#[test]
fn the_models_inside_are_told_with_their_memory() {
    let listed = json(&["models", "--json"]);
    let inside = listed["models"].as_array().expect("a list");
    let text = run(&["models"]);
    for model in inside {
        check_memory(model);
        assert!(model["weight_bytes"].as_u64() > Some(0), "{model}");
        assert!(text.contains(model["name"].as_str().expect("a name")));
    }
    let published = listed["published"].as_array().map_or(0, Vec::len);
    assert_eq!(
        text.matches("memory for 4 s: ").count(),
        inside.len() + published
    );
}

#[test]
fn the_memory_that_models_tells_is_that_of_the_plan() {
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

//! `kinora prompt`.

use std::fmt::Write as _;

use anyhow::Result;
use kinora_engine::model::Reading;
use kinora_engine::prompt::{Analysis, Level, Strength};
use kinora_engine::safety::{Moderation, moderate};
use kinora_engine::{Engine, Error};
use serde::Serialize;

use crate::args::Prompt;
use crate::installed;

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    prompt: &'a str,
    model: &'a str,
    moderation: Moderation,
    #[serde(flatten)]
    analysis: &'a Analysis,
    /// What the model's own text encoder reads.
    reading: Vec<Reading>,
}

pub fn run(arguments: &Prompt) -> Result<()> {
    if arguments.text.trim().is_empty() {
        return Err(Error::EmptyPrompt.into());
    }
    let engine = Engine::new();
    let model = arguments.model.as_deref();
    let files = installed::files(model)?;
    let family = engine.family(model, &files)?;
    let analysis = Analysis::of(&arguments.text, family.knowledge());
    let reading = engine.read(&analysis.text, &*family)?;
    let moderation = moderate(&arguments.text);
    let prompt = &arguments.text;
    let document = Document {
        prompt,
        model: &family.info().name,
        moderation,
        analysis: &analysis,
        reading,
    };
    if arguments.json {
        super::print_json(&document)
    } else {
        super::print(&describe(&document))
    }
}

fn describe(document: &Document) -> String {
    let mut text = String::new();
    let analysis = document.analysis;
    let mut line = |line: String| writeln!(text, "{line}").expect("strings grow");
    if let Some(category) = document.moderation.category {
        line(format!(
            "refused    {} ({})",
            category.about(),
            category.name()
        ));
    }
    for layer in &analysis.layers {
        let words = if layer.found {
            layer.words.join(" ")
        } else {
            "-".into()
        };
        line(format!("{:<10} {words}", layer.layer.name()));
    }
    if !analysis.format.is_empty() {
        let format = &analysis.format;
        let parts = [
            format.aspect.map(|aspect| aspect.to_string()),
            format.seconds.map(|seconds| format!("{seconds} s")),
            format
                .resolution
                .map(|resolution| resolution.name().to_owned()),
            format.fps.map(|fps| format!("{fps} fps")),
        ];
        line(format!(
            "{:<10} {}",
            "format",
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        ));
    }
    line(format!("\ncoverage   {:.0} %", analysis.coverage * 100.0));
    for level in [
        Level::Understood,
        Level::Weak,
        Level::Approximated,
        Level::Ignored,
    ] {
        let words: Vec<String> = analysis
            .words
            .iter()
            .filter(|word| word.level == level)
            .map(|word| match (&word.shown_as, level) {
                (Some(shown), Level::Approximated) => format!("{} (as {shown})", word.text),
                _ => word.text.clone(),
            })
            .collect();
        if !words.is_empty() {
            line(format!("  {:<13}{}", level.name(), words.join(", ")));
        }
    }
    let reading: Vec<String> = document
        .reading
        .iter()
        .map(|r| format!("{} {}", r.slot, r.value))
        .collect();
    line(format!(
        "\nreads      {}",
        if reading.is_empty() {
            "-".into()
        } else {
            reading.join(", ")
        }
    ));
    if !analysis.hints.is_empty() {
        line(String::new());
    }
    for hint in &analysis.hints {
        let mark = if hint.strength == Strength::Strong {
            '+'
        } else {
            '-'
        };
        line(format!("{mark} {}", hint.text));
    }
    text.trim_end().to_owned()
}

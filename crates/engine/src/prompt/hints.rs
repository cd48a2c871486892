//! What a cinematographer would say to a prompt: what is strong, and what is worth a few words.

use serde::Serialize;

use super::words::Word;
use super::{Layer, LayerReport, Level, WordReport};
use crate::text::count;

/// Whether a hint praises or asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Keep this.
    Strong,
    /// This could say more.
    Weak,
}

/// One remark about a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// Praise or question.
    pub strength: Strength,
    /// The layer it is about, if one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// The remark.
    pub text: String,
}

/// Words that feel like direction and tell neither camera nor light anything. (In the lexicon's
/// order; by stem.)
const EMPTY: &[&str] = &[
    "beautiful",
    "stunning",
    "amazing",
    "awesome",
    "epic",
    "cinematic",
    "masterpiece",
    "nice",
    "great",
    "perfect",
    "gorgeous",
    "incredible",
    "breathtaking",
    "realistic",
    "photorealistic",
    "hyperrealistic",
    "ultra",
    "4k",
    "8k",
    "hd",
    "uhd",
    "hdr",
    "quality",
    "professional",
    "award",
    "winning",
    "trending",
    "artstation",
    "detailed",
    "best",
    "interesting",
    "cool-looking",
    "style",
    "good",
    "lovely",
    "pretty",
    "dramatic",
    "aesthetic",
    "vibe",
    "vibes",
];

/// Whether the word asks for quality and not for a picture.
pub(super) fn is_empty_word(word: &Word) -> bool {
    EMPTY.contains(&word.text.to_lowercase().as_str())
}

pub(super) fn hints(words: &[Word], reports: &[WordReport], layers: &[LayerReport]) -> Vec<Hint> {
    let mut hints = Vec::new();
    strong(reports, &mut hints);
    missing(layers, &mut hints);
    contradictions(reports, &mut hints);
    vague(words, reports, &mut hints);
    hints
}

fn push(hints: &mut Vec<Hint>, strength: Strength, layer: Option<Layer>, text: impl Into<String>) {
    hints.push(Hint {
        strength,
        layer,
        text: text.into(),
    });
}

/// The values said for a slot, each once, in order.
fn said<'a>(reports: &'a [WordReport], slot: &str) -> Vec<&'a str> {
    let mut values: Vec<&str> = Vec::new();
    for value in reports
        .iter()
        .filter(|w| w.slot == Some(slot))
        .filter_map(|w| w.shown_as.as_deref())
    {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn strong(reports: &[WordReport], hints: &mut Vec<Hint>) {
    let has = |slot| !said(reports, slot).is_empty();
    let moves = said(reports, "camera move");
    if let [camera] = moves[..] {
        let shots = said(reports, "shot");
        let text = match (has("camera pace"), &shots[..]) {
            (true, [from, to]) => {
                format!("{camera} with a pace, from {from} to {to}: a whole camera move")
            }
            (true, _) => format!("{camera} with a pace: the move has a speed"),
            (false, [_, ..]) => format!("{camera} and a framing: the shot is placed"),
            (false, []) => String::new(),
        };
        if !text.is_empty() {
            push(hints, Strength::Strong, Some(Layer::Camera), text);
        }
    }
    if has("lens") && (has("aperture") || has("shot")) {
        push(
            hints,
            Strength::Strong,
            Some(Layer::Camera),
            "lens and framing say how deep the picture is",
        );
    }
    let lights = ["light quality", "light tone", "backlight", "sun height"];
    let named = lights.iter().filter(|slot| has(slot)).count();
    if has("time") && named > 0 {
        push(
            hints,
            Strength::Strong,
            Some(Layer::Light),
            "hour and quality of the light together decide the palette",
        );
    }
    if has("event action") && has("event second") {
        push(
            hints,
            Strength::Strong,
            Some(Layer::Action),
            "a change at a stated second gives the clip a turn",
        );
    }
    if has("action") && has("direction") {
        push(
            hints,
            Strength::Strong,
            Some(Layer::Action),
            "action with a direction: the movement can be framed",
        );
    }
    if has("subject kind") && has("color") && (has("garment") || has("headwear")) {
        push(
            hints,
            Strength::Strong,
            Some(Layer::Subject),
            "colour and clothes make the subject readable at a distance",
        );
    }
    let of_number = |w: &&WordReport| {
        w.slot != Some("count") && w.text.starts_with(|c: char| c.is_ascii_digit())
    };
    let numbers = reports.iter().filter(of_number).count();
    if numbers > 1 {
        let text = format!(
            "{} with units leave nothing to guess",
            count(numbers, "number")
        );
        push(hints, Strength::Strong, None, text);
    }
}

fn missing(layers: &[LayerReport], hints: &mut Vec<Hint>) {
    for report in layers.iter().filter(|report| !report.found) {
        let text = match report.layer {
            Layer::Subject => "no subject: who or what is it about? e.g. \"a woman in a red coat\"",
            Layer::Action => {
                "no action: what moves, and where to? e.g. \"walks slowly to the left\""
            }
            Layer::Setting => "no setting: where, and in what air? e.g. \"on a pier, light fog\"",
            Layer::Camera => {
                "no camera: one move and a framing, e.g. \"slow push in, medium shot\""
            }
            Layer::Light => {
                "no light: the hour and where it comes from, e.g. \"at dawn, soft backlight\""
            }
        };
        push(hints, Strength::Weak, Some(report.layer), text);
    }
}

fn contradictions(reports: &[WordReport], hints: &mut Vec<Hint>) {
    let meant = |report: &&WordReport| report.level != Level::Approximated;
    let reports: Vec<WordReport> = reports.iter().filter(meant).cloned().collect();
    for (slot, layer, advice) in [
        ("camera move", Layer::Camera, "one move a shot reads best"),
        ("time", Layer::Light, "one hour a shot"),
        (
            "setting",
            Layer::Setting,
            "name the place the camera stands in",
        ),
        ("light quality", Layer::Light, "shadows are hard or soft"),
        (
            "light tone",
            Layer::Light,
            "warm and cold together need a source for each",
        ),
    ] {
        let values = said(&reports, slot);
        if values.len() > 1 {
            let text = format!("{} are both asked for: {advice}", values.join(" and "));
            push(hints, Strength::Weak, Some(layer), text);
        }
    }
}

fn vague(words: &[Word], reports: &[WordReport], hints: &mut Vec<Hint>) {
    let empty: Vec<String> = words
        .iter()
        .filter(|w| is_empty_word(w))
        .map(|w| format!("\"{}\"", w.text))
        .collect();
    if !empty.is_empty() {
        let text = format!(
            "{} tells the camera nothing: say what light, lens or move makes it so",
            empty.join(", ")
        );
        push(hints, Strength::Weak, None, text);
    }
    for word in reports.iter().filter(|word| word.level == Level::Ignored) {
        let text = match (word.suggestion, word.slot) {
            (Some(near), _) => format!("\"{}\" is not known: did you mean \"{near}\"?", word.text),
            (None, Some(slot)) => {
                format!("\"{}\" ({slot}) is rarely shown by this model", word.text)
            }
            (None, None) => format!(
                "\"{}\" is not in this model's world and will not be shown",
                word.text
            ),
        };
        push(hints, Strength::Weak, word.layer, text);
    }
    for word in reports
        .iter()
        .filter(|word| word.level == Level::Approximated)
    {
        if let Some(value) = &word.shown_as {
            let text = format!("\"{}\" will be shown as {value}", word.text);
            push(hints, Strength::Weak, word.layer, text);
        }
    }
}

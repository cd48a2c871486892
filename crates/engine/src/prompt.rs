//! Reading a prompt without a language model: which of the five layers it fills, what the model
//! makes of each word, which words are about the file, and what a cinematographer would say to it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::text::{distance, nearest};

mod coverage;
mod format;
mod hints;
mod lexicon;
mod words;

pub use coverage::{Coverage, IGNORED, Level, Measured, UNDERSTOOD};
pub use format::Format;
pub use hints::{Hint, Strength};
use lexicon::{Entry, LEXICON};
use words::Word;

/// What a prompt is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Who or what, and how it looks.
    Subject,
    /// What it does, where to, how fast, and what changes when.
    Action,
    /// The place and the air.
    Setting,
    /// Move, framing, lens.
    Camera,
    /// Hour, quality, tone and side of the light.
    Light,
}

impl Layer {
    /// The five layers in the order in which a shot is described.
    pub const ALL: [Self; 5] = [
        Self::Subject,
        Self::Action,
        Self::Setting,
        Self::Camera,
        Self::Light,
    ];

    /// The name that JSON and the terminal show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Action => "action",
            Self::Setting => "setting",
            Self::Camera => "camera",
            Self::Light => "light",
        }
    }

    fn named(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|layer| layer.name() == name);
        found.unwrap_or_else(|| panic!("lexicon.txt: there is no layer `{name}`"))
    }
}

/// What the model makes of one content word.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WordReport {
    /// The word as written.
    pub text: String,
    /// Byte offset in the prompt.
    pub start: usize,
    /// End of the byte range.
    pub end: usize,
    /// How well the model shows it.
    pub level: Level,
    /// What the word says something about, such as `time`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<&'static str>,
    /// What the model will show: the value itself, or what stands in for an approximated word.
    #[serde(skip_serializing_if = "Option::is_none", rename = "as")]
    pub shown_as: Option<String>,
    /// Measured accuracy of that value, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// A word that the model knows and that was perhaps meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<&'static str>,
    #[serde(skip)]
    layer: Option<Layer>,
}

/// One of the five layers of a prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// Which.
    pub layer: Layer,
    /// Whether the prompt says anything about it that the model can show.
    pub found: bool,
    /// The words that do.
    pub words: Vec<String>,
}

/// Everything known about a prompt before anything is generated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// The prompt without its format words: what the model reads.
    pub text: String,
    /// What the format words ask for.
    pub format: Format,
    /// The five layers, in order.
    pub layers: Vec<LayerReport>,
    /// Mean weight of the content words, 0 to 1; 1 when there are none.
    pub coverage: f64,
    /// Every content word.
    pub words: Vec<WordReport>,
    /// What is strong and what could be stronger.
    pub hints: Vec<Hint>,
}

impl Analysis {
    /// Reads `prompt` for a model that knows `knowledge`. A model whose world was not measured gets
    /// the text as it is: nothing is read from it and nothing is said of it.
    pub fn of(prompt: &str, knowledge: Option<&Knowledge>) -> Self {
        if let Some(knowledge) = knowledge {
            return analyse(prompt, knowledge);
        }
        Self {
            text: prompt.into(),
            format: Format::default(),
            layers: Vec::new(),
            coverage: 1.0,
            words: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// The content words that the model does not show.
    pub fn ignored(&self) -> impl Iterator<Item = &WordReport> {
        self.words
            .iter()
            .filter(|word| word.level == Level::Ignored)
    }
}

/// What a model knows of words.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    /// Measured accuracies.
    pub coverage: Coverage,
    /// Stems of the words that it was trained on.
    stems: HashSet<String>,
}

impl Knowledge {
    /// From a measured table and the model's vocabulary, one word a line.
    pub fn new(coverage: Coverage, vocabulary: &str) -> Self {
        Self {
            coverage,
            stems: vocabulary.lines().map(words::stem).collect(),
        }
    }
}

/// Reads `prompt` for a model that knows `knowledge`.
fn analyse(prompt: &str, knowledge: &Knowledge) -> Analysis {
    let words = words::words(prompt);
    let (format, used) = format::read(&words);
    let reports = report_words(&words, &used, knowledge);
    let layers = Layer::ALL.map(|layer| {
        let of_layer = |word: &&WordReport| word.layer == Some(layer);
        let words: Vec<String> = reports
            .iter()
            .filter(of_layer)
            .map(|w| w.text.clone())
            .collect();
        LayerReport {
            layer,
            found: !words.is_empty(),
            words,
        }
    });
    let weights: f64 = reports.iter().map(|word| word.level.weight()).sum();
    let coverage = if reports.is_empty() {
        1.0
    } else {
        weights / reports.len() as f64
    };
    let coverage = (coverage * 1000.0).round() / 1000.0;
    let hints = hints::hints(&words, &reports, &layers);
    let text = without_format(prompt, &words, &used);
    Analysis {
        text,
        format,
        layers: layers.to_vec(),
        coverage,
        words: reports,
        hints,
    }
}

fn report_words(words: &[Word], used: &[bool], knowledge: &Knowledge) -> Vec<WordReport> {
    let mut reports = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if used[at] {
            at += 1;
        } else if let Some((entry, n)) = LEXICON.longest(&words[at..]) {
            let phrase = &words[at..at + n];
            let content = phrase
                .iter()
                .filter(|word| n == 1 || !LEXICON.is_neutral(word));
            reports.extend(content.map(|word| known(word, phrase, entry, knowledge)));
            at += n;
        } else {
            let word = &words[at];
            if word.number.is_none() && !LEXICON.is_neutral(word) && !hints::is_empty_word(word) {
                reports.push(unknown(word, knowledge));
            } else if let Some(count) = count_of_subject(&words[at..]) {
                reports.push(counted(word, count, knowledge));
            }
            at += 1;
        }
    }
    reports
}

/// A word of a phrase in the lexicon.
fn known(word: &Word, phrase: &[Word], entry: &Entry, knowledge: &Knowledge) -> WordReport {
    let number = phrase.iter().find_map(|word| word.number);
    let value = if entry.value == "#" {
        value_of(entry.slot, number)
    } else {
        Some(entry.value)
    };
    let table = &knowledge.coverage;
    let level = match table.level(entry.slot, value.unwrap_or("*")) {
        Level::Understood | Level::Weak if entry.approximate => Level::Approximated,
        level => level,
    };
    WordReport {
        level,
        slot: Some(entry.slot),
        shown_as: value.map(Into::into),
        accuracy: table.accuracy(entry.slot, value.unwrap_or("*")),
        suggestion: None,
        layer: Some(entry.layer),
        ..place_of(word)
    }
}

/// A word that the lexicon does not name: learned without a meaning of its own, or not at all.
fn unknown(word: &Word, knowledge: &Knowledge) -> WordReport {
    let lower = word.text.to_lowercase();
    if knowledge.stems.contains(&word.stem) || LEXICON.vocabulary.contains(&lower.as_str()) {
        return WordReport {
            level: Level::Weak,
            ..place_of(word)
        };
    }
    WordReport {
        suggestion: mistyped(&lower),
        ..place_of(word)
    }
}

/// The known word that was meant: same first letter, at most one letter in five wrong.
fn mistyped(word: &str) -> Option<&'static str> {
    let first = word.chars().next();
    nearest(word, &LEXICON.vocabulary)
        .filter(|near| near.chars().next() == first && distance(word, near) * 5 <= word.len())
}

/// The number at the start of `words`, if it counts a subject that follows soon.
fn count_of_subject(words: &[Word]) -> Option<f64> {
    let subject = |i: usize| {
        LEXICON
            .longest(&words[i..])
            .is_some_and(|(e, _)| e.slot == "subject kind")
    };
    let near = words.len().min(4);
    words[0]
        .number
        .filter(|n| (1.0..=5.0).contains(n) && (1..near).any(subject))
}

/// "two children": how many of the subject.
fn counted(word: &Word, count: f64, knowledge: &Knowledge) -> WordReport {
    let value = (count as u32).to_string();
    WordReport {
        level: knowledge.coverage.level("count", &value),
        slot: Some("count"),
        accuracy: knowledge.coverage.accuracy("count", &value),
        shown_as: Some(value),
        layer: Some(Layer::Subject),
        ..place_of(word)
    }
}

fn place_of(word: &Word) -> WordReport {
    WordReport {
        text: word.text.clone(),
        start: word.start,
        end: word.end,
        level: Level::Ignored,
        slot: None,
        shown_as: None,
        accuracy: None,
        suggestion: None,
        layer: None,
    }
}

/// The value that a number means; the borders are those of the training captions.
fn value_of(slot: &str, number: Option<f64>) -> Option<&'static str> {
    let number = number?;
    Some(match slot {
        "lens" if number < 32.0 => "wide",
        "lens" if number < 65.0 => "normal",
        "lens" => "tele",
        "aperture" if number <= 2.9 => "shallow",
        "aperture" if number >= 7.9 => "deep",
        "visibility" if number < 35.0 => "thick",
        "visibility" if number < 120.0 => "moderate",
        "visibility" => "light",
        "sun height" if number < 15.0 => "low",
        "sun height" if number < 50.0 => "middle",
        "sun height" => "high",
        "event second" => {
            const SECONDS: [&str; 7] = ["0.5", "1", "1.5", "2", "2.5", "3", "3.5"];
            SECONDS[((number * 2.0).round() as usize).clamp(1, 7) - 1]
        }
        _ => return None,
    })
}

/// The prompt without the words that the format was read from and the marks that closed them.
fn without_format(prompt: &str, words: &[Word], used: &[bool]) -> String {
    let mut text = String::new();
    let mut at = 0;
    for (word, _) in words.iter().zip(used).filter(|(_, used)| **used) {
        text.push_str(&prompt[at..word.start]);
        at = word.end;
        let rest = prompt[at..].trim_start_matches([' ', ',', ':', ';', '.', '-']);
        // Marks belong to the removed word only where it opened the text or the clause.
        if text.trim_end().is_empty() || text.trim_end().ends_with([',', '.', ';', ':']) {
            at = prompt.len() - rest.len();
        }
    }
    text.push_str(&prompt[at..]);
    text.trim()
        .trim_end_matches([',', ';', ':'])
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Knowledge {
        let table = r#"{"model": "m", "clips": 60, "slots": {
            "setting": {"*": {"accuracy": 0.9, "clips": 60}, "sea": {"accuracy": 0.6, "clips": 9}},
            "time": {"*": {"accuracy": 0.95, "clips": 60}},
            "color": {"*": {"accuracy": 0.1, "clips": 60}}}}"#;
        Knowledge::new(Coverage::from_json(table).unwrap(), "wooden\nsplash\n")
    }

    fn level(analysis: &Analysis, text: &str) -> (Level, Option<String>) {
        let word = analysis.words.iter().find(|word| word.text == text);
        let word = word.unwrap_or_else(|| panic!("{text} is no content word"));
        (word.level, word.shown_as.clone())
    }

    #[test]
    fn every_word_has_its_level() {
        let analysis = analyse(
            "A red unicorn and a wooden ship in a harbor at dawn, on the sea",
            &measured(),
        );
        assert_eq!(
            level(&analysis, "harbor"),
            (Level::Understood, Some("harbor".into()))
        );
        assert_eq!(
            level(&analysis, "dawn"),
            (Level::Understood, Some("dawn".into()))
        );
        assert_eq!(level(&analysis, "sea"), (Level::Weak, Some("sea".into())));
        assert_eq!(
            level(&analysis, "red"),
            (Level::Ignored, Some("red".into())),
            "measured badly"
        );
        assert_eq!(
            level(&analysis, "ship"),
            (Level::Approximated, Some("sailboat".into()))
        );
        assert_eq!(
            level(&analysis, "wooden"),
            (Level::Weak, None),
            "learned, without a slot"
        );
        assert_eq!(level(&analysis, "unicorn"), (Level::Ignored, None));
        let weights = 1.0 + 1.0 + 0.5 + 0.0 + 0.5 + 0.5 + 0.0;
        assert!(
            (analysis.coverage - weights / 7.0).abs() < 1e-3,
            "{}",
            analysis.coverage
        );
    }

    #[test]
    fn mistyped_words_are_ignored_and_offered_right() {
        let analysis = analyse("a lighthose at dawn", &measured());
        let word = &analysis.words[0];
        assert_eq!(
            (word.level, word.suggestion),
            (Level::Ignored, Some("lighthouse"))
        );
    }

    #[test]
    fn five_layers_are_found_or_missing() {
        let found = |prompt: &str| -> Vec<bool> {
            analyse(prompt, &measured())
                .layers
                .iter()
                .map(|layer| layer.found)
                .collect()
        };
        let whole = "A dog runs through a forest at dawn, slow push in";
        assert_eq!(found(whole), [true; 5]);
        assert_eq!(found("a dog"), [true, false, false, false, false]);
        assert_eq!(
            found("a harbor at night, 85mm"),
            [false, false, true, true, true]
        );
        assert_eq!(found(""), [false; 5]);
    }

    #[test]
    fn format_words_are_taken_out_of_the_text() {
        for (prompt, text) in [
            (
                "Vertical, eight seconds: a paper kite climbs.",
                "a paper kite climbs.",
            ),
            ("a dog runs, 16:9, 720p", "a dog runs"),
            ("A square video of a dog, at night", "a dog, at night"),
            ("a dog at night", "a dog at night"),
            ("Square.", ""),
        ] {
            assert_eq!(analyse(prompt, &measured()).text, text, "{prompt}");
        }
    }

    #[test]
    fn numbers_are_read_in_their_units() {
        let analysis = analyse(
            "85mm, f/1.8, visibility twenty meters, two dogs",
            &measured(),
        );
        assert_eq!(level(&analysis, "85").1.as_deref(), Some("tele"));
        assert_eq!(level(&analysis, "1.8").1.as_deref(), Some("shallow"));
        assert_eq!(level(&analysis, "twenty").1.as_deref(), Some("thick"));
        assert_eq!(level(&analysis, "two").1.as_deref(), Some("2"));
    }

    #[test]
    fn any_text_is_read_without_panic() {
        for prompt in [
            "\u{1f3ac} \u{e9}t\u{e9}\u{2019}s",
            "###",
            "\u{b0}",
            "1.",
            "....",
            "16:",
            "a\u{301}",
            "5\u{b0}\u{b0}'",
        ] {
            analyse(prompt, &measured());
        }
    }
}

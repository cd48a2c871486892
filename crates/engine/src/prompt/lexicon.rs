//! What words mean to the model: phrases of `lexicon.txt` found in a prompt, longest first.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::Layer;
use super::words::{Word, words};

/// A phrase and what it stands for.
#[derive(Debug)]
pub(super) struct Entry {
    stems: Vec<String>,
    pub(super) layer: Layer,
    pub(super) slot: &'static str,
    /// A value of the slot, or `#` for one that a number decides.
    pub(super) value: &'static str,
    /// Whether the value only stands in for the phrase.
    pub(super) approximate: bool,
}

/// Every phrase, by its first stem, longest first.
pub(super) struct Lexicon {
    entries: HashMap<String, Vec<Entry>>,
    /// Stems that carry no content: articles, prepositions, "camera", "shot".
    neutral: HashSet<String>,
    /// Every word as written, for suggestions.
    pub(super) vocabulary: Vec<&'static str>,
}

pub(super) static LEXICON: LazyLock<Lexicon> =
    LazyLock::new(|| Lexicon::parse(include_str!("lexicon.txt")));

/// Words that name no content of their own.
const NEUTRAL: &str = "a an the of in on at to into onto from by with without and or but as it its \
    he she him her his they them their this that these those there here is are was were be been \
    being has have had do does while when where then than so very some any each every all both \
    over under above below between behind before after against along across around past through \
    throughout toward near beside next off out up down during for us we you your our my i one \
    camera shot scene view video clip film frame framing lens light lights show shows shown \
    showing see seen look looks like only just not no also moment later still exactly visible \
    wearing wears wear dressed stretch its own side part lit filmed angle again once back front \
    slightly second seconds degree degrees meter meters millimeter";

impl Lexicon {
    fn parse(text: &'static str) -> Self {
        let mut entries: HashMap<String, Vec<Entry>> = HashMap::new();
        let mut vocabulary = Vec::new();
        for line in text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
        {
            let fields: Vec<&'static str> = line.split(" | ").map(str::trim).collect();
            let [layer, slot, value, phrases] = fields[..] else {
                panic!("lexicon.txt: `{line}` is not layer | slot | value | phrases");
            };
            for phrase in phrases.split(',').map(str::trim) {
                let (phrase, approximate) = match phrase.strip_prefix('~') {
                    Some(phrase) => (phrase, true),
                    None => (phrase, false),
                };
                vocabulary.extend(
                    phrase
                        .split(' ')
                        .filter(|word| word.len() > 3 && !approximate),
                );
                let stems: Vec<String> = words(phrase).into_iter().map(|word| word.stem).collect();
                let layer = Layer::named(layer);
                let entry = Entry {
                    stems,
                    layer,
                    slot,
                    value,
                    approximate,
                };
                entries
                    .entry(entry.stems[0].clone())
                    .or_default()
                    .push(entry);
            }
        }
        for list in entries.values_mut() {
            list.sort_by_key(|entry| std::cmp::Reverse(entry.stems.len()));
        }
        vocabulary.sort_unstable();
        vocabulary.dedup();
        let neutral = words(NEUTRAL).into_iter().map(|word| word.stem).collect();
        Self {
            entries,
            neutral,
            vocabulary,
        }
    }

    /// The longest phrase that starts at the first of `words`, and its number of words.
    pub(super) fn longest(&self, words: &[Word]) -> Option<(&Entry, usize)> {
        let list = self.entries.get(&words.first()?.stem)?;
        let fits = |entry: &&Entry| {
            let n = entry.stems.len();
            n <= words.len()
                && entry
                    .stems
                    .iter()
                    .zip(words)
                    .all(|(stem, word)| *stem == word.stem)
                && words[1..n].iter().all(|word| !word.opens_clause)
        };
        list.iter()
            .find(fits)
            .map(|entry| (entry, entry.stems.len()))
    }

    /// Whether the word names no content of its own.
    pub(super) fn is_neutral(&self, word: &Word) -> bool {
        word.number.is_none() && self.neutral.contains(&word.stem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str, usize)>) {
        let words = words(text);
        let found = LEXICON
            .longest(&words)
            .map(|(entry, n)| (entry.slot, entry.value, n));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_longest_phrase_wins() {
        check("push in slowly", Some(("camera move", "push in", 2)));
        check("wide-brimmed hats", Some(("headwear", "wide hat", 3)));
        check("walking", Some(("action", "walks", 1)));
        check("85mm", Some(("lens", "#", 2)));
        check("wide, hat", Some(("shot", "wide shot", 1)));
        check("xylophone", None);
    }

    #[test]
    fn slots_and_values_are_those_of_the_model() {
        let config: serde_json::Value =
            serde_json::from_str(include_str!("../../weights/kinora-1/config.json")).unwrap();
        let known: HashMap<&str, Vec<&str>> = config["text"]["slots"]
            .as_array()
            .unwrap()
            .iter()
            .map(|slot| {
                let values = slot["values"].as_array().unwrap();
                (
                    slot["name"].as_str().unwrap(),
                    values.iter().filter_map(|v| v.as_str()).collect(),
                )
            })
            .collect();
        for Entry { slot, value, .. } in LEXICON.entries.values().flatten() {
            let values = known
                .get(slot)
                .unwrap_or_else(|| panic!("config.json has no slot {slot}"));
            assert!(
                *value == "#" || values.contains(value),
                "slot {slot} has no value {value}"
            );
        }
    }
}

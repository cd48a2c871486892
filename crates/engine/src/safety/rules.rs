//! The word rules: groups of words and phrases, matched in one pass over a folded text.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, Match};

use super::fold::{Folded, Loose};

/// What a matched word says about a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// Sexual content about minors in a word.
    MinorAbuse,
    /// A young person.
    Minor,
    /// Explicitly sexual.
    Explicit,
    /// Sexual in combination with a young person only.
    Suggestive,
    /// A living or recent public person.
    RealPerson,
    /// Not a realistic depiction.
    Stylised,
    /// Gore.
    GraphicViolence,
    /// Hate.
    Hate,
    /// Hate in combination with a people only: a call, a slur that compares.
    Call,
    /// People who are hated for what they are.
    People,
    /// Self-harm.
    SelfHarm,
}

impl Group {
    fn named(name: &str) -> Self {
        match name {
            "minor_abuse" => Self::MinorAbuse,
            "minor" => Self::Minor,
            "explicit" => Self::Explicit,
            "suggestive" => Self::Suggestive,
            "real_person" => Self::RealPerson,
            "stylised" => Self::Stylised,
            "graphic_violence" => Self::GraphicViolence,
            "hate" => Self::Hate,
            "call" => Self::Call,
            "people" => Self::People,
            "self_harm" => Self::SelfHarm,
            other => panic!("rules.txt: unknown group [{other}]"),
        }
    }

    /// Whether "no X" and "without X" take the word back.
    fn can_be_negated(self) -> bool {
        matches!(
            self,
            Self::Explicit | Self::GraphicViolence | Self::Hate | Self::SelfHarm
        )
    }
}

/// A loose match of so many letters, or of so many changes, is no accident: "rapping" is another word.
const LOOSE_LETTERS: usize = 7;
const LOOSE_CHANGES: u32 = 2;

pub(super) struct Rules {
    /// Harmless phrases that hold a word of the rules; blanked before matching.
    harmless: AhoCorasick,
    words: AhoCorasick,
    /// The same words without their borders, for letters that were typed apart.
    spelled: AhoCorasick,
    /// The same words as [`Loose`] text has them.
    loose: AhoCorasick,
    /// Group of each pattern of `words`, `spelled` and `loose`.
    groups: Vec<Group>,
}

impl Rules {
    /// Reads the committed rule file: `[group]` lines, then words and phrases separated by commas
    /// or lines; `word*` matches every word that begins so, `{a|b|}` stands for each of its parts; `#`
    /// starts a comment.
    pub(super) fn parse(text: &str) -> Self {
        let (mut harmless, mut words, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        let mut section = "";
        for line in text
            .lines()
            .map(|line| line.split('#').next().unwrap_or("").trim())
        {
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                section = name;
                continue;
            }
            let phrases = line.split(',').map(str::trim);
            for phrase in phrases.filter(|phrase| !phrase.is_empty()).flat_map(expand) {
                let pattern = match phrase.strip_suffix('*') {
                    Some(stem) => Folded::new(stem).words.trim_end().to_owned(),
                    None => Folded::new(&phrase).words,
                };
                if section == "harmless" {
                    harmless.push(pattern);
                } else {
                    words.push(pattern);
                    groups.push(Group::named(section));
                }
            }
        }
        let automaton =
            |patterns: Vec<String>| AhoCorasick::new(&patterns).expect("the rules are small");
        let bare = words
            .iter()
            .map(|word: &String| word.replace(' ', ""))
            .collect();
        let loose = words.iter().map(|word| Loose::new(word).words).collect();
        Self {
            harmless: automaton(harmless),
            loose: automaton(loose),
            spelled: automaton(bare),
            words: automaton(words),
            groups,
        }
    }

    pub(super) fn groups_in(&self, text: &Folded) -> BTreeSet<Group> {
        let mut plain = text.words.clone();
        for found in self.harmless.find_overlapping_iter(&text.words) {
            let blank = "_".repeat(found.len().saturating_sub(2));
            plain.replace_range(found.start() + 1..found.end() - 1, &blank);
        }
        let mut groups = BTreeSet::new();
        for found in self.words.find_overlapping_iter(&plain) {
            groups.extend(self.group(&plain, &found));
        }
        for word in &text.spelled {
            let found = self
                .spelled
                .find_overlapping_iter(word)
                .filter(|found| found.len() > 2);
            groups.extend(found.map(|found| self.groups[found.pattern()]));
        }
        let loose = Loose::new(&plain);
        for found in self.loose.find_overlapping_iter(&loose.words) {
            let changes = loose.changes[found.range()].iter();
            let changes: u32 = changes.map(|&changes| u32::from(changes)).sum();
            let letters = loose.words[found.range()].trim().len();
            if changes >= LOOSE_CHANGES || (changes > 0 && letters >= LOOSE_LETTERS) {
                groups.extend(self.group(&loose.words, &found));
            }
        }
        groups
    }

    /// What a match says, unless the word before takes it back.
    fn group(&self, text: &str, found: &Match) -> Option<Group> {
        let group = self.groups[found.pattern()];
        let negated = ["no", "without", "not"].contains(&word_before(text, found.start()));
        (!(negated && group.can_be_negated())).then_some(group)
    }
}

/// All that a phrase with `{a|b|}` stands for.
fn expand(phrase: &str) -> Vec<String> {
    let Some((before, rest)) = phrase.split_once('{') else {
        return vec![phrase.to_owned()];
    };
    let (choices, after) = rest
        .split_once('}')
        .expect("rules.txt: a brace is not closed");
    let choices = choices
        .split('|')
        .map(|choice| format!("{before}{choice}{after}"));
    choices.flat_map(|phrase| expand(&phrase)).collect()
}

/// The word that ends at the space at `at`.
fn word_before(text: &str, at: usize) -> &str {
    text[..at].rsplit(' ').next().unwrap_or("")
}

//! The word rules: groups of words and phrases, matched in one pass over a folded text.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;

use super::fold::Folded;

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

pub(super) struct Rules {
    /// Harmless phrases that hold a word of the rules; blanked before matching.
    harmless: AhoCorasick,
    words: AhoCorasick,
    /// The same words without their borders, for letters that were typed apart.
    spelled: AhoCorasick,
    /// Group of each pattern of `words` and `spelled`.
    groups: Vec<Group>,
}

impl Rules {
    /// Reads the committed rule file: `[group]` lines, then words and phrases separated by commas
    /// or lines; `word*` matches every word that begins so; `#` starts a comment.
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
            for phrase in line
                .split(',')
                .map(str::trim)
                .filter(|phrase| !phrase.is_empty())
            {
                let pattern = match phrase.strip_suffix('*') {
                    Some(stem) => Folded::new(stem).words.trim_end().to_owned(),
                    None => Folded::new(phrase).words,
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
        Self {
            harmless: automaton(harmless),
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
            let group = self.groups[found.pattern()];
            let negated = ["no", "without", "not"].contains(&word_before(&plain, found.start()));
            if !(negated && group.can_be_negated()) {
                groups.insert(group);
            }
        }
        for word in &text.spelled {
            let found = self
                .spelled
                .find_overlapping_iter(word)
                .filter(|found| found.len() > 2);
            groups.extend(found.map(|found| self.groups[found.pattern()]));
        }
        groups
    }
}

/// The word that ends at the space at `at`.
fn word_before(text: &str, at: usize) -> &str {
    text[..at].rsplit(' ').next().unwrap_or("")
}

//! The state of one caption while it is written.

use crate::program::{Program, Subject};
use crate::script::random::Rng;
use crate::script::slots::{SLOTS, Slot, truth};

/// Writes phrases and remembers what they said.
pub struct Writer<'a> {
    pub program: &'a Program,
    pub rng: &'a mut Rng,
    /// Probability that an optional fact is said.
    pub detail: f32,
    truth: Vec<u8>,
    said: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub fn new(program: &'a Program, detail: f32, rng: &'a mut Rng) -> Self {
        Self {
            program,
            rng,
            detail,
            truth: truth(program),
            said: vec![0; SLOTS.len()],
        }
    }

    /// Records that the text says this slot's true value.
    pub fn say(&mut self, slot: Slot) {
        let value = self.truth[slot as usize];
        debug_assert!(value != 0, "{slot:?} has no value to say");
        self.said[slot as usize] = value;
    }

    pub fn has_said(&self, slot: Slot) -> bool {
        self.said[slot as usize] != 0
    }

    /// Whether an optional fact is to be said now.
    pub fn wants(&mut self) -> bool {
        self.rng.chance(self.detail)
    }

    /// Whether a fact is to be said that even a full caption often leaves out.
    pub fn wants_rarely(&mut self) -> bool {
        self.rng.chance(self.detail * 0.5)
    }

    pub fn pick(&mut self, phrases: &[&'static str]) -> &'static str {
        self.rng.pick(phrases)
    }

    pub fn main(&self) -> Option<&'a Subject> {
        self.program.subjects.first()
    }

    pub fn second(&self) -> Option<&'a Subject> {
        self.program.subjects.get(1)
    }

    pub fn into_slots(self) -> Vec<u8> {
        self.said
    }
}

/// `a` or `an` before a phrase.
pub fn article(phrase: &str) -> &'static str {
    let vowel = phrase.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
    let eight = phrase.starts_with('8')
        || ["11", "18"].iter().any(|n| {
            phrase
                .strip_prefix(n)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        });
    if (vowel && !phrase.starts_with("one ")) || eight {
        "an"
    } else {
        "a"
    }
}

/// `phrase` behind its article.
pub fn with_article(phrase: &str) -> String {
    format!("{} {phrase}", article(phrase))
}

/// The first letter in upper case.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

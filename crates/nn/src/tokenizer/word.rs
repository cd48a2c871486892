//! The word tokenizer of the native text encoder.
//!
//! A word is known by its id and by hashed pieces of its spelling, so that a word outside the
//! vocabulary still resembles its relatives; a number is known by its value and unit.

use std::collections::HashMap;
use std::ops::Range;

use super::number::{Unit, numbers};
use super::split::split;

/// Tokens a text is cut to.
pub const MAX_TOKENS: usize = 128;
/// Spelling pieces a word.
pub const NGRAMS_PER_WORD: usize = 8;
/// Number of different spelling ids; 0 is padding.
pub const NUM_NGRAMS: u16 = 4096;
/// The vocabulary's entry for numbers in digits.
pub const NUMBER_WORD: &str = "<number>";

/// A vocabulary that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// The file holds no words.
    #[error("the vocabulary holds no words")]
    Empty,
    /// Lines must be sorted and different, so that ids are stable.
    #[error("line {line} of the vocabulary ({word:?}) does not follow {before:?} in order")]
    Unsorted {
        /// Line number from 1.
        line: usize,
        /// The word on it.
        word: String,
        /// The word on the line before.
        before: String,
    },
}

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Line of the vocabulary from 1; 0 when the word is unknown.
    pub word_id: u32,
    /// Hashed character 3- to 5-grams in 1..4096, 0-padded; all 0 for numbers and signs.
    pub ngrams: [u16; NGRAMS_PER_WORD],
    /// Value in the unit's base (seconds, degrees, millimetres, metres, ...), if a number.
    pub number: Option<f32>,
    /// What the number counts.
    pub unit: Unit,
    /// Bytes of the text this token was read from.
    pub span: Range<usize>,
}

/// A text as tokens.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Encoding {
    /// At most [`MAX_TOKENS`] tokens.
    pub tokens: Vec<Token>,
    /// Tokens that did not fit.
    pub dropped: usize,
}

/// Splits text into words, numbers and signs that a vocabulary names.
#[derive(Debug, Clone)]
pub struct WordTokenizer {
    ids: HashMap<String, u32>,
}

impl WordTokenizer {
    /// Reads a vocabulary: one word a line, sorted; the id of a word is its line number.
    ///
    /// # Errors
    /// If there is no line, or a line does not sort behind the one before.
    pub fn from_vocabulary(text: &str) -> Result<Self, VocabularyError> {
        let mut ids = HashMap::new();
        let mut before = "";
        for (index, word) in text.lines().enumerate() {
            if word <= before {
                let (word, before) = (word.to_owned(), before.to_owned());
                return Err(VocabularyError::Unsorted {
                    line: index + 1,
                    word,
                    before,
                });
            }
            ids.insert(word.to_owned(), index as u32 + 1);
            before = word;
        }
        if ids.is_empty() {
            Err(VocabularyError::Empty)
        } else {
            Ok(Self { ids })
        }
    }

    /// Number of word ids including 0.
    pub fn vocab_size(&self) -> usize {
        self.ids.len() + 1
    }

    /// The id of a folded word as [`split`] gives it; 0 when unknown.
    pub fn word_id(&self, word: &str) -> u32 {
        let number = word.starts_with(|c: char| c.is_ascii_digit());
        self.ids
            .get(if number { NUMBER_WORD } else { word })
            .copied()
            .unwrap_or(0)
    }

    /// Turns `text` into tokens; never fails.
    pub fn encode(&self, text: &str) -> Encoding {
        let mut pieces = split(text);
        let dropped = pieces.len().saturating_sub(MAX_TOKENS);
        pieces.truncate(MAX_TOKENS);
        let values = numbers(&pieces);
        let token = |(piece, value): (super::Piece, Option<(f32, Unit)>)| Token {
            word_id: self.word_id(&piece.text),
            ngrams: spelling(&piece.text),
            number: value.map(|(value, _)| value),
            unit: value.map_or(Unit::None, |(_, unit)| unit),
            span: piece.span,
        };
        Encoding {
            tokens: pieces.into_iter().zip(values).map(token).collect(),
            dropped,
        }
    }
}

/// Ids of a word's beginning and end in three lengths and of two pieces from its middle: what
/// relatives ("fisher", "fisherman", "fishermen") share.
fn spelling(word: &str) -> [u16; NGRAMS_PER_WORD] {
    let mut ids = [0; NGRAMS_PER_WORD];
    if !word.chars().any(char::is_alphabetic) {
        return ids;
    }
    let letters: Vec<char> = std::iter::once('<')
        .chain(word.chars())
        .chain(['>'])
        .collect();
    let n = letters.len();
    let mut grams: [Option<&[char]>; NGRAMS_PER_WORD] = [None; NGRAMS_PER_WORD];
    for (slot, length) in [3, 4, 5].into_iter().enumerate() {
        grams[slot] = letters.get(..length);
        grams[3 + slot] = n.checked_sub(length).map(|start| &letters[start..]);
    }
    if n > 7 {
        let middle = n / 2;
        grams[6] = letters.get(middle - 2..middle + 1);
        grams[7] = letters.get(middle..middle + 3);
    }
    let mut at = 0;
    for gram in grams.into_iter().flatten() {
        let id = hash(gram);
        if !ids[..at].contains(&id) {
            ids[at] = id;
            at += 1;
        }
    }
    ids
}

/// FNV-1a over the code points, folded into 1..4096.
fn hash(gram: &[char]) -> u16 {
    let fold = |h: u32, &c: &char| (h ^ c as u32).wrapping_mul(0x0100_0193);
    let h = gram.iter().fold(0x811c_9dc5, fold);
    ((h ^ (h >> 15)) % u32::from(NUM_NGRAMS - 1)) as u16 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> WordTokenizer {
        WordTokenizer::from_vocabulary(",\n<number>\na\nman\nmm\nred\n").expect("sorted")
    }

    #[test]
    fn ids_are_line_numbers_and_unknown_words_are_zero() {
        let ids: Vec<u32> = tokenizer()
            .encode("A RED zebra, 85mm")
            .tokens
            .iter()
            .map(|t| t.word_id)
            .collect();
        assert_eq!(ids, [3, 6, 0, 1, 2, 5]);
    }

    #[test]
    fn relatives_share_spelling_and_strangers_do_not() {
        let shared = |a: &str, b: &str| {
            let (a, b) = (spelling(a), spelling(b));
            a.iter().filter(|id| **id != 0 && b.contains(id)).count()
        };
        assert!(shared("fisherman", "fishermen") >= 3);
        assert!(shared("harbor", "harbour") >= 3);
        assert_eq!(shared("dog", "skyline"), 0);
        assert_eq!(spelling(","), [0; NGRAMS_PER_WORD]);
        assert_eq!(spelling("85"), [0; NGRAMS_PER_WORD]);
    }

    #[test]
    fn every_id_is_in_range_for_odd_input() {
        let long = "é".repeat(3000) + " 🐕 x";
        for text in [
            "",
            "a",
            "ab",
            "İstanbul",
            "🐕",
            "ßtraße",
            long.as_str(),
            "\0\u{7f}",
        ] {
            for token in tokenizer().encode(text).tokens {
                assert!(token.ngrams.iter().all(|&id| id < NUM_NGRAMS), "{text:?}");
                assert!(text.get(token.span).is_some());
            }
        }
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let encoding = tokenizer().encode(&"red ".repeat(MAX_TOKENS + 7));
        assert_eq!((encoding.tokens.len(), encoding.dropped), (MAX_TOKENS, 7));
        assert_eq!(tokenizer().encode("").tokens, []);
    }

    #[test]
    fn a_vocabulary_out_of_order_is_refused() {
        assert_eq!(
            WordTokenizer::from_vocabulary("").unwrap_err(),
            VocabularyError::Empty
        );
        let error = WordTokenizer::from_vocabulary("b\na\n").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(WordTokenizer::from_vocabulary("a\na\n").is_err());
    }
}

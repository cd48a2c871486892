//! The vocabulary of the native text encoder, read off the caption grammar.

use std::collections::{BTreeSet, HashMap};

use kinora_filmset::script::Split;
use kinora_nn::tokenizer::{NUMBER_WORD, VocabularyError, WordTokenizer, split};

use super::example::Source;

/// The vocabulary that this program was built with.
///
/// # Errors
/// If the committed file is damaged.
pub fn embedded_tokenizer() -> Result<WordTokenizer, VocabularyError> {
    WordTokenizer::from_vocabulary(include_str!(
        "../../../engine/weights/kinora-1/vocabulary.txt"
    ))
}

/// Every word that `count` captions of both families use at least `least` times, one a line,
/// sorted; numbers in digits share one entry.
pub fn build_vocabulary(count: u64, least: u32) -> String {
    let mut uses: HashMap<String, u32> = HashMap::new();
    for (split_of, count) in [(Split::Train, count), (Split::HeldOut, count / 4)] {
        let source = Source::new(97, None, split_of);
        for seed in 0..count {
            for piece in split(&source.draw(seed).caption.text) {
                *uses.entry(piece.text).or_default() += 1;
            }
        }
    }
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let words: BTreeSet<String> = uses
        .into_iter()
        .filter(|(word, uses)| *uses >= least && !is_number(word))
        .map(|(word, _)| word)
        .chain([NUMBER_WORD.to_owned()])
        .collect();
    words.into_iter().map(|word| word + "\n").collect()
}

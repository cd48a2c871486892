//! Tokenizers: text to the ids that a text encoder reads.

mod number;
mod split;
mod word;

pub use number::{Unit, word_value};
pub use split::{Piece, split};
pub use word::{
    Encoding, MAX_TOKENS, NGRAMS_PER_WORD, NUM_NGRAMS, NUMBER_WORD, Token, VocabularyError,
    WordTokenizer,
};

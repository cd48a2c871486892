//! What can be wrong with a tokenizer.

use std::path::PathBuf;

/// Why a tokenizer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file cannot be read.
    #[error("{}: cannot be read", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A folder without a tokenizer.
    #[error("{}: neither tokenizer.json nor spiece.model is there", folder.display())]
    Absent {
        /// The folder.
        folder: PathBuf,
    },
    /// More bytes than a vocabulary has.
    #[error("{}: more than {limit} bytes, too much for a tokenizer", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// `tokenizer.json` or `tokenizer_config.json` is broken, or has a component that T5's do not.
    #[error("the tokenizer's JSON does not parse: {0}")]
    Json(#[from] serde_json::Error),
    /// Neither JSON nor a sentencepiece model.
    #[error("the tokenizer is not a sentencepiece model")]
    Sentencepiece,
    /// The table of character replacements is broken.
    #[error("the tokenizer's character map is broken")]
    Charsmap,
    /// A part that T5 and UMT5 do without.
    #[error("tokenizers with {what} are not supported")]
    Unsupported {
        /// The part.
        what: String,
    },
    /// A piece that must be there.
    #[error("the tokenizer's vocabulary lacks {name}")]
    NoPiece {
        /// Its name.
        name: String,
    },
    /// The unknown token is not in the vocabulary.
    #[error("the unknown token {id} is not among the tokenizer's {size} pieces")]
    Unknown {
        /// Its id.
        id: u32,
        /// Pieces in the vocabulary.
        size: usize,
    },
    /// A score that is no number.
    #[error("piece {id} of the tokenizer has the score {score}")]
    Score {
        /// The piece.
        id: usize,
        /// Its score.
        score: f64,
    },
}

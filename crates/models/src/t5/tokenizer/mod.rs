//! Text to ids, as transformers' `T5Tokenizer` does it, from `tokenizer.json` or `spiece.model`.
//!
//! Own code instead of the crate tokenizers: with its unigram parts alone that brings in more than
//! sixty crates that nothing else here needs; this takes two, and reads both files.
//!
//! ```text
//! text ── added tokens ── normalisation ── words ── unigram pieces ── </s>
//! ```

mod added;
mod charsmap;
mod embedded;
mod error;
mod json;
mod sentencepiece;
mod unigram;
mod words;

use std::fs;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use added::{AddedToken, Part};
use charsmap::Charsmap;
use unigram::{Entry, Unigram};
use words::{Normalizer, Splitter};

pub use error::TokenizerError;

/// Cuts prompts into the pieces of a vocabulary.
pub struct Tokenizer {
    model: Unigram,
    /// Found in the text as it came.
    raw: Vec<AddedToken>,
    /// Found in the normalised text; their contents are normalised too.
    normalized: Vec<AddedToken>,
    normalizers: Vec<Normalizer>,
    splitters: Vec<Splitter>,
    before: Vec<u32>,
    after: Vec<u32>,
    pad: Option<u32>,
}

/// One entry of a vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The text, with `▁` for a space.
    pub text: String,
    /// The logarithm of its probability.
    pub score: f32,
    /// What it is for.
    pub kind: PieceKind,
}

/// What an entry of a vocabulary is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// A piece of text.
    Normal,
    /// Stands for what is not in the vocabulary.
    Unknown,
    /// A mark such as the end.
    Control,
    /// A text that is always one piece.
    UserDefined,
    /// Fills the table up.
    Unused,
    /// One byte.
    Byte,
}

impl PieceKind {
    /// From its number in `spiece.model` and in `tokenizer.ggml.token_type`.
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }
}

/// Above the largest tokenizer file published with these models, 17 MB, by far.
const LIMIT_BYTES: u64 = 256 << 20;

/// `tokenizer_config.json`.
#[derive(Default, Deserialize)]
struct FolderConfig {
    tokenizer_class: Option<String>,
    extra_ids: Option<usize>,
}

impl Tokenizer {
    /// Sentinels `<extra_id_0>` and so on of a T5 vocabulary whose folder says nothing else.
    pub const EXTRA_IDS: usize = 100;

    /// Reads `tokenizer.json` or `spiece.model`, told apart by their content, or whichever of them a
    /// folder holds, in this order.
    ///
    /// Of a `tokenizer_config.json` beside it `tokenizer_class` counts, which lets T5's own way to cut
    /// words replace that of `tokenizer.json`, and `extra_ids`.
    ///
    /// # Errors
    /// When there is no such file, it is broken, or no unigram tokenizer.
    pub fn open(path: &Path) -> Result<Self, TokenizerError> {
        let file = if path.is_dir() {
            let all = ["tokenizer.json", "spiece.model"].map(|name| path.join(name));
            let found = all.into_iter().find(|file| file.is_file());
            let folder = path.to_owned();
            found.ok_or(TokenizerError::Absent { folder })?
        } else {
            path.to_owned()
        };
        let config = file.with_file_name("tokenizer_config.json");
        let config: FolderConfig = if config.is_file() {
            serde_json::from_slice(&read(&config)?)?
        } else {
            FolderConfig::default()
        };
        let bytes = read(&file)?;
        if bytes.trim_ascii_start().first() == Some(&b'{') {
            let class = config.tokenizer_class.unwrap_or_default();
            return json::read(&bytes, class.starts_with("T5Tokenizer"));
        }
        Self::from_spiece(&bytes, config.extra_ids.unwrap_or(Self::EXTRA_IDS))
    }

    /// Reads a `tokenizer.json` from memory.
    ///
    /// # Errors
    /// When it is broken, or no unigram tokenizer.
    pub fn from_json(json: &[u8]) -> Result<Self, TokenizerError> {
        json::read(json, false)
    }

    /// Reads a `spiece.model` from memory, as `ComfyUI` also puts it into weight files, and appends
    /// `extra_ids` sentinels.
    ///
    /// # Errors
    /// When it is broken, or no unigram model.
    pub fn from_spiece(bytes: &[u8], extra_ids: usize) -> Result<Self, TokenizerError> {
        let model = sentencepiece::read(bytes)?;
        Self::from_pieces(model.pieces, model.charsmap.as_deref(), extra_ids)
    }

    /// A tokenizer of the pieces that `spiece.model` or the arrays `tokenizer.ggml.tokens`, `.scores`
    /// and `.token_type` of a GGUF file hold, with its `precompiled_charsmap`.
    ///
    /// As in `T5Tokenizer` texts are cut at white space, characters that no piece has become the
    /// unknown token even where the vocabulary has pieces of bytes, and `</s>` comes last. The last
    /// of `extra_ids` sentinels gets the first free id.
    ///
    /// # Errors
    /// When the pieces of the unknown token or `</s>` are missing, or a score is no number.
    pub fn from_pieces(
        pieces: Vec<Piece>,
        charsmap: Option<&[u8]>,
        extra_ids: usize,
    ) -> Result<Self, TokenizerError> {
        let unknown = pieces
            .iter()
            .position(|piece| piece.kind == PieceKind::Unknown);
        let unknown = unknown.ok_or_else(|| TokenizerError::NoPiece {
            name: "an unknown token".to_owned(),
        })?;
        let mut added: Vec<AddedToken> = (pieces.iter().zip(0..))
            .filter(|(piece, _)| {
                use PieceKind::{Control, Unknown, UserDefined};
                matches!(piece.kind, Control | Unknown | UserDefined)
            })
            .map(|(piece, id)| AddedToken::plain(id, &piece.text))
            .collect();
        let mut entries: Vec<Entry> = pieces.into_iter().map(Entry::from).collect();
        for i in (0..extra_ids).rev() {
            let text = format!("<extra_id_{i}>");
            added.push(AddedToken::plain(entries.len() as u32, &text));
            entries.push(Entry {
                text,
                score: 0.0,
                used: true,
                counted: true,
            });
        }
        let model = Unigram::new(entries, unknown as u32, false)?;
        let end = model.id("</s>").ok_or_else(|| TokenizerError::NoPiece {
            name: "</s>".to_owned(),
        })?;
        let charsmap = charsmap.map(Charsmap::new).transpose()?;
        Ok(Self {
            normalizers: charsmap.into_iter().map(Normalizer::Charsmap).collect(),
            splitters: Splitter::T5.to_vec(),
            after: vec![end],
            pad: model.id("<pad>"),
            ..Self::new(model, added)
        })
    }

    /// A tokenizer that neither normalises nor splits.
    fn new(model: Unigram, added: Vec<AddedToken>) -> Self {
        let (normalized, raw) = added.into_iter().partition(|token| token.normalized);
        Self {
            model,
            raw,
            normalized,
            normalizers: Vec::new(),
            splitters: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            pad: None,
        }
    }

    /// The ids of a prompt, with `</s>`.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = self.before.clone();
        self.encode_text(text, &mut ids);
        ids.extend(&self.after);
        ids
    }

    /// [`Tokenizer::encode`], the text cut short so that there are no more than `max_tokens` ids; they
    /// still end with `</s>`.
    pub fn encode_at_most(&self, text: &str, max_tokens: usize) -> Vec<u32> {
        let mut ids = self.before.clone();
        self.encode_text(text, &mut ids);
        ids.truncate(max_tokens.saturating_sub(self.after.len()));
        ids.extend(&self.after);
        ids
    }

    /// The id that fills up short prompts: that of `<pad>`, 0 in all published vocabularies.
    pub fn pad_id(&self) -> u32 {
        self.pad.unwrap_or(0)
    }

    /// One more than the greatest id that a text can have: an encoder's table needs as many rows.
    pub fn num_ids(&self) -> usize {
        let added = self
            .raw
            .iter()
            .chain(&self.normalized)
            .map(|token| token.id);
        let ends = self.before.iter().chain(&self.after).copied();
        let others = added.chain(ends).chain(self.pad).max();
        self.model
            .num_ids()
            .max(others.map_or(0, |id| id as usize + 1))
    }

    fn encode_text(&self, text: &str, ids: &mut Vec<u32>) {
        for part in added::split(text, &self.raw) {
            let text = match part {
                Part::Token(id) => {
                    ids.push(id);
                    continue;
                }
                Part::Text(text) => self.normalize(text),
            };
            for part in added::split(&text, &self.normalized) {
                match part {
                    Part::Token(id) => ids.push(id),
                    Part::Text(text) => self.encode_words(text, &self.splitters, ids),
                }
            }
        }
    }

    fn normalize(&self, text: &str) -> String {
        let apply = |text: String, normalizer: &Normalizer| normalizer.apply(&text);
        self.normalizers.iter().fold(text.to_owned(), apply)
    }

    fn encode_words(&self, text: &str, splitters: &[Splitter], ids: &mut Vec<u32>) {
        match splitters.split_first() {
            None => self.model.encode(text, ids),
            Some((splitter, rest)) => {
                for word in splitter.split(text) {
                    self.encode_words(&word, rest, ids);
                }
            }
        }
    }
}

impl From<Piece> for Entry {
    fn from(piece: Piece) -> Self {
        use PieceKind::{Unused, UserDefined};
        Self {
            text: piece.text,
            score: f64::from(piece.score),
            used: piece.kind != Unused,
            // Converters give these a score of -1000.
            counted: !matches!(piece.kind, Unused | UserDefined),
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, TokenizerError> {
    let failed = |source| TokenizerError::Open {
        file: file.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).map_err(failed)?;
    let mut limited = opened.take(LIMIT_BYTES + 1);
    limited.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT_BYTES {
        return Err(TokenizerError::TooLarge {
            file: file.to_owned(),
            limit: LIMIT_BYTES,
        });
    }
    Ok(bytes)
}

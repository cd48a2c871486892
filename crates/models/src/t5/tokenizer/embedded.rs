//! A tokenizer that a file of weights brings along.

use kinora_nn::{Value, WeightFile};

use super::{Piece, PieceKind, Tokenizer, TokenizerError};

/// The tensor of a packed `spiece.model`.
const SPIECE: &str = "spiece_model";
/// The list of GGUF that a vocabulary begins with.
const TOKENS: &str = "tokenizer.ggml.tokens";

impl Tokenizer {
    /// Whether a file of weights brings a tokenizer along; it is not read.
    pub fn is_in_weights(file: &WeightFile) -> bool {
        file.shape(SPIECE).is_some() || file.metadata(TOKENS).is_some()
    }

    /// The tokenizer in a file of weights: `spiece.model` as the tensor `spiece_model`, as `ComfyUI`
    /// packs it, or the arrays `tokenizer.ggml.*` of GGUF. `None` when there is neither.
    ///
    /// # Errors
    /// As [`Tokenizer::from_spiece`] and [`Tokenizer::from_pieces`].
    pub fn in_weights(file: &WeightFile) -> Option<Result<Self, TokenizerError>> {
        if let Some(bytes) = file.embedded_file(SPIECE) {
            // Sentinels might lie beyond the embedding table, and no prompt has them.
            return Some(Self::from_spiece(bytes, 0));
        }
        let pieces = pieces(file)?;
        let charsmap = file.metadata("tokenizer.ggml.precompiled_charsmap");
        let charsmap: Option<Vec<u8>> = charsmap.and_then(Value::as_list).map(|bytes| {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
            bytes.iter().filter_map(byte).collect()
        });
        Some(Self::from_pieces(pieces, charsmap.as_deref(), 0))
    }
}

/// The vocabulary of a GGUF file.
fn pieces(file: &WeightFile) -> Option<Vec<Piece>> {
    let list = |name: &str| file.metadata(name).and_then(Value::as_list);
    let texts = list(TOKENS)?;
    let scores = list("tokenizer.ggml.scores")?;
    let kinds = list("tokenizer.ggml.token_type")?;
    let all = texts.iter().zip(scores).zip(kinds);
    all.map(|((text, score), kind)| {
        Some(Piece {
            text: text.as_text()?.to_owned(),
            score: score.as_f64()? as f32,
            kind: PieceKind::from_number(kind.as_u64()?)?,
        })
    })
    .collect()
}

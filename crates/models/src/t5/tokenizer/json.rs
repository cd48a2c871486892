//! `tokenizer.json`, the file of the library tokenizers.
//!
//! Components that T5's and UMT5's files have are read; any other is an error.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::added::AddedToken;
use super::charsmap::Charsmap;
use super::unigram::{Entry, Unigram};
use super::words::{Normalizer, Splitter};
use super::{Tokenizer, TokenizerError};

/// Published normalizers make a text three times as long at most, where each space becomes a mark.
const MOST_GROWTH: f64 = 64.0;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    normalizer: Option<NormalizerSpec>,
    #[serde(default)]
    pre_tokenizer: Option<SplitterSpec>,
    #[serde(default)]
    post_processor: Option<PostProcessor>,
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    /// Absent in old files.
    #[serde(rename = "type", default)]
    kind: Option<String>,
    unk_id: Option<u32>,
    vocab: Value,
    #[serde(default)]
    byte_fallback: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum NormalizerSpec {
    Sequence { normalizers: Vec<NormalizerSpec> },
    Precompiled { precompiled_charsmap: String },
    Strip { strip_left: bool, strip_right: bool },
    Replace { pattern: Pattern, content: String },
}

#[derive(Deserialize)]
enum Pattern {
    String(String),
    Regex(String),
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum SplitterSpec {
    Sequence {
        pretokenizers: Vec<SplitterSpec>,
    },
    WhitespaceSplit,
    Metaspace {
        replacement: char,
        add_prefix_space: Option<bool>,
        prepend_scheme: Option<String>,
        split: Option<bool>,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum PostProcessor {
    TemplateProcessing {
        single: Vec<TemplatePart>,
        special_tokens: std::collections::BTreeMap<String, SpecialToken>,
    },
}

#[derive(Deserialize)]
enum TemplatePart {
    Sequence {},
    SpecialToken { id: String },
}

#[derive(Deserialize)]
struct SpecialToken {
    ids: Vec<u32>,
}

/// With `as_t5` the file gives vocabulary, character map and special tokens alone, and the text is
/// cut as [`Tokenizer::from_pieces`] does.
pub(super) fn read(json: &[u8], as_t5: bool) -> Result<Tokenizer, TokenizerError> {
    let file: File = serde_json::from_slice(json)?;
    let unknown = file.model.unk_id.ok_or_else(|| TokenizerError::NoPiece {
        name: "the unknown token".to_owned(),
    })?;
    if !matches!(file.model.kind.as_deref(), None | Some("Unigram")) {
        let what = format!("models of type {:?}, only Unigram", file.model.kind);
        return Err(TokenizerError::Unsupported { what });
    }
    let vocab: Vec<(String, f64)> = serde_json::from_value(file.model.vocab)?;
    let entries = vocab.into_iter().map(|(text, score)| Entry {
        text,
        score,
        used: true,
        counted: true,
    });
    let byte_fallback = file.model.byte_fallback && !as_t5;
    let model = Unigram::new(entries.collect(), unknown, byte_fallback)?;
    let mut normalizers = Vec::new();
    if let Some(spec) = file.normalizer {
        push_normalizer(spec, &mut normalizers)?;
    }
    let growth: f64 = normalizers.iter().map(Normalizer::growth).product();
    // Not a number where nothing is replaced by nothing.
    if growth.is_nan() || growth > MOST_GROWTH {
        let what = format!("normalizers that make a text {growth} times as long");
        return Err(TokenizerError::Unsupported { what });
    }
    let mut splitters = Vec::new();
    if as_t5 {
        normalizers.retain(|normalizer| matches!(normalizer, Normalizer::Charsmap(_)));
        normalizers.truncate(1);
        splitters.extend(Splitter::T5);
    } else if let Some(spec) = file.pre_tokenizer {
        push_splitter(spec, &mut splitters)?;
    }
    let (before, after) = template(file.post_processor)?;
    let added = |text: &str| file.added_tokens.iter().find(|token| token.content == text);
    let pad = added("<pad>")
        .map(|token| token.id)
        .or_else(|| model.id("<pad>"));
    Ok(Tokenizer {
        normalizers,
        splitters,
        before,
        after,
        pad,
        ..Tokenizer::new(model, file.added_tokens)
    })
}

fn push_normalizer(
    spec: NormalizerSpec,
    normalizers: &mut Vec<Normalizer>,
) -> Result<(), TokenizerError> {
    normalizers.push(match spec {
        NormalizerSpec::Sequence { normalizers: all } => {
            return all
                .into_iter()
                .try_for_each(|spec| push_normalizer(spec, normalizers));
        }
        NormalizerSpec::Precompiled {
            precompiled_charsmap,
        } => {
            let bytes = BASE64_STANDARD.decode(precompiled_charsmap);
            let bytes = bytes.map_err(|_| TokenizerError::Charsmap)?;
            Normalizer::Charsmap(Charsmap::new(&bytes)?)
        }
        NormalizerSpec::Strip {
            strip_left,
            strip_right,
        } => Normalizer::Strip {
            left: strip_left,
            right: strip_right,
        },
        NormalizerSpec::Replace { pattern, content } => match pattern {
            Pattern::String(from) => Normalizer::Replace { from, to: content },
            Pattern::Regex(regex) if regex == " {2,}" => Normalizer::Spaces { to: content },
            Pattern::Regex(regex) => {
                let what = format!("a normalizer that replaces the pattern `{regex}`");
                return Err(TokenizerError::Unsupported { what });
            }
        },
    });
    Ok(())
}

fn push_splitter(spec: SplitterSpec, splitters: &mut Vec<Splitter>) -> Result<(), TokenizerError> {
    splitters.push(match spec {
        SplitterSpec::Sequence { pretokenizers } => {
            return pretokenizers
                .into_iter()
                .try_for_each(|spec| push_splitter(spec, splitters));
        }
        SplitterSpec::WhitespaceSplit => Splitter::Whitespace,
        SplitterSpec::Metaspace {
            replacement,
            add_prefix_space,
            prepend_scheme,
            split,
        } => Splitter::Metaspace {
            mark: replacement,
            prefix: match (prepend_scheme.as_deref(), add_prefix_space) {
                (Some("never"), _) | (_, Some(false)) => false,
                (None | Some("always"), _) => true,
                (Some(other), _) => {
                    let what = format!("the prepend scheme `{other}`");
                    return Err(TokenizerError::Unsupported { what });
                }
            },
            split: split.unwrap_or(true),
        },
    });
    Ok(())
}

/// The ids before and after the text.
fn template(spec: Option<PostProcessor>) -> Result<(Vec<u32>, Vec<u32>), TokenizerError> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let Some(PostProcessor::TemplateProcessing {
        single,
        special_tokens,
    }) = spec
    else {
        return Ok((before, after));
    };
    let mut seen = false;
    for part in single {
        match part {
            TemplatePart::Sequence {} => seen = true,
            TemplatePart::SpecialToken { id } => {
                let token = special_tokens.get(&id);
                let token = token.ok_or(TokenizerError::NoPiece { name: id })?;
                let side = if seen { &mut after } else { &mut before };
                side.extend(&token.ids);
            }
        }
    }
    Ok((before, after))
}

//! The text encoder of an open model: read, used and given back within one call, because in many
//! models it is larger than everything else.

use kinora_models::t5::{Config, encode_by_block};
use kinora_tensor::{DType, Tensor};

use super::embeddings::Embeddings;
use super::fingerprint::Fingerprint;
use super::source::{Name, Source};
use crate::error::Result;
use crate::request::Dtype;

/// What the encoder makes of the padding that fills a prompt up to its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// The words see it.
    Seen,
    /// It is masked, so it need not be computed.
    Masked,
}

/// A T5 or UMT5.
#[derive(Clone)]
pub(crate) struct Text {
    source: Source,
    pub(super) config: Config,
    known: Embeddings,
}

impl Text {
    /// Reads the description; no weights yet. What is encoded is kept in `known`.
    pub(crate) fn open(source: &Source, known: Embeddings) -> Result<Self> {
        let config = Config::from_json(source.config(Name::TextEncoder)?)
            .map_err(|error| source.failed(Name::TextEncoder.folder(), error))?;
        Ok(Self {
            source: source.clone(),
            config,
            known,
        })
    }

    /// The states `[tokens, width]` of each text, cut to `max_tokens`; padding has none.
    ///
    /// # Errors
    /// [`crate::Error::Model`] for a damaged tokenizer or damaged weights, or a tokenizer of another
    /// encoder.
    pub(crate) fn encode(
        &self,
        texts: &[String],
        max_tokens: usize,
        padding: Padding,
        dtype: Dtype,
    ) -> Result<Vec<Tensor>> {
        let tokenizer = self.source.tokenizer()?;
        let (ids, rows) = (tokenizer.num_ids(), self.config.vocab_size);
        if ids > rows {
            let reason = format!("it has {ids} ids, the text encoder {rows}");
            return Err(self.source.failed("tokenizer", reason));
        }
        let states = texts.iter().map(|text| {
            let mut ids = tokenizer.encode_at_most(text, max_tokens);
            let tokens = ids.len();
            if padding == Padding::Seen {
                ids.resize(max_tokens, tokenizer.pad_id());
            }
            let print = self.fingerprint(&ids, dtype)?;
            let shape = [ids.len(), self.config.d_model];
            let states = self.known.get(print, shape, || self.states(&ids, dtype))?;
            Ok(states.slice(0..tokens))
        });
        states.collect()
    }

    fn states(&self, ids: &[u32], dtype: Dtype) -> Result<Tensor> {
        let file = self.source.weights(Name::TextEncoder)?;
        let failed = |error| self.source.weights_error(Name::TextEncoder, &error);
        let states = encode_by_block(&file.weights(dtype.into()), &self.config, &[ids]);
        let states = states.and_then(|states| file.finish().map(|()| states));
        Ok(states.map_err(failed)?[0].to_dtype(DType::F32))
    }

    fn fingerprint(&self, ids: &[u32], dtype: Dtype) -> Result<Fingerprint> {
        let mut print = self
            .source
            .fingerprint(Fingerprint::default(), Name::TextEncoder)?;
        // Another version may compute otherwise.
        let version = env!("CARGO_PKG_VERSION");
        print.text(&format!("{version} {ids:?} {dtype:?}"));
        Ok(print)
    }
}

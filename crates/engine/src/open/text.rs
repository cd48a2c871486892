//! The text encoder of an open model: read, used and given back within one call, because in many
//! models it is larger than everything else.

use std::cell::OnceCell;

use kinora_models::t5::keys::FROM_TRANSFORMERS;
use kinora_models::t5::{Config, Encoder, Tokenizer};
use kinora_tensor::{DType, Tensor};

use super::directory::Directory;
use super::embeddings::Embeddings;
use super::fingerprint::Fingerprint;
use crate::error::Result;
use crate::request::Dtype;

/// The parts in a directory.
pub(crate) const ENCODER: &str = "text_encoder";
pub(crate) const TOKENIZER: &str = "tokenizer";

/// What the encoder makes of the padding that fills a prompt up to its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// The words see it.
    Seen,
    /// It is masked, so it need not be computed.
    Masked,
}

/// A T5 in a directory.
#[derive(Clone)]
pub(crate) struct Text {
    directory: Directory,
    config: Config,
}

impl Text {
    /// Reads the description; no weights yet.
    pub(crate) fn open(directory: &Directory) -> Result<Self> {
        let file = format!("{ENCODER}/config.json");
        let config = Config::from_json(&directory.text(&file)?)
            .map_err(|error| directory.failed(&file, error))?;
        Ok(Self {
            directory: directory.clone(),
            config,
        })
    }

    /// Width of the states.
    pub(crate) fn width(&self) -> usize {
        self.config.d_model
    }

    /// The states `[tokens, width]` of each text, cut to `max_tokens`; padding has none.
    ///
    /// # Errors
    /// [`crate::Error::Model`] for a damaged tokenizer or damaged weights.
    pub(crate) fn encode(
        &self,
        texts: &[String],
        max_tokens: usize,
        padding: Padding,
        dtype: Dtype,
    ) -> Result<Vec<Tensor>> {
        let tokenizer = Tokenizer::open(&self.directory.folder(TOKENIZER))
            .map_err(|error| self.directory.failed(TOKENIZER, error))?;
        let cache = Embeddings::of_user();
        let encoder = OnceCell::new();
        let states = texts.iter().map(|text| {
            let mut ids = tokenizer.encode_at_most(text, max_tokens);
            let tokens = ids.len();
            if padding == Padding::Seen {
                ids.resize(max_tokens, tokenizer.pad_id());
            }
            let print = self.fingerprint(&ids, dtype)?;
            let compute = || -> Result<Tensor> {
                let encoder = match encoder.get() {
                    Some(encoder) => encoder,
                    None => encoder.get_or_init(self.load(dtype)?),
                };
                Ok(encoder.encode(&ids).to_dtype(DType::F32))
            };
            let states = cache.get(print, [ids.len(), self.width()], compute)?;
            Ok(states.slice(0..tokens))
        });
        states.collect()
    }

    fn load(&self, dtype: Dtype) -> Result<impl FnOnce() -> Encoder> {
        let file = self.directory.weights(ENCODER, &[FROM_TRANSFORMERS])?;
        let encoder = Encoder::load(&file.weights(dtype.into()), &self.config);
        let encoder = encoder.and_then(|encoder| file.finish().map(|()| encoder));
        let encoder = encoder.map_err(|error| self.directory.weights_error(ENCODER, &error))?;
        Ok(|| encoder)
    }

    fn fingerprint(&self, ids: &[u32], dtype: Dtype) -> Result<Fingerprint> {
        let mut print = self.directory.fingerprint(&[ENCODER])?;
        print.text(&format!("{ids:?} {dtype:?}"));
        Ok(print)
    }
}

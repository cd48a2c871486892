//! What the frozen text encoder makes of captions, each read once.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use kinora_models::native::{Config, TextEncoder, TextStates};
use kinora_nn::WeightFile;
use kinora_nn::tokenizer::WordTokenizer;
use kinora_tensor::{DType, Precision, Tensor};

use crate::text::{self, tokenizer, words};

/// Reads captions and remembers what they say.
pub struct Texts {
    tokenizer: WordTokenizer,
    encoder: TextEncoder,
    /// States in bf16, which is what the transformer's products see of them, and beliefs.
    known: HashMap<String, (Option<Tensor>, Tensor)>,
}

impl Texts {
    /// Reads the text encoder of the model in `folder`.
    ///
    /// # Errors
    /// When a file is missing, damaged, or not of this configuration.
    pub fn open(folder: &Path, config: &Config) -> Result<Self> {
        let file = WeightFile::open_part(folder, text::PART)?;
        let encoder = TextEncoder::load(&file.weights(Precision::F32), &config.text)?;
        file.finish()?;
        Ok(Self {
            tokenizer: tokenizer(folder)?,
            encoder,
            known: HashMap::new(),
        })
    }

    /// What a caption says, as the transformer takes it.
    pub fn read(&mut self, caption: &str) -> TextStates {
        if !self.known.contains_key(caption) {
            let read = self.encoder.encode(&words(&self.tokenizer, caption));
            let states = read.states.map(|states| states.to_dtype(DType::Bf16));
            self.known.insert(caption.to_owned(), (states, read.belief));
        }
        let (states, belief) = &self.known[caption];
        TextStates {
            states: states.as_ref().map(|states| states.to_dtype(DType::F32)),
            belief: belief.clone(),
            attention: Vec::new(),
        }
    }
}

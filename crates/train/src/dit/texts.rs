//! What the frozen text encoder makes of captions, each read once.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use kinora_models::native::{Config, TextEncoder, TextStates, Word};
use kinora_nn::WeightFile;
use kinora_nn::tokenizer::WordTokenizer;
use kinora_tensor::{DType, Precision, Tensor};

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
        let path = folder.join("vocabulary.txt");
        let words =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = WeightFile::open(&folder.join("text.safetensors"))?;
        let encoder = TextEncoder::load(&file.weights(Precision::F32), &config.text)?;
        file.finish()?;
        Ok(Self {
            tokenizer: WordTokenizer::from_vocabulary(&words)
                .with_context(|| format!("{} is no vocabulary", path.display()))?,
            encoder,
            known: HashMap::new(),
        })
    }

    /// What a caption says, as the transformer takes it.
    pub fn read(&mut self, caption: &str) -> TextStates {
        if !self.known.contains_key(caption) {
            let read = self.encode(caption);
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

    fn encode(&self, caption: &str) -> TextStates {
        let tokens = self.tokenizer.encode(caption).tokens.into_iter();
        let words = tokens.map(|token| Word {
            id: token.word_id,
            ngrams: token.ngrams.iter().map(|&gram| u32::from(gram)).collect(),
            number: token.number,
            unit: token.unit as u32,
        });
        self.encoder.encode(&words.collect::<Vec<_>>())
    }
}

//! What kinora-1 reads of a prompt: states for the transformer, what it says by name, how the camera moves.

use std::sync::Arc;

use kinora_models::native::{CameraPath, Directions, LATENT_STRIDE, TextEncoder, TextStates, Word};
use kinora_tensor::Precision;

use super::{Native, Parts};
use crate::bundle::TEXT;
use crate::error::Result;
use crate::model::Reading;
use crate::size::Size;

/// Readings below this probability are not told.
const LEAST_PROBABILITY: f64 = 0.5;

/// The model's text encoder, which also names what a prompt says.
pub(crate) struct Reader {
    parts: Arc<Parts>,
    text: TextEncoder,
}

impl Native {
    /// Reads the text encoder alone.
    ///
    /// # Errors
    /// [`crate::Error::Model`] for a damaged file.
    pub(crate) fn reader(&self) -> Result<Reader> {
        let Parts { bundle, config, .. } = &*self.parts;
        let file = bundle.weights(TEXT)?;
        let encoder = TextEncoder::load(&file.weights(Precision::F32), &config.text);
        let encoder = encoder.and_then(|encoder| file.finish().map(|()| encoder));
        let text = encoder.map_err(|error| bundle.weights_error(TEXT, &error))?;
        Ok(Reader {
            parts: Arc::clone(&self.parts),
            text,
        })
    }
}

impl Reader {
    pub(super) fn encode(&self, text: &str) -> TextStates {
        let tokens = self.parts.tokenizer.encode(text).tokens.into_iter();
        let words: Vec<Word> = tokens.map(Word::from).collect();
        self.text.encode(&words)
    }

    /// How the camera moves in a clip of `t` latent frames: as its prompt says, or not at all where the first
    /// and the last are `held`, as a loop's are.
    pub(super) fn camera(
        &self,
        prompt: &TextStates,
        size: Size,
        t: usize,
        held: &[usize],
    ) -> CameraPath {
        if [0, t - 1].iter().all(|frame| held.contains(frame)) {
            return CameraPath::new();
        }
        let readings = self.readings(prompt);
        let said = |slot: &str| {
            let reading = readings.iter().find(|reading| reading.slot == slot);
            reading.map(|reading| reading.value.as_str())
        };
        let directions = Directions {
            motion: said("camera move"),
            pace: said("camera pace"),
            subject: said("direction"),
            is_landscape: said("subject kind").is_none(),
        };
        let seconds = LATENT_STRIDE as f64 / self.parts.config.transformer.fps as f64;
        directions.path(t, seconds, f64::from(size.width) / f64::from(size.height))
    }

    /// What a text says, surest first.
    pub(crate) fn read(&self, text: &str) -> Vec<Reading> {
        self.readings(&self.encode(text))
    }

    fn readings(&self, text: &TextStates) -> Vec<Reading> {
        let belief = text.belief.to_vec();
        let mut at = 0;
        let mut readings = Vec::new();
        for slot in self.text.slots() {
            let classes = &belief[at..at + slot.num_classes()];
            at += classes.len();
            let surest = classes.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let Some((class, &probability)) = surest.filter(|(class, _)| *class > 0) else {
                continue;
            };
            let probability = f64::from(probability);
            if probability >= LEAST_PROBABILITY {
                let value = slot.values[class - 1].clone();
                readings.push(Reading {
                    slot: slot.name.clone(),
                    value,
                    probability,
                });
            }
        }
        readings.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        readings
    }
}

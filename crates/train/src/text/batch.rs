//! Captions of one step, and what they say.

use kinora_filmset::program::Aspect;
use kinora_filmset::script::Split;
use kinora_filmset::script::random::{Rng, mix};
use kinora_models::native::Word;
use kinora_nn::tokenizer::WordTokenizer;

use super::settings::Settings;
use crate::data::Source;

/// Frames of the clips that captions are of.
const FRAMES: u32 = 97;
/// The number that the first held-out caption is drawn with.
const HELD_OUT_SEED: u64 = 11;

/// A caption as the text encoder reads it.
pub struct Caption {
    /// Its words.
    pub words: Vec<Word>,
    /// The class of each slot, 0 where nothing is said.
    pub slots: Vec<u8>,
}

/// What one step learns from.
pub struct Batch {
    /// The captions.
    pub captions: Vec<Caption>,
}

impl Batch {
    /// Draws the captions of a step.
    pub fn draw(settings: &Settings, step: u64, tokenizer: &WordTokenizer) -> Self {
        let source = Source::new(FRAMES, Some(Aspect::Wide), Split::Train);
        let mut rng = Rng::new(mix(settings.seed) ^ mix(step));
        let caption = |i: usize| {
            let number = mix(settings.seed) ^ mix(step) ^ mix(i as u64).rotate_left(1);
            let mut caption = Caption::draw(&source, number, tokenizer);
            for word in &mut caption.words {
                if rng.chance(settings.hidden_words) {
                    word.id = 0;
                }
            }
            caption
        };
        Self {
            captions: (0..settings.captions).map(caption).collect(),
        }
    }

    /// Captions that no step takes.
    pub fn held_out(settings: &Settings, tokenizer: &WordTokenizer) -> Self {
        let source = Source::new(FRAMES, Some(Aspect::Wide), Split::HeldOut);
        let numbers = (0..settings.held_out as u64).map(|i| HELD_OUT_SEED + i);
        Self {
            captions: numbers
                .map(|number| Caption::draw(&source, number, tokenizer))
                .collect(),
        }
    }
}

impl Caption {
    fn draw(source: &Source, number: u64, tokenizer: &WordTokenizer) -> Self {
        let caption = source.draw(number).caption;
        Self {
            words: words(tokenizer, &caption.text),
            slots: caption.slots,
        }
    }
}

/// What the text encoder reads of a text.
pub fn words(tokenizer: &WordTokenizer, text: &str) -> Vec<Word> {
    let tokens = tokenizer.encode(text).tokens.into_iter();
    tokens.map(Word::from).collect()
}

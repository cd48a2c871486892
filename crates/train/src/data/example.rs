//! One training example: a program, its caption, and what the text encoder reads of it.

use kinora_filmset::program::{Aspect, CameraMove, Program};
use kinora_filmset::script::random::{Rng, mix};
use kinora_filmset::script::{Caption, Recipe, Split, Style, caption, sample};
use kinora_filmset::{Moved, camera_path};
use kinora_models::native::{CameraPath, LATENT_STRIDE, View};
use kinora_nn::tokenizer::{NGRAMS_PER_WORD, WordTokenizer};
use serde::Serialize;

/// Draws examples: the same source and seed give the same example on every machine.
#[derive(Debug, Clone)]
pub struct Source {
    /// What programs are drawn from; its frame count is ignored for stills.
    pub recipe: Recipe,
    /// Whether to take one frame at a random time out of a longer clip.
    pub stills: bool,
}

/// A program and its caption.
#[derive(Debug, Clone)]
pub struct Example {
    /// The number it was drawn with.
    pub seed: u64,
    /// What the clip shows.
    pub program: Program,
    /// What the caption says.
    pub caption: Caption,
    /// First frame to take.
    pub first_frame: u32,
    /// Frames to take.
    pub frames: u32,
}

/// What the text encoder reads of a caption, and the truth of it.
#[derive(Debug, Clone, Serialize)]
pub struct Said<'a> {
    seed: u64,
    caption: &'a str,
    /// One id a token, 0 = unknown.
    tokens: Vec<u32>,
    /// Spelling ids, 0-padded.
    ngrams: Vec<[u16; NGRAMS_PER_WORD]>,
    /// Value of each token that is part of a number.
    numbers: Vec<Option<f32>>,
    /// What each number counts; 0 = nothing stated.
    units: Vec<u8>,
    /// What the caption says; 0 = not said.
    slots: &'a [u8],
    /// How the camera moves.
    camera: CameraPath,
}

/// What stands before a clip's frames in a stream.
#[derive(Debug, Clone, Serialize)]
pub struct Header<'a> {
    #[serde(flatten)]
    said: Said<'a>,
    frames: u32,
    first_frame: u32,
    height: u32,
    width: u32,
    program: &'a Program,
}

impl Source {
    /// A source of clips of `frames` frames, or of stills when that is one.
    pub fn new(frames: u32, aspect: Option<Aspect>, split: Split) -> Self {
        let recipe = Recipe {
            aspect,
            frames,
            split,
            ..Recipe::default()
        };
        Self {
            recipe,
            stills: frames == 1,
        }
    }

    /// Frames of an example: one of a still.
    pub fn frames(&self) -> u32 {
        if self.stills { 1 } else { self.recipe.frames }
    }

    /// The example of `seed`.
    pub fn draw(&self, seed: u64) -> Example {
        let mut rng = Rng::new(mix(seed) ^ 0x63_6170_7469_6f6e);
        let frames = if self.stills {
            rng.pick(&[25, 49, 97])
        } else {
            self.recipe.frames
        };
        let program = sample(
            seed,
            &Recipe {
                frames,
                ..self.recipe
            },
        );
        let first_frame = if self.stills {
            rng.below(frames as usize) as u32
        } else {
            0
        };
        let style = Style::mixed(&mut rng);
        let caption = caption(&program, style, self.recipe.split, &mut rng);
        let frames = if self.stills { 1 } else { frames };
        Example {
            seed,
            program,
            caption,
            first_frame,
            frames,
        }
    }

    /// Other ways to say what an example shows.
    pub fn phrasings(&self, example: &Example, count: usize) -> Vec<String> {
        let mut rng = Rng::new(mix(example.seed) ^ 0x7068_7261_7365);
        let mut phrase = |_| {
            let style = Style::mixed(&mut rng);
            caption(&example.program, style, self.recipe.split, &mut rng).text
        };
        (0..count).map(&mut phrase).collect()
    }
}

impl Example {
    /// What the text encoder reads.
    pub fn said(&self, tokenizer: &WordTokenizer) -> Said<'_> {
        let tokens = tokenizer.encode(&self.caption.text).tokens;
        Said {
            seed: self.seed,
            caption: &self.caption.text,
            tokens: tokens.iter().map(|token| token.word_id).collect(),
            ngrams: tokens.iter().map(|token| token.ngrams).collect(),
            numbers: tokens.iter().map(|token| token.number).collect(),
            units: tokens.iter().map(|token| token.unit as u8).collect(),
            slots: &self.caption.slots,
            camera: self.camera(),
        }
    }

    /// How the camera moves: a view a latent frame, the mean of the frames that it stands for; none where
    /// it rests, and of a still.
    pub fn camera(&self) -> CameraPath {
        let rests = self.program.camera.motion == CameraMove::Static;
        if self.frames == 1 || rests {
            return CameraPath::new();
        }
        let (width, height) = self.program.aspect.size();
        let unit = (width as f32 * height as f32).sqrt();
        let moved = camera_path(&self.program, (width, height));
        let mean = |frames: &[Moved]| {
            let of = |number: fn(&Moved) -> f32| {
                frames.iter().map(number).sum::<f32>() / frames.len() as f32
            };
            View {
                zoom: of(|moved| moved.zoom.ln()),
                near: [of(|moved| moved.near[0]), of(|moved| moved.near[1])].map(|x| x / unit),
                far: [of(|moved| moved.far[0]), of(|moved| moved.far[1])].map(|x| x / unit),
            }
        };
        let (first, others) = moved.split_at(1);
        let others = others.chunks(LATENT_STRIDE);
        std::iter::once(first).chain(others).map(mean).collect()
    }

    /// The header for frames of `size`.
    pub fn header(&self, (width, height): (u32, u32), tokenizer: &WordTokenizer) -> Header<'_> {
        Header {
            said: self.said(tokenizer),
            frames: self.frames,
            first_frame: self.first_frame,
            height,
            width,
            program: &self.program,
        }
    }
}

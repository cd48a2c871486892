//! One training example: a program, its caption, and what the text encoder reads of it.

use kinora_filmset::program::{Aspect, CameraMove, Program};
use kinora_filmset::script::random::{Rng, mix};
use kinora_filmset::script::{Caption, Recipe, Slot, Split, Style, caption, sample};
use kinora_filmset::{Moved, Track, staging};
use kinora_models::native::{CameraPath, LATENT_STRIDE, Mark, Staging, View};
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
    /// Where subjects are.
    marks: Vec<Mark>,
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
        let Staging { camera, marks } = self.staging();
        Said {
            seed: self.seed,
            caption: &self.caption.text,
            tokens: tokens.iter().map(|token| token.word_id).collect(),
            ngrams: tokens.iter().map(|token| token.ngrams).collect(),
            numbers: tokens.iter().map(|token| token.number).collect(),
            units: tokens.iter().map(|token| token.unit as u8).collect(),
            slots: &self.caption.slots,
            camera,
            marks: marks.unwrap_or_default(),
        }
    }

    /// How the camera moves and where subjects are: a view and a box a latent frame, each the mean of the frames
    /// that it stands for. A camera that rests has no path, nor has that of a still.
    pub fn staging(&self) -> Staging {
        let size = self.program.aspect.size();
        let frame = Frame::new(size);
        let staged = staging(&self.program, size);
        let rests = self.frames == 1 || self.program.camera.motion == CameraMove::Static;
        let frames = self.first_frame as usize..(self.first_frame + self.frames) as usize;
        let slots = &self.caption.slots;
        let mark = |track: &Track| {
            let (kind, color) = match track.subject {
                0 => (Slot::Kind, Slot::Color),
                _ => (Slot::SecondKind, Slot::SecondColor),
            };
            Mark {
                kind: slots[kind as usize],
                color: slots[color as usize],
                second: track.subject > 0,
                boxes: latent_frames(&track.boxes[frames.clone()], |boxes| frame.mean_box(boxes)),
            }
        };
        Staging {
            camera: if rests {
                CameraPath::new()
            } else {
                latent_frames(&staged.moved, |moved| frame.mean_view(moved))
            },
            marks: Some(staged.tracks.iter().map(mark).collect()),
        }
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

/// What the mean of each latent frame's frames is; the first stands for one alone.
fn latent_frames<T, U>(frames: &[T], mean: impl Fn(&[T]) -> U) -> Vec<U> {
    let (first, others) = frames.split_at(1);
    let others = others.chunks(LATENT_STRIDE);
    std::iter::once(first).chain(others).map(mean).collect()
}

/// From pixels of a frame to lengths of the model.
struct Frame {
    middle: [f32; 2],
    unit: f32,
}

impl Frame {
    fn new((width, height): (u32, u32)) -> Self {
        let (width, height) = (width as f32, height as f32);
        Self {
            middle: [width / 2.0, height / 2.0],
            unit: (width * height).sqrt(),
        }
    }

    fn mean_view(&self, moved: &[Moved]) -> View {
        let of = |number: fn(&Moved) -> f32| mean(moved.iter().map(number));
        View {
            zoom: of(|moved| moved.zoom.ln()),
            near: [of(|moved| moved.near[0]), of(|moved| moved.near[1])].map(|x| x / self.unit),
            far: [of(|moved| moved.far[0]), of(|moved| moved.far[1])].map(|x| x / self.unit),
        }
    }

    fn mean_box(&self, boxes: &[[f32; 4]]) -> [f32; 4] {
        [0, 1, 2, 3].map(|i| {
            let pixels = mean(boxes.iter().map(|bounds| bounds[i]));
            (pixels - self.middle[i % 2]) / self.unit
        })
    }
}

fn mean(numbers: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = numbers.len() as f32;
    numbers.sum::<f32>() / count
}

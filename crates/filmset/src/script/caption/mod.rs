//! Captions: what people would write to get a program.
//!
//! A caption is built from five layers (subject, setting, camera, light, motion) in varying order
//! and sentence frames. It says only what the program shows; [`Caption::slots`] records what it
//! said.

mod camera;
mod frames;
mod layers;
mod light;
mod motion;
mod number;
mod place;
mod scenery;
mod subject;
mod verbs;
mod words;
mod writer;

use crate::program::Program;
use crate::script::random::Rng;
use crate::script::recipe::Split;
use writer::Writer;

/// How much a caption says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A cinematographer's paragraph: nearly everything.
    Dense,
    /// About half of it.
    Medium,
    /// Who and where, and one or two things more.
    Short,
}

impl Style {
    /// The mix of training: 60 % dense, 25 % medium, 15 % short.
    pub fn mixed(rng: &mut Rng) -> Self {
        rng.weighted(&[
            (Self::Dense, 0.6),
            (Self::Medium, 0.25),
            (Self::Short, 0.15),
        ])
    }

    /// Share of the optional facts that are said.
    const fn detail(self) -> f32 {
        match self {
            Self::Dense => 0.8,
            Self::Medium => 0.42,
            Self::Short => 0.12,
        }
    }
}

/// A caption and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// English text of one paragraph.
    pub text: String,
    /// One value a slot of [`SLOTS`](crate::script::SLOTS): 0 = not said, k = value k - 1.
    pub slots: Vec<u8>,
}

/// Writes a caption of `program`; `split` chooses the family of sentence frames.
pub fn caption(program: &Program, style: Style, split: Split, rng: &mut Rng) -> Caption {
    let mut writer = Writer::new(program, style.detail(), rng);
    let text = frames::write(&mut writer, style, split);
    Caption {
        text,
        slots: writer.into_slots(),
    }
}

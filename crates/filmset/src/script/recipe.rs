//! What kind of programs to sample, and which of them are kept away from training.

use crate::program::{Aspect, Program, Setting, Subject, TimeOfDay};
use crate::script::random::mix;

/// Training or evaluation.
///
/// A tenth of all combinations of setting, hour, subject kind and colour, chosen by hash, is held
/// out: no training program contains one, every held-out program does. The captions' sentence
/// frames are split alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// What the model learns from.
    #[default]
    Train,
    /// What it is measured on.
    HeldOut,
}

/// What [`sample`](crate::script::sample) draws from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Shape of the picture; `None` mixes all, half of them 16:9.
    pub aspect: Option<Aspect>,
    /// Frames a clip, 1 + 8k.
    pub frames: u32,
    /// Share of clips without a subject, 0 to 1.
    pub landscapes: f32,
    /// Share of clips with two subjects, 0 to 1.
    pub pairs: f32,
    /// Share of clips with an event at a stated second, 0 to 1.
    pub events: f32,
    /// Training or evaluation.
    pub split: Split,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            aspect: Some(Aspect::Wide),
            frames: 97,
            landscapes: 0.12,
            pairs: 0.09,
            events: 0.17,
            split: Split::Train,
        }
    }
}

/// Whether a combination of setting, hour and subject (kind and colour) is held out.
pub fn is_held_out(setting: Setting, time: TimeOfDay, subject: Option<&Subject>) -> bool {
    let kind = subject.map_or(0, |s| s.kind as u64 + 1);
    let color = subject.map_or(0, |s| s.color as u64 + 1);
    let key = setting as u64 | (time as u64) << 8 | kind << 16 | color << 24;
    mix(key ^ 0x6b69_6e6f_7261).is_multiple_of(10)
}

/// Whether `program` may be used for `split`.
///
/// In training no subject may be of a held-out combination; in evaluation the main subject is.
pub fn belongs(program: &Program, split: Split) -> bool {
    let held = |subject: Option<&Subject>| is_held_out(program.setting, program.time, subject);
    match split {
        Split::HeldOut => held(program.subjects.first()),
        Split::Train if program.subjects.is_empty() => !held(None),
        Split::Train => !program.subjects.iter().any(|subject| held(Some(subject))),
    }
}

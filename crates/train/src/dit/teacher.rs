//! What the film set teaches beside the loss: where the first subject is, and what it is.
//!
//! A linear head reads it from the tokens of a middle block. Training alone uses it (the idea of REPA,
//! arXiv 2410.06940, with a renderer for the teacher).

use kinora_filmset::program::{Color, SubjectKind};
use kinora_tensor::Tensor;

use super::loss::Loss;
use crate::cache::Subject;
use crate::classes::cross_entropy;

/// Of what a subject is, against where it is.
const WHAT_WEIGHT: f32 = 0.1;

/// The classes that the head tells apart.
pub struct Teacher;

/// Sums over all clips of a step that losses are means over.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// Tokens.
    pub tokens: usize,
    /// What subjects cover, in tokens, of clips that have one.
    pub covered: f32,
}

impl Teacher {
    /// Outputs of the head: there or not, then the kinds, then the colours.
    pub fn outputs() -> usize {
        1 + SubjectKind::ALL.len() + Color::ALL.len()
    }

    /// The loss of the head's outputs `logits` `[b, n, outputs]`.
    ///
    /// `cover` holds the share of each of the `b n` tokens that the subject covers.
    pub fn loss(
        logits: &Tensor,
        cover: &[f32],
        subjects: &[Option<Subject>],
        shares: Shares,
    ) -> Loss {
        let outputs = logits.last_dim();
        let tokens = cover.len() / subjects.len().max(1);
        let mut value = 0.0;
        let mut gradient = vec![0.0; logits.len()];
        let rows = logits.as_f32().chunks_exact(outputs);
        let rows = rows.zip(gradient.chunks_exact_mut(outputs)).zip(cover);
        for (token, ((logits, gradient), &cover)) in rows.enumerate() {
            let share = 1.0 / shares.tokens as f32;
            let there = logits[0];
            // log(1 + e^x) - x y, without overflow.
            let surprise = there.max(0.0) + (-there.abs()).exp().ln_1p() - there * cover;
            value += f64::from(share * surprise);
            gradient[0] = share * (1.0 / (1.0 + (-there).exp()) - cover);

            let Some(subject) = &subjects[token / tokens] else {
                continue;
            };
            let share = WHAT_WEIGHT * cover / shares.covered.max(1.0);
            let kinds = 1 + SubjectKind::ALL.len();
            let right = [subject.kind as usize, subject.color as usize];
            for (classes, right) in [1..kinds, kinds..outputs].into_iter().zip(right) {
                let logits = &logits[classes.clone()];
                let gradient = &mut gradient[classes];
                value += f64::from(share * cross_entropy(logits, right, gradient));
                for x in gradient {
                    *x *= share;
                }
            }
        }
        Loss {
            value,
            gradient: Tensor::from_f32(&gradient, logits.shape()),
        }
    }
}

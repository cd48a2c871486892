//! Where subjects are, frame by frame, which the transformer is told of each token.
//!
//! Lengths are those of [`super::camera`]: in units of the square root of the frame's area, from its middle,
//! to the right and down.
//!
//! Reference: Li et al. (GLIGEN), arXiv 2301.07093, where boxes and what stands in them are tokens of their own.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// Values of the text encoder's slots `subject kind` and `color`.
const KINDS: usize = 12;
const COLORS: usize = 12;
/// Numbers of [`features`] that say where in a box a token is.
const GEOMETRY: usize = 19;
/// Numbers of [`features`].
pub(super) const FEATURES: usize = GEOMETRY + KINDS + COLORS;
/// A token shows a subject if this share of it is in the box, or of the box in it.
const SHOWN: f64 = 0.25;

/// One subject and the upright box around it in each latent frame.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// What the prompt says it is, a class of the slot `subject kind`; 0 if it does not.
    pub kind: u8,
    /// Its colour, a class of the slot `color`; 0 if nothing is said.
    pub color: u8,
    /// Whether the prompt names it as the second subject.
    pub second: bool,
    /// Left, top, right and bottom; a box may reach out of the frame.
    pub boxes: Vec<[f32; 4]>,
}

/// The mark that covers most of a token.
pub(super) struct Seen<'a> {
    mark: &'a Mark,
    /// Its box in the token's frame.
    bounds: [f64; 4],
    /// What is covered of the token, of its area.
    share: f64,
    /// How many other marks touch the token.
    others: usize,
}

/// A square token of a frame.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub(super) frame: usize,
    pub(super) place: [f64; 2],
    /// Its side.
    pub(super) side: f64,
}

impl Token {
    /// The area that it shares with a box.
    fn shares(&self, bounds: [f64; 4]) -> f64 {
        let length = |axis: usize| {
            let [low, high] = [-0.5, 0.5].map(|half| self.place[axis] + half * self.side);
            (bounds[2 + axis].min(high) - bounds[axis].max(low)).max(0.0)
        };
        length(0) * length(1)
    }
}

/// The middle of a box and half of its width and height.
fn middle([left, top, right, bottom]: [f64; 4]) -> [[f64; 2]; 2] {
    let half = |low: f64, high: f64| ((high - low) / 2.0).max(1e-4);
    let centre = [f64::midpoint(left, right), f64::midpoint(top, bottom)];
    [centre, [half(left, right), half(top, bottom)]]
}

impl Seen<'_> {
    /// Whether the subject is what the token shows, and where that was on the first frame.
    pub(super) fn first_place(&self, token: &Token) -> Option<[f64; 2]> {
        let [centre, half] = middle(self.bounds);
        let least = 1.0_f64.min(4.0 * half[0] * half[1] / token.side.powi(2));
        if self.share < SHOWN * least {
            return None;
        }
        let [first, half_then] = middle(self.mark.boxes[0].map(f64::from));
        let grown = half_then[1] / half[1];
        Some([0, 1].map(|axis| first[axis] + (token.place[axis] - centre[axis]) * grown))
    }
}

/// The mark that covers most of a token, if any touches it.
pub(super) fn seen<'a>(marks: &'a [Mark], token: &Token) -> Option<Seen<'a>> {
    let mut most: Option<Seen> = None;
    let mut touching = 0;
    for mark in marks {
        let Some(bounds) = mark.boxes.get(token.frame) else {
            continue;
        };
        let bounds = bounds.map(f64::from);
        let share = token.shares(bounds) / token.side.powi(2);
        if share > 0.0 {
            touching += 1;
            if most.as_ref().is_none_or(|most| most.share < share) {
                most = Some(Seen {
                    mark,
                    bounds,
                    share,
                    others: 0,
                });
            }
        }
    }
    most.map(|most| Seen {
        others: touching - 1,
        ..most
    })
}

/// What a token is told of a clip whose marks are known: where in a box it is, of what size, and what stands
/// there. One that no mark touches is told that nobody is there.
pub(super) fn features(seen: Option<&Seen>, token: &Token) -> [f32; FEATURES] {
    let mut features = [0.0; FEATURES];
    features[0] = 1.0;
    let Some(seen) = seen else { return features };
    let Token { place, side, .. } = *token;
    let [centre, half] = middle(seen.bounds);
    let edge = |i: usize| ((seen.bounds[i] - place[i % 2]) / side).clamp(-1.0, 1.0);
    let [x, y] = [0, 1].map(|axis| ((place[axis] - centre[axis]) / half[axis]).clamp(-1.5, 1.5));
    let size = |axis: usize| (2.0 * half[axis] / side).ln() / 2.0;
    let (x_sin, x_cos) = (PI * x).sin_cos();
    let (y_sin, y_cos) = (PI * y).sin_cos();
    let others = seen.others as f64;
    let geometry: [f64; GEOMETRY - 1] = [
        1.0,
        seen.share,
        f64::from(seen.mark.second),
        edge(0),
        edge(1),
        edge(2),
        edge(3),
        x,
        y,
        x * x,
        y * y,
        size(0),
        size(1),
        x_sin,
        x_cos,
        y_sin,
        y_cos,
        others,
    ];
    for (out, number) in features[1..].iter_mut().zip(geometry) {
        *out = number as f32;
    }
    let (kinds, colors) = features[GEOMETRY..].split_at_mut(KINDS);
    for (classes, class) in [(kinds, seen.mark.kind), (colors, seen.mark.color)] {
        let chosen = usize::from(class).checked_sub(1);
        if let Some(out) = chosen.and_then(|class| classes.get_mut(class)) {
            *out = 1.0;
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: f64 = 0.15;

    fn token(frame: usize, x: f64, y: f64) -> Token {
        Token {
            frame,
            place: [x, y],
            side: SIDE,
        }
    }

    fn mark(boxes: &[[f32; 4]]) -> Mark {
        Mark {
            kind: 3,
            boxes: boxes.to_vec(),
            ..Mark::default()
        }
    }

    #[test]
    fn what_a_token_shows_follows_the_subject() {
        let marks = [mark(&[[-0.1, -0.2, 0.1, 0.2], [0.2, -0.4, 0.6, 0.4]])];
        let head = token(1, 0.4, -0.3);
        let place = seen(&marks, &head).and_then(|seen| seen.first_place(&head));
        let [x, y] = place.expect("the subject");
        assert!(x.abs() < 1e-6 && (y + 0.15).abs() < 1e-6, "{x} {y}");
        assert!(seen(&marks, &token(1, -0.2, 0.0)).is_none());
        assert!(seen(&marks, &token(2, 0.4, 0.0)).is_none(), "no such frame");
    }

    #[test]
    fn a_small_subject_is_shown_and_a_corner_is_not() {
        let ball = [mark(&[[-0.01, -0.01, 0.01, 0.01]])];
        let at = token(0, 0.0, 0.0);
        assert!(seen(&ball, &at).unwrap().first_place(&at).is_some());
        let corner = [mark(&[[0.07, 0.07, 0.5, 0.5]])];
        let seen = seen(&corner, &at).expect("it touches");
        assert!(seen.first_place(&at).is_none());
    }

    #[test]
    fn the_mark_that_covers_most_speaks_and_the_others_are_counted() {
        let marks = [
            mark(&[[-0.1, -0.1, -0.05, 0.1]]),
            Mark {
                kind: 12,
                color: 12,
                second: true,
                ..mark(&[[-0.1, -0.1, 0.1, 0.1]])
            },
        ];
        let at = token(0, 0.0, 0.0);
        let all = features(seen(&marks, &at).as_ref(), &at);
        assert_eq!(all[FEATURES - 1].to_bits(), 1.0_f32.to_bits());
        assert_eq!(all[GEOMETRY + KINDS - 1].to_bits(), 1.0_f32.to_bits());
        assert_eq!(all[3].to_bits(), 1.0_f32.to_bits(), "the second subject");
        assert_eq!(all[18].to_bits(), 1.0_f32.to_bits(), "one other");
        let nobody = features(None, &at);
        assert!(nobody[1..].iter().all(|x| *x == 0.0) && nobody[0] > 0.0);
    }
}

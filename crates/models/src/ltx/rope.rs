//! Rotary position embedding over fractions of a largest clip.

use kinora_tensor::{Rotary, Tensor};

/// The largest clip: seconds, rows and columns of pixels that a position is a fraction of.
const LARGEST: [f32; 3] = [20.0, 2048.0, 2048.0];
const THETA: f32 = 10_000.0;

/// When a latent frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeRule {
    /// `frame * ratio / fps`.
    ///
    /// Reference: `LTXPipeline`, `rope_interpolation_scale`.
    Scaled,
    /// `max(frame * ratio + 1 - ratio, 0) / fps`: the first latent frame stands for one frame.
    ///
    /// Reference: `LTXConditionPipeline._scale_video_ids`.
    Causal,
}

impl TimeRule {
    /// The time of latent frame `frame` as a fraction of the longest clip, in the reference's own
    /// order of f32 operations.
    fn fraction(self, frame: usize, ratio: usize, fps: f32) -> f32 {
        match self {
            Self::Scaled => {
                let seconds = (ratio as f64 / f64::from(fps)) as f32;
                frame as f32 * seconds / LARGEST[0]
            }
            Self::Causal => {
                let first = (frame * ratio + 1).saturating_sub(ratio);
                let seconds = (1.0 / f64::from(fps)) as f32;
                first as f32 * seconds / LARGEST[0]
            }
        }
    }
}

/// Where a clip's tokens are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    /// Latent frames, rows and columns.
    pub size: [usize; 3],
    /// Frames and pixels of a latent.
    pub ratio: [usize; 2],
    pub rule: TimeRule,
    pub fps: f32,
}

/// Cosines and sines of every token's angles, for each head: `[n, heads head_dim / 2]`.
pub(super) struct Rope {
    cos: Tensor,
    sin: Tensor,
}

impl Rope {
    /// Tables for a stream of `dim` channels.
    ///
    /// A pair of channels turns with one axis: time, rows and columns in turn, each with `dim / 6`
    /// frequencies. What is left over comes first and does not turn.
    ///
    /// Reference: `LTXVideoRotaryPosEmbed`. Angles reach 15,000, so that f32 rounds them by a
    /// thousandth; the order of operations is the reference's to round alike.
    pub(super) fn new(dim: usize, grid: &Grid) -> Self {
        let frequencies = frequencies(dim / 6);
        let still = (dim % 6) / 2;
        let positions = positions(grid);
        let angle = |i: usize| {
            let (token, pair) = (i / (dim / 2), i % (dim / 2));
            let pair = pair.checked_sub(still)?;
            Some(f64::from(
                frequencies[pair / 3] * (positions[token][pair % 3] * 2.0 - 1.0),
            ))
        };
        let dims = [positions.len(), dim / 2];
        Self {
            cos: Tensor::from_fn(&dims, |i| angle(i).map_or(1.0, |x| x.cos() as f32)),
            sin: Tensor::from_fn(&dims, |i| angle(i).map_or(0.0, |x| x.sin() as f32)),
        }
    }

    pub(super) fn rotary(&self) -> Rotary<'_> {
        Rotary {
            cos: &self.cos,
            sin: &self.sin,
        }
    }
}

/// Time, row and column of each token as fractions of the largest clip.
fn positions(grid: &Grid) -> Vec<[f32; 3]> {
    let [t, h, w] = grid.size;
    let [time, space] = grid.ratio;
    let place = |i: usize, axis: usize| i as f32 * space as f32 / LARGEST[axis];
    let mut all = Vec::with_capacity(t * h * w);
    for frame in 0..t {
        let time = grid.rule.fraction(frame, time, grid.fps);
        for y in 0..h {
            all.extend((0..w).map(|x| [time, place(y, 1), place(x, 2)]));
        }
    }
    all
}

/// `theta^(i / (count - 1)) * pi / 2` for `i < count`, rounded as torch does in f32.
fn frequencies(count: usize) -> Vec<f32> {
    let step = 1.0_f32 / count.saturating_sub(1).max(1) as f32;
    let exponent = |i: usize| {
        // torch.linspace counts from both ends.
        if i < count / 2 || count == 1 {
            step * i as f32
        } else {
            1.0 - step * (count - 1 - i) as f32
        }
    };
    let power = |i: usize| f64::from(THETA).powf(f64::from(exponent(i))) as f32;
    (0..count)
        .map(|i| power(i) * std::f32::consts::PI / 2.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_latent_frame_stands_for_one_frame_under_the_causal_rule() {
        let times =
            |rule: TimeRule| [0, 1, 2].map(|frame| rule.fraction(frame, 8, 25.0) * 20.0 * 25.0);
        let close = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close(times(TimeRule::Scaled), [0.0, 8.0, 16.0]));
        assert!(close(times(TimeRule::Causal), [0.0, 1.0, 9.0]));
    }

    #[test]
    fn channels_that_six_does_not_divide_stand_still() {
        let grid = Grid {
            size: [2, 1, 1],
            ratio: [8, 32],
            rule: TimeRule::Scaled,
            fps: 25.0,
        };
        let rope = Rope::new(16, &grid);
        assert_eq!(rope.cos.shape(), [2, 8]);
        let sin = rope.sin.as_f32();
        assert_eq!(&sin[..2], [0.0, 0.0]);
        assert!(sin[2..8].iter().all(|x| *x != 0.0));
    }
}

//! Rotary position embedding over a grid.

use std::f64::consts::TAU;

use kinora_tensor::{Rotary, Tensor};

/// One axis of a grid of tokens.
#[derive(Clone, Debug)]
pub struct RopeAxis {
    /// The position of each step along the axis, in the unit of the wavelengths.
    pub positions: Vec<f64>,
    /// Angular frequencies: radians per unit, one for each pair of channels of this axis.
    pub frequencies: Vec<f64>,
}

/// Cosines and sines of every token's angles.
///
/// Reference: Su et al., arXiv 2104.09864; axes side by side as in arXiv 2403.13298.
pub struct Rope {
    cos: Tensor,
    sin: Tensor,
}

impl Rope {
    /// Tables `[n, pairs]` for the tokens of a grid, the last axis fastest: `n` is the product of
    /// the axes' lengths, `pairs` the sum of their frequencies.
    pub fn grid(axes: &[RopeAxis]) -> Self {
        let n: usize = axes.iter().map(|axis| axis.positions.len()).product();
        let pairs: usize = axes.iter().map(|axis| axis.frequencies.len()).sum();
        let mut angles = Vec::with_capacity(n * pairs);
        for token in 0..n {
            let mut stride = n;
            for axis in axes {
                let count = axis.positions.len();
                stride /= count;
                let position = axis.positions[token / stride % count];
                angles.extend(
                    axis.frequencies
                        .iter()
                        .map(|frequency| position * frequency),
                );
            }
        }
        Self::of_angles(&[n, pairs], &angles)
    }

    /// Tables of any angles, `dims` being `[n, pairs]` or `[clips, n, pairs]`.
    pub fn of_angles(dims: &[usize], angles: &[f64]) -> Self {
        let table = |f: fn(f64) -> f64| Tensor::from_fn(dims, |i| f(angles[i]) as f32);
        Self {
            cos: table(f64::cos),
            sin: table(f64::sin),
        }
    }

    /// The tables for [`Tensor::split_heads`].
    pub fn rotary(&self) -> Rotary<'_> {
        Rotary {
            cos: &self.cos,
            sin: &self.sin,
        }
    }
}

/// The order of a projection's outputs that turns interleaved heads, which rotate the pairs
/// `(2i, 2i + 1)`, into split ones, which rotate `(i, i + head_dim / 2)` as [`Rotary`] does.
///
/// Scores are sums over a head's columns, so queries and keys may be reordered alike: their
/// projections and the norms behind them once, when they are loaded.
///
/// [`Rotary`]: kinora_tensor::Rotary
pub fn split_interleaved(heads: usize, head_dim: usize) -> Vec<u32> {
    let columns = (0..head_dim).step_by(2).chain((1..head_dim).step_by(2));
    let of_head = |head: usize| columns.clone().map(move |i| (head * head_dim + i) as u32);
    (0..heads).flat_map(of_head).collect()
}

/// Angular frequencies of `count` wavelengths in geometric steps, the shortest first.
pub fn frequencies(longest: f64, shortest: f64, count: usize) -> Vec<f64> {
    let last = count.saturating_sub(1).max(1) as f64;
    let wavelength = |i: usize| shortest * (longest / shortest).powf(i as f64 / last);
    (0..count).map(|i| TAU / wavelength(i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_run_from_the_shortest_wavelength_to_the_longest() {
        let all = frequencies(8.0, 0.5, 3);
        let expected = [TAU / 0.5, TAU / 2.0, TAU / 8.0];
        assert!(
            all.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12),
            "{all:?}"
        );
    }

    #[test]
    fn interleaved_heads_become_split_ones() {
        let order = [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11];
        assert_eq!(split_interleaved(2, 6), order);
    }

    #[test]
    fn the_last_axis_of_a_grid_is_fastest() {
        let axis = |positions: &[f64]| RopeAxis {
            positions: positions.to_vec(),
            frequencies: vec![1.0],
        };
        let rope = Rope::grid(&[axis(&[0.0, 0.1]), axis(&[0.5, 0.6, 0.7])]);
        let sines = rope.rotary().sin.as_f32();
        let expected = [
            [0.0, 0.5],
            [0.0, 0.6],
            [0.0, 0.7],
            [0.1, 0.5],
            [0.1, 0.6],
            [0.1, 0.7],
        ];
        for (sine, angle) in sines.iter().zip(expected.as_flattened()) {
            assert!((sine - f64::sin(*angle) as f32).abs() < 1e-6, "{sines:?}");
        }
    }
}

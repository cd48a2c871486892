//! Errors of a decoded picture, with their gradients.

use kinora_tensor::Tensor;

/// What a pixel of a subject counts, against one of the background.
const SUBJECT_WEIGHT: f32 = 5.0;
/// Errors much below the root of this count squared (Charbonnier et al., ICIP 1994).
const SMOOTH: f32 = 1e-6;
/// Distances of the pixels that edges are seen between.
const EDGES: [usize; 3] = [1, 2, 4];

/// What was decoded wrongly of a crop, and how much each pixel counts.
pub struct Errors {
    /// `[t, h, w]`.
    dims: [usize; 3],
    /// Decoded less true, three channels a pixel.
    values: Vec<f32>,
    weight: Vec<f32>,
    gradient: Vec<f32>,
}

impl Errors {
    /// Compares a decoded crop with the true one, both F32 `[t, h, w, 3]`; `mask` says of each pixel whether
    /// it shows a subject.
    pub fn new(decoded: &Tensor, film: &Tensor, mask: &[bool]) -> Self {
        let [t, h, w, _] = decoded.dims();
        let pairs = decoded.as_f32().iter().zip(film.as_f32());
        let weight = |&subject: &bool| if subject { SUBJECT_WEIGHT } else { 1.0 };
        Self {
            dims: [t, h, w],
            values: pairs.map(|(decoded, film)| decoded - film).collect(),
            weight: mask.iter().map(weight).collect(),
            gradient: vec![0.0; decoded.len()],
        }
    }

    /// The mean weighted error, in the form of Charbonnier.
    pub fn pixel(&mut self) -> f64 {
        let share = 1.0 / self.values.len() as f32;
        let mut sum = 0.0;
        for (i, (error, gradient)) in self.values.iter().zip(&mut self.gradient).enumerate() {
            let weight = self.weight[i / 3];
            let size = (error * error + SMOOTH).sqrt();
            sum += f64::from(weight * size);
            *gradient += share * weight * error / size;
        }
        sum / self.values.len() as f64
    }

    /// The mean weighted error of what changes from pixel to pixel down and right, every pixel, every second
    /// and every fourth, each with a third of the weight.
    pub fn edges(&mut self) -> f64 {
        let [t, h, w] = self.dims;
        let mut sum = 0.0;
        for step in EDGES {
            for (down, right) in [(step, 0), (0, step)] {
                let pairs = (0..t).flat_map(move |frame| {
                    let rows = (0..h - down).step_by(step);
                    rows.flat_map(move |y| {
                        let place = move |x| (frame * h + y) * w + x;
                        let columns = (0..w - right).step_by(step);
                        columns.map(move |x| (place(x), place(x) + down * w + right))
                    })
                });
                sum += self.changes(pairs, true, 1.0 / EDGES.len() as f32);
            }
        }
        sum
    }

    /// The mean error of what changes from frame to frame.
    pub fn motion(&mut self) -> f64 {
        let [_, h, w] = self.dims;
        let pixels = self.weight.len();
        self.changes((h * w..pixels).map(|i| (i - h * w, i)), false, 1.0)
    }

    /// `factor` times the mean of how much the error of each second pixel is not that of the first.
    fn changes(
        &mut self,
        pairs: impl Iterator<Item = (usize, usize)> + Clone,
        weighted: bool,
        factor: f32,
    ) -> f64 {
        let share = factor / (3 * pairs.clone().count()).max(1) as f32;
        let mut sum = 0.0;
        for (from, to) in pairs {
            let share = if weighted {
                share * self.weight[to]
            } else {
                share
            };
            for channel in 0..3 {
                let (from, to) = (from * 3 + channel, to * 3 + channel);
                let change = self.values[to] - self.values[from];
                sum += f64::from(share * change.abs());
                let slope = share.copysign(change);
                self.gradient[to] += slope;
                self.gradient[from] -= slope;
            }
        }
        sum
    }

    /// The gradient of all errors that were asked for, times `share`.
    pub fn into_gradient(self, share: f32) -> Tensor {
        let [t, h, w] = self.dims;
        Tensor::from_f32(&self.gradient, &[t, h, w, 3]).scale(share)
    }
}

#[cfg(test)]
mod tests {
    use kinora_tensor::DType;

    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_errors() {
        let dims = [3, 8, 12, 3];
        // Errors that are all at least 0.001 apart, so that no step passes a kink.
        let decoded = Tensor::from_fn(&dims, |i| (i * 7919 % 2003) as f32 / 1000.0 - 1.0);
        let film = Tensor::zeros(&dims, DType::F32);
        let mask: Vec<bool> = (0..3 * 8 * 12).map(|i| i % 5 == 0).collect();
        let errors = |decoded: &Tensor| {
            let mut errors = Errors::new(decoded, &film, &mask);
            let sum = errors.pixel() + errors.edges() + errors.motion();
            (sum, errors.into_gradient(1.0))
        };
        let ours = errors(&decoded).1.to_vec();
        for (i, ours) in ours.into_iter().enumerate().step_by(7) {
            let at = |by: f32| {
                let values = decoded.as_f32();
                let moved = |k: usize| values[k] + if k == i { by } else { 0.0 };
                errors(&Tensor::from_fn(&dims, moved)).0
            };
            let slope = (at(1e-4) - at(-1e-4)) / 2e-4;
            assert!(
                (slope - f64::from(ours)).abs() < 2e-4,
                "{i}: {ours} for {slope}"
            );
        }
    }
}

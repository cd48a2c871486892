//! Errors of a decoded picture, with their gradients.

use std::ops::Range;

use kinora_tensor::Tensor;

/// What a pixel of a subject counts, against one of the background.
const SUBJECT_WEIGHT: f32 = 5.0;
/// Errors much below the root of this count squared (Charbonnier et al., ICIP 1994).
const SMOOTH: f32 = 1e-6;
/// Distances of the pixels that edges are seen between.
const EDGES: [usize; 3] = [1, 2, 4];
/// Side of the cells of a frame that texture is compared in.
const CELL: usize = 16;

/// What was decoded wrongly of a crop, and how much each pixel counts.
pub struct Errors<'a> {
    /// `[t, h, w]`.
    dims: [usize; 3],
    /// Three channels a pixel.
    decoded: &'a [f32],
    film: &'a [f32],
    /// Decoded less true.
    values: Vec<f32>,
    weight: Vec<f32>,
    gradient: Vec<f32>,
}

impl<'a> Errors<'a> {
    /// Compares a decoded crop with the true one, both F32 `[t, h, w, 3]`; `mask` says of each pixel whether
    /// it shows a subject.
    pub fn new(decoded: &'a Tensor, film: &'a Tensor, mask: &[bool]) -> Self {
        let [t, h, w, _] = decoded.dims();
        let (decoded, film) = (decoded.as_f32(), film.as_f32());
        let pairs = decoded.iter().zip(film);
        let weight = |&subject: &bool| if subject { SUBJECT_WEIGHT } else { 1.0 };
        Self {
            dims: [t, h, w],
            values: pairs.map(|(decoded, film)| decoded - film).collect(),
            decoded,
            film,
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

    /// The weighted error of how much changes in a cell, wherever in it: what is too fine for a latent to place
    /// (rain, grass, ripples) is to be there all the same. In each cell of a frame two numbers are compared,
    /// the mean change and the root of its mean square: down and right over the distances of edges, each
    /// with a third of the weight, and from frame to frame.
    pub fn texture(&mut self) -> f64 {
        let third = 1.0 / EDGES.len() as f32;
        let beside = EDGES
            .map(|step| self.activity([0, step, 0], third) + self.activity([0, 0, step], third));
        beside.iter().sum::<f64>() + self.activity([1, 0, 0], 1.0)
    }

    /// `factor` times the mean error of a cell's changes from pixel to pixel, `offset` frames, rows and columns
    /// apart.
    fn activity(&mut self, offset: [usize; 3], factor: f32) -> f64 {
        let [t, h, w] = self.dims;
        let [rows, columns] = [h, w].map(|size| size.div_ceil(CELL));
        let frames = t - offset[0];
        let share = factor / (frames * rows * columns).max(1) as f32;
        let apart = (offset[0] * h + offset[1]) * w + offset[2];
        let mut sum = 0.0;
        for cell in 0..frames * rows * columns {
            let (frame, row, column) =
                (cell / columns / rows, cell / columns % rows, cell % columns);
            let end = |cell: usize, size: usize| ((cell + 1) * CELL).min(size);
            let (left, right) = (column * CELL, end(column, w - offset[2]));
            let lines = (row * CELL..end(row, h - offset[1])).map(move |y| {
                let first = (frame * h + y) * w;
                3 * (first + left)..3 * (first + right)
            });
            sum += self.cell(lines, 3 * apart, share);
        }
        sum
    }

    /// `share` times the error of one cell's changes, from the channels of its `lines` to those `apart`.
    fn cell(
        &mut self,
        lines: impl Iterator<Item = Range<usize>> + Clone,
        apart: usize,
        share: f32,
    ) -> f64 {
        let mut changes = [
            Changes::new(self.decoded, apart),
            Changes::new(self.film, apart),
        ];
        let mut weights = 0.0;
        for line in lines.clone() {
            let pixels = &self.weight[line.start / 3..line.end / 3];
            weights += 3.0 * pixels.iter().sum::<f32>();
            for changes in &mut changes {
                changes.add(line.clone());
            }
        }
        let [ours, theirs] = &changes;
        let (size, root) = (ours.size() - theirs.size(), ours.root() - theirs.root());
        let share = share * weights / ours.count;
        let to_size = (size.signum() as f32) * share / ours.count;
        let to_root = (root.signum() / ours.root()) as f32 * share / ours.count;
        for line in lines {
            let mut slopes = [0.0; 3 * CELL];
            let slopes = &mut slopes[..line.len()];
            for (slope, change) in slopes.iter_mut().zip(ours.of(line.clone())) {
                *slope = to_size.copysign(to_size * change) + to_root * change;
            }
            let from = &mut self.gradient[line.clone()];
            from.iter_mut()
                .zip(&*slopes)
                .for_each(|(x, slope)| *x -= slope);
            let to = &mut self.gradient[line.start + apart..line.end + apart];
            to.iter_mut()
                .zip(&*slopes)
                .for_each(|(x, slope)| *x += slope);
        }
        f64::from(share) * (size.abs() + root.abs())
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

/// What changes in a cell of one of the two pictures.
struct Changes<'a> {
    pixels: &'a [f32],
    apart: usize,
    /// Sums of sizes and of squares, channel by channel of the lines.
    sums: [[f32; 3 * CELL]; 2],
    count: f32,
}

impl<'a> Changes<'a> {
    fn new(pixels: &'a [f32], apart: usize) -> Self {
        Self {
            pixels,
            apart,
            sums: [[0.0; 3 * CELL]; 2],
            count: 0.0,
        }
    }

    /// From the channels of a line to those `apart`.
    fn of(&self, line: Range<usize>) -> impl Iterator<Item = f32> + use<'a> {
        let to = &self.pixels[line.start + self.apart..line.end + self.apart];
        self.pixels[line].iter().zip(to).map(|(from, to)| to - from)
    }

    fn add(&mut self, line: Range<usize>) {
        self.count += line.len() as f32;
        let changes = self.of(line);
        let [sizes, squares] = &mut self.sums;
        for ((size, square), change) in sizes.iter_mut().zip(squares).zip(changes) {
            *size += change.abs();
            *square += change * change;
        }
    }

    /// The mean size.
    fn size(&self) -> f64 {
        self.mean(0)
    }

    /// The root of the mean square.
    fn root(&self) -> f64 {
        (self.mean(1) + f64::from(SMOOTH)).sqrt()
    }

    fn mean(&self, of: usize) -> f64 {
        let sum: f64 = self.sums[of].iter().copied().map(f64::from).sum();
        sum / f64::from(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_errors() {
        let dims = [3, 8, 12, 3];
        // Errors that are all at least 0.001 apart, so that no step passes a kink.
        let decoded = Tensor::from_fn(&dims, |i| (i * 7919 % 2003) as f32 / 1000.0 - 1.0);
        // In the last frame more changes than was decoded, in the others less.
        let film = Tensor::from_fn(&dims, |i| {
            let is_last = i >= 2 * 8 * 12 * 3;
            if is_last {
                2.0 * decoded.as_f32()[i]
            } else {
                0.0
            }
        });
        let mask: Vec<bool> = (0..3 * 8 * 12).map(|i| i % 5 == 0).collect();
        let errors = |decoded: &Tensor| {
            let mut errors = Errors::new(decoded, &film, &mask);
            let sum = errors.pixel() + errors.edges() + errors.motion() + errors.texture();
            (sum, errors.into_gradient(1.0))
        };
        let ours = errors(&decoded).1.to_vec();
        for (i, ours) in ours.into_iter().enumerate().step_by(7) {
            let at = |by: f32| {
                let values = decoded.as_f32();
                let moved = |k: usize| values[k] + if k == i { by } else { 0.0 };
                errors(&Tensor::from_fn(&dims, moved)).0
            };
            let slope = (at(4e-4) - at(-4e-4)) / 8e-4;
            assert!(
                (slope - f64::from(ours)).abs() < 2e-4,
                "{i}: {ours} for {slope}"
            );
        }
    }
}

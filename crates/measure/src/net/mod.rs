//! Small networks, forward only, in plain Rust.
//!
//! Dimension key: `h w` rows and columns, `c` channels; maps are channels-last.

mod weights;

pub use weights::{Weights, WeightsError};

/// Output channels that are summed together; every layer's width is a multiple of it.
const LANES: usize = 16;

/// A feature map `[h, w, c]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
    /// Channels.
    pub c: usize,
    /// Values, channels last.
    pub data: Vec<f32>,
}

impl Map {
    /// A map over existing values, `[h, w, c]`.
    pub fn new(h: usize, w: usize, c: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), h * w * c, "map of {h}x{w}x{c}");
        Self { h, w, c, data }
    }

    /// Mean over rows and columns, `[c]`.
    pub fn mean(&self) -> Vec<f32> {
        let mut sum = vec![0.0; self.c];
        for pixel in self.data.chunks_exact(self.c) {
            sum.iter_mut().zip(pixel).for_each(|(s, x)| *s += x);
        }
        let n = (self.h * self.w).max(1) as f32;
        for s in &mut sum {
            *s /= n;
        }
        sum
    }

    /// Largest value over rows and columns, `[c]`.
    pub fn max(&self) -> Vec<f32> {
        let mut most = vec![f32::NEG_INFINITY; self.c];
        for pixel in self.data.chunks_exact(self.c) {
            most.iter_mut().zip(pixel).for_each(|(m, x)| *m = m.max(*x));
        }
        most
    }

    /// Every pixel repeated twice in both directions, cut to `h` rows and `w` columns, plus `skip`,
    /// then `ReLU`.
    #[must_use]
    pub fn upsampled_onto(&self, skip: &Self) -> Self {
        let mut sum = skip.clone();
        for y in 0..skip.h {
            for x in 0..skip.w {
                let from = ((y / 2) * self.w + x / 2) * self.c;
                let to = (y * skip.w + x) * skip.c;
                let pixel = &mut sum.data[to..to + skip.c];
                for (s, v) in pixel.iter_mut().zip(&self.data[from..from + self.c]) {
                    *s = (*s + v).max(0.0);
                }
            }
        }
        sum
    }
}

/// Whether a layer ends in a `ReLU`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Negative values become zero.
    Relu,
    /// None.
    Linear,
}

/// A square convolution with zero padding that keeps the size at stride 1.
#[derive(Debug, Clone)]
pub struct Conv {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    activation: Activation,
    /// `[outputs / LANES, kernel, kernel, inputs, LANES]`.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Conv {
    /// Takes `name.weight` `[kernel, kernel, inputs, outputs]` and `name.bias` `[outputs]`.
    ///
    /// # Errors
    /// A tensor is missing or misshapen.
    pub fn load(
        weights: &mut Weights,
        name: &str,
        [kernel, inputs, outputs]: [usize; 3],
        stride: usize,
        activation: Activation,
    ) -> Result<Self, WeightsError> {
        let shape = [kernel, kernel, inputs, outputs];
        let flat = weights.take(&format!("{name}.weight"), &shape)?;
        let bias = weights.take(&format!("{name}.bias"), &[outputs])?;
        let groups = outputs.div_ceil(LANES);
        let taps = kernel * kernel * inputs;
        let mut weight = vec![0.0; groups * taps * LANES];
        for tap in 0..taps {
            for o in 0..outputs {
                let to = ((o / LANES) * taps + tap) * LANES + o % LANES;
                weight[to] = flat[tap * outputs + o];
            }
        }
        Ok(Self {
            inputs,
            outputs,
            kernel,
            stride,
            activation,
            weight,
            bias,
        })
    }

    /// `[h, w, inputs]` -> `[ceil(h / stride), ceil(w / stride), outputs]`.
    pub fn forward(&self, x: &Map) -> Map {
        assert_eq!(x.c, self.inputs, "channels into a convolution");
        let (h, w) = (x.h.div_ceil(self.stride), x.w.div_ceil(self.stride));
        let mut data = vec![0.0; h * w * self.outputs];
        for (i, pixel) in data.chunks_exact_mut(self.outputs).enumerate() {
            self.pixel(x, i / w, i % w, pixel);
        }
        Map::new(h, w, self.outputs, data)
    }

    fn pixel(&self, x: &Map, row: usize, column: usize, pixel: &mut [f32]) {
        let reach = self.kernel / 2;
        let taps = self.kernel * self.kernel * self.inputs * LANES;
        for (group, lanes) in pixel.chunks_mut(LANES).enumerate() {
            let mut sum = [0.0f32; LANES];
            let bias = &self.bias[group * LANES..][..lanes.len()];
            sum[..lanes.len()].copy_from_slice(bias);
            let weight = &self.weight[group * taps..][..taps];
            for (tap, weight) in weight.chunks_exact(self.inputs * LANES).enumerate() {
                let y = (row * self.stride + tap / self.kernel).wrapping_sub(reach);
                let z = (column * self.stride + tap % self.kernel).wrapping_sub(reach);
                if y < x.h && z < x.w {
                    let input = &x.data[(y * x.w + z) * x.c..][..x.c];
                    for (value, weight) in input.iter().zip(weight.chunks_exact(LANES)) {
                        for (s, w) in sum.iter_mut().zip(weight) {
                            *s += value * w;
                        }
                    }
                }
            }
            for (to, s) in lanes.iter_mut().zip(sum) {
                *to = if self.activation == Activation::Relu {
                    s.max(0.0)
                } else {
                    s
                };
            }
        }
    }
}

/// A fully connected layer: a convolution of one pixel.
#[derive(Debug, Clone)]
pub struct Linear(Conv);

impl Linear {
    /// Takes `name.weight` `[1, 1, inputs, outputs]` and `name.bias` `[outputs]`.
    ///
    /// # Errors
    /// A tensor is missing or misshapen.
    pub fn load(
        weights: &mut Weights,
        name: &str,
        inputs: usize,
        outputs: usize,
        activation: Activation,
    ) -> Result<Self, WeightsError> {
        Conv::load(weights, name, [1, inputs, outputs], 1, activation).map(Self)
    }

    /// `[inputs]` -> `[outputs]`.
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        self.0.forward(&Map::new(1, 1, x.len(), x.to_vec())).data
    }
}

/// Probabilities of logits.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut p: Vec<f32> = logits.iter().map(|l| (l - most).exp()).collect();
    let sum: f32 = p.iter().sum();
    for x in &mut p {
        *x /= sum;
    }
    p
}

/// Index of the largest value; 0 of an empty slice.
pub fn argmax(values: &[f32]) -> usize {
    values
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .map_or(0, |(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv(kernel: usize, inputs: usize, outputs: usize, stride: usize) -> Conv {
        let value = |i: usize| ((i * 37 % 19) as f32 - 9.0) / 8.0;
        let weight: Vec<f32> = (0..kernel * kernel * inputs * outputs).map(value).collect();
        let bias: Vec<f32> = (0..outputs).map(value).collect();
        let mut weights = Weights::of([
            ("x.weight", vec![kernel, kernel, inputs, outputs], weight),
            ("x.bias", vec![outputs], bias),
        ]);
        Conv::load(
            &mut weights,
            "x",
            [kernel, inputs, outputs],
            stride,
            Activation::Linear,
        )
        .expect("fitting tensors")
    }

    /// The definition, one sum an output value.
    fn reference(conv: &Conv, x: &Map, (row, column, o): (usize, usize, usize)) -> f32 {
        let (k, reach) = (conv.kernel, conv.kernel as isize / 2);
        let value = |i: usize| ((i * 37 % 19) as f32 - 9.0) / 8.0;
        let mut sum = value(o);
        for tap in 0..k * k {
            let y = (row * conv.stride + tap / k) as isize - reach;
            let z = (column * conv.stride + tap % k) as isize - reach;
            if (0..x.h as isize).contains(&y) && (0..x.w as isize).contains(&z) {
                for c in 0..x.c {
                    let input = x.data[(y as usize * x.w + z as usize) * x.c + c];
                    sum += input * value((tap * x.c + c) * conv.outputs + o);
                }
            }
        }
        sum
    }

    #[test]
    fn convolution_matches_its_definition() {
        for (kernel, inputs, outputs, stride) in [(3, 4, 16, 2), (3, 5, 20, 1), (1, 7, 3, 1)] {
            let conv = conv(kernel, inputs, outputs, stride);
            let data = (0..5 * 7 * inputs)
                .map(|i| (i * 29 % 23) as f32 / 11.0 - 1.0)
                .collect();
            let x = Map::new(5, 7, inputs, data);
            let y = conv.forward(&x);
            assert_eq!(
                (y.h, y.w, y.c),
                (5usize.div_ceil(stride), 7usize.div_ceil(stride), outputs)
            );
            for (i, got) in y.data.iter().enumerate() {
                let (o, pixel) = (i % outputs, i / outputs);
                let want = reference(&conv, &x, (pixel / y.w, pixel % y.w, o));
                assert!(
                    (got - want).abs() < 1e-3,
                    "{kernel} {stride} at {i}: {got} for {want}"
                );
            }
        }
    }

    #[test]
    fn upsampling_adds_and_rectifies() {
        let small = Map::new(1, 1, 1, vec![2.0]);
        let skip = Map::new(2, 2, 1, vec![0.0, 1.0, -3.0, 5.0]);
        assert_eq!(small.upsampled_onto(&skip).data, [2.0, 3.0, 0.0, 7.0]);
    }

    #[test]
    fn softmax_sums_to_one() {
        let p = softmax(&[1000.0, 1001.0, 999.0]);
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6 && argmax(&p) == 1);
    }
}

//! Flow matching: the objective with x-prediction.
//!
//! `x_sigma = (1 - sigma) x + sigma noise`. The transformer predicts x; the loss is on the velocity
//! `noise - x` (`JiT`, arXiv 2511.13720). Losses are written with their gradients, so that a step goes
//! back from the model's outputs.

use kinora_tensor::Tensor;

/// Noise levels below this weigh like it.
const MIN_SIGMA: f32 = 0.05;

/// A loss and its gradient.
pub struct Loss {
    /// The value.
    pub value: f64,
    /// Of the shape of what the loss was taken of, F32.
    pub gradient: Tensor,
}

/// What a model predicts wrongly of some clips, and how much that counts.
pub struct Errors<'a> {
    /// `[b, t, h, w, c]`.
    dims: [usize; 5],
    /// Predicted less clean.
    values: Vec<f32>,
    sigma: &'a [f32],
    weight: &'a [f32],
    channels: &'a [f32],
    share: f32,
}

impl<'a> Errors<'a> {
    /// Compares clean latents that were predicted with the true ones.
    ///
    /// # Shapes
    /// `predicted` and `clean` F32 `[b, t, h, w, c]`, `sigma` `b t` noise levels, `weight` `b t h w`
    /// numbers that say how much each latent counts, `channels` `c` that say it of each channel. `frames`
    /// is the number of noisy frames that losses are means over: more than there are here when a step
    /// takes its clips in several parts.
    pub fn new(
        predicted: &Tensor,
        clean: &Tensor,
        sigma: &'a [f32],
        weight: &'a [f32],
        channels: &'a [f32],
        frames: usize,
    ) -> Self {
        let dims @ [_, _, h, w, c] = predicted.dims();
        assert_eq!(channels.len(), c, "one weight a channel");
        let pairs = predicted.as_f32().iter().zip(clean.as_f32());
        Self {
            values: pairs.map(|(predicted, clean)| predicted - clean).collect(),
            share: 1.0 / (h * w * c * frames.max(1)) as f32,
            dims,
            sigma,
            weight,
            channels,
        }
    }

    /// The weighted squared error of the velocity over all noisy frames: `|x - x'|^2 / sigma^2`.
    pub fn velocity(&self) -> Loss {
        let noisy = |frame: usize| self.sigma[frame] > 0.0;
        self.loss(noisy, |gradient, i, factor| {
            let error = self.values[i];
            gradient[i] += 2.0 * factor * error;
            f64::from(factor * error * error)
        })
    }

    /// The same of the error's change from each latent frame to the next, both noisy:
    /// `|(x - x')_t - (x - x')_{t-1}|^2 / sigma^2`.
    ///
    /// Most of a clip's variance stands still, and so most of [`Errors::velocity`]; how the camera and
    /// the subject move is in the changes. As both are squared errors of x, the best x stays the same.
    pub fn motion(&self) -> Loss {
        let [_, t, h, w, c] = self.dims;
        let follows = |frame: usize| {
            !frame.is_multiple_of(t) && self.sigma[frame].min(self.sigma[frame - 1]) > 0.0
        };
        self.loss(follows, |gradient, i, factor| {
            let before = i - h * w * c;
            let change = self.values[i] - self.values[before];
            gradient[i] += 2.0 * factor * change;
            gradient[before] -= 2.0 * factor * change;
            f64::from(factor * change * change)
        })
    }

    /// Sums `term`, which also adds to the gradient, over all numbers of the frames that `counts`.
    fn loss(
        &self,
        counts: impl Fn(usize) -> bool,
        term: impl Fn(&mut [f32], usize, f32) -> f64,
    ) -> Loss {
        let [_, _, h, w, c] = self.dims;
        let mut value = 0.0;
        let mut gradient = vec![0.0; self.values.len()];
        for (latent, weight) in self.weight.iter().enumerate() {
            let frame = latent / (h * w);
            if !counts(frame) {
                continue;
            }
            let factor = weight * self.share / self.sigma[frame].max(MIN_SIGMA).powi(2);
            for (i, channel) in (latent * c..).zip(self.channels) {
                value += term(&mut gradient, i, factor * channel);
            }
        }
        Loss {
            value,
            gradient: Tensor::from_f32(&gradient, &self.dims),
        }
    }
}

#[cfg(test)]
mod tests {
    use kinora_filmset::script::random::Rng;

    use super::*;

    const DIMS: [usize; 5] = [1, 2, 1, 2, 3];
    const CHANNELS: [f32; 3] = [0.5, 0.0, 2.5];

    /// Velocity and motion for a prediction.
    fn losses(predicted: &Tensor, clean: &Tensor) -> [Loss; 2] {
        let weight = [1.0, 0.5, 2.0, 0.5];
        let errors = Errors::new(predicted, clean, &[0.4, 0.9], &weight, &CHANNELS, 2);
        [errors.velocity(), errors.motion()]
    }

    #[test]
    fn gradients_are_those_of_the_losses_and_a_channel_may_not_count() {
        let mut rng = Rng::new(3);
        let mut tensor = || {
            let values: Vec<f32> = (0..12).map(|_| rng.range(-1.0, 1.0)).collect();
            Tensor::from_f32(&values, &DIMS)
        };
        let (predicted, clean) = (tensor(), tensor());
        let losses_of = |i: usize, by: f32| {
            let values = predicted.as_f32();
            let moved = Tensor::from_fn(&DIMS, |k| values[k] + if k == i { by } else { 0.0 });
            losses(&moved, &clean).map(|loss| loss.value)
        };
        let [velocity, motion] = losses(&predicted, &clean).map(|loss| loss.gradient.to_vec());
        for (i, ours) in velocity.into_iter().zip(motion).enumerate() {
            let (above, below) = (losses_of(i, 1e-2), losses_of(i, -1e-2));
            for (kind, gradient) in [ours.0, ours.1].map(f64::from).into_iter().enumerate() {
                let expected = (above[kind] - below[kind]) / 2e-2; // exact for squares but for rounding
                let error = (gradient - expected).abs();
                assert!(error < 1e-3, "{kind} {i}: {gradient} for {expected}");
                let counts = i % 3 != 1;
                assert!(counts || gradient == 0.0, "this channel counts nothing");
            }
        }
    }
}

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

/// The weighted squared error of the velocity over all noisy frames: `|x - x'|^2 / sigma^2`.
///
/// # Shapes
/// `predicted` and `clean` F32 `[b, t, h, w, c]`, `sigma` `b t` noise levels, `weight` `b t h w` numbers
/// that say how much each latent counts. `frames` is the number of noisy frames that the loss is a
/// mean over: more than there are here when a step takes its clips in several parts.
pub fn velocity(
    predicted: &Tensor,
    clean: &Tensor,
    sigma: &[f32],
    weight: &[f32],
    frames: usize,
) -> Loss {
    let dims @ [_, _, h, w, c] = predicted.dims();
    let (predicted, clean) = (predicted.as_f32(), clean.as_f32());
    let share = 1.0 / (h * w * c * frames.max(1)) as f32;
    let mut value = 0.0;
    let mut gradient = vec![0.0; predicted.len()];
    for (latent, &weight) in weight.iter().enumerate() {
        let sigma = sigma[latent / (h * w)];
        if sigma <= 0.0 {
            continue;
        }
        let factor = weight * share / sigma.max(MIN_SIGMA).powi(2);
        for i in latent * c..(latent + 1) * c {
            let error = predicted[i] - clean[i];
            value += f64::from(factor * error * error);
            gradient[i] = 2.0 * factor * error;
        }
    }
    Loss {
        value,
        gradient: Tensor::from_f32(&gradient, &dims),
    }
}

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

/// The same of the change from each latent frame to the next: `|(x - x')_t - (x - x')_{t-1}|^2 / sigma^2`.
///
/// Most of a clip's variance stands still, and so most of [`velocity`]; how the camera and the subject
/// move is in the changes. As both are squared errors of x, the best x stays the same.
///
/// # Shapes
/// As [`velocity`]; a change from or to a clean frame is left out.
pub fn motion(
    predicted: &Tensor,
    clean: &Tensor,
    sigma: &[f32],
    weight: &[f32],
    frames: usize,
) -> Loss {
    let dims @ [_, t, h, w, c] = predicted.dims();
    let (predicted, clean) = (predicted.as_f32(), clean.as_f32());
    let (share, frame) = (1.0 / (h * w * c * frames.max(1)) as f32, h * w);
    let mut value = 0.0;
    let mut gradient = vec![0.0; predicted.len()];
    for (latent, &weight) in weight.iter().enumerate() {
        let here = latent / frame;
        if here % t == 0 || sigma[here].min(sigma[here - 1]) <= 0.0 {
            continue;
        }
        let factor = weight * share / sigma[here].max(MIN_SIGMA).powi(2);
        for i in latent * c..(latent + 1) * c {
            let before = i - frame * c;
            let change = (predicted[i] - clean[i]) - (predicted[before] - clean[before]);
            value += f64::from(factor * change * change);
            gradient[i] += 2.0 * factor * change;
            gradient[before] -= 2.0 * factor * change;
        }
    }
    Loss {
        value,
        gradient: Tensor::from_f32(&gradient, &dims),
    }
}

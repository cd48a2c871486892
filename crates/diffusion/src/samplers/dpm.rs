//! DPM-Solver++ (2M).

use std::ops::ControlFlow;

use kinora_tensor::Tensor;

use super::Progress;
use crate::denoised;
use crate::schedule::{Schedule, Step};

/// Second-order multistep sampler on the clean estimate: one call of `velocity` a step; the first
/// and the last step are first order. Arguments and shapes as for [`euler`](super::euler).
///
/// With `alpha = 1 - sigma` the update `sigma'/sigma x - alpha' (e^-h - 1) D` is written without
/// the logarithm of the signal-to-noise ratio, which is infinite at both ends.
///
/// Reference: Lu et al. 2211.01095, algorithm 2.
pub fn dpm(
    noise: Tensor,
    schedule: &Schedule,
    mut velocity: impl FnMut(&Tensor, f64) -> Tensor,
    mut on_step: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Option<Tensor> {
    let mut x = noise;
    let mut previous: Option<(Step, Tensor)> = None;
    for step in schedule.steps() {
        let v = velocity(&x, step.sigma);
        let x0 = denoised(&x, &v, step.sigma);
        let correction = previous
            .as_ref()
            .map_or(0.0, |(before, _)| correction(*before, step));
        let direction = match &previous {
            Some((_, old)) if correction > 0.0 => {
                x0.combine((1.0 + correction) as f32, old, -correction as f32)
            }
            _ => x0.clone(),
        };
        let keep = step.next / step.sigma;
        let add = (1.0 - step.next) - keep * (1.0 - step.sigma);
        x = x.combine(keep as f32, &direction, add as f32);
        if on_step(&Progress {
            step,
            x: &x,
            denoised: &x0,
        })
        .is_break()
        {
            return None;
        }
        previous = Some((step, x0));
    }
    Some(x)
}

/// How far to extrapolate the estimate: `1 / (2 r)` with `r` the ratio of the last step to this
/// one in log signal-to-noise; 0 where one of the two is infinite.
fn correction(before: Step, step: Step) -> f64 {
    let lambda = |sigma: f64| ((1.0 - sigma) / sigma).ln();
    let last = lambda(step.sigma) - lambda(before.sigma);
    let this = lambda(step.next) - lambda(step.sigma);
    if last.is_finite() && this.is_finite() {
        this / (2.0 * last)
    } else {
        0.0
    }
}

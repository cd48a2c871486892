//! Euler's method.

use std::ops::ControlFlow;

use kinora_tensor::Tensor;

use super::Progress;
use crate::denoised;
use crate::schedule::Schedule;

/// First-order (Euler) sampler: one call of `velocity` a step.
///
/// `noise` is the latents at `sigma = 1`; `velocity(x, sigma)` the model; `on_step` is told of every
/// step and may stop the run, which then gives `None`.
///
/// # Shapes
/// Any, F32; the result has the shape of `noise`.
pub fn euler(
    noise: Tensor,
    schedule: &Schedule,
    mut velocity: impl FnMut(&Tensor, f64) -> Tensor,
    mut on_step: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Option<Tensor> {
    let mut x = noise;
    for step in schedule.steps() {
        let v = velocity(&x, step.sigma);
        let x0 = denoised(&x, &v, step.sigma);
        x = x.combine(1.0, &v, (step.next - step.sigma) as f32);
        if on_step(&Progress {
            step,
            x: &x,
            denoised: &x0,
        })
        .is_break()
        {
            return None;
        }
    }
    Some(x)
}

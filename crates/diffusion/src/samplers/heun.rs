//! Heun's method.

use std::ops::ControlFlow;

use kinora_tensor::Tensor;

use super::Progress;
use crate::denoised;
use crate::schedule::Schedule;

/// Second-order (Heun) sampler: two calls of `velocity` a step, one in the last, where the velocity
/// at `sigma = 0` would add nothing. Arguments and shapes as for [`euler`](super::euler).
///
/// Reference: Karras et al. 2206.00364, algorithm 1, with the straight path of flow matching.
pub fn heun(
    noise: Tensor,
    schedule: &Schedule,
    mut velocity: impl FnMut(&Tensor, f64) -> Tensor,
    mut on_step: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Option<Tensor> {
    let mut x = noise;
    for step in schedule.steps() {
        let v = velocity(&x, step.sigma);
        let x0 = denoised(&x, &v, step.sigma);
        let delta = (step.next - step.sigma) as f32;
        let ahead = x.combine(1.0, &v, delta);
        x = if step.next > 0.0 {
            let v_ahead = velocity(&ahead, step.next);
            x.combine(1.0, &v.combine(0.5, &v_ahead, 0.5), delta)
        } else {
            ahead
        };
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

//! Euler's method with fresh noise.

use std::ops::ControlFlow;

use kinora_tensor::Tensor;

use super::Progress;
use crate::denoised;
use crate::schedule::Schedule;

/// First-order sampler that keeps only the clean estimate of a step and noises it anew:
/// `x = (1 - next) x0 + next noise`. Some distilled models are trained for it.
///
/// `noised` gives a clean estimate that level of noise, once a step but for the last. The other
/// arguments and shapes are as for [`euler`](super::euler).
///
/// Reference: `FlowMatchEulerDiscreteScheduler.step` with `stochastic_sampling`, diffusers
/// `schedulers/scheduling_flow_match_euler_discrete.py`.
pub fn euler_fresh(
    noise: Tensor,
    schedule: &Schedule,
    mut velocity: impl FnMut(&Tensor, f64) -> Tensor,
    mut noised: impl FnMut(&Tensor, f64) -> Tensor,
    mut on_step: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Option<Tensor> {
    let mut x = noise;
    for step in schedule.steps() {
        let v = velocity(&x, step.sigma);
        let x0 = denoised(&x, &v, step.sigma);
        x = if step.next > 0.0 {
            noised(&x0, step.next)
        } else {
            x0.clone()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_begins_with_noise_of_its_own() {
        // Levels 1, 0.5, 0 and a velocity of 2: x0 = 3 - 2 = 1; then x = 0.5 + 0.5 * 8 = 4.5;
        // then x0 = 4.5 - 0.5 * 2 = 3.5.
        let constant = |value: f32| Tensor::from_f32(&[value], &[1]);
        let (mut drawn, mut seen) = (0, Vec::new());
        let noised = |x0: &Tensor, level: f64| {
            drawn += 1;
            x0.combine((1.0 - level) as f32, &constant(8.0), level as f32)
        };
        let schedule = Schedule::shifted(2, 1.0);
        let x = euler_fresh(
            constant(3.0),
            &schedule,
            |_, _| constant(2.0),
            noised,
            |progress| {
                seen.push(progress.x.as_f32()[0]);
                ControlFlow::Continue(())
            },
        );
        assert_eq!((x.unwrap().as_f32()[0], drawn), (3.5, 1));
        assert_eq!(seen, [4.5, 3.5]);
    }
}

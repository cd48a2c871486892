//! Samplers: from noise to data along the velocity.

use std::fmt;
use std::ops::ControlFlow;

use kinora_tensor::Tensor;

use crate::schedule::{Schedule, Step};

mod dpm;
mod euler;
mod fresh;
mod heun;
mod unipc;

pub use dpm::dpm;
pub use euler::euler;
pub use fresh::euler_fresh;
pub use heun::heun;
pub use unipc::unipc;

/// What a sampler tells after each step.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The step that was just taken.
    pub step: Step,
    /// The latents at `step.next`.
    pub x: &'a Tensor,
    /// The model's estimate of the clean latents during the step.
    pub denoised: &'a Tensor,
}

/// A sampler by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampler {
    /// First order, one call of the model a step.
    Euler,
    /// The same with fresh noise in each step.
    EulerFresh,
    /// Second order, two calls a step (one in the last).
    Heun,
    /// Second order from the previous step's estimate, one call a step.
    Dpm,
    /// Second order, predictor and corrector from the steps before, one call a step.
    UniPc,
}

impl Sampler {
    /// The name in recipes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Euler => "euler",
            Self::EulerFresh => "euler-fresh",
            Self::Heun => "heun",
            Self::Dpm => "dpm-2m",
            Self::UniPc => "unipc",
        }
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Runs the named sampler; see [`euler`] for the arguments, and [`euler_fresh`] for `noised`, which the
/// others do not call.
pub fn sample(
    sampler: Sampler,
    noise: Tensor,
    schedule: &Schedule,
    velocity: impl FnMut(&Tensor, f64) -> Tensor,
    noised: impl FnMut(&Tensor, f64) -> Tensor,
    on_step: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Option<Tensor> {
    match sampler {
        Sampler::Euler => euler(noise, schedule, velocity, on_step),
        Sampler::EulerFresh => euler_fresh(noise, schedule, velocity, noised, on_step),
        Sampler::Heun => heun(noise, schedule, velocity, on_step),
        Sampler::Dpm => dpm(noise, schedule, velocity, on_step),
        Sampler::UniPc => unipc(noise, schedule, velocity, on_step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEAN: f64 = 0.7;
    const DEVIATION: f64 = 0.4;

    /// No sampler here asks for fresh noise.
    fn never(_: &Tensor, _: f64) -> Tensor {
        unreachable!("no fresh noise")
    }

    /// The exact velocity when data are normal: `E[noise - x0 | x]`.
    fn velocity(x: &Tensor, sigma: f64) -> Tensor {
        let (clean, variance) = (1.0 - sigma, DEVIATION * DEVIATION);
        let total = clean * clean * variance + sigma * sigma;
        // E[x0 | x] = m + a (x - c m), E[noise | x] = b (x - c m) for jointly normal variables.
        let slope = (sigma - clean * variance) / total;
        let offset = -MEAN - slope * clean * MEAN;
        Tensor::from_fn(x.shape(), |i| {
            (slope * f64::from(x.as_f32()[i]) + offset) as f32
        })
    }

    /// The largest error against the exact flow `mean + deviation * noise`.
    fn error(sampler: Sampler, steps: usize) -> f64 {
        let noise = Tensor::from_fn(&[9], |i| i as f32 * 0.5 - 2.0);
        let schedule = Schedule::shifted(steps, 1.0);
        let on_step = |_: &Progress| ControlFlow::Continue(());
        let data = sample(sampler, noise.clone(), &schedule, velocity, never, on_step).unwrap();
        let exact = noise
            .as_f32()
            .iter()
            .map(|z| MEAN + DEVIATION * f64::from(*z));
        data.as_f32()
            .iter()
            .zip(exact)
            .map(|(x, e)| (f64::from(*x) - e).abs())
            // Not by `f64::max`, which would pass over a NaN.
            .fold(0.0, |most, e| if e > most || e.is_nan() { e } else { most })
    }

    #[test]
    fn normal_data_are_reached_with_the_order_of_the_sampler() {
        // Twice the steps: half the error at first order, a quarter at second. The multistep
        // sampler reaches its order later, because its first and last steps are first order.
        for (sampler, steps, ratio, most) in [
            (Sampler::Euler, 16, 1.8, 0.04),
            (Sampler::Heun, 16, 3.4, 0.004),
            (Sampler::Dpm, 64, 2.8, 0.0012),
            (Sampler::UniPc, 64, 2.8, 0.0012),
        ] {
            let (coarse, fine) = (error(sampler, steps), error(sampler, 2 * steps));
            assert!(
                fine < most,
                "{sampler}: error {fine} at {} steps",
                2 * steps
            );
            assert!(
                coarse / fine > ratio,
                "{sampler}: {coarse} at {steps} steps, then {fine}"
            );
        }
        assert!(error(Sampler::Heun, 16) < error(Sampler::Euler, 32));
    }

    #[test]
    fn a_constant_velocity_is_followed_exactly_by_all() {
        for sampler in [Sampler::Euler, Sampler::Heun, Sampler::Dpm, Sampler::UniPc] {
            let noise = Tensor::from_f32(&[1.0, -1.0], &[2]);
            let constant = |_: &Tensor, _: f64| Tensor::from_f32(&[0.25, -0.5], &[2]);
            let on_step = |_: &Progress| ControlFlow::Continue(());
            let schedule = Schedule::shifted(5, 2.0);
            let data = sample(sampler, noise, &schedule, constant, never, on_step).unwrap();
            for (got, want) in data.as_f32().iter().zip([0.75, -0.5]) {
                assert!((got - want).abs() < 1e-5, "{sampler}: {got} for {want}");
            }
        }
    }

    #[test]
    fn calls_steps_and_cancel() {
        for (sampler, calls) in [
            (Sampler::Euler, 6),
            (Sampler::Heun, 11),
            (Sampler::Dpm, 6),
            (Sampler::UniPc, 6),
        ] {
            let mut called = 0;
            let mut seen = Vec::new();
            let schedule = Schedule::shifted(6, 1.0);
            let noise = Tensor::full(1.0, &[3], kinora_tensor::DType::F32);
            let counted = |x: &Tensor, sigma: f64| {
                called += 1;
                velocity(x, sigma)
            };
            let data = sample(
                sampler,
                noise.clone(),
                &schedule,
                counted,
                never,
                |progress| {
                    seen.push(progress.step.index);
                    ControlFlow::Continue(())
                },
            );
            assert!(data.is_some());
            assert_eq!(
                (called, seen),
                (calls, (0..6).collect::<Vec<_>>()),
                "{sampler}"
            );

            let stopped = sample(sampler, noise, &schedule, velocity, never, |progress| {
                assert!(progress.step.index <= 2, "no step after the stop");
                if progress.step.index == 2 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            assert!(stopped.is_none(), "{sampler} stops");
        }
    }
}

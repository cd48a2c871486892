//! `UniPC`: predictor and corrector in one.

use std::ops::ControlFlow;

use kinora_tensor::Tensor;

use super::Progress;
use crate::schedule::Schedule;

/// Second-order multistep sampler on the clean estimate. Each call of `velocity` serves twice: it
/// corrects the step that led to it, and predicts the next one. The first step and the last are
/// first order. Arguments and shapes as for [`euler`](super::euler); the schedule is
/// [`Schedule::unipc`], or any other: a first level of 1 is taken as just below.
///
/// Reference: Zhao et al. 2302.04867, algorithms 1 and 2 with `B(h) = e^h - 1`; the choices are those of
/// `UniPCMultistepScheduler` in diffusers (`bh2`, order 2, `lower_order_final`), and so is the
/// rounding of noise levels to f32, without which 1 - sigma of the first step differs by 1 %.
pub fn unipc(
    noise: Tensor,
    schedule: &Schedule,
    mut velocity: impl FnMut(&Tensor, f64) -> Tensor,
    mut on_step: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Option<Tensor> {
    let mut x = noise;
    // The latents that the last step began with, its level, and the estimates before, newest first.
    let mut last: Option<(Tensor, Level)> = None;
    let mut older: Option<(Tensor, Level)> = None;
    let mut newest: Option<(Tensor, Level)> = None;
    for step in schedule.steps() {
        let level = Level::new(step.sigma);
        let v = velocity(&x, step.sigma);
        let x0 = x.combine(1.0, &v, -level.sigma as f32);
        if let (Some((start, from)), Some((known, _))) = (&last, &newest) {
            let history = older.as_ref().map(|(old, level)| (old, *level));
            let path = Path::new(*from, level, history.map(|(_, level)| level));
            x = path.correct(start, known, history.map(|(old, _)| old), &x0);
        }

        let final_step = step.index + 1 == step.of;
        let history = newest.as_ref().filter(|_| !final_step);
        let path = Path::new(
            level,
            Level::new(step.next),
            history.map(|(_, level)| *level),
        );
        let next = path.predict(&x, &x0, history.map(|(old, _)| old));
        last = Some((std::mem::replace(&mut x, next), level));
        if on_step(&Progress {
            step,
            x: &x,
            denoised: &x0,
        })
        .is_break()
        {
            return None;
        }
        older = newest.replace((x0, level));
    }
    Some(x)
}

/// A noise level and half its log signal-to-noise ratio.
#[derive(Clone, Copy)]
struct Level {
    sigma: f64,
    lambda: f64,
}

impl Level {
    fn new(sigma: f64) -> Self {
        let sigma = f64::from(sigma.min(1.0 - 1e-6) as f32);
        Self {
            sigma,
            lambda: (1.0 - sigma).ln() - sigma.ln(),
        }
    }
}

/// The coefficients of one step between two levels.
struct Path {
    /// Factor of the latents.
    keep: f64,
    /// Factor of the clean estimate, for the first order; of the differences, too, as `B(h)` is
    /// the same function.
    add: f64,
    /// `-h`, minus infinity to a level of 0.
    step: f64,
    /// Where the estimate before lies, in steps from here: negative. `None` for first order.
    before: Option<f64>,
}

impl Path {
    fn new(from: Level, to: Level, before: Option<Level>) -> Self {
        let h = to.lambda - from.lambda;
        Self {
            keep: to.sigma / from.sigma,
            add: -(1.0 - to.sigma) * (-h).exp_m1(),
            step: -h,
            before: before.map(|before| (before.lambda - from.lambda) / h),
        }
    }

    /// `x_t = sigma_t / sigma_s x + add (m0 + 1/2 D1)`, where `D1 = (m1 - m0) / r`.
    fn predict(&self, x: &Tensor, m0: &Tensor, older: Option<&Tensor>) -> Tensor {
        let start = x.combine(self.keep as f32, m0, self.add as f32);
        match (self.before, older) {
            (Some(r), Some(m1)) => self.along(&start, m1, m0, 0.5 / r),
            _ => start,
        }
    }

    /// `x_t = sigma_t / sigma_s x + add (m0 + rho_1 D1 + rho_2 (m_t - m0))`.
    fn correct(&self, x: &Tensor, m0: &Tensor, older: Option<&Tensor>, new: &Tensor) -> Tensor {
        let start = x.combine(self.keep as f32, m0, self.add as f32);
        match (self.before, older) {
            (Some(r), Some(m1)) => {
                // Coefficients that integrate linear and quadratic paths exactly.
                let phi1 = self.step.exp_m1();
                let phi2 = phi1 / self.step - 1.0;
                let phi3 = phi2 / self.step - 0.5;
                let (b1, b2) = (phi2 / phi1, 2.0 * phi3 / phi1);
                let rho1 = (b1 - b2) / (1.0 - r);
                let start = self.along(&start, m1, m0, rho1 / r);
                self.along(&start, new, m0, b1 - rho1)
            }
            _ => self.along(&start, new, m0, 0.5),
        }
    }

    /// `start + add weight (a - b)`.
    fn along(&self, start: &Tensor, a: &Tensor, b: &Tensor, weight: f64) -> Tensor {
        start.combine(1.0, &a.sub(b), (self.add * weight) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of diffusers' scheduler with given velocities, from `oracle/open_models/wan.py`.
    const GOLDEN: &str = include_str!("../../fixtures/unipc.txt");

    struct Golden {
        steps: usize,
        shift: f64,
        timesteps: Vec<f64>,
        sigmas: Vec<f64>,
        noise: Vec<f64>,
        velocities: Vec<Vec<f64>>,
        latents: Vec<Vec<f64>>,
    }

    fn golden() -> Vec<Golden> {
        let mut cases: Vec<Golden> = Vec::new();
        for line in GOLDEN.lines() {
            let (name, rest) = line.split_once(' ').expect("a name and numbers");
            let row: Vec<f64> = rest.split(' ').map(|x| x.parse().unwrap()).collect();
            if name == "case" {
                cases.push(Golden {
                    steps: row[0] as usize,
                    shift: row[1],
                    timesteps: Vec::new(),
                    sigmas: Vec::new(),
                    noise: Vec::new(),
                    velocities: Vec::new(),
                    latents: Vec::new(),
                });
                continue;
            }
            let case = cases.last_mut().expect("a case comes first");
            match name {
                "timesteps" => case.timesteps = row,
                "sigmas" => case.sigmas = row,
                "noise" => case.noise = row,
                "velocity" => case.velocities.push(row),
                "x" => case.latents.push(row),
                other => panic!("an unknown line {other}"),
            }
        }
        cases
    }

    fn tensor(row: &[f64]) -> Tensor {
        Tensor::from_fn(&[row.len()], |i| row[i] as f32)
    }

    #[test]
    fn levels_and_integer_timesteps_are_those_of_the_reference() {
        for case in golden() {
            let schedule = Schedule::unipc(case.steps, case.shift);
            let sigmas: Vec<f64> = schedule
                .sigmas()
                .iter()
                .map(|&sigma| f64::from(sigma as f32))
                .collect();
            assert_eq!(sigmas, case.sigmas, "{} steps", case.steps);
            let timesteps: Vec<f64> = schedule
                .steps()
                .map(|step| (step.sigma * 1000.0).trunc())
                .collect();
            assert_eq!(timesteps, case.timesteps, "{} steps", case.steps);
        }
    }

    #[test]
    fn golden_steps() {
        let mut seen = 0;
        for case in golden() {
            let schedule = Schedule::unipc(case.steps, case.shift);
            let mut velocities = case.velocities.iter();
            let velocity = |_: &Tensor, _: f64| tensor(velocities.next().expect("one a step"));
            let check = |progress: &Progress| {
                let expected = &case.latents[progress.step.index];
                for (ours, reference) in progress.x.as_f32().iter().zip(expected) {
                    let error = (f64::from(*ours) - reference).abs();
                    assert!(
                        error < 2e-5 * reference.abs().max(1.0),
                        "{:?}: {ours}, the reference has {reference}",
                        progress.step
                    );
                }
                seen += 1;
                ControlFlow::Continue(())
            };
            assert!(unipc(tensor(&case.noise), &schedule, velocity, check).is_some());
        }
        assert_eq!(seen, 1 + 2 + 5 + 20 + 50);
    }
}

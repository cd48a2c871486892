//! Which noise levels a sampler visits.

mod flow_match;

pub use flow_match::{FlowMatchConfig, ScheduleError, TimeShift, linear_quadratic};

/// One step of a schedule: from `sigma` down to `next`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Number of the step, from 0.
    pub index: usize,
    /// How many steps there are.
    pub of: usize,
    /// Noise level before the step, in (0, 1].
    pub sigma: f64,
    /// Noise level after it, in [0, 1).
    pub next: f64,
}

/// Noise levels that fall from 1 to 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    sigmas: Vec<f64>,
}

impl Schedule {
    /// `steps` steps, evenly spaced and then shifted towards noise:
    /// `sigma' = shift sigma / (1 + (shift - 1) sigma)`.
    ///
    /// `shift` 1 is even; larger values spend more steps where the layout is decided.
    ///
    /// Reference: Esser et al. 2403.03206, section 5.3.2 (timestep shifting).
    ///
    /// # Panics
    /// Unless `steps > 0` and `shift` is positive and finite.
    #[track_caller]
    pub fn shifted(steps: usize, shift: f64) -> Self {
        assert!(steps > 0, "a schedule has at least one step");
        assert!(
            shift > 0.0 && shift.is_finite(),
            "shift is positive and finite, not {shift}"
        );
        let even = (0..=steps).map(|i| 1.0 - i as f64 / steps as f64);
        Self {
            sigmas: even
                .map(|sigma| shift * sigma / (1.0 + (shift - 1.0) * sigma))
                .collect(),
        }
    }

    /// The noise levels of [`unipc`](crate::samplers::unipc) in diffusers: `steps` levels from 1 towards
    /// 1/1000, shifted as in [`Schedule::shifted`], then 0. The first is lowered by 1e-6, because
    /// at 1 the signal-to-noise ratio has no logarithm.
    ///
    /// The levels are in the reference's own order of f64 operations, so that a model's integer
    /// timestep `(1000 sigma) as i64` is the reference's: 999 first.
    ///
    /// Reference: `UniPCMultistepScheduler.set_timesteps` with `use_flow_sigmas`, diffusers
    /// `schedulers/scheduling_unipc_multistep.py`.
    ///
    /// # Panics
    /// Unless `steps > 0` and `shift` is positive and finite.
    #[track_caller]
    pub fn unipc(steps: usize, shift: f64) -> Self {
        assert!(steps > 0, "a schedule has at least one step");
        assert!(
            shift > 0.0 && shift.is_finite(),
            "shift is positive and finite, not {shift}"
        );
        let stride = (1.0 / 1000.0 - 1.0) / steps as f64;
        let even = (0..steps).map(|i| i as f64 * stride + 1.0);
        let mut sigmas: Vec<f64> = even
            .map(|sigma| shift * sigma / (1.0 + (shift - 1.0) * sigma))
            .collect();
        if (sigmas[0] - 1.0).abs() < 1e-6 {
            sigmas[0] -= 1e-6;
        }
        sigmas.push(0.0);
        Self { sigmas }
    }

    /// The noise levels, from 1 to 0, one more than there are steps.
    pub fn sigmas(&self) -> &[f64] {
        &self.sigmas
    }

    /// The steps in order.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = Step> + '_ {
        let of = self.sigmas.len() - 1;
        self.sigmas
            .windows(2)
            .enumerate()
            .map(move |(index, pair)| Step {
                index,
                of,
                sigma: pair[0],
                next: pair[1],
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: usize, shift: f64, golden: &[f64]) {
        let schedule = Schedule::shifted(steps, shift);
        assert_eq!(schedule.sigmas().len(), golden.len());
        for (got, want) in schedule.sigmas().iter().zip(golden) {
            assert!(
                (got - want).abs() < 1e-9,
                "{steps} steps, shift {shift}: {got} for {want}"
            );
        }
    }

    #[test]
    fn golden_schedules() {
        check(1, 1.0, &[1.0, 0.0]);
        check(4, 1.0, &[1.0, 0.75, 0.5, 0.25, 0.0]);
        check(4, 3.0, &[1.0, 0.9, 0.75, 0.5, 0.0]);
        check(5, 2.0, &[1.0, 8.0 / 9.0, 0.75, 4.0 / 7.0, 1.0 / 3.0, 0.0]);
    }

    #[test]
    fn steps_join_end_to_start() {
        let schedule = Schedule::shifted(7, 1.7);
        let steps: Vec<Step> = schedule.steps().collect();
        assert_eq!(steps.len(), 7);
        assert!(
            steps
                .windows(2)
                .all(|pair| pair[0].next.to_bits() == pair[1].sigma.to_bits())
        );
        assert!(
            steps
                .iter()
                .all(|step| step.next < step.sigma && step.of == 7)
        );
    }

    #[test]
    #[should_panic(expected = "at least one step")]
    fn no_steps_are_a_mistake() {
        let _ = Schedule::shifted(0, 1.0);
    }
}

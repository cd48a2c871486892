//! The schedules of flow-match models, as diffusers' scheduler makes them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Schedule;

const CLASS: &str = "FlowMatchEulerDiscreteScheduler";

/// Shortest and longest steps that are accepted from a user.
const MAX_STEPS: usize = 10_000;

/// A `scheduler_config.json` of diffusers' `FlowMatchEulerDiscreteScheduler`.
///
/// Reference: its `__init__`, whose defaults stand for missing keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the keys are those of the published file"
)]
pub struct FlowMatchConfig {
    /// What a noise level of 1 is as a timestep.
    pub num_train_timesteps: f64,
    /// Shift towards noise where it does not depend on the number of tokens.
    pub shift: f64,
    /// Whether the shift grows with the number of tokens.
    pub use_dynamic_shifting: bool,
    /// Logarithm of the shift at `base_image_seq_len`.
    pub base_shift: Option<f64>,
    /// Logarithm of the shift at `max_image_seq_len`.
    pub max_shift: Option<f64>,
    /// A number of tokens.
    pub base_image_seq_len: usize,
    /// Another; the line through both goes on beyond them.
    pub max_image_seq_len: usize,
    /// Not supported.
    pub invert_sigmas: bool,
    /// The last noise level before 0, to which the others are stretched.
    pub shift_terminal: Option<f64>,
    /// Not supported.
    pub use_karras_sigmas: bool,
    /// Not supported.
    pub use_exponential_sigmas: bool,
    /// Not supported.
    pub use_beta_sigmas: bool,
    /// Whether a dynamic shift is given by its logarithm.
    pub time_shift_type: TimeShift,
    /// Whether each step begins with fresh noise: see [`crate::samplers::euler_fresh`].
    pub stochastic_sampling: bool,
}

/// What a dynamic shift `mu` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeShift {
    /// A shift of `e^mu`.
    Exponential,
    /// A shift of `mu`.
    Linear,
}

impl Default for FlowMatchConfig {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000.0,
            shift: 1.0,
            use_dynamic_shifting: false,
            base_shift: Some(0.5),
            max_shift: Some(1.15),
            base_image_seq_len: 256,
            max_image_seq_len: 4096,
            invert_sigmas: false,
            shift_terminal: None,
            use_karras_sigmas: false,
            use_exponential_sigmas: false,
            use_beta_sigmas: false,
            time_shift_type: TimeShift::Exponential,
            stochastic_sampling: false,
        }
    }
}

/// Why a schedule cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Not JSON, or not these keys.
    #[error("scheduler_config.json of {CLASS} does not parse: {0}")]
    Parse(#[from] serde_json::Error),
    /// The configuration of something else.
    #[error("scheduler_config.json is of {found}, not of {CLASS}")]
    Class {
        /// The class that the file names.
        found: String,
    },
    /// A value that no schedule can be made of.
    #[error("scheduler_config.json: `{key}` is {value}, {needs}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would fit.
        needs: &'static str,
    },
    /// No steps, or too many.
    #[error("{steps} steps; 1 to {MAX_STEPS} are possible")]
    Steps {
        /// The number asked for.
        steps: usize,
    },
    /// Timesteps that do not fall.
    #[error("timesteps {timesteps:?} do not fall from at most 1000 to at least 0")]
    Timesteps {
        /// The timesteps given.
        timesteps: Vec<f64>,
    },
}

impl FlowMatchConfig {
    /// Reads and checks a `scheduler_config.json`. Keys that begin with `_` are bookkeeping.
    ///
    /// # Errors
    /// When it does not parse, holds an unknown key, or asks for what is not supported.
    pub fn from_json(json: &str) -> Result<Self, ScheduleError> {
        let keys: Map<String, Value> = serde_json::from_str(json)?;
        if let Some(found) = keys.get("_class_name").and_then(Value::as_str)
            && found != CLASS
        {
            return Err(ScheduleError::Class {
                found: found.to_owned(),
            });
        }
        let keys = keys.into_iter().filter(|(key, _)| !key.starts_with('_'));
        let config: Self = serde_json::from_value(Value::Object(keys.collect()))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ScheduleError> {
        let needs = "only false is supported";
        for (key, on) in [
            ("invert_sigmas", self.invert_sigmas),
            ("use_karras_sigmas", self.use_karras_sigmas),
            ("use_exponential_sigmas", self.use_exponential_sigmas),
            ("use_beta_sigmas", self.use_beta_sigmas),
        ] {
            require(key, on, !on, needs)?;
        }
        let scale = self.num_train_timesteps;
        require(
            "num_train_timesteps",
            scale,
            scale.to_bits() == 1000_f64.to_bits(),
            "models know 1000",
        )?;
        let shift = self.shift;
        require(
            "shift",
            shift,
            shift > 0.0 && shift.is_finite(),
            "it is positive and finite",
        )?;
        let lengths = [self.base_image_seq_len, self.max_image_seq_len];
        require(
            "max_image_seq_len",
            lengths,
            lengths[0] != lengths[1],
            "two lengths make a line",
        )?;
        let terminal = self.shift_terminal.unwrap_or(0.0);
        require(
            "shift_terminal",
            terminal,
            (0.0..1.0).contains(&terminal),
            "it is below 1",
        )
    }

    /// The shift of a clip of so many tokens.
    ///
    /// Reference: `calculate_shift`, diffusers `pipelines/ltx/pipeline_ltx.py`; `time_shift` of the
    /// scheduler, which is the static formula with this shift.
    pub fn shift_of(&self, tokens: usize) -> f64 {
        if !self.use_dynamic_shifting {
            return self.shift;
        }
        let [low, high] = [
            self.base_shift.unwrap_or(0.5),
            self.max_shift.unwrap_or(1.15),
        ];
        let [from, to] = [
            self.base_image_seq_len as f64,
            self.max_image_seq_len as f64,
        ];
        let slope = (high - low) / (to - from);
        let mu = tokens as f64 * slope + (low - slope * from);
        match self.time_shift_type {
            TimeShift::Exponential => mu.exp(),
            TimeShift::Linear => mu,
        }
    }

    /// Even steps, shifted and stretched as the configuration says.
    ///
    /// Reference: `set_timesteps` of the scheduler with sigmas `linspace(1, 1 / steps, steps)`, as
    /// `LTXPipeline` calls it; `stretch_shift_to_terminal`.
    ///
    /// # Errors
    /// When there are no steps or too many, or the shift is not positive for so many tokens.
    pub fn schedule(&self, steps: usize, tokens: usize) -> Result<Schedule, ScheduleError> {
        check_steps(steps)?;
        let shift = self.shift_of(tokens);
        require(
            "max_shift",
            shift,
            shift > 0.0 && shift.is_finite(),
            "the shift is not positive",
        )?;
        // The reference counts in f64 and rounds once.
        let even = (0..steps).map(|i| {
            let stride = (1.0 / steps as f64 - 1.0) / steps.saturating_sub(1).max(1) as f64;
            (1.0 + i as f64 * stride) as f32
        });
        Ok(self.levels(even, shift))
    }

    /// Levels shifted and stretched, then 0.
    ///
    /// In the reference's own order of f32 operations: long clips are shifted so far that the
    /// rounding of a level near 1 is seen after it is stretched.
    fn levels(&self, even: impl Iterator<Item = f32>, shift: f64) -> Schedule {
        let shift = shift as f32;
        let mut levels: Vec<f32> = if self.use_dynamic_shifting {
            even.map(|sigma| shift / (shift + (1.0 / sigma - 1.0)))
                .collect()
        } else {
            even.map(|sigma| shift * sigma / (1.0 + (shift - 1.0) * sigma))
                .collect()
        };
        let terminal = self.shift_terminal.unwrap_or(0.0);
        // A single level of 1 cannot be stretched to anything.
        if let Some(&last) = levels.last()
            && terminal > 0.0
            && last < 1.0
        {
            let scale = (1.0 - last) / (1.0 - terminal) as f32;
            for sigma in &mut levels {
                *sigma = 1.0 - (1.0 - *sigma) / scale;
            }
        }
        let sigmas = levels.into_iter().map(f64::from).chain([0.0]);
        Schedule {
            sigmas: sigmas.collect(),
        }
    }

    /// The steps between given timesteps and then to 0, shifted and stretched as the configuration
    /// says; it shifts by no number of tokens.
    ///
    /// Reference: `set_timesteps(timesteps=...)` of the scheduler, as `LTXConditionPipeline` calls
    /// it with [`linear_quadratic`] or a distilled model's timesteps.
    ///
    /// # Errors
    /// When the timesteps do not fall from at most 1000 to at least 0, or there are none.
    pub fn schedule_of(&self, timesteps: &[f64]) -> Result<Schedule, ScheduleError> {
        check_steps(timesteps.len())?;
        let falls = timesteps.windows(2).all(|pair| pair[0] > pair[1]);
        let (first, last) = (timesteps[0], timesteps[timesteps.len() - 1]);
        if !(falls && first <= 1000.0 && last >= 0.0 && first > 0.0) {
            return Err(ScheduleError::Timesteps {
                timesteps: timesteps.to_vec(),
            });
        }
        // A last timestep of 0 would be a step that goes nowhere.
        let moving = timesteps.iter().filter(|t| **t > 0.0);
        let even = moving.map(|t| *t as f32 / self.num_train_timesteps as f32);
        Ok(self.levels(even, self.shift))
    }
}

/// Timesteps that fall slowly for the first half of the steps and ever faster then.
///
/// Reference: `linear_quadratic_schedule`, diffusers `pipelines/ltx/pipeline_ltx_condition.py`, with
/// its threshold of 0.025 and half of the steps linear.
///
/// # Errors
/// When there are no steps or too many.
pub fn linear_quadratic(steps: usize) -> Result<Vec<f64>, ScheduleError> {
    const THRESHOLD: f64 = 0.025;
    check_steps(steps)?;
    if steps < 2 {
        return Ok(vec![1000.0]);
    }
    let linear = steps / 2;
    let (n, lines, curves) = (steps as f64, linear as f64, (steps - linear) as f64);
    let difference = lines - THRESHOLD * n;
    let quadratic_coefficient = difference / (lines * curves * curves);
    let linear_coefficient = THRESHOLD / lines - 2.0 * difference / (curves * curves);
    let constant = quadratic_coefficient * lines * lines;
    let clean = |i: usize| {
        let x = i as f64;
        if i < linear {
            x * THRESHOLD / lines
        } else {
            quadratic_coefficient * x * x + linear_coefficient * x + constant
        }
    };
    Ok((0..steps).map(|i| 1000.0 * (1.0 - clean(i))).collect())
}

fn check_steps(steps: usize) -> Result<(), ScheduleError> {
    if (1..=MAX_STEPS).contains(&steps) {
        Ok(())
    } else {
        Err(ScheduleError::Steps { steps })
    }
}

fn require(
    key: &'static str,
    value: impl std::fmt::Debug,
    fits: bool,
    needs: &'static str,
) -> Result<(), ScheduleError> {
    if fits {
        return Ok(());
    }
    let value = format!("{value:?}");
    Err(ScheduleError::Value { key, value, needs })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What diffusers' scheduler answers: `oracle/open_models/ltx.py` writes it.
    const GOLDEN: &str = include_str!("../../fixtures/flow_match.json");

    #[derive(Deserialize)]
    struct Case {
        name: String,
        config: Value,
        steps: usize,
        tokens: Option<usize>,
        timesteps: Option<Vec<f64>>,
        sigmas: Vec<f64>,
    }

    fn check(case: &Case) {
        let config = FlowMatchConfig::from_json(&case.config.to_string()).unwrap();
        let schedule = match (&case.timesteps, case.tokens) {
            (Some(timesteps), _) => config.schedule_of(timesteps),
            (None, Some(tokens)) => config.schedule(case.steps, tokens),
            (None, None) => panic!("{}: neither tokens nor timesteps", case.name),
        };
        let schedule = schedule.unwrap();
        // A timestep of 0 is no step of ours: the reference stays where it is for one.
        let still = case.timesteps.as_ref().is_some_and(|t| t.ends_with(&[0.0]));
        let golden = &case.sigmas[..case.sigmas.len() - usize::from(still)];
        assert_eq!(schedule.sigmas().len(), golden.len(), "{}", case.name);
        for (ours, golden) in schedule.sigmas().iter().zip(golden) {
            // The reference rounds to f32.
            assert!(
                (ours - golden).abs() < 3e-7,
                "{}: {ours} for {golden}",
                case.name
            );
        }
    }

    #[test]
    fn golden_schedules_of_diffusers() {
        let cases: Vec<Case> = serde_json::from_str(GOLDEN).unwrap();
        assert!(cases.len() >= 20, "{} cases", cases.len());
        cases.iter().for_each(check);
    }

    #[test]
    fn the_linear_quadratic_timesteps_are_those_of_the_reference() {
        let cases: Vec<Case> = serde_json::from_str(GOLDEN).unwrap();
        let linear = cases
            .iter()
            .filter(|case| case.name.starts_with("linear-quadratic"));
        let mut seen = 0;
        for case in linear {
            let ours = linear_quadratic(case.steps).unwrap();
            let golden = case.timesteps.as_ref().unwrap();
            assert_eq!(ours.len(), golden.len());
            let close = ours.iter().zip(golden).all(|(a, b)| (a - b).abs() < 2e-4);
            assert!(close, "{ours:?} for {golden:?}");
            seen += 1;
        }
        assert_eq!(seen, 8);
    }

    #[test]
    fn what_cannot_be_a_schedule_is_refused() {
        let refused = |json: &str, message: &str| {
            let error = FlowMatchConfig::from_json(json).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        refused("{\"sigma_min\": 1}", "unknown field");
        refused("{\"use_karras_sigmas\": true}", "only false is supported");
        refused(
            "{\"_class_name\": \"UniPCMultistepScheduler\"}",
            "is of UniPC",
        );
        refused("{\"shift\": 0.0}", "positive");
        refused("{\"shift_terminal\": 1.0}", "below 1");
        let config = FlowMatchConfig::default();
        assert!(config.schedule(0, 100).is_err() && config.schedule(20_000, 100).is_err());
        for timesteps in [
            &[][..],
            &[1000.0, 1000.0],
            &[1001.0],
            &[5.0, -1.0],
            &[f64::NAN],
            &[0.0],
        ] {
            assert!(config.schedule_of(timesteps).is_err(), "{timesteps:?}");
        }
    }

    #[test]
    fn one_step_has_no_terminal_to_be_stretched_to() {
        let config = FlowMatchConfig {
            shift_terminal: Some(0.1),
            ..FlowMatchConfig::default()
        };
        assert_eq!(config.schedule(1, 100).unwrap().sigmas(), [1.0, 0.0]);
    }
}

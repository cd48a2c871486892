//! The noise schedule of a diffusers directory: `scheduler/scheduler_config.json`.

use kinora_diffusion::schedule::FlowMatchConfig;
use serde_json::{Map, Value};

/// A scheduler that Kinora runs as the reference does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scheduler {
    /// `FlowMatchEulerDiscreteScheduler`.
    Euler(FlowMatchConfig),
    /// `UniPCMultistepScheduler` for flow matching.
    UniPc {
        /// Shift towards noise.
        flow_shift: f64,
    },
}

/// Keys of `UniPC` whose only value here is the one of flow matching, or the default.
const UNIPC_FIXED: &str = r#"{"num_train_timesteps": 1000, "prediction_type": "flow_prediction",
    "use_flow_sigmas": true, "solver_order": 2, "solver_type": "bh2", "predict_x0": true,
    "lower_order_final": true, "disable_corrector": [], "solver_p": null, "thresholding": false,
    "use_karras_sigmas": false, "use_exponential_sigmas": false, "use_beta_sigmas": false,
    "final_sigmas_type": "zero", "rescale_betas_zero_snr": false, "use_dynamic_shifting": false,
    "time_shift_type": "exponential"}"#;
/// Keys of `UniPC` that flow matching does not read.
const UNIPC_UNREAD: &[&str] = &[
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "timestep_spacing",
    "steps_offset",
    "dynamic_thresholding_ratio",
    "sample_max_value",
    "sigma_min",
    "sigma_max",
    "shift_terminal",
];

impl Scheduler {
    /// Reads a `scheduler_config.json`. A switch that changes the noise levels and is not set as
    /// here is an error, and so is a key that nobody knows.
    ///
    /// # Errors
    /// What is not known, in words.
    pub(crate) fn from_json(json: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let Value::Object(mut keys) = value else {
            return Err("it is no object".into());
        };
        let class = keys.remove("_class_name");
        let class = class.as_ref().and_then(Value::as_str).unwrap_or_default();
        keys.retain(|key, _| !key.starts_with('_'));
        match class {
            "FlowMatchEulerDiscreteScheduler" => FlowMatchConfig::from_json(json)
                .map(Self::Euler)
                .map_err(|error| error.to_string()),
            "UniPCMultistepScheduler" => unipc(&keys),
            other => Err(format!(
                "the scheduler `{other}` is not known; FlowMatchEulerDiscreteScheduler and UniPCMultistepScheduler are"
            )),
        }
    }

    /// The shift that the files ask for.
    pub(crate) fn shift(&self) -> f64 {
        match self {
            Self::Euler(config) => config.shift,
            Self::UniPc { flow_shift } => *flow_shift,
        }
    }
}

fn unipc(keys: &Map<String, Value>) -> Result<Scheduler, String> {
    let fixed: Value = serde_json::from_str(UNIPC_FIXED).expect("the table is JSON");
    for (key, value) in keys {
        match fixed.get(key) {
            Some(only) if only == value => {}
            Some(only) => return Err(format!("`{key}` is {value}, only {only} is known")),
            None if UNIPC_UNREAD.contains(&key.as_str()) || key == "flow_shift" => {}
            None => return Err(format!("the key `{key}` is not known")),
        }
    }
    // Without these two the class means another kind of model.
    for key in ["prediction_type", "use_flow_sigmas"] {
        if !keys.contains_key(key) {
            return Err(format!("`{key}` is missing: it is no flow matching"));
        }
    }
    let shift = keys.get("flow_shift").map_or(Some(1.0), Value::as_f64);
    let flow_shift = shift
        .filter(|shift| *shift > 0.0)
        .ok_or("`flow_shift` is not positive")?;
    Ok(Scheduler::UniPc { flow_shift })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_schedulers_are_read() {
        let euler = |json| match Scheduler::from_json(json).unwrap() {
            Scheduler::Euler(euler) => euler,
            other @ Scheduler::UniPc { .. } => panic!("{other:?}"),
        };
        let old = euler(kinora_models::ltx::presets::SCHEDULER_090);
        assert!(old.use_dynamic_shifting && old.shift_terminal == Some(0.1));
        let new = euler(kinora_models::ltx::presets::SCHEDULER_095);
        assert_eq!(new, FlowMatchConfig::default());
        let wan = r#"{"_class_name": "UniPCMultistepScheduler", "prediction_type": "flow_prediction",
            "use_flow_sigmas": true, "flow_shift": 5.0, "solver_order": 2, "beta_start": 0.0001}"#;
        assert_eq!(
            Scheduler::from_json(wan),
            Ok(Scheduler::UniPc { flow_shift: 5.0 })
        );
    }

    #[test]
    fn what_would_change_the_noise_levels_is_refused() {
        for (json, word) in [
            (r#"{"_class_name": "DDIMScheduler"}"#, "DDIMScheduler"),
            (
                r#"{"_class_name": "FlowMatchEulerDiscreteScheduler", "invert_sigmas": true}"#,
                "invert_sigmas",
            ),
            (
                r#"{"_class_name": "FlowMatchEulerDiscreteScheduler", "wobble": 1}"#,
                "wobble",
            ),
            (
                r#"{"_class_name": "UniPCMultistepScheduler", "flow_shift": 3}"#,
                "prediction_type",
            ),
            ("[]", "object"),
        ] {
            let error = Scheduler::from_json(json).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}

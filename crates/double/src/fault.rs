//! What goes wrong, and how fast it goes until then.
//!
//! A prompt that holds `fault=KIND`, `fault=KIND:VALUE` or either of them with `@TRY` at the end has
//! it go wrong: in every try, or in that one only.
//!
//! | fault | the worker |
//! |---|---|
//! | `crash:STEP` | aborts at that step |
//! | `hang:STEP` | says nothing more and never ends, as if its driver were stuck |
//! | `slow:MILLISECONDS` | takes so long for a step |
//! | `fail:CODE` | reports a failure |
//! | `half` | writes half of its video and aborts |
//!
//! `KINORA_DOUBLE_EXIT=1` has every worker exit at its start, `KINORA_DOUBLE_STEP_MS` is the time of a
//! step in milliseconds, 10 if it says nothing.

use std::env;
use std::time::Duration;

/// What goes wrong with a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The process aborts at this step.
    Crash(u32),
    /// The process is silent from this step on.
    Hang(u32),
    /// Steps take so long.
    Slow(Duration),
    /// A failure of this code is reported.
    Fail(String),
    /// Half of the video is written, then the process aborts.
    Half,
}

impl Fault {
    /// The fault that a prompt asks for in a try, if there is one.
    pub fn of(prompt: &str, attempt: u32) -> Option<Self> {
        let mut words = prompt.split_whitespace();
        let fault = words.find_map(|word| word.strip_prefix("fault="))?;
        let (fault, only) = match fault.split_once('@') {
            Some((fault, only)) => (fault, Some(only)),
            None => (fault, None),
        };
        if only.is_some_and(|only| only != attempt.to_string()) {
            return None;
        }
        let (kind, value) = fault.split_once(':').unwrap_or((fault, ""));
        match kind {
            "crash" => Some(Self::Crash(value.parse().ok()?)),
            "hang" => Some(Self::Hang(value.parse().ok()?)),
            "slow" => Some(Self::Slow(Duration::from_millis(value.parse().ok()?))),
            "fail" => Some(Self::Fail(value.into())),
            "half" => Some(Self::Half),
            _ => None,
        }
    }
}

/// Time of a step.
pub fn step() -> Duration {
    let given = env::var("KINORA_DOUBLE_STEP_MS");
    let milliseconds = given.ok().and_then(|text| text.parse().ok());
    Duration::from_millis(milliseconds.unwrap_or(10))
}

/// Whether a worker exits at its start.
pub fn exits() -> bool {
    env::var_os("KINORA_DOUBLE_EXIT").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_asks_for_a_fault_in_all_tries_or_in_one() {
        for (prompt, attempt, fault) in [
            ("a dog", 1, None),
            ("a dog fault=crash:3", 2, Some(Fault::Crash(3))),
            ("a dog fault=hang:0@1", 1, Some(Fault::Hang(0))),
            ("a dog fault=hang:0@1", 2, None),
            (
                "fault=slow:250 a dog",
                1,
                Some(Fault::Slow(Duration::from_millis(250))),
            ),
            (
                "a dog fault=fail:disk_full",
                1,
                Some(Fault::Fail("disk_full".into())),
            ),
            ("a dog fault=half@2", 2, Some(Fault::Half)),
            ("a dog fault=unknown", 1, None),
        ] {
            assert_eq!(Fault::of(prompt, attempt), fault, "{prompt} {attempt}");
        }
    }
}

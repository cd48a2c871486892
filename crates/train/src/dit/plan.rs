//! Which clips each step takes, and how far it moves.

use std::str::FromStr;

use kinora_models::native::{LATENT_STRIDE, latent_frames};
use serde::Deserialize;

/// Clips of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Frames of a clip, 1 + 8k.
    pub frames: usize,
    /// How many clips.
    pub clips: usize,
}

/// The buckets of all steps: phases `LENGTHS:STEPS`, as in `1x96:400,1x96+25x24:1500`. The lengths of
/// a phase, each `FRAMESxCLIPS`, take turns.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Plan(Vec<(Vec<Bucket>, u64)>);

impl Bucket {
    /// Latent frames of a clip.
    pub fn latent_frames(self) -> usize {
        latent_frames(self.frames)
    }
}

impl FromStr for Bucket {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('x');
        let numbers =
            numbers.and_then(|(frames, clips)| Some((frames.parse().ok()?, clips.parse().ok()?)));
        match numbers {
            Some((frames, clips)) if frames % LATENT_STRIDE == 1 && (1..=4096).contains(&clips) => {
                Ok(Self { frames, clips })
            }
            _ => Err(format!(
                "{text:?} is no FRAMESxCLIPS with 1 + 8k frames, such as 25x12"
            )),
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let phase = |text: &str| {
            let (lengths, steps) = text
                .split_once(':')
                .ok_or_else(|| format!("{text:?} is no LENGTHS:STEPS, such as 1x96+25x24:1500"))?;
            let steps = steps
                .parse()
                .map_err(|_| format!("{steps:?} is no number of steps"))?;
            let lengths: Result<_, String> = lengths.split('+').map(str::parse).collect();
            Ok((lengths?, steps))
        };
        let phases: Result<Vec<_>, String> = text.split(',').map(phase).collect();
        Ok(Self(phases?))
    }
}

impl TryFrom<String> for Plan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Plan {
    /// How many steps there are.
    pub fn steps(&self) -> u64 {
        self.0.iter().map(|(_, steps)| steps).sum()
    }

    /// The buckets of all phases, each length once, as it comes first.
    pub fn lengths(&self) -> Vec<Bucket> {
        let mut lengths: Vec<Bucket> = Vec::new();
        for bucket in self.0.iter().flat_map(|(buckets, _)| buckets) {
            if lengths.iter().all(|known| known.frames != bucket.frames) {
                lengths.push(*bucket);
            }
        }
        lengths
    }

    /// What step `step` takes, counted from 0.
    pub fn bucket(&self, mut step: u64) -> Option<Bucket> {
        for (lengths, steps) in &self.0 {
            if step < *steps {
                return Some(lengths[(step % lengths.len() as u64) as usize]);
            }
            step -= steps;
        }
        None
    }
}

/// The factor of the learning rate: a linear warm-up, constant, then `1 - sqrt` down to 0 over the
/// last `cooldown` of all `steps` (arXiv 2405.18392), so that a run that ran out of time is finished by
/// going on with a shorter plan.
pub fn trapezoid(step: u64, steps: u64, warmup: u64, cooldown: u64) -> f32 {
    if step < warmup {
        return (step + 1) as f32 / warmup as f32;
    }
    let left = steps.saturating_sub(step) as f32 / cooldown.max(1) as f32;
    1.0 - (1.0 - left.min(1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_a_phase_take_turns() {
        let plan: Plan = "1x48:2,1x48+25x12:3".parse().unwrap();
        let frames: Vec<_> = (0..6).map(|i| plan.bucket(i).map(|b| b.frames)).collect();
        let expected = [Some(1), Some(1), Some(1), Some(25), Some(1), None];
        assert_eq!(frames, expected);
        assert_eq!(plan.steps(), 5);
        let lengths: Vec<_> = plan.lengths().iter().map(|b| (b.frames, b.clips)).collect();
        assert_eq!(lengths, [(1, 48), (25, 12)]);
        let bucket: Bucket = "97x4".parse().unwrap();
        assert_eq!(bucket.latent_frames(), 13);
    }

    #[test]
    fn a_wrong_plan_says_what_is_wrong() {
        for (text, said) in [
            ("24x4:10", "24x4"),
            ("1x4", "1x4"),
            ("1x4:many", "many"),
            ("25x0:1", "25x0"),
        ] {
            let error = text.parse::<Plan>().unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn the_learning_rate_rises_holds_and_falls() {
        let factor = |step| trapezoid(step, 1000, 100, 400);
        assert!((factor(0) - 0.01).abs() < 1e-6 && (factor(99) - 1.0).abs() < 1e-6);
        assert!((factor(600) - 1.0).abs() < 1e-6);
        assert!((factor(900) - (1.0 - 0.75_f32.sqrt())).abs() < 1e-6);
        assert!(factor(1000).abs() < 1e-6);
    }
}

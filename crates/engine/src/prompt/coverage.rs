//! How well a model shows what words ask for: a table measured by evaluation.
//!
//! `coverage.json` beside the weights holds, for each slot and value, the share of evaluated clips
//! that showed the value when the prompt asked for it, by the detectors of the `measure` crate:
//!
//! ```json
//! {"model": "kinora-1", "clips": 60,
//!  "slots": {"time": {"*": {"accuracy": 0.9, "clips": 60}, "dawn": {"accuracy": 1.0, "clips": 11}}}}
//! ```
//! The value `*` is the whole slot's accuracy and stands in for values without a line. A slot that
//! no detector reads has no line: its words are `weak`, because nobody has measured them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// From this measured accuracy on a word is understood.
pub const UNDERSTOOD: f64 = 0.8;
/// Below this measured accuracy a word is as good as ignored.
pub const IGNORED: f64 = 0.3;
/// Values measured on fewer clips take the accuracy of their slot.
pub const FEWEST_CLIPS: u32 = 4;

/// The measured table of one model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// The model that was measured.
    pub model: String,
    /// Clips in the evaluation; 0 before the first.
    pub clips: u32,
    /// Accuracy by slot and value.
    pub slots: BTreeMap<String, BTreeMap<String, Measured>>,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Share of the clips that showed what was asked, 0 to 1.
    pub accuracy: f64,
    /// How many clips were asked.
    pub clips: u32,
}

/// How well the model shows a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Measured at 80 % or more.
    Understood,
    /// Learned, but measured below 80 % or not measured.
    Weak,
    /// Not learned; shown as something similar that was.
    Approximated,
    /// Not learned, or measured below 30 %.
    Ignored,
}

impl Level {
    /// What a word of this level adds to the coverage of a prompt.
    pub const fn weight(self) -> f64 {
        match self {
            Self::Understood => 1.0,
            Self::Weak | Self::Approximated => 0.5,
            Self::Ignored => 0.0,
        }
    }

    /// The name that JSON and the terminal show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Understood => "understood",
            Self::Weak => "weak",
            Self::Approximated => "approximated",
            Self::Ignored => "ignored",
        }
    }
}

impl Coverage {
    /// Reads a table.
    ///
    /// # Errors
    /// A sentence when it does not parse or an accuracy is outside 0 to 1.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let table: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        for (slot, values) in &table.slots {
            for (value, measured) in values {
                if !(0.0..=1.0).contains(&measured.accuracy) {
                    let accuracy = measured.accuracy;
                    return Err(format!(
                        "accuracy {accuracy} of {slot} `{value}` is not in 0 to 1"
                    ));
                }
            }
        }
        Ok(table)
    }

    /// The measured accuracy of a value, or of its slot where the value has too few clips.
    pub fn accuracy(&self, slot: &str, value: &str) -> Option<f64> {
        let values = self.slots.get(slot)?;
        let own = values
            .get(value)
            .filter(|measured| measured.clips >= FEWEST_CLIPS);
        own.or_else(|| values.get("*"))
            .map(|measured| measured.accuracy)
    }

    /// The level of a word that means this value itself.
    pub fn level(&self, slot: &str, value: &str) -> Level {
        match self.accuracy(slot, value) {
            Some(accuracy) if accuracy >= UNDERSTOOD => Level::Understood,
            Some(accuracy) if accuracy < IGNORED => Level::Ignored,
            _ => Level::Weak,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_the_table() {
        let table = Coverage::from_json(
            r#"{"model": "m", "clips": 60, "slots": {"time": {
                "*": {"accuracy": 0.7, "clips": 60}, "dawn": {"accuracy": 0.8, "clips": 9},
                "noon": {"accuracy": 0.2, "clips": 9}, "night": {"accuracy": 1.0, "clips": 3}}}}"#,
        )
        .unwrap();
        assert_eq!(table.level("time", "dawn"), Level::Understood);
        assert_eq!(table.level("time", "noon"), Level::Ignored);
        assert_eq!(
            table.level("time", "night"),
            Level::Weak,
            "too few clips: the slot's 0.7"
        );
        assert_eq!(
            table.level("time", "dusk"),
            Level::Weak,
            "no line: the slot's 0.7"
        );
        assert_eq!(table.level("lens", "tele"), Level::Weak, "never measured");
    }

    #[test]
    fn damaged_tables_are_refused() {
        for json in [
            "{}",
            r#"{"model": "m", "clips": 1, "slots": {"time": {"dawn": {"accuracy": 1.5, "clips": 1}}}}"#,
            r#"{"model": "m", "clips": 1, "slots": {}, "other": 1}"#,
        ] {
            assert!(Coverage::from_json(json).is_err(), "{json}");
        }
    }
}

//! The evaluation as a table, as JSON and as the coverage that the engine reads.

use super::studies::Study;
use kinora_measure::evaluate::{SLOTS, Score, Tally};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write};

/// Section of true renders: what detectors can reach.
pub const TRUE_RENDERS: &str = "true renders";
/// Section of clips that went through the codec.
pub const RECONSTRUCTED: &str = "reconstructed";
/// Section of clips that the model made from prompts.
pub const GENERATED: &str = "generated";

/// Accuracy on true renders below which a detector is no headline.
pub const TRUSTED: f64 = 0.95;

/// Everything one run measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The model of the generated clips.
    pub model: String,
    /// True renders first.
    pub sections: Vec<Section>,
    /// What changes with one thing about a clip, where that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub studies: Vec<Study>,
}

/// One source of clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Where the clips come from.
    pub name: String,
    /// Judged by what was asked.
    pub tally: Tally,
    /// Judged by what was asked of another clip: what chance gives.
    pub shuffled: Tally,
}

/// Accuracy by slot and value; `*` is the whole slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The model that was measured.
    pub model: String,
    /// Clips that were measured.
    pub clips: u32,
    /// Accuracy by slot and value.
    pub slots: BTreeMap<String, BTreeMap<String, Measured>>,
}

/// One line of a coverage table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Share of the clips that showed what was asked, 0 to 1.
    pub accuracy: f64,
    /// How many clips were asked.
    pub clips: u32,
}

impl Measured {
    fn of(score: Score) -> Self {
        Self {
            accuracy: (score.accuracy() * 1e4).round() / 1e4,
            clips: score.asked,
        }
    }
}

impl Evaluation {
    /// A text table: a line a slot; for each section accuracy, 95% interval and chance.
    pub fn table(&self) -> String {
        let mut text = format!("{:<14}", "");
        for section in &self.sections {
            let title = format!("{} ({} clips)", section.name, section.tally.clips);
            let _ = write!(text, "{title:<34}");
        }
        text.push('\n');
        for &slot in SLOTS.iter().chain(&["person"]) {
            if self
                .sections
                .iter()
                .any(|s| s.tally.slots.contains_key(slot))
            {
                let score = |tally: &Tally| tally.slots.get(slot).copied().unwrap_or_default();
                self.line(&mut text, slot, score);
            }
        }
        self.line(&mut text, "every clause", |tally| tally.whole);
        let _ = write!(text, "{:<14}", "flicker");
        for section in &self.sections {
            let (mean, clips) = section.tally.flicker;
            let _ = write!(
                text,
                "{:<34}",
                format!("{mean:.2} grey levels in {clips} clips")
            );
        }
        text.push('\n');
        for study in &self.studies {
            let Study {
                name,
                score,
                target,
            } = study;
            let (low, high) = score.wilson();
            let (share, low, high) = (score.accuracy() * 100.0, low * 100.0, high * 100.0);
            let _ = writeln!(
                text,
                "{share:5.1}% [{low:3.0} {high:3.0}] of {:<5}{name} {target}",
                score.asked
            );
        }
        text
    }

    fn line(&self, text: &mut String, name: &str, score: impl Fn(&Tally) -> Score) {
        let _ = write!(text, "{name:<14}");
        for section in &self.sections {
            let (own, chance) = (score(&section.tally), score(&section.shuffled));
            let (low, high) = own.wilson();
            let below = section.name == TRUE_RENDERS && own.accuracy() < TRUSTED;
            let cell = format!(
                "{:5.1}% [{:3.0} {:3.0}] chance {:3.0}%{}",
                own.accuracy() * 100.0,
                low * 100.0,
                high * 100.0,
                chance.accuracy() * 100.0,
                if below { " below" } else { "" }
            );
            let _ = write!(text, "{cell:<34}");
        }
        text.push('\n');
    }

    /// What was taken for what, most often first, ten lines a slot.
    pub fn confusions(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            for (slot, confused) in &section.tally.confusions {
                let mut lines: Vec<_> = confused.iter().collect();
                lines.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
                let lines: Vec<String> = lines
                    .iter()
                    .take(10)
                    .map(|(what, count)| format!("{what} {count}x"))
                    .collect();
                let _ = writeln!(text, "{} / {slot}: {}", section.name, lines.join(", "));
            }
        }
        text
    }

    /// The coverage table of the generated clips; `None` when there are none.
    pub fn coverage(&self) -> Option<Coverage> {
        let tally = &self.sections.iter().find(|s| s.name == GENERATED)?.tally;
        let mut slots = BTreeMap::new();
        for (slot, score) in tally
            .slots
            .iter()
            .filter(|(slot, _)| SLOTS.contains(&slot.as_str()))
        {
            let mut values = BTreeMap::from([("*".to_string(), Measured::of(*score))]);
            for (value, score) in &tally.values[slot] {
                values.insert(value.clone(), Measured::of(*score));
            }
            slots.insert(slot.clone(), values);
        }
        Some(Coverage {
            model: self.model.clone(),
            clips: tally.clips,
            slots,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, right: u32) -> Section {
        let score = Score { right, asked: 20 };
        let mut tally = Tally {
            clips: 20,
            whole: score,
            ..Tally::default()
        };
        tally.slots.insert("time".to_string(), score);
        tally.slots.insert("person".to_string(), score);
        let values = BTreeMap::from([("dawn".to_string(), Score { right: 1, asked: 3 })]);
        tally.values.insert("time".to_string(), values);
        Section {
            name: name.to_string(),
            tally,
            shuffled: Tally::default(),
        }
    }

    #[test]
    fn the_table_marks_detectors_that_are_no_headline() {
        let evaluation = |right| Evaluation {
            model: "m".to_string(),
            sections: vec![section(TRUE_RENDERS, right), section(GENERATED, 10)],
            studies: Vec::new(),
        };
        let line = |right| {
            let table = evaluation(right).table();
            table
                .lines()
                .find(|l| l.starts_with("time"))
                .expect("a line")
                .to_string()
        };
        assert!(line(18).contains(" 90.0% [ 70  97]") && line(18).contains("below"));
        assert!(!line(20).contains("below"), "{}", line(20));
    }

    #[test]
    fn coverage_has_a_line_a_value_and_one_a_slot() {
        let sections = vec![section(TRUE_RENDERS, 20), section(GENERATED, 15)];
        let evaluation = Evaluation {
            model: "m".to_string(),
            sections,
            studies: Vec::new(),
        };
        let coverage = evaluation.coverage().expect("generated clips");
        assert_eq!(
            coverage.slots["time"]["*"],
            Measured {
                accuracy: 0.75,
                clips: 20
            }
        );
        assert_eq!(
            coverage.slots["time"]["dawn"],
            Measured {
                accuracy: 0.3333,
                clips: 3
            }
        );
        assert!(
            !coverage.slots.contains_key("person"),
            "no slot of a caption"
        );
    }
}

//! How often clips show what was asked: accuracy per clause, with confidence.

use crate::report::{Report, SubjectReport};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that was asked for: a slot and its value, named as in captions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clause {
    /// One of [`SLOTS`].
    pub slot: String,
    /// One of [`crate::labels`], or a number for "count".
    pub value: String,
}

impl Clause {
    /// A clause.
    pub fn new(slot: &str, value: &str) -> Self {
        Self {
            slot: slot.to_string(),
            value: value.to_string(),
        }
    }
}

/// Slots that a report can answer for.
pub const SLOTS: &[&str] = &[
    "setting",
    "time",
    "weather",
    "camera move",
    "subject kind",
    "color",
    "count",
    "direction",
    "second kind",
    "second color",
];

/// Actions that take a subject somewhere.
pub const TRAVELS: &[&str] = &["walks", "runs", "sails", "rolls", "crosses"];

/// What slots and their values ask of a clip. A direction is only asked of what moves: a standing
/// figure merely faces there.
pub fn clauses(said: &[(&str, &str)]) -> Vec<Clause> {
    let travels = said
        .iter()
        .any(|(slot, value)| *slot == "action" && TRAVELS.contains(value));
    said.iter()
        .filter(|(slot, _)| SLOTS.contains(slot) && (*slot != "direction" || travels))
        .map(|(slot, value)| Clause::new(slot, value))
        .collect()
}

/// What asks for people, whatever their age and sex: "person" is right for every one of them.
const PEOPLE: &[&str] = &["man", "woman", "child"];

/// Whether `report` shows what `clause` asks, given all that was asked; `None` for a slot that no
/// detector answers.
///
/// The first subject asked for must be the strongest of those found, unless two were asked for;
/// then both must be found, in any order.
pub fn judge(report: &Report, clause: &Clause, asked: &[Clause]) -> Option<bool> {
    let value = clause.value.as_str();
    let said = |slot: &str| {
        asked
            .iter()
            .find(|c| c.slot == slot)
            .map(|c| c.value.as_str())
    };
    let main = subject(report, said("subject kind"), said("second kind").is_some());
    let second = subject(report, said("second kind"), true);
    let same_kind = said("subject kind") == said("second kind");
    Some(match clause.slot.as_str() {
        "setting" => report.setting.label == value,
        "time" => report.time.label == value,
        "weather" => report.weather.label == value,
        "camera move" => report.camera.label == value,
        "subject kind" => main.is_some_and(|s| s.kind.label == value),
        "person" => main.is_some_and(|s| {
            PEOPLE.contains(&s.kind.label.as_str()) == PEOPLE.contains(&value)
                && (PEOPLE.contains(&value) || s.kind.label == value)
        }),
        "color" => main.is_some_and(|s| colored(s, value, same_kind)),
        "count" => main.is_some_and(|s| s.count.to_string() == value),
        "direction" => main.is_some_and(|s| s.direction.label == value),
        "second kind" => second.is_some_and(|s| s.kind.label == value),
        "second color" => second.is_some_and(|s| colored(s, value, same_kind)),
        _ => return None,
    })
}

/// The subject that answers for `kind`: the one of that kind when any place counts, else the
/// strongest of all.
fn subject<'a>(report: &'a Report, kind: Option<&str>, any: bool) -> Option<&'a SubjectReport> {
    let first = report.subjects.first();
    if !any {
        return first;
    }
    report
        .subjects
        .iter()
        .find(|s| Some(s.kind.label.as_str()) == kind)
        .or(first)
}

/// Two subjects of one kind share a report, and with it the two colours of it.
fn colored(subject: &SubjectReport, color: &str, two: bool) -> bool {
    subject
        .colors
        .iter()
        .take(1 + usize::from(two))
        .any(|c| c.label == color)
}

/// Right answers out of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Score {
    /// Clips that show the clause.
    pub right: u32,
    /// Clips that were asked for it.
    pub asked: u32,
}

impl Score {
    /// Share of right answers, 0 to 1; 0 when nothing was asked.
    pub fn accuracy(self) -> f64 {
        f64::from(self.right) / f64::from(self.asked.max(1))
    }

    /// The 95% interval of the accuracy.
    ///
    /// Reference: Wilson, "Probable inference, the law of succession, and statistical inference"
    /// (1927).
    pub fn wilson(self) -> (f64, f64) {
        const Z: f64 = 1.96;
        if self.asked == 0 {
            return (0.0, 1.0);
        }
        let n = f64::from(self.asked);
        let p = self.accuracy();
        let middle = p + Z * Z / (2.0 * n);
        let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        (
            ((middle - reach) / scale).max(0.0),
            ((middle + reach) / scale).min(1.0),
        )
    }

    /// Counts one answer.
    pub fn add(&mut self, right: bool) {
        self.right += u32::from(right);
        self.asked += 1;
    }
}

impl std::iter::Sum for Score {
    fn sum<I: Iterator<Item = Self>>(scores: I) -> Self {
        scores.fold(Self::default(), |sum, score| Self {
            right: sum.right + score.right,
            asked: sum.asked + score.asked,
        })
    }
}

/// How many checkable clauses a prompt has, in the strata of the evaluation.
pub const STRATA: [&str; 3] = ["1-2", "3-4", "5+"];

/// The stratum of a prompt with `clauses` checkable clauses.
fn stratum(clauses: usize) -> &'static str {
    STRATA[clauses.saturating_sub(1).min(4) / 2]
}

/// Accuracy of many clips.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Clips looked at.
    pub clips: u32,
    /// Clips that show every clause asked of them.
    pub whole: Score,
    /// The same by [`STRATA`].
    pub strata: BTreeMap<String, Score>,
    /// By slot.
    pub slots: BTreeMap<String, Score>,
    /// By slot and asked value.
    pub values: BTreeMap<String, BTreeMap<String, Score>>,
    /// By slot, asked value and value found, where they differ.
    pub confusions: BTreeMap<String, BTreeMap<String, u32>>,
    /// Mean flicker, grey levels, of the clips that have a still part, and how many have.
    pub flicker: (f64, u32),
}

impl Tally {
    /// All clauses of all slots of captions together.
    pub fn clauses(&self) -> Score {
        SLOTS
            .iter()
            .filter_map(|slot| self.slots.get(*slot))
            .copied()
            .sum()
    }

    /// Counts one clip.
    pub fn add(&mut self, asked: &[Clause], report: &Report) {
        self.clips += 1;
        let mut whole = true;
        let mut clauses = 0;
        for clause in asked {
            let Some(right) = judge(report, clause, asked) else {
                continue;
            };
            clauses += usize::from(SLOTS.contains(&clause.slot.as_str()));
            whole &= right;
            self.slots
                .entry(clause.slot.clone())
                .or_default()
                .add(right);
            let values = self.values.entry(clause.slot.clone()).or_default();
            values.entry(clause.value.clone()).or_default().add(right);
            if !right {
                let found = found(report, &clause.slot);
                let confused = self.confusions.entry(clause.slot.clone()).or_default();
                *confused
                    .entry(format!("{} -> {found}", clause.value))
                    .or_default() += 1;
            }
        }
        self.whole.add(whole);
        let stratum = self.strata.entry(stratum(clauses).to_string());
        stratum.or_default().add(whole);
        if let Some(flicker) = report.flicker {
            let (mean, n) = &mut self.flicker;
            *n += 1;
            *mean += (f64::from(flicker) - *mean) / f64::from(*n);
        }
    }
}

/// The strongest finding for a slot.
pub fn found(report: &Report, slot: &str) -> String {
    let main = report.subjects.first();
    let of_main = |f: fn(&SubjectReport) -> String| main.map_or("nothing".to_string(), f);
    match slot {
        "setting" => report.setting.label.clone(),
        "time" => report.time.label.clone(),
        "weather" => report.weather.label.clone(),
        "camera move" => report.camera.label.clone(),
        "color" | "second color" => of_main(|s| s.colors[0].label.clone()),
        "count" => of_main(|s| s.count.to_string()),
        "direction" => of_main(|s| s.direction.label.clone()),
        _ => of_main(|s| s.kind.label.clone()),
    }
}

/// Tallies clips: what was asked of each, and what its frames show.
pub fn evaluate(clips: impl IntoIterator<Item = (Vec<Clause>, Report)>) -> Tally {
    let mut tally = Tally::default();
    for (asked, report) in clips {
        tally.add(&asked, &report);
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{camera::CameraPath, report::Named};

    fn named(label: &str) -> Named {
        Named {
            label: label.to_string(),
            confidence: 0.9,
        }
    }

    fn subject(kind: &str, colors: [&str; 2], count: u8) -> SubjectReport {
        SubjectReport {
            kind: named(kind),
            colors: colors.map(named).to_vec(),
            count,
            area: 0.1,
            direction: named("to the left"),
            speed: 1.0,
        }
    }

    fn report(subjects: Vec<SubjectReport>) -> Report {
        Report {
            setting: named("harbor"),
            time: named("dawn"),
            weather: named("fog"),
            subjects,
            camera: named("static"),
            path: CameraPath::default(),
            flicker: Some(0.5),
        }
    }

    fn check(report: &Report, asked: &[(&str, &str)], want: &[bool]) {
        let asked: Vec<Clause> = asked.iter().map(|(s, v)| Clause::new(s, v)).collect();
        let got: Vec<bool> = asked
            .iter()
            .filter_map(|c| judge(report, c, &asked))
            .collect();
        assert_eq!(got, want, "{asked:?}");
    }

    #[test]
    fn clauses_are_judged_one_by_one() {
        let clip = report(vec![
            subject("man", ["yellow", "black"], 2),
            subject("dog", ["red", "grey"], 1),
        ]);
        check(
            &clip,
            &[("setting", "harbor"), ("time", "night"), ("lens", "wide")],
            &[true, false],
        );
        check(
            &clip,
            &[("subject kind", "man"), ("color", "yellow"), ("count", "2")],
            &[true; 3],
        );
        // The strongest must be what was asked, unless two were.
        check(
            &clip,
            &[("subject kind", "dog"), ("color", "red")],
            &[false, false],
        );
        let both = [
            ("subject kind", "dog"),
            ("color", "red"),
            ("second kind", "man"),
            ("second color", "yellow"),
        ];
        check(&clip, &both, &[true; 4]);
        check(
            &clip,
            &[("subject kind", "woman"), ("direction", "to the left")],
            &[false, true],
        );
        check(
            &clip,
            &[("subject kind", "woman"), ("person", "woman")],
            &[false, true],
        );
        check(
            &report(Vec::new()),
            &[("subject kind", "man"), ("count", "1")],
            &[false, false],
        );
    }

    #[test]
    fn strata_hold_one_or_two_three_or_four_and_more_clauses() {
        let strata: Vec<&str> = (0..8).map(stratum).collect();
        assert_eq!(
            strata,
            ["1-2", "1-2", "1-2", "3-4", "3-4", "5+", "5+", "5+"]
        );
    }

    #[test]
    fn wilson_interval_is_the_published_one() {
        let (low, high) = Score {
            right: 8,
            asked: 10,
        }
        .wilson();
        assert!(
            (low - 0.490).abs() < 1e-3 && (high - 0.943).abs() < 1e-3,
            "{low} {high}"
        );
        assert_eq!(Score::default().wilson(), (0.0, 1.0));
    }

    #[test]
    fn tally_counts_slots_values_and_whole_clips() {
        let clip = || report(vec![subject("man", ["yellow", "black"], 1)]);
        let asked = |time: &str| vec![Clause::new("setting", "harbor"), Clause::new("time", time)];
        let tally = evaluate([(asked("dawn"), clip()), (asked("night"), clip())]);
        assert_eq!(tally.slots["setting"], Score { right: 2, asked: 2 });
        assert_eq!(tally.values["time"]["night"], Score { right: 0, asked: 1 });
        assert_eq!(tally.whole, Score { right: 1, asked: 2 });
        assert_eq!(tally.strata["1-2"], tally.whole);
        assert_eq!(tally.clauses(), Score { right: 3, asked: 4 });
        assert_eq!(tally.confusions["time"]["night -> dawn"], 1);
        assert!((tally.flicker.0 - 0.5).abs() < 1e-6 && tally.flicker.1 == 2);
    }
}

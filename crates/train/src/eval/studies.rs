//! What stays and what goes when one thing about a clip changes: fewer steps, one clause, a negative.
//!
//! Every study makes two clips with one seed and compares what the detectors find in them.

use anyhow::Result;
use kinora_filmset::program::{Color, TimeOfDay};
use kinora_filmset::script::slots::Slot;
use kinora_measure::evaluate::{Clause, Score, found, judge};
use kinora_measure::{Detectors, Report};
use serde::{Deserialize, Serialize};

use super::clauses::clauses;
use super::run::{Generate, Prompt, words};

/// Weathers that a clip can be asked to leave out.
const UNWANTED_WEATHERS: [&str; 3] = ["fog", "rain", "snow"];

/// One study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// What is counted.
    pub name: String,
    /// How often it was so.
    pub score: Score,
    /// What the project wants, such as "at least 80 %".
    pub target: String,
}

/// Runs all studies over some prompts. Their clips count whatever they show: a clause is compared
/// where the study says, not where it came out well.
///
/// # Errors
/// A clip cannot be made or measured.
pub fn studies(
    prompts: impl Iterator<Item = Prompt>,
    detectors: &Detectors,
    generate: Generate,
) -> Result<Vec<Study>> {
    let [mut draft, mut kept, mut changed, mut left] = [Score::default(); 4];
    let mut make = |prompt: &Prompt| -> Result<Report> {
        let clip = generate(prompt)?;
        Ok(detectors.measure(&clip)?)
    };
    for prompt in prompts {
        let asked = clauses(&prompt.caption.slots);
        let plain = make(&prompt)?;
        let drafted = make(&Prompt {
            draft: true,
            ..prompt.clone()
        })?;
        for clause in &asked {
            let shows = |report| judge(report, clause, &asked);
            if let (Some(before), Some(after)) = (shows(&plain), shows(&drafted)) {
                draft.add(before == after);
            }
        }
        if let Some(edited) = edit(&prompt) {
            let now = clauses(&edited.caption.slots);
            let after = make(&edited)?;
            for clause in &now {
                let shows = judge(&after, clause, &now) == Some(true);
                if !asked.contains(clause) {
                    changed.add(shows);
                } else if judge(&plain, clause, &asked) == Some(true) {
                    kept.add(shows);
                }
            }
        }
        if let Some(unwanted) = unwanted(&prompt, &plain) {
            let after = make(&Prompt {
                negative: unwanted.value.clone(),
                ..prompt
            })?;
            left.add(found(&after, &unwanted.slot) == unwanted.value);
        }
    }
    let study = |name: &str, score, target: &str| Study {
        name: name.to_owned(),
        score,
        target: target.to_owned(),
    };
    Ok(vec![
        study(
            "the draft shows a clause as the whole clip does",
            draft,
            "at least 80 %",
        ),
        study(
            "after an edit a clause that it left alone is still shown",
            kept,
            "at least 85 %",
        ),
        study("after an edit the new clause is shown", changed, ""),
        study("a negative leaves what it names in", left, "at most 10 %"),
    ])
}

/// The prompt with another colour of its subject or, where it names none, another hour. The words are
/// drawn alike; `None` where that says something else besides.
fn edit(prompt: &Prompt) -> Option<Prompt> {
    let says = |slot: Slot| prompt.caption.slots[slot as usize] > 0;
    let mut edited = prompt.clone();
    match edited.program.subjects.first_mut() {
        Some(subject) if says(Slot::Color) => subject.color = next(Color::ALL, subject.color),
        _ if says(Slot::Time) => {
            edited.program.time = next(TimeOfDay::ALL, edited.program.time);
        }
        _ => return None,
    }
    edited.caption = words(&edited.program);
    let [before, after] = [prompt, &edited].map(|prompt| clauses(&prompt.caption.slots));
    let changed = after.iter().filter(|clause| !before.contains(clause));
    (before.len() == after.len() && changed.count() == 1).then_some(edited)
}

/// The value half way round the list.
fn next<T: Copy + PartialEq>(all: &[T], value: T) -> T {
    let at = all.iter().position(|&other| other == value).unwrap_or(0);
    all[(at + all.len() / 2) % all.len()]
}

/// A trait that the clip shows and the prompt does not ask for: its weather or its hour.
fn unwanted(prompt: &Prompt, shown: &Report) -> Option<Clause> {
    let says = |slot: Slot| prompt.caption.slots[slot as usize] > 0;
    let weather = found(shown, "weather");
    if !says(Slot::Weather) && UNWANTED_WEATHERS.contains(&weather.as_str()) {
        return Some(Clause::new("weather", &weather));
    }
    (!says(Slot::Time)).then(|| Clause::new("time", &found(shown, "time")))
}

#[cfg(test)]
mod tests {
    use super::super::run::{film, prompts};
    use super::*;

    const FIRST: u64 = 90_000_000;

    #[test]
    fn an_edit_changes_one_clause() {
        let mut edits = 0;
        for prompt in prompts(FIRST, 40, 25) {
            let Some(edited) = edit(&prompt) else {
                continue;
            };
            let [before, after] = [&prompt, &edited].map(|p| clauses(&p.caption.slots));
            let changed: Vec<_> = after.iter().filter(|c| !before.contains(c)).collect();
            assert!(
                matches!(changed[..], [one] if ["color", "time"].contains(&one.slot.as_str())),
                "{changed:?}: {}",
                edited.caption.text
            );
            edits += 1;
        }
        assert!(edits > 15, "{edits} prompts say a colour or an hour");
    }

    #[test]
    fn a_model_that_films_the_program_keeps_all_but_what_changed_and_hears_no_negative() {
        let detectors = Detectors::embedded();
        let mut films = |prompt: &Prompt| Ok(film(&prompt.program, 2));
        let found = studies(prompts(FIRST, 5, 25), &detectors, &mut films).expect("films");
        let shares: Vec<f64> = found.iter().map(|study| study.score.accuracy()).collect();
        let [draft, kept, changed, left] = shares[..] else {
            panic!("{found:?}");
        };
        assert_eq!((draft, left), (1.0, 1.0), "the same film twice");
        assert!(kept > 0.8 && changed > 0.8, "{found:?}");
        assert!(found.iter().all(|study| study.score.asked > 0), "{found:?}");
    }
}

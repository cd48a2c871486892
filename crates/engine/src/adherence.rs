//! Measured adherence: which clauses of a prompt a clip shows.
//!
//! kinora-1's text encoder reads the clauses from the prompt, detectors that were trained on true
//! film look for them in the pictures. Neither knows how the clip was made, so any clip can be
//! measured against any prompt; outside of kinora-1's world most of a prompt is not checkable.

use std::path::Path;

use kinora_measure::evaluate::{self, Clause};
use kinora_measure::{Clip, Detectors, Report};
use kinora_media::{ClipReader, MediaError, fit};
use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::error::{Error, Result};
use crate::model::Family;
use crate::native::Native;
use crate::prompt::Analysis;
use crate::recipe::Recipe;

/// Most pictures that are looked at: 30 seconds.
const MOST_FRAMES: usize = 900;
/// Rates above this are halved: the detectors look for motion of some twenty frames a second.
const FASTEST: f64 = 33.0;
/// Area in pixels beyond which pictures are made smaller; the detectors look at smaller ones still.
const LARGEST_AREA: f64 = 576.0 * 320.0;

/// What a clip shows of its prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adherence {
    /// The prompt.
    pub prompt: String,
    /// What the prompt asks for, clause by clause.
    pub clauses: Vec<Checked>,
    /// How many clauses the clip shows.
    pub satisfied: u32,
    /// How many clauses a detector can answer for.
    pub checkable: u32,
    /// Everything that the detectors see.
    pub report: Report,
}

/// One clause and whether the clip shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// What it is about, such as `time`.
    pub slot: String,
    /// What the prompt asks for, such as `dawn`.
    pub asked: String,
    /// What the clip shows instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// Whether it does.
    pub verdict: Verdict,
}

/// Whether a clip shows a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The detectors see it.
    Satisfied,
    /// The detectors see something else.
    NotSatisfied,
    /// No detector answers for it.
    NotCheckable,
}

impl Verdict {
    /// As it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::NotSatisfied => "not satisfied",
            Self::NotCheckable => "not checkable",
        }
    }
}

/// Measures the clip of a file against a prompt, or else the one of its recipe.
///
/// # Errors
/// [`Error::Media`] and [`Error::Measure`] for a clip that cannot be read or measured.
pub(crate) fn measure(path: &Path, prompt: Option<&str>) -> Result<Adherence> {
    let prompt = prompt.map_or_else(|| prompt_of(path), |prompt| Ok(prompt.to_owned()))?;
    if prompt.trim().is_empty() {
        return Err(Error::EmptyPrompt);
    }
    let clip = read(path)?;
    let report = Detectors::embedded().measure(&clip);
    let report = report.map_err(|error| unmeasurable(path, error.to_string()))?;
    let Some(bundle) = Bundle::embedded().next() else {
        let reason = "this build has no model that reads prompts";
        return Err(unmeasurable(path, reason.into()));
    };
    let reader = Native::open(bundle)?;
    let said: Vec<(String, String)> = reader
        .reader()?
        .read(&prompt)
        .into_iter()
        .map(|reading| (reading.slot, reading.value))
        .collect();
    let unread = Analysis::of(&prompt, reader.knowledge());
    // Words that the model was taught and does not show yet are clauses all the same.
    let unread = unread.ignored().filter(|word| word.slot.is_none());
    let unread = unread.map(|word| word.text.clone());
    Ok(Adherence::new(prompt.clone(), report, &said, unread))
}

/// The prompt that the clip itself tells.
fn prompt_of(path: &Path) -> Result<String> {
    match Recipe::of_file(path) {
        Ok(recipe) => Ok(recipe.effective.prompt),
        Err(Error::Media(MediaError::NoRecipe { path })) => Err(Error::Measure {
            path,
            reason: "it does not tell its prompt".into(),
            hint: "--prompt says what it should show",
        }),
        Err(error) => Err(error),
    }
}

impl Adherence {
    /// `said` are slots and values of the prompt, `unread` its words that nothing is known of.
    fn new(
        prompt: String,
        report: Report,
        said: &[(String, String)],
        unread: impl Iterator<Item = String>,
    ) -> Self {
        let said: Vec<(&str, &str)> = said
            .iter()
            .map(|(slot, value)| (slot.as_str(), value.as_str()))
            .collect();
        let asked = evaluate::clauses(&said);
        let mut clauses: Vec<Checked> = said
            .iter()
            .map(|(slot, value)| checked(&report, &Clause::new(slot, value), &asked))
            .collect();
        clauses.extend(unread.map(|word| Checked {
            slot: "word".into(),
            asked: word,
            shown: None,
            verdict: Verdict::NotCheckable,
        }));
        // What was found comes first, what cannot be answered last, each in the prompt's order.
        clauses.sort_by_key(|clause| clause.verdict as u8);
        let count = |verdict| clauses.iter().filter(|c| c.verdict == verdict).count() as u32;
        let satisfied = count(Verdict::Satisfied);
        Self {
            prompt,
            satisfied,
            checkable: satisfied + count(Verdict::NotSatisfied),
            clauses,
            report,
        }
    }
}

fn checked(report: &Report, clause: &Clause, asked: &[Clause]) -> Checked {
    let answer = asked
        .contains(clause)
        .then(|| evaluate::judge(report, clause, asked))
        .flatten();
    let (verdict, shown) = match answer {
        Some(true) => (Verdict::Satisfied, None),
        Some(false) => {
            let found = evaluate::found(report, &clause.slot);
            (Verdict::NotSatisfied, Some(found))
        }
        None => (Verdict::NotCheckable, None),
    };
    Checked {
        slot: clause.slot.clone(),
        asked: clause.value.clone(),
        shown,
        verdict,
    }
}

/// Reads a clip as the detectors want it: not larger or faster than they look.
fn read(path: &Path) -> Result<Clip> {
    let mut reader = ClipReader::open(path)?;
    let every = if reader.fps() > FASTEST { 2 } else { 1 };
    if reader.frames() / every > MOST_FRAMES {
        let seconds = reader.frames() as f64 / reader.fps();
        return Err(unmeasurable(path, format!("it lasts {seconds:.0} seconds")));
    }
    let from = (reader.width(), reader.height());
    let area = f64::from(from.0) * f64::from(from.1);
    let scale = (LARGEST_AREA / area).sqrt().min(1.0);
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
    let to = (side(from.0), side(from.1));
    let (mut frames, mut index) = (Vec::new(), 0);
    while let Some(rgb) = reader.next_frame()? {
        if index % every == 0 {
            frames.extend(if from == to {
                rgb
            } else {
                fit(&rgb, from, to)?
            });
        }
        index += 1;
    }
    Ok(Clip {
        width: to.0,
        height: to.1,
        fps: (reader.fps() / every as f64).round().max(1.0) as u32,
        frames,
    })
}

fn unmeasurable(path: &Path, reason: String) -> Error {
    Error::Measure {
        path: path.to_path_buf(),
        reason,
        hint: "clips of 3 frames to 30 seconds can be measured",
    }
}

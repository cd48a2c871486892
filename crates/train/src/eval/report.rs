//! The evaluation as a page: tables with ceiling, floor and targets, and a contact sheet.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use kinora_measure::Clip;
use kinora_measure::evaluate::{SLOTS, STRATA, Score, Tally};

use super::run::{Arguments, Prompt};
use super::table::{Evaluation, GENERATED, RECONSTRUCTED, Section, TRUE_RENDERS, TRUSTED};
use crate::data::{GAP, Sheet};

/// Generated clips on the sheet.
const SHOWN: usize = 24;
/// Of the sheet.
const COLUMNS: usize = 3;
/// Pixels of the clip a side that become one pixel of the sheet.
const SHRINK: usize = 2;

/// Shares that the project wants to reach at least, by slot.
const TARGETS: &[(&str, f64)] = &[
    ("setting", 0.92),
    ("time", 0.92),
    ("weather", 0.92),
    ("camera move", 0.85),
    ("subject kind", 0.85),
    ("color", 0.90),
    ("direction", 0.80),
];
const CLAUSE_TARGET: f64 = 0.85;
const WHOLE_TARGET: f64 = 0.55;

/// Middle frames of the first clips, with what was asked.
#[derive(Default)]
pub struct Gallery {
    frames: Vec<Picture>,
    captions: Vec<String>,
}

/// RGB8.
struct Picture {
    width: usize,
    pixels: Vec<u8>,
}

impl Gallery {
    /// Keeps the middle frame of a clip, if there is room.
    pub fn add(&mut self, prompt: &Prompt, clip: &Clip) {
        if self.frames.len() < SHOWN {
            let (width, height) = (clip.width as usize, clip.height as usize);
            let size = width * height * 3;
            let middle = clip.frames.len() / size / 2;
            self.frames
                .push(Picture::new(&clip.frames[middle * size..][..size], width));
            self.captions.push(prompt.caption.text.clone());
        }
    }

    /// Writes the sheet beside the page `path`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let Some(first) = self.frames.first() else {
            return Ok(());
        };
        let (width, height) = (first.width, first.height());
        let rows = self.frames.len().div_ceil(COLUMNS);
        let size = |count: usize, side: usize| count * (side + GAP) - GAP;
        let mut sheet = Sheet::new(size(COLUMNS, width), size(rows, height), [24; 3]);
        for (i, frame) in self.frames.iter().enumerate() {
            let at = (i % COLUMNS * (width + GAP), i / COLUMNS * (height + GAP));
            sheet.paste(&frame.pixels, width, at);
        }
        let path = path.with_extension("png");
        sheet
            .write(&path)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Picture {
    /// The mean of every square of `SHRINK` pixels a side.
    fn new(frame: &[u8], width: usize) -> Self {
        let height = frame.len() / 3 / width;
        let (w, h) = (width / SHRINK, height / SHRINK);
        let value = |i: usize| {
            let (x, y, channel) = (i / 3 % w, i / (3 * w), i % 3);
            let square = (0..SHRINK * SHRINK).map(|j| {
                let (x, y) = (x * SHRINK + j % SHRINK, y * SHRINK + j / SHRINK);
                u32::from(frame[(y * width + x) * 3 + channel])
            });
            (square.sum::<u32>() / (SHRINK * SHRINK) as u32) as u8
        };
        Self {
            width: w,
            pixels: (0..w * h * 3).map(value).collect(),
        }
    }

    fn height(&self) -> usize {
        self.pixels.len() / 3 / self.width
    }
}

/// The page that is written to `path`.
pub fn page(
    evaluation: &Evaluation,
    arguments: &Arguments,
    path: &Path,
    gallery: &Gallery,
) -> String {
    let mut page = String::new();
    let clips = |name: &str| section(evaluation, name).map_or(0, |section| section.tally.clips);
    let seconds = f64::from(arguments.frames - 1) / 24.0;
    let _ = writeln!(
        page,
        "# Evaluation of {}\n\n\
         Written by `kinora-train eval --report`; not edited by hand.\n\n\
         {} held-out prompts (combinations of setting, hour, subject and colour that training never \
         showed), {} generated clips of {seconds:.2} s. \"Truth\" is the detectors on true renders, the \
         ceiling; a detector below {:.0} % there is no headline and is marked with a star. \"Codec\" is the \
         same film through the codec. \"Chance\" is each generated clip against the prompt of another, the \
         floor. 95 % intervals in brackets.\n",
        evaluation.model,
        clips(TRUE_RENDERS),
        clips(GENERATED),
        TRUSTED * 100.0,
    );
    page.push_str(
        "| clause | truth | codec | generated | chance | target |\n|---|---|---|---|---|---|\n",
    );
    for &slot in SLOTS.iter().chain(&["person"]) {
        let score = |tally: &Tally| tally.slots.get(slot).copied().unwrap_or_default();
        let target = TARGETS.iter().find(|(name, _)| *name == slot);
        row(
            &mut page,
            evaluation,
            slot,
            target.map(|(_, share)| *share),
            score,
        );
    }
    let (clause, whole) = (Some(CLAUSE_TARGET), Some(WHOLE_TARGET));
    row(&mut page, evaluation, "a clause", clause, Tally::clauses);
    row(&mut page, evaluation, "every clause", whole, |tally| {
        tally.whole
    });
    for stratum in STRATA {
        let name = format!("every clause of {stratum}");
        let score = |tally: &Tally| tally.strata.get(stratum).copied().unwrap_or_default();
        row(&mut page, evaluation, &name, None, score);
    }
    flicker(&mut page, evaluation);
    studies(&mut page, evaluation);
    values(&mut page, evaluation);
    if !gallery.captions.is_empty() {
        let sheet = path.with_extension("png");
        let sheet = sheet.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(
            page,
            "\n## The first {} clips\n\nMiddle frames, row by row, none left out.\n\n![contact sheet]({sheet})\n",
            gallery.captions.len()
        );
        for (i, caption) in gallery.captions.iter().enumerate() {
            let _ = writeln!(page, "{}. {caption}", i + 1);
        }
    }
    page
}

fn section<'a>(evaluation: &'a Evaluation, name: &str) -> Option<&'a Section> {
    evaluation
        .sections
        .iter()
        .find(|section| section.name == name)
}

/// A line of the table; none for a slot that nothing asks for.
fn row(
    page: &mut String,
    evaluation: &Evaluation,
    name: &str,
    target: Option<f64>,
    score: impl Fn(&Tally) -> Score,
) {
    let of = |name: &str| section(evaluation, name).map(|section| score(&section.tally));
    let truth = of(TRUE_RENDERS).unwrap_or_default();
    if truth.asked == 0 {
        return;
    }
    let share = |score: Option<Score>| score.map_or("-".into(), percent);
    let star = if truth.accuracy() < TRUSTED { " *" } else { "" };
    let generated = of(GENERATED).map_or("-".into(), bold);
    let chance = section(evaluation, GENERATED).map(|section| score(&section.shuffled));
    let target = target.map_or(String::new(), |share| format!("{:.0} %", share * 100.0));
    let _ = writeln!(
        page,
        "| {name} | {}{star} | {} | {generated} | {} | {target} |",
        percent(truth),
        share(of(RECONSTRUCTED)),
        share(chance),
    );
}

fn percent(score: Score) -> String {
    format!("{:.1} %", score.accuracy() * 100.0)
}

/// A share with its interval.
fn bold(score: Score) -> String {
    let (low, high) = score.wilson();
    let share = percent(score);
    format!("**{share}** [{:.0}, {:.0}]", low * 100.0, high * 100.0)
}

/// What one change does to a clip.
fn studies(page: &mut String, evaluation: &Evaluation) {
    if evaluation.studies.is_empty() {
        return;
    }
    page.push_str(
        "\n## One thing changed\n\nTwo clips of one seed: with fewer steps, with one clause edited (the \
         subject's colour or the hour), with a negative that names the weather or the hour that the first \
         clip showed unasked.\n\n| how often | share | of | target |\n|---|---|---|---|\n",
    );
    for study in &evaluation.studies {
        let (share, asked) = (bold(study.score), study.score.asked);
        let _ = writeln!(
            page,
            "| {} | {share} | {asked} | {} |",
            study.name, study.target
        );
    }
}

fn flicker(page: &mut String, evaluation: &Evaluation) {
    let of = |name: &str| {
        section(evaluation, name).map_or("-".into(), |section| {
            format!("{:.2}", section.tally.flicker.0)
        })
    };
    let [truth, codec, generated] = [TRUE_RENDERS, RECONSTRUCTED, GENERATED].map(of);
    let _ = writeln!(
        page,
        "| flicker, grey levels | {truth} | {codec} | {generated} | | |"
    );
}

/// Generated clips by asked value, best first.
fn values(page: &mut String, evaluation: &Evaluation) {
    let Some(generated) = section(evaluation, GENERATED) else {
        return;
    };
    page.push_str("\n## By value\n\n");
    for slot in SLOTS {
        let Some(values) = generated.tally.values.get(*slot) else {
            continue;
        };
        let mut values: Vec<_> = values.iter().collect();
        values.sort_by(|(_, a), (_, b)| b.accuracy().total_cmp(&a.accuracy()));
        let values: Vec<String> = values
            .into_iter()
            .map(|(value, score)| format!("{value} {} of {}", score.right, score.asked))
            .collect();
        let _ = writeln!(page, "- **{slot}**: {}", values.join(", "));
    }
}

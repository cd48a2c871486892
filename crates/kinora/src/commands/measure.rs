//! `kinora measure`.

use std::fmt::Write as _;

use anyhow::Result;
use kinora_engine::{Adherence, Engine, Verdict};

use crate::args::Measure;

pub fn run(arguments: &Measure) -> Result<()> {
    let prompt = arguments.prompt.as_deref();
    let adherence = Engine::new().measure(&arguments.file, prompt)?;
    if arguments.json {
        return super::print_json(&adherence);
    }
    super::print(&describe(&adherence))
}

/// One clause a line, and what they come to.
pub fn describe(adherence: &Adherence) -> String {
    let mut text = String::new();
    for clause in &adherence.clauses {
        let instead = clause.shown.as_ref();
        let instead = instead.map_or_else(String::new, |shown| format!(" (shows {shown})"));
        writeln!(
            text,
            "{:<14} {:<14} {}{instead}",
            clause.verdict.name(),
            clause.slot,
            clause.asked
        )
        .expect("strings grow");
    }
    let rest = adherence
        .clauses
        .iter()
        .filter(|clause| clause.verdict == Verdict::NotCheckable)
        .count();
    let flicker = adherence.report.flicker;
    let flicker = flicker.map_or_else(String::new, |grey| {
        format!(", flicker {grey:.1} grey levels")
    });
    write!(
        text,
        "{} of {} checkable clauses, {rest} not checkable{flicker}",
        adherence.satisfied, adherence.checkable
    )
    .expect("strings grow");
    text
}

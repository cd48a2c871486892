//! Chores of the repository. `cargo xtask tidy` checks what the compiler cannot: which room may
//! know which, where `unsafe` may stand, and that files stay readable, fixtures and weights small.

mod graph;
mod sizes;
mod sources;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some("tidy") {
        eprintln!("usage: cargo xtask tidy");
        return ExitCode::from(2);
    }
    match tidy() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn tidy() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace");
    let mut findings = graph::check(root)?;
    findings.extend(sources::check(root)?);
    findings.extend(sizes::check(root)?);
    if findings.is_empty() {
        println!("tidy");
        return Ok(());
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    bail!("{} finding(s)", findings.len());
}

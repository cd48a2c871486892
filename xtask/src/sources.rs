//! What may stand in a source file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Longer files are more than one room.
const MAX_LINES: usize = 600;

/// Folders whose files may hold `unsafe`: kernels, memory maps and the codec bindings.
const UNSAFE_ROOMS: &[&str] = &["crates/tensor/src", "crates/nn/src", "crates/media/src"];

/// What [`UNSAFE_ROOMS`] may hold, as a word of its own.
const KEYWORD: &str = concat!("un", "safe");

/// Left-over marks, spelled in halves so that this file does not find itself.
const MARKS: &[(&str, &str)] = &[
    ("TO", "DO"),
    ("FIX", "ME"),
    ("todo", "!("),
    ("unimplemented", "!("),
    ("dbg", "!("),
];

/// Files that break a rule, one line each.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for path in tracked(root)? {
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        if !matches!(extension, "rs" | "py") || !root.join(&path).exists() {
            continue;
        }
        let text = fs::read_to_string(root.join(&path))
            .with_context(|| format!("{} is not readable text", path.display()))?;
        check_file(&path, &text, &mut findings);
    }
    Ok(findings)
}

fn check_file(path: &Path, text: &str, findings: &mut Vec<String>) {
    let shown = path.display();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        findings.push(format!("{shown} has {lines} lines, more than {MAX_LINES}"));
    }
    let may_be_unsafe = UNSAFE_ROOMS.iter().any(|room| path.starts_with(room));
    for (number, line) in (1..).zip(text.lines()) {
        if MARKS.iter().any(|(a, b)| line.contains(&format!("{a}{b}"))) {
            findings.push(format!("{shown}:{number} holds a left-over mark"));
        }
        let code = line.trim_start();
        let is_unsafe = code.split(' ').any(|word| word == KEYWORD);
        if is_unsafe && !may_be_unsafe && !code.starts_with("//") {
            findings.push(format!(
                "{shown}:{number} leaves safe Rust outside kernels and bindings"
            ));
        }
    }
}

/// Files that git tracks, relative to the root.
pub fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output()
        .context("git does not start")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let names = String::from_utf8(output.stdout)?;
    Ok(names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .collect())
}

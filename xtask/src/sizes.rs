//! How much weights and the fixtures of the open models may weigh in a clone.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::sources::tracked;

/// Bytes of all these fixtures together.
const MOST_OF_FIXTURES: u64 = 10_000_000;
/// The models inside the program, and bytes of all their files together and of each.
const WEIGHTS: &str = "crates/engine/weights";
const MOST_OF_WEIGHTS: u64 = 40_000_000;
const MOST_OF_A_WEIGHT_FILE: u64 = 16 << 20;
/// The fixtures of kinora-1, which are no open model's.
const NATIVE: &str = "crates/models/fixtures/native";

/// A line for each of them that is too large.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let (mut fixtures, mut weights) = (Vec::new(), Vec::new());
    for path in tracked(root)? {
        let files = if is_open_fixture(&path) {
            &mut fixtures
        } else if path.starts_with(WEIGHTS) {
            &mut weights
        } else {
            continue;
        };
        let place = root.join(&path);
        if place.exists() {
            let found = fs::metadata(&place);
            let found = found.with_context(|| format!("{} cannot be read", path.display()))?;
            files.push((path.display().to_string(), found.len()));
        }
    }
    let large = weights
        .iter()
        .filter(|(_, bytes)| *bytes > MOST_OF_A_WEIGHT_FILE);
    let large = large.map(|(name, bytes)| {
        format!("{name} has {bytes} bytes, more than {MOST_OF_A_WEIGHT_FILE}: write it as shards")
    });
    let mut findings: Vec<String> = large.collect();
    findings.extend(finding(
        "the fixtures of open models",
        fixtures,
        MOST_OF_FIXTURES,
    ));
    findings.extend(finding(
        "the weights inside the program",
        weights,
        MOST_OF_WEIGHTS,
    ));
    Ok(findings)
}

/// Whether a file is a fixture of a crate and not of kinora-1.
fn is_open_fixture(path: &Path) -> bool {
    let mut parts = path.iter().map(|part| part.to_str());
    let is_fixture = parts.next() == Some(Some("crates")) && parts.nth(1) == Some(Some("fixtures"));
    is_fixture && !path.starts_with(NATIVE)
}

/// Says how much more than `most` bytes some files are, and which are the largest.
fn finding(what: &str, mut files: Vec<(String, u64)>, most: u64) -> Option<String> {
    let all: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    if all <= most {
        return None;
    }
    files.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let largest = files.iter().take(3);
    let largest: Vec<String> = largest
        .map(|(name, bytes)| format!("{name} ({bytes})"))
        .collect();
    Some(format!(
        "{what} have {all} bytes, more than {most}; the largest are {}",
        largest.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures_of_open_models_are_counted() {
        for (path, counted) in [
            ("crates/models/fixtures/ltx/vae.safetensors", true),
            ("crates/nn/fixtures/broken/cut.safetensors", true),
            ("crates/models/fixtures/native/codec.safetensors", false),
            ("crates/engine/tests/data/list.txt", false),
            ("oracle/fixtures/a", false),
        ] {
            assert_eq!(is_open_fixture(Path::new(path)), counted, "{path}");
        }
    }

    #[test]
    fn too_many_bytes_are_told_with_the_largest_files() {
        let files = || vec![("a".to_owned(), 4), ("b".to_owned(), 7)];
        assert_eq!(finding("they", files(), 11), None);
        let told = finding("they", files(), 10).expect("too many");
        assert!(told.contains("11 bytes, more than 10"), "{told}");
        assert!(told.ends_with("b (7), a (4)"), "{told}");
    }
}

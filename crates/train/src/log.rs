//! The log of a run: a line of JSON for each measurement, and its curves.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::plot::{Curve, draw};

/// `metrics.jsonl` and `metrics.png` of a folder.
pub struct Log {
    folder: PathBuf,
    file: File,
}

impl Log {
    /// Goes on with the log of a run that has made `steps` steps: lines of later steps, which it makes
    /// again, are dropped.
    ///
    /// # Errors
    /// When the log cannot be read or written.
    pub fn open(folder: &Path, steps: u64) -> Result<Self> {
        let path = folder.join("metrics.jsonl");
        let open = || {
            let before = match fs::read_to_string(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
                other => other?,
            };
            let made = |line: &&str| lines(line).any(|(step, _)| step <= steps);
            let kept: String = before.split_inclusive('\n').filter(made).collect();
            if kept != before {
                fs::write(&path, kept)?;
            }
            OpenOptions::new().create(true).append(true).open(&path)
        };
        Ok(Self {
            folder: folder.to_owned(),
            file: open().with_context(|| format!("cannot open {}", path.display()))?,
        })
    }

    /// Appends a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, step: u64, metrics: &[(impl AsRef<str>, f64)]) -> Result<()> {
        let mut line = Map::from_iter([("step".to_owned(), json!(step))]);
        for (name, value) in metrics {
            line.insert(name.as_ref().to_owned(), json!((value * 1e6).round() / 1e6));
        }
        let line = Value::Object(line).to_string() + "\n";
        self.file
            .write_all(line.as_bytes())
            .with_context(|| format!("cannot write to the log in {}", self.folder.display()))
    }

    /// Draws every metric over steps.
    ///
    /// # Errors
    /// When the log cannot be read or the picture not be written.
    pub fn draw(&self) -> Result<()> {
        let text = fs::read_to_string(self.folder.join("metrics.jsonl"))?;
        let mut curves: Vec<Curve> = Vec::new();
        for (step, metrics) in lines(&text) {
            for (name, value) in metrics.iter().filter(|(name, _)| *name != "step") {
                let Some(value) = value.as_f64() else {
                    continue;
                };
                let point = (step as f64, value);
                match curves.iter_mut().find(|curve| curve.name == *name) {
                    Some(curve) => curve.points.push(point),
                    None => curves.push(Curve {
                        name: name.clone(),
                        points: vec![point],
                    }),
                }
            }
        }
        let path = self.folder.join("metrics.png");
        draw(&curves, &path).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Steps and metrics of all whole lines.
fn lines(text: &str) -> impl Iterator<Item = (u64, Map<String, Value>)> {
    text.lines().filter_map(|line| {
        let metrics: Map<String, Value> = serde_json::from_str(line).ok()?;
        Some((metrics.get("step")?.as_u64()?, metrics))
    })
}

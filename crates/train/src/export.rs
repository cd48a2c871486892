//! Model folders that the engine runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use kinora_nn::optim::Parameters;
use kinora_nn::{WeightFile, sha256_hex};
use kinora_tensor::bf16;

use crate::files::{replace, write_tensors};
use crate::learner::CHECKPOINT;
use crate::{codec, dit, text};

const SUMS: &str = "SHA256SUMS";
const FILES: [&str; 6] = [
    "config.json",
    "vocabulary.txt",
    "coverage.json",
    "text.safetensors",
    "codec.safetensors",
    "transformer.safetensors",
];

/// Writes the averaged weights of a run as a model folder that the engine runs.
///
/// # Errors
/// When the run's checkpoint or the result cannot be read or written.
pub fn export(run: &Path, from: &Path, output: &Path) -> Result<()> {
    let checkpoint = run.join(CHECKPOINT);
    let file = WeightFile::open(&checkpoint)?;
    let format = file.metadata("format").and_then(|value| value.as_text());
    let (name, weights) = match format {
        Some(dit::FORMAT) => (dit::FILE, dit::exported(&checkpoint, from)?),
        Some(codec::FORMAT) => (codec::FILE, codec::exported(&checkpoint, from)?),
        Some(text::FORMAT) => (text::FILE, text::exported(&checkpoint, from)?),
        other => bail!(
            "{} is no checkpoint of this version: its format is {}",
            checkpoint.display(),
            other.unwrap_or("unknown")
        ),
    };
    part(name, &weights, from, output)
}

/// Writes one part in bf16, its checksum, and everything else as in `from`. The coverage is still that of
/// the model in `from`.
fn part(name: &str, weights: &Parameters, from: &Path, folder: &Path) -> Result<()> {
    let failed = |file: &str| format!("cannot copy {file} to {}", folder.display());
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if from.canonicalize()? != folder.canonicalize()? {
        for file in FILES.into_iter().filter(|file| *file != name) {
            fs::copy(from.join(file), folder.join(file)).with_context(|| failed(file))?;
        }
    }
    let path = folder.join(name);
    let tensors = weights.iter();
    let tensors: Vec<_> = tensors
        .map(|(name, tensor)| (name.clone(), tensor.clone()))
        .collect();
    write_tensors::<bf16>(&path, &tensors, None)?;
    let own = format!("{}  {name}", sha256_hex([&fs::read(&path)?[..]]));
    let sums = fs::read_to_string(from.join(SUMS)).with_context(|| failed(SUMS))?;
    let others = |line: &&str| !line.ends_with(name);
    let lines: Vec<&str> = sums.lines().filter(others).chain([&*own]).collect();
    replace(&folder.join(SUMS), (lines.join("\n") + "\n").as_bytes())
}

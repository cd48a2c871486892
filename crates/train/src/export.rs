//! Model folders that the engine runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use kinora_nn::optim::Parameters;
use kinora_nn::{WeightFile, is_file_of, sha256_hex};
use kinora_tensor::{Tensor, bf16};

use crate::files::{replace, write_tensors};
use crate::learner::CHECKPOINT;
use crate::{codec, dit, text};

const SUMS: &str = "SHA256SUMS";
const COVERAGE: &str = "coverage.json";
/// Tensors of more bytes are spread over several files, which stay below 16 MiB with their headers.
const MOST_BYTES: usize = 15 << 20;

/// Writes the averaged weights of a run as a model folder that the engine runs.
///
/// # Errors
/// When the run's checkpoint or the result cannot be read or written.
pub fn export(run: &Path, from: &Path, output: &Path) -> Result<()> {
    let checkpoint = run.join(CHECKPOINT);
    let file = WeightFile::open(&checkpoint)?;
    let format = file.metadata("format").and_then(|value| value.as_text());
    let (part, weights) = match format {
        Some(dit::FORMAT) => (dit::PART, dit::exported(&checkpoint, from)?),
        Some(codec::FORMAT) => (codec::PART, codec::exported(&checkpoint, from)?),
        Some(text::FORMAT) => (text::PART, text::exported(&checkpoint, from)?),
        other => bail!(
            "{} is no checkpoint of this version: its format is {}",
            checkpoint.display(),
            other.unwrap_or("unknown")
        ),
    };
    write(part, &weights, from, output)
}

/// Writes one part in bf16, its checksums, and everything else as in `from`. The coverage is still that of
/// the model in `from`.
fn write(part: &str, weights: &Parameters, from: &Path, folder: &Path) -> Result<()> {
    let failed = |file: &str| format!("cannot copy {file} to {}", folder.display());
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let in_place = from.canonicalize()? == folder.canonicalize()?;
    let sums = fs::read_to_string(from.join(SUMS)).with_context(|| failed(SUMS))?;
    let named = |line| str::split_whitespace(line).nth(1).map(|name| (line, name));
    let (own, others): (Vec<_>, Vec<_>) = sums
        .lines()
        .filter_map(named)
        .partition(|(_, name)| is_file_of(part, name));
    if in_place {
        for (_, name) in own {
            fs::remove_file(folder.join(name)).with_context(|| failed(name))?;
        }
    } else {
        let others = others.iter().map(|(_, name)| *name);
        for name in others.chain([COVERAGE]) {
            fs::copy(from.join(name), folder.join(name)).with_context(|| failed(name))?;
        }
    }
    let mut lines: Vec<String> = others.iter().map(|(line, _)| (*line).to_owned()).collect();
    let files = shards(weights);
    for (i, tensors) in files.iter().enumerate() {
        let name = match files.len() {
            1 => format!("{part}.safetensors"),
            all => format!("{part}-{:05}-of-{all:05}.safetensors", i + 1),
        };
        let path = folder.join(&name);
        write_tensors::<bf16>(&path, tensors, None)?;
        lines.push(format!("{}  {name}", sha256_hex([&fs::read(&path)?[..]])));
    }
    replace(&folder.join(SUMS), (lines.join("\n") + "\n").as_bytes())
}

/// Tensors in the order of their names, in as many parts as files are needed.
fn shards(weights: &Parameters) -> Vec<Vec<(String, Tensor)>> {
    let (mut files, mut bytes) = (vec![Vec::new()], 0);
    for (name, tensor) in weights {
        let size = 2 * tensor.len();
        if bytes + size > MOST_BYTES && bytes > 0 {
            files.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        let file = files.last_mut().expect("at least one file");
        file.push((name.clone(), tensor.clone()));
    }
    files
}

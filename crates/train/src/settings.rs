//! The committed TOML that says how kinora-1 is trained, or another file like it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kinora_tensor::Precision;
use serde::Deserialize;

use crate::{codec, dit, text};

/// The settings of the published weights.
const COMMITTED: &str = include_str!("../kinora-1.toml");

/// Options of every run. Settings that are named here go before those of the file.
#[derive(Args, Debug)]
pub struct Common {
    /// Folder of the run: checkpoint, metrics, grids. A run that is there goes on
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// The model to begin from, a folder with its weights
    #[arg(
        long,
        value_name = "DIR",
        default_value = "crates/engine/weights/kinora-1"
    )]
    pub from: PathBuf,
    /// Settings to read instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Peak of the learning rate
    #[arg(long)]
    pub learning_rate: Option<f32>,
    /// Steps over which the learning rate falls at the end
    #[arg(long)]
    pub cooldown: Option<u64>,
    /// Of all random choices
    #[arg(long)]
    pub seed: Option<u64>,
    /// Stop after this time, with a checkpoint
    #[arg(long)]
    pub minutes: Option<f64>,
}

/// How each part of the model is trained.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The codec.
    pub codec: codec::Settings,
    /// The text encoder.
    pub text: text::Settings,
    /// The transformer.
    pub dit: dit::Settings,
}

/// How matrix products are computed; parameters and sums are f32 always.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Products {
    /// Of numbers rounded to bf16.
    Bf16,
    /// Exact.
    F32,
}

impl Products {
    /// As layers take it.
    pub fn precision(self) -> Precision {
        match self {
            Self::Bf16 => Precision::Bf16,
            Self::F32 => Precision::F32,
        }
    }
}

impl Settings {
    /// Those in a file, or the committed ones.
    ///
    /// # Errors
    /// When the file cannot be read or holds an unknown key.
    pub fn read(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(toml::from_str(COMMITTED)?);
        };
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        toml::from_str(&text).with_context(|| format!("{name} holds no settings"))
    }
}

impl Common {
    /// Puts what is named here in the place of what the file says.
    ///
    /// # Errors
    /// When the learning rate is not a number above 0.
    pub fn replace(
        &self,
        learning_rate: &mut f32,
        cooldown: &mut u64,
        seed: &mut u64,
    ) -> Result<()> {
        *learning_rate = self.learning_rate.unwrap_or(*learning_rate);
        *cooldown = self.cooldown.unwrap_or(*cooldown);
        *seed = self.seed.unwrap_or(*seed);
        ensure!(
            learning_rate.is_finite() && *learning_rate > 0.0,
            "a learning rate is above 0, not {learning_rate}"
        );
        Ok(())
    }
}

/// Refuses numbers of the file that must not be 0.
///
/// # Errors
/// Names the first that is.
pub fn check_counts(counts: &[(&str, u64)]) -> Result<()> {
    for (name, value) in counts {
        ensure!(*value > 0, "{name} is at least 1");
    }
    Ok(())
}

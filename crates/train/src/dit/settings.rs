//! What a training run is told: the committed TOML, or another, and options before it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kinora_tensor::Precision;
use serde::Deserialize;

use super::plan::Plan;

/// The settings of the published weights.
const COMMITTED: &str = include_str!("../../kinora-1.toml");

/// Options of `kinora-train dit`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Folder of the run: checkpoint, metrics, grids. A run that is there goes on
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// Folder of the latent cache
    #[arg(long, value_name = "DIR")]
    pub cache: PathBuf,
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
    /// Which clips each step takes, in phases: 1x96:400,1x96+25x24:1500
    #[arg(long)]
    pub plan: Option<Plan>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dit: Settings,
}

/// How a run goes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which clips each step takes.
    pub plan: Plan,
    /// Peak of the learning rate.
    pub learning_rate: f32,
    /// Steps over which it rises.
    pub warmup: u64,
    /// Steps over which it falls at the end.
    pub cooldown: u64,
    /// The share of a latent channel's weight that follows what the decoder makes of it.
    pub channel_share: f32,
    precision: Name,
    /// Tokens that go forward and back at once.
    pub tokens: usize,
    /// Of all random choices.
    pub seed: u64,
    /// Steps between two lines of the log.
    pub log_every: u64,
    /// Steps between two sample grids.
    pub grid_every: u64,
    /// Held-out captions of a grid.
    pub samples: usize,
    /// Seconds between two checkpoints.
    pub save_every: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Name {
    Bf16,
    F32,
}

impl Settings {
    /// The settings of a run.
    ///
    /// # Errors
    /// When the file cannot be read, holds an unknown key, or a number makes no sense.
    pub fn of(arguments: &Arguments) -> Result<Self> {
        let mut settings = match &arguments.config {
            Some(path) => Self::read(path)?,
            None => Self::parse(COMMITTED)?,
        };
        if let Some(plan) = &arguments.plan {
            settings.plan = plan.clone();
        }
        settings.learning_rate = arguments.learning_rate.unwrap_or(settings.learning_rate);
        settings.cooldown = arguments.cooldown.unwrap_or(settings.cooldown);
        settings.seed = arguments.seed.unwrap_or(settings.seed);
        settings.check()?;
        Ok(settings)
    }

    /// How matrix products are computed.
    pub fn precision(&self) -> Precision {
        match self.precision {
            Name::Bf16 => Precision::Bf16,
            Name::F32 => Precision::F32,
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        Self::parse(&text).with_context(|| format!("{name} holds no settings"))
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(toml::from_str::<File>(text)?.dit)
    }

    fn check(&self) -> Result<()> {
        let rate = self.learning_rate;
        ensure!(
            rate.is_finite() && rate > 0.0,
            "a learning rate is above 0, not {rate}"
        );
        let share = self.channel_share;
        ensure!(
            (0.0..=1.0).contains(&share),
            "channel_share is 0 to 1, not {share}"
        );
        for (name, value) in [
            ("tokens", self.tokens as u64),
            ("log_every", self.log_every),
            ("grid_every", self.grid_every),
        ] {
            ensure!(value > 0, "{name} is at least 1");
        }
        Ok(())
    }
}

//! What a training run is told: the committed TOML, or another, and options before it.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Deserialize;

use super::plan::Plan;
use crate::settings::{self, Common, Products, check_counts};

/// Options of `kinora-train dit`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Those of every run.
    #[command(flatten)]
    pub common: Common,
    /// Folder of the latent cache
    #[arg(long, value_name = "DIR")]
    pub cache: PathBuf,
    /// Which clips each step takes, in phases: 1x96:400,1x96+25x24:1500
    #[arg(long)]
    pub plan: Option<Plan>,
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
    /// How matrix products are computed.
    pub precision: Products,
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

impl Settings {
    /// The settings of a run.
    ///
    /// # Errors
    /// When the file cannot be read, holds an unknown key, or a number makes no sense.
    pub fn of(arguments: &Arguments) -> Result<Self> {
        let common = &arguments.common;
        let mut settings = settings::Settings::read(common.config.as_deref())?.dit;
        if let Some(plan) = &arguments.plan {
            settings.plan = plan.clone();
        }
        common.replace(
            &mut settings.learning_rate,
            &mut settings.cooldown,
            &mut settings.seed,
        )?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        let share = self.channel_share;
        ensure!(
            (0.0..=1.0).contains(&share),
            "channel_share is 0 to 1, not {share}"
        );
        check_counts(&[
            ("tokens", self.tokens as u64),
            ("log_every", self.log_every),
            ("grid_every", self.grid_every),
        ])
    }
}

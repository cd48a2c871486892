//! What a run of the codec is told: the committed TOML, or another, and options before it.

use anyhow::{Result, ensure};
use clap::Args;
use kinora_filmset::program::Aspect;
use kinora_models::native::PIXEL_STRIDE;
use serde::Deserialize;

use crate::settings::{self, Common, Products, check_counts};

/// Options of `kinora-train codec`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Those of every run.
    #[command(flatten)]
    pub common: Common,
    /// Steps in all
    #[arg(long)]
    pub steps: Option<u64>,
    /// Train the decoder alone, so that latents stay what a transformer has learned
    #[arg(long)]
    pub keep_latents: bool,
}

/// Crops of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crops {
    /// Height and width in pixels, a multiple of 32.
    pub side: usize,
    /// How many.
    pub count: usize,
}

/// How a run goes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Steps in all.
    pub steps: u64,
    /// What steps take in turn: small crops show many subjects, large ones cells far from a border.
    pub crops: Vec<Crops>,
    /// Crops that are cut from one film.
    pub crops_of_film: usize,
    /// Peak of the learning rate.
    pub learning_rate: f32,
    /// Steps over which it rises.
    pub warmup: u64,
    /// Steps over which it falls at the end.
    pub cooldown: u64,
    /// How matrix products are computed.
    pub precision: Products,
    /// Of all random choices.
    pub seed: u64,
    /// Steps between two lines of the log.
    pub log_every: u64,
    /// Steps between two sample grids.
    pub grid_every: u64,
    /// Held-out films of a grid.
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
        let mut settings = settings::Settings::read(common.config.as_deref())?.codec;
        settings.steps = arguments.steps.unwrap_or(settings.steps);
        common.replace(
            &mut settings.learning_rate,
            &mut settings.cooldown,
            &mut settings.seed,
        )?;
        settings.check()?;
        Ok(settings)
    }

    /// What a step takes, counted from 0: crops, and whether they begin their films.
    pub fn taken(&self, step: u64) -> (Crops, bool) {
        let turn = step / 2 % self.crops.len() as u64;
        (self.crops[turn as usize], step.is_multiple_of(2))
    }

    fn check(&self) -> Result<()> {
        let (width, height) = Aspect::Wide.size();
        let most = width.min(height) as usize;
        ensure!(!self.crops.is_empty(), "crops are at least one size");
        for Crops { side, count } in &self.crops {
            ensure!(
                side % PIXEL_STRIDE == 0 && (PIXEL_STRIDE..=most).contains(side),
                "the side of a crop is a multiple of {PIXEL_STRIDE} up to {most}, not {side}"
            );
            ensure!(
                (1..=4096).contains(count),
                "a step takes 1 to 4096 crops, not {count}"
            );
        }
        check_counts(&[
            ("crops_of_film", self.crops_of_film as u64),
            ("log_every", self.log_every),
            ("grid_every", self.grid_every),
        ])
    }
}

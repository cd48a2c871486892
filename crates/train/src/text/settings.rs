//! What a run of the text encoder is told: the committed TOML, or another, and options before it.

use anyhow::{Result, ensure};
use clap::Args;
use serde::Deserialize;

use crate::settings::{self, Common, check_counts};

/// Options of `kinora-train text`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Those of every run.
    #[command(flatten)]
    pub common: Common,
    /// Steps in all
    #[arg(long)]
    pub steps: Option<u64>,
}

/// How a run goes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Steps in all.
    pub steps: u64,
    /// Captions of a step.
    pub captions: usize,
    /// The share of words that are hidden, so that unknown ones are read by their letters.
    pub hidden_words: f32,
    /// Peak of the learning rate.
    pub learning_rate: f32,
    /// Steps over which it rises.
    pub warmup: u64,
    /// Steps over which it falls at the end.
    pub cooldown: u64,
    /// Of all random choices.
    pub seed: u64,
    /// Steps between two lines of the log.
    pub log_every: u64,
    /// Steps between two measurements on held-out captions.
    pub measure_every: u64,
    /// How many held-out captions there are.
    pub held_out: usize,
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
        let mut settings = settings::Settings::read(common.config.as_deref())?.text;
        settings.steps = arguments.steps.unwrap_or(settings.steps);
        common.replace(
            &mut settings.learning_rate,
            &mut settings.cooldown,
            &mut settings.seed,
        )?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        let hidden = self.hidden_words;
        ensure!(
            (0.0..=1.0).contains(&hidden),
            "hidden_words is a share, 0 to 1, not {hidden}"
        );
        let captions = self.captions;
        ensure!(
            (1..=65_536).contains(&captions),
            "a step takes 1 to 65,536 captions, not {captions}"
        );
        check_counts(&[
            ("log_every", self.log_every),
            ("measure_every", self.measure_every),
        ])
    }
}

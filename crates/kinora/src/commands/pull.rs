//! `kinora pull`.

use std::io::{IsTerminal, stderr};
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kinora_engine::Cancel;
use kinora_hub::{Hub, Phase, Progress, find, models_dir};

use crate::args;

pub fn run(arguments: &args::Pull) -> Result<()> {
    let variant = find(&arguments.name)?;
    let hub = Hub::from_env()?;
    let plan = kinora_hub::Pull::plan(&hub, variant, &models_dir()?)?;
    eprintln!("{}: {}", variant.name, variant.about);
    eprintln!("  from     {}", variant.repo);
    eprintln!(
        "  licence  {} ({})",
        variant.licence.name, variant.licence.note
    );
    eprintln!("           {}", variant.licence.url);
    let (size, files) = (gigabytes(plan.bytes()), plan.files().len());
    let left = match plan.bytes_left() {
        0 => "all of it here".to_owned(),
        left => format!("{} to come", gigabytes(left)),
    };
    eprintln!("  size     {size} in {files} files, {left}");
    eprintln!("  into     {}", plan.folder().display());
    if arguments.dry_run {
        return Ok(());
    }
    let cancel = Cancel::default();
    let on_interrupt = cancel.clone();
    ctrlc::set_handler(move || on_interrupt.cancel()).context("cannot listen for Ctrl-C")?;
    let mut shown = Shown::new(plan.bytes());
    let installed = plan.run(&hub, |progress| {
        shown.update(progress);
        if cancel.is_cancelled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    shown.finish();
    super::print(&format!(
        "{} is installed: kinora generate \"...\" --model {}",
        installed.name, installed.name
    ))
}

/// A number of bytes in words, decimal as hubs count.
pub fn gigabytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    if bytes < 1e9 {
        format!("{:.1} MB", bytes / 1e6)
    } else {
        format!("{:.2} GB", bytes / 1e9)
    }
}

/// The bar on a terminal, a line every tenth otherwise.
struct Shown {
    bar: Option<ProgressBar>,
    tenths: u64,
}

impl Shown {
    fn new(bytes: u64) -> Self {
        let template =
            "[{bar:32}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {wide_msg}";
        let style = ProgressStyle::with_template(template).map_or_else(
            |_| ProgressStyle::default_bar(),
            |style| style.progress_chars("=> "),
        );
        let bar = stderr().is_terminal().then(|| {
            ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr())
                .with_style(style)
        });
        Self { bar, tenths: 0 }
    }

    fn update(&mut self, progress: &Progress) {
        let doing = match progress.phase {
            Phase::Checking => "checking ",
            Phase::Downloading => "",
            Phase::Waiting => "trying again ",
        };
        if let Some(bar) = &self.bar {
            bar.set_position(progress.bytes);
            bar.set_message(format!("{doing}{}", progress.file));
            return;
        }
        let tenths = progress.bytes.saturating_mul(10) / progress.size.max(1);
        if tenths > self.tenths {
            self.tenths = tenths;
            eprintln!(
                "{} of {}",
                gigabytes(progress.bytes),
                gigabytes(progress.size)
            );
        }
    }

    fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

//! Progress on standard error: a bar on a terminal, plain lines otherwise.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kinora_engine::{Preview, Progress, Stage, Update};

use crate::preview::half_blocks;

/// Plain lines are printed at every such share of a stage.
const LINES_A_STAGE: u32 = 4;

/// Shows one run.
pub struct Terminal {
    bar: Option<ProgressBar>,
    preview: bool,
    /// Lines of the picture on the screen.
    drawn: u32,
    /// Plain lines of this stage so far.
    told: u32,
}

impl Terminal {
    /// For standard error as it is; `preview` draws the picture while it is denoised.
    pub fn new(preview: bool) -> Self {
        let terminal = stderr().is_terminal();
        if preview && !terminal {
            eprintln!("note: --preview needs a terminal");
        }
        let style = ProgressStyle::with_template("{prefix:>8} [{bar:32}] {pos}/{len} {msg}")
            .map_or_else(
                |_| ProgressStyle::default_bar(),
                |style| style.progress_chars("=> "),
            );
        let bar = terminal.then(|| {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
        });
        Self {
            bar,
            preview: preview && terminal,
            drawn: 0,
            told: 0,
        }
    }

    fn line(&mut self, update: &Update, eta: &str) {
        if update.step == 0 {
            self.told = 0;
            return;
        }
        let due = update.step * LINES_A_STAGE / update.of.max(1);
        let countable = matches!(update.stage, Stage::Denoise | Stage::Decode);
        if countable && due > self.told {
            self.told = due;
            eprintln!("{} {}/{}{eta}", update.stage.name(), update.step, update.of);
        }
    }
}

impl Progress for Terminal {
    fn take(&mut self, take: u32, of: u32) {
        let line = format!("take {take} of {of}");
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    fn update(&mut self, update: &Update) {
        let left = update.eta.filter(|_| update.step < update.of);
        let eta = left
            .map(|left| format!(", {} left", seconds(left)))
            .unwrap_or_default();
        let Some(bar) = &self.bar else {
            return self.line(update, &eta);
        };
        bar.set_prefix(update.stage.name());
        bar.set_length(u64::from(update.of));
        bar.set_position(u64::from(update.step));
        bar.set_message(eta.trim_start_matches(", ").to_owned());
        if update.stage == Stage::Decode && update.step == update.of {
            bar.finish_and_clear();
        }
    }

    fn wants_preview(&self) -> bool {
        self.preview
    }

    fn preview(&mut self, picture: &Preview) {
        let (text, lines) = half_blocks(picture);
        let up = if self.drawn > 0 {
            format!("\x1b[{}A", self.drawn)
        } else {
            String::new()
        };
        let draw = || {
            // A terminal that went away is no reason to stop.
            let _ = write!(stderr(), "{up}{text}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(draw),
            None => draw(),
        }
        self.drawn = lines;
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `0.8 s`, `12 s`.
pub fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{seconds:.0} s")
    }
}

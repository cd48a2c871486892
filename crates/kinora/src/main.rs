//! Kinora: a written prompt becomes a video.

mod args;
mod commands;
mod files;
mod installed;
mod preview;
mod progress;
mod report;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;

fn main() -> ExitCode {
    report::quiet_panics();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return report::usage(&error),
    };
    match std::panic::catch_unwind(|| commands::run(arguments)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => report::failure(&error),
        Err(_) => report::mistake(),
    }
}

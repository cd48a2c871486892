//! What each command does.

use std::io::{Write, stdout};

use anyhow::Result;
use serde::Serialize;

use crate::args::{self, Arguments, Command, Serve};

mod bench;
mod completions;
mod config;
mod generate;
mod keys;
mod measure;
mod models;
mod prompt;
mod pull;
mod recipe;
mod serve;
mod verify;
mod worker;

/// Runs the command of a command line.
pub fn run(arguments: Arguments) -> Result<()> {
    let Some(command) = arguments.command else {
        return serve::run(&Serve::default());
    };
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Keys(command) => keys::run(&command),
        Command::Config(args::Config::Check(place)) => config::check(&place),
        Command::Worker(arguments) => worker::run(&arguments),
        Command::WorkerProcess => worker::run_process(),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Prompt(arguments) => prompt::run(&arguments),
        Command::Pull(arguments) => pull::run(&arguments),
        Command::Models(arguments) => models::run(&arguments),
        Command::Recipe(arguments) => recipe::run(&arguments),
        Command::Measure(arguments) => measure::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}

/// Prints to standard output; a closed pipe is an error that ends the command quietly.
fn print(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

fn print_json(value: &impl Serialize) -> Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

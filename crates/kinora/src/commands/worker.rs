//! `kinora worker`, and the process that makes videos for it and for the studio.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use kinora_studio::config::Loaded;
use kinora_studio::{Options, Program};

use crate::args::Worker;
use crate::installed;

/// What the hidden command is called.
const PROCESS: &str = "worker-process";

pub fn run(arguments: &Worker) -> Result<()> {
    let (data, loaded) = super::config::of_worker(arguments)?;
    let place = loaded.config.database.to_string();
    kinora_studio::work(options(data, loaded)?, || {
        eprintln!("The worker waits for videos of {place}; Ctrl-C ends it.");
    })?;
    Ok(())
}

/// What makes videos by this configuration: this program, in processes of its own.
pub fn options(data: PathBuf, loaded: Loaded) -> Result<Options> {
    let program = env::current_exe().context("the path of this program is unknown")?;
    Ok(Options {
        config: loaded.config,
        data,
        worker: Program::new(program, vec![PROCESS.into()]),
        published: installed::published,
    })
}

/// Makes videos for the process that started this one.
pub fn run_process() -> Result<()> {
    Ok(kinora_studio::run_worker_process()?)
}

//! `kinora serve`, and bare `kinora`.

use std::env;

use anyhow::{Context, Result};
use kinora_studio::Options;

use crate::args::Serve;
use crate::installed;

pub fn run(arguments: &Serve) -> Result<()> {
    let program = env::current_exe().context("the path of this program is unknown")?;
    let (data, loaded) = super::config::of_serve(arguments)?;
    let options = Options {
        config: loaded.config,
        data: data.clone(),
        worker: (program, vec!["worker".into()]),
        published: installed::published,
    };
    kinora_studio::serve(options, |address| {
        eprintln!("The studio is open: http://{address}");
        eprintln!(
            "Videos and prompts are kept in {}; Ctrl-C closes it.",
            data.display()
        );
    })?;
    Ok(())
}

/// Makes videos for a studio that started this process.
pub fn run_worker() -> Result<()> {
    Ok(kinora_studio::run_worker()?)
}

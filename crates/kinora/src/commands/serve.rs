//! `kinora serve`, and bare `kinora`.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use kinora_studio::Options;

use crate::args::Serve;

pub fn run(arguments: &Serve) -> Result<()> {
    let program = env::current_exe().context("the path of this program is unknown")?;
    let data = match &arguments.data_dir {
        Some(folder) => folder.clone(),
        None => default_data()?,
    };
    let options = Options {
        host: arguments.host,
        port: arguments.port,
        data,
        worker: (program, vec!["worker".into()]),
    };
    let data = options.data.clone();
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

/// Where the platform keeps an application's data: the XDG folder, its default, or that of the
/// other systems.
fn default_data() -> Result<PathBuf> {
    let variable = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    let folder = folder.context("there is no home folder; name a folder with --data-dir")?;
    Ok(folder.join("kinora"))
}

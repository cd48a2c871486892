//! Where a studio keeps its things and what was decided about it; `kinora config check`.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use kinora_studio::config::{self, Loaded, Sources, Value};

use crate::args::{Place, Serve};

/// An option of the command line as the configuration takes it.
type Flag = (&'static str, Value, &'static str);

pub fn check(place: &Place) -> Result<()> {
    let (data, loaded) = load(place, Vec::new())?;
    let file = match &loaded.file {
        Some(file) => file.display().to_string(),
        None => format!("no {}", data.join(config::FILE).display()),
    };
    let text = format!("# {file}\n{}", loaded.describe());
    super::print(text.trim_end())
}

/// The data folder and the configuration of a studio that is about to open.
pub fn of_serve(arguments: &Serve) -> Result<(PathBuf, Loaded)> {
    let host = arguments.host.map(|host| host.to_string().into());
    let port = arguments.port.map(|port| i64::from(port).into());
    let workers = arguments.workers.map(|count| i64::from(count).into());
    let flags: [(_, Option<Value>, _); 3] = [
        ("server.host", host, "--host"),
        ("server.port", port, "--port"),
        ("queue.workers", workers, "--workers"),
    ];
    let flags = flags.into_iter();
    let given = flags.filter_map(|(key, value, option)| Some((key, value?, option)));
    load(&arguments.place, given.collect())
}

fn load(place: &Place, flags: Vec<Flag>) -> Result<(PathBuf, Loaded)> {
    let data = data(place)?;
    let sources = Sources {
        data: data.clone(),
        file: place.config.clone(),
        // What is no text is none of ours.
        variables: env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
            .collect(),
        flags,
    };
    Ok((data, config::load(&sources)?))
}

/// The data folder: as given, or where the platform keeps an application's data.
pub fn data(place: &Place) -> Result<PathBuf> {
    let variable = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let given = place.data_dir.clone();
    if let Some(folder) = given.or_else(|| variable("KINORA_DATA_DIR")) {
        return Ok(folder);
    }
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

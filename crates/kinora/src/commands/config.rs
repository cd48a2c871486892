//! Where a studio keeps its things and what was decided about it; `kinora config check`.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use kinora_studio::config::{self, Loaded, Sources, Value};

use crate::args::{Place, Serve, Worker};

/// An option of the command line as the configuration takes it.
type Flag = (&'static str, Value, &'static str);

pub fn check(place: &Place) -> Result<()> {
    let (data, loaded) = of_place(place)?;
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
    let flags = [
        ("server.host", host, "--host"),
        ("server.port", port, "--port"),
        ("storage", url(arguments.storage.as_ref()), "--storage"),
        ("queue.workers", count(arguments.workers), "--workers"),
    ];
    load(&arguments.place, given(flags))
}

/// The same of a worker on another machine.
pub fn of_worker(arguments: &Worker) -> Result<(PathBuf, Loaded)> {
    let flags = [
        ("database", url(arguments.connect.as_ref()), "--connect"),
        ("storage", url(arguments.storage.as_ref()), "--storage"),
        ("queue.workers", count(arguments.workers), "--workers"),
    ];
    let place = Place {
        data_dir: arguments.data_dir.clone(),
        config: arguments.config.clone(),
        database: None,
    };
    load(&place, given(flags))
}

/// The data folder and the configuration of a studio.
pub fn of_place(place: &Place) -> Result<(PathBuf, Loaded)> {
    load(place, Vec::new())
}

fn url(text: Option<&String>) -> Option<Value> {
    text.cloned().map(Value::String)
}

fn count(number: Option<u32>) -> Option<Value> {
    number.map(|number| i64::from(number).into())
}

fn given<const N: usize>(options: [(&'static str, Option<Value>, &'static str); N]) -> Vec<Flag> {
    let options = options.into_iter();
    let given = options.filter_map(|(key, value, option)| Some((key, value?, option)));
    given.collect()
}

fn load(place: &Place, mut flags: Vec<Flag>) -> Result<(PathBuf, Loaded)> {
    let data = data(place)?;
    let database = url(place.database.as_ref());
    flags.extend(given([("database", database, "--database")]));
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

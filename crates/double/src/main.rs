//! The studio's test double: the studio as it is, with workers that paint a test pattern at a fixed
//! pace and fail as they are told.
//!
//! ```text
//! kinora-double serve DATA_FOLDER [SILENCE_MILLISECONDS]
//! kinora-double worker
//! ```
//!
//! The first is `kinora serve`, and takes `kinora.toml` and the environment as that does, except that
//! it listens on a free port and that its workers are the second. Pace and faults: [`fault`].

mod fault;
mod pattern;
mod worker;

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kinora_studio::config::{self, Sources, Value};
use kinora_studio::{Options, Program};

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["worker"] => worker::run(),
        ["serve", data] => serve(data.into(), None),
        ["serve", data, silence] => {
            let silence = silence.parse().context("milliseconds of silence")?;
            serve(data.into(), Some(Duration::from_millis(silence)))
        }
        _ => bail!("kinora-double serve DATA_FOLDER [SILENCE_MILLISECONDS] | worker"),
    }
}

fn serve(data: PathBuf, silence: Option<Duration>) -> Result<()> {
    let loaded = config::load(&Sources {
        data: data.clone(),
        variables: env::vars().collect(),
        flags: vec![("server.port", Value::Integer(0), "free port")],
        ..Sources::default()
    })?;
    let mut worker = Program::new(env::current_exe()?, vec!["worker".into()]);
    worker.silence = silence.unwrap_or(worker.silence);
    let options = Options {
        config: loaded.config,
        data,
        worker,
        published: Vec::new,
    };
    kinora_studio::serve(options, |address| {
        eprintln!("The studio is open: http://{address}");
    })?;
    Ok(())
}

//! The studio's test double: the studio as it is, with workers that paint a test pattern at a fixed
//! pace and fail as they are told.
//!
//! ```text
//! kinora-double serve DATA_FOLDER [SILENCE_MILLISECONDS]
//! kinora-double work DATA_FOLDER [SILENCE_MILLISECONDS]
//! kinora-double worker-process
//! ```
//!
//! The first two are `kinora serve` and `kinora worker`, and take `kinora.toml` and the environment as those
//! do, except that the studio listens on a free port and that the third makes the clips. Pace and
//! faults: [`fault`].

mod fault;
mod pattern;
mod worker;

use std::env;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kinora_studio::config::{self, Sources, Value};
use kinora_studio::{Options, Program};

/// What the third command is called.
const PROCESS: &str = "worker-process";

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [PROCESS] => worker::run(),
        ["serve", ref place @ ..] => {
            kinora_studio::serve(options(place)?, |address| {
                eprintln!("The studio is open: http://{address}");
            })?;
            Ok(())
        }
        ["work", ref place @ ..] => {
            kinora_studio::work(options(place)?, || eprintln!("It waits for videos."))?;
            Ok(())
        }
        _ => bail!("kinora-double serve|work DATA_FOLDER [SILENCE_MILLISECONDS]"),
    }
}

fn options(place: &[&str]) -> Result<Options> {
    let mut worker = Program::new(env::current_exe()?, vec![PROCESS.into()]);
    let data = match *place {
        [data] => data,
        [data, silence] => {
            let silence = silence.parse().context("milliseconds of silence")?;
            worker.silence = Duration::from_millis(silence);
            data
        }
        _ => bail!("one data folder, and milliseconds of silence"),
    };
    let loaded = config::load(&Sources {
        data: data.into(),
        variables: env::vars().collect(),
        flags: vec![("server.port", Value::Integer(0), "free port")],
        ..Sources::default()
    })?;
    Ok(Options {
        config: loaded.config,
        data: data.into(),
        worker,
        published: Vec::new,
    })
}

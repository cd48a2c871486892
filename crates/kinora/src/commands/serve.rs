//! `kinora serve`, and bare `kinora`.

use anyhow::Result;

use crate::args::Serve;

pub fn run(arguments: &Serve) -> Result<()> {
    let (data, loaded) = super::config::of_serve(arguments)?;
    let options = super::worker::options(data.clone(), loaded)?;
    kinora_studio::serve(options, |address| {
        eprintln!("The studio is open: http://{address}");
        eprintln!(
            "Videos and prompts are kept in {}; Ctrl-C closes it.",
            data.display()
        );
    })?;
    Ok(())
}

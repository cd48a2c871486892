//! `kinora completions`.

use anyhow::Result;
use clap::CommandFactory;

use crate::args::{Arguments, Completions};

pub fn run(arguments: &Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "kinora",
        &mut script,
    );
    super::print(String::from_utf8(script)?.trim_end())
}

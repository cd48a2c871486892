//! `kinora recipe`.

use anyhow::Result;

use crate::args::Recipe;

pub fn run(arguments: &Recipe) -> Result<()> {
    super::print_json(&kinora_engine::Recipe::of_file(&arguments.file)?)
}

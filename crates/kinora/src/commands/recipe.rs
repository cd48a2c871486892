//! `kinora recipe`.

use anyhow::Result;

use crate::args::Recipe;

pub fn run(arguments: &Recipe) -> Result<()> {
    // A cut has one for each of its clips.
    match kinora_engine::Recipe::all_of_file(&arguments.file)?.as_slice() {
        [recipe] => super::print_json(recipe),
        recipes => super::print_json(&recipes),
    }
}

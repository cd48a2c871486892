//! Open models from the files that people have.

mod files;
mod parity;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use kinora_engine::{Cancel, Clip, Engine, Output, Request, Result};

/// Tiny models as diffusers saves them (`oracle/open_models/directories.py`).
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/open")
}

fn make(request: &Request, output: &Output) -> Result<Clip> {
    let engine = Engine::new();
    let job = engine.resolve(request)?;
    engine.run(request, &job, output, &mut (), &Cancel::default())
}

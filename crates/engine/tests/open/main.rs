//! Open models from the files that people have.

mod choices;
mod files;
mod parity;
mod single;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use kinora_engine::{Cancel, Clip, Engine, Output, Request, Result};

/// Tiny models as diffusers saves them (`oracle/open_models/directories.py`).
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/open")
}

/// One that remembers no text: a text encoder that has changed must be seen.
fn engine() -> Engine {
    Engine::with_cache(None)
}

fn make(request: &Request, output: &Output) -> Result<Clip> {
    let engine = engine();
    let job = engine.resolve(request)?;
    engine.run(request, &job, output, &mut (), &Cancel::default())
}

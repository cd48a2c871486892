//! Published open models, from the files that people have.
//!
//! ```text
//! diffusers directory ─┐
//! single file ─────────┴─► Source: each part's weights, key map and description ─► Ltx | Wan : Family
//! a clip: Text (T5, read block by block; states cached on disk) ─► transformer ─► VAE
//! ```

mod directory;
mod embeddings;
mod experts;
mod fingerprint;
mod ltx;
mod memory;
mod published;
mod scheduler;
mod single;
mod source;
mod text;
mod wan;

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::Family;
use crate::request::ModelFiles;
use source::Source;

pub use embeddings::CACHE_VARIABLE;
pub(crate) use embeddings::Embeddings;
pub(crate) use ltx::stream as ltx_stream;
pub(crate) use published::about_bytes;

pub use kinora_models::ltx::pipeline::DISTILLED_TIMESTEPS;

/// Opens the model at a path, called after it unless it has a name; `None` when there is no open model.
/// Texts that it encodes are kept in `known`.
///
/// # Errors
/// [`Error::Model`] for a model that Kinora does not run, or files that do not fit each other;
/// [`Error::Value`] for files that a directory has of its own.
pub(crate) fn open(
    path: &Path,
    name: Option<&str>,
    files: &ModelFiles,
    known: &Embeddings,
) -> Result<Option<Arc<dyn Family>>> {
    let mut source = if directory::is_at(path) {
        if let Some(name) = files.first_part() {
            let hint = "a folder with a model_index.json brings its own parts".into();
            return Err(Error::Value {
                name,
                value: String::new(),
                hint,
            });
        }
        directory::read(path)?
    } else if let Some(file) = single::at(path) {
        single::read(&file, files)?
    } else {
        return Ok(None);
    };
    if let Some(name) = name {
        name.clone_into(&mut source.name);
    }
    source.loras.clone_from(&files.loras);
    family(source, known).map(Some)
}

/// A published model of a shape, as its descriptions have it: it plans and cannot be run. `None` for
/// a shape that nobody publishes.
///
/// # Errors
/// [`Error::Model`] for a mistake of ours in a description.
pub(crate) fn described(shape: &str) -> Result<Option<Arc<dyn Family>>> {
    let source = published::described(shape);
    let family = source.map(|source| family(source, &Embeddings::default()));
    family.transpose()
}

fn family(source: Source, known: &Embeddings) -> Result<Arc<dyn Family>> {
    let known = known.clone();
    Ok(if source.class == "WanPipeline" {
        Arc::new(wan::Wan::open(source, known)?)
    } else {
        Arc::new(ltx::Ltx::open(source, known)?)
    })
}

//! Published open models, from the files that people have.
//!
//! ```text
//! folder ──► Directory (model_index.json, each part's config.json) ──► Ltx | Wan : Family
//! a clip: Text (T5, read, used, given back; states cached on disk) ──► transformer ──► VAE
//! ```

mod directory;
mod embeddings;
mod fingerprint;
mod ltx;
mod scheduler;
mod text;
mod wan;

use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::model::{Family, Part};
use crate::request::Dtype;
use directory::{Directory, INDEX};

/// Parts of every model.
const TRANSFORMER: &str = "transformer";
const VAE: &str = "vae";
const SCHEDULER: &str = "scheduler/scheduler_config.json";

/// Whether a folder holds an open model.
pub(crate) fn is_at(folder: &Path) -> bool {
    Directory::is_at(folder)
}

/// Opens the model in a folder.
///
/// # Errors
/// [`crate::Error::Model`] for a pipeline that Kinora does not run, or files that do not fit it.
pub(crate) fn open(folder: &Path) -> Result<Arc<dyn Family>> {
    let directory = Directory::open(folder)?;
    Ok(match directory.class() {
        "LTXPipeline" | "LTXImageToVideoPipeline" | "LTXConditionPipeline" => {
            Arc::new(ltx::Ltx::open(directory)?)
        }
        "WanPipeline" => Arc::new(wan::Wan::open(directory)?),
        class => {
            let reason = format!(
                "the pipeline `{class}` is not known; LTXPipeline, LTXConditionPipeline and WanPipeline are"
            );
            return Err(directory.failed(INDEX, reason));
        }
    })
}

/// Memory of so many weights as layers hold them.
fn packed_bytes(name: &'static str, numbers: u64, dtype: Dtype) -> Part {
    let bytes = match dtype {
        Dtype::F32 => 4,
        Dtype::Bf16 => 2,
    };
    Part {
        name,
        bytes: numbers * bytes,
    }
}

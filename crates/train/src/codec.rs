//! Training of the codec on crops of film that is rendered for it.
//!
//! ```text
//! Source ──programs──► Batch ──crops──► Trainer::step ──► parameters, average
//!                                         │ Encoder and Decoder over tracked leaves, errors of the
//!                                         │ picture with their gradients, backward, Learner
//!                                         └── run: learning rate, log and curve, grids, checkpoints
//! ```
//!
//! The mirror in `PyTorch` is `oracle/train_codec.py`; `tests/golden_codec.rs` follows its losses.

mod batch;
mod loss;
mod run;
mod samples;
mod settings;
mod trainer;

pub use batch::{Batch, Crop};
pub use run::{PART, exported, run};
pub use settings::{Arguments, Settings};
pub use trainer::{FORMAT, Losses, Trainer};

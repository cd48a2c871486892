//! Training of the diffusion transformer on cached latents, with a frozen text encoder.
//!
//! ```text
//! Cache ──clips──► Batch ──► Trainer::step ──► parameters, average
//!                    │           │ Transformer over tracked leaves, losses with their gradients,
//!                  Texts         │ backward, Optimizer
//!                                └── Run: plan and learning rate, log and curve, grids, checkpoints
//! ```
//!
//! The mirror in `PyTorch` is `oracle/train_transformer.py`; `tests/golden.rs` follows its losses.

mod batch;
mod bench;
mod channels;
mod loss;
mod plan;
mod run;
mod samples;
mod settings;
mod teacher;
mod texts;
mod trainer;

pub use batch::Batch;
pub(crate) use batch::normal;
pub use bench::{Arguments as BenchArguments, bench};
pub use plan::{Bucket, Plan, trapezoid};
pub use run::{PART, exported, run};
pub use settings::{Arguments, Settings};
pub use teacher::Teacher;
pub use texts::Texts;
pub use trainer::{FORMAT, Losses, Trainer};

//! Training of the text encoder to read slots from captions.
//!
//! ```text
//! Source ──captions──► Batch ──words, slots──► Trainer::step ──► parameters, average
//!                                                │ TextEncoder over tracked leaves, cross-entropy of
//!                                                └ each slot with its gradient, backward, Learner
//! ```
//!
//! The mirror in `PyTorch` is `oracle/train_text.py`; `tests/golden_text.rs` follows its losses.

mod batch;
mod run;
mod settings;
mod trainer;

pub use batch::{Batch, Caption, words};
pub use run::{PART, exported, run, tokenizer};
pub use settings::{Arguments, Settings};
pub use trainer::{Accuracy, FORMAT, Trainer};

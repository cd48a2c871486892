//! Training and evaluation of the native model.

pub mod cache;
mod classes;
pub mod codec;
mod course;
pub mod data;
pub mod dit;
pub mod eval;
mod export;
mod files;
mod learner;
mod log;
mod plot;
mod settings;
pub mod text;

pub use export::export;

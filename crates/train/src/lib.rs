//! Training and evaluation of the native model.

pub mod cache;
pub mod data;
pub mod dit;
pub mod eval;
mod files;
mod log;
mod plot;

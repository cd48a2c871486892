//! Data, evaluation and export for the native model.

pub mod data;
pub mod eval;

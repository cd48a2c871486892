//! Data, evaluation and export for the native model.

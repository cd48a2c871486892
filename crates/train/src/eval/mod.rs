//! Measuring what clips show: training data for the detectors, and the evaluation itself.

pub mod clauses;
mod degrade;
pub mod detectors;
pub mod model;
mod report;
pub mod run;
mod studies;
pub mod table;

//! The studio under load and faults, with workers that paint a test pattern instead of computing.
#![cfg(target_os = "linux")]

mod faults;
mod fuzz;
mod listeners;
mod load;
mod machine;
mod stage;
mod storm;
mod truth;

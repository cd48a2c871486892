//! Workers: child processes that make videos, so that no crash of one takes the studio along.
//!
//! [`child`] is what runs inside the process, [`supervisor`] starts it, feeds it from the queue and
//! tells the store what came of it; between them go the lines of [`protocol`].

pub mod child;
mod protocol;
mod supervisor;

pub use supervisor::{Closing, Supervisor};

//! Getting published models: which there are, where they lie, and how they come.
//!
//! ```text
//! find("wan-2.1-t2v-1.3b") ─► Variant ─► Pull::plan(hub, ..): sizes, licence, what is left
//!                                          └─► run(..): *.part, SHA-256, rename ─► Installed
//! installed(models_dir)    ─► every folder whose download was completed
//! ```
//!
//! Nothing here knows how a model computes, and nothing is async: a download is one thread that
//! reports after every piece and stops when it is told to.

mod catalog;
mod client;
mod digest;
mod download;
mod error;
mod glob;
mod install;
mod pull;

pub use catalog::{Ability, Family, Licence, VARIANTS, Variant, find};
pub use client::{Hub, RemoteFile};
pub use download::{Phase, Progress};
pub use error::HubError;
pub use install::{Installed, InstalledFile, installed, installed_variant, models_dir};
pub use pull::Pull;

//! Where a clip comes from: C2PA manifests that say who made a file and that nobody changed it since.
//!
//! [`Signer`] is a [`Seal`](kinora_media::Seal): a clip passes it when it is whole and before it gets
//! its name. [`verify`] reads what any C2PA signer left in a file. Nothing here asks a network: no time
//! stamp, no revocation list, no manifest that lies elsewhere.
//!
//! Without the feature `c2pa` both answer [`ProvenanceError::NotBuilt`], so that callers need not know
//! how the program was built.
//!
//! Reference: C2PA Technical Specification 2.2, <https://spec.c2pa.org>.

#[cfg(not(feature = "c2pa"))]
mod absent;
#[cfg(feature = "c2pa")]
mod certificate;
mod error;
#[cfg(feature = "c2pa")]
mod identity;
mod report;
#[cfg(feature = "c2pa")]
mod sign;
#[cfg(feature = "c2pa")]
mod verify;

#[cfg(not(feature = "c2pa"))]
pub use absent::{Signer, verify};
pub use error::{ProvenanceError, Result};
pub use report::{Action, Claimed, Kind, Model, Problem, Report, Signature};
#[cfg(feature = "c2pa")]
pub use sign::Signer;
#[cfg(feature = "c2pa")]
pub use verify::verify;

/// Whether this build signs and verifies.
pub const IS_BUILT: bool = cfg!(feature = "c2pa");

//! Remotes: other machines' Videos APIs as models of this studio.
//!
//! A video of a remote is a row of the same queue. A [`Driver`] claims it under a lease, writes the
//! idempotency key down, asks the remote, writes the id down, polls, fetches the file and has a worker
//! look at it. After a restart the next one goes on from what is written: nothing is asked for twice.
//!
//! ```text
//! api ──► request ──► store ◄── driver ──► client ══ HTTPS ══ the remote
//!                                  └─────► worker::inspect
//! ```

mod client;
mod content;
mod driver;
mod failure;
mod request;

pub use driver::Driver;
pub use request::{check_prompt, decide, kept, recipe, untaken};

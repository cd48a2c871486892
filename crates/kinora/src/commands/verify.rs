//! `kinora verify`.

use anyhow::Result;
use kinora_provenance::ProvenanceError;

use crate::args::{Place, Verify};

pub fn run(arguments: &Verify) -> Result<()> {
    // Without a data folder no file is this machine's.
    let own = super::config::data(&Place::default()).ok();
    let (file, trust) = (&arguments.file, arguments.trust.as_deref());
    let report = kinora_provenance::verify(file, own.as_deref(), trust)?;
    if arguments.json {
        super::print_json(&report)?;
    } else {
        super::print(&report.to_string())?;
    }
    match report.problem() {
        None => Ok(()),
        Some(reason) => Err(ProvenanceError::NotValid {
            path: file.clone(),
            reason,
        }
        .into()),
    }
}

//! Reading what any C2PA signer left in a file.

use std::fs::{self, File};
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use c2pa::validation_results::StatusCodes;
use c2pa::{Context, Manifest, Reader, Settings, ValidationResults};
use serde_json::Value;
use sha2::{Digest, Sha256};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use crate::error::{ProvenanceError, Result};
use crate::identity::Identity;
use crate::report::{Action, Claimed, Kind, Model, Problem, Report, Signature};
use crate::sign::{MODEL, SOURCE_TYPES};

/// Status codes of the specification (section 15.2) that say who signed, not whether it holds.
const TRUSTED: &str = "signingCredential.trusted";
const UNTRUSTED: &str = "signingCredential.untrusted";

/// Looks at the manifest of a file and whether the file is what was signed. `own` is a data folder
/// whose certificate is told apart from others', `trust` a PEM file of certificates that vouch for
/// others or are trusted themselves. No network is asked.
///
/// # Errors
/// [`ProvenanceError::Io`], [`ProvenanceError::BadTrust`], [`ProvenanceError::NoManifest`], and
/// [`ProvenanceError::Unreadable`] where there is not even a report to make.
pub fn verify(file: &Path, own: Option<&Path>, trust: Option<&Path>) -> Result<Report> {
    let settings = settings(trust)?;
    let opened = File::open(file).and_then(|opened| {
        let is_folder = opened.metadata()?.is_dir();
        let folder = || std::io::ErrorKind::IsADirectory.into();
        if is_folder { Err(folder()) } else { Ok(opened) }
    });
    let opened = opened.map_err(|source| ProvenanceError::Io {
        action: "read",
        path: file.into(),
        source,
    })?;
    let unreadable = |reason: String| ProvenanceError::Unreadable {
        path: file.into(),
        reason,
    };
    // The file is anyone's, and the library that reads it is large.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let context = Context::new().with_settings(settings)?;
        Reader::from_context(context).with_stream("video/mp4", BufReader::new(opened))
    }));
    let reader = match read {
        Ok(Ok(reader)) => reader,
        Ok(Err(c2pa::Error::JumbfNotFound)) => {
            return Err(ProvenanceError::NoManifest { path: file.into() });
        }
        Ok(Err(error)) => return Err(unreadable(error.to_string())),
        Err(_) => {
            return Err(unreadable(
                "it is damaged in a way that nobody thought of".into(),
            ));
        }
    };
    let manifest = reader.active_manifest();
    let manifest = manifest.ok_or_else(|| unreadable("it has no active manifest".into()))?;
    let results = reader.validation_results();
    let results = results.ok_or_else(|| unreadable("it was not validated".into()))?;
    let problems = problems(results);
    Ok(Report {
        valid: problems.is_empty() && is_valid(&reader),
        problems,
        signature: signature(manifest, results, own),
        claimed: claimed(manifest),
    })
}

/// Only what was asked for is trusted.
fn settings(trust: Option<&Path>) -> Result<Settings> {
    let mut settings = Settings::new();
    let Some(path) = trust else {
        return Ok(settings);
    };
    let text = fs::read_to_string(path).map_err(|source| ProvenanceError::Io {
        action: "read",
        path: path.into(),
        source,
    })?;
    let is_certificate = |pem: &Pem| X509Certificate::from_der(&pem.contents).is_ok();
    let pems: Vec<_> = Pem::iter_from_buffer(text.as_bytes()).collect();
    let all = pems
        .iter()
        .all(|pem| pem.as_ref().is_ok_and(is_certificate));
    if pems.is_empty() || !all {
        return Err(ProvenanceError::BadTrust { path: path.into() });
    }
    settings.trust.user_anchors = Some(text.clone());
    settings.trust.allowed_list = Some(text);
    Ok(settings)
}

fn is_valid(reader: &Reader) -> bool {
    use c2pa::ValidationState::{Trusted, Valid};
    matches!(reader.validation_state(), Valid | Trusted)
}

/// What does not hold, of the file and of what it was made from. That nobody vouches for a signer is
/// no fault of the file.
fn problems(results: &ValidationResults) -> Vec<Problem> {
    let own = results.active_manifest().into_iter();
    let own = own.flat_map(StatusCodes::failure);
    let parts = results.ingredient_deltas().into_iter().flatten();
    let parts = parts.flat_map(|delta| delta.validation_deltas().failure());
    let failed = own.chain(parts);
    let failed = failed.filter(|status| status.code() != UNTRUSTED);
    let problems = failed.map(|status| Problem {
        code: status.code().to_owned(),
        explanation: explained(status.code(), status.explanation()),
    });
    problems.collect()
}

fn explained(code: &str, library: Option<&str>) -> String {
    match code {
        "assertion.bmffHash.mismatch" => "the content was changed after it was signed".into(),
        "claimSignature.mismatch" => "the manifest was changed after it was signed".into(),
        "assertion.hashedURI.mismatch" => "a statement of the manifest was changed".into(),
        _ => library.map_or_else(|| code.to_owned(), |text| format!("{text} ({code})")),
    }
}

fn signature(manifest: &Manifest, results: &ValidationResults, own: Option<&Path>) -> Signature {
    let Some(info) = manifest.signature_info() else {
        return Signature::default();
    };
    let first = Pem::iter_from_buffer(info.cert_chain().as_bytes()).next();
    let Some(Ok(Pem { contents: der, .. })) = first else {
        return Signature::default();
    };
    let Ok((_, certificate)) = X509Certificate::from_der(&der) else {
        return Signature::default();
    };
    let own = own.and_then(Identity::certificate_of);
    let mut good = results.active_manifest().into_iter();
    let is_trusted = good.any(|codes| {
        codes
            .success()
            .iter()
            .any(|status| status.code() == TRUSTED)
    });
    let kind = if own.is_some_and(|own| own == der) {
        Kind::ThisMachine
    } else if is_trusted {
        Kind::Trusted
    } else if certificate.issuer() == certificate.subject() {
        Kind::SelfSigned
    } else {
        Kind::Unknown
    };
    let digest = Sha256::digest(&der);
    let digits = digest.iter();
    Signature {
        kind,
        subject: named(certificate.subject()),
        issuer: named(certificate.issuer()),
        certificate_sha256: digits.fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")),
        time: info.time.clone(),
    }
}

/// The common name, else all of it; without what would steer a terminal.
fn named(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().next();
    let common = common.and_then(|name| name.as_str().ok());
    plain(&common.map_or_else(|| name.to_string(), ToOwned::to_owned))
}

fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

fn claimed(manifest: &Manifest) -> Claimed {
    let assertions = || manifest.assertions().iter();
    let text = |value: &Value, key: &str| value.get(key)?.as_str().map(plain);
    let actions = assertions().filter(|one| one.label().starts_with("c2pa.actions"));
    let actions = actions.filter_map(|one| one.value().ok()?.get("actions")?.as_array());
    let actions = actions.flatten().filter_map(|action| {
        let source = text(action, "digitalSourceType");
        Some(Action {
            action: text(action, "action")?,
            source_type: source
                .map(|uri| uri.strip_prefix(SOURCE_TYPES).unwrap_or(&uri).to_owned()),
        })
    });
    let mut models = assertions().filter(|one| one.label() == MODEL);
    let model = models.find_map(|one| {
        let value = one.value().ok()?;
        Some(Model {
            name: text(value, "name")?,
            hash: text(value, "hash")?,
        })
    });
    let generator = manifest.claim_generator_info.iter().flatten().next();
    Claimed {
        generator: generator.map(|program| {
            let version = program.version.as_deref().unwrap_or_default();
            plain(format!("{} {version}", program.name).trim_end())
        }),
        actions: actions.collect(),
        model,
    }
}

//! What a manifest says and whether it holds.

use std::fmt;

use serde::Serialize;

/// The outcome of looking at a signed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the file is what was signed: the signature holds and the content hashes to what it says.
    pub valid: bool,
    /// What does not hold.
    pub problems: Vec<Problem>,
    /// Who signed.
    pub signature: Signature,
    /// What the signer says of the file; worth as much as the signer, and nothing where it is not valid.
    pub claimed: Claimed,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Status code of the C2PA specification, such as `assertion.bmffHash.mismatch`.
    pub code: String,
    /// In words.
    pub explanation: String,
}

/// Who signed a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// What is known of the certificate.
    pub kind: Kind,
    /// Whom the certificate names.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// SHA-256 of the certificate, in hexadecimal digits.
    pub certificate_sha256: String,
    /// When an independent authority saw the signature, if one did (RFC 3339).
    pub time: Option<String>,
}

/// What is known of a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The certificate of this machine's data folder.
    ThisMachine,
    /// It vouches for itself: anyone can make one with any name.
    SelfSigned,
    /// It leads to one of the certificates that the caller trusts.
    Trusted,
    /// Another issued it, of whom nothing is known here.
    #[default]
    Unknown,
}

/// What a signer says of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Claimed {
    /// The program, with its version.
    pub generator: Option<String>,
    /// What was done to the file.
    pub actions: Vec<Action>,
    /// The model that made it, where Kinora did.
    pub model: Option<Model>,
}

/// Something that was done to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    /// Its name in the C2PA specification, such as `c2pa.created`.
    pub action: String,
    /// Last part of the IPTC digital source type, such as `trainedAlgorithmicMedia`.
    pub source_type: Option<String>,
}

/// The model of a clip, as its recipe has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Hash of its files.
    pub hash: String,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::ThisMachine => "self-signed, with the key of this machine",
            Self::SelfSigned => "self-signed: nobody vouches for the name",
            Self::Trusted => "issued by someone whom you trust",
            Self::Unknown => "issued by someone unknown here; --trust names whom you trust",
        }
    }
}

impl Report {
    /// What does not hold, if anything does not.
    pub fn problem(&self) -> Option<String> {
        if self.valid {
            return None;
        }
        let first = self.problems.first();
        let unnamed = || "its signature cannot be relied on".to_owned();
        Some(first.map_or_else(unnamed, |problem| problem.explanation.clone()))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem() {
            None => writeln!(out, "valid      unchanged since it was signed")?,
            Some(problem) => writeln!(out, "not valid  {problem}")?,
        }
        for problem in self.problems.iter().skip(1) {
            writeln!(out, "           {}", problem.explanation)?;
        }
        let Signature {
            kind,
            subject,
            issuer,
            time,
            ..
        } = &self.signature;
        writeln!(out, "signed by  {subject} ({})", kind.words())?;
        if matches!(kind, Kind::Trusted | Kind::Unknown) {
            writeln!(out, "issued by  {issuer}")?;
        }
        let time = time.as_deref();
        let time = time.unwrap_or("not known: no authority stamped the time");
        writeln!(out, "time       {time}")?;
        let Claimed {
            generator,
            actions,
            model,
        } = &self.claimed;
        write!(
            out,
            "program    {}",
            generator.as_deref().unwrap_or("not said")
        )?;
        for Action {
            action,
            source_type,
        } in actions
        {
            let source = source_type.as_deref().unwrap_or("no source type");
            write!(out, "\naction     {action}, {source}")?;
        }
        if let Some(Model { name, hash }) = model {
            write!(out, "\nmodel      {name}, {hash}")?;
        }
        Ok(())
    }
}

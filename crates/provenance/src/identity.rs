//! The key that signs and its certificate, made on first use in a folder that nobody else reads.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::SigningKey;

use crate::certificate;
use crate::error::{ProvenanceError, Result};

/// In the data folder.
const FOLDER: &str = "c2pa";
const KEY: &str = "key.pem";
const CERTIFICATE: &str = "certificate.pem";
/// PKCS#8 of an Ed25519 key in front of its 32 bytes (RFC 8410, section 7).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A key and the certificate that follows from it.
pub struct Identity {
    /// PKCS#8 in PEM.
    pub key: String,
    /// In PEM.
    pub certificate: String,
    /// In DER.
    pub der: Vec<u8>,
}

impl Identity {
    /// The identity of a data folder, made when there is none yet; several processes may ask at once.
    ///
    /// # Errors
    /// [`ProvenanceError::Io`], [`ProvenanceError::BadKey`].
    pub fn open(data: &Path) -> Result<Self> {
        let folder = data.join(FOLDER);
        make_folder(&folder).map_err(failed("create", &folder))?;
        let path = folder.join(KEY);
        if !path.exists() {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed)
                .map_err(|error| failed("create", &path)(io::Error::other(error)))?;
            let key = pem("PRIVATE KEY", &[&PKCS8[..], &seed].concat());
            // Another process may have been faster: its key is the one.
            appear(&path, &key).map_err(failed("create", &path))?;
        }
        let identity = Self::read(&path)?;
        let path = folder.join(CERTIFICATE);
        if !path.exists() {
            appear(&path, &identity.certificate).map_err(failed("create", &path))?;
        }
        Ok(identity)
    }

    /// The certificate of a data folder in DER, if it has one.
    pub fn certificate_of(data: &Path) -> Option<Vec<u8>> {
        Some(Self::read(&data.join(FOLDER).join(KEY)).ok()?.der)
    }

    fn read(path: &Path) -> Result<Self> {
        let key = fs::read_to_string(path).map_err(failed("read", path))?;
        let bad = || ProvenanceError::BadKey { path: path.into() };
        let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64_STANDARD.decode(body).map_err(|_| bad())?;
        let seed = der.strip_prefix(&PKCS8[..]).ok_or_else(bad)?;
        let seed: &[u8; 32] = seed.try_into().map_err(|_| bad())?;
        let der = certificate::of(&SigningKey::from_bytes(seed));
        Ok(Self {
            key,
            certificate: pem("CERTIFICATE", &der),
            der,
        })
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a file appear whole, for its owner alone, unless there is one already.
fn appear(path: &Path, text: &str) -> io::Result<()> {
    let mut number = [0; 8];
    getrandom::fill(&mut number).map_err(io::Error::other)?;
    let part = path.with_extension(format!("{:x}.part", u64::from_ne_bytes(number)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&part).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    // A hard link does not replace what another process has put there.
    let linked = written.and_then(|()| fs::hard_link(&part, path));
    let _ = fs::remove_file(&part);
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// RFC 7468: 64 characters a line.
fn pem(label: &str, der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    let lines = body.as_bytes().chunks(64);
    let lines = lines.map(|line| std::str::from_utf8(line).expect("base64 is ASCII"));
    let lines: Vec<_> = lines.collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ProvenanceError {
    let path: PathBuf = path.into();
    move |source| ProvenanceError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_nobody_else_reads_it() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let asks = (0..8).map(|_| {
            let data = data.path().to_owned();
            std::thread::spawn(move || Identity::open(&data).expect("an identity").key)
        });
        let asks: Vec<_> = asks.collect();
        let keys: Vec<_> = asks
            .into_iter()
            .map(|ask| ask.join().expect("no panic"))
            .collect();
        assert!(
            keys.windows(2).all(|pair| pair[0] == pair[1]),
            "one key for all"
        );
        let folder = data.path().join(FOLDER);
        let names = fs::read_dir(&folder).expect("the folder").flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        names.sort();
        assert_eq!(names, [CERTIFICATE, KEY], "no part is left");
        #[cfg(unix)]
        for path in [folder.join(KEY), folder.join(CERTIFICATE)] {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let folder = data.path().join(FOLDER);
        fs::create_dir(&folder).expect("a folder");
        for text in [
            "",
            "hello",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            fs::write(folder.join(KEY), text).expect("a file");
            let refused = Identity::open(data.path()).err();
            assert!(
                matches!(refused, Some(ProvenanceError::BadKey { .. })),
                "{text}"
            );
        }
    }
}

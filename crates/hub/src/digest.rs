//! SHA-256 as hubs write it.

use sha2::{Digest, Sha256};

/// The digest in lower-case hexadecimal.
pub(crate) fn hex(digest: Sha256) -> String {
    let bytes = digest.finalize();
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Whether a text has the form of such a digest.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

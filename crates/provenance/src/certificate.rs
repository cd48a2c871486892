//! A self-signed X.509 certificate for an Ed25519 key.
//!
//! It follows from the key alone: no clock, no host name, nothing else of the machine.
//!
//! Reference: RFC 5280 (certificates), RFC 8410 (Ed25519 in them), and the profile for signers in
//! section 14.5 of the C2PA specification 2.2: not an authority, `digitalSignature`, one purpose.

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256};

/// Whom the certificate names; it says itself that nobody vouches for that.
pub const COMMON_NAME: &str = "Kinora on this machine";
const ORGANIZATION: &str = "Kinora (self-signed)";

/// Tags of ASN.1 (X.690).
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT_0: u8 = 0xa0;
const EXPLICIT_3: u8 = 0xa3;
const KEY_IDENTIFIER: u8 = 0x80;

/// Object identifiers, encoded.
const ED25519: &[u8] = &[0x2b, 0x65, 0x70]; // 1.3.101.112
const COMMON_NAME_ID: &[u8] = &[0x55, 0x04, 0x03]; // 2.5.4.3
const ORGANIZATION_ID: &[u8] = &[0x55, 0x04, 0x0a]; // 2.5.4.10
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e]; // 2.5.29.14
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f]; // 2.5.29.15
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13]; // 2.5.29.19
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23]; // 2.5.29.35
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25]; // 2.5.29.37
const DOCUMENT_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x24]; // RFC 9336

/// The certificate of a key, in DER.
pub fn of(key: &SigningKey) -> Vec<u8> {
    let public = key.verifying_key();
    let digest = Sha256::digest(public.as_bytes());
    let key_id = &digest[..20];
    let name = sequence(&[
        attribute(COMMON_NAME_ID, COMMON_NAME),
        attribute(ORGANIZATION_ID, ORGANIZATION),
    ]);
    // RFC 5280, 4.1.2.5: the end that stands for none.
    let validity = sequence(&[
        element(UTC_TIME, b"250101000000Z"),
        element(GENERALIZED_TIME, b"99991231235959Z"),
    ]);
    // Positive and not zero, whatever the digest is.
    let serial = [&[0x01], &digest[20..]].concat();
    let body = sequence(&[
        element(EXPLICIT_0, &element(INTEGER, &[2])), // version 3
        element(INTEGER, &serial),
        algorithm(),
        name.clone(), // issuer
        validity,
        name, // subject
        sequence(&[algorithm(), bit_string(0, public.as_bytes())]),
        element(EXPLICIT_3, &extensions(key_id)),
    ]);
    let signature = key.sign(&body).to_bytes();
    sequence(&[body, algorithm(), bit_string(0, &signature)])
}

fn extensions(key_id: &[u8]) -> Vec<u8> {
    let purpose = sequence(&[element(OBJECT_IDENTIFIER, DOCUMENT_SIGNING)]);
    let authority = sequence(&[element(KEY_IDENTIFIER, key_id)]);
    sequence(&[
        extension(BASIC_CONSTRAINTS, true, &sequence(&[])), // no authority
        extension(KEY_USAGE, true, &bit_string(7, &[0x80])), // digitalSignature
        extension(EXTENDED_KEY_USAGE, false, &purpose),
        extension(SUBJECT_KEY_ID, false, &element(OCTET_STRING, key_id)),
        extension(AUTHORITY_KEY_ID, false, &authority),
    ])
}

fn extension(id: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![element(OBJECT_IDENTIFIER, id)];
    if is_critical {
        parts.push(element(BOOLEAN, &[0xff]));
    }
    parts.push(element(OCTET_STRING, value));
    sequence(&parts)
}

fn algorithm() -> Vec<u8> {
    sequence(&[element(OBJECT_IDENTIFIER, ED25519)])
}

fn attribute(id: &[u8], text: &str) -> Vec<u8> {
    let pair = [
        element(OBJECT_IDENTIFIER, id),
        element(UTF8_STRING, text.as_bytes()),
    ];
    element(SET, &sequence(&pair))
}

fn bit_string(unused_bits: u8, bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[unused_bits], bytes].concat())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

/// Tag, length and content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        short @ 0..0x80 => bytes.push(short as u8),
        long @ 0x80..0x100 => bytes.extend([0x81, long as u8]),
        longer => {
            let length = u16::try_from(longer).expect("a certificate is short");
            bytes.push(0x82);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    #[test]
    fn it_is_what_a_parser_of_others_expects() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let der = of(&key);
        assert_eq!(der, of(&key), "it follows from the key alone");
        let (rest, certificate) = X509Certificate::from_der(&der).expect("a certificate");
        assert!(rest.is_empty() && !certificate.is_ca());
        assert_eq!(certificate.subject(), certificate.issuer());
        assert_eq!(
            certificate.subject().to_string(),
            "CN=Kinora on this machine, O=Kinora (self-signed)"
        );
        let usage = certificate
            .key_usage()
            .expect("well-formed")
            .expect("there");
        assert!(usage.critical && usage.value.digital_signature() && !usage.value.key_cert_sign());
        let other = of(&SigningKey::from_bytes(&[8; 32]));
        let (_, other) = X509Certificate::from_der(&other).expect("a certificate");
        assert_ne!(certificate.raw_serial(), other.raw_serial());
    }
}

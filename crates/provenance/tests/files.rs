//! Signed clips, and what becomes of them on their way.
#![cfg(feature = "c2pa")]

use std::fs;
use std::path::{Path, PathBuf};

use kinora_engine::{Engine, Request};
use kinora_media::{ClipReader, Mp4Writer, Seal, Tags, VideoSettings, read_recipe};
use kinora_provenance::{Kind, ProvenanceError, Report, Signer, verify};
use tempfile::TempDir;

const SIDE: u32 = 64;

/// A data folder and clips beside it.
struct Studio {
    folder: TempDir,
}

impl Studio {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signer(&self) -> Signer {
        Signer::open(&self.data()).expect("a signer")
    }

    /// A clip of a few frames with a recipe.
    fn clip(&self, name: &str, recipe: &str, seal: Option<&dyn Seal>) -> PathBuf {
        let tags = Tags {
            recipe: Some(recipe.into()),
            ..Tags::default()
        };
        let settings = VideoSettings {
            tags,
            ..VideoSettings::new(SIDE, SIDE, 24)
        };
        let path = self.path(name);
        let mut writer = Mp4Writer::create(&path, settings).expect("a writer");
        for frame in 0..30_u32 {
            let rgb = (0..SIDE * SIDE * 3).map(|i| ((i * 7 + frame * 5) % 251) as u8);
            writer
                .write_frame(&rgb.collect::<Vec<_>>())
                .expect("a frame");
        }
        writer.finish_sealed(seal).expect("a clip");
        path
    }

    fn signed(&self, name: &str) -> PathBuf {
        self.clip(name, &recipe(), Some(&self.signer()))
    }

    fn verify(&self, path: &Path) -> Result<Report, ProvenanceError> {
        verify(path, Some(&self.data()), None)
    }
}

fn recipe() -> String {
    let request = Request {
        prompt: "a red boat in a harbor at dawn".into(),
        seed: Some(7),
        ..Request::default()
    };
    let job = Engine::new().resolve(&request).expect("a job");
    job.recipe.to_json()
}

#[test]
fn a_signed_clip_is_valid_and_says_who_made_it_with_what() {
    let studio = Studio::new();
    let report = studio.verify(&studio.signed("a.mp4")).expect("a report");
    assert!(report.valid && report.problems.is_empty(), "{report:?}");
    let signature = &report.signature;
    assert_eq!(signature.kind, Kind::ThisMachine);
    assert_eq!(signature.subject, "Kinora on this machine");
    assert_eq!(signature.time, None, "no clock is asked");
    let claimed = &report.claimed;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(claimed.generator, Some(format!("Kinora {version}")));
    assert_eq!(claimed.actions.len(), 1, "{:?}", claimed.actions);
    assert_eq!(claimed.actions[0].action, "c2pa.created");
    let source = claimed.actions[0].source_type.as_deref();
    assert_eq!(source, Some("trainedAlgorithmicMedia"));
    assert_eq!(claimed.model.as_ref().expect("a model").name, "kinora-1");
}

#[test]
fn another_machine_sees_a_self_signed_name_unless_it_trusts_the_certificate() {
    let (here, there) = (Studio::new(), Studio::new());
    let clip = here.signed("a.mp4");
    let seen = there.verify(&clip).expect("a report");
    assert!(seen.valid);
    assert_eq!(seen.signature.kind, Kind::SelfSigned);
    let certificate = here.data().join("c2pa/certificate.pem");
    let trusting = verify(&clip, Some(&there.data()), Some(&certificate)).expect("a report");
    assert!(trusting.valid);
    assert_eq!(trusting.signature.kind, Kind::Trusted);
    assert!(!there.data().exists(), "verifying makes no key");
    let key = here.data().join("c2pa/key.pem");
    let refused = verify(&clip, None, Some(&key)).err();
    assert!(matches!(refused, Some(ProvenanceError::BadTrust { .. })));
}

#[test]
fn a_manifest_adds_itself_and_nothing_else() {
    let studio = Studio::new();
    let clip = studio.signed("a.mp4");
    let bytes = fs::read(&clip).expect("a file");
    assert_eq!(kinds(&bytes), ["ftyp", "uuid", "moov", "mdat"]);
    let plain = studio.clip("plain.mp4", &recipe(), None);
    assert_eq!(pictures(&clip), pictures(&plain));
    assert_eq!(read_recipe(&clip).expect("a recipe"), recipe());
    let added = bytes.len() - fs::read(&plain).expect("a file").len();
    assert!(added < 20_000, "{added} bytes");
    // Only the recipe's tag, behind it, says what the prompt was.
    let start = u32::from_be_bytes(*bytes.first_chunk().expect("a box")) as usize;
    let manifest = &bytes[start..start + added];
    let has = |text: &str| {
        let mut places = manifest.windows(text.len());
        places.any(|part| part == text.as_bytes())
    };
    assert!(has("kinora-1") && !has("harbor"));
    let path = studio.folder.path().to_str().expect("a plain path");
    assert!(!has(path), "no path");
}

#[test]
fn clips_that_begin_with_what_is_given_are_no_model_s_alone() {
    let studio = Studio::new();
    let mut given: serde_json::Value = serde_json::from_str(&recipe()).expect("JSON");
    given["effective"]["given"] = serde_json::json!({ "image": "00" });
    let signer = studio.signer();
    let clip = studio.clip("a.mp4", &given.to_string(), Some(&signer));
    let report = studio.verify(&clip).expect("a report");
    let source = report.claimed.actions[0].source_type.as_deref();
    assert_eq!(source, Some("compositeWithTrainedAlgorithmicMedia"));
}

#[test]
fn one_changed_byte_is_seen_wherever_it_is() {
    let studio = Studio::new();
    let clip = studio.signed("a.mp4");
    let whole = fs::read(&clip).expect("a file");
    let at = |text: &str| {
        let mut places = whole.windows(text.len());
        let found = places.position(|part| part == text.as_bytes());
        found.expect("it is there")
    };
    let (header, media) = (at("moov"), at("mdat"));
    for (place, name) in [
        (at("kinora-1"), "a statement"),
        (at("claim_generator_info") + 2, "the claim"),
        (at("Kinora (self-signed)"), "the certificate"),
        (header + 30, "the header"),
        (media + 4, "the first byte of the frames"),
        (whole.len() - 1, "the last byte of the frames"),
    ] {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        let path = studio.path("changed.mp4");
        fs::write(&path, changed).expect("a file");
        match studio.verify(&path) {
            Ok(report) => assert!(!report.valid && report.problem().is_some(), "{name}"),
            Err(error) => assert!(
                matches!(error, ProvenanceError::Unreadable { .. }),
                "{name}"
            ),
        }
    }
}

#[test]
fn content_under_another_s_signature_is_refused() {
    let studio = Studio::new();
    let signed = fs::read(studio.signed("a.mp4")).expect("a file");
    let plain = fs::read(studio.clip("plain.mp4", &recipe(), None)).expect("a file");
    let added = signed.len() - plain.len();
    let start = u32::from_be_bytes(*signed.first_chunk().expect("a box")) as usize;
    let mut forged = signed.clone();
    let moov = start + added;
    forged[moov + 100..].reverse();
    let path = studio.path("forged.mp4");
    fs::write(&path, forged).expect("a file");
    let seen = studio.verify(&path);
    assert!(seen.is_err() || seen.is_ok_and(|report| !report.valid));
    // Without its manifest it is a clip like any other.
    let stripped = [&signed[..start], &signed[moov..]].concat();
    assert_eq!(stripped.len(), plain.len());
    fs::write(&path, stripped).expect("a file");
    let seen = studio.verify(&path);
    assert!(
        matches!(seen, Err(ProvenanceError::NoManifest { .. })),
        "{seen:?}"
    );
}

#[test]
fn what_is_cut_short_or_foreign_is_an_error_and_never_a_panic() {
    let studio = Studio::new();
    let whole = fs::read(studio.signed("a.mp4")).expect("a file");
    let path = studio.path("short.mp4");
    for part in 0..64 {
        let length = whole.len() * part / 64;
        fs::write(&path, &whole[..length]).expect("a file");
        let seen = studio.verify(&path);
        assert!(!seen.is_ok_and(|report| report.valid), "{length} bytes");
    }
    for foreign in [
        &b""[..],
        b"text",
        b"\x89PNG\r\n\x1a\n",
        &[0xff; 4096],
        &[0; 4096],
    ] {
        fs::write(&path, foreign).expect("a file");
        assert!(studio.verify(&path).is_err());
    }
    let missing = studio.verify(&studio.path("none.mp4"));
    assert!(matches!(missing, Err(ProvenanceError::Io { .. })));
    let folder = studio.verify(studio.folder.path());
    assert!(matches!(folder, Err(ProvenanceError::Io { .. })));
}

#[test]
fn a_clip_that_cannot_be_signed_does_not_appear() {
    let studio = Studio::new();
    let signer = studio.signer();
    let path = studio.path("a.mp4");
    let mut writer =
        Mp4Writer::create(&path, VideoSettings::new(SIDE, SIDE, 24)).expect("a writer");
    writer
        .write_frame(&[0; (SIDE * SIDE * 3) as usize])
        .expect("a frame");
    let failed = writer.finish_sealed(Some(&signer)); // it has no recipe
    assert!(failed.is_err());
    let names = fs::read_dir(studio.folder.path())
        .expect("the folder")
        .flatten();
    let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["data"], "no part is left");
}

fn kinds(mut bytes: &[u8]) -> Vec<String> {
    let mut kinds = Vec::new();
    while let Some(([a, b, c, d], rest)) = bytes.split_first_chunk::<4>() {
        kinds.push(String::from_utf8_lossy(&rest[..4]).into_owned());
        bytes = &bytes[u32::from_be_bytes([*a, *b, *c, *d]) as usize..];
    }
    kinds
}

fn pictures(path: &Path) -> Vec<Vec<u8>> {
    let mut clip = ClipReader::open(path).expect("a clip");
    std::iter::from_fn(|| clip.next_frame().expect("a picture")).collect()
}

//! T5 and UMT5 reproduce transformers: streams of tiny random encoders, ids of prompts in many
//! scripts, and the names of the published files (`oracle/open_models/t5.py`).

#[path = "support/close.rs"]
mod close;
#[path = "t5/layouts.rs"]
mod layouts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use close::assert_close;
use kinora_models::t5::{self, Config, Encoder, Piece, PieceKind, Tokenizer, bucket};
use kinora_nn::WeightFile;
use kinora_tensor::{Precision, Tensor};
use serde::Deserialize;
use serde_json::Value;

/// Largest error allowed, relative to the largest value: f32 sums in another order.
const F32_BOUND: f32 = 2e-5;
/// The same for bf16 matrices (8 bits of mantissa through three blocks), against the reference in
/// f32. The reference's own bf16 is off by up to 0.05.
const BF16_BOUND: f32 = 4e-2;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/t5")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect("a fixture")
}

fn json<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    serde_json::from_str(&text(name)).expect("a fixture of this form")
}

struct Fixture {
    file: WeightFile,
    config: Config,
    ids: Vec<u32>,
}

impl Fixture {
    fn open(name: &str, tokens: usize) -> Self {
        let file = WeightFile::open(&folder().join(format!("{name}.safetensors")));
        let file = file.expect("a fixture");
        let config = Config::from_json(&text(&format!("{name}.json"))).expect("its config");
        let ids = file.weights(Precision::F32).tensor("ids", [tokens]);
        let ids = ids.expect("the ids").to_vec();
        let ids = ids.into_iter().map(|id| id as u32).collect();
        Self { file, config, ids }
    }

    fn read(&self, name: &str) -> Tensor {
        let shape = [self.ids.len(), self.config.d_model];
        let tensor = self.file.weights(Precision::F32).tensor(name, shape);
        tensor.expect("a named intermediate")
    }

    fn check(&self, precision: Precision, bound: f32) {
        let weights = self.file.weights(precision).at("weights");
        let encoder = Encoder::load(&weights, &self.config).expect("the encoder");
        let states = encoder.encode_watched(&self.ids, |i, x| {
            let name = match i {
                0 => "embedded".to_owned(),
                _ => format!("block.{}", i - 1),
            };
            let reference = self.read(&name);
            assert_close(&name, &x.reshape(reference.shape()), &reference, bound);
        });
        assert_close("states", &states, &self.read("states"), bound);
        self.file.finish().expect("every tensor is read");

        let by_block = t5::encode_by_block(&weights, &self.config, &[&self.ids, &self.ids[..7]]);
        let by_block = by_block.expect("the encoder");
        assert_eq!(by_block[0].as_f32(), states.as_f32(), "block by block");
        let short = encoder.encode(&self.ids[..7]);
        assert_eq!(by_block[1].as_f32(), short.as_f32(), "a second prompt");
    }
}

#[test]
fn t5_without_a_mask_over_padding() {
    let fixture = Fixture::open("t5", 40);
    assert_eq!(fixture.ids[29..], [0; 11], "the padding is there");
    fixture.check(Precision::F32, F32_BOUND);
}

#[test]
fn t5_with_relu_and_other_sizes() {
    Fixture::open("t5_relu", 40).check(Precision::F32, F32_BOUND);
}

#[test]
fn umt5_of_the_tokens_that_the_mask_leaves() {
    Fixture::open("umt5", 29).check(Precision::F32, F32_BOUND);
}

#[test]
fn encoders_in_bf16() {
    Fixture::open("t5", 40).check(Precision::Bf16, BF16_BOUND);
    Fixture::open("umt5", 29).check(Precision::Bf16, BF16_BOUND);
}

#[test]
fn distances_fall_into_the_buckets_of_the_reference() {
    let tables: BTreeMap<String, Vec<usize>> = json("buckets.json");
    for (name, expected) in tables {
        let (buckets, far) = name.split_once('_').expect("two numbers");
        let (buckets, far) = (buckets.parse().unwrap(), far.parse().unwrap());
        for (distance, expected) in (-400..).zip(expected) {
            assert_eq!(
                bucket(distance, buckets, far),
                expected,
                "{name}: {distance}"
            );
        }
    }
}

/// Prompts, and the ids of each tokenizer as numbers with spaces between.
type Answers = BTreeMap<String, Vec<String>>;

#[track_caller]
fn check_ids(answers: &Answers, key: &str, encode: impl Fn(&str) -> Vec<u32>) {
    let prompts = &answers["prompts"];
    assert!(prompts.len() >= 200);
    for (prompt, expected) in prompts.iter().zip(&answers[key]) {
        let ids: Vec<String> = encode(prompt).iter().map(u32::to_string).collect();
        assert_eq!(&ids.join(" "), expected, "{key}: {prompt:?}");
    }
}

fn spiece() -> Vec<u8> {
    std::fs::read(folder().join("tokenizer/spiece.model")).expect("a fixture")
}

/// The character map of `spiece.model`, found by the number and length of its field.
fn charsmap() -> Vec<u8> {
    let model = spiece();
    let start = (0..model.len() - 4)
        .rev()
        .find(|&i| model[i..].starts_with(b"\x0a\x08nmt_nfkc\x12"))
        .expect("the normaliser's name");
    let mut rest = &model[start + 11..];
    let mut length = 0;
    for shift in (0..).step_by(7) {
        let byte = rest[0];
        rest = &rest[1..];
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    rest[..length].to_vec()
}

/// `tokenizer.json`, with components of other files in the place of its own, and the character map.
fn tokenizer_json(components: Option<&str>) -> Value {
    let mut file: Value = json("tokenizer/tokenizer.json");
    if let Some(name) = components {
        let other: BTreeMap<String, Value> = json(name);
        for (key, component) in other {
            file[key.as_str()] = component;
        }
        file["model"]["byte_fallback"] = true.into();
    }
    let map = Value::from(BASE64_STANDARD.encode(charsmap()));
    let normalizer = &mut file["normalizer"];
    let place = match normalizer.get_mut("normalizers") {
        Some(all) => &mut all[0],
        None => normalizer,
    };
    place["precompiled_charsmap"] = map;
    file
}

#[test]
fn ids_from_spiece_model() {
    let answers: Answers = json("tokenizer/ids.json");
    let tokenizer = Tokenizer::from_spiece(&spiece(), Tokenizer::EXTRA_IDS).expect("a tokenizer");
    check_ids(&answers, "spiece", |prompt| tokenizer.encode(prompt));
    check_ids(&answers, "truncated", |prompt| {
        tokenizer.encode_at_most(prompt, 12)
    });
    assert_eq!(tokenizer.pad_id(), 0);
    assert_eq!(tokenizer.num_ids(), 924 + Tokenizer::EXTRA_IDS);
}

#[test]
fn ids_from_a_folder_that_says_how_many_sentinels() {
    let answers: Answers = json("tokenizer/ids.json");
    // The folder holds a `tokenizer.json` too, for another test.
    let tokenizer = Tokenizer::open(&folder().join("tokenizer/spiece.model")).expect("a tokenizer");
    check_ids(&answers, "sentinels", |prompt| tokenizer.encode(prompt));
}

#[test]
fn ids_from_tokenizer_json() {
    let answers: Answers = json("tokenizer/ids.json");
    let read = |components| {
        let file = tokenizer_json(components).to_string();
        Tokenizer::from_json(file.as_bytes()).expect("a tokenizer")
    };
    let tokenizer = read(None);
    check_ids(&answers, "json", |prompt| tokenizer.encode(prompt));
    let old = read(Some("tokenizer/old_components.json"));
    check_ids(&answers, "old_json", |prompt| old.encode(prompt));
}

#[test]
fn t5_cuts_words_its_own_way_whatever_tokenizer_json_says() {
    let answers: Answers = json("tokenizer/ids.json");
    let place = std::env::temp_dir().join(format!("kinora-t5-{}", std::process::id()));
    std::fs::create_dir_all(&place).expect("a folder");
    let file = tokenizer_json(Some("tokenizer/old_components.json")).to_string();
    std::fs::write(place.join("tokenizer.json"), file).expect("a file");
    let class = r#"{"tokenizer_class": "T5TokenizerFast", "model_max_length": 512}"#;
    std::fs::write(place.join("tokenizer_config.json"), class).expect("a file");
    let tokenizer = Tokenizer::open(&place);
    std::fs::remove_dir_all(&place).expect("the folder is ours");
    let tokenizer = tokenizer.expect("a tokenizer");
    check_ids(&answers, "json", |prompt| tokenizer.encode(prompt));
}

/// As a GGUF file holds it: sentinels among the pieces, then fillers up to the size of the table.
#[test]
fn ids_from_pieces() {
    let answers: Answers = json("tokenizer/ids.json");
    let vocabulary = tokenizer_json(None)["model"]["vocab"].take();
    let vocabulary: Vec<(String, f64)> = serde_json::from_value(vocabulary).expect("pieces");
    let mut pieces: Vec<Piece> = vocabulary
        .into_iter()
        .map(|(text, score)| Piece {
            kind: match text.as_str() {
                "<pad>" | "</s>" => PieceKind::Control,
                "<unk>" => PieceKind::Unknown,
                _ if text.starts_with("<extra_id_") => PieceKind::UserDefined,
                _ if text.starts_with("<0x") => PieceKind::Byte,
                _ => PieceKind::Normal,
            },
            score: if text.starts_with("<extra_id_") {
                -1000.0
            } else {
                score as f32
            },
            text,
        })
        .collect();
    pieces.extend((0..20).map(|i| Piece {
        text: format!("[PAD{i}]"),
        score: -1000.0,
        kind: PieceKind::Unused,
    }));
    let tokenizer = Tokenizer::from_pieces(pieces, Some(&charsmap()), 0).expect("a tokenizer");
    check_ids(&answers, "json", |prompt| tokenizer.encode(prompt));
}

#[test]
fn broken_tokenizers_are_refused() {
    let whole = spiece();
    for length in (0..whole.len()).step_by(7919) {
        // A cut between two pieces leaves a model, though one without a character map.
        let _ = Tokenizer::from_spiece(&whole[..length], 0);
    }
    let mut broken = whole.clone();
    for i in (0..broken.len()).step_by(61) {
        broken[i] ^= 0x5a;
        let tokenizer = Tokenizer::from_spiece(&broken, 0);
        if let Ok(tokenizer) = tokenizer {
            tokenizer.encode("ﬁné ＡＢ \u{1}");
        }
        broken[i] ^= 0x5a;
    }
    let message = |json: &str| {
        let error = Tokenizer::from_json(json.as_bytes()).err().expect("broken");
        error.to_string()
    };
    let message_of = |change: fn(&mut Value)| {
        let mut file = tokenizer_json(None);
        change(&mut file);
        message(&file.to_string())
    };
    assert!(message("{}").contains("missing field `model`"));
    let unknown = message_of(|file| file["model"]["unk_id"] = 5_000_000.into());
    assert!(unknown.contains("5000000"), "{unknown}");
    let bpe = message_of(|file| file["model"]["type"] = "BPE".into());
    assert!(bpe.contains("BPE"), "{bpe}");
    let lowercase = message_of(|file| file["normalizer"]["type"] = "Lowercase".into());
    assert!(lowercase.contains("Lowercase"), "{lowercase}");
    let map = message_of(|file| file["normalizer"]["precompiled_charsmap"] = "AAA".into());
    assert!(map.contains("character map"), "{map}");
    let grown = message_of(|file| {
        let twice =
            serde_json::json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
        file["normalizer"] =
            serde_json::json!({"type": "Sequence", "normalizers": vec![twice; 20]});
    });
    assert!(grown.contains("1048576 times as long"), "{grown}");
    let everywhere = message_of(|file| {
        let between =
            serde_json::json!({"type": "Replace", "pattern": {"String": ""}, "content": "a"});
        file["normalizer"] = between;
    });
    assert!(everywhere.contains("inf times as long"), "{everywhere}");
    let scheme = message_of(|file| {
        file["pre_tokenizer"]["pretokenizers"][1]["prepend_scheme"] = "first".into();
    });
    assert!(scheme.contains("first"), "{scheme}");
}

//! Damaged weight files, LoRAs and shard indexes are read or refused: no panic, and no more memory
//! than the file pays for.

#[path = "support/fuzz.rs"]
mod fuzz;
mod support;

use std::fs;
use std::panic::RefUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use bolero::check;
use fuzz::{Recipe, alone, bounded, corpus};
use kinora_nn::{Lora, WeightFile, WeightsError};
use kinora_tensor::Precision;
use support::{fixture, tensor};

/// Files of each kind in a run of all tests: about a second each.
const WEIGHTS: usize = 100_000;
const LORAS: usize = 100_000;
const INDEXES: usize = 500;

/// Reads whatever can be read of a file. Says whether it was one.
fn read_all(bytes: Vec<u8>) -> bool {
    let Ok(file) = WeightFile::from_bytes("damaged", bytes) else {
        return false;
    };
    let weights = file.weights(Precision::Bf16);
    for name in file.names() {
        let _ = tensor(&weights, name);
        let _ = file.embedded_file(name);
    }
    let _ = file.finish();
    true
}

/// Merges a LoRA into a model and reads every weight. Says whether it was one.
fn merge(lora: Vec<u8>, model: &[u8]) -> bool {
    let Ok(lora) = WeightFile::from_bytes("damaged", lora) else {
        return false;
    };
    let model = WeightFile::from_bytes("model", model.to_vec()).expect("a whole file");
    let Ok((model, _)) = model.with_lora(&Lora::new(lora), 1.0, &[]) else {
        return false;
    };
    let weights = model.weights(Precision::F32);
    for name in model.names() {
        let _ = tensor(&weights, name);
    }
    true
}

/// Writes the length that a safetensors header has after the damage, so that what it says is read.
fn repair(bytes: &mut [u8]) {
    let Some((length, rest)) = bytes.split_first_chunk_mut::<8>() else {
        return;
    };
    let mut open = 0;
    let end = rest.iter().position(|byte| {
        open += i32::from(*byte == b'{') - i32::from(*byte == b'}');
        open == 0
    });
    if let Some(end) = end
        && rest[0] == b'{'
    {
        let padding = rest[end + 1..].iter().take_while(|byte| **byte == b' ');
        let header = end + 1 + padding.count();
        *length = (header as u64).to_le_bytes();
    }
}

/// Damages seeds `count` times, every other one with a header that ends where it says; `read` says whether a file was read. Some are, or the damage would be
/// too heavy to reach what lies behind a header.
fn damage(seeds: &[Vec<u8>], count: usize, read: impl Fn(Vec<u8>) -> bool + RefUnwindSafe) {
    let whole = AtomicUsize::new(0);
    check!()
        .with_type::<Recipe>()
        .with_iterations(count)
        .for_each(|recipe| {
            let mut bytes = recipe.cook(seeds);
            if recipe.is_even() {
                repair(&mut bytes);
            }
            let was_read = read(bytes);
            whole.fetch_add(usize::from(was_read), Ordering::Relaxed);
        });
    let whole = whole.into_inner();
    println!("{whole} of {count} were read");
    assert!(whole > count / 500, "only {whole} of {count} were read");
}

#[test]
fn damaged_weights_are_read_or_refused() {
    let _alone = alone();
    let kinds = ["gguf", "safetensors"];
    // Whole files as often as those that lie.
    let (whole, lying) = (
        corpus(&fixture(""), &kinds),
        corpus(&fixture("broken"), &kinds),
    );
    let seeds: Vec<_> = whole
        .iter()
        .cycle()
        .take(lying.len())
        .chain(&lying)
        .cloned()
        .collect();
    damage(&seeds, WEIGHTS, |bytes| {
        bounded(bytes.len(), || read_all(bytes))
    });
}

#[test]
fn damaged_loras_are_merged_or_refused() {
    let _alone = alone();
    let mut seeds = corpus(&fixture(""), &["safetensors"]);
    seeds.retain(|seed| {
        seed.windows(5)
            .any(|name| name == b".lora" || name == b"lora_")
    });
    assert!(seeds.len() >= 3, "three families");
    let model = fs::read(fixture("lora_model.safetensors")).unwrap();
    damage(&seeds, LORAS, |bytes| {
        bounded(bytes.len() + model.len(), || merge(bytes, &model))
    });
}

#[test]
fn damaged_indexes_are_followed_or_refused() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let shards = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ];
    let mut sizes = 0;
    for (shard, of) in shards.iter().zip(["lora_model", "fp8_truth"]) {
        sizes += fs::copy(
            fixture(&format!("{of}.safetensors")),
            folder.path().join(shard),
        )
        .unwrap();
    }
    let index = folder.path().join("model.safetensors.index.json");
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/index");
    damage(&corpus(&place, &["json"]), INDEXES, |bytes| {
        fs::write(&index, &bytes).unwrap();
        let count = bytes.len() + sizes as usize;
        let opened = bounded(count, || WeightFile::open_folder(folder.path()));
        // An index that names other tensors than its shards hold was followed, too.
        matches!(opened, Ok(_) | Err(WeightsError::Missing { .. }))
    });
}

/// A GGUF file of one list of small numbers, the densest that the format can say.
fn dense_gguf(count: u64) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    for number in [0, 1, 1] {
        bytes.extend(u64::to_le_bytes(number));
    }
    bytes.extend(b"a\x09\0\0\0\0\0\0\0");
    bytes.extend(count.to_le_bytes());
    bytes.resize(bytes.len() + count as usize, 7);
    bytes
}

/// A safetensors file whose header is a list of `item` where a tensor is described.
fn dense_safetensors(item: &str, count: usize) -> Vec<u8> {
    let header = format!("{{\"a\":[{}{item}]}}", format!("{item},").repeat(count));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

#[test]
fn the_densest_files_stay_below_the_ceiling() {
    let _alone = alone();
    let mut files = vec![dense_gguf(1 << 20)];
    let items = ["0", "[]", "[0]", "{\"\":0}", "\"a\""];
    files.extend(items.map(|item| dense_safetensors(item, 100_000)));
    for bytes in files {
        bounded(bytes.len(), || read_all(bytes));
    }
}

//! Damaged `spiece.model` and `tokenizer.json` files are read or refused, and those that are read
//! cut prompts: no panic, and no more memory than the file pays for.

#[path = "../../nn/tests/support/fuzz.rs"]
mod fuzz;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use bolero::check;
use fuzz::{Recipe, alone, bounded, corpus};
use kinora_models::t5::{Tokenizer, TokenizerError};

/// Files of each kind in a run of all tests: about two seconds.
const ITERATIONS: usize = 20_000;
/// What every tokenizer that was read cuts.
const PROMPTS: [&str; 4] = ["ab  b</s>a", "Aé\u{301} ﬁ\u{1}語", "<extra_id_0>ab ", ""];

fn files(kind: &str, extension: &str) -> Vec<Vec<u8>> {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    corpus(&corpora.join(kind), &[extension])
}

/// Reads a file and cuts the prompts. Says whether it was read.
fn cut(tokenizer: Result<Tokenizer, TokenizerError>) -> bool {
    let Ok(tokenizer) = tokenizer else {
        return false;
    };
    for prompt in PROMPTS {
        let ids = tokenizer.encode(prompt);
        let most = ids.iter().max().map_or(0, |id| *id as usize);
        assert!(
            most < tokenizer.num_ids(),
            "{most} of {}",
            tokenizer.num_ids()
        );
        let short = tokenizer.encode_at_most(prompt, 3);
        assert!(short.len() <= ids.len().max(3));
    }
    true
}

/// Damages a corpus. Some files are read all the same, or it would be too heavy to reach far.
fn damage(seeds: &[Vec<u8>], read: fn(&[u8]) -> Result<Tokenizer, TokenizerError>) {
    let _alone = alone();
    let whole = AtomicUsize::new(0);
    check!()
        .with_type::<Recipe>()
        .with_iterations(ITERATIONS)
        .for_each(|recipe| {
            let bytes = recipe.cook(seeds);
            let was_read = bounded(bytes.len(), || cut(read(&bytes)));
            whole.fetch_add(usize::from(was_read), Ordering::Relaxed);
        });
    let whole = whole.into_inner();
    println!("{whole} were read");
    assert!(whole > ITERATIONS / 50, "only {whole} were read");
}

#[test]
fn damaged_spiece_models_are_read_or_refused() {
    damage(&files("spiece", "model"), |bytes| {
        Tokenizer::from_spiece(bytes, 4)
    });
}

#[test]
fn damaged_tokenizer_json_files_are_read_or_refused() {
    damage(&files("tokenizer", "json"), Tokenizer::from_json);
}

#[test]
fn every_seed_is_read_or_refused_as_it_is_meant() {
    let read = |files: Vec<Vec<u8>>, read: fn(&[u8]) -> Result<Tokenizer, TokenizerError>| {
        files.iter().filter(|bytes| cut(read(bytes))).count()
    };
    let spiece = files("spiece", "model");
    let json = files("tokenizer", "json");
    assert_eq!((spiece.len(), json.len()), (5, 7));
    assert_eq!(read(spiece, |bytes| Tokenizer::from_spiece(bytes, 4)), 4);
    assert_eq!(read(json, Tokenizer::from_json), 6);
}

/// The densest that the formats can say: pieces of two and of four bytes, entries of eight.
#[test]
fn the_densest_files_stay_below_the_ceiling() {
    let _alone = alone();
    let whole = &files("spiece", "model")[2];
    for piece in [&[0x0a, 0][..], &[0x0a, 2, 0x18, 3], &[0x0a, 2, 0x18, 4]] {
        let bytes = [whole, &piece.repeat(100_000)[..]].concat();
        let read = bounded(bytes.len(), || Tokenizer::from_spiece(&bytes, 4).is_ok());
        assert!(read);
    }
    let vocab = "[\"\",0],".repeat(100_000);
    let json = format!(r#"{{"model":{{"unk_id":0,"vocab":[{vocab}["</s>",0]]}}}}"#);
    let read = bounded(json.len(), || Tokenizer::from_json(json.as_bytes()).is_ok());
    assert!(read);
}

//! What a reader of the streams relies on.

use std::collections::BTreeMap;
use std::io::{self, Write};

use kinora_filmset::program::Aspect;
use kinora_filmset::script::{SLOTS, Split};
use kinora_models::native::Directions;
use kinora_nn::tokenizer::MAX_TOKENS;
use kinora_train::data::{
    CaptionOptions, Source, StreamOptions, embedded_tokenizer, write_captions, write_stream,
};
use serde_json::Value;

fn clips(frames: u32, aspect: Option<Aspect>, masks: bool) -> StreamOptions {
    StreamOptions {
        source: Source::new(frames, aspect, Split::Train),
        seed: 11,
        count: 3,
        width: 96,
        height: 54,
        threads: 1,
        masks,
    }
}

fn stream(options: &StreamOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_stream(
        options,
        &embedded_tokenizer().expect("the vocabulary"),
        &mut bytes,
    )
    .expect("memory takes all");
    bytes
}

/// Headers and payloads of a stream, read as the trainer reads them.
fn parse(mut bytes: &[u8], masks: bool) -> Vec<(Value, Vec<u8>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_at(4);
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let (header, rest) = rest.split_at(length);
        let header: Value = serde_json::from_slice(header).expect("a JSON header");
        let side = |name: &str| header[name].as_u64().expect("a number") as usize;
        let pixels = side("frames") * side("height") * side("width");
        let (payload, rest) = rest.split_at(pixels * if masks { 4 } else { 3 });
        found.push((header.clone(), payload.to_vec()));
        bytes = rest;
    }
    found
}

#[test]
fn a_stream_is_headers_frames_and_masks() {
    let with_masks = parse(&stream(&clips(25, None, true)), true);
    let without = parse(&stream(&clips(25, None, false)), false);
    assert_eq!(with_masks.len(), 3);
    for ((header, payload), (same, frames)) in with_masks.iter().zip(&without) {
        assert_eq!(header, same);
        assert_eq!(&payload[..frames.len()], &frames[..]);
        let mask = &payload[frames.len()..];
        let subjects = header["program"]["subjects"]
            .as_array()
            .expect("subjects")
            .len();
        assert!(mask.iter().all(|&id| id as usize <= subjects));
        let tokens = header["tokens"].as_array().expect("tokens").len();
        for name in ["ngrams", "numbers", "units"] {
            assert_eq!(header[name].as_array().expect(name).len(), tokens, "{name}");
        }
        assert_eq!(
            header["slots"].as_array().expect("slots").len(),
            SLOTS.len()
        );
    }
    assert!(
        with_masks
            .iter()
            .any(|(_, bytes)| bytes[bytes.len() / 4 * 3..].iter().any(|&m| m > 0))
    );
}

#[test]
fn a_still_is_one_frame_of_a_longer_program() {
    for (header, _) in parse(&stream(&clips(1, Some(Aspect::Wide), false)), false) {
        let length = header["program"]["frames"].as_u64().expect("frames");
        assert!(length >= 25 && header["first_frame"].as_u64().expect("frame") < length);
        assert_eq!(
            (header["frames"].as_u64(), header["width"].as_u64()),
            (Some(1), Some(96))
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_other_shapes_are_scaled_alike() {
    let options = clips(25, None, false);
    assert_eq!(
        stream(&options),
        stream(&StreamOptions {
            threads: 2,
            ..options.clone()
        })
    );
    let half = StreamOptions {
        width: 288,
        height: 160,
        ..options
    };
    let sizes = [(288, 160), (160, 288), (224, 224), (256, 192), (192, 256)];
    for (aspect, size) in Aspect::ALL.iter().zip(sizes) {
        assert_eq!(half.size(*aspect), size);
    }
}

#[test]
fn captions_fit_the_encoder_and_the_vocabulary_knows_their_words() {
    let tokenizer = embedded_tokenizer().expect("the vocabulary");
    assert!(tokenizer.vocab_size() <= 2048, "{}", tokenizer.vocab_size());
    for split in [Split::Train, Split::HeldOut] {
        let source = Source::new(97, None, split);
        for seed in 1_000_000..1_008_000 {
            let text = source.draw(seed).caption.text;
            let encoding = tokenizer.encode(&text);
            assert!(
                encoding.dropped == 0 && encoding.tokens.len() <= MAX_TOKENS,
                "{text}"
            );
            for token in encoding.tokens {
                assert_ne!(
                    token.word_id, 0,
                    "{:?} is unknown: {text}",
                    &text[token.span]
                );
            }
        }
    }
}

#[test]
fn captions_carry_the_same_header_as_clips() {
    let source = Source::new(25, Some(Aspect::Wide), Split::Train);
    let options = CaptionOptions {
        source,
        seed: 11,
        count: 3,
    };
    let mut lines = Vec::new();
    write_captions(
        &options,
        &embedded_tokenizer().expect("the vocabulary"),
        &mut lines,
    )
    .expect("memory takes all");
    let clips = StreamOptions {
        width: 576,
        height: 320,
        ..clips(25, Some(Aspect::Wide), false)
    };
    let clips = parse(&stream(&clips), false);
    let lines = String::from_utf8(lines).expect("text");
    for (line, (header, _)) in lines.lines().zip(&clips) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(&line, header);
    }
    assert_eq!(lines.lines().count(), 3);
}

/// A reader that goes away.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_has_gone_is_told_apart() {
    let tokenizer = embedded_tokenizer().expect("the vocabulary");
    let error = write_stream(&clips(1, None, false), &tokenizer, Closed).expect_err("closed");
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn the_usual_path_of_a_move_is_that_of_the_films() {
    let mut sums: BTreeMap<(&str, &str, bool), (f32, [f32; 5])> = BTreeMap::new();
    let source = Source::new(25, Some(Aspect::Wide), Split::Train);
    for seed in 0..6000 {
        let example = source.draw(seed);
        let rig = &example.program.camera;
        if let Some(last) = example.camera().last() {
            let is_landscape = example.program.subjects.is_empty();
            let key = (rig.motion.name(), rig.pace.name(), is_landscape);
            let (count, sum) = sums.entry(key).or_default();
            *count += 1.0;
            let numbers = <[f32; 5]>::from(*last);
            sum.iter_mut().zip(numbers).for_each(|(sum, x)| *sum += x);
        }
    }
    for ((motion, pace, is_landscape), (count, sum)) in sums {
        // A subject's speed and a hand's sway are a clip's own.
        if matches!(motion, "tracking" | "handheld") {
            continue;
        }
        let directions = Directions {
            motion: Some(motion),
            pace: Some(pace),
            subject: None,
            is_landscape,
        };
        let path = directions.path(4, 1.0 / 3.0, 576.0 / 320.0);
        let usual = <[f32; 5]>::from(path[3]);
        for (usual, sum) in usual.into_iter().zip(sum) {
            let mean = sum / count;
            let error = (usual - mean).abs();
            assert!(
                error < 0.03 + 0.2 * mean.abs(),
                "{pace} {motion}, a landscape: {is_landscape}: {usual} for {mean}"
            );
        }
    }
}

//! The sizes that the catalogue tells are those of the published tensors.

use std::fs;
use std::path::Path;

use kinora_hub::{Family, VARIANTS, find};
use serde_json::Value;

fn fixture(path: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fixtures");
    fs::read_to_string(fixtures.join(path)).expect("a list of tensors")
}

fn json(path: &str) -> Value {
    serde_json::from_str(&fixture(path)).expect("JSON")
}

/// How many tensors a name stands for: `a.{0..2}.b` and `a.{3}.b` are three.
fn tensors(name: &str) -> u64 {
    let Some((_, rest)) = name.split_once('{') else {
        return 1;
    };
    let (range, rest) = rest.split_once('}').expect("a closing brace");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let here = match range.split_once("..") {
        Some((first, last)) => number(last) + 1 - number(first),
        None => number(range),
    };
    here * tensors(rest)
}

/// The elements of a shape.
fn elements(shape: &Value) -> u64 {
    let sizes = shape.as_array().expect("a shape").iter();
    sizes.map(|size| size.as_u64().expect("a size")).product()
}

/// The weights of a part of LTX-Video.
fn ltx(part: &str) -> u64 {
    let list = fixture(&format!("ltx/keys/{part}.diffusers.txt"));
    let lines = list.lines().map(|line| {
        let mut words = line.split(' ');
        let count = tensors(words.next().expect("a name"));
        let sizes = words.map(|size| size.parse::<u64>().expect("a size"));
        count * sizes.product::<u64>()
    });
    lines.sum()
}

/// The weights of a part of Wan.
fn wan(part: &str) -> u64 {
    let lists = json(&format!("wan/keys/{part}.json"));
    let rows = lists["diffusers"].as_array().expect("a list").iter();
    let numbers = rows.map(|row| tensors(row[0].as_str().expect("a name")) * elements(&row[1]));
    numbers.sum()
}

/// The weights of a text encoder.
fn encoder(name: &str) -> u64 {
    let names = &json("t5/names.json")[name];
    let sum = |part: &str| -> u64 {
        let tensors = names[part].as_object().expect("tensors");
        tensors.values().map(elements).sum()
    };
    let others = names["blocks"].as_u64().expect("a number") - 1;
    sum("apart") + sum("first") + others * sum("others")
}

/// The weights of the transformers and the VAE of a shape.
fn pictures(shape: &str) -> u64 {
    if let Some(shape) = shape.strip_prefix("ltx-") {
        let (size, version) = shape.split_once('-').expect("two parts");
        return ltx(&format!("transformer-{size}")) + ltx(&format!("vae-{version}"));
    }
    match shape {
        "wan2.2-t2v-a14b" => 2 * wan(shape) + wan("wan2.1-vae"),
        "wan2.2-ti2v-5b" => wan(shape) + wan("wan2.2-vae"),
        _ => wan(shape) + wan("wan2.1-vae"),
    }
}

#[test]
fn weights_are_those_of_the_published_tensors() {
    for variant in VARIANTS {
        let text = match variant.family {
            Family::Ltx => encoder("gguf_t5"),
            Family::Wan => encoder("gguf_umt5"),
        };
        let parts = pictures(variant.shape) + text;
        assert_eq!(variant.weights, parts, "{}", variant.name);
    }
    let small = find("wan-2.1-t2v-1.3b").expect("it is known");
    assert_eq!(small.about_bytes(), 14_453_599_334);
}

//! Files that lie, each in one way. Those that are damaged at random are in `readers.rs`.

mod support;

use std::fs;

use kinora_nn::WeightFile;
use support::fixture;

fn check(name: &str, reason: &str) {
    let bytes = fs::read(fixture("broken").join(name)).unwrap();
    let error = WeightFile::from_bytes(name, bytes).err();
    let message = error
        .unwrap_or_else(|| panic!("{name} was read"))
        .to_string();
    assert!(
        message.starts_with(&format!("{name}: not a whole ")),
        "{message}"
    );
    assert!(message.contains(reason), "{name}: {message}");
}

#[test]
fn gguf_files_that_lie_are_refused_with_a_reason() {
    let cases = [
        ("magic", "safetensors file: a header of"),
        ("version", "its version is 1, 2 and 3 are read"),
        ("big_endian", "big-endian"),
        (
            "cut_header",
            "it ends within 8 bytes from byte 16, it has 20",
        ),
        ("cut_name", "it ends within 8 bytes from byte 32, it has 36"),
        (
            "cut_data",
            "`a.weight` of [2, 2] in F32: it does not lie within the file",
        ),
        ("tensor_count", "it ends within"),
        ("value_count", "it ends within"),
        ("text_length", "it ends within 9223372036854775808 bytes"),
        ("utf8", "the text at byte 32 is not UTF-8"),
        ("value_type", "`key`: a value of the unknown type 99"),
        ("truth", "`key`: 2 is no truth value"),
        ("list_length", "a list of 1099511627776 values is too long"),
        ("list_depth", "lists within more than 3 lists"),
        ("value_twice", "`key` is described twice"),
        ("tensor_twice", "the tensor `a` stands in it twice"),
        ("alignment", "not a power of two"),
        ("alignment_zero", "not a power of two"),
        ("axes", "`a` has 7 axes"),
        ("product", "more elements than a computer counts"),
        ("product_of_nothing", "more elements than a computer counts"),
        ("rows", "`a` of [40] in Q8_0: its rows are not whole blocks"),
        ("offset", "it does not lie within the file"),
        ("misaligned", "it is not where the alignment puts it"),
        ("original_shape", "its original shape is"),
    ];
    for (name, reason) in cases {
        check(&format!("{name}.gguf"), reason);
    }
    assert_eq!(count("gguf"), cases.len());
}

#[test]
fn safetensors_files_that_lie_are_refused_with_a_reason() {
    let cases = [
        ("empty", "no room for the length of a header"),
        ("length", "a header of 18446744073709551615 bytes"),
        ("length_long", "a header of 1000000000 bytes"),
        ("not_json", "the header is not JSON"),
        ("utf8", "the header is not JSON"),
        ("deep", "the header is not JSON"),
        ("no_shape", "`a`: missing field `shape`"),
        ("negative", "`a`: invalid value"),
        ("reversed", "outside of the file"),
        ("outside", "`a` lies at 0..16, outside of the file"),
        ("short", "`a` of [3] in F32 does not fill 8 bytes"),
        ("product", "in F32 does not fill 8 bytes"),
        ("product_of_nothing", "in F32 does not fill 0 bytes"),
        ("axes", "`a` has 7 axes"),
        ("wraps", "outside of the file"),
        ("overlap", "its tensors overlap or leave a gap"),
        ("gap", "its tensors overlap or leave a gap"),
        ("cut", "`a` lies at 0..8, outside of the file"),
        ("trailing", "its tensors end at byte"),
        ("metadata", "`__metadata__`: invalid type"),
        (
            "scale",
            "`a.scale_weight` of [3] in F32 beside `a.weight` of [2, 2]",
        ),
        ("checkpoint", "it is a PyTorch checkpoint"),
        ("pointer", "it is a Git LFS pointer"),
    ];
    for (name, reason) in cases {
        check(&format!("{name}.safetensors"), reason);
    }
    assert_eq!(count("safetensors"), cases.len());
}

/// Files of the broken corpus that end so.
fn count(extension: &str) -> usize {
    let files = fs::read_dir(fixture("broken")).unwrap();
    files
        .filter(|file| file.as_ref().unwrap().path().extension() == Some(extension.as_ref()))
        .count()
}

//! GGUF and fp8 files against the packages that write them.

mod support;

use kinora_nn::{Value, WeightFile};
use kinora_tensor::{DType, Precision};
use support::{check_equal, open, read};

#[test]
fn every_type_is_what_the_package_makes_of_it() {
    let (file, truth) = (open("every_type.gguf"), open("every_type.safetensors"));
    check_equal(&file, &truth);
    file.finish().unwrap();
    let names: Vec<&str> = truth.names().collect();
    for kind in [
        "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
    ] {
        assert!(names.contains(&format!("{kind}.weight").as_str()), "{kind}");
    }
}

#[test]
fn tensors_of_five_axes_are_read_in_the_order_of_torch() {
    let file = open("every_type.gguf");
    assert_eq!(
        file.shape("patch_embedding.weight"),
        Some(&[4, 3, 1, 2, 2][..])
    );
    assert_eq!(file.shape("folded.weight"), Some(&[8, 4, 1, 2, 4][..]));
}

#[test]
fn few_bits_become_bf16_without_a_copy_in_f32() {
    let file = open("every_type.gguf");
    let shape = [2, 512];
    let read = |precision| {
        file.weights(precision)
            .factor("Q4_K.weight", shape)
            .unwrap()
    };
    let (exact, rounded) = (read(Precision::F32), read(Precision::Bf16));
    assert_eq!((exact.dtype(), rounded.dtype()), (DType::F32, DType::Bf16));
    assert_eq!(exact.to_dtype(DType::Bf16).to_vec(), rounded.to_vec());
}

#[test]
fn a_file_says_what_it_is() {
    let file = open("every_type.gguf");
    let check = |key: &str, value: Value| assert_eq!(file.metadata(key), Some(&value), "{key}");
    check(
        "general.architecture",
        Value::Text("kinora-test".to_owned()),
    );
    check("text", Value::Text("Grüße".to_owned()));
    check("truth", Value::Bool(true));
    check("u8", Value::Unsigned(200));
    check("i8", Value::Signed(-100));
    check("u16", Value::Unsigned(60_000));
    check("i16", Value::Signed(-30_000));
    check("i32", Value::Signed(i64::from(i32::MIN)));
    check("u64", Value::Unsigned(u64::MAX));
    check("i64", Value::Signed(i64::MIN));
    check("f32", Value::Float(0.5));
    check("f64", Value::Float(0.1));
    assert_eq!(file.metadata("absent"), None);

    let list = |key| file.metadata(key).and_then(Value::as_list).unwrap();
    let tokens: Vec<&str> = list("tokenizer.ggml.tokens")
        .iter()
        .filter_map(Value::as_text)
        .collect();
    assert_eq!(tokens, ["<pad>", "▁the", "\n", "日本"]);
    let scores: Vec<f64> = list("tokenizer.ggml.scores")
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    assert_eq!(scores, [0.0, -1.5, -2.25, -3.0]);
    let kinds: Vec<u64> = list("tokenizer.ggml.token_type")
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    assert_eq!(kinds, [3, 1, 1, 1]);
}

#[test]
fn eight_bit_floats_are_read_times_their_factors() {
    let (file, truth) = (open("fp8.safetensors"), open("fp8_truth.safetensors"));
    check_equal(&file, &truth);
    // Factors, marks and what rounds activations count as read with their weight.
    file.finish().unwrap();
}

#[test]
fn a_factor_is_read_from_the_shard_of_its_weight() {
    let shards = ["lora_model.safetensors", "fp8.safetensors"].map(support::fixture);
    let file = WeightFile::open_all(&shards).unwrap();
    check_equal(&file, &open("fp8_truth.safetensors"));
}

#[test]
fn a_prefix_of_single_files_is_taken_away_where_it_stands() {
    let bytes = std::fs::read(support::fixture("fp8.safetensors")).unwrap();
    let file = WeightFile::from_bytes("fp8", bytes).unwrap();
    let file = file.without_prefix("one.").without_prefix("absent.");
    assert!(file.names().any(|name| name == "weight"));
    assert_eq!(read(&file, "weight").shape(), [16, 16]);
    assert_eq!(
        file.weights(Precision::F32)
            .tensor("weight", [1])
            .unwrap_err()
            .to_string(),
        "fp8: `weight` (in the file `one.weight`) is [16, 16], the model needs [1]"
    );
}

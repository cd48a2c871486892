//! Descriptions of single files, which bring none: the published one whose structure the file has, with
//! the sizes that its tensors have.

use kinora_nn::WeightFile;
use serde_json::{Map, Value};

/// More blocks are counted as these.
const MOST_BLOCKS: usize = 1 << 10;

/// `preset`, a `config.json`, with the values of some keys replaced.
pub(crate) fn with_values(
    preset: &str,
    values: impl IntoIterator<Item = (&'static str, Value)>,
) -> String {
    let mut config: Map<String, Value> = serde_json::from_str(preset).expect("a preset is JSON");
    config.extend(
        values
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value)),
    );
    Value::Object(config).to_string()
}

/// How many blocks there are from the first on; `name` tells a tensor that each of them has.
pub(crate) fn blocks(file: &WeightFile, name: impl Fn(usize) -> String) -> usize {
    (0..MOST_BLOCKS)
        .take_while(|&block| file.shape(&name(block)).is_some())
        .count()
}

/// Rows and columns of a matrix, of a convolution its channels out and in.
pub(crate) fn rows_and_columns(file: &WeightFile, name: &str) -> Option<[usize; 2]> {
    match *file.shape(name)? {
        [rows, columns, ..] => Some([rows, columns]),
        _ => None,
    }
}

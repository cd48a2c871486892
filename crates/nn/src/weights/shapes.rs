//! A file of names and shapes alone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::WeightFile;
use super::bytes::Bytes;
use super::encoding::Encoding;
use super::entry::Entry;
use super::file::Part;

impl WeightFile {
    /// A file that has tensors of these names and shapes, all zero, and takes no memory for them:
    /// loading a model from it checks that each tensor is asked for once and in its shape, as
    /// [`WeightFile::finish`] tells. So a list of a published model's tensors stands for its file.
    pub fn shapes_only(
        name: &str,
        tensors: impl IntoIterator<Item = (String, Vec<usize>)>,
    ) -> Self {
        let entry = |(stored, shape): (String, Vec<usize>)| {
            let entry = Entry::new(stored.clone(), Encoding::Bf16, shape, 0..0);
            (stored, entry)
        };
        Self {
            name: name.to_owned(),
            parts: vec![Part {
                name: name.to_owned(),
                bytes: Bytes::Absent,
            }],
            entries: tensors.into_iter().map(entry).collect(),
            deltas: BTreeMap::new(),
            held: BTreeMap::new(),
            metadata: BTreeMap::new(),
            read: Mutex::default(),
            is_random: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use kinora_tensor::Precision;

    use super::*;

    #[test]
    fn names_and_shapes_stand_for_a_file() {
        // 8 TiB in bf16, if anybody touched them.
        let tensors = [("a.weight", vec![1 << 21, 1 << 21]), ("a.bias", vec![4])];
        let tensors = tensors.map(|(name, shape)| (name.to_owned(), shape));
        let file = WeightFile::shapes_only("list", tensors);
        let weights = file.weights(Precision::Bf16).at("a");
        assert_eq!(weights.tensor("bias", [4]).unwrap().to_vec(), [0.0; 4]);
        assert!(weights.tensor("weight", [4, 4]).is_err());
        let unread = file.finish().unwrap_err().to_string();
        assert!(unread.contains("a.weight"), "{unread}");
    }
}

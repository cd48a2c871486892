//! Weight files of one model, and the account of what was read from them.

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use kinora_tensor::{DType, Precision, Tensor};

use super::bytes::Bytes;
use super::encoding::Encoding;
use super::entry::{Entry, Header};
use super::lora::Delta;
use super::rules::{self, Mapped, Rule};
use super::value::Value;
use super::{Weights, WeightsError};

/// The weights of a model: one file, or several that hold a part each, in memory or mapped.
pub struct WeightFile {
    pub(super) name: String,
    pub(super) parts: Vec<Part>,
    /// By the names that the model asks for.
    pub(super) entries: BTreeMap<String, Entry>,
    /// What LoRAs add, by the same names.
    pub(super) deltas: BTreeMap<String, Vec<Delta>>,
    /// Tensors that are given instead of bytes, by the names that they are stored under.
    pub(super) held: BTreeMap<String, Tensor>,
    pub(super) metadata: BTreeMap<String, Value>,
    pub(super) read: Mutex<BTreeSet<String>>,
    /// Whether every tensor that is asked for is there, of random numbers.
    pub(super) is_random: bool,
}

/// One file.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

impl WeightFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read or is not whole.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        Self::open_all(&[path])
    }

    /// Maps the files of a model whose tensors are spread over several.
    ///
    /// # Errors
    /// When one cannot be read or is not whole, or two hold a tensor of the same name.
    pub fn open_all(paths: &[impl AsRef<Path>]) -> Result<Self, WeightsError> {
        let parts = paths.iter().map(|path| {
            let path = path.as_ref();
            let (name, bytes) = (path.display().to_string(), Bytes::map(path)?);
            Ok(Part { name, bytes })
        });
        Self::new(parts.collect::<Result<_, _>>()?)
    }

    /// Reads files embedded in the program: their names, which appear in errors, and their bytes.
    ///
    /// # Errors
    /// When one is not whole, or two hold a tensor of the same name.
    pub fn from_static(files: &[(&str, &'static [u8])]) -> Result<Self, WeightsError> {
        let part = |&(name, bytes): &(&str, &'static [u8])| Part {
            name: name.to_owned(),
            bytes: Bytes::Static(bytes),
        };
        Self::new(files.iter().map(part).collect())
    }

    /// Reads a file from memory. `name` appears in errors.
    ///
    /// # Errors
    /// When it is not whole.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, WeightsError> {
        let (name, bytes) = (name.to_owned(), Bytes::Owned(bytes));
        Self::new(vec![Part { name, bytes }])
    }

    /// A file of tensors in memory, such as parameters while they are trained: tracked ones stay
    /// tracked in the layers that read them.
    pub fn of_tensors(name: &str, tensors: BTreeMap<String, Tensor>) -> Self {
        let (name, bytes) = (name.to_owned(), Bytes::Owned(Vec::new()));
        let entry = |(stored, tensor): (&String, &Tensor)| {
            let encoding = match tensor.dtype() {
                DType::F32 => Encoding::F32,
                DType::Bf16 => Encoding::Bf16,
            };
            let entry = Entry::new(stored.clone(), encoding, tensor.shape().to_vec(), 0..0);
            (stored.clone(), entry)
        };
        Self {
            name: name.clone(),
            entries: tensors.iter().map(entry).collect(),
            parts: vec![Part { name, bytes }],
            deltas: BTreeMap::new(),
            held: tensors,
            metadata: BTreeMap::new(),
            read: Mutex::default(),
            is_random: false,
        }
    }

    fn new(parts: Vec<Part>) -> Result<Self, WeightsError> {
        let mut entries = BTreeMap::<String, Entry>::new();
        let mut metadata = BTreeMap::new();
        for (index, part) in parts.iter().enumerate() {
            let header = Header::read(&part.name, part.bytes.as_slice())?;
            metadata.extend(header.metadata);
            for entry in header.entries {
                match entries.entry(entry.stored.clone()) {
                    Place::Vacant(place) => {
                        place.insert(entry.in_part(index));
                    }
                    Place::Occupied(place) => {
                        return Err(WeightsError::Twice {
                            file: part.name.clone(),
                            other: parts[place.get().part].name.clone(),
                            tensor: entry.stored,
                        });
                    }
                }
            }
        }
        let name = match &parts[..] {
            [] => "no file".to_owned(),
            [one] => one.name.clone(),
            [first, others @ ..] => format!("{} and {} more", first.name, others.len()),
        };
        Ok(Self {
            name,
            parts,
            entries,
            deltas: BTreeMap::new(),
            held: BTreeMap::new(),
            metadata,
            read: Mutex::default(),
            is_random: false,
        })
    }

    /// Renames the tensors by the first rule that matches each, the tables one after the other, and
    /// leaves out those that a rule ignores. To be called before anything is read.
    ///
    /// Where two tensors would take one name the first in the order of names gets it; the other
    /// keeps its own, so that [`WeightFile::finish`] reports it.
    #[must_use]
    pub fn with_rules(self, tables: &[&[Rule]]) -> Self {
        self.renamed(|name| rules::apply(tables, name))
    }

    /// Takes `prefix` from the names that begin with it, such as the `model.diffusion_model.` of
    /// single files that hold a whole pipeline. To be called before rules and reading.
    #[must_use]
    pub fn without_prefix(self, prefix: &str) -> Self {
        self.renamed(|name| Mapped::Name(name.strip_prefix(prefix).unwrap_or(name).to_owned()))
    }

    fn renamed(mut self, rename: impl Fn(&str) -> Mapped) -> Self {
        let mut kept = Vec::new();
        let mut entries = BTreeMap::new();
        for (name, entry) in std::mem::take(&mut self.entries) {
            let Mapped::Name(mapped) = rename(&name) else {
                continue;
            };
            match entries.entry(mapped) {
                Place::Vacant(place) => {
                    place.insert(entry);
                }
                Place::Occupied(_) => kept.push((name, entry)),
            }
        }
        for (name, entry) in kept {
            entries.entry(name).or_insert(entry);
        }
        self.entries = entries;
        self
    }

    /// The root of the file's names, for layers that compute in `precision`.
    pub fn weights(&self, precision: Precision) -> Weights<'_> {
        Weights::new(self, precision)
    }

    /// All bytes of each file.
    pub fn files(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(|part| part.bytes.as_slice())
    }

    /// What the file says of itself under `key`, such as a configuration or a vocabulary.
    pub fn metadata(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// The names of all tensors, as a model asks for them, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of the tensor `name`, if there is one.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| &entry.shape[..])
    }

    /// Ends loading.
    ///
    /// # Errors
    /// When the file holds tensors that were not read.
    pub fn finish(&self) -> Result<(), WeightsError> {
        self.finish_without(&[])
    }

    /// Ends loading of a part of the model: tensors of the `others`, prefixes such as `encoder.` of
    /// the names that the model asks for, are somebody else's to read.
    ///
    /// # Errors
    /// When the file holds tensors that were not read and belong to nobody.
    pub fn finish_without(&self, others: &[&str]) -> Result<(), WeightsError> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tensors: Vec<String> = self
            .entries
            .iter()
            .filter(|(name, _)| !read.contains(*name))
            .filter(|(name, _)| !others.iter().any(|prefix| name.starts_with(prefix)))
            .map(|(_, entry)| entry.stored.clone())
            .collect();
        if tensors.is_empty() {
            return Ok(());
        }
        tensors.sort_unstable();
        Err(WeightsError::Unread {
            file: self.name.clone(),
            tensors,
        })
    }

    /// The name of the file in errors.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Checks that each shard holds the tensors that an index promises of it.
    pub(super) fn check_index(
        &self,
        weight_map: &BTreeMap<String, String>,
    ) -> Result<(), WeightsError> {
        match weight_map
            .keys()
            .find(|name| !self.entries.contains_key(*name))
        {
            Some(name) => Err(self.missing(name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ::safetensors::tensor::{Dtype, TensorView};
    use half::bf16;

    use super::*;

    /// A file with `a.weight` [2, 3] in F32 and `a.bias` [2] in BF16.
    fn file() -> WeightFile {
        let weight: Vec<u8> = (0..6_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
        let bias: Vec<u8> = [1.5, -2.0]
            .iter()
            .flat_map(|&x| bf16::from_f32(x).to_le_bytes())
            .collect();
        let tensors = [
            (
                "a.weight",
                TensorView::new(Dtype::F32, vec![2, 3], &weight).unwrap(),
            ),
            (
                "a.bias",
                TensorView::new(Dtype::BF16, vec![2], &bias).unwrap(),
            ),
        ];
        let bytes = ::safetensors::serialize(tensors, None).unwrap();
        WeightFile::from_bytes("tiny", bytes).unwrap()
    }

    fn check(result: Result<Tensor, WeightsError>, message: &str) {
        assert_eq!(result.unwrap_err().to_string(), message);
    }

    #[test]
    fn tensors_are_read_and_accounted_for() {
        let file = file();
        let weights = file.weights(Precision::F32).at("a");
        assert_eq!(
            weights.tensor("weight", [2, 3]).unwrap().as_f32(),
            [0., 1., 2., 3., 4., 5.]
        );
        let unread = file.finish().unwrap_err().to_string();
        assert_eq!(unread, "tiny: one tensor is unknown to the model: `a.bias`");
        assert!(file.finish_without(&["b."]).is_err());
        assert!(file.finish_without(&["a."]).is_ok());
        assert_eq!(weights.tensor("bias", [2]).unwrap().to_vec(), [1.5, -2.0]);
        file.finish().unwrap();
    }

    #[test]
    fn errors_name_file_tensor_and_shapes() {
        let file = file();
        let root = file.weights(Precision::F32);
        check(
            root.at("a").tensor("wieght", [2, 3]),
            "tiny: no tensor `a.wieght`, the nearest is `a.weight`",
        );
        check(
            root.tensor("a.weight", [3, 2]),
            "tiny: `a.weight` is [2, 3], the model needs [3, 2]",
        );
        let broken = WeightFile::from_bytes("broken", vec![1, 2, 3]);
        assert_eq!(
            broken.err().unwrap().to_string(),
            "broken: not a whole safetensors file: it has no room for the length of a header"
        );
    }

    #[test]
    fn rules_give_tensors_the_names_of_the_model() {
        const RULES: &[Rule] = &[
            Rule::Rename("a.weight", "b.weight"),
            Rule::Ignore("a.bias", "not needed"),
        ];
        let file = file().with_rules(&[RULES]);
        let root = file.weights(Precision::F32).at("b");
        assert!(root.has("weight") && !root.has("bias"));
        check(
            root.tensor("weight", [3, 2]),
            "tiny: `b.weight` (in the file `a.weight`) is [2, 3], the model needs [3, 2]",
        );
        check(
            root.tensor("wight", [3, 2]),
            "tiny: no tensor `b.wight`, the nearest is `b.weight` (in the file `a.weight`)",
        );
        let unread = file.finish().unwrap_err().to_string();
        assert_eq!(
            unread,
            "tiny: one tensor is unknown to the model: `a.weight`"
        );
        assert!(root.tensor("weight", [2, 3]).is_ok());
        file.finish().unwrap();
    }

    #[test]
    fn two_tensors_never_share_a_name() {
        const RULES: &[Rule] = &[Rule::Rename("a.{}", "c.weight")];
        let file = file().with_rules(&[RULES]);
        let names: Vec<&str> = file.names().collect();
        assert_eq!(names, ["a.weight", "c.weight"]);
        assert_eq!(file.shape("c.weight"), Some(&[2][..]));
    }

    #[test]
    fn a_factor_is_read_in_the_precision_of_its_product() {
        let file = file();
        let read = |precision| file.weights(precision).factor("a.weight", [2, 3]).unwrap();
        assert_eq!(read(Precision::F32).dtype(), DType::F32);
        assert_eq!(read(Precision::Bf16).dtype(), DType::Bf16);
        assert_eq!(
            read(Precision::Bf16).to_vec(),
            read(Precision::F32).to_vec()
        );
    }

    #[test]
    fn tensors_in_memory_are_read_as_from_a_file() {
        let tensors = [("a.weight", [2, 3]), ("b.weight", [3, 2])].map(|(name, dims)| {
            (
                name.to_owned(),
                Tensor::from_fn(&dims, |i| i as f32).tracked(),
            )
        });
        let file = WeightFile::of_tensors("tiny", tensors.into());
        let root = file.weights(Precision::Bf16);
        check(
            root.tensor("a.weight", [3, 2]),
            "tiny: `a.weight` is [2, 3], the model needs [3, 2]",
        );
        let factor = root.factor("a.weight", [2, 3]).unwrap();
        assert!(factor.is_tracked() && factor.dtype() == DType::F32);
        let unread = file.finish().unwrap_err().to_string();
        assert_eq!(
            unread,
            "tiny: one tensor is unknown to the model: `b.weight`"
        );
    }

    #[test]
    fn rows_are_those_of_the_whole_matrix_and_all_are_checked() {
        // 20 MB: more than one part.
        let file = |last: f32| {
            let number = |i: u32| if i == 4_999_999 { last } else { i as f32 };
            let data: Vec<u8> = (0..5_000_000)
                .flat_map(|i| number(i).to_le_bytes())
                .collect();
            let view = TensorView::new(Dtype::F32, vec![5000, 1000], &data).unwrap();
            let bytes = ::safetensors::serialize([("x", view)], None).unwrap();
            WeightFile::from_bytes("tiny", bytes).unwrap()
        };
        let (good, rows) = (file(0.5), [4999, 0, 4500, 0]);
        let weights = good.weights(Precision::F32);
        let found = weights.factor_rows("x", [5000, 1000], &rows).unwrap();
        let whole = weights.factor("x", [5000, 1000]).unwrap();
        assert_eq!(found.as_f32(), whole.gather(&rows).as_f32());
        assert!(good.finish().is_ok());

        let damaged = file(f32::NAN);
        check(
            damaged
                .weights(Precision::F32)
                .factor_rows("x", [5000, 1000], &[1]),
            "tiny: `x` holds NaN at element 4999999: the file is damaged",
        );
    }

    #[test]
    fn a_tensor_that_is_not_finite_is_refused() {
        let data: Vec<u8> = [1.0, f32::NAN, f32::INFINITY]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let view = TensorView::new(Dtype::F32, vec![3], &data).unwrap();
        let bytes = ::safetensors::serialize([("x", view)], None).unwrap();
        let file = WeightFile::from_bytes("tiny", bytes).unwrap();
        check(
            file.weights(Precision::F32).tensor("x", [3]),
            "tiny: `x` holds NaN at element 1: the file is damaged",
        );
    }
}

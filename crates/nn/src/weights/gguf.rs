//! The header of a GGUF file.
//!
//! Reference: `docs/gguf.md` of `ggml-org/ggml`, versions 2 and 3. A count is believed only as far as
//! the bytes for it are there, so no number of a file makes this reader take memory or time that
//! the file does not pay for.

use std::collections::{BTreeMap, BTreeSet};

use super::encoding::Encoding;
use super::entry::{Entry, Header, MAX_AXES, elements};
use super::safetensors::check_length;
use super::value::Value;

/// The first bytes of every GGUF file.
pub(super) const MAGIC: &[u8; 4] = b"GGUF";
/// Where tensors lie, when the file does not say otherwise.
const ALIGNMENT: u64 = 32;
/// Values of all lists together; a tokenizer has less than a million.
const MAX_VALUES: usize = 1 << 22;
/// Lists within lists.
const MAX_DEPTH: usize = 3;
/// Where ComfyUI's converter keeps the shape of a tensor that it stored under another.
const ORIGINAL_SHAPE: &str = "comfy.gguf.orig_shape.";

/// Reads the header.
///
/// # Errors
/// What is wrong, when the file is cut short, of another version, or says what cannot be.
pub(super) fn read(bytes: &[u8]) -> Result<Header, String> {
    let mut reader = Reader::new(bytes);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err("it does not begin with `GGUF`".to_owned());
    }
    match reader.u32()? {
        2 | 3 => {}
        version if matches!(version.swap_bytes(), 2 | 3) => {
            return Err("its numbers are big-endian, only little-endian is read".to_owned());
        }
        version => return Err(format!("its version is {version}, 2 and 3 are read")),
    }
    let (tensors, values) = (reader.u64()?, reader.u64()?);
    let mut metadata = BTreeMap::new();
    for _ in 0..values {
        let key = reader.text()?;
        let kind = reader.u32()?;
        let value = reader
            .value(kind, 0)
            .map_err(|reason| format!("`{key}`: {reason}"))?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(format!("`{key}` is described twice"));
        }
    }
    let mut infos = Vec::new();
    let mut names = BTreeSet::new();
    for _ in 0..tensors {
        let info = reader.info()?;
        if !names.insert(info.name.clone()) {
            return Err(format!("the tensor `{}` stands in it twice", info.name));
        }
        infos.push(info);
    }
    let alignment = alignment(&metadata)?;
    let start = (reader.at as u64)
        .checked_next_multiple_of(alignment)
        .ok_or("its header does not end")?;
    let entries = infos
        .into_iter()
        .map(|info| info.entry(start, alignment, bytes.len(), &metadata))
        .collect::<Result<_, _>>()?;
    Ok(Header { entries, metadata })
}

fn alignment(metadata: &BTreeMap<String, Value>) -> Result<u64, String> {
    let Some(value) = metadata.get("general.alignment") else {
        return Ok(ALIGNMENT);
    };
    value
        .as_u64()
        .filter(|alignment| alignment.is_power_of_two())
        .ok_or_else(|| format!("`general.alignment` is {value:?}, not a power of two"))
}

/// What the header says of one tensor.
struct Info {
    name: String,
    /// Fastest axis first.
    dims: Vec<u64>,
    encoding: Encoding,
    /// From the start of the data.
    offset: u64,
}

impl Info {
    fn entry(
        self,
        start: u64,
        alignment: u64,
        file: usize,
        metadata: &BTreeMap<String, Value>,
    ) -> Result<Entry, String> {
        let Self {
            name,
            dims,
            encoding,
            offset,
        } = self;
        let wrong = |reason: &str| format!("`{name}` of {dims:?} in {encoding}: {reason}");
        let axes = dims.iter().rev().map(|&axis| usize::try_from(axis).ok());
        let (mut shape, count) = axes
            .collect::<Option<Vec<usize>>>()
            .and_then(|shape| elements(&shape).map(|count| (shape, count)))
            .ok_or_else(|| wrong("more elements than a computer counts"))?;
        // An unknown type takes no bytes as far as we know; it is refused when it is read.
        let (block, bytes) = encoding.block().unwrap_or((1, 0));
        if dims.first().is_some_and(|row| row % block as u64 != 0) {
            return Err(wrong("its rows are not whole blocks"));
        }
        if !offset.is_multiple_of(alignment) {
            return Err(wrong("it is not where the alignment puts it"));
        }
        let range = start
            .checked_add(offset)
            .and_then(|from| usize::try_from(from).ok())
            .zip((count / block).checked_mul(bytes))
            .and_then(|(from, bytes)| Some(from..from.checked_add(bytes)?))
            .filter(|range| range.end <= file)
            .ok_or_else(|| wrong("it does not lie within the file"))?;
        if let Some(original) = metadata.get(&format!("{ORIGINAL_SHAPE}{name}")) {
            shape = original_shape(original)
                .filter(|shape| elements(shape) == Some(count))
                .ok_or_else(|| wrong(&format!("its original shape is {original:?}")))?;
        }
        check_length(&name, &encoding, &shape, &range)?;
        Ok(Entry::new(name, encoding, shape, range))
    }
}

fn original_shape(value: &Value) -> Option<Vec<usize>> {
    let dims = value.as_list()?.iter();
    dims.map(|d| usize::try_from(d.as_u64()?).ok()).collect()
}

/// A place in the file.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// List values that may still come.
    values_left: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            values_left: MAX_VALUES,
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self
            .at
            .checked_add(count)
            .filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| {
            format!(
                "it ends within {count} bytes from byte {}, it has {}",
                self.at,
                self.bytes.len()
            )
        })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("as many bytes as were asked for"))
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, String> {
        let length = usize::try_from(self.u64()?).unwrap_or(usize::MAX);
        let (at, bytes) = (self.at, self.take(length)?);
        let text = std::str::from_utf8(bytes);
        Ok(text
            .map_err(|_| format!("the text at byte {at} is not UTF-8"))?
            .to_owned())
    }

    /// A value of the type that `kind` numbers, within `depth` lists.
    fn value(&mut self, kind: u32, depth: usize) -> Result<Value, String> {
        Ok(match kind {
            0 => Value::Unsigned(u64::from(u8::from_le_bytes(self.array()?))),
            1 => Value::Signed(i64::from(i8::from_le_bytes(self.array()?))),
            2 => Value::Unsigned(u64::from(u16::from_le_bytes(self.array()?))),
            3 => Value::Signed(i64::from(i16::from_le_bytes(self.array()?))),
            4 => Value::Unsigned(u64::from(self.u32()?)),
            5 => Value::Signed(i64::from(i32::from_le_bytes(self.array()?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            7 => match self.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => return Err(format!("{other} is no truth value")),
            },
            8 => Value::Text(self.text()?),
            9 => self.list(depth)?,
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            other => return Err(format!("a value of the unknown type {other}")),
        })
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        let (kind, count) = (self.u32()?, self.u64()?);
        if depth >= MAX_DEPTH {
            return Err(format!("lists within more than {MAX_DEPTH} lists"));
        }
        let left = usize::try_from(count).ok();
        let left = left.and_then(|count| self.values_left.checked_sub(count));
        self.values_left =
            left.ok_or_else(|| format!("a list of {count} values is too long to be read"))?;
        // The list grows as its values are found, never to a promised length.
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.value(kind, depth + 1)?);
        }
        Ok(Value::List(values))
    }

    fn info(&mut self) -> Result<Info, String> {
        let name = self.text()?;
        let axes = self.u32()?;
        if axes as usize > MAX_AXES {
            return Err(format!("`{name}` has {axes} axes"));
        }
        let dims = (0..axes).map(|_| self.u64()).collect::<Result<_, _>>()?;
        Ok(Info {
            name,
            dims,
            encoding: Encoding::of_gguf(self.u32()?),
            offset: self.u64()?,
        })
    }
}

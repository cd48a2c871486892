//! The header of a safetensors file.
//!
//! Reference: the format's description in the README of `huggingface/safetensors`. Kinora reads the
//! header itself, because every number in it is checked against the file before it is used.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;

use super::encoding::Encoding;
use super::entry::{Entry, Header, MAX_AXES, elements};
use super::value::Value;

/// What the header says of one tensor.
#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// Bytes that hold the header's length.
const LENGTH_BYTES: usize = size_of::<u64>();

/// Reads the header.
///
/// # Errors
/// What is wrong, when the file is not whole safetensors: the header is no JSON of the known form,
/// a tensor's place is not within the file or not as long as its shape says, or tensors overlap or
/// leave a gap.
pub(super) fn read(bytes: &[u8]) -> Result<Header, String> {
    let length = bytes
        .first_chunk::<LENGTH_BYTES>()
        .ok_or("it has no room for the length of a header")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let start = LENGTH_BYTES
        .checked_add(length)
        .filter(|&start| start <= bytes.len())
        .ok_or_else(|| format!("a header of {length} bytes in a file of {}", bytes.len()))?;
    let header: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&bytes[LENGTH_BYTES..start])
            .map_err(|error| format!("the header is not JSON: {error}"))?;
    let mut found = Header::default();
    for (name, value) in header {
        if name == "__metadata__" {
            let texts: BTreeMap<String, String> = serde_json::from_value(value)
                .map_err(|error| format!("`__metadata__`: {error}"))?;
            let texts = texts.into_iter();
            found.metadata = texts.map(|(key, text)| (key, Value::Text(text))).collect();
            continue;
        }
        let info: Info =
            serde_json::from_value(value).map_err(|error| format!("`{name}`: {error}"))?;
        let entry = entry(&name, info, start, bytes.len())?;
        found.entries.push(entry);
    }
    check_whole(&found.entries, start, bytes.len())?;
    Ok(found)
}

fn entry(name: &str, info: Info, start: usize, file: usize) -> Result<Entry, String> {
    let [from, to] = info.data_offsets;
    let range = from
        .checked_add(start)
        .zip(to.checked_add(start))
        .filter(|&(from, to)| from <= to && to <= file)
        .map(|(from, to)| from..to)
        .ok_or_else(|| format!("`{name}` lies at {from}..{to}, outside of the file"))?;
    let encoding = Encoding::of_safetensors(&info.dtype);
    check_length(name, &encoding, &info.shape, &range)?;
    Ok(Entry::new(name.to_owned(), encoding, info.shape, range))
}

/// Checks that a tensor has a shape that can be read and is as long as it says. A type that is unknown is
/// refused when the tensor is read, and does no harm when it is not.
pub(super) fn check_length(
    name: &str,
    encoding: &Encoding,
    shape: &[usize],
    range: &Range<usize>,
) -> Result<(), String> {
    if shape.len() > MAX_AXES {
        return Err(format!("`{name}` has {} axes", shape.len()));
    }
    let needed = match (elements(shape), encoding.block()) {
        (Some(_), None) => Some(range.len()),
        (Some(all), Some((block, bytes))) if all.is_multiple_of(block) => {
            (all / block).checked_mul(bytes)
        }
        _ => None,
    };
    if needed == Some(range.len()) {
        Ok(())
    } else {
        Err(format!(
            "`{name}` of {shape:?} in {encoding} does not fill {} bytes",
            range.len()
        ))
    }
}

/// Checks that the tensors follow each other without a gap and end where the file does: a file
/// cut short or joined with another is not read in part.
fn check_whole(entries: &[Entry], start: usize, end: usize) -> Result<(), String> {
    let mut ranges: Vec<&Range<usize>> = entries.iter().map(|entry| &entry.range).collect();
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut at = start;
    for range in ranges {
        if range.start != at {
            return Err(format!("its tensors overlap or leave a gap at byte {at}"));
        }
        at = range.end;
    }
    if at == end {
        Ok(())
    } else {
        Err(format!("its tensors end at byte {at}, the file at {end}"))
    }
}

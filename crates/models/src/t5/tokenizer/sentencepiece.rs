//! The few fields of a sentencepiece model (`spiece.model`) that encoding needs.
//!
//! Reference: `sentencepiece_model.proto` of sentencepiece and the wire format of Protocol Buffers.

use super::{Piece, PieceKind, TokenizerError};

/// A model as the file holds it.
pub(super) struct Model {
    pub pieces: Vec<Piece>,
    pub charsmap: Option<Vec<u8>>,
}

/// `TrainerSpec.model_type` of the only kind that T5 uses.
const UNIGRAM: u64 = 1;

pub(super) fn read(bytes: &[u8]) -> Result<Model, TokenizerError> {
    let mut model = Model {
        pieces: Vec::new(),
        charsmap: None,
    };
    let mut kind = UNIGRAM;
    for field in Fields(bytes) {
        match field.ok_or(TokenizerError::Sentencepiece)? {
            (1, Value::Bytes(piece)) => model.pieces.push(read_piece(piece)?),
            (2, Value::Bytes(trainer)) => {
                kind = last(trainer, 3, Value::number)?.unwrap_or(UNIGRAM);
            }
            (3, Value::Bytes(normalizer)) => {
                model.charsmap = last(normalizer, 2, Value::bytes)?.map(<[u8]>::to_vec);
            }
            _ => {}
        }
    }
    if kind != UNIGRAM {
        return Err(TokenizerError::Unsupported {
            what: format!("sentencepiece models of type {kind}, only unigram ones"),
        });
    }
    // A file of zeros, or any short text, can look like an empty message.
    if model.pieces.is_empty() {
        return Err(TokenizerError::Sentencepiece);
    }
    model.charsmap = model.charsmap.filter(|map| !map.is_empty());
    Ok(model)
}

fn read_piece(bytes: &[u8]) -> Result<Piece, TokenizerError> {
    let broken = || TokenizerError::Sentencepiece;
    let text = last(bytes, 1, Value::bytes)?.unwrap_or_default();
    let kind = last(bytes, 3, Value::number)?.unwrap_or(1);
    Ok(Piece {
        text: std::str::from_utf8(text).map_err(|_| broken())?.to_owned(),
        score: last(bytes, 2, Value::float)?.unwrap_or(0.0),
        kind: PieceKind::from_number(kind).ok_or_else(broken)?,
    })
}

/// The last value of a field, as the format asks for.
fn last<'b, T>(
    message: &'b [u8],
    number: u64,
    get: impl Fn(&Value<'b>) -> Option<T>,
) -> Result<Option<T>, TokenizerError> {
    let mut found = None;
    for field in Fields(message) {
        match field.ok_or(TokenizerError::Sentencepiece)? {
            (n, value) if n == number => {
                found = Some(get(&value).ok_or(TokenizerError::Sentencepiece)?);
            }
            _ => {}
        }
    }
    Ok(found)
}

enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
    Word([u8; 4]),
    /// Eight bytes, which no field that is read here has.
    Long,
}

impl<'b> Value<'b> {
    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn bytes(&self) -> Option<&'b [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn float(&self) -> Option<f32> {
        match self {
            Self::Word(word) => Some(f32::from_le_bytes(*word)),
            _ => None,
        }
    }
}

/// The fields of a message; `None` once where it is broken.
struct Fields<'b>(&'b [u8]);

impl<'b> Iterator for Fields<'b> {
    type Item = Option<(u64, Value<'b>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'b> Fields<'b> {
    fn field(&mut self) -> Option<(u64, Value<'b>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Long
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Word(self.take(4)?.try_into().ok()?),
            _ => return None,
        };
        Some((tag >> 3, value)).filter(|(number, _)| *number != 0)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            number |= bits.checked_shl(shift).filter(|n| n >> shift == bits)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pieces, an unknown field of each wire type, a charsmap.
    fn model() -> Vec<u8> {
        let mut bytes = vec![0x0a, 12, 0x0a, 3];
        bytes.extend("▁".as_bytes());
        bytes.push(0x15);
        bytes.extend((-2.5_f32).to_le_bytes());
        bytes.extend([0x18, 4]);
        bytes.extend([0x0a, 3, 0x0a, 1, b'a']);
        bytes.extend([0x12, 2, 0x18, 1]);
        bytes.extend([0x1a, 4, 0x12, 2, 7, 8]);
        bytes.extend([0x50, 0x80, 0x01, 0x59, 1, 2, 3, 4, 5, 6, 7, 8]);
        bytes
    }

    #[test]
    fn fields_that_encoding_needs_are_read() {
        let model = read(&model()).expect("a model");
        let pieces: Vec<_> = (model.pieces.iter())
            .map(|piece| (piece.text.as_str(), piece.score, piece.kind))
            .collect();
        let expected = [
            ("▁", -2.5, PieceKind::UserDefined),
            ("a", 0.0, PieceKind::Normal),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(model.charsmap, Some(vec![7, 8]));
    }

    #[test]
    fn broken_files_are_refused() {
        let whole = model();
        // The ends of the first piece, of the second, of the trainer's and the normaliser's part, and
        // of the unknown fields leave a message that is whole.
        let ends = [14, 19, 23, 29, 32, 41];
        for length in 0..whole.len() {
            let cut = read(&whole[..length]);
            assert_eq!(cut.is_ok(), ends.contains(&length), "cut at {length}");
        }
        for broken in [
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f][..],
            b"{}",
            b"hello",
            &[0; 64],
        ] {
            assert!(read(broken).is_err(), "{broken:?}");
        }
        let bpe = [0x0a, 3, 0x0a, 1, b'a', 0x12, 2, 0x18, 2];
        let message = read(&bpe).err().expect("not unigram").to_string();
        assert!(message.contains("type 2"), "{message}");
    }
}

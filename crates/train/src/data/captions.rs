//! Captions without frames, for the text encoder's first training.

use std::io::{self, BufWriter, Write};

use kinora_nn::tokenizer::WordTokenizer;

use super::example::Source;

/// Which captions to write.
#[derive(Debug, Clone)]
pub struct CaptionOptions {
    /// Where programs come from.
    pub source: Source,
    /// Seed of the first; the others follow by ones.
    pub seed: u64,
    /// How many.
    pub count: u64,
}

/// Writes one JSON header a line, its picture size that of the program's bucket.
///
/// # Errors
/// When the output cannot be written.
pub fn write_captions(
    options: &CaptionOptions,
    tokenizer: &WordTokenizer,
    output: impl Write,
) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(1 << 18, output);
    for index in 0..options.count {
        let example = options.source.draw(options.seed.wrapping_add(index));
        let header = example.header(example.program.aspect.size(), tokenizer);
        serde_json::to_writer(&mut output, &header)?;
        output.write_all(b"\n")?;
    }
    output.flush()
}

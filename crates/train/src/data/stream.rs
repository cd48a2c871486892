//! Rendered clips on a pipe.
//!
//! A clip is: length of the header in bytes (u32, little endian), the header as JSON, the frames
//! as RGB8 `[t, h, w, 3]`, and when asked for the subject masks as u8 `[t, h, w]` (0 = none,
//! k = subject k - 1).

use std::io::{self, BufWriter, Write};

use kinora_filmset::program::Aspect;
use kinora_filmset::{Stage, render};
use kinora_nn::tokenizer::WordTokenizer;

use super::example::{Example, Source};

/// Which clips to write, and how.
#[derive(Debug, Clone)]
pub struct StreamOptions {
    /// Where programs come from.
    pub source: Source,
    /// Seed of the first clip; the others follow by ones.
    pub seed: u64,
    /// How many clips.
    pub count: u64,
    /// Width of a 16:9 clip; other shapes are scaled alike.
    pub width: u32,
    /// Height of a 16:9 clip.
    pub height: u32,
    /// Threads that render one clip.
    pub threads: usize,
    /// Whether subject masks follow the frames.
    pub masks: bool,
}

impl StreamOptions {
    /// Size of a clip of `aspect`: the given one for 16:9, the bucket's scaled by the same ratio
    /// otherwise.
    pub fn size(&self, aspect: Aspect) -> (u32, u32) {
        if aspect == Aspect::Wide {
            return (self.width, self.height);
        }
        let scale = f64::from(self.width) / f64::from(Aspect::Wide.size().0);
        let scaled = |side: u32| (f64::from(side) * scale).round().max(1.0) as u32;
        let (width, height) = aspect.size();
        (scaled(width), scaled(height))
    }
}

/// Writes the clips.
///
/// # Errors
/// When the output cannot be written; a reader that has gone shows as `BrokenPipe`.
pub fn write_stream(
    options: &StreamOptions,
    tokenizer: &WordTokenizer,
    output: impl Write,
) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(1 << 20, output);
    for index in 0..options.count {
        let example = options.source.draw(options.seed.wrapping_add(index));
        let size = options.size(example.program.aspect);
        let header = serde_json::to_vec(&example.header(size, tokenizer))?;
        output.write_all(&(header.len() as u32).to_le_bytes())?;
        output.write_all(&header)?;
        write_frames(&example, size, options, &mut output)?;
        output.flush()?;
    }
    Ok(())
}

fn write_frames(
    example: &Example,
    size: (u32, u32),
    options: &StreamOptions,
    output: &mut impl Write,
) -> io::Result<()> {
    let pixels = size.0 as usize * size.1 as usize;
    let frames = example.first_frame..example.first_frame + example.frames;
    let whole = example.frames == example.program.frames;
    if whole {
        output.write_all(&render(&example.program, size, options.threads).frames)?;
    }
    if whole && !options.masks {
        return Ok(());
    }
    let stage = Stage::new(&example.program, size);
    if !whole {
        let mut frame = vec![0; pixels * 3];
        for i in frames.clone() {
            stage.frame(i, &mut frame);
            output.write_all(&frame)?;
        }
    }
    if options.masks {
        let mut mask = vec![0; pixels];
        for i in frames {
            stage.subject_mask(i, &mut mask);
            output.write_all(&mask)?;
        }
    }
    Ok(())
}

//! What the parts of an open model take.

use kinora_models::t5::Config;
use kinora_tensor::Precision;

use crate::model::Part;
use crate::recipe::Effective;
use crate::request::Dtype;
use crate::size::Size;

/// A line of a plan.
pub(super) fn part(name: &'static str, bytes: usize) -> Part {
    Part {
        name,
        bytes: bytes as u64,
    }
}

/// Memory of so many numbers as layers hold them.
pub(super) fn weights(name: &'static str, numbers: usize, dtype: Dtype) -> Part {
    part(name, numbers * dtype.size_bytes() as usize)
}

/// Bytes of a number between layers.
pub(super) fn number(dtype: Dtype) -> usize {
    Precision::from(dtype).activations().size_bytes()
}

/// Height and width in pixels.
pub(super) fn picture(size: Size) -> [usize; 2] {
    [size.height as usize, size.width as usize]
}

/// Tokens of the prompt and of its negative, where the clip is guided; at most, as a token is at least
/// one byte, and each text has an end.
pub(super) fn tokens(clip: &Effective, most: usize) -> [usize; 2] {
    let most = clip.text_tokens.map_or(most, |tokens| tokens as usize);
    let count = |text: &str| (text.len() + 1).min(most);
    let negative = if is_guided(clip) {
        count(&clip.negative)
    } else {
        0
    };
    [count(&clip.prompt), negative]
}

/// The blocks of a transformer, its other weights, and those among them that stay f32.
pub(super) struct Transformer {
    blocks: usize,
    others: usize,
    exact: usize,
}

impl Transformer {
    /// Of so many numbers those of the blocks and the others. A description that asks for more than the files
    /// hold is refused when they are read.
    pub(super) fn new(numbers: u64, blocks: usize, exact: usize) -> Self {
        Self {
            blocks,
            others: (numbers as usize).saturating_sub(blocks),
            exact,
        }
    }

    /// Their memory: eight bits are for the blocks alone.
    pub(super) fn part(&self, dtype: Dtype) -> Part {
        let whole = dtype.whole().size_bytes() as usize;
        let blocks = if dtype == Dtype::Int8 { 1 } else { whole };
        let rounded = self.others.saturating_sub(self.exact);
        let bytes = self.blocks * blocks + rounded * whole + self.exact * 4;
        part("transformer", bytes)
    }
}

/// Whether the negative prompt is encoded and followed, too.
pub(super) fn is_guided(clip: &Effective) -> bool {
    clip.guidance > 1.0
}

/// The text encoder, block by block, while it reads `tokens` at a time.
pub(super) fn text_encoder(config: &Config, tokens: usize, dtype: Dtype) -> Vec<Part> {
    let (d, inner, ff) = (config.d_model, config.inner_size(), config.d_ff);
    let matrices = if config.feed_forward.gated { 3 } else { 2 };
    let block = 4 * d * inner + matrices * d * ff;
    // The largest matrix as it is read, beside its pages of the file.
    let reading = 2 * d * ff.max(inner);
    let stream = tokens * (4 * d + 4 * inner + 3 * ff);
    let positions = 2 * config.num_heads * tokens * tokens;
    vec![
        weights("a block of the text encoder", block, dtype),
        weights("reading", reading, dtype),
        part("activations", (stream + positions) * 4),
    ]
}

/// Reading matrices, which files have in 16 bits. Of the `largest` there are the pages of its file, the
/// numbers that it is packed from and, with LoRAs, their sum in f32; the memory of the `others`, of
/// other sizes, waits for reuse.
pub(super) fn reading(largest: usize, others: usize, has_loras: bool) -> usize {
    let sums = if has_loras { 12 } else { 0 };
    largest * (4 + sums) + others * 2
}

/// What a transformer takes beside its weights: a step, or reading it, whichever is more.
pub(super) fn work(step: usize, reading: usize) -> Part {
    if step > reading {
        part("activations", step)
    } else {
        part("reading", reading)
    }
}

/// The frames of a clip that is decoded in tiles, which are held until all tiles are there, and of a row
/// of tiles what blends into the next.
pub(super) fn mosaic(clip: &Effective) -> Part {
    let frames = clip.timing.native_frames as usize;
    let pixels = clip.framing.native.area() * frames * 3 * size_of::<f32>();
    part("frames in tiles", pixels + pixels / 4)
}

/// Frames on their way out of the decoder, so many bytes for each number of a picture.
pub(super) fn decoded([height, width]: [usize; 2], bytes: usize) -> Part {
    part("decoded frames", height * width * 3 * bytes)
}

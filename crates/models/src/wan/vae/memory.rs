//! What the VAE takes, before it is read: weights, and maps while it works.

use super::VaeConfig;

/// Maps of a level that live beside those that its convolutions remember: what a block is given, its
/// norms with their activations, the frames before the next one joined, and what comes out. Measured.
const MAPS: usize = 7;

/// Numbers of a residual block.
fn block(input: usize, output: usize) -> usize {
    let shortcut = if input == output {
        0
    } else {
        (input + 1) * output
    };
    input + conv(output, input, 27) + output + conv(output, output, 27) + shortcut
}

fn conv(output: usize, input: usize, taps: usize) -> usize {
    (input * taps + 1) * output
}

/// Numbers of the blocks at the coarsest level.
fn middle(width: usize) -> usize {
    2 * block(width, width) + width + conv(3 * width, width, 1) + conv(width, width, 1)
}

/// Blocks of a level that take `input` channels and give `output`.
fn blocks(count: usize, input: usize, output: usize) -> usize {
    block(input, output) + (count - 1) * block(output, output)
}

impl VaeConfig {
    /// Numbers of the decoder.
    pub fn decoder_weights(&self) -> usize {
        let levels = self.decoder_levels();
        let (z, widest, last) = (self.z_dim, levels[0].0, levels[levels.len() - 1].1);
        let level = |(i, &(input, output)): (usize, &(usize, usize))| {
            let Some(between) = (levels.len() - 1).checked_sub(i + 1) else {
                return blocks(self.num_res_blocks + 1, input, output);
            };
            let narrow = if self.is_residual { output } else { output / 2 };
            let time = usize::from(self.temperal_downsample[between]);
            blocks(self.num_res_blocks + 1, input, output)
                + conv(narrow, output, 9)
                + time * conv(2 * output, output, 3)
        };
        let levels: usize = levels.iter().enumerate().map(level).sum();
        conv(z, z, 1)
            + conv(widest, z, 27)
            + middle(widest)
            + levels
            + last
            + conv(self.out_channels, last, 27)
    }

    /// Numbers of the encoder.
    pub fn encoder_weights(&self) -> usize {
        let widths = self.widths(self.base_dim);
        let (z, widest) = (2 * self.z_dim, widths[widths.len() - 1]);
        let level = |i: usize| {
            let (input, output) = (widths[i], widths[i + 1]);
            let down = self.temperal_downsample.get(i).map_or(0, |halves| {
                conv(output, output, 9) + usize::from(*halves) * conv(output, output, 3)
            });
            blocks(self.num_res_blocks, input, output) + down
        };
        let levels: usize = (0..self.dim_mult.len()).map(level).sum();
        conv(widths[0], self.in_channels, 27)
            + levels
            + middle(widest)
            + widest
            + conv(z, widest, 27)
            + conv(z, z, 1)
    }

    /// Numbers of the maps while a picture of this height and width is decoded: of every level what
    /// its convolutions remember, and what they work on, whose memory is kept for the next frame.
    pub fn decoder_maps(&self, picture: [usize; 2]) -> usize {
        let levels = self.decoder_levels();
        let finest = self.positions(picture);
        let level = |(i, &(input, output)): (usize, &(usize, usize))| {
            let positions = finest >> (2 * (levels.len() - 1 - i));
            // Two frames of two convolutions a block; of the middle and of the head, too.
            let remembered = 2 * (input + output) + 4 * output * self.num_res_blocks;
            let ends = if i == 0 { 8 * input } else { 2 * output };
            positions * (remembered + ends + MAPS * output)
        };
        levels.iter().enumerate().map(level).sum()
    }

    /// Numbers of the maps while one picture of this height and width is encoded.
    pub fn encoder_maps(&self, picture: [usize; 2]) -> usize {
        let widths = self.widths(self.base_dim);
        let finest = self.positions(picture);
        let level = |i: usize| {
            let remembered = 2 * self.num_res_blocks * widths[i + 1];
            (finest >> (2 * i)) * (remembered + MAPS * widths[i + 1])
        };
        (0..self.dim_mult.len()).map(level).sum()
    }

    /// Positions of the finest maps.
    fn positions(&self, [height, width]: [usize; 2]) -> usize {
        height * width / self.patch().pow(2)
    }
}

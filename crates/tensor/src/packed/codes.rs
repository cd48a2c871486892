//! Weights in eight bits.

use super::{LINE, PANEL, SLICE};
use crate::cpu::parallel_parts;

/// Greatest magnitude of a code. -128 is not used, so that codes reach as far to both sides.
pub(crate) const CODE_LIMIT: f32 = 127.0;
/// What is added to the codes of activations, which processors multiply as unsigned.
pub(crate) const CODE_OFFSET: i32 = 128;

/// Sixteen numbers of 32 bits: sums, or four codes for each of sixteen outputs.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [i32; LINE]);

/// A matrix of codes in packed form.
///
/// A panel of 32 outputs begins with two lines of what its sums start from: the codes of each output, summed,
/// times the offset of the activations' codes, taken back. Then come two lines of scales, what a code of
/// each output is worth, as the bits of f32. Then its tiles, each a line for four inputs.
pub(crate) struct Codes {
    /// Outputs, padded to whole panels.
    pub(crate) columns: usize,
    /// Pairs of inputs, padded to whole slices.
    pub(crate) pairs: usize,
    lines: Vec<Line>,
}

impl Codes {
    /// The sums of so many products of the greatest codes fit in 32 bits.
    pub(super) const MOST_INPUTS: usize = 1 << 16;
    /// Lines of a panel before its tiles.
    pub(crate) const HEAD: usize = 2 * Self::SCALES;
    /// Lines of a panel before its scales.
    const SCALES: usize = PANEL / LINE;

    /// Packs `columns` outputs of `depth` inputs. `fill(j, row)` writes the weights of output `j` over
    /// zeros.
    pub(super) fn pack(
        columns: usize,
        depth: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Self {
        let columns = columns.next_multiple_of(PANEL);
        let pairs = depth.div_ceil(2).next_multiple_of(SLICE);
        let size = Self::panel_lines(pairs / SLICE);
        let mut lines = vec![Line([0; LINE]); columns / PANEL * size];
        parallel_parts(&mut lines, size, |panel, lines| {
            let mut values = vec![0.0; 2 * pairs];
            for n in 0..PANEL {
                values.fill(0.0);
                fill(panel * PANEL + n, &mut values);
                pack_output(&values, n, lines);
            }
        });
        Self {
            columns,
            pairs,
            lines,
        }
    }

    /// All panels, [`Codes::panel_lines`] each.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Lines of a panel with so many slices of pairs.
    pub(crate) const fn panel_lines(slices: usize) -> usize {
        Self::HEAD + slices * PANEL
    }

    /// What a code of each of the 32 outputs of a panel is worth.
    pub(crate) fn panel_scales(&self, panel: usize) -> [f32; PANEL] {
        let size = Self::panel_lines(self.pairs / SLICE);
        let lines = &self.lines[panel * size + Self::SCALES..];
        std::array::from_fn(|n| f32::from_bits(lines[n / LINE].0[n % LINE] as u32))
    }

    /// The codes of output `n`, padding included.
    pub(crate) fn output(&self, n: usize) -> Vec<i8> {
        let size = Self::panel_lines(self.pairs / SLICE);
        let panel = &self.lines[n / PANEL * size..];
        let quad = |quad: usize| {
            let (line, lane) = place(quad, n % PANEL);
            panel[line].0[lane].to_ne_bytes().map(|byte| byte as i8)
        };
        (0..self.pairs / 2).flat_map(quad).collect()
    }
}

/// Packs output `n` of a panel.
fn pack_output(values: &[f32], n: usize, panel: &mut [Line]) {
    let per_unit = codes_per_unit(greatest(values));
    let mut sum = 0;
    for (quad, values) in values.as_chunks::<4>().0.iter().enumerate() {
        let codes = values.map(|x| code(x * per_unit));
        sum += codes.iter().map(|&code| i32::from(code)).sum::<i32>();
        let (line, lane) = place(quad, n);
        panel[line].0[lane] = i32::from_ne_bytes(codes.map(|code| code as u8));
    }
    let (half, lane) = (n / LINE, n % LINE);
    panel[half].0[lane] = -CODE_OFFSET * sum;
    panel[Codes::SCALES + half].0[lane] = scale_of(values).to_bits() as i32;
}

/// Line and lane of inputs `4 quad` and on of output `n` of a panel.
fn place(quad: usize, n: usize) -> (usize, usize) {
    let slice = quad / LINE * PANEL;
    (
        Codes::HEAD + slice + n / LINE * LINE + quad % LINE,
        n % LINE,
    )
}

/// The nearest whole number, ties to even, of one that is no greater than [`CODE_LIMIT`].
pub(crate) fn code(x: f32) -> i8 {
    // 1.5 * 2^23 drops the fraction and leaves the number in the lowest bits.
    (x + 12_582_912.0).to_bits() as i8
}

fn greatest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |max, x| x.abs().max(max))
}

/// What a code of these numbers is worth: NaN if one of them is not finite, so that it is not lost.
pub(crate) fn scale_of(values: &[f32]) -> f32 {
    let spoilt: f32 = values.iter().map(|x| x * 0.0).sum();
    greatest(values) / CODE_LIMIT + spoilt
}

/// How many codes one unit is, where the greatest magnitude is `max`.
pub(crate) fn codes_per_unit(max: f32) -> f32 {
    // The quotient of less would not be finite; codes of so little are zeros.
    if max > 1e-30 { CODE_LIMIT / max } else { 0.0 }
}

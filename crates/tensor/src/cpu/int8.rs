//! `linear` in eight bits: rows become codes with a scale each, meet the codes of the weight in exact
//! sums of whole numbers, and are scaled back. Every instruction set gives the same numbers.
//!
//! Processors multiply unsigned by signed bytes, so codes of rows are stored with an offset; sums begin
//! with what takes it back.

#![allow(clippy::inline_always, reason = "see `simd`")]

use std::ops::Range;

use super::Isa;
#[cfg(target_arch = "x86_64")]
use super::amx::Tiles;
use super::gemm::{Finish, Multiply, Operand, Product, STRIP, Sums, Tile, for_rows, put};
use super::linear::{BLOCK, End, for_chunks};
use super::simd::{Kernel, LANES, Simd, SimdElement, Vector, dispatch};
use crate::Tensor;
use crate::buffer::Buffer;
use crate::dtype::with_element;
use crate::packed::{CODE_LIMIT, CODE_OFFSET, Codes, Line, PANEL, SLICE, codes_per_unit};

/// Two inputs of a row.
type Pair = [u8; 2];

/// `x` times a weight, each row finished by `end`.
pub(super) fn product<O: SimdElement>(isa: Isa, x: &Tensor, weight: &Codes, end: &End<O>) {
    assert!(!end.symmetric, "no symmetric product in eight bits");
    let (rows, width) = (x.rows(), x.last_dim());
    let slices = weight.pairs / SLICE;
    let offsets: Vec<usize> = (0..slices).map(|i| i * 16 * SLICE).collect();
    with_element!(x.dtype(), T => for_chunks(rows, weight.columns / PANEL, |rows, panels| {
        let mut scratch = Buffer::arbitrary(
            rows.len().next_multiple_of(STRIP) * weight.pairs * size_of::<Pair>(),
        );
        let matrix = &x.as_slice::<T>()[rows.start * width..rows.end * width];
        dispatch(isa, Chunk {
            matrix,
            width,
            rows: rows.len(),
            weight,
            panels,
            offsets: &offsets,
            scratch: scratch.as_mut_bytes().as_chunks_mut().0,
            end: End { first_row: rows.start, ..*end },
        });
    }));
}

/// Some rows times some panels.
struct Chunk<'a, T, O> {
    matrix: &'a [T],
    width: usize,
    rows: usize,
    weight: &'a Codes,
    panels: Range<usize>,
    offsets: &'a [usize],
    scratch: &'a mut [Pair],
    end: End<'a, O>,
}

impl<T: SimdElement, O: SimdElement> Kernel for Chunk<'_, T, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let tile_stride = self.offsets.len() * SLICE * 16;
        let mut scales = [0.0; BLOCK];
        let rows = self.matrix.chunks_exact(self.width);
        for ((r, row), scale) in rows.enumerate().zip(&mut scales) {
            let (max, spoilt) = extent(s, row);
            *scale = max / CODE_LIMIT + spoilt;
            let factor = codes_per_unit(max);
            for (source, offset) in row.chunks(2 * SLICE).zip(self.offsets) {
                let start = r / 16 * tile_stride + r % 16 * SLICE + offset;
                encode(s, source, factor, &mut self.scratch[start..start + SLICE]);
            }
        }
        let a = Operand {
            data: &*self.scratch,
            row_stride: SLICE,
            tile_stride,
            offsets: self.offsets,
        };
        let finish = Scaled {
            end: self.end,
            rows: &scales,
            weight: self.weight,
        };
        Product {
            a,
            rows: self.rows,
            panels: self.weight.lines(),
            range: self.panels,
            finish,
        }
        .run(s);
    }
}

/// The greatest magnitude of a row, and 0, or NaN if one of its numbers is not finite.
#[inline(always)]
fn extent<S: Simd, T: SimdElement>(s: S, row: &[T]) -> (f32, f32) {
    let zero = s.splat(0.0);
    let (mut max, mut spoilt) = (zero, zero);
    for part in row.chunks(LANES) {
        let x = T::load_some(s, part);
        max = max.max(x.max(zero - x));
        spoilt = x.mul_add(zero, spoilt);
    }
    (max.max_lane(), spoilt.sum())
}

/// A slice of a row as codes; what lies beyond the row is nothing.
#[inline(always)]
fn encode<S: Simd, T: SimdElement>(s: S, source: &[T], factor: f32, out: &mut [Pair]) {
    let (factor, offset) = (s.splat(factor), s.splat(CODE_OFFSET as f32));
    let (out, _) = out.as_flattened_mut().as_chunks_mut::<LANES>();
    for (i, out) in out.iter_mut().enumerate() {
        let rest = source.get(i * LANES..).unwrap_or_default();
        let x = T::load_some(s, &rest[..rest.len().min(LANES)]);
        ((x * factor).round() + offset).store_bytes(out);
    }
}

/// Sums of codes as numbers, finished by `end`.
struct Scaled<'a, O> {
    end: End<'a, O>,
    /// What a code of each row of the chunk is worth.
    rows: &'a [f32; BLOCK],
    weight: &'a Codes,
}

impl<O: SimdElement> Finish for Scaled<'_, O> {
    #[inline(always)]
    fn tile<S: Simd>(&self, s: S, sums: &Tile, first_row: usize, rows: usize, panel: usize) {
        let columns = self.weight.panel_scales(panel);
        let mut scaled = Tile::new();
        let sums = sums.0.iter().zip(&mut scaled.0).take(rows);
        for (&row, (sums, scaled)) in self.rows[first_row..].iter().zip(sums) {
            let row = s.splat(row);
            let parts = sums.as_chunks().0.iter().zip(columns.as_chunks().0);
            for ((sums, columns), out) in parts.zip(scaled.as_chunks_mut().0) {
                (s.load(sums) * row * s.load(columns)).store(out);
            }
        }
        self.end.tile(s, &scaled, first_row, rows, panel);
    }
}

impl Multiply<Line> for Pair {
    #[cfg(target_arch = "x86_64")]
    type Machine = Option<Tiles>;
    #[cfg(not(target_arch = "x86_64"))]
    type Machine = ();

    fn panel_size(slices: usize) -> usize {
        Codes::panel_lines(slices)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn machine<S: Simd>(s: S) -> Option<Tiles> {
        Tiles::of(s)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn machine<S: Simd>(_: S) {}

    #[inline(always)]
    fn multiply<S: Simd>(
        s: S,
        machine: &Self::Machine,
        a: &Operand<Self>,
        first_row: usize,
        panel: &[Line],
        sums: &mut Sums,
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Some(tiles) = machine {
            tiles.multiply_codes(a, first_row, panel, sums);
            for sum in &mut *sums.data {
                *sum = sum.to_bits() as i32 as f32;
            }
            return;
        }
        #[cfg(not(target_arch = "x86_64"))]
        let () = machine;
        for_rows!(rows_codes, s, a, panel, first_row, sums);
    }
}

/// `R` rows of codes times `H` halves of a panel, four inputs at a time.
#[inline(always)]
fn rows_codes<S: Simd, const R: usize, const H: usize>(
    s: S,
    a: &Operand<Pair>,
    panel: &[Line],
    (from, to, half): (usize, usize, usize),
    sums: &mut Sums,
) {
    let mut all = [[s.load_ints(&panel[half].0); H]; R];
    if H > 1 {
        let mut r = 0;
        while r < R {
            all[r][1] = s.load_ints(&panel[1].0);
            r += 1;
        }
    }
    let blocks = panel[Codes::HEAD..].as_chunks::<LANES>().0;
    for (i, &offset) in a.offsets.iter().enumerate() {
        let rows = a.rows::<R>(from, offset);
        let halves: &[_; H] = blocks[2 * i + half..].first_chunk().expect("both halves");
        for k in 0..LANES {
            let mut lines = [s.load_codes(&halves[0][k].0); H];
            if H > 1 {
                lines[1] = s.load_codes(&halves[1][k].0);
            }
            for (all, row) in all.iter_mut().zip(&rows) {
                let quad = s.splat_codes([row[2 * k], row[2 * k + 1]]);
                for (sum, &line) in all.iter_mut().zip(&lines) {
                    *sum = s.dot_codes(quad, line, *sum);
                }
            }
        }
    }
    let mut numbers = [[s.splat(0.0); H]; R];
    for (numbers, all) in numbers.iter_mut().zip(&all) {
        for (number, &sum) in numbers.iter_mut().zip(all) {
            *number = s.numbers(sum);
        }
    }
    put(s, &numbers, to, half, sums);
}

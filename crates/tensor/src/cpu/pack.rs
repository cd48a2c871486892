//! Columns of a matrix as a factor of products: as the outputs of a packed one, in the layout of
//! [`crate::packed`], or as the rows of a left one.

#![allow(clippy::inline_always, reason = "see `simd`")]

use std::ops::Range;

use super::simd::{Kernel, LANES, Simd, SimdElement};
use crate::packed::{PANEL, SLICE, place};

/// [`pack_columns`] for all instruction sets.
pub(crate) struct PackColumns<'a, T, B> {
    /// Rows of `width`.
    pub(crate) matrix: &'a [T],
    pub(crate) width: usize,
    pub(crate) columns: Range<usize>,
    pub(crate) out: &'a mut [B],
}

impl<T: SimdElement, B: SimdElement> Kernel for PackColumns<'_, T, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        pack_columns(s, self.matrix, self.width, self.columns, self.out);
    }
}

/// Packs some columns of a matrix with rows of `width`. `out` holds the numbers of rows and columns
/// rounded up to whole slices and panels.
#[inline(always)]
pub(super) fn pack_columns<S: Simd, T: SimdElement, B: SimdElement>(
    s: S,
    matrix: &[T],
    width: usize,
    columns: Range<usize>,
    out: &mut [B],
) {
    let rows = matrix.len() / width.max(1);
    let depth = rows.next_multiple_of(SLICE);
    if depth > rows || !columns.len().is_multiple_of(PANEL) {
        out.fill(B::default());
    }
    for k in (0..rows).step_by(2) {
        let row = |k: usize| &matrix[k * width..][columns.clone()];
        let even = row(k);
        let odd = (k + 1 < rows).then(|| row(k + 1));
        for (i, part) in even.chunks(LANES).enumerate() {
            let x = T::load_some(s, part);
            let y = match odd {
                Some(odd) => T::load_some(s, &odd[i * LANES..][..part.len()]),
                None => s.splat(0.0),
            };
            B::store_inputs(x, y, &mut out[place::<B>(depth, i * LANES, k)..]);
        }
    }
}

/// Some columns of a matrix with rows of `width` as rows of a left factor, in tiles whose rows lie side
/// by side; rounded to bf16 with `round`.
#[inline(always)]
pub(super) fn turn_columns<S: Simd, T: SimdElement, A: SimdElement>(
    s: S,
    matrix: &[T],
    width: usize,
    columns: Range<usize>,
    tiles: &mut [A],
    round: bool,
) {
    let slices = (matrix.len() / width.max(1)).div_ceil(SLICE);
    let groups = tiles.chunks_exact_mut(slices * 16 * SLICE);
    for (first, tiles) in columns.clone().step_by(16).zip(groups) {
        let columns = first..columns.end.min(first + 16);
        let slices = matrix.chunks(SLICE * width);
        for (rows, tile) in slices.zip(tiles.chunks_exact_mut(16 * SLICE)) {
            A::turn(s, rows, width, columns.clone(), tile, round);
        }
    }
}

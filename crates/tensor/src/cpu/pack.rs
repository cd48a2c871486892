//! Columns of a matrix as the outputs of a packed one, in the layout of [`crate::packed`].

#![allow(clippy::inline_always, reason = "see `simd`")]

use std::ops::Range;

use super::simd::{Kernel, LANES, Simd, SimdElement};
use crate::packed::{PANEL, SLICE, place};

/// [`pack_columns`] for all instruction sets.
pub(crate) struct Columns<'a, T, B> {
    /// Rows of `width`.
    pub(crate) matrix: &'a [T],
    pub(crate) width: usize,
    pub(crate) columns: Range<usize>,
    pub(crate) out: &'a mut [B],
}

impl<T: SimdElement, B: SimdElement> Kernel for Columns<'_, T, B> {
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

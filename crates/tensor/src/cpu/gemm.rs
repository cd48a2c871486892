//! The matrix product that `linear` and `conv` share: strips of 32 rows times panels of 32
//! outputs, each sum finished by its operation while it is still in cache.

#![allow(clippy::inline_always, reason = "see `simd`")]

use std::ops::Range;

use half::bf16;

#[cfg(target_arch = "x86_64")]
use super::amx::Tiles;
use super::simd::{LANES, Simd, SimdElement, Vector};
use crate::Element;
use crate::packed::{PANEL, SLICE};

/// Rows of a strip.
pub(super) const STRIP: usize = 32;

/// The sums of one strip and one panel.
#[repr(C, align(64))]
pub(super) struct Tile(pub(super) [[f32; PANEL]; STRIP]);

impl Tile {
    pub(super) fn new() -> Self {
        Self([[0.0; PANEL]; STRIP])
    }

    /// The whole tile, to be overwritten.
    pub(super) fn sums(&mut self) -> Sums<'_> {
        Sums {
            data: self.0.as_flattened_mut(),
            stride: PANEL,
            keep: false,
        }
    }
}

/// Where the sums of one strip and one panel go: 32 rows of 32 numbers.
pub(super) struct Sums<'a> {
    pub(super) data: &'a mut [f32],
    /// From one row to the next.
    pub(super) stride: usize,
    /// Whether sums are added to what is there.
    pub(super) keep: bool,
}

impl Sums<'_> {
    /// For stretch `i` of a product's inputs: all but the first add to the sums before.
    #[inline(always)]
    fn stretch(&mut self, i: usize) -> Sums<'_> {
        Sums {
            data: self.data,
            stride: self.stride,
            keep: self.keep || i > 0,
        }
    }

    #[inline(always)]
    pub(super) fn check(&self) {
        assert!(
            self.stride >= PANEL && (STRIP - 1) * self.stride + PANEL <= self.data.len(),
            "no place for the sums of a strip"
        );
    }
}

/// The left factor in scratch memory: slice `i` of row `r` is the 32 elements from
/// `r / 16 * tile_stride + r % 16 * row_stride + offsets[i]`.
///
/// `linear` packs whole tiles; for `conv` rows are positions and offsets are taps, so that no
/// element is copied for each tap.
#[derive(Clone, Copy)]
pub(super) struct Operand<'a, A> {
    pub(super) data: &'a [A],
    pub(super) row_stride: usize,
    pub(super) tile_stride: usize,
    pub(super) offsets: &'a [usize],
}

impl<A: Copy> Operand<'_, A> {
    /// The first element of the 16 rows from `first_row`, checked to lie inside with all slices.
    #[inline(always)]
    pub(super) fn tile(&self, first_row: usize) -> *const A {
        let start = first_row / 16 * self.tile_stride;
        let last = self
            .offsets
            .last()
            .copied()
            .unwrap_or(0)
            .max(self.offsets[0]);
        assert!(
            first_row.is_multiple_of(16)
                && start + 15 * self.row_stride + last + SLICE <= self.data.len(),
            "a strip outside its operand"
        );
        self.data[start..].as_ptr()
    }

    /// Slices of `R` rows at once. No closure or adapter: it might not be compiled for the
    /// instruction set, and a call in the inner loops takes every sum out of its register.
    #[inline(always)]
    pub(super) fn rows<const R: usize>(&self, first: usize, offset: usize) -> [&[A; SLICE]; R] {
        let mut rows = [self.slice(first, offset); R];
        let mut r = 1;
        while r < R {
            rows[r] = self.slice(first + r, offset);
            r += 1;
        }
        rows
    }

    /// What meets stretch `i` of so many slices of a panel.
    #[inline(always)]
    fn stretch(&self, i: usize, slices: usize) -> Self {
        let offsets = &self.offsets[i * slices..];
        Self {
            offsets: &offsets[..slices.min(offsets.len())],
            ..*self
        }
    }

    #[inline(always)]
    fn slice(&self, row: usize, offset: usize) -> &[A; SLICE] {
        let start = row / 16 * self.tile_stride + row % 16 * self.row_stride + offset;
        self.data[start..]
            .first_chunk()
            .expect("a row outside its operand")
    }
}

/// What an operation does with finished sums.
pub(super) trait Finish {
    /// Takes the sums of `rows` rows from `first_row`, and of panel `panel`.
    fn tile<S: Simd>(&self, s: S, sums: &Tile, first_row: usize, rows: usize, panel: usize);
}

/// What a left factor is made of, and how it is multiplied by panels of `B`.
pub(super) trait Multiply<B>: Copy {
    /// Slices of a block of inputs, which deep products take one after the other; none where all inputs of
    /// a panel are taken at once.
    const BLOCK: Option<usize> = None;

    /// What a thread holds while it multiplies.
    type Machine;

    /// Elements of a panel with so many slices.
    fn panel_size(slices: usize) -> usize {
        slices * SLICE * PANEL
    }

    /// Prepares the calling thread.
    fn machine<S: Simd>(s: S) -> Self::Machine;

    /// Sums of the strip at `first_row` with a panel as deep as the operand has slices.
    fn multiply<S: Simd>(
        s: S,
        machine: &Self::Machine,
        a: &Operand<Self>,
        first_row: usize,
        panel: &[B],
        sums: &mut Sums,
    );
}

/// The numbers of a left factor.
pub(super) trait Multiplicand<B>: Multiply<B> + SimdElement {}

impl<A: Multiply<B> + SimdElement, B> Multiplicand<B> for A {}

/// Panels whose sums wait in a deep product.
const GROUP: usize = 32;

/// One chunk of a product.
pub(super) struct Product<'a, A, B, F> {
    pub(super) a: Operand<'a, A>,
    pub(super) rows: usize,
    pub(super) panels: &'a [B],
    pub(super) range: Range<usize>,
    pub(super) finish: F,
}

impl<A: Multiply<B>, B, F: Finish> Product<'_, A, B, F> {
    #[inline(always)]
    pub(super) fn run<S: Simd>(self, s: S) {
        if A::BLOCK.is_some_and(|slices| self.a.offsets.len() > 2 * slices) {
            return self.run_deep(s);
        }
        let machine = A::machine(s);
        let size = A::panel_size(self.a.offsets.len());
        let mut sums = Tile::new();
        let (strips, panels) = (self.rows.div_ceil(STRIP), self.range.len());
        // The larger factor passes through the caches once, the smaller again and again.
        let by_panel = panels * PANEL > self.rows;
        for i in 0..strips * panels {
            let (strip, panel) = if by_panel {
                (i % strips, i / strips)
            } else {
                (i / panels, i % panels)
            };
            let (first, panel) = (strip * STRIP, self.range.start + panel);
            let rows = STRIP.min(self.rows - first);
            let weights = &self.panels[panel * size..(panel + 1) * size];
            A::multiply(s, &machine, &self.a, first, weights, &mut sums.sums());
            self.finish.tile(s, &sums, first, rows, panel);
        }
    }

    /// A product of more than two blocks of inputs: the sums of some panels wait while the blocks pass, so
    /// that a block of all rows stays in the second cache.
    #[inline(always)]
    fn run_deep<S: Simd>(self, s: S) {
        let machine = A::machine(s);
        let slices = A::BLOCK.expect("a factor that comes in blocks");
        let [size, part] = [self.a.offsets.len(), slices].map(A::panel_size);
        let strips = self.rows.div_ceil(STRIP);
        let mut tiles: Vec<Tile> = Vec::new();
        tiles.resize_with(GROUP.min(self.range.len()) * strips, Tile::new);
        for first in self.range.clone().step_by(GROUP) {
            let panels = GROUP.min(self.range.end - first);
            let tiles = &mut tiles[..panels * strips];
            for block in 0..size.div_ceil(part) {
                let a = self.a.stretch(block, slices);
                for (i, tile) in tiles.iter_mut().enumerate() {
                    let (panel, row) = (first + i / strips, i % strips * STRIP);
                    let panel = &self.panels[panel * size..][..size];
                    let weights = &panel[block * part..size.min((block + 1) * part)];
                    let mut sums = tile.sums();
                    sums.keep = block > 0;
                    A::multiply(s, &machine, &a, row, weights, &mut sums);
                }
            }
            for (i, tile) in tiles.iter().enumerate() {
                let (panel, row) = (first + i / strips, i % strips * STRIP);
                let rows = STRIP.min(self.rows - row);
                self.finish.tile(s, tile, row, rows, panel);
            }
        }
    }
}

/// Calls a kernel for all rows of a strip: as many rows and halves of a panel at once as the sums of which
/// fit in registers.
macro_rules! for_rows {
    ($kernel:ident, $s:expr, $a:expr, $panel:expr, $first_row:expr, $sums:expr) => {
        if S::GEMM_ROWS == 8 {
            for row in (0..STRIP).step_by(8) {
                $kernel::<S, 8, 2>($s, $a, $panel, ($first_row + row, row, 0), $sums);
            }
        } else {
            for half in 0..2 {
                for row in (0..STRIP).step_by(4) {
                    $kernel::<S, 4, 1>($s, $a, $panel, ($first_row + row, row, half), $sums);
                }
            }
        }
    };
}
pub(super) use for_rows;

/// The left factor of instruction sets that multiply bf16.
#[cfg(target_arch = "x86_64")]
impl Multiply<Self> for bf16 {
    type Machine = Option<Tiles>;

    #[inline(always)]
    fn machine<S: Simd>(s: S) -> Option<Tiles> {
        Tiles::of(s)
    }

    #[inline(always)]
    fn multiply<S: Simd>(
        s: S,
        machine: &Option<Tiles>,
        a: &Operand<Self>,
        first_row: usize,
        panel: &[Self],
        sums: &mut Sums,
    ) {
        if let Some(tiles) = machine {
            tiles.multiply(a, first_row, panel, sums);
            return;
        }
        for_rows!(rows_pairs, s, a, panel, first_row, sums);
    }
}

/// Slices of a panel that all rows of a strip meet before the next ones, so that they stay in the first
/// cache: 8 KiB.
const fn stretch<B>() -> usize {
    (8 << 10) / (SLICE * PANEL * size_of::<B>())
}

impl Multiply<bf16> for f32 {
    const BLOCK: Option<usize> = Some(16);

    type Machine = ();

    fn machine<S: Simd>(_: S) {}

    #[inline(always)]
    fn multiply<S: Simd>(
        s: S,
        (): &(),
        a: &Operand<Self>,
        first_row: usize,
        panel: &[bf16],
        sums: &mut Sums,
    ) {
        let slices = stretch::<bf16>();
        for (i, panel) in panel.chunks(slices * SLICE * PANEL).enumerate() {
            let (a, mut sums) = (a.stretch(i, slices), sums.stretch(i));
            for_rows!(rows_bf16, s, &a, panel, first_row, &mut sums);
        }
    }
}

impl Multiply<Self> for f32 {
    const BLOCK: Option<usize> = Some(16);

    type Machine = ();

    fn machine<S: Simd>(_: S) {}

    #[inline(always)]
    fn multiply<S: Simd>(
        s: S,
        (): &(),
        a: &Operand<Self>,
        first_row: usize,
        panel: &[Self],
        sums: &mut Sums,
    ) {
        let slices = stretch::<Self>();
        for (i, panel) in panel.chunks(slices * SLICE * PANEL).enumerate() {
            let (a, mut sums) = (a.stretch(i, slices), sums.stretch(i));
            strip_f32(s, &a, first_row, panel, &mut sums);
        }
    }
}

/// `R` rows of bf16 times `H` halves of a panel, a pair of inputs at a time.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn rows_pairs<S: Simd, const R: usize, const H: usize>(
    s: S,
    a: &Operand<bf16>,
    panel: &[bf16],
    (from, to, half): (usize, usize, usize),
    sums: &mut Sums,
) {
    let mut all = [[s.splat(0.0); H]; R];
    let blocks = panel.as_chunks::<{ 2 * LANES }>().0;
    let blocks = blocks.as_chunks::<LANES>().0;
    for (i, &offset) in a.offsets.iter().enumerate() {
        let rows = a.rows::<R>(from, offset);
        let halves: &[_; H] = blocks[2 * i + half..].first_chunk().expect("both halves");
        for k in 0..LANES {
            let mut lines = [s.load_factors(&halves[0][k]); H];
            if H > 1 {
                lines[1] = s.load_factors(&halves[1][k]);
            }
            for (all, row) in all.iter_mut().zip(&rows) {
                let pair = s.splat_pair([row[2 * k], row[2 * k + 1]]);
                for (sum, &line) in all.iter_mut().zip(&lines) {
                    *sum = s.dot(pair, line, *sum);
                }
            }
        }
    }
    put(s, &all, to, half, sums);
}

/// `R` rows times `H` halves of a panel of bf16, whose odd and even inputs are widened to f32.
#[inline(always)]
fn rows_bf16<S: Simd, const R: usize, const H: usize>(
    s: S,
    a: &Operand<f32>,
    panel: &[bf16],
    (from, to, half): (usize, usize, usize),
    sums: &mut Sums,
) {
    let mut all = [[s.splat(0.0); H]; R];
    let blocks = panel.as_chunks::<{ 2 * LANES }>().0;
    let blocks = blocks.as_chunks::<LANES>().0;
    for (i, &offset) in a.offsets.iter().enumerate() {
        let rows = a.rows::<R>(from, offset);
        let halves: &[_; H] = blocks[2 * i + half..].first_chunk().expect("both halves");
        for k in 0..LANES {
            let mut lines = [s.load_pairs(&halves[0][k]); H];
            if H > 1 {
                lines[1] = s.load_pairs(&halves[1][k]);
            }
            for (all, row) in all.iter_mut().zip(&rows) {
                let (even, odd) = (s.splat(row[2 * k]), s.splat(row[2 * k + 1]));
                for (sum, line) in all.iter_mut().zip(&lines) {
                    *sum = odd.mul_add(line.1, even.mul_add(line.0, *sum));
                }
            }
        }
    }
    put(s, &all, to, half, sums);
}

/// A strip times some slices of a panel of f32.
#[inline(always)]
fn strip_f32<S: Simd>(s: S, a: &Operand<f32>, first_row: usize, panel: &[f32], sums: &mut Sums) {
    if S::GEMM_ROWS == 8 {
        for row in (0..STRIP).step_by(8) {
            rows_f32::<S, 8, 2>(s, a, panel, (first_row + row, row, 0), sums);
        }
        return;
    }
    // Six rows are as many as leave registers for a line and a number: a line is loaded less often.
    for half in 0..2 {
        for row in (0..24).step_by(6) {
            rows_f32::<S, 6, 1>(s, a, panel, (first_row + row, row, half), sums);
        }
        for row in [24, 28] {
            rows_f32::<S, 4, 1>(s, a, panel, (first_row + row, row, half), sums);
        }
    }
}

/// `R` rows times `H` halves of a panel of f32.
#[inline(always)]
fn rows_f32<S: Simd, const R: usize, const H: usize>(
    s: S,
    a: &Operand<f32>,
    panel: &[f32],
    (from, to, half): (usize, usize, usize),
    sums: &mut Sums,
) {
    let lines = panel.as_chunks::<LANES>().0;
    let mut all = [[s.splat(0.0); H]; R];
    let slices = lines.as_chunks::<2>().0.as_chunks::<SLICE>().0;
    for (slice, &offset) in slices.iter().zip(a.offsets) {
        let rows = a.rows::<R>(from, offset);
        for (k, halves) in slice.iter().enumerate() {
            let mut lines = [s.load(&halves[half]); H];
            if H > 1 {
                lines[1] = s.load(&halves[1]);
            }
            for (all, row) in all.iter_mut().zip(&rows) {
                let x = s.splat(row[k]);
                for (sum, &line) in all.iter_mut().zip(&lines) {
                    *sum = x.mul_add(line, *sum);
                }
            }
        }
    }
    put(s, &all, to, half, sums);
}

/// Stores sums of `R` rows from `to`, and of `H` halves from `half`.
#[inline(always)]
pub(super) fn put<S: Simd, const R: usize, const H: usize>(
    s: S,
    all: &[[S::V; H]; R],
    to: usize,
    half: usize,
    sums: &mut Sums,
) {
    for (r, all) in all.iter().enumerate() {
        for (h, &sum) in all.iter().enumerate() {
            let start = (to + r) * sums.stride + (half + h) * LANES;
            let out = sums.data[start..]
                .first_chunk_mut()
                .expect("32 rows of 32 sums");
            if sums.keep {
                (s.load(out) + sum).store(out);
            } else {
                sum.store(out);
            }
        }
    }
}

/// Copies elements into the type of the left factor, rounded to bf16 where the weight is.
#[inline(always)]
pub(super) fn convert<S: Simd, T: SimdElement, A: SimdElement>(
    s: S,
    source: &[T],
    out: &mut [A],
    round: bool,
) {
    for (source, out) in source.chunks(LANES).zip(out.chunks_mut(LANES)) {
        let mut x = T::load_some(s, source);
        if round && A::DTYPE != bf16::DTYPE && T::DTYPE != bf16::DTYPE {
            let mut rounded = [bf16::ZERO; LANES];
            x.store_bf16(&mut rounded);
            x = s.load_bf16(&rounded);
        }
        A::store_some(x, &mut out[..source.len().min(LANES)]);
    }
}

/// Calls a function with the types of both factors that suit instruction set and precision.
macro_rules! with_factors {
    ($isa:expr, $precision:expr, $left:ident, $right:ident => $body:expr) => {
        match ($isa, $precision) {
            #[cfg(target_arch = "x86_64")]
            ($crate::Isa::Avx512Bf16 | $crate::Isa::Amx, $crate::Precision::Bf16) => {
                type $left = half::bf16;
                type $right = half::bf16;
                $body
            }
            (_, $crate::Precision::Bf16) => {
                type $left = f32;
                type $right = half::bf16;
                $body
            }
            (_, $crate::Precision::Int8) => unreachable!("codes have a product of their own"),
            (_, $crate::Precision::F32) => {
                type $left = f32;
                type $right = f32;
                $body
            }
        }
    };
}
pub(super) use with_factors;

//! Weights in the one layout that every kernel reads.
//!
//! A bf16 weight `[n, k]` is stored as panels of 32 outputs: `[n/32][k/32]` pairs of tiles, a tile
//! being 16 rows of 64 bytes, where row `i` holds inputs `2i` and `2i + 1` for 16 outputs. AMX
//! loads a tile, AVX-512 a row of it. An f32 weight is `[n/32][k][32]`. Both are padded with zeros.
//! [`Codes`] are tiles as those of bf16, with two inputs of eight bits in the place of each number.

mod at_once;
mod codes;
mod conv;

pub(crate) use codes::{CODE_LIMIT, CODE_OFFSET, Codes, Line, code, codes_per_unit, scale_of};

pub use conv::ConvWeight;

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use half::bf16;

use crate::cpu::{Isa, PackColumns, SimdElement, dispatch, parallel_parts};
use crate::dtype::with_element;
use crate::{DType, Element, Tensor};

/// Outputs of one panel.
pub(crate) const PANEL: usize = 32;
/// Inputs of one pair of tiles.
pub(crate) const SLICE: usize = 32;
/// Outputs of one tile: a line of it holds two inputs of each.
const LINE: usize = 16;
/// Elements of one pair of tiles.
const PAIR: usize = PANEL * SLICE;

/// How a weight is held and multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Exact: for parity with a reference in f32.
    F32,
    /// Rounded to bf16, and so are the activations it meets; sums stay f32.
    Bf16,
    /// Codes of eight bits with a scale for each output; the activations they meet are rounded to codes with
    /// a scale for each row, and sums of their products are exact. Linear layers alone can be held so.
    ///
    /// Reference: Dettmers et al. 2208.07339, section 2.1 (vector-wise quantization).
    Int8,
}

impl Precision {
    /// The same for weights that are not held in eight bits: those of convolutions, and of layers whose
    /// rounding shows.
    #[must_use]
    pub fn whole(self) -> Self {
        match self {
            Self::Int8 => Self::Bf16,
            other => other,
        }
    }

    /// Of the activations between layers.
    pub fn activations(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 | Self::Int8 => DType::Bf16,
        }
    }
}

/// A matrix in packed form.
pub(crate) struct Panels {
    /// Outputs, padded to whole panels.
    pub(crate) columns: usize,
    /// Inputs, padded to whole slices.
    pub(crate) depth: usize,
    data: Tensor,
}

impl Panels {
    /// Packs `columns` outputs of `depth` inputs. `fill(j, row)` writes the weights of output `j`
    /// over zeros.
    fn pack(
        columns: usize,
        depth: usize,
        precision: Precision,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Self {
        let [columns, depth] = [
            columns.next_multiple_of(PANEL),
            depth.next_multiple_of(SLICE),
        ];
        let data = match precision.activations() {
            DType::F32 => Self::build::<f32>(columns, depth, fill),
            DType::Bf16 => Self::build::<bf16>(columns, depth, fill),
        };
        Self {
            columns,
            depth,
            data,
        }
    }

    /// Packs the columns of a matrix `[depth, columns]` as outputs.
    fn of_columns(matrix: &Tensor, precision: Precision) -> Self {
        let [depth, columns] = matrix.dims();
        let data = match precision.activations() {
            DType::F32 => Self::transpose::<f32>(matrix),
            DType::Bf16 => Self::transpose::<bf16>(matrix),
        };
        Self {
            columns: columns.next_multiple_of(PANEL),
            depth: depth.next_multiple_of(SLICE),
            data,
        }
    }

    fn transpose<B: SimdElement>(matrix: &Tensor) -> Tensor {
        let [rows, width] = matrix.dims();
        let panel = rows.next_multiple_of(SLICE) * PANEL;
        let isa = Isa::current();
        with_element!(matrix.dtype(), T => {
            let matrix = matrix.as_slice::<T>();
            Tensor::build(&[width.div_ceil(PANEL), panel], |out: &mut [B]| {
                parallel_parts(out, panel, |i, out| {
                    let columns = i * PANEL..width.min((i + 1) * PANEL);
                    dispatch(isa, PackColumns { matrix, width, columns, out });
                });
            })
        })
    }

    fn build<B: Element>(
        columns: usize,
        depth: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Tensor {
        Tensor::build(&[columns / PANEL, depth * PANEL], |out: &mut [B]| {
            parallel_parts(out, depth * PANEL, |panel, out| {
                let mut values = vec![0.0; depth];
                let mut rows = vec![B::default(); PANEL * depth];
                for (n, row) in rows.chunks_exact_mut(depth).enumerate() {
                    values.fill(0.0);
                    fill(panel * PANEL + n, &mut values);
                    for (out, &value) in row.iter_mut().zip(&values) {
                        *out = B::from_f32(value);
                    }
                }
                pack_rows(&rows, depth, out);
            });
        })
    }

    /// The matrix `[columns, depth]`, padding included.
    pub(crate) fn unpack(&self) -> Vec<f32> {
        let values = self.data.to_vec();
        let index = match self.data.dtype() {
            DType::F32 => place::<f32>,
            DType::Bf16 => place::<bf16>,
        };
        let columns = 0..self.columns;
        columns
            .flat_map(|n| (0..self.depth).map(move |k| (n, k)))
            .map(|(n, k)| values[index(self.depth, n, k)])
            .collect()
    }

    pub(crate) fn precision(&self) -> Precision {
        match self.data.dtype() {
            DType::F32 => Precision::F32,
            DType::Bf16 => Precision::Bf16,
        }
    }

    /// All panels, `depth * 32` elements each, in the type of the precision.
    pub(crate) fn as_slice<B: Element>(&self) -> &[B] {
        self.data.as_slice()
    }
}

/// A weight as products take it.
pub(crate) enum Factor {
    Numbers(Panels),
    Codes(Codes),
}

impl Factor {
    fn pack(
        columns: usize,
        depth: usize,
        precision: Precision,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Self {
        match precision {
            // More inputs could leave 32 bits; no published layer is near.
            Precision::Int8 if depth <= Codes::MOST_INPUTS => {
                Self::Codes(Codes::pack(columns, depth, fill))
            }
            precision => Self::Numbers(Panels::pack(columns, depth, precision, fill)),
        }
    }

    /// Panels of numbers.
    ///
    /// # Panics
    /// When the weight is held in eight bits.
    pub(crate) fn numbers(&self) -> &Panels {
        match self {
            Self::Numbers(panels) => panels,
            Self::Codes(_) => panic!("a weight in eight bits has no numbers"),
        }
    }
}

/// Where input `k` of output `n` stands in panels of `depth` inputs.
pub(crate) fn place<B: Element>(depth: usize, n: usize, k: usize) -> usize {
    match B::DTYPE {
        DType::F32 => (n / PANEL * depth + k) * PANEL + n % PANEL,
        DType::Bf16 => {
            let pair = n / PANEL * (depth / SLICE) + k / SLICE;
            let tile = n % PANEL / LINE;
            let line = tile * (PAIR / 2) + k % SLICE / 2 * 2 * LINE;
            pair * PAIR + line + n % LINE * 2 + k % 2
        }
    }
}

/// A source tensor that is packed on first use and dropped then.
struct Lazy<P> {
    source: Mutex<Option<Tensor>>,
    packed: OnceLock<P>,
}

impl<P> Lazy<P> {
    fn new(source: Tensor) -> Self {
        Self {
            source: Mutex::new(Some(source)),
            packed: OnceLock::new(),
        }
    }

    fn get(&self, pack: impl FnOnce(&Tensor) -> P) -> &P {
        self.packed.get_or_init(|| {
            let source = self
                .source
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            pack(&source.expect("packed once"))
        })
    }
}

/// The weight of [`Tensor::linear`], packed on first use.
pub struct PackedWeight {
    outputs: usize,
    inputs: usize,
    precision: Precision,
    order: Order,
    trained: Option<Box<Trained>>,
    lazy: Lazy<Factor>,
}

/// Which part of its sources each output of a weight is.
enum Order {
    /// Row by row of a matrix `[n, k]`.
    Rows,
    /// The rows of these numbers.
    Chosen(Vec<u32>),
    /// Column by column of a matrix `[k, n]`.
    Columns,
    /// A row of each half of a matrix `[2 n, k]`, which become one output.
    Swiglu,
}

/// A weight that is learned.
pub(crate) struct Trained<W = PackedWeight> {
    /// The weight as it was given, tracked.
    pub(crate) source: Tensor,
    /// For what goes in; plain also of `swiglu`.
    pub(crate) forward: W,
    /// For the way back: what went out goes in.
    pub(crate) backward: Arc<W>,
}

impl PackedWeight {
    /// A weight `[n, k]` as `torch.nn.Linear` stores it: `y = x W^T`.
    ///
    /// # Panics
    /// When a tracked weight shall be held in eight bits.
    #[track_caller]
    pub fn new(weight: &Tensor, precision: Precision) -> Self {
        let [outputs, inputs] = weight.dims();
        if precision == Precision::Int8 {
            Tensor::refuse_tracked("a weight in eight bits", &[weight]);
        }
        let trained = || {
            let plain = weight.detached();
            Box::new(Trained {
                forward: Self::new(&plain, precision),
                backward: Arc::new(Self::of_columns(&plain, precision)),
                source: weight.clone(),
            })
        };
        Self {
            outputs,
            inputs,
            precision,
            order: Order::Rows,
            trained: weight.is_tracked().then(trained),
            lazy: Lazy::new(weight.detached()),
        }
    }

    /// A weight whose output `j` is column `j` of `weight` `[k, n]`: `y = x W`. Has no gradient, and is
    /// not held in eight bits.
    #[track_caller]
    pub fn of_columns(weight: &Tensor, precision: Precision) -> Self {
        let [inputs, outputs] = weight.dims();
        Tensor::refuse_tracked("a transposed weight", &[weight]);
        Self {
            outputs,
            inputs,
            order: Order::Columns,
            ..Self::new(weight, precision.whole())
        }
    }

    /// A weight whose output `j` is row `rows[j]` of `weight` `[n, k]`: reordered as it is packed,
    /// so without a copy of its own. Has no gradient.
    ///
    /// # Panics
    /// When a row is not below `n`.
    #[track_caller]
    pub fn of_rows(weight: &Tensor, rows: &[u32], precision: Precision) -> Self {
        let [stored, _] = weight.dims();
        Tensor::refuse_tracked("a reordered weight", &[weight]);
        for &row in rows {
            assert!((row as usize) < stored, "row {row} of {:?}", weight.shape());
        }
        Self {
            outputs: rows.len(),
            order: Order::Chosen(rows.to_vec()),
            ..Self::new(weight, precision)
        }
    }

    /// A weight `[2 n, k]` for `silu(x gate^T) * (x up^T)`, the rows of the gate first.
    ///
    /// # Panics
    /// When the number of rows is odd.
    #[track_caller]
    pub fn swiglu(weight: &Tensor, precision: Precision) -> Self {
        let [rows, _] = weight.dims();
        assert_eq!(rows % 2, 0, "SwiGLU of two halves of {:?}", weight.shape());
        Self {
            outputs: rows / 2,
            order: Order::Swiglu,
            ..Self::new(weight, precision)
        }
    }

    /// `[n, k]`: outputs of the operation and inputs.
    pub fn dims(&self) -> [usize; 2] {
        [self.outputs, self.inputs]
    }

    /// How the weight is held.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether the weight was made by [`PackedWeight::swiglu`].
    pub fn is_swiglu(&self) -> bool {
        matches!(self.order, Order::Swiglu)
    }

    /// The weight as one that is learned, if it is.
    pub(crate) fn trained(&self) -> Option<&Trained> {
        self.trained.as_deref()
    }

    /// The packed form. For `swiglu` each panel holds 16 columns of the gate, then the same 16 of
    /// the other weight, so that one macro tile holds both factors.
    pub(crate) fn factor(&self) -> &Factor {
        let half = PANEL / 2;
        let copy = |source: &Tensor, row: usize, out: &mut [f32]| {
            copy_f32(source, row * self.inputs..(row + 1) * self.inputs, out);
        };
        self.lazy.get(|source| match &self.order {
            Order::Columns => Factor::Numbers(Panels::of_columns(source, self.precision)),
            Order::Swiglu => {
                let columns = self.outputs.next_multiple_of(half) * 2;
                Factor::pack(columns, self.inputs, self.precision, |column, out| {
                    let (part, row) = (column / half % 2, column / PANEL * half + column % half);
                    if row < self.outputs {
                        copy(source, part * self.outputs + row, out);
                    }
                })
            }
            Order::Rows => self.pack(|column, out| copy(source, column, out)),
            Order::Chosen(rows) => {
                self.pack(|column, out| copy(source, rows[column] as usize, out))
            }
        })
    }

    /// The factor of the outputs that `fill(output, row)` writes over zeros.
    fn pack(&self, fill: impl Fn(usize, &mut [f32]) + Sync) -> Factor {
        Factor::pack(self.outputs, self.inputs, self.precision, |column, out| {
            if column < self.outputs {
                fill(column, out);
            }
        })
    }
}

fn copy_f32(source: &Tensor, range: Range<usize>, out: &mut [f32]) {
    with_element!(source.dtype(), T => {
        for (out, value) in out.iter_mut().zip(&source.as_slice::<T>()[range]) {
            *out = value.to_f32();
        }
    });
}

/// Packs the rows of a matrix `[rows, d]` as outputs, in the layout of its element type. `out` holds
/// both sizes rounded up to whole panels and slices.
pub(crate) fn pack_rows<B: Element>(matrix: &[B], d: usize, out: &mut [B]) {
    let depth = d.next_multiple_of(SLICE);
    if out.len() != matrix.len() {
        out.fill(B::default());
    }
    for (n, row) in matrix.chunks_exact(d).enumerate() {
        match B::DTYPE {
            DType::F32 => {
                for (k, &x) in row.iter().enumerate() {
                    out[place::<B>(depth, n, k)] = x;
                }
            }
            DType::Bf16 => {
                for (slice, part) in row.chunks(SLICE).enumerate() {
                    let start = place::<B>(depth, n, slice * SLICE);
                    let (pairs, last) = part.as_chunks::<2>();
                    let lines = out[start..].chunks_mut(2 * LINE);
                    for (pair, line) in pairs.iter().zip(lines) {
                        line[..2].copy_from_slice(pair);
                    }
                    if let [last] = last {
                        out[start + pairs.len() * 2 * LINE] = *last;
                    }
                }
            }
        }
    }
}

//! What a device must be able to do.

use std::ops::Range;

use crate::ops::{Attention, AttentionForward, Conv, Epilogue, Heads, Modulation, Norm, Unary};
use crate::{ConvWeight, DType, PackedWeight, Tensor};

/// Where tensors live and operations run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
}

impl Device {
    pub(crate) fn backend(self) -> &'static dyn Backend {
        match self {
            Self::Cpu => &crate::cpu::Cpu,
        }
    }
}

/// All operations. There are no default bodies, so a device that lacks one does not compile.
///
/// Shapes and dtypes are checked by the [`Tensor`] method of the same name, which also documents
/// the operation; an implementation may rely on them.
#[expect(
    missing_docs,
    reason = "each operation is documented at the `Tensor` method of its name, a way back where \
              that method records it"
)]
pub trait Backend: Send + Sync {
    fn cast(&self, x: &Tensor, dtype: DType) -> Tensor;
    fn permute(&self, x: &Tensor, axes: &[usize]) -> Tensor;
    fn concat(&self, parts: &[&Tensor], axis: usize) -> Tensor;
    fn columns(&self, x: &Tensor, columns: Range<usize>) -> Tensor;
    fn gather(&self, table: &Tensor, ids: &[u32]) -> Tensor;

    fn unary(&self, x: &Tensor, op: Unary) -> Tensor;
    fn combine(&self, x: &Tensor, alpha: f32, y: &Tensor, beta: f32) -> Tensor;
    fn mul(&self, x: &Tensor, y: &Tensor) -> Tensor;
    fn softmax(&self, x: &Tensor) -> Tensor;
    fn mean(&self, x: &Tensor, axis: usize) -> Tensor;

    fn linear(&self, x: &Tensor, weight: &PackedWeight, epilogue: &Epilogue) -> Tensor;
    fn norm(&self, x: &Tensor, norm: &Norm, modulation: Option<&Modulation>) -> Tensor;
    fn gated_add(&self, x: &Tensor, y: &Tensor, gate: &Tensor, rows: &[u32]) -> Tensor;
    fn split_heads(&self, x: &Tensor, heads: &Heads) -> Tensor;
    fn attention(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        options: &Attention,
    ) -> (Tensor, Option<Tensor>);

    fn conv(&self, x: &Tensor, weight: &ConvWeight, options: &Conv) -> Tensor;
    fn upsample2x(&self, x: &Tensor) -> Tensor;

    fn glu(&self, x: &Tensor) -> Tensor;
    fn outer(&self, x: &Tensor, y: &PackedWeight) -> Tensor;
    fn sum_rows(&self, x: &Tensor, factor: Option<&Tensor>, index: &[u32], count: usize) -> Tensor;
    fn scale_rows(&self, x: &Tensor, table: &Tensor, rows: &[u32]) -> Tensor;
    fn unary_backward(&self, x: &Tensor, op: Unary, gradient: &Tensor) -> Tensor;
    fn glu_backward(&self, x: &Tensor, gradient: &Tensor) -> Tensor;
    fn rms_norm_backward(&self, x: &Tensor, norm: &Norm, gradient: &Tensor) -> Tensor;
    fn attention_backward(&self, forward: &AttentionForward, gradient: &Tensor) -> [Tensor; 3];
}

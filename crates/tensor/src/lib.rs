//! Tensor arithmetic: a narrow set of fused operations, each with a scalar reference and fast
//! versions for the instruction sets of the processor.
//!
//! # Operations
//! | on a [`Tensor`] | does |
//! |---|---|
//! | [`linear`](Tensor::linear), [`linear_with`](Tensor::linear_with) | matrix product with a [`PackedWeight`], bias, activation, gate and residual fused |
//! | [`swiglu`](Tensor::swiglu) | `silu(x A^T) * (x B^T)` in one pass |
//! | [`split_heads`](Tensor::split_heads) | columns to heads with RMS norm and rotary embedding fused |
//! | [`attention`](Tensor::attention) | flash attention with an optional bias of the scores, heads joined in the result |
//! | [`rms_norm`](Tensor::rms_norm), [`layer_norm`](Tensor::layer_norm), [`rms_norm_modulate`](Tensor::rms_norm_modulate), [`layer_norm_modulate`](Tensor::layer_norm_modulate), [`gated_add`](Tensor::gated_add) | norm and modulation by rows of a small table |
//! | [`conv`](Tensor::conv) | 1x1 or 3x3 over one to three frames; bias, residual and relu fused |
//! | [`upsample2x`](Tensor::upsample2x), [`fold`](Tensor::fold), [`unfold`](Tensor::unfold) | space and time against channels |
//! | [`map`](Tensor::map), [`combine`](Tensor::combine), [`mul`](Tensor::mul), `+ - *` | element by element |
//! | [`glu`](Tensor::glu) | `silu(x) * y` of the halves of a row, where `swiglu` is recorded |
//! | [`tracked`](Tensor::tracked), [`backward`] | gradients of leaves |
//! | [`softmax`](Tensor::softmax), [`mean`](Tensor::mean), [`gather`](Tensor::gather) | along an axis |
//! | [`reshape`](Tensor::reshape), [`slice`](Tensor::slice) | without a copy |
//! | [`permute`](Tensor::permute), [`concat`](Tensor::concat), [`narrow`](Tensor::narrow), [`to_dtype`](Tensor::to_dtype) | with a copy |
//!
//! [`flops`] counts the arithmetic of what was computed, [`peak_flops`] measures what the processor could
//! do.
//!
//! # Rules
//! - A tensor is contiguous and row-major, F32 or Bf16. Sums are f32 always.
//! - A shape mistake is a bug of ours and panics at the caller's line with both shapes.
//! - The same input gives the same bits at any number of threads: work is cut into chunks that
//!   depend on shapes alone, and partial sums are added in a fixed order.
//! - The instruction set is chosen once per process; `KINORA_CPU` forces it (see [`Isa`]).
//! - Every operation is one function of the [`Backend`] trait without a default body, so a second
//!   backend that lacks one does not compile.
//! - Operations on tracked tensors are recorded, those without a gradient panic; see
//!   [`backward`].

mod backend;
mod buffer;
mod cpu;
mod dtype;
pub mod flops;
mod ops;
mod packed;
mod tape;
mod tensor;

pub use backend::{Backend, Device};
pub use buffer::release_buffers;
pub use cpu::{
    Isa, IsaError, parallel_for, parallel_map, parallel_parts, peak_flops, set_threads, threads,
    with_isa,
};
pub use dtype::{DType, Element};
pub use half::bf16;
pub use ops::{
    Activation, Attention, AttentionForward, Conv, Epilogue, Heads, Modulation, Norm, Pad, QkNorm,
    Residual, Rotary, Unary,
};
pub use packed::{ConvWeight, PackedWeight, Precision};
pub use tape::{Gradients, backward};
pub use tensor::Tensor;

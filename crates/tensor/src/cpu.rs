//! The processor as a backend.

#[cfg(target_arch = "x86_64")]
mod amx;
mod attention;
mod backward;
mod conv;
mod elementwise;
mod gemm;
mod int8;
mod isa;
mod layout;
mod linear;
mod pack;
mod peak;
mod pool;
mod reference;
mod rows;
mod simd;
mod winograd;

pub use isa::{Isa, IsaError, with_isa};
pub(crate) use pack::PackColumns;
pub use peak::peak_flops;
pub use pool::{parallel_for, parallel_map, parallel_parts, set_threads, threads};

use std::ops::Range;

use self::elementwise::Binary;
pub(crate) use self::simd::{SimdElement, dispatch};
use crate::backend::Backend;
use crate::ops::{Attention, AttentionForward, Conv, Epilogue, Heads, Modulation, Norm, Unary};
use crate::{ConvWeight, DType, PackedWeight, Tensor};

/// The processor.
pub(crate) struct Cpu;

impl Backend for Cpu {
    fn cast(&self, x: &Tensor, dtype: DType) -> Tensor {
        match Isa::current() {
            Isa::Reference => reference::cast(x, dtype),
            isa => elementwise::cast(isa, x, dtype),
        }
    }

    fn permute(&self, x: &Tensor, axes: &[usize]) -> Tensor {
        layout::permute(x, axes)
    }

    fn concat(&self, parts: &[&Tensor], axis: usize) -> Tensor {
        layout::concat(parts, axis)
    }

    fn columns(&self, x: &Tensor, columns: Range<usize>) -> Tensor {
        layout::columns(x, columns)
    }

    fn gather(&self, table: &Tensor, ids: &[u32]) -> Tensor {
        layout::gather(table, ids)
    }

    fn unary(&self, x: &Tensor, op: Unary) -> Tensor {
        match Isa::current() {
            Isa::Reference => reference::unary(x, op),
            isa => elementwise::unary(isa, x, op),
        }
    }

    fn combine(&self, x: &Tensor, alpha: f32, y: &Tensor, beta: f32) -> Tensor {
        match Isa::current() {
            Isa::Reference => reference::combine(x, alpha, y, beta),
            isa => elementwise::binary(isa, x, y, Binary::Combine { alpha, beta }),
        }
    }

    fn mul(&self, x: &Tensor, y: &Tensor) -> Tensor {
        match Isa::current() {
            Isa::Reference => reference::mul(x, y),
            isa => elementwise::binary(isa, x, y, Binary::Mul),
        }
    }

    fn softmax(&self, x: &Tensor) -> Tensor {
        match Isa::current() {
            Isa::Reference => reference::softmax(x),
            isa => rows::softmax(isa, x),
        }
    }

    fn mean(&self, x: &Tensor, axis: usize) -> Tensor {
        reference::mean(x, axis)
    }

    fn linear(&self, x: &Tensor, weight: &PackedWeight, epilogue: &Epilogue) -> Tensor {
        match Isa::current() {
            Isa::Reference => reference::linear(x, weight, epilogue),
            isa => linear::linear(isa, x, weight, epilogue),
        }
    }

    fn outer(&self, x: &Tensor, y: &PackedWeight) -> Tensor {
        match Isa::current() {
            Isa::Reference => backward::reference::outer(x, y),
            isa => linear::outer(isa, x, y),
        }
    }

    fn norm(&self, x: &Tensor, norm: &Norm, modulation: Option<&Modulation>) -> Tensor {
        match Isa::current() {
            Isa::Reference => reference::norm(x, norm, modulation),
            isa => rows::norm(isa, x, norm, modulation),
        }
    }

    fn gated_add(&self, x: &Tensor, y: &Tensor, gate: &Tensor, rows: &[u32]) -> Tensor {
        match Isa::current() {
            Isa::Reference => reference::gated_add(x, y, gate, rows),
            isa => rows::gated_add(isa, x, y, gate, rows),
        }
    }

    fn split_heads(&self, x: &Tensor, heads: &Heads) -> Tensor {
        match Isa::current() {
            Isa::Reference => reference::split_heads(x, heads),
            isa => rows::split_heads(isa, x, heads),
        }
    }

    fn attention(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        options: &Attention,
    ) -> (Tensor, Option<Tensor>) {
        match Isa::current() {
            Isa::Reference => reference::attention(q, k, v, options),
            isa => attention::attention(isa, q, k, v, options),
        }
    }

    fn conv(&self, x: &Tensor, weight: &ConvWeight, options: &Conv) -> Tensor {
        match Isa::current() {
            Isa::Reference => reference::conv(x, weight, options),
            isa => conv::conv(isa, x, weight, options),
        }
    }

    fn upsample2x(&self, x: &Tensor) -> Tensor {
        layout::upsample2x(x)
    }

    fn glu(&self, x: &Tensor) -> Tensor {
        match Isa::current() {
            Isa::Reference => backward::reference::glu(x),
            isa => elementwise::glu(isa, x),
        }
    }

    fn sum_rows(&self, x: &Tensor, factor: Option<&Tensor>, index: &[u32], count: usize) -> Tensor {
        match Isa::current() {
            Isa::Reference => backward::reference::sum_rows(x, factor, index, count),
            isa => backward::rows::sum_rows(isa, x, factor, index, count),
        }
    }

    fn scale_rows(&self, x: &Tensor, table: &Tensor, rows: &[u32]) -> Tensor {
        match Isa::current() {
            Isa::Reference => backward::reference::scale_rows(x, table, rows),
            isa => backward::rows::scale_rows(isa, x, table, rows),
        }
    }

    fn unary_backward(&self, x: &Tensor, op: Unary, gradient: &Tensor) -> Tensor {
        match Isa::current() {
            Isa::Reference => backward::reference::unary(x, op, gradient),
            isa => backward::elementwise::unary(isa, x, op, gradient),
        }
    }

    fn glu_backward(&self, x: &Tensor, gradient: &Tensor) -> Tensor {
        match Isa::current() {
            Isa::Reference => backward::reference::glu_backward(x, gradient),
            isa => backward::elementwise::glu(isa, x, gradient),
        }
    }

    fn rms_norm_backward(&self, x: &Tensor, norm: &Norm, gradient: &Tensor) -> Tensor {
        match Isa::current() {
            Isa::Reference => backward::reference::rms_norm(x, norm, gradient),
            isa => backward::rows::rms_norm(isa, x, norm, gradient),
        }
    }

    fn attention_backward(&self, forward: &AttentionForward, gradient: &Tensor) -> [Tensor; 3] {
        match Isa::current() {
            Isa::Reference => backward::reference::attention(forward, gradient),
            isa => backward::attention::attention(isa, forward, gradient),
        }
    }
}

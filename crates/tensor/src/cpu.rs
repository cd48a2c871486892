//! The processor as a backend.

#[cfg(target_arch = "x86_64")]
mod amx;
mod attention;
mod conv;
mod gemm;
mod isa;
mod linear;
mod pool;
mod reference;
mod simd;

pub use isa::{Isa, IsaError, with_isa};
pub use pool::{parallel_for, set_threads, threads};

pub(crate) use reference::copy_columns;

use crate::backend::Backend;
use crate::ops::{Attention, Conv, Epilogue, Heads, Modulation, Unary};
use crate::{ConvWeight, DType, PackedWeight, Tensor};

/// The processor.
pub(crate) struct Cpu;

impl Backend for Cpu {
    fn cast(&self, x: &Tensor, dtype: DType) -> Tensor {
        reference::cast(x, dtype)
    }

    fn permute(&self, x: &Tensor, axes: &[usize]) -> Tensor {
        reference::permute(x, axes)
    }

    fn concat(&self, parts: &[&Tensor], axis: usize) -> Tensor {
        reference::concat(parts, axis)
    }

    fn gather(&self, table: &Tensor, ids: &[u32]) -> Tensor {
        reference::gather(table, ids)
    }

    fn unary(&self, x: &Tensor, op: Unary) -> Tensor {
        reference::unary(x, op)
    }

    fn combine(&self, x: &Tensor, alpha: f32, y: &Tensor, beta: f32) -> Tensor {
        reference::combine(x, alpha, y, beta)
    }

    fn mul(&self, x: &Tensor, y: &Tensor) -> Tensor {
        reference::mul(x, y)
    }

    fn softmax(&self, x: &Tensor) -> Tensor {
        reference::softmax(x)
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

    fn rms_norm(
        &self,
        x: &Tensor,
        weight: Option<&Tensor>,
        eps: f32,
        modulation: Option<&Modulation>,
    ) -> Tensor {
        reference::rms_norm(x, weight, eps, modulation)
    }

    fn gated_add(&self, x: &Tensor, y: &Tensor, gate: &Tensor, rows: &[u32]) -> Tensor {
        reference::gated_add(x, y, gate, rows)
    }

    fn split_heads(&self, x: &Tensor, heads: &Heads) -> Tensor {
        reference::split_heads(x, heads)
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
        reference::upsample2x(x)
    }
}

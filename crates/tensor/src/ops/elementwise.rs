//! Arithmetic element by element, and along one axis.

use std::ops::{Add, Mul, Sub};

use crate::Tensor;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    /// `max(x, 0)`.
    Relu,
    /// `x * sigmoid(x)`.
    Silu,
    /// The Gaussian error linear unit in its tanh form.
    Gelu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `tanh(x)`.
    Tanh,
    /// `scale * x + shift`.
    Affine {
        /// Factor.
        scale: f32,
        /// Term.
        shift: f32,
    },
    /// `x` kept between two bounds.
    Clamp {
        /// Lower bound.
        low: f32,
        /// Upper bound.
        high: f32,
    },
}

impl Tensor {
    /// `op` of every element.
    pub fn map(&self, op: Unary) -> Self {
        self.backend().unary(self, op)
    }

    /// [`Unary::Relu`] of every element.
    pub fn relu(&self) -> Self {
        self.map(Unary::Relu)
    }

    /// [`Unary::Silu`] of every element.
    pub fn silu(&self) -> Self {
        self.map(Unary::Silu)
    }

    /// [`Unary::Gelu`] of every element.
    pub fn gelu(&self) -> Self {
        self.map(Unary::Gelu)
    }

    /// Every element times `factor`.
    pub fn scale(&self, factor: f32) -> Self {
        self.map(Unary::Affine {
            scale: factor,
            shift: 0.0,
        })
    }

    /// `alpha * self + beta * other`. The shape of `other` is that of `self` or its last axes, then
    /// it repeats over the first. The result has the dtype of `self`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn combine(&self, alpha: f32, other: &Self, beta: f32) -> Self {
        self.check_repeats(other);
        self.backend().combine(self, alpha, other, beta)
    }

    /// `self + other`, shapes as in [`Tensor::combine`].
    #[track_caller]
    pub fn add(&self, other: &Self) -> Self {
        self.combine(1.0, other, 1.0)
    }

    /// `self - other`, shapes as in [`Tensor::combine`].
    #[track_caller]
    pub fn sub(&self, other: &Self) -> Self {
        self.combine(1.0, other, -1.0)
    }

    /// `self * other`, shapes as in [`Tensor::combine`].
    #[track_caller]
    pub fn mul(&self, other: &Self) -> Self {
        self.check_repeats(other);
        self.backend().mul(self, other)
    }

    /// Softmax along the last axis.
    pub fn softmax(&self) -> Self {
        self.backend().softmax(self)
    }

    /// The mean along `axis`, which disappears from the shape.
    ///
    /// # Panics
    /// When there is no such axis or it is empty.
    #[track_caller]
    pub fn mean(&self, axis: usize) -> Self {
        let shape = self.shape();
        assert!(
            axis < shape.len() && shape[axis] > 0,
            "mean over axis {axis} of {shape:?}"
        );
        self.backend().mean(self, axis)
    }

    #[track_caller]
    fn check_repeats(&self, other: &Self) {
        assert!(
            self.shape().ends_with(other.shape()) && !other.is_empty(),
            "{:?} does not repeat over {:?}",
            other.shape(),
            self.shape()
        );
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl $trait<&Tensor> for &Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                Tensor::$method(self, other)
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);

impl Mul<f32> for &Tensor {
    type Output = Tensor;

    fn mul(self, factor: f32) -> Tensor {
        self.scale(factor)
    }
}

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
    #[track_caller]
    pub fn map(&self, op: Unary) -> Self {
        let result = self.backend().unary(self, op);
        result.recorded(&[self], || {
            let x = self.detached();
            move |gradient, flow| flow.add(0, || x.backend().unary_backward(&x, op, &gradient))
        })
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
        let result = self.backend().combine(self, alpha, other, beta);
        result.recorded(&[self, other], || {
            let repeated = other.shape().to_vec();
            move |gradient: Self, flow| {
                let scaled = |factor: f32| match factor {
                    1.0 => gradient.clone(),
                    factor => gradient.scale(factor),
                };
                flow.add(0, || scaled(alpha));
                flow.add(1, || scaled(beta).summed_to(&repeated, None));
            }
        })
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
        let result = self.backend().mul(self, other);
        result.recorded(&[self, other], || {
            let (x, y) = (self.detached(), other.detached());
            move |gradient: Self, flow| {
                flow.add(0, || gradient.mul(&y));
                flow.add(1, || gradient.summed_to(y.shape(), Some(&x)));
            }
        })
    }

    /// Softmax along the last axis. Has no gradient.
    #[track_caller]
    pub fn softmax(&self) -> Self {
        Self::refuse_tracked("softmax", &[self]);
        self.backend().softmax(self)
    }

    /// The mean along `axis`, which disappears from the shape. Has no gradient.
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
        Self::refuse_tracked("mean", &[self]);
        self.backend().mean(self, axis)
    }

    /// `silu(x[.., ..h]) * x[.., h..]` of rows `[.., 2 h]`: the end of `swiglu` whose two factors
    /// came from one product.
    ///
    /// # Panics
    /// When the last axis is odd.
    #[track_caller]
    pub fn glu(&self) -> Self {
        assert_eq!(self.last_dim() % 2, 0, "two halves of {:?}", self.shape());
        let result = self.backend().glu(self);
        result.recorded(&[self], || {
            let x = self.detached();
            move |gradient, flow| flow.add(0, || x.backend().glu_backward(&x, &gradient))
        })
    }

    /// Rows `[.., d]` summed by number: row `r` of the F32 result `[count, d]` is the sum of the rows
    /// `i` with `index[i] = r`, each times its row of `factor` where there is one.
    pub(crate) fn sum_rows(&self, factor: Option<&Self>, index: &[u32], count: usize) -> Self {
        self.backend().sum_rows(self, factor, index, count)
    }

    /// Sums over the first axes until the shape is `dims`, the last axes of the tensor's; each element
    /// times that of `factor` where there is one. F32, unless nothing is left to sum.
    fn summed_to(&self, dims: &[usize], factor: Option<&Self>) -> Self {
        if self.shape() == dims {
            return factor.map_or_else(|| self.clone(), |factor| self.mul(factor));
        }
        let columns: usize = dims.iter().product();
        let rows = self.len() / columns;
        let [x, factor] = [Some(self), factor].map(|x| x.map(|x| x.reshape(&[rows, columns])));
        let x = x.expect("the tensor itself");
        x.sum_rows(factor.as_ref(), &vec![0; rows], 1).reshape(dims)
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

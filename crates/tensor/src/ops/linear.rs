//! Matrix products with a fused end.

use crate::{DType, PackedWeight, Tensor, flops};

/// What is applied to each sum of a matrix product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x * sigmoid(x)`.
    Silu,
    /// The Gaussian error linear unit in its tanh form.
    Gelu,
}

/// Adds the result to a stream: `x + gate * y`.
#[derive(Clone, Copy, Debug)]
pub struct Residual<'a> {
    /// The stream `[.., n]`.
    pub x: &'a Tensor,
    /// An F32 table `[r, n]` and the table's row for each row of `x`; ungated when absent.
    pub gate: Option<(&'a Tensor, &'a [u32])>,
}

/// How a matrix product ends: `residual + gate * activation(sum + bias)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// F32 `[n]`.
    pub bias: Option<&'a Tensor>,
    /// Applied after the bias.
    pub activation: Activation,
    /// Added last.
    pub residual: Option<Residual<'a>>,
    /// The type of the result; that of `x` when absent.
    pub dtype: Option<DType>,
    /// The result is known to be a symmetric matrix: half of it is computed and the rest taken from
    /// there. Has no gradient.
    pub symmetric: bool,
}

impl Tensor {
    /// `x W^T + bias` over the last axis.
    ///
    /// # Shapes
    /// `self` `[.., k]`, `weight` `[n, k]`, `bias` F32 `[n]`; the result `[.., n]`.
    ///
    /// With a bf16 weight `self` is rounded to bf16 as it is read; sums are f32 always.
    #[track_caller]
    pub fn linear(&self, weight: &PackedWeight, bias: Option<&Self>) -> Self {
        self.linear_with(
            weight,
            &Epilogue {
                bias,
                ..Epilogue::default()
            },
        )
    }

    /// `activation(x W^T + bias)`, shapes as in [`Tensor::linear`].
    #[track_caller]
    pub fn linear_activation(
        &self,
        weight: &PackedWeight,
        bias: Option<&Self>,
        activation: Activation,
    ) -> Self {
        self.linear_with(
            weight,
            &Epilogue {
                bias,
                activation,
                ..Epilogue::default()
            },
        )
    }

    /// `residual + gate * (x W^T + bias)`, shapes as in [`Tensor::linear`] and [`Residual`].
    #[track_caller]
    pub fn linear_residual(
        &self,
        weight: &PackedWeight,
        bias: Option<&Self>,
        residual: &Self,
        gate: Option<(&Self, &[u32])>,
    ) -> Self {
        let residual = Some(Residual { x: residual, gate });
        let dtype = residual.map(|r| r.x.dtype());
        self.linear_with(
            weight,
            &Epilogue {
                bias,
                residual,
                dtype,
                ..Epilogue::default()
            },
        )
    }

    /// `silu(x A^T) * (x B^T)` for a weight made by [`PackedWeight::swiglu`].
    #[track_caller]
    pub fn swiglu(&self, weight: &PackedWeight) -> Self {
        assert!(weight.is_swiglu(), "the weight is not a pair for SwiGLU");
        self.linear(weight, None)
    }

    /// A matrix product with any [`Epilogue`], shapes as in [`Tensor::linear`].
    ///
    /// # Panics
    /// When shapes do not fit, or a pair of weights for `swiglu` meets a bias, an activation or a residual.
    #[track_caller]
    pub fn linear_with(&self, weight: &PackedWeight, epilogue: &Epilogue) -> Self {
        let [n, k] = weight.dims();
        assert_eq!(
            self.last_dim(),
            k,
            "{:?} times the transpose of [{n}, {k}]",
            self.shape()
        );
        if let Some(bias) = epilogue.bias {
            assert_eq!(bias.shape(), [n], "bias {:?} for {n} outputs", bias.shape());
            bias.expect_f32("a bias");
        }
        if let Some(residual) = &epilogue.residual {
            let mut dims = self.shape().to_vec();
            *dims.last_mut().expect("at least one axis") = n;
            assert_eq!(
                residual.x.shape(),
                dims,
                "the residual of {:?}",
                self.shape()
            );
            if let Some((gate, rows)) = residual.gate {
                check_table(gate, rows, self.rows(), n);
            }
        }
        if weight.is_swiglu() {
            let plain = epilogue.bias.is_none()
                && epilogue.residual.is_none()
                && epilogue.activation == Activation::None;
            assert!(plain, "SwiGLU takes no bias, activation or residual");
        }
        if epilogue.symmetric {
            let square = self.rank() == 2 && self.rows() == n && epilogue.bias.is_none();
            let plain = square && epilogue.residual.is_none() && !weight.is_swiglu();
            assert!(
                plain,
                "{:?} times [{n}, {k}] is not symmetric",
                self.shape()
            );
        }
        let sums = if weight.is_swiglu() { 2 * n } else { n };
        flops::add(flops::linear(self.rows(), k, sums));
        let residual = epilogue.residual.map(|residual| residual.x);
        let gate = epilogue.residual.and_then(|residual| residual.gate);
        let mut operands = vec![self];
        operands.extend(epilogue.bias);
        operands.extend(residual);
        operands.extend(gate.map(|(gate, _)| gate));
        if weight.trained().is_some() || operands.iter().any(|operand| operand.is_tracked()) {
            self.linear_recorded(weight, epilogue)
        } else {
            self.backend().linear(self, weight, epilogue)
        }
    }

    /// [`Tensor::linear_with`] as plain operations, each with a way back.
    #[track_caller]
    fn linear_recorded(&self, weight: &PackedWeight, epilogue: &Epilogue) -> Self {
        let Epilogue {
            bias,
            activation,
            residual,
            dtype,
            symmetric,
        } = *epilogue;
        assert!(!symmetric, "half a product has no gradient");
        let y = self.product(weight, bias, dtype);
        let y = if weight.is_swiglu() { y.glu() } else { y };
        let y = match activation {
            Activation::None => y,
            Activation::Relu => y.relu(),
            Activation::Silu => y.silu(),
            Activation::Gelu => y.gelu(),
        };
        match residual {
            None => y,
            Some(Residual { x, gate: None }) => x.add(&y),
            Some(Residual {
                x,
                gate: Some((gate, rows)),
            }) => x.gated_add(&y, gate, rows),
        }
    }

    /// `x W^T + bias`, recorded.
    #[track_caller]
    fn product(&self, weight: &PackedWeight, bias: Option<&Self>, dtype: Option<DType>) -> Self {
        let trained = weight.trained();
        let trained = trained.expect("a weight that a tracked tensor meets is tracked itself");
        let result = self.backend().linear(
            self,
            &trained.forward,
            &Epilogue {
                bias,
                dtype,
                ..Epilogue::default()
            },
        );
        let mut operands = vec![self, &trained.source];
        operands.extend(bias);
        result.recorded(&operands, || {
            let (x, backward, biased) = (self.detached(), trained.backward.clone(), bias.is_some());
            move |gradient: Self, flow| {
                flow.add(0, || {
                    let epilogue = Epilogue {
                        dtype: Some(x.dtype()),
                        ..Epilogue::default()
                    };
                    gradient.linear_with(&backward, &epilogue)
                });
                flow.add(1, || {
                    let x = x.reshape(&[x.rows(), x.last_dim()]);
                    gradient.outer(&PackedWeight::of_columns(&x, backward.precision()))
                });
                if biased {
                    flow.add(2, || gradient.summed());
                }
            }
        })
    }

    /// F32 `[n, k]`: the products of all columns of these rows `[.., n]` with the columns of another matrix,
    /// which are the `k` outputs of a weight. The gradient of a weight is one.
    pub(super) fn outer(&self, columns: &PackedWeight) -> Self {
        let rows = self.reshape(&[self.rows(), self.last_dim()]);
        let [outputs, _] = columns.dims();
        flops::add(flops::linear(self.last_dim(), self.rows(), outputs));
        self.backend().outer(&rows, columns)
    }

    /// The gradient of a bias, F32 `[n]`: the sum of these rows `[.., n]`.
    pub(super) fn summed(&self) -> Self {
        let sums = self.sum_rows(None, &vec![0; self.rows()], 1);
        sums.reshape(&[self.last_dim()])
    }

    #[track_caller]
    pub(crate) fn expect_f32(&self, what: &str) {
        assert_eq!(
            self.dtype(),
            DType::F32,
            "{what} is F32, this one is {self:?}"
        );
    }
}

/// Checks a table `[r, columns]` and its row numbers, one for each of `rows`.
#[track_caller]
pub(crate) fn check_table(table: &Tensor, index: &[u32], rows: usize, columns: usize) {
    let [entries, width] = table.dims();
    table.expect_f32("a modulation table");
    assert_eq!(
        width,
        columns,
        "{:?} modulates rows of {columns}",
        table.shape()
    );
    assert_eq!(index.len(), rows, "{} indices for {rows} rows", index.len());
    for &i in index {
        assert!(
            (i as usize) < entries,
            "row {i} of the table {:?}",
            table.shape()
        );
    }
}

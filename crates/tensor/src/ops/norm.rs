//! Normalisation, modulation by noise level, and rotary position embedding.

use std::ops::Range;

use super::Unary;
use super::linear::check_table;
use crate::Tensor;
use crate::tape::Flow;

/// A norm along the last axis: [`Tensor::rms_norm`] and [`Tensor::layer_norm`] as one operation.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Whether the mean is taken away first: a layer norm, not an RMS norm.
    pub centre: bool,
    /// F32 `[d]`, ones when absent.
    pub weight: Option<&'a Tensor>,
    /// F32 `[d]`, zeros when absent.
    pub bias: Option<&'a Tensor>,
    /// Added to the mean square.
    pub eps: f32,
}

/// Scale and shift after a norm, chosen for each row from a small table.
///
/// A row of the input is usually a token, a row of the table a noise level.
#[derive(Clone, Copy, Debug)]
pub struct Modulation<'a> {
    /// F32 `[r, d]`, added.
    pub shift: &'a Tensor,
    /// F32 `[r, d]`; the factor is `1 + scale`.
    pub scale: &'a Tensor,
    /// The table's row for each row of the input.
    pub rows: &'a [u32],
}

impl<'a> Norm<'a> {
    fn rms(weight: Option<&'a Tensor>, eps: f32) -> Self {
        Self {
            centre: false,
            weight,
            bias: None,
            eps,
        }
    }

    fn layer(affine: Option<(&'a Tensor, &'a Tensor)>, eps: f32) -> Self {
        Self {
            centre: true,
            weight: affine.map(|(weight, _)| weight),
            bias: affine.map(|(_, bias)| bias),
            eps,
        }
    }

    /// What has a gradient: the input, the weight, shift and scale.
    fn operands<'t>(&self, x: &'t Tensor, modulation: Option<&Modulation<'t>>) -> Vec<&'t Tensor>
    where
        'a: 't,
    {
        let mut operands = vec![x];
        operands.extend(self.weight);
        operands.extend(modulation.into_iter().flat_map(|m| [m.shift, m.scale]));
        operands
    }

    /// The way back through an RMS norm.
    #[track_caller]
    fn back(
        &self,
        x: &Tensor,
        modulation: Option<&Modulation>,
    ) -> impl FnOnce(Tensor, &mut Flow) + Send + 'static {
        assert!(
            !self.centre && self.bias.is_none(),
            "a layer norm has no gradient"
        );
        let (x, eps) = (x.detached(), self.eps);
        let weight = self.weight.map(Tensor::detached);
        let table = modulation.map(|m| (m.scale.map(PLUS_ONE), m.rows.to_vec()));
        move |gradient: Tensor, flow: &mut Flow| {
            let backend = x.backend();
            let norm = Norm::rms(weight.as_ref(), eps);
            let table = table.as_ref();
            if let Some((scale, rows)) = table {
                let (first, [entries, _]) = (1 + usize::from(weight.is_some()), scale.dims());
                flow.add(first, || gradient.sum_rows(None, rows, entries));
                flow.add(first + 1, || {
                    let normed = backend.norm(&x, &norm, None);
                    gradient.sum_rows(Some(&normed), rows, entries)
                });
            }
            let gradient = match table {
                Some((scale, rows)) => backend.scale_rows(&gradient, scale, rows),
                None => gradient,
            };
            if let Some(weight) = &weight {
                flow.add(1, || {
                    let normed = backend.norm(&x, &Norm::rms(None, eps), None);
                    let index = vec![0; x.rows()];
                    gradient
                        .sum_rows(Some(&normed), &index, 1)
                        .reshape(weight.shape())
                });
            }
            flow.add(0, || backend.rms_norm_backward(&x, &norm, &gradient));
        }
    }
}

/// From a scale of a modulation to its factor.
const PLUS_ONE: Unary = Unary::Affine {
    scale: 1.0,
    shift: 1.0,
};

/// Rotary position embedding: pairs `(x[i], x[i + d/2])` of each head turned by angles of the
/// position.
///
/// Both tables are `[n, d/2]`, the same for all heads, or `[n, heads * d/2]`, columns for each head
/// in turn; or `[g, n, ..]`, one after the other for each of `g` equal parts of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Rotary<'a> {
    /// F32.
    pub cos: &'a Tensor,
    /// F32.
    pub sin: &'a Tensor,
}

impl Rotary<'_> {
    /// Where the tables of a head at a position begin, `half` being half its size, in a clip of a batch of
    /// `clips`.
    pub(crate) fn start(
        &self,
        (clip, clips): (usize, usize),
        position: usize,
        head: usize,
        half: usize,
    ) -> usize {
        let width = self.cos.last_dim();
        let column = if width == half { 0 } else { head * half };
        let row = match *self.cos.shape() {
            [parts, n, _] => clip * parts / clips * n + position,
            _ => position,
        };
        row * width + column
    }
}

/// The norm of queries and keys, over one head.
#[derive(Clone, Copy, Debug)]
pub struct QkNorm<'a> {
    /// F32 `[head_dim]`.
    pub weight: &'a Tensor,
    /// Added to the mean square.
    pub eps: f32,
}

impl<'a> QkNorm<'a> {
    /// As an operation on rows of one head.
    pub(crate) fn of_head(&self) -> Norm<'a> {
        Norm::rms(Some(self.weight), self.eps)
    }
}

/// How columns become heads: see [`Tensor::split_heads`].
#[derive(Clone, Debug)]
pub struct Heads<'a> {
    /// The columns to take; `heads * head_dim` of them.
    pub columns: Range<usize>,
    /// How many heads they hold.
    pub heads: usize,
    /// RMS norm of each head, first.
    pub norm: Option<QkNorm<'a>>,
    /// Rotation by position, second.
    pub rotary: Option<Rotary<'a>>,
}

impl Tensor {
    /// `x / sqrt(mean(x^2) + eps) * weight` along the last axis.
    ///
    /// Reference: Zhang and Sennrich, arXiv 1910.07467, equation 4.
    ///
    /// # Shapes
    /// `self` `[.., d]`, `weight` F32 `[d]` (ones when absent).
    #[track_caller]
    pub fn rms_norm(&self, weight: Option<&Self>, eps: f32) -> Self {
        self.norm(&Norm::rms(weight, eps), None)
    }

    /// `rms_norm(x) * (1 + scale[row]) + shift[row]`, shapes as in [`Modulation`].
    #[track_caller]
    pub fn rms_norm_modulate(
        &self,
        weight: Option<&Self>,
        eps: f32,
        modulation: &Modulation,
    ) -> Self {
        self.norm(&Norm::rms(weight, eps), Some(modulation))
    }

    /// `(x - mean(x)) / sqrt(var(x) + eps) * weight + bias` along the last axis.
    ///
    /// Reference: Ba et al., arXiv 1607.06450, equation 4.
    ///
    /// # Shapes
    /// `self` `[.., d]`, `affine` the weight and bias, F32 `[d]` each (ones and zeros when absent).
    #[track_caller]
    pub fn layer_norm(&self, affine: Option<(&Self, &Self)>, eps: f32) -> Self {
        self.norm(&Norm::layer(affine, eps), None)
    }

    /// `layer_norm(x) * (1 + scale[row]) + shift[row]`, shapes as in [`Modulation`].
    #[track_caller]
    pub fn layer_norm_modulate(
        &self,
        affine: Option<(&Self, &Self)>,
        eps: f32,
        modulation: &Modulation,
    ) -> Self {
        self.norm(&Norm::layer(affine, eps), Some(modulation))
    }

    #[track_caller]
    fn norm(&self, norm: &Norm, modulation: Option<&Modulation>) -> Self {
        let d = self.last_dim();
        for table in norm.weight.iter().chain(&norm.bias) {
            assert_eq!(
                table.shape(),
                [d],
                "norm weight {:?} for rows of {d}",
                table.shape()
            );
            table.expect_f32("the weight of a norm");
        }
        if let Some(Modulation { shift, scale, rows }) = modulation {
            check_table(shift, rows, self.rows(), d);
            check_table(scale, rows, self.rows(), d);
        }
        self.backend()
            .norm(self, norm, modulation)
            .recorded(&norm.operands(self, modulation), || {
                norm.back(self, modulation)
            })
    }

    /// `self + gate[row] * y`.
    ///
    /// # Shapes
    /// `self` and `y` `[.., d]`, `gate` F32 `[r, d]`, `rows` one number below `r` for each row.
    #[track_caller]
    pub fn gated_add(&self, y: &Self, gate: &Self, rows: &[u32]) -> Self {
        assert_eq!(
            self.shape(),
            y.shape(),
            "{:?} plus {:?}",
            self.shape(),
            y.shape()
        );
        check_table(gate, rows, self.rows(), self.last_dim());
        let sum = self.backend().gated_add(self, y, gate, rows);
        sum.recorded(&[self, y, gate], || {
            let (y, gate, rows) = (y.detached(), gate.detached(), rows.to_vec());
            move |gradient: Self, flow| {
                flow.add(0, || gradient.clone());
                flow.add(1, || gradient.backend().scale_rows(&gradient, &gate, &rows));
                flow.add(2, || {
                    let [entries, _] = gate.dims();
                    gradient.sum_rows(Some(&y), &rows, entries)
                });
            }
        })
    }

    /// Columns of a projection as attention heads, normed and rotated on the way.
    ///
    /// # Shapes
    /// `self` `[b, n, columns]`; the result `[b, heads, n, head_dim]` with
    /// `head_dim = options.columns.len() / options.heads`. Tables of [`Rotary`] have at least `n`
    /// rows and serve every `b`, or `g` times `n` for `g` parts of it.
    #[track_caller]
    pub fn split_heads(&self, options: &Heads) -> Self {
        let [b, n, columns] = self.dims();
        let Heads {
            columns: range,
            heads,
            norm,
            rotary,
        } = options;
        assert!(
            range.start <= range.end && range.end <= columns && range.len() % heads == 0,
            "columns {range:?} of {:?} as {heads} heads",
            self.shape()
        );
        let head_dim = range.len() / heads;
        if let Some(norm) = norm {
            assert_eq!(
                norm.weight.shape(),
                [head_dim],
                "norm of heads of {head_dim}"
            );
            norm.weight.expect_f32("the weight of a norm");
        }
        if let Some(Rotary { cos, sin }) = rotary {
            let width = cos.last_dim();
            let fits = match *cos.shape() {
                [positions, _] => positions >= n,
                [parts, positions, _] => positions == n && b.is_multiple_of(parts),
                _ => false,
            };
            assert!(
                cos.shape() == sin.shape()
                    && fits
                    && (width * 2 == head_dim || width * 2 == range.len()),
                "rotary tables {:?} and {:?} for {b} x {n} positions of {heads} heads of {head_dim}",
                cos.shape(),
                sin.shape()
            );
            cos.expect_f32("a rotary table");
            sin.expect_f32("a rotary table");
        }
        if self.is_tracked() {
            self.split_heads_recorded(options)
        } else {
            self.backend().split_heads(self, options)
        }
    }

    /// [`Tensor::split_heads`] as plain operations, each with a way back.
    fn split_heads_recorded(&self, options: &Heads) -> Self {
        let [b, n, _] = self.dims();
        let Heads {
            ref columns,
            heads,
            norm,
            rotary,
        } = *options;
        let d = columns.len() / heads;
        let taken = self.narrow(2, columns.clone()).reshape(&[b, n, heads, d]);
        let mut x = taken.permute([0, 2, 1, 3]);
        if let Some(QkNorm { weight, eps }) = norm {
            x = x.rms_norm(Some(weight), eps);
        }
        match rotary {
            Some(rotary) => x
                .reshape(&[b * heads, n, d])
                .rotated(&rotary)
                .reshape(&[b, heads, n, d]),
            None => x,
        }
    }

    /// Rows `[b, n, d]` turned by position, by tables that all heads share.
    fn rotated(&self, rotary: &Rotary) -> Self {
        let [b, n, d] = self.dims();
        let Rotary { cos, sin } = *rotary;
        assert_eq!(
            cos.last_dim() * 2,
            d,
            "tables for each head have no gradient"
        );
        Self::refuse_tracked("a rotary table", &[cos, sin]);
        let turned = move |x: &Self, cos: &Self, sin: &Self| {
            let options = Heads {
                columns: 0..d,
                heads: 1,
                norm: None,
                rotary: Some(Rotary { cos, sin }),
            };
            x.backend().split_heads(x, &options).reshape(&[b, n, d])
        };
        turned(self, cos, sin).recorded(&[self], || {
            let (cos, back) = (cos.clone(), sin.scale(-1.0));
            move |gradient: Self, flow| flow.add(0, || turned(&gradient, &cos, &back))
        })
    }
}

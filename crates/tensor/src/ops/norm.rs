//! Normalisation, modulation by noise level, and rotary position embedding.

use std::ops::Range;

use super::linear::check_table;
use crate::Tensor;

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

/// Rotary position embedding: pairs `(x[i], x[i + d/2])` turned by angles of the position.
#[derive(Clone, Copy, Debug)]
pub struct Rotary<'a> {
    /// F32 `[n, d/2]`.
    pub cos: &'a Tensor,
    /// F32 `[n, d/2]`.
    pub sin: &'a Tensor,
}

/// The norm of queries and keys, over one head.
#[derive(Clone, Copy, Debug)]
pub struct QkNorm<'a> {
    /// F32 `[head_dim]`.
    pub weight: &'a Tensor,
    /// Added to the mean square.
    pub eps: f32,
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
        self.check_norm(weight);
        self.backend().rms_norm(self, weight, eps, None)
    }

    /// `rms_norm(x) * (1 + scale[row]) + shift[row]`, shapes as in [`Modulation`].
    #[track_caller]
    pub fn rms_norm_modulate(
        &self,
        weight: Option<&Self>,
        eps: f32,
        modulation: &Modulation,
    ) -> Self {
        self.check_norm(weight);
        check_table(
            modulation.shift,
            modulation.rows,
            self.rows(),
            self.last_dim(),
        );
        check_table(
            modulation.scale,
            modulation.rows,
            self.rows(),
            self.last_dim(),
        );
        self.backend().rms_norm(self, weight, eps, Some(modulation))
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
        self.backend().gated_add(self, y, gate, rows)
    }

    /// Columns of a projection as attention heads, normed and rotated on the way.
    ///
    /// # Shapes
    /// `self` `[b, n, columns]`; the result `[b, heads, n, head_dim]` with
    /// `head_dim = options.columns.len() / options.heads`. Tables of [`Rotary`] have at least `n`
    /// rows and serve every `b`.
    #[track_caller]
    pub fn split_heads(&self, options: &Heads) -> Self {
        let [_, n, columns] = self.dims();
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
        for table in rotary.iter().flat_map(|r| [r.cos, r.sin]) {
            let [positions, width] = table.dims();
            table.expect_f32("a rotary table");
            assert!(
                positions >= n && width * 2 == head_dim,
                "rotary table {:?} for {n} positions of {head_dim}",
                table.shape()
            );
        }
        self.backend().split_heads(self, options)
    }

    #[track_caller]
    fn check_norm(&self, weight: Option<&Self>) {
        if let Some(weight) = weight {
            let d = self.last_dim();
            assert_eq!(
                weight.shape(),
                [d],
                "norm weight {:?} for rows of {d}",
                weight.shape()
            );
            weight.expect_f32("the weight of a norm");
        }
    }
}

//! Scaled dot-product attention.

use crate::{DType, Tensor, flops};

/// Options of [`Tensor::attention_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Attention<'a> {
    /// Factor of the scores, above 0; `1 / sqrt(head_dim)` when absent.
    pub scale: Option<f32>,
    /// Also return the log of each query's sum of exponentials, which a backward pass needs.
    pub log_sum_exp: bool,
    /// How many of the `m` keys each batch entry has, the first ones; all when absent. Others are not
    /// looked at.
    pub lengths: Option<&'a [usize]>,
    /// F32 `[h, n, m]`, added to the scaled scores of every batch entry. Heads or queries that
    /// share theirs may be one: `[1, 1, m]` masks keys. Finite: a large negative number hides a key.
    pub bias: Option<&'a Tensor>,
}

/// What [`Tensor::attention`] took and gave, for its way back.
#[derive(Clone, Copy)]
pub struct AttentionForward<'a> {
    pub(crate) q: &'a Tensor,
    pub(crate) k: &'a Tensor,
    pub(crate) v: &'a Tensor,
    /// `[b, n, h d]`.
    pub(crate) out: &'a Tensor,
    /// The log of each query's sum of exponentials, F32 `[b, h, n]`.
    pub(crate) sums: &'a Tensor,
    pub(crate) lengths: Option<&'a [usize]>,
    pub(crate) scale: f32,
}

/// The keys of a head, counted over all batch entries of `h`, of at most `m`.
pub(crate) fn length(lengths: Option<&[usize]>, head: usize, h: usize, m: usize) -> usize {
    lengths.map_or(m, |lengths| lengths[head / h])
}

/// Where the bias of a head's query begins.
pub(crate) fn bias_start(bias: &Tensor, head: usize, query: usize) -> usize {
    let [h, n, m] = bias.dims();
    (head % h * n + query % n) * m
}

impl Tensor {
    /// `softmax(q k^T / sqrt(d)) v`, heads side by side in the result.
    ///
    /// The scores are never held whole: memory grows with `n + m`.
    /// Reference: Dao et al., arXiv 2205.14135, algorithm 1.
    ///
    /// # Shapes
    /// `self` (the queries) `[b, h, n, d]`, `k` and `v` `[b, h, m, d]`; the result `[b, n, h d]`
    /// in the dtype of the queries. Keys and values may be of the other dtype.
    ///
    /// # Panics
    /// When shapes do not fit or there are no keys.
    #[track_caller]
    pub fn attention(&self, k: &Self, v: &Self) -> Self {
        self.attention_with(k, v, &Attention::default()).0
    }

    /// [`Tensor::attention`] with options; the second result is F32 `[b, h, n]` when asked for.
    #[track_caller]
    pub fn attention_with(&self, k: &Self, v: &Self, options: &Attention) -> (Self, Option<Self>) {
        let [b, h, n, d] = self.dims();
        let [kb, kh, m, kd] = k.dims();
        assert!(
            (b, h, d) == (kb, kh, kd) && m > 0 && k.shape() == v.shape() && k.dtype() == v.dtype(),
            "queries {self:?} with keys {k:?} and values {v:?}"
        );
        let scale = options.scale.unwrap_or(1.0);
        assert!(scale > 0.0, "attention with a scale of {scale}");
        if let Some(lengths) = options.lengths {
            assert!(
                lengths.len() == b && lengths.iter().all(|length| (1..=m).contains(length)),
                "{lengths:?} of {m} keys for {b} batch entries"
            );
        }
        if let Some(bias) = options.bias {
            let [heads, queries, keys] = bias.dims();
            assert!(
                bias.dtype() == DType::F32
                    && (heads == h || heads == 1)
                    && (queries == n || queries == 1)
                    && keys == m,
                "bias {bias:?} of {h} heads, {n} queries and {m} keys"
            );
        }
        let looked_at = options
            .lengths
            .map_or(b * m, |lengths| lengths.iter().sum());
        let work = flops::attention(h, n, looked_at, d);
        flops::add(work);
        if ![self, k, v].iter().any(|x| x.is_tracked()) {
            return self.backend().attention(self, k, v, options);
        }
        assert!(
            options.bias.is_none(),
            "attention with a bias has no gradient"
        );
        let summed = Attention {
            log_sum_exp: true,
            ..*options
        };
        let (out, sums) = self.backend().attention(self, k, v, &summed);
        let sums = sums.expect("asked for");
        let known = options.log_sum_exp.then(|| sums.clone());
        let scale = options.scale.unwrap_or(1.0 / (d as f32).sqrt());
        let recorded = out.clone().recorded(&[self, k, v], || {
            let [q, k, v] = [self, k, v].map(Self::detached);
            let lengths = options.lengths.map(<[usize]>::to_vec);
            move |gradient: Self, flow| {
                let forward = AttentionForward {
                    q: &q,
                    k: &k,
                    v: &v,
                    out: &out,
                    sums: &sums,
                    lengths: lengths.as_deref(),
                    scale,
                };
                // Scores once more, and the gradients of values, probabilities, queries and keys.
                flops::add(work / 2 * 5);
                let gradients = q.backend().attention_backward(&forward, &gradient);
                for (i, gradient) in gradients.into_iter().enumerate() {
                    flow.add(i, || gradient);
                }
            }
        });
        (recorded, known)
    }
}

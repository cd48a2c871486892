//! Every way back in plain scalar code: what the fast versions are tested against.

use crate::cpu::reference::{dot, finish, operand, sigmoid};
use crate::ops::{AttentionForward, Norm, Unary, length};
use crate::{PackedWeight, Tensor};

/// The derivative of an operation at `x`; at the ends of a clamp it is 1.
fn derivative(op: Unary, x: f32) -> f32 {
    let step = |inside: bool| f32::from(u8::from(inside));
    match op {
        Unary::Relu => step(x > 0.0),
        Unary::Silu => sigmoid(x) * (1.0 + x * sigmoid(-x)),
        Unary::Gelu => {
            let p = sigmoid(1.595_769 * (x + 0.044_715 * x * x * x));
            let slope = 1.595_769 * (1.0 + 3.0 * 0.044_715 * x * x);
            p + x * p * (1.0 - p) * slope
        }
        Unary::Sigmoid => sigmoid(x) * sigmoid(-x),
        Unary::Tanh => 1.0 - x.tanh() * x.tanh(),
        Unary::Affine { scale, .. } => scale,
        Unary::Clamp { low, high } => step(low <= x && x <= high),
    }
}

pub(in crate::cpu) fn unary(x: &Tensor, op: Unary, gradient: &Tensor) -> Tensor {
    let pairs = x.to_vec().into_iter().zip(gradient.to_vec());
    let values: Vec<f32> = pairs.map(|(x, g)| g * derivative(op, x)).collect();
    finish(&values, x.shape(), x.dtype())
}

/// Columns of `x` times outputs of `y`.
pub(in crate::cpu) fn outer(x: &Tensor, y: &PackedWeight) -> Tensor {
    let (n, [k, _]) = (x.last_dim(), y.dims());
    let panels = y.factor().numbers();
    let (y, depth) = (panels.unpack(), panels.depth);
    let x = operand(x, panels.precision());
    Tensor::from_fn(&[n, k], |i| {
        let (i, j) = (i / k, i % k);
        let pairs = x.chunks_exact(n).zip(&y[j * depth..]);
        let products = pairs.map(|(x, y)| f64::from(x[i]) * f64::from(*y));
        products.sum::<f64>() as f32
    })
}

/// `f(gate, up, i)` of the halves of each row, `i` counting their elements.
fn halves(x: &Tensor, mut f: impl FnMut(f32, f32, usize)) {
    let half = x.last_dim() / 2;
    for (r, row) in x.to_vec().chunks_exact(2 * half.max(1)).enumerate() {
        for j in 0..half {
            f(row[j], row[half + j], r * half + j);
        }
    }
}

pub(in crate::cpu) fn glu(x: &Tensor) -> Tensor {
    let mut values = Vec::new();
    halves(x, |gate, up, _| values.push(gate * sigmoid(gate) * up));
    let mut dims = x.shape().to_vec();
    *dims.last_mut().expect("at least one axis") /= 2;
    finish(&values, &dims, x.dtype())
}

pub(in crate::cpu) fn glu_backward(x: &Tensor, gradient: &Tensor) -> Tensor {
    let (half, gradient) = (x.last_dim() / 2, gradient.to_vec());
    let mut values = vec![0.0; x.len()];
    halves(x, |gate, up, i| {
        let at = i / half * 2 * half + i % half;
        values[at] = gradient[i] * up * derivative(Unary::Silu, gate);
        values[at + half] = gradient[i] * gate * sigmoid(gate);
    });
    finish(&values, x.shape(), x.dtype())
}

pub(in crate::cpu) fn sum_rows(
    x: &Tensor,
    factor: Option<&Tensor>,
    index: &[u32],
    count: usize,
) -> Tensor {
    let d = x.last_dim();
    let factor = factor.map(Tensor::to_vec);
    let mut sums = vec![0.0; count * d];
    for (i, x) in x.to_vec().into_iter().enumerate() {
        let factor = factor.as_ref().map_or(1.0, |factor| factor[i]);
        sums[index[i / d] as usize * d + i % d] += x * factor;
    }
    Tensor::from_f32(&sums, &[count, d])
}

pub(in crate::cpu) fn scale_rows(x: &Tensor, table: &Tensor, rows: &[u32]) -> Tensor {
    let d = x.last_dim();
    let (mut values, table) = (x.to_vec(), table.to_vec());
    for (i, x) in values.iter_mut().enumerate() {
        *x *= table[rows[i / d] as usize * d + i % d];
    }
    finish(&values, x.shape(), x.dtype())
}

pub(in crate::cpu) fn rms_norm(x: &Tensor, norm: &Norm, gradient: &Tensor) -> Tensor {
    let d = x.last_dim();
    let (mut values, gradient) = (x.to_vec(), gradient.to_vec());
    let weight = |j: usize| norm.weight.map_or(1.0, |weight| weight.as_f32()[j]);
    let rows = values
        .chunks_exact_mut(d.max(1))
        .zip(gradient.chunks_exact(d.max(1)));
    for (x, gradient) in rows {
        let mean = dot(x, x) / d as f32;
        let factor = 1.0 / (mean + norm.eps).sqrt();
        let along: f32 = (0..d).map(|j| gradient[j] * weight(j) * x[j]).sum();
        let along = along * factor * factor / d as f32;
        for j in 0..d {
            x[j] = factor * (gradient[j] * weight(j) - along * x[j]);
        }
    }
    finish(&values, x.shape(), x.dtype())
}

/// Dao et al., arXiv 2205.14135, appendix B.2.
pub(in crate::cpu) fn attention(forward: &AttentionForward, gradient: &Tensor) -> [Tensor; 3] {
    let AttentionForward { q, k, v, scale, .. } = *forward;
    let [_, h, n, d] = q.dims();
    let [_, _, m, _] = k.dims();
    let [queries, keys, values] = [q, k, v].map(Tensor::to_vec);
    let [out, gradient] = [forward.out, gradient].map(Tensor::to_vec);
    let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| vec![0.0; x.len()]);
    for (i, sum) in forward.sums.to_vec().into_iter().enumerate() {
        let (head, position) = (i / n, i % n);
        let query = i * d..(i + 1) * d;
        let at = ((head / h * n + position) * h + head % h) * d;
        let (out, gradient) = (&out[at..at + d], &gradient[at..at + d]);
        let mean = dot(out, gradient);
        for j in 0..length(forward.lengths, head, h, m) {
            let key = (head * m + j) * d..(head * m + j + 1) * d;
            let score = scale * dot(&queries[query.clone()], &keys[key.clone()]);
            let p = (score - sum).exp();
            let ds = scale * p * (dot(gradient, &values[key.clone()]) - mean);
            for (c, gradient) in gradient.iter().enumerate() {
                let (query, key) = (query.start + c, key.start + c);
                dq[query] += ds * keys[key];
                dk[key] += ds * queries[query];
                dv[key] += p * gradient;
            }
        }
    }
    [(dq, q), (dk, k), (dv, v)].map(|(values, x)| finish(&values, x.shape(), x.dtype()))
}

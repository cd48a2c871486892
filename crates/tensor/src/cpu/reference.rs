//! Every operation with arithmetic in plain scalar code: what the fast versions are tested against.

use crate::dtype::with_element;
use crate::ops::{Activation, Attention, Conv, Epilogue, Heads, Modulation, Norm, Unary};
use crate::ops::{bias_start, length};
use crate::packed::{Factor, PANEL, code, codes_per_unit, scale_of};
use crate::{ConvWeight, DType, Element, PackedWeight, Precision, Tensor};

/// A tensor of `dtype` from f32 values.
pub(super) fn finish(values: &[f32], dims: &[usize], dtype: DType) -> Tensor {
    with_element!(dtype, T => Tensor::build(dims, |out: &mut [T]| {
        for (out, &value) in out.iter_mut().zip(values) {
            *out = T::from_f32(value);
        }
    }))
}

pub(super) fn cast(x: &Tensor, dtype: DType) -> Tensor {
    finish(&x.to_vec(), x.shape(), dtype)
}

pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`, written with one exponential.
fn gelu(x: f32) -> f32 {
    x * sigmoid(1.595_769 * (x + 0.044_715 * x * x * x))
}

fn apply(op: Unary, x: f32) -> f32 {
    match op {
        Unary::Relu => x.max(0.0),
        Unary::Silu => x * sigmoid(x),
        Unary::Gelu => gelu(x),
        Unary::Sigmoid => sigmoid(x),
        Unary::Tanh => x.tanh(),
        Unary::Affine { scale, shift } => scale * x + shift,
        Unary::Clamp { low, high } => x.clamp(low, high),
    }
}

pub(super) fn unary(x: &Tensor, op: Unary) -> Tensor {
    let values: Vec<f32> = x.to_vec().into_iter().map(|x| apply(op, x)).collect();
    finish(&values, x.shape(), x.dtype())
}

fn binary(x: &Tensor, y: &Tensor, f: impl Fn(f32, f32) -> f32) -> Tensor {
    let (left, right) = (x.to_vec(), y.to_vec());
    let values: Vec<f32> = left
        .iter()
        .zip(right.iter().cycle())
        .map(|(&x, &y)| f(x, y))
        .collect();
    finish(&values, x.shape(), x.dtype())
}

pub(super) fn combine(x: &Tensor, alpha: f32, y: &Tensor, beta: f32) -> Tensor {
    binary(x, y, |x, y| alpha * x + beta * y)
}

pub(super) fn mul(x: &Tensor, y: &Tensor) -> Tensor {
    binary(x, y, |x, y| x * y)
}

pub(super) fn softmax(x: &Tensor) -> Tensor {
    let mut values = x.to_vec();
    for row in values.chunks_exact_mut(x.last_dim().max(1)) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = row.iter().map(|x| (x - max).exp()).sum();
        for x in row {
            *x = (*x - max).exp() / sum;
        }
    }
    finish(&values, x.shape(), x.dtype())
}

pub(super) fn mean(x: &Tensor, axis: usize) -> Tensor {
    let shape = x.shape();
    let count = shape[axis];
    let inner: usize = shape[axis + 1..].iter().product();
    let mut dims = shape.to_vec();
    dims.remove(axis);
    let values = x.to_vec();
    let means: Vec<f32> = (0..values.len() / count)
        .map(|i| {
            let start = i / inner * count * inner + i % inner;
            let sum: f32 = (0..count).map(|j| values[start + j * inner]).sum();
            sum / count as f32
        })
        .collect();
    finish(&means, &dims, x.dtype())
}

/// Rounds what meets a bf16 weight.
pub(super) fn operand(x: &Tensor, precision: Precision) -> Vec<f32> {
    match precision {
        Precision::F32 => x.to_vec(),
        Precision::Bf16 => x.to_dtype(DType::Bf16).to_vec(),
        Precision::Int8 => unreachable!("codes have a product of their own"),
    }
}

pub(super) fn dot(x: &[f32], y: &[f32]) -> f32 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

pub(super) fn linear(x: &Tensor, weight: &PackedWeight, epilogue: &Epilogue) -> Tensor {
    let [n, k] = weight.dims();
    let sums: Box<dyn Fn(usize, usize) -> f32> = match weight.factor() {
        Factor::Numbers(panels) => {
            let (matrix, depth) = (panels.unpack(), panels.depth);
            let input = operand(x, panels.precision());
            Box::new(move |row, column| dot(&input[row * k..][..k], &matrix[column * depth..][..k]))
        }
        Factor::Codes(codes) => {
            let (rows, outputs) = (encode(x), 0..codes.columns);
            let outputs: Vec<Vec<i8>> = outputs.map(|n| codes.output(n)).collect();
            Box::new(move |row, column| {
                let (scale, row) = &rows[row];
                let products = row.iter().zip(&outputs[column]);
                let sum: i32 = products.map(|(x, y)| x * i32::from(*y)).sum();
                sum as f32 * scale * codes.panel_scales(column / PANEL)[column % PANEL]
            })
        }
    };
    let values: Vec<f32> = (0..x.rows() * n)
        .map(|i| {
            let (row, column) = (i / n, i % n);
            if weight.is_swiglu() {
                let panel = column / 16 * 32 + column % 16;
                let gate = sums(row, panel);
                return gate * sigmoid(gate) * sums(row, panel + 16);
            }
            sums(row, column)
        })
        .collect();
    end(values, x, n, epilogue)
}

/// Rows as codes, each with what a code of it is worth.
fn encode(x: &Tensor) -> Vec<(f32, Vec<i32>)> {
    let values = x.to_vec();
    let rows = values.chunks_exact(x.last_dim().max(1)).map(|row| {
        let max = row.iter().fold(0.0_f32, |max, x| x.abs().max(max));
        let factor = codes_per_unit(max);
        let codes = row.iter().map(|x| i32::from(code(x * factor)));
        (scale_of(row), codes.collect())
    });
    rows.collect()
}

/// Bias, activation, gate and residual.
fn end(mut values: Vec<f32>, x: &Tensor, n: usize, epilogue: &Epilogue) -> Tensor {
    let bias = epilogue.bias.map(Tensor::to_vec);
    let residual = epilogue.residual.map(|r| r.x.to_vec());
    let gate = epilogue
        .residual
        .and_then(|r| r.gate)
        .map(|(table, rows)| (table.to_vec(), rows));
    for (i, y) in values.iter_mut().enumerate() {
        let (row, column) = (i / n, i % n);
        *y += bias.as_ref().map_or(0.0, |bias| bias[column]);
        *y = match epilogue.activation {
            Activation::None => *y,
            Activation::Relu => apply(Unary::Relu, *y),
            Activation::Silu => apply(Unary::Silu, *y),
            Activation::Gelu => apply(Unary::Gelu, *y),
        };
        if let Some((table, rows)) = &gate {
            *y *= table[rows[row] as usize * n + column];
        }
        *y += residual.as_ref().map_or(0.0, |residual| residual[i]);
    }
    let mut dims = x.shape().to_vec();
    *dims.last_mut().expect("at least one axis") = n;
    finish(&values, &dims, epilogue.dtype.unwrap_or(x.dtype()))
}

pub(super) fn norm(x: &Tensor, norm: &Norm, modulation: Option<&Modulation>) -> Tensor {
    let d = x.last_dim();
    let mut values = x.to_vec();
    for (i, row) in values.chunks_exact_mut(d.max(1)).enumerate() {
        norm_row(row, norm);
        if let Some(Modulation { shift, scale, rows }) = modulation {
            let at = rows[i] as usize * d;
            for (j, x) in row.iter_mut().enumerate() {
                *x = *x * (1.0 + scale.as_f32()[at + j]) + shift.as_f32()[at + j];
            }
        }
    }
    finish(&values, x.shape(), x.dtype())
}

fn norm_row(row: &mut [f32], norm: &Norm) {
    let count = row.len() as f32;
    if norm.centre {
        let mean = row.iter().sum::<f32>() / count;
        for x in row.iter_mut() {
            *x -= mean;
        }
    }
    let mean = row.iter().map(|x| x * x).sum::<f32>() / count;
    let factor = 1.0 / (mean + norm.eps).sqrt();
    for (i, x) in row.iter_mut().enumerate() {
        *x *= factor * norm.weight.map_or(1.0, |weight| weight.as_f32()[i]);
        *x += norm.bias.map_or(0.0, |bias| bias.as_f32()[i]);
    }
}

pub(super) fn gated_add(x: &Tensor, y: &Tensor, gate: &Tensor, rows: &[u32]) -> Tensor {
    let d = x.last_dim();
    let (mut values, gate) = (x.to_vec(), gate.to_vec());
    for (i, (x, y)) in values.iter_mut().zip(y.to_vec()).enumerate() {
        *x += gate[rows[i / d] as usize * d + i % d] * y;
    }
    finish(&values, x.shape(), x.dtype())
}

pub(super) fn split_heads(x: &Tensor, options: &Heads) -> Tensor {
    let [b, n, width] = x.dims();
    let Heads {
        columns,
        heads,
        norm,
        rotary,
    } = options;
    let d = columns.len() / heads;
    let source = x.to_vec();
    let mut values = vec![0.0; b * n * columns.len()];
    for (i, head) in values.chunks_exact_mut(d.max(1)).enumerate() {
        let (batch, h, position) = (i / n / heads, i / n % heads, i % n);
        let from = (batch * n + position) * width + columns.start + h * d;
        head.copy_from_slice(&source[from..from + d]);
        if let Some(norm) = norm {
            norm_row(head, &norm.of_head());
        }
        if let Some(rotary) = rotary {
            for j in 0..d / 2 {
                let at = rotary.start((batch, b), position, h, d / 2) + j;
                let (cos, sin) = (rotary.cos.as_f32()[at], rotary.sin.as_f32()[at]);
                let (x, y) = (head[j], head[j + d / 2]);
                head[j] = x * cos - y * sin;
                head[j + d / 2] = y * cos + x * sin;
            }
        }
    }
    finish(&values, &[b, *heads, n, d], x.dtype())
}

pub(super) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    options: &Attention,
) -> (Tensor, Option<Tensor>) {
    let [b, h, n, d] = q.dims();
    let [_, _, m, _] = k.dims();
    let scale = options.scale.unwrap_or(1.0 / (d as f32).sqrt());
    let (queries, keys, values) = (q.to_vec(), k.to_vec(), v.to_vec());
    let bias = |i: usize, j: usize| match options.bias {
        Some(bias) => bias.as_f32()[bias_start(bias, i / n % h, i % n) + j],
        None => 0.0,
    };
    let mut out = vec![0.0; b * n * h * d];
    let mut sums = vec![0.0; b * h * n];
    for (i, sum) in sums.iter_mut().enumerate() {
        let (head, position) = (i / n, i % n);
        let query = &queries[i * d..][..d];
        let key = |j: usize| &keys[(head * m + j) * d..][..d];
        let mut scores: Vec<f32> = (0..length(options.lengths, head, h, m))
            .map(|j| scale * dot(query, key(j)) + bias(i, j))
            .collect();
        let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for score in &mut scores {
            *score = (*score - max).exp();
        }
        let total: f32 = scores.iter().sum();
        *sum = max + total.ln();
        let at = ((head / h * n + position) * h + head % h) * d;
        for (j, score) in scores.iter().enumerate() {
            let value = &values[(head * m + j) * d..][..d];
            for (out, value) in out[at..at + d].iter_mut().zip(value) {
                *out += score / total * value;
            }
        }
    }
    let sums = options
        .log_sum_exp
        .then(|| Tensor::from_f32(&sums, &[b, h, n]));
    (finish(&out, &[b, n, h * d], q.dtype()), sums)
}

pub(super) fn conv(x: &Tensor, weight: &ConvWeight, options: &Conv) -> Tensor {
    let [t, h, w, c] = x.dims();
    let (kernel, stride) = (weight.kernel(), options.stride);
    let dims = options.result_dims(x, weight);
    let before = options.border_before(kernel);
    let panels = weight.panels();
    let matrix = panels.unpack();
    let input = operand(x, weight.precision());
    let past = options.past.map(|past| operand(past, weight.precision()));
    let past = past.unwrap_or_default();
    let pixel = |frame: usize, back: usize, y: usize, x: usize| -> Option<&[f32]> {
        let (y, x) = (y.checked_sub(before)?, x.checked_sub(before)?);
        let at = (y < h && x < w).then_some((y * w + x) * c)?;
        if frame >= back {
            return Some(&input[(frame - back) * h * w * c + at..][..c]);
        }
        let first = past.len().checked_sub((back - frame) * h * w * c)?;
        Some(&past[first + at..][..c])
    };
    let padded = weight.padded_channels();
    let mut values = Vec::with_capacity(dims.iter().product());
    for i in 0..t * dims[1] * dims[2] {
        let (frame, y, x) = (i / dims[2] / dims[1], i / dims[2] % dims[1], i % dims[2]);
        for j in 0..dims[3] {
            let mut sum = 0.0;
            for tap in 0..weight.frames() * kernel * kernel {
                let (back, dy, dx) = (tap / kernel / kernel, tap / kernel % kernel, tap % kernel);
                if let Some(pixel) = pixel(frame, back, y * stride + dy, x * stride + dx) {
                    sum += dot(pixel, &matrix[j * panels.depth + tap * padded..][..c]);
                }
            }
            values.push(sum);
        }
    }
    if let Some(bias) = options.bias {
        values
            .iter_mut()
            .zip(bias.as_f32().iter().cycle())
            .for_each(|(y, bias)| *y += bias);
    }
    if let Some(residual) = options.residual {
        values
            .iter_mut()
            .zip(residual.to_vec())
            .for_each(|(y, residual)| *y += residual);
    }
    if options.relu {
        for y in &mut values {
            *y = y.max(0.0);
        }
    }
    finish(&values, &dims, x.dtype())
}

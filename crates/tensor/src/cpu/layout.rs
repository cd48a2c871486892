//! Moving elements: the same for every instruction set, and what the reference means by it.

use std::ops::Range;

use super::pool::parallel_parts;
use crate::dtype::with_element;
use crate::{Element, Tensor};

/// Elements of a chunk, about.
const CHUNK: usize = 64 << 10;

pub(super) fn permute(x: &Tensor, axes: &[usize]) -> Tensor {
    let shape = x.shape();
    if axes == [1, 0] {
        return transpose(x);
    }
    let stride = |axis: usize| shape[axis + 1..].iter().product::<usize>();
    let dims: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    let strides: Vec<usize> = axes.iter().map(|&axis| stride(axis)).collect();
    // Last axes that stay in place move as one run.
    let kept = axes
        .iter()
        .enumerate()
        .rev()
        .take_while(|(i, axis)| i == *axis)
        .count();
    let outer = axes.len() - kept;
    let run: usize = dims[outer..].iter().product();
    let walk = Walk {
        dims: &dims[..outer],
        strides: &strides[..outer],
        run,
    };
    with_element!(x.dtype(), T => {
        let source = x.as_slice::<T>();
        Tensor::build(&dims, |out: &mut [T]| {
            let runs = (CHUNK / run.max(1)).max(1);
            parallel_parts(out, runs * run, |i, part| walk.copy(source, i * runs, part));
        })
    })
}

/// A matrix turned, block by block, so that reads and writes stay in cache.
fn transpose(x: &Tensor) -> Tensor {
    const BLOCK: usize = 16;
    let [rows, columns] = x.dims();
    with_element!(x.dtype(), T => {
        let source = x.as_slice::<T>();
        Tensor::build(&[columns, rows], |out: &mut [T]| {
            parallel_parts(out, BLOCK * rows, |block, out| {
                for first in (0..rows).step_by(BLOCK) {
                    let last = rows.min(first + BLOCK);
                    for (i, out) in out.chunks_exact_mut(rows).enumerate() {
                        let column = block * BLOCK + i;
                        for (r, out) in (first..last).zip(&mut out[first..last]) {
                            *out = source[r * columns + column];
                        }
                    }
                }
            });
        })
    })
}

/// An order of runs of elements.
struct Walk<'a> {
    dims: &'a [usize],
    strides: &'a [usize],
    run: usize,
}

impl Walk<'_> {
    /// Copies runs from the `first` on.
    fn copy<T: Element>(&self, source: &[T], first: usize, out: &mut [T]) {
        let mut index = vec![0; self.dims.len()];
        let mut rest = first;
        for (index, dim) in index.iter_mut().zip(self.dims).rev() {
            *index = rest % dim;
            rest /= dim;
        }
        let mut from: usize = index
            .iter()
            .zip(self.strides)
            .map(|(i, stride)| i * stride)
            .sum();
        for out in out.chunks_exact_mut(self.run) {
            out.copy_from_slice(&source[from..from + self.run]);
            for axis in (0..self.dims.len()).rev() {
                index[axis] += 1;
                from += self.strides[axis];
                if index[axis] < self.dims[axis] {
                    break;
                }
                index[axis] = 0;
                from -= self.dims[axis] * self.strides[axis];
            }
        }
    }
}

pub(super) fn concat(parts: &[&Tensor], axis: usize) -> Tensor {
    let mut dims = parts[0].shape().to_vec();
    dims[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
    let outer: usize = dims[..axis].iter().product();
    with_element!(parts[0].dtype(), T => Tensor::build(&dims, |out: &mut [T]| {
        let row = out.len() / outer.max(1);
        parallel_parts(out, row, |i, mut out| {
            for part in parts {
                let width = part.len() / outer;
                let (head, tail) = out.split_at_mut(width);
                head.copy_from_slice(&part.as_slice::<T>()[i * width..(i + 1) * width]);
                out = tail;
            }
        });
    }))
}

pub(super) fn columns(x: &Tensor, columns: Range<usize>) -> Tensor {
    let [rows, width] = x.dims();
    with_element!(x.dtype(), T => Tensor::build(&[rows, columns.len()], |out: &mut [T]| {
        let (source, kept) = (x.as_slice::<T>(), columns.len().max(1));
        let rows = (CHUNK / kept).max(1);
        parallel_parts(out, rows * kept, |chunk, out| {
            for (i, out) in (chunk * rows..).zip(out.chunks_exact_mut(kept)) {
                out.copy_from_slice(&source[i * width + columns.start..i * width + columns.end]);
            }
        });
    }))
}

pub(super) fn gather(table: &Tensor, ids: &[u32]) -> Tensor {
    let [_, d] = table.dims();
    with_element!(table.dtype(), T => Tensor::build(&[ids.len(), d], |out: &mut [T]| {
        let source = table.as_slice::<T>();
        for (out, &id) in out.chunks_exact_mut(d.max(1)).zip(ids) {
            out.copy_from_slice(&source[id as usize * d..][..d]);
        }
    }))
}

pub(super) fn upsample2x(x: &Tensor) -> Tensor {
    let [t, h, w, c] = x.dims();
    with_element!(x.dtype(), T => {
        let source = x.as_slice::<T>();
        Tensor::build(&[t, 2 * h, 2 * w, c], |out: &mut [T]| {
            let line = 2 * w * c;
            parallel_parts(out, 2 * line, |i, pair| {
                let (upper, lower) = pair.split_at_mut(line);
                let row = source[i * w * c..(i + 1) * w * c].chunks_exact(c.max(1));
                for (pixel, out) in row.zip(upper.chunks_exact_mut(2 * c.max(1))) {
                    out[..c].copy_from_slice(pixel);
                    out[c..].copy_from_slice(pixel);
                }
                lower.copy_from_slice(upper);
            });
        })
    })
}

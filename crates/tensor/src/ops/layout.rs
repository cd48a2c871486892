//! Moving elements without arithmetic.

use std::ops::Range;

use crate::cpu::parallel_parts;
use crate::dtype::with_element;
use crate::tape::Flow;
use crate::{DType, Element, Tensor};

/// Elements of a chunk, about.
const CHUNK: usize = 64 << 10;

impl Tensor {
    /// The same values in another dtype, rounded to nearest; no copy when it is the same.
    pub fn to_dtype(&self, dtype: DType) -> Self {
        if self.dtype() == dtype {
            self.clone()
        } else {
            let result = self.backend().cast(self, dtype);
            result.recorded(&[self], || {
                let before = self.dtype();
                move |gradient: Self, flow| flow.add(0, || gradient.to_dtype(before))
            })
        }
    }

    /// Axes reordered: axis `i` of the result is axis `axes[i]`. Copies.
    ///
    /// # Panics
    /// When `axes` is not a permutation of the tensor's axes.
    #[track_caller]
    pub fn permute<const N: usize>(&self, axes: [usize; N]) -> Self {
        let mut sorted = axes;
        sorted.sort_unstable();
        assert!(
            N == self.rank() && sorted.iter().copied().eq(0..N),
            "{axes:?} is no order of the axes of {:?}",
            self.shape()
        );
        let result = self.backend().permute(self, &axes);
        result.recorded(&[self], || {
            let mut back = [0; N];
            for (i, &axis) in axes.iter().enumerate() {
                back[axis] = i;
            }
            move |gradient: Self, flow| flow.add(0, || gradient.permute(back))
        })
    }

    /// Tensors joined along `axis`; all other axes and the dtype are equal. Copies.
    ///
    /// # Panics
    /// When there are no parts or they do not fit.
    #[track_caller]
    pub fn concat(parts: &[&Self], axis: usize) -> Self {
        let first = parts.first().expect("nothing to join");
        assert!(axis < first.rank(), "no axis {axis} in {:?}", first.shape());
        for part in parts {
            let fits = part.rank() == first.rank()
                && part.dtype() == first.dtype()
                && (0..first.rank()).all(|i| i == axis || part.shape()[i] == first.shape()[i]);
            assert!(fits, "{part:?} cannot join {first:?} along axis {axis}");
        }
        if let [only] = parts {
            return (*only).clone();
        }
        first.backend().concat(parts, axis).recorded(parts, || {
            let sizes: Vec<usize> = parts.iter().map(|part| part.shape()[axis]).collect();
            move |gradient: Self, flow| {
                let mut start = 0;
                for (i, size) in sizes.into_iter().enumerate() {
                    flow.add(i, || gradient.narrow(axis, start..start + size));
                    start += size;
                }
            }
        })
    }

    /// Entries `range` of `axis`. Copies, except along the first axis ([`Tensor::slice`]).
    ///
    /// # Panics
    /// When the range leaves the axis.
    #[track_caller]
    pub fn narrow(&self, axis: usize, range: Range<usize>) -> Self {
        let shape = self.shape();
        assert!(axis < shape.len(), "no axis {axis} in {shape:?}");
        if axis == 0 {
            return self.slice(range);
        }
        let inner: usize = shape[axis + 1..].iter().product();
        let outer: usize = shape[..axis].iter().product();
        let folded = self.reshape(&[outer, shape[axis] * inner]);
        let columns = range.start * inner..range.end * inner;
        let mut dims = shape.to_vec();
        dims[axis] = range.len();
        assert!(
            range.start <= range.end && range.end <= shape[axis],
            "{range:?} of axis {axis} of {shape:?}"
        );
        let part = self.backend().columns(&folded, columns.clone());
        let part = part.recorded(&[&folded], || {
            folded.part_of(columns.start, folded.last_dim())
        });
        part.reshape(&dims)
    }

    /// The way back of elements that lie from `start` in each of the tensor's parts of `stride`: their
    /// gradients are added at their places, all others are zero.
    pub(crate) fn part_of(
        &self,
        start: usize,
        stride: usize,
    ) -> impl FnOnce(Self, &mut Flow) + Send + 'static {
        let (dims, parts) = (self.shape().to_vec(), self.len() / stride.max(1));
        move |gradient: Self, flow| {
            let width = gradient.len() / parts.max(1);
            flow.update(0, |before| {
                let dtype = before.as_ref().map_or(gradient.dtype(), Self::dtype);
                with_element!(dtype, T => with_element!(gradient.dtype(), U => {
                    let place = Place { start, stride, width };
                    let gradient = gradient.as_slice::<U>();
                    match before {
                        Some(before) => before.update(|out: &mut [T]| place.add(gradient, out, false)),
                        None => Self::build(&dims, |out: &mut [T]| place.add(gradient, out, true)),
                    }
                }))
            });
        }
    }

    /// Rows of the table `[v, d]` by number: `[ids.len(), d]`.
    ///
    /// # Panics
    /// When an id is not below `v`.
    #[track_caller]
    pub fn gather(&self, ids: &[u32]) -> Self {
        let [rows, _] = self.dims();
        for &id in ids {
            assert!((id as usize) < rows, "row {id} of a table of {rows}");
        }
        self.backend().gather(self, ids).recorded(&[self], || {
            let ids = ids.to_vec();
            move |gradient: Self, flow| flow.add(0, || gradient.sum_rows(None, &ids, rows))
        })
    }

    /// Every position twice along height and width: `[t, h, w, c]` to `[t, 2h, 2w, c]`. Has no
    /// gradient.
    #[track_caller]
    pub fn upsample2x(&self) -> Self {
        let [_, _, _, _] = self.dims();
        Self::refuse_tracked("upsample2x", &[self]);
        self.backend().upsample2x(self)
    }

    /// The positions of `[t, h, w, c]` one after the other, with `before` frames of zeros before them and
    /// `border` rows and columns of zeros around each: `[(before + t) (h + 2 border) (w + 2 border), c]`.
    pub(super) fn bordered(&self, before: usize, border: usize) -> Self {
        let [t, h, w, c] = self.dims();
        let (height, width) = (h + 2 * border, w + 2 * border);
        let frame = height * width * c;
        with_element!(self.dtype(), T => {
            let x = self.as_slice::<T>();
            Self::build(&[(before + t) * height * width, c], |out: &mut [T]| {
                parallel_parts(out, frame, |i, out| {
                    out.fill(T::default());
                    let Some(i) = i.checked_sub(before) else { return };
                    let rows = x[i * h * w * c..].chunks_exact(w * c).take(h);
                    let places = out.chunks_exact_mut(width * c).skip(border);
                    for (row, place) in rows.zip(places) {
                        place[border * c..(border + w) * c].copy_from_slice(row);
                    }
                });
            })
        })
    }

    /// Blocks of time and space become channels: `[t, h, w, c]` to `[t / time, h / space,
    /// w / space, time space space c]`, channels ordered `(time, y, x, c)`.
    ///
    /// # Panics
    /// When an axis is not a multiple of its block.
    #[track_caller]
    pub fn fold(&self, time: usize, space: usize) -> Self {
        let [t, h, w, c] = self.dims();
        assert!(
            t % time == 0 && h % space == 0 && w % space == 0,
            "{:?} in blocks of {time} frames of {space}x{space}",
            self.shape()
        );
        let [t, h, w] = [t / time, h / space, w / space];
        let blocks = self.reshape(&[t, time, h, space, w, space * c]);
        let blocks = blocks.permute([0, 2, 4, 1, 3, 5]);
        blocks.reshape(&[t, h, w, time * space * space * c])
    }

    /// Channels become blocks of time and space, the inverse of [`Tensor::fold`]: pixel shuffle
    /// with `time` 1, more frames with `space` 1.
    ///
    /// # Panics
    /// When the channels are not a multiple of the block.
    #[track_caller]
    pub fn unfold(&self, time: usize, space: usize) -> Self {
        let [t, h, w, channels] = self.dims();
        let block = time * space * space;
        assert_eq!(
            channels % block,
            0,
            "{channels} channels as {time} frames of {space}x{space}"
        );
        let c = channels / block;
        let blocks = self.reshape(&[t, h, w, time, space, space * c]);
        let blocks = blocks.permute([0, 3, 1, 4, 2, 5]);
        blocks.reshape(&[t * time, h * space, w * space, c])
    }
}

/// Where elements lie in each of some parts.
struct Place {
    start: usize,
    stride: usize,
    width: usize,
}

impl Place {
    /// Adds elements at their places, into arbitrary content if it is `fresh`.
    fn add<T: Element, U: Element>(&self, elements: &[U], out: &mut [T], fresh: bool) {
        let (stride, width) = (self.stride, self.width);
        let rows = (CHUNK / stride.max(1)).max(1);
        parallel_parts(out, rows * stride, |i, out| {
            let elements = elements[i * rows * width..].chunks_exact(width.max(1));
            for (out, elements) in out.chunks_exact_mut(stride.max(1)).zip(elements) {
                if fresh {
                    out.fill(T::default());
                }
                for (out, x) in out[self.start..self.start + width].iter_mut().zip(elements) {
                    *out = T::from_f32(out.to_f32() + x.to_f32());
                }
            }
        });
    }
}

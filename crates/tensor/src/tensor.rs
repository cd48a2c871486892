//! The tensor: a shape over shared, contiguous, row-major memory.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use half::bf16;

use crate::backend::{Backend, Device};
use crate::buffer::Buffer;
use crate::dtype::with_element;
use crate::tape::Node;
use crate::{DType, Element, parallel_for};

/// An immutable, contiguous, row-major array. Cloning is cheap: the memory is shared.
///
/// Methods on `Tensor` are the only way to compute with it; each checks its shapes, panics at the
/// caller's line with both shapes when they do not fit, and hands the work to a
/// [`Backend`](crate::Backend).
#[derive(Clone)]
#[must_use = "an operation leaves its operands as they are"]
pub struct Tensor {
    storage: Arc<Buffer>,
    /// First element, counted in elements of `dtype`.
    offset: usize,
    shape: Shape,
    dtype: DType,
    /// How it was made, where a gradient is asked for.
    node: Option<Arc<Node>>,
}

/// Up to six dimensions, stored in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    dims: [usize; Shape::MAX_RANK],
    rank: usize,
}

impl Shape {
    const MAX_RANK: usize = 6;

    #[track_caller]
    pub(crate) fn new(dims: &[usize]) -> Self {
        assert!(
            dims.len() <= Self::MAX_RANK,
            "{dims:?} has more than {} axes",
            Self::MAX_RANK
        );
        let mut all = [1; Self::MAX_RANK];
        all[..dims.len()].copy_from_slice(dims);
        Self {
            dims: all,
            rank: dims.len(),
        }
    }

    pub(crate) fn as_slice(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    fn len(&self) -> usize {
        self.as_slice().iter().product()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({:?}, {:?})", self.dtype, self.shape)
    }
}

impl Tensor {
    /// A tensor whose elements `fill` writes. The slice holds arbitrary values before.
    #[track_caller]
    pub(crate) fn build<T: Element>(dims: &[usize], fill: impl FnOnce(&mut [T])) -> Self {
        let [tensor] = Self::build_all([dims], |[out]| fill(out));
        tensor
    }

    /// Several tensors at once, as in [`Tensor::build`].
    #[track_caller]
    pub(crate) fn build_all<T: Element, const N: usize>(
        dims: [&[usize]; N],
        fill: impl FnOnce([&mut [T]; N]),
    ) -> [Self; N] {
        let mut parts = dims.map(|dims| {
            let shape = Shape::new(dims);
            (Buffer::arbitrary(shape.len() * size_of::<T>()), shape)
        });
        fill(
            parts
                .each_mut()
                .map(|(buffer, shape)| &mut buffer.as_mut_slice()[..shape.len()]),
        );
        parts.map(|(buffer, shape)| Self {
            storage: Arc::new(buffer),
            offset: 0,
            shape,
            dtype: T::DTYPE,
            node: None,
        })
    }

    /// A tensor whose elements `fill` writes, `chunk` of them at a time and on several threads. It
    /// gets the index of the first element and the chunk, which holds arbitrary values before.
    ///
    /// # Errors
    /// That of the first chunk for which `fill` fails.
    ///
    /// # Panics
    /// When `chunk` is 0.
    #[track_caller]
    pub fn try_fill<T: Element, E: Send>(
        dims: &[usize],
        chunk: usize,
        fill: impl Fn(usize, &mut [T]) -> Result<(), E> + Sync,
    ) -> Result<Self, E> {
        let failed: Mutex<Option<(usize, E)>> = Mutex::new(None);
        let tensor = Self::build(dims, |out| {
            let chunks: Vec<Mutex<&mut [T]>> = out.chunks_mut(chunk).map(Mutex::new).collect();
            parallel_for(chunks.len(), |i| {
                let mut out = chunks[i].lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = fill(i * chunk, &mut out) {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    if failed.as_ref().is_none_or(|(first, _)| i < *first) {
                        *failed = Some((i, error));
                    }
                }
            });
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(tensor),
        }
    }

    /// A tensor of the given elements.
    ///
    /// # Panics
    /// When the number of elements is not the product of `dims`.
    #[track_caller]
    pub fn from_slice<T: Element>(elements: &[T], dims: &[usize]) -> Self {
        let count: usize = dims.iter().product();
        assert_eq!(
            elements.len(),
            count,
            "{} elements do not fill {dims:?}",
            elements.len()
        );
        Self::build(dims, |out| out.copy_from_slice(elements))
    }

    /// An F32 tensor of the given elements.
    #[track_caller]
    pub fn from_f32(elements: &[f32], dims: &[usize]) -> Self {
        Self::from_slice(elements, dims)
    }

    /// An F32 tensor whose element `i`, counted row-major, is `f(i)`.
    #[track_caller]
    pub fn from_fn(dims: &[usize], mut f: impl FnMut(usize) -> f32) -> Self {
        Self::build(dims, |out: &mut [f32]| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = f(i);
            }
        })
    }

    /// A tensor of one value.
    #[track_caller]
    pub fn full(value: f32, dims: &[usize], dtype: DType) -> Self {
        with_element!(dtype, T => Self::build(dims, |out: &mut [T]| out.fill(T::from_f32(value))))
    }

    /// A tensor of zeros. Its memory is not touched before it is read.
    #[track_caller]
    pub fn zeros(dims: &[usize], dtype: DType) -> Self {
        let shape = Shape::new(dims);
        Self {
            storage: Arc::new(Buffer::zeroed(shape.len() * dtype.size_bytes())),
            offset: 0,
            shape,
            dtype,
            node: None,
        }
    }

    /// The shape, slowest axis first.
    pub fn shape(&self) -> &[usize] {
        self.shape.as_slice()
    }

    /// The shape as exactly `N` numbers: check and comment at once.
    ///
    /// # Panics
    /// When the tensor has another number of axes.
    #[track_caller]
    pub fn dims<const N: usize>(&self) -> [usize; N] {
        let shape = self.shape();
        shape
            .try_into()
            .unwrap_or_else(|_| panic!("expected {N} axes, the shape is {shape:?}"))
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.rank
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.len()
    }

    /// Whether the tensor has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The length of the last axis; 1 for a tensor without axes.
    pub fn last_dim(&self) -> usize {
        self.shape().last().copied().unwrap_or(1)
    }

    /// The number of rows, where a row runs along the last axis.
    pub fn rows(&self) -> usize {
        self.shape()
            .split_last()
            .map_or(1, |(_, outer)| outer.iter().product())
    }

    /// The elements.
    ///
    /// # Panics
    /// When `T` is not the tensor's type.
    #[track_caller]
    pub fn as_slice<T: Element>(&self) -> &[T] {
        assert_eq!(
            self.dtype,
            T::DTYPE,
            "elements read as another type than the tensor's"
        );
        &self.storage.as_slice()[self.offset..self.offset + self.len()]
    }

    /// The elements of an F32 tensor.
    #[track_caller]
    pub fn as_f32(&self) -> &[f32] {
        self.as_slice()
    }

    /// The elements of a Bf16 tensor.
    #[track_caller]
    pub fn as_bf16(&self) -> &[bf16] {
        self.as_slice()
    }

    /// A copy of the elements as f32.
    pub fn to_vec(&self) -> Vec<f32> {
        with_element!(self.dtype, T => self.as_slice::<T>().iter().map(|x| x.to_f32()).collect())
    }

    /// The same elements under another shape. No copy.
    ///
    /// # Panics
    /// When the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, dims: &[usize]) -> Self {
        let shape = Shape::new(dims);
        assert_eq!(
            shape.len(),
            self.len(),
            "{:?} cannot become {dims:?}",
            self.shape()
        );
        let reshaped = Self {
            shape,
            ..self.detached()
        };
        reshaped.recorded(&[self], || {
            let before = self.shape;
            move |gradient, flow| flow.add(0, || gradient.reshape(before.as_slice()))
        })
    }

    /// Entries `range` of the first axis. No copy.
    ///
    /// # Panics
    /// When the range leaves the axis.
    #[track_caller]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let first = self.shape().first().copied().unwrap_or(0);
        assert!(
            range.start <= range.end && range.end <= first,
            "{range:?} of the first axis of {:?}",
            self.shape()
        );
        let stride = self.len() / first.max(1);
        let mut dims = self.shape;
        dims.dims[0] = range.len();
        let part = Self {
            shape: dims,
            offset: self.offset + range.start * stride,
            ..self.detached()
        };
        part.recorded(&[self], || self.part_of(range.start * stride, self.len()))
    }

    /// The elements, changed in place when nobody else has a share in them, else in a copy.
    pub(crate) fn update<T: Element>(mut self, change: impl FnOnce(&mut [T])) -> Self {
        let len = self.len();
        if self.offset == 0
            && let Some(storage) = Arc::get_mut(&mut self.storage)
        {
            change(&mut storage.as_mut_slice()[..len]);
            return self;
        }
        Self::build(self.shape(), |out: &mut [T]| {
            out.copy_from_slice(self.as_slice());
            change(out);
        })
    }

    /// The same tensor with another history.
    pub(crate) fn with_node(&self, node: Option<Arc<Node>>) -> Self {
        Self {
            node,
            storage: self.storage.clone(),
            ..*self
        }
    }

    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        self.node.as_ref()
    }

    /// Where the tensor lives. Today always the CPU.
    #[expect(
        clippy::unused_self,
        reason = "a second device will be read from the storage"
    )]
    pub(crate) fn backend(&self) -> &'static dyn Backend {
        Device::Cpu.backend()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_filled_in_their_places_and_the_first_error_counts() {
        let filled = Tensor::try_fill(&[5, 7], 4, |first, out: &mut [f32]| {
            for (i, x) in out.iter_mut().enumerate() {
                *x = (first + i) as f32;
            }
            Ok::<(), usize>(())
        });
        let counted: Vec<f32> = (0..35_u8).map(f32::from).collect();
        assert_eq!(filled.unwrap().as_f32(), counted);
        let failed = Tensor::try_fill(
            &[100],
            8,
            |first, _: &mut [f32]| {
                if first < 40 { Ok(()) } else { Err(first) }
            },
        );
        assert_eq!(failed.err(), Some(40));
    }
}

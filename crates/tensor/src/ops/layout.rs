//! Moving elements without arithmetic.

use std::ops::Range;

use crate::{DType, Tensor};

impl Tensor {
    /// The same values in another dtype, rounded to nearest; no copy when it is the same.
    pub fn to_dtype(&self, dtype: DType) -> Self {
        if self.dtype() == dtype {
            self.clone()
        } else {
            self.backend().cast(self, dtype)
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
        self.backend().permute(self, &axes)
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
        first.backend().concat(parts, axis)
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
        let mut dims = shape.to_vec();
        dims[axis] = range.len();
        assert!(
            range.start <= range.end && range.end <= shape[axis],
            "{range:?} of axis {axis} of {shape:?}"
        );
        crate::cpu::copy_columns(&folded, range.start * inner..range.end * inner).reshape(&dims)
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
        self.backend().gather(self, ids)
    }

    /// Every position twice along height and width: `[t, h, w, c]` to `[t, 2h, 2w, c]`.
    #[track_caller]
    pub fn upsample2x(&self) -> Self {
        let [_, _, _, _] = self.dims();
        self.backend().upsample2x(self)
    }

    /// Depth to space: `[t, h, w, c r r]` to `[t, h r, w r, c]`, channels in PyTorch's order
    /// `(c, r, r)`.
    ///
    /// # Panics
    /// When the channels are not a multiple of `r * r`.
    #[track_caller]
    pub fn pixel_shuffle(&self, r: usize) -> Self {
        let [t, h, w, channels] = self.dims();
        assert_eq!(
            channels % (r * r),
            0,
            "{channels} channels over {r}x{r} pixels"
        );
        let c = channels / (r * r);
        let folded = self.reshape(&[t * h, w, c, r, r]);
        folded
            .permute([0, 3, 1, 4, 2])
            .reshape(&[t, h * r, w * r, c])
    }

    /// Space to depth, the inverse of [`Tensor::pixel_shuffle`].
    ///
    /// # Panics
    /// When height or width is not a multiple of `r`.
    #[track_caller]
    pub fn pixel_unshuffle(&self, r: usize) -> Self {
        let [t, h, w, c] = self.dims();
        assert!(h % r == 0 && w % r == 0, "{h}x{w} in blocks of {r}x{r}");
        let folded = self.reshape(&[t * h / r, r, w / r, r, c]);
        folded
            .permute([0, 2, 4, 1, 3])
            .reshape(&[t, h / r, w / r, c * r * r])
    }

    /// Channels become frames: `[t, h, w, n c]` to `[n t, h, w, c]`, where frame `n i + j` is the
    /// `j`-th group of channels of frame `i`.
    ///
    /// # Panics
    /// When the channels are not a multiple of `n`.
    #[track_caller]
    pub fn grow(&self, n: usize) -> Self {
        let [t, h, w, channels] = self.dims();
        assert_eq!(channels % n, 0, "{channels} channels over {n} frames");
        let folded = self.reshape(&[t, h * w, n, channels / n]);
        folded
            .permute([0, 2, 1, 3])
            .reshape(&[n * t, h, w, channels / n])
    }

    /// Frames become channels, the inverse of [`Tensor::grow`].
    ///
    /// # Panics
    /// When the frames are not a multiple of `n`.
    #[track_caller]
    pub fn shrink(&self, n: usize) -> Self {
        let [frames, h, w, c] = self.dims();
        assert_eq!(frames % n, 0, "{frames} frames in groups of {n}");
        let folded = self.reshape(&[frames / n, n, h * w, c]);
        folded
            .permute([0, 2, 1, 3])
            .reshape(&[frames / n, h, w, n * c])
    }
}

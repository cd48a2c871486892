//! Convolution over space, causal in time.

use crate::{ConvWeight, Tensor};

/// Options of [`Tensor::conv`].
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a> {
    /// F32 `[out]`.
    pub bias: Option<&'a Tensor>,
    /// Step in height and width, 1 or 2.
    pub stride: usize,
    /// `[1, h, w, c]`, the frame before the first, for a weight over two frames; zeros when
    /// absent.
    pub past: Option<&'a Tensor>,
    /// The shape of the result, added before `relu`.
    pub residual: Option<&'a Tensor>,
    /// `max(x, 0)` at the end.
    pub relu: bool,
}

impl Default for Conv<'_> {
    fn default() -> Self {
        Self {
            bias: None,
            stride: 1,
            past: None,
            residual: None,
            relu: false,
        }
    }
}

impl Tensor {
    /// Convolution of each frame, and for a weight over two frames also of the frame before.
    ///
    /// Space is padded with zeros so that a stride of 1 keeps its size; a stride of 2 halves it,
    /// rounding up.
    ///
    /// # Shapes
    /// `self` `[t, h, w, c]`; the result `[t, ceil(h / stride), ceil(w / stride), out]` in the
    /// dtype of `self`. With a bf16 weight `self` is rounded to bf16 as it is read.
    ///
    /// # Panics
    /// When shapes do not fit, or a frame before is given to a weight over one frame.
    #[track_caller]
    pub fn conv(&self, weight: &ConvWeight, options: &Conv) -> Self {
        let [t, h, w, c] = self.dims();
        let [out, channels] = [weight.out_channels(), weight.in_channels()];
        assert_eq!(
            c,
            channels,
            "{:?} into a convolution of {channels} channels",
            self.shape()
        );
        assert!(
            matches!(options.stride, 1 | 2),
            "a stride of {}",
            options.stride
        );
        if let Some(bias) = options.bias {
            assert_eq!(
                bias.shape(),
                [out],
                "bias {:?} for {out} outputs",
                bias.shape()
            );
            bias.expect_f32("a bias");
        }
        if let Some(past) = options.past {
            assert_eq!(
                weight.frames(),
                2,
                "the weight sees one frame, there is no past"
            );
            assert_eq!(
                past.shape(),
                [1, h, w, c],
                "the frame before {:?}",
                self.shape()
            );
            assert_eq!(
                past.dtype(),
                self.dtype(),
                "the frame before has another dtype"
            );
        }
        if let Some(residual) = options.residual {
            let dims = [
                t,
                h.div_ceil(options.stride),
                w.div_ceil(options.stride),
                out,
            ];
            assert_eq!(residual.shape(), dims, "the residual of {:?}", self.shape());
            assert_eq!(
                residual.dtype(),
                self.dtype(),
                "a residual and its sum have one dtype"
            );
        }
        self.backend().conv(self, weight, options)
    }
}

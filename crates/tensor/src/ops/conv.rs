//! Convolution over space, causal in time.

use crate::{ConvWeight, Tensor, flops};

/// Where a 3x3 kernel finds zeros around each frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pad {
    /// A row and a column on all sides.
    #[default]
    Both,
    /// A row below and a column to the right only, as some encoders do before a stride of 2:
    /// `F.pad(x, (0, 1, 0, 1))` in torch.
    After,
}

/// Options of [`Tensor::conv`].
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a> {
    /// F32 `[out]`.
    pub bias: Option<&'a Tensor>,
    /// Step in height and width, 1 or 2.
    pub stride: usize,
    /// `[p, h, w, c]`, the `p` frames before the first, oldest first; fewer than the weight sees.
    /// Frames further back are zeros, and so are all of them when absent.
    pub past: Option<&'a Tensor>,
    /// The shape of the result, added before `relu`.
    pub residual: Option<&'a Tensor>,
    /// `max(x, 0)` at the end.
    pub relu: bool,
    /// Where space is padded.
    pub pad: Pad,
}

impl Conv<'_> {
    /// Rows above and columns to the left that a kernel finds zero.
    pub(crate) fn border_before(&self, kernel: usize) -> usize {
        match self.pad {
            Pad::Both => kernel / 2,
            Pad::After => 0,
        }
    }

    /// The shape of the result for `x` `[t, h, w, c]`.
    #[track_caller]
    pub(crate) fn result_dims(&self, x: &Tensor, weight: &ConvWeight) -> [usize; 4] {
        let [t, h, w, _] = x.dims();
        let kernel = weight.kernel();
        let border = self.border_before(kernel) + kernel / 2;
        let [h, w] = [h, w].map(|size| {
            let steps = (size + border).checked_sub(kernel);
            let steps = steps.unwrap_or_else(|| panic!("{:?} is less than a kernel", x.shape()));
            steps / self.stride + 1
        });
        [t, h, w, weight.out_channels()]
    }
}

impl Default for Conv<'_> {
    fn default() -> Self {
        Self {
            bias: None,
            stride: 1,
            past: None,
            residual: None,
            relu: false,
            pad: Pad::Both,
        }
    }
}

impl Tensor {
    /// Convolution of each frame together with as many frames before it as the weight sees.
    ///
    /// Space is padded with zeros so that a stride of 1 keeps its size; a stride of 2 halves it,
    /// rounding up. With [`Pad::After`] a stride of 2 rounds down, and a stride of 1 loses a row
    /// and a column to a 3x3 kernel. Time is causal: a convolution that looks ahead as well is one
    /// over frames joined at both ends, the first of them given as the past. Has no gradient.
    ///
    /// # Shapes
    /// `self` `[t, h, w, c]`; the result `[t, ceil(h / stride), ceil(w / stride), out]` in the
    /// dtype of `self`. With a bf16 weight `self` is rounded to bf16 as it is read.
    ///
    /// # Panics
    /// When shapes do not fit, or the past has as many frames as the weight sees.
    #[track_caller]
    pub fn conv(&self, weight: &ConvWeight, options: &Conv) -> Self {
        let [_, h, w, c] = self.dims();
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
            let [frames, height, width, channels] = past.dims();
            assert!(
                frames < weight.frames() && [height, width, channels] == [h, w, c],
                "{:?} before {:?} for a weight over {} frames",
                past.shape(),
                self.shape(),
                weight.frames()
            );
            assert_eq!(past.dtype(), self.dtype(), "the past has another dtype");
        }
        let dims = options.result_dims(self, weight);
        if let Some(residual) = options.residual {
            assert_eq!(residual.shape(), dims, "the residual of {:?}", self.shape());
            assert_eq!(
                residual.dtype(),
                self.dtype(),
                "a residual and its sum have one dtype"
            );
        }
        Self::refuse_tracked("conv", &[self]);
        let positions = dims.iter().product::<usize>() / out.max(1);
        let taps = weight.frames() * weight.kernel().pow(2);
        flops::add(flops::conv(positions, taps, channels, out));
        self.backend().conv(self, weight, options)
    }
}

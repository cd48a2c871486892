//! Convolution over space, causal in time.

use crate::{ConvWeight, PackedWeight, Tensor, flops};

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
    /// over frames joined at both ends, the first of them given as the past. Gradients go back through a
    /// stride of 1 and whole clips alone.
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
        let positions = dims.iter().product::<usize>() / out.max(1);
        let taps = weight.frames() * weight.kernel().pow(2);
        flops::add(flops::conv(positions, taps, channels, out));
        let mut operands = vec![self];
        operands.extend(options.bias);
        operands.extend(options.residual);
        if weight.trained().is_some() || operands.iter().any(|operand| operand.is_tracked()) {
            self.conv_recorded(weight, options)
        } else {
            self.backend().conv(self, weight, options)
        }
    }

    /// [`Tensor::conv`] as plain operations, each with a way back.
    #[track_caller]
    fn conv_recorded(&self, weight: &ConvWeight, options: &Conv) -> Self {
        let Conv {
            bias,
            stride,
            past,
            residual,
            relu,
            pad,
        } = *options;
        let plain = stride == 1 && pad == Pad::Both && past.is_none();
        assert!(
            plain,
            "a convolution with a stride or a past has no gradient"
        );
        let trained = weight.trained();
        let trained = trained.expect("a weight that a tracked tensor meets is tracked itself");
        let alone = Conv {
            bias,
            ..Conv::default()
        };
        let y = self.backend().conv(self, &trained.forward, &alone);
        let mut operands = vec![self, &trained.source];
        operands.extend(bias);
        let y = y.recorded(&operands, || {
            let (x, backward, biased) = (self.detached(), trained.backward.clone(), bias.is_some());
            move |gradient: Self, flow| {
                flow.add(0, || gradient.conv_ahead(&backward));
                flow.add(1, || gradient.conv_outer(&x, &backward));
                if biased {
                    flow.add(2, || gradient.summed());
                }
            }
        });
        let y = residual.map_or_else(|| y.clone(), |x| x.add(&y));
        if relu { y.relu() } else { y }
    }

    /// A convolution of each frame together with as many frames after it as the weight sees, the last of
    /// them first among its frames; zeros after the end.
    fn conv_ahead(&self, weight: &ConvWeight) -> Self {
        let [t, h, w, c] = self.dims();
        let ahead = weight.frames() - 1;
        if ahead == 0 {
            return self.conv(weight, &Conv::default());
        }
        let zeros = Self::zeros(&[ahead, h, w, c], self.dtype());
        let all = Self::concat(&[self, &zeros], 0);
        let past = all.slice(0..ahead);
        let options = Conv {
            past: Some(&past),
            ..Conv::default()
        };
        all.slice(ahead..t + ahead).conv(weight, &options)
    }

    /// The gradient of a weight, F32 `[out, frames * in, kernel, kernel]`, from that of its results
    /// `[t, h, w, out]` and its operands `x` `[t, h, w, in]`; `mirrored` is the weight of the way back.
    fn conv_outer(&self, x: &Self, mirrored: &ConvWeight) -> Self {
        let [t, h, w, outputs] = self.dims();
        let (frames, kernel) = (mirrored.frames(), mirrored.kernel());
        let border = kernel / 2;
        // With zeros around both, a tap meets the rows of the gradient some rows of `x` earlier or later.
        let [row, frame] = [w + 2 * border, (h + 2 * border) * (w + 2 * border)];
        let edge = border * (row + 1);
        let rows = t * frame - 2 * edge;
        let gradient = self.bordered(0, border).slice(edge..edge + rows);
        let gradient = PackedWeight::of_columns(&gradient, mirrored.precision());
        let x = x.bordered(frames - 1, border);
        let mut taps = Vec::new();
        for back in 0..frames {
            for (dy, dx) in (0..kernel).flat_map(|dy| (0..kernel).map(move |dx| (dy, dx))) {
                let first = (frames - 1 - back) * frame + dy * row + dx;
                taps.push(x.slice(first..first + rows).outer(&gradient));
            }
        }
        let inputs = x.last_dim();
        let taps = Self::concat(&taps.iter().collect::<Vec<_>>(), 0);
        let taps = taps.reshape(&[frames, kernel * kernel, inputs, outputs]);
        let taps = taps.permute([3, 0, 2, 1]);
        taps.reshape(&[outputs, frames * inputs, kernel, kernel])
    }
}

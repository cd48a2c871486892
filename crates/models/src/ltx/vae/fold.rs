//! Space and time against channels, in the orders of LTX-Video.
//!
//! Its channels are ordered `(channel, time, y, x)`, ours after [`Tensor::fold`]
//! `(time, y, x, channel)`; patches of pixels have `(channel, x, y)`.

use kinora_tensor::Tensor;

/// Channels `(c, time, y, x)` to frames and pixels: `[t, h, w, c time space space]` to
/// `[t time, h space, w space, c]`.
///
/// Reference: the last lines of `LTXVideoUpsampler3d.forward`.
pub(super) fn unfold(x: &Tensor, time: usize, space: usize) -> Tensor {
    let [t, h, w, channels] = x.dims();
    let block = time * space * space;
    let parts = x.reshape(&[t * h * w, channels / block, block]);
    parts
        .permute([0, 2, 1])
        .reshape(&[t, h, w, channels])
        .unfold(time, space)
}

/// The inverse of [`unfold`].
///
/// Reference: `LTXVideoDownsampler3d.forward`.
pub(super) fn fold(x: &Tensor, time: usize, space: usize) -> Tensor {
    let folded = x.fold(time, space);
    let [t, h, w, channels] = folded.dims();
    let block = time * space * space;
    let parts = folded.reshape(&[t * h * w, block, channels / block]);
    parts.permute([0, 2, 1]).reshape(&[t, h, w, channels])
}

/// Channels `(c, x, y)` to pixels: `[t, h, w, c p p]` to `[t, h p, w p, c]`.
///
/// Reference: the last lines of `LTXVideoDecoder3d.forward`.
pub(super) fn unpatchify(x: &Tensor, p: usize) -> Tensor {
    let [t, h, w, channels] = x.dims();
    let parts = x.reshape(&[t * h * w, channels / (p * p), p, p]);
    parts
        .permute([0, 3, 2, 1])
        .reshape(&[t, h, w, channels])
        .unfold(1, p)
}

/// The inverse of [`unpatchify`].
///
/// Reference: the first lines of `LTXVideoEncoder3d.forward`.
pub(super) fn patchify(x: &Tensor, p: usize) -> Tensor {
    let folded = x.fold(1, p);
    let [t, h, w, channels] = folded.dims();
    let parts = folded.reshape(&[t * h * w, p, p, channels / (p * p)]);
    parts.permute([0, 3, 2, 1]).reshape(&[t, h, w, channels])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_come_before_time_and_space() {
        // Channel 1 of 2, the second frame, row 0, column 1: pixel 5 of 8.
        let mut x = vec![0.0; 16];
        x[8 + 4 + 1] = 1.0;
        let y = unfold(&Tensor::from_f32(&x, &[1, 1, 1, 16]), 2, 2);
        let place = y.as_f32().iter().position(|x| *x > 0.5);
        assert_eq!(place, Some(5 * 2 + 1));
        assert_eq!(fold(&y, 2, 2).as_f32(), x);
    }

    #[test]
    fn columns_come_before_rows_in_a_patch() {
        // Channel 2 of 3, column 1, row 0.
        let mut x = vec![0.0; 12];
        x[2 * 4 + 2] = 1.0;
        let y = unpatchify(&Tensor::from_f32(&x, &[1, 1, 1, 12]), 2);
        let place = y.as_f32().iter().position(|x| *x > 0.5);
        assert_eq!(place, Some(3 + 2));
        assert_eq!(patchify(&y, 2).as_f32(), x);
    }
}

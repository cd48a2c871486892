//! Convolution over several frames and with borders on one side, against its definition and on
//! every instruction set against the reference.

mod common;

use common::{check, random};
use kinora_tensor::{Conv, ConvWeight, DType, Isa, Pad, Precision, Tensor, with_isa};

/// What `torch.nn.functional.conv3d` computes for frames `[t, h, w, c]` that are padded in time by
/// the `frames - 1` before them: sums in f64, in the layout of the published weight.
fn by_definition(all: &Tensor, weight: &Tensor, stride: usize, before: usize) -> Vec<f32> {
    let [t, h, w, c] = all.dims();
    let [out, _, frames, kernel, _] = weight.dims();
    let (x, weight) = (all.as_f32(), weight.as_f32());
    let size = |n: usize| (n + before + kernel / 2 - kernel) / stride + 1;
    let dims = [t + 1 - frames, size(h), size(w), out];
    let mut values = Vec::new();
    for i in 0..dims.iter().product() {
        let (position, o) = (i / out, i % out);
        let (row, column) = (position / dims[2], position % dims[2]);
        let (frame, row) = (row / dims[1], row % dims[1]);
        let mut sum = 0.0;
        for tap in 0..frames * kernel * kernel {
            let (dt, dy, dx) = (tap / kernel / kernel, tap / kernel % kernel, tap % kernel);
            let (y, x_) = (row * stride + dy, column * stride + dx);
            if y < before || x_ < before || y - before >= h || x_ - before >= w {
                continue;
            }
            let pixel = ((frame + dt) * h + y - before) * w + x_ - before;
            for channel in 0..c {
                let k = (o * c + channel) * frames * kernel * kernel + tap;
                sum += f64::from(x[pixel * c + channel]) * f64::from(weight[k]);
            }
        }
        values.push(sum as f32);
    }
    values
}

#[test]
fn frames_follow_the_definition() {
    let [t, h, w, c, out] = [4, 6, 5, 3, 7];
    for (frames, kernel) in [(1, 3), (2, 3), (3, 3), (3, 1)] {
        for (stride, pad) in [(1, Pad::Both), (2, Pad::Both), (2, Pad::After)] {
            let x = random(&[t, h, w, c], DType::F32, 1);
            let published = random(&[out, c, frames, kernel, kernel], DType::F32, 2);
            let weight = ConvWeight::of_frames(&published, Precision::F32);
            for given in 0..frames {
                let past = random(&[given, h, w, c], DType::F32, 3);
                let zeros = Tensor::zeros(&[frames - 1 - given, h, w, c], DType::F32);
                let all = Tensor::concat(&[&zeros, &past, &x], 0);
                let before = if pad == Pad::Both { kernel / 2 } else { 0 };
                let expected = by_definition(&all, &published, stride, before);
                let options = Conv {
                    past: (given > 0).then_some(&past),
                    stride,
                    pad,
                    ..Conv::default()
                };
                for isa in Isa::available() {
                    let result = with_isa(isa, || x.conv(&weight, &options));
                    assert_eq!(result.len(), expected.len(), "{options:?}");
                    for (x, y) in result.as_f32().iter().zip(&expected) {
                        assert!((x - y).abs() < 2e-5, "{x} for {y} with {options:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn frames_at_odd_sizes() {
    for [t, h, w, c, out] in [
        [1, 2, 3, 1, 1],
        [3, 9, 4, 20, 48],
        [2, 19, 18, 64, 33],
        [2, 23, 22, 40, 33],
    ] {
        for dtype in [DType::F32, DType::Bf16] {
            let x = random(&[t, h, w, c], dtype, 1);
            let bias = random(&[out], DType::F32, 3);
            for (frames, kernel, stride, pad) in [
                (3, 3, 1, Pad::Both),
                (3, 3, 2, Pad::After),
                (1, 3, 2, Pad::After),
                (2, 3, 1, Pad::After),
                (3, 1, 1, Pad::Both),
                (2, 1, 2, Pad::After),
            ] {
                let dims = [out, c, frames, kernel, kernel];
                let published = random(&dims, DType::F32, 2);
                for precision in [Precision::F32, Precision::Bf16] {
                    let weight = ConvWeight::of_frames(&published, precision);
                    for given in 0..frames {
                        let past = random(&[given, h, w, c], dtype, 8);
                        let options = Conv {
                            bias: Some(&bias),
                            past: Some(&past),
                            stride,
                            pad,
                            ..Conv::default()
                        };
                        let what = format!("{:?} {dims:?} {options:?} {precision:?}", x.shape());
                        check(&what, || x.conv(&weight, &options));
                    }
                }
            }
        }
    }
}

#[test]
fn a_stream_in_chunks_is_the_whole_clip() {
    let x = random(&[6, 8, 6, 32], DType::Bf16, 1);
    let weight = random(&[32, 32, 3, 3, 3], DType::F32, 2);
    let weight = ConvWeight::of_frames(&weight, Precision::Bf16);
    let whole = x.conv(&weight, &Conv::default());
    for chunks in [&[1, 1, 1, 1, 1, 1][..], &[1, 2, 3], &[4, 2]] {
        let (mut parts, mut first) = (Vec::new(), 0);
        for frames in chunks {
            let past = x.slice(first.max(2) - 2..first);
            let options = Conv {
                past: Some(&past),
                ..Conv::default()
            };
            parts.push(x.slice(first..first + frames).conv(&weight, &options));
            first += frames;
        }
        let joined = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0);
        assert_eq!(joined.as_bf16(), whole.as_bf16(), "{chunks:?}");
    }
}

#[test]
fn both_layouts_of_two_frames_are_one_convolution() {
    let [c, out] = [5, 4];
    let published = random(&[out, c, 2, 3, 3], DType::F32, 2);
    // The older layout has the current frame, last here, first.
    let frame = |i: usize| published.narrow(2, i..i + 1).reshape(&[out, c, 3, 3]);
    let stacked = Tensor::concat(&[&frame(1), &frame(0)], 1);
    let x = random(&[3, 4, 4, c], DType::F32, 1);
    let [a, b] = [
        ConvWeight::of_frames(&published, Precision::F32),
        ConvWeight::new(&stacked, 2, Precision::F32),
    ]
    .map(|weight| x.conv(&weight, &Conv::default()));
    assert_eq!(a.as_f32(), b.as_f32());
}

#[test]
#[should_panic(expected = "[2, 4, 4, 1] before [1, 4, 4, 1] for a weight over 2 frames")]
fn too_long_a_past_is_a_mistake() {
    let weight = Tensor::zeros(&[1, 1, 2, 3, 3], DType::F32);
    let weight = ConvWeight::of_frames(&weight, Precision::F32);
    let [x, past] = [1, 2].map(|t| Tensor::zeros(&[t, 4, 4, 1], DType::F32));
    let options = Conv {
        past: Some(&past),
        ..Conv::default()
    };
    let _ = x.conv(&weight, &options);
}

//! `linear` and `conv` on every instruction set against the reference, at odd sizes.

mod common;

use common::{check, random};
use kinora_tensor::{
    Activation, Conv, ConvWeight, DType, Epilogue, Isa, PackedWeight, Precision, Residual, Tensor,
    set_threads, threads, with_isa,
};

const DTYPES: [DType; 2] = [DType::F32, DType::Bf16];
const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::Bf16];
const ALL_PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];

#[test]
fn linear_at_odd_sizes() {
    for [m, k, n] in [
        [1, 1, 1],
        [3, 31, 33],
        [16, 32, 32],
        [65, 100, 47],
        [130, 70, 96],
        // Blocks of inputs, and more panels than wait for them at once.
        [35, 1090, 1040],
    ] {
        for dtype in DTYPES {
            for precision in ALL_PRECISIONS {
                let x = random(&[m, k], dtype, 1);
                let weight = PackedWeight::new(&random(&[n, k], DType::F32, 2), precision);
                let bias = random(&[n], DType::F32, 3);
                check(&format!("{m}x{k}x{n} {dtype:?} {precision:?}"), || {
                    x.linear(&weight, Some(&bias))
                });
            }
        }
    }
}

#[test]
fn outputs_in_another_order_are_rows_of_the_weight() {
    let (x, stored) = (
        random(&[5, 40], DType::F32, 1),
        random(&[7, 40], DType::F32, 2),
    );
    let order = [6, 0, 3, 3, 1];
    for precision in ALL_PRECISIONS {
        let ordered = PackedWeight::of_rows(&stored, &order, precision);
        let gathered = PackedWeight::new(&stored.gather(&order), precision);
        let [ours, reference] = [ordered, gathered].map(|weight| x.linear(&weight, None).to_vec());
        assert_eq!(ours, reference, "{precision:?}");
    }
}

#[test]
fn linear_with_every_ending() {
    let [m, k, n] = [37, 64, 50];
    let gate = random(&[3, n], DType::F32, 4);
    let rows: Vec<u32> = (0..m as u32).map(|i| i % 3).collect();
    for dtype in DTYPES {
        let x = random(&[m, k], DType::Bf16, 1);
        let weight = PackedWeight::new(&random(&[n, k], DType::F32, 2), Precision::Bf16);
        let stream = random(&[m, n], dtype, 5);
        for activation in [
            Activation::None,
            Activation::Relu,
            Activation::Silu,
            Activation::Gelu,
        ] {
            for gate in [None, Some((&gate, &rows[..]))] {
                let residual = Some(Residual { x: &stream, gate });
                let dtype = Some(dtype);
                let epilogue = Epilogue {
                    bias: None,
                    activation,
                    residual,
                    dtype,
                    symmetric: false,
                };
                check(&format!("{activation:?}"), || {
                    x.linear_with(&weight, &epilogue)
                });
            }
        }
        let pair = random(&[2 * n, k], DType::F32, 6);
        for precision in ALL_PRECISIONS {
            let pair = PackedWeight::swiglu(&pair, precision);
            check("swiglu", || x.to_dtype(dtype).swiglu(&pair));
        }
    }
}

#[test]
fn half_of_a_symmetric_product_is_enough() {
    let half = Epilogue {
        symmetric: true,
        ..Epilogue::default()
    };
    for [n, k] in [[1, 3], [33, 40], [64, 7], [130, 65]] {
        let x = random(&[n, k], DType::F32, 1);
        for precision in PRECISIONS {
            let weight = PackedWeight::new(&x, precision);
            check("half", || x.linear_with(&weight, &half));
            let [half, whole] = [half, Epilogue::default()].map(|end| x.linear_with(&weight, &end));
            let whole = whole.as_f32();
            for (i, x) in half.as_f32().iter().enumerate() {
                let lower = i / n >= i % n;
                let from = if lower { i } else { i % n * n + i / n };
                assert_eq!(x.to_bits(), whole[from].to_bits(), "{n} x {k}, element {i}");
            }
        }
    }
}

#[test]
fn conv_at_odd_sizes() {
    for [t, h, w, c, out] in [
        [1, 1, 1, 1, 1],
        [2, 5, 7, 32, 33],
        [3, 9, 4, 20, 48],
        [1, 33, 18, 64, 64],
        [2, 23, 22, 40, 70],
    ] {
        for (dtype, precision) in DTYPES.iter().flat_map(|d| PRECISIONS.map(|p| (*d, p))) {
            let x = random(&[t, h, w, c], dtype, 1);
            let bias = random(&[out], DType::F32, 3);
            for (kernel, frames, stride) in [
                (1, 1, 1),
                (3, 1, 1),
                (3, 2, 1),
                (3, 1, 2),
                (1, 2, 1),
                (1, 1, 2),
            ] {
                let dims = [out, frames * c, kernel, kernel];
                let weight = ConvWeight::new(&random(&dims, DType::F32, 2), frames, precision);
                let past = (frames == 2).then(|| random(&[1, h, w, c], dtype, 8));
                let dims = [t, h.div_ceil(stride), w.div_ceil(stride), out];
                let residual = random(&dims, dtype, 9);
                let what = format!(
                    "{:?} k{kernel} f{frames} s{stride} {precision:?}",
                    x.shape()
                );
                check(&what, || {
                    x.conv(
                        &weight,
                        &Conv {
                            bias: Some(&bias),
                            stride,
                            ..Conv::default()
                        },
                    )
                });
                check(&what, || {
                    let past = past.as_ref();
                    let residual = Some(&residual);
                    x.conv(
                        &weight,
                        &Conv {
                            bias: None,
                            stride,
                            past,
                            residual,
                            relu: true,
                            ..Conv::default()
                        },
                    )
                });
            }
        }
    }
}

#[test]
fn a_stream_of_frames_is_the_whole_clip() {
    let weight = ConvWeight::new(&random(&[32, 64, 3, 3], DType::F32, 2), 2, Precision::Bf16);
    for [h, w] in [[8, 6], [22, 25]] {
        let x = random(&[5, h, w, 32], DType::Bf16, 1);
        for isa in Isa::available() {
            let conv = |x: &Tensor, options: &Conv| with_isa(isa, || x.conv(&weight, options));
            let whole = conv(&x, &Conv::default());
            let mut parts = Vec::new();
            for frame in 0..5 {
                let past = (frame > 0).then(|| x.slice(frame - 1..frame));
                let options = Conv {
                    past: past.as_ref(),
                    ..Conv::default()
                };
                parts.push(conv(&x.slice(frame..frame + 1), &options));
            }
            let joined = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0);
            assert_eq!(
                joined.as_bf16(),
                whole.as_bf16(),
                "{h} x {w}, {}",
                isa.name()
            );
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let x = random(&[300, 96], DType::F32, 1);
    let weight = PackedWeight::new(&random(&[80, 96], DType::F32, 2), Precision::Bf16);
    let before = threads();
    for isa in Isa::available() {
        let results = [1, 3].map(|count| {
            set_threads(count);
            with_isa(isa, || x.linear(&weight, None)).to_vec()
        });
        assert_eq!(results[0], results[1], "{}", isa.name());
    }
    set_threads(before);
}

#[test]
fn eight_bits_are_near_the_product_and_the_same_everywhere() {
    let [m, k, n] = [70, 333, 50];
    let matrix = random(&[n, k], DType::F32, 2);
    let weight = PackedWeight::new(&matrix, Precision::Int8);
    // Rows of very different size, as activations are.
    let x = random(&[m, k], DType::F32, 1);
    let x = Tensor::from_fn(&[m, k], |i| {
        x.as_f32()[i] * 10_f32.powi((i / k) as i32 % 7 - 3)
    });
    let exact = x.linear(&PackedWeight::new(&matrix, Precision::F32), None);
    let ours = with_isa(Isa::Reference, || x.linear(&weight, None));
    for (ours, exact) in ours.as_f32().chunks(n).zip(exact.as_f32().chunks(n)) {
        let size = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>().sqrt();
        let errors: Vec<f32> = ours.iter().zip(exact).map(|(x, y)| x - y).collect();
        let error = size(&errors) / size(exact);
        assert!((1e-5..0.012).contains(&error), "{error}");
    }
    for isa in Isa::available() {
        let same = with_isa(isa, || x.linear(&weight, None));
        assert_eq!(same.as_f32(), ours.as_f32(), "{}", isa.name());
    }
}

#[test]
fn the_longest_sums_of_eight_bits_do_not_overflow_and_longer_ones_are_bf16() {
    for k in [1 << 16, (1 << 16) + 1] {
        let ones = Tensor::from_fn(&[1, k], |_| 1.0);
        let weight = PackedWeight::new(&ones, Precision::Int8);
        for isa in Isa::available() {
            let y = with_isa(isa, || ones.linear(&weight, None)).to_vec();
            assert!(
                (y[0] / k as f32 - 1.0).abs() < 1e-5,
                "{}: {}",
                isa.name(),
                y[0]
            );
        }
    }
}

#[test]
fn eight_bits_hide_no_fault() {
    let weight = PackedWeight::new(&random(&[5, 40], DType::F32, 2), Precision::Int8);
    for spoilt in [f32::NAN, f32::INFINITY] {
        let values = random(&[3, 40], DType::F32, 1).to_vec();
        let x = Tensor::from_fn(&[3, 40], |i| if i == 57 { spoilt } else { values[i] });
        for isa in Isa::available() {
            let y = with_isa(isa, || x.linear(&weight, None)).to_vec();
            let nan: Vec<bool> = y
                .chunks(5)
                .map(|row| row.iter().all(|y| y.is_nan()))
                .collect();
            assert_eq!(nan, [false, true, false], "{}", isa.name());
        }
    }
    let zeros = Tensor::zeros(&[2, 40], DType::F32);
    assert_eq!(zeros.linear(&weight, None).to_vec(), [0.0; 10]);
}

//! Attention on every instruction set against the reference, at odd sizes.

mod common;

use common::{check, random};
use kinora_tensor::{Attention, DType, Isa, Tensor, with_isa};

#[test]
fn attention_at_odd_sizes() {
    for [b, h, n, m, d] in [
        [1, 1, 1, 1, 64],
        [2, 3, 33, 45, 64],
        [1, 2, 70, 257, 128],
        [1, 1, 5, 600, 64],
        [1, 2, 9, 31, 20],
        [1, 1, 40, 300, 512],
    ] {
        for dtype in [DType::F32, DType::Bf16] {
            for (query_type, options) in [
                (
                    dtype,
                    Attention {
                        scale: None,
                        log_sum_exp: true,
                        bias: None,
                        ..Attention::default()
                    },
                ),
                (
                    DType::Bf16,
                    Attention {
                        scale: Some(1.5),
                        log_sum_exp: true,
                        bias: None,
                        ..Attention::default()
                    },
                ),
            ] {
                let q = random(&[b, h, n, d], query_type, 1);
                let [k, v] = [2, 3].map(|seed| random(&[b, h, m, d], dtype, seed));
                let what = format!("{b}x{h}x{n}x{m}x{d} {dtype:?}");
                check(&what, || q.attention_with(&k, &v, &options).0);
                check(&what, || {
                    q.attention_with(&k, &v, &options).1.expect("asked for")
                });
            }
        }
    }
}

#[test]
fn a_bias_at_odd_sizes() {
    for [b, h, n, m, d] in [[2, 3, 33, 45, 20], [1, 2, 70, 257, 64], [1, 4, 1, 300, 64]] {
        for dtype in [DType::F32, DType::Bf16] {
            let q = random(&[b, h, n, d], dtype, 1);
            let [k, v] = [2, 3].map(|seed| random(&[b, h, m, d], dtype, seed));
            for dims in [[h, n, m], [1, n, m], [h, 1, m], [1, 1, m]] {
                let bias = random(&dims, DType::F32, 4).scale(5.0);
                let options = Attention {
                    scale: Some(1.0),
                    log_sum_exp: true,
                    bias: Some(&bias),
                    ..Attention::default()
                };
                let what = format!("{b}x{h}x{n}x{m}x{d} {dtype:?} with {dims:?}");
                check(&what, || q.attention_with(&k, &v, &options).0);
                check(&what, || {
                    q.attention_with(&k, &v, &options).1.expect("asked for")
                });
            }
        }
    }
}

#[test]
fn a_bias_hides_keys_and_shifts_scores() {
    let [h, n, m, d] = [2, 5, 7, 16];
    let q = random(&[1, h, n, d], DType::F32, 1);
    let [k, v] = [2, 3].map(|seed| random(&[1, h, m, d], DType::F32, seed));
    let with = |k: &Tensor, v: &Tensor, bias: &Tensor| {
        let options = Attention {
            bias: Some(bias),
            ..Attention::default()
        };
        q.attention_with(k, v, &options).0
    };
    let close = |x: &Tensor, y: &Tensor| {
        let pairs = x.as_f32().iter().zip(y.as_f32());
        assert!(pairs.into_iter().all(|(x, y)| (x - y).abs() < 1e-5));
    };
    for isa in Isa::available() {
        with_isa(isa, || {
            // Hidden keys are as good as absent ones.
            let mask = Tensor::from_fn(&[1, 1, m], |j| if j < 4 { 0.0 } else { -10_000.0 });
            let [few_k, few_v] = [&k, &v].map(|x| x.narrow(2, 0..4));
            close(&with(&k, &v, &mask), &q.attention(&few_k, &few_v));
            // A key far above the others in one head for one query is all that it sees.
            let (head, query, key) = (1, 3, 6);
            let place = (head * n + query) * m + key;
            let peak = Tensor::from_fn(&[h, n, m], |i| if i == place { 1000.0 } else { 0.0 });
            let (result, plain) = (with(&k, &v, &peak), q.attention(&k, &v));
            for i in 0..n * h {
                let seen = if i == query * h + head {
                    &v.as_f32()[(head * m + key) * d..][..d]
                } else {
                    &plain.as_f32()[i * d..][..d]
                };
                let pairs = result.as_f32()[i * d..][..d].iter().zip(seen);
                assert!(pairs.into_iter().all(|(x, y)| (x - y).abs() < 1e-5));
            }
        });
    }
}

#[test]
fn large_scores_do_not_overflow() {
    let q = random(&[1, 1, 3, 64], DType::F32, 1).scale(100.0);
    let k = random(&[1, 1, 300, 64], DType::F32, 2).scale(100.0);
    check("large scores", || q.attention(&k, &k));
}

#[test]
fn keys_beyond_a_length_are_not_looked_at() {
    for dtype in [DType::F32, DType::Bf16] {
        let [q, k, v] =
            [(1, 37), (2, 300), (3, 300)].map(|(seed, n)| random(&[2, 3, n, 20], dtype, seed));
        let lengths: &[usize] = &[300, 270];
        let options = Attention {
            lengths: Some(lengths),
            ..Attention::default()
        };
        check("lengths", || q.attention_with(&k, &v, &options).0);
        for (i, &length) in lengths.iter().enumerate() {
            let one = |x: &Tensor| x.slice(i..i + 1);
            let [some_k, some_v] = [&k, &v].map(|x| one(x).narrow(2, 0..length));
            let alone = one(&q).attention(&some_k, &some_v);
            let batch = one(&q.attention_with(&k, &v, &options).0);
            assert_eq!(alone.to_vec(), batch.to_vec(), "{length} keys");
        }
    }
}

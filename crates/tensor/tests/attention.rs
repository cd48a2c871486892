//! Attention on every instruction set against the reference, at odd sizes.

mod common;

use common::{check, random};
use kinora_tensor::{Attention, DType};

#[test]
fn attention_at_odd_sizes() {
    for [b, h, n, m, d] in [
        [1, 1, 1, 1, 64],
        [2, 3, 33, 45, 64],
        [1, 2, 70, 257, 128],
        [1, 1, 5, 600, 64],
        [1, 2, 9, 31, 20],
    ] {
        for dtype in [DType::F32, DType::Bf16] {
            for (query_type, options) in [
                (
                    dtype,
                    Attention {
                        scale: None,
                        log_sum_exp: true,
                    },
                ),
                (
                    DType::Bf16,
                    Attention {
                        scale: Some(1.5),
                        log_sum_exp: true,
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
fn large_scores_do_not_overflow() {
    let q = random(&[1, 1, 3, 64], DType::F32, 1).scale(100.0);
    let k = random(&[1, 1, 300, 64], DType::F32, 2).scale(100.0);
    check("large scores", || q.attention(&k, &k));
}

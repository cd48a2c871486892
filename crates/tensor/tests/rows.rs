//! Norms, heads and element-wise operations on every instruction set against the reference.

mod common;

use common::{check, random};
use kinora_tensor::{DType, Heads, Isa, Modulation, QkNorm, Rotary, Tensor, Unary, with_isa};

const DTYPES: [DType; 2] = [DType::F32, DType::Bf16];

#[test]
fn norms_and_gates_at_odd_sizes() {
    for [rows, d] in [[1, 1], [3, 16], [5, 31], [70, 320]] {
        for dtype in DTYPES {
            let x = random(&[rows, d], dtype, 1);
            let [weight, bias] = [2, 6].map(|seed| random(&[d], DType::F32, seed));
            let [shift, scale] = [3, 4].map(|seed| random(&[2, d], DType::F32, seed));
            let index: Vec<u32> = (0..rows as u32).map(|i| i % 2).collect();
            let modulation = Modulation {
                shift: &shift,
                scale: &scale,
                rows: &index,
            };
            check("rms_norm", || x.rms_norm(Some(&weight), 1e-6));
            check("modulate", || x.rms_norm_modulate(None, 1e-6, &modulation));
            for affine in [None, Some((&weight, &bias))] {
                check("layer_norm", || x.layer_norm(affine, 1e-3));
                check("layer modulate", || {
                    x.layer_norm_modulate(affine, 1e-3, &modulation)
                });
            }
            let y = random(&[rows, d], DType::Bf16, 5);
            check("gated_add", || x.gated_add(&y, &scale, &index));
            check("softmax", || x.scale(9.0).softmax());
            check("mean", || x.mean(0));
        }
    }
}

#[test]
fn a_layer_norm_leaves_mean_zero_and_variance_one() {
    // So far from zero that a variance from the mean of squares would be wrong.
    let far = Unary::Affine {
        scale: 0.01,
        shift: 10.0,
    };
    let x = random(&[3, 33], DType::F32, 1).map(far);
    let [weight, bias] = [2, 3].map(|seed| random(&[33], DType::F32, seed));
    for isa in Isa::available() {
        let affine = Some((&weight, &bias));
        let [y, z] = with_isa(isa, || [x.layer_norm(None, 0.0), x.layer_norm(affine, 0.0)]);
        for row in y.as_f32().chunks(33) {
            let mean = row.iter().sum::<f32>() / 33.0;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 33.0;
            assert!(mean.abs() < 1e-3, "{mean} on {}", isa.name());
            assert!(
                (variance - 1.0).abs() < 1e-4,
                "{variance} on {}",
                isa.name()
            );
        }
        let expected = &(&y * &weight) + &bias;
        for (x, y) in z.as_f32().iter().zip(expected.as_f32()) {
            assert!((x - y).abs() < 1e-5, "{x} for {y} on {}", isa.name());
        }
    }
}

#[test]
fn a_row_of_zeros_stays_zero_with_a_tiny_eps() {
    for dtype in DTYPES {
        let x = Tensor::zeros(&[2, 31], dtype);
        for isa in Isa::available() {
            for y in with_isa(isa, || [x.rms_norm(None, 1e-24), x.layer_norm(None, 1e-24)]) {
                assert!(y.to_vec().iter().all(|&y| y == 0.0), "{}", isa.name());
            }
        }
    }
}

#[test]
fn heads_at_odd_sizes() {
    for (heads, d) in [(2, 64), (3, 20), (1, 128)] {
        for dtype in DTYPES {
            let x = random(&[2, 9, 2 * heads * d + 3], dtype, 1);
            let weight = random(&[d], DType::F32, 2);
            let [cos, sin] = [3, 4].map(|seed| random(&[11, d / 2], DType::F32, seed));
            let [all_cos, all_sin] =
                [5, 6].map(|seed| random(&[11, heads * d / 2], DType::F32, seed));
            let norm = Some(QkNorm {
                weight: &weight,
                eps: 1e-6,
            });
            let rotary = Some(Rotary {
                cos: &cos,
                sin: &sin,
            });
            let each = Some(Rotary {
                cos: &all_cos,
                sin: &all_sin,
            });
            let [clip_cos, clip_sin] = [7, 8].map(|seed| random(&[2, 9, d / 2], DType::F32, seed));
            let of_each_clip = Some(Rotary {
                cos: &clip_cos,
                sin: &clip_sin,
            });
            let columns = heads * d..2 * heads * d;
            for (norm, rotary) in [
                (None, None),
                (norm, None),
                (None, rotary),
                (norm, rotary),
                (norm, each),
                (norm, of_each_clip),
            ] {
                let options = Heads {
                    columns: columns.clone(),
                    heads,
                    norm,
                    rotary,
                };
                check("heads", || x.split_heads(&options));
            }
        }
    }
}

#[test]
fn heads_turn_by_tables_of_their_own() {
    let (heads, d, n) = (3, 8, 5);
    let x = random(&[1, n, heads * d], DType::F32, 1);
    let [cos, sin] = [2, 3].map(|seed| random(&[n, heads * d / 2], DType::F32, seed));
    let split = |columns: std::ops::Range<usize>, cos: &Tensor, sin: &Tensor| {
        x.split_heads(&Heads {
            heads: columns.len() / d,
            columns,
            norm: None,
            rotary: Some(Rotary { cos, sin }),
        })
    };
    let all = split(0..heads * d, &cos, &sin);
    for head in 0..heads {
        let half = head * d / 2..(head + 1) * d / 2;
        let [cos, sin] = [&cos, &sin].map(|table| table.narrow(1, half.clone()));
        let alone = split(head * d..(head + 1) * d, &cos, &sin);
        let expected = all.narrow(1, head..head + 1);
        assert_eq!(alone.as_f32(), expected.as_f32(), "head {head}");
    }
}

#[test]
fn clips_turn_by_tables_of_their_own() {
    let (heads, d, n) = (3, 8, 5);
    let x = random(&[2, n, heads * d], DType::F32, 1);
    let [cos, sin] = [2, 3].map(|seed| random(&[2, n, d / 2], DType::F32, seed));
    let split = |x: &Tensor, cos: &Tensor, sin: &Tensor| {
        x.split_heads(&Heads {
            columns: 0..heads * d,
            heads,
            norm: None,
            rotary: Some(Rotary { cos, sin }),
        })
    };
    let both = split(&x, &cos, &sin);
    for clip in 0..2 {
        let own = |all: &Tensor| all.slice(clip..clip + 1);
        let [cos, sin] = [&cos, &sin].map(|table| own(table).reshape(&[n, d / 2]));
        let alone = split(&own(&x), &cos, &sin);
        assert_eq!(alone.as_f32(), own(&both).as_f32(), "clip {clip}");
    }
}

#[test]
fn element_by_element() {
    for dtype in DTYPES {
        let x = random(&[7, 5, 19], dtype, 1).scale(6.0);
        let affine = Unary::Affine {
            scale: -0.5,
            shift: 2.0,
        };
        let clamp = Unary::Clamp {
            low: -1.0,
            high: 0.5,
        };
        for op in [
            Unary::Relu,
            Unary::Silu,
            Unary::Gelu,
            Unary::Sigmoid,
            Unary::Tanh,
            affine,
            clamp,
        ] {
            check(&format!("{op:?}"), || x.map(op));
        }
        for dims in [&[7, 5, 19][..], &[5, 19], &[19], &[1]] {
            if x.shape().ends_with(dims) {
                let y = random(dims, DType::F32, 2);
                check("combine", || x.combine(0.3, &y, -2.0));
                check("mul", || &x * &y);
            }
        }
        check("cast", || x.to_dtype(DType::Bf16).to_dtype(DType::F32));
    }
    // Far outside the range of exp.
    let x = Tensor::from_f32(&[-1e30, -200.0, -90.0, 90.0, 200.0, 1e30], &[6]);
    check("extremes", || x.map(Unary::Sigmoid));
    check("extremes", || x.scale(1e-20).softmax());
}

#[test]
fn layouts_move_elements_where_they_belong() {
    let x = Tensor::from_fn(&[2, 3, 4, 5], |i| i as f32);
    let y = x.permute([2, 0, 3, 1]);
    let at = |t: &Tensor, i: [usize; 4]| {
        let [_, b, c, d] = t.dims();
        t.as_f32()[((i[0] * b + i[1]) * c + i[2]) * d + i[3]] as u32
    };
    assert_eq!(y.shape(), [4, 2, 5, 3]);
    assert_eq!(at(&y, [3, 1, 4, 2]), at(&x, [1, 2, 3, 4]));
    assert_eq!(at(&x.upsample2x(), [1, 5, 6, 2]), at(&x, [1, 2, 3, 2]));
    assert_eq!(at(&x.narrow(2, 1..3), [1, 2, 0, 4]), at(&x, [1, 2, 1, 4]));
    let joined = Tensor::concat(&[&x, &x.narrow(1, 0..1)], 1);
    assert_eq!(at(&joined, [1, 3, 2, 2]), at(&x, [1, 0, 2, 2]));

    let clip = Tensor::from_fn(&[4, 6, 4, 3], |i| i as f32);
    let folded = clip.fold(2, 2);
    assert_eq!(folded.shape(), [2, 3, 2, 24]);
    // Channels are ordered (time, y, x, c).
    assert_eq!(
        at(&folded, [1, 2, 1, ((2 + 1) * 2) * 3 + 3 + 2]),
        at(&clip, [3, 5, 3, 2])
    );
    assert_eq!(folded.unfold(2, 2).as_f32(), clip.as_f32());
    let table = Tensor::from_fn(&[3, 2], |i| i as f32);
    assert_eq!(table.gather(&[2, 0]).as_f32(), [4.0, 5.0, 0.0, 1.0]);
}

#[test]
#[should_panic(expected = "[2, 3] does not repeat over [3, 2]")]
fn a_shape_mistake_names_both_shapes() {
    let [x, y] = [[3, 2], [2, 3]].map(|dims| Tensor::zeros(&dims, DType::F32));
    let _ = x.add(&y);
}

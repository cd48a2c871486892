//! Every way back: against finite differences in scalar code, then fast versions against that code.

mod common;

use common::{check, random};
use kinora_tensor::{
    Attention, Conv, ConvWeight, DType, Heads, Isa, Modulation, PackedWeight, Precision, QkNorm,
    Rotary, Tensor, Unary, backward, with_isa,
};

/// Half the way between the two points of a difference. Large, as values are f32: errors of both
/// kinds, of the step and of rounding, stay near 1e-4.
const STEP: f32 = 1e-2;

/// A function of some tensors.
type Function<'a> = dyn Fn(&[Tensor]) -> Tensor + 'a;

/// `sum(f(x) * seed)` in f64.
fn objective(f: &Function, inputs: &[Tensor], seed: &Tensor) -> f64 {
    let product = f(inputs).to_vec().into_iter().zip(seed.to_vec());
    product.map(|(y, g)| f64::from(y) * f64::from(g)).sum()
}

/// Gradients of all inputs for the gradient `seed` of the result.
fn gradients(f: &Function, inputs: &[Tensor], seed: &Tensor) -> Vec<Tensor> {
    let leaves: Vec<Tensor> = inputs.iter().map(Tensor::tracked).collect();
    let result = f(&leaves);
    let gradients = backward([(&result, seed.clone())]);
    let of = |leaf| gradients.of(leaf).expect("an input has a gradient").clone();
    leaves.iter().map(of).collect()
}

/// Checks the gradients of every input: the reference's against finite differences of the fourth
/// order, and those of every instruction set against the reference's.
fn prove(what: &str, inputs: &[Tensor], f: &Function) {
    let seed = random(
        with_isa(Isa::Reference, || f(inputs)).shape(),
        DType::F32,
        99,
    );
    let ours = with_isa(Isa::Reference, || gradients(f, inputs, &seed));
    for (i, ours) in ours.iter().enumerate() {
        assert_eq!(ours.shape(), inputs[i].shape(), "{what}, input {i}");
        let values = inputs[i].to_vec();
        let at = |j: usize, by: f32| {
            let moved = Tensor::from_fn(inputs[i].shape(), |k| {
                values[k] + if k == j { by } else { 0.0 }
            });
            let mut inputs = inputs.to_vec();
            inputs[i] = moved;
            with_isa(Isa::Reference, || objective(f, &inputs, &seed))
        };
        let size = ours
            .to_vec()
            .iter()
            .fold(1.0_f32, |size, x| size.max(x.abs()));
        for (j, ours) in ours.to_vec().into_iter().enumerate() {
            let near = at(j, STEP) - at(j, -STEP);
            let far = at(j, 2.0 * STEP) - at(j, -2.0 * STEP);
            let slope = (8.0 * near - far) / (12.0 * f64::from(STEP));
            let error = (slope - f64::from(ours)).abs() / f64::from(size);
            assert!(error < 2e-3, "{what}, input {i}: {ours} for {slope} at {j}");
        }
    }
    agree(what, inputs, &seed, f);
}

/// Checks the gradients of every instruction set against the reference's.
fn agree(what: &str, inputs: &[Tensor], seed: &Tensor, f: &Function) {
    for i in 0..inputs.len() {
        check(&format!("{what}, input {i}"), || {
            gradients(f, inputs, seed).swap_remove(i)
        });
    }
}

fn f32(dims: &[usize], seed: u32) -> Tensor {
    random(dims, DType::F32, seed)
}

#[test]
fn element_by_element() {
    let affine = Unary::Affine {
        scale: -0.5,
        shift: 2.0,
    };
    for op in [
        Unary::Silu,
        Unary::Gelu,
        Unary::Sigmoid,
        Unary::Tanh,
        affine,
    ] {
        let x = f32(&[3, 19], 1).scale(4.0);
        prove(&format!("{op:?}"), &[x], &|x| x[0].map(op));
    }
    // With no point near the ends of the steps.
    let x = Tensor::from_fn(&[37], |i| (i as f32 - 18.0) / 6.0 + 0.08);
    let clamp = Unary::Clamp {
        low: -1.0,
        high: 0.5,
    };
    for op in [Unary::Relu, clamp] {
        prove(&format!("{op:?}"), std::slice::from_ref(&x), &|x| {
            x[0].map(op)
        });
    }
    prove("glu", &[f32(&[3, 38], 1).scale(3.0)], &|x| x[0].glu());
    for dims in [&[4, 5, 7][..], &[5, 7], &[7]] {
        let inputs = [f32(&[4, 5, 7], 1), f32(dims, 2)];
        prove("combine", &inputs, &|x| x[0].combine(0.3, &x[1], -2.0));
        prove("mul", &inputs, &|x| x[0].mul(&x[1]));
    }
}

#[test]
fn moved_elements_take_their_gradients_along() {
    let x = f32(&[3, 4, 5], 1);
    let one = std::slice::from_ref(&x);
    prove("permute", one, &|x| x[0].permute([2, 0, 1]));
    prove("reshape", one, &|x| x[0].reshape(&[6, 10]).scale(2.0));
    prove("slice", one, &|x| x[0].slice(1..3));
    for axis in 0..3 {
        prove("narrow", one, &|x| x[0].narrow(axis, 1..3));
        let inputs = [x.clone(), x.narrow(axis, 0..2)];
        prove("concat", &inputs, &|x| {
            Tensor::concat(&[&x[0], &x[1]], axis)
        });
    }
    let table = f32(&[4, 3], 2);
    prove("gather", &[table], &|x| x[0].gather(&[2, 0, 2, 3, 2]));
}

#[test]
fn an_operand_met_twice_gets_both_gradients() {
    let x = f32(&[3, 4], 1);
    prove("a sum of products", &[x], &|x| {
        let y = x[0].slice(0..2).mul(&x[0].slice(1..3));
        y.add(&x[0].slice(0..2)).add(&x[0].slice(0..2).silu())
    });
}

fn linear(outputs: usize, precision: Precision) -> impl Fn(&[Tensor]) -> Tensor {
    move |x: &[Tensor]| {
        let weight = PackedWeight::new(&x[1], precision);
        assert_eq!(weight.dims()[0], outputs);
        x[0].linear(&weight, Some(&x[2]))
    }
}

#[test]
fn matrix_products() {
    for [m, k, n] in [[1, 1, 1], [3, 31, 5], [5, 7, 33], [33, 3, 2]] {
        let inputs = [f32(&[m, k], 1), f32(&[n, k], 2), f32(&[n], 3)];
        prove("linear", &inputs, &linear(n, Precision::F32));
    }
    for [m, k, n] in [[65, 100, 47], [130, 70, 96]] {
        let inputs = [f32(&[m, k], 1), f32(&[n, k], 2), f32(&[n], 3)];
        let seed = f32(&[m, n], 4);
        agree("linear", &inputs, &seed, &linear(n, Precision::F32));
        agree(
            "linear in bf16",
            &inputs,
            &seed,
            &linear(n, Precision::Bf16),
        );
    }
}

#[test]
fn products_with_every_ending() {
    let [m, k, n] = [6, 9, 5];
    let rows = [0, 1, 1, 0, 2, 1];
    let [x, stream] = [f32(&[m, k], 1), f32(&[m, n], 2)];
    let [weight, pair, table] = [f32(&[n, k], 3), f32(&[2 * n, k], 4), f32(&[3, n], 5)];
    let inputs = [x.clone(), weight.clone(), stream, table];
    prove("gate and residual", &inputs, &|x| {
        let weight = PackedWeight::new(&x[1], Precision::F32);
        x[0].linear_residual(&weight, None, &x[2], Some((&x[3], &rows)))
    });
    prove("residual", &inputs[..3], &|x| {
        let weight = PackedWeight::new(&x[1], Precision::F32);
        x[0].linear_residual(&weight, None, &x[2], None)
    });
    prove("swiglu", &[x, pair], &|x| {
        x[0].swiglu(&PackedWeight::swiglu(&x[1], Precision::F32))
    });
}

fn convolution(frames: usize, precision: Precision) -> impl Fn(&[Tensor]) -> Tensor {
    move |x: &[Tensor]| {
        let weight = ConvWeight::new(&x[1], frames, precision);
        let options = Conv {
            bias: Some(&x[2]),
            residual: x.get(3),
            ..Conv::default()
        };
        x[0].conv(&weight, &options)
    }
}

#[test]
fn convolutions() {
    for (frames, kernel, dims) in [
        (1, 1, [2, 2, 3, 3]),
        (1, 3, [2, 3, 4, 2]),
        (2, 1, [3, 2, 2, 3]),
        (2, 3, [1, 1, 2, 2]),
        (2, 3, [3, 3, 2, 2]),
    ] {
        let [t, h, w, c] = dims;
        let weight = f32(&[3, frames * c, kernel, kernel], 2);
        let inputs = [f32(&dims, 1), weight, f32(&[3], 3), f32(&[t, h, w, 3], 4)];
        let what = format!("{kernel}x{kernel} over {frames} frames");
        prove(&what, &inputs, &convolution(frames, Precision::F32));
    }
    for (frames, dims) in [(1, [2, 7, 9, 47]), (2, [3, 10, 6, 33])] {
        let [t, h, w, c] = dims;
        let inputs = [
            f32(&dims, 1),
            f32(&[40, frames * c, 3, 3], 2),
            f32(&[40], 3),
        ];
        let seed = f32(&[t, h, w, 40], 4);
        for precision in [Precision::F32, Precision::Bf16] {
            let what = format!("{precision:?} over {frames} frames");
            agree(&what, &inputs, &seed, &convolution(frames, precision));
        }
    }
}

#[test]
#[should_panic(expected = "a stride or a past has no gradient")]
fn a_convolution_with_a_past_refuses() {
    let [x, past] = [2, 1].map(|t| f32(&[t, 2, 2, 3], 1));
    let weight = ConvWeight::new(&f32(&[3, 6, 3, 3], 2).tracked(), 2, Precision::F32);
    let options = Conv {
        past: Some(&past),
        ..Conv::default()
    };
    let _ = x.conv(&weight, &options);
}

#[test]
fn norms_and_gates() {
    for d in [1, 7, 35] {
        let rows = [1, 0, 1, 1];
        let [x, weight] = [f32(&[4, d], 1).scale(3.0), f32(&[d], 2)];
        let [shift, scale] = [f32(&[2, d], 3), f32(&[2, d], 4)];
        prove("rms_norm", &[x.clone(), weight.clone()], &|x| {
            x[0].rms_norm(Some(&x[1]), 1e-2)
        });
        let inputs = [x.clone(), shift.clone(), scale.clone(), weight];
        prove("rms_norm_modulate", &inputs, &|x| {
            let modulation = Modulation {
                shift: &x[1],
                scale: &x[2],
                rows: &rows,
            };
            x[0].rms_norm_modulate(Some(&x[3]), 1e-2, &modulation)
        });
        prove("rms_norm_modulate", &inputs[..3], &|x| {
            let modulation = Modulation {
                shift: &x[1],
                scale: &x[2],
                rows: &rows,
            };
            x[0].rms_norm_modulate(None, 1e-2, &modulation)
        });
        prove("gated_add", &[shift.gather(&rows), x, scale], &|x| {
            x[0].gated_add(&x[1], &x[2], &rows)
        });
    }
}

#[test]
fn heads() {
    let (heads, d) = (2, 6);
    let inputs = [f32(&[2, 3, 2 * heads * d + 3], 1), f32(&[d], 2)];
    let shared = [3, 4].map(|seed| f32(&[5, d / 2], seed));
    let of_each_clip = [3, 4].map(|seed| f32(&[2, 3, d / 2], seed));
    let split = |x: &[Tensor], [cos, sin]: &[Tensor; 2], norm: bool| {
        let weight = x.last().expect("a weight");
        x[0].split_heads(&Heads {
            columns: heads * d..2 * heads * d,
            heads,
            norm: norm.then_some(QkNorm { weight, eps: 1e-2 }),
            rotary: Some(Rotary { cos, sin }),
        })
    };
    for tables in [&shared, &of_each_clip] {
        prove("heads", &inputs, &|x| split(x, tables, true));
        prove("heads without a norm", &inputs[..1], &|x| {
            split(x, tables, false)
        });
        let leaf = inputs[0].tracked();
        let both = [leaf, inputs[1].clone()];
        let plain = split(&inputs, tables, true);
        let difference = split(&both, tables, true).detached();
        let difference = difference.combine(1.0, &plain, -1.0);
        assert!(difference.to_vec().iter().all(|x| x.abs() < 1e-5));
    }
}

fn attended(x: &[Tensor], scale: Option<f32>) -> Tensor {
    attended_some(x, scale, None)
}

fn attended_some(x: &[Tensor], scale: Option<f32>, lengths: Option<&[usize]>) -> Tensor {
    let options = Attention {
        scale,
        lengths,
        ..Attention::default()
    };
    x[0].attention_with(&x[1], &x[2], &options).0
}

#[test]
fn attention() {
    for (dims, m) in [([1, 1, 1, 1], 1), ([2, 2, 3, 5], 4)] {
        let [b, h, _, d] = dims;
        let keys = [b, h, m, d];
        let inputs = [f32(&dims, 1), f32(&keys, 2), f32(&keys, 3)];
        prove("attention", &inputs, &|x| attended(x, None));
        prove("attention with a scale", &inputs, &|x| {
            attended(x, Some(0.9))
        });
    }
    let inputs = [
        f32(&[2, 2, 3, 5], 1),
        f32(&[2, 2, 4, 5], 2),
        f32(&[2, 2, 4, 5], 3),
    ];
    let some: &[usize] = &[4, 2];
    prove("attention to some keys", &inputs, &|x| {
        attended_some(x, None, Some(some))
    });
    for (dims, m) in [
        ([1, 3, 32, 64], 32),
        ([2, 1, 45, 20], 101),
        ([1, 2, 70, 33], 31),
    ] {
        let [b, h, n, d] = dims;
        let keys = [b, h, m, d];
        let inputs = [f32(&dims, 1).scale(3.0), f32(&keys, 2), f32(&keys, 3)];
        agree("attention", &inputs, &f32(&[b, n, h * d], 4), &|x| {
            attended(x, None)
        });
    }
}

#[test]
fn half_precision_operands_get_half_precision_gradients() {
    let [q, k, v] = [1, 2, 3].map(|seed| random(&[1, 2, 33, 40], DType::Bf16, seed));
    let seed = random(&[1, 33, 80], DType::Bf16, 4);
    agree("attention", &[q, k, v], &seed, &|x| attended(x, None));
    let x = random(&[9, 50], DType::Bf16, 1);
    let one = std::slice::from_ref(&x);
    agree("silu", one, &x, &|x| x[0].silu());
    agree("rms_norm", one, &x, &|x| x[0].rms_norm(None, 1e-6));
    agree("glu", &[x], &random(&[9, 25], DType::Bf16, 5), &|x| {
        x[0].glu()
    });
}

#[test]
fn gradients_do_not_depend_on_threads() {
    let inputs = [f32(&[700, 96], 1), f32(&[80, 96], 2), f32(&[80], 3)];
    let seed = f32(&[700, 80], 4);
    let all = |threads| {
        let before = kinora_tensor::threads();
        kinora_tensor::set_threads(threads);
        let all = gradients(&linear(80, Precision::F32), &inputs, &seed);
        kinora_tensor::set_threads(before);
        all.iter().map(Tensor::to_vec).collect::<Vec<_>>()
    };
    assert_eq!(all(1), all(3));
}

#[test]
fn a_leaf_without_a_part_has_no_gradient() {
    let [x, y] = [1, 2].map(|seed| f32(&[3], seed).tracked());
    let gradients = backward([(&x.scale(2.0), Tensor::full(1.0, &[3], DType::F32))]);
    assert_eq!(gradients.of(&x).map(Tensor::to_vec), Some(vec![2.0; 3]));
    assert!(gradients.of(&y).is_none());
    assert!(!x.detached().is_tracked());
}

#[test]
#[should_panic(expected = "softmax has no gradient")]
fn an_operation_without_a_way_back_refuses() {
    let _ = f32(&[3], 1).tracked().softmax();
}

#[test]
#[should_panic(expected = "goes back through a result once")]
fn a_result_is_gone_back_through_once() {
    let y = f32(&[3], 1).tracked().silu();
    let ones = Tensor::full(1.0, &[3], DType::F32);
    let _ = backward([(&y, ones.clone())]);
    let _ = backward([(&y, ones)]);
}

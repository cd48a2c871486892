//! The count of operations, in a process of its own: it is one for all threads.

use kinora_tensor::{
    Attention, Conv, ConvWeight, DType, PackedWeight, Precision, Tensor, backward, flops,
};

/// Operations of `run`.
fn counted(run: impl FnOnce()) -> u64 {
    let before = flops::done();
    run();
    flops::done() - before
}

fn ones(dims: &[usize]) -> Tensor {
    Tensor::full(1.0, dims, DType::F32)
}

#[test]
fn operations_count_their_arithmetic() {
    let x = ones(&[2, 5, 7]);
    let weight = ones(&[6, 7]);
    let packed = PackedWeight::new(&weight, Precision::F32);
    let linear = flops::linear(10, 7, 6);
    assert_eq!(counted(|| drop(x.linear(&packed, None))), linear);
    let pair = PackedWeight::swiglu(&weight, Precision::Bf16);
    assert_eq!(counted(|| drop(x.swiglu(&pair))), linear);
    // Forward, the gradient of the rows and that of the weight are one product each.
    let trained = || {
        let [x, weight] = [&x, &weight].map(Tensor::tracked);
        let y = x.linear(&PackedWeight::new(&weight, Precision::F32), None);
        let gradient = ones(y.shape());
        drop(backward([(&y, gradient)]));
    };
    assert_eq!(counted(trained), 3 * linear);

    let q = ones(&[2, 3, 4, 8]);
    let k = ones(&[2, 3, 9, 8]);
    let attention = counted(|| drop(q.attention(&k, &k)));
    assert_eq!(attention, flops::attention(2 * 3, 4, 9, 8));
    let options = Attention {
        lengths: Some(&[9, 5]),
        ..Attention::default()
    };
    let shorter = counted(|| drop(q.attention_with(&k, &k, &options)));
    assert_eq!(shorter, flops::attention(3, 4, 9 + 5, 8));

    let frames = ones(&[4, 6, 10, 3]);
    let kernel = ones(&[5, 3, 3, 3, 3]);
    let kernel = ConvWeight::of_frames(&kernel, Precision::F32);
    let conv = counted(|| drop(frames.conv(&kernel, &Conv::default())));
    assert_eq!(conv, flops::conv(4 * 6 * 10, 27, 3, 5));
    let half = Conv {
        stride: 2,
        ..Conv::default()
    };
    let conv = counted(|| drop(frames.conv(&kernel, &half)));
    assert_eq!(conv, flops::conv(4 * 3 * 5, 27, 3, 5));
}

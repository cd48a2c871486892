//! Single operations, at the shapes of Wan 2.1 1.3B and of kinora-1.

use std::hint::black_box;

use kinora_tensor::{Conv, ConvWeight, PackedWeight, Precision, Tensor};
use serde::Serialize;

use super::{Machine, Times, peak_memory_bytes};
use crate::error::Result;
use crate::noise::Gaussian;
use crate::request::Dtype;

/// Rows, inputs and outputs: the layers of a Wan 1.3B over 4,096 tokens, those of kinora-1 over a clip.
const LINEAR: [[usize; 3]; 6] = [
    [4096, 1536, 1536],
    [4096, 1536, 8960],
    [4096, 8960, 1536],
    [585, 320, 960],
    [585, 320, 320],
    [585, 640, 320],
];
/// Rows, inputs and outputs of the gated layer of kinora-1.
const SWIGLU: [usize; 3] = [585, 320, 640];
/// Heads, queries, keys and width of a head; kinora-1's tokens also see the words.
const ATTENTION: [[usize; 4]; 2] = [[12, 4096, 4096, 128], [5, 585, 605, 64]];
/// Frames, height, width, inputs and outputs under a 3x3x3 kernel: a level of a video VAE.
const CONV3D: [usize; 5] = [4, 128, 128, 96, 96];
/// The same under kinora-1's 3x3 kernels over two frames: the levels of its decoder.
const MEMORY_CONV: [[usize; 5]; 3] = [
    [1, 10, 18, 192, 192],
    [2, 20, 36, 160, 160],
    [4, 40, 72, 96, 96],
];

/// One operation, timed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpTiming {
    /// `linear`, `swiglu`, `attention`, `conv3d` or `memory_conv`.
    pub name: &'static str,
    /// Of a layer rows, inputs, outputs; of attention heads, queries, keys, width of a head; of a
    /// convolution frames, height, width, inputs, outputs.
    pub shape: Vec<usize>,
    /// How long it took.
    #[serde(flatten)]
    pub times: Times,
}

/// The machine and its operations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpReport {
    /// What computes.
    #[serde(flatten)]
    pub machine: Machine,
    /// How often each was timed.
    pub runs: usize,
    /// Every operation.
    pub ops: Vec<OpTiming>,
    /// The largest memory of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// Times the operations that matter in a precision, `runs` times each.
///
/// # Errors
/// [`crate::Error::Processor`] for a `KINORA_CPU` that this machine lacks.
///
/// # Panics
/// When there are no runs.
pub fn ops(dtype: Dtype, runs: usize) -> Result<OpReport> {
    let machine = Machine::measure(dtype)?;
    let timer = Timer { machine, runs };
    let mut ops: Vec<OpTiming> = LINEAR.iter().map(|shape| timer.linear(*shape)).collect();
    ops.push(timer.swiglu(SWIGLU));
    ops.extend(ATTENTION.iter().map(|shape| timer.attention(*shape)));
    ops.push(timer.conv3d(CONV3D));
    ops.extend(MEMORY_CONV.iter().map(|shape| timer.memory_conv(*shape)));
    Ok(OpReport {
        machine,
        runs,
        ops,
        peak_memory_bytes: peak_memory_bytes(),
    })
}

struct Timer {
    machine: Machine,
    runs: usize,
}

impl Timer {
    fn time(&self, name: &'static str, shape: &[usize], run: impl Fn() -> Tensor) -> OpTiming {
        let times = self.machine.time(self.runs, || drop(black_box(run())));
        OpTiming {
            name,
            shape: shape.to_vec(),
            times,
        }
    }

    fn precision(&self) -> Precision {
        self.machine.dtype.into()
    }

    /// Small normal numbers in the precision of the benchmark.
    fn random(&self, dims: &[usize]) -> Tensor {
        let mut gaussian = Gaussian::new(1);
        let x = Tensor::from_fn(dims, |_| gaussian.next() * 0.1);
        x.to_dtype(self.precision().activations())
    }

    fn linear(&self, shape: [usize; 3]) -> OpTiming {
        let [rows, inputs, outputs] = shape;
        let weight = PackedWeight::new(&self.random(&[outputs, inputs]), self.precision());
        let x = self.random(&[rows, inputs]);
        self.time("linear", &shape, || x.linear(&weight, None))
    }

    fn swiglu(&self, shape: [usize; 3]) -> OpTiming {
        let [rows, inputs, outputs] = shape;
        let weight = self.random(&[2 * outputs, inputs]);
        let weight = PackedWeight::swiglu(&weight, self.precision());
        let x = self.random(&[rows, inputs]);
        self.time("swiglu", &shape, || x.swiglu(&weight))
    }

    fn attention(&self, shape: [usize; 4]) -> OpTiming {
        let [heads, queries, keys, head_dim] = shape;
        let q = self.random(&[1, heads, queries, head_dim]);
        let k = self.random(&[1, heads, keys, head_dim]);
        self.time("attention", &shape, || q.attention(&k, &k))
    }

    fn conv3d(&self, shape: [usize; 5]) -> OpTiming {
        let [t, h, w, inputs, outputs] = shape;
        let weight = self.random(&[outputs, inputs, 3, 3, 3]);
        let weight = ConvWeight::of_frames(&weight, self.precision());
        let x = self.random(&[t, h, w, inputs]);
        self.time("conv3d", &shape, || x.conv(&weight, &Conv::default()))
    }

    fn memory_conv(&self, shape: [usize; 5]) -> OpTiming {
        let [t, h, w, inputs, outputs] = shape;
        let weight = self.random(&[outputs, 2 * inputs, 3, 3]);
        let weight = ConvWeight::new(&weight, 2, self.precision());
        let x = self.random(&[t, h, w, inputs]);
        self.time("memory_conv", &shape, || x.conv(&weight, &Conv::default()))
    }
}

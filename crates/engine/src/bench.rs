//! Timings of the operations that a run consists of, at the shapes of the native model.

use std::hint::black_box;
use std::time::Instant;

use kinora_tensor::{Conv, ConvWeight, DType, PackedWeight, Precision, Tensor, threads};
use serde::Serialize;

use crate::engine::check_processor;
use crate::error::Result;
use crate::noise::Gaussian;

/// One operation, timed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpTiming {
    /// What was computed.
    pub name: String,
    /// Median of the runs in milliseconds.
    pub milliseconds: f64,
    /// Arithmetic, in 10^9 operations a second.
    pub gflops: f64,
}

/// The machine and its operations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpReport {
    /// Instruction set in use.
    pub isa: &'static str,
    /// Threads in use.
    pub threads: usize,
    /// Every operation.
    pub ops: Vec<OpTiming>,
}

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct System {
    /// Instruction set in use.
    pub isa: &'static str,
    /// Threads in use.
    pub threads: usize,
}

/// What computes in this process.
///
/// # Errors
/// [`crate::Error::Processor`] for a `KINORA_CPU` that this machine lacks.
pub fn system() -> Result<System> {
    let isa = check_processor()?;
    Ok(System {
        isa: isa.name(),
        threads: threads(),
    })
}

/// Times the operations that matter, `runs` times each.
///
/// # Errors
/// [`crate::Error::Processor`] for a `KINORA_CPU` that this machine lacks.
pub fn ops(runs: usize) -> Result<OpReport> {
    let System { isa, threads } = system()?;
    let ops = vec![
        linear(585, 320, 960, runs),
        linear(585, 640, 320, runs),
        linear(2048, 2048, 2048, runs),
        attention(5, 585, 640, runs),
        attention(5, 3000, 3000, runs),
        conv([8, 80, 144, 64], 64, 2, runs),
        conv([1, 20, 36, 160], 160, 2, runs),
    ];
    Ok(OpReport { isa, threads, ops })
}

/// The median of `runs` timings in seconds, after one to warm up.
fn median_seconds(runs: usize, mut run: impl FnMut()) -> f64 {
    run();
    let mut seconds: Vec<f64> = (0..runs.max(1))
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn timing(name: String, operations: usize, runs: usize, run: impl FnMut()) -> OpTiming {
    let seconds = median_seconds(runs, run);
    OpTiming {
        name,
        milliseconds: seconds * 1e3,
        gflops: operations as f64 / seconds / 1e9,
    }
}

fn random(dims: &[usize]) -> Tensor {
    let mut gaussian = Gaussian::new(1);
    Tensor::from_fn(dims, |_| gaussian.next() * 0.1)
}

fn linear(rows: usize, inputs: usize, outputs: usize, runs: usize) -> OpTiming {
    let weight = PackedWeight::new(&random(&[outputs, inputs]), Precision::Bf16);
    let x = random(&[rows, inputs]).to_dtype(DType::Bf16);
    let name = format!("linear bf16 [{rows}, {inputs}] -> {outputs}");
    timing(name, 2 * rows * inputs * outputs, runs, || {
        drop(black_box(x.linear(&weight, None)));
    })
}

fn attention(heads: usize, queries: usize, keys: usize, runs: usize) -> OpTiming {
    let head = 64;
    let q = random(&[1, heads, queries, head]).to_dtype(DType::Bf16);
    let k = random(&[1, heads, keys, head]).to_dtype(DType::Bf16);
    let name = format!("attention bf16 {heads} heads, {queries} x {keys}");
    timing(name, 4 * heads * queries * keys * head, runs, || {
        drop(black_box(q.attention(&k, &k)));
    })
}

fn conv([t, h, w, c]: [usize; 4], out: usize, frames: usize, runs: usize) -> OpTiming {
    let weight = ConvWeight::new(&random(&[out, frames * c, 3, 3]), frames, Precision::Bf16);
    let x = random(&[t, h, w, c]).to_dtype(DType::Bf16);
    let name = format!("conv 3x3 over {frames} frames bf16 [{t}, {h}, {w}, {c}] -> {out}");
    timing(name, 2 * t * h * w * 9 * frames * c * out, runs, || {
        drop(black_box(x.conv(&weight, &Conv::default())));
    })
}

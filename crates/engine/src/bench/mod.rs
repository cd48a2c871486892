//! How fast this machine computes: single operations, and the parts of a model with random weights.
//!
//! Every timing is set against the machine's own multiply loop ([`kinora_tensor::peak_flops`]), so that
//! machines and moments compare. Arithmetic is counted by [`kinora_tensor::flops`] while it runs: two
//! operations for each product of a matrix product, an attention or a convolution and its sum.

mod ops;
mod parts;
mod presets;

use std::time::{Duration, Instant};

use kinora_tensor::{flops, peak_flops, threads};
use serde::Serialize;

pub use kinora_tensor::flops::done as work_done;
pub use kinora_tensor::set_threads;
pub use ops::{OpReport, OpTiming, ops};
pub use parts::{Part, PartReport, Wish, part};
pub use presets::{PRESETS, Preset};

use crate::engine::check_processor;
use crate::error::Result;
use crate::request::Dtype;

/// How long the multiply loop is measured.
const LOOP: Duration = Duration::from_millis(200);

/// What computes, and how fast it could.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Machine {
    /// Instruction set in use.
    pub isa: &'static str,
    /// Threads in use.
    pub threads: usize,
    /// Precision that the loop was measured in.
    pub dtype: Dtype,
    /// The bare multiply loop on all threads, in 10^9 operations a second.
    pub peak_gflops: f64,
}

impl Machine {
    /// Measures the multiply loop of a precision, on as many threads as are set.
    ///
    /// # Errors
    /// [`crate::Error::Processor`] for a `KINORA_CPU` that this machine lacks.
    pub fn measure(dtype: Dtype) -> Result<Self> {
        Ok(Self {
            isa: check_processor()?.name(),
            threads: threads(),
            dtype,
            peak_gflops: peak_flops(dtype.into(), LOOP) / 1e9,
        })
    }

    /// Times `run`, `runs` times after one to warm up, which also counts its arithmetic.
    fn time(&self, runs: usize, mut run: impl FnMut()) -> Times {
        let before = flops::done();
        run();
        let work = flops::done() - before;
        let seconds = (0..runs).map(|_| {
            let began = Instant::now();
            run();
            began.elapsed().as_secs_f64()
        });
        self.times(seconds.collect(), work)
    }

    /// What runs of `work` operations each, in so many seconds, say.
    ///
    /// # Panics
    /// When there are no runs.
    pub fn times(&self, mut seconds: Vec<f64>, work: u64) -> Times {
        seconds.sort_by(f64::total_cmp);
        let median_seconds = seconds[seconds.len() / 2];
        let work_gflop = work as f64 / 1e9;
        let gflops = work_gflop / median_seconds;
        Times {
            median_seconds,
            fastest_seconds: seconds[0],
            slowest_seconds: seconds[seconds.len() - 1],
            work_gflop,
            gflops,
            peak_share: gflops / self.peak_gflops,
        }
    }
}

/// The timings of something that ran several times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Times {
    /// Median of the runs.
    pub median_seconds: f64,
    /// The fastest run.
    pub fastest_seconds: f64,
    /// The slowest run.
    pub slowest_seconds: f64,
    /// Arithmetic of a run, in 10^9 operations.
    pub work_gflop: f64,
    /// 10^9 operations a second, of the median.
    pub gflops: f64,
    /// [`Times::gflops`] over [`Machine::peak_gflops`].
    pub peak_share: f64,
}

/// The largest memory of this process so far; `None` where the system does not tell.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib = line.trim().trim_end_matches("kB").trim();
    kib.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_set_against_the_loop() {
        let machine = Machine {
            isa: "none",
            threads: 1,
            dtype: Dtype::Bf16,
            peak_gflops: 8.0,
        };
        let times = machine.times(vec![3.0, 1.0, 2.0], 4_000_000_000);
        assert_eq!(
            times,
            Times {
                median_seconds: 2.0,
                fastest_seconds: 1.0,
                slowest_seconds: 3.0,
                work_gflop: 4.0,
                gflops: 2.0,
                peak_share: 0.25,
            }
        );
    }
}

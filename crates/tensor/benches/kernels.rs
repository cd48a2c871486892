//! Speed of the kernels at the native model's shapes.
//!
//! Prints the rate of the best of many runs in GFLOP/s, or GB/s where memory is the bound, and
//! beside it the rate of one thread by the time it really computed, which a busy machine disturbs
//! less. Arguments filter by name: `cargo bench -p kinora-tensor -- conv`.

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use kinora_tensor::{
    Conv, ConvWeight, DType, Isa, PackedWeight, Precision, Tensor, set_threads, threads,
};

/// How long each shape is run.
const PATIENCE: Duration = Duration::from_millis(700);

fn main() {
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let bench = Bench { filters };
    let isa = Isa::of_process().expect("a usable KINORA_CPU");
    println!("{} threads, {}", threads(), isa.name());
    bench.linear();
    bench.conv();
    bench.attention();
    bench.rows();
}

struct Bench {
    filters: Vec<String>,
}

impl Bench {
    /// Prints `work` per second of the best run, in units of 10^9.
    fn measure(&self, name: &str, work: f64, unit: &str, f: impl Fn() -> Tensor) {
        if !self.filters.is_empty() && !self.filters.iter().any(|filter| name.contains(filter)) {
            return;
        }
        drop(black_box(f()));
        let (start, mut best) = (Instant::now(), Duration::MAX);
        while start.elapsed() < PATIENCE {
            let run = Instant::now();
            drop(black_box(f()));
            best = best.min(run.elapsed());
        }
        let rate = |seconds: f64| work / seconds / 1e9;
        let all = threads();
        set_threads(1);
        let (start, computed, mut runs) = (Instant::now(), computed_seconds(), 0.0);
        while start.elapsed() < PATIENCE {
            drop(black_box(f()));
            runs += 1.0;
        }
        let alone = (computed_seconds() - computed) / runs;
        set_threads(all);
        let (best, alone) = (rate(best.as_secs_f64()), rate(alone));
        println!("{name:36} best {best:6.0} {unit}, a thread {alone:6.0}");
    }

    fn linear(&self) {
        for [m, k, n] in [
            [4096, 1536, 1536],
            [512, 1536, 1536],
            [4096, 8960, 1536],
            [585, 320, 320],
            [585, 320, 960],
            [585, 320, 1920],
            [585, 960, 320],
            [585, 128, 320],
            [1170, 320, 960],
            [13, 320, 1920],
            [64, 256, 640],
        ] {
            let x = ones(&[m, k]);
            let weight = PackedWeight::new(&ones(&[n, k]), Precision::Bf16);
            let work = 2.0 * (m * k * n) as f64;
            self.measure(&format!("linear {m}x{k}x{n}"), work, "GFLOP/s", || {
                x.linear(&weight, None)
            });
        }
        let x = ones(&[585, 320]);
        let pair = PackedWeight::swiglu(&ones(&[1920, 320]), Precision::Bf16);
        let work = 2.0 * (585 * 320 * 1920) as f64;
        self.measure("swiglu 585x320x960", work, "GFLOP/s", || x.swiglu(&pair));
        for [m, k, n] in [[585, 320, 960], [512, 1536, 1536], [4096, 8960, 1536]] {
            let x = Tensor::full(1.0, &[m, k], DType::F32);
            let weight = PackedWeight::new(&ones(&[n, k]), Precision::F32);
            let work = 2.0 * (m * k * n) as f64;
            self.measure(&format!("linear f32 {m}x{k}x{n}"), work, "GFLOP/s", || {
                x.linear(&weight, None)
            });
        }
    }

    fn conv(&self) {
        for ([t, h, w, c, out], frames) in [
            ([8, 80, 144, 64, 64], 1),
            ([1, 80, 144, 64, 48], 1),
            ([1, 40, 72, 96, 96], 2),
            ([1, 40, 72, 96, 96], 1),
            ([4, 20, 36, 160, 160], 2),
            ([1, 10, 18, 192, 192], 2),
            ([2, 68, 120, 384, 384], 2),
        ] {
            let x = ones(&[t, h, w, c]);
            let weight = ConvWeight::new(&ones(&[out, frames * c, 3, 3]), frames, Precision::Bf16);
            let bias = Tensor::full(0.5, &[out], DType::F32);
            let options = Conv {
                bias: Some(&bias),
                relu: true,
                ..Conv::default()
            };
            let work = 2.0 * (t * h * w * 9 * frames * c * out) as f64;
            let name = format!("conv {t}x{h}x{w} {c}->{out} frames {frames}");
            self.measure(&name, work, "GFLOP/s", || x.conv(&weight, &options));
        }
    }

    fn attention(&self) {
        for [h, n, m, d] in [[5, 585, 713, 64], [6, 2925, 3053, 64], [3, 585, 713, 128]] {
            let [q, k] = [n, m].map(|n| ones(&[1, h, n, d]));
            let work = 4.0 * (h * n * m * d) as f64;
            self.measure(
                &format!("attention {h}x{n}x{m}x{d}"),
                work,
                "GFLOP/s",
                || q.attention(&k, &k),
            );
        }
    }

    fn rows(&self) {
        let x = Tensor::full(1.0, &[585, 320], DType::F32);
        self.measure(
            "rms_norm 585x320 f32",
            (585 * 320 * 8) as f64,
            "GB/s",
            || x.rms_norm(None, 1e-6),
        );
        let x = ones(&[1, 40, 72, 512]);
        self.measure("unfold 1x40x72x512", (x.len() * 4) as f64, "GB/s", || {
            x.unfold(2, 2)
        });
    }
}

/// Seconds that this thread has run; wall time where the system does not say.
fn computed_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split(' ')
        .next()
        .and_then(|field| field.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |n| n / 1e9)
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn ones(dims: &[usize]) -> Tensor {
    Tensor::full(1.0, dims, DType::Bf16)
}

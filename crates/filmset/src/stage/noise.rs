//! Deterministic chance: a small generator for layout, and smooth noise for motion.

/// Splitmix64: one word of state, good enough for layout, the same on every machine.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A generator for one purpose (`salt`) of one program (`seed`).
    pub const fn new(seed: u64, salt: u64) -> Self {
        Self(seed ^ salt.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// The next word.
    pub const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in 0 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.word() >> 40) as f32 / 16_777_216.0
    }

    /// Uniform in `low` to `high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// A whole number in 0 to `n`, without `n`.
    pub const fn below(&mut self, n: usize) -> usize {
        (self.word() % n as u64) as usize
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }
}

/// Uniform in 0 to 1 from a lattice point.
pub fn hash01(seed: u64, i: i64) -> f32 {
    Rng::new(seed, i as u64).unit()
}

/// Smooth one-dimensional value noise in -1 to 1, with one feature a unit of `x`.
pub fn smooth_noise(seed: u64, x: f32) -> f32 {
    let i = x.floor();
    let t = x - i;
    let t = t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let (a, b) = (hash01(seed, i as i64), hash01(seed, i as i64 + 1));
    (a + (b - a) * t) * 2.0 - 1.0
}

/// A line that returns to its start after one turn: a sum of sines with falling amplitude.
#[derive(Debug, Clone)]
pub struct Loop {
    waves: Vec<(f32, f32, f32)>,
}

impl Loop {
    /// `waves` sines from `first` cycles a turn upward; `roughness` 0 (one swell) to 1 (rugged).
    pub fn new(rng: &mut Rng, first: u32, waves: u32, roughness: f32) -> Self {
        let mut total = 0.0;
        let mut list = Vec::new();
        for i in 0..waves {
            let cycles = (first as f32 * 1.7f32.powi(i as i32)).round() + (i % 2) as f32;
            let amplitude = rng.range(0.6, 1.0) * (0.35 + 0.4 * roughness).powi(i as i32);
            list.push((cycles, amplitude, rng.range(0.0, std::f32::consts::TAU)));
            total += amplitude;
        }
        for wave in &mut list {
            wave.1 /= total;
        }
        Self { waves: list }
    }

    /// Height in -1 to 1 at `turn` (0 to 1, periodic).
    pub fn at(&self, turn: f32) -> f32 {
        let angle = turn * std::f32::consts::TAU;
        self.waves
            .iter()
            .map(|&(n, a, p)| a * (n * angle + p).sin())
            .sum()
    }
}

//! Colours as three sRGB floats, and the small arithmetic that a screen print needs.

/// A colour in sRGB, each channel 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rgb(pub [f32; 3]);

impl Rgb {
    /// From `0xRRGGBB`.
    pub const fn hex(value: u32) -> Self {
        Self([
            ((value >> 16) & 255) as f32 / 255.0,
            ((value >> 8) & 255) as f32 / 255.0,
            (value & 255) as f32 / 255.0,
        ])
    }

    /// `self` at 0, `other` at 1.
    #[must_use]
    pub fn mix(self, other: Self, amount: f32) -> Self {
        let t = amount.clamp(0.0, 1.0);
        self.zip(other, |a, b| a + (b - a) * t)
    }

    /// Channel by channel product, as of a pigment under coloured light.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        self.zip(other, |a, b| (a * b).min(1.0))
    }

    /// All channels times `factor`, kept inside 0 to 1.
    #[must_use]
    pub fn scale(self, factor: f32) -> Self {
        Self(self.0.map(|c| (c * factor).clamp(0.0, 1.0)))
    }

    /// Channel by channel sum, kept inside 0 to 1.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, |a, b| (a + b).min(1.0))
    }

    /// Perceived brightness, 0 to 1.
    pub fn luma(self) -> f32 {
        0.299 * self.0[0] + 0.587 * self.0[1] + 0.114 * self.0[2]
    }

    /// Toward the grey of the same brightness by `amount`.
    #[must_use]
    pub fn desaturate(self, amount: f32) -> Self {
        self.mix(Self([self.luma(); 3]), amount)
    }

    /// Bytes with an alpha, premultiplied.
    pub fn premultiplied(self, alpha: f32) -> [u8; 4] {
        let a = alpha.clamp(0.0, 1.0);
        let byte = |c: f32| (c * a * 255.0 + 0.5) as u8;
        [
            byte(self.0[0]),
            byte(self.0[1]),
            byte(self.0[2]),
            (a * 255.0 + 0.5) as u8,
        ]
    }

    /// One pixel of a [`super::bitmap::Bitmap`].
    pub fn pixel(self, alpha: f32) -> u32 {
        u32::from_le_bytes(self.premultiplied(alpha))
    }

    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self([
            f(self.0[0], other.0[0]),
            f(self.0[1], other.0[1]),
            f(self.0[2], other.0[2]),
        ])
    }
}

/// Smooth step from 0 at `a` to 1 at `b` with flat ends; `a > b` falls instead.
pub fn smoothstep(a: f32, b: f32, x: f32) -> f32 {
    let t = ((x - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A gradient through `stops` (position, colour), positions rising.
pub fn gradient(stops: &[(f32, Rgb)], at: f32) -> Rgb {
    let mut previous = stops[0];
    for &stop in stops {
        if at <= stop.0 {
            let span = (stop.0 - previous.0).max(1e-6);
            return previous
                .1
                .mix(stop.1, ((at - previous.0) / span).clamp(0.0, 1.0));
        }
        previous = stop;
    }
    previous.1
}

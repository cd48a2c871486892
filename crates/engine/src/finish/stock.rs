//! Film stocks: a colour matrix, a tone curve and tinted shadows and highlights.

/// A named look. The names are Kinora's own: they imitate a kind of film, no maker's product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stock {
    /// Daylight negative: soft shoulder, warm highlights, slightly green shadows.
    Daylight250,
    /// Tungsten negative: cool shadows, warm lamps, lifted blacks.
    Tungsten500,
    /// Reversal film: deep blacks, strong colours.
    Reversal100,
    /// Black and white, weighted towards red as with a yellow filter.
    BlackAndWhite,
}

impl Stock {
    /// Every stock.
    pub const ALL: &'static [Self] = &[
        Self::Daylight250,
        Self::Tungsten500,
        Self::Reversal100,
        Self::BlackAndWhite,
    ];

    /// The name as requests and recipes write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Daylight250 => "kinora-250d",
            Self::Tungsten500 => "kinora-500t",
            Self::Reversal100 => "kinora-100r",
            Self::BlackAndWhite => "kinora-bw",
        }
    }

    /// One sentence for lists.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Daylight250 => "daylight negative: soft shoulder, warm highlights",
            Self::Tungsten500 => "tungsten negative: cool lifted shadows, warm lamps",
            Self::Reversal100 => "reversal: deep blacks, strong colours",
            Self::BlackAndWhite => "black and white",
        }
    }

    const fn look(self) -> Look {
        match self {
            Self::Daylight250 => Look {
                saturation: 0.94,
                contrast: 0.55,
                lift: [0.012, 0.018, 0.014],
                gain: [1.02, 0.995, 0.955],
            },
            Self::Tungsten500 => Look {
                saturation: 0.90,
                contrast: 0.40,
                lift: [0.018, 0.026, 0.046],
                gain: [1.03, 0.985, 0.93],
            },
            Self::Reversal100 => Look {
                saturation: 1.22,
                contrast: 0.85,
                lift: [0.0; 3],
                gain: [1.0, 0.995, 1.0],
            },
            Self::BlackAndWhite => Look {
                saturation: 0.0,
                contrast: 0.65,
                lift: [0.01; 3],
                gain: [0.99; 3],
            },
        }
    }
}

struct Look {
    /// 0 grey, 1 as it is.
    saturation: f32,
    /// Share of an S-curve in the tone curve, 0 to 1.
    contrast: f32,
    /// Added to black, a channel.
    lift: [f32; 3],
    /// White's value, a channel.
    gain: [f32; 3],
}

/// A stock prepared as tables.
pub(super) struct Grade {
    saturation: f32,
    /// Weights of the channels in the grey that saturation mixes with.
    grey: [f32; 3],
    curves: [[u8; 256]; 3],
}

impl Grade {
    pub(super) fn new(stock: Stock) -> Self {
        let look = stock.look();
        let curve = |channel: usize| {
            std::array::from_fn(|i| {
                let x = i as f32 / 255.0;
                let s = x * x * (3.0 - 2.0 * x);
                let y = x + (s - x) * look.contrast;
                let y = look.lift[channel] + y * (look.gain[channel] - look.lift[channel]);
                (y.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
            })
        };
        let filtered = stock == Stock::BlackAndWhite;
        Self {
            saturation: look.saturation,
            grey: if filtered {
                [0.38, 0.52, 0.10]
            } else {
                [0.2126, 0.7152, 0.0722]
            },
            curves: [curve(0), curve(1), curve(2)],
        }
    }

    pub(super) fn apply(&self, frame: &mut [u8]) {
        for pixel in frame.as_chunks_mut::<3>().0 {
            let [r, g, b] = pixel.map(f32::from);
            let grey = r * self.grey[0] + g * self.grey[1] + b * self.grey[2];
            let keep = |value: f32| (grey + (value - grey) * self.saturation + 0.5) as u8;
            let [r, g, b] = [keep(r), keep(g), keep(b)];
            *pixel = [
                self.curves[0][r as usize],
                self.curves[1][g as usize],
                self.curves[2][b as usize],
            ];
        }
    }
}

//! Finishing: film stock, grain and vignette, applied to the delivered frames.
//!
//! The model paints a clean picture; the look of film is added here, named in the recipe, the same
//! for the same seed. Each part is a few operations a pixel.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::noise::mix;
use crate::size::Size;
use crate::text::nearest;

mod grain;
mod stock;

use grain::Grain;
use stock::Grade;
pub use stock::Stock;

/// What is done to the frames after the model; written `kinora-250d+grain+vignette` or `none`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Finish {
    /// Tone curve and colours of a film stock.
    pub stock: Option<Stock>,
    /// Moving grain, strongest in the mid tones.
    pub grain: bool,
    /// Darker corners.
    pub vignette: bool,
}

impl Finish {
    /// Whether the frames stay as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Every name that can be joined with `+`.
    pub fn names() -> Vec<&'static str> {
        let stocks = Stock::ALL.iter().map(|stock| stock.name());
        ["none"]
            .into_iter()
            .chain(stocks)
            .chain(["grain", "vignette"])
            .collect()
    }
}

impl fmt::Display for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<&str> = self.stock.iter().map(|stock| stock.name()).collect();
        parts.extend(self.grain.then_some("grain"));
        parts.extend(self.vignette.then_some("vignette"));
        f.write_str(
            if parts.is_empty() {
                "none".into()
            } else {
                parts.join("+")
            }
            .as_str(),
        )
    }
}

impl From<Finish> for String {
    fn from(finish: Finish) -> Self {
        finish.to_string()
    }
}

impl TryFrom<String> for Finish {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Finish {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut finish = Self::default();
        for part in text
            .split(['+', ','])
            .map(|part| part.trim().to_ascii_lowercase())
        {
            match part.as_str() {
                "none" => {}
                "grain" => finish.grain = true,
                "vignette" => finish.vignette = true,
                name => match Stock::ALL.iter().find(|stock| stock.name() == name) {
                    Some(_) if finish.stock.is_some() => {
                        return Err(format!("`{text}` names two film stocks; take one"));
                    }
                    Some(stock) => finish.stock = Some(*stock),
                    None => return Err(unknown(name)),
                },
            }
        }
        Ok(finish)
    }
}

fn unknown(name: &str) -> String {
    let names = Finish::names();
    let guess = nearest(name, &names).map(|near| format!(", did you mean `{near}`?"));
    format!(
        "there is no finish `{name}`{} (known: {})",
        guess.unwrap_or_default(),
        names.join(", ")
    )
}

/// A [`Finish`] prepared for one clip.
pub struct Finisher {
    grade: Option<Grade>,
    grain: Option<Grain>,
    /// One gain a pixel, 0 to 1.
    vignette: Option<Vec<f32>>,
    width: usize,
}

impl Finisher {
    /// Prepares `finish` for frames of `size`; `seed` decides the grain.
    pub fn new(finish: Finish, size: Size, seed: u64) -> Self {
        Self {
            grade: finish.stock.map(Grade::new),
            grain: finish.grain.then(|| Grain::new(mix(seed ^ GRAIN_SALT))),
            vignette: finish.vignette.then(|| vignette(size)),
            width: size.width as usize,
        }
    }

    /// Finishes delivered frame number `index`, RGB8 in place.
    pub fn apply(&self, frame: &mut [u8], index: u32) {
        if let Some(grade) = &self.grade {
            grade.apply(frame);
        }
        if let Some(gains) = &self.vignette {
            for (pixel, gain) in frame.as_chunks_mut::<3>().0.iter_mut().zip(gains) {
                *pixel = pixel.map(|value| (f32::from(value) * gain + 0.5) as u8);
            }
        }
        if let Some(grain) = &self.grain {
            grain.apply(frame, self.width, index);
        }
    }
}

/// Keeps the grain's stream apart from the noise's.
const GRAIN_SALT: u64 = 0x6b69_6e6f_7261_2d67;

/// Light falls off towards the corners, to 62 % of the centre's.
fn vignette(size: Size) -> Vec<f32> {
    let (w, h) = (size.width as f32, size.height as f32);
    let corner = (w * w + h * h) / 4.0;
    let mut gains = Vec::with_capacity(size.area());
    for y in 0..size.height {
        for x in 0..size.width {
            let (dx, dy) = (x as f32 + 0.5 - w / 2.0, y as f32 + 0.5 - h / 2.0);
            let r2 = (dx * dx + dy * dy) / corner;
            gains.push(1.0 - 0.38 * r2 * (0.35 + 0.65 * r2));
        }
    }
    gains
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(64, 48);

    fn grey(value: u8) -> Vec<u8> {
        vec![value; SIZE.rgb_bytes()]
    }

    fn finished(text: &str, seed: u64, index: u32, value: u8) -> Vec<u8> {
        let mut frame = grey(value);
        Finisher::new(text.parse().unwrap(), SIZE, seed).apply(&mut frame, index);
        frame
    }

    #[test]
    fn names_round_trip_and_wrong_ones_offer_the_nearest() {
        for text in [
            "none",
            "grain",
            "kinora-250d",
            "kinora-500t+grain+vignette",
            "kinora-bw",
        ] {
            assert_eq!(text.parse::<Finish>().unwrap().to_string(), text);
        }
        assert_eq!(
            "vignette, grain".parse::<Finish>().unwrap().to_string(),
            "grain+vignette"
        );
        let wrong = "kinora-250t".parse::<Finish>().unwrap_err();
        assert!(wrong.contains("kinora-250d"), "{wrong}");
        assert!("kinora-250d+kinora-bw".parse::<Finish>().is_err());
        assert!("".parse::<Finish>().is_err());
    }

    #[test]
    fn nothing_asked_changes_nothing() {
        assert_eq!(finished("none", 1, 0, 128), grey(128));
    }

    #[test]
    fn grain_moves_keeps_the_mean_and_repeats_with_the_seed() {
        let first = finished("grain", 1, 0, 128);
        assert_eq!(first, finished("grain", 1, 0, 128), "same seed, same frame");
        assert_ne!(
            first,
            finished("grain", 1, 1, 128),
            "grain moves between frames"
        );
        assert_ne!(
            first,
            finished("grain", 2, 0, 128),
            "another seed, another grain"
        );
        let mean = first.iter().map(|&v| f64::from(v)).sum::<f64>() / first.len() as f64;
        assert!((mean - 128.0).abs() < 1.0, "mean {mean}");
        let spread = |frame: &[u8], centre: i32| {
            frame
                .iter()
                .map(|&v| (i32::from(v) - centre).pow(2))
                .sum::<i32>()
        };
        assert!(spread(&finished("grain", 1, 0, 250), 250) < spread(&first, 128) / 2);
        assert!(
            finished("grain", 1, 0, 255).iter().all(|&v| v > 245),
            "white stays white"
        );
    }

    #[test]
    fn a_vignette_darkens_corners_only() {
        let frame = finished("vignette", 1, 0, 200);
        let at = |x: u32, y: u32| frame[((y * SIZE.width + x) * 3) as usize];
        assert!(
            at(0, 0) < 140 && at(63, 47) < 140,
            "corners {} {}",
            at(0, 0),
            at(63, 47)
        );
        assert!(at(32, 24) >= 199, "centre {}", at(32, 24));
    }

    #[test]
    fn stocks_keep_order_of_tones_and_differ() {
        let mut means = Vec::new();
        for stock in Stock::ALL {
            let tone = |value| {
                let frame = finished(stock.name(), 1, 0, value);
                frame.iter().map(|&v| u64::from(v)).sum::<u64>()
            };
            let tones: Vec<u64> = (0..=255).step_by(15).map(|v| tone(v as u8)).collect();
            assert!(
                tones.is_sorted(),
                "{} is not monotonic: {tones:?}",
                stock.name()
            );
            assert!(tones[17] > tones[0] * 3, "{} keeps contrast", stock.name());
            let mut colour = [200, 90, 40].repeat(SIZE.area());
            Finisher::new(stock.name().parse().unwrap(), SIZE, 1).apply(&mut colour, 0);
            means.push(colour[..3].to_vec());
        }
        let kinds: std::collections::BTreeSet<_> = means.iter().collect();
        assert_eq!(
            kinds.len(),
            means.len(),
            "each stock has its own cast: {means:?}"
        );
        let grey = finished("kinora-bw", 1, 0, 90);
        assert!(
            grey[0] == grey[1] && grey[1] == grey[2],
            "black and white has no colour"
        );
    }
}

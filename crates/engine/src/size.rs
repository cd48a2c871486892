//! Picture sizes, shapes and named resolutions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Width and height in pixels; written `1280x720`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size in pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Pixels in one picture.
    pub const fn area(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Bytes of one RGB8 picture.
    pub const fn rgb_bytes(self) -> usize {
        self.area() * 3
    }

    /// Width over height.
    pub fn ratio(self) -> f64 {
        f64::from(self.width) / f64::from(self.height)
    }

    /// The largest even size with this ratio inside this one.
    pub(crate) fn largest_inside(self, ratio: f64) -> Self {
        let even = |x: f64, most: u32| (((x / 2.0).round() * 2.0) as u32).clamp(2, most);
        if ratio >= self.ratio() {
            Self::new(self.width, even(f64::from(self.width) / ratio, self.height))
        } else {
            Self::new(
                even(f64::from(self.height) * ratio, self.width),
                self.height,
            )
        }
    }

    /// Both sides to the nearest multiple of `step`, at least one step and inside `largest`.
    pub(crate) fn on_grid(self, step: u32, largest: Self) -> Self {
        let snap = |side: u32, most: u32| {
            let nearest = (side + step / 2) / step * step;
            nearest.clamp(step, (most / step * step).max(step))
        };
        let (width, height) = (largest.width, largest.height);
        let most = if self.ratio() >= 1.0 {
            (width, height)
        } else {
            (height, width)
        };
        Self::new(snap(self.width, most.0), snap(self.height, most.1))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl TryFrom<String> for Size {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (width, height) = pair(text, &['x', 'X', '\u{d7}'])
            .ok_or_else(|| format!("`{text}` is not WIDTHxHEIGHT in pixels, such as 1280x720"))?;
        Ok(Self { width, height })
    }
}

/// A picture's shape; written `16:9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Aspect {
    /// Units of width.
    pub width: u32,
    /// Units of height.
    pub height: u32,
}

impl Aspect {
    /// A shape such as `Aspect::new(16, 9)`.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Width over height.
    pub fn ratio(self) -> f64 {
        f64::from(self.width) / f64::from(self.height)
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.width, self.height)
    }
}

impl From<Aspect> for String {
    fn from(aspect: Aspect) -> Self {
        aspect.to_string()
    }
}

impl TryFrom<String> for Aspect {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Aspect {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (width, height) = pair(text, &[':', '/']).ok_or_else(|| {
            format!("`{text}` is not a shape such as 16:9, 9:16, 1:1, 4:3 or 3:4")
        })?;
        Ok(Self { width, height })
    }
}

/// Two positive whole numbers around one of `separators`.
fn pair(text: &str, separators: &[char]) -> Option<(u32, u32)> {
    let (left, right) = text.trim().split_once(separators)?;
    let number = |part: &str| {
        part.trim()
            .parse::<u32>()
            .ok()
            .filter(|n| (1..=100_000).contains(n))
    };
    Some((number(left)?, number(right)?))
}

/// A named size of the short side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resolution {
    /// 480 lines: 854x480 at 16:9.
    #[serde(rename = "480p")]
    P480,
    /// 720 lines: 1280x720 at 16:9.
    #[serde(rename = "720p")]
    P720,
    /// 1080 lines: 1920x1080 at 16:9.
    #[serde(rename = "1080p")]
    P1080,
}

impl FromStr for Resolution {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim_end_matches(['p', 'P']) {
            "480" => Ok(Self::P480),
            "720" => Ok(Self::P720),
            "1080" => Ok(Self::P1080),
            _ => Err("known are 480p, 720p and 1080p".into()),
        }
    }
}

impl Resolution {
    /// The name, such as `720p`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P480 => "480p",
            Self::P720 => "720p",
            Self::P1080 => "1080p",
        }
    }

    /// The box that a picture of any shape fits in: `(long side, short side)`.
    const fn sides(self) -> (u32, u32) {
        match self {
            Self::P480 => (854, 480),
            Self::P720 => (1280, 720),
            Self::P1080 => (1920, 1080),
        }
    }

    /// The largest even size of this shape inside the resolution's box.
    pub(crate) fn size(self, aspect: Aspect) -> Size {
        let (long, short) = self.sides();
        let (width, height) = if aspect.ratio() >= 1.0 {
            (long, short)
        } else {
            (short, long)
        };
        Size { width, height }.largest_inside(aspect.ratio())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "",
            "x",
            "0x100",
            "12",
            "-4x8",
            "1e3x2",
            "99999999999x2",
            "NaNxNaN",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text} must not parse");
        }
    }

    #[test]
    fn sizes_snap_to_the_grid_inside_the_largest() {
        let largest = Size::new(1920, 1080);
        for (asked, step, snapped) in [
            ("512x512", 32, "512x512"),
            ("500x270", 32, "512x256"),
            ("1080x1920", 32, "1056x1920"),
            ("8x8", 16, "16x16"),
        ] {
            let size: Size = asked.parse().unwrap();
            assert_eq!(size.on_grid(step, largest).to_string(), snapped, "{asked}");
        }
    }
}

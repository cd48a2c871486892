//! Picture sizes: what was asked for, which bucket the model paints, how one becomes the other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest and shortest sides of a delivered picture.
pub const LARGEST: Size = Size {
    width: 1920,
    height: 1080,
};
/// The shortest side that is delivered.
pub const SMALLEST_SIDE: u32 = 128;
/// The most elongated picture, long side over short side.
pub const MOST_ELONGATED: f64 = 2.5;

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
    fn size(self, aspect: Aspect) -> Size {
        let (long, short) = self.sides();
        let (width, height) = if aspect.ratio() >= 1.0 {
            (long, short)
        } else {
            (short, long)
        };
        largest_inside(Size { width, height }, aspect.ratio())
    }
}

/// How the model's picture becomes the delivered one: paint `native`, cut `crop`, scale to `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framing {
    /// What the decoder paints: one of the model's buckets.
    pub native: Size,
    /// The centred part that is kept, to whole pixels.
    pub crop: Size,
    /// What is delivered.
    pub size: Size,
}

impl Framing {
    /// The bucket as it is.
    pub const fn whole(native: Size) -> Self {
        Self {
            native,
            crop: native,
            size: native,
        }
    }

    /// Cuts the bucket nearest in shape to `size` and scales it to `size`.
    fn scaled(size: Size, buckets: &[Size]) -> Self {
        let native = nearest(size.ratio(), buckets);
        Self {
            native,
            crop: largest_inside(native, size.ratio()),
            size,
        }
    }

    /// Cuts the bucket nearest to `aspect`, without scaling.
    fn cut(aspect: Aspect, buckets: &[Size]) -> Self {
        let native = nearest(aspect.ratio(), buckets);
        let crop = largest_inside(native, aspect.ratio());
        Self {
            native,
            crop,
            size: crop,
        }
    }

    /// Whether the model's pixels are scaled, so that the delivered size is not the native one.
    pub fn is_resized(&self) -> bool {
        self.crop != self.size
    }
}

/// What was asked for; the exact size wins over shape and resolution.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask {
    /// The exact size.
    pub size: Option<Size>,
    /// The shape.
    pub aspect: Option<Aspect>,
    /// The named resolution.
    pub resolution: Option<Resolution>,
}

/// Chooses bucket, crop and delivered size. Nothing asked for means the first bucket, whole.
///
/// # Errors
/// One sentence about a size that cannot be delivered, and a hint.
pub fn frame(ask: Ask, buckets: &[Size]) -> Result<Framing, (String, String)> {
    if let Some(size) = ask.size {
        check_size(size)?;
        return Ok(Framing::scaled(size, buckets));
    }
    if let Some(aspect) = ask.aspect {
        check_elongation(aspect.ratio(), &aspect.to_string())?;
    }
    Ok(match (ask.aspect, ask.resolution) {
        (None, None) => Framing::whole(buckets[0]),
        (Some(aspect), None) => Framing::cut(aspect, buckets),
        (aspect, Some(resolution)) => Framing::scaled(
            resolution.size(aspect.unwrap_or(Aspect::new(16, 9))),
            buckets,
        ),
    })
}

fn check_size(size: Size) -> Result<(), (String, String)> {
    let (long, short) = (size.width.max(size.height), size.width.min(size.height));
    if long > LARGEST.width || short > LARGEST.height {
        return Err((
            format!("size {size} is larger than {LARGEST}"),
            format!("the largest picture is {LARGEST}, or 1080x1920 upright"),
        ));
    }
    if short < SMALLEST_SIDE {
        return Err((
            format!("size {size} is too small"),
            format!("both sides must be at least {SMALLEST_SIDE} pixels"),
        ));
    }
    if size.width % 2 == 1 || size.height % 2 == 1 {
        let even = Size::new(size.width & !1, size.height & !1);
        return Err((
            format!("size {size} has an odd side, which H.264 video cannot have"),
            format!("the nearest even size is {even}"),
        ));
    }
    check_elongation(size.ratio(), &size.to_string())
}

fn check_elongation(ratio: f64, asked: &str) -> Result<(), (String, String)> {
    if ratio.max(1.0 / ratio) > MOST_ELONGATED {
        return Err((
            format!("{asked} is too elongated"),
            format!(
                "shapes from 1:{MOST_ELONGATED} to {MOST_ELONGATED}:1 can be cut, such as 16:9"
            ),
        ));
    }
    Ok(())
}

/// The bucket whose shape is nearest, compared by logarithm so that 2:1 and 1:2 are equally far.
fn nearest(ratio: f64, buckets: &[Size]) -> Size {
    *buckets
        .iter()
        .min_by(|a, b| {
            let distance = |size: &Size| (size.ratio() / ratio).ln().abs();
            distance(a).total_cmp(&distance(b))
        })
        .expect("a model has at least one bucket")
}

/// The largest even size with this ratio inside `outer`.
fn largest_inside(outer: Size, ratio: f64) -> Size {
    let even = |x: f64, most: u32| (((x / 2.0).round() * 2.0) as u32).clamp(2, most);
    if ratio >= outer.ratio() {
        Size::new(
            outer.width,
            even(f64::from(outer.width) / ratio, outer.height),
        )
    } else {
        Size::new(
            even(f64::from(outer.height) * ratio, outer.width),
            outer.height,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: &[Size] = &[
        Size::new(576, 320),
        Size::new(320, 576),
        Size::new(448, 448),
        Size::new(512, 384),
        Size::new(384, 512),
    ];

    fn check(ask: Ask, native: &str, crop: &str, size: &str) {
        let framing = frame(ask, BUCKETS).unwrap();
        assert_eq!(framing.native.to_string(), native, "native of {ask:?}");
        assert_eq!(framing.crop.to_string(), crop, "crop of {ask:?}");
        assert_eq!(framing.size.to_string(), size, "size of {ask:?}");
    }

    #[test]
    fn every_way_of_asking_finds_a_bucket() {
        let aspect = |w, h| Some(Aspect::new(w, h));
        let ask = Ask::default();
        check(ask, "576x320", "576x320", "576x320");
        check(
            Ask {
                aspect: aspect(16, 9),
                ..ask
            },
            "576x320",
            "568x320",
            "568x320",
        );
        check(
            Ask {
                aspect: aspect(9, 16),
                ..ask
            },
            "320x576",
            "320x568",
            "320x568",
        );
        check(
            Ask {
                aspect: aspect(1, 1),
                ..ask
            },
            "448x448",
            "448x448",
            "448x448",
        );
        check(
            Ask {
                aspect: aspect(3, 4),
                ..ask
            },
            "384x512",
            "384x512",
            "384x512",
        );
        let hd = Some(Resolution::P1080);
        check(
            Ask {
                resolution: hd,
                ..ask
            },
            "576x320",
            "568x320",
            "1920x1080",
        );
        check(
            Ask {
                resolution: hd,
                aspect: aspect(4, 3),
                ..ask
            },
            "512x384",
            "512x384",
            "1440x1080",
        );
        let sd = Some(Resolution::P480);
        check(
            Ask {
                resolution: sd,
                ..ask
            },
            "576x320",
            "570x320",
            "854x480",
        );
        check(
            Ask {
                resolution: sd,
                aspect: aspect(9, 16),
                ..ask
            },
            "320x576",
            "320x570",
            "480x854",
        );
        check(
            Ask {
                size: Some(Size::new(720, 1280)),
                ..ask
            },
            "320x576",
            "320x568",
            "720x1280",
        );
        check(
            Ask {
                size: Some(Size::new(1024, 1024)),
                ..ask
            },
            "448x448",
            "448x448",
            "1024x1024",
        );
    }

    #[test]
    fn sizes_that_cannot_be_delivered_say_what_can() {
        for (text, hint) in [
            ("4096x2160", "1920x1080"),
            ("1279x720", "1278x720"),
            ("16x16", "128"),
            ("1000x200", "16:9"),
            ("1200x1200", "1080x1920"),
        ] {
            let ask = Ask {
                size: Some(text.parse().unwrap()),
                ..Ask::default()
            };
            let (_, said) = frame(ask, BUCKETS).unwrap_err();
            assert!(said.contains(hint), "hint for {text}: {said}");
        }
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
    fn crops_are_inside_and_keep_the_shape() {
        for width in (128..=320).step_by(2) {
            let size = Size::new(width, 128);
            let framing = frame(
                Ask {
                    size: Some(size),
                    ..Ask::default()
                },
                BUCKETS,
            )
            .unwrap();
            let crop = framing.crop;
            assert!(crop.width <= framing.native.width && crop.height <= framing.native.height);
            let off = (crop.ratio() / size.ratio()).ln().abs();
            assert!(off < 0.01, "{size}: crop {crop} changes the shape by {off}");
        }
    }
}

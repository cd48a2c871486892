//! From a size that was asked for to the one that the model paints, and back.

use serde::{Deserialize, Serialize};

use crate::size::{Aspect, Resolution, Size};

/// The longest and shortest sides of a delivered picture.
pub const LARGEST: Size = Size {
    width: 1920,
    height: 1080,
};
/// The shortest side that is delivered.
pub const SMALLEST_SIDE: u32 = 128;
/// The most elongated picture, long side over short side.
pub const MOST_ELONGATED: f64 = 2.5;

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
            crop: native.largest_inside(size.ratio()),
            size,
        }
    }

    /// Cuts the bucket nearest to `aspect`, without scaling.
    fn cut(aspect: Aspect, buckets: &[Size]) -> Self {
        let native = nearest(aspect.ratio(), buckets);
        let crop = native.largest_inside(aspect.ratio());
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

/// What a model can paint.
#[derive(Debug, Clone, Copy)]
pub enum Canvas<'a> {
    /// These sizes, the default first; others are cut and scaled from them.
    Buckets(&'a [Size]),
    /// Any size whose sides are multiples of `step`; others are snapped to it.
    Grid {
        /// In pixels.
        step: u32,
        /// Painted when nothing is asked for.
        usual: Size,
    },
}

/// Chooses bucket, crop and delivered size. Nothing asked for means the first bucket, whole.
///
/// # Errors
/// One sentence about a size that cannot be delivered, and a hint.
pub fn frame(ask: Ask, canvas: Canvas) -> Result<Framing, (String, String)> {
    let buckets = match canvas {
        Canvas::Buckets(sizes) => sizes,
        Canvas::Grid { step, usual } => return on_grid(ask, step, usual),
    };
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

/// The nearest size on the grid, neither cut nor scaled. A shape alone keeps the usual area.
fn on_grid(ask: Ask, step: u32, usual: Size) -> Result<Framing, (String, String)> {
    let shape = ask.aspect.unwrap_or(Aspect::new(usual.width, usual.height));
    check_elongation(shape.ratio(), &shape.to_string())?;
    let size = match (ask.size, ask.resolution) {
        (Some(size), _) => {
            check_largest(size)?;
            check_elongation(size.ratio(), &size.to_string())?;
            size
        }
        (None, Some(resolution)) => resolution.size(shape),
        (None, None) => {
            let width = (usual.area() as f64 * shape.ratio()).sqrt();
            Size::new(width.round() as u32, (width / shape.ratio()).round() as u32)
        }
    };
    Ok(Framing::whole(size.on_grid(step, LARGEST)))
}

fn check_largest(size: Size) -> Result<(), (String, String)> {
    let (long, short) = (size.width.max(size.height), size.width.min(size.height));
    if long > LARGEST.width || short > LARGEST.height {
        return Err((
            format!("size {size} is larger than {LARGEST}"),
            format!("the largest picture is {LARGEST}, or 1080x1920 upright"),
        ));
    }
    Ok(())
}

fn check_size(size: Size) -> Result<(), (String, String)> {
    check_largest(size)?;
    if size.width.min(size.height) < SMALLEST_SIDE {
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

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: Canvas = Canvas::Buckets(&[
        Size::new(576, 320),
        Size::new(320, 576),
        Size::new(448, 448),
        Size::new(512, 384),
        Size::new(384, 512),
    ]);

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
    }

    #[test]
    fn a_grid_paints_what_is_asked_for_to_the_next_step() {
        let grid = Canvas::Grid {
            step: 32,
            usual: Size::new(704, 480),
        };
        let ask = Ask::default();
        let sized = |text: &str| Ask {
            size: Some(text.parse().unwrap()),
            ..ask
        };
        for (ask, painted) in [
            (ask, "704x480"),
            (sized("480x272"), "480x288"),
            (sized("32x32"), "32x32"),
            (
                Ask {
                    aspect: Some(Aspect::new(9, 16)),
                    ..ask
                },
                "448x768",
            ),
            (
                Ask {
                    resolution: Some(Resolution::P720),
                    ..ask
                },
                "1056x736",
            ),
        ] {
            let framing = frame(ask, grid).unwrap();
            assert_eq!(framing, Framing::whole(painted.parse().unwrap()), "{ask:?}");
        }
        assert!(frame(sized("4096x2160"), grid).is_err());
        assert!(frame(sized("1000x100"), grid).is_err());
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

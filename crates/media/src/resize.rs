//! Cropping to a shape and resizing to a size.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{ResizeOptions, Resizer};

use crate::error::{MediaError, Result, check_rgb};

/// Crops `rgb` `[from.1, from.0, 3]` around its centre to the shape of `to`, then resizes it.
///
/// `from` and `to` are (width, height). The crop may cut through pixels, so the shape is exact and
/// nothing is stretched. Lanczos, on the sRGB values.
///
/// # Errors
/// [`MediaError::WrongLength`] if `rgb` does not fit `from`, [`MediaError::Picture`] for an empty
/// size or one too large for memory to be addressed.
pub fn fit(rgb: &[u8], from: (u32, u32), to: (u32, u32)) -> Result<Vec<u8>> {
    check_rgb(rgb.len(), from.0, from.1)?;
    let failure = |reason: String| {
        let (width, height) = to;
        MediaError::Picture {
            action: "resize to",
            width,
            height,
            reason,
        }
    };
    if to.0 == 0 || to.1 == 0 || rgb.is_empty() {
        return Err(failure("a side is 0".into()));
    }
    if from == to {
        return Ok(rgb.to_vec());
    }
    let mut resized = vec![0; to.0 as usize * to.1 as usize * 3];
    // The typed interface: the untyped one compiles the code for every kind of pixel.
    let source = TypedImageRef::<U8x3>::from_buffer(from.0, from.1, rgb)
        .map_err(|error| failure(error.to_string()))?;
    let mut target = TypedImage::<U8x3>::from_buffer(to.0, to.1, &mut resized)
        .map_err(|error| failure(error.to_string()))?;
    let options = ResizeOptions::new().fit_into_destination(Some((0.5, 0.5)));
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .map_err(|error| failure(error.to_string()))?;
    Ok(resized)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ramp that says where each pixel came from: red is x, green is y.
    fn ramp(width: u32, height: u32) -> Vec<u8> {
        (0..height)
            .flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 50]))
            .collect()
    }

    fn check(from: (u32, u32), to: (u32, u32)) {
        let small = fit(&ramp(from.0, from.1), from, to).unwrap();
        assert_eq!(small.len(), (to.0 * to.1 * 3) as usize);
        let scale = (f64::from(from.0) / f64::from(to.0)).min(f64::from(from.1) / f64::from(to.1));
        for (x, y) in [
            (to.0 / 4, to.1 / 3),
            (to.0 / 2, to.1 / 2),
            (to.0 * 3 / 4, to.1 * 2 / 3),
        ] {
            let expected = |at: u32, from: u32, to: u32| {
                let from_centre = (f64::from(at) + 0.5 - f64::from(to) / 2.0) * scale;
                f64::from(from) / 2.0 + from_centre - 0.5
            };
            let at = ((y * to.0 + x) * 3) as usize;
            let found = (f64::from(small[at]), f64::from(small[at + 1]));
            let wanted = (expected(x, from.0, to.0), expected(y, from.1, to.1));
            let error = (found.0 - wanted.0).abs().max((found.1 - wanted.1).abs());
            assert!(
                error <= 1.0,
                "{from:?} to {to:?} at ({x}, {y}): {found:?}, not {wanted:?}"
            );
            assert_eq!(small[at + 2], 50);
        }
    }

    #[test]
    fn the_centre_is_kept_and_nothing_is_stretched() {
        check((200, 100), (50, 50));
        check((100, 200), (96, 54));
        check((192, 108), (64, 36));
        check((61, 47), (130, 98)); // enlarged, from odd sides
        check((40, 40), (40, 40));
    }

    #[test]
    fn empty_sizes_are_errors() {
        assert!(matches!(
            fit(&[], (0, 0), (4, 4)),
            Err(MediaError::Picture { .. })
        ));
        assert!(matches!(
            fit(&[0; 12], (2, 2), (0, 4)),
            Err(MediaError::Picture { .. })
        ));
        assert!(matches!(
            fit(&[0; 12], (2, 3), (4, 4)),
            Err(MediaError::WrongLength { .. })
        ));
    }
}

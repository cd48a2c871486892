//! Single pictures: reading what a person hands over, writing thumbnails.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader, Limits};

use crate::error::{MediaError, Result, check_rgb};
use crate::publish;
use crate::resize::fit;

/// Largest picture file read, in bytes.
pub const MAX_STILL_FILE_BYTES: u64 = 64 << 20;
/// Largest side of a picture read or written, in pixels.
pub const MAX_STILL_SIDE: u32 = 8192;
/// Memory that decoding one picture may take, in bytes.
const MAX_DECODE_BYTES: u64 = 256 << 20;

/// Qualities that [`Still::write`] uses for lossy formats, of 100.
const WEBP_QUALITY: u8 = 82;
const JPEG_QUALITY: u8 = 85;

/// One picture in sRGB.
#[derive(Clone, PartialEq, Eq)]
pub struct Still {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

/// A file format for pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StillFormat {
    /// Lossless.
    Png,
    /// Lossy WebP.
    WebP {
        /// 0 (smallest) to 100 (best).
        quality: u8,
    },
    /// JPEG without chroma subsampling.
    Jpeg {
        /// 1 (smallest) to 100 (best).
        quality: u8,
    },
}

impl StillFormat {
    /// The format for a file name: `.png`, `.webp`, `.jpg` or `.jpeg`.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "webp" => Some(Self::WebP {
                quality: WEBP_QUALITY,
            }),
            "jpg" | "jpeg" => Some(Self::Jpeg {
                quality: JPEG_QUALITY,
            }),
            _ => None,
        }
    }
}

impl Still {
    /// A picture of `rgb` `[height, width, 3]`, sides 1 to [`MAX_STILL_SIDE`].
    ///
    /// # Errors
    /// [`MediaError::WrongLength`] if the bytes do not fit the size, [`MediaError::Picture`] for
    /// a side out of range.
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self> {
        check_sides(width, height)?;
        check_rgb(rgb.len(), width, height)?;
        Ok(Self { width, height, rgb })
    }

    /// A black picture.
    pub(crate) fn black(width: u32, height: u32) -> Result<Self> {
        check_sides(width, height)?;
        Self::new(width, height, vec![0; width as usize * height as usize * 3])
    }

    /// Copies `rgb`, rows of `width` pixels, to the `corner` (x, y); it must fit.
    pub(crate) fn paste(&mut self, rgb: &[u8], width: u32, corner: (u32, u32)) {
        let row_bytes = width as usize * 3;
        for (row, source) in rgb.chunks_exact(row_bytes).enumerate() {
            let y = corner.1 as usize + row;
            let start = (y * self.width as usize + corner.0 as usize) * 3;
            self.rgb[start..start + row_bytes].copy_from_slice(source);
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels, `[height, width, 3]`.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The pixels, `[height, width, 3]`, without a copy.
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }

    /// The picture cropped around its centre to the shape of `width` x `height`, then resized.
    ///
    /// # Errors
    /// [`MediaError::Picture`] for a side out of range.
    pub fn fit(&self, width: u32, height: u32) -> Result<Self> {
        check_sides(width, height)?;
        let rgb = fit(&self.rgb, (self.width, self.height), (width, height))?;
        Self::new(width, height, rgb)
    }

    /// The bytes of a file in `format`; the same picture gives the same bytes.
    ///
    /// # Errors
    /// [`MediaError::Picture`] if the encoder fails.
    pub fn encode(&self, format: StillFormat) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match format {
            StillFormat::Png => {
                let (compression, filter) = (CompressionType::Default, FilterType::Adaptive);
                self.encode_by(PngEncoder::new_with_quality(
                    &mut bytes,
                    compression,
                    filter,
                ))?;
            }
            StillFormat::Jpeg { quality } => {
                let quality = quality.clamp(1, 100);
                self.encode_by(JpegEncoder::new_with_quality(&mut bytes, quality))?;
            }
            StillFormat::WebP { quality } => {
                let encoder = webp::Encoder::from_rgb(&self.rgb, self.width, self.height);
                let encoded = encoder
                    .encode_simple(false, f32::from(quality.min(100)))
                    .map_err(|error| self.failure(format!("{error:?}")))?;
                bytes.extend_from_slice(&encoded);
            }
        }
        Ok(bytes)
    }

    /// Writes a file in the format that its name asks for (see [`StillFormat::of`]).
    ///
    /// The file appears whole or not at all.
    ///
    /// # Errors
    /// [`MediaError::BadPicture`] for another ending, [`MediaError::AlreadyExists`] unless
    /// `overwrite`, [`MediaError::Io`], [`MediaError::Picture`].
    pub fn write(&self, path: impl AsRef<Path>, overwrite: bool) -> Result<()> {
        let path = path.as_ref();
        let format = StillFormat::of(path)
            .ok_or_else(|| bad(path, "its name must end in .png, .webp, .jpg or .jpeg"))?;
        publish::write_file(path, overwrite, &self.encode(format)?)
    }

    fn encode_by(&self, encoder: impl ImageEncoder) -> Result<()> {
        encoder
            .write_image(&self.rgb, self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|error| self.failure(error.to_string()))
    }

    fn failure(&self, reason: String) -> MediaError {
        MediaError::Picture {
            action: "encode",
            width: self.width,
            height: self.height,
            reason,
        }
    }
}

impl std::fmt::Debug for Still {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Still({}x{})", self.width, self.height)
    }
}

/// Reads a PNG, JPEG or WebP picture that anyone may have made.
///
/// The format is told by the content, not the name. A stored orientation is applied, transparent
/// parts are laid on white, and deeper or grey pixels become 8-bit RGB. The file, the sides and
/// the memory for decoding are bounded.
///
/// # Errors
/// [`MediaError::Io`] if the file cannot be read, [`MediaError::BadPicture`] if it is none of
/// these formats, damaged or too large.
pub fn read_still(path: impl AsRef<Path>) -> Result<Still> {
    let path = path.as_ref();
    let file = File::open(path).map_err(MediaError::io("open", path))?;
    let metadata = file.metadata().map_err(MediaError::io("read", path))?;
    if !metadata.is_file() {
        return Err(bad(path, "it is not a file"));
    }
    if metadata.len() > MAX_STILL_FILE_BYTES {
        return Err(bad(path, "the file is larger than 64 MiB"));
    }
    let mut bytes = Vec::new();
    BufReader::new(file)
        .take(MAX_STILL_FILE_BYTES) // it may have grown since
        .read_to_end(&mut bytes)
        .map_err(MediaError::io("read", path))?;
    let picture = decode(&bytes).map_err(|error| bad(path, &error.to_string()))?;
    let (width, height) = (picture.width(), picture.height());
    Still::new(width, height, flatten(picture)).map_err(|error| bad(path, &error.to_string()))
}

fn decode(bytes: &[u8]) -> image::ImageResult<DynamicImage> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_STILL_SIDE);
    limits.max_image_height = Some(MAX_STILL_SIDE);
    limits.max_alloc = Some(MAX_DECODE_BYTES);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    // A decoder keeps to the sides by itself; what the whole picture takes is for its caller to look at.
    limits.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// 8-bit RGB, transparent parts laid on white.
fn flatten(picture: DynamicImage) -> Vec<u8> {
    if !picture.color().has_alpha() {
        return picture.into_rgb8().into_raw();
    }
    let rgba = picture.into_rgba8().into_raw();
    let (pixels, _) = rgba.as_chunks::<4>();
    let over_white = |value: u8, alpha: u8| {
        let (value, alpha) = (u16::from(value), u16::from(alpha));
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    pixels
        .iter()
        .flat_map(|&[r, g, b, a]| [r, g, b].map(|value| over_white(value, a)))
        .collect()
}

fn check_sides(width: u32, height: u32) -> Result<()> {
    let sides = 1..=MAX_STILL_SIDE;
    if sides.contains(&width) && sides.contains(&height) {
        return Ok(());
    }
    let reason = format!("sides must be 1 to {MAX_STILL_SIDE} pixels");
    Err(MediaError::Picture {
        action: "make",
        width,
        height,
        reason,
    })
}

fn bad(path: &Path, reason: &str) -> MediaError {
    MediaError::BadPicture {
        path: path.to_path_buf(),
        reason: reason.to_string(),
    }
}

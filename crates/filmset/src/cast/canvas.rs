//! A premultiplied RGBA picture with an offset, and the rasterizer that prints shapes into it.
//!
//! Coverage is exact: every edge adds the area it cuts off each pixel, and a running sum along
//! the row turns that into the share of the pixel inside. A shape is printed in two tones from
//! one mask: where the mask seen a little *away* from the sun is empty, the shape is in shade.
//! The third tone, the rim of light, belongs to the finished silhouette: see [`Canvas::rim`].

use super::path::Path;
use super::raster::{Edges, MaskBox};

/// The two flat tones of one material, sRGB from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tones {
    /// The face of the shape.
    pub base: [f32; 3],
    /// The side away from the sun.
    pub shade: [f32; 3],
}

impl Tones {
    /// Both tones as opaque little-endian RGBA pixels, `fade` times as bright.
    fn packed(&self, fade: f32) -> [u32; 2] {
        [self.base, self.shade].map(|color| {
            let [r, g, b] = color.map(|v| ((v * fade).min(1.0) * 255.0 + 0.5) as i32 as u32);
            r | g << 8 | b << 16 | 255 << 24
        })
    }
}

/// How a shape is printed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ink {
    /// Colours.
    pub tones: Tones,
    /// Opacity, 0 to 1.
    pub alpha: f32,
    /// Where to look for the shape's end on the shaded side, pixels; `None` prints one tone.
    pub shade_shift: Option<[f32; 2]>,
    /// How much brighter the top is than the bottom, 0 to about 0.3.
    pub gradient: f32,
    /// Print only where the canvas is painted already.
    pub atop: bool,
}

impl Ink {
    /// One colour all over.
    pub fn flat(color: [f32; 3]) -> Self {
        let tones = Tones {
            base: color,
            shade: color,
        };
        Self {
            tones,
            alpha: 1.0,
            shade_shift: None,
            gradient: 0.0,
            atop: false,
        }
    }

    /// The same ink, thinner.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f32) -> Self {
        self.alpha = alpha;
        self
    }

    /// The same ink, only on what is painted already.
    #[must_use]
    pub fn atop(mut self) -> Self {
        self.atop = true;
        self
    }
}

/// A premultiplied RGBA picture whose pixel (0, 0) stands at [`Canvas::origin`] of the frame.
#[derive(Debug, Clone)]
pub struct Canvas {
    width: usize,
    height: usize,
    origin: [i32; 2],
    pixels: Vec<u8>,
    mask: Vec<f32>,
    /// First and last column of the mask that each row's edges touch.
    spans: Vec<[u32; 2]>,
    /// Shares of shade in the row being printed.
    shades: Vec<f32>,
    /// Left, top, right and bottom of what was printed since [`Canvas::begin`].
    dirty: [usize; 4],
}

impl Canvas {
    /// A transparent canvas of `width` x `height` pixels whose corner lies at `origin`.
    pub fn new(width: usize, height: usize, origin: [i32; 2]) -> Self {
        let pixels = vec![0; width * height * 4];
        let dirty = [width, height, 0, 0];
        Self {
            width,
            height,
            origin,
            pixels,
            mask: Vec::new(),
            spans: Vec::new(),
            shades: Vec::new(),
            dirty,
        }
    }

    /// Makes the canvas transparent, resizes and moves it, and keeps its memory.
    pub fn reset(&mut self, width: usize, height: usize, origin: [i32; 2]) {
        (self.width, self.height, self.origin) = (width, height, origin);
        self.pixels.clear();
        self.pixels.resize(width * height * 4, 0);
        self.begin();
    }

    /// Forgets what has been printed so far, for [`Canvas::rim`] and [`Canvas::dirty`].
    pub fn begin(&mut self) {
        self.dirty = [self.width, self.height, 0, 0];
    }

    /// Left, top, right (exclusive) and bottom (exclusive) of what was printed since
    /// [`Canvas::begin`], in canvas pixels; `None` when nothing was.
    pub fn dirty(&self) -> Option<[usize; 4]> {
        let [left, top, right, bottom] = self.dirty;
        (left < right && top < bottom).then_some(self.dirty)
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Frame position of the top left pixel.
    pub fn origin(&self) -> [i32; 2] {
        self.origin
    }

    /// Premultiplied RGBA, row by row, `height * width * 4` bytes.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Prints the union of the path's contours, given in frame pixels.
    pub fn fill(&mut self, path: &Path, ink: &Ink) {
        let pad = ink
            .shade_shift
            .map_or(1, |[x, y]| x.abs().max(y.abs()).ceil() as i32 + 2);
        let Some(area) = self.mask_box(path, pad) else {
            return;
        };
        self.rasterize(path, area);
        self.print(area, pad as usize, ink);
    }

    /// Box of the path, cut to the canvas, with `pad` pixels of margin on each side.
    fn mask_box(&self, path: &Path, pad: i32) -> Option<MaskBox> {
        let [x0, y0, x1, y1] = path.bounds()?;
        let (ox, oy) = (self.origin[0] as f32, self.origin[1] as f32);
        let left = ((x0 - ox).floor().max(0.0)) as i32 - pad;
        let top = ((y0 - oy).floor().max(0.0)) as i32 - pad;
        let right = ((x1 - ox).ceil().min(self.width as f32)) as i32 + pad;
        let bottom = ((y1 - oy).ceil().min(self.height as f32)) as i32 + pad;
        (right - left > 2 * pad && bottom - top > 2 * pad).then(|| MaskBox {
            left,
            top,
            width: (right - left) as usize,
            height: (bottom - top) as usize,
        })
    }

    /// Writes the coverage of the path into `mask`.
    fn rasterize(&mut self, path: &Path, area: MaskBox) {
        self.mask.clear();
        // One value past the end takes what the last pixel hands on.
        self.mask.resize(area.width * area.height + 2, 0.0);
        self.spans.clear();
        self.spans.resize(area.height, [u32::MAX, 0]);
        let dx = (self.origin[0] + area.left) as f32;
        let dy = (self.origin[1] + area.top) as f32;
        let mut edges = Edges {
            mask: &mut self.mask,
            spans: &mut self.spans,
            area,
        };
        for contour in path.contours() {
            let last = contour[contour.len() - 1];
            let mut from = [last[0] - dx, last[1] - dy];
            for &to in contour {
                let to = [to[0] - dx, to[1] - dy];
                edges.add(from, to);
                from = to;
            }
        }
        let rows = self.mask.chunks_exact_mut(area.width);
        for (row, &[first, last]) in rows.zip(&self.spans) {
            if first > last {
                continue;
            }
            let mut sum = 0.0_f32;
            for value in &mut row[first as usize..(last as usize + 1).min(area.width)] {
                sum += *value;
                *value = sum.abs().min(1.0);
            }
        }
    }

    /// Blends the ink over the canvas where the mask covers it.
    fn print(&mut self, area: MaskBox, pad: usize, ink: &Ink) {
        let (rows, columns) = (area.height - 2 * pad, area.width - 2 * pad);
        let (left, top) = (
            (area.left + pad as i32) as usize,
            (area.top + pad as i32) as usize,
        );
        let [a, b, c, d] = self.dirty;
        self.dirty = [
            a.min(left),
            b.min(top),
            c.max(left + columns),
            d.max(top + rows),
        ];
        self.shades.clear();
        self.shades.resize(columns, 0.0);
        let mut tones = ink.tones.packed(1.0);
        for row in 0..rows {
            let [first, last] = self.spans[row + pad].map(|x| x as usize);
            let (first, end) = (first.max(pad), (last + 1).min(area.width - pad));
            if first >= end {
                continue;
            }
            let columns = end - first;
            let left = left + first - pad;
            let at = (row + pad) * area.width + first;
            if let Some(shift) = ink.shade_shift {
                let shades = &mut self.shades[..columns];
                look_aside(&self.mask, at, area.width, shift, shades);
            }
            if ink.gradient != 0.0 {
                let fade = 1.0 + ink.gradient * (0.5 - (row as f32 + 0.5) / rows as f32);
                tones = ink.tones.packed(fade);
            }
            let out = &mut self.pixels[((top + row) * self.width + left) * 4..][..columns * 4];
            let covers = &self.mask[at..at + columns];
            blend_row(out, covers, &self.shades, ink, tones);
        }
    }

    /// Lights the edge of everything printed since [`Canvas::begin`] that has nothing beside it
    /// at `shift` pixels: the rim toward the sun. `strength` is 0 to 1.
    pub fn rim(&mut self, color: [f32; 3], shift: [f32; 2], strength: f32) {
        let Some([left, top, right, bottom]) = self.dirty() else {
            return;
        };
        let reach = shift[0].abs().max(shift[1].abs()).ceil() as usize + 2;
        let (columns, stride) = (right - left, right - left + 2 * reach);
        // The opacity of the box, with a margin of nothing around it.
        self.mask.clear();
        self.mask.resize(stride * (bottom - top + 2 * reach), 0.0);
        for y in top..bottom {
            let row = &self.pixels[(y * self.width + left) * 4..][..columns * 4];
            let out = &mut self.mask[(y - top + reach) * stride + reach..][..columns];
            for (out, pixel) in out.iter_mut().zip(row.chunks_exact(4)) {
                *out = f32::from(pixel[3]);
            }
        }
        self.shades.clear();
        self.shades.resize(columns, 0.0);
        let color = color.map(|v| (v * 255.0) as i32);
        for y in top..bottom {
            let at = (y - top + reach) * stride + reach;
            look_aside(&self.mask, at, stride, shift, &mut self.shades);
            let row = &mut self.pixels[(y * self.width + left) * 4..][..columns * 4];
            for (pixel, bare) in row.chunks_exact_mut(4).zip(&self.shades) {
                // `look_aside` gives 1 - opacity beside; below, what is bare of the own opacity.
                let cover = f32::from(pixel[3]);
                let bare = (cover - 1.0 + bare) * strength;
                if bare >= 1.0 {
                    light_edge(pixel, color, bare as i32, cover as i32);
                }
            }
        }
    }
}

/// Moves a premultiplied pixel of opacity `cover` toward `color` by `bare` parts of 255.
fn light_edge(pixel: &mut [u8], color: [i32; 3], bare: i32, cover: i32) {
    for (value, target) in pixel.iter_mut().zip(color) {
        let old = i32::from(*value);
        let lit = old + (target * cover / 255 - old) * bare / 255;
        *value = lit.clamp(0, cover) as u8;
    }
}

/// Two of a pixel's four bytes, each with room for a product: red and blue, or green and opacity.
const LANES: u32 = 0x00FF_00FF;

/// Mixes two pixels byte by byte: `(a * share_a + b * share_b) / 256`; the shares add up to at
/// most 256.
fn mix(a: u32, share_a: u32, b: u32, share_b: u32) -> u32 {
    const HALF: u32 = 0x0080_0080;
    let low = ((a & LANES) * share_a + (b & LANES) * share_b + HALF) >> 8;
    let high = ((a >> 8) & LANES) * share_a + ((b >> 8) & LANES) * share_b + HALF;
    (low & LANES) | (high & !LANES)
}

/// Blends one row of opaque tones; `covers` and `shades` hold one value a pixel.
fn blend_row(out: &mut [u8], covers: &[f32], shades: &[f32], ink: &Ink, tones: [u32; 2]) {
    let alpha = ink.alpha * 256.0;
    let [base, shade] = tones;
    for ((pixel, &cover), &s) in out.chunks_exact_mut(4).zip(covers).zip(shades) {
        let cover = (cover * alpha + 0.5) as i32 as u32;
        if cover == 0 {
            continue;
        }
        let s = (s * 256.0 + 0.5) as i32 as u32;
        let tone = if s == 0 {
            base
        } else {
            mix(base, 256 - s, shade, s)
        };
        let old = u32::from_le_bytes([pixel[0], pixel[1], pixel[2], pixel[3]]);
        let new = if ink.atop {
            mix(tone, cover * (old >> 24) / 255, old, 256 - cover)
        } else if cover == 256 {
            tone
        } else {
            mix(tone, cover, old, 256 - cover)
        };
        pixel.copy_from_slice(&new.to_le_bytes());
    }
}

/// Writes how empty the mask is, `shift` pixels away from each pixel of a row that starts at
/// `at`.
fn look_aside(mask: &[f32], at: usize, stride: usize, shift: [f32; 2], out: &mut [f32]) {
    let (fx, fy) = (shift[0].floor(), shift[1].floor());
    let (tx, ty) = (shift[0] - fx, shift[1] - fy);
    let first = at.wrapping_add_signed(fy as isize * stride as isize + fx as isize);
    let n = out.len();
    let above = mask[first..=first + n].windows(2);
    let below = mask[first + stride..=first + stride + n].windows(2);
    for ((out, a), b) in out.iter_mut().zip(above).zip(below) {
        let (upper, lower) = (a[0] + (a[1] - a[0]) * tx, b[0] + (b[1] - b[0]) * tx);
        *out = 1.0 - (upper + (lower - upper) * ty);
    }
}

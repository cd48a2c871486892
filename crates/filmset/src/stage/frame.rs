//! One frame in the making, and the soft strokes that are drawn fresh into every frame.

use super::bitmap::{HALF, LANES, over, pack, spread};
use super::color::Rgb;
use crate::cast::Canvas;

/// An opaque or clear picture that cards and strokes are laid into.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Premultiplied RGBA words, row-major.
    pub pixels: Vec<u32>,
    /// Reused by cards for the row at hand.
    pub scratch: Vec<u32>,
    /// Reused by cards for a row between two columns.
    pub shifted: Vec<u32>,
    /// Reused by subjects.
    pub cast: Canvas,
    /// First row that strokes must not touch: something nearer hides it anyway.
    pub bottom: usize,
}

impl Frame {
    /// A clear frame.
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![0; width * height],
            scratch: Vec::new(),
            shifted: Vec::new(),
            cast: Canvas::new(0, 0, [0, 0]),
            bottom: height,
        }
    }

    /// Row `y`, to draw on.
    pub fn row_mut(&mut self, y: usize) -> &mut [u32] {
        &mut self.pixels[y * self.width..(y + 1) * self.width]
    }

    /// Lays premultiplied RGBA bytes, `width` pixels a row, with their corner at `corner`.
    pub fn stamp(&mut self, bytes: &[u8], width: usize, corner: (i32, i32)) {
        if width == 0 {
            return;
        }
        let skip = (-corner.0).max(0) as usize;
        for (j, line) in bytes.chunks_exact(width * 4).enumerate() {
            let y = corner.1 + j as i32;
            if y < 0 || y as usize >= self.height.min(self.bottom) || skip >= width {
                continue;
            }
            let first = corner.0.max(0) as usize;
            let row = self.row_mut(y as usize);
            let Some(row) = row.get_mut(first..) else {
                continue;
            };
            for (pixel, p) in row.iter_mut().zip(line[skip * 4..].chunks_exact(4)) {
                if p[3] > 0 {
                    *pixel = over(u32::from_le_bytes([p[0], p[1], p[2], p[3]]), *pixel);
                }
            }
        }
    }

    /// Lays `color` into row `y` from column `left`, where the premultiplied RGBA `line` covers.
    pub fn shade(&mut self, y: usize, left: i32, line: &[u8], (color, alpha): (Rgb, f32)) {
        let color = color.0.map(|c| c * 255.0);
        self.along(y, left, line, |p, pixel| {
            let cover = f32::from(p[3]) / 255.0;
            over(premultiply(color, alpha * cover), pixel)
        });
    }

    /// Lays premultiplied RGBA `line` into row `y` from column `left`, at `alpha` of its strength.
    pub fn faint(&mut self, y: usize, left: i32, line: &[u8], alpha: f32) {
        let keep = (alpha.clamp(0.0, 1.0) * 256.0) as u16;
        self.along(y, left, line, |p, pixel| {
            let weak = [p[0], p[1], p[2], p[3]].map(|b| ((u16::from(b) * keep) >> 8) as u8);
            over(u32::from_le_bytes(weak), pixel)
        });
    }

    fn along(&mut self, y: usize, left: i32, line: &[u8], ink: impl Fn(&[u8], u32) -> u32) {
        let skip = (-left).max(0) as usize * 4;
        let first = left.max(0) as usize;
        let (Some(line), Some(row)) = (line.get(skip..), self.row_mut(y).get_mut(first..)) else {
            return;
        };
        for (pixel, p) in row.iter_mut().zip(line.chunks_exact(4)) {
            if p[3] > 0 {
                *pixel = ink(p, *pixel);
            }
        }
    }

    /// The columns `x0..x1` of row `y`, cut to the frame, with the first column.
    fn span(&mut self, y: usize, x0: f32, x1: f32) -> (usize, &mut [u32]) {
        let first = (x0.floor().max(0.0) as usize).min(self.width);
        let last = (x1.ceil().max(0.0) as usize).clamp(first, self.width);
        (first, &mut self.row_mut(y)[first..last])
    }

    fn rows(&self, y0: f32, y1: f32) -> std::ops::Range<usize> {
        let last = (y1.ceil().max(0.0) as usize).min(self.height.min(self.bottom));
        (y0.floor().max(0.0) as usize).min(last)..last
    }

    /// A soft ellipse; `light` adds instead of covering.
    pub fn puff(&mut self, center: (f32, f32), radii: (f32, f32), paint: (Rgb, f32), light: bool) {
        let ((cx, cy), (rx, ry)) = (center, radii);
        // No narrower than a pixel's reach, or it would flicker as it moves.
        let (rx, ry, thin) = (
            rx.max(1.2),
            ry.max(1.2),
            (rx.min(1.2) * ry.min(1.2) / 1.44).min(1.0),
        );
        let mask = if light { 0x00FF_FFFF } else { u32::MAX };
        let lanes = spread(paint.0.pixel(1.0));
        let strength = paint.1 * thin * 256.0;
        for y in self.rows(cy - ry, cy + ry) {
            let dy = (y as f32 + 0.5 - cy) / ry;
            let half = rx * (1.0 - dy * dy).max(0.0).sqrt();
            let (first, span) = self.span(y, cx - half, cx + half);
            let (step, rest) = (1.0 / rx, 1.0 - dy * dy);
            for (i, pixel) in span.iter_mut().enumerate() {
                let dx = ((first + i) as f32 + 0.5 - cx) * step;
                let t = (rest - dx * dx).max(0.0);
                let alpha = ((strength * t * t) as i32).min(256) as u64;
                let ink = pack(((lanes * alpha + HALF) >> 8) & LANES);
                *pixel = over(ink & mask, *pixel);
            }
        }
    }

    /// A beam of light from `a` to `b`, `widths` pixels to either side at its ends, fading out.
    pub fn wedge(&mut self, a: (f32, f32), b: (f32, f32), widths: (f32, f32), paint: (Rgb, f32)) {
        let dx = b.0 - a.0;
        if dx.abs() < 2.0 || paint.1 <= 0.0 {
            return;
        }
        let color = paint.0.0.map(|c| c * 255.0);
        let reach = widths.0.max(widths.1);
        for y in self.rows(a.1.min(b.1) - reach, a.1.max(b.1) + reach) {
            let (first, span) = self.span(y, a.0.min(b.0), a.0.max(b.0));
            for (i, pixel) in span.iter_mut().enumerate() {
                let s = ((first + i) as f32 + 0.5 - a.0) / dx;
                let half = widths.0 + (widths.1 - widths.0) * s;
                let off = (y as f32 + 0.5 - a.1 - (b.1 - a.1) * s) / half;
                let soft = (1.0 - off * off).max(0.0);
                let alpha = paint.1 * soft * soft * (1.0 - s).max(0.0);
                *pixel = over(premultiply(color, alpha) & 0x00FF_FFFF, *pixel);
            }
        }
    }

    /// A stretch of column `x` from row `y0` to `y1`, its ends mixed by what they cover.
    pub fn column(&mut self, x: usize, (y0, y1): (f32, f32), (color, alpha): (Rgb, f32)) {
        let color = color.0.map(|c| c * 255.0);
        let full = premultiply(color, alpha);
        for y in self.rows(y0, y1) {
            let cover = (y1.min(y as f32 + 1.0) - y0.max(y as f32)).clamp(0.0, 1.0);
            let at = y * self.width + x;
            let ink = if cover >= 1.0 {
                full
            } else {
                premultiply(color, alpha * cover)
            };
            self.pixels[at] = over(ink, self.pixels[at]);
        }
    }

    /// A disc with an edge one pixel wide.
    pub fn disc(&mut self, (cx, cy): (f32, f32), radius: f32, (color, alpha): (Rgb, f32)) {
        let color = color.0.map(|c| c * 255.0);
        for y in self.rows(cy - radius - 1.0, cy + radius + 1.0) {
            let dy = y as f32 + 0.5 - cy;
            let (first, span) = self.span(y, cx - radius - 1.0, cx + radius + 1.0);
            for (i, pixel) in span.iter_mut().enumerate() {
                let dx = (first + i) as f32 + 0.5 - cx;
                let cover = (radius + 0.5 - (dx * dx + dy * dy).sqrt()).clamp(0.0, 1.0);
                if cover > 0.0 {
                    *pixel = over(premultiply(color, cover * alpha), *pixel);
                }
            }
        }
    }

    /// A soft line from `a` to `b`, `width` pixels across, fading toward `a`.
    pub fn streak(&mut self, a: (f32, f32), b: (f32, f32), width: f32, (color, alpha): (Rgb, f32)) {
        let color = color.0.map(|c| c * 255.0);
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length2 = (dx * dx + dy * dy).max(1e-3);
        let reach = width * 0.5 + 0.7;
        let slope = if dy.abs() < 1e-3 { 0.0 } else { dx / dy };
        for y in self.rows(a.1.min(b.1) - reach, a.1.max(b.1) + reach) {
            let py = y as f32 + 0.5;
            let along = if dy.abs() < 1e-3 {
                0.0
            } else {
                (py - a.1).clamp(dy.min(0.0), dy.max(0.0))
            };
            let mid = a.0 + slope * along;
            let side = if dy.abs() < 1e-3 {
                dx.abs()
            } else {
                reach * (1.0 + slope.abs())
            };
            let (first, span) = self.span(y, mid - side - reach, mid + side + reach);
            for (i, pixel) in span.iter_mut().enumerate() {
                let px = (first + i) as f32 + 0.5;
                let t = (((px - a.0) * dx + (py - a.1) * dy) / length2).clamp(0.0, 1.0);
                let (ex, ey) = (px - a.0 - t * dx, py - a.1 - t * dy);
                let cover = (reach - (ex * ex + ey * ey).sqrt()).clamp(0.0, 1.0);
                if cover > 0.0 {
                    *pixel = over(
                        premultiply(color, cover * alpha * (0.25 + 0.75 * t)),
                        *pixel,
                    );
                }
            }
        }
    }
}

fn premultiply(color: [f32; 3], alpha: f32) -> u32 {
    let a = alpha.clamp(0.0, 1.0);
    u32::from_le_bytes([
        (color[0] * a + 0.5) as u8,
        (color[1] * a + 0.5) as u8,
        (color[2] * a + 0.5) as u8,
        (a * 255.0 + 0.5) as u8,
    ])
}

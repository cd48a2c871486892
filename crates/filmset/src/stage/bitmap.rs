//! Premultiplied RGBA pictures that are painted once, and blurred once.

use super::color::Rgb;

/// A premultiplied RGBA picture, one little-endian word a pixel.
#[derive(Debug, Clone)]
pub struct Bitmap {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Row-major pixels.
    pub pixels: Vec<u32>,
}

/// Spreads the four bytes of a pixel over four 16-bit lanes.
pub const fn spread(pixel: u32) -> u64 {
    let p = pixel as u64;
    ((p & 0xFF00_FF00) << 24) | (p & 0x00FF_00FF)
}

/// Packs four 16-bit lanes (each below 256) back into a pixel.
pub const fn pack(lanes: u64) -> u32 {
    (((lanes >> 24) & 0xFF00_FF00) | (lanes & 0x00FF_00FF)) as u32
}

/// One byte in every lane.
pub const LANES: u64 = 0x00FF_00FF_00FF_00FF;
/// Half a byte's unit in every lane, for rounding.
pub const HALF: u64 = 0x0080_0080_0080_0080;

/// The premultiplied source over the destination; sources brighter than their alpha add light.
pub fn over(source: u32, destination: u32) -> u32 {
    let a = u64::from(source >> 24);
    let keep = 256 - (a + (a >> 7));
    let sum = spread(source) + (((spread(destination) * keep + HALF) >> 8) & LANES);
    pack(saturate(sum))
}

/// Brings lanes that left a byte's range (up to 511) back to 255.
pub const fn saturate(lanes: u64) -> u64 {
    let carry = (lanes >> 8) & 0x0001_0001_0001_0001;
    (lanes | (carry * 255)) & LANES
}

impl Bitmap {
    /// A clear picture.
    pub fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self {
            width,
            height,
            pixels: vec![0; width * height],
        }
    }

    /// Row `y`.
    pub fn row(&self, y: usize) -> &[u32] {
        &self.pixels[y * self.width..(y + 1) * self.width]
    }

    /// Row `y`, to paint on.
    pub fn row_mut(&mut self, y: usize) -> &mut [u32] {
        &mut self.pixels[y * self.width..(y + 1) * self.width]
    }

    /// Every pixel from its centre: `f(x, y)` gives colour and alpha.
    pub fn fill(&mut self, mut f: impl FnMut(f32, f32) -> (Rgb, f32)) {
        let width = self.width;
        for (i, pixel) in self.pixels.iter_mut().enumerate() {
            let (color, alpha) = f((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
            *pixel = color.pixel(alpha);
        }
    }

    /// An axis-parallel rectangle with soft pixel edges, wrapped around in x.
    pub fn rect(&mut self, x0: f32, y0: f32, x1: f32, y1: f32, color: Rgb, alpha: f32) {
        self.rect_gradient(x0, y0, x1, y1, (color, alpha), (color, alpha));
    }

    /// A rectangle with a vertical gradient from `top` to `bottom` (colour, alpha).
    pub fn rect_gradient(
        &mut self,
        x0: f32,
        y0: f32,
        x1: f32,
        y1: f32,
        top: (Rgb, f32),
        bottom: (Rgb, f32),
    ) {
        let first = y0.floor().max(0.0) as usize;
        let last = (y1.ceil().max(0.0) as usize).min(self.height);
        let width = self.width as i64;
        for y in first..last {
            let cover_y = (y1.min(y as f32 + 1.0) - y0.max(y as f32)).clamp(0.0, 1.0);
            let t = ((y as f32 + 0.5 - y0) / (y1 - y0).max(1e-3)).clamp(0.0, 1.0);
            let color = top.0.mix(bottom.0, t);
            let alpha = (top.1 + (bottom.1 - top.1) * t) * cover_y;
            let full = color.pixel(alpha);
            let row = self.row_mut(y);
            for x in x0.floor() as i64..x1.ceil() as i64 {
                let cover = (x1.min(x as f32 + 1.0) - x0.max(x as f32)).clamp(0.0, 1.0);
                let source = if cover >= 1.0 {
                    full
                } else {
                    color.pixel(alpha * cover)
                };
                let at = wrap(x, width);
                row[at] = over(source, row[at]);
            }
        }
    }

    /// A soft ellipse, full in the middle and clear at its edge, wrapped around in x.
    /// `hardness` 0 falls off like a glow, 1 has an edge one pixel wide.
    pub fn blob(
        &mut self,
        center: (f32, f32),
        radii: (f32, f32),
        hardness: f32,
        paint: (Rgb, f32),
    ) {
        let ((cx, cy), (rx, ry)) = (center, radii);
        let edge = (1.0 - hardness).max(1.0 / rx.min(ry).max(1.0));
        // Inside this squared distance nothing has begun to fade.
        let (solid, full) = ((1.0 - edge).max(0.0).powi(2), paint.0.pixel(paint.1));
        let first = (cy - ry).floor().max(0.0) as usize;
        let last = ((cy + ry).ceil().max(0.0) as usize).min(self.height);
        let width = self.width as i64;
        for y in first..last {
            let dy = (y as f32 + 0.5 - cy) / ry;
            let row = self.row_mut(y);
            let half = rx * (1.0 - dy * dy).max(0.0).sqrt();
            for x in (cx - half).floor() as i64..(cx + half).ceil() as i64 {
                let dx = (x as f32 + 0.5 - cx) / rx;
                let d2 = dx * dx + dy * dy;
                if d2 <= solid {
                    let at = wrap(x, width);
                    row[at] = over(full, row[at]);
                    continue;
                }
                let t = ((1.0 - d2.sqrt()) / edge).clamp(0.0, 1.0);
                let alpha = paint.1 * t * t * (3.0 - 2.0 * t);
                if alpha > 0.002 {
                    let at = wrap(x, width);
                    row[at] = over(paint.0.pixel(alpha), row[at]);
                }
            }
        }
    }

    /// Adds light: like [`Bitmap::blob`] with hardness 0, but hiding nothing behind it.
    pub fn glow(&mut self, center: (f32, f32), radii: (f32, f32), paint: (Rgb, f32)) {
        let ((cx, cy), (rx, ry)) = (center, radii);
        let first = (cy - ry).floor().max(0.0) as usize;
        let last = ((cy + ry).ceil().max(0.0) as usize).min(self.height);
        let width = self.width as i64;
        for y in first..last {
            let dy = (y as f32 + 0.5 - cy) / ry;
            let row = self.row_mut(y);
            for x in (cx - rx).floor() as i64..(cx + rx).ceil() as i64 {
                let dx = (x as f32 + 0.5 - cx) / rx;
                let t = (1.0 - dx * dx - dy * dy).max(0.0);
                let alpha = paint.1 * t * t * t;
                if alpha > 0.002 {
                    let at = wrap(x, width);
                    row[at] = over(paint.0.pixel(alpha) & 0x00FF_FFFF, row[at]);
                }
            }
        }
    }

    /// A filled polygon with smooth edges, wrapped around in x: every row is cut in four lines,
    /// each covering exactly what lies between its crossings.
    pub fn polygon(&mut self, points: &[(f32, f32)], color: Rgb, alpha: f32) {
        let edge = |f: fn(f32, f32) -> f32, from: f32| points.iter().map(|p| p.1).fold(from, f);
        let (low, high) = (edge(f32::min, f32::MAX), edge(f32::max, f32::MIN));
        let (left, right) = points
            .iter()
            .fold((f32::MAX, f32::MIN), |(a, b), p| (a.min(p.0), b.max(p.0)));
        let first_x = left.floor() as i64;
        let mut cover = vec![0f32; (right.ceil() as i64 - first_x).max(0) as usize + 1];
        let last = (high.ceil().max(0.0) as usize).min(self.height);
        let full = color.pixel(alpha);
        let width = self.width as i64;
        for y in low.floor().max(0.0) as usize..last {
            cover.fill(0.0);
            for line in 0..4 {
                let at = y as f32 + 0.125 + 0.25 * line as f32;
                for pair in crossings(points, at).chunks_exact(2) {
                    spread_cover(
                        &mut cover,
                        pair[0] - first_x as f32,
                        pair[1] - first_x as f32,
                    );
                }
            }
            let row = self.row_mut(y);
            for (i, c) in cover.iter().enumerate().filter(|(_, c)| **c > 0.0) {
                let at = wrap(first_x + i as i64, width);
                let source = if *c > 3.999 {
                    full
                } else {
                    color.pixel(alpha * c * 0.25)
                };
                row[at] = over(source, row[at]);
            }
        }
    }

    /// A wide soft light that covers: like [`Bitmap::glow`] without ever burning out.
    pub fn halo(&mut self, (cx, cy): (f32, f32), (rx, ry): (f32, f32), (color, alpha): (Rgb, f32)) {
        let first = (cy - ry).floor().max(0.0) as usize;
        let last = ((cy + ry).ceil().max(0.0) as usize).min(self.height);
        for y in first..last {
            let dy = (y as f32 + 0.5 - cy) / ry;
            let half = rx * (1.0 - dy * dy).max(0.0).sqrt();
            let x0 = ((cx - half).max(0.0) as usize).min(self.width);
            let x1 = ((cx + half).ceil().max(0.0) as usize).clamp(x0, self.width);
            for (i, pixel) in self.row_mut(y)[x0..x1].iter_mut().enumerate() {
                let dx = ((x0 + i) as f32 + 0.5 - cx) / rx;
                let t = (1.0 - dx * dx - dy * dy).max(0.0);
                *pixel = over(color.pixel(alpha * t * t * t), *pixel);
            }
        }
    }

    /// Three box blurs, close to a Gaussian of standard deviation `sigma` pixels; `wrap` treats
    /// the picture as periodic in x.
    pub fn blur(&mut self, sigma: f32, wrap: bool) {
        if sigma < 0.5 {
            return;
        }
        // Three boxes of width n have together the variance (n * n - 1) / 4.
        let radius = (((4.0 * sigma * sigma + 1.0).sqrt() - 1.0) * 0.5)
            .round()
            .max(1.0) as usize;
        for _ in 0..3 {
            for y in 0..self.height {
                box_blur(self.row_mut(y), radius, wrap);
            }
            self.blur_columns(radius);
        }
    }

    fn blur_columns(&mut self, radius: usize) {
        let (w, h) = (self.width, self.height);
        let source = self.pixels.clone();
        let share = 65536 / (2 * radius + 1) as u32;
        let clamp = |y: i64| y.clamp(0, h as i64 - 1) as usize;
        let mut sums = vec![[0u32; 4]; w];
        for y in -(radius as i64)..=radius as i64 {
            let row = &source[clamp(y) * w..][..w];
            for (sum, p) in sums.iter_mut().zip(row) {
                add(sum, *p);
            }
        }
        for y in 0..h as i64 {
            let out = &mut self.pixels[y as usize * w..][..w];
            let enter = &source[clamp(y + radius as i64 + 1) * w..][..w];
            let leave = &source[clamp(y - radius as i64) * w..][..w];
            for x in 0..w {
                out[x] = average(&sums[x], share);
                add(&mut sums[x], enter[x]);
                subtract(&mut sums[x], leave[x]);
            }
        }
    }
}

/// Where the outline crosses row `y`, from left to right.
fn crossings(points: &[(f32, f32)], y: f32) -> Vec<f32> {
    let mut xs: Vec<f32> = points
        .iter()
        .zip(points.iter().cycle().skip(1))
        .filter(|(a, b)| (a.1 <= y) != (b.1 <= y))
        .map(|(a, b)| a.0 + (b.0 - a.0) * (y - a.1) / (b.1 - a.1))
        .collect();
    xs.sort_by(f32::total_cmp);
    xs
}

/// Adds to each cell the share of it that lies in `x0..x1`.
fn spread_cover(cover: &mut [f32], x0: f32, x1: f32) {
    let last = (x1.ceil() as usize).min(cover.len());
    for (x, c) in cover
        .iter_mut()
        .enumerate()
        .take(last)
        .skip(x0.floor().max(0.0) as usize)
    {
        *c += (x1.min(x as f32 + 1.0) - x0.max(x as f32)).clamp(0.0, 1.0);
    }
}

/// Column `x` of a periodic picture, without a division where none is needed.
fn wrap(x: i64, width: i64) -> usize {
    if (0..width).contains(&x) {
        x as usize
    } else {
        x.rem_euclid(width) as usize
    }
}

fn add(sum: &mut [u32; 4], pixel: u32) {
    for (s, b) in sum.iter_mut().zip(pixel.to_le_bytes()) {
        *s += u32::from(b);
    }
}

fn subtract(sum: &mut [u32; 4], pixel: u32) {
    for (s, b) in sum.iter_mut().zip(pixel.to_le_bytes()) {
        *s -= u32::from(b);
    }
}

/// `share` is 65536 over the number of pixels in the sum.
fn average(sum: &[u32; 4], share: u32) -> u32 {
    u32::from_le_bytes(sum.map(|s| ((s * share + 0x8000) >> 16) as u8))
}

fn box_blur(row: &mut [u32], radius: usize, periodic: bool) {
    let source = row.to_vec();
    let n = row.len() as i64;
    let radius = (radius as i64).min(n / 2);
    let at = |i: i64| {
        if periodic {
            wrap(i, n)
        } else {
            i.clamp(0, n - 1) as usize
        }
    };
    let mut sum = [0u32; 4];
    let share = 65536 / (2 * radius + 1) as u32;
    for i in -radius..=radius {
        add(&mut sum, source[at(i)]);
    }
    for i in 0..n {
        row[i as usize] = average(&sum, share);
        add(&mut sum, source[at(i + radius + 1)]);
        subtract(&mut sum, source[at(i - radius)]);
    }
}

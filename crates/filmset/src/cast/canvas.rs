//! A premultiplied RGBA picture with an offset, and the rasterizer that prints shapes into it.
//!
//! Coverage is exact: every edge adds the area it cuts off each pixel, and a running sum along
//! the row turns that into the share of the pixel inside. A shape is printed in three tones from
//! one mask: where the mask seen a little *away* from the sun is empty, the shape is in shade;
//! where the mask seen a little *toward* the sun is empty, it carries the rim of light.

use super::path::Path;

/// The three flat tones of one material, sRGB from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tones {
    /// The face of the shape.
    pub base: [f32; 3],
    /// The side away from the sun.
    pub shade: [f32; 3],
    /// The edge toward the sun.
    pub rim: [f32; 3],
}

/// How a shape is printed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ink {
    /// Colours.
    pub tones: Tones,
    /// Opacity, 0 to 1.
    pub alpha: f32,
    /// Where to look for the shape's end on the shaded side, pixels.
    pub shade_shift: [f32; 2],
    /// Where to look for the shape's end on the sunny side, pixels.
    pub rim_shift: [f32; 2],
    /// How much brighter the top is than the bottom, 0 to about 0.3.
    pub gradient: f32,
}

impl Ink {
    /// One colour all over.
    pub fn flat(color: [f32; 3]) -> Self {
        Self {
            tones: Tones { base: color, shade: color, rim: color },
            alpha: 1.0,
            shade_shift: [0.0; 2],
            rim_shift: [0.0; 2],
            gradient: 0.0,
        }
    }

    /// The same ink, thinner.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f32) -> Self {
        self.alpha = alpha;
        self
    }

    fn is_flat(&self) -> bool {
        self.tones.base == self.tones.shade && self.tones.base == self.tones.rim
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
}

/// The part of the plane that the mask covers, in canvas pixels.
#[derive(Debug, Clone, Copy)]
struct MaskBox {
    left: i32,
    top: i32,
    width: usize,
    height: usize,
}

impl Canvas {
    /// A transparent canvas of `width` x `height` pixels whose corner lies at `origin`.
    pub fn new(width: usize, height: usize, origin: [i32; 2]) -> Self {
        let pixels = vec![0; width * height * 4];
        Self { width, height, origin, pixels, mask: Vec::new() }
    }

    /// Makes the canvas transparent, resizes and moves it, and keeps its memory.
    pub fn reset(&mut self, width: usize, height: usize, origin: [i32; 2]) {
        (self.width, self.height, self.origin) = (width, height, origin);
        self.pixels.clear();
        self.pixels.resize(width * height * 4, 0);
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
        let reach = [ink.shade_shift, ink.rim_shift]
            .iter()
            .flatten()
            .fold(0.0_f32, |reach, shift| reach.max(shift.abs()));
        let pad = if ink.is_flat() { 1 } else { reach.ceil() as i32 + 2 };
        let Some(area) = self.mask_box(path, pad) else { return };
        self.rasterize(path, area);
        if ink.is_flat() {
            self.print(area, pad, ink, |_, _| [0.0, 0.0]);
        } else {
            let (shade, rim) = (Tap::new(ink.shade_shift, area), Tap::new(ink.rim_shift, area));
            self.print(area, pad, ink, |mask, i| {
                [1.0 - shade.sample(mask, i), 1.0 - rim.sample(mask, i)]
            });
        }
    }

    /// Box of the path, cut to the canvas, with `pad` pixels of margin on each side.
    fn mask_box(&self, path: &Path, pad: i32) -> Option<MaskBox> {
        let [x0, y0, x1, y1] = path.bounds();
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
        let dx = (self.origin[0] + area.left) as f32;
        let dy = (self.origin[1] + area.top) as f32;
        for contour in path.contours() {
            let mut from = contour[contour.len() - 1];
            for &to in contour {
                add_edge(
                    &mut self.mask,
                    area,
                    [from[0] - dx, from[1] - dy],
                    [to[0] - dx, to[1] - dy],
                );
                from = to;
            }
        }
        for row in self.mask[..area.width * area.height].chunks_exact_mut(area.width) {
            let mut sum = 0.0_f32;
            for value in row {
                sum += *value;
                *value = sum.abs().min(1.0);
            }
        }
    }

    /// Blends the ink over the canvas; `mixes` gives the shares of shade and rim at a mask index.
    fn print(
        &mut self,
        area: MaskBox,
        pad: i32,
        ink: &Ink,
        mixes: impl Fn(&[f32], usize) -> [f32; 2],
    ) {
        let inner = area.height - 2 * pad as usize;
        let columns = area.width - 2 * pad as usize;
        let left = (area.left + pad) as usize;
        for row in 0..inner {
            let y = (area.top + pad) as usize + row;
            let fade = 1.0 + ink.gradient * (0.5 - (row as f32 + 0.5) / inner as f32);
            let tone = |c: [f32; 3]| c.map(|v| (v * fade).min(1.0) * 255.0);
            let base = tone(ink.tones.base);
            let (shade, rim) = (tone(ink.tones.shade), tone(ink.tones.rim));
            let mask_row = (row + pad as usize) * area.width + pad as usize;
            let out = &mut self.pixels[(y * self.width + left) * 4..][..columns * 4];
            for (x, pixel) in out.chunks_exact_mut(4).enumerate() {
                let cover = self.mask[mask_row + x] * ink.alpha;
                if cover < 1.0 / 512.0 {
                    continue;
                }
                let [s, r] = mixes(&self.mask, mask_row + x);
                let keep = 1.0 - cover;
                for k in 0..3 {
                    let c = base[k] + (shade[k] - base[k]) * s;
                    let c = c + (rim[k] - c) * r;
                    pixel[k] = (c * cover + f32::from(pixel[k]) * keep + 0.5) as u8;
                }
                pixel[3] = (255.0 * cover + f32::from(pixel[3]) * keep + 0.5) as u8;
            }
        }
    }
}

/// Bilinear look at the mask, a fixed fraction of pixels away.
struct Tap {
    offset: isize,
    stride: isize,
    weights: [f32; 4],
}

impl Tap {
    fn new(shift: [f32; 2], area: MaskBox) -> Self {
        let (fx, fy) = (shift[0].floor(), shift[1].floor());
        let (tx, ty) = (shift[0] - fx, shift[1] - fy);
        let stride = area.width as isize;
        Self {
            offset: fy as isize * stride + fx as isize,
            stride,
            weights: [(1.0 - tx) * (1.0 - ty), tx * (1.0 - ty), (1.0 - tx) * ty, tx * ty],
        }
    }

    fn sample(&self, mask: &[f32], index: usize) -> f32 {
        let at = index.wrapping_add_signed(self.offset);
        let below = at.wrapping_add_signed(self.stride);
        mask[at] * self.weights[0]
            + mask[at + 1] * self.weights[1]
            + mask[below] * self.weights[2]
            + mask[below + 1] * self.weights[3]
    }
}

/// Adds the signed area that the edge cuts off each pixel to its right.
fn add_edge(mask: &mut [f32], area: MaskBox, from: [f32; 2], to: [f32; 2]) {
    let (sign, top, bottom) = if from[1] < to[1] { (1.0, from, to) } else { (-1.0, to, from) };
    let slope = (bottom[0] - top[0]) / (bottom[1] - top[1]).max(1e-9);
    let first = top[1].max(0.0);
    let last = bottom[1].min(area.height as f32);
    if last <= first {
        return;
    }
    let limit = area.width as f32 - 1.0;
    let mut x = top[0] + (first - top[1]) * slope;
    for row in first as usize..(last.ceil() as usize) {
        let span = last.min(row as f32 + 1.0) - first.max(row as f32);
        let next = x + slope * span;
        let (low, high) = if x < next { (x, next) } else { (next, x) };
        let line = &mut mask[row * area.width..];
        add_span(line, sign * span, low.clamp(0.0, limit), high.clamp(0.0, limit));
        x = next;
    }
}

/// Spreads an edge piece of height `area` that crosses a row from `low` to `high`.
fn add_span(line: &mut [f32], area: f32, low: f32, high: f32) {
    let (first, last) = (low as usize, high as usize);
    if first == last {
        let right = (low + high) * 0.5 - first as f32;
        line[first] += area * (1.0 - right);
        line[first + 1] += area * right;
        return;
    }
    // Share of the piece left of a column's right border, summed up to there.
    let per_pixel = 1.0 / (high - low);
    let mut before = 0.0;
    for column in first..=last {
        let (a, b) = (low.max(column as f32), high.min(column as f32 + 1.0));
        let share = (b - a) * per_pixel;
        let inside = share * (column as f32 + 1.0 - (a + b) * 0.5);
        line[column] += area * (inside + before);
        before = share - inside;
    }
    line[last + 1] += area * before;
}

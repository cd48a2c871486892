//! RGB to the colours of the file and back: 4:2:0 luma and chroma, BT.709, limited range.
//!
//! Reference: Rec. ITU-R BT.709-6, items 3.2 to 3.5. Written here because it is sixty lines: the
//! crate `yuv` rounds towards zero or takes minutes to build, and places the chroma samples
//! between columns where H.264 has them on every second one.

/// Fractional bits of the weights below.
const BITS: u32 = 16;

/// Weights of R, G, B in Y', scaled to 219 steps of 255.
const LUMA: [i32; 3] = [
    weight(0.2126 * 219.0),
    weight(0.7152 * 219.0),
    weight(0.0722 * 219.0),
];
/// Weights in Cb and Cr, scaled to 224 steps of 255. Each sums to 0, so that greys stay grey.
const BLUE: [i32; 3] = [
    weight(-0.2126 / 1.8556 * 224.0),
    weight(-0.7152 / 1.8556 * 224.0),
    weight(112.0),
];
const RED: [i32; 3] = [
    weight(112.0),
    weight(-0.7152 / 1.5748 * 224.0),
    weight(-0.0722 / 1.5748 * 224.0),
];

const fn weight(steps: f64) -> i32 {
    let scaled = steps / 255.0 * (1 << BITS) as f64;
    (if scaled < 0.0 {
        scaled - 0.5
    } else {
        scaled + 0.5
    }) as i32
}

/// One picture in planar 4:2:0: `y` is `height * width`, `u` and `v` are a quarter of it.
pub(crate) struct Yuv420 {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) y: Vec<u8>,
    pub(crate) u: Vec<u8>,
    pub(crate) v: Vec<u8>,
    /// R, G and B of two rows added up, with one pixel repeated at the left edge.
    sums: [Vec<i32>; 3],
}

impl Yuv420 {
    /// An all-zero picture of even sides, to be filled by [`Yuv420::fill`].
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let pixels = width as usize * height as usize;
        let plane = || vec![0; pixels / 4];
        let sums = || vec![0; width as usize + 1];
        Self {
            width,
            height,
            y: vec![0; pixels],
            u: plane(),
            v: plane(),
            sums: [sums(), sums(), sums()],
        }
    }

    /// Converts `rgb` `[height, width, 3]`, rounding to nearest.
    pub(crate) fn fill(&mut self, rgb: &[u8]) {
        let width = self.width as usize;
        for (luma, pixels) in self.y.iter_mut().zip(rgb.as_chunks::<3>().0) {
            *luma = combine(LUMA, pixels.map(i32::from), 16, 0);
        }
        let chroma_rows = self
            .u
            .chunks_exact_mut(width / 2)
            .zip(self.v.chunks_exact_mut(width / 2));
        for ((blue, red), rows) in chroma_rows.zip(rgb.chunks_exact(width * 6)) {
            let (upper, lower) = rows.split_at(width * 3);
            add_rows(&mut self.sums, upper, lower);
            chroma_row(&self.sums, blue, red);
        }
    }
}

/// A decoded picture in planes; chroma has half as many rows and columns, rounded up.
pub(crate) struct Planes<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) y: &'a [u8],
    pub(crate) u: &'a [u8],
    pub(crate) v: &'a [u8],
    /// Bytes from one row to the next, of `y` and of `u` and `v`.
    pub(crate) strides: [usize; 2],
}

/// The picture as `[height, width, 3]`. Chroma lies on even columns, between rows; what is missing
/// is interpolated.
pub(crate) fn rgb_of(planes: &Planes) -> Vec<u8> {
    let (width, height) = (planes.width, planes.height);
    let mut rgb = vec![0; width * height * 3];
    // Chroma of one row, in eighths: 3 and 1 quarters of the nearest two rows, then the mean of
    // neighbours on odd columns.
    let (mut blue, mut red) = (vec![0; width], vec![0; width]);
    for (row, pixels) in rgb.chunks_exact_mut(width * 3).enumerate() {
        chroma_of(planes, planes.u, row, &mut blue);
        chroma_of(planes, planes.v, row, &mut red);
        let luma = &planes.y[row * planes.strides[0]..][..width];
        let colors = luma.iter().zip(blue.iter().zip(&red));
        for (pixel, (&y, (&b, &r))) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(colors) {
            let y = (f32::from(y) - 16.0) * (255.0 / 219.0);
            let scale = 255.0 / 224.0 / 8.0;
            let (b, r) = ((b - 1024) as f32 * scale, (r - 1024) as f32 * scale);
            let green = y - (0.0722 * 1.8556 * b + 0.2126 * 1.5748 * r) / 0.7152;
            // `as` saturates; adding a half rounds.
            *pixel = [y + 1.5748 * r, green, y + 1.8556 * b].map(|value| (value + 0.5) as u8);
        }
    }
    rgb
}

/// One row of chroma at full width, eight times too large.
fn chroma_of(planes: &Planes, plane: &[u8], row: usize, line: &mut [i32]) {
    let stride = planes.strides[1];
    let (near, last) = (row / 2, planes.height.div_ceil(2) - 1);
    let far = if row.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        (near + 1).min(last)
    };
    let columns = line.len().div_ceil(2);
    let at = |column: usize| {
        let column = column.min(columns - 1);
        3 * i32::from(plane[near * stride + column]) + i32::from(plane[far * stride + column])
    };
    for (x, value) in line.iter_mut().enumerate() {
        *value = at(x / 2) + at(x.div_ceil(2));
    }
}

/// Adds two rows of pixels into separate colours, behind a copy of the first pixel.
fn add_rows(sums: &mut [Vec<i32>; 3], upper: &[u8], lower: &[u8]) {
    let [r, g, b] = sums
        .each_mut()
        .map(|sums| sums.split_first_mut().expect("never empty"));
    let pixels = upper
        .as_chunks::<3>()
        .0
        .iter()
        .zip(lower.as_chunks::<3>().0);
    for ((((upper, lower), r), g), b) in pixels
        .zip(r.1.iter_mut())
        .zip(g.1.iter_mut())
        .zip(b.1.iter_mut())
    {
        *r = i32::from(upper[0]) + i32::from(lower[0]);
        *g = i32::from(upper[1]) + i32::from(lower[1]);
        *b = i32::from(upper[2]) + i32::from(lower[2]);
    }
    (*r.0, *g.0, *b.0) = (r.1[0], g.1[0], b.1[0]);
}

/// One row of chroma, each sample on an even column: weights 1 2 1 across, 1 1 down.
fn chroma_row(sums: &[Vec<i32>; 3], blue: &mut [u8], red: &mut [u8]) {
    for (x, (blue, red)) in blue.iter_mut().zip(red).enumerate() {
        let rgb = sums.each_ref().map(|sums| {
            let [left, here, right] = [sums[2 * x], sums[2 * x + 1], sums[2 * x + 2]];
            left + 2 * here + right // 8 times the mean
        });
        *blue = combine(BLUE, rgb, 128, 3);
        *red = combine(RED, rgb, 128, 3);
    }
}

/// `offset` plus the weighted colours, which are `1 << scale` times too large; rounded.
fn combine(weights: [i32; 3], [r, g, b]: [i32; 3], offset: i32, scale: u32) -> u8 {
    let shift = BITS + scale;
    let sum = weights[0] * r + weights[1] * g + weights[2] * b;
    ((sum + (offset << shift) + (1 << (shift - 1))) >> shift) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published formula, in floating point.
    fn reference([r, g, b]: [u8; 3]) -> [f64; 3] {
        let [r, g, b] = [r, g, b].map(|v| f64::from(v) / 255.0);
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        [
            16.0 + 219.0 * y,
            128.0 + 224.0 * (b - y) / 1.8556,
            128.0 + 224.0 * (r - y) / 1.5748,
        ]
    }

    fn check(rgb: [u8; 3]) {
        let mut picture = Yuv420::new(34, 18); // no multiple of a vector register
        picture.fill(&rgb.repeat(34 * 18));
        let [y, u, v] = reference(rgb);
        for (plane, expected) in [(&picture.y, y), (&picture.u, u), (&picture.v, v)] {
            for &value in plane {
                let error = (f64::from(value) - expected).abs();
                assert!(error <= 0.505, "{rgb:?}: {value}, expected {expected:.2}");
            }
        }
    }

    #[test]
    fn flat_colours_follow_bt709_limited_with_rounding() {
        for r in (0..=255).step_by(51) {
            for g in (0..=255).step_by(51) {
                for b in (0..=255).step_by(51) {
                    check([r, g, b]);
                }
            }
        }
        check([254, 1, 127]);
    }

    #[test]
    fn greys_have_no_colour() {
        for grey in 0..=255 {
            let mut picture = Yuv420::new(16, 16);
            picture.fill(&[grey; 16 * 16 * 3]);
            assert!(
                picture
                    .u
                    .iter()
                    .chain(&picture.v)
                    .all(|&value| value == 128),
                "{grey}"
            );
        }
    }

    #[test]
    fn chroma_lies_on_even_columns_between_rows() {
        // A horizontal ramp of blue: the sample at column 2x must show the colour of column 2x.
        let (width, height) = (32, 4);
        let rgb: Vec<u8> = (0..width * height)
            .flat_map(|i| [0, 0, (i % width * 8) as u8])
            .collect();
        let mut picture = Yuv420::new(width, height);
        picture.fill(&rgb);
        for x in 1..width / 2 {
            let [_, u, _] = reference([0, 0, (2 * x * 8) as u8]);
            let found = f64::from(picture.u[x as usize]);
            assert!(
                (found - u).abs() <= 0.505,
                "column {}: {found}, not {u}",
                2 * x
            );
        }
    }

    #[test]
    fn flat_colours_come_back() {
        for rgb in [[0, 0, 0], [255, 255, 255], [200, 30, 60], [12, 180, 99]] {
            let mut picture = Yuv420::new(34, 18);
            picture.fill(&rgb.repeat(34 * 18));
            let back = rgb_of(&Planes {
                width: 33, // an odd side, as other people's clips may have
                height: 17,
                y: &picture.y,
                u: &picture.u,
                v: &picture.v,
                strides: [34, 17],
            });
            assert_eq!(back.len(), 33 * 17 * 3);
            for pixel in back.as_chunks::<3>().0 {
                let error = pixel.iter().zip(rgb).map(|(&a, b)| a.abs_diff(b)).max();
                assert!(error <= Some(2), "{rgb:?}: {pixel:?}");
            }
        }
    }
}

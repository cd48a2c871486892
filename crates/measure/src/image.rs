//! Plain picture arithmetic: planes of floats, area resizing, pyramids.

/// One channel of a picture, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `[h, w]`.
    pub data: Vec<f32>,
}

impl Plane {
    /// A plane over existing values, `[height, width]`.
    pub fn new(width: usize, height: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), width * height, "plane of {width}x{height}");
        Self {
            width,
            height,
            data,
        }
    }

    /// The value at a whole position, the border repeated outward.
    pub fn clamped(&self, x: isize, y: isize) -> f32 {
        let x = x.clamp(0, self.width as isize - 1) as usize;
        let y = y.clamp(0, self.height as isize - 1) as usize;
        self.data[y * self.width + x]
    }

    /// The value between pixels, bilinear, the border repeated outward.
    pub fn sample(&self, x: f32, y: f32) -> f32 {
        let x = x.clamp(0.0, (self.width - 1) as f32);
        let y = y.clamp(0.0, (self.height - 1) as f32);
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(self.width - 1), (y0 + 1).min(self.height - 1));
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let row = |y: usize| {
            let (a, b) = (
                self.data[y * self.width + x0],
                self.data[y * self.width + x1],
            );
            a + (b - a) * fx
        };
        let (top, bottom) = (row(y0), row(y1));
        top + (bottom - top) * fy
    }

    /// Half the size (rounded up), after a 1-2-1 blur.
    #[must_use]
    pub fn halved(&self) -> Self {
        let (w, h) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut data = Vec::with_capacity(w * h);
        for y in 0..h as isize {
            for x in 0..w as isize {
                let row = |y: isize| {
                    self.clamped(2 * x - 1, y)
                        + 2.0 * self.clamped(2 * x, y)
                        + self.clamped(2 * x + 1, y)
                };
                data.push((row(2 * y - 1) + 2.0 * row(2 * y) + row(2 * y + 1)) / 16.0);
            }
        }
        Self {
            width: w,
            height: h,
            data,
        }
    }

    /// Central differences along x and along y.
    pub fn gradients(&self) -> (Self, Self) {
        let mut gx = Vec::with_capacity(self.data.len());
        let mut gy = Vec::with_capacity(self.data.len());
        for y in 0..self.height as isize {
            for x in 0..self.width as isize {
                gx.push((self.clamped(x + 1, y) - self.clamped(x - 1, y)) * 0.5);
                gy.push((self.clamped(x, y + 1) - self.clamped(x, y - 1)) * 0.5);
            }
        }
        let plane = |data| Self {
            width: self.width,
            height: self.height,
            data,
        };
        (plane(gx), plane(gy))
    }
}

/// The middle of three planes, pixel by pixel.
pub fn median(a: &Plane, b: &Plane, c: &Plane) -> Plane {
    let middle = |((a, b), c): ((&f32, &f32), &f32)| a.min(*b).max(a.max(*b).min(*c));
    let data = a
        .data
        .iter()
        .zip(&b.data)
        .zip(&c.data)
        .map(middle)
        .collect();
    Plane::new(b.width, b.height, data)
}

/// Which source pixels make one target pixel, with weights that sum to one.
struct Span {
    first: usize,
    weights: Vec<f32>,
}

fn spans(from: usize, to: usize) -> Vec<Span> {
    let scale = from as f32 / to as f32;
    (0..to)
        .map(|i| {
            let (start, end) = (i as f32 * scale, (i + 1) as f32 * scale);
            let first = (start as usize).min(from - 1);
            let last = ((end - 1e-4) as usize).clamp(first, from - 1);
            let weights = (first..=last)
                .map(|p| (end.min((p + 1) as f32) - start.max(p as f32)).max(1e-6) / scale)
                .collect();
            Span { first, weights }
        })
        .collect()
}

/// Resizes `[h, w, channels]` bytes so that each target pixel is the mean of the area it covers.
/// `from` and `to` are width and height.
pub fn area_resize(
    source: &[u8],
    from: (usize, usize),
    channels: usize,
    to: (usize, usize),
) -> Vec<f32> {
    let (across, down) = (spans(from.0, to.0), spans(from.1, to.1));
    let row_len = from.0 * channels;
    let mut column = vec![0.0f32; row_len];
    let mut target = Vec::with_capacity(to.0 * to.1 * channels);
    for span in &down {
        column.fill(0.0);
        for (k, weight) in span.weights.iter().enumerate() {
            let row = &source[(span.first + k) * row_len..][..row_len];
            for (sum, &byte) in column.iter_mut().zip(row) {
                *sum += weight * f32::from(byte);
            }
        }
        for span in &across {
            for c in 0..channels {
                let pixels = column[span.first * channels + c..].iter().step_by(channels);
                target.push(pixels.zip(&span.weights).map(|(p, w)| p * w).sum());
            }
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_resize_keeps_the_mean() {
        let source: Vec<u8> = (0..35u8).map(|i| i * 7).collect();
        let mean = source.iter().map(|&x| f32::from(x)).sum::<f32>() / 35.0;
        for to in [(3, 2), (7, 5), (2, 5), (1, 1)] {
            let target = area_resize(&source, (7, 5), 1, to);
            let got = target.iter().sum::<f32>() / target.len() as f32;
            assert!((got - mean).abs() < 0.01, "{to:?}: {got} for {mean}");
        }
    }

    #[test]
    fn a_drop_that_passes_is_not_in_the_median() {
        let plane = |x: f32| Plane::new(2, 1, vec![x, 5.0]);
        assert_eq!(median(&plane(9.0), &plane(1.0), &plane(2.0)), plane(2.0));
    }

    #[test]
    fn sampling_is_exact_on_a_ramp() {
        let data = (0..12)
            .map(|i| (i % 4) as f32 + 10.0 * (i / 4) as f32)
            .collect();
        let plane = Plane::new(4, 3, data);
        assert!((plane.sample(1.25, 0.5) - 6.25).abs() < 1e-5);
        let (gx, gy) = plane.gradients();
        assert!((gx.clamped(1, 1) - 1.0).abs() < 1e-6 && (gy.clamped(1, 1) - 10.0).abs() < 1e-6);
    }
}

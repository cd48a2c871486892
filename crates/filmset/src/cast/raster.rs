//! Exact coverage: what each edge of an outline cuts off the pixels of a row.

/// The part of the plane that the mask covers, in canvas pixels.
#[derive(Debug, Clone, Copy)]
pub struct MaskBox {
    pub left: i32,
    pub top: i32,
    pub width: usize,
    pub height: usize,
}

/// Where the edges of a path leave the signed area that they cut off each pixel to their right.
pub struct Edges<'a> {
    pub mask: &'a mut [f32],
    pub spans: &'a mut [[u32; 2]],
    pub area: MaskBox,
}

impl Edges<'_> {
    /// Adds an edge, given in pixels of the mask.
    pub fn add(&mut self, from: [f32; 2], to: [f32; 2]) {
        let (sign, top, bottom) = if from[1] < to[1] {
            (1.0, from, to)
        } else {
            (-1.0, to, from)
        };
        let slope = (bottom[0] - top[0]) / (bottom[1] - top[1]).max(1e-9);
        let first = top[1].max(0.0);
        let last = bottom[1].min(self.area.height as f32);
        if last <= first {
            return;
        }
        let limit = self.area.width as f32 - 1.0;
        let mut x = top[0] + (first - top[1]) * slope;
        let mut y = first;
        let mut row = first as usize;
        while y < last {
            let end = last.min(row as f32 + 1.0);
            let next = x + slope * (end - y);
            let (low, high) = if x < next { (x, next) } else { (next, x) };
            self.add_span(
                row,
                sign * (end - y),
                low.clamp(0.0, limit),
                high.clamp(0.0, limit),
            );
            (x, y) = (next, end);
            row += 1;
        }
    }

    /// Spreads an edge piece of height `area` that crosses a row from `low` to `high`.
    fn add_span(&mut self, row: usize, area: f32, low: f32, high: f32) {
        let (first, last) = (low as usize, high as usize);
        let span = &mut self.spans[row];
        *span = [span[0].min(first as u32), span[1].max(last as u32 + 1)];
        let line = &mut self.mask[row * self.area.width..][first..last + 2];
        if first == last {
            let right = (low + high) * 0.5 - first as f32;
            line[0] += area * (1.0 - right);
            line[1] += area * right;
            return;
        }
        // Share of the piece that the columns so far hand on to those right of them.
        let per_pixel = 1.0 / (high - low);
        let mut before = 0.0;
        for (i, value) in line.iter_mut().enumerate() {
            let column = (first + i) as f32;
            let (a, b) = (low.max(column), high.min(column + 1.0));
            let share = ((b - a) * per_pixel).max(0.0);
            let inside = share * (column + 1.0 - (a + b) * 0.5);
            *value += area * (inside + before);
            before = share - inside;
        }
    }
}

//! Outlines in pixels: closed contours, flattened to short lines as they are built.

/// A point in pixels, x to the right and y down.
pub type Point = [f32; 2];

/// Point between `a` (`t` = 0) and `b` (`t` = 1).
pub fn between(a: Point, b: Point, t: f32) -> Point {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]
}

/// Closed contours whose union is filled: overlapping contours never cut holes in each other,
/// because each is wound the same way when it is closed.
#[derive(Debug, Default, Clone)]
pub struct Path {
    points: Vec<Point>,
    /// End of each closed contour in `points`.
    ends: Vec<usize>,
}

impl Path {
    /// A path without contours.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes all contours but keeps the memory.
    pub fn clear(&mut self) {
        self.points.clear();
        self.ends.clear();
    }

    /// The closed contours.
    pub fn contours(&self) -> impl Iterator<Item = &[Point]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.points[start..end])
    }

    /// Adds a corner to the open contour.
    pub fn line_to(&mut self, p: Point) -> &mut Self {
        self.points.push(p);
        self
    }

    /// Adds a quadratic curve from the last point.
    pub fn quad_to(&mut self, control: Point, end: Point) -> &mut Self {
        let start = self.points.last().copied().unwrap_or(control);
        let steps = steps_for(start, control, end);
        for i in 1..=steps {
            let t = i as f32 / steps as f32;
            self.points.push(between(
                between(start, control, t),
                between(control, end, t),
                t,
            ));
        }
        self
    }

    /// Adds a smooth curve through `knots` (Catmull-Rom); the first knot joins by a line.
    pub fn spline(&mut self, knots: &[Point]) -> &mut Self {
        for i in 0..knots.len() {
            if i == 0 {
                self.points.push(knots[0]);
                continue;
            }
            let (p1, p2) = (knots[i - 1], knots[i]);
            let p0 = if i >= 2 { knots[i - 2] } else { p1 };
            let p3 = if i + 1 < knots.len() {
                knots[i + 1]
            } else {
                p2
            };
            self.spline_span(p0, p1, p2, p3);
        }
        self
    }

    /// Adds a whole smooth contour through `knots` and closes it.
    pub fn blob(&mut self, knots: &[Point]) -> &mut Self {
        let n = knots.len();
        for i in 0..n {
            self.spline_span(
                knots[(i + n - 1) % n],
                knots[i],
                knots[(i + 1) % n],
                knots[(i + 2) % n],
            );
        }
        self.close()
    }

    fn spline_span(&mut self, p0: Point, p1: Point, p2: Point, p3: Point) {
        let steps = steps_for(p1, between(p1, p2, 0.5), p2);
        for i in 1..=steps {
            let t = i as f32 / steps as f32;
            let (t2, t3) = (t * t, t * t * t);
            let weights = [
                -0.5 * t + t2 - 0.5 * t3,
                1.0 - 2.5 * t2 + 1.5 * t3,
                0.5 * t + 2.0 * t2 - 1.5 * t3,
                -0.5 * t2 + 0.5 * t3,
            ];
            let mix = |k: usize| {
                p0[k] * weights[0] + p1[k] * weights[1] + p2[k] * weights[2] + p3[k] * weights[3]
            };
            self.points.push([mix(0), mix(1)]);
        }
    }

    /// Adds a closed polygon.
    pub fn polygon(&mut self, corners: &[Point]) -> &mut Self {
        self.points.extend_from_slice(corners);
        self.close()
    }

    /// Adds an ellipse; `tilt` turns it clockwise, in radians.
    pub fn ellipse(&mut self, center: Point, rx: f32, ry: f32, tilt: f32) -> &mut Self {
        let steps = ((rx.max(ry) * 4.0).sqrt() * 3.2).clamp(8.0, 64.0) as usize;
        let (sin, cos) = tilt.sin_cos();
        for i in 0..steps {
            let (s, c) = (std::f32::consts::TAU * i as f32 / steps as f32).sin_cos();
            let (x, y) = (rx * c, ry * s);
            self.points
                .push([center[0] + x * cos - y * sin, center[1] + x * sin + y * cos]);
        }
        self.close()
    }

    /// Adds a limb: the hull of a circle of radius `ra` at `a` and one of radius `rb` at `b`.
    pub fn capsule(&mut self, a: Point, ra: f32, b: Point, rb: f32) -> &mut Self {
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let length = dx.hypot(dy);
        if length <= (ra - rb).abs() + 1e-4 {
            let (center, radius) = if ra > rb { (a, ra) } else { (b, rb) };
            return self.ellipse(center, radius, radius, 0.0);
        }
        let heading = dy.atan2(dx);
        // The tangent touches both circles at this angle from the heading.
        let touch = ((ra - rb) / length).acos();
        self.arc(b, rb, heading - touch, heading + touch);
        self.arc(
            a,
            ra,
            heading + touch,
            heading + std::f32::consts::TAU - touch,
        );
        self.close()
    }

    fn arc(&mut self, center: Point, radius: f32, from: f32, to: f32) {
        let steps = (((to - from) * (radius * 2.0).sqrt() * 1.2) as usize).clamp(2, 24);
        for i in 0..=steps {
            let (s, c) = (from + (to - from) * i as f32 / steps as f32).sin_cos();
            self.points
                .push([center[0] + radius * c, center[1] + radius * s]);
        }
    }

    /// Adds a ribbon along `spine` (at least two knots), `half_width(s)` wide to each side with
    /// `s` from 0 at the first knot to 1 at the last.
    pub fn ribbon(&mut self, spine: &[Point], half_width: impl Fn(f32) -> f32) -> &mut Self {
        let n = spine.len();
        let start = self.points.len();
        let edge = |i: usize, side: f32| {
            let (a, b) = (spine[i.saturating_sub(1)], spine[(i + 1).min(n - 1)]);
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            let k = side * half_width(i as f32 / (n - 1) as f32) / dx.hypot(dy).max(1e-4);
            [spine[i][0] - dy * k, spine[i][1] + dx * k]
        };
        for i in 0..n {
            self.points.push(edge(i, 1.0));
        }
        for i in (0..n).rev() {
            self.points.push(edge(i, -1.0));
        }
        debug_assert!(self.points.len() == start + 2 * n);
        self.close()
    }

    /// Closes the open contour.
    pub fn close(&mut self) -> &mut Self {
        let start = self.ends.last().copied().unwrap_or(0);
        let contour = &mut self.points[start..];
        let area: f32 = (0..contour.len())
            .map(|i| {
                let (a, b) = (contour[i], contour[(i + 1) % contour.len()]);
                a[0] * b[1] - b[0] * a[1]
            })
            .sum();
        if area < 0.0 {
            contour.reverse();
        }
        self.ends.push(self.points.len());
        self
    }

    /// Left, top, right and bottom of all contours; `None` without contours or when they lie
    /// beyond what a picture can hold.
    pub fn bounds(&self) -> Option<[f32; 4]> {
        let none = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        let bounds = self.points.iter().fold(none, |b, p| {
            [
                b[0].min(p[0]),
                b[1].min(p[1]),
                b[2].max(p[0]),
                b[3].max(p[1]),
            ]
        });
        bounds.iter().all(|v| v.abs() < 1e6).then_some(bounds)
    }
}

/// Short lines that a curve of this size needs to look smooth.
fn steps_for(a: Point, b: Point, c: Point) -> usize {
    let length = (b[0] - a[0]).hypot(b[1] - a[1]) + (c[0] - b[0]).hypot(c[1] - b[1]);
    ((length * 0.9).sqrt() as usize + 1).clamp(2, 16)
}

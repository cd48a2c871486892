//! What figures wear: outlines that follow trunk and thighs, hems that lag behind.

use super::Brush;
use super::canvas::Canvas;
use super::figure::Figure;
use super::path::{Point, between};
use super::skeleton::{gait_wave, mid, swing};
use crate::program::{Action, Garment, SubjectKind};

/// One slice through a garment.
#[derive(Debug, Clone, Copy)]
struct Slice {
    /// 1 at the shoulders, 0 at the hips, -1 at the knees.
    along: f32,
    /// Half width across the shoulders and half depth, shares of the body's height.
    side: f32,
    front: f32,
}

const fn slice(along: f32, side: f32, front: f32) -> Slice {
    Slice { along, side, front }
}

/// A garment's outline for an average body, from the shoulders to the hem.
fn cut(garment: Garment) -> [Slice; 6] {
    let slices = match garment {
        Garment::Coat => [
            (0.97, 0.120, 0.066),
            (0.74, 0.120, 0.086),
            (0.36, 0.100, 0.074),
            (0.00, 0.108, 0.084),
            (-0.50, 0.122, 0.096),
            (-1.00, 0.140, 0.112),
        ],
        Garment::Dress => [
            (0.97, 0.110, 0.060),
            (0.74, 0.108, 0.080),
            (0.36, 0.084, 0.062),
            (0.00, 0.108, 0.084),
            (-0.50, 0.150, 0.128),
            (-1.05, 0.196, 0.172),
        ],
        Garment::Raincoat => [
            (0.97, 0.120, 0.068),
            (0.74, 0.124, 0.090),
            (0.36, 0.120, 0.090),
            (0.00, 0.128, 0.098),
            (-0.36, 0.138, 0.106),
            (-0.74, 0.150, 0.118),
        ],
        Garment::Jacket => [
            (0.97, 0.124, 0.070),
            (0.74, 0.128, 0.092),
            (0.42, 0.118, 0.086),
            (0.18, 0.112, 0.082),
            (-0.02, 0.112, 0.082),
            (-0.14, 0.108, 0.080),
        ],
        Garment::Sweater => [
            (0.97, 0.120, 0.066),
            (0.74, 0.122, 0.088),
            (0.42, 0.112, 0.082),
            (0.18, 0.110, 0.082),
            (0.02, 0.112, 0.084),
            (-0.08, 0.102, 0.078),
        ],
    };
    slices.map(|(along, side, front)| slice(along, side, front))
}

/// How a kind of body differs from the average, so that its outline alone names it: men broad at
/// the shoulders and straight below, women narrow at the waist and flared, children round.
struct Fit {
    /// Widths, slice by slice.
    width: [f32; 6],
    /// How far what hangs below the hips reaches.
    length: f32,
}

impl Fit {
    fn of(kind: SubjectKind) -> Self {
        let (width, length) = match kind {
            SubjectKind::Man => ([1.18, 1.14, 1.06, 0.94, 0.88, 0.82], 0.70),
            SubjectKind::Woman => ([0.80, 0.82, 0.68, 0.98, 1.16, 1.24], 1.06),
            _ => ([0.94, 1.06, 1.26, 1.26, 1.20, 1.18], 0.80),
        };
        Self { width, length }
    }

    fn slice(&self, i: usize, slice: Slice) -> Slice {
        let hang = if slice.along < 0.0 { self.length } else { 1.0 };
        Slice {
            along: slice.along * hang,
            side: slice.side * self.width[i],
            front: slice.front * self.width[i],
        }
    }
}

/// What women wear below a garment that ends at the hips.
const SKIRT: [Slice; 4] = [
    slice(0.22, 0.080, 0.066),
    slice(0.00, 0.102, 0.084),
    slice(-0.45, 0.134, 0.112),
    slice(-0.95, 0.168, 0.142),
];

/// Whether a kind of person wears a skirt with a garment.
pub fn has_skirt(kind: SubjectKind, garment: Garment) -> bool {
    kind == SubjectKind::Woman && matches!(garment, Garment::Jacket | Garment::Sweater)
}

/// Radii of a sleeve at shoulder, elbow and cuff, shares of the body's thickness.
pub fn sleeve(garment: Garment) -> [f32; 3] {
    match garment {
        Garment::Coat => [0.042, 0.035, 0.031],
        Garment::Dress => [0.034, 0.027, 0.022],
        Garment::Raincoat => [0.045, 0.039, 0.037],
        Garment::Jacket => [0.044, 0.037, 0.030],
        Garment::Sweater => [0.042, 0.036, 0.028],
    }
}

/// The two edges of a slice in pixels, left first.
struct Edges {
    left: Point,
    right: Point,
}

/// Prints the garment's body with its details.
pub fn torso(figure: &Figure, brush: &mut Brush, canvas: &mut Canvas) {
    let (tall, wear) = (figure.body.tall, &figure.wear);
    let slices = cut(wear.garment);
    let fit = Fit::of(figure.subject.kind);
    let edges: [Edges; 6] =
        std::array::from_fn(|i| edges_of(figure, fit.slice(i, slices[i]), brush));
    if let Some(skirt) = wear.skirt {
        let edges = SKIRT.map(|slice| edges_of(figure, slice, brush));
        hang(&edges, None, brush);
        let ink = brush.ink(skirt, 0.050 * tall);
        brush.print(canvas, &ink);
    }
    neck(figure, brush, canvas);
    let collar = figure
        .view
        .at(brush, mid(figure.joints.chest, figure.joints.head, 0.20));
    let half = 0.040 * tall * brush.ppm;
    let collar = Edges {
        left: [collar[0] - half, collar[1]],
        right: [collar[0] + half, collar[1]],
    };
    hang(&edges, Some(&collar), brush);
    let mut ink = brush.ink(wear.cloth, 0.070 * tall);
    ink.gradient = 0.10;
    brush.print(canvas, &ink);
    details(figure, &edges, brush, canvas);
}

/// The outline of cloth from its upper edge, or a collar above it, to the hem.
fn hang(edges: &[Edges], collar: Option<&Edges>, brush: &mut Brush) {
    let from_top = || collar.into_iter().chain(edges);
    let left: Vec<Point> = from_top().map(|e| e.left).collect();
    let mut right: Vec<Point> = from_top().map(|e| e.right).collect();
    right.reverse();
    let (a, b) = (left[left.len() - 1], right[0]);
    // The hem is seen a little from above.
    let sag = [
        (a[0] + b[0]) * 0.5,
        (a[1] + b[1]) * 0.5 + 0.10 * (b[0] - a[0]),
    ];
    brush
        .path
        .spline(&left)
        .quad_to(sag, b)
        .spline(&right)
        .close();
}

fn neck(figure: &Figure, brush: &mut Brush, canvas: &mut Canvas) {
    let low = figure.view.at(brush, figure.joints.chest);
    let high = figure.view.at(brush, figure.joints.head);
    let radius = 0.030 * figure.body.tall * brush.ppm;
    brush.path.capsule(low, radius, high, radius);
    let ink = brush.ink(figure.wear.skin_far, 0.02);
    brush.print(canvas, &ink);
}

/// Where a slice's edges are: on the trunk, or hanging over both legs.
fn edges_of(figure: &Figure, slice: Slice, brush: &Brush) -> Edges {
    let (view, joints, tall) = (&figure.view, &figure.joints, figure.body.tall);
    let half = view.half_width(slice.side, slice.front) * tall * brush.ppm;
    if slice.along >= 0.0 {
        let center = view.at(brush, mid(joints.pelvis, joints.chest, slice.along));
        return Edges {
            left: [center[0] - half, center[1]],
            right: [center[0] + half, center[1]],
        };
    }
    let down = -slice.along;
    let hang = figure.body.thigh * down.min(1.2);
    let (push, flutter) = hem_motion(figure, down);
    let mut center = view.at(brush, [joints.pelvis[0], joints.pelvis[1] - hang, 0.0]);
    center[0] += push * brush.ppm;
    let legs = [0, 1].map(|i| view.at(brush, mid(joints.hips[i], joints.knees[i], down.min(1.0))));
    let first = usize::from(legs[1][0] < legs[0][0]);
    let (low, high) = (legs[first], legs[1 - first]);
    let room = 0.052 * tall * brush.ppm;
    let over = |edge: f32, leg: Point, side: f32| -> Point {
        let pushed = side * (leg[0] + side * room - edge);
        // Cloth that a thigh pushes out is also lifted by it.
        let lifted = if pushed > 0.0 { 0.75 } else { 0.0 };
        [
            edge + side * pushed.max(0.0),
            center[1] + (leg[1] - center[1]).min(0.0) * lifted,
        ]
    };
    let mut left = over(center[0] - half, low, -1.0);
    let mut right = over(center[0] + half, high, 1.0);
    // The edge that trails flies out.
    let trail = flutter * brush.ppm;
    if trail < 0.0 {
        left = [left[0] + trail, left[1] + trail.abs() * -0.35];
    } else {
        right = [right[0] + trail, right[1] - trail * 0.35];
    }
    Edges { left, right }
}

/// Metres that cloth hanging `down` thigh lengths is pushed aside, and that its trailing edge
/// flies out (negative to the left).
fn hem_motion(figure: &Figure, down: f32) -> (f32, f32) {
    let pose = figure.pose;
    let loose = match figure.wear.garment {
        Garment::Dress => 1.0,
        Garment::Coat => 0.75,
        Garment::Raincoat => 0.5,
        _ => 0.15,
    } * figure.body.tall
        * down;
    let moving = matches!(pose.action, Action::Walk | Action::Run);
    let wave = if moving {
        gait_wave(pose, 2.0, 0.12)
    } else {
        swing(pose, 0.45, 31) * 0.3
    };
    let air = pose.wind - pose.facing * pose.speed * 1.4;
    let push = loose * (0.010 * wave + 0.0022 * pose.wind);
    let flutter =
        loose * 0.018 * air.clamp(-6.0, 6.0) * (0.75 + 0.25 * swing(pose, 1.9, 32) * down);
    (push, flutter)
}

/// Buttons, belts, bands and collars: one tone, only where the figure is large enough.
fn details(figure: &Figure, edges: &[Edges; 6], brush: &mut Brush, canvas: &mut Canvas) {
    let wear = &figure.wear;
    let unit = figure.body.tall * brush.ppm;
    let across = |i: usize, t: f32| between(edges[i].left, edges[i].right, t);
    let line = super::Ink::flat(wear.cloth.shade);
    match wear.garment {
        Garment::Coat | Garment::Dress if figure.subject.kind == SubjectKind::Woman => {
            let (a, b) = (across(2, 0.0), across(2, 1.0));
            let sag = [(a[0] + b[0]) * 0.5, (a[1] + b[1]) * 0.5 + 0.012 * unit];
            brush.path.ribbon(&[a, sag, b], |_| 0.010 * unit);
            brush.print(canvas, &line);
        }
        Garment::Sweater => {
            brush
                .path
                .ribbon(&[across(5, 0.0), across(5, 1.0)], |_| 0.012 * unit);
            brush.print(canvas, &line);
        }
        _ => {}
    }
    let opens = matches!(
        wear.garment,
        Garment::Coat | Garment::Raincoat | Garment::Jacket
    );
    if opens && !figure.pose.away && unit > 50.0 {
        // The opening runs down the front, which turns with the body.
        let t = 0.5 + 0.40 * figure.pose.facing;
        let spine: Vec<Point> = (1..6).map(|i| across(i, t)).collect();
        brush.path.ribbon(&spine, |_| (0.0035 * unit).max(0.4));
        brush.print(canvas, &line);
    }
}

//! Sailing boats and fishing boats, on the waterline.

use super::canvas::Canvas;
use super::palette::{hex, rgb};
use super::path::Point;
use super::skeleton::swing;
use super::{Brush, Place, Pose};
use crate::program::{Color, Subject};

/// A frame that heels about the waterline and may be mirrored.
#[derive(Debug, Clone, Copy)]
pub struct Deck {
    /// Picture x of a metre toward the bow.
    pub ahead: f32,
    sin: f32,
    cos: f32,
    rise: f32,
}

impl Deck {
    /// A deck tilted by `tilt` radians (clockwise) and lifted by `rise` metres.
    pub fn new(pose: &Pose, tilt: f32, rise: f32) -> Self {
        // Seen from the bow a boat is never thinner than half its length.
        let sign = if pose.facing < 0.0 { -1.0 } else { 1.0 };
        let ahead = sign * pose.facing.abs().max(0.5);
        let (sin, cos) = tilt.sin_cos();
        Self {
            ahead,
            sin,
            cos,
            rise,
        }
    }

    /// Pixel of a point `x` metres toward the bow and `y` over the water.
    pub fn at(&self, place: Place, x: f32, y: f32) -> Point {
        let x = x * self.ahead;
        place.at(
            x * self.cos + y * self.sin,
            y * self.cos - x * self.sin + self.rise,
        )
    }
}

fn points(deck: &Deck, brush: &Brush, list: &[[f32; 2]]) -> Vec<Point> {
    list.iter()
        .map(|p| deck.at(brush.place, p[0], p[1]))
        .collect()
}

/// White water along the hull of a boat that moves.
fn foam(length: f32, pose: &Pose, brush: &mut Brush, canvas: &mut Canvas) {
    let strength = (pose.speed / 1.5).clamp(0.25, 1.0);
    let side = if pose.facing < 0.0 { -1.0 } else { 1.0 };
    for i in 0..7 {
        let s = i as f32 / 6.0;
        let x = side * length * (0.50 - s * (0.9 + 0.25 * strength));
        let wobble = swing(pose, 0.6, 80 + i);
        let center = brush.at(x + 0.08 * wobble, -0.05 - 0.02 * wobble);
        let wide = length * (0.07 + 0.05 * strength) * (1.0 + 0.2 * wobble) * brush.ppm;
        brush
            .path
            .ellipse(center, wide, (0.055 + 0.05 * strength) * brush.ppm, 0.0);
    }
    let ink = brush
        .light
        .flat(hex(0xEE_F4_F4))
        .with_alpha(0.35 + 0.35 * strength);
    brush.print(canvas, &ink);
}

/// Draws a sailing boat: sails in the colour over a pale hull.
pub fn sailboat(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let heel = (pose.wind * 0.016).clamp(-0.17, 0.17) + 0.022 * swing(pose, 0.21, 81);
    let deck = Deck::new(pose, heel, 0.07 * swing(pose, 0.29, 82));
    let (m, place) = (brush.ppm, brush.place);
    let (foot, top) = (deck.at(place, 0.2, 0.85), deck.at(place, 0.2, 8.7));
    brush.path.capsule(foot, 0.075 * m, top, 0.045 * m);
    let (near, end) = (deck.at(place, 0.2, 1.45), deck.at(place, -2.75, 1.40));
    brush.path.capsule(near, 0.06 * m, end, 0.05 * m);
    let ink = brush.ink(brush.light.tones(hex(0x6B_4A_33)), 0.03);
    brush.print(canvas, &ink);
    sails(subject, pose, &deck, &mut brush, canvas);
    yacht_hull(subject, &deck, &mut brush, canvas);
    foam(6.2, pose, &mut brush, canvas);
}

/// Main sail and jib, which belly out with the wind.
fn sails(subject: &Subject, pose: &Pose, deck: &Deck, brush: &mut Brush, canvas: &mut Canvas) {
    let (m, place) = (brush.ppm, brush.place);
    let corner = |x: f32, y: f32| deck.at(place, x, y);
    let belly = 0.30 + 0.06 * pose.wind.abs().min(8.0) + 0.03 * swing(pose, 0.7, 83);
    // With the wind along the boat the jib fills ahead, against it the jib lies flat.
    let lee = if pose.wind * deck.ahead >= 0.0 {
        1.0
    } else {
        -0.55
    };
    let cloth = brush.light.tones(rgb(subject.color));
    let (tack, head, clew) = (corner(0.10, 1.62), corner(0.10, 8.35), corner(-2.65, 1.55));
    let leech = corner(-1.75 - 0.5 * belly, 4.6 + 0.3 * belly);
    brush.path.line_to(tack).line_to(head).quad_to(leech, clew);
    brush.path.quad_to(corner(-1.2, 1.40), tack).close();
    let mut ink = brush.ink(cloth, 0.75);
    ink.gradient = 0.12;
    brush.print(canvas, &ink);
    let (stay, jib_head, jib_clew) = (corner(3.05, 1.15), corner(0.38, 7.2), corner(0.15, 1.45));
    brush
        .path
        .line_to(stay)
        .quad_to(corner(1.85 + 0.35 * belly * lee, 4.1), jib_head);
    brush
        .path
        .quad_to(corner(0.55 + 0.25 * belly, 3.9), jib_clew);
    brush.path.quad_to(corner(1.5, 1.05), stay).close();
    let ink = brush.ink(cloth, 0.40);
    brush.print(canvas, &ink);
    for level in [0.28, 0.52, 0.74] {
        let end = corner(-2.65 * (1.0 - level) - 0.35 * belly, 1.55 + 6.8 * level);
        let seam = [super::path::between(tack, head, level), end];
        brush.path.ribbon(&seam, |_| (0.025 * m).max(0.35));
    }
    brush.print(
        canvas,
        &super::Ink::flat(cloth.shade).with_alpha(0.7).atop(),
    );
}

/// A pale hull, or a dark one under white sails.
fn yacht_hull(subject: &Subject, deck: &Deck, brush: &mut Brush, canvas: &mut Canvas) {
    let pale = subject.color == Color::White;
    let [hull, trim] = if pale {
        [0x2E_3E_55, 0xC9_A2_6B]
    } else {
        [0xF2_EC_E0, 0x7A_4E_30]
    }
    .map(hex);
    let m = brush.ppm;
    let sheer = [
        [-3.1, 0.82],
        [-1.6, 0.70],
        [0.4, 0.74],
        [2.2, 0.92],
        [3.45, 1.22],
    ];
    let sheer = points(deck, brush, &sheer);
    let place = brush.place;
    let corner = |x: f32, y: f32| deck.at(place, x, y);
    brush
        .path
        .spline(&sheer)
        .quad_to(corner(3.1, 0.35), corner(2.75, -0.12));
    brush
        .path
        .quad_to(corner(0.0, -0.22), corner(-2.85, -0.12))
        .close();
    let mut ink = brush.ink(brush.light.tones(hull), 0.30);
    ink.gradient = 0.15;
    brush.print(canvas, &ink);
    brush.path.ribbon(&sheer, |_| (0.075 * m).max(0.5));
    let ink = brush.light.flat(trim);
    brush.print(canvas, &ink);
}

/// Draws a fishing boat: coloured hull, white cabin, mast and boom.
pub fn fishing_boat(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let tilt = 0.020 * swing(pose, 0.23, 84) + 0.010 * swing(pose, 0.41, 85);
    let deck = Deck::new(pose, tilt, 0.09 * swing(pose, 0.27, 86));
    rig(&deck, &mut brush, canvas);
    cabin(subject, &deck, &mut brush, canvas);
    hull(subject, &deck, &mut brush, canvas);
    foam(9.0, pose, &mut brush, canvas);
}

fn rig(deck: &Deck, brush: &mut Brush, canvas: &mut Canvas) {
    let m = brush.ppm;
    let at = |x: f32, y: f32| (x, y);
    let spars = [
        (at(1.6, 1.2), at(1.6, 5.7), 0.09),
        (at(1.6, 2.2), at(-2.6, 4.3), 0.06),
        (at(-3.9, 1.2), at(-3.9, 3.1), 0.06),
    ];
    for ((x0, y0), (x1, y1), thick) in spars {
        let (a, b) = (deck.at(brush.place, x0, y0), deck.at(brush.place, x1, y1));
        brush.path.capsule(a, thick * m, b, thick * 0.7 * m);
    }
    let ink = brush.ink(brush.light.tones(hex(0x5E_46_36)), 0.04);
    brush.print(canvas, &ink);
    let stays = [
        ((1.6, 5.6), (4.7, 1.9)),
        ((1.6, 5.6), (-2.6, 4.3)),
        ((-2.6, 4.3), (-3.6, 1.3)),
    ];
    for ((x0, y0), (x1, y1)) in stays {
        let line = [deck.at(brush.place, x0, y0), deck.at(brush.place, x1, y1)];
        brush.path.ribbon(&line, |_| (0.018 * m).max(0.32));
    }
    let ink = brush.light.flat(hex(0x3A_36_38)).with_alpha(0.8);
    brush.print(canvas, &ink);
}

fn cabin(subject: &Subject, deck: &Deck, brush: &mut Brush, canvas: &mut Canvas) {
    let shape = |brush: &Brush, list: &[[f32; 2]]| points(deck, brush, list);
    let wall = brush.light.tones(hex(0xF3_F0_E8));
    let corners = shape(
        brush,
        &[[-3.0, 1.0], [-2.8, 3.05], [-0.75, 3.05], [-0.35, 1.0]],
    );
    brush.path.polygon(&corners);
    let ink = brush.ink(wall, 0.45);
    brush.print(canvas, &ink);
    let roof = shape(
        brush,
        &[[-3.15, 3.0], [-3.1, 3.25], [-0.55, 3.30], [-0.45, 3.05]],
    );
    brush.path.polygon(&roof);
    let trim = brush.light.tones(rgb(subject.color).map(|v| v * 0.82));
    let ink = brush.ink(trim, 0.10);
    brush.print(canvas, &ink);
    for x in [-2.55, -1.85, -1.15] {
        let pane = shape(
            brush,
            &[[x, 2.1], [x + 0.02, 2.7], [x + 0.48, 2.7], [x + 0.50, 2.1]],
        );
        brush.path.polygon(&pane);
    }
    let glass = if brush.light.night {
        hex(0xFF_D9_8A)
    } else {
        hex(0x4C_62_74)
    };
    let ink = if brush.light.night {
        super::Ink::flat(glass)
    } else {
        brush.light.flat(glass)
    };
    brush.print(canvas, &ink);
}

fn hull(subject: &Subject, deck: &Deck, brush: &mut Brush, canvas: &mut Canvas) {
    let m = brush.ppm;
    let sheer = points(
        deck,
        brush,
        &[
            [-4.6, 1.42],
            [-2.6, 1.06],
            [0.0, 1.05],
            [2.6, 1.42],
            [4.9, 2.10],
        ],
    );
    let bow = deck.at(brush.place, 3.9, -0.15);
    let stem = deck.at(brush.place, 4.35, 0.8);
    let (keel, stern) = (
        deck.at(brush.place, 0.0, -0.30),
        deck.at(brush.place, -4.25, -0.15),
    );
    brush
        .path
        .spline(&sheer)
        .quad_to(stem, bow)
        .quad_to(keel, stern)
        .close();
    let mut ink = brush.ink(brush.light.tones(rgb(subject.color)), 0.45);
    ink.gradient = 0.14;
    brush.print(canvas, &ink);
    let low: Vec<Point> = points(deck, brush, &[[-4.35, 0.16], [0.0, 0.02], [4.1, 0.22]]);
    brush.path.ribbon(&low, |_| 0.16 * m);
    let stripe = if subject.color == Color::White {
        0x3A_46_58
    } else {
        0x2B_2A_30
    };
    let ink = brush.light.flat(hex(stripe)).atop();
    brush.print(canvas, &ink);
    brush.path.ribbon(&sheer, |_| (0.09 * m).max(0.5));
    let rail = if subject.color == Color::White {
        hex(0x3A_46_58)
    } else {
        hex(0xF0_EB_DF)
    };
    let ink = brush.light.flat(rail);
    brush.print(canvas, &ink);
}

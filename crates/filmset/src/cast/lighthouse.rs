//! Lighthouses: a white tower with bands in the colour, and its lamp room.

use super::canvas::Canvas;
use super::palette::{hex, rgb};
use super::{Brush, Ink, Place};
use crate::program::{Color, Subject};

/// Metres right of and over the lighthouse's foot where its lamp burns.
pub const LAMP: (f32, f32) = (0.0, 16.6);
/// Height of the gallery's floor, metres.
const GALLERY: f32 = 15.2;
const IRON: [f32; 3] = hex(0x3C_3E_48);

/// Half the tower's width at a height, metres.
fn half(y: f32) -> f32 {
    2.35 - 0.92 * (y / GALLERY).powf(0.8)
}

/// Draws a lighthouse on a low rock.
pub fn draw(subject: &Subject, mut brush: Brush, canvas: &mut Canvas) {
    rock(&mut brush, canvas);
    tower(subject, &mut brush, canvas);
    openings(&mut brush, canvas);
    gallery(&mut brush, canvas);
    lamp_room(subject, &mut brush, canvas);
}

fn rock(brush: &mut Brush, canvas: &mut Canvas) {
    let knots = [
        (-4.0, -0.2),
        (-3.4, 0.7),
        (-2.0, 1.0),
        (0.4, 1.25),
        (2.4, 0.9),
        (3.5, 0.6),
        (4.0, -0.2),
    ];
    let knots = knots.map(|(x, y)| brush.at(x, y));
    brush.path.spline(&knots).close();
    let ink = brush.ink(brush.light.tones(hex(0x6A_62_60)), 1.2);
    brush.print(canvas, &ink);
}

/// Adds a slice of the round tower, its ends curved as seen from below.
fn slab(brush: &mut Brush, low: f32, high: f32) {
    let (a, b) = (half(low), half(high));
    let [left, top, right, end] =
        [(-a, low), (-b, high), (b, high), (a, low)].map(|(x, y)| brush.at(x, y));
    let (sag, crest) = (brush.at(0.0, low - 0.28), brush.at(0.0, high - 0.22));
    brush
        .path
        .line_to(left)
        .line_to(top)
        .quad_to(crest, right)
        .line_to(end);
    brush.path.quad_to(sag, left).close();
}

fn tower(subject: &Subject, brush: &mut Brush, canvas: &mut Canvas) {
    slab(brush, 0.9, GALLERY);
    let ink = brush.light.flat(hex(0xF3_EF_E6));
    brush.print(canvas, &ink);
    for (low, high) in [(0.9, 4.2), (6.4, 9.6), (11.8, 14.4)] {
        slab(brush, low, high);
    }
    let white = subject.color == Color::White;
    let ink = brush.light.flat(if white {
        hex(0xDD_DC_D8)
    } else {
        rgb(subject.color)
    });
    brush.print(canvas, &ink);
    let dark = if brush.light.toward_sun()[0] < 0.0 {
        1.0
    } else {
        -1.0
    };
    let shadow = [(0.30, 0.6), (0.30, GALLERY), (1.02, GALLERY), (1.02, 0.6)]
        .map(|(share, y): (f32, f32)| brush.at(dark * share * half(y), y));
    brush.path.polygon(&shadow);
    let ink = brush.light.flat(hex(0x2A_2C_3E)).with_alpha(0.26).atop();
    brush.print(canvas, &ink);
}

/// Adds a rectangle about the tower's axis.
fn block(brush: &mut Brush, half: f32, low: f32, high: f32) {
    let corners =
        [(-half, low), (-half, high), (half, high), (half, low)].map(|(x, y)| brush.at(x, y));
    brush.path.polygon(&corners);
}

fn openings(brush: &mut Brush, canvas: &mut Canvas) {
    let radius = 0.24 * brush.ppm;
    for y in [5.2, 10.4] {
        let (a, b) = (brush.at(0.15, y), brush.at(0.15, y + 0.5));
        brush.path.capsule(a, radius, b, radius);
    }
    block(brush, 0.5, 0.9, 2.3);
    let ink = brush.light.flat(hex(0x3A_3A_44));
    brush.print(canvas, &ink);
}

fn gallery(brush: &mut Brush, canvas: &mut Canvas) {
    block(brush, 2.0, GALLERY - 0.1, 15.5);
    block(brush, 1.05, 15.4, 15.8);
    let ink = brush.ink(brush.light.tones(IRON), 0.4);
    brush.print(canvas, &ink);
    let m = brush.ppm;
    let place: Place = brush.place;
    for i in 0..7 {
        let x = -1.9 + 3.8 * i as f32 / 6.0;
        brush
            .path
            .ribbon(&[place.at(x, 15.4), place.at(x, 16.15)], |_| {
                (0.05 * m).max(0.3)
            });
    }
    let rail = [place.at(-1.95, 16.1), place.at(1.95, 16.1)];
    brush.path.ribbon(&rail, |_| (0.06 * m).max(0.35));
    let ink = brush.light.flat(IRON).with_alpha(0.9);
    brush.print(canvas, &ink);
}

fn lamp_room(subject: &Subject, brush: &mut Brush, canvas: &mut Canvas) {
    let m = brush.ppm;
    let place = brush.place;
    block(brush, 1.0, 15.8, 17.5);
    let glass = if brush.light.night {
        hex(0xFF_EC_B0)
    } else {
        hex(0xE8_EE_E2)
    };
    let ink = brush.light.flat(glass);
    brush.print(canvas, &ink);
    brush
        .path
        .ellipse(place.at(LAMP.0, LAMP.1), 0.42 * m, 0.50 * m, 0.0);
    brush.print(canvas, &Ink::flat(hex(0xFF_F2_C4)));
    for x in [-0.98, -0.34, 0.34, 0.98] {
        brush
            .path
            .ribbon(&[place.at(x, 15.8), place.at(x, 17.5)], |_| {
                (0.05 * m).max(0.3)
            });
    }
    let ink = brush.light.flat(IRON);
    brush.print(canvas, &ink);
    let (eaves, dome, neck, tip) = ((1.35, 17.4), (0.95, 18.1), (0.25, 18.9), (0.0, 19.5));
    let left = [eaves, dome, neck].map(|(x, y)| place.at(-x, y));
    let right = [tip, neck, dome, eaves].map(|(x, y)| place.at(x, y));
    for p in left.into_iter().chain(right) {
        brush.path.line_to(p);
    }
    brush.path.close();
    let white = subject.color == Color::White;
    let cap = if white {
        hex(0x5A_5E_68)
    } else {
        rgb(subject.color)
    };
    let ink = brush.ink(brush.light.tones(cap), 0.5);
    brush.print(canvas, &ink);
}

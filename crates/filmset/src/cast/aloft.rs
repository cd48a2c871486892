//! What flies without wings, and what stands or rolls: balloon, kite, ball and lighthouse.

use super::canvas::Canvas;
use super::gait;
use super::palette::{hex, rgb};
use super::path::Point;
use super::skeleton::swing;
use super::{BALL_RADIUS, Brush, Ink, Pose};
use crate::program::{Action, Color, Subject};
use std::f32::consts::{PI, TAU};

/// Colour that stripes a thing painted in `color`.
fn stripe(color: Color) -> [f32; 3] {
    match color {
        Color::White => hex(0xC4_C8_CC),
        Color::Grey => hex(0xD8_DA_DC),
        Color::Black => hex(0x5E_61_68),
        _ => hex(0xF6_EE_DC),
    }
}

/// Height over the basket's floor and radius of the envelope, metres.
const ENVELOPE: [[f32; 2]; 9] = [
    [4.1, 0.9],
    [5.6, 2.6],
    [7.4, 4.4],
    [9.4, 5.9],
    [11.6, 6.75],
    [13.8, 6.6],
    [16.0, 5.2],
    [17.7, 2.9],
    [18.4, 0.5],
];

/// Draws a hot-air balloon; the point on the ground is the floor of its basket.
pub fn balloon(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let tilt = 0.025 * swing(pose, 0.13, 91) + (pose.wind * 0.003).clamp(-0.04, 0.04);
    let (sin, cos) = tilt.sin_cos();
    // The envelope leans about its middle, the basket swings the other way below it.
    let put = |brush: &Brush, x: f32, y: f32| {
        let y = y - 10.0;
        brush.at(x * cos + y * sin, 10.0 + y * cos - x * sin)
    };
    let edge = |brush: &Brush, angle: f32| -> Vec<Point> {
        ENVELOPE
            .iter()
            .map(|p| put(brush, p[1] * angle.sin(), p[0]))
            .collect()
    };
    let gore = |brush: &mut Brush, from: f32, to: f32| {
        let (left, mut right) = (edge(brush, from), edge(brush, to));
        right.reverse();
        brush.path.spline(&left).spline(&right).close();
    };
    let color = rgb(subject.color);
    gore(&mut brush, -PI / 2.0, PI / 2.0);
    let ink = brush.ink(brush.light.tones(color), 0.0);
    brush.print(canvas, &ink);
    // Narrow pale gores between the coloured ones turn slowly with the balloon.
    let spin = pose.t * 0.05 + pose.chance(92) * TAU;
    let step = TAU / 10.0;
    for i in 0..10 {
        let from = (spin + i as f32 * step).rem_euclid(TAU) - PI;
        let to = from + step * 0.36;
        if to > -PI / 2.0 && from < PI / 2.0 {
            gore(&mut brush, from.max(-PI / 2.0), to.min(PI / 2.0));
        }
    }
    let ink = brush.light.flat(stripe(subject.color)).atop();
    brush.print(canvas, &ink);
    let dark = if brush.light.toward_sun()[0] < 0.0 {
        1.0
    } else {
        -1.0
    };
    gore(&mut brush, dark * 0.42, dark * PI / 2.0);
    let ink = brush
        .light
        .flat(color.map(|v| v * 0.42))
        .with_alpha(0.30)
        .atop();
    brush.print(canvas, &ink);
    let skirt = [
        put(&brush, -0.9, 4.15),
        put(&brush, -0.62, 3.5),
        put(&brush, 0.62, 3.5),
        put(&brush, 0.9, 4.15),
    ];
    brush.path.polygon(&skirt);
    let ink = brush.light.flat(color.map(|v| v * 0.62));
    brush.print(canvas, &ink);
    let mouth = put(&brush, 0.0, 3.5);
    basket(pose, mouth, &mut brush, canvas);
}

fn basket(pose: &Pose, mouth: Point, brush: &mut Brush, canvas: &mut Canvas) {
    let m = brush.ppm;
    let x = 0.10 * swing(pose, 0.17, 93);
    for side in [-0.72, -0.25, 0.25, 0.72] {
        let top = [mouth[0] + side * 0.85 * m, mouth[1]];
        let low = brush.at(x + side, 1.45);
        brush.path.ribbon(&[top, low], |_| (0.03 * m).max(0.32));
    }
    let ink = brush.light.flat(hex(0x4A_38_2C));
    brush.print(canvas, &ink);
    let corners =
        [(-0.85, 1.5), (-0.72, 0.0), (0.72, 0.0), (0.85, 1.5)].map(|(dx, y)| brush.at(x + dx, y));
    brush.path.polygon(&corners);
    let ink = brush.ink(brush.light.tones(hex(0x9A_6A_3C)), 0.35);
    brush.print(canvas, &ink);
    let rim = [brush.at(x - 0.9, 1.5), brush.at(x + 0.9, 1.5)];
    brush.path.ribbon(&rim, |_| (0.13 * m).max(0.5));
    let ink = brush.light.flat(hex(0x5C_3C_24));
    brush.print(canvas, &ink);
    // The burner speaks for a second now and then.
    let cycle = (pose.t * 0.28 + pose.chance(94)).fract();
    if cycle < 0.3 {
        let flame = (cycle / 0.3 * PI).sin() * (0.85 + 0.15 * swing(pose, 9.0, 95));
        let (low, high) = (brush.at(x, 2.15), brush.at(x, 2.3 + 1.1 * flame));
        brush.path.capsule(low, 0.20 * flame * m, high, 0.05 * m);
        brush.print(canvas, &Ink::flat(hex(0xFF_D0_70)));
    }
}

/// Metres of a kite's string below the kite.
pub const KITE_STRING: f32 = 5.6;

/// Draws a kite; the point on the ground is its lower tip, the string runs down from there.
pub fn kite(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let m = brush.ppm;
    let lean = if pose.wind >= 0.0 { 1.0 } else { -1.0 };
    let pull = pose.wind.abs().max(3.0);
    let sway = 0.10 * swing(pose, 0.31, 101) + 0.05 * swing(pose, 0.83, 102);
    let tilt = lean * 0.26 + sway;
    let (sin, cos) = tilt.sin_cos();
    let float = [0.16 * swing(pose, 0.23, 103), 0.12 * swing(pose, 0.37, 104)];
    let put = |brush: &Brush, x: f32, y: f32| {
        brush.at(float[0] + x * cos + y * sin, float[1] + y * cos - x * sin)
    };
    let bridle = put(&brush, 0.0, 1.25);
    let ground = brush.at(-lean * (1.6 + 0.12 * pull), -KITE_STRING);
    let sag = [
        bridle[0] * 0.45 + ground[0] * 0.55,
        bridle[1] * 0.35 + ground[1] * 0.65 + 0.25 * m,
    ];
    let string: Vec<Point> = (0..=12)
        .map(|i| {
            let t = i as f32 / 12.0;
            super::path::between(
                super::path::between(bridle, sag, t),
                super::path::between(sag, ground, t),
                t,
            )
        })
        .collect();
    brush.path.ribbon(&string, |_| (0.012 * m).max(0.34));
    let ink = brush.light.flat(hex(0xEE_E8_DA)).with_alpha(0.85);
    brush.print(canvas, &ink);
    tail(
        subject,
        pose,
        put(&brush, 0.0, 0.0),
        lean,
        &mut brush,
        canvas,
    );
    let [top, right, low, left] =
        [(0.0, 2.30), (0.78, 1.52), (0.0, 0.0), (-0.78, 1.52)].map(|(x, y)| put(&brush, x, y));
    let center = put(&brush, 0.0, 1.52);
    let color = rgb(subject.color);
    brush.path.polygon(&[top, right, low, left]);
    let tones = brush.light.tones(color);
    let ink = Ink::flat(tones.base);
    brush.print(canvas, &ink);
    // Facets: the half away from the sun and the lower cheek are darker.
    let away = if brush.light.toward_sun()[0] < 0.0 {
        right
    } else {
        left
    };
    brush.path.polygon(&[top, away, low]);
    brush.print(canvas, &Ink::flat(tones.shade).with_alpha(0.75).atop());
    brush.path.polygon(&[center, left, low]);
    brush.path.polygon(&[center, right, low]);
    let pale = brush.light.tones(color.map(|v| v * 0.86));
    brush.print(canvas, &Ink::flat(pale.base).with_alpha(0.45).atop());
    for spar in [[top, low], [left, right]] {
        brush.path.ribbon(&spar, |_| (0.022 * m).max(0.35));
    }
    let ink = brush.light.flat(stripe(subject.color));
    brush.print(canvas, &ink);
}

/// The kite's tail: a wave that runs down it, with bows.
fn tail(
    subject: &Subject,
    pose: &Pose,
    start: Point,
    lean: f32,
    brush: &mut Brush,
    canvas: &mut Canvas,
) {
    const PIECES: usize = 16;
    let m = brush.ppm;
    let level = 1.0 - (-pose.wind.abs().max(2.0) / 7.0).exp();
    let mut spine = vec![start];
    for i in 1..=PIECES {
        let s = i as f32 / PIECES as f32;
        let ripple = (TAU * (pose.t * 1.05 - 1.15 * s + pose.chance(105))).sin();
        let angle = (1.0 - level) * 0.46 * PI + 0.12 + ripple * (0.30 + 0.45 * s);
        let last = spine[i - 1];
        let piece = 2.6 / PIECES as f32 * m;
        spine.push([
            last[0] + lean * angle.cos() * piece,
            last[1] + angle.sin() * piece,
        ]);
    }
    brush
        .path
        .ribbon(&spine, |s| m * (0.045 - 0.02 * s).max(0.4 / m));
    let color = rgb(subject.color);
    let ink = brush.light.flat(color.map(|v| v * 0.85));
    brush.print(canvas, &ink);
    for i in [4, 8, 12, 16] {
        let (a, b) = (spine[i - 1], spine[i]);
        let length = (b[0] - a[0]).hypot(b[1] - a[1]).max(1e-3);
        let across = [-(b[1] - a[1]) / length, (b[0] - a[0]) / length];
        let along = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
        for side in [-1.0, 1.0] {
            let corner = |along_by: f32| {
                [0, 1].map(|k| b[k] + (side * across[k] * 0.20 + along[k] * along_by) * m)
            };
            brush.path.polygon(&[b, corner(-0.10), corner(0.10)]);
        }
    }
    let ink = brush.light.flat(color);
    brush.print(canvas, &ink);
}

/// Draws a ball that bounces, rolls or rests.
pub fn ball(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let bounced = subject.action == Action::Bounce;
    let state = match pose.action {
        Action::Bounce => gait::bounce(pose.action_t),
        // A ball told to stop in the air still has to come down.
        _ if bounced => gait::bounce(pose.t),
        _ => gait::Bounce {
            lift: 0.0,
            squash: 1.0,
        },
    };
    let radius = BALL_RADIUS * brush.ppm;
    let (wide, tall) = (radius * state.squash.powf(-0.5), radius * state.squash);
    let side = if pose.facing < 0.0 { -1.0 } else { 1.0 };
    // A dropped ball turns slowly in the air; a rolling one turns with its way.
    let spin = if bounced { 0.35 * pose.t.min(4.4) } else { 0.0 };
    let turn = side * TAU * (pose.phase + spin) + pose.chance(111) * TAU;
    let center = brush.at(0.0, state.lift + BALL_RADIUS * state.squash);
    let put = |angle: f32, share: f32| {
        let (s, c) = angle.sin_cos();
        [center[0] + c * wide * share, center[1] + s * tall * share]
    };
    let tones = brush.light.tones(rgb(subject.color));
    brush.path.ellipse(center, wide, tall, 0.0);
    brush.print(canvas, &Ink::flat(tones.base));
    // Two pale wedges and a cap make the turning visible.
    let pole = put(turn + 0.4, 0.22);
    for wedge in [0.0, PI] {
        let start = turn + wedge;
        let rim: Vec<Point> = (0..=6)
            .map(|i| put(start + 0.62 * i as f32 / 6.0, 1.02))
            .collect();
        let bow = |angle: f32| put(angle, 0.55);
        brush.path.line_to(pole).quad_to(bow(start - 0.12), rim[0]);
        for p in &rim {
            brush.path.line_to(*p);
        }
        brush.path.quad_to(bow(start + 0.74), pole).close();
    }
    brush.path.ellipse(pole, radius * 0.15, radius * 0.15, 0.0);
    let ink = brush.light.flat(stripe(subject.color)).atop();
    brush.print(canvas, &ink);
    // Shade over the pattern: the part of the ball outside a circle moved toward the sun.
    let [sx, sy] = brush.light.toward_sun();
    let knots: Vec<Point> = (0..=10)
        .map(|i| {
            let angle = sy.atan2(sx) + PI / 2.0 + PI * i as f32 / 10.0;
            put(angle, 1.03)
        })
        .collect();
    let inner = put(sy.atan2(sx) + PI, 0.42);
    for p in &knots {
        brush.path.line_to(*p);
    }
    brush.path.quad_to(inner, knots[0]).close();
    let ink = Ink::flat(tones.shade.map(|v| v * 0.8))
        .with_alpha(0.42)
        .atop();
    brush.print(canvas, &ink);
}

/// Metres right of and over the lighthouse's foot where its lamp burns.
pub const LAMP: (f32, f32) = (0.0, 16.6);

/// Draws a lighthouse: white tower with bands in the colour, on a low rock.
pub fn lighthouse(subject: &Subject, mut brush: Brush, canvas: &mut Canvas) {
    let half = |y: f32| 2.35 - 0.92 * (y / 15.2).powf(0.8);
    let rock: Vec<Point> = [
        (-4.0, -0.2),
        (-3.4, 0.7),
        (-2.0, 1.0),
        (0.4, 1.25),
        (2.4, 0.9),
        (3.5, 0.6),
        (4.0, -0.2),
    ]
    .map(|(x, y)| brush.at(x, y))
    .to_vec();
    brush.path.spline(&rock).close();
    let ink = brush.ink(brush.light.tones(hex(0x6A_62_60)), 1.2);
    brush.print(canvas, &ink);
    let slab = |brush: &mut Brush, low: f32, high: f32| {
        let (a, b) = (half(low), half(high));
        let corners = [(-a, low), (-b, high), (b, high), (a, low)].map(|(x, y)| brush.at(x, y));
        let sag = brush.at(0.0, low - 0.28);
        let crest = brush.at(0.0, high - 0.22);
        brush
            .path
            .line_to(corners[0])
            .line_to(corners[1])
            .quad_to(crest, corners[2]);
        brush
            .path
            .line_to(corners[3])
            .quad_to(sag, corners[0])
            .close();
    };
    slab(&mut brush, 0.9, 15.2);
    let white = if subject.color == Color::White {
        hex(0xF4_F1_E9)
    } else {
        hex(0xF2_EE_E4)
    };
    let ink = brush.light.flat(white);
    brush.print(canvas, &ink);
    for (low, high) in [(0.9, 4.2), (6.4, 9.6), (11.8, 14.4)] {
        slab(&mut brush, low, high);
    }
    let band = if subject.color == Color::White {
        hex(0xDD_DC_D8)
    } else {
        rgb(subject.color)
    };
    let ink = brush.light.flat(band);
    brush.print(canvas, &ink);
    let dark = if brush.light.toward_sun()[0] < 0.0 {
        1.0
    } else {
        -1.0
    };
    let shadow = [(0.30, 0.6), (0.30, 15.2), (1.02, 15.2), (1.02, 0.6)]
        .map(|(share, y): (f32, f32)| brush.at(dark * share * half(y), y));
    brush.path.polygon(&shadow);
    let ink = brush.light.flat(hex(0x2A_2C_3E)).with_alpha(0.26).atop();
    brush.print(canvas, &ink);
    fittings(subject, &mut brush, canvas);
}

/// Door, windows, gallery, lamp room and roof.
fn fittings(subject: &Subject, brush: &mut Brush, canvas: &mut Canvas) {
    let m = brush.ppm;
    let block = |brush: &mut Brush, half: f32, low: f32, high: f32| {
        let corners =
            [(-half, low), (-half, high), (half, high), (half, low)].map(|(x, y)| brush.at(x, y));
        brush.path.polygon(&corners);
    };
    for y in [5.2, 10.4] {
        let (a, b) = (brush.at(0.15, y), brush.at(0.15, y + 0.5));
        brush.path.capsule(a, 0.24 * m, b, 0.24 * m);
    }
    block(brush, 0.5, 0.9, 2.3);
    let ink = brush.light.flat(hex(0x3A_3A_44));
    brush.print(canvas, &ink);
    block(brush, 2.0, 15.1, 15.5);
    block(brush, 1.05, 15.4, 15.8);
    let ink = brush.ink(brush.light.tones(hex(0x3C_3E_48)), 0.4);
    brush.print(canvas, &ink);
    for i in 0..7 {
        let x = -1.9 + 3.8 * i as f32 / 6.0;
        let post = [brush.at(x, 15.4), brush.at(x, 16.15)];
        brush.path.ribbon(&post, |_| (0.05 * m).max(0.3));
    }
    let rail = [brush.at(-1.95, 16.1), brush.at(1.95, 16.1)];
    brush.path.ribbon(&rail, |_| (0.06 * m).max(0.35));
    let ink = brush.light.flat(hex(0x3C_3E_48)).with_alpha(0.9);
    brush.print(canvas, &ink);
    block(brush, 1.0, 15.8, 17.5);
    let glass = if brush.light.night {
        hex(0xFF_EC_B0)
    } else {
        hex(0xE8_EE_E2)
    };
    brush.print(canvas, &Ink::flat(brush.light.tones(glass).base));
    let lamp = brush.at(LAMP.0, LAMP.1);
    brush.path.ellipse(lamp, 0.42 * m, 0.50 * m, 0.0);
    brush.print(canvas, &Ink::flat(hex(0xFF_F2_C4)));
    for x in [-0.98, -0.34, 0.34, 0.98] {
        let bar = [brush.at(x, 15.8), brush.at(x, 17.5)];
        brush.path.ribbon(&bar, |_| (0.05 * m).max(0.3));
    }
    let ink = brush.light.flat(hex(0x3C_3E_48));
    brush.print(canvas, &ink);
    let roof = [
        (-1.35, 17.4),
        (-0.95, 18.1),
        (-0.25, 18.9),
        (0.0, 19.5),
        (0.25, 18.9),
        (0.95, 18.1),
        (1.35, 17.4),
    ]
    .map(|(x, y)| brush.at(x, y));
    brush.path.polygon(&roof);
    let cap = if subject.color == Color::White {
        hex(0x5A_5E_68)
    } else {
        rgb(subject.color)
    };
    let ink = brush.ink(brush.light.tones(cap), 0.5);
    brush.print(canvas, &ink);
}

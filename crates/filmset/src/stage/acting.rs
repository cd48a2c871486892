//! How subjects are drawn: their light, their shadow on the ground, their reflection in water.

use super::actor::{Actor, Floor, Spot};
use super::camera::{Pose, View};
use super::color::Rgb;
use super::frame::Frame;
use super::look::Look;
use crate::cast::{self, Canvas};

/// The picture of a subject on its canvas, and where it stands.
struct Printed<'a> {
    canvas: &'a Canvas,
    foot: (f32, f32),
    /// Pixels a metre.
    scale: f32,
}

impl Actor {
    /// Draws the subject into `frame` with the cast's pens; `with_ground` adds its shadow and
    /// reflection.
    pub fn draw(
        &self,
        (view, look): (&View, &Look),
        pose: &Pose,
        t: f32,
        frame: &mut Frame,
        with_ground: bool,
    ) {
        let spot = self.spot(view, pose, t);
        let m = spot.per_meter;
        let mut canvas = std::mem::replace(&mut frame.cast, Canvas::new(0, 0, [0, 0]));
        canvas.reset_around(self.subject.kind, m, spot.foot, (frame.width, frame.height));
        if canvas.width() == 0 || canvas.height() == 0 {
            frame.cast = canvas;
            return;
        }
        let light = Self::light(view, look, &spot);
        cast::draw(
            &self.subject,
            &self.pose(t),
            &light,
            m,
            &mut canvas,
            spot.foot,
        );
        if with_ground {
            let printed = Printed {
                canvas: &canvas,
                foot: spot.foot,
                scale: m,
            };
            self.ground(view, look, &printed, t, frame);
        }
        let [left, top] = canvas.origin();
        frame.stamp(canvas.pixels(), canvas.width(), (left, top));
        frame.cast = canvas;
    }

    fn ground(&self, view: &View, look: &Look, printed: &Printed, t: f32, frame: &mut Frame) {
        if self.floor == Floor::None {
            return;
        }
        if matches!(self.floor, Floor::Land | Floor::Wet) {
            let dark = look.shade.mix(look.air, 0.25).scale(0.30);
            let wide = super::actor::framing(self.subject.kind).width * printed.scale;
            let radii = (wide * 0.62, (wide * 0.10).max(1.5));
            let strength = if look.hard { 0.45 } else { 0.36 };
            frame.puff(printed.foot, radii, (dark, strength), false);
            if look.hard && look.dullness == 0.0 && self.floor == Floor::Land {
                cast_shadow(view, look, printed, dark, frame);
            }
        }
        if matches!(self.floor, Floor::Water | Floor::Wet) {
            let strength = if self.floor == Floor::Wet { 0.34 } else { 0.5 };
            reflect(view, printed, (strength, t), frame);
        }
    }

    fn light(view: &View, look: &Look, spot: &Spot) -> cast::CastLight {
        let side = ((look.sun_at.0 - spot.foot.0) / (view.width * 0.4)).clamp(-1.0, 1.0);
        let mut light = cast::CastLight::at(look.time, side, look.backlight);
        let dull = look.dullness;
        for c in 0..3 {
            let even = (light.key[c] + light.ambient[c]) * (1.0 - 0.1 * dull);
            light.ambient[c] += (even * 0.75 - light.ambient[c]) * dull;
            light.key[c] = (even - light.ambient[c]).max(0.0);
        }
        light.fog = look.air.0;
        light.fog_amount = look.haze(spot.z).min(0.55);
        light
    }
}

/// The silhouette laid on the ground, away from the sun, which stands before the camera.
fn cast_shadow(view: &View, look: &Look, printed: &Printed, dark: Rgb, frame: &mut Frame) {
    let canvas = printed.canvas;
    let [left, top] = canvas.origin();
    let length = (1.0 / look.elevation.max(2.0).to_radians().tan()).min(2.6);
    let side = ((look.sun_at.0 - printed.foot.0) / (view.width * 0.5)).clamp(-1.2, 1.2);
    let lean = -side * length * 0.85;
    // How a metre toward the camera is foreshortened, from the camera's height over the ground.
    let flat = (length * view.eye / view.subject_z).clamp(0.10, 0.75);
    let tall = (printed.foot.1 - top as f32).max(0.0);
    for y in 0..(tall * flat) as i32 {
        let row = printed.foot.1 as i32 + y;
        let height = (y as f32 + 0.5) / flat;
        let source = (printed.foot.1 - height) as i32 - top;
        if row < 0 || row as usize >= frame.height.min(frame.bottom) {
            continue;
        }
        if source < 0 || source as usize >= canvas.height() {
            continue;
        }
        let shift = (left as f32 + lean * height).round() as i32;
        let fade = 1.0 - 0.6 * (height / tall.max(1.0));
        let line = &canvas.pixels()[source as usize * canvas.width() * 4..][..canvas.width() * 4];
        frame.shade(row as usize, shift, line, (dark, 0.5 * fade));
    }
}

/// The picture upside down below the foot, broken by small waves.
fn reflect(view: &View, printed: &Printed, (strength, t): (f32, f32), frame: &mut Frame) {
    let canvas = printed.canvas;
    let [left, top] = canvas.origin();
    let tall = (printed.foot.1 - top as f32).max(0.0);
    for y in 0..(tall * 0.92) as i32 {
        let row = printed.foot.1 as i32 + y;
        let source = printed.foot.1 as i32 - 1 - (y as f32 / 0.92) as i32 - top;
        if row < 0 || row as usize >= frame.height.min(frame.bottom) {
            continue;
        }
        if source < 0 || source as usize >= canvas.height() {
            continue;
        }
        let down = y as f32 / view.unit;
        let wave = (down * 0.75 - t * 4.2).sin() + 0.5 * (down * 1.9 + t * 3.1).sin();
        let shift = (wave * view.unit * (0.8 + down * 0.02)).round() as i32;
        let fade = strength * (1.0 - y as f32 / tall.max(1.0)).powf(0.7);
        let line = &canvas.pixels()[source as usize * canvas.width() * 4..][..canvas.width() * 4];
        frame.faint(row as usize, left + shift, line, fade);
    }
}

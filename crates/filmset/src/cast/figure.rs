//! People: the order in which their parts are printed, limbs and shoes.

use super::canvas::{Canvas, Tones};
use super::palette::{hex, rgb};
use super::skeleton::{self, Body, Joints, View};
use super::{Brush, Pose, garments, head, ribbon, stances};
use crate::program::{Action, Color, Garment, Headwear, Subject, SubjectKind};

const SKINS: [u32; 4] = [0xF2_C4_A0, 0xE0_A8_80, 0xB9_7C_55, 0x8A_58_3C];
const HAIRS: [u32; 4] = [0x2B_22_20, 0x4A_30_22, 0x6B_42_28, 0x1D_1A_1E];
/// Long hair shows, so it has more colours.
const LONG_HAIRS: [u32; 4] = [0x2B_22_20, 0x6B_3A_22, 0x9A_4E_28, 0xC9_97_4E];

/// The materials of one figure under one light.
pub(super) struct Wardrobe {
    pub garment: Garment,
    pub headwear: Headwear,
    pub cloth: Tones,
    /// The garment's colour on parts farther from the camera.
    pub cloth_far: Tones,
    pub skin: Tones,
    pub skin_far: Tones,
    pub hair: Tones,
    pub skirt: Option<Tones>,
    pub legs: Tones,
    pub legs_far: Tones,
    pub shoes: Tones,
    pub hat: Tones,
    pub band: Tones,
    pub scarf: Option<Tones>,
    pub ink: Tones,
}

impl Wardrobe {
    fn new(subject: &Subject, pose: &Pose, brush: &Brush) -> Self {
        let garment = subject.garment.unwrap_or(match subject.kind {
            SubjectKind::Man => Garment::Jacket,
            SubjectKind::Woman => Garment::Coat,
            _ => Garment::Sweater,
        });
        let headwear = subject.headwear.unwrap_or(Headwear::Bare);
        let tones = |color: [f32; 3]| brush.light.tones(color);
        let color = rgb(subject.color);
        let skin = hex(pose.pick(11, &SKINS));
        let trousers = if subject.color == Color::Black {
            0x7A_73_6A
        } else {
            0x32_34_3C
        };
        let skirt = garments::has_skirt(subject.kind, garment);
        // Dresses and skirts show legs.
        let legs = if garment == Garment::Dress || skirt {
            skin
        } else {
            hex(trousers)
        };
        let hairs = if subject.kind == SubjectKind::Woman {
            &LONG_HAIRS
        } else {
            &HAIRS
        };
        let (hat, band) = hat(subject.color, headwear, garment);
        Self {
            garment,
            headwear,
            cloth: tones(color),
            cloth_far: tones(color.map(|v| v * 0.80)),
            skin: tones(skin),
            skin_far: tones(skin.map(|v| v * 0.84)),
            hair: tones(hex(pose.pick(12, hairs))),
            skirt: skirt.then(|| tones(hex(trousers))),
            legs: tones(legs),
            legs_far: tones(legs.map(|v| v * 0.78)),
            shoes: tones(hex(if garment == Garment::Raincoat {
                0x24_2A_2C
            } else {
                0x3B_2A_22
            })),
            hat: tones(hat),
            band: tones(band),
            scarf: subject.scarf.map(|color| tones(rgb(color))),
            ink: tones([0.10, 0.09, 0.11]),
        }
    }
}

/// Colours of what is worn on the head, and of its band or brim: quiet ones, so that the garment
/// speaks, except where they belong to the garment.
fn hat(color: Color, headwear: Headwear, garment: Garment) -> ([f32; 3], [f32; 3]) {
    let quiet = matches!(color, Color::Black | Color::Grey | Color::Brown);
    let hat = match headwear {
        Headwear::WideHat if garment != Garment::Raincoat => {
            return (hex(0xE6_D3_A8), hex(0x5A_46_38));
        }
        Headwear::Hood | Headwear::WideHat => rgb(color),
        Headwear::Beanie if quiet => hex(0xD9_CF_BE),
        Headwear::Beanie => hex(0x3A_3C_46),
        Headwear::Cap | Headwear::Bare => hex(0x35_37_42),
    };
    (hat, hat.map(|v| v * 0.8))
}

/// Everything a part of a figure needs to be drawn.
pub(super) struct Figure<'a> {
    pub subject: &'a Subject,
    pub pose: &'a Pose,
    pub body: Body,
    pub joints: Joints,
    pub view: View,
    pub wear: Wardrobe,
}

/// Draws a figure.
pub fn draw(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let body = Body::of(subject.kind);
    let stance = stances::stance(subject, pose, &body);
    let figure = Figure {
        subject,
        pose,
        joints: skeleton::solve(&body, &stance),
        view: View::of(pose),
        wear: Wardrobe::new(subject, pose, &brush),
        body,
    };
    figure.print(&mut brush, canvas);
}

impl Figure<'_> {
    fn print(&self, brush: &mut Brush, canvas: &mut Canvas) {
        let shoulder_depth = [0, 1].map(|i| self.view.depth(self.joints.shoulders[i]));
        let far_arm = usize::from(shoulder_depth[0] > shoulder_depth[1]);
        let profile = self.pose.facing.abs() > 0.25;
        if !self.pose.away {
            head::hair_fall(self, brush, canvas);
            ribbon::scarf(self, brush, canvas);
        }
        if profile {
            self.arm(far_arm, true, brush, canvas);
        }
        let hip_depth = [0, 1].map(|i| self.view.depth(self.joints.knees[i]));
        let far_leg = usize::from(hip_depth[0] > hip_depth[1]);
        self.leg(far_leg, true, brush, canvas);
        self.leg(1 - far_leg, false, brush, canvas);
        if self.pose.action == Action::Haul {
            ribbon::rope(self, brush, canvas);
        }
        garments::torso(self, brush, canvas);
        if !profile {
            self.arm(far_arm, false, brush, canvas);
        }
        if self.pose.away {
            head::draw(self, brush, canvas);
            head::hair_fall(self, brush, canvas);
            ribbon::scarf(self, brush, canvas);
        } else {
            head::draw(self, brush, canvas);
        }
        ribbon::scarf_front(self, brush, canvas);
        ribbon::collar(self, brush, canvas);
        self.arm(1 - far_arm, false, brush, canvas);
    }

    /// Share of an adult's thickness that limbs of this body have, in metres per unit.
    fn thick(&self) -> f32 {
        match self.subject.kind {
            SubjectKind::Man => self.body.tall,
            SubjectKind::Woman => self.body.tall * 0.86,
            _ => self.body.tall * 1.06,
        }
    }

    fn leg(&self, i: usize, far: bool, brush: &mut Brush, canvas: &mut Canvas) {
        let (joints, thick) = (&self.joints, self.thick());
        let tones = if far {
            self.wear.legs_far
        } else {
            self.wear.legs
        };
        let [hip, knee, ankle] =
            [joints.hips[i], joints.knees[i], joints.ankles[i]].map(|p| self.view.at(brush, p));
        let unit = thick * brush.ppm;
        let bare = self.wear.garment == Garment::Dress || self.wear.skirt.is_some();
        let slim = if bare { 0.80 } else { 1.0 };
        brush
            .path
            .capsule(hip, 0.050 * unit * slim, knee, 0.036 * unit * slim);
        brush
            .path
            .capsule(knee, 0.036 * unit * slim, ankle, 0.023 * unit * slim);
        let ink = brush.ink(tones, 0.022 * thick);
        brush.print(canvas, &ink);
        self.shoe(i, brush, canvas);
    }

    fn shoe(&self, i: usize, brush: &mut Brush, canvas: &mut Canvas) {
        let (ankle, pitch) = (self.joints.ankles[i], self.joints.pitches[i]);
        let (sin, cos) = pitch.sin_cos();
        let (size, drop) = (self.body.tall, self.body.ankle);
        let put = |x: f32, y: f32| {
            let (x, y) = (x * size, y * size);
            // Toes point a little outward.
            let out = ankle[2] + x * 0.30 * ankle[2].signum();
            self.view.at(
                brush,
                [
                    ankle[0] + x * cos - y * sin,
                    ankle[1] + x * sin + y * cos,
                    out,
                ],
            )
        };
        let sole = -drop / size;
        let boot = matches!(self.wear.garment, Garment::Raincoat | Garment::Coat);
        let unit = size * brush.ppm;
        let knots = [
            put(-0.030, 0.0),
            put(-0.036, sole + 0.012),
            put(-0.030, sole),
            put(0.098, sole),
            put(0.108, sole + 0.012),
            put(0.085, sole + 0.026),
            put(0.026, 0.006),
        ];
        let (heel, toe) = (put(-0.002, -0.012), put(0.072, sole + 0.018));
        let shin = put(-0.002, if boot { 0.075 } else { 0.010 });
        brush.path.blob(&knots);
        // Seen from the front the outline above has no width of its own.
        brush.path.capsule(heel, 0.027 * unit, toe, 0.019 * unit);
        brush.path.capsule(heel, 0.026 * unit, shin, 0.030 * unit);
        let ink = brush.ink(self.wear.shoes, 0.012 * size);
        brush.print(canvas, &ink);
    }

    fn arm(&self, i: usize, far: bool, brush: &mut Brush, canvas: &mut Canvas) {
        let (joints, thick) = (&self.joints, self.thick());
        let (cloth, skin) = if far {
            (self.wear.cloth_far, self.wear.skin_far)
        } else {
            (self.wear.cloth, self.wear.skin)
        };
        let [shoulder, elbow, wrist] = [joints.shoulders[i], joints.elbows[i], joints.wrists[i]]
            .map(|p| self.view.at(brush, p));
        let unit = thick * brush.ppm;
        let hand = super::path::between(elbow, wrist, 1.24);
        brush.path.capsule(wrist, 0.024 * unit, hand, 0.024 * unit);
        let ink = brush.ink(skin, 0.012 * thick);
        brush.print(canvas, &ink);
        let [top, middle, cuff] = garments::sleeve(self.wear.garment);
        if !far {
            // A line of shade parts the sleeve from the garment behind it.
            let line = 0.008 * unit;
            brush
                .path
                .capsule(shoulder, top * unit, elbow, middle * unit + line);
            brush
                .path
                .capsule(elbow, middle * unit + line, wrist, cuff * unit + line);
            brush.print(canvas, &super::Ink::flat(self.wear.cloth.shade).atop());
        }
        brush
            .path
            .capsule(shoulder, top * unit, elbow, middle * unit);
        brush.path.capsule(elbow, middle * unit, wrist, cuff * unit);
        let ink = brush.ink(cloth, 0.026 * thick);
        brush.print(canvas, &ink);
    }
}

//! Houses and a church under snow.

use super::trees::sun_side;
use crate::stage::bitmap::Bitmap;
use crate::stage::color::Rgb;
use crate::stage::noise::Rng;
use crate::stage::scene::Scene;

/// The colours of a row of houses at one depth.
pub struct Kit {
    /// Walls: shade and light.
    walls: [(Rgb, Rgb); 5],
    snow: Rgb,
    snow_shade: Rgb,
    timber: Rgb,
    stone: (Rgb, Rgb),
    glass: Rgb,
    /// Light in the windows.
    pub lamp: Rgb,
    /// Strength of that light, 0 to 1.
    pub glow: f32,
    side: f32,
}

/// A finished building: where its door is, and its chimney's mouth, on the bitmap.
#[derive(Debug, Clone, Copy)]
pub struct Built {
    /// Foot of the door.
    pub door: (f32, f32),
    /// Mouth of the chimney.
    pub chimney: Option<(f32, f32)>,
    /// Whether light is in its windows.
    pub lit: bool,
}

impl Kit {
    /// The colours at depth `z`.
    pub fn new(scene: &Scene, z: f32) -> Self {
        let look = &scene.look;
        let pair = |c: u32| {
            (
                look.paint(Rgb::hex(c), 0.25, z),
                look.paint(Rgb::hex(c), 0.9, z),
            )
        };
        Self {
            walls: [
                0x00B0_5844,
                0x00D8_A45C,
                0x00A8_7C5C,
                0x00CC_B898,
                0x007C_8C9C,
            ]
            .map(pair),
            snow: look.paint(Rgb::hex(0x00FC_FDFF), 1.0, z),
            snow_shade: look.paint(Rgb::hex(0x00B6_C6E4), 0.5, z),
            timber: look.paint(Rgb::hex(0x005A_4236), 0.35, z),
            stone: pair(0x00C4_BCB0),
            glass: look.paint(Rgb::hex(0x005C_7088), 0.4, z),
            lamp: look.lamp.mix(look.air, 0.35 * look.haze(z)),
            glow: look.lamp_glow,
            side: sun_side(scene),
        }
    }

    /// A window with a cross bar, lit or not.
    fn window(&self, bitmap: &mut Bitmap, (x, y): (f32, f32), (w, h): (f32, f32), lit: bool) {
        let frame = (w * 0.16).max(0.8);
        bitmap.rect(
            x - frame,
            y - frame,
            x + w + frame,
            y + h + frame,
            self.timber,
            0.9,
        );
        if lit {
            let bright = self.lamp.mix(Rgb::hex(0x00FF_F0B8), 0.35);
            bitmap.rect_gradient(x, y, x + w, y + h, (bright, 1.0), (self.lamp, 1.0));
            let center = (x + w * 0.5, y + h * 0.5);
            bitmap.glow(center, (w * 2.8, h * 2.5), (self.lamp, 0.42 * self.glow));
        } else {
            bitmap.rect(x, y, x + w, y + h, self.glass, 1.0);
            bitmap.rect(
                x,
                y + h * 0.55,
                x + w * 0.55,
                y + h,
                self.glass.scale(1.18),
                0.8,
            );
        }
        if w > 5.0 {
            bitmap.rect(x + w * 0.44, y, x + w * 0.56, y + h, self.timber, 0.9);
        }
        bitmap.rect(
            x - frame * 1.6,
            y + h,
            x + w + frame * 1.6,
            y + h + frame * 1.5,
            self.snow,
            0.95,
        );
    }
}

/// A house `tall` pixels high to its ridge, its foot in the middle at `at`.
pub fn house(bitmap: &mut Bitmap, rng: &mut Rng, at: (f32, f32), tall: f32, kit: &Kit) -> Built {
    let walls = kit.walls[rng.below(5)];
    let lit = kit.glow > 0.2 && rng.chance(0.85);
    if rng.chance(0.5) {
        gabled(bitmap, rng, at, tall, (kit, walls, lit))
    } else {
        broad(bitmap, rng, at, tall, (kit, walls, lit))
    }
}

type Paint<'a> = (&'a Kit, (Rgb, Rgb), bool);

/// The chimney, with a cap of snow; returns its mouth.
fn chimney(bitmap: &mut Bitmap, (x, ridge): (f32, f32), tall: f32, kit: &Kit) -> (f32, f32) {
    let (w, top) = (tall * 0.055, ridge - tall * 0.12);
    bitmap.rect(x - w, top, x + w, ridge + tall * 0.2, kit.stone.0, 1.0);
    let (a, b) = if kit.side < 0.0 {
        (x - w, x)
    } else {
        (x, x + w)
    };
    bitmap.rect(a, top, b, ridge + tall * 0.2, kit.stone.1, 0.9);
    bitmap.blob((x, top), (w * 1.35, tall * 0.035), 0.8, (kit.snow, 1.0));
    (x, top - tall * 0.03)
}

/// A house that shows its gable: a steep front with snow on both slopes.
fn gabled(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, foot): (f32, f32),
    tall: f32,
    (kit, walls, lit): Paint,
) -> Built {
    let half = tall * rng.range(0.34, 0.42);
    let eaves = foot - tall * 0.48;
    let ridge = foot - tall;
    let place = x - kit.side * half * 0.45;
    let mouth = chimney(bitmap, (place, ridge + tall * 0.2), tall, kit);
    let front = [
        (x - half, foot),
        (x - half, eaves),
        (x, ridge),
        (x + half, eaves),
        (x + half, foot),
    ];
    bitmap.polygon(&front, walls.1, 1.0);
    let s = -kit.side;
    let dim = [
        (x + s * half, foot),
        (x + s * half, eaves),
        (x, ridge),
        (x + s * half * 0.1, foot),
    ];
    bitmap.polygon(&dim, walls.0, 0.45);
    bitmap.rect(
        x - half,
        eaves + tall * 0.02,
        x + half,
        eaves + tall * 0.05,
        kit.timber,
        0.8,
    );
    bitmap.rect(
        x - half * 0.04,
        ridge,
        x + half * 0.04,
        eaves,
        kit.timber,
        0.55,
    );
    gable_roof(bitmap, x, (ridge, eaves), (half, tall), kit);
    let (w, h) = (half * 0.40, tall * 0.18);
    let row = foot - tall * 0.34;
    kit.window(bitmap, (x - half * 0.68, row), (w, h), lit);
    kit.window(
        bitmap,
        (x + half * 0.34, row),
        (w, h),
        lit && rng.chance(0.7),
    );
    kit.window(
        bitmap,
        (x - w * 0.42, eaves - tall * 0.16),
        (w * 0.84, h * 0.9),
        lit && rng.chance(0.6),
    );
    bitmap.rect(
        x - w * 0.45,
        foot - tall * 0.26,
        x + w * 0.45,
        foot,
        kit.timber,
        1.0,
    );
    Built {
        door: (x, foot),
        chimney: Some(mouth),
        lit,
    }
}

/// Thick snow on both slopes of a gable.
fn gable_roof(
    bitmap: &mut Bitmap,
    x: f32,
    (ridge, eaves): (f32, f32),
    (half, tall): (f32, f32),
    kit: &Kit,
) {
    for s in [-1.0, 1.0] {
        let (over, thick) = (half * 1.28, tall * 0.13);
        let low = eaves + tall * 0.14;
        let band = [
            (x, ridge - thick * 0.75),
            (x + s * over, low - thick * 0.55),
            (x + s * over * 1.02, low + thick * 0.2),
            (x + s * over * 0.9, low + thick * 0.15),
            (x, ridge + thick * 0.55),
        ];
        bitmap.polygon(
            &band,
            if s * kit.side > 0.0 {
                kit.snow
            } else {
                kit.snow_shade.mix(kit.snow, 0.35)
            },
            1.0,
        );
    }
}

/// A house that shows its long side under a wide roof of snow.
fn broad(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, foot): (f32, f32),
    tall: f32,
    (kit, walls, lit): Paint,
) -> Built {
    let half = tall * rng.range(0.58, 0.75);
    let tall = tall * 0.92;
    let eaves = foot - tall * 0.42;
    let ridge = foot - tall;
    let place = x + kit.side * half * rng.range(0.25, 0.5);
    let mouth = chimney(bitmap, (place, ridge), tall, kit);
    bitmap.rect_gradient(
        x - half,
        eaves,
        x + half,
        foot,
        (walls.0.mix(walls.1, 0.55), 1.0),
        (walls.1, 1.0),
    );
    let shade = half * 0.3;
    let (a, b) = if kit.side < 0.0 {
        (x + half - shade, x + half)
    } else {
        (x - half, x - half + shade)
    };
    bitmap.rect(a, eaves, b, foot, walls.0, 0.5);
    bitmap.rect(
        x - half,
        eaves,
        x + half,
        eaves + tall * 0.06,
        kit.timber,
        0.6,
    );
    broad_roof(bitmap, x, (ridge, eaves), half, kit);
    let (w, h) = (half * 0.24, tall * 0.19);
    let row = foot - tall * 0.30;
    let count = 3;
    for i in 0..count {
        let left = x - half * 0.82 + (i as f32 + 0.1) * half * 1.7 / count as f32;
        if i == 1 {
            bitmap.rect(
                left,
                foot - tall * 0.27,
                left + w * 1.1,
                foot,
                kit.timber,
                1.0,
            );
        } else {
            kit.window(
                bitmap,
                (left, row),
                (w, h),
                lit && (i == 0 || rng.chance(0.7)),
            );
        }
    }
    Built {
        door: (x - half * 0.2, foot),
        chimney: Some(mouth),
        lit,
    }
}

/// The wide snowy roof of a house seen from its long side; its hem hangs in waves.
fn broad_roof(bitmap: &mut Bitmap, x: f32, (ridge, eaves): (f32, f32), half: f32, kit: &Kit) {
    let (over, lip) = (half * 1.12, (eaves - ridge) * 0.07 / 0.58);
    let roof = [
        (x - half * 0.80, ridge + lip * 0.6),
        (x - half * 0.70, ridge - lip * 0.4),
        (x + half * 0.70, ridge - lip * 0.4),
        (x + half * 0.80, ridge + lip * 0.6),
        (x + over, eaves),
        (x + over * 0.99, eaves + lip * 1.2),
        (x + over * 0.6, eaves + lip * 0.8),
        (x + over * 0.1, eaves + lip * 1.35),
        (x - over * 0.45, eaves + lip * 0.75),
        (x - over * 0.99, eaves + lip * 1.2),
        (x - over, eaves),
    ];
    bitmap.polygon(&roof, kit.snow, 1.0);
    let s = -kit.side;
    let dim = [
        (x + s * half * 0.80, ridge + lip * 0.6),
        (x + s * over, eaves),
        (x + s * over * 0.99, eaves + lip * 1.2),
        (x + s * over * 0.45, eaves + lip * 0.7),
        (x + s * half * 0.55, ridge),
    ];
    bitmap.polygon(&dim, kit.snow_shade, 0.55);
}

/// A church: a nave under snow and a tower with a tall spire.
pub fn church(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, foot): (f32, f32),
    tall: f32,
    kit: &Kit,
) -> Built {
    let lit = kit.glow > 0.2;
    let s = if rng.chance(0.5) { 1.0 } else { -1.0 };
    let (half, eaves) = (tall * 0.52, foot - tall * 0.46);
    let nave = x + s * half * 0.9;
    bitmap.rect(
        nave - half,
        eaves,
        nave + half,
        foot,
        kit.stone.1.mix(kit.stone.0, 0.3),
        1.0,
    );
    let roof = [
        (nave - half * 0.95, eaves - tall * 0.40),
        (nave + half * 0.80, eaves - tall * 0.40),
        (nave + half * 1.12, eaves + tall * 0.05),
        (nave + half * 0.2, eaves + tall * 0.08),
        (nave - half * 1.12, eaves + tall * 0.05),
    ];
    bitmap.polygon(&roof, kit.snow.mix(kit.snow_shade, 0.15), 1.0);
    for i in 0..3 {
        let left = nave - half * 0.55 + i as f32 * half * 0.48;
        kit.window(
            bitmap,
            (left, foot - tall * 0.34),
            (tall * 0.08, tall * 0.2),
            lit,
        );
    }
    tower(bitmap, (x, foot), tall, kit);
    Built {
        door: (x, foot),
        chimney: None,
        lit,
    }
}

/// A church tower with its spire and cross.
fn tower(bitmap: &mut Bitmap, (x, foot): (f32, f32), tall: f32, kit: &Kit) {
    let (w, top) = (tall * 0.19, foot - tall * 1.08);
    bitmap.rect(x - w, top, x + w, foot, kit.stone.1, 1.0);
    let (a, b) = if kit.side < 0.0 {
        (x, x + w)
    } else {
        (x - w, x)
    };
    bitmap.rect(a, top, b, foot, kit.stone.0, 0.5);
    let tip = top - tall * 0.86;
    let spire = [
        (x - w * 1.35, top + tall * 0.03),
        (x, tip),
        (x + w * 1.35, top + tall * 0.03),
    ];
    bitmap.polygon(&spire, kit.timber, 1.0);
    let drift = [
        (x, tip),
        (x + kit.side * w * 1.35, top + tall * 0.03),
        (x + kit.side * w * 0.2, top),
        (x - w * 0.1, tip + tall * 0.3),
    ];
    bitmap.polygon(&drift, kit.snow, 0.95);
    bitmap.rect(
        x - w * 1.4,
        top,
        x + w * 1.4,
        top + tall * 0.05,
        kit.snow,
        1.0,
    );
    let bar = (tall * 0.018).max(0.8);
    bitmap.rect(
        x - bar,
        tip - tall * 0.14,
        x + bar,
        tip + bar,
        kit.timber,
        1.0,
    );
    bitmap.rect(
        x - tall * 0.045,
        tip - tall * 0.10,
        x + tall * 0.045,
        tip - tall * 0.10 + bar * 1.8,
        kit.timber,
        1.0,
    );
    kit.window(
        bitmap,
        (x - w * 0.34, top + tall * 0.16),
        (w * 0.68, tall * 0.18),
        kit.glow > 0.2,
    );
    bitmap.rect(
        x - w * 0.5,
        foot - tall * 0.28,
        x + w * 0.5,
        foot,
        kit.timber,
        1.0,
    );
}

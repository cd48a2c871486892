//! Who appears where, and what they do: only combinations that make sense.

use std::sync::OnceLock;

use crate::program::{
    Action, Color, Direction, Garment, Headwear, Pace, Place, Setting, Subject, SubjectKind,
    TimeOfDay, Weather,
};
use crate::script::random::Rng;

use Setting::WheatField;
use Setting::{Beach, Desert, Forest, Harbor, Mountains, Sea, Skyline, SnowVillage, Street};
use SubjectKind::{
    Ball, Balloon, Birds, Child, Dog, FishingBoat, Kite, Lighthouse, Man, Sailboat, Train, Woman,
};

/// The settings a kind belongs to.
pub fn settings_of(kind: SubjectKind) -> &'static [Setting] {
    match kind {
        Man | Woman | Child => &[
            Harbor,
            Beach,
            WheatField,
            Mountains,
            Desert,
            SnowVillage,
            Street,
            Skyline,
            Forest,
        ],
        Dog => &[
            Harbor,
            Beach,
            WheatField,
            Mountains,
            Desert,
            SnowVillage,
            Street,
            Forest,
        ],
        Birds => &[
            Harbor,
            Beach,
            Sea,
            WheatField,
            Mountains,
            Desert,
            SnowVillage,
            Skyline,
            Forest,
        ],
        Sailboat | FishingBoat | Lighthouse => &[Harbor, Beach, Sea],
        Balloon => &[Sea, WheatField, Mountains, Desert, SnowVillage, Skyline],
        Train => &[WheatField, Mountains, Desert, SnowVillage, Forest],
        Ball => &[Beach, WheatField, Desert, SnowVillage, Street],
        Kite => &[Beach, WheatField, Mountains, Desert, Skyline],
    }
}

/// The share of each kind among clips with a subject.
fn share_of(kind: SubjectKind) -> f32 {
    match kind {
        Man | Woman => 0.13,
        Child => 0.11,
        Dog | Sailboat | Balloon => 0.08,
        FishingBoat | Train | Lighthouse => 0.07,
        Birds | Ball | Kite => 0.06,
    }
}

type KindTable = Vec<Vec<(SubjectKind, f32)>>;

/// For each setting the weights of the kinds, so that settings are uniform and kinds have their
/// shares although not every kind fits everywhere (iterative proportional fitting).
fn kind_table() -> &'static KindTable {
    static TABLE: OnceLock<KindTable> = OnceLock::new();
    TABLE.get_or_init(|| {
        let fits = |setting, kind| f32::from(u8::from(settings_of(kind).contains(&setting)));
        let row = |&setting: &Setting| -> Vec<(SubjectKind, f32)> {
            SubjectKind::ALL
                .iter()
                .map(|&kind| (kind, fits(setting, kind)))
                .collect()
        };
        let mut table: KindTable = Setting::ALL.iter().map(row).collect();
        for _ in 0..200 {
            for (k, &kind) in SubjectKind::ALL.iter().enumerate() {
                let sum: f32 = table.iter().map(|row| row[k].1).sum();
                for row in &mut table {
                    row[k].1 *= share_of(kind) / sum;
                }
            }
            for row in &mut table {
                let sum: f32 = row.iter().map(|cell| cell.1).sum();
                for cell in row {
                    cell.1 *= 0.1 / sum;
                }
            }
        }
        table
    })
}

/// A kind that belongs to `setting`.
pub fn kind_for(setting: Setting, rng: &mut Rng) -> SubjectKind {
    rng.weighted(&kind_table()[setting as usize])
}

/// What the air and the hour ask of a subject.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// The place.
    pub setting: Setting,
    /// The hour.
    pub time: TimeOfDay,
    /// The air.
    pub weather: Weather,
    /// Wind along x, metres per second.
    pub wind: f32,
}

impl Scene {
    fn is_dark(self) -> bool {
        matches!(
            self.time,
            TimeOfDay::Dawn | TimeOfDay::Dusk | TimeOfDay::Night
        )
    }
}

/// A subject of `kind`, dressed and busy.
pub fn subject(kind: SubjectKind, scene: Scene, rng: &mut Rng) -> Subject {
    let action = action_of(kind, scene, rng);
    let direction = direction_of(kind, action, scene, rng);
    let pace = match action {
        Action::Stand | Action::Drift | Action::Haul => Pace::Normal,
        _ => rng.weighted(&[(Pace::Slow, 0.32), (Pace::Normal, 0.38), (Pace::Fast, 0.3)]),
    };
    let color = rng.pick(Color::ALL);
    let figure = kind.is_figure();
    let garment = figure.then(|| garment_of(kind, scene, rng));
    let headwear = garment.map(|garment| headwear_of(garment, scene, rng));
    let scarf = (figure && rng.chance(0.25)).then(|| other_color(color, rng));
    let place = rng.pick(Place::ALL);
    Subject {
        kind,
        color,
        garment,
        headwear,
        scarf,
        action,
        direction,
        pace,
        speed: speed_of(kind, action, pace, scene, rng),
        place,
        count: count_of(kind, rng),
        event: None,
    }
}

/// A colour that is not `color`.
pub fn other_color(color: Color, rng: &mut Rng) -> Color {
    Color::ALL[(color as usize + 1 + rng.below(Color::ALL.len() - 1)) % Color::ALL.len()]
}

fn action_of(kind: SubjectKind, scene: Scene, rng: &mut Rng) -> Action {
    use Action as A;
    match kind {
        Man | Woman | Child => {
            let nets = kind != Child && matches!(scene.setting, Harbor | Beach);
            rng.weighted(&[
                (A::Stand, 1.0),
                (A::Walk, 1.6),
                (A::Run, 1.3),
                (A::Wave, 1.0),
                (A::Turn, 0.9),
                (A::Jump, 0.9),
                (A::Haul, if nets { 7.0 } else { 0.0 }),
            ])
        }
        Dog => rng.weighted(&[
            (A::Stand, 0.7),
            (A::Walk, 1.0),
            (A::Run, 1.2),
            (A::Jump, 0.6),
        ]),
        Birds => A::Fly,
        Sailboat | FishingBoat => rng.weighted(&[(A::Sail, 0.7), (A::Drift, 0.3)]),
        Balloon => rng.weighted(&[(A::Rise, 0.55), (A::Drift, 0.45)]),
        Train => A::Ride,
        Ball => rng.weighted(&[(A::Bounce, 0.55), (A::Roll, 0.45)]),
        Kite => rng.weighted(&[(A::Fly, 0.55), (A::Rise, 0.45)]),
        Lighthouse if scene.is_dark() || scene.weather == Weather::Fog => {
            rng.weighted(&[(A::Sweep, 0.8), (A::Stand, 0.2)])
        }
        Lighthouse => A::Stand,
    }
}

fn direction_of(kind: SubjectKind, action: Action, scene: Scene, rng: &mut Rng) -> Direction {
    use Direction::{Away, Left, Right, Toward};
    let downwind = if scene.wind < 0.0 { Left } else { Right };
    match (kind, action) {
        // Things that hang in the air go where the air goes.
        (Balloon | Kite, _) | (Sailboat | FishingBoat, Action::Drift) => downwind,
        // From the front a dog at a distance has the outline of a small person.
        (Train | Ball | Lighthouse | Dog, _) | (_, Action::Haul) => rng.pick(&[Left, Right]),
        (_, Action::Walk | Action::Run | Action::Fly | Action::Sail) => {
            rng.weighted(&[(Left, 0.33), (Right, 0.33), (Toward, 0.15), (Away, 0.19)])
        }
        (_, Action::Wave) => rng.weighted(&[(Left, 0.2), (Right, 0.2), (Toward, 0.6)]),
        _ => rng.weighted(&[(Left, 0.25), (Right, 0.25), (Toward, 0.28), (Away, 0.22)]),
    }
}

fn garment_of(kind: SubjectKind, scene: Scene, rng: &mut Rng) -> Garment {
    let wet = scene.weather == Weather::Rain;
    let cold = scene.weather == Weather::Snow || scene.setting == SnowVillage;
    let dress = match kind {
        Man => 0.0,
        _ if wet || cold => 0.4,
        _ => 2.2,
    };
    let nets = kind == Man && scene.setting == Harbor;
    rng.weighted(&[
        (Garment::Coat, if cold { 2.0 } else { 1.0 }),
        (Garment::Dress, dress),
        (
            Garment::Raincoat,
            if wet {
                4.0
            } else if nets {
                1.5
            } else {
                0.6
            },
        ),
        (Garment::Jacket, 1.0),
        (Garment::Sweater, if wet { 0.4 } else { 1.0 }),
    ])
}

fn headwear_of(garment: Garment, scene: Scene, rng: &mut Rng) -> Headwear {
    let wet = scene.weather == Weather::Rain;
    let cold = scene.weather == Weather::Snow || scene.setting == SnowVillage;
    let hood = match garment {
        Garment::Raincoat => 2.0,
        Garment::Coat | Garment::Jacket => 0.7,
        Garment::Dress | Garment::Sweater => 0.0,
    };
    rng.weighted(&[
        (Headwear::Bare, 1.2),
        (Headwear::WideHat, if wet || cold { 0.4 } else { 1.1 }),
        (Headwear::Cap, 0.9),
        (Headwear::Hood, if wet { hood * 1.5 } else { hood }),
        (Headwear::Beanie, if cold { 1.8 } else { 0.6 }),
    ])
}

fn count_of(kind: SubjectKind, rng: &mut Rng) -> u8 {
    match kind {
        Birds | Train | Lighthouse => 1,
        _ if rng.chance(0.24) => rng.weighted(&[(2, 0.4), (3, 0.28), (4, 0.17), (5, 0.15)]),
        _ => 1,
    }
}

/// Seconds that one turn of a lighthouse's beam takes.
pub const fn turn_seconds(pace: Pace) -> f32 {
    match pace {
        Pace::Slow => 6.0,
        Pace::Normal => 4.0,
        Pace::Fast => 2.5,
    }
}

/// Metres per second over ground; dense inside each pace's band.
pub fn speed_of(kind: SubjectKind, action: Action, pace: Pace, scene: Scene, rng: &mut Rng) -> f32 {
    let size = if kind == Child { 0.8 } else { 1.0 };
    let bands = match (kind, action) {
        (Dog, Action::Walk) => [(0.7, 1.0), (1.2, 1.6), (1.8, 2.4)],
        (Dog, Action::Run) => [(2.5, 3.2), (3.8, 4.8), (5.5, 7.0)],
        (_, Action::Walk) => [(0.6, 0.9), (1.1, 1.5), (1.8, 2.2)],
        (_, Action::Run) => [(2.2, 2.7), (3.0, 3.8), (4.4, 5.5)],
        (Birds, Action::Fly) => [(4.0, 6.0), (7.5, 10.0), (12.0, 16.0)],
        (_, Action::Fly) => [(0.2, 0.4), (0.6, 0.9), (1.3, 2.0)],
        (_, Action::Sail) => [(0.8, 1.6), (2.2, 3.5), (5.0, 7.0)],
        (Kite, Action::Rise) => [(0.4, 0.7), (0.9, 1.4), (1.9, 2.6)],
        (_, Action::Rise) => [(0.5, 0.8), (1.1, 1.6), (2.2, 3.0)],
        (_, Action::Roll) => [(0.6, 1.0), (1.5, 2.2), (3.2, 4.5)],
        (_, Action::Bounce) => [(0.2, 0.4), (0.6, 1.0), (1.4, 2.2)],
        (_, Action::Ride) => [(5.0, 8.0), (11.0, 15.0), (19.0, 26.0)],
        (Balloon, Action::Drift) => return scene.wind.abs() * 0.25,
        (_, Action::Drift) => return scene.wind.abs() * 0.03,
        _ => return 0.0,
    };
    let (low, high) = bands[pace as usize];
    rng.range(low, high) * size
}

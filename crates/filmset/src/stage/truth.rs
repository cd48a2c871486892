//! What a clip shows, exactly: masks, depth, tracks, camera path and event times.

use serde::Serialize;

use super::actor::{Actor, framing};
use super::camera::Pose;
use super::card::Card;
use super::frame::Frame;
use super::scene::Layer;
use super::{Item, Stage};
use crate::cast;
use crate::program::{Action, FPS, SubjectKind};

/// Everything known about a clip.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// Frames a second.
    pub fps: u32,
    /// Width and height, pixels.
    pub size: [u32; 2],
    /// Focal length, pixels.
    pub focal_pixels: f32,
    /// Row of the horizon on the first frame.
    pub horizon_row: f32,
    /// Height of the camera over the ground on the first frame, metres.
    pub eye_meters: f32,
    /// Depth of the main subject on the first frame, metres.
    pub subject_depth_meters: f32,
    /// Camera, one entry a frame.
    pub camera: Vec<CameraTruth>,
    /// Subjects, one entry a member, in the order of the program.
    pub tracks: Vec<Track>,
    /// Changes of action, in the order of their time.
    pub events: Vec<EventTruth>,
    /// Feet and balls that touch the ground, in the order of their time.
    pub contacts: Vec<Contact>,
}

/// Where the camera is on one frame, relative to the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CameraTruth {
    /// Metres to the right, up and forward.
    pub position: [f32; 3],
    /// Pixels the picture shifts right and down (pan, tilt, shake).
    pub shift: [f32; 2],
}

/// One subject through the clip.
#[derive(Debug, Clone, Serialize)]
pub struct Track {
    /// Index of its subject in the program; the mask's value is one more.
    pub subject: usize,
    /// What it is.
    pub kind: SubjectKind,
    /// Its foot on every frame, pixels.
    pub foot: Vec<[f32; 2]>,
    /// Its upright box on every frame: left, top, right, bottom in pixels, not cut to the frame.
    pub boxes: Vec<[f32; 4]>,
    /// Its distance from the camera on every frame, metres.
    pub depth: Vec<f32>,
    /// Its action on every frame.
    pub action: Vec<Action>,
    /// Metres a second to the right, away and up, as really travelled: slower than the program
    /// asks where the subject would leave the frame.
    pub velocity: [f32; 3],
}

/// A subject changes what it does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EventTruth {
    /// Index of the subject.
    pub subject: usize,
    /// Seconds from the first frame.
    pub seconds: f32,
    /// What it does from then on.
    pub action: Action,
}

/// Something touches the ground.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Contact {
    /// Index of the subject.
    pub subject: usize,
    /// Seconds from the first frame.
    pub seconds: f32,
    /// 0 right foot, 1 left foot, 0 for a ball.
    pub limb: u8,
}

impl Stage {
    /// The truth of the whole clip.
    pub fn truth(&self) -> Truth {
        let times: Vec<f32> = (0..self.frames).map(|i| i as f32 / FPS as f32).collect();
        let camera = times.iter().map(|&t| {
            let p = self.pose(t);
            CameraTruth {
                position: [p.x, p.y, p.z],
                shift: [p.shift_x, p.shift_y],
            }
        });
        let mut events: Vec<EventTruth> = Vec::new();
        let mut contacts: Vec<Contact> = Vec::new();
        for (i, actor) in self.actors.iter().enumerate() {
            let first = i == 0 || self.actors[i - 1].index != actor.index;
            if let (Some(event), true) = (actor.subject.event, first) {
                let seconds = event.at_seconds;
                events.push(EventTruth {
                    subject: actor.index,
                    seconds,
                    action: event.action,
                });
            }
            contacts.extend(steps(actor, &times));
        }
        events.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        contacts.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        Truth {
            fps: FPS,
            size: [self.width as u32, self.height as u32],
            focal_pixels: self.view.focal,
            horizon_row: self.view.horizon,
            eye_meters: self.view.eye,
            subject_depth_meters: self.view.subject_z,
            camera: camera.collect(),
            tracks: self
                .actors
                .iter()
                .map(|actor| self.track(actor, &times))
                .collect(),
            events,
            contacts,
        }
    }

    fn track(&self, actor: &Actor, times: &[f32]) -> Track {
        let framing = framing(actor.subject.kind);
        let mut track = Track {
            subject: actor.index,
            kind: actor.subject.kind,
            foot: Vec::new(),
            boxes: Vec::new(),
            depth: Vec::new(),
            action: Vec::new(),
            velocity: actor.velocity,
        };
        for &t in times {
            let pose = self.pose(t);
            let spot = actor.spot(&self.view, &pose, t);
            let (x, y) = spot.foot;
            let (half, tall) = (framing.width * 0.5, framing.height);
            let lift = framing.lift * spot.per_meter;
            let (half, tall) = (half * spot.per_meter, tall * spot.per_meter);
            track.foot.push([x, y]);
            track
                .boxes
                .push([x - half, y - lift - tall, x + half, y - lift]);
            track.depth.push(spot.z - pose.z);
            track.action.push(actor.action(t).0);
        }
        track
    }

    /// Who covers each pixel of frame `i`: subject index + 1, or 0. `out` is `[h, w]`.
    pub fn subject_mask(&self, i: u32, out: &mut [u8]) {
        out.fill(0);
        let t = i as f32 / FPS as f32;
        let pose = self.pose(t);
        let mut layer = self.canvas();
        let mut begun = false;
        for item in self.order(t) {
            let value = match item {
                Item::Actor(actor) => actor.index as u8 + 1,
                Item::Layer(_) if !begun => continue,
                // Rain, smoke and other strokes are thin air: they hide nobody.
                Item::Layer(Layer::Live(_)) => continue,
                Item::Layer(Layer::Card(_) | Layer::Still { .. }) => 0,
            };
            begun = true;
            layer.pixels.fill(0);
            self.paint_item(&item, &pose, t, &mut layer, false);
            for (mask, pixel) in out.iter_mut().zip(&layer.pixels) {
                if pixel >> 24 > 127 {
                    *mask = value;
                }
            }
        }
    }

    /// Distance from the camera along its axis on frame `i`, metres, infinite for the sky. `out`
    /// is `[h, w]`.
    pub fn depth(&self, i: u32, out: &mut [f32]) {
        out.fill(f32::INFINITY);
        let t = i as f32 / FPS as f32;
        let pose = self.pose(t);
        let mut layer: Frame = self.canvas();
        for item in self.order(t) {
            match item {
                Item::Layer(Layer::Live(_)) => {}
                Item::Layer(Layer::Card(card)) => {
                    self.card_depth(card, (&pose, t), &mut layer, out);
                }
                Item::Layer(Layer::Still { cards, .. }) => {
                    for card in cards {
                        self.card_depth(card, (&pose, t), &mut layer, out);
                    }
                }
                Item::Actor(actor) => {
                    let z = actor.spot(&self.view, &pose, t).z - pose.z;
                    layer.pixels.fill(0);
                    self.paint_item(&item, &pose, t, &mut layer, false);
                    lay_depth(&layer, out, |_| z);
                }
            }
        }
    }

    fn card_depth(&self, card: &Card, (pose, t): (&Pose, f32), layer: &mut Frame, out: &mut [f32]) {
        if card.z.is_infinite() {
            return;
        }
        layer.pixels.fill(0);
        card.draw(&self.view, pose, t, self.height, layer);
        let (view, width) = (self.view, self.width);
        lay_depth(layer, out, |at| {
            let drop = (at / width) as f32 + 0.5 - view.horizon - pose.shift_y;
            let ground = view.focal * (view.eye + pose.y) / drop.max(0.05);
            if card.plane { ground } else { card.z - pose.z }
        });
    }
}

/// Writes `depth` of each pixel that `layer` covers more than half.
fn lay_depth(layer: &Frame, out: &mut [f32], depth: impl Fn(usize) -> f32) {
    for (at, (out, pixel)) in out.iter_mut().zip(&layer.pixels).enumerate() {
        if pixel >> 24 > 127 {
            *out = depth(at);
        }
    }
}

/// The moments a figure's feet or a ball come down, found between frames at 240 a second.
fn steps(actor: &Actor, times: &[f32]) -> Vec<Contact> {
    let kind = actor.subject.kind;
    let (Some(&end), true) = (times.last(), kind.is_figure() || kind == SubjectKind::Ball) else {
        return Vec::new();
    };
    let mut contacts = Vec::new();
    let mut down = [true; 2];
    for i in 0..=(end * 240.0) as u32 {
        let t = i as f32 / 240.0;
        let now = touching(actor, t);
        for limb in 0..2 {
            if now[limb] && !down[limb] {
                contacts.push(Contact {
                    subject: actor.index,
                    seconds: t,
                    limb: limb as u8,
                });
            }
        }
        down = now;
    }
    contacts
}

fn touching(actor: &Actor, t: f32) -> [bool; 2] {
    let pose = actor.pose(t);
    let kind = actor.subject.kind;
    match pose.action {
        Action::Walk | Action::Run if kind.is_figure() => {
            cast::foot_contacts(kind, pose.action, pose.phase, pose.speed).map(|foot| foot.planted)
        }
        Action::Jump if kind.is_figure() => [cast::gait::jump(kind, pose.action_t).lift <= 0.0; 2],
        Action::Bounce => [cast::gait::bounce(pose.action_t).lift <= 0.0, true],
        _ => [true; 2],
    }
}

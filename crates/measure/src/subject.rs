//! Subjects: what stands where in the key frames, how many, which colour, and how they move over
//! the ground.

use crate::{
    flow::{Flow, GRID},
    heading::Place,
    labels::{COLORS, DIRECTIONS, FIGURES, KINDS},
    net::{Map, argmax, softmax},
    scene::{SubjectMaps, key_frames},
};

/// Kinds that are always counted as one: a flock, and what comes alone.
const SINGLE: &[&str] = &["birds", "train", "lighthouse"];

/// Probability from which a cell belongs to a subject.
const PRESENT: f32 = 0.5;

/// A kind of subject seen in a clip.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Index into [`KINDS`].
    pub kind: usize,
    /// How sure: the mean probability of its surest cells, 0 to 1.
    pub presence: f32,
    /// Share of the picture it covers, mean over key frames.
    pub area: f32,
    /// Share of each of [`COLORS`] in its cells; sums to one.
    pub colors: Vec<f32>,
    /// Share of each of [`DIRECTIONS`] that its looks show it to head for; sums to one.
    pub facing: Vec<f32>,
    /// How many of them, median over key frames.
    pub count: usize,
    /// One place for each key frame that shows it.
    pub track: Vec<Place>,
}

/// The subjects of a clip of `len` frames, strongest first.
pub fn subjects(maps: &[SubjectMaps], flow: &Flow, len: usize) -> Vec<Seen> {
    let cells: Vec<Cells> = maps.iter().map(Cells::of).collect();
    let mut seen: Vec<Seen> = KINDS
        .iter()
        .enumerate()
        .filter_map(|(kind, _)| see(&cells, kind, flow, len))
        .collect();
    seen.sort_by(|a, b| (b.area * b.presence).total_cmp(&(a.area * a.presence)));
    seen
}

/// One key frame's cells: probabilities of kinds (people decided together) and colours.
struct Cells {
    w: usize,
    h: usize,
    /// `[h, w, KINDS]`.
    kinds: Map,
    /// `[h, w, COLORS]`.
    colors: Map,
    /// `[h, w, DIRECTIONS]`.
    facing: Map,
    /// `[h, w, 1]`, members a cell.
    density: Map,
}

impl Cells {
    fn of(maps: &SubjectMaps) -> Self {
        let rows =
            |map: &Map| -> Vec<f32> { map.data.chunks_exact(map.c).flat_map(softmax).collect() };
        let with_none = rows(&maps.kind);
        let kinds: Vec<f32> = with_none
            .chunks_exact(1 + KINDS.len())
            .flat_map(|p| p[1..].iter().copied())
            .collect();
        let (h, w) = (maps.kind.h, maps.kind.w);
        Self {
            w,
            h,
            kinds: Map::new(h, w, KINDS.len(), kinds),
            colors: Map::new(h, w, COLORS.len(), rows(&maps.color)),
            facing: Map::new(h, w, DIRECTIONS.len(), rows(&maps.facing)),
            density: maps.density.clone(),
        }
    }

    fn kind(&self, cell: usize) -> &[f32] {
        &self.kinds.data[cell * KINDS.len()..][..KINDS.len()]
    }

    /// Cells where `kind` stands, with its probability. People are found together; whose cells
    /// they are follows from the blob.
    fn mask(&self, kind: usize) -> Vec<f32> {
        let group = if kind < FIGURES {
            0..FIGURES
        } else {
            kind..kind + 1
        };
        (0..self.h * self.w)
            .map(|cell| {
                let p: f32 = self.kind(cell)[group.clone()].iter().sum();
                if p >= PRESENT { p } else { 0.0 }
            })
            .collect()
    }
}

/// One connected part of a mask.
struct Blob {
    cells: Vec<usize>,
}

impl Blob {
    /// The person's kind of a blob of people: the largest sum of probabilities.
    fn figure(&self, cells: &Cells) -> usize {
        let mut sum = [0.0f32; FIGURES];
        for &cell in &self.cells {
            sum.iter_mut()
                .zip(cells.kind(cell))
                .for_each(|(s, p)| *s += p);
        }
        argmax(&sum)
    }
}

fn see(frames: &[Cells], kind: usize, flow: &Flow, len: usize) -> Option<Seen> {
    let numbers = key_frames(len);
    let (mut colors, mut facing) = (vec![0.0f32; COLORS.len()], vec![0.0f32; DIRECTIONS.len()]);
    let (mut track, mut counts) = (Vec::new(), Vec::new());
    let (mut area, mut presence) = (0.0, 0.0);
    for (cells, &frame) in frames.iter().zip(&numbers) {
        let mask = cells.mask(kind);
        let mut blobs = blobs(&mask, cells.w, cells.h);
        if kind < FIGURES {
            blobs.retain(|b| b.figure(cells) == kind);
        }
        if blobs.is_empty() {
            continue;
        }
        let all: Vec<usize> = blobs.iter().flat_map(|b| b.cells.iter().copied()).collect();
        for &cell in &all {
            add_row(&mut colors, &cells.colors, cell, mask[cell]);
            add_row(&mut facing, &cells.facing, cell, mask[cell]);
        }
        counts.push(members(&all, cells));
        area += all.len() as f32 / (cells.w * cells.h * frames.len()) as f32;
        presence += surest(&all, &mask) / frames.len() as f32;
        track.push(place(&all, &mask, cells, frame, flow));
    }
    if track.is_empty() {
        return None;
    }
    for shares in [&mut colors, &mut facing] {
        let sum: f32 = shares.iter().sum();
        for share in shares.iter_mut() {
            *share /= sum;
        }
    }
    counts.sort_by(f32::total_cmp);
    let count = if SINGLE.contains(&KINDS[kind]) {
        1.0
    } else {
        counts[counts.len() / 2].round()
    };
    let count = (count as usize).max(1);
    Some(Seen {
        kind,
        presence,
        area,
        colors,
        facing,
        count,
        track,
    })
}

/// Adds `weight` times the row of one cell.
fn add_row(sum: &mut [f32], map: &Map, cell: usize, weight: f32) {
    for (s, p) in sum.iter_mut().zip(&map.data[cell * map.c..][..map.c]) {
        *s += p * weight;
    }
}

/// Members in the cells of a kind and next to them, where the middle of a body may lie.
fn members(all: &[usize], cells: &Cells) -> f32 {
    let mut near = vec![false; cells.w * cells.h];
    for &cell in all {
        let (x, y) = (cell % cells.w, cell / cells.w);
        for ny in y.saturating_sub(2)..(y + 3).min(cells.h) {
            near[ny * cells.w..][x.saturating_sub(2)..(x + 3).min(cells.w)].fill(true);
        }
    }
    cells
        .density
        .data
        .iter()
        .zip(&near)
        .filter(|(_, near)| **near)
        .map(|(d, _)| d)
        .sum()
}

/// Mean probability of the four surest cells.
fn surest(all: &[usize], mask: &[f32]) -> f32 {
    let mut p: Vec<f32> = all.iter().map(|&cell| mask[cell]).collect();
    p.sort_by(|a, b| b.total_cmp(a));
    p.truncate(4);
    p.iter().sum::<f32>() / p.len().max(1) as f32
}

/// Connected parts (eight neighbours) of the cells above zero.
fn blobs(mask: &[f32], w: usize, h: usize) -> Vec<Blob> {
    let mut free: Vec<bool> = mask.iter().map(|&p| p > 0.0).collect();
    let mut found = Vec::new();
    for start in 0..free.len() {
        if !std::mem::take(&mut free[start]) {
            continue;
        }
        let mut cells = vec![start];
        let mut next = 0;
        while let Some(&cell) = cells.get(next) {
            next += 1;
            let (x, y) = (cell % w, cell / w);
            for ny in y.saturating_sub(1)..(y + 2).min(h) {
                for nx in x.saturating_sub(1)..(x + 2).min(w) {
                    if std::mem::take(&mut free[ny * w + nx]) {
                        cells.push(ny * w + nx);
                    }
                }
            }
        }
        found.push(Blob { cells });
    }
    found
}

fn place(all: &[usize], mask: &[f32], cells: &Cells, frame: usize, flow: &Flow) -> Place {
    let (mut sum, mut x, mut y, mut lowest, mut cut) = (0.0, 0.0, 0.0, 0, false);
    for &cell in all {
        let (column, row) = (cell % cells.w, cell / cells.w);
        sum += mask[cell];
        x += mask[cell] * (column as f32 + 0.5);
        y += mask[cell] * (row as f32 + 0.5);
        lowest = lowest.max(row + 1);
        cut |= column == 0 || column + 1 == cells.w;
    }
    let inside = inside(mask, cells);
    let (ex, ey) = flow.extent;
    let (w, h) = (cells.w as f32, cells.h as f32);
    Place {
        frame,
        x: (x / sum / w - 0.5) * ex,
        y: (y / sum / h - 0.5) * ey,
        foot: (lowest as f32 / h - 0.5) * ey,
        size: (sum / (w * h)).sqrt(),
        cut,
        covered: covered(&inside),
        inside,
    }
}

/// Grid points of the flow that lie on the mask.
fn inside(mask: &[f32], cells: &Cells) -> Vec<usize> {
    let at = |i: usize, n: usize| (2 * i + 1) * n / (2 * GRID);
    (0..GRID * GRID)
        .filter(|p| mask[at(p / GRID, cells.h) * cells.w + at(p % GRID, cells.w)] > 0.0)
        .collect()
}

/// Grid points that lie on the mask or next to one that does: their windows see the subject.
fn covered(inside: &[usize]) -> Vec<bool> {
    let mut covered = vec![false; GRID * GRID];
    for &p in inside {
        let (x, y) = (p % GRID, p / GRID);
        for row in y.saturating_sub(1)..(y + 2).min(GRID) {
            covered[row * GRID..][x.saturating_sub(1)..(x + 2).min(GRID)].fill(true);
        }
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{flow::Motion, heading::own_motion};

    /// Flow without any motion, four seconds of wide frame.
    fn still() -> Flow {
        Flow {
            pairs: vec![
                vec![
                    Motion {
                        trust_u: 1.0,
                        trust_v: 1.0,
                        ..Motion::default()
                    };
                    GRID * GRID
                ];
                48
            ],
            parts: Vec::new(),
            pair_seconds: 2.0 / 24.0,
            extent: (1.34, 0.745),
        }
    }

    /// Maps with blocks of 4x8 cells of one kind and colour at the given columns.
    fn maps(kind: usize, color: usize, columns: &[usize]) -> SubjectMaps {
        let (h, w, kinds) = (40, 72, 1 + KINDS.len());
        let mut k = Map::new(h, w, kinds, vec![0.0; h * w * kinds]);
        let mut c = Map::new(h, w, COLORS.len(), vec![0.0; h * w * COLORS.len()]);
        for cell in 0..h * w {
            let (x, y) = (cell % w, cell / w);
            let on = (20..28).contains(&y) && columns.iter().any(|&at| (at..at + 4).contains(&x));
            k.data[cell * kinds + if on { 1 + kind } else { 0 }] = 9.0;
            c.data[cell * COLORS.len() + color] = 9.0;
        }
        let mut density = Map::new(h, w, 1, vec![0.0; h * w]);
        for column in columns {
            density.data[24 * w + column + 2] = 1.05;
        }
        let facing = Map::new(h, w, DIRECTIONS.len(), vec![0.0; h * w * DIRECTIONS.len()]);
        SubjectMaps {
            kind: k,
            color: c,
            facing,
            density,
        }
    }

    #[test]
    fn a_walk_to_the_right_is_counted_and_followed() {
        let frames: Vec<_> = (0..5)
            .map(|i| maps(1, 5, &[10 + 4 * i, 30 + 4 * i]))
            .collect();
        let seen = subjects(&frames, &still(), 97);
        assert_eq!(seen.len(), 1);
        assert_eq!(
            (
                KINDS[seen[0].kind],
                COLORS[argmax(&seen[0].colors)],
                seen[0].count
            ),
            ("woman", "blue", 2)
        );
        let motion = own_motion(&seen[0].track, &still()).expect("five places");
        assert!(
            motion.across > 0.5 && motion.growth.abs() < 0.01,
            "{motion:?}"
        );
    }

    #[test]
    fn a_pan_is_not_the_subject_moving() {
        let frames: Vec<_> = (0..5).map(|i| maps(3, 0, &[10 + 4 * i])).collect();
        let mut flow = still();
        // 16 of 72 columns in 86 frames.
        let u = 16.0 / 72.0 * flow.extent.0 / (86.0 / 24.0);
        flow.pairs.iter_mut().flatten().for_each(|m| m.u = u);
        let seen = subjects(&frames, &flow, 97);
        let motion = own_motion(&seen[0].track, &flow).expect("five places");
        assert!(motion.across.abs() < 0.1, "{motion:?}");
    }

    #[test]
    fn an_empty_scene_has_no_subjects() {
        assert!(subjects(&[maps(0, 0, &[])], &still(), 97).is_empty());
    }
}

//! Curves of a run's metrics as a picture.

use std::io;
use std::path::Path;

use font8x8::{BASIC_FONTS, UnicodeFonts};

use crate::data::Sheet;

/// Width and height of one curve, and the room around it.
const PANEL: (usize, usize) = (360, 200);
const MARGIN: usize = 28;
const PAPER: [u8; 3] = [250, 250, 247];
const INK: [u8; 3] = [40, 40, 48];
const GRID: [u8; 3] = [222, 222, 216];
const LINE: [u8; 3] = [200, 80, 40];

/// A named series of values over steps.
pub struct Curve {
    /// What is measured.
    pub name: String,
    /// Steps and values; those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
}

/// Draws curves side by side, each between its own least and greatest value.
///
/// # Errors
/// When the PNG cannot be written.
pub fn draw(curves: &[Curve], path: &Path) -> io::Result<()> {
    let (width, height) = (PANEL.0 + 2 * MARGIN, PANEL.1 + 2 * MARGIN);
    let mut sheet = Sheet::new(width * curves.len().max(1), height, PAPER);
    for (i, curve) in curves.iter().enumerate() {
        panel(&mut sheet, curve, (i * width + MARGIN, MARGIN));
    }
    sheet.write(path)
}

fn panel(sheet: &mut Sheet, curve: &Curve, (left, top): (usize, usize)) {
    let finite = |point: &&(f64, f64)| point.1.is_finite();
    let points: Vec<_> = curve.points.iter().filter(finite).copied().collect();
    for quarter in 0..=4 {
        let y = top + PANEL.1 * quarter / 4;
        (0..PANEL.0).for_each(|x| sheet.dot((left + x, y), GRID));
    }
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN), |(low, high), x| {
            (low.min(x), high.max(x))
        })
    };
    let (first, last) = ends(&mut points.iter().map(|point| point.0));
    let (low, high) = ends(&mut points.iter().map(|point| point.1));
    let title = match points.last() {
        Some((_, value)) => format!("{} {value:.4}, {low:.4} to {high:.4}", curve.name),
        None => format!("{}: nothing yet", curve.name),
    };
    write(sheet, &title, (left, top - 16));
    let place = |(step, value): (f64, f64)| {
        let share = |x: f64, low: f64, high: f64| (x - low) / (high - low).max(f64::MIN_POSITIVE);
        let x = share(step, first, last) * (PANEL.0 - 1) as f64;
        let y = (1.0 - share(value, low, high)) * PANEL.1 as f64;
        (left as f64 + x, top as f64 + y)
    };
    for pair in points.windows(2) {
        line(sheet, place(pair[0]), place(pair[1]));
    }
    if !points.is_empty() {
        write(sheet, &format!("{first:.0}"), (left, top + PANEL.1 + 8));
        let end = format!("{last:.0}");
        let start = left + PANEL.0 - 8 * end.len().min(PANEL.0 / 8);
        write(sheet, &end, (start, top + PANEL.1 + 8));
    }
}

/// Dots along the longer side of a line.
fn line(sheet: &mut Sheet, from: (f64, f64), to: (f64, f64)) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let steps = dx.abs().max(dy.abs()).ceil().max(1.0);
    for i in 0..=steps as usize {
        let share = i as f64 / steps;
        let at = (from.0 + dx * share, from.1 + dy * share);
        sheet.dot((at.0.round() as usize, at.1.round() as usize), LINE);
    }
}

fn write(sheet: &mut Sheet, text: &str, (left, top): (usize, usize)) {
    for (i, glyph) in text.chars().filter_map(|c| BASIC_FONTS.get(c)).enumerate() {
        for (y, row) in glyph.iter().enumerate() {
            for x in (0..8).filter(|x| row & (1 << x) != 0) {
                sheet.dot((left + 8 * i + x, top + y), INK);
            }
        }
    }
}

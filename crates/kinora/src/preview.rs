//! A picture in the terminal: two pixels a character, the upper half block in two colours.

use std::fmt::Write as _;

use kinora_engine::Preview;

/// Character columns of a preview.
const COLUMNS: u32 = 64;

/// The picture as lines of text with 24-bit colour escapes, and the number of lines.
pub fn half_blocks(picture: &Preview) -> (String, u32) {
    let columns = COLUMNS.min(picture.size.width);
    let scale = f64::from(picture.size.width) / f64::from(columns);
    let lines = ((f64::from(picture.size.height) / scale / 2.0).round() as u32).max(1);
    let pixel = |x: u32, y: u32| {
        let column = ((f64::from(x) + 0.5) * scale) as u32;
        let row = ((f64::from(y) + 0.5) * scale) as u32;
        let (column, row) = (
            column.min(picture.size.width - 1),
            row.min(picture.size.height - 1),
        );
        let at = (row * picture.size.width + column) as usize * 3;
        [picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]
    };
    let mut text = String::new();
    for line in 0..lines {
        for column in 0..columns {
            let [r, g, b] = pixel(column, 2 * line);
            let [r2, g2, b2] = pixel(column, 2 * line + 1);
            write!(
                text,
                "\x1b[38;2;{r};{g};{b}m\x1b[48;2;{r2};{g2};{b2}m\u{2580}"
            )
            .expect("strings grow");
        }
        text.push_str("\x1b[0m\n");
    }
    (text, lines)
}

#[cfg(test)]
mod tests {
    use kinora_engine::Size;

    use super::*;

    #[test]
    fn two_rows_of_pixels_are_one_line() {
        let rgb = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9];
        let (text, lines) = half_blocks(&Preview {
            size: Size::new(2, 2),
            rgb,
        });
        assert_eq!(lines, 1);
        let first = "\x1b[38;2;255;0;0m\x1b[48;2;0;0;255m\u{2580}";
        assert!(text.starts_with(first), "{text:?}");
        assert_eq!(text.matches('\u{2580}').count(), 2);
        assert!(text.ends_with("\x1b[0m\n"));
    }
}

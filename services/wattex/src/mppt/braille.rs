//! Lines on a terminal: eight dots a character.

/// Characters of a chart.
const COLUMNS: usize = 64;
const ROWS: usize = 12;
/// Dots of a character: across and down.
const ACROSS: usize = 2;
const DOWN: usize = 4;
/// The bit of each dot in the Braille block of Unicode, by column and row.
const BITS: [[u32; DOWN]; ACROSS] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
/// Where that block begins.
const BLOCK: u32 = 0x2800;

/// Lines in one frame, with what the axes reach at their ends. A line is drawn through its points.
pub(super) fn drawn(lines: &[Vec<(f64, f64)>], x: &str, y: &str) -> String {
    let points =
        || lines.iter().flatten().filter(|point| point.0.is_finite() && point.1.is_finite());
    let span = |of: fn(&(f64, f64)) -> f64| {
        points().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| {
            (low.min(number), high.max(number))
        })
    };
    let (left, right) = span(|point| point.0);
    let (low, high) = span(|point| point.1);
    if left > right {
        return String::new();
    }
    let mut cells = [[0_u32; COLUMNS]; ROWS];
    let place = |number: f64, from: f64, to: f64, dots: usize| {
        let wide = if to > from { to - from } else { 1.0 };
        nearest((number - from) / wide, dots)
    };
    for line in lines {
        for (column, height) in filled(line, left, right) {
            let down = ROWS * DOWN - 1 - place(height, low, high, ROWS * DOWN);
            cells[down / DOWN][column / ACROSS] |= BITS[column % ACROSS][down % DOWN];
        }
    }
    let mut text = format!("{high:.4} {y}\n");
    for row in cells {
        let dots = row.iter().map(|dots| char::from_u32(BLOCK + dots).unwrap_or(' '));
        text.extend(dots.chain(['\n']));
    }
    text + &format!("{low:.4} {y}; {left:.4} to {right:.4} {x}\n")
}

/// The height of a line in every column of dots that it covers.
fn filled(line: &[(f64, f64)], left: f64, right: f64) -> Vec<(usize, f64)> {
    let columns = COLUMNS * ACROSS;
    let wide = if right > left { right - left } else { 1.0 };
    let mut heights = Vec::new();
    for two in line.windows(2) {
        let ((from, low), (to, high)) = (two[0], two[1]);
        let [first, last] = [from, to].map(|number| nearest((number - left) / wide, columns));
        for column in first..=last {
            let steps = u32::try_from(last - first).map_or(1.0, f64::from).max(1.0);
            let part = u32::try_from(column - first).map_or(0.0, f64::from) / steps;
            heights.push((column, low + (high - low) * part));
        }
    }
    heights
}

/// The dot nearest to a part of all.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
fn nearest(part: f64, dots: usize) -> usize {
    let last = u32::try_from(dots).map_or(1.0, f64::from) - 1.0;
    (part.clamp(0.0, 1.0) * last).round() as usize
}

/// Parts from 0 to 1 as one row of blocks of growing height.
pub(super) fn sparkline(parts: &[f64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    parts.iter().map(|part| BLOCKS[nearest(*part, BLOCKS.len())]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rising_line_fills_the_frame_from_corner_to_corner() {
        let text = drawn(&[vec![(0.0, 0.0), (10.0, 5.0)]], "V", "A");
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), ROWS + 2);
        assert_eq!(rows[0], "5.0000 A");
        assert_eq!(rows[ROWS + 1], "0.0000 A; 0.0000 to 10.0000 V");
        // The lowest left dot of the first and the highest right dot of the last character.
        assert_eq!(rows[ROWS].chars().next().map(|c| u32::from(c) & 0x40), Some(0x40));
        assert_eq!(rows[1].chars().last().map(|c| u32::from(c) & 0x08), Some(0x08));
        assert!(drawn(&[vec![]], "V", "A").is_empty());
    }

    #[test]
    fn a_sparkline_goes_from_low_to_high() {
        assert_eq!(sparkline(&[0.0, 0.5, 1.0, 2.0]), "▁▅██");
    }
}

//! Energy by day: bars above the line for what was taken, below for what was given.
//!
//! ```text
//!   12 ┤   ▇     ▇      supplier
//!    6 ┤ ▇ █ ▇ ▇ █ ▇    neighbours
//!    0 ┼─▇─▇─▇─▇─▇─▇─   to neighbours, to the grid
//! ```

use documents::Day;

use super::energy::INKS;
use super::{Bill, LINE, MUTED, SMALL, regular};
use crate::face::{Length, pt};
use crate::sheet::{Column, Ink, LEFT, Owner, RIGHT, Role, Shape, Sheet};

const HEIGHT: Length = pt(98);
/// Where bars begin: to the left of it are the numbers of the axis.
const PLOT: Length = LEFT + pt(34);
/// About so many lines across.
const STEPS: i128 = 5;
/// The most days that are named below the bars.
const NAMES_MAX: usize = 6;

/// How energy becomes height.
struct Scale {
    /// From line to line, in Wh.
    step: i128,
    /// Lines above and below zero.
    up: i128,
    down: i128,
    /// Where zero is.
    zero: Length,
}

impl Scale {
    fn new(days: &[Day], top: Length) -> Option<Scale> {
        let highest = |parts: [usize; 2]| {
            let heights = days.iter().map(|day| parts.map(|part| wh(day, part)).iter().sum());
            heights.max().unwrap_or(0_i128)
        };
        let (taken, given) = (highest([0, 1]), highest([2, 3]));
        let step = step(taken + given)?;
        let lines = |wh: i128| (wh + step - 1) / step;
        let (up, down) = (lines(taken), lines(given));
        let zero = top + length(i128::from(HEIGHT) * up / (up + down));
        Some(Scale { step, up, down, zero })
    }

    /// The height of some Wh.
    fn height(&self, wh: i128) -> Length {
        length(i128::from(HEIGHT) * wh / (self.step * (self.up + self.down)))
    }
}

fn wh(day: &Day, part: usize) -> i128 {
    i128::from(day.parts()[part].wh())
}

fn length(length: i128) -> Length {
    i32::try_from(length).unwrap_or(HEIGHT)
}

/// A round number of Wh of which about [`STEPS`] are the whole; none where there is nothing.
fn step(whole: i128) -> Option<i128> {
    let mut decade = 1;
    loop {
        for round in [1, 2, 5] {
            if round * decade * STEPS >= whole {
                return (whole > 0).then_some(round * decade);
            }
        }
        decade *= 10;
    }
}

pub(super) fn write(sheet: &mut Sheet, bill: &Bill<'_>) {
    let days = &bill.content.days;
    let top = sheet.cursor.y + pt(14);
    if Scale::new(days, top).is_none() {
        return;
    }
    sheet.keep(HEIGHT + pt(48));
    let top = sheet.cursor.y + pt(14);
    let Some(scale) = Scale::new(days, top) else { return };
    let parts = bill.content.energy.parts().map(|part| bill.locale.energy(part));
    let [bought, supplied, sold, fed_in] = parts.each_ref().map(String::as_str);
    let places = [("bought", bought), ("supplied", supplied), ("sold", sold), ("fed_in", fed_in)];
    let figure = sheet.leaf(Role::Figure(bill.locale.filled("chart.spoken", &places)));
    axis(sheet, bill, (&scale, figure));
    bars(sheet, days, (&scale, figure));
    sheet.cursor.y = top + HEIGHT + pt(4);
    names(sheet, bill, figure);
    sheet.cursor.y += pt(12);
    let caption = Column::left(PLOT, RIGHT - PLOT);
    sheet.text(Role::Caption, bill.text("chart"), SMALL, caption);
}

fn axis(sheet: &mut Sheet, bill: &Bill<'_>, (scale, figure): (&Scale, Owner)) {
    // 500 Wh are 0.5 kWh: as many decimals as the step needs.
    let decimals = match (scale.step % 1_000, scale.step % 100, scale.step % 10) {
        (0, _, _) => 0,
        (_, 0, _) => 1,
        (_, _, 0) => 2,
        _ => 3,
    };
    let style = regular(7_000, 9, MUTED);
    for line in -scale.down..=scale.up {
        let wh = line * scale.step;
        let y =
            if line < 0 { scale.zero + scale.height(-wh) } else { scale.zero - scale.height(wh) };
        let ink = if line == 0 { Ink(0x56, 0x66, 0x60) } else { LINE };
        let (width, height) = (RIGHT - PLOT, if line == 0 { 700 } else { 400 });
        sheet.draw(figure, ink, Shape::Box { x: PLOT, y, width, height, radius: 0 });
        let number = bill.locale.number(wh.abs() / 10_i128.pow(3 - decimals), decimals);
        let place = (Column::right(LEFT, PLOT - pt(5)), y - style.leading / 2);
        sheet.pin(figure, &number, style, place);
    }
}

fn bars(sheet: &mut Sheet, days: &[Day], (scale, figure): (&Scale, Owner)) {
    for (place, day) in days.iter().enumerate() {
        let (x, slot) = slot(place, days.len());
        let width = (slot * 7 / 10).max(300);
        let x = x + (slot - width) / 2;
        let [bought, supplied, sold, fed_in] = [0, 1, 2, 3].map(|part| scale.height(wh(day, part)));
        for (ink, y, height) in [
            (INKS[0], scale.zero - bought, bought),
            (INKS[1], scale.zero - bought - supplied, supplied),
            (INKS[2], scale.zero, sold),
            (INKS[3], scale.zero + sold, fed_in),
        ] {
            if height > 0 {
                sheet.draw(figure, ink, Shape::Box { x, y, width, height, radius: 0 });
            }
        }
    }
}

/// Where the bar of a day is, and how wide with the space around.
fn slot(place: usize, days: usize) -> (Length, Length) {
    let (place, days) = (i32::try_from(place).unwrap_or(0), i32::try_from(days).unwrap_or(1));
    let (start, end) = (place * ((RIGHT - PLOT) / days), (place + 1) * ((RIGHT - PLOT) / days));
    (PLOT + start, end - start)
}

/// The days below the bars, as many as there is space for; by weeks where that is enough.
fn names(sheet: &mut Sheet, bill: &Bill<'_>, figure: Owner) {
    let days = &bill.content.days;
    let every = days.len().div_ceil(NAMES_MAX);
    let every = if (3..7).contains(&every) { 7 } else { every };
    let style = regular(7_000, 9, MUTED);
    for (place, day) in days.iter().enumerate().step_by(every) {
        let (x, _) = slot(place, days.len());
        let name = bill.locale.short_day(day.day);
        let y = sheet.cursor.y;
        let width = (RIGHT - x).min(pt(70)).max(pt(20));
        sheet.pin(figure, &name, style, (Column::left(x, width), y));
    }
}

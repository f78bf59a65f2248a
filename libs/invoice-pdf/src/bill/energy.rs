//! The energy of the period: four sums, a chart by day, and what it had cost without neighbours.

use documents::Comparison;
use units::{Energy, Money};

use super::{BODY, BRAND, Bill, MUTED, STRONG, TEXT, bold, chart, magnitude, regular, section};
use crate::face::{Length, pt};
use crate::sheet::{Column, Ink, LEFT, Owner, RIGHT, Role, Shape, Sheet, Style, WIDTH};

/// From neighbours, from the supplier, to neighbours, to the grid.
pub(super) const INKS: [Ink; 4] =
    [Ink(0x0b, 0x7a, 0x59), Ink(0x8f, 0xb3, 0xd6), Ink(0xd9, 0x8a, 0x00), Ink(0xf2, 0xcb, 0x85)];
const NAMES: [&str; 4] = ["energy.bought", "energy.supplied", "energy.sold", "energy.fed_in"];

pub(super) fn write(sheet: &mut Sheet, bill: &Bill<'_>) {
    let parts = bill.content.energy.parts();
    if parts.iter().any(|part| part.wh() > 0) {
        section(sheet, bill.text("energy"), (pt(18), pt(44)), |sheet| {
            sums(sheet, bill, parts);
            chart::write(sheet, bill);
        });
    }
    if let Some(comparison) = bill.content.comparison {
        section(sheet, bill.text("comparison"), (pt(18), pt(70)), |sheet| {
            compared(sheet, bill, comparison);
        });
    }
}

/// The sums, with the colours that the chart has for them.
fn sums(sheet: &mut Sheet, bill: &Bill<'_>, parts: [Energy; 4]) {
    let given = parts[2].wh() + parts[3].wh() > 0;
    let count = if given { 4 } else { 2 };
    let width = WIDTH / 4;
    let start = sheet.cursor;
    let mut end = start;
    sheet.within(Role::List, |sheet| {
        for (place, part) in parts.into_iter().enumerate().take(count) {
            sheet.cursor = start;
            let x = LEFT + width * i32::try_from(place).unwrap_or(0);
            let swatch =
                Shape::Box { x, y: start.y + 2_500, width: pt(8), height: pt(8), radius: 1_500 };
            sheet.draw(Owner::Decoration, INKS[place], swatch);
            sheet.within(Role::Item, |sheet| {
                let column = Column::left(x + pt(13), width - pt(19));
                let name = bill.text(NAMES[place]);
                sheet.text(Role::Label, name, regular(8_500, 13, MUTED), column);
                let energy = bill.locale.energy(part);
                sheet.text(Role::Body, &energy, bold(12_500, 17, TEXT), column);
            });
            end = end.max(sheet.cursor);
        }
    });
    sheet.cursor = end;
}

fn compared(sheet: &mut Sheet, bill: &Bill<'_>, comparison: Comparison) {
    let Comparison { retail_alone, with_neighbours } = comparison;
    let most = magnitude(retail_alone).max(magnitude(with_neighbours)).n().max(1);
    sheet.within(Role::List, |sheet| {
        for (key, amount, ink) in [
            ("comparison.retail_alone", retail_alone, Ink(0xb9, 0xc4, 0xbe)),
            ("comparison.with_neighbours", with_neighbours, INKS[0]),
        ] {
            sheet.within(Role::Item, |sheet| {
                let amount_text = bill.money(amount);
                let bar = (LEFT + pt(118), RIGHT - pt(92));
                let (start, page) = (sheet.cursor.y, sheet.cursor.page);
                sheet.beside(&mut [
                    &mut |sheet| {
                        sheet.text(Role::Label, bill.text(key), BODY, Column::left(LEFT, pt(112)));
                    },
                    &mut |sheet| {
                        let column = Column::right(bar.1, RIGHT);
                        sheet.text(Role::Body, &amount_text, STRONG, column);
                    },
                ]);
                if sheet.cursor.page == page {
                    let width = scaled(magnitude(amount), most, bar.1 - bar.0);
                    let (x, y, height) = (bar.0, start + 2_500, pt(9));
                    let shape = Shape::Box { x, y, width, height, radius: pt(2) };
                    sheet.draw(Owner::Decoration, ink, shape);
                }
                sheet.cursor.y += pt(4);
            });
        }
    });
    sheet.cursor.y += pt(2);
    let style = Style { ink: BRAND, ..STRONG };
    sheet.text(Role::Paragraph, &difference(bill, comparison), style, Column::FULL);
}

/// What neighbours made of the bill, in a sentence.
fn difference(bill: &Bill<'_>, comparison: Comparison) -> String {
    let Comparison { retail_alone, with_neighbours } = comparison;
    let saved = retail_alone.minus(with_neighbours).unwrap_or(Money::ZERO);
    let amount = bill.money(magnitude(saved));
    if saved == Money::ZERO {
        return bill.text("comparison.same").to_owned();
    }
    if saved < Money::ZERO {
        return bill.locale.filled("comparison.lost", &[("amount", &amount)]);
    }
    if retail_alone <= Money::ZERO {
        return bill.locale.filled("comparison.gained", &[("amount", &amount)]);
    }
    let (part, whole) = (i128::from(saved.n()), i128::from(retail_alone.n()));
    // To a tenth of a percent, which is in hundredths what the language writes.
    let percent = bill.locale.percent((part * 1_000 + whole / 2) / whole * 10);
    bill.locale.filled("comparison.saved", &[("amount", &amount), ("percent", &percent)])
}

/// `part / most` of a length.
fn scaled(part: Money, most: i64, length: Length) -> Length {
    let scaled = i128::from(part.n()) * i128::from(length) / i128::from(most);
    i32::try_from(scaled).unwrap_or(length).clamp(0, length)
}

//! What the amount is made of: every line, its quantity, price and amount, and where it comes from.

use documents::{Category, Kind, Line, TaxRate};
use units::Money;

use super::{BODY, Bill, LINE, SMALL, STRONG, bold, magnitude, section};
use crate::PAGES_MAX;
use crate::face::{Length, pt};
use crate::sheet::{Align, Block, Column, LEFT, Owner, RIGHT, Role, Sheet, Style};

/// Head of a column.
const HEAD: Style = bold(7_800, 11, super::MUTED);
const GAP: Length = pt(8);
/// Where the columns end: what for, quantity, price, tax, amount.
const ENDS: [Length; 5] = [pt(216), pt(302), pt(432), pt(466), RIGHT];

/// The columns of the table.
fn columns() -> [Column; 5] {
    let right = |place: usize| Column::right(ENDS[place - 1] + GAP, ENDS[place]);
    [Column::left(LEFT, ENDS[0] - LEFT), right(1), right(2), right(3), right(4)]
}

pub(super) fn write(sheet: &mut Sheet, bill: &Bill<'_>) {
    section(sheet, bill.text("lines"), (pt(18), pt(60)), |sheet| {
        let heads = ["lines.what", "lines.quantity", "lines.price", "lines.tax", "lines.net"];
        let heads = heads.map(|key| bill.text(key).to_owned());
        sheet.within(Role::Table(bill.text("lines").to_owned()), |sheet| {
            sheet.within(Role::TableHead, |sheet| head(sheet, &heads));
            let repeated = columns().into_iter().zip(heads.clone());
            sheet.repeat(repeated.map(|(column, text)| (column, text, HEAD)).collect());
            sheet.within(Role::TableBody, |sheet| {
                for line in &bill.content.lines {
                    row(sheet, bill, line);
                    // Nobody gets it: no need to go on.
                    if sheet.pages.len() > PAGES_MAX {
                        return;
                    }
                }
            });
            sheet.repeat(Vec::new());
        });
    });
}

fn head(sheet: &mut Sheet, heads: &[String; 5]) {
    let (start, mut end) = (sheet.cursor, sheet.cursor);
    sheet.within(Role::Row, |sheet| {
        for (column, text) in columns().into_iter().zip(heads) {
            sheet.cursor = start;
            sheet.text(Role::ColumnHead, text, HEAD, column);
            end = end.max(sheet.cursor);
        }
    });
    sheet.cursor = end;
    sheet.cursor.y += pt(3);
    sheet.rule(LEFT..RIGHT, super::MUTED);
    sheet.cursor.y += pt(5);
}

fn row(sheet: &mut Sheet, bill: &Bill<'_>, line: &Line) {
    let columns = columns();
    let texts = [
        bill.locale.label(line),
        bill.locale.quantity(line.quantity),
        price(bill, line),
        rate(bill, line.tax),
        bill.money(line.net),
    ];
    let styles = [STRONG, BODY, BODY, BODY, STRONG];
    let mut cells: Vec<Block> = Vec::with_capacity(columns.len());
    for ((column, text), style) in columns.iter().zip(&texts).zip(styles) {
        cells.push(match column.align {
            Align::Left => sheet.block(text, style, column.width),
            Align::Right => sheet.number(text, style, column.width),
        });
    }
    // Below the cells there is nothing but the amount's column to leave free.
    let wide = Column::left(LEFT, ENDS[2] - LEFT);
    let details = details(bill, line);
    let details: Vec<Block> =
        details.iter().map(|text| sheet.block(text, SMALL, wide.width)).collect();
    let highest = cells.iter().map(Block::height).max().unwrap_or(0);
    let below: Length = details.iter().map(Block::height).fold(0, Length::saturating_add);
    sheet.keep(highest.saturating_add(below).saturating_add(pt(8)));
    let (start, mut end) = (sheet.cursor, sheet.cursor);
    sheet.within(Role::Row, |sheet| {
        let mut what = None;
        for (column, cell) in columns.into_iter().zip(cells) {
            sheet.cursor = start;
            let role = if what.is_none() { Role::RowHead } else { Role::Cell };
            let owner = sheet.leaf(role);
            what.get_or_insert(owner);
            sheet.place(owner, cell, column);
            end = end.max(sheet.cursor);
        }
        sheet.cursor = end;
        for detail in details {
            sheet.place(what.unwrap_or(Owner::Decoration), detail, wide);
        }
    });
    sheet.cursor.y += pt(4);
    sheet.rule(LEFT..RIGHT, LINE);
    sheet.cursor.y += pt(3);
}

/// The price of a printed unit; said to be an average where it is one.
fn price(bill: &Bill<'_>, line: &Line) -> String {
    let (content, unit) = (bill.content, line.quantity.unit);
    // A price that does not fit is one of a quantity that no meter has.
    let amount = line.price.per_printed(unit).unwrap_or(line.price.amount);
    let mut price = bill.locale.price(amount, &content.currency, content.currency_digits);
    let per = bill.locale.per(unit);
    if !per.is_empty() {
        price = format!("{price}\u{a0}/\u{a0}{per}");
    }
    if line.price.per == unit.per_printed() {
        return price;
    }
    format!("{} {price}", bill.text("lines.average"))
}

/// How a line is taxed, in short; why it is not stands with the sums.
fn rate(bill: &Bill<'_>, rate: TaxRate) -> String {
    match rate.category {
        Category::Standard | Category::Zero => bill.locale.percent(i128::from(rate.bps)),
        Category::Exempt | Category::ReverseCharge | Category::NotSubject => "–".to_owned(),
    }
}

/// What the line is for, what was taken off or put on, and how it was computed.
fn details(bill: &Bill<'_>, line: &Line) -> Vec<String> {
    let before = bill.content.preceding.iter().any(|before| before.number == line.explanation);
    let mut details = vec![match bill.content.kind {
        // A line that is taken off says of which document it was.
        Kind::Correction if before => {
            bill.locale.filled("lines.before", &[("number", &line.explanation)])
        }
        _ => bill.locale.explanation(line),
    }];
    for adjustment in &line.adjustments {
        details.push(format!(
            "{}: {}",
            reason(bill, adjustment.amount, &adjustment.reason),
            bill.money(adjustment.amount)
        ));
    }
    if let Some(trace) = &line.trace {
        let inputs = trace.inputs.iter().map(|input| format!("{} = {}", input.name, input.value));
        let inputs: Vec<String> = inputs.collect();
        details.push(match inputs.is_empty() {
            true => trace.formula.clone(),
            false => format!("{}: {}", trace.formula, inputs.join(", ")),
        });
    }
    details.retain(|text| !text.is_empty());
    details
}

/// Why something was taken off or put on.
pub(super) fn reason(bill: &Bill<'_>, amount: Money, reason: &str) -> String {
    debug_assert!(magnitude(amount) > Money::ZERO, "an adjustment of nothing is refused");
    let key = if amount < Money::ZERO { "allowance" } else { "charge" };
    bill.locale.filled(key, &[("reason", reason)])
}

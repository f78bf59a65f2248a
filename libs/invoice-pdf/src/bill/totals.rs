//! How the lines add up: discounts, tax, what was paid before, what is left.

use documents::{Category, Custody, PrepaymentSource, Tax};
use units::Money;

use super::{BODY, Bill, LINE, SMALL, SOFT, TEXT, bold, lines, magnitude};
use crate::face::{Length, pt};
use crate::sheet::{Column, Owner, RIGHT, Role, Shape, Sheet, Style};

/// Where the sums begin; to their left the page stays white.
const START: Length = pt(226);
/// The width of the amounts.
const AMOUNT: Length = pt(104);

/// A row of the sums.
struct Row {
    label: String,
    /// More to read below the label.
    detail: Option<String>,
    amount: String,
    style: Style,
}

impl Row {
    fn plain(label: String, amount: String) -> Row {
        Row { label, detail: None, amount, style: BODY }
    }
}

pub(super) fn write(sheet: &mut Sheet, bill: &Bill<'_>) {
    let mut rows = up_to_gross(bill);
    let gross = rows.len();
    let total = bold(10_500, 16, TEXT);
    rows.push(Row {
        style: total,
        ..Row::plain(bill.text("gross").to_owned(), bill.money(bill.totals().gross))
    });
    rows.extend(after_gross(bill));
    let left = last(bill);
    sheet.cursor.y += pt(6);
    sheet.keep(pt(90));
    sheet.within(Role::Table(bill.text("lines.total").to_owned()), |sheet| {
        sheet.within(Role::TableBody, |sheet| {
            for (place, row) in rows.into_iter().enumerate() {
                if place == gross {
                    sheet.cursor.y += pt(3);
                    sheet.rule(START..RIGHT, LINE);
                    sheet.cursor.y += pt(3);
                }
                one(sheet, row);
            }
            banner(sheet, left);
        });
    });
    account(sheet, bill);
}

fn up_to_gross(bill: &Bill<'_>) -> Vec<Row> {
    let mut rows =
        vec![Row::plain(bill.text("lines.total").to_owned(), bill.money(bill.totals().lines))];
    for adjustment in &bill.content.adjustments {
        let label = lines::reason(bill, adjustment.amount, &adjustment.reason);
        rows.push(Row::plain(label, bill.money(adjustment.amount)));
    }
    rows.extend(bill.document.taxes().iter().map(|tax| of_tax(bill, tax)));
    rows
}

fn of_tax(bill: &Bill<'_>, tax: &Tax) -> Row {
    let key = match tax.rate.category {
        Category::Standard => "tax.standard",
        Category::Zero => "tax.zero",
        Category::Exempt => "tax.exempt",
        Category::ReverseCharge => "tax.reverse_charge",
        Category::NotSubject => "tax.not_subject",
    };
    let rate = bill.locale.percent(i128::from(tax.rate.bps));
    let base = bill.money(tax.base);
    let label = bill.locale.filled(key, &[("rate", &rate), ("base", &base)]);
    let exemptions = bill.content.exemptions.iter();
    let why = exemptions.filter(|exemption| exemption.category == tax.rate.category);
    let detail = why.map(|exemption| exemption.reason.clone()).next();
    Row { detail, ..Row::plain(label, bill.money(tax.amount)) }
}

/// What was paid before, with the sign that it has in the sum.
fn after_gross(bill: &Bill<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for prepaid in &bill.content.prepaid {
        let received = (prepaid.amount < Money::ZERO) != bill.content.kind.is_self_billed();
        let key = match prepaid.source {
            PrepaymentSource::Wallet if received => "prepaid.wallet_received",
            PrepaymentSource::Wallet => "prepaid.wallet",
            PrepaymentSource::Advance => "prepaid.advance",
            PrepaymentSource::Payment => "prepaid.payment",
        };
        let amount = prepaid.amount.negated().unwrap_or(prepaid.amount);
        rows.push(Row::plain(bill.text(key).to_owned(), bill.money(amount)));
    }
    if bill.totals().rounding != Money::ZERO {
        rows.push(Row::plain(bill.text("rounding").to_owned(), bill.money(bill.totals().rounding)));
    }
    rows
}

/// What is left, in the direction in which it goes.
fn last(bill: &Bill<'_>) -> Row {
    let (key, amount) = match bill.customer_pays() {
        Some(true) | None => ("payable", magnitude(bill.totals().payable)),
        Some(false) => ("receivable", magnitude(bill.totals().payable)),
    };
    Row {
        style: bold(11_500, 16, TEXT),
        ..Row::plain(bill.text(key).to_owned(), bill.money(amount))
    }
}

fn one(sheet: &mut Sheet, row: Row) {
    let label = Column::left(START + pt(8), RIGHT - START - AMOUNT - pt(16));
    let amount = Column::right(RIGHT - AMOUNT, RIGHT);
    sheet.keep(row.style.leading + pt(12));
    sheet.within(Role::Row, |sheet| {
        sheet.beside(&mut [
            &mut |sheet| {
                let owner = sheet.leaf(Role::RowHead);
                sheet.more(owner, &row.label, row.style, label);
                if let Some(detail) = &row.detail {
                    sheet.more(owner, detail, SMALL, label);
                }
            },
            &mut |sheet| {
                let block = sheet.number(&row.amount, row.style, AMOUNT);
                let owner = sheet.leaf(Role::Cell);
                sheet.place(owner, block, amount);
            },
        ]);
    });
    sheet.cursor.y += pt(2);
}

/// The last sum, on a ground of its own.
fn banner(sheet: &mut Sheet, row: Row) {
    sheet.cursor.y += pt(4);
    sheet.keep(pt(30));
    let (x, width, y) = (START, RIGHT - START, sheet.cursor.y);
    let shape = Shape::Box { x, y, width, height: row.style.leading + pt(12), radius: pt(5) };
    sheet.draw(Owner::Decoration, SOFT, shape);
    sheet.cursor.y += pt(6);
    let label = Column::left(START + pt(8), RIGHT - START - AMOUNT - pt(24));
    let amount = Column::right(RIGHT - AMOUNT - pt(8), RIGHT - pt(8));
    sheet.within(Role::Row, |sheet| {
        sheet.beside(&mut [
            &mut |sheet| sheet.text(Role::RowHead, &row.label, row.style, label),
            &mut |sheet| {
                let block = sheet.number(&row.amount, row.style, AMOUNT);
                let owner = sheet.leaf(Role::Cell);
                sheet.place(owner, block, amount);
            },
        ]);
    });
    sheet.cursor.y += pt(6);
}

/// What the wallet holds, and who holds the key of the account.
fn account(sheet: &mut Sheet, bill: &Bill<'_>) {
    let (mut sentences, mut ids) = (Vec::new(), Vec::new());
    if let Some(wallet) = bill.content.wallet {
        sentences.push(bill.locale.filled("wallet", &[("amount", &bill.money(wallet))]));
    }
    let account = bill.content.account.as_ref();
    sentences.extend(account.and_then(|account| account.custody).map(|custody| {
        let key = match custody {
            Custody::Own => "custody.own",
            Custody::Held => "custody.held",
        };
        bill.text(key).to_owned()
    }));
    ids.extend(account.map(|account| account.id.clone()));
    ids.extend(account.and_then(|account| account.address).map(|address| address.to_string()));
    ids.extend(bill.content.place.community_id.clone());
    sheet.cursor.y += pt(10);
    for (text, style) in [(sentences.join(" "), BODY), (ids.join(" · "), SMALL)] {
        if !text.is_empty() {
            sheet.text(Role::Paragraph, &text, style, Column::FULL);
        }
    }
}

//! At a glance: how much, by when, to whom, with which reference.

use units::Money;

use super::{BODY, BRAND, Bill, MUTED, SOFT, TEXT, bold, facts, magnitude, regular};
use crate::face::{Length, pt};
use crate::sheet::{Column, LEFT, RIGHT, Role, Sheet};

/// The amount's size where it is short enough for it.
const AMOUNT: Length = pt(30);
const SPACE: Length = pt(16);
/// Where the second half begins.
const HALF: Length = pt(282);

pub(super) fn write(sheet: &mut Sheet, bill: &Bill<'_>) {
    sheet.skip(pt(18));
    sheet.keep(pt(110));
    sheet.panel(SOFT, SPACE, |sheet| {
        sheet.beside(&mut [&mut |sheet| amount(sheet, bill), &mut |sheet| payment(sheet, bill)]);
    });
}

fn amount(sheet: &mut Sheet, bill: &Bill<'_>) {
    let (totals, pays) = (bill.totals(), bill.customer_pays());
    let column = Column::left(LEFT + SPACE, HALF - LEFT - SPACE - pt(16));
    let (label, by) = match pays {
        Some(true) => ("pay", "pay.by"),
        Some(false) => ("receive", "receive.by"),
        None => ("settled", ""),
    };
    sheet.text(Role::Paragraph, bill.text(label), bold(10_000, 14, BRAND), column);
    let text = match pays {
        Some(_) => bill.money(magnitude(totals.payable)),
        None => bill.text("settled.amount").to_owned(),
    };
    let block = sheet.number(&text, bold(AMOUNT, 37, TEXT), column.width);
    let owner = sheet.leaf(Role::Paragraph);
    sheet.place(owner, block, column);
    if let Some(due) = bill.content.due_on.filter(|_| pays.is_some()) {
        let by = bill.locale.filled(by, &[("day", &bill.locale.day(due))]);
        sheet.text(Role::Paragraph, &by, bold(11_000, 16, TEXT), column);
    }
    sheet.cursor.y += pt(3);
    for line in whole(bill) {
        sheet.text(Role::Paragraph, &line, regular(8_500, 12, MUTED), column);
    }
}

/// What the amount is a part of.
fn whole(bill: &Bill<'_>) -> Vec<String> {
    let (totals, kind) = (bill.totals(), bill.content.kind);
    let gross = bill.money(totals.gross);
    let mut lines = vec![bill.locale.filled("summary.gross", &[("amount", &gross)])];
    // A part only where both go the same way; a credit note leaves what was prepaid as it is.
    let is_part = totals.paid > Money::ZERO && totals.paid <= totals.gross;
    if is_part && !kind.is_credit_note() {
        let key = if kind.is_self_billed() { "summary.received" } else { "summary.paid" };
        lines.push(bill.locale.filled(key, &[("amount", &bill.money(totals.paid))]));
    }
    lines
}

fn payment(sheet: &mut Sheet, bill: &Bill<'_>) {
    let Some(pays) = bill.customer_pays() else { return };
    let Some(payment) = &bill.content.payment else { return };
    let column = Column::left(HALF, RIGHT - HALF - SPACE);
    let heading = bill.text(if pays { "payment" } else { "payment.receive" });
    sheet.text(Role::Paragraph, heading, bold(10_000, 14, BRAND), column);
    sheet.cursor.y += pt(6);
    let mut list =
        vec![(bill.text("payment.amount"), bill.money(magnitude(bill.totals().payable)))];
    // The groups of an account's number stay together.
    let iban = payment.iban.as_ref().map(|iban| iban.replace(' ', "\u{a0}"));
    for (key, value) in [
        ("payment.account_name", &payment.account_name),
        ("payment.account", &iban),
        ("payment.reference", &payment.reference),
    ] {
        list.extend(value.as_ref().map(|value| (bill.text(key), value.clone())));
    }
    // Labels of some languages are long: they get the width that they need, within bounds.
    let widest = list.iter().map(|(label, _)| sheet.setter.run(BODY.face, label).width(BODY.size));
    let label = widest.max().unwrap_or(0).clamp(pt(52), pt(84)) + pt(10);
    facts(sheet, &list, (HALF, label, column.width));
}

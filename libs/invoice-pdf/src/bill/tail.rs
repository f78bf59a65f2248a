//! How well the energy is known, what there is to tell of use and supply, how to check the bill,
//! and what to do if it seems wrong.

use documents::{Dispute, Proof};
use units::Energy;

use super::{BODY, Bill, STRONG, facts, section};
use crate::face::{Face, Length, pt};
use crate::sheet::{Column, Ink, LEFT, Owner, Role, Shape, Sheet, Style, WIDTH};

const MEASURED: Ink = Ink(0x0b, 0x7a, 0x59);
const ESTIMATED: Ink = Ink(0xd9, 0x8a, 0x00);
const GROUND: Ink = Ink(0xf1, 0xf4, 0xf2);
/// From a mark or a number to its text.
const INDENT: Length = pt(16);

pub(super) fn write(sheet: &mut Sheet, bill: &Bill<'_>) {
    section(sheet, bill.text("quality"), (pt(16), pt(16)), |sheet| quality(sheet, bill));
    let told = information(bill);
    if !told.is_empty() {
        section(sheet, bill.text("information"), (pt(16), pt(16)), |sheet| {
            for text in told {
                sheet.text(Role::Paragraph, &text, BODY, Column::FULL);
                sheet.cursor.y += pt(2);
            }
        });
    }
    if let Some(proof) = &bill.content.proof {
        section(sheet, bill.text("check"), (pt(16), pt(60)), |sheet| check(sheet, bill, proof));
    }
    if let Some(dispute) = &bill.content.dispute {
        section(sheet, bill.text("dispute"), (pt(16), pt(42)), |sheet| {
            steps(sheet, bill, dispute);
        });
    }
}

fn quality(sheet: &mut Sheet, bill: &Bill<'_>) {
    let (quality, locale) = (bill.content.quality, bill.locale);
    let mut flags = Vec::new();
    if quality.estimated.wh() > 0 {
        let energy = locale.energy(quality.estimated);
        let percent = locale.percent(bill.content.estimated_bps());
        let places = [("energy", energy.as_str()), ("percent", &percent)];
        flags.push(locale.filled("quality.estimated", &places));
    }
    for (key, count) in [
        ("quality.missing", quality.missing_slots),
        ("quality.late", quality.late_readings),
        ("quality.relayed", quality.relayed_readings),
        ("quality.curtailed", quality.curtailed_slots),
    ] {
        if count > 0 {
            flags.push(locale.filled(key, &[("count", &count.to_string())]));
        }
    }
    let ink = if flags.is_empty() { MEASURED } else { ESTIMATED };
    if flags.is_empty() {
        flags.push(bill.text("quality.measured").to_owned());
    }
    sheet.within(Role::List, |sheet| {
        for flag in flags {
            sheet.keep(BODY.leading);
            let (x, y, size) = (LEFT, sheet.cursor.y + 3_000, pt(7));
            let mark = Shape::Box { x, y, width: size, height: size, radius: size / 2 };
            sheet.draw(Owner::Decoration, ink, mark);
            sheet.within(Role::Item, |sheet| {
                let column = Column::left(LEFT + INDENT, WIDTH - INDENT);
                sheet.text(Role::Body, &flag, BODY, column);
            });
            sheet.cursor.y += pt(2);
        }
    });
}

/// What is told of use and supply, a paragraph each.
fn information(bill: &Bill<'_>) -> Vec<String> {
    let (locale, content) = (bill.locale, bill.content);
    let (information, energy) = (&content.information, content.energy);
    let mut told = Vec::new();
    if let Some(before) = information.last_year {
        let sum = |one: Energy, other: Energy| locale.energy(one.plus(other).unwrap_or(one));
        told.push(locale.filled(
            "information.last_year",
            &[
                ("from", locale.day(before.period.from).as_str()),
                ("to", &locale.day(before.period.to)),
                ("taken", &locale.energy(before.taken)),
                ("given", &locale.energy(before.given)),
                ("taken_now", &sum(energy.bought, energy.supplied)),
                ("given_now", &sum(energy.sold, energy.fed_in)),
            ],
        ));
    }
    if let Some(bps) = information.self_sufficiency_bps {
        let percent = locale.percent(i128::from(bps));
        told.push(locale.filled("information.self_sufficiency", &[("percent", &percent)]));
    }
    if let Some(text) = &information.fuel_mix {
        told.push(locale.filled("information.fuel_mix", &[("text", text)]));
    }
    if let Some(grams) = information.co2_grams_per_kwh {
        let grams = locale.number(i128::from(grams), 0);
        told.push(locale.filled("information.co2", &[("grams", &grams)]));
    }
    if let Some(text) = &information.switching {
        told.push(locale.filled("information.switching", &[("text", text)]));
    }
    told
}

fn check(sheet: &mut Sheet, bill: &Bill<'_>, proof: &Proof) {
    sheet.text(Role::Paragraph, bill.text("check.text"), BODY, Column::FULL);
    sheet.cursor.y += pt(4);
    sheet.keep(pt(23));
    sheet.panel(GROUND, pt(5), |sheet| {
        let column = Column::left(LEFT + pt(10), WIDTH - pt(20));
        let style = Style { face: Face::Bold, ..BODY };
        sheet.within(Role::Paragraph, |sheet| {
            sheet.text(Role::Code, &proof.command, style, column);
        });
    });
    sheet.cursor.y += pt(5);
    let mut list = vec![(bill.text("check.hash"), proof.hash.to_string())];
    let contract = proof.contract.map(|contract| contract.to_string());
    list.extend(contract.map(|contract| (bill.text("check.contract"), contract)));
    let transaction = proof.transaction.map(|transaction| transaction.to_string());
    list.extend(transaction.map(|transaction| (bill.text("check.transaction"), transaction)));
    facts(sheet, &list, (LEFT, pt(84), WIDTH));
    if let (Some(block), Some(chain)) = (proof.block, proof.chain) {
        let (block, chain) = (block.to_string(), chain.to_string());
        let text = bill.locale.filled("check.block", &[("block", &block), ("chain", &chain)]);
        sheet.text(Role::Paragraph, &text, BODY, Column::FULL);
    }
}

fn steps(sheet: &mut Sheet, bill: &Bill<'_>, dispute: &Dispute) {
    let (content, locale) = (bill.content, bill.locale);
    let ask = [("contact", dispute.contact.as_str()), ("number", &content.number)];
    let mut steps =
        vec![bill.text("dispute.compare").to_owned(), locale.filled("dispute.ask", &ask)];
    if let Some(days) = dispute.days {
        let last = locale.day(content.issued_on.later(i32::from(days)));
        steps.push(locale.filled("dispute.object", &[("day", &last)]));
    }
    if let Some(body) = &dispute.body {
        steps.push(locale.filled("dispute.body", &[("body", body)]));
    }
    sheet.within(Role::NumberedList, |sheet| {
        for (place, step) in steps.iter().enumerate() {
            sheet.keep(BODY.leading);
            let number = locale.number(i128::try_from(place + 1).unwrap_or(0), 0);
            sheet.within(Role::Item, |sheet| {
                sheet.beside(&mut [
                    &mut |sheet| {
                        sheet.text(Role::Label, &number, STRONG, Column::left(LEFT, INDENT));
                    },
                    &mut |sheet| {
                        let column = Column::left(LEFT + INDENT, WIDTH - INDENT);
                        sheet.text(Role::Body, step, BODY, column);
                    },
                ]);
            });
            sheet.cursor.y += pt(2);
        }
    });
}

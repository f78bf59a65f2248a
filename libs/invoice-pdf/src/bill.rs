//! What stands on a bill, in the order it is read: who and to whom, what to pay, the energy of the
//! period, the lines and how they add up, how well the energy is known, how to check the bill, and
//! what to do if it seems wrong.

mod chart;
mod energy;
mod frame;
mod head;
mod lines;
mod summary;
mod tail;
mod totals;

use documents::{Content, Document, Locale, Totals};
use units::Money;

use crate::face::{Face, Length, pt};
use crate::sheet::{Column, Ink, Role, Sheet, Style};

const TEXT: Ink = Ink(0x14, 0x20, 0x1b);
const MUTED: Ink = Ink(0x56, 0x66, 0x60);
const BRAND: Ink = Ink(0x07, 0x52, 0x3c);
const SOFT: Ink = Ink(0xe6, 0xf2, 0xec);
const LINE: Ink = Ink(0xd5, 0xdd, 0xd7);

/// A style of the regular face; leading is in points.
const fn regular(size: Length, leading: i32, ink: Ink) -> Style {
    Style { face: Face::Regular, size, leading: pt(leading), ink }
}

/// A style of the bold face.
const fn bold(size: Length, leading: i32, ink: Ink) -> Style {
    Style { face: Face::Bold, size, leading: pt(leading), ink }
}

const BODY: Style = regular(9_000, 13, TEXT);
const STRONG: Style = bold(9_000, 13, TEXT);
const SMALL: Style = regular(7_800, 10, MUTED);
const SECTION: Style = bold(11_500, 17, BRAND);

/// A document in a language.
struct Bill<'a> {
    content: &'a Content,
    document: &'a Document,
    locale: &'a Locale,
}

impl Bill<'_> {
    fn text(&self, key: &str) -> &str {
        self.locale.text(key)
    }

    fn money(&self, amount: Money) -> String {
        self.locale.money(amount, &self.content.currency, self.content.currency_digits)
    }

    fn totals(&self) -> &Totals {
        self.document.totals()
    }

    /// Whether what is left goes to the issuer; `None` where nothing is left.
    fn customer_pays(&self) -> Option<bool> {
        let kind = self.content.kind;
        let turned = kind.is_credit_note() != kind.is_self_billed();
        match self.totals().payable {
            Money::ZERO => None,
            payable => Some((payable > Money::ZERO) != turned),
        }
    }

    /// The title of the kind of document.
    fn title(&self) -> &str {
        let kind = self.content.kind;
        self.text(match kind {
            documents::Kind::Invoice => "title.invoice",
            documents::Kind::SelfBilled => "title.self_billed",
            documents::Kind::CreditNote => "title.credit_note",
            documents::Kind::Correction => "title.correction",
            documents::Kind::SelfBilledCreditNote => "title.self_billed_credit_note",
        })
    }
}

/// An amount without its sign; the one amount whose sign cannot be turned is far over any bill.
fn magnitude(amount: Money) -> Money {
    if amount < Money::ZERO { amount.negated().unwrap_or(amount) } else { amount }
}

/// The pages, and the characters that could not be set.
pub(crate) fn laid_out(document: &Document, locale: &Locale) -> (Sheet, Vec<char>) {
    let bill = Bill { content: document.content(), document, locale };
    let mut sheet = Sheet::new();
    head::write(&mut sheet, &bill);
    summary::write(&mut sheet, &bill);
    energy::write(&mut sheet, &bill);
    lines::write(&mut sheet, &bill);
    totals::write(&mut sheet, &bill);
    tail::write(&mut sheet, &bill);
    frame::write(&mut sheet, &bill);
    let setter = std::mem::replace(&mut sheet.setter, crate::face::Typesetter::new());
    (sheet, setter.missing())
}

/// A part of the bill under a heading that stays with at least `kept` of what follows.
fn section(
    sheet: &mut Sheet,
    heading: &str,
    (space, kept): (Length, Length),
    inside: impl FnOnce(&mut Sheet),
) {
    sheet.skip(space);
    sheet.keep(SECTION.leading + pt(4) + kept);
    sheet.within(Role::Section, |sheet| {
        sheet.heading(2, heading, SECTION, Column::FULL);
        sheet.cursor.y += pt(4);
        inside(sheet);
    });
}

/// Labels and what they label, one below the other.
fn facts(sheet: &mut Sheet, facts: &[(&str, String)], (x, label, width): (Length, Length, Length)) {
    if facts.is_empty() {
        return;
    }
    let name = Style { ink: MUTED, ..BODY };
    sheet.within(Role::List, |sheet| {
        for (text, value) in facts {
            sheet.within(Role::Item, |sheet| {
                sheet.beside(&mut [
                    &mut |sheet| {
                        sheet.text(Role::Label, text, name, Column::left(x, label - pt(8)));
                    },
                    &mut |sheet| {
                        let column = Column::left(x + label, width - label);
                        sheet.text(Role::Body, value, BODY, column);
                    },
                ]);
            });
        }
    });
}

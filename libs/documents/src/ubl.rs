//! UBL 2.1 under the core of EN 16931, for machines.
//!
//! A credit note is a `CreditNote`, everything else an `Invoice`. Quantities are in kWh, kW and
//! days, with the price for its exact base quantity, so that an average comes out again to the
//! cent. EN 16931 has no price below zero (BR-27): there quantity and price turn their signs, and
//! the amount stays. The class of a line is the seller's identifier of its item (BT-155).
//!
//! What EN 16931 has no place for stands in notes (BT-22): quality, correction, proof.

mod head;
mod lines;
mod writer;

use units::Money;

use crate::ubl::writer::Writer;
use crate::{Content, Document, Locale, Rejected, Rejection};

/// What the document conforms to (BT-24).
pub const CUSTOMIZATION: &str = "urn:cen.eu:en16931:2017";

/// The document as XML, its texts in the language of `locale`.
///
/// # Errors
/// [`Rejection::Inexpressible`]: a currency with more than two decimals.
pub fn write(document: &Document, locale: &Locale) -> Result<String, Rejected> {
    let content = document.content();
    if content.currency_digits > 2 {
        let rejection = Rejection::Inexpressible("amounts with more than two decimals");
        return Err(rejection.at("currency_digits"));
    }
    let root = if content.kind.is_credit_note() { "CreditNote" } else { "Invoice" };
    let mut xml = Writer::new(root, &content.currency);
    head::write(&mut xml, document, locale);
    head::parties(&mut xml, content);
    head::delivery(&mut xml, content);
    head::payment(&mut xml, document);
    lines::adjustments(&mut xml, content)?;
    lines::taxes(&mut xml, document);
    lines::totals(&mut xml, document);
    for (place, line) in content.lines.iter().enumerate() {
        lines::line(&mut xml, content, locale, (place, line))?;
    }
    Ok(xml.done(root))
}

/// Whether nothing of the document is within the scope of the tax: then no VAT number may be in it
/// (BR-O-02).
fn outside_of_tax(content: &Content) -> bool {
    content.lines.iter().all(|line| line.tax.category == crate::Category::NotSubject)
}

/// An amount with two decimals, as EN 16931 has them; it is in minor units of two or fewer.
fn amount(money: Money) -> String {
    let cents = money.n() / 10_000_000;
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

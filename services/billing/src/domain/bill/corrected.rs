//! A correction as a document: its lines are differences, in the words of the bill's lines. Energy,
//! how well it is known and what it would cost without neighbours are those of what is right.

use documents::{
    Category, Class as Kind, Content, Document, Exemption, Information, Input as DocumentInput,
    Line as DocumentLine, Preceding, Prepayment, PrepaymentSource, Quantity, TariffReference,
    TaxRate, Trace, Unit,
};
use units::{Money, Overflow};

use super::document::{account, day, kind, name_of, place, tax_of, totals};
use super::{Around, Class, DocumentError, Vat};
use crate::domain::correction::{Correction, Difference, Kind as Corrected};

/// The document of a correction. A credit note says what is given back: every sign is turned.
///
/// # Errors
/// [`DocumentError`].
pub fn corrected(
    correction: &Correction,
    preceding: Vec<Preceding>,
    around: Around,
) -> Result<Document, DocumentError> {
    let right = &correction.right;
    let (document_kind, turned) = match correction.kind() {
        Corrected::CreditNote => (documents::Kind::CreditNote, true),
        Corrected::Invoice => (documents::Kind::Invoice, false),
        Corrected::Corrected => (documents::Kind::Correction, false),
    };
    let signed = |money: Money| signed(turned, money);
    let lines = lines(correction, turned, &around.vat)?;
    let exempt = lines.iter().any(|line| line.tax.category == Category::Exempt);
    let reason = around.issuer.exemption.clone();
    let paid = signed(correction.paid)?;
    let prepaid = Prepayment { source: PrepaymentSource::Wallet, amount: paid };
    let due = signed(correction.due)?;
    let (name, version) = around.tariff;
    let content = Content {
        kind: document_kind,
        number: correction.number.clone(),
        issued_on: around.issued_on,
        due_on: (due > Money::ZERO).then_some(around.due_on),
        period: documents::Period { from: right.period.from, to: right.period.to },
        is_final: right.is_final,
        language: around.language,
        currency: right.currency.clone(),
        currency_digits: right.currency_digits,
        issuer: around.issuer.party,
        customer: around.customer,
        account: Some(account(right)),
        place: place(right),
        preceding,
        tariffs: vec![TariffReference { name, version: Some(version), hash: Some(right.tariff) }],
        lines,
        adjustments: Vec::new(),
        exemptions: match exempt {
            true => vec![Exemption { category: Category::Exempt, reason }],
            false => Vec::new(),
        },
        prepaid: if paid == Money::ZERO { Vec::new() } else { vec![prepaid] },
        wallet: None,
        rounding: Money::ZERO,
        payment: around.payment.filter(|_| correction.due > Money::ZERO),
        energy: totals(&around.days)?,
        days: around.days.iter().map(day).collect(),
        comparison: around.comparison,
        quality: around.quality,
        information: Information::default(),
        dispute: around.issuer.dispute,
        proof: Some(around.proof),
    };
    // A tax is of what it is levied on, rounded: the difference of two taxes can be a minor unit
    // off from the tax of the difference.
    let untouched = Content { due_on: Some(around.due_on), ..content.clone() };
    let payable = Document::issue(untouched)?.totals().payable;
    let rounding = due.minus(payable)?;
    let document = Document::issue(Content { rounding, ..content })?;
    let payable = document.totals().payable;
    if payable != due {
        return Err(DocumentError::Differs { document: payable, invoice: due });
    }
    Ok(document)
}

fn signed(turned: bool, money: Money) -> Result<Money, Overflow> {
    if turned { money.negated() } else { Ok(money) }
}

/// The differences, but those of the tax: it stands by category.
fn lines(correction: &Correction, turned: bool, vat: &Vat) -> Result<Vec<DocumentLine>, Overflow> {
    let digits = correction.right.currency_digits;
    let lines = correction.lines.iter().filter(|line| line.class != Class::Vat);
    let lines = lines.map(|line| {
        let tax = tax_of(line.class, vat);
        written(line, signed(turned, line.amount)?, (tax, digits))
    });
    let mut lines = lines.collect::<Result<Vec<_>, Overflow>>()?;
    if lines.is_empty() {
        // Only what goes on to the next bill, or the tax by itself, is another.
        let piece = Quantity { amount: 1, unit: Unit::Piece };
        let exempt = TaxRate { category: Category::Exempt, bps: 0 };
        lines.push(DocumentLine::sum(Kind::Adjustment, "", piece, Money::ZERO, (exempt, digits))?);
    }
    Ok(lines)
}

/// One difference, as a piece.
fn written(
    line: &Difference,
    amount: Money,
    taxed: (TaxRate, u8),
) -> Result<DocumentLine, Overflow> {
    let piece = Quantity { amount: 1, unit: Unit::Piece };
    let name = name_of(line.class, &line.label);
    let mut written = DocumentLine::sum(kind(line.class), name, piece, amount, taxed)?;
    let input = |name: &str, value: Money| DocumentInput {
        name: name.to_owned(),
        value: value.to_string(),
    };
    written.trace = Some(Trace {
        formula: "what is right - what was billed".to_owned(),
        inputs: vec![input("right", line.right), input("billed", line.before)],
    });
    Ok(written)
}

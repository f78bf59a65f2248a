//! Documents are not changed: another document takes one back, or adds what is missing.

use calendar::LocalDay;
use units::{Money, Overflow};

use crate::{
    Adjustment, Content, Document, DocumentAdjustment, Kind, Line, Preceding, Prepayment, Quantity,
    Rejected, Rejection,
};

impl Document {
    /// What takes this document back as a whole: a credit note over the same lines. What was
    /// prepaid stays prepaid, so that the two documents together come to nothing.
    ///
    /// # Errors
    /// [`Rejection::Value`] where this is a credit note: it is not taken back but billed anew.
    pub fn reversal(
        &self,
        number: &str,
        issued_on: LocalDay,
        due_on: LocalDay,
    ) -> Result<Content, Rejected> {
        let kind = match self.content().kind {
            Kind::Invoice | Kind::Correction => Kind::CreditNote,
            Kind::SelfBilled => Kind::SelfBilledCreditNote,
            Kind::CreditNote | Kind::SelfBilledCreditNote => {
                return Err(Rejection::Value("a document that can be taken back").at("kind"));
            }
        };
        Ok(Content {
            kind,
            number: number.to_owned(),
            issued_on,
            due_on: Some(due_on),
            preceding: vec![self.reference()],
            comparison: None,
            proof: None,
            ..self.content().clone()
        })
    }

    /// What makes `right` of this document: `right`'s lines, and this document's lines taken off.
    /// Number, days and everything else are those of `right`.
    ///
    /// # Errors
    /// [`Rejected`] where the two are not an invoice and what it should have been, in one currency.
    pub fn difference(&self, right: Content) -> Result<Content, Rejected> {
        let before = self.content();
        let invoices = [Kind::Invoice, Kind::Correction];
        if !invoices.contains(&before.kind) || !invoices.contains(&right.kind) {
            return Err(Rejection::Value("an invoice").at("kind"));
        }
        if (&before.currency, before.currency_digits) != (&right.currency, right.currency_digits) {
            return Err(Rejection::Value("the currency of what is corrected").at("currency"));
        }
        let overflow = |error: Overflow| Rejection::from(error).at("lines");
        let mut corrected = Content {
            kind: Kind::Correction,
            preceding: vec![self.reference()],
            comparison: None,
            ..right
        };
        for line in &before.lines {
            corrected.lines.push(taken_off(line, &before.number).map_err(overflow)?);
        }
        for adjustment in &before.adjustments {
            let amount = adjustment.amount.negated().map_err(overflow)?;
            corrected.adjustments.push(DocumentAdjustment { amount, ..adjustment.clone() });
        }
        for prepaid in &before.prepaid {
            let amount = prepaid.amount.negated().map_err(overflow)?;
            corrected.prepaid.push(Prepayment { amount, ..*prepaid });
        }
        corrected.rounding = corrected.rounding.minus(before.rounding).map_err(overflow)?;
        for exemption in &before.exemptions {
            if !corrected.exemptions.iter().any(|known| known.category == exemption.category) {
                corrected.exemptions.push(exemption.clone());
            }
        }
        Ok(corrected)
    }

    fn reference(&self) -> Preceding {
        let Content { number, issued_on, .. } = self.content();
        Preceding { number: number.clone(), issued_on: *issued_on }
    }
}

/// The line with every sign turned.
fn taken_off(line: &Line, number: &str) -> Result<Line, Overflow> {
    let turned = |money: Money| money.negated();
    let mut adjustments = Vec::with_capacity(line.adjustments.len());
    for adjustment in &line.adjustments {
        let amount = turned(adjustment.amount)?;
        adjustments.push(Adjustment { amount, reason: adjustment.reason.clone() });
    }
    let amount = line.quantity.amount.checked_neg().ok_or(Overflow)?;
    Ok(Line {
        quantity: Quantity { amount, ..line.quantity },
        exact: turned(line.exact)?,
        net: turned(line.net)?,
        adjustments,
        explanation: number.to_owned(),
        ..line.clone()
    })
}

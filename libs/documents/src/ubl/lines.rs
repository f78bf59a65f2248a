//! Adjustments, taxes, totals and lines.

use units::{Decimal, Money};

use super::writer::Writer;
use crate::{Category, Content, Document, Line, Locale, Quantity, Rejected, Rejection, TaxRate};

pub(super) fn adjustments(xml: &mut Writer, content: &Content) -> Result<(), Rejected> {
    for (place, adjustment) in content.adjustments.iter().enumerate() {
        let absolute = magnitude(adjustment.amount, || format!("adjustments[{place}].amount"))?;
        xml.group("AllowanceCharge", |xml| {
            allowance(xml, adjustment.amount, absolute, &adjustment.reason);
            category(xml, "TaxCategory", adjustment.tax, None);
        });
    }
    Ok(())
}

fn allowance(xml: &mut Writer, amount: Money, absolute: Money, reason: &str) {
    xml.text("ChargeIndicator", if amount > Money::ZERO { "true" } else { "false" });
    xml.text("AllowanceChargeReason", reason);
    xml.amount("Amount", absolute);
}

/// EN 16931 says by a word which way an allowance or a charge goes.
fn magnitude(amount: Money, path: impl Fn() -> String) -> Result<Money, Rejected> {
    if amount >= Money::ZERO {
        return Ok(amount);
    }
    amount.negated().map_err(|error| Rejection::from(error).at(path()))
}

fn category(xml: &mut Writer, name: &str, rate: TaxRate, reason: Option<&str>) {
    xml.group(name, |xml| {
        xml.text("ID", rate.category.code());
        // What is outside of the tax has no rate (BR-O-05).
        if rate.category != Category::NotSubject {
            xml.text("Percent", &Decimal::new(i128::from(rate.bps), 2).to_string());
        }
        xml.maybe("TaxExemptionReason", reason);
        xml.group("TaxScheme", |xml| xml.text("ID", "VAT"));
    });
}

pub(super) fn taxes(xml: &mut Writer, document: &Document) {
    let exemptions = &document.content().exemptions;
    xml.group("TaxTotal", |xml| {
        xml.amount("TaxAmount", document.totals().tax);
        for tax in document.taxes() {
            let of_rate = exemptions.iter().find(|known| known.category == tax.rate.category);
            xml.group("TaxSubtotal", |xml| {
                xml.amount("TaxableAmount", tax.base);
                xml.amount("TaxAmount", tax.amount);
                let reason = of_rate.map(|exemption| exemption.reason.as_str());
                category(xml, "TaxCategory", tax.rate, reason);
            });
        }
    });
}

pub(super) fn totals(xml: &mut Writer, document: &Document) {
    let totals = document.totals();
    xml.group("LegalMonetaryTotal", |xml| {
        xml.amount("LineExtensionAmount", totals.lines);
        xml.amount("TaxExclusiveAmount", totals.net);
        xml.amount("TaxInclusiveAmount", totals.gross);
        for (name, amount) in [
            ("AllowanceTotalAmount", totals.allowances),
            ("ChargeTotalAmount", totals.charges),
            ("PrepaidAmount", totals.paid),
            ("PayableRoundingAmount", totals.rounding),
        ] {
            if amount != Money::ZERO {
                xml.amount(name, amount);
            }
        }
        xml.amount("PayableAmount", totals.payable);
    });
}

pub(super) fn line(
    xml: &mut Writer,
    content: &Content,
    locale: &Locale,
    (place, line): (usize, &Line),
) -> Result<(), Rejected> {
    let credit_note = content.kind.is_credit_note();
    let (name, counted) = match credit_note {
        true => ("CreditNoteLine", "CreditedQuantity"),
        false => ("InvoiceLine", "InvoicedQuantity"),
    };
    let path = |field: &str| format!("lines[{place}].{field}");
    // No price is below zero (BR-27): the quantity carries the sign.
    let flipped = line.price.amount < Money::ZERO;
    let price = magnitude(line.price.amount, || path("price.amount"))?;
    let amount = if flipped { -line.quantity.amount } else { line.quantity.amount };
    let unit = line.quantity.unit;
    let mut adjusted = Vec::with_capacity(line.adjustments.len());
    for (at, adjustment) in line.adjustments.iter().enumerate() {
        let absolute = magnitude(adjustment.amount, || path(&format!("adjustments[{at}].amount")))?;
        adjusted.push((adjustment, absolute));
    }
    xml.group(name, |xml| {
        xml.text("ID", &(place + 1).to_string());
        xml.with(counted, ("unitCode", unit.code()), &decimal(Quantity { amount, unit }));
        xml.amount("LineExtensionAmount", line.net);
        for (adjustment, absolute) in adjusted {
            xml.group("AllowanceCharge", |xml| {
                allowance(xml, adjustment.amount, absolute, &adjustment.reason);
            });
        }
        item(xml, line, locale);
        xml.group("Price", |xml| {
            xml.exact_amount("PriceAmount", &price.to_string());
            let base = Quantity { amount: line.price.per, unit };
            xml.with("BaseQuantity", ("unitCode", unit.code()), &decimal(base));
        });
    });
    Ok(())
}

fn item(xml: &mut Writer, line: &Line, locale: &Locale) {
    xml.group("Item", |xml| {
        let explanation = locale.explanation(line);
        xml.maybe("Description", Some(explanation.as_str()).filter(|text| !text.is_empty()));
        xml.text("Name", &locale.label(line));
        xml.group("SellersItemIdentification", |xml| xml.text("ID", line.class.name()));
        category(xml, "ClassifiedTaxCategory", line.tax, None);
        if let Some(trace) = &line.trace {
            let formula = [("formula", trace.formula.as_str())].into_iter();
            let inputs = trace.inputs.iter().map(|i| (i.name.as_str(), i.value.as_str()));
            for (name, value) in formula.chain(inputs) {
                xml.group("AdditionalItemProperty", |xml| {
                    xml.text("Name", name);
                    xml.text("Value", value);
                });
            }
        }
    });
}

/// A quantity in what is printed: kWh, kW, days.
fn decimal(quantity: Quantity) -> String {
    Decimal::new(i128::from(quantity.amount), quantity.unit.decimals()).to_string()
}

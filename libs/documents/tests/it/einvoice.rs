//! What we write, read and judged by a public crate that has the rules of EN 16931.

use documents::{Content, Document, Locale, Unit, ubl};
use en16931::{Invoice, validate};
use quick_xml::events::Event;
use units::{Decimal, Money};

use crate::samples::{full, random};

/// The invoices that the rules are held against.
const INVOICES: u64 = 1_000;

fn written(content: Content, language: &str) -> (Document, String) {
    let document = Document::issue(content).unwrap();
    let xml = ubl::write(&document, &Locale::named(language).unwrap()).unwrap();
    (document, xml)
}

/// The invoice in `xml`, and every rule that it breaks, with what its reader did not understand.
fn judged(xml: &str) -> (Invoice, Vec<String>) {
    let read = en16931_formats::read(xml.as_bytes()).unwrap();
    let mut faults: Vec<String> = read.entries.iter().map(|entry| format!("{entry:?}")).collect();
    let report = validate(&read.invoice);
    faults.extend(report.findings().iter().map(|f| format!("{} {}", f.rule.as_str(), f.message)));
    (read.invoice, faults)
}

#[test]
fn a_thousand_invoices_break_no_rule_and_say_what_the_documents_say() {
    for seed in 0..INVOICES {
        let (document, xml) = written(random(seed), "en");
        let (invoice, faults) = judged(&xml);
        assert!(faults.is_empty(), "seed {seed}: {faults:#?}\n{xml}");
        compare(&document, &invoice);
        let due = document.content().due_on.unwrap();
        let element =
            if document.content().kind.is_credit_note() { "PaymentDueDate" } else { "DueDate" };
        assert!(xml.contains(&format!("<cbc:{element}>{due}</cbc:{element}>")), "seed {seed}");
    }
}

#[test]
fn a_bill_in_full_breaks_no_rule_in_any_language() {
    for language in documents::LANGUAGES {
        let (document, xml) = written(full(language), language);
        let (invoice, faults) = judged(&xml);
        assert!(faults.is_empty(), "{language}: {faults:#?}");
        compare(&document, &invoice);
    }
}

/// An amount with two decimals, in cents.
fn cents(money: Money) -> i64 {
    i64::try_from(money.decimal().to_scale(2).unwrap()).unwrap()
}

/// Every amount, quantity and code: nothing is lost or changed on the way through XML.
fn compare(document: &Document, invoice: &Invoice) {
    let content = document.content();
    assert_eq!(invoice.number.as_deref(), Some(content.number.as_str()));
    assert_eq!(invoice.type_code.as_ref().unwrap().as_str(), content.kind.code());
    assert_eq!(invoice.currency.as_ref().unwrap().as_str(), content.currency);
    assert_eq!(invoice.issue_date.unwrap().to_string(), content.issued_on.to_string());
    // A credit note says it with the means of payment, where this reader does not look.
    let due = content.due_on.filter(|_| !content.kind.is_credit_note());
    assert_eq!(invoice.due_date.map(|day| day.to_string()), due.map(|day| day.to_string()));
    let period = invoice.invoicing_period.as_ref().unwrap();
    assert_eq!(period.start.unwrap().to_string(), content.period.from.to_string());
    assert_eq!(period.end.unwrap().to_string(), content.period.to.to_string());
    assert_eq!(invoice.seller.name.as_deref(), Some(content.seller().name.as_str()));
    assert_eq!(invoice.buyer.name.as_deref(), Some(content.buyer().name.as_str()));
    let meter = invoice.object_identifier.as_ref().unwrap();
    assert_eq!(meter.content(), content.place.meter);
    let payment = content.payment.as_ref();
    let iban = payment.and_then(|payment| payment.iban.as_ref()).map(|iban| iban.replace(' ', ""));
    let paid_to = invoice.payment.as_ref().and_then(|payment| payment.account_identifier());
    assert_eq!(paid_to, iban.as_deref());
    for (before, preceding) in invoice.preceding_invoices.iter().zip(&content.preceding) {
        assert_eq!(before.issue_date.unwrap().to_string(), preceding.issued_on.to_string());
    }
    assert_eq!(invoice.preceding_invoices.len(), content.preceding.len());
    compare_totals(document, invoice);
    compare_lines(content, invoice);
}

fn compare_totals(document: &Document, invoice: &Invoice) {
    let (ours, theirs) = (document.totals(), &invoice.totals);
    let optional = |amount: Option<en16931::InvoiceAmount>| {
        amount.map_or(0, en16931::InvoiceAmount::to_minor_units)
    };
    let read = [
        theirs.line_total.to_minor_units(),
        optional(theirs.allowance_total),
        optional(theirs.charge_total),
        theirs.taxable_total.to_minor_units(),
        optional(theirs.vat_total),
        theirs.gross_total.to_minor_units(),
        optional(theirs.paid),
        optional(theirs.rounding),
        theirs.due.to_minor_units(),
    ];
    let said = [
        ours.lines,
        ours.allowances,
        ours.charges,
        ours.net,
        ours.tax,
        ours.gross,
        ours.paid,
        ours.rounding,
        ours.payable,
    ];
    assert_eq!(read, said.map(cents));
    assert_eq!(invoice.vat_breakdown.len(), document.taxes().len());
    for (read, tax) in invoice.vat_breakdown.iter().zip(document.taxes()) {
        assert_eq!(read.category.as_str(), tax.rate.category.code());
        assert_eq!(read.taxable_amount.to_minor_units(), cents(tax.base));
        assert_eq!(read.tax_amount.to_minor_units(), cents(tax.amount));
    }
}

fn compare_lines(content: &Content, invoice: &Invoice) {
    assert_eq!(invoice.lines.len(), content.lines.len());
    for (read, line) in invoice.lines.iter().zip(&content.lines) {
        assert_eq!(read.item.seller_identifier.as_deref(), Some(line.class.name()));
        assert_eq!(read.unit_code.as_str(), line.quantity.unit.code());
        assert_eq!(read.net_amount.to_minor_units(), cents(line.net));
        let decimal =
            |text: String, scale| text.parse::<Decimal>().unwrap().to_scale(scale).unwrap();
        let unit: Unit = line.quantity.unit;
        let quantity = decimal(read.quantity.to_string(), unit.decimals());
        let price = decimal(read.price.net_price.to_string(), 9);
        let base = read.price.base_quantity.as_ref().unwrap();
        let base = decimal(base.to_string(), unit.decimals());
        // Signs may have turned together; the product is the line's.
        assert_eq!(quantity.abs(), i128::from(line.quantity.amount).abs());
        assert_eq!(
            quantity * price,
            i128::from(line.quantity.amount) * i128::from(line.price.amount.n())
        );
        assert_eq!(base, i128::from(line.price.per));
        let adjustments = read.allowances.len() + read.charges.len();
        assert_eq!(adjustments, line.adjustments.len());
    }
}

/// The rules that `xml` breaks once `from` says `to` for the first time after `after`.
fn broken(xml: &str, after: &str, from: &str, to: &str) -> Vec<String> {
    let (head, tail) = xml.split_once(after).unwrap();
    assert!(tail.contains(from), "{from} is not in the invoice");
    judged(&format!("{head}{after}{}", tail.replacen(from, to, 1))).1
}

fn breaks(faults: &[String], rule: &str) {
    assert!(faults.iter().any(|fault| fault.starts_with(rule)), "{rule}: {faults:#?}");
}

/// The judge would be of no use if it took everything.
#[test]
fn a_sum_or_a_code_that_is_changed_is_refused() {
    let (document, xml) = written(full("en"), "en");
    let totals = document.totals();
    let text = |money: Money| format!(">{}.{:02}<", cents(money) / 100, cents(money) % 100);
    let more = |money: Money| text(money.plus(Money::from_n(1_000_000_000)).unwrap());
    let sum = |name: &str, money: Money| {
        let said = |text: String| format!("{name} currencyID=\"EUR\"{text}");
        broken(&xml, "<cac:LegalMonetaryTotal>", &said(text(money)), &said(more(money)))
    };
    breaks(&sum("LineExtensionAmount", totals.lines), "BR-CO-10");
    breaks(&sum("TaxExclusiveAmount", totals.net), "BR-CO-13");
    breaks(&sum("TaxInclusiveAmount", totals.gross), "BR-CO-15");
    breaks(&sum("PrepaidAmount", totals.paid), "BR-CO-16");
    breaks(&sum("PayableAmount", totals.payable), "BR-CO-16");
    let tax = document.taxes()[0].amount;
    breaks(&broken(&xml, "<cac:TaxSubtotal>", &text(tax), &more(tax)), "BR-CO-17");
    let line = document.content().lines[0].net;
    breaks(&broken(&xml, "<cac:InvoiceLine>", &text(line), &more(line)), "BR-CO-10");
    breaks(&broken(&xml, "?>", ">380<", ">999<"), "BR-CL-01");
    breaks(&broken(&xml, "?>", "unitCode=\"KWH\"", "unitCode=\"kWh\""), "BR-CL-23");
    breaks(&broken(&xml, "?>", ">EUR<", ">EURO<"), "BR-CL-0");
    breaks(&broken(&xml, "<cac:AccountingSupplierParty>", "DE123456788", "123456788"), "BR-CO-09");
}

#[test]
fn a_text_cannot_leave_its_element() {
    let mut content = full("en");
    content.issuer.name = "A</cbc:RegistrationName> & \"B\" <b>]]>".to_owned();
    content.lines[0].name = "<!-- -->".to_owned();
    let name = content.issuer.name.clone();
    let (_, xml) = written(content, "en");
    let (invoice, faults) = judged(&xml);
    assert_eq!(invoice.seller.name, Some(name));
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn three_decimals_cannot_be_said() {
    let mut content = full("en");
    content.currency_digits = 3;
    content.currency = "BHD".to_owned();
    for line in &mut content.lines {
        line.net = line.exact.rounded(3).unwrap();
    }
    let document = Document::issue(content).unwrap();
    let rejected = ubl::write(&document, &Locale::named("en").unwrap()).unwrap_err();
    assert_eq!(rejected.rejection.code(), "DOCUMENT_INEXPRESSIBLE");
}

/// The schemas want children in an order, which no rule checks; the judge knows it from published
/// invoices.
#[test]
fn elements_stand_in_the_order_of_the_schema() {
    let mut checked = 0;
    for seed in 0..50 {
        let (_, xml) = written(random(seed), "en");
        let mut reader = quick_xml::Reader::from_str(&xml);
        // The open elements and the place of the last child of each.
        let mut open: Vec<(String, usize)> = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    let name = start.local_name().as_ref().to_owned();
                    if let Some((parent, last)) = open.last_mut()
                        && parent != "AdditionalDocumentReference"
                        && let Some(place) = en16931_formats::ubl::order::index_of(parent, &name)
                    {
                        assert!(*last <= place, "{name} in {parent}:\n{xml}");
                        *last = place;
                        checked += 1;
                    }
                    open.push((name, 0));
                }
                Event::End(_) => {
                    open.pop();
                }
                Event::Eof => break,
                _ => {}
            }
        }
    }
    assert!(checked > 5_000, "{checked}");
}

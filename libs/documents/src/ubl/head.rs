//! Everything before the taxes: what it is, who, where, and how it is paid.

use units::Money;

use super::writer::Writer;
use super::{CUSTOMIZATION, outside_of_tax};
use crate::{Address, Content, Document, Kind, Locale, Party};

/// A credit transfer within SEPA (UNCL4461).
const SEPA_TRANSFER: &str = "58";
/// Something that was agreed on (UNCL4461).
const MUTUALLY_DEFINED: &str = "ZZZ";
/// The object that is invoiced (UNCL1001).
const INVOICED_OBJECT: &str = "130";
/// A meter's number (UNCL1153).
const METER_UNIT: &str = "MG";

pub(super) fn write(xml: &mut Writer, document: &Document, locale: &Locale) {
    let content = document.content();
    let credit_note = content.kind.is_credit_note();
    xml.text("CustomizationID", CUSTOMIZATION);
    xml.text("ID", &content.number);
    xml.text("IssueDate", &content.issued_on.to_string());
    // A credit note says it with the means of payment.
    if let Some(due) = content.due_on.filter(|_| !credit_note) {
        xml.text("DueDate", &due.to_string());
    }
    let name = if credit_note { "CreditNoteTypeCode" } else { "InvoiceTypeCode" };
    xml.text(name, content.kind.code());
    for note in notes(content, locale) {
        xml.text("Note", &note);
    }
    xml.text("DocumentCurrencyCode", &content.currency);
    xml.group("InvoicePeriod", |xml| {
        xml.text("StartDate", &content.period.from.to_string());
        xml.text("EndDate", &content.period.to.to_string());
    });
    for preceding in &content.preceding {
        xml.group("BillingReference", |xml| {
            xml.group("InvoiceDocumentReference", |xml| {
                xml.text("ID", &preceding.number);
                xml.text("IssueDate", &preceding.issued_on.to_string());
            });
        });
    }
    references(xml, content, locale);
}

/// What EN 16931 has no other place for.
fn notes(content: &Content, locale: &Locale) -> Vec<String> {
    let mut notes = Vec::new();
    if content.kind == Kind::SelfBilled {
        notes.push(locale.text("note.self_billed").to_owned());
    }
    if content.is_final {
        let day = locale.day(content.period.to.next());
        notes.push(locale.filled("note.final", &[("day", &day)]));
    }
    let quality = content.quality;
    if quality.estimated.wh() > 0 {
        let energy = locale.energy(quality.estimated);
        let percent = locale.percent(content.estimated_bps());
        notes.push(
            locale.filled("quality.estimated", &[("energy", &energy), ("percent", &percent)]),
        );
    }
    for (key, count) in [
        ("quality.missing", quality.missing_slots),
        ("quality.late", quality.late_readings),
        ("quality.relayed", quality.relayed_readings),
        ("quality.curtailed", quality.curtailed_slots),
    ] {
        if count > 0 {
            notes.push(locale.filled(key, &[("count", &count.to_string())]));
        }
    }
    notes
}

/// The meter, and what the document can be checked against.
fn references(xml: &mut Writer, content: &Content, locale: &Locale) {
    if let Some(proof) = &content.proof {
        xml.group("AdditionalDocumentReference", |xml| {
            xml.text("ID", &format!("{}", proof.hash));
            xml.text(
                "DocumentDescription",
                &format!("{}: {}", locale.text("check"), proof.command),
            );
        });
    }
    xml.group("AdditionalDocumentReference", |xml| {
        xml.with("ID", ("schemeID", METER_UNIT), &content.place.meter);
        xml.text("DocumentTypeCode", INVOICED_OBJECT);
    });
}

pub(super) fn parties(xml: &mut Writer, content: &Content) {
    let taxed = !outside_of_tax(content);
    xml.group("AccountingSupplierParty", |xml| party(xml, content.seller(), (taxed, true)));
    xml.group("AccountingCustomerParty", |xml| party(xml, content.buyer(), (taxed, false)));
}

fn party(xml: &mut Writer, party: &Party, (taxed, seller): (bool, bool)) {
    xml.group("Party", |xml| {
        if let Some(electronic) = &party.electronic_address {
            xml.with("EndpointID", ("schemeID", &electronic.scheme), &electronic.value);
        }
        xml.group("PartyIdentification", |xml| xml.text("ID", &party.id));
        xml.group("PostalAddress", |xml| address(xml, &party.address));
        if let Some(vat) = party.vat_id.as_deref().filter(|_| taxed) {
            tax_scheme(xml, vat, "VAT");
        }
        // Only a seller has a place for it.
        if let Some(number) = party.tax_registration.as_deref().filter(|_| seller) {
            tax_scheme(xml, number, "TAX");
        }
        xml.group("PartyLegalEntity", |xml| {
            xml.text("RegistrationName", &party.name);
            xml.maybe("CompanyID", party.legal_registration.as_deref());
        });
        if party.email.is_some() || party.phone.is_some() {
            xml.group("Contact", |xml| {
                xml.maybe("Telephone", party.phone.as_deref());
                xml.maybe("ElectronicMail", party.email.as_deref());
            });
        }
    });
}

fn tax_scheme(xml: &mut Writer, number: &str, scheme: &str) {
    xml.group("PartyTaxScheme", |xml| {
        xml.text("CompanyID", number);
        xml.group("TaxScheme", |xml| xml.text("ID", scheme));
    });
}

fn address(xml: &mut Writer, address: &Address) {
    xml.maybe("StreetName", address.street.as_deref());
    xml.maybe("CityName", address.city.as_deref());
    xml.maybe("PostalZone", address.postcode.as_deref());
    xml.maybe("CountrySubentity", address.region.as_deref());
    xml.group("Country", |xml| xml.text("IdentificationCode", &address.country));
}

pub(super) fn delivery(xml: &mut Writer, content: &Content) {
    xml.group("Delivery", |xml| {
        xml.group("DeliveryLocation", |xml| {
            xml.text("ID", &content.place.connection_point);
            if let Some(place) = &content.place.address {
                xml.group("Address", |xml| address(xml, place));
            }
        });
    });
}

pub(super) fn payment(xml: &mut Writer, document: &Document) {
    let content = document.content();
    let due = content.due_on.filter(|_| content.kind.is_credit_note());
    let payment = content.payment.as_ref();
    if payment.is_none() && due.is_none() {
        return;
    }
    let iban = payment.and_then(|payment| payment.iban.as_deref());
    xml.group("PaymentMeans", |xml| {
        let code = if iban.is_some() { SEPA_TRANSFER } else { MUTUALLY_DEFINED };
        xml.text("PaymentMeansCode", code);
        xml.maybe("PaymentDueDate", due.map(|due| due.to_string()).as_deref());
        xml.maybe("PaymentID", payment.and_then(|payment| payment.reference.as_deref()));
        let Some(iban) = iban else { return };
        xml.group("PayeeFinancialAccount", |xml| {
            let plain: String = iban.chars().filter(|char| !char.is_whitespace()).collect();
            xml.text("ID", &plain);
            xml.maybe("Name", payment.and_then(|payment| payment.account_name.as_deref()));
        });
    });
    debug_assert!(document.totals().payable <= Money::ZERO || content.due_on.is_some());
}

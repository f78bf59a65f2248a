//! Content that makes no document, and where it is at fault.

use documents::{
    Class, Content, Document, Information, Kind, Line, Quantity, TaxRate, Unit, UnitPrice,
};
use proptest::prelude::*;
use units::Money;

use crate::samples::{EXEMPT, NOT_SUBJECT, STANDARD, day, energy, full, money, plain};

fn check(change: impl FnOnce(&mut Content), code: &str, path: &str) {
    let mut content = full("en");
    change(&mut content);
    let rejected = Document::issue(content).unwrap_err();
    assert_eq!((rejected.rejection.code(), rejected.path.as_str()), (code, path), "{rejected}");
}

#[test]
fn texts_codes_and_days_are_checked() {
    check(|c| c.number.clear(), "DOCUMENT_MISSING", "number");
    check(|c| c.number = "a\nb".to_owned(), "DOCUMENT_VALUE", "number");
    check(|c| c.number = "x".repeat(501), "DOCUMENT_SIZE", "number");
    check(|c| c.currency = "EURO".to_owned(), "DOCUMENT_VALUE", "currency");
    check(|c| c.period.to = day("2026-05-31"), "DOCUMENT_VALUE", "period.to");
    check(|c| c.issuer.name = " ".to_owned(), "DOCUMENT_MISSING", "issuer.name");
    let country = "customer.address.country";
    check(|c| c.customer.address.country = "XX".to_owned(), "DOCUMENT_VALUE", country);
    check(|c| c.issuer.vat_id = Some("99".to_owned()), "DOCUMENT_VALUE", "issuer.vat_id");
    check(
        |c| c.payment.as_mut().unwrap().iban = Some("DE1".into()),
        "DOCUMENT_VALUE",
        "payment.iban",
    );
    check(|c| c.due_on = None, "DOCUMENT_MISSING", "due_on");
}

#[test]
fn what_is_told_of_use_is_possible() {
    let path = "information.self_sufficiency_bps";
    check(|c| c.information.self_sufficiency_bps = Some(10_001), "DOCUMENT_VALUE", path);
    let within = |c: &mut Content| {
        c.information.last_year.as_mut().unwrap().period.to = day("2026-06-01");
    };
    check(within, "DOCUMENT_VALUE", "information.last_year.period");
    check(
        |c| c.information.switching = Some(String::new()),
        "DOCUMENT_MISSING",
        "information.switching",
    );
    let energy = |bought, supplied| documents::EnergyTotals {
        bought: units::Energy::from_wh(bought),
        supplied: units::Energy::from_wh(supplied),
        ..documents::EnergyTotals::default()
    };
    let part = |bought, supplied| Information::of_the_community(&energy(bought, supplied));
    assert_eq!((part(0, 0), part(0, 7), part(1, 2)), (None, Some(0), Some(3_333)));
    assert_eq!((part(2, 1), part(5, 0)), (Some(6_667), Some(10_000)));
}

#[test]
fn what_a_kind_needs_is_there() {
    check(|c| c.kind = Kind::CreditNote, "DOCUMENT_MISSING", "preceding");
    check(|c| c.kind = Kind::Correction, "DOCUMENT_MISSING", "preceding");
    check(|c| c.lines.clear(), "DOCUMENT_MISSING", "lines");
    // The customer would sell with tax, without a number.
    check(|c| c.kind = Kind::SelfBilled, "DOCUMENT_TAX", "customer.vat_id");
}

#[test]
fn taxes_keep_their_rules() {
    check(|c| c.lines[1].tax = NOT_SUBJECT, "DOCUMENT_TAX", "lines");
    check(|c| c.exemptions.clear(), "DOCUMENT_MISSING", "exemptions");
    check(|c| c.lines[0].tax.bps = 0, "DOCUMENT_TAX", "lines[0].tax.bps");
    let rate = TaxRate { bps: 1, ..EXEMPT };
    check(|c| c.lines[1].tax = rate, "DOCUMENT_TAX", "lines[1].tax.bps");
}

#[test]
fn days_are_those_of_the_period_and_add_up() {
    check(|c| c.days.truncate(29), "DOCUMENT_MISSING", "days");
    check(|c| c.days[3].day = day("2026-06-30"), "DOCUMENT_VALUE", "days[3].day");
    check(|c| c.energy.sold = c.energy.fed_in, "DOCUMENT_VALUE", "energy.sold");
}

#[test]
fn amounts_that_do_not_fit_are_refused_and_do_not_wrap() {
    let price = UnitPrice { amount: Money::from_n(i64::MAX), per: 1 };
    let quantity = Quantity { amount: 1, unit: Unit::Piece };
    let line = Line::new(Class::Other, "", quantity, price, (STANDARD, 9)).unwrap();
    let mut content = plain(vec![line.clone(), line]);
    content.currency_digits = 9;
    let rejected = Document::issue(content).unwrap_err();
    assert_eq!(
        (rejected.rejection.code(), rejected.path.as_str()),
        ("DOCUMENT_OVERFLOW", "totals")
    );
    let mut half = plain(vec![energy(Class::Retail, "", "1", "0.3", STANDARD)]);
    half.rounding = money("0.005");
    assert_eq!(Document::issue(half).unwrap_err().path, "rounding");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::from_json(&bytes);
    }

    #[test]
    fn no_numbers_make_it_panic(
        amount in any::<i64>(),
        quantity in any::<i64>(),
        per in any::<i64>(),
        digits in any::<u8>(),
        prepaid in any::<i64>(),
    ) {
        let mut content = full("en");
        content.lines[0].price = UnitPrice { amount: Money::from_n(amount), per };
        content.lines[0].quantity.amount = quantity;
        content.lines[0].exact =
            content.lines[0].price.cost_of(content.lines[0].quantity).unwrap_or_default();
        content.lines[0].net = content.lines[0].exact;
        content.currency_digits = digits;
        content.prepaid[0].amount = Money::from_n(prepaid);
        if let Ok(document) = Document::issue(content) {
            prop_assert_eq!(document.totals().paid.n(), prepaid);
            let english = documents::Locale::named("en").unwrap();
            let written = documents::ubl::write(&document, &english);
            prop_assert_eq!(written.is_ok(), digits <= 2);
        }
    }
}

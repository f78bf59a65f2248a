//! The worked bills of the domain, to the cent.

use documents::{Class, Content, Document, Line, Quantity, TaxRate, Unit, UnitPrice};
use units::Money;

use crate::samples::{EXEMPT, STANDARD, counted, energy, money, plain};

fn totals(content: Content) -> [Money; 3] {
    let document = Document::issue(content).unwrap();
    let totals = document.totals();
    [totals.net, totals.tax, totals.gross]
}

#[test]
fn a_month_with_tiers_and_power() {
    let content = plain(vec![
        counted(Class::Fixed, 30, Unit::Day, "0.35", STANDARD),
        energy(Class::Retail, "off-peak", "210.4", "0.18", STANDARD),
        energy(Class::Retail, "peak, first 100 kWh", "100", "0.30", STANDARD),
        energy(Class::Retail, "peak, above", "45.6", "0.36", STANDARD),
        counted(Class::Demand, 6_400, Unit::W, "4.50", STANDARD),
        energy(Class::Network, "", "356.0", "0.062", STANDARD),
        energy(Class::Levy, "Stromsteuer", "356.0", "0.0205", STANDARD),
    ]);
    let nets: Vec<Money> = content.lines.iter().map(|line| line.net).collect();
    let expected = ["10.50", "37.87", "30.00", "16.42", "28.80", "22.07", "7.30"].map(money);
    assert_eq!(nets, expected);
    assert_eq!(totals(content), ["152.96", "29.06", "182.02"].map(money));
}

#[test]
fn a_buyer_pays_neighbours_and_the_rest() {
    let zero = TaxRate { category: documents::Category::Zero, bps: 0 };
    let content = plain(vec![
        energy(Class::P2pBought, "", "5", "0.18", zero),
        energy(Class::NetworkLocal, "", "5", "0.01", zero),
        energy(Class::PlatformBought, "", "5", "0.0021", zero),
        energy(Class::Retail, "", "7", "0.238", zero),
        energy(Class::Network, "", "7", "0.062", zero),
    ]);
    let nets: Vec<Money> = content.lines.iter().map(|line| line.net).collect();
    assert_eq!(nets, ["0.90", "0.05", "0.01", "1.67", "0.43"].map(money));
    assert_eq!(totals(content), ["3.06", "0", "3.06"].map(money));
}

#[test]
fn rounding_is_by_line_and_the_total_is_of_rounded_lines() {
    let line = || counted(Class::Other, 1, Unit::Piece, "3.335", STANDARD);
    let content = plain(vec![line(), line(), line()]);
    assert_eq!(totals(content)[0], money("10.02"));
}

#[test]
fn a_negative_price_is_a_credit() {
    let price = UnitPrice { amount: money("-0.03"), per: 1000 };
    let quantity = Quantity { amount: 3_000, unit: Unit::Wh };
    let line = Line::new(Class::Retail, "spot", quantity, price, (STANDARD, 2)).unwrap();
    assert_eq!(line.net, money("-0.09"));
    let document = Document::issue(plain(vec![line])).unwrap();
    let xml = documents::ubl::write(&document, &documents::Locale::named("en").unwrap()).unwrap();
    assert!(xml.contains("<cbc:InvoicedQuantity unitCode=\"KWH\">-3</cbc:InvoicedQuantity>"));
    assert!(xml.contains("<cbc:PriceAmount currencyID=\"EUR\">0.03</cbc:PriceAmount>"));
    assert!(xml.contains("<cbc:PayableAmount currencyID=\"EUR\">-0.11</cbc:PayableAmount>"));
}

#[test]
fn currencies_without_and_with_three_decimals_round_there() {
    for (currency, digits, net, tax) in [("JPY", 0, "3", "1"), ("BHD", 3, "3.335", "0.634")] {
        let price = UnitPrice { amount: money("3.335"), per: 1 };
        let quantity = Quantity { amount: 1, unit: Unit::Piece };
        let line = Line::new(Class::Other, "", quantity, price, (STANDARD, digits)).unwrap();
        let mut content = plain(vec![line]);
        (content.currency, content.currency_digits) = (currency.to_owned(), digits);
        assert_eq!(totals(content)[..2], [money(net), money(tax)], "{currency}");
    }
}

#[test]
fn each_rate_is_reckoned_on_its_own_base() {
    let reduced = TaxRate { bps: 700, ..STANDARD };
    let mut content = plain(vec![
        energy(Class::Retail, "", "100", "0.3", STANDARD),
        counted(Class::Metering, 1, Unit::Month, "0.07", reduced),
        counted(Class::Metering, 1, Unit::Month, "0.07", reduced),
        energy(Class::P2pBought, "", "50", "0.2", EXEMPT),
    ]);
    let reason = "Household".to_owned();
    content.exemptions.push(documents::Exemption { category: EXEMPT.category, reason });
    let document = Document::issue(content).unwrap();
    let taxes: Vec<_> = document.taxes().iter().map(|tax| (tax.rate.bps, tax.amount)).collect();
    assert_eq!(taxes, [(700, money("0.01")), (1900, money("5.70")), (0, money("0"))]);
}

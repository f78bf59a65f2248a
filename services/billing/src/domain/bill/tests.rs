use super::*;
use tariff::{EnergyTerms, Levy, Period as TariffPeriod, PlatformFees, Terms};

fn price(n: i64) -> Price {
    Price::from_n_per_wh(n)
}

fn terms() -> Terms {
    Terms {
        id: "standard".to_owned(),
        name: "Standard".to_owned(),
        version: 3,
        valid_from: "2026-01-01".parse().unwrap(),
        currency: "EUR".to_owned(),
        currency_digits: 2,
        timezone: "Europe/Berlin".parse().unwrap(),
        fixed_per_day: Money::ZERO,
        energy: EnergyTerms {
            periods: vec![TariffPeriod { name: "all day".to_owned(), price: price(238_000) }],
            weekday: vec![vec![0; 24]; 12],
            weekend: vec![vec![0; 24]; 12],
        },
        network_fee: price(62_000),
        local_network_fee: price(10_000),
        levies: Vec::new(),
        platform_fees: PlatformFees { buyer: price(2_100), seller: price(2_100) },
        feed_in_price: price(80_000),
        vat_bps: 0,
    }
}

fn day(text: &str) -> Period {
    Period { from: text.parse().unwrap(), to: text.parse().unwrap() }
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn used(rows: &[(&str, u64, u64)]) -> BTreeMap<Timestamp, Used> {
    let used = |&(slot, import, export): &(&str, u64, u64)| {
        let (import, export) = (Energy::from_wh(import), Energy::from_wh(export));
        (moment(slot), Used { import, export, quality: Quality::Measured })
    };
    rows.iter().map(used).collect()
}

fn traded(side: Side, slot: &str, wh: u64) -> Traded {
    Traded {
        side,
        slot: moment(slot),
        quantity: Energy::from_wh(wh),
        delivered: Energy::from_wh(wh),
        own_short: Energy::ZERO,
        short: Energy::ZERO,
        excused: Energy::ZERO,
        price: price(180_000),
        network_fee: price(10_000),
        platform_fee: price(2_100),
        make_whole: Money::ZERO,
        compensation: Money::ZERO,
        imbalance: Money::ZERO,
    }
}

fn rated(
    terms: Terms,
    used: &BTreeMap<Timestamp, Used>,
    trades: &[Traded],
) -> Result<Rated, BillError> {
    let tariff = Tariff::new(terms).unwrap();
    rate(&Facts {
        period: day("2026-06-01"),
        tariff: &tariff,
        slot_length: SlotLength::QUARTER_HOUR,
        used,
        trades,
        before: None,
    })
}

fn amounts(rated: &Rated) -> Vec<(Class, String)> {
    rated.lines.iter().map(|line| (line.class, line.amount.to_string())).collect()
}

#[test]
fn a_neighbours_energy_is_taken_out_before_the_suppliers_is_rated() {
    let used = used(&[("2026-06-01T10:00:00Z", 6000, 0), ("2026-06-01T10:15:00Z", 6000, 0)]);
    let trades = [
        traded(Side::Buyer, "2026-06-01T10:00:00Z", 3000),
        traded(Side::Buyer, "2026-06-01T10:15:00Z", 2000),
    ];
    let rated = rated(terms(), &used, &trades).unwrap();
    let expected = [
        (Class::P2pBought, "0.9"),
        (Class::Retail, "1.67"),
        (Class::NetworkLocal, "0.05"),
        (Class::Network, "0.43"),
        (Class::PlatformBought, "0.01"),
    ];
    assert_eq!(amounts(&rated), expected.map(|(class, text)| (class, text.to_owned())));
    assert_eq!(rated.total.to_string(), "3.06");
    // The chain moved 0.9 + 0.05 + 0.0105; the rest is due.
    assert_eq!((rated.paid.to_string(), rated.due.to_string()), ("0.96".into(), "2.1".into()));
}

#[test]
fn what_a_seller_gets_and_pays_is_credited_line_by_line() {
    let used = used(&[("2026-06-01T10:00:00Z", 0, 5000)]);
    let trades = [Traded {
        compensation: Money::from_n(80_000_000),
        ..traded(Side::Seller, "2026-06-01T10:00:00Z", 4200)
    }];
    let rated = rated(terms(), &used, &trades).unwrap();
    let expected = [
        (Class::PlatformSold, "0.01"),
        (Class::P2pSold, "-0.76"),
        (Class::FeedIn, "-0.06"),
        (Class::Compensation, "-0.08"),
    ];
    assert_eq!(amounts(&rated), expected.map(|(class, text)| (class, text.to_owned())));
    assert_eq!((rated.total.to_string(), rated.paid.to_string()), ("-0.89".into(), "-0.83".into()));
}

#[test]
fn penalties_are_lines_of_the_side_that_pays_them() {
    let used = used(&[("2026-06-01T10:00:00Z", 5600, 0)]);
    let short = |side| Traded {
        make_whole: Money::from_n(86_400_000),
        ..traded(side, "2026-06-01T10:00:00Z", if side == Side::Buyer { 4200 } else { 0 })
    };
    let line = |side, class| {
        let rated = rated(terms(), &used, &[short(side)]).unwrap();
        rated.lines.iter().find(|line| line.class == class).map(|line| line.exact.n())
    };
    assert_eq!(line(Side::Buyer, Class::MakeWhole), Some(-86_400_000));
    assert_eq!(line(Side::Seller, Class::SellerPenalty), Some(86_400_000));
    assert_eq!(line(Side::Seller, Class::MakeWhole), None);
}

#[test]
fn a_line_for_a_shortfall_counts_the_energy_that_was_missing() {
    let used = used(&[("2026-06-01T10:00:00Z", 4200, 4200)]);
    let check = |side, class, own: bool, words: &str| {
        let shortfall = Money::from_n(86_400_000);
        let seller = (side == Side::Seller) == own;
        let trade = Traded {
            quantity: Energy::from_wh(5000),
            short: Energy::from_wh(800),
            own_short: if own { Energy::from_wh(800) } else { Energy::ZERO },
            make_whole: if seller { shortfall } else { Money::ZERO },
            compensation: if seller { Money::ZERO } else { shortfall },
            ..traded(side, "2026-06-01T10:00:00Z", 4200)
        };
        let rated = rated(terms(), &used, &[trade]).unwrap();
        let line = rated.lines.iter().find(|line| line.class == class).unwrap();
        let inputs: Vec<(&str, &str)> =
            line.inputs.iter().map(|input| (input.name.as_str(), input.value.as_str())).collect();
        assert_eq!(inputs, [("trades", "1"), (words, "0.8 kWh")], "{class:?}");
        assert!(line.formula.contains(words) && !line.formula.contains("energy delivered"));
    };
    check(Side::Buyer, Class::MakeWhole, false, "not delivered");
    check(Side::Seller, Class::SellerPenalty, true, "not delivered");
    check(Side::Seller, Class::Compensation, false, "not taken");
    check(Side::Buyer, Class::BuyerPenalty, true, "not taken");
}

/// Trades of one slot, of the seller's side, against an export.
fn fault(metered: Option<u64>, trades: &[Traded]) -> Option<Fault> {
    let used = metered.map(|wh| Used {
        import: Energy::ZERO,
        export: Energy::from_wh(wh),
        quality: Quality::Measured,
    });
    let settled = Settled::by_slot(trades);
    let [((_, side), of)] = settled.into_iter().collect::<Vec<_>>()[..] else {
        panic!("these are trades of several slots or sides");
    };
    of.fault(side, used.as_ref())
}

#[test]
fn nobody_is_charged_for_more_than_the_own_meter_lacked() {
    let short = |wh| Traded {
        quantity: Energy::from_wh(5000),
        own_short: Energy::from_wh(wh),
        ..traded(Side::Seller, "2026-06-01T10:00:00Z", 4200)
    };
    assert_eq!(fault(Some(4200), &[short(800)]), None);
    assert_eq!(fault(Some(4200), &[short(801)]), Some(Fault::ShortTooMuch));
    assert_eq!(fault(Some(4201), &[short(800)]), Some(Fault::ShortTooMuch));
}

/// First in, first out: 3000 Wh agreed in two trades, and 2500 Wh fed in.
#[test]
fn what_the_own_meter_proves_is_owed_whatever_the_other_side_measured() {
    let trade = |agreed, delivered, short, excused| Traded {
        quantity: Energy::from_wh(agreed),
        short: Energy::from_wh(short),
        excused: Energy::from_wh(excused),
        ..traded(Side::Seller, "2026-06-01T10:00:00Z", delivered)
    };
    let check = |first: (u64, u64, u64), second: (u64, u64, u64), expected| {
        let trades =
            [trade(2000, first.0, first.1, first.2), trade(1000, second.0, second.1, second.2)];
        assert_eq!(fault(Some(2500), &trades), expected, "{first:?} {second:?}");
    };
    check((2000, 0, 0), (500, 0, 0), None);
    check((2000, 0, 0), (499, 0, 0), Some(Fault::TooLittle));
    check((1500, 500, 0), (1000, 0, 0), None);
    check((0, 2000, 0), (0, 500, 0), None);
    check((0, 0, 0), (500, 0, 0), Some(Fault::TooLittle));
    check((0, 0, 2000), (500, 0, 0), None);
    check((1950, 0, 200), (500, 0, 100), None);
    check((1500, 0, 200), (500, 0, 100), Some(Fault::TooLittle));
    check((2000, 0, 200), (250, 0, 100), Some(Fault::TooLittle));
    check((2000, 0, 0), (501, 0, 0), Some(Fault::TooMuch));
}

#[test]
fn vat_is_due_on_what_the_supplier_the_grid_and_the_platform_charge() {
    let used = used(&[("2026-06-01T10:00:00Z", 10_000, 2000)]);
    let mut terms = terms();
    terms.vat_bps = 1900;
    terms.fixed_per_day = Money::from_n(350_000_000);
    terms.levies = vec![Levy { name: "Electricity tax".to_owned(), price: price(20_500) }];
    let trades = [traded(Side::Buyer, "2026-06-01T10:00:00Z", 5000)];
    let rated = rated(terms, &used, &trades).unwrap();
    // 0.35 + 1.19 + 0.05 + 0.31 + 0.10 + 0.01 = 2.01, of which 19 % are 0.3819.
    let vat = rated.lines.last().unwrap();
    assert_eq!((vat.class, vat.exact.to_string()), (Class::Vat, "0.3819".to_owned()));
    assert_eq!(vat.amount.to_string(), "0.38");
}

/// The chain's payments stand as they are; nothing is left for the supplier, and nothing is owed.
#[test]
fn where_more_was_paid_than_the_meter_saw_the_rest_is_nothing() {
    let used = used(&[("2026-06-01T10:00:00Z", 2999, 2999)]);
    let slot = "2026-06-01T10:00:00Z";
    for side in [Side::Buyer, Side::Seller] {
        let trades = [traded(side, slot, 3000)];
        let rated = rated(terms(), &used, &trades).unwrap();
        let (paid, rest) = match side {
            Side::Buyer => (Class::P2pBought, Class::Retail),
            Side::Seller => (Class::P2pSold, Class::FeedIn),
        };
        let classes: Vec<Class> = rated.lines.iter().map(|line| line.class).collect();
        assert!(classes.contains(&paid) && !classes.contains(&rest), "{classes:?}");
    }
    assert_eq!(fault(Some(2999), &[traded(Side::Seller, slot, 3000)]), Some(Fault::TooMuch));
    assert_eq!(fault(None, &[traded(Side::Seller, slot, 1)]), Some(Fault::TooMuch));
    let words = Fault::TooMuch.words(Side::Buyer, moment(slot));
    let expected = "in the slot from 2026-06-01T10:00:00Z more was bought than the meter imported";
    assert_eq!(words, expected);
}

fn invoice(custody: Custody) -> Invoice {
    let used = used(&[("2026-06-01T10:00:00Z", 6000, 10)]);
    let tariff = Tariff::new(terms()).unwrap();
    let trades = [traded(Side::Buyer, "2026-06-01T10:00:00Z", 3000)];
    let facts = Facts {
        period: day("2026-06-01"),
        tariff: &tariff,
        slot_length: SlotLength::QUARTER_HOUR,
        used: &used,
        trades: &trades,
        before: None,
    };
    let heading = Heading {
        number: "INV-2026-1".to_owned(),
        salt: B256::repeat_byte(7),
        account: AccountId::derived("H1"),
        pseudonym: "Ada <script>".to_owned(),
        address: Address::repeat_byte(1),
        custody,
        community: CommunityId::derived("C"),
        connection_point: ConnectionPointId::derived("P"),
        meter: MeterId::derived("M"),
        is_final: false,
    };
    Invoice::issue(heading, &facts, OfReadings::default()).unwrap()
}

#[test]
fn the_hash_covers_the_whole_invoice() {
    let invoice = invoice(Custody::Own);
    let text = invoice.canonical_json();
    assert_eq!(serde_json::from_str::<Invoice>(&text).unwrap(), invoice);
    let mut other = invoice.clone();
    other.lines[0].inputs[0].value.push('0');
    assert_ne!(other.hash(), invoice.hash());
    assert!(serde_json::from_str::<Invoice>(&text.replacen('{', "{\"more\":1,", 1)).is_err());
}

#[test]
fn the_page_says_who_holds_the_key_and_escapes_names() {
    let own = page(&invoice(Custody::Own), &[]);
    let held = page(&invoice(Custody::Held), &[]);
    assert!(own.contains("yours alone") && held.contains("operator holds the key"));
    assert!(own.contains("Ada &lt;script&gt;") && !own.contains("<script"));
    assert!(own.contains("prefers-color-scheme:dark") && own.contains("@media print"));
    assert!(own.contains("1.48 EUR") && !own.contains("http"));
}

#[test]
fn the_chart_shows_each_day_once() {
    let used = used(&[("2026-06-01T10:00:00Z", 6000, 10)]);
    let tariff = Tariff::new(terms()).unwrap();
    let trades = [traded(Side::Buyer, "2026-06-01T10:00:00Z", 2000)];
    let period = Period { from: "2026-06-01".parse().unwrap(), to: "2026-06-30".parse().unwrap() };
    let facts = Facts {
        period,
        tariff: &tariff,
        slot_length: SlotLength::QUARTER_HOUR,
        used: &used,
        trades: &trades,
        before: None,
    };
    let days = daily(&facts).unwrap();
    assert_eq!(days.len(), 30);
    assert_eq!((days[0].bought.wh(), days[0].supplied.wh(), days[0].fed_in.wh()), (2000, 4000, 10));
    let svg = chart::svg(&days);
    assert_eq!(svg.matches("<rect").count(), 4 * 30);
    assert!(svg.contains("tallest bar is 6 kWh"));
    assert!(svg.contains(r#"class="bought" x="2" y="60" width="15" height="30""#));
}

//! Documents to test with: a household's bill in full, and any number of random ones.

use alloy_primitives::{Address as ChainAddress, B256};
use calendar::LocalDay;
use documents::{
    Account, Address, Adjustment, Category, Class, Comparison, Content, Custody, Day, Dispute,
    DocumentAdjustment, ElectronicAddress, EnergyTotals, Exemption, Information, Input, Kind,
    LastYear, Line, Party, Payment, Period, Place, Preceding, Prepayment, PrepaymentSource, Proof,
    Quality, Quantity, Side, TariffReference, TaxRate, Trace, Unit, UnitPrice,
};
use iso20022::{Iban, Reference};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use units::{Energy, Money, Price};

pub(crate) const STANDARD: TaxRate = TaxRate { category: Category::Standard, bps: 1900 };
pub(crate) const EXEMPT: TaxRate = TaxRate { category: Category::Exempt, bps: 0 };
pub(crate) const NOT_SUBJECT: TaxRate = TaxRate { category: Category::NotSubject, bps: 0 };

pub(crate) fn day(text: &str) -> LocalDay {
    text.parse().unwrap()
}

pub(crate) fn money(text: &str) -> Money {
    let decimal: units::Decimal = text.parse().unwrap();
    Money::from_n(i64::try_from(decimal.to_scale(9).unwrap()).unwrap())
}

/// A price per kWh.
pub(crate) fn per_kwh(text: &str) -> Price {
    let decimal: units::Decimal = text.parse().unwrap();
    Price::from_n_per_wh(i64::try_from(decimal.to_scale(6).unwrap()).unwrap())
}

pub(crate) fn kwh(text: &str) -> Energy {
    let decimal: units::Decimal = text.parse().unwrap();
    Energy::from_wh(u64::try_from(decimal.to_scale(3).unwrap()).unwrap())
}

/// A line of energy that is taken.
pub(crate) fn energy(class: Class, name: &str, quantity: &str, price: &str, tax: TaxRate) -> Line {
    let taken = (kwh(quantity), Side::Taken);
    Line::energy(class, name, taken, per_kwh(price), (tax, 2)).unwrap()
}

/// A line of energy that is given.
pub(crate) fn credit(class: Class, name: &str, quantity: &str, price: &str, tax: TaxRate) -> Line {
    let given = (kwh(quantity), Side::Given);
    Line::energy(class, name, given, per_kwh(price), (tax, 2)).unwrap()
}

/// A line of days, kW or pieces.
pub(crate) fn counted(class: Class, amount: i64, unit: Unit, price: &str, tax: TaxRate) -> Line {
    let price = UnitPrice { amount: money(price), per: unit.per_printed() };
    Line::new(class, "", Quantity { amount, unit }, price, (tax, 2)).unwrap()
}

fn address(street: &str, postcode: &str, city: &str, country: &str) -> Address {
    let some = |text: &str| Some(text.to_owned());
    Address {
        street: some(street),
        city: some(city),
        postcode: some(postcode),
        region: None,
        country: country.to_owned(),
    }
}

pub(crate) fn operator() -> Party {
    Party {
        id: "4012345000009".to_owned(),
        name: "Stadtwerke Lindenau GmbH".to_owned(),
        address: address("Am Wasserturm 4", "04177", "Leipzig", "DE"),
        electronic_address: Some(ElectronicAddress {
            scheme: "0088".to_owned(),
            value: "4012345000009".to_owned(),
        }),
        vat_id: Some("DE123456788".to_owned()),
        tax_registration: None,
        legal_registration: Some("HRB 24680".to_owned()),
        email: Some("service@stadtwerke-lindenau.example".to_owned()),
        phone: Some("+49 341 1234567".to_owned()),
    }
}

pub(crate) fn household() -> Party {
    Party {
        id: "K-20418".to_owned(),
        name: "Mina Öztürk-Weiß".to_owned(),
        address: address("Lindenstraße 17", "04177", "Leipzig", "DE"),
        electronic_address: Some(ElectronicAddress {
            scheme: "EM".to_owned(),
            value: "mina@household.example".to_owned(),
        }),
        vat_id: None,
        tax_registration: None,
        legal_registration: None,
        email: None,
        phone: None,
    }
}

/// An invoice with these lines and nothing else.
pub(crate) fn plain(lines: Vec<Line>) -> Content {
    Content {
        kind: Kind::Invoice,
        number: "INV-2026-17".to_owned(),
        issued_on: day("2026-07-07"),
        due_on: Some(day("2026-07-21")),
        period: Period { from: day("2026-06-01"), to: day("2026-06-30") },
        is_final: false,
        language: "en".to_owned(),
        currency: "EUR".to_owned(),
        currency_digits: 2,
        issuer: operator(),
        customer: household(),
        account: None,
        place: Place {
            connection_point: "DE0001234567890000000000000012345".to_owned(),
            meter: "1EMH0012345678".to_owned(),
            address: None,
            community: None,
            community_id: None,
            slot_minutes: None,
        },
        preceding: Vec::new(),
        tariffs: Vec::new(),
        lines,
        adjustments: Vec::new(),
        exemptions: Vec::new(),
        prepaid: Vec::new(),
        wallet: None,
        rounding: Money::ZERO,
        payment: None,
        energy: EnergyTotals::default(),
        days: Vec::new(),
        comparison: None,
        quality: Quality::default(),
        information: Information::default(),
        dispute: None,
        proof: None,
    }
}

/// A household's month with everything that a bill can show.
pub(crate) fn full(language: &str) -> Content {
    let lines = vec![
        counted(Class::Fixed, 30, Unit::Day, "0.35", STANDARD),
        Line::sum(
            Class::P2pBought,
            "",
            Quantity { amount: 142_350, unit: Unit::Wh },
            money("26.337215"),
            (EXEMPT, 2),
        )
        .unwrap(),
        energy(Class::Retail, "off-peak", "121.040", "0.18", STANDARD),
        energy(Class::Retail, "peak", "87.615", "0.30", STANDARD),
        energy(Class::NetworkLocal, "", "142.350", "0.01", STANDARD),
        energy(Class::Network, "", "208.655", "0.062", STANDARD),
        energy(Class::Levy, "Stromsteuer", "208.655", "0.0205", STANDARD),
        energy(Class::PlatformBought, "", "142.350", "0.0021", STANDARD),
        energy(Class::PlatformSold, "", "61.200", "0.0021", STANDARD),
        credit(Class::P2pSold, "", "61.200", "0.165", EXEMPT),
        credit(Class::FeedIn, "", "38.480", "0.081", EXEMPT),
        Line::sum(
            Class::MakeWhole,
            "",
            Quantity { amount: 4_120, unit: Unit::Wh },
            money("-0.44496"),
            (EXEMPT, 2),
        )
        .unwrap(),
    ];
    let reference = Reference::of("INV202617").unwrap();
    Content {
        is_final: true,
        language: language.to_owned(),
        account: Some(Account {
            id: "2f1c7c58-1c1f-5d8e-9a44-0f6e9a1e7b11".to_owned(),
            pseudonym: Some("wren-41".to_owned()),
            address: Some(ChainAddress::repeat_byte(0x5a)),
            custody: Some(Custody::Held),
        }),
        place: Place {
            community: Some("Lindenau".to_owned()),
            community_id: Some("7be0d4a1-73f0-5a90-8f6a-1d1a43a1f0c2".to_owned()),
            slot_minutes: Some(15),
            ..plain(Vec::new()).place
        },
        tariffs: vec![TariffReference {
            name: "Lindenau Strom".to_owned(),
            version: Some(3),
            hash: Some(B256::repeat_byte(0x3c)),
        }],
        exemptions: vec![Exemption {
            category: Category::Exempt,
            reason: "Energy of private households, and compensation".to_owned(),
        }],
        prepaid: vec![Prepayment { source: PrepaymentSource::Wallet, amount: money("17.69") }],
        wallet: Some(money("12.40")),
        payment: Some(Payment {
            iban: Some("DE89 3704 0044 0532 0130 00".to_owned()),
            account_name: Some("Stadtwerke Lindenau GmbH".to_owned()),
            reference: Some(reference.to_string()),
        }),
        energy: sums(&month()),
        days: month(),
        comparison: Some(Comparison {
            retail_alone: money("133.91"),
            with_neighbours: money("101.02"),
        }),
        quality: Quality {
            estimated: kwh("3.2"),
            missing_slots: 0,
            late_readings: 2,
            relayed_readings: 0,
            curtailed_slots: 0,
        },
        information: Information {
            last_year: Some(LastYear {
                period: Period { from: day("2025-06-01"), to: day("2025-06-30") },
                taken: kwh("389.12"),
                given: kwh("12.5"),
            }),
            self_sufficiency_bps: Some(4_056),
            fuel_mix: Some("62 % wind, 30 % sun, 8 % gas".to_owned()),
            co2_grams_per_kwh: Some(38),
            switching: Some("Free of charge, within 24 hours".to_owned()),
        },
        dispute: Some(Dispute {
            contact: "service@stadtwerke-lindenau.example, +49 341 1234567".to_owned(),
            days: Some(30),
            body: Some("Schlichtungsstelle Energie".to_owned()),
        }),
        proof: Some(Proof {
            hash: B256::repeat_byte(0xa7),
            salt: Some(B256::repeat_byte(0x11)),
            chain: Some(20_260),
            contract: Some(ChainAddress::repeat_byte(0xc0)),
            transaction: Some(B256::repeat_byte(0x7e)),
            block: Some(48_213),
            command: "wattex verify INV-2026-17.json".to_owned(),
        }),
        ..plain(lines)
    }
}

/// Thirty days whose sums are those of the lines of [`full`].
fn month() -> Vec<Day> {
    let mut random = ChaCha8Rng::seed_from_u64(30);
    let mut left = [142_350_u64, 208_655, 61_200, 38_480];
    (0..30_u32)
        .map(|place| {
            let days = u64::from(30 - place);
            let parts = left.map(|wh| match days {
                1 => wh,
                days => (wh / days * random.random_range(40..160) / 100).min(wh),
            });
            left = [0, 1, 2, 3].map(|part| left[part] - parts[part]);
            let [bought, supplied, sold, fed_in] = parts.map(Energy::from_wh);
            let day = day("2026-06-01").later(i32::try_from(place).unwrap());
            Day { day, bought, supplied, sold, fed_in }
        })
        .collect()
}

pub(crate) fn sums(days: &[Day]) -> EnergyTotals {
    let sum = |part: usize| Energy::sum(days.iter().map(|day| day.parts()[part])).unwrap();
    EnergyTotals { bought: sum(0), supplied: sum(1), sold: sum(2), fed_in: sum(3) }
}

/// Any document, always the same for a seed.
pub(crate) fn random(seed: u64) -> Content {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let kind = [
        Kind::Invoice,
        Kind::SelfBilled,
        Kind::CreditNote,
        Kind::Correction,
        Kind::SelfBilledCreditNote,
    ][random.random_range(0..5)];
    let regime = random.random_range(0..4);
    let rates = rates(&mut random, regime);
    let count = random.random_range(1..20);
    let lines: Vec<Line> = (0..count).map(|_| any_line(&mut random, &rates)).collect();
    let mut content = plain(lines);
    content.kind = kind;
    content.number = format!("INV-2026-{}", seed + 1);
    content.currency = ["EUR", "INR", "GBP", "CHF"][random.random_range(0..4)].to_owned();
    content.issuer.vat_id = random.random_bool(0.9).then(|| "DE123456788".to_owned());
    content.issuer.tax_registration = Some("123/456/789".to_owned());
    if kind.is_self_billed() {
        content.customer.tax_registration = Some("987/654/321".to_owned());
        content.customer.vat_id = random.random_bool(0.5).then(|| "DE987654321".to_owned());
    }
    if regime == 2 {
        content.issuer.vat_id = Some("DE123456788".to_owned());
        content.customer.vat_id = Some("ATU12345678".to_owned());
    }
    let used: Vec<Category> = rates.iter().map(|rate| rate.category).collect();
    for category in [Category::Exempt, Category::ReverseCharge, Category::NotSubject] {
        if used.contains(&category) {
            content.exemptions.push(Exemption { category, reason: "Household".to_owned() });
        }
    }
    if kind.needs_preceding() || random.random_bool(0.1) {
        let number = format!("INV-2026-{seed}");
        content.preceding.push(Preceding { number, issued_on: day("2026-06-08") });
    }
    for _ in 0..random.random_range(0..3) {
        content.adjustments.push(DocumentAdjustment {
            amount: cents(&mut random),
            reason: "Goodwill & more <1>".to_owned(),
            tax: rates[random.random_range(0..rates.len())],
        });
    }
    if random.random_bool(0.6) {
        let amount = cents(&mut random);
        content.prepaid.push(Prepayment { source: PrepaymentSource::Wallet, amount });
    }
    if random.random_bool(0.2) {
        content.rounding = money("0.02");
    }
    if random.random_bool(0.7) {
        let account = format!("{:018}", random.random_range(0..999_999_999_u64));
        content.payment = Some(Payment {
            iban: random.random_bool(0.8).then(|| Iban::of("DE", &account).unwrap().to_string()),
            account_name: random.random_bool(0.5).then(|| "A & B".to_owned()),
            reference: Some(format!("REF {seed}")),
        });
    }
    content.quality.late_readings = random.random_range(0..3);
    content.quality.relayed_readings = random.random_range(0..3);
    if random.random_bool(0.5) {
        content.proof = full("en").proof;
    }
    content
}

/// Rates that may stand together.
fn rates(random: &mut ChaCha8Rng, regime: u32) -> Vec<TaxRate> {
    let reverse = TaxRate { category: Category::ReverseCharge, bps: 0 };
    let zero = TaxRate { category: Category::Zero, bps: 0 };
    let reduced = TaxRate { category: Category::Standard, bps: random.random_range(1..3000) };
    match regime {
        0 => vec![STANDARD],
        1 => vec![STANDARD, reduced, EXEMPT, zero],
        2 => vec![reverse],
        _ => vec![NOT_SUBJECT],
    }
}

fn cents(random: &mut ChaCha8Rng) -> Money {
    let cents = random.random_range(1..5_000_i64);
    Money::from_n(if random.random_bool(0.5) { cents } else { -cents } * 10_000_000)
}

fn any_line(random: &mut ChaCha8Rng, rates: &[TaxRate]) -> Line {
    let class = Class::ALL[random.random_range(0..Class::ALL.len())];
    let unit = [Unit::Wh, Unit::W, Unit::Day, Unit::Month, Unit::Piece][random.random_range(0..5)];
    let most = 2_000 * unit.per_printed();
    let quantity = Quantity { amount: random.random_range(-most..most), unit };
    let taxed = (rates[random.random_range(0..rates.len())], 2);
    let mut line = if random.random_bool(0.3) {
        let exact = Money::from_n(random.random_range(-400_000_000_000..400_000_000_000_i64));
        Line::sum(class, "", quantity, exact, taxed).unwrap()
    } else {
        let price = Money::from_n(random.random_range(-90_000..400_000) * 1_000);
        let price = UnitPrice { amount: price, per: unit.per_printed() };
        Line::new(class, "tariff <A> & \"B\"", quantity, price, taxed).unwrap()
    };
    if random.random_bool(0.2) {
        let amount = cents(random);
        line.adjustments.push(Adjustment { amount, reason: "Discount".to_owned() });
        line.net = line.net.plus(amount).unwrap();
    }
    if random.random_bool(0.3) {
        let input = Input { name: "energy".to_owned(), value: "1.5 kWh".to_owned() };
        line.trace = Some(Trace { formula: "energy x price".to_owned(), inputs: vec![input] });
    }
    line
}

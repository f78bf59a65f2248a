//! A season of homes, with readings that come late or change after invoices.
//!
//! The 17 homes of `load_citylearn17` where they are on this machine, and 17 generated ones, every
//! other one with its own roof, August to October 2016 by the hour: 51 invoices, 37 536 intervals,
//! about eight thousand trades of the measured ones. Of the intervals 2 % come
//! late and 1 % change, before the invoice, after it, or after its first correction.

mod books;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use alloy_primitives::{Address, B256, keccak256};
use billing::domain::bill::{
    Around, Facts, Heading, Invoice, Issuer, OfReadings, Period, Side, Traded, Used, Vat, corrected,
};
use billing::domain::correction::{
    self, Cause, Correction, Difference, is_changed, standing, subject,
};
use billing::domain::journal::{
    Account, Corrected, Fact, Invoiced, check, check_entries, check_invoice, check_posted,
};
use billing::domain::reconcile::{Delivery, Metered, Trade, Unmetered, reconcile};
use calendar::{LocalDay, SlotLength, TimeZone, Timestamp};
use contracts::{Clearing, Policy, Prices, Terms, outcome};
use documents::{Locale, Preceding, Proof, ubl};
use events::identity::Custody;
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reading::Quality;
use tariff::Tariff;
use units::{Energy, Money, Price};

use books::Books;

const SEED: u64 = 17;
const HOMES: usize = 17;
const MONTHS: [&str; 3] = ["2016-08-01", "2016-09-01", "2016-10-01"];
const HOURS: usize = 92 * 24;
/// What is known: when the slot was settled, at the invoice, and at each correction.
const STAGES: usize = 4;
/// Orders below this are not worth one.
const LEAST_WH: u64 = 50;

/// Import and export of a home in an hour, by stage; none before it was heard of.
type Known = [Option<Metered>; STAGES];

struct Season {
    zone: TimeZone,
    tariff: Tariff,
    policy: Policy,
    /// By home, then by hour.
    meters: Vec<Vec<Known>>,
    /// By hour.
    trades: Vec<Vec<Trade>>,
    terms: BTreeMap<B256, Terms>,
}

fn point(home: usize) -> ConnectionPointId {
    ConnectionPointId::derived(&format!("home {home}"))
}

fn address(home: usize) -> Address {
    Address::from_word(keccak256(format!("home {home}")))
}

fn home_of(place: ConnectionPointId) -> usize {
    (0..HOMES).find(|home| point(*home) == place).unwrap()
}

/// Wh of each home in each hour from midnight of the first day on: the file names hours by their
/// end.
fn measured(folder: &Path, file: &str) -> Vec<Vec<u64>> {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let wh = |kwh: &str| {
        let (whole, part) = kwh.split_once('.').unwrap_or((kwh, ""));
        let part = format!("{part:0<3}");
        whole.parse::<u64>().unwrap() * 1000 + part[..3].parse::<u64>().unwrap()
    };
    let rows = text.lines().skip(2).take(HOURS);
    rows.map(|row| row.split(',').skip(1).map(wh).collect()).collect()
}

/// Loads and roofs in Wh as [`measured`] has them, by a seed: evenings and noons with noise.
fn generated() -> [Vec<Vec<u64>>; 2] {
    let mut random = ChaCha8Rng::seed_from_u64(SEED + 1);
    let mut hours = |watts: fn(u64) -> u64| {
        let mut home = |hour| watts(hour) * random.random_range(20..=180) / 100;
        let hours = (0..HOURS as u64).map(|hour| (0..HOMES).map(|_| home(hour % 24)).collect());
        hours.collect::<Vec<Vec<u64>>>()
    };
    let load = hours(|hour| if (17..22).contains(&hour) { 1_500 } else { 500 });
    let pv = hours(|hour| 100 * 36_u64.saturating_sub(hour.abs_diff(12).pow(2)));
    [load, pv]
}

impl Season {
    fn new([load, pv]: [Vec<Vec<u64>>; 2]) -> Season {
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let mut meters = vec![Vec::with_capacity(HOURS); HOMES];
        for hour in 0..HOURS {
            for (home, known) in meters.iter_mut().enumerate() {
                let roof = if home % 2 == 1 { pv[hour][home] } else { 0 };
                known.push(fate(load[hour][home], roof, &mut random));
            }
        }
        let mut policy = testkit::policy("season");
        policy.slot_seconds = 3600;
        let tariff = tariff();
        let zone = tariff.head().timezone.clone();
        let (trades, terms) = (Vec::new(), BTreeMap::new());
        let mut season = Season { zone, tariff, policy, meters, trades, terms };
        for hour in 0..HOURS {
            let trades = season.trade(hour);
            season.trades.push(trades);
        }
        season
    }

    /// Everybody orders what the meter showed a day before; orders meet first in, first out.
    fn trade(&mut self, hour: usize) -> Vec<Trade> {
        let Some(before) = hour.checked_sub(24) else { return Vec::new() };
        let last = |home: usize| self.meters[home][before][STAGES - 1].unwrap_or_default();
        let side = |part: fn(Metered) -> Energy| {
            let orders = (0..HOMES).map(|home| (home, part(last(home)).wh()));
            orders.filter(|(_, wh)| *wh >= LEAST_WH).collect::<Vec<_>>()
        };
        let (mut buyers, sellers) = (side(|m| m.import), side(|m| m.export));
        let mut trades = Vec::new();
        for (seller, mut wh) in sellers {
            while wh >= LEAST_WH {
                let Some((buyer, wanted)) = buyers.first_mut() else { return trades };
                let quantity = wh.min(*wanted);
                let id = keccak256(format!("{hour}/{}", trades.len()));
                let (seller, buyer) = (point(seller), point(*buyer));
                let quantity = Energy::from_wh(quantity);
                trades.push(Trade { id, seller, buyer, quantity });
                self.terms.insert(id, self.terms_of(quantity));
                wh -= quantity.wh();
                *wanted -= quantity.wh();
                if *wanted < LEAST_WH {
                    buyers.remove(0);
                }
            }
        }
        trades
    }

    fn terms_of(&self, quantity: Energy) -> Terms {
        let clearing =
            Clearing { retail_price: 290_000, feed_in_price: 80_000, ..Clearing::default() };
        Terms::new(&self.policy, &clearing, Prices::one(180_000), quantity)
    }

    fn slot(&self, hour: usize) -> Timestamp {
        let first = self.zone.start_of(MONTHS[0].parse().unwrap());
        first.plus_seconds(i64::try_from(hour).unwrap() * 3600)
    }

    fn metered(&self, hour: usize, stage: usize) -> BTreeMap<ConnectionPointId, Metered> {
        let of = |home: usize| Some((point(home), self.meters[home][hour][stage]?));
        (0..HOMES).filter_map(of).collect()
    }

    fn deliveries(&self, hour: usize, stage: usize) -> Vec<Delivery> {
        reconcile(&self.trades[hour], &self.metered(hour, stage), Unmetered::IsZero)
    }

    fn period(&self, month: usize) -> Period {
        let from: LocalDay = MONTHS[month].parse().unwrap();
        Period { from, to: from.next_month_start().later(-1) }
    }

    fn hours(&self, month: usize) -> impl Iterator<Item = usize> {
        let period = self.period(month);
        let (from, to) = (self.zone.start_of(period.from), self.zone.start_of(period.to.next()));
        (0..HOURS).filter(move |hour| {
            let slot = self.slot(*hour);
            from <= slot && slot < to
        })
    }

    /// The invoice that follows from what is known at a stage, under the invoice's own heading.
    fn rated(
        &self,
        (home, month): (usize, usize),
        stage: usize,
        before: Option<&Invoice>,
    ) -> Invoice {
        let mut used = BTreeMap::new();
        let mut trades = Vec::new();
        for hour in self.hours(month) {
            if let Some(Metered { import, export }) = self.meters[home][hour][stage] {
                let quality = Quality::Measured;
                used.insert(self.slot(hour), Used { import, export, quality });
            }
            let agreed = self.trades[hour].iter().zip(self.deliveries(hour, stage));
            let ours =
                agreed.filter_map(|(trade, delivery)| self.traded(home, hour, trade, delivery));
            trades.extend(ours);
        }
        let facts = Facts {
            period: self.period(month),
            tariff: &self.tariff,
            slot_length: SlotLength::from_minutes(60).unwrap(),
            used: &used,
            trades: &trades,
            before: before.and_then(|invoice| invoice.carried.as_ref()),
        };
        let heading = Heading {
            number: format!("INV-{home}-{month}"),
            salt: keccak256(format!("{home}/{month}")),
            account: AccountId::derived(&format!("home {home}")),
            pseudonym: format!("home {home}"),
            address: address(home),
            custody: Custody::Own,
            community: CommunityId::derived("season"),
            connection_point: point(home),
            meter: MeterId::derived(&format!("home {home}")),
            is_final: false,
        };
        Invoice::issue(heading, &facts, OfReadings::default()).unwrap()
    }

    fn traded(&self, home: usize, hour: usize, of: &Trade, run: Delivery) -> Option<Traded> {
        let (side, own_short, fee) = if of.buyer == point(home) {
            (Side::Buyer, run.buyer_short, self.policy.buyer_fee)
        } else if of.seller == point(home) {
            (Side::Seller, run.seller_short, self.policy.seller_fee)
        } else {
            return None;
        };
        let terms = &self.terms[&of.id];
        let paid = outcome(terms, run.delivered, run.seller_short, run.buyer_short).unwrap();
        let price = |n: u64| Price::from_n_per_wh(i64::try_from(n).unwrap());
        Some(Traded {
            side,
            slot: self.slot(hour),
            quantity: of.quantity,
            delivered: run.delivered,
            own_short,
            short: run.buyer_short.plus(run.seller_short).unwrap(),
            excused: Energy::ZERO,
            price: price(180_000),
            network_fee: price(self.policy.network_fee),
            platform_fee: price(fee),
            make_whole: paid.make_whole,
            compensation: paid.compensation,
            imbalance: if own_short > Energy::ZERO { paid.imbalance } else { Money::ZERO },
        })
    }
}

/// When and how an interval is heard of: 97 % at once and for good.
fn fate(load: u64, roof: u64, random: &mut ChaCha8Rng) -> Known {
    let (import, export) = (load.saturating_sub(roof), roof.saturating_sub(load));
    let right = Metered { import: Energy::from_wh(import), export: Energy::from_wh(export) };
    let heard = random.random_range(1..STAGES);
    let first = match random.random_range(0..100) {
        0 | 1 => None,
        2 => {
            // It was said to be up to a third more or less.
            let times = random.random_range(67..=133);
            let other = |energy: Energy| Energy::from_wh(energy.wh() * times / 100);
            Some(Metered { import: other(right.import), export: other(right.export) })
        }
        _ => Some(right),
    };
    let mut known = [Some(right); STAGES];
    known[..heard].fill(first);
    known
}

/// Blocks, power, and a bank that goes on from month to month.
fn tariff() -> Tariff {
    let sheet = serde_json::json!({
        "id": "season", "name": "Season", "version": 1, "valid_from": "2016-01-01",
        "currency": "USD", "timezone": "Etc/GMT+8",
        "fixed": [{ "name": "Meter", "amount": "0.35", "per": "day" }],
        "energy": [
            { "periods": [{ "name": "all day", "tiers": [
                { "max": 150, "price": 0.228 }, { "price": "0.258" }] }] },
            { "class": "network", "price": "0.062" },
            { "class": "network", "on": "local", "price": "0.01" },
            { "class": "platform", "on": "local", "price": "0.002" },
            { "class": "platform", "on": "sold", "price": "0.002" },
        ],
        "demand": [{ "price": "4.50" }],
        "export": { "mode": "net_billing", "price": "0.08", "bank": "money_next_month" },
        "taxes": [{ "name": "VAT", "percent": 19 }],
    });
    Tariff::from_json(&sheet.to_string()).unwrap()
}

/// Amounts by line, as an invoice and its corrections say them together.
fn together(
    invoice: &Invoice,
    corrections: &[Correction],
) -> BTreeMap<(String, String), (Money, Money)> {
    let mut sums: BTreeMap<(String, String), (Money, Money)> = BTreeMap::new();
    let mut add = |class: &str, label: &str, exact: Money, amount: Money| {
        let sum = sums.entry((class.to_owned(), label.to_owned())).or_default();
        *sum = (sum.0.plus(exact).unwrap(), sum.1.plus(amount).unwrap());
    };
    for line in &invoice.lines {
        add(&format!("{:?}", line.class), &line.label, line.exact, line.amount);
    }
    for Difference { class, label, exact, amount, .. } in
        corrections.iter().flat_map(|correction| &correction.lines)
    {
        add(&format!("{class:?}"), label, *exact, *amount);
    }
    sums.retain(|_, sum| *sum != (Money::ZERO, Money::ZERO));
    sums
}

/// What is said around a correction in its document.
fn around(season: &Season, correction: &Correction) -> Around {
    let issuer: Issuer = serde_json::from_value(crate::documents::issuer()).unwrap();
    let issued_on: LocalDay = "2016-12-01".parse().unwrap();
    Around {
        customer: issuer.party.clone(),
        issuer,
        issued_on,
        due_on: issued_on.later(14),
        tariff: ("Season".to_owned(), 1),
        vat: Vat::of(&season.tariff),
        language: "en".to_owned(),
        payment: None,
        proof: Proof {
            hash: correction.hash(),
            salt: None,
            chain: None,
            contract: None,
            transaction: None,
            block: None,
            command: format!("wattex verify {}.json", correction.number),
        },
        days: Vec::new(),
        quality: documents::Quality::default(),
        comparison: None,
        last_year: None,
    }
}

/// The document of a correction comes to what is due, as an electronic invoice of its kind.
fn check_document(season: &Season, one: &Correction) {
    let issued_on = "2016-11-10".parse().unwrap();
    let preceding = vec![Preceding { number: one.corrects.number.clone(), issued_on }];
    let document = corrected(one, preceding, around(season, one)).unwrap();
    let (code, due) = match one.kind() {
        correction::Kind::CreditNote => ("381", one.due.negated().unwrap()),
        correction::Kind::Invoice => ("380", one.due),
        correction::Kind::Corrected => ("384", one.due),
    };
    assert_eq!(document.totals().payable, due, "{}", one.number);
    let cent = Money::from_n(10_000_000);
    let rounding = document.totals().rounding;
    assert!(rounding.max(rounding.negated().unwrap()) <= cent, "{}: {rounding}", one.number);
    let xml = ubl::write(&document, &Locale::named("en").unwrap()).unwrap();
    let faults = crate::judge::faults(&xml);
    assert!(faults.is_empty(), "{}: {faults:#?}\n{xml}", one.number);
    assert!(xml.contains(&format!("TypeCode>{code}<")), "{xml}");
    assert!(xml.contains("BillingReference") && xml.contains(&one.corrects.number));
}

/// Corrects every invoice that what is known at a stage makes another one, month by month.
fn correct(
    season: &Season,
    books: &mut Books,
    (bills, issued): (&[Invoice], &mut [Vec<Correction>]),
    stage: usize,
) {
    for (place, bill) in bills.iter().enumerate() {
        let (home, month) = (place / MONTHS.len(), place % MONTHS.len());
        let before = month.checked_sub(1);
        let before = before.map(|_| standing(&bills[place - 1], issued[place - 1].last()).clone());
        let right = season.rated((home, month), stage, before.as_ref());
        let last = issued[place].last();
        if !is_changed(standing(bill, last), &right) {
            continue;
        }
        let heading = correction::Heading {
            number: format!("COR-{place}-{stage}"),
            salt: B256::ZERO,
            cause: Cause::Facts,
            dispute: None,
        };
        let made = Correction::of(heading, bill, last, right).unwrap();
        books.post("correction", Fact::Corrected(Corrected::of(&made).unwrap()));
        issued[place].push(made);
    }
}

#[test]
fn invoices_and_their_corrections_come_to_a_fresh_run_and_the_books_to_nothing() {
    let Some(folder) = testkit::data("load_citylearn17") else { return };
    let of = |file| measured(&folder, file);
    check_season(&Season::new([of("load_kwh.csv"), of("pv_kwh.csv")]));
}

#[test]
fn the_same_holds_of_generated_homes() {
    check_season(&Season::new(generated()));
}

fn check_season(season: &Season) {
    let mut books = Books::open(season);
    books.learn(season, 0);
    books.learn(season, 1);
    let (mut bills, mut fresh) = (Vec::new(), BTreeMap::new());
    for home in 0..HOMES {
        for month in 0..MONTHS.len() {
            let before = month.checked_sub(1).map(|_| &bills[bills.len() - 1]);
            let bill = season.rated((home, month), 1, before);
            books.post("invoice", Fact::Invoiced(Invoiced::of(&bill).unwrap()));
            bills.push(bill);
        }
    }
    let trades: usize = season.trades.iter().map(Vec::len).sum();
    assert!((4_000..40_000).contains(&trades), "{trades} trades");

    let mut issued: Vec<Vec<Correction>> = vec![Vec::new(); bills.len()];
    for stage in 2..STAGES {
        books.learn(season, stage);
        correct(season, &mut books, (&bills, &mut issued), stage);
        check(&books.book, None).unwrap();
    }
    for home in 0..HOMES {
        for month in 0..MONTHS.len() {
            let before = month.checked_sub(1).map(|before| &fresh[&(home, before)]);
            let right = season.rated((home, month), STAGES - 1, before);
            fresh.insert((home, month), right);
        }
    }

    let made: usize = issued.iter().map(Vec::len).sum();
    println!("{} invoices, {trades} trades, {made} corrections", bills.len());
    assert!(made > bills.len() && made <= 2 * bills.len(), "{made} corrections");
    let (mut seen, mut due) = (String::new(), Money::ZERO);
    for (place, bill) in bills.iter().enumerate() {
        let right = &fresh[&(place / MONTHS.len(), place % MONTHS.len())];
        let corrections = &issued[place];
        assert_eq!(together(bill, corrections), together(right, &[]), "seed {SEED}, {place}");
        let totals = corrections.iter().map(|one| one.total).chain([bill.total]);
        assert_eq!(Money::sum(totals).unwrap(), right.total);
        let dues = corrections.iter().map(|one| one.due).chain([bill.due]);
        assert_eq!(Money::sum(dues).unwrap(), right.due);
        due = due.plus(right.due).unwrap();
        let standing = standing(bill, corrections.last());
        check_invoice(&books.book, standing, &season.zone).unwrap();
        let cent_more = standing.due.plus(Money::from_n(10_000_000)).unwrap();
        let other = Invoice { due: cent_more, ..standing.clone() };
        assert_eq!(check_posted(&books.book, &other).unwrap_err().rule(), "I9");
        for one in corrections {
            write!(seen, "{:?}", one.kind()).unwrap();
            check_document(season, one);
        }
        assert_ne!(subject(bill), subject(&bills[(place + 1) % bills.len()]));
    }
    assert!(seen.contains("CreditNote") && seen.contains("Invoice"), "{seen}");
    // What all parties owe and are owed is nothing together; what homes owe is what was billed.
    check(&books.book, None).unwrap();
    check_entries(&books.entries, &books.book).unwrap();
    assert_eq!(books.book.balances().map(|(_, balance)| balance).sum::<i128>(), 0);
    let owed = (0..HOMES).map(|home| books.book.balance(&Account::Receivable(address(home))));
    assert_eq!(owed.sum::<i128>(), i128::from(due.n()));
}

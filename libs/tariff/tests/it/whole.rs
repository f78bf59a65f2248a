//! Whole sheets against a second program that adds up watt-hours with a clock of its own: standing
//! charges, time of use, prices by the hour, power with a ratchet, every mode of export with its
//! bank, the least charge, tax, and a change of version on any day.

mod naive;

use serde_json::{Value, json};
use tariff::bill::{Carried, rate};
use tariff::{Class, Plan, Series, Sheet, Spot, UnitPrice};
use units::{Decimal, Money};

use crate::loads::{day, sheet};
use naive::{Clock, HOUR};

/// Sheets and loads that are tried.
const CASES: u64 = 2_000;
/// Over a spring's change of clocks, and over an autumn's and a year's end.
const SPANS: [(&str, &str); 2] = [("2026-02-15", "2026-05-15"), ("2026-09-20", "2027-01-10")];

/// How export meets import, and what is carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Export {
    Nothing,
    FeedIn,
    /// `Some(true)`: money that counts at once; `Some(false)`: from the next month on.
    NetBilling(Option<bool>),
    NetMetering(Bank),
    BuyAllSellAll,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bank {
    None,
    Energy,
    Money(bool),
}

/// What becomes of a bank at the end of December, or of another month; energy at a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leftover {
    Keep,
    Expire,
    Pay(i128),
    Credit(i128),
}

/// The terms of a version. Prices are in 10^-6 per kWh, kW or day.
#[derive(Debug, Clone)]
struct Terms {
    /// By period; of a price series what is put on top, and the least it may be.
    energy: [i128; 2],
    grid: i128,
    /// Whether it is per month, and how much.
    fixed: (bool, i128),
    power: Option<i128>,
    fed_in: i128,
    least: Option<(bool, i128)>,
}

/// A tariff of one or two versions, and a load.
struct Case {
    span: (u32, u32),
    /// The first day of the second version.
    change: Option<u32>,
    versions: [Terms; 2],
    by_hour: bool,
    /// The period of each hour, on working days and on others.
    table: [[usize; 24]; 2],
    export: Export,
    year_end: u8,
    leftover: Leftover,
    /// Percent, months, and 10^-9 kW at least.
    ratchet: Option<(i128, usize, i128)>,
    /// In percent.
    tax: i128,
    /// By hour of the span: price of the series, taken and given in Wh, and whether estimated.
    prices: Vec<i128>,
    taken: Vec<i128>,
    given: Vec<i128>,
    estimated: Vec<bool>,
}

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn price(&mut self, end: u64) -> i128 {
        i128::from(self.below(end)) + 1
    }

    fn often(&mut self, of_100: u64) -> bool {
        self.below(100) < of_100
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn terms(&mut self) -> Terms {
        Terms {
            energy: [self.price(500_000), self.price(500_000)],
            grid: self.price(90_000),
            fixed: (self.often(50), self.price(9_000_000)),
            power: self.often(60).then(|| self.price(9_000_000)),
            fed_in: self.price(200_000),
            least: self.often(50).then(|| (self.often(50), self.price(30_000_000))),
        }
    }
}

impl Case {
    fn new(seed: u64) -> Case {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (from, to) = random.one(&SPANS);
        let span = (day(from).number(), day(to).number());
        let days = u64::from(span.1 - span.0);
        let hours = Clock::hours(span).count();
        let export = random.one(&[
            Export::Nothing,
            Export::FeedIn,
            Export::NetBilling(None),
            Export::NetBilling(Some(true)),
            Export::NetBilling(Some(false)),
            Export::NetMetering(Bank::None),
            Export::NetMetering(Bank::Energy),
            Export::NetMetering(Bank::Money(true)),
            Export::NetMetering(Bank::Money(false)),
            Export::BuyAllSellAll,
        ]);
        let is_energy = export == Export::NetMetering(Bank::Energy);
        let price = random.price(100_000);
        let leftover = match is_energy {
            true => random.one(&[
                Leftover::Keep,
                Leftover::Expire,
                Leftover::Pay(price),
                Leftover::Credit(price),
            ]),
            false => random.one(&[Leftover::Keep, Leftover::Expire, Leftover::Pay(0)]),
        };
        let mut table = || std::array::from_fn(|_| usize::from(random.often(50)));
        let mut table = [table(), table()];
        if is_energy {
            // To which period a bank moves where the hours of the day change theirs is a rule that
            // has its own tests: here they keep them.
            table[1] = table[0];
        }
        let change =
            random.often(60).then(|| span.0 + u32::try_from(random.below(days - 1) + 1).unwrap());
        let marks = random.one(&[0, 0, 3, 60]);
        Case {
            span,
            change,
            versions: [random.terms(), random.terms()],
            by_hour: random.often(30),
            table,
            export,
            year_end: random.one(&[3, 4, 10, 12]),
            leftover,
            ratchet: random.often(50).then(|| {
                let months = usize::try_from(random.below(4)).unwrap();
                (i128::from(random.below(101)), months, i128::from(random.below(2)) * 90_000_000)
            }),
            tax: random.one(&[0, 7, 19]),
            prices: (0..hours).map(|_| random.price(300_000) - 60_000).collect(),
            taken: (0..hours).map(|_| i128::from(random.below(250))).collect(),
            given: (0..hours).map(|_| i128::from(random.below(250))).collect(),
            estimated: (0..hours).map(|_| random.often(marks)).collect(),
        }
    }

    /// What the case is of, but for the load and the series.
    fn told(&self) -> String {
        let Case { change, versions, by_hour, export, year_end, leftover, ratchet, .. } = self;
        format!("{change:?} {versions:?} {by_hour} {export:?} {year_end} {leftover:?} {ratchet:?}")
    }

    fn sheets(&self) -> Vec<Sheet> {
        let text = |number| tariff_day(number);
        let (from, to) = self.span;
        let spans = match self.change {
            Some(change) => vec![(from, change), (change, to)],
            None => vec![(from, to)],
        };
        let versions = spans.into_iter().zip(&self.versions).enumerate();
        versions
            .map(|(place, ((from, to), terms))| {
                let mut json = self.json(terms);
                json["version"] = json!(place + 1);
                json["valid_from"] = json!(text(from));
                json["valid_to"] = json!(text(to));
                sheet(&json)
            })
            .collect()
    }

    fn json(&self, terms: &Terms) -> Value {
        let per = |month| if month { "month" } else { "day" };
        let energy = match self.by_hour {
            true => json!({ "dynamic": {
                "markup": micro(terms.energy[0]), "floor": micro(terms.energy[0] / 2),
            } }),
            false => json!({
                "periods": [
                    { "name": "low", "price": micro(terms.energy[0]) },
                    { "name": "high", "price": micro(terms.energy[1]) },
                ],
                "schedule": {
                    "weekday": vec![self.table[0].to_vec(); 12],
                    "weekend": vec![self.table[1].to_vec(); 12],
                },
            }),
        };
        let mut json = json!({
            "id": "whole", "currency": "EUR",
            "fixed": [{ "per": per(terms.fixed.0), "amount": micro(terms.fixed.1) }],
            "energy": [energy, { "class": "network", "price": micro(terms.grid) }],
        });
        if let Some(price) = terms.power {
            json["demand"] = json!([{ "price": micro(price) }]);
        }
        if let Some((percent, months, least)) = self.ratchet {
            json["ratchet"] = json!({
                "percent": percent_of(percent), "months": months,
                "minimum_kw": Decimal::new(least, 9).to_string(),
            });
        }
        if let Some((month, amount)) = terms.least {
            json["minimum"] = json!([{ "per": per(month), "amount": micro(amount) }]);
        }
        if self.tax > 0 {
            json["taxes"] = json!([{ "percent": percent_of(self.tax) }]);
        }
        if self.export != Export::Nothing {
            json["export"] = self.export_json(terms);
        }
        json
    }

    fn export_json(&self, terms: &Terms) -> Value {
        let money = |at_once| if at_once { "money" } else { "money_next_month" };
        let (mode, bank) = match self.export {
            Export::Nothing | Export::FeedIn => ("feed_in", "none"),
            Export::NetBilling(bank) => ("net_billing", bank.map_or("none", money)),
            Export::NetMetering(Bank::None) => ("net_metering", "none"),
            Export::NetMetering(Bank::Energy) => ("net_metering", "energy"),
            Export::NetMetering(Bank::Money(at_once)) => ("net_metering", money(at_once)),
            Export::BuyAllSellAll => ("buy_all_sell_all", "none"),
        };
        let mut end = json!({ "month": self.year_end });
        (end["leftover"], end["price"]) = match self.leftover {
            Leftover::Keep => (json!("keep"), json!(0)),
            Leftover::Expire => (json!("expire"), json!(0)),
            Leftover::Pay(price) => (json!("pay"), json!(micro(price))),
            Leftover::Credit(price) => (json!("credit"), json!(micro(price))),
        };
        json!({ "mode": mode, "bank": bank, "price": micro(terms.fed_in), "year_end": end })
    }

    fn spots(&self) -> Vec<Spot> {
        let prices = Clock::hours(self.span).zip(&self.prices);
        let spot = |(clock, price): (Clock, &i128)| Spot {
            from: calendar::Timestamp::from_seconds(clock.utc),
            to: calendar::Timestamp::from_seconds(clock.utc + HOUR),
            price: UnitPrice::of(Decimal::new(*price, 6)).unwrap(),
        };
        prices.map(spot).collect()
    }

    fn series(&self) -> Series<'static> {
        let fine = |wh: &[i128]| -> Vec<i64> {
            wh.iter().map(|wh| i64::try_from(wh * 1_000_000).unwrap()).collect()
        };
        let (taken, given) = (fine(&self.taken), fine(&self.given));
        let series = match self.export {
            Export::BuyAllSellAll => Series::behind_the_meter(taken, given).unwrap(),
            _ => Series::metered(taken, given).unwrap(),
        };
        series.with_estimated(self.estimated.clone()).unwrap()
    }
}

fn tariff_day(number: u32) -> String {
    let (year, month, day) = Clock::date(i64::from(number));
    format!("{year}-{month:02}-{day:02}")
}

fn micro(price: i128) -> String {
    Decimal::new(price, 6).to_string()
}

fn percent_of(percent: i128) -> String {
    percent.to_string()
}

/// Cents of an amount that has no part of one.
fn cents(money: Money) -> i128 {
    money.decimal().to_scale(2).unwrap()
}

#[test]
fn whole_sheets_come_to_what_a_second_program_adds_up() {
    let mut seen = [0_usize; 6];
    for seed in 0..CASES {
        let case = Case::new(seed);
        let zone = "Europe/Berlin".parse().unwrap();
        let days = (day(&tariff_day(case.span.0)), day(&tariff_day(case.span.1)));
        let plan = Plan::new(case.sheets(), &zone, days, 60, &case.spots()).unwrap();
        assert_eq!(plan.intervals(), case.taken.len(), "seed {seed}: the clocks differ");
        let bill = rate(&plan, &case.series(), &Carried::default()).unwrap();
        let expected = naive::bill(&case);
        assert_eq!(bill.months.len(), expected.months.len(), "seed {seed}");
        for (month, right) in bill.months.iter().zip(&expected.months) {
            let at = format!("seed {seed}, {}: {}", month.first, case.told());
            let mut lines: Vec<(Class, i128)> =
                month.lines.iter().map(|line| (line.class, cents(line.amount))).collect();
            lines.retain(|(_, amount)| *amount != 0);
            lines.sort_unstable();
            assert_eq!(lines, right.lines, "{at}");
            let totals = [month.net, month.vat, month.gross].map(cents);
            assert_eq!(totals, [right.net, right.vat, right.net + right.vat], "{at}");
            assert_eq!(month.peak.map(i128::from), right.peak, "{at}");
            for (class, count) in [Class::Demand, Class::Credit, Class::Minimum, Class::Vat]
                .into_iter()
                .zip(&mut seen)
            {
                *count += usize::from(lines.iter().any(|(one, _)| *one == class));
            }
        }
        let at = format!("seed {seed}: {}", case.told());
        assert_eq!(bill.closing.credit.atto(), expected.credit, "{at}");
        assert_eq!(bill.closing.surplus, expected.surplus, "{at}");
        let banked = bill.closing.banked.iter().flatten();
        assert_eq!(banked.map(|kept| i128::from(*kept)).sum::<i128>(), expected.banked, "{at}");
        seen[4] += usize::from(case.change.is_some());
        seen[5] += usize::from(case.by_hour);
    }
    // Nothing is right only because it never came.
    assert!(seen.iter().all(|count| *count > 500), "{seen:?}");
}

//! Random tariffs and loads against a twin that looks at every watt-hour for itself.

use std::collections::BTreeMap;

use calendar::{LocalDay, TimeZone};
use proptest::prelude::*;
use serde_json::{Value, json};
use tariff::bill::Carried;
use tariff::{Class, Plan, Series, Sheet};

use crate::loads::{day, none, rated, sheet};

const ZONE: &str = "Europe/Berlin";

/// What a random tariff is made of. Prices are in 10^-6 per kWh.
#[derive(Debug, Clone)]
struct Terms {
    weekday: Vec<Vec<u8>>,
    weekend: Vec<Vec<u8>>,
    /// Periods of tiers: end in Wh, price.
    periods: Vec<Vec<(i64, i64)>>,
    across: &'static str,
    reset: &'static str,
    holiday: LocalDay,
}

impl Terms {
    fn sheet(&self) -> Sheet {
        let periods = self.periods.iter().map(|tiers| {
            let last = tiers.len() - 1;
            let tiers = tiers.iter().enumerate().map(|(place, (end, price))| {
                let mut tier = json!({ "price": micro(*price) });
                if place < last {
                    tier["max"] = json!(units::Decimal::new((*end).into(), 3).to_string());
                }
                tier
            });
            json!({ "tiers": tiers.collect::<Vec<Value>>() })
        });
        sheet(&json!({
            "id": "twin", "currency": "EUR", "holidays": [self.holiday],
            "energy": [{
                "periods": periods.collect::<Vec<Value>>(),
                "schedule": { "weekday": self.weekday, "weekend": self.weekend },
                "tiers": { "across": self.across, "per": self.reset },
            }],
        }))
    }

    fn period(&self, day: LocalDay, minute: u16) -> usize {
        let table = match day.is_weekend() || day == self.holiday {
            true => &self.weekend,
            false => &self.weekday,
        };
        usize::from(table[usize::from(day.month()) - 1][usize::from(minute / 60)])
    }

    /// When counting begins anew, as something that changes then.
    fn epoch(&self, day: LocalDay) -> (i16, u32) {
        match self.reset {
            "day" => (day.year(), day.number()),
            "month" => (day.year(), day.month().into()),
            "quarter" => (day.year(), u32::from(day.month() - 1) / 3),
            _ => (day.year(), 0),
        }
    }

    /// Every Wh by itself: 10^-9 currency by month, and the Wh of each month, period and tier.
    fn naive(&self, plan: &Plan, import_wh: &[u8]) -> BTreeMap<(i16, u8), i128> {
        let mut costs = BTreeMap::new();
        let mut counts: BTreeMap<usize, i64> = BTreeMap::new();
        let mut epoch = None;
        for (place, wh) in import_wh.iter().enumerate() {
            let local = plan.zone().local(plan.moment(place));
            if epoch != Some(self.epoch(local.day)) {
                (epoch, counts) = (Some(self.epoch(local.day)), BTreeMap::new());
            }
            let period = self.period(local.day, local.minute);
            let slot = if self.across == "period" { period } else { 0 };
            let cost = costs.entry((local.day.year(), local.day.month())).or_insert(0);
            for _ in 0..*wh {
                let count = counts.entry(slot).or_insert(0);
                let tiers = &self.periods[period];
                let found = tiers[..tiers.len() - 1].iter().find(|(end, _)| *count < *end);
                *cost += i128::from(found.unwrap_or(&tiers[tiers.len() - 1]).1);
                *count += 1;
            }
        }
        costs
    }
}

fn micro(price: i64) -> String {
    units::Decimal::new(price.into(), 6).to_string()
}

fn table(periods: u8) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(0..periods, 24), 12)
}

fn tiers() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((1_i64..4_000, -50_000_i64..500_000), 1..4).prop_map(|mut tiers| {
        let mut end = 0;
        for tier in &mut tiers {
            end += tier.0;
            tier.0 = end;
        }
        tiers
    })
}

fn terms(across: Vec<&'static str>) -> impl Strategy<Value = Terms> {
    (1_u8..4).prop_flat_map(move |count| {
        let rule = (
            prop::sample::select(across.clone()),
            prop::sample::select(vec!["day", "month", "quarter", "year"]),
            0_i32..60,
        );
        let periods = prop::collection::vec(tiers(), usize::from(count));
        (table(count), table(count), periods, rule).prop_map(
            |(weekday, weekend, periods, (across, reset, holiday))| Terms {
                weekday,
                weekend,
                periods,
                across,
                reset,
                holiday: day("2026-03-01").later(holiday),
            },
        )
    })
}

/// Whole months over a change of clocks, in intervals of any length that divides a day.
fn lay_out(sheet: Sheet, minutes: u32) -> Plan {
    let zone: TimeZone = ZONE.parse().unwrap();
    Plan::new(vec![sheet], &zone, (day("2026-03-01"), day("2026-05-01")), minutes, &[]).unwrap()
}

/// Small energies from a seed, in Wh.
fn energies(count: usize, seed: u64, most: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from((state >> 33) % most).unwrap()
    };
    (0..count).map(|_| next()).collect()
}

fn fine(wh: &[u8]) -> Vec<i64> {
    wh.iter().map(|wh| i64::from(*wh) * 1_000_000).collect()
}

const MINUTES: [u32; 6] = [5, 12, 15, 20, 30, 60];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_watt_hour_is_priced_by_its_period_and_tier(
        terms in terms(vec!["period", "time"]),
        minutes in prop::sample::select(MINUTES.to_vec()),
        seed in any::<u64>(),
    ) {
        let plan = lay_out(terms.sheet(), minutes);
        let wh = energies(plan.intervals(), seed, 12);
        let bill = rated(&plan, &Series::metered(fine(&wh), none(wh.len())).unwrap());
        let naive = terms.naive(&plan, &wh);
        for month in &bill.months {
            let expected = naive[&(month.first.year(), month.first.month())] * 1_000_000_000;
            prop_assert_eq!(month.exact.atto(), expected, "{}", month.first);
            let counted: i128 = month.lines.iter().map(|line| line.quantity.abs()).sum();
            prop_assert_eq!(counted, month.import);
            for line in &month.lines {
                // A line is its quantity at its price, and rounds once.
                let (exact, amount) = line.price.cost(line.quantity, 1, 2).unwrap();
                prop_assert_eq!((exact, amount), (line.exact, line.amount));
                prop_assert!(!line.price.is_negative());
            }
        }
    }

    #[test]
    fn shares_of_tiers_are_those_of_the_whole(
        terms in terms(vec!["share"]),
        minutes in prop::sample::select(MINUTES.to_vec()),
        seed in any::<u64>(),
    ) {
        let terms = Terms { reset: "month", ..terms };
        let plan = lay_out(terms.sheet(), minutes);
        let wh = energies(plan.intervals(), seed, 12);
        let bill = rated(&plan, &Series::metered(fine(&wh), none(wh.len())).unwrap());
        for month in &bill.months {
            let mut used = vec![0_i128; terms.periods.len()];
            for (place, wh) in wh.iter().enumerate() {
                let local = plan.zone().local(plan.moment(place));
                if local.day.month() == month.first.month() {
                    used[terms.period(local.day, local.minute)] += i128::from(*wh);
                }
            }
            // Over the whole: price x width x used / all, so that nothing is cut.
            let all: i128 = used.iter().sum();
            let mut product = 0;
            for (period, used) in used.iter().enumerate() {
                let (mut from, last) = (0, terms.periods[period].len() - 1);
                for (place, (end, price)) in terms.periods[period].iter().enumerate() {
                    let to = if place == last { all } else { all.min((*end).into()) };
                    product += i128::from(*price) * (to - from).max(0) * used;
                    from = from.max(to);
                }
            }
            let (got, expected) = (month.exact.atto() * all, product * 1_000_000_000);
            // Each tier's energy is a whole number of 10^-9 kWh, at most 0.5 of a currency unit.
            let cells: usize = terms.periods.iter().map(Vec::len).sum();
            let slack = i128::try_from(cells).unwrap() * 550_000_000 * all;
            prop_assert!((got - expected).abs() <= slack, "{got} is not {expected}");
            let counted: i128 = month.lines.iter().map(|line| line.quantity.abs()).sum();
            prop_assert_eq!(counted, month.import);
        }
    }

    #[test]
    fn peaks_are_the_highest_measured_windows(
        weekday in table(2),
        minutes in prop::sample::select(vec![5_u32, 10, 15]),
        window in prop::sample::select(vec![15_u32, 30, 60]),
        (seed, estimated_of_100) in (any::<u64>(), prop::sample::select(vec![0, 5, 50, 100])),
    ) {
        prop_assume!(window.is_multiple_of(minutes));
        let sheet = sheet(&json!({
            "id": "twin", "currency": "EUR", "demand_window_minutes": window,
            "demand": [{
                "periods": [
                    { "name": "low", "price": 1 },
                    { "name": "high", "tiers": [{ "max": 0.05, "price": 2 }, { "price": 3 }] },
                ],
                "schedule": { "weekday": weekday },
            }],
        }));
        let plan = lay_out(sheet, minutes);
        let wh = energies(plan.intervals(), seed, 200);
        let marks = energies(plan.intervals(), seed ^ 1, 100);
        let marks: Vec<bool> = marks.iter().map(|mark| *mark < estimated_of_100).collect();
        let series = Series::metered(fine(&wh), none(wh.len())).unwrap();
        let bill = rated(&plan, &series.with_estimated(marks.clone()).unwrap());
        let width = usize::try_from(window / minutes).unwrap();
        let mut left_out: BTreeMap<(u8, u8), u32> = BTreeMap::new();
        let mut peaks: BTreeMap<(u8, u8), i128> = BTreeMap::new();
        for begin in (0..wh.len()).step_by(width) {
            let local = plan.zone().local(plan.moment(begin));
            let row = &weekday[usize::from(local.day.month()) - 1];
            let period = row[usize::from(local.minute / 60)];
            if marks[begin..begin + width].contains(&true) {
                *left_out.entry((local.day.month(), period)).or_default() += 1;
                continue;
            }
            let sum: i128 = wh[begin..begin + width].iter().map(|wh| i128::from(*wh)).sum();
            let power = sum * 1_000_000 * 60 / i128::from(window);
            let peak = peaks.entry((local.day.month(), period)).or_insert(0);
            *peak = power.max(*peak);
        }
        for month in &bill.months {
            let of = |period| peaks.get(&(month.first.month(), period)).copied().unwrap_or(0);
            let (low, high) = (of(0), of(1));
            let above = (high - 50_000_000).max(0);
            let expected = low + 2 * (high - above) + 3 * above;
            prop_assert_eq!(month.exact.atto(), expected * 1_000_000_000);
            prop_assert_eq!(month.peak, i64::try_from(low.max(high)).ok());
            for line in &month.lines {
                let name = plan.item(line.item).unwrap().period.clone();
                let period = u8::from(name.as_deref() == Some("high"));
                let known = left_out.get(&(month.first.month(), period)).copied();
                prop_assert_eq!(line.left_out, known.unwrap_or(0));
            }
        }
    }

    #[test]
    fn what_net_metering_takes_and_leaves_is_what_flowed(
        terms in terms(vec!["period"]),
        minutes in prop::sample::select(vec![15_u32, 60]),
        seeds in any::<(u64, u64)>(),
    ) {
        let flat = Terms {
            periods: terms.periods.iter().map(|tiers| vec![(0, tiers[0].1.abs())]).collect(),
            reset: "month",
            ..terms
        };
        let mut sheet = flat.sheet();
        sheet.export = crate::loads::sheet(&json!({
            "id": "x", "currency": "EUR", "energy": [{ "price": 1 }],
            "export": { "mode": "net_metering", "bank": "energy" },
        })).export;
        let plan = lay_out(sheet, minutes);
        let (import, export) =
            (energies(plan.intervals(), seeds.0, 50), energies(plan.intervals(), seeds.1, 50));
        let series = Series::metered(fine(&import), fine(&export)).unwrap();
        let bill = rated(&plan, &series);
        let charged: i128 = bill.months.iter().flat_map(|month| &month.lines)
            .filter(|line| plan.item(line.item).unwrap().class == Class::Energy)
            .map(|line| line.quantity).sum();
        let flowed: i128 = bill.months.iter().map(|month| month.import - month.export).sum();
        let banked = bill.closing.banked.iter().flatten();
        let kept: i128 = banked.map(|kept| i128::from(*kept)).sum();
        prop_assert_eq!(charged, flowed + kept);
    }

    #[test]
    fn a_published_tariff_charges_every_watt_hour_by_its_slot(
        weekday in table(3), weekend in table(3),
        prices in prop::collection::vec(0_i64..500_000, 3),
        fees in prop::collection::vec(0_i64..90_000, 4),
        seeds in any::<(u64, u64, u64)>(),
    ) {
        let terms = json!({
            "id": "t", "name": "T", "version": 1, "valid_from": "2026-01-01", "currency": "EUR",
            "currency_digits": 2, "timezone": ZONE, "fixed_per_day": "0.3517",
            "energy": {
                "periods": prices.iter().enumerate().map(|(place, price)| {
                    json!({ "name": format!("p{place}"), "price": price })
                }).collect::<Vec<Value>>(),
                "weekday": weekday, "weekend": weekend,
            },
            "network_fee": fees[0], "local_network_fee": fees[1],
            "levies": [{ "name": "levy", "price": fees[2] }],
            "platform_fees": { "buyer": 2_000, "seller": 2_000 },
            "feed_in_price": fees[3],
        }).to_string();
        let known = tariff::Tariff::from_json(&terms).unwrap();
        let (from, to) = (day("2026-03-01"), day("2026-04-01"));
        let quarter = calendar::SlotLength::QUARTER_HOUR;
        let zone = known.head().timezone.clone();
        let slots = calendar::Slot::within(zone.start_of(from), zone.start_of(to), quarter);
        let slots: Vec<calendar::Slot> = slots.collect();
        let [import, bought, export] = [seeds.0, seeds.1, seeds.2]
            .map(|seed| energies(slots.len(), seed, 250));
        let wh = |wh: u8| units::Energy::from_wh(wh.into());
        let flows = slots.iter().enumerate().map(|(place, slot)| {
            let (import, bought, export) = (import[place], bought[place], export[place]);
            let (import, bought, export) = (wh(import), wh(bought), wh(export));
            let flow = tariff::Flow { import, bought, export, estimated: false };
            (slot.start, flow)
        });
        let rated = known.rate((from, to), quarter, &flows.collect(), &Carried::default()).unwrap();
        let mut left = [0_i64; 3];
        for (place, slot) in slots.iter().enumerate() {
            let local = zone.local(slot.start);
            let table = if local.day.is_weekend() { &weekend } else { &weekday };
            let period = table[usize::from(local.day.month()) - 1][usize::from(local.minute / 60)];
            left[usize::from(period)] += i64::from(import[place].saturating_sub(bought[place]));
        }
        let (all, given): (i64, i64) =
            (left.iter().sum(), export.iter().map(|wh| i64::from(*wh)).sum());
        let mut expected = vec![351_700_000 * 31, fees[0] * all, fees[2] * all, -fees[3] * given];
        expected.extend(prices.iter().zip(left).map(|(price, wh)| price * wh));
        let mut got: Vec<i128> = rated.lines.iter().map(|line| line.exact.atto()).collect();
        let mut expected: Vec<i128> =
            expected.iter().map(|n| i128::from(*n) * 1_000_000_000).collect();
        for list in [&mut expected, &mut got] {
            list.retain(|amount| *amount != 0);
            list.sort_unstable();
        }
        prop_assert_eq!(got, expected);
    }
}

//! V4 to V12 on intervals, at both sides of each threshold.

mod meters;
mod solar;

use calendar::Slot;
use units::{Energy, Power};
use vee::{
    Case, Channel, Days, Dial, Finding, Known, Meter, Policy, Quality, Registers, Series, Shape,
    Site, Span, Verdict, fill, judge_series, mark_faulty,
};

use crate::home::{LENGTH, at, days, meter, series, site, span};

pub(crate) fn case<'a>(days: &'a Days, meter: &'a Meter, site: &'a Site) -> Case<'a> {
    Case {
        channel: Channel::Import,
        meter,
        site,
        days,
        outages: &[],
        registers: &[],
        irradiance: None,
        twins: &[],
    }
}

/// What is found on an import register, with `change` made to the case.
fn found<'a>(series: &Series, over: Span, change: impl FnOnce(&mut Case<'a>)) -> Vec<Finding> {
    found_with(series, over, &Policy::default(), change)
}

fn found_with<'a>(
    series: &Series,
    over: Span,
    policy: &Policy,
    change: impl FnOnce(&mut Case<'a>),
) -> Vec<Finding> {
    // Leaked, so that a test may change any part of the case in one line.
    let (days, meter, site) = (Box::leak(Box::new(days())), meter(), site());
    let mut case = case(days, Box::leak(Box::new(meter)), Box::leak(Box::new(site)));
    change(&mut case);
    judge_series(series, over, &case, policy)
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code.text()).collect()
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A day whose slots differ, none of them high.
fn calm_day() -> impl Iterator<Item = u64> {
    (0..96).map(|slot| 100 + slot % 7)
}

/// A calm day with some slots changed.
fn day_with(changes: &[(usize, u64)]) -> Series {
    let mut energies: Vec<u64> = calm_day().collect();
    for (slot, wh) in changes {
        energies[*slot] = *wh;
    }
    series(0, energies.into_iter().map(Some))
}

#[test]
fn a_calm_day_is_accepted() {
    let findings = found(&day_with(&[]), span(0, 96), |_| {});
    assert_eq!(codes(&findings), [""; 0]);
    assert_eq!(Verdict::of(&findings, span(0, 1)), Verdict::Accepted);
}

#[test]
fn v4_intervals_sum_to_the_registers_within_two_steps_or_a_thousandth() {
    let series = series(0, vec![Some(1000); 4]);
    let check = |advance, step| {
        let registers = [Registers { span: span(0, 4), advance: Energy::from_wh(advance) }];
        let findings = found(&series, span(0, 4), |case| {
            case.registers = leak(registers);
            case.meter = leak(Meter { dial: Dial::new(9, step, 1).unwrap(), ..meter() });
        });
        codes(&findings)
    };
    assert_eq!(check(4000, 1), [""; 0]);
    assert_eq!(check(4004, 1), [""; 0]);
    assert_eq!(check(4005, 1), ["SUM_MISMATCH"]);
    assert_eq!(check(3996, 1), ["SUM_MISMATCH"]);
    assert_eq!(check(3997, 1), [""; 0]);
    assert_eq!(check(4020, 10), [""; 0]);
    assert_eq!(check(4021, 10), ["SUM_MISMATCH"]);
}

#[test]
fn v4_looks_at_estimates_and_not_at_open_slots() {
    let method = vee::Method::Bounded(Shape::Even);
    let mut series = series(0, vec![Some(1000); 4]);
    let registers = leak([Registers { span: span(0, 4), advance: Energy::from_wh(5000) }]);
    series.set(1, Known::substituted(Energy::from_wh(1000), method));
    let findings = found(&series, span(0, 4), |case| case.registers = registers);
    assert_eq!(codes(&findings), ["SUM_MISMATCH"]);
    assert_eq!(findings[0].evidence.get("sum_wh"), Some(4000));
    assert_eq!(findings[0].evidence.get("advance_wh"), Some(5000));
    assert!(matches!(Verdict::of(&findings, span(2, 3)), Verdict::Quarantined(_)));
    series.set(1, Known::MISSING);
    assert_eq!(codes(&found(&series, span(0, 4), |case| case.registers = registers)), [""; 0]);
}

#[test]
fn v5_a_spike_is_more_than_280_percent_of_the_third_highest() {
    let spike = |first, second| {
        let series = day_with(&[(40, first), (50, second), (60, 500)]);
        codes(&found(&series, span(0, 96), |_| {}))
    };
    assert_eq!(spike(1400, 500), [""; 0]);
    assert_eq!(spike(1401, 500), ["SPIKE"]);
    assert_eq!(spike(1401, 1401), ["SPIKE"]);
    let findings = found(&day_with(&[(40, 1401), (50, 500), (60, 500)]), span(0, 96), |_| {});
    assert_eq!(findings[0].span, span(40, 41));
    assert!(matches!(Verdict::of(&findings, span(40, 41)), Verdict::Flagged(_)));
}

#[test]
fn v5_needs_enough_of_a_day_and_enough_power() {
    let part = |slots| {
        let mut energies = vec![None; 96];
        energies[..slots].fill(Some(100));
        energies[3] = Some(1000);
        series(0, energies)
    };
    assert_eq!(codes(&found(&part(20), span(0, 96), |_| {})), ["SPIKE"]);
    assert_eq!(codes(&found(&part(19), span(0, 96), |_| {})), [""; 0]);
    let policy = |spike_power_w_min| Policy { spike_power_w_min, ..Policy::default() };
    let with = |watts| codes(&found_with(&part(96), span(0, 96), &policy(watts), |_| {}));
    assert_eq!(with(4000), ["SPIKE"]);
    assert_eq!(with(4001), [""; 0]);
}

#[test]
fn v5_works_on_days_of_92_and_100_quarters() {
    for (start, slots) in [("2026-03-28T23:00:00Z", 92), ("2026-10-24T22:00:00Z", 100)] {
        let first = Slot::starting(start.parse().unwrap(), LENGTH).unwrap();
        let known = |slot: usize| {
            // One high value in the last slot of the day, one in the first of the next.
            let high = slot == slots - 1 || slot == slots;
            Known::measured(Energy::from_wh(if high { 1000 } else { 100 + slot as u64 % 7 }))
        };
        let series = Series::new(first, (0..slots + 96).map(known).collect()).unwrap();
        let findings = found(&series, series.span(), |_| {});
        let starts: Vec<Slot> = findings
            .iter()
            .map(|finding| Slot::starting(finding.span.from, LENGTH).unwrap())
            .collect();
        assert_eq!(starts, [series.slot(slots - 1), series.slot(slots)]);
    }
}

#[test]
fn v6_a_slot_carries_what_the_connection_can_and_a_twentieth() {
    let of = |wh| found(&day_with(&[(7, wh), (8, wh), (9, wh)]), span(0, 96), |_| {});
    assert_eq!(codes(&of(2625)), [""; 0]);
    let findings = of(2626);
    assert_eq!(codes(&findings), ["TOO_MUCH"; 3]);
    assert_eq!(findings[0].evidence.get("limit_wh"), Some(2625));
    assert!(matches!(Verdict::of(&findings, span(8, 9)), Verdict::Quarantined(_)));
}

/// `before` days of slots of about 1 kWh, then a week of `per_mille` thousandths of it.
fn weeks(before: i64, per_mille: u64) -> (Series, Span) {
    let slots = |days: i64| usize::try_from(days * 96).unwrap();
    let energy = |slot: usize| 1000 + 100 * (slot as u64 % 2);
    let mut energies: Vec<u64> = (0..slots(before)).map(energy).collect();
    energies.extend((0..slots(7)).map(|slot| energy(slot) * per_mille / 1000));
    let series = series(0, energies.into_iter().map(Some));
    (series, span(before * 96, (before + 7) * 96))
}

#[test]
fn what_failed_is_faulty_and_can_be_estimated() {
    let mut series = day_with(&[(7, 2626), (40, 1401)]);
    let findings = found(&series, span(0, 96), |_| {});
    assert_eq!(codes(&findings), ["SPIKE", "TOO_MUCH"]);
    assert_eq!(mark_faulty(&mut series, &findings), 1);
    assert_eq!(mark_faulty(&mut series, &findings), 0);
    let faulty = series.at(at(7));
    assert_eq!((faulty.quality, faulty.energy.wh()), (Quality::Faulty, 2626));
    let (days, policy) = (days(), Policy::default());
    let estimate = fill(&mut series, &[], &crate::home::aids(&days, &policy));
    assert_eq!(estimate.slots.len(), 1);
    // Between 106 and 101, the calm day's neighbours of slot 7.
    assert_eq!(series.at(at(7)).energy.wh(), 104);
}

#[test]
fn v7_usage_is_held_against_four_weeks_before() {
    let check = |per_mille| {
        let (series, week) = weeks(28, per_mille);
        let wide = |case: &mut Case<'_>| {
            case.site = leak(Site { import: Power::from_w(100_000_000), ..site() });
        };
        codes(&found(&series, week, wide))
    };
    assert_eq!(check(1000), [""; 0]);
    assert_eq!(check(2999), [""; 0]);
    assert_eq!(check(3001), ["USAGE_HIGH"]);
    assert_eq!(check(301), [""; 0]);
    assert_eq!(check(299), ["USAGE_LOW"]);
    let wide = leak(Site { import: Power::from_w(100_000_000), ..site() });
    let (short, week) = weeks(13, 5000);
    assert_eq!(codes(&found(&short, week, |case| case.site = wide)), [""; 0]);
    let (enough, week) = weeks(14, 5000);
    let findings = found(&enough, week, |case| case.site = wide);
    assert_eq!(codes(&findings), ["USAGE_HIGH"]);
    assert_eq!(findings[0].evidence.get("usage_before_wh_per_day"), Some(100_800));
}

#[test]
fn v7_prefers_the_same_time_a_year_before() {
    let (recent, week) = weeks(28, 5000);
    let year = -364 * 96;
    // A year ago the same week had as much.
    let last_year = 28 * 96 + year..35 * 96 + year;
    let missing = (year..0).map(|slot| last_year.contains(&slot).then_some(5000));
    let energies = missing.chain(recent.known().iter().map(|it| Some(it.energy.wh())));
    let both = series(year, energies);
    let wide = leak(Site { import: Power::from_w(100_000_000), ..site() });
    assert_eq!(codes(&found(&recent, week, |case| case.site = wide)), ["USAGE_HIGH"]);
    assert_eq!(codes(&found(&both, week, |case| case.site = wide)), [""; 0]);
}

#[test]
fn v8_a_line_is_flat_after_a_whole_day() {
    let line = |slots: usize, wh| {
        let mut energies: Vec<u64> = calm_day().chain(calm_day()).chain(calm_day()).collect();
        energies[50..50 + slots].fill(wh);
        let series = series(0, energies.into_iter().map(Some));
        let within = series.span();
        found(&series, within, |_| {})
    };
    assert_eq!(codes(&line(95, 0)), [""; 0]);
    assert_eq!(codes(&line(96, 0)), ["ZERO_LINE"]);
    assert_eq!(codes(&line(95, 99)), [""; 0]);
    let findings = line(96, 99);
    assert_eq!(codes(&findings), ["FLAT_LINE"]);
    assert_eq!(findings[0].span, span(50, 146));
    assert!(matches!(Verdict::of(&findings, span(100, 101)), Verdict::Flagged(_)));
}

#[test]
fn v8_an_outage_explains_a_zero_line_and_feeding_in_needs_something_that_feeds() {
    let series = series(0, vec![Some(0); 96]);
    let zero = |change: fn(&mut Case<'_>)| codes(&found(&series, span(0, 96), change));
    assert_eq!(zero(|_| {}), ["ZERO_LINE"]);
    let outage = |case: &mut Case<'_>| case.outages = leak([span(95, 97)]);
    assert_eq!(zero(outage), [""; 0]);
    let elsewhere = |case: &mut Case<'_>| case.outages = leak([span(96, 97)]);
    assert_eq!(zero(elsewhere), ["ZERO_LINE"]);
    assert_eq!(zero(|case| case.channel = Channel::Export), ["ZERO_LINE"]);
    let consumer = |case: &mut Case<'_>| {
        case.channel = Channel::Export;
        case.site = leak(Site { modules: None, ..site() });
    };
    assert_eq!(zero(consumer), [""; 0]);
}

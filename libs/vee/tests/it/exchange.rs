//! Running totals: rollover, exchange, change of transformers, reset, and clocks that are wrong.

use calendar::Timestamp;
use units::Energy;
use vee::{
    Code, Dial, Exchange, Gap, Intervals, Known, Meter, Method, Policy, Quality, RunningTotal, Site,
};

use crate::home::{LENGTH, at, meter, site, span};

fn six_digits() -> Meter {
    Meter { dial: Dial::wh(6).unwrap(), ..meter() }
}

/// Slots as `Wh quality method`.
fn shown(intervals: &Intervals) -> Vec<String> {
    let line = |known: &Known| {
        let method = known.method.map_or("", |method| method.code());
        format!("{} {} {method}", known.energy.wh(), known.quality.name()).trim_end().to_owned()
    };
    intervals.series.known().iter().map(line).collect()
}

fn total<'a>(meter: Meter, site: &'a Site, policy: &'a Policy) -> RunningTotal<'a> {
    RunningTotal::new(vee::Channel::Import, meter, site, policy)
}

fn at_minute(minute: i64) -> Timestamp {
    at(0).plus_seconds(minute * 60)
}

#[test]
fn a_register_that_rolls_over_goes_on() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(six_digits(), &site, &policy);
    total.read(at(0), 999_900).unwrap();
    total.read(at(1), 50).unwrap();
    total.read(at(2), 80).unwrap();
    let intervals = total.intervals(LENGTH).unwrap();
    assert_eq!(shown(&intervals), ["150 measured", "30 measured"]);
    assert_eq!(total.advance(span(0, 2)), Some(Energy::from_wh(180)));
}

#[test]
fn the_slot_of_an_exchange_is_calculated_and_nothing_flows_in_between() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(meter(), &site, &policy);
    total.read(at(0), 1000).unwrap();
    total.read(at(1), 1100).unwrap();
    let exchange = Exchange {
        time: at_minute(22),
        old_final: Some(1140),
        meter: six_digits(),
        new_initial: 7,
    };
    total.exchange(exchange).unwrap();
    total.read(at(2), 30).unwrap();
    total.read(at(3), 90).unwrap();
    let intervals = total.intervals(LENGTH).unwrap();
    // (1140 - 1100) + (30 - 7)
    assert_eq!(shown(&intervals), ["100 measured", "63 calculated EXCHANGE", "60 measured"]);
    assert!(intervals.gaps.is_empty());
}

#[test]
fn an_exchange_at_a_boundary_leaves_both_slots_measured() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(meter(), &site, &policy);
    total.read(at(0), 1000).unwrap();
    let exchange =
        Exchange { time: at(1), old_final: Some(1100), meter: six_digits(), new_initial: 7 };
    total.exchange(exchange).unwrap();
    total.read(at(1), 7).unwrap();
    total.read(at(2), 30).unwrap();
    let intervals = total.intervals(LENGTH).unwrap();
    assert_eq!(shown(&intervals), ["100 measured", "23 measured"]);
}

#[test]
fn an_exchange_in_a_gap_keeps_the_advance_of_both_meters() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(meter(), &site, &policy);
    total.read(at(0), 1000).unwrap();
    let exchange = Exchange {
        time: at_minute(20),
        old_final: Some(1140),
        meter: six_digits(),
        new_initial: 7,
    };
    total.exchange(exchange).unwrap();
    total.read(at(4), 30).unwrap();
    let intervals = total.intervals(LENGTH).unwrap();
    assert_eq!(intervals.gaps, [Gap { span: span(0, 4), advance: Energy::from_wh(163) }]);
}

#[test]
fn an_exchange_without_a_final_reading_leaves_its_slot_open() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(meter(), &site, &policy);
    total.read(at(0), 1000).unwrap();
    total.read(at(1), 1100).unwrap();
    let exchange =
        Exchange { time: at_minute(22), old_final: None, meter: six_digits(), new_initial: 7 };
    total.exchange(exchange).unwrap();
    total.read(at(2), 30).unwrap();
    total.read(at(3), 90).unwrap();
    let intervals = total.intervals(LENGTH).unwrap();
    assert_eq!(shown(&intervals), ["100 measured", "0 missing", "60 measured"]);
    assert!(intervals.gaps.is_empty());
    assert_eq!(total.advance(span(1, 2)), None);
}

#[test]
fn a_new_meter_shows_no_more_than_its_digits() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(meter(), &site, &policy);
    total.read(at(0), 1000).unwrap();
    let exchange = |new_initial| Exchange {
        time: at(1),
        old_final: Some(1000),
        meter: six_digits(),
        new_initial,
    };
    let refused = total.exchange(exchange(1_000_000)).unwrap_err();
    assert_eq!(refused.code, Code::TooManyDigits);
    assert!(total.exchange(exchange(999_999)).is_ok());
}

#[test]
fn what_flowed_before_new_transformers_counts_by_the_old_factor() {
    let (site, policy) = (site(), Policy::default());
    let behind = Meter { dial: Dial::new(6, 1, 40).unwrap(), ..meter() };
    let mut total = total(behind, &site, &policy);
    total.read(at(0), 100).unwrap();
    total.rescale(at_minute(5), 110, 20).unwrap();
    total.read(at(1), 120).unwrap();
    total.read(at(2), 125).unwrap();
    let intervals = total.intervals(LENGTH).unwrap();
    assert_eq!(shown(&intervals), ["600 calculated MULTIPLIER", "100 measured"]);
    assert_eq!(total.rescale(at(3), 125, 0).unwrap_err().code, Code::TooMuch);
}

#[test]
fn a_reset_is_refused_until_somebody_says_that_it_is_one() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(six_digits(), &site, &policy);
    total.read(at(0), 5000).unwrap();
    total.read(at(1), 5100).unwrap();
    let refused = total.read(at(2), 40).unwrap_err();
    assert_eq!(refused.code, Code::MeterReset);
    total.restart(at(2), 40).unwrap();
    total.read(at(3), 90).unwrap();
    let intervals = total.intervals(LENGTH).unwrap();
    assert_eq!(shown(&intervals), ["100 measured", "0 missing", "50 measured"]);
}

#[test]
fn a_refused_reading_changes_nothing() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(meter(), &site, &policy);
    total.read(at(0), 0).unwrap();
    assert_eq!(total.read(at(1), 2626).unwrap_err().code, Code::TooMuch);
    assert_eq!(total.read(at(0), 10).unwrap_err().code, Code::PageOrder);
    assert_eq!(total.read(at(-1), 10).unwrap_err().code, Code::PageOrder);
    total.read(at(1), 2625).unwrap();
    assert_eq!(shown(&total.intervals(LENGTH).unwrap()), ["2625 measured"]);
}

#[test]
fn a_clock_within_its_tolerance_reads_at_the_boundary() {
    let (site, policy) = (site(), Policy::default());
    for (off, expected) in
        [(10, ["100 measured", "100 measured"]), (-10, ["100 measured", "100 measured"])]
    {
        let mut total = total(meter(), &site, &policy);
        for slot in 0..3 {
            total.read(at(slot).plus_seconds(off), 100 * slot.unsigned_abs()).unwrap();
        }
        assert_eq!(shown(&total.intervals(LENGTH).unwrap()), expected, "{off}");
    }
}

#[test]
fn a_wrong_clock_is_cut_at_the_boundaries_and_no_energy_is_lost() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(meter(), &site, &policy);
    // Read 90 seconds after each boundary: a tenth of the next slot.
    for (slot, position) in [(0, 0), (1, 100), (2, 300), (3, 310)] {
        total.read(at(slot).plus_seconds(90), position).unwrap();
    }
    let intervals = total.intervals(LENGTH).unwrap();
    // Totals at the boundaries: 90, 280, 309.
    assert_eq!(shown(&intervals), ["190 substituted E2", "29 substituted E2"]);
    assert_eq!(intervals.series.span(), span(1, 3));
    let sum = intervals.series.sum(intervals.series.span()).unwrap();
    assert_eq!(sum, Energy::from_wh(219));
}

#[test]
fn readings_far_apart_and_off_the_boundaries_bound_no_slot_exactly() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(meter(), &site, &policy);
    total.read(at(0), 0).unwrap();
    total.read(at_minute(20), 100).unwrap();
    total.read(at(4), 400).unwrap();
    let intervals = total.intervals(LENGTH).unwrap();
    assert_eq!(intervals.gaps, [Gap { span: span(0, 4), advance: Energy::from_wh(400) }]);
    assert!(intervals.series.known().iter().all(|it| it.quality == Quality::Missing));
    assert_eq!(Method::coded("E2"), Some(Method::Interpolated));
}

#[test]
fn of_readings_beside_a_boundary_the_nearest_counts_and_a_change_stays_in_its_slot() {
    let (site, policy) = (site(), Policy::default());
    for (off, expected) in [
        (-5, ["96 calculated EXCHANGE", "104 measured", "100 measured"]),
        (5, ["96 measured", "104 calculated EXCHANGE", "100 measured"]),
    ] {
        let mut total = total(meter(), &site, &policy);
        total.read(at(0), 1000).unwrap();
        let exchange = Exchange {
            time: at(1).plus_seconds(off),
            old_final: Some(if off < 0 { 1095 } else { 1097 }),
            meter: six_digits(),
            new_initial: 7,
        };
        if off < 0 {
            total.exchange(exchange).unwrap();
            total.read(at(1), 8).unwrap();
        } else {
            total.read(at(1), 1096).unwrap();
            total.exchange(exchange).unwrap();
        }
        total.read(at(2), if off < 0 { 112 } else { 110 }).unwrap();
        total.read(at(3), if off < 0 { 212 } else { 210 }).unwrap();
        assert_eq!(shown(&total.intervals(LENGTH).unwrap()), expected, "{off}");
    }
}

#[test]
fn a_new_segment_says_nothing_of_the_time_before_it() {
    let (site, policy) = (site(), Policy::default());
    let mut total = total(six_digits(), &site, &policy);
    total.read(at(0), 5000).unwrap();
    total.read(at(1), 5100).unwrap();
    total.restart(at(1).plus_seconds(5), 40).unwrap();
    total.read(at(2), 90).unwrap();
    total.read(at(3), 100).unwrap();
    let intervals = total.intervals(LENGTH).unwrap();
    assert_eq!(shown(&intervals), ["100 measured", "0 missing", "10 measured"]);
}

#[test]
fn nothing_read_is_an_empty_series() {
    let (site, policy) = (site(), Policy::default());
    let total = total(meter(), &site, &policy);
    assert!(total.intervals(LENGTH).unwrap().series.known().is_empty());
}

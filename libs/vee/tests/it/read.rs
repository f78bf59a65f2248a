//! V1 to V3, V6 and the factor of V12 on one reading, at both sides of each threshold.

use calendar::SlotLength;
use units::Power;
use vee::{
    Cadence, Code, Dial, Meter, Neighbours, Policy, Rating, Read, Signature, Span, Unsigned,
    Verdict, judge_read, judge_size,
};

use crate::home::{LENGTH, at, meter, page, site};

fn judged(read: &Read, around: [Option<Read>; 3], meter: &Meter, policy: &Policy) -> Verdict {
    let [before, same, after] = &around;
    let (before, same, after) = (before.as_ref(), same.as_ref(), after.as_ref());
    judge_read(read, &Neighbours { same, before, after }, meter, &site(), LENGTH, policy)
}

/// The codes found, what failed first; `=` in front where the reading counts nevertheless.
fn codes(verdict: &Verdict) -> String {
    let found: Vec<&str> = verdict.findings().iter().map(|it| it.code.text()).collect();
    match verdict {
        Verdict::Accepted => "=".to_owned(),
        Verdict::Duplicate => "duplicate".to_owned(),
        Verdict::Flagged(_) => format!("= {}", found.join(" ")),
        Verdict::Quarantined(_) => found.join(" "),
    }
}

fn check(read: Read, around: [Option<Read>; 3], expected: &str) {
    let verdict = judged(&read, around, &meter(), &Policy::default());
    assert_eq!(codes(&verdict), expected, "{read:?}");
}

fn check_with(read: Read, before: Option<Read>, meter: &Meter, policy: &Policy, expected: &str) {
    let verdict = judged(&read, [before, None, None], meter, policy);
    assert_eq!(codes(&verdict), expected, "{read:?}");
}

#[test]
fn a_signature_counts_and_its_absence_is_a_matter_of_policy() {
    let read = page(1, 1, 0, 0);
    check(read, [None; 3], "=");
    let invalid = Read { signature: Signature::Invalid, ..read };
    check(invalid, [None; 3], "SIGNATURE_INVALID");
    let absent = Read { signature: Signature::Absent, ..read };
    check(absent, [None; 3], "SIGNATURE_ABSENT");
    let flag = Policy { unsigned: Unsigned::Flag, ..Policy::default() };
    check_with(absent, None, &meter(), &flag, "= UNSIGNED");
    check_with(invalid, None, &meter(), &flag, "SIGNATURE_INVALID");
}

#[test]
fn a_page_is_the_next_one_or_opens_a_gap() {
    let before = page(3, 3, 100, 10);
    check(page(4, 4, 200, 10), [Some(before), None, None], "=");
    check(page(5, 5, 200, 10), [Some(before), None, None], "= PAGE_GAP");
    let verdict =
        judged(&page(6, 6, 200, 10), [Some(before), None, None], &meter(), &Policy::default());
    assert_eq!(verdict.findings()[0].evidence.get("pages_lost"), Some(2));
    assert_eq!(verdict.findings()[0].span, Span { from: at(3), to: at(6) });
}

#[test]
fn a_page_that_was_accepted_is_a_duplicate_or_a_conflict() {
    let same = page(4, 4, 200, 10);
    let later = Read { received_at: at(9), ..same };
    check(later, [None, Some(same), None], "duplicate");
    check(page(4, 4, 201, 10), [None, Some(same), None], "PAGE_CONFLICT");
    check(page(4, 5, 200, 10), [None, Some(same), None], "PAGE_CONFLICT");
    let faulty = Read { energy_error: true, ..same };
    check(faulty, [None, Some(same), None], "PAGE_CONFLICT");
}

#[test]
fn a_late_page_has_to_fit_between_its_neighbours() {
    let around = [Some(page(3, 3, 100, 10)), None, Some(page(5, 5, 300, 30))];
    check(page(4, 4, 200, 20), around, "=");
    check(page(4, 3, 200, 20), around, "PAGE_ORDER");
    check(page(4, 5, 200, 20), around, "PAGE_ORDER");
    check(page(4, 4, 99, 20), around, "METER_RESET");
    check(page(4, 4, 301, 20), around, "METER_RESET");
    check(page(4, 4, 200, 31), around, "METER_RESET");
}

#[test]
fn time_is_a_slot_boundary_within_the_clocks_tolerance() {
    let off = |seconds: i64| {
        let read = page(1, 1, 0, 0);
        Read { time: read.time.plus_seconds(seconds), received_at: at(2), ..read }
    };
    check(off(0), [None; 3], "=");
    check(off(1), [None; 3], "NOT_A_SLOT_BOUNDARY");
    let anytime = Meter { cadence: Cadence::Anytime, ..meter() };
    check_with(off(1), None, &anytime, &Policy::default(), "=");
}

#[test]
fn a_clock_is_good_to_ten_seconds_and_wrong_above_sixty() {
    let ahead = |seconds: i64| {
        let read = page(1, 1, 0, 0);
        Read { received_at: read.time.plus_seconds(-seconds), ..read }
    };
    check(ahead(10), [None; 3], "=");
    check(ahead(11), [None; 3], "= CLOCK_WARNING");
    check(ahead(60), [None; 3], "= CLOCK_WARNING");
    check(ahead(61), [None; 3], "TIME_AHEAD");
    let known = |seconds| Read {
        clock_ahead_seconds: Some(seconds),
        received_at: at(2),
        ..page(1, 1, 0, 0)
    };
    for sign in [1, -1] {
        check(known(sign * 10), [None; 3], "=");
        check(known(sign * 11), [None; 3], "= CLOCK_WARNING");
        check(known(sign * 60), [None; 3], "= CLOCK_WARNING");
        check(known(sign * 61), [None; 3], "= CLOCK_CORRECTED");
    }
    let policy = Policy::default();
    assert_eq!(known(60).moment(&policy), at(1));
    assert_eq!(known(61).moment(&policy), at(1).plus_seconds(-61));
    assert_eq!(known(-61).moment(&policy), at(1).plus_seconds(61));
    check(known(i64::MIN), [None; 3], "TIME_AHEAD CLOCK_CORRECTED");
}

#[test]
fn a_reading_is_not_older_than_corrections_reach() {
    let age = i64::from(Policy::default().age_seconds_max);
    let old = |seconds: i64| {
        let read = page(1, 1, 0, 0);
        Read { received_at: read.time.plus_seconds(seconds), ..read }
    };
    check(old(age), [None; 3], "=");
    check(old(age + 1), [None; 3], "TOO_OLD");
}

#[test]
fn a_device_counts_while_it_is_installed_and_well() {
    let meter = Meter { installed: at(1), removed: Some(at(5)), ..meter() };
    let policy = Policy::default();
    check_with(page(1, 0, 0, 0), None, &meter, &policy, "NOT_INSTALLED");
    check_with(page(1, 1, 0, 0), None, &meter, &policy, "=");
    check_with(page(1, 5, 0, 0), None, &meter, &policy, "=");
    check_with(page(1, 6, 0, 0), None, &meter, &policy, "NOT_INSTALLED");
    let faulty = Read { energy_error: true, ..page(1, 1, 0, 0) };
    check_with(faulty, None, &meter, &policy, "ENERGY_ERROR");
}

#[test]
fn a_register_has_so_many_digits() {
    let meter = Meter { dial: Dial::wh(6).unwrap(), ..meter() };
    let policy = Policy::default();
    check_with(page(1, 1, 999_999, 0), None, &meter, &policy, "=");
    check_with(page(1, 1, 1_000_000, 0), None, &meter, &policy, "TOO_MANY_DIGITS");
    check_with(page(1, 1, 0, 1_000_000), None, &meter, &policy, "TOO_MANY_DIGITS");
}

#[test]
fn a_rollover_is_believed_where_the_connection_can_carry_it() {
    // 10 kW for a quarter-hour and a twentieth are 2625 Wh.
    let meter = Meter { dial: Dial::wh(6).unwrap(), ..meter() };
    let policy = Policy::default();
    let before = Some(page(1, 1, 999_000, 0));
    check_with(page(2, 2, 1625, 0), before, &meter, &policy, "= ROLLOVER");
    check_with(page(2, 2, 1626, 0), before, &meter, &policy, "METER_RESET");
    check_with(page(2, 3, 1626, 0), before, &meter, &policy, "= ROLLOVER");
    let verdict = judged(&page(2, 2, 5, 0), [before, None, None], &meter, &policy);
    let evidence = &verdict.findings()[0].evidence;
    assert_eq!(evidence.get("energy_wh"), Some(1005));
    assert_eq!(evidence.get("limit_wh"), Some(2625));
    assert_eq!(evidence.get("elapsed_seconds"), Some(900));
}

#[test]
fn a_connection_and_a_plate_carry_a_twentieth_more_and_no_more() {
    let policy = Policy::default();
    let before = Some(page(1, 1, 0, 0));
    check_with(page(2, 2, 2625, 2100), before, &meter(), &policy, "=");
    check_with(page(2, 2, 2626, 0), before, &meter(), &policy, "TOO_MUCH");
    check_with(page(2, 2, 0, 2101), before, &meter(), &policy, "TOO_MUCH");
    let rating = Some(Rating::Watts(Power::from_w(4000)));
    let small = Meter { rating, ..meter() };
    check_with(page(2, 2, 1050, 1050), before, &small, &policy, "=");
    check_with(page(2, 2, 1051, 0), before, &small, &policy, "TOO_MUCH");
}

#[test]
fn a_factor_that_comes_along_is_the_meters() {
    let meter = Meter { dial: Dial::new(6, 1, 40).unwrap(), ..meter() };
    let policy = Policy::default();
    let with = |multiplier| Read { multiplier, ..page(1, 1, 0, 0) };
    check_with(with(None), None, &meter, &policy, "=");
    check_with(with(Some(40)), None, &meter, &policy, "=");
    check_with(with(Some(41)), None, &meter, &policy, "= MULTIPLIER_DIFFERS");
    // The factor counts in V6: 65 steps of 40 Wh are 2600 Wh.
    check_with(page(2, 2, 65, 0), Some(page(1, 1, 0, 0)), &meter, &policy, "=");
    check_with(page(2, 2, 66, 0), Some(page(1, 1, 0, 0)), &meter, &policy, "TOO_MUCH");
}

#[test]
fn an_interval_is_a_slot() {
    let size = |from: i64, to: i64, minutes| {
        let span = Span { from: at(0).plus_seconds(from), to: at(0).plus_seconds(to) };
        judge_size(span, SlotLength::from_minutes(minutes).unwrap()).map(|it| it.code)
    };
    assert_eq!(size(0, 900, 15), None);
    assert_eq!(size(0, 899, 15), Some(Code::IntervalSize));
    assert_eq!(size(0, 901, 15), Some(Code::IntervalSize));
    assert_eq!(size(0, 900, 30), Some(Code::IntervalSize));
    assert_eq!(size(900, 0, 15), Some(Code::IntervalSize));
    assert_eq!(size(1, 901, 15), Some(Code::NotASlotBoundary));
    assert_eq!(size(900, 2700, 30), Some(Code::NotASlotBoundary));
}

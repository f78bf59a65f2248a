//! E1 to E5, rung by rung, and why a rung was not taken.

use std::collections::BTreeMap;

use calendar::{LocalDay, Slot, Timestamp};
use units::{Energy, Power};
use vee::estimate::{Estimate, Refused, estimate_bounded, estimate_open, rescale};
use vee::{
    Aids, Channel, DayClass, Gap, Irradiance, Known, Method, Modules, Policy, Profile, QUARTERS,
    Quality, Series, Shape, fill,
};

use crate::home::{LENGTH, aids, at, days, series, span, wh};

/// What was taken, as `Wh code`; estimates ahead of the registers with `~`.
fn shown(estimate: &Estimate) -> Vec<String> {
    let line = |known: Known| {
        let ahead = if known.quality == Quality::Estimated { "~" } else { "" };
        let code = known.method.map_or("", |method| method.code());
        format!("{ahead}{} {code}", known.energy.wh())
    };
    estimate.slots.iter().map(|slot| line(slot.known)).collect()
}

fn gap(from: i64, to: i64, advance: u64) -> Gap {
    Gap { span: span(from, to), advance: Energy::from_wh(advance) }
}

/// `count` days of `day`, then what `rest` says.
fn after(count: usize, day: &[u64], rest: &[Option<u64>]) -> Series {
    let past = std::iter::repeat_n(day, count).flatten().copied().map(Some);
    series(0, past.chain(rest.iter().copied()))
}

fn flat(wh: u64) -> Vec<u64> {
    vec![wh; 96]
}

#[test]
fn e1_shares_what_registers_say_evenly_where_nothing_is_alike() {
    let mut series = series(0, [Some(100), None, None, None, Some(100)]);
    let (days, policy) = (days(), Policy::default());
    let estimate = fill(&mut series, &[gap(1, 4, 8)], &aids(&days, &policy));
    assert_eq!(shown(&estimate), ["3 E1", "3 E1", "2 E1"]);
    let odd: Vec<bool> = estimate.slots.iter().map(|slot| slot.odd).collect();
    assert_eq!(odd, [true, true, false]);
    assert_eq!(wh(&series), [100, 3, 3, 2, 100]);
    assert!(estimate.open.is_empty() && series.known()[1].quality == Quality::Substituted);
    // Filling again changes nothing.
    assert_eq!(fill(&mut series, &[gap(1, 4, 8)], &aids(&days, &policy)).slots, []);
}

#[test]
fn e1_takes_the_form_of_like_days_and_leaves_known_slots_alone() {
    let mut day = flat(50);
    day[..4].copy_from_slice(&[100, 200, 300, 200]);
    let rest = [None, None, None, None, Some(8600)];
    let mut series = after(1, &day, &rest);
    let (days, policy) = (days(), Policy::default());
    let power_max = Power::from_w(100_000);
    let estimate =
        fill(&mut series, &[gap(96, 101, 10_000)], &Aids { power_max, ..aids(&days, &policy) });
    assert_eq!(shown(&estimate), ["175 E1-LIKE", "350 E1-LIKE", "525 E1-LIKE", "350 E1-LIKE"]);
    assert_eq!(wh(&series)[100], 8600);
}

#[test]
fn e1_fills_no_slot_above_what_can_flow() {
    let mut day = flat(0);
    day[0] = 500;
    day[1] = 10;
    let mut series = after(1, &day, &[None; 3]);
    let (days, policy) = (days(), Policy::default());
    let power_max = Power::from_w(1000);
    let small = Aids { power_max, ..aids(&days, &policy) };
    let estimate = estimate_bounded(&series, gap(96, 99, 500), &small);
    assert_eq!(shown(&estimate), ["262 E1-LIKE", "238 E1-LIKE", "0 E1-LIKE"]);
    let estimate = fill(&mut series, &[gap(96, 99, 787)], &small);
    assert_eq!(shown(&estimate), [""; 0]);
    assert_eq!(estimate.open, [at(96), at(97), at(98)]);
    assert!(estimate.refused.contains(&Refused::AdvanceDoesNotFit));
}

#[test]
fn e1_says_when_registers_contradict_what_is_known() {
    let mut series = series(0, [Some(100), None, None, Some(100)]);
    let (days, policy) = (days(), Policy::default());
    let aids = aids(&days, &policy);
    let estimate = fill(&mut series, &[gap(0, 4, 199)], &aids);
    assert!(estimate.refused.contains(&Refused::KnownExceedsAdvance));
    // A straight line would fit, and would hide it.
    assert_eq!((estimate.slots, estimate.open), (vec![], vec![at(1), at(2)]));
    let zero = fill(&mut series, &[gap(0, 4, 200)], &aids);
    assert_eq!(shown(&zero), ["0 E1", "0 E1"]);
    let outside = estimate_bounded(&series, gap(0, 9, 999), &aids);
    assert_eq!(outside.slots, []);
}

#[test]
fn what_is_known_is_scaled_to_the_registers_where_these_are_believed() {
    let series = series(0, [Some(100), Some(200), Some(0), Some(100)]);
    let (days, policy) = (days(), Policy::default());
    let aids = aids(&days, &policy);
    let scaled = rescale(&series, span(0, 4), Energy::from_wh(202), &aids).unwrap();
    let energies: Vec<u64> = scaled.iter().map(|slot| slot.known.energy.wh()).collect();
    assert_eq!(energies, [51, 101, 0, 50]);
    assert_eq!(scaled[0].known.method, Some(Method::Bounded(Shape::Own)));
    let refused = rescale(&series, span(0, 4), Energy::from_wh(20_000), &aids);
    assert_eq!(refused, Err(Refused::AdvanceDoesNotFit));
    let nowhere = rescale(&series, span(9, 9), Energy::ZERO, &aids);
    assert_eq!(nowhere, Err(Refused::AdvanceDoesNotFit));
}

#[test]
fn e2_draws_a_straight_line_over_two_hours_and_no_longer() {
    let gap_of = |slots: usize| {
        let mut energies = vec![Some(100)];
        energies.extend(vec![None; slots]);
        energies.push(Some(190));
        series(0, energies)
    };
    let (days, policy) = (days(), Policy::default());
    let aids = aids(&days, &policy);
    let mut eight = gap_of(8);
    let estimate = fill(&mut eight, &[], &aids);
    assert_eq!(wh(&eight), [100, 110, 120, 130, 140, 150, 160, 170, 180, 190]);
    assert!(shown(&estimate).iter().all(|line| line.ends_with(" E2")));
    assert_eq!(estimate.refused, [Refused::Unbounded]);
    let estimate = fill(&mut gap_of(9), &[], &aids);
    assert_eq!((estimate.slots.len(), estimate.open.len()), (0, 9));
    assert!(estimate.refused.contains(&Refused::TooLong));
}

#[test]
fn e2_rounds_half_up_and_needs_what_was_read_on_both_sides() {
    let (days, policy) = (days(), Policy::default());
    let aids = aids(&days, &policy);
    let mut half = series(0, [Some(1), None, Some(2)]);
    fill(&mut half, &[], &aids);
    assert_eq!(wh(&half), [1, 2, 2]);
    let mut open = series(0, [Some(100), None, None]);
    let estimate = fill(&mut open, &[], &aids);
    assert!(estimate.refused.contains(&Refused::NoNeighbours));
    assert_eq!(estimate.open, [at(1), at(2)]);
    let mut faulty = series(0, [Some(100), None, Some(100)]);
    let known = Known { quality: Quality::Estimated, ..Known::measured(Energy::from_wh(100)) };
    faulty.set(2, known);
    assert_eq!(fill(&mut faulty, &[], &aids).slots, []);
}

#[test]
fn e3_is_the_mean_of_three_or_four_like_days() {
    let (days, policy) = (days(), Policy::default());
    let aids = aids(&days, &policy);
    // Monday to Friday, each with its number, then a weekend, then a Monday that is missing.
    let day = |wh: u64| flat(wh).into_iter().map(Some);
    let week = |days: &[u64]| {
        let known = days.iter().flat_map(|wh| day(*wh));
        series(0, known.chain(vec![None; 20]).chain(day(7)))
    };
    let mut full = week(&[10, 21, 30, 40, 50, 900, 900]);
    let estimate = fill(&mut full, &[], &aids);
    // (21 + 30 + 40 + 50) / 4 = 35.25
    assert_eq!(shown(&estimate), vec!["35 E3"; 20]);
    assert_eq!(full.known()[7 * 96].quality, Quality::Substituted);
}

#[test]
fn e3_needs_three_days_and_takes_only_what_was_read() {
    let (days, policy) = (days(), Policy::default());
    let aids = aids(&days, &policy);
    let with = |tuesday: Option<u64>| {
        let days = [None, tuesday, Some(30), Some(50), None, None, None, None];
        let known = days.into_iter().flat_map(|wh| vec![wh; 96]);
        series(0, known.chain([Some(1)]))
    };
    let span = span(7 * 96, 8 * 96);
    assert_eq!(shown(&estimate_open(&with(Some(10)), span, &aids)), vec!["30 E3"; 96]);
    let few = estimate_open(&with(None), span, &aids);
    assert_eq!((few.slots.len(), few.open.len()), (0, 96));
    assert!(few.refused.contains(&Refused::TooFewLikeDays));
    let mut guessed = with(Some(10));
    for place in 96..192 {
        let known = Known::substituted(Energy::from_wh(10), Method::Interpolated);
        guessed.set(place, known);
    }
    assert_eq!(estimate_open(&guessed, span, &aids).slots, []);
}

#[test]
fn e3_takes_a_holiday_for_a_weekend_where_holidays_are_few() {
    let mut days = days();
    days.holidays.insert(days.timezone.day_of(at(14 * 96)));
    let policy = Policy::default();
    let aids = aids(&days, &policy);
    let known = (0..14_u64).flat_map(|day| {
        let weekend = day % 7 >= 5;
        vec![Some(if weekend { 500 } else { 100 }); 96]
    });
    let series = series(0, known.chain(vec![None; 96]).chain(vec![None; 96]));
    let estimate = estimate_open(&series, span(14 * 96, 16 * 96), &aids);
    // Nothing after it was read, so both days are estimated only.
    assert_eq!(shown(&estimate)[..96], vec!["~500 E3"; 96]);
    assert_eq!(shown(&estimate)[96..], vec!["~100 E3"; 96]);
}

#[test]
fn e3_finds_the_same_hour_when_clocks_change() {
    let policy = Policy::default();
    let days = days();
    let aids = aids(&days, &policy);
    for (sunday, slots) in [("2026-03-29", 92_usize), ("2026-10-25", 100)] {
        let sunday: LocalDay = sunday.parse().unwrap();
        let start = |back: i32| days.timezone.start_of(sunday.later(back));
        let first = Slot::starting(start(-14), LENGTH).unwrap();
        let count = start(1).seconds_since(start(-14)) / 900;
        let energy = |slot: Timestamp| u64::from(days.timezone.local(slot).minute) + 1;
        let known = (0..count).map(|place| {
            let slot = first.later(place).start;
            if slot >= start(0) { Known::MISSING } else { energy_known(energy(slot)) }
        });
        let series = Series::new(first, known.collect()).unwrap();
        let missing = vee::Span { from: start(0), to: start(1) };
        let estimate = estimate_open(&series, missing, &aids);
        assert_eq!((estimate.slots.len(), estimate.open.len()), (slots, 0));
        for slot in &estimate.slots {
            assert_eq!(slot.known.energy.wh(), energy(slot.start), "{}", slot.start);
        }
    }
}

fn energy_known(wh: u64) -> Known {
    Known::measured(Energy::from_wh(wh))
}

/// The same on every day, but for twice as much between 18:00 and 20:00.
fn profile() -> Profile {
    let mut column = [10; QUARTERS];
    column[72..80].fill(20);
    let classes = [DayClass::Weekday, DayClass::Weekend];
    let columns: BTreeMap<_, _> = classes.into_iter().map(|it| ((0, it), column)).collect();
    Profile::new([0; 12], columns).unwrap()
}

#[test]
fn e4_scales_a_profile_to_what_was_used() {
    let (days, policy, profile) = (days(), Policy::default(), profile());
    let of = |series: &Series, day: Option<u64>| {
        let with =
            Aids { profile: Some(&profile), day: day.map(Energy::from_wh), ..aids(&days, &policy) };
        estimate_open(series, span(192, 288), &with)
    };
    // Two days of 104 x 5 Wh: a Monday and a Tuesday, too few for E3.
    let mut day = flat(5);
    day[0] += 40;
    let series = after(2, &day, &[None; 96]);
    let estimate = of(&series, Some(99_999));
    let sum = Energy::sum(estimate.slots.iter().map(|slot| slot.known.energy)).unwrap();
    assert_eq!(sum.wh(), 520);
    assert_eq!(shown(&estimate)[0], "~5 E4-PROFILE");
    assert_eq!(shown(&estimate)[72], "~10 E4-PROFILE");
    assert!(estimate.refused.contains(&Refused::TooFewLikeDays));
    // Without a day that was read, only what the caller knows counts; without that, nothing.
    let empty = after(0, &day, &[None; 288]);
    let known: u64 = of(&empty, Some(1040)).slots.iter().map(|it| it.known.energy.wh()).sum();
    assert_eq!(known, 1040);
    assert_eq!((of(&empty, None).slots.len(), of(&empty, None).open.len()), (0, 96));
}

#[test]
fn e1_takes_the_form_of_a_profile_or_of_the_sun() {
    let (days, policy, profile) = (days(), Policy::default(), profile());
    let series = series(70, vec![None; 4]);
    let sky = Irradiance::new(series.slot(0), vec![0, 100, 300, 0]);
    let both = Aids { profile: Some(&profile), irradiance: Some(&sky), ..aids(&days, &policy) };
    let import = estimate_bounded(&series, gap(70, 74, 60), &both);
    let expected = ["10 E1-PROFILE", "10 E1-PROFILE", "20 E1-PROFILE", "20 E1-PROFILE"];
    assert_eq!(shown(&import), expected);
    let export = Aids { channel: Channel::Export, ..both };
    let export = estimate_bounded(&series, gap(70, 74, 60), &export);
    assert_eq!(shown(&export), ["0 E1-SUN", "15 E1-SUN", "45 E1-SUN", "0 E1-SUN"]);
}

#[test]
fn e4_follows_the_sun_and_e5_says_zero_where_generation_failed() {
    let (days, policy) = (days(), Policy::default());
    let series = after(0, &[], &[None; 4]);
    let sky = Irradiance::new(series.slot(0), vec![0, 400, 1000]);
    let modules = Some(Modules { power: Power::from_w(4000), yield_per_mille: Some(500) });
    let failed = [span(3, 4)];
    let of = |channel, failed| {
        let irradiance = Some(&sky);
        let with = Aids { channel, modules, irradiance, failed, ..aids(&days, &policy) };
        estimate_open(&series, span(0, 4), &with)
    };
    let made = of(Channel::Generation, &failed);
    assert_eq!(shown(&made), ["~0 E4-SUN", "~200 E4-SUN", "~500 E4-SUN", "~0 E5"]);
    // What is fed in of it, nobody knows; and an import register never fails to zero.
    let fed = of(Channel::Export, &failed);
    assert_eq!((shown(&fed), fed.open.len()), (vec!["~0 E5".to_owned()], 3));
    assert_eq!(of(Channel::Import, &failed).open.len(), 4);
    assert!(of(Channel::Export, &[]).refused.contains(&Refused::NotFailed));
}

#[test]
fn e4_scales_what_is_fed_in_to_what_was_fed_in_under_the_same_sun() {
    let (days, policy) = (days(), Policy::default());
    let mut day = flat(0);
    day[40..56].fill(100);
    let series = after(1, &day, &[None; 96]);
    let watts = |slot: usize| match slot {
        40..56 => 500,
        136..152 => 250,
        _ => 0,
    };
    let sky = Irradiance::new(series.slot(0), (0..192).map(watts).collect());
    let with = Aids { channel: Channel::Export, irradiance: Some(&sky), ..aids(&days, &policy) };
    let estimate = estimate_open(&series, span(96, 192), &with);
    let sum: u64 = estimate.slots.iter().map(|slot| slot.known.energy.wh()).sum();
    assert_eq!(sum, 800);
    assert_eq!(shown(&estimate)[40], "~50 E4-SUN");
    assert_eq!(shown(&estimate)[0], "~0 E4-SUN");
}

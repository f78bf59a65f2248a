//! V11 and V12: other meters and wrong factors; and values that are as large as can be.

use calendar::Timestamp;
use units::{Energy, Power};
use vee::{Channel, Code, Dial, Irradiance, Meter, Modules, Policy, Registers, Site, Span, Twin};

use super::{codes, found, found_with, leak, weeks};
use crate::home::{meter, series, site, span};

#[test]
fn v11_two_meters_of_one_place_say_the_same() {
    let ours = series(0, vec![Some(1000); 96]);
    let of = |theirs: u64| {
        let theirs = series(0, vec![Some(theirs); 96]);
        let part = span(0, 95);
        codes(&found(&ours, part, |case| case.twins = leak([Twin::Check(leak(theirs))])))
    };
    // V8 sees the flat line too.
    assert_eq!(of(1020), ["FLAT_LINE"]);
    assert_eq!(of(1021), ["TWIN_DIFFERS", "FLAT_LINE"]);
    assert_eq!(of(980), ["TWIN_DIFFERS", "FLAT_LINE"]);
    assert_eq!(of(981), ["FLAT_LINE"]);
}

#[test]
fn v11_two_meters_of_two_places_do_not_say_the_same() {
    let energy = |slot: usize| 500 + 37 * (slot as u64 % 11);
    let ours = series(0, (0..200).map(|slot| Some(energy(slot))));
    let of = |slots: usize, off: u64| {
        let theirs = (0..200).map(|slot| {
            let copy = energy(slot) * 3 / 2 + if slot == 150 { off } else { 0 };
            (slot < slots).then_some(copy)
        });
        let theirs = leak(series(0, theirs));
        codes(&found(&ours, span(0, 200), |case| case.twins = leak([Twin::Other(theirs)])))
    };
    assert_eq!(of(200, 0), ["TWIN_COPIES"]);
    // One slot that is off by so much that the correlation is 0.9904, or 0.9896.
    assert_eq!(of(200, 350), ["TWIN_COPIES"]);
    assert_eq!(of(200, 365), [""; 0]);
    assert_eq!(of(96, 0), ["TWIN_COPIES"]);
    assert_eq!(of(95, 0), [""; 0]);
    // What is fed in of one sun has to be nearer: 0.99992 or 0.99987.
    let fed = |off| {
        let theirs = (0..200).map(|slot| energy(slot) * 3 / 2 + if slot == 150 { off } else { 0 });
        let theirs = leak(series(0, theirs.map(Some)));
        codes(&found(&ours, span(0, 200), |case| {
            case.channel = Channel::Export;
            case.site = leak(Site { storage: true, ..site() });
            case.twins = leak([Twin::Other(theirs)]);
        }))
    };
    assert_eq!(fed(32), ["TWIN_COPIES"]);
    assert_eq!(fed(41), [""; 0]);
    let flat = leak(series(0, vec![Some(700); 200]));
    let same = series(0, vec![Some(700); 200]);
    let findings = found(&same, span(0, 200), |case| case.twins = leak([Twin::Other(flat)]));
    assert_eq!(codes(&findings), ["FLAT_LINE"]);
}

#[test]
fn no_energy_and_no_policy_is_too_large() {
    let most = Policy {
        level_high_per_mille: u32::MAX,
        level_low_per_mille: u32::MAX - 1,
        spike_percent: u32::MAX,
        sum_per_mille: u32::MAX,
        physical_percent: u32::MAX,
        pv_percent: u32::MAX,
        yield_high_per_mille: u32::MAX,
        twin_per_mille: u32::MAX,
        multiplier_per_mille: u32::MAX,
        ..Policy::default()
    };
    let energy = |slot: i64| Some(u64::MAX - u64::from(slot % 5 == 0));
    let series = series(0, (0..40 * 96).map(energy));
    let forever = Span { from: Timestamp::default(), to: Timestamp::from_seconds(i64::MAX) };
    let irradiance = Irradiance::new(series.slot(0), vec![u32::MAX; 40 * 96]);
    for channel in [Channel::Import, Channel::Export, Channel::Generation] {
        for (policy, over) in [(&most, span(32 * 96, 39 * 96)), (&Policy::default(), forever)] {
            let registers = [Registers { span: over, advance: Energy::from_wh(u64::MAX) }];
            let other = series.clone();
            let findings = found_with(&series, over, policy, |case| {
                case.channel = channel;
                case.registers = leak(registers);
                case.irradiance = Some(leak(irradiance.clone()));
                case.twins = leak([Twin::Check(leak(other.clone())), Twin::Other(leak(other))]);
                let power = Power::from_w(u64::MAX);
                let modules = Some(Modules { power, yield_per_mille: Some(u32::MAX) });
                case.site = leak(Site { modules, ..site() });
            });
            assert!(!findings.iter().any(|finding| finding.code == Code::SumMismatch));
        }
    }
}

#[test]
fn v12_a_wrong_factor_shows_in_the_usage() {
    let of = |per_mille, multiplier| {
        let (series, week) = weeks(28, per_mille);
        let findings = found(&series, week, |case| {
            case.site = leak(Site { import: Power::from_w(u64::MAX), ..site() });
            case.meter = leak(Meter { dial: Dial::new(9, 1, multiplier).unwrap(), ..meter() });
        });
        let suspected = findings.iter().find(|it| it.code == Code::MultiplierSuspected);
        suspected.and_then(|finding| finding.evidence.get("multiplier"))
    };
    assert_eq!(of(40_000, 40), Some(40));
    assert_eq!(of(25, 40), Some(40));
    assert_eq!(of(44_000, 40), Some(40));
    assert_eq!(of(44_100, 40), None);
    assert_eq!(of(40_000, 1), None);
    assert_eq!(of(10_000, 1), Some(10));
    assert_eq!(of(1_000_000, 1), Some(1000));
    assert_eq!(of(1000, 40), None);
}

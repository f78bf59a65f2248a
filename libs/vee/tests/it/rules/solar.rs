//! V9 and V10: feeding in, against the sun.

use calendar::Slot;
use vee::{Case, Channel, Irradiance, Modules, Policy, Series, Site, Span, highest_millidegrees};

use super::{codes, day_with, found, found_with, leak};
use crate::home::{LENGTH, at, series, site, span};

#[test]
fn v9_nothing_is_fed_in_after_dark() {
    let (place, fed) = (site().place.unwrap(), |slot: i64| {
        let mut energies = vec![Some(0); 97];
        energies[usize::try_from(slot).unwrap()] = Some(1);
        series(0, energies)
    });
    let policy = Policy::default();
    let dark = |slot: i64| {
        let slot = Slot::starting(at(slot), LENGTH).unwrap();
        highest_millidegrees(place, slot) < policy.night_millidegrees
    };
    let dusk = (80..96).find(|slot| dark(*slot)).unwrap();
    assert!((84..90).contains(&dusk), "{dusk}");
    let export = |case: &mut Case<'_>| case.channel = Channel::Export;
    let of = |slot, change: fn(&mut Case<'_>)| codes(&found(&fed(slot), span(0, 97), change));
    // The rest of the day is zero, which V8 has something to say of only from 96 slots on.
    assert_eq!(of(dusk, export), ["EXPORT_AT_NIGHT"]);
    assert_eq!(of(dusk - 1, export), [""; 0]);
    let battery = |case: &mut Case<'_>| {
        case.channel = Channel::Export;
        case.site = leak(Site { storage: true, ..site() });
    };
    assert_eq!(of(dusk, battery), [""; 0]);
    let nowhere = |case: &mut Case<'_>| {
        case.channel = Channel::Export;
        case.site = leak(Site { place: None, ..site() });
    };
    assert_eq!(of(dusk, nowhere), [""; 0]);
    assert_eq!(of(dusk, |_| {}), [""; 0]);
}

#[test]
fn v9_no_more_is_fed_in_than_modules_make() {
    // 5 kW for a quarter-hour and a tenth are 1375 Wh. Three slots, so that V5 is silent.
    let of = |wh| {
        let series = day_with(&[(48, wh), (49, wh), (50, wh)]);
        let noon = span(40, 60);
        codes(&found(&series, noon, |case| case.channel = Channel::Export))
    };
    assert_eq!(of(1375), [""; 0]);
    assert_eq!(of(1376), ["EXPORT_ABOVE_PV"; 3]);
}

/// A week in which the sun sends 1 kW a square metre for four hours a day, and modules make
/// `per_mille` of their rated power then.
fn sunny_week(per_mille: u64) -> (Series, Irradiance) {
    let noon = |slot: usize| (40..56).contains(&(slot % 96));
    let energies = (0..7 * 96).map(|slot| if noon(slot) { 5000 * per_mille / 4000 } else { 0 });
    let watts = (0..7 * 96).map(|slot| if noon(slot) { 1000 } else { 0 }).collect();
    let series = series(0, energies.map(Some));
    let irradiance = Irradiance::new(series.slot(0), watts);
    (series, irradiance)
}

#[test]
fn v10_modules_make_of_the_sun_what_they_should() {
    let of = |per_mille, channel, slots| {
        let (series, irradiance) = sunny_week(per_mille);
        codes(&found(&series, span(0, slots), |case| {
            case.channel = channel;
            case.irradiance = Some(leak(irradiance));
        }))
    };
    // Expected are 800 per mille; 900 per mille of that are 720, 1500 are 1200: above V9's limit.
    let week = 7 * 96;
    assert_eq!(of(720, Channel::Generation, week), [""; 0]);
    assert_eq!(of(716, Channel::Generation, week), ["YIELD_LOW"]);
    assert_eq!(of(716, Channel::Export, week), [""; 0]);
    assert_eq!(of(716, Channel::Generation, week - 1), [""; 0]);
    assert_eq!(of(1096, Channel::Export, week), [""; 0]);
    let low = Policy { yield_high_per_mille: 1300, ..Policy::default() };
    let high = |per_mille| {
        let (series, irradiance) = sunny_week(per_mille);
        codes(&found_with(&series, span(0, week), &low, |case| {
            case.channel = Channel::Export;
            case.irradiance = Some(leak(irradiance));
        }))
    };
    assert_eq!(high(1040), [""; 0]);
    assert_eq!(high(1044), ["YIELD_HIGH"]);
}

#[test]
fn v10_holds_modules_against_their_own_past_where_nothing_is_expected() {
    let noon = |slot: usize| (40..56).contains(&(slot % 96));
    let of = |days_before: usize, now: u64| {
        let slots = (days_before + 7) * 96;
        let energy = |slot: usize| match noon(slot) {
            true if slot >= days_before * 96 => now,
            true => 1000,
            false => 0,
        };
        let series = series(0, (0..slots).map(|slot| Some(energy(slot))));
        let watts = (0..slots).map(|slot| if noon(slot) { 900 } else { 0 }).collect();
        let irradiance = Irradiance::new(series.slot(0), watts);
        let week = Span { from: series.slot(days_before * 96).start, to: series.span().to };
        codes(&found(&series, week, |case| {
            let modules = site().modules.map(|it| Modules { yield_per_mille: None, ..it });
            case.site = leak(Site { modules, ..site() });
            case.channel = Channel::Generation;
            case.irradiance = Some(leak(irradiance));
        }))
    };
    assert_eq!(of(28, 900), [""; 0]);
    assert_eq!(of(28, 899), ["YIELD_LOW"]);
    assert_eq!(of(14, 899), ["YIELD_LOW"]);
    assert_eq!(of(13, 899), [""; 0]);
}

#[test]
fn v10_a_dark_week_says_nothing() {
    let (series, _) = sunny_week(100);
    let of = |watts: u32| {
        let sky = (0..7 * 96).map(|slot| if (40..56).contains(&(slot % 96)) { watts } else { 0 });
        let irradiance = Irradiance::new(series.slot(0), sky.collect());
        codes(&found(&series, span(0, 7 * 96), |case| {
            case.channel = Channel::Generation;
            case.irradiance = Some(leak(irradiance));
        }))
    };
    // 125 W for 28 hours are 3500 Wh a square metre; the modules make 4/5 of what is sent then.
    assert_eq!(of(124), [""; 0]);
    assert_eq!(of(125), [""; 0]);
    assert_eq!(of(140), ["YIELD_LOW"]);
}

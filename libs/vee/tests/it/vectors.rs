//! The worked numbers of the domain. The same numbers stand in the tests beside the code.

use serde_json::Value;
use units::Energy;
use vee::{Code, Dial, Gap, Policy, fill, judge_series, share};

use crate::home::{LENGTH, aids, days, series, site, span, wh};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/domain.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
}

#[test]
fn registers_roll_over_as_in_the_vectors() {
    let vectors = vectors();
    for row in vectors["vee"]["rollover"].as_array().unwrap() {
        let [earlier, later, digits, expected] = numbers(row)[..] else { panic!("{row}") };
        // In steps: the first is of kWh.
        let dial = Dial::wh(u8::try_from(digits).unwrap()).unwrap();
        let advance = dial.advance(earlier, later).unwrap();
        assert_eq!((advance.energy.wh(), advance.rolled_over), (expected, true));
    }
}

#[test]
fn a_spike_is_the_percentage_of_the_vectors() {
    let vectors = vectors();
    let row: Vec<decimals::Wh> = decimals::rows(&vectors["vee"]["spike_pct"]);
    let (first, third, percent) = (row[0].0, row[1].0, row[2].0 / 1000);
    let mut day = vec![Some(third / 10); 96];
    day[40] = Some(first);
    day[50] = Some(third);
    day[60] = Some(third);
    let (days, meter, mut site) = (days(), crate::home::meter(), site());
    site.import = units::Power::from_w(100_000);
    let case = crate::rules::case(&days, &meter, &site);
    let findings = judge_series(&series(0, day), span(0, 96), &case, &Policy::default());
    let spike = findings.iter().find(|finding| finding.code == Code::Spike).unwrap();
    assert_eq!(spike.evidence.get("above_percent"), i64::try_from(percent).ok());
    assert_eq!(spike.span, span(40, 41));
}

#[test]
fn a_gap_is_filled_as_in_the_vectors() {
    let vectors = vectors();
    let fill_of = &vectors["vee"]["scaled_fill"];
    let wh_of = |name: &str| fill_of[name].as_u64().unwrap();
    let (shape, expected) = (numbers(&fill_of["shape"]), numbers(&fill_of["expect"]));
    let missing = Energy::from_wh(wh_of("advance") - wh_of("known"));
    let parts = share(missing, &shape, Energy::from_wh(10_000)).unwrap();
    let parts: Vec<u64> = parts.iter().map(|part| part.energy.wh()).collect();
    assert_eq!(parts, expected);

    // The same through the ladder: the shape is that of the day before.
    let mut energies: Vec<Option<u64>> = shape.iter().copied().map(Some).collect();
    energies.resize(96, Some(10));
    energies.extend([None; 4]);
    energies.push(Some(wh_of("known")));
    let mut series = series(96, energies);
    let (days, policy) = (days(), Policy::default());
    let gap = Gap { span: span(192, 197), advance: Energy::from_wh(wh_of("advance")) };
    let aids = vee::Aids { power_max: units::Power::from_w(100_000), ..aids(&days, &policy) };
    let estimate = fill(&mut series, &[gap], &aids);
    assert_eq!(wh(&series)[96..100], expected);
    assert!(estimate.slots.iter().all(|slot| slot.known.method.unwrap().code() == "E1-LIKE"));
}

#[test]
fn local_days_have_the_slots_of_the_vectors() {
    let vectors = vectors();
    let days = days();
    for (day, row) in vectors["bills"]["BILL3"].as_object().unwrap() {
        let slots = days.timezone.slots_of(day.parse().unwrap(), LENGTH).count();
        assert_eq!(Some(slots as u64), row[3].as_u64(), "{day}");
    }
}

/// Decimal numbers of kWh, read as whole Wh.
mod decimals {
    pub(super) struct Wh(pub(super) u64);

    pub(super) fn rows(value: &serde_json::Value) -> Vec<Wh> {
        let text = |number: &serde_json::Value| number.to_string();
        value.as_array().unwrap().iter().map(|number| Wh(parse(&text(number)))).collect()
    }

    fn parse(text: &str) -> u64 {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let thousandths = format!("{fraction:0<3}");
        whole.parse::<u64>().unwrap() * 1000 + thousandths[..3].parse::<u64>().unwrap()
    }
}

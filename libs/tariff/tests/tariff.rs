//! Worked bills, prices of a slot, and the field that a faulty tariff is refused for.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use calendar::{LocalDay, Slot, SlotLength, Timestamp};
use serde_json::{Value, json};
use tariff::bill::Carried;
use tariff::{Class, Exact, Flow, RatedLine, Tariff};
use units::{Decimal, Energy, Money, Price};

/// 18 ct off-peak from 0 to 6 local, else 30 ct; weekends as weekdays.
fn two_periods() -> Value {
    let day: Vec<u8> = (0..24).map(|hour| u8::from(hour >= 6)).collect();
    json!({
        "id": "tou", "name": "Two periods", "version": 1, "valid_from": "2026-01-01",
        "currency": "EUR", "currency_digits": 2, "timezone": "Europe/Berlin",
        "fixed_per_day": "0.35",
        "energy": {
            "periods": [
                { "name": "off-peak", "price": 180_000 },
                { "name": "peak", "price": 300_000 },
            ],
            "weekday": vec![day.clone(); 12],
            "weekend": vec![day; 12],
        },
        "network_fee": 0, "local_network_fee": 10_000,
        "platform_fees": { "buyer": 2_000, "seller": 2_000 },
        "feed_in_price": 80_000,
    })
}

fn tariff(value: &Value) -> Tariff {
    Tariff::from_json(&value.to_string()).unwrap()
}

fn bills() -> Value {
    let text = include_str!("../../../tests/vectors/domain.json");
    serde_json::from_str::<Value>(text).unwrap()["bills"].clone()
}

fn money(text: &str) -> Money {
    Money::from_n(i64::try_from(text.parse::<Decimal>().unwrap().to_scale(9).unwrap()).unwrap())
}

fn total(lines: &[RatedLine]) -> Money {
    Money::sum(lines.iter().map(|line| line.amount)).unwrap()
}

/// The lines of some days, without those of nothing.
fn rated(tariff: &Tariff, (from, to): (&str, &str), flows: &[(Slot, Flow)]) -> Vec<RatedLine> {
    let days = (from.parse().unwrap(), to.parse().unwrap());
    let flows = flows.iter().map(|(slot, flow)| (slot.start, *flow)).collect();
    let rated = tariff.rate(days, SlotLength::QUARTER_HOUR, &flows, &Carried::default()).unwrap();
    rated.lines.into_iter().filter(|line| line.exact != Exact::ZERO).collect()
}

fn taken(wh: u64) -> Flow {
    Flow { import: Energy::from_wh(wh), ..Flow::default() }
}

fn slot(start: &str) -> Slot {
    Slot::containing(start.parse::<Timestamp>().unwrap(), SlotLength::QUARTER_HOUR)
}

#[test]
fn a_day_of_92_96_or_100_slots_is_rated_by_the_local_clock() {
    let bills = bills();
    let days = bills["BILL3"].as_object().unwrap();
    assert_eq!(days.len(), 3);
    let mut terms = two_periods();
    terms["fixed_per_day"] = json!("0");
    let tariff = tariff(&terms);
    for (day, expected) in days {
        let day: LocalDay = day.parse().unwrap();
        let slots = tariff.head().timezone.slots_of(day, SlotLength::QUARTER_HOUR);
        let flows: Vec<(Slot, Flow)> = slots.map(|slot| (slot, taken(100))).collect();
        let lines = rated(&tariff, (&day.to_string(), &day.next().to_string()), &flows);
        let [off_peak, peak] = [180_000, 300_000].map(Price::from_n_per_wh);
        let exact = |price: Price, wh: &Value| {
            Exact::of(price.cost_of(Energy::from_wh(wh.as_u64().unwrap())).unwrap())
        };
        assert_eq!(Some(u64::try_from(flows.len()).unwrap()), expected[3].as_u64(), "{day}");
        assert_eq!(lines.len(), 2, "{day}");
        assert_eq!(lines[0].exact, exact(off_peak, &expected[0]), "{day}");
        assert_eq!(lines[1].exact, exact(peak, &expected[1]), "{day}");
        assert_eq!(total(&lines), money(expected[2].as_str().unwrap()), "{day}");
    }
}

#[test]
fn the_residual_of_a_prosumers_bill_is_rated_on_the_retail_tariff() {
    let bill = &bills()["BILL2"];
    let expected: Vec<Money> = bill["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| money(line.as_str().unwrap()))
        .collect();
    let mut terms = two_periods();
    terms["energy"]["periods"] = json!([{ "name": "all day", "price": 238_000 }]);
    terms["energy"]["weekday"] = json!(vec![vec![0; 24]; 12]);
    terms["energy"]["weekend"] = json!(vec![vec![0; 24]; 12]);
    terms["network_fee"] = json!(62_000);
    terms["platform_fees"]["buyer"] = json!(2_100);
    terms["fixed_per_day"] = json!("0");
    let tariff = tariff(&terms);
    let at = |import, bought| {
        let [import, bought] = [import, bought].map(Energy::from_wh);
        let flow = Flow { import, bought, ..Flow::default() };
        rated(&tariff, ("2026-06-01", "2026-06-02"), &[(slot("2026-06-01T10:00:00Z"), flow)])
    };
    let residual = at(12_000, 5000);
    let classes: Vec<Class> = residual.iter().map(|line| line.class).collect();
    assert_eq!(classes, [Class::Energy, Class::Network]);
    let local = |price: Price| price.cost_of(Energy::from_wh(5000)).unwrap().rounded(2).unwrap();
    let mut lines = vec![
        local(Price::from_n_per_wh(180_000)),
        local(tariff.head().local_network_fee),
        local(tariff.head().platform_fees.buyer),
    ];
    lines.extend(residual.iter().map(|line| line.amount));
    assert_eq!(lines, expected);
    assert_eq!(Money::sum(lines).unwrap(), money(bill["net"].as_str().unwrap()));
    assert_eq!(total(&at(12_000, 0)), money("3.60"));
}

#[test]
fn lines_round_one_by_one_at_the_minor_unit() {
    let mut terms = two_periods();
    terms["levies"] = json!([
        { "name": "a", "price": 3_335_000 },
        { "name": "b", "price": 3_335_000 },
        { "name": "none", "price": 0 },
    ]);
    terms["network_fee"] = json!(3_335_000);
    terms["energy"]["periods"][1]["price"] = json!(0);
    terms["fixed_per_day"] = json!("0");
    let at = [(slot("2026-06-01T10:00:00Z"), taken(1000))];
    for (digits, expected) in [(2, "10.02"), (3, "10.005"), (0, "9")] {
        terms["currency_digits"] = json!(digits);
        let lines = rated(&tariff(&terms), ("2026-06-01", "2026-06-02"), &at);
        assert_eq!((lines.len(), total(&lines)), (3, money(expected)), "{digits}");
    }
}

#[test]
fn days_and_fed_in_energy_have_lines_of_their_own() {
    let tariff = tariff(&two_periods());
    let fixed = rated(&tariff, ("2026-04-11", "2026-05-01"), &[]);
    assert_eq!(total(&fixed), money("7.00"));
    let given = Flow { export: Energy::from_wh(300), ..Flow::default() };
    let at = [(slot("2026-06-01T10:00:00Z"), given)];
    let lines = rated(&tariff, ("2026-06-01", "2026-06-02"), &at);
    let fed_in = lines.iter().find(|line| line.class == Class::Credit).unwrap();
    assert_eq!(fed_in.exact, Exact::of(money("-0.024")));
    assert_eq!(fed_in.amount, money("-0.02"));
}

#[test]
fn weekends_have_a_schedule_of_their_own() {
    let mut terms = two_periods();
    terms["energy"]["weekend"] = json!(vec![vec![0; 24]; 12]);
    let tariff = tariff(&terms);
    let at = |start: &str| tariff.retail_price(slot(start)).n_per_wh();
    assert_eq!(at("2026-06-05T10:00:00Z"), 300_000);
    assert_eq!(at("2026-06-05T22:00:00Z"), 180_000, "Saturday begins at local midnight");
    assert_eq!(at("2026-06-06T10:00:00Z"), 180_000);
}

#[test]
fn the_band_is_where_both_sides_gain() {
    // Retail energy, network, levies, local network, feed-in; platform fees 0.2 ct each.
    let check = |parts: [i64; 5], expected: Option<(i64, i64)>| {
        let mut terms = two_periods();
        terms["energy"]["periods"][1]["price"] = json!(parts[0]);
        terms["network_fee"] = json!(parts[1]);
        terms["levies"] = json!([{ "name": "levies", "price": parts[2] }]);
        terms["local_network_fee"] = json!(parts[3]);
        terms["feed_in_price"] = json!(parts[4]);
        let tariff = tariff(&terms);
        let slot = slot("2026-06-01T10:00:00Z");
        let band = tariff.band(slot).map(|(low, high)| (low.n_per_wh(), high.n_per_wh()));
        assert_eq!(band, expected, "{parts:?}");
        let retail = Price::from_n_per_wh(parts[..3].iter().sum());
        assert_eq!(tariff.retail_price(slot), retail, "{parts:?}");
        assert_eq!(tariff.feed_in_price(slot).n_per_wh(), parts[4], "{parts:?}");
    };
    check([120_000, 90_000, 90_000, 10_000, 80_000], Some((82_000, 288_000)));
    // Network, levies and taxes are still due on a neighbour's energy, and it has no own fee.
    check([120_000, 90_000, 90_000, 180_000, 80_000], Some((82_000, 118_000)));
    // A reduced network fee for local energy.
    check([120_000, 90_000, 90_000, 140_000, 80_000], Some((82_000, 158_000)));
    check([120_000, 90_000, 90_000, 216_000, 80_000], None);
    check([120_000, 0, 0, 130_000, 80_000], None);
}

#[test]
fn the_hash_is_of_the_terms_and_not_of_their_spelling() {
    let value = two_periods();
    let hash = tariff(&value).hash();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(Tariff::from_json(&pretty).unwrap().hash(), hash);
    let mut spelled_out = value.clone();
    spelled_out["vat_bps"] = json!(0);
    spelled_out["levies"] = json!([]);
    assert_eq!(tariff(&spelled_out).hash(), hash);
    let mut other = value;
    other["feed_in_price"] = json!(80_001);
    assert_ne!(tariff(&other).hash(), hash);
    let text = tariff(&spelled_out).canonical_json();
    assert!(text.starts_with(r#"{"currency":"EUR","currency_digits":2,"energy":{"periods":[{"n"#));
    assert_eq!(Tariff::from_json(&text).unwrap().canonical_json(), text);
}

#[test]
fn a_faulty_tariff_is_refused_at_the_field() {
    let check = |pointer: &str, value: Value, field: &str| {
        let mut terms = two_periods();
        terms["levies"] = json!([{ "name": "a", "price": 0 }]);
        *terms.pointer_mut(pointer).unwrap() = value;
        let error = Tariff::from_json(&terms.to_string()).unwrap_err();
        assert_eq!(error.field, field, "{error}");
    };
    check("/id", json!(" "), "id");
    check("/name", json!("a\nb"), "name");
    check("/version", json!(0), "version");
    check("/version", json!(-1), "version");
    check("/valid_from", json!("2026-02-30"), "valid_from");
    check("/currency", json!("eur"), "currency");
    check("/currency_digits", json!(5), "currency_digits");
    check("/timezone", json!("Europe/Atlantis"), "timezone");
    check("/fixed_per_day", json!("-0.01"), "fixed_per_day");
    check("/fixed_per_day", json!(0.35), "fixed_per_day");
    check("/energy/periods", json!([]), "energy.periods");
    check("/energy/periods/1/name", json!("off-peak"), "energy.periods[1].name");
    check("/energy/periods/1/price", json!(0.5), "energy.periods[1].price");
    check("/energy/periods/1/price", json!(-1), "energy.periods[1].price");
    check("/energy/weekday/3/7", json!(2), "energy.weekday[3][7]");
    check("/energy/weekend/11/23", json!(300), "energy.weekend[11][23]");
    check("/energy/weekend/4", json!([0, 1]), "energy.weekend[4]");
    check("/energy/weekday", json!([]), "energy.weekday");
    check("/levies/0/price", json!(1_000_000_000_001_i64), "levies[0].price");
    check("/platform_fees", json!({ "buyer": 1, "seller": 1, "tip": 1 }), "platform_fees.tip");
    check("/feed_in_price", json!(-5), "feed_in_price");
    let mut unknown = two_periods();
    unknown["colour"] = json!("green");
    let error = Tariff::from_json(&unknown.to_string()).unwrap_err();
    assert!(error.to_string().starts_with("colour: unknown field"), "{error}");
    assert!(Tariff::from_json(&format!("{} x", two_periods())).is_err());
}

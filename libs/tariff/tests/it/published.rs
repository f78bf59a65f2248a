//! Tariffs of communities: one spelling, one hash, faults at their field, the price of a slot.

use calendar::{Slot, SlotLength};
use serde_json::{Value, json};
use tariff::bill::Carried;
use tariff::{Class, Flow, Frame, Sheet, Source, Tariff};
use units::Energy;

use crate::loads::{day, money, none, plan, rated, sheet, spread};

/// Everything that a sheet can say.
fn everything() -> Value {
    json!({
        "format": "wattex-tariff-1", "id": "all", "name": "All", "version": 3, "currency": "EUR",
        "timezone": "Europe/Berlin", "valid_from": "2026-01-01",
        "holidays": ["2026-12-25", "2026-05-01"],
        "fixed": [{ "name": "meter", "per": "month", "amount": 4.5 },
                  { "name": "supply", "per": "day", "amount": "0.35" }],
        "energy": [
            { "name": "energy",
              "periods": [
                  { "name": "night", "price": 0.18 },
                  { "name": "day", "tiers": [
                      { "max": 100, "price": "0.30" }, { "price": "0.36" }] },
              ],
              "schedule": {
                  "windows": [
                      { "period": "night", "from": "22:00", "to": "06:00",
                        "days": ["weekday", "holiday"], "months": [1, 12] },
                      { "period": "night", "days": ["sun"],
                        "season": { "from": "11-15", "to": "02-01" } },
                  ],
                  "otherwise": "day",
              },
              "tiers": { "across": "time", "per": "month" } },
            { "name": "network", "class": "network", "price": "0.062" },
            { "name": "peak hours", "class": "levy", "netted": false, "dynamic": {
                "prices": [
                    { "from": "2026-06-01T10:00:00Z", "to": "2026-06-01T11:00:00Z", "price": 0.08 },
                    { "from": "2026-06-01T11:00:00Z", "to": "2026-06-01T12:00:00Z", "price": -0.3 },
                ],
                "multiplier": "1.1", "markup": 0.02, "floor": -0.1, "fallback": "0.01" } },
            { "name": "local", "class": "network", "on": "local", "price": "0.01" },
            { "name": "platform", "class": "platform", "on": "local", "price": "0.002" },
            { "name": "sales", "class": "platform", "on": "sold", "price": "0.003" },
        ],
        "demand": [{ "periods": [
                { "name": "low", "price": "1" },
                { "name": "high", "tiers": [{ "max": 5, "price": "2" }, { "price": "3.25" }] }],
            "schedule": { "months": [0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0] } }],
        "demand_window_minutes": 30,
        "ratchet": { "percent": 80, "months": 11, "minimum_kw": 0.5 },
        "export": { "mode": "net_billing", "price": "0.08", "bank": "money",
                    "year_end": { "month": 12, "leftover": "pay" } },
        "minimum": [{ "per": "month", "amount": 10 }, { "per": "year", "amount": 150 }],
        "taxes": [{ "name": "duty", "class": "levy", "percent": 2.5, "on": ["energy"] },
                  { "name": "VAT", "percent": 19 }],
    })
}

fn tariff(value: &Value) -> Tariff {
    let (tariff, _) = Tariff::read(&value.to_string(), None).unwrap_or_else(|it| panic!("{it}"));
    tariff
}

fn slot(start: &str) -> Slot {
    Slot::containing(start.parse().unwrap(), SlotLength::QUARTER_HOUR)
}

/// What a sheet comes to in a month of 300 kWh, whatever it calls its fields.
fn month(sheet: &Sheet) -> Vec<(Class, String)> {
    let plan = plan(sheet.clone(), "Europe/Berlin", "2026-06-01", "2026-07-01", 15);
    let import = spread(300_000, plan.intervals());
    let count = import.len();
    let bill = rated(&plan, &tariff::Series::metered(import, none(count)).unwrap());
    let lines = bill.months[0].lines.iter();
    lines.map(|line| (line.class, line.exact.to_string())).collect()
}

fn check_spelling(of: &Sheet) {
    let document = of.document();
    let again = sheet(&document);
    assert_eq!(again.document(), document);
    let plain = Sheet { valid_from: None, valid_to: None, ..of.clone() };
    assert_eq!(month(&Sheet { valid_from: None, valid_to: None, ..again }), month(&plain));
}

#[test]
fn a_sheet_is_written_as_it_is_read() {
    check_spelling(&sheet(&everything()));
    let blocks = json!({ "id": "b", "currency": "USD", "energy": [{ "periods": [{ "tiers": [
        { "max": 20, "unit": "kWh/kW", "price": "0.2" },
        { "max": 400, "unit": "kWh", "price": 0.1 }, { "unit": "kWh/kW", "price": "0.3" }] }],
        "schedule": { "weekday": vec![vec![0; 48]; 12] } }],
        "export": { "mode": "net_metering", "bank": "energy",
                    "year_end": { "month": 4, "leftover": "credit", "price": "0.03" } } });
    check_spelling(&sheet(&blocks));
    let Some(folder) = testkit::data("tariff_urdb") else { return };
    let mut read = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for sheet in tariff::read(&text, None).iter().flat_map(|document| &document.sheets) {
            check_spelling(sheet);
            read += 1;
        }
    }
    assert!(read > 3, "{read} rates");
}

#[test]
fn the_hash_is_of_what_a_sheet_says_and_not_of_its_spelling() {
    let value = everything();
    let known = tariff(&value);
    let mut other = value.clone();
    other["fixed"][0]["amount"] = json!("4.50");
    other["currency_digits"] = json!(2);
    other["energy"][0]["on"] = json!("residual");
    other["ratchet"]["percent"] = json!(vec![80.0; 12]);
    assert_eq!(tariff(&other).hash(), known.hash());
    other["fixed"][0]["amount"] = json!("4.51");
    assert_ne!(tariff(&other).hash(), known.hash());
    let text = serde_json::to_string(&known).unwrap();
    assert_eq!(text, known.canonical_json());
    assert_eq!(serde_json::from_str::<Tariff>(&text).unwrap(), known);
    let head = known.head();
    assert_eq!((head.local_network_fee.n_per_wh(), head.version), (10_000, 3));
    let fees = head.platform_fees;
    assert_eq!((fees.buyer.n_per_wh(), fees.seller.n_per_wh()), (2_000, 3_000));
}

/// The short spelling loses nothing on its way into a sheet.
#[test]
fn terms_are_a_sheet_in_short() {
    let day: Vec<u8> = (0..24).map(|hour| u8::from(hour >= 6)).collect();
    let short = tariff(&json!({
        "id": "tou", "name": "Two periods", "version": 2, "valid_from": "2026-01-01",
        "currency": "EUR", "currency_digits": 2, "timezone": "Europe/Berlin",
        "fixed_per_day": "0.35",
        "energy": {
            "periods": [{ "name": "off-peak", "price": 180_000 }, { "name": "peak", "price": 1 }],
            "weekday": vec![day.clone(); 12], "weekend": vec![vec![0; 24]; 12],
        },
        "network_fee": 62_000, "local_network_fee": 10_000, "vat_bps": 1900,
        "levies": [{ "name": "tax", "price": 20_500 }],
        "platform_fees": { "buyer": 2_100, "seller": 2_200 }, "feed_in_price": 80_000,
    }));
    let long = tariff(&short.sheet().document());
    assert_ne!(long.hash(), short.hash());
    assert_eq!(long.head(), short.head());
    assert_eq!(long.sheet().document(), short.sheet().document());
    for start in ["2026-06-01T03:45:00Z", "2026-06-01T04:00:00Z", "2026-06-06T10:00:00Z"] {
        assert_eq!(long.band(slot(start)), short.band(slot(start)));
    }
    assert_eq!(long.price_bounds(), short.price_bounds());
}

#[test]
fn a_fault_is_named_by_its_pointer() {
    let check = |pointer: &str, value: Value, at: &str| {
        let mut sheet = everything();
        *sheet.pointer_mut(pointer).unwrap() = value;
        let problems = Tariff::read(&sheet.to_string(), None).unwrap_err();
        assert_eq!(problems.list[0].pointer(), at, "{problems}");
    };
    check("/energy/0/periods/1/tiers/0/price", json!("cheap"), "/energy/0/periods/1/tiers/0/price");
    check("/energy/1", json!({ "prize": 1 }), "/energy/1/prize");
    check("/energy/1/class", json!("platform"), "/energy/1/class");
    check("/energy/3/on", json!("import"), "/energy/3/on");
    check("/energy/3/price", json!("0.0000001"), "/energy/3");
    check("/energy/5/class", json!("network"), "/energy/5/class");
    check("/energy/2/dynamic/fallback", Value::Null, "/energy/2/dynamic");
    check("/energy/2/dynamic", json!({ "markup": 1 }), "/energy/2/dynamic");
    check("/energy/2/dynamic/multiplier", json!(100_000_000), "/energy/2/dynamic/multiplier");
    check("/energy/2/dynamic/prices/0/price", json!(999_999), "/energy/2/dynamic");
    check("/valid_from", Value::Null, "");
    check("/timezone", Value::Null, "");
    check("/taxes/1/percent", json!("19.005"), "/taxes/1/percent");
    check("/taxes/0/percent", json!(101), "/taxes/0/percent");
    check("/taxes/0/class", json!("vat"), "/taxes/0/percent");
    check("/demand/0/periods/1/tiers/0/max", Value::Null, "/demand/0/periods/1/tiers/0");
    let two = json!([everything(), everything()]);
    assert!(Tariff::read(&two.to_string(), None).is_err());
}

#[test]
fn a_slot_has_the_price_of_the_first_block() {
    let known = tariff(&everything());
    let at = |start: &str| known.retail_price(slot(start)).n_per_wh();
    // By day 0.30, the network 0.062, the levy 0.01 where the series has no price.
    assert_eq!(at("2026-06-02T10:00:00Z"), 372_000);
    // 1.1 x 0.08 + 0.02.
    assert_eq!(at("2026-06-01T10:30:00Z"), 300_000 + 62_000 + 108_000);
    // 1.1 x -0.3 + 0.02 is below the floor.
    assert_eq!(at("2026-06-01T11:45:00Z"), 300_000 + 62_000 - 100_000);
    assert_eq!(at("2026-12-01T22:00:00Z"), 180_000 + 62_000 + 10_000);
    assert_eq!(known.feed_in_price(slot("2026-06-02T10:00:00Z")).n_per_wh(), 80_000);
    let (highest, lowest) = known.price_bounds();
    assert_eq!((highest.n_per_wh(), lowest.n_per_wh()), (470_000, 80_000));
    assert!(known.is_monthly() && known.carries());
    let mut cheap = everything();
    cheap["energy"][0]["periods"][1]["tiers"][0]["price"] = json!("-2");
    assert_eq!(tariff(&cheap).retail_price(slot("2026-06-02T10:00:00Z")).n_per_wh(), 0);
}

/// A neighbour's energy is taken out before blocks are filled, and counts for power all the same.
#[test]
fn blocks_are_of_the_rest_and_power_is_of_the_meter() {
    let known = tariff(&json!({
        "id": "b", "currency": "EUR", "version": 1, "valid_from": "2026-01-01", "timezone": "UTC",
        "energy": [{ "periods": [
            { "name": "all", "tiers": [{ "max": 100, "price": "0.30" }, { "price": "0.36" }] }] }],
        "demand": [{ "price": "4.50" }],
        "export": { "mode": "net_metering", "bank": "energy" },
    }));
    let (from, to) = (day("2026-06-01"), day("2026-07-01"));
    let wh = Energy::from_wh;
    let (import, bought, export) = (wh(150_000), wh(60_000), wh(20_000));
    let flow = Flow { import, bought, export, estimated: false };
    let flows = [(slot("2026-06-10T10:00:00Z").start, flow)].into_iter().collect();
    let hour = SlotLength::from_minutes(60).unwrap();
    let rated = known.rate((from, to), hour, &flows, &Carried::default()).unwrap();
    let lines: Vec<(Source, String)> =
        rated.lines.iter().map(|line| (line.source, line.amount.to_string())).collect();
    // 150 less 60 less 20 are 70 kWh; 150 kW are those of the meter.
    let expected = [
        (Source::Energy { charge: 0, period: 0, tier: 0 }, "21".to_owned()),
        (Source::Demand { charge: 0, period: 0, tier: 0 }, "675".to_owned()),
    ];
    assert_eq!(lines, expected);
    assert_eq!(rated.lines[1].peak_at, Some(slot("2026-06-10T10:00:00Z").start));
    // What is left over goes on, without what neighbours have taken or given.
    let (import, bought, export) = (wh(50_000), wh(40_000), wh(30_000));
    let flow = Flow { import, bought, export, estimated: false };
    let flows = [(slot("2026-06-10T10:00:00Z").start, flow)].into_iter().collect();
    let rated = known.rate((from, to), hour, &flows, &Carried::default()).unwrap();
    assert_eq!(rated.closing.surplus, 20_000_000_000);
    let text = serde_json::to_string(&rated.closing).unwrap();
    assert_eq!(serde_json::from_str::<Carried>(&text).unwrap(), rated.closing);
    let (from, to) = (day("2026-07-01"), day("2026-08-01"));
    let flow = Flow { import: wh(25_000), ..Flow::default() };
    let flows = [(slot("2026-07-10T10:00:00Z").start, flow)].into_iter().collect();
    let next = known.rate((from, to), hour, &flows, &rated.closing).unwrap();
    assert_eq!(next.lines[0].amount, money("1.5"), "5 kWh are left to pay");
}

/// A month that is billed in two parts counts once among the months that a ratchet looks back.
#[test]
fn parts_of_a_month_have_one_peak() {
    let known = tariff(&json!({
        "id": "r", "currency": "EUR", "version": 1, "valid_from": "2026-01-01", "timezone": "UTC",
        "energy": [{ "price": "0.1" }], "demand": [{ "price": "10" }],
        "ratchet": { "percent": 50, "months": 2 },
    }));
    let hour = SlotLength::from_minutes(60).unwrap();
    let mut carried = Carried::default();
    let mut demand = Vec::new();
    for (from, to, at, kw) in [
        ("2026-04-01", "2026-05-01", "2026-04-02T10:00:00Z", 8),
        ("2026-05-01", "2026-05-11", "2026-05-02T10:00:00Z", 3),
        ("2026-05-11", "2026-06-01", "2026-05-12T10:00:00Z", 2),
        ("2026-06-01", "2026-07-01", "2026-06-02T10:00:00Z", 1),
    ] {
        let flow = Flow { import: Energy::from_wh(kw * 1000), ..Flow::default() };
        let flows = [(slot(at).start, flow)].into_iter().collect();
        let rated = known.rate((day(from), day(to)), hour, &flows, &carried).unwrap();
        demand.push(rated.lines.last().unwrap().amount.to_string());
        carried = rated.closing;
    }
    // April's half counts in May, by its days, and in June.
    assert_eq!(demand, ["80", "12.9", "27.1", "40"]);
    assert_eq!(carried.peaks.len(), 3);
}

#[test]
fn a_rate_of_the_database_is_published_with_what_it_does_not_say() {
    let rate = json!({
        "label": "5a1b", "name": "Residential", "energyratestructure": [
            [{ "rate": 0.12345678, "adj": 0.001, "max": 500 }, { "rate": 0.2 }]],
        "energyweekdayschedule": vec![vec![0; 24]; 12],
        "energyweekendschedule": vec![vec![0; 24]; 12],
        "fixedchargefirstmeter": 10, "fixedchargeunits": "$/month", "mincharge": 15,
        "mincharge_units": "$/month", "dgrules": "Net Billing Instantaneous",
    });
    let between = tariff(&everything()).sheet().energy[3..].to_vec();
    let frame = Frame {
        id: None,
        name: Some("Homes".to_owned()),
        version: 7,
        valid_from: day("2026-07-01"),
        timezone: "America/Chicago".parse().unwrap(),
        currency: None,
        between_neighbours: between,
    };
    let (known, _) = Tariff::read(&rate.to_string(), Some(&frame)).unwrap();
    let head = known.head();
    assert_eq!((&*head.id, &*head.name, head.version), ("5a1b", "Homes", 7));
    assert_eq!((&*head.currency, head.platform_fees.seller.n_per_wh()), ("USD", 3_000));
    assert_eq!(known.retail_price(slot("2026-07-02T10:00:00Z")).n_per_wh(), 124_457);
    assert_eq!(Tariff::from_json(&known.canonical_json()).unwrap(), known);
    let mut faulty = rate;
    faulty["energyratestructure"][0][1]["rate"] = json!("dear");
    let problems = Tariff::read(&faulty.to_string(), Some(&frame)).unwrap_err();
    assert_eq!(problems.list[0].pointer(), "/energyratestructure/0/1/rate");
    assert!(Tariff::read(&everything().to_string(), Some(&frame)).is_err(), "no rate of URDB");
}

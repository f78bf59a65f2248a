//! Versions, parts of months, blocks of quarters, banks, minimums, taxes: the rules between months.

use serde_json::{Value, json};
use tariff::bill::{Carried, rate};
use tariff::{Plan, Refusal, Series};
use units::Money;

use crate::loads::{amounts, day, money, none, plan, rated, sheet, spread, wh};

fn with(parts: &Value) -> Value {
    let mut sheet = json!({ "id": "rules", "currency": "EUR" });
    for (key, value) in parts.as_object().unwrap() {
        sheet[key] = value.clone();
    }
    sheet
}

fn months(sheet: &Value, from: &str, to: &str) -> Plan {
    plan(self::sheet(sheet), "UTC", from, to, 60)
}

/// So much import and export at noon of the first of each month.
fn monthly(plan: &Plan, flows_wh: &[(i64, i64)]) -> Series<'static> {
    let (mut import, mut export) = (none(plan.intervals()), none(plan.intervals()));
    let (first, _) = plan.span();
    let mut at = first;
    for (taken, given) in flows_wh {
        let place = usize::try_from(at.number() - first.number()).unwrap() * 24;
        for (hour, part) in spread(*taken, 20).into_iter().enumerate() {
            import[place + hour] = part;
        }
        for (hour, part) in spread(*given, 20).into_iter().enumerate() {
            export[place + 24 + hour] = part;
        }
        at = at.next_month_start();
    }
    Series::metered(import, export).unwrap()
}

fn gross(sheet: &Value, flows: &[(i64, i64)]) -> Vec<String> {
    let from = day("2026-01-01");
    let mut to = from;
    for _ in flows {
        to = to.next_month_start();
    }
    let plan = months(sheet, "2026-01-01", &to.to_string());
    let bill = rated(&plan, &monthly(&plan, flows));
    bill.months.iter().map(|month| month.gross.to_string()).collect()
}

#[test]
fn a_new_version_in_the_middle_of_a_month_pays_its_days() {
    let version = |from: Value, to: Value, fixed: &str, price: &str| {
        with(&json!({
            "valid_from": from, "valid_to": to,
            "fixed": [{ "per": "month", "amount": fixed }],
            "energy": [{ "periods": [{ "tiers": [
                { "max": 300, "price": price }, { "price": "1" },
            ] }] }],
            "demand": [{ "price": "3" }],
        }))
    };
    let file = json!([
        version(json!("2026-01-01"), Value::Null, "30", "0.10"),
        version(json!("2026-06-11"), Value::Null, "60", "0.20"),
    ]);
    let document = tariff::read(&file.to_string(), None).unwrap();
    let span = (day("2026-06-01"), day("2026-07-01"));
    let plan = |sheets| Plan::new(sheets, &"UTC".parse().unwrap(), span, 60, &[]);
    let both = plan(document.sheets.clone()).unwrap();
    let mut import = none(720);
    // 120 kWh in ten days, where 100 are cheap; 150 in twenty, where 200 are.
    import[..240].copy_from_slice(&spread(120_000, 240));
    import[240..].copy_from_slice(&spread(150_000, 480));
    let bill = rated(&both, &Series::metered(import, none(720)).unwrap());
    let shown: Vec<String> = amounts(&bill.months[0]).iter().map(Money::to_string).collect();
    // 30 / 3 and 60 x 2 / 3; 100 at 0.10, 20 at 1, 150 at 0.20; 0.5 kW x 3 / 3; 0.3125 x 3 x 2 / 3.
    assert_eq!(shown, ["10", "40", "10", "20", "30", "0.5", "0.63"]);
    let mut gap = document.sheets;
    gap[0].valid_to = Some(day("2026-06-10"));
    assert_eq!(plan(gap).unwrap_err(), Refusal::NoTariff(day("2026-06-10")));
}

#[test]
fn blocks_of_a_quarter_and_a_year_go_on_counting() {
    let block = |per: &str| {
        with(&json!({ "energy": [{
            "periods": [{ "tiers": [{ "max": 100, "price": 1 }, { "price": 2 }] }],
            "tiers": { "per": per },
        }] }))
    };
    let flows = [(60_000, 0), (60_000, 0), (60_000, 0), (60_000, 0)];
    assert_eq!(gross(&block("month"), &flows), ["60", "60", "60", "60"]);
    assert_eq!(gross(&block("quarter"), &flows), ["60", "80", "120", "60"]);
    assert_eq!(gross(&block("year"), &flows), ["60", "80", "120", "120"]);
    // Each of the twenty days of a January has its own block of 100 kWh.
    let plan = months(&block("day"), "2026-01-01", "2026-02-01");
    let mut import = none(744);
    for day in 0..20 {
        import[day * 24 + 5] = wh(110_000);
    }
    let bill = rated(&plan, &Series::metered(import, none(744)).unwrap());
    assert_eq!(amounts(&bill.months[0]), [money("2000"), money("400")]);
}

#[test]
fn a_bank_of_energy_is_settled_at_its_years_end() {
    let metered = |leftover: Value| {
        with(&json!({
            "energy": [{ "price": "0.30" }],
            "export": { "mode": "net_metering", "bank": "energy", "year_end": leftover },
        }))
    };
    let flows = [(100_000, 300_000), (150_000, 0), (100_000, 0)];
    let end = |leftover: &str| json!({ "month": 1, "leftover": leftover, "price": "0.05" });
    // 200 kWh are left of January.
    assert_eq!(gross(&metered(end("keep")), &flows), ["0", "0", "15"]);
    assert_eq!(gross(&metered(end("expire")), &flows), ["0", "45", "30"]);
    assert_eq!(gross(&metered(end("pay")), &flows), ["-10", "45", "30"]);
    assert_eq!(gross(&metered(end("credit")), &flows), ["0", "35", "30"]);
}

#[test]
fn a_bank_of_money_pays_charges_per_kwh() {
    let billed = |bank: &str, leftover: &str| {
        with(&json!({
            "fixed": [{ "per": "month", "amount": 5 }],
            "energy": [{ "price": "0.30" }],
            "export": {
                "mode": "net_billing", "price": "0.10", "bank": bank,
                "year_end": { "month": 3, "leftover": leftover },
            },
        }))
    };
    let flows = [(100_000, 500_000), (100_000, 0), (0, 100_000), (100_000, 0)];
    // 50 earned in January; 30 are due in January and in February.
    assert_eq!(gross(&billed("money", "keep"), &flows), ["5", "15", "5", "25"]);
    assert_eq!(gross(&billed("money_next_month", "keep"), &flows), ["35", "5", "5", "5"]);
    assert_eq!(gross(&billed("money_next_month", "pay"), &flows), ["35", "5", "-25", "35"]);
    assert_eq!(gross(&billed("money_next_month", "expire"), &flows), ["35", "5", "5", "35"]);
    let mut apart = billed("none", "keep");
    apart["minimum"] = json!([{ "per": "month", "amount": 12 }]);
    // What is sold on the bill counts for the minimum, which it cannot eat up.
    assert_eq!(gross(&apart, &flows), ["-3", "35", "7", "35"]);
    apart["export"]["mode"] = json!("feed_in");
    assert_eq!(gross(&apart, &flows), ["-15", "35", "2", "35"]);
}

#[test]
fn a_year_costs_its_minimum() {
    let sheet = with(&json!({
        "energy": [{ "price": "0.30" }], "minimum": [{ "per": "year", "amount": 500 }],
    }));
    let flows = [(100_000, 0); 12];
    let bill = gross(&sheet, &flows);
    assert_eq!((bill[0].as_str(), bill[11].as_str()), ("30", "170"));
}

#[test]
fn an_earlier_peak_counts_for_months() {
    let sheet = with(&json!({
        "demand": [{ "price": 10 }],
        "ratchet": {
            "percent": [50, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "months": 2, "minimum_kw": 1,
        },
    }));
    let plan = months(&sheet, "2026-01-01", "2026-05-01");
    let mut import = none(plan.intervals());
    import[30] = wh(8_000);
    import[31 * 24 + 7] = wh(5_000);
    let bill = rated(&plan, &Series::metered(import.clone(), none(import.len())).unwrap());
    let shown = |bill: &tariff::bill::Bill| -> Vec<String> {
        bill.months.iter().map(|month| month.gross.to_string()).collect()
    };
    // Half of January's 8 kW in March, half of February's 5 in April.
    assert_eq!(shown(&bill), ["80", "50", "40", "25"]);
    let mut before = Carried::default();
    before.peaks.push((1, 90_000_000_000));
    let series = Series::metered(import.clone(), none(import.len())).unwrap();
    let bill = rate(&plan, &series, &before).unwrap();
    assert_eq!(shown(&bill), ["450", "450", "40", "25"]);
}

#[test]
fn what_no_bill_leaves_is_refused_and_not_gone_on_from() {
    let sheet = with(&json!({
        "energy": [{ "periods": [{ "tiers": [{ "max": 9, "price": 1 }, { "price": 2 }] }],
                     "tiers": { "per": "year" } }],
        "demand": [{ "price": 10 }], "ratchet": { "percent": 50, "months": 2 },
        "export": { "mode": "net_metering", "bank": "energy" },
        "minimum": [{ "per": "year", "amount": 500 }],
    }));
    let plan = months(&sheet, "2026-01-01", "2026-02-01");
    let series = monthly(&plan, &[(100_000, 50_000)]);
    let plain = serde_json::to_value(Carried::default()).unwrap();
    let rated = |field: &str, value: Value| {
        let mut opening = plain.clone();
        opening[field] = value;
        let opening: Carried = serde_json::from_value(opening).unwrap();
        rate(&plan, &series, &opening).map(|_| ()).map_err(|refusal| refusal.code())
    };
    let most = i128::MAX.to_string();
    for (field, value) in [
        ("peaks", json!([[0, 5]])),
        ("peaks", json!([[13, 5]])),
        ("surplus", json!(most)),
        ("surplus", json!(format!("-{most}"))),
        ("banked", json!([[i64::MIN]])),
        ("banked", json!([[i64::MAX]])),
        ("counted", json!([[-1]])),
        ("year", json!(["0", u32::MAX])),
    ] {
        assert_eq!(rated(field, value.clone()), Err("bad_carried"), "{field} {value}");
    }
    assert_eq!(rated("peaks", json!([[12, 5]])), Ok(()));
    assert_eq!(rated("year", json!(["12.5", 31])), Ok(()));
}

#[test]
fn taxes_come_in_their_order_and_on_what_they_name() {
    let sheet = with(&json!({
        "fixed": [{ "per": "month", "amount": 10 }],
        "energy": [{ "price": "0.20" }],
        "export": { "mode": "feed_in", "price": "0.10" },
        "taxes": [
            { "name": "city", "class": "levy", "percent": "5", "on": ["energy"] },
            { "percent": "20" },
        ],
    }));
    let plan = months(&sheet, "2026-01-01", "2026-02-01");
    let bill = rated(&plan, &monthly(&plan, &[(100_000, 50_000)]));
    let month = &bill.months[0];
    // 5 % of 20; 20 % of 10 + 20 + 1; the sale is not taxed.
    assert_eq!((month.net, month.vat), (money("26.00"), money("6.20")));
    assert_eq!(amounts(month), ["10", "20", "1", "-5", "6.2"].map(money));
}

#[test]
fn limits_by_day_and_by_kilowatt_grow_with_the_month() {
    let sheet = with(&json!({ "energy": [{ "periods": [{ "tiers": [
        { "max": 2, "unit": "kWh daily", "price": 1 }, { "price": 2 },
    ] }] }] }));
    assert_eq!(gross(&sheet, &[(100_000, 0), (100_000, 0)]), ["138", "144"]);
    let sheet = with(&json!({ "energy": [{ "periods": [{ "tiers": [
        { "max": 10, "unit": "kWh/kW", "price": 1 }, { "price": 2 },
    ] }] }] }));
    // 100 kWh in twenty hours are 5 kW: 50 kWh at 1.
    assert_eq!(gross(&sheet, &[(100_000, 0)]), ["150"]);
}

#[test]
fn what_cannot_be_rated_is_refused_with_a_code() {
    let open = sheet(&with(&json!({ "energy": [{ "dynamic": {} }] })));
    let zone = "UTC".parse().unwrap();
    let make = |from: &str, to: &str, minutes| {
        Plan::new(vec![open.clone()], &zone, (day(from), day(to)), minutes, &[])
    };
    let code = |plan: Result<Plan, Refusal>| plan.unwrap_err().code();
    assert_eq!(code(make("2026-01-02", "2026-01-02", 60)), "bad_span");
    assert_eq!(code(make("2026-01-01", "2099-01-02", 60)), "bad_span");
    assert_eq!(code(make("2026-01-01", "2026-01-02", 7)), "bad_interval");
    assert_eq!(code(make("2026-01-01", "2026-01-02", 0)), "bad_interval");
    let plan = make("2026-01-01", "2026-01-02", 60).unwrap();
    let rated =
        |series: &Series<'_>| rate(&plan, series, &Carried::default()).map_err(|it| it.code());
    assert_eq!(
        rated(&Series::metered(none(23), none(23)).unwrap()).unwrap_err(),
        "wrong_intervals"
    );
    assert!(rated(&Series::metered(none(24), none(24)).unwrap()).is_ok());
    let one = Series::metered(spread(5, 24), none(24)).unwrap();
    assert_eq!(rated(&one).unwrap_err(), "no_price");
    assert_eq!(Series::metered(vec![-1], vec![0]).unwrap_err().code(), "bad_energy");
    assert_eq!(Series::metered(vec![i64::MAX], vec![0]).unwrap_err().code(), "bad_energy");
    let more = one.with_local("a", spread(6, 24));
    assert_eq!(more.unwrap_err().code(), "bad_energy");
    let dear = with(&json!({ "energy": [{ "price": "1000000" }] }));
    let plan = months(&dear, "2026-01-01", "2026-02-01");
    let huge = vec![tariff::INTERVAL_ENERGY_MAX; 744];
    let refused = rate(&plan, &Series::metered(huge, none(744)).unwrap(), &Carried::default());
    assert_eq!(refused.unwrap_err().code(), "overflow");
}

#[test]
fn a_coarser_interval_has_the_mean_of_its_prices() {
    let sheet = with(&json!({ "energy": [{ "dynamic": {
        "prices": [
            { "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:20:00Z", "price": "0.1" },
            { "from": "2026-01-01T00:20:00Z", "to": "2026-01-01T00:40:00Z", "price": "0.1" },
            { "from": "2026-01-01T00:40:00Z", "to": "2026-01-01T01:00:00Z", "price": "0.2" },
            { "from": "2026-01-01T01:00:00Z", "to": "2026-01-01T03:00:00Z", "price": "-1" },
        ],
        "multiplier": "1.5", "floor": "-0.5", "cap": "0.25", "fallback": "0.4",
    } }] }));
    let plan = months(&sheet, "2026-01-01", "2026-01-02");
    let bill = |hour: usize| {
        let mut import = none(24);
        import[hour] = wh(3_000);
        rated(&plan, &Series::metered(import, none(24)).unwrap()).gross().unwrap().to_string()
    };
    // (0.15 + 0.15 + 0.25) / 3 x 3; the floor; nothing is known of the last hour.
    assert_eq!([bill(0), bill(1), bill(23)], ["0.55", "-1.5", "1.2"]);
}

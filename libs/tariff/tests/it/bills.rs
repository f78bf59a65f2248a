//! The worked bills: every line to the last unit.

use serde_json::{Value, json};
use tariff::bill::{Carried, rate};
use tariff::{Class, Plan, Series};
use units::Money;

use crate::loads::{amounts, day, money, none, plan, rated, sheet, spread, wh};

fn vectors() -> Value {
    let text = include_str!("../../../../tests/vectors/domain.json");
    serde_json::from_str::<Value>(text).unwrap()
}

fn bill(name: &str) -> Value {
    vectors()["bills"][name].clone()
}

fn moneys(list: &Value) -> Vec<Money> {
    list.as_array().unwrap().iter().map(|amount| money(amount.as_str().unwrap())).collect()
}

fn base() -> Value {
    json!({ "id": "worked", "currency": "EUR" })
}

fn with(parts: &Value) -> Value {
    let mut sheet = base();
    for (key, value) in parts.as_object().unwrap() {
        sheet[key] = value.clone();
    }
    sheet
}

/// Off-peak from 0 to 6 local.
fn two_periods(low: &Value, high: &Value) -> Value {
    json!([{
        "periods": [low, high],
        "schedule": {
            "windows": [{ "period": "off-peak", "from": "00:00", "to": "06:00" }],
            "otherwise": "peak",
        },
    }])
}

#[test]
fn bill_1_a_month_with_periods_tiers_demand_network_levy_and_vat() {
    let expected = bill("BILL1");
    let mut energy = two_periods(
        &json!({ "name": "off-peak", "price": "0.18" }),
        &json!({ "name": "peak", "tiers": [
            { "max": 100, "price": "0.30" }, { "price": "0.36" },
        ] }),
    );
    let more = json!([
        { "name": "network", "class": "network", "price": "0.062" },
        { "name": "electricity tax", "class": "levy", "price": "0.0205" },
    ]);
    energy.as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
    let sheet = sheet(&with(&json!({
        "fixed": [{ "per": "day", "amount": "0.35" }],
        "energy": energy,
        "demand": [{ "price": "4.50" }],
        "taxes": [{ "percent": 19 }],
    })));
    let plan = plan(sheet, "Europe/Berlin", "2026-04-01", "2026-05-01", 15);
    let (mut import, mut off_peak, mut peak) = (none(plan.intervals()), Vec::new(), Vec::new());
    for place in 0..plan.intervals() {
        let early = plan.zone().local(plan.moment(place)).minute < 360;
        if early {
            off_peak.push(place)
        } else {
            peak.push(place)
        };
    }
    // 6.4 kW for one quarter, the rest evenly.
    let top = peak.pop().unwrap();
    import[top] = wh(1_600);
    for (places, energy) in [(&off_peak, 210_400), (&peak, 145_600 - 1_600)] {
        for (place, energy) in places.iter().zip(spread(energy, places.len())) {
            import[*place] = energy;
        }
    }
    let count = import.len();
    let bill = rated(&plan, &Series::metered(import, none(count)).unwrap());
    let month = &bill.months[0];
    let mut shown = amounts(month);
    let vat = shown.pop().unwrap();
    assert_eq!(shown, moneys(&expected["lines"]));
    assert_eq!(month.net, money(expected["net"].as_str().unwrap()));
    assert_eq!((vat, month.vat), (month.vat, money(expected["vat"].as_str().unwrap())));
    assert_eq!(month.gross, money(expected["gross"].as_str().unwrap()));
    assert_eq!(month.peak, Some(6_400_000_000));
    let demand = month.lines.iter().find(|line| line.peak_at.is_some()).unwrap();
    assert_eq!(demand.peak_at, Some(top));
    assert_eq!(plan.item(demand.item).unwrap().class, Class::Demand);
    assert_eq!(plan.item(demand.item).unwrap().source, "demand[0].price");
}

#[test]
fn bill_2_a_neighbours_energy_is_taken_out_before_the_rest_is_rated() {
    let expected = bill("BILL2");
    let sheet = sheet(&with(&json!({ "energy": [
        { "name": "neighbours", "class": "p2p", "on": "local", "price": "0.18" },
        { "name": "local network", "class": "network", "on": "local", "price": "0.01" },
        { "name": "platform", "class": "platform", "on": "local", "price": "0.0021" },
        { "name": "retailer", "price": "0.238" },
        { "name": "network", "class": "network", "price": "0.062" },
    ] })));
    let plan = plan(sheet, "UTC", "2026-06-01", "2026-06-02", 60);
    let import = || spread(12_000, 24);
    let series = || Series::metered(import(), none(24)).unwrap();
    let bill = rated(&plan, &series().with_local("street", spread(5_000, 24)).unwrap());
    let mut shown = amounts(&bill.months[0]);
    let mut lines = moneys(&expected["lines"]);
    shown.sort_unstable();
    lines.sort_unstable();
    assert_eq!(shown, lines);
    assert_eq!(bill.gross().unwrap(), money(expected["net"].as_str().unwrap()));
    assert_eq!(rated(&plan, &series()).gross().unwrap(), money("3.60"));
}

#[test]
fn bill_3_days_of_92_96_and_100_quarters() {
    let low = json!({ "name": "off-peak", "price": "0.18" });
    let high = json!({ "name": "peak", "price": "0.30" });
    let sheet = sheet(&with(&json!({ "energy": two_periods(&low, &high) })));
    for (text, expected) in bill("BILL3").as_object().unwrap() {
        let to = day(text).next().to_string();
        let plan = plan(sheet.clone(), "Europe/Berlin", text, &to, 15);
        let count = plan.intervals();
        assert_eq!(Some(u64::try_from(count).unwrap()), expected[3].as_u64(), "{text}");
        let bill = rated(&plan, &Series::metered(vec![wh(100); count], none(count)).unwrap());
        let lines = &bill.months[0].lines;
        for (line, wanted) in lines.iter().zip([&expected[0], &expected[1]]) {
            assert_eq!(line.quantity, i128::from(wh(wanted.as_i64().unwrap())), "{text}");
        }
        assert_eq!(bill.gross().unwrap(), money(expected[2].as_str().unwrap()), "{text}");
    }
}

#[test]
fn bill_4_and_5_prices_by_the_hour_on_a_day_of_25_and_below_zero() {
    let spot = |prices: Vec<Value>| {
        with(&json!({ "energy": [{ "dynamic": { "prices": prices, "markup": "0.02" } }] }))
    };
    // 80 per MWh, and 95 and 60 in the hour that comes twice.
    let begin = 1792879200_i64;
    let prices = (0..25).map(|hour| {
        let price = match hour {
            2 => "0.095",
            3 => "0.060",
            _ => "0.080",
        };
        let from = calendar::Timestamp::from_seconds(begin + hour * 3600).to_string();
        json!({ "from": from, "price": price })
    });
    let plan =
        plan(sheet(&spot(prices.collect())), "Europe/Berlin", "2026-10-25", "2026-10-26", 60);
    let bill = rated(&plan, &Series::metered(vec![wh(1_000); 25], none(25)).unwrap());
    let expected = self::bill("BILL4");
    let line = &bill.months[0].lines[0];
    assert_eq!(line.exact.atto() / 1_000_000_000, expected["exact_n"].as_i64().unwrap().into());
    assert_eq!(line.amount, money(expected["line"].as_str().unwrap()));
    // Three kWh at -3 ct: an invoice has no price below zero, so the quantity is.
    let prices =
        json!([{ "from": "2026-10-24T22:00:00Z", "to": "2026-10-26T00:00:00Z", "price": "-0.05" }]);
    let plan = crate::loads::plan(
        sheet(&spot(prices.as_array().unwrap().clone())),
        "Europe/Berlin",
        "2026-10-25",
        "2026-10-26",
        60,
    );
    let mut import = none(25);
    import[4] = wh(3_000);
    let bill = rated(&plan, &Series::metered(import, none(25)).unwrap());
    let line = &bill.months[0].lines[0];
    assert_eq!((line.quantity, line.amount), ((-wh(3_000)).into(), money("-0.09")));
    assert_eq!(line.price.to_string(), "0.03");
}

/// A month of load 600 and PV 500 kWh, of which 200 are used at home.
fn prosumer(plan: &Plan) -> Series<'static> {
    let count = plan.intervals();
    let (mut load, mut made) = (none(count), none(count));
    (load[0], made[0]) = (wh(200_000) / 4, wh(500_000) / 4);
    load[1..5].fill(wh(400_000) / 4);
    for place in 10..13 {
        (load[place], made[place]) = (wh(150_000) / 3, wh(375_000) / 3);
    }
    Series::behind_the_meter(load, made).unwrap()
}

#[test]
fn bill_6_the_three_ways_of_metering_and_a_bank() {
    let expected = bill("BILL6");
    let check = |export: Value, amount: &str| {
        let sheet = sheet(&with(&json!({ "energy": [{ "price": "0.30" }], "export": export })));
        let plan = plan(sheet, "UTC", "2026-06-01", "2026-07-01", 60);
        let series = prosumer(&plan);
        let bill = rated(&plan, &series);
        let month = &bill.months[0];
        assert_eq!((month.import, month.export), (wh(400_000).into(), wh(300_000).into()));
        assert_eq!(bill.gross().unwrap(), money(amount), "{export}");
        bill
    };
    let text = |key: &str| expected[key].as_str().unwrap().to_owned();
    let bank = json!({ "mode": "net_metering", "bank": "energy" });
    check(bank.clone(), &text("net_metering"));
    check(json!({ "mode": "net_billing", "price": "0.08" }), &text("net_billing"));
    check(json!({ "mode": "feed_in", "price": "0.08" }), &text("net_billing"));
    check(json!({ "mode": "buy_all_sell_all", "price": "0.08" }), &text("buy_all_sell_all"));
    // 200 kWh are left of the first month; the second takes 400 and gives 100.
    let sheet = sheet(&with(&json!({ "energy": [{ "price": "0.30" }], "export": bank })));
    let plan = plan(sheet, "UTC", "2026-06-01", "2026-08-01", 60);
    let (mut import, mut export) = (none(plan.intervals()), none(plan.intervals()));
    (import[0], export[1], export[2]) = (wh(50_000), wh(100_000), wh(100_000));
    export[3] = wh(50_000);
    for place in 0..4 {
        import[31 * 24 + place] = wh(100_000);
    }
    export[31 * 24 + 10] = wh(100_000);
    let bill = rated(&plan, &Series::metered(import, export).unwrap());
    let gross: Vec<Money> = bill.months.iter().map(|month| month.gross).collect();
    assert_eq!(gross, [Money::ZERO, money("30.00")]);
}

#[test]
fn bill_7_a_corrected_reading_changes_what_it_must() {
    let sheet = sheet(&with(&json!({ "energy": [
        { "name": "neighbours", "class": "p2p", "on": "local", "price": "0.18" },
        { "name": "retailer", "price": "0.30" },
    ] })));
    let plan = plan(sheet, "UTC", "2026-06-01", "2026-06-02", 60);
    let bill = |import_wh: i64| {
        let (mut import, mut local) = (none(24), none(24));
        (import[9], local[9]) = (wh(import_wh), wh(2_000));
        let series = Series::metered(import, none(24)).unwrap();
        rated(&plan, &series.with_local("street", local).unwrap())
    };
    let (first, corrected) = (bill(2_500), bill(3_100));
    assert_eq!(amounts(&first.months[0]), [money("0.36"), money("0.15")]);
    assert_eq!(amounts(&corrected.months[0]), [money("0.36"), money("0.33")]);
    let change = corrected.gross().unwrap().minus(first.gross().unwrap()).unwrap();
    assert_eq!(change, money("0.18"));
}

#[test]
fn bill_8_an_outage_is_compensated_by_its_length() {
    let standard = tariff::OutageStandard::GB_DOMESTIC;
    for row in vectors()["outage_gsop_domestic"].as_array().unwrap() {
        // 11.98 hours are written for 11 hours and 59 minutes.
        let minutes = match row[0].to_string().as_str() {
            "11.98" => 719,
            hours => u32::try_from(crate::model::kilo(hours) * 60 / 1_000_000_000).unwrap(),
        };
        let expected = money(&row[1].to_string());
        assert_eq!(standard.compensation(minutes).unwrap(), expected, "{minutes}");
    }
    let business = tariff::OutageStandard::GB_BUSINESS;
    assert_eq!(business.compensation(30 * 60).unwrap(), money("235"));
    let storm = tariff::OutageStandard { cap: Some(money("150")), ..standard };
    assert_eq!(storm.compensation(100 * 60).unwrap(), money("150"));
}

#[test]
fn bill_9_tiers_count_what_is_left_after_neighbours() {
    let sheet = sheet(&with(&json!({ "energy": [{
        "periods": [{ "name": "all", "tiers": [{ "max": 100, "price": "1" }, { "price": "2" }] }],
    }] })));
    let plan = plan(sheet, "UTC", "2026-06-01", "2026-07-01", 60);
    let count = plan.intervals();
    let series = Series::metered(spread(150_000, count), none(count)).unwrap();
    let bill = rated(&plan, &series.clone().with_local("street", spread(60_000, count)).unwrap());
    assert_eq!(amounts(&bill.months[0]), [money("90")]);
    assert_eq!(amounts(&rated(&plan, &series).months[0]), [money("100"), money("100")]);
}

#[test]
fn bill_10_who_moves_in_on_day_11_pays_for_20_days() {
    let parts = json!({ "fixed": [
        { "name": "a day", "per": "day", "amount": "0.35" },
        { "name": "a month", "per": "month", "amount": "9" },
        { "name": "a year", "per": "year", "amount": "365" },
    ] });
    let plan = plan(sheet(&with(&parts)), "Europe/Berlin", "2026-04-11", "2026-05-01", 15);
    let count = plan.intervals();
    let bill = rated(&plan, &Series::metered(none(count), none(count)).unwrap());
    assert_eq!(amounts(&bill.months[0]), [money("7.00"), money("6.00"), money("20.00")]);
}

#[test]
fn lines_round_one_by_one_and_totals_add_what_they_show() {
    let levy = |name: &str| json!({ "name": name, "class": "levy", "price": "3.335" });
    let sheet = sheet(&with(&json!({ "energy": [levy("a"), levy("b"), levy("c")] })));
    let plan = plan(sheet, "UTC", "2026-06-01", "2026-06-02", 60);
    let bill = rated(&plan, &Series::metered(spread(1_000, 24), none(24)).unwrap());
    assert_eq!(bill.gross().unwrap(), money("10.02"));
    assert_eq!(bill.months[0].exact.decimal().to_string(), "10.005");
}

#[test]
fn what_is_carried_from_bill_to_bill_is_as_if_it_were_one() {
    let sheet = sheet(&with(&json!({
        "energy": [{ "price": "0.30" }],
        "export": { "mode": "net_metering", "bank": "energy" },
        "minimum": [{ "per": "year", "amount": "300" }],
        "demand": [{ "price": "2" }],
        "ratchet": { "percent": 80, "months": 3 },
    })));
    let whole = plan(sheet.clone(), "UTC", "2026-01-01", "2027-01-01", 60);
    let flow =
        |place: usize, salt: usize| wh(i64::try_from(place * 37 % 811 * salt % 900).unwrap());
    let all: Vec<i64> = (0..whole.intervals()).map(|place| flow(place, 1)).collect();
    let out: Vec<i64> = (0..whole.intervals()).map(|place| flow(place, 13)).collect();
    let once = rated(&whole, &Series::metered(all.clone(), out.clone()).unwrap());
    let (mut carried, mut months, mut begin) = (Carried::default(), Vec::new(), 0);
    for month in &once.months {
        let (from, to) = (month.first.to_string(), month.end.to_string());
        let part = plan(sheet.clone(), "UTC", &from, &to, 60);
        let range = begin..begin + part.intervals();
        begin = range.end;
        let series = Series::metered(all[range.clone()].to_vec(), out[range].to_vec()).unwrap();
        let bill = rate(&part, &series, &carried).unwrap();
        carried = bill.closing;
        months.extend(bill.months.into_iter().map(|month| (month.first, amounts(&month))));
    }
    let expected: Vec<_> = once.months.iter().map(|month| (month.first, amounts(month))).collect();
    assert_eq!(months, expected);
    assert_eq!(carried, once.closing);
}

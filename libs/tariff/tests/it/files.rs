//! Files of all forms: what is read of them, and every fault with its field, line and column.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tariff::{Bank, Code, Document, Form, Mode, Problems, Series, read};

use crate::loads::{none, rated, spread};

/// Rates 100 kWh in a month, so that a tariff that was read can be rated.
fn rates(document: &Document) -> String {
    let zone = "UTC".parse().unwrap();
    let span = ("2022-10-21".parse().unwrap(), "2022-10-22".parse().unwrap());
    let plan = tariff::Plan::new(document.sheets.clone(), &zone, span, 15, &[]).unwrap();
    let count = plan.intervals();
    let bill = rated(&plan, &Series::metered(spread(100_000, count), none(count)).unwrap());
    bill.gross().unwrap().to_string()
}

fn fault(text: &str) -> Problems {
    read(text, None).unwrap_err()
}

#[test]
fn files_of_the_utility_rate_database_are_read_and_rated() {
    let Some(folder) = testkit::data("tariff_urdb") else { return };
    let mut forms = Vec::new();
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match read(&fs::read_to_string(&file).unwrap(), None) {
            Ok(document) => {
                println!(
                    "{name}: {} {} {:?}",
                    document.form.name(),
                    rates(&document),
                    document.notes
                );
                forms.push((name, document.form));
            }
            Err(problems) => {
                println!("{name}: {problems}");
                let problem = &problems.list[0];
                let expected = match name.as_str() {
                    "reopt_api_dixie_net_metering.json" => {
                        ("energyratestructure[0][0]", Code::Missing)
                    }
                    _ => ("ElectricTariff.urdb_label", Code::UnknownForm),
                };
                assert_eq!((problem.path.as_str(), problem.code), expected, "{name}");
            }
        }
    }
    assert!(forms.iter().filter(|(_, form)| *form == Form::Urdb).count() >= 3, "{forms:?}");
    assert!(forms.iter().any(|(_, form)| *form == Form::Sam));
}

/// How many tariffs of each file are read, and how many there are. What is not read charges power
/// by the mean of several peaks, by the grid's own or by the day, and is refused with that.
const UNSW: [(&str, usize, usize); 3] =
    [("unsw_retail.json", 74, 74), ("unsw_retail_tda.json", 73, 73), ("unsw_network.json", 68, 77)];

/// How many tariffs of a file are read, of all.
fn count(text: &str) -> (usize, usize) {
    let all: Value = serde_json::from_str(text).unwrap();
    assert!(fault(text).to_string().contains("choose one"));
    let tariffs = all[0]["Tariffs"].as_array().unwrap();
    let mut well = 0;
    for tariff in tariffs {
        let id = tariff["Tariff ID"].as_str().unwrap();
        match read(text, Some(id)) {
            Ok(document) => {
                well += 1;
                assert!(!rates(&document).starts_with('-'), "{id}");
            }
            Err(problems) => {
                let problem = &problems.list[0];
                assert_eq!(problem.code, Code::Unsupported, "{id}: {problem}");
                assert!(problem.path.contains(".NUOS.Demand."), "{id}: {problem}");
            }
        }
    }
    (well, tariffs.len())
}

#[test]
fn australian_tariffs_and_a_feed_are_read_and_rated() {
    let Some(folder) = testkit::data("tariff_au") else { return };
    for (name, well, all) in UNSW {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        // A bare Infinity is no JSON: the whole file is refused, at its first one.
        if serde_json::from_str::<Value>(&text).is_err() {
            let problem = &fault(&text).list[0];
            assert_eq!(problem.code, Code::NotJson);
            assert!(problem.reason.starts_with("Infinity"), "{problem}");
            let first = text.find("Infinity").unwrap();
            assert_eq!(problem.line, text[..first].matches('\n').count() + 1);
            let made = text.replace("Infinity", "1e38");
            assert_eq!(count(&made), (well, all), "{name}, with numbers for it");
            continue;
        }
        assert_eq!(count(&text), (well, all), "{name}");
    }
    let Some(file) = testkit::data("tariff_octopus/agile_standard_unit_rates_2022-10.json") else {
        return;
    };
    let document = read(&fs::read_to_string(file).unwrap(), None).unwrap();
    assert_eq!(document.form, Form::Feed);
    // Two of its rows have no VAT, so prices are rated as they are paid.
    assert!(document.sheets[0].taxes.is_empty() && document.notes.len() == 2);
    assert_eq!(rates(&document), "25.54");
}

fn rate(parts: &Value) -> Value {
    let mut rate = json!({
        "label": "x", "name": "X",
        "energyratestructure": [[{ "rate": 0.1, "adj": 0.0234567890123, "unit": "kWh" }]],
        "energyweekdayschedule": vec![vec![0; 24]; 12],
        "energyweekendschedule": vec![vec![0; 24]; 12],
    });
    for (key, value) in parts.as_object().unwrap() {
        rate[key] = value.clone();
    }
    rate
}

#[test]
fn a_rates_fields_mean_what_the_database_says() {
    let document = |parts: Value| read(&rate(&parts).to_string(), None).unwrap();
    let sheet = |parts: Value| document(parts).sheets.remove(0);
    let plain = sheet(json!({ "dgrules": "Net Billing Instantaneous" }));
    let tariff::Pricing::Periods(periods) = &plain.energy[0].pricing else { panic!() };
    assert_eq!(periods.periods[0].tiers[0].price.to_string(), "0.1234567890123");
    assert_eq!(periods.periods[0].tiers[0].source, "energyratestructure[0][0].rate");
    let export = |rules: &str| {
        let export = sheet(json!({ "dgrules": rules })).export.unwrap();
        (export.mode, export.bank)
    };
    assert_eq!(export("Net Metering"), (Mode::NetMetering, Bank::Energy));
    assert_eq!(export("Net Billing Instantaneous"), (Mode::NetBilling, Bank::None));
    assert_eq!(export("Net Billing Hourly"), (Mode::NetBilling, Bank::Money(false)));
    assert_eq!(export("Buy All Sell All"), (Mode::BuyAllSellAll, Bank::None));
    assert!(document(json!({})).notes.iter().any(|note| note.contains("dgrules")));
    let daily = sheet(json!({ "fixedChargeFirstMeter": 0.5, "fixedChargeUnits": "$/day",
        "mincharge": 9, "minchargeunits": "$/year", "demandwindow": 30 }));
    assert_eq!((daily.fixed[0].per, daily.minimum[0].per), (tariff::Per::Day, tariff::Per::Year));
    assert_eq!(daily.demand_window, Some(30));
    let ratchet = sheet(json!({
        "flatdemandstructure": [[{ "rate": 5, "max": 10 }, { "rate": 4, "max": 1e38 }]],
        "flatdemandmonths": vec![0; 12], "lookbackPercent": 0.8, "lookbackRange": 6,
        "lookbackMonths": [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0],
    }));
    let rule = ratchet.ratchet.unwrap();
    assert_eq!((rule.months, rule.ppm[5], rule.ppm[0]), (6, 800_000, 0));
    assert_eq!(ratchet.demand[0].periods[0].tiers[0].max, Some(10_000_000_000));
    assert_eq!(ratchet.demand[0].periods[0].tiers[1].max, None);
    let wrapped = json!({ "items": [rate(&json!({})), rate(&json!({ "label": "y" }))] });
    assert!(fault(&wrapped.to_string()).to_string().contains("choose one: x, y"));
    assert_eq!(read(&wrapped.to_string(), Some("y")).unwrap().sheets[0].id, "y");
    let inside = json!({ "Scenario": { "Site": { "ElectricTariff": {
        "urdb_response": rate(&json!({})) } } } });
    assert_eq!(read(&inside.to_string(), None).unwrap().form, Form::Urdb);
}

/// What would make bills too low is refused where a tariff is published, and noted elsewhere.
#[test]
fn a_charge_that_is_not_rated_keeps_a_rate_from_being_published() {
    let frame = tariff::Frame {
        id: None,
        name: None,
        version: 1,
        valid_from: "2026-07-01".parse().unwrap(),
        timezone: "UTC".parse().unwrap(),
        currency: None,
        between_neighbours: Vec::new(),
    };
    let published = |field: &str, value: &Value| {
        let text = rate(&json!({ "dgrules": "Net Billing Instantaneous", field: value }));
        let text = text.to_string();
        let notes = read(&text, None).unwrap().notes;
        assert!(notes.iter().any(|note| note.starts_with(field)), "{field}: {notes:?}");
        tariff::Tariff::read(&text, Some(&frame))
    };
    for (field, value) in [
        ("coincidentratestructure", json!([[{ "rate": 2.5, "max": 100, "unit": "kW" }]])),
        ("coincidentratestructure", json!([[{ "rate": 0 }], [{ "rate": 0, "adj": "0.01" }]])),
        ("demandreactivepowercharge", json!(0.3)),
        ("fixedchargeeaaddl", json!("4.50")),
        ("energyattrs", json!([{ "Fuel cost": "$0.03/kWh" }])),
        ("demandattrs", json!([{ "Power factor": 0.9 }])),
        ("fixedattrs", json!({ "Meter": "1.20" })),
    ] {
        let problems = published(field, &value).unwrap_err();
        let [problem] = &problems.list[..] else { panic!("{field}: {problems}") };
        assert_eq!((problem.path.as_str(), problem.code), (field, Code::Unsupported));
        assert!(problem.reason.ends_with("bills would be too low"), "{problem}");
    }
    for (field, value) in [
        ("coincidentratestructure", json!([[{ "rate": 0.0, "max": 100, "unit": "kW" }]])),
        ("coincidentratestructure", json!([])),
        ("demandreactivepowercharge", json!(0)),
        ("energyattrs", json!([{}])),
        ("fixedattrs", json!("")),
    ] {
        let (_, notes) = published(field, &value).unwrap_or_else(|it| panic!("{field}: {it}"));
        assert!(notes.iter().any(|note| note.starts_with(field)), "{field}: {notes:?}");
    }
}

#[test]
fn a_tariff_in_toml_is_told_to_be_one() {
    let told = |text: &str| fault(text).list[0].reason.contains("TOML");
    assert!(told("# Prices\n\n[t11.ergon.2017]\nusage = 24.61\n"));
    assert!(told("supply_charge = 89.572\n"));
    assert!(told("[[versions]]\nid = 'a'\n"));
    for other in ["", "[1, 2", "{\"a\": 1", "<xml a=\"b\"/>", "free text", "[x, y]"] {
        assert!(!told(other), "{other}");
    }
    let problem = &fault("# Prices\n\n[t11]\n").list[0];
    assert_eq!((problem.code, problem.line, problem.column), (Code::NotJson, 3, 1));
    for name in ["qld_prices.toml", "qld_toutimes.toml"] {
        let Some(file) = testkit::data(&format!("tariff_au/{name}")) else { return };
        assert!(told(&fs::read_to_string(file).unwrap()), "{name}");
    }
}

#[test]
fn every_fault_of_a_rate_is_told_at_once_with_its_place() {
    let mut broken = rate(&json!({
        "energyratestructure": [[{ "unit": "kWh" }], [{ "rate": "cheap" }]],
        "flatdemandstructure": [[{ "rate": 1, "max": 5 }, { "rate": 1, "max": 5 }, { "rate": 2 }]],
        "flatdemandmonths": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3],
        "fixedchargefirstmeter": 1, "fixedchargeunits": "$/week",
        "demandunits": "hp daily", "dgrules": "Net Nothing",
    }));
    broken["energyweekdayschedule"][3][7] = json!(9);
    let text = serde_json::to_string_pretty(&broken).unwrap();
    let problems = fault(&text);
    let mut paths: Vec<&str> = problems.list.iter().map(|it| it.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "demandunits",
            "dgrules",
            "energyratestructure[0][0]",
            "energyratestructure[1][0].rate",
            "fixedchargeunits",
            "flatdemandmonths[11]",
            "flatdemandstructure[0][1]",
        ]
    );
    for problem in &problems.list {
        let line = text.lines().nth(problem.line - 1).unwrap();
        let key = problem.path.rsplit(['.', '[']).next().unwrap();
        let here = &line[problem.column - 1..];
        assert!(line.contains(key) || !key.chars().all(char::is_alphabetic), "{problem}: {here}");
    }
    let mut one = rate(&json!({}));
    one["energyweekdayschedule"][3][7] = json!(9);
    assert_eq!(fault(&one.to_string()).list[0].path, "energyweekdayschedule[3][7]");
}

/// A sheet with a field of every kind.
fn whole() -> Value {
    json!({
        "format": "wattex-tariff-1", "id": "s", "name": "S", "version": 2, "currency": "EUR",
        "timezone": "Europe/Berlin", "valid_from": "2026-01-01", "valid_to": "2027-01-01",
        "holidays": ["2026-12-25"],
        "fixed": [{ "name": "standing", "per": "day", "amount": "0.35" }],
        "energy": [{
            "name": "energy", "class": "energy", "on": "residual", "netted": true,
            "periods": [
                { "name": "low", "price": "0.18" },
                { "name": "high", "tiers": [{ "max": 100, "price": "0.30" }, { "price": 0.36 }] },
            ],
            "schedule": {
                "windows": [{ "period": "high", "from": "16:30", "to": "21:00",
                    "days": ["weekday"], "season": { "from": "06-01", "to": "09-30" } }],
                "otherwise": "low",
            },
            "tiers": { "across": "period", "per": "month" },
        }],
        "demand": [{ "price": 4.5 }], "demand_window_minutes": 30,
        "ratchet": { "percent": 80, "months": 11 },
        "export": { "mode": "net_billing", "price": "0.08", "bank": "money",
            "year_end": { "month": 12, "leftover": "pay" } },
        "minimum": [{ "per": "month", "amount": 5 }],
        "taxes": [{ "name": "VAT", "percent": 19 }],
    })
}

/// The fault of a sheet whose field at `pointer` is `value`.
fn check(pointer: &str, value: Value, path: &str, code: Code) {
    let mut sheet = whole();
    *sheet.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    let problems = fault(&sheet.to_string());
    let found: Vec<_> = problems.list.iter().map(|it| (it.path.as_str(), it.code)).collect();
    assert!(found.contains(&(path, code)), "{pointer}: {problems}");
}

#[test]
fn every_fault_of_a_sheet_is_told_at_its_field() {
    let good = read(&whole().to_string(), None).unwrap();
    assert_eq!((good.form, good.sheets[0].version), (Form::Sheet, 2));
    let list = Value::Array(vec![whole(), whole()]).to_string();
    assert_eq!(read(&list, None).unwrap().sheets.len(), 2);
    use Code::{Contradiction, Missing, OutOfRange, UnknownField, WrongKind};
    check("/id", json!(3), "id", WrongKind);
    check("/currency", json!("eur"), "currency", OutOfRange);
    check("/timezone", json!("Europe/Atlantis"), "timezone", OutOfRange);
    check("/valid_to", json!("2025-01-01"), "valid_to", Contradiction);
    check("/valid_from", json!("2026-02-30"), "valid_from", OutOfRange);
    check("/holidays/0", json!("Christmas"), "holidays[0]", OutOfRange);
    check("/fixed/0/per", json!("week"), "fixed[0].per", OutOfRange);
    check("/fixed/0/amount", json!("1e9"), "fixed[0].amount", OutOfRange);
    check("/fixed/0", json!({ "per": "day" }), "fixed[0]", Missing);
    check(
        "/fixed/0",
        json!({ "per": "day", "amount": 1, "colour": 2 }),
        "fixed[0].colour",
        UnknownField,
    );
    check("/demand/0/price", json!("dear"), "demand[0].price", WrongKind);
    check("/demand_window_minutes", json!(7), "demand_window_minutes", OutOfRange);
    check("/ratchet/percent", json!(101), "ratchet.percent", OutOfRange);
    check("/export/bank", json!("energy"), "export.bank", Contradiction);
    check("/export/price", Value::Null, "export", Missing);
    check("/export/year_end/month", json!(13), "export.year_end.month", OutOfRange);
    check("/minimum/0/amount", json!(-5), "minimum[0].amount", OutOfRange);
    check("/taxes/0/percent", json!(-19), "taxes[0].percent", OutOfRange);
}

#[test]
fn every_fault_of_prices_is_told_at_their_field() {
    use Code::{Contradiction, Missing, OutOfRange, WrongKind};
    check("/energy/0/class", json!("vat"), "energy[0].class", OutOfRange);
    check("/energy/0/periods/0", json!({}), "energy[0].periods[0]", Missing);
    check("/energy/0/periods/0/price", json!([]), "energy[0].periods[0].price", WrongKind);
    check("/energy/0/periods", json!([]), "energy[0]", OutOfRange);
    let tier = "/energy/0/periods/1/tiers";
    check(
        &format!("{tier}/1"),
        json!({ "max": 50, "price": 1 }),
        "energy[0].periods[1].tiers[1]",
        Contradiction,
    );
    check(&format!("{tier}/0"), json!({ "price": 1 }), "energy[0].periods[1].tiers[0]", Missing);
    check(&format!("{tier}/0/max"), json!(-1), "energy[0].periods[1].tiers[0].max", OutOfRange);
    let window = "/energy/0/schedule/windows/0";
    check(
        &format!("{window}/period"),
        json!("peak"),
        "energy[0].schedule.windows[0].period",
        OutOfRange,
    );
    check(
        &format!("{window}/from"),
        json!("25:00"),
        "energy[0].schedule.windows[0].from",
        OutOfRange,
    );
    check(
        &format!("{window}/days/0"),
        json!("someday"),
        "energy[0].schedule.windows[0].days[0]",
        OutOfRange,
    );
    check(
        &format!("{window}/season/to"),
        json!("13-01"),
        "energy[0].schedule.windows[0].season.to",
        OutOfRange,
    );
    check(
        "/energy/0/schedule",
        json!({ "weekday": [[0]] }),
        "energy[0].schedule.weekday",
        OutOfRange,
    );
    check("/energy/0/schedule", Value::Null, "energy[0]", Missing);
    check(
        "/energy/0/tiers",
        json!({ "across": "share", "per": "year" }),
        "energy[0].tiers",
        Contradiction,
    );
}

#[test]
fn terms_a_wrong_feed_and_what_is_no_tariff_are_refused_at_their_field() {
    let text = r#"{"fixed_per_day":"0.1","id":"x","energy":{"periods":[{"name":"a","price":-1}],
        "weekday":[],"weekend":[]}}"#;
    assert_eq!(fault(text).list[0].code, Code::OutOfRange);
    let feed = |rows: Value| json!({ "results": rows }).to_string();
    let row = |from: &str, to: &str, price: &str| {
        json!({
        "value_exc_vat": price, "value_inc_vat": price, "valid_from": from, "valid_to": to })
    };
    let (one, two, half) = ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-01T00:30:00Z");
    let overlap = feed(json!([row(one, two, "1"), row(half, two, "2")]));
    assert_eq!(fault(&overlap).list[0].code, Code::Contradiction);
    let taxed = feed(json!([{ "value_exc_vat": 20.1, "value_inc_vat": 21.105,
        "valid_from": one, "valid_to": two }]));
    let sheet = read(&taxed, None).unwrap().sheets.remove(0);
    assert_eq!(sheet.taxes[0].percent.to_string(), "5");
    let bad = feed(json!([row(one, "soon", "1")]));
    assert_eq!(fault(&bad).list[0].path, "results[0].valid_to");
    assert_eq!(fault("{}").list[0].code, Code::UnknownForm);
    assert_eq!(fault("[1, 2]").list[0].code, Code::UnknownForm);
    assert_eq!(fault("").list[0].code, Code::NotJson);
    let moments = tariff::read_prices(
        r#"[{"from":"2026-01-01T00:00:00Z","price":"0.1"},
        {"from":"2026-01-01T01:00:00Z","price":"0.2"}]"#,
    )
    .unwrap();
    assert_eq!((moments.len(), moments[1].to.to_string().as_str()), (2, "2026-01-01T02:00:00Z"));
}

#[test]
fn no_bytes_bring_the_reader_down() {
    let Some(folder) = testkit::data("tariff_urdb") else { return };
    let text = fs::read_to_string(folder.join("urdb_539f6a23ec4f024411ec8beb.json")).unwrap();
    let mut state = 7_u64;
    for _ in 0..400 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut bytes = text.clone().into_bytes();
        let at = usize::try_from(state >> 33).unwrap() % bytes.len();
        match state % 3 {
            0 => bytes.truncate(at),
            1 => bytes[at] = b"{}[],:\"9-e.nI\\"[at % 14],
            _ => drop(bytes.remove(at)),
        }
        let _ = read(&String::from_utf8_lossy(&bytes), None);
    }
}

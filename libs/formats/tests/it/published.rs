//! Lists, models and schemas that makers publish, where they are: what they name is read.

use formats::{Point, When};
use serde_json::Value;

use crate::shared::{check, file};
use crate::{decode, device, shorts};

/// The values of a simulated device, each under its topic.
fn simulated(name: &str) -> Option<Vec<String>> {
    let text = String::from_utf8(file("dev_victron", name)?).unwrap();
    let mut lines = text.lines();
    let service = lines.next().unwrap().trim_start_matches("com.victronenergy.");
    let service = service.split('.').next().unwrap();
    let mut found = Vec::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let is_text = cells[1] == "s";
        let value = if is_text { format!("\"{}\"", cells[2]) } else { cells[2].to_owned() };
        let topic = format!("N/portal/{service}/1{}", cells[0]);
        let readings = decode("victron", &topic, format!("{{\"value\": {value}}}").as_bytes());
        found.extend(shorts(&readings.unwrap_or_else(|refusal| panic!("{line}: {refusal}"))));
    }
    Some(found)
}

#[test]
fn simulated_devices_of_victron_are_read() {
    for (name, expected) in [
        (
            "dbus_sim_grid.csv",
            &[
                "import_power L3 300000 mW",
                "import_energy L1 11000 Wh",
                "export_energy L3 23000 Wh",
                "voltage L2 232000 mV",
            ][..],
        ),
        (
            "dbus_sim_battery.csv",
            &[
                "dc_voltage 52000 mV",
                "dc_current 11000 mA",
                "state_of_charge 850 1/1000",
                "state_of_health 990 1/1000",
            ],
        ),
        (
            "dbus_sim_solarcharger.csv",
            &["export_power 480000 mW", "dc_voltage 96000 mV", "period_export_energy 50000 Wh"],
        ),
        (
            "dbus_sim_system.csv",
            &[
                "import_power L1 410000 mW",
                "import_power L1 310000 mW",
                "export_power 300000 mW",
                "import_power 600000 mW",
                "state_of_charge 850 1/1000",
            ],
        ),
        (
            "dbus_sim_vebus.csv",
            &["import_power L1 230000 mW", "voltage L1 231000 mV", "frequency L1 50000 mHz"],
        ),
    ] {
        let Some(found) = simulated(name) else { return };
        for short in expected {
            assert!(found.contains(&(*short).to_owned()), "{name}: no {short} in {found:#?}");
        }
    }
}

/// Every path that counts kilowatt-hours on the grid, of loads, generators and chargers is read.
#[test]
fn every_register_of_victrons_list_is_read() {
    let Some(list) = file("dev_victron", "attributes.csv") else { return };
    let services = ["grid", "pvinverter", "acload", "evcharger", "heatpump"];
    let mut read = 0;
    for row in String::from_utf8(list).unwrap().lines() {
        let cells: Vec<&str> = row.split(',').collect();
        let service = cells[0].trim_start_matches("com.victronenergy.");
        let is_register = cells.get(3) == Some(&"kWh") && cells[1].contains("Energy/");
        if !services.contains(&service) || !is_register {
            continue;
        }
        let topic = format!("N/p/{service}/1{}", cells[1]);
        let readings = decode("victron", &topic, br#"{"value": 1.5}"#).unwrap();
        assert_eq!(readings[0].value.integer(), 1500, "{row}");
        read += 1;
    }
    assert!(read >= 20, "{read}");
}

#[test]
fn devices_of_sunspec_are_read() {
    check(
        "sunspec",
        "dev_sunspec",
        "device_1547.json",
        33,
        &[
            "export_power 9800000 mW",
            "export_energy 150000 Wh",
            "import_energy 0 Wh",
            "frequency 60010 mHz",
            "power_factor 985 1/1000",
            "export_energy L3 51000 Wh",
            "current 41100 mA",
        ],
    );
    check("sunspec", "dev_sunspec", "inverter_123.json", 0, &[]);
    let Some(bytes) = file("dev_sunspec", "device_1547.json") else { return };
    let readings = decode("sunspec", "", &bytes).unwrap();
    assert_eq!((device(&readings), readings[0].point), ("sn-123456789", Point::Generator));
    assert_eq!(readings[0].time, When::OnReceipt);
}

/// The points of the published models have the types and scale factors that are assumed: a device
/// with the value 1 in every point is read by each model, and names of points are those there.
#[test]
fn published_models_have_the_points_that_are_read() {
    for (model, least) in [
        ("101", 10),
        ("102", 12),
        ("103", 14),
        ("201", 20),
        ("203", 20),
        ("204", 20),
        ("701", 20),
        ("802", 3),
    ] {
        let Some(bytes) = file("dev_sunspec", &format!("model_{model}.json")) else { return };
        let definition: Value = serde_json::from_slice(&bytes).unwrap();
        let points = definition["group"]["points"].as_array().unwrap();
        let values: serde_json::Map<String, Value> = points
            .iter()
            .map(|point| {
                let value = if point["type"] == "sunssf" { 0 } else { 1 };
                (point["name"].as_str().unwrap().to_owned(), value.into())
            })
            .collect();
        let mut device = Value::Object(values);
        device["ID"] = model.parse::<u64>().unwrap().into();
        let readings = decode("sunspec", "", device.to_string().as_bytes()).unwrap();
        assert!(readings.len() >= least, "{model}: {:#?}", shorts(&readings));
    }
}

/// The renderings of the specification: only the supply voltage is a quantity.
#[test]
fn examples_of_sparkplug_are_read() {
    let Some(bytes) = file("dev_sparkplug", "Sparkplug_6_Payloads.adoc") else { return };
    let text = String::from_utf8(bytes).unwrap();
    let mut examples = 0;
    for start in text.match_indices("\"timestamp\": 1486144502122,").map(|(at, _)| at) {
        let Some(open) = text[..start].rfind('{') else { continue };
        let is_payload = text[open..start].trim() == "{" && text[start..].contains("\"metrics\"");
        let first = serde_json::Deserializer::from_str(&text[open..]).into_iter::<Value>().next();
        let (true, Some(Ok(value))) = (is_payload, first) else { continue };
        if value["metrics"].is_array() {
            let payload = value.to_string();
            let readings = decode("sparkplug", "spBv1.0/g/NBIRTH/e", payload.as_bytes()).unwrap();
            let has = payload.contains("Supply Voltage");
            assert_eq!(
                shorts(&readings).contains(&"voltage 12100 mV".to_owned()),
                has,
                "{payload}"
            );
            examples += 1;
        }
    }
    assert!(examples >= 3, "{examples}");
}

/// Every topic that the page lists with W, Wh or % is read.
#[test]
fn topics_of_evccs_page_are_read() {
    let Some(bytes) = file("dev_evcharger", "evcc_mqtt-api.md") else { return };
    let text = String::from_utf8(bytes).unwrap();
    let mut read = 0;
    for line in text.lines().take_while(|line| !line.contains("Writable")) {
        let Some((topic, what)) = line.trim_start_matches("- `").split_once("`: ") else {
            continue;
        };
        let is_read = [
            "(W)",
            "(W, ",
            "session (Wh)",
            "session energy (Wh)",
            "total (Wh)",
            "state of charge (%)",
            "SoC (%)",
        ];
        if is_read.iter().any(|unit| what.contains(unit)) {
            let readings = decode("evcc", &topic.replace("<id>", "1"), b"1").unwrap();
            assert!(!readings.is_empty(), "{line}");
            read += 1;
        }
    }
    assert!(read >= 8, "{read}");
}

/// Every measurand and phase that the schemas allow is known or said to be left out; the units of
/// the quantities that are read are known.
#[test]
fn the_schemas_of_ocpp_hold_nothing_unexpected() {
    for (name, is_text) in [
        ("ocpp16_MeterValues.schema.json", true),
        ("ocpp201_MeterValuesRequest.schema.json", false),
    ] {
        let Some(bytes) = file("dev_evcharger", name) else { return };
        let schema: Value = serde_json::from_slice(&bytes).unwrap();
        let enums = enums(&schema, "measurand");
        assert!(enums.contains(&"Energy.Active.Import.Register".to_owned()), "{enums:?}");
        let mut read = 0;
        for measurand in enums {
            let value = if is_text { Value::from("1") } else { Value::from(1) };
            let message = serde_json::json!({ "connectorId": 1, "meterValue": [{
                "timestamp": "2026-06-01T10:00:00Z",
                "sampledValue": [{ "value": value, "measurand": measurand }],
            }]});
            let readings = decode("ocpp", "", message.to_string().as_bytes()).unwrap();
            let left_out = [
                "Offered",
                "RPM",
                ".Net",
                "Apparent",
                "Reactive.Import.Interval",
                "Reactive.Export.Interval",
            ];
            let is_left_out = left_out.iter().any(|part| measurand.contains(part));
            assert_eq!(readings.is_empty(), is_left_out, "{measurand}");
            read += readings.len();
        }
        assert!(read >= 14, "{name}: {read}");
    }
}

/// The choices that a schema has for a property of this name, wherever it stands.
fn enums(schema: &Value, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        if let Some(object) = value.as_object() {
            for (key, inner) in object {
                let is_named = key == name || key.to_lowercase() == format!("{name}enumtype");
                if let (true, Some(choices)) = (is_named, inner["enum"].as_array()) {
                    found.extend(choices.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                open.push(inner);
            }
        } else if let Some(list) = value.as_array() {
            open.extend(list);
        }
    }
    found
}

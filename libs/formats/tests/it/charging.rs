//! Charging stations: evcc and OCPP.

use formats::{Point, Trust};

use crate::samples::OCMF;
use crate::{check, decode, device, refused, time};

#[test]
fn evcc_says_where_each_power_flows() {
    let value = |topic: &str, text: &str, expected: &[&str]| check("evcc", topic, text, expected);
    value("evcc/site/grid/power", "-1200.5", &["import_power 0 mW", "export_power 1200500 mW"]);
    value("evcc/site/pvPower", "3000", &["export_power 3000000 mW", "import_power 0 mW"]);
    // Positive is discharge.
    value("evcc/site/battery/power", "-500", &["export_power 0 mW", "import_power 500000 mW"]);
    value("evcc/site/battery/soc", "64", &["state_of_charge 640 1/1000"]);
    value("evcc/site/homePower", "450", &["import_power 450000 mW", "export_power 0 mW"]);
    let readings = value(
        "evcc/loadpoints/1/chargePower",
        "11040.5",
        &["import_power 11040500 mW", "export_power 0 mW"],
    );
    assert_eq!((device(&readings), readings[0].point), ("loadpoints/1", Point::Charger));
    value("evcc/loadpoints/1/chargedEnergy", "7420.896", &["period_import_energy 7420 Wh"]);
    // The charger's own meter counts in kilowatt-hours.
    value("evcc/loadpoints/1/chargeTotalImport", "6960.671", &["import_energy 6960671 Wh"]);
    value("evcc/loadpoints/2/chargeCurrents/3", "15.9", &["current L3 15900 mA"]);
    value("evcc/loadpoints/2/chargeCurrents/l1", "16", &["current L1 16000 mA"]);
    value("evcc/site/pv/2/power", "100", &["export_power 100000 mW", "import_power 0 mW"]);
    value(
        "home/evcc/site/grid/powers/2",
        "5",
        &["import_power L2 5000 mW", "export_power L2 0 mW"],
    );
    value("evcc/site/siteTitle", "Home", &[]);
    value("evcc/loadpoints", "2", &[]);
    value("evcc/loadpoints/1/mode", "pv", &[]);
    value("evcc/loadpoints/1/chargePower", "nil", &[]);
    value("evcc/loadpoints/1/chargePower", "", &[]);
    let topic = "evcc/loadpoints/1/chargePower";
    refused("evcc", topic, b"fast", "FIELD_TYPE", "1/chargePower");
    refused("evcc", "evcc/site/grid/energy", b"-5", "FIELD_NEGATIVE", "grid/energy");
}

/// A frame of OCPP 1.6 with one sampled value.
fn sampled(value: &str) -> String {
    format!(
        r#"[2,"19","MeterValues",{{"connectorId":2,"transactionId":5,"meterValue":[{{
            "timestamp":"2026-06-01T12:00:00+02:00","sampledValue":[{value}]}}]}}]"#
    )
}

#[test]
fn what_a_charging_station_leaves_out_has_its_default() {
    let of = |value: &str, expected: &[&str]| check("ocpp", "", &sampled(value), expected);
    let readings = of(r#"{"value":"12345.9"}"#, &["import_energy 12345 Wh"]);
    assert_eq!((readings[0].device.as_deref(), readings[0].channel.as_deref()), (None, Some("2")));
    assert_eq!(time(&readings).as_deref(), Some("2026-06-01T10:00:00Z"));
    of(r#"{"value":"12.345","unit":"kWh","context":"Sample.Clock"}"#, &["import_energy 12345 Wh"]);
    of(
        r#"{"value":"7.2","measurand":"Power.Active.Import","unit":"kW","phase":"L1-N"}"#,
        &["import_power L1 7200000 mW"],
    );
    of(r#"{"value":"7200","measurand":"Power.Active.Import"}"#, &["import_power 7200000 mW"]);
    of(r#"{"value":"50.01","measurand":"Frequency"}"#, &["frequency 50010 mHz"]);
    of(
        r#"{"value":"230","measurand":"Voltage","phase":"L1-L2","unit":"V"}"#,
        &["voltage L12 230000 mV"],
    );
    of(r#"{"value":"55","measurand":"SoC","unit":"Percent"}"#, &["state_of_charge 550 1/1000"]);
    of(
        r#"{"value":"21.5","measurand":"Temperature","unit":"Celcius"}"#,
        &["temperature 21500 m°C"],
    );
    of(
        r#"{"value":"100","measurand":"Energy.Active.Import.Interval"}"#,
        &["period_import_energy 100 Wh"],
    );
    of(r#"{"value":"16","measurand":"Current.Offered","unit":"A"}"#, &[]);
    of(r#"{"value":"1200","measurand":"RPM"}"#, &[]);
}

#[test]
fn both_versions_and_all_messages_with_meters_are_read() {
    let later = r#"[2,"1","MeterValues",{"evseId":1,"meterValue":[{"timestamp":
        "2026-06-01T10:00:00Z","sampledValue":[{"value":12.3456,"unitOfMeasure":{"unit":"kWh"}},
        {"value":72,"measurand":"Power.Active.Import","unitOfMeasure":{"multiplier":2}}]}]}]"#;
    let readings =
        check("ocpp", "CS-1", later, &["import_energy 12345 Wh", "import_power 7200000 mW"]);
    assert_eq!((device(&readings), readings[0].channel.as_deref()), ("CS-1", Some("1")));
    let event = r#"{"eventType":"Updated","evse":{"id":3},"meterValue":[{"timestamp":
        "2026-06-01T10:00:00Z","sampledValue":[{"value":5}]}]}"#;
    let readings = check("ocpp", "", event, &["import_energy 5 Wh"]);
    assert_eq!(readings[0].channel.as_deref(), Some("3"));
    let stop = r#"[2,"7","StopTransaction",{"transactionId":5,"meterStop":15000,"timestamp":
        "2026-06-01T10:00:00Z","transactionData":[{"timestamp":"2026-06-01T09:00:00Z",
        "sampledValue":[{"value":"9000"}]}]}]"#;
    check("ocpp", "", stop, &["import_energy 15000 Wh", "import_energy 9000 Wh"]);
    check("ocpp", "", r#"[3,"19",{"currentTime":"x"}]"#, &[]);
    check("ocpp", "", r#"[2,"1","Heartbeat",{}]"#, &[]);
    check("ocpp", "", r#"[4,"1","InternalError","text",{}]"#, &[]);
}

#[test]
fn a_signed_value_is_read_as_what_is_signed() {
    let text = OCMF.replace('"', "\\\"");
    let readings = check(
        "ocpp",
        "",
        &sampled(&format!(r#"{{"value":"{text}","format":"SignedData"}},{{"value":"1"}}"#)),
        &["import_energy 1 Wh", "import_energy 2935600 Wh", "import_energy 2965100 Wh"],
    );
    assert_eq!(readings[0].trust, Trust::Unsigned);
    assert!(matches!(readings[1].trust, Trust::Signed(_)));
    let data: String = OCMF.bytes().map(|byte| format!("{byte:02x}")).collect();
    let signed = format!(
        r#"{{"value":1,"signedMeterValue":{{"signedMeterData":"{data}","encodingMethod":"OCMF"}}}}"#
    );
    assert_eq!(decode("ocpp", "", sampled(&signed).as_bytes()).unwrap().len(), 3);
    // Another encoding is kept where it is.
    let other = sampled(r#"{"value":"3a5c","format":"SignedData"}"#);
    assert_eq!(decode("ocpp", "", other.as_bytes()).unwrap(), []);
}

#[test]
fn charging_stations_name_what_is_wrong() {
    let at = "3.meterValue.0.sampledValue.0";
    for (value, code, field) in [
        (r#"{"value":"-5"}"#, "FIELD_NEGATIVE", ".value"),
        (r#"{"value":"abc"}"#, "FIELD_TYPE", ".value"),
        (r#"{"value":"NaN"}"#, "FIELD_NOT_FINITE", ".value"),
        (r#"{"value":"5","unit":"V"}"#, "FIELD_UNIT", ".value"),
        (r#"{"value":"5","unit":"furlong"}"#, "FIELD_UNIT", ".unit"),
        (r#"{"value":"5","phase":"L4"}"#, "FIELD_TYPE", ".phase"),
        (
            r#"{"value":5,"unitOfMeasure":{"multiplier":0.5}}"#,
            "FIELD_TYPE",
            ".unitOfMeasure.multiplier",
        ),
        ("{}", "FIELD_MISSING", ".value"),
    ] {
        refused("ocpp", "", sampled(value).as_bytes(), code, &format!("{at}{field}"));
    }
    let no_time = br#"{"connectorId":1,"meterValue":[{"sampledValue":[]}]}"#;
    refused("ocpp", "", no_time, "FIELD_MISSING", "meterValue.0.timestamp");
    refused("ocpp", "", b"[]", "FIELD_TYPE", "");
    refused("ocpp", "", b"5", "FIELD_TYPE", "");
}

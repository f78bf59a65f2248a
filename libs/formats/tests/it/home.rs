//! Plugs, relays and clamps in homes: Shelly, Tasmota, Zigbee2MQTT.

use formats::{Point, When};

use crate::{check, decode, device, refused, time};

#[test]
fn relays_of_the_first_shellies_count_watt_minutes_and_meters_watt_hours() {
    let value =
        |topic: &str, text: &str, expected: &[&str]| check("shelly1", topic, text, expected);
    let readings =
        value("shellies/shellyplug-s-1/relay/0/energy", "2632", &["import_energy 43 Wh"]);
    assert_eq!(
        (device(&readings), readings[0].channel.as_deref()),
        ("shellyplug-s-1", Some("relay/0"))
    );
    assert_eq!((readings[0].point, readings[0].time), (Point::Load, When::OnReceipt));
    value("shellies/em/emeter/1/total", "2632.9", &["import_energy 2632 Wh"]);
    value("shellies/em/emeter/1/total_returned", "12.1", &["export_energy 12 Wh"]);
    value("shellies/em/emeter/1/energy", "120", &["period_import_energy 2 Wh"]);
    value("shellies/em/emeter/0/power", "-12.345", &["import_power 0 mW", "export_power 12345 mW"]);
    value("shellies/em/emeter/0/pf", "-0.98", &["power_factor -980 1/1000"]);
    value("shellies/plug/relay/0", "on", &[]);
    value("shellies/plug/online", "true", &[]);
    value("shellies/plug/temperature", "24.1", &[]);
    refused("shelly1", "shellies/plug/relay/0/energy", b"on", "FIELD_TYPE", "relay/0/energy");
    refused("shelly1", "shellies/plug/relay/0/energy", b"-5", "FIELD_NEGATIVE", "relay/0/energy");
    refused("shelly1", "", b"5", "TOPIC_MISSING", "");
}

#[test]
fn the_status_of_a_first_shelly_has_meters_and_energy_meters() {
    let status = r#"{"mac":"AABBCC","unixtime":1707332241,"meters":[
        {"is_valid":true,"power":10.5,"total":6000},{"is_valid":false,"power":-1,"total":-1}],
        "emeters":[{"power":-3.25,"reactive":1.0,"pf":0.5,"voltage":230.1,"is_valid":true,
        "total":10.9,"total_returned":2.0}]}"#;
    let readings = check(
        "shelly1",
        "",
        status,
        &[
            "import_power 10500 mW",
            "export_power 0 mW",
            "import_energy 100 Wh",
            "import_power 0 mW",
            "export_power 3250 mW",
            "import_reactive_power 1000 mvar",
            "export_reactive_power 0 mvar",
            "voltage 230100 mV",
            "power_factor 500 1/1000",
            "import_energy 10 Wh",
            "export_energy 2 Wh",
        ],
    );
    assert_eq!(time(&readings).as_deref(), Some("2024-02-07T18:57:21Z"));
    assert_eq!(device(&readings), "AABBCC");
}

#[test]
fn later_shellies_notify_answer_and_publish_components() {
    let notified = r#"{"src":"shellypro3em-1","dst":"x/events","method":"NotifyStatus","params":{
        "ts":1707326936.25,"em:0":{"id":0,"a_act_power":-1.5,"a_voltage":229.0,"n_current":null,
        "total_act_power":-1.5},"emdata:0":{"a_total_act_energy":2034616.71,
        "a_total_act_ret_energy":0.0,"total_act":12.99,"total_act_ret":0.5}}}"#;
    let readings = check(
        "shelly2",
        "shellypro3em-1/events/rpc",
        notified,
        &[
            "import_power L1 0 mW",
            "export_power L1 1500 mW",
            "voltage L1 229000 mV",
            "import_power 0 mW",
            "export_power 1500 mW",
            "import_energy L1 2034616 Wh",
            "export_energy L1 0 Wh",
            "import_energy 12 Wh",
            "export_energy 0 Wh",
        ],
    );
    assert_eq!((device(&readings), readings[0].point), ("shellypro3em-1", Point::Unstated));
    assert_eq!(time(&readings).as_deref(), Some("2024-02-07T17:28:56Z"));
    let component = r#"{"id":0,"output":true,"apower":2.7,"voltage":227.9,"current":0.121,
        "aenergy":{"total":7258.589,"by_minute":[1,2,3],"minute_ts":1707326925}}"#;
    let readings = check(
        "shelly2",
        "shellies/kitchen/status/switch:0",
        component,
        &[
            "import_power 2700 mW",
            "export_power 0 mW",
            "voltage 227900 mV",
            "current 121 mA",
            "import_energy 7258 Wh",
        ],
    );
    assert_eq!((device(&readings), readings[0].channel.as_deref()), ("kitchen", Some("switch:0")));
    check(
        "shelly2",
        "",
        r#"{"id":1,"src":"s","result":{"em1data:0":{"total_act_energy":5.5}}}"#,
        &["import_energy 5 Wh"],
    );
    check("shelly2", "kitchen/status/sys", r#"{"unixtime":1}"#, &[]);
    let error = br#"{"id":1,"src":"s","error":{"code":401,"message":"Unauthorized"}}"#;
    refused("shelly2", "", error, "DEVICE_ERROR", "error");
    let wrong = br#"{"src":"s","params":{"switch:0":{"aenergy":{"total":"7"}}}}"#;
    refused("shelly2", "", wrong, "FIELD_TYPE", "params.switch:0.aenergy.total");
}

#[test]
fn tasmota_totals_are_one_number_a_list_or_an_object() {
    let sensor = |energy: &str, expected: &[&str]| {
        let text = format!(r#"{{"Time":"2026-06-01T12:00:00","ENERGY":{energy}}}"#);
        check("tasmota", "tele/plug/SENSOR", &text, expected)
    };
    let readings = sensor(
        r#"{"Total":1.2345,"Today":0.25,"Yesterday":9}"#,
        &["import_energy 1234 Wh", "period_import_energy 250 Wh"],
    );
    // A local time without an offset is no moment.
    assert_eq!((device(&readings), readings[0].time), ("plug", When::OnReceipt));
    sensor(r#"{"Total":[1.25,2.5]}"#, &["import_energy L1 1250 Wh", "import_energy L2 2500 Wh"]);
    sensor(
        r#"{"Total":{"Phase1":0.017,"Phase3":1}}"#,
        &["import_energy L1 17 Wh", "import_energy L3 1000 Wh"],
    );
    sensor(
        r#"{"TotalTariff":[0.5,3.25],"ExportTariff":[0,1]}"#,
        &[
            "import_energy t1 500 Wh",
            "import_energy t2 3250 Wh",
            "export_energy t1 0 Wh",
            "export_energy t2 1000 Wh",
        ],
    );
    sensor(
        r#"{"Power":[-5,6],"Voltage":230}"#,
        &[
            "import_power L1 0 mW",
            "export_power L1 5000 mW",
            "import_power L2 6000 mW",
            "export_power L2 0 mW",
            "voltage 230000 mV",
        ],
    );
    let text = r#"{"StatusSNS":{"Time":"2026-06-01T12:00:00+02:00","ENERGY":{"Total":3.185}}}"#;
    let readings = check("tasmota", "stat/plug/STATUS8", text, &["import_energy 3185 Wh"]);
    assert_eq!(time(&readings).as_deref(), Some("2026-06-01T10:00:00Z"));
    check("tasmota", "tele/plug/LWT", "Online", &[]);
    check("tasmota", "tele/plug/STATE", r#"{"Time":"2026-06-01T12:00:00","POWER":"ON"}"#, &[]);
    let wrong = br#"{"ENERGY":{"Total":[1,"x"]}}"#;
    refused("tasmota", "", wrong, "FIELD_TYPE", "ENERGY.Total.1");
    refused("tasmota", "", br#"{"ENERGY":{"Total":-1}}"#, "FIELD_NEGATIVE", "ENERGY.Total");
    refused("tasmota", "", br#"{"ENERGY":{"Power":NaN}}"#, "FIELD_NOT_FINITE", "ENERGY.Power");
    refused("tasmota", "", br#"{"ENERGY":{"Total":"nan"}}"#, "FIELD_NOT_FINITE", "ENERGY.Total");
    refused("tasmota", "", br#"{"ENERGY":5}"#, "FIELD_TYPE", "ENERGY");
}

#[test]
fn zigbee_devices_have_names_of_any_depth() {
    let text = r#"{"state":"ON","power":56.7,"current":0.25,"voltage":231,"energy":12.345,
        "linkquality":120,"last_seen":"2026-06-01T12:00:00+02:00"}"#;
    let readings = check(
        "zigbee2mqtt",
        "zigbee2mqtt/ground floor/washing machine",
        text,
        &[
            "import_power 56700 mW",
            "export_power 0 mW",
            "current 250 mA",
            "voltage 231000 mV",
            "import_energy 12345 Wh",
        ],
    );
    assert_eq!(device(&readings), "ground floor/washing machine");
    assert_eq!(time(&readings).as_deref(), Some("2026-06-01T10:00:00Z"));
    let phases = r#"{"power_phase_b":-2,"voltage_l3":230,"produced_energy":1.5}"#;
    check(
        "zigbee2mqtt",
        "zigbee2mqtt/meter",
        phases,
        &[
            "import_power L2 0 mW",
            "export_power L2 2000 mW",
            "voltage L3 230000 mV",
            "export_energy 1500 Wh",
        ],
    );
    // A sensor's battery, in millivolts, is no voltage of the grid.
    check("zigbee2mqtt", "zigbee2mqtt/door", r#"{"battery":90,"voltage":3005}"#, &[]);
    check("zigbee2mqtt", "zigbee2mqtt/plug/availability", r#"{"state":"online"}"#, &[]);
    check("zigbee2mqtt", "zigbee2mqtt/plug/availability", "online", &[]);
    check("zigbee2mqtt", "zigbee2mqtt/bridge/state", "online", &[]);
    refused("zigbee2mqtt", "zigbee2mqtt/plug", br#"{"energy":"1"}"#, "FIELD_TYPE", "energy");
    assert!(decode("zigbee2mqtt", "zigbee2mqtt/plug", b"online").is_err());
}

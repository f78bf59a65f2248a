//! What makes and stores energy: Victron, OpenDTU, Fronius, SunSpec.

use formats::{Point, When};

use crate::{check, device, refused, shorts, time};

#[test]
fn victron_says_by_service_which_way_energy_flows() {
    let value = |path: &str, text: &str, expected: &[&str]| {
        check("victron", &format!("N/c0619ab/{path}"), text, expected)
    };
    let readings = value(
        "grid/30/Ac/L1/Power",
        r#"{"value":-100.5}"#,
        &["import_power L1 0 mW", "export_power L1 100500 mW"],
    );
    assert_eq!((device(&readings), readings[0].point), ("c0619ab/grid/30", Point::Grid));
    assert_eq!(readings[0].source.path, "Ac/L1/Power");
    value("grid/30/Ac/Energy/Forward", r#"{"value":11.0019}"#, &["import_energy 11001 Wh"]);
    value("grid/30/Ac/L2/Energy/Reverse", r#"{"value":22}"#, &["export_energy L2 22000 Wh"]);
    let made =
        value("pvinverter/20/Ac/Energy/Forward", r#"{"value":5}"#, &["export_energy 5000 Wh"]);
    assert_eq!(made[0].point, Point::Generator);
    // Watts, whatever the list of paths says.
    value(
        "pvinverter/20/Ac/Power",
        r#"{"value": 936}"#,
        &["export_power 936000 mW", "import_power 0 mW"],
    );
    value(
        "battery/256/Dc/0/Power",
        r#"{"value":-50}"#,
        &["import_power 0 mW", "export_power 50000 mW"],
    );
    value("battery/256/Soc", r#"{"value":85}"#, &["state_of_charge 850 1/1000"]);
    value("battery/256/Dc/0/Voltage", r#"{"value":20.43000030517578}"#, &["dc_voltage 20430 mV"]);
    value("solarcharger/258/Yield/Power", r#"{"value":480}"#, &["export_power 480000 mW"]);
    value("solarcharger/258/Yield/System", r#"{"value":50.5}"#, &["export_energy 50500 Wh"]);
    value("solarcharger/258/Pv/1/V", r#"{"value":96}"#, &["dc_voltage 96000 mV"]);
    value(
        "vebus/257/Ac/ActiveIn/L1/P",
        r#"{"value":230}"#,
        &["import_power L1 230000 mW", "export_power L1 0 mW"],
    );
    value(
        "system/0/Ac/Consumption/L3/Power",
        r#"{"value":330}"#,
        &["import_power L3 330000 mW", "export_power L3 0 mW"],
    );
    value("system/0/Dc/Battery/Soc", r#"{"value":85}"#, &["state_of_charge 850 1/1000"]);
    value("evcharger/40/Session/Energy", r#"{"value":1.5}"#, &["period_import_energy 1500 Wh"]);
    value("grid/30/Ac/L2/Power", r#"{"value":null}"#, &[]);
    value("grid/30/Ac/L2/Power", "", &[]);
    value("grid/30/ProductId", r#"{"value":45069}"#, &[]);
    value("full_publish_completed", r#"{"value":1702459522}"#, &[]);
    refused("victron", "N/p/grid/30/Ac/Power", br#"{"value":"x"}"#, "FIELD_TYPE", "value");
    refused(
        "victron",
        "N/p/grid/30/Ac/Energy/Forward",
        br#"{"value":-1}"#,
        "FIELD_NEGATIVE",
        "value",
    );
    refused("victron", "W/p/grid/30/Ac/Power", b"{}", "TOPIC_UNKNOWN", "W/p/grid/30/Ac/Power");
}

#[test]
fn opendtu_counts_days_in_watt_hours_and_totals_in_kilowatt_hours() {
    let value =
        |topic: &str, text: &str, expected: &[&str]| check("opendtu", topic, text, expected);
    let readings =
        value("solar/116480012345/0/yieldtotal", "1234.5678", &["export_energy 1234567 Wh"]);
    assert_eq!((device(&readings), readings[0].channel.as_deref()), ("116480012345", Some("ac")));
    assert_eq!((readings[0].point, readings[0].time), (Point::Generator, When::OnReceipt));
    value("solar/116480012345/0/yieldday", "850", &["period_export_energy 850 Wh"]);
    value("solar/116480012345/0/power", "123.4", &["export_power 123400 mW", "import_power 0 mW"]);
    value("my/home/116480012345/2/voltage", "34.2", &["dc_voltage 34200 mV"]);
    value("solar/116480012345/1/yieldtotal", "0.001", &["export_energy 1 Wh"]);
    let all = value("solar/ac/yieldtotal", "2.5", &["export_energy 2500 Wh"]);
    assert_eq!(device(&all), "solar");
    value("solar/dtu/status", "online", &[]);
    value("solar/116480012345/name", "Roof", &[]);
    refused("opendtu", "solar/116480012345/0/power", b"nan", "FIELD_NOT_FINITE", "ac/power");
    refused("opendtu", "solar/116480012345/0/yieldtotal", b"-1", "FIELD_NEGATIVE", "ac/yieldtotal");
}

fn fronius(data: &str) -> String {
    format!(
        r#"{{"Head":{{"RequestArguments":{{"DeviceId":"1"}},"Status":{{"Code":0}},
            "Timestamp":"2026-06-01T12:00:00+02:00"}},"Body":{{"Data":{data}}}}}"#
    )
}

#[test]
fn fronius_inverters_have_one_value_or_one_each() {
    let one = r#"{"PAC":{"Unit":"W","Value":500},"TOTAL_ENERGY":{"Unit":"Wh","Value":26213502.9},
        "UAC_L2":{"Unit":"V","Value":231.87258911132812},"DeviceStatus":{"StatusCode":3},
        "YEAR_ENERGY":{"Unit":"Wh","Value":12400.1},"FAC":{"Unit":"Hz","Value":null}}"#;
    let readings = check(
        "fronius",
        "",
        &fronius(one),
        &[
            "export_power 500000 mW",
            "import_power 0 mW",
            "export_energy 26213502 Wh",
            "voltage L2 231873 mV",
        ],
    );
    assert_eq!((device(&readings), readings[0].point), ("inverter/1", Point::Generator));
    assert_eq!(time(&readings).as_deref(), Some("2026-06-01T10:00:00Z"));
    let all = r#"{"TOTAL_ENERGY":{"Unit":"kWh","Values":{"1":1.5,"2":2,"3":null}}}"#;
    let readings =
        check("fronius", "", &fronius(all), &["export_energy 1500 Wh", "export_energy 2000 Wh"]);
    assert_eq!(readings[1].device.as_deref(), Some("inverter/2"));
}

#[test]
fn fronius_meters_turn_their_sign_away_from_the_grid() {
    let meter = |location: u8| {
        fronius(&format!(
            r#"{{"Details":{{"Serial":"18412345"}},"TimeStamp":1547159593,
                "Meter_Location_Current":{location},"PowerReal_P_Sum":-367.722145,
                "EnergyReal_WAC_Sum_Consumed":1000.9,"EnergyReal_WAC_Plus_Absolute":1001,
                "Voltage_AC_Phase_1":230.5,"EnergyReal_WAC_Minus_Relative":17}}"#
        ))
    };
    let rest = ["import_energy 1000 Wh", "voltage L1 230500 mV"];
    let grid = check(
        "fronius",
        "",
        &meter(0),
        &["import_power 0 mW", "export_power 367722 mW", rest[0], rest[1]],
    );
    assert_eq!((device(&grid), grid[0].point), ("18412345", Point::Grid));
    assert_eq!(time(&grid).as_deref(), Some("2019-01-10T22:33:13Z"));
    let load = check(
        "fronius",
        "",
        &meter(1),
        &["export_power 0 mW", "import_power 367722 mW", rest[0], rest[1]],
    );
    assert_eq!(load[0].point, Point::Load);
}

#[test]
fn fronius_shows_the_flow_of_a_site_and_its_battery() {
    let site = r#"{"Site":{"P_Grid":367.5,"P_Load":-867.5,"P_Akku":500,"P_PV":null,
        "E_Total":26213502},
        "Inverters":{"1":{"DT":123,"P":null,"SOC":64.5}}}"#;
    let readings = check(
        "fronius",
        "",
        &fronius(site),
        &[
            "import_power 367500 mW",
            "export_power 0 mW",
            "export_power 0 mW",
            "import_power 867500 mW",
            "export_power 500000 mW",
            "import_power 0 mW",
            "export_energy 26213502 Wh",
            "state_of_charge 645 1/1000",
        ],
    );
    let points: Vec<Point> = readings.iter().map(|reading| reading.point).step_by(2).collect();
    assert_eq!(points[..3], [Point::Grid, Point::Load, Point::Battery]);
    let storage = r#"{"0":{"Controller":{"Details":{"Serial":"B-1"},
        "StateOfCharge_Relative":7.9000000000000004,"TimeStamp":1641404544,
        "Temperature_Cell":19.550000000000001,"Voltage_DC":0},"Modules":[]}}"#;
    let readings = check(
        "fronius",
        "",
        &fronius(storage),
        &["state_of_charge 79 1/1000", "dc_voltage 0 mV", "temperature 19550 m°C"],
    );
    assert_eq!((device(&readings), readings[0].point), ("B-1", Point::Battery));
}

#[test]
fn fronius_errors_are_said() {
    let error = br#"{"Head":{"Status":{"Code":255,"Reason":"Storages are not supported"}}}"#;
    refused("fronius", "", error, "DEVICE_ERROR", "Head.Status.Code");
    refused("fronius", "", b"{}", "FIELD_MISSING", "Head");
    let wrong = fronius(r#"{"PAC":{"Unit":"W","Value":"5"}}"#);
    refused("fronius", "", wrong.as_bytes(), "FIELD_TYPE", "Body.Data.PAC.Value");
    let unit = fronius(r#"{"PAC":{"Unit":"hp","Value":5}}"#);
    refused("fronius", "", unit.as_bytes(), "FIELD_UNIT", "Body.Data.PAC");
}

#[test]
fn sunspec_points_count_by_their_scale_factors() {
    let inverter = r#"{"name":"d","models":[{"ID":1,"SN":"sn-1"},{"ID":103,"W":-12,"W_SF":1,
        "WH":1234567,"WH_SF":-1,"A":65535,"A_SF":0,"PhVphA":2305,"V_SF":-1,"Hz":5001,"Hz_SF":-2,
        "PF":-985,"PF_SF":-1,"TmpCab":null,"Evt1":0}]}"#;
    let readings = check(
        "sunspec",
        "",
        inverter,
        &[
            "voltage L1 230500 mV",
            "export_power 0 mW",
            "import_power 120000 mW",
            "frequency 50010 mHz",
            "power_factor -985 1/1000",
            "export_energy 123456 Wh",
        ],
    );
    assert_eq!((device(&readings), readings[0].channel.as_deref()), ("sn-1", Some("103")));
    let meter = r#"[{"ID":203,"W":-5,"W_SF":2,"TotWhExp":5,"TotWhImp":6,"TotWh_SF":3}]"#;
    check(
        "sunspec",
        "",
        meter,
        &[
            "import_power 0 mW",
            "export_power 500000 mW",
            "export_energy 5000 Wh",
            "import_energy 6000 Wh",
        ],
    );
    let strings = r#"{"ID":160,"DCA_SF":-2,"DCV_SF":-1,"DCW_SF":0,"DCWH_SF":0,"N":2,"module":[
        {"ID":1,"DCA":123,"DCV":4005,"DCW":49,"DCWH":9},{"ID":2,"DCA":65535}]}"#;
    let readings = check(
        "sunspec",
        "",
        strings,
        &[
            "dc_current 1230 mA",
            "dc_voltage 400500 mV",
            "export_power 49000 mW",
            "export_energy 9 Wh",
        ],
    );
    assert_eq!(readings[0].channel.as_deref(), Some("160/1"));
    let floats = r#"{"ID":113,"W":12.5,"WH":1234.9,"PhVphA":230.5}"#;
    check(
        "sunspec",
        "",
        floats,
        &[
            "voltage L1 230500 mV",
            "export_power 12500 mW",
            "import_power 0 mW",
            "export_energy 1234 Wh",
        ],
    );
    let battery = r#"{"ID":802,"SoC":855,"SoC_SF":-1,"SoH":65535,"SoH_SF":0,"V":null}"#;
    let readings = check("sunspec", "", battery, &["state_of_charge 855 1/1000"]);
    assert_eq!(shorts(&readings).len(), 1);
}

#[test]
fn sunspec_names_what_is_wrong() {
    let model = |points: &str| format!(r#"{{"models":[{{"ID":103,{points}}}]}}"#).into_bytes();
    for (points, code, path) in [
        (r#""W":5"#, "FIELD_MISSING", "models.0.W_SF"),
        (r#""W":5,"W_SF":11"#, "FIELD_RANGE", "models.0.W_SF"),
        (r#""W":40000,"W_SF":0"#, "FIELD_RANGE", "models.0.W"),
        (r#""W":1.5,"W_SF":0"#, "FIELD_TYPE", "models.0.W"),
        (r#""W":"5","W_SF":0"#, "FIELD_TYPE", "models.0.W"),
        (r#""WH":-2,"WH_SF":0"#, "FIELD_RANGE", "models.0.WH"),
        (r#""Hz":60000,"Hz_SF":0"#, "FIELD_RANGE", "models.0.Hz"),
    ] {
        refused("sunspec", "", &model(points), code, path);
    }
    refused("sunspec", "", b"{}", "FIELD_MISSING", "ID");
}

//! Files of devices to begin with: the number of the format, the number of the topic, the file.

use ::formats::FORMATS;

/// Format, number of a topic of the target, and a file.
const FILES: [(&str, u8, &str); 20] = [
    (
        "ocmf",
        15,
        concat!(
            r#"OCMF|{"PG":"T1","MS":"M","RD":[{"TM":"2026-06-01T12:00:00,000+0200 S","RV":2935.6,"#,
            r#""RI":"01-0B:01.08.00*FF","RU":"kWh","ST":"G"}]}|{"SD":"30060201010201ff"}"#,
        ),
    ),
    (
        "sparkplug",
        0,
        concat!(
            r#"{"timestamp":1700000000000,"metrics":[{"name":"1-0:1.8.0","alias":1,"value":12.5,"#,
            r#""properties":{"engUnit":{"value":"kWh"}}}],"seq":0}"#,
        ),
    ),
    ("shelly1", 2, "2632"),
    ("shelly1", 15, r#"{"unixtime":1707332241,"emeters":[{"power":-3.2,"total":10.9}]}"#),
    (
        "shelly2",
        15,
        r#"{"src":"d","params":{"ts":1.5,"em:0":{"a_act_power":-1.5,"n_current":null}}}"#,
    ),
    ("victron", 7, r#"{"value":-12.5}"#),
    ("opendtu", 9, "1234.567"),
    ("evcc", 10, "11040.5"),
    ("zigbee2mqtt", 6, r#"{"energy":12.34,"power_phase_b":-2,"last_seen":1700000000000}"#),
    (
        "tasmota",
        5,
        r#"{"Time":"2026-06-01T12:00:00","ENERGY":{"Total":[1.25,2],"TotalTariff":[1]}}"#,
    ),
    ("wmbusmeters", 15, r#"{"media":"electricity","id":"1","total_energy_consumption_kwh":5.5}"#),
    (
        "vzlogger",
        15,
        concat!(
            r#"{"meters":[{"protocol":"d0","channels":[{"uuid":"u","identifier":"counter"}]}]}"#,
            r#"{"data":[{"uuid":"u","tuples":[[1700000000000,5.9]]}]}"#,
        ),
    ),
    ("dsmr", 15, "/A\\1\r\n\r\n0-0:1.0.0(260601121500S)\r\n1-0:1.8.1(000001.001*kWh)\r\n!\r\n"),
    ("ams", 15, r#"{"t":1700000000,"data":{"meterId":"x","P":1200,"U1":230.5,"tPI":12345.67}}"#),
    (
        "fronius",
        15,
        concat!(
            r#"{"Head":{"Status":{"Code":0},"Timestamp":"2026-06-01T12:00:00+02:00"},"Body":{"#,
            r#""Data":{"Site":{"P_Grid":36.5,"E_Total":262.9},"Inverters":{"1":{"P":5}}}}}"#,
        ),
    ),
    (
        "sunspec",
        15,
        r#"{"models":[{"ID":1,"SN":"x"},{"ID":103,"W":-5,"W_SF":1,"WH":5,"WH_SF":0}]}"#,
    ),
    (
        "ocpp",
        15,
        concat!(
            r#"[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"#,
            r#""2026-06-01T10:00:00Z","sampledValue":[{"value":"5","unit":"kWh"}]}]}]"#,
        ),
    ),
    ("han", 15, "7ea0278109"),
    ("sml", 15, "1b1b1b1b0101010176"),
    ("mr1", 15, r#"{"meter":"00000000-0000-0000-0000-000001020304","page":7}"#),
];

/// Each file with the two bytes that choose its format and topic.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let number = |name: &str| FORMATS.iter().position(|format| format.name == name);
    let one = |(place, (name, topic, file)): (usize, &(&str, u8, &str))| {
        let format = u8::try_from(number(name).expect("it is a format")).expect("there are few");
        (format!("{place:02}-{name}"), [&[format, *topic], file.as_bytes()].concat())
    };
    FILES.iter().enumerate().map(one).collect()
}

//! One payload or more of each format, to change and to try on every other.

use ids::{MeterId, Uuid};
use keys::SecretKey;
use reading::{Reading, SignedReading, Status, encode_together, sign_together};
use units::Register;

use crate::build;

/// Format, topic, payload.
pub type Sample = (&'static str, &'static str, Vec<u8>);

/// A reading of our own, signed.
pub fn signed() -> SignedReading {
    let reading = Reading {
        meter: MeterId::from_uuid(Uuid::from_u128(0x0102_0304)),
        page: 7,
        time: "2026-06-01T00:15:00Z".parse().unwrap(),
        import: Register::from_wh(1_000_001),
        export: Register::from_wh(42),
        status: Status::from_bits(2),
        firmware: 0x0001_0203,
    };
    reading.sign(&key())
}

/// It and the next page under one signature.
pub fn signed_together() -> Vec<u8> {
    let first = signed().reading;
    let next = Reading {
        page: 8,
        time: first.time.plus_seconds(900),
        export: Register::from_wh(43),
        ..first
    };
    encode_together(&sign_together(&[first, next], &key()))
}

/// The key that signed it.
pub fn key() -> SecretKey {
    SecretKey::from_bytes(&[7; 32]).unwrap()
}

/// The registers of a Dutch home.
pub fn telegram() -> String {
    build::telegram(&[
        "1-3:0.2.8(50)",
        "0-0:1.0.0(260601121500S)",
        "0-0:96.1.1(4B414D53303031)",
        "1-0:1.8.1(001234.567*kWh)",
        "1-0:1.8.2(000765.433*kWh)",
        "1-0:2.8.1(000001.001*kWh)",
        "1-0:2.8.2(000002.002*kWh)",
        "1-0:1.7.0(00.244*kW)",
        "1-0:2.7.0(00.000*kW)",
        "1-0:32.7.0(230.1*V)",
        "1-0:31.7.0(001.06*A)",
        "0-1:24.1.0(003)",
        "0-1:96.1.0(4730303132)",
        "0-1:24.2.1(260601121000S)(00107.107*m3)",
    ])
}

/// A list of a meter that says scale and unit.
pub fn aidon() -> Vec<u8> {
    let scale = |scaler: u8, unit| build::structure(&[vec![0x0f, scaler], vec![0x16, unit]]);
    let rows = [
        build::structure(&[
            build::octets(9, &[1, 1, 0, 2, 129, 255]),
            build::octets(10, b"AIDON_V0001"),
        ]),
        build::structure(&[
            build::octets(9, &[0, 0, 96, 1, 0, 255]),
            build::octets(10, b"7359992895000001"),
        ]),
        build::structure(&[
            build::octets(9, &[1, 0, 1, 7, 0, 255]),
            build::long(763),
            scale(0, 27),
        ]),
        build::structure(&[
            build::octets(9, &[1, 0, 32, 7, 0, 255]),
            vec![0x12, 0x09, 0x18],
            scale(0xff, 35),
        ]),
        build::structure(&[
            build::octets(9, &[1, 0, 1, 8, 0, 255]),
            build::long(10_956_207),
            scale(1, 30),
        ]),
    ];
    let list = [&[0x01, 5][..], &rows.concat()].concat();
    build::frame(&build::cosem_time([0x07, 0xea, 6, 1], [12, 15, 0], -120), &list)
}

/// A meter with both registers and one power.
pub fn sml() -> Vec<u8> {
    let number = |value: u64| [&[0x69][..], &value.to_be_bytes()].concat();
    let power = [&[0x55][..], &(-1234_i32).to_be_bytes()].concat();
    build::sml(
        &[0x0a, 1, 0x49, 0x53, 0x4b, 0, 0, 0, 0, 7],
        &[
            build::sml_row([1, 0, 1, 8, 0, 255], 30, -1, number(123_456_789)),
            build::sml_row([1, 0, 2, 8, 0, 255], 30, -1, number(5)),
            build::sml_row([1, 0, 16, 7, 0, 255], 27, 0, power),
        ],
    )
}

/// The birth of a meter behind an edge node.
pub fn birth() -> Vec<u8> {
    [
        build::varint(1, 1_700_000_000_000),
        build::metric("Energy/Import", 1, 8, "kWh", build::varint(11, 1234)),
        build::metric("Power", 2, 3, "W", build::varint(10, u64::from((-250_i32).cast_unsigned()))),
        build::metric("Voltage L1", 3, 9, "", build::single(12, 230.1_f32.to_bits())),
        build::metric("Node Control/Rebirth", 4, 11, "", build::varint(14, 0)),
        build::varint(3, 0),
    ]
    .concat()
}

/// A record of a charging session.
pub const OCMF: &str = concat!(
    r#"OCMF|{"FV":"1.4","GS":"G-1","PG":"T12","MS":"M-1","RD":["#,
    r#"{"TM":"2026-06-01T12:00:00,000+0200 S","TX":"B","RV":2935.600,"RI":"01-0B:01.08.00*FF","#,
    r#""RU":"kWh","ST":"G"},{"TM":"2026-06-01T12:30:00,000+0200 S","TX":"E","RV":2965.1009}]}"#,
    r#"|{"SA":"ECDSA-secp256r1-SHA256","SD":"30060201010201ff"}"#,
);

/// All of them.
pub fn all() -> Vec<Sample> {
    [makers(), meters()].concat()
}

fn text(format: &'static str, topic: &'static str, payload: &str) -> Sample {
    (format, topic, payload.as_bytes().to_vec())
}

/// What makers of devices send.
fn makers() -> Vec<Sample> {
    let json = serde_json::to_string(&signed()).unwrap();
    vec![
        ("mr1", "", signed().encode()),
        ("mr1", "", signed_together()),
        text("mr1", "", &json),
        text("ocmf", "", OCMF),
        ("sparkplug", "spBv1.0/home/DBIRTH/edge/meter", birth()),
        text(
            "sparkplug",
            "spBv1.0/home/NBIRTH/edge",
            r#"{"timestamp":1700000000000,"metrics":[
            {"name":"1-0:1.8.0","timestamp":1700000001000,"dataType":"Double","value":12.5,
             "properties":{"engUnit":{"type":"String","value":"kWh"}}}],"seq":0}"#,
        ),
        text("shelly1", "shellies/plug/relay/0/energy", "2632"),
        text(
            "shelly1",
            "",
            r#"{"meters":[{"is_valid":true,"power":1.5,"total":2632}],
            "emeters":[{"power":-3.2,"pf":-0.5,"voltage":230.1,"total":10.9,"total_returned":2.0}],
            "mac":"AABBCC","unixtime":1707332241}"#,
        ),
        text(
            "shelly2",
            "id/events/rpc",
            r#"{"src":"id","method":"NotifyStatus","params":
            {"ts":1707326936.25,"em:0":{"a_act_power":-1.5,"total_act_power":-1.5,"a_pf":0.9},
             "emdata:0":{"total_act":12.9},"switch:0":{"aenergy":{"total":7.5}}}}"#,
        ),
        text(
            "tasmota",
            "tele/plug/SENSOR",
            r#"{"Time":"2026-06-01T12:00:00+02:00","ENERGY":
            {"Total":[1.25,2.5],"TotalTariff":[0.5,3.25],"Power":170,"Factor":0.99}}"#,
        ),
        text(
            "zigbee2mqtt",
            "zigbee2mqtt/plug",
            r#"{"energy":12.34,"power":56.7,"voltage":231,
            "current":0.25,"power_phase_b":-2,"last_seen":1700000000000}"#,
        ),
        text("victron", "N/c0/grid/30/Ac/L1/Power", r#"{"value":-12.5}"#),
        text("opendtu", "solar/116480000001/0/yieldtotal", "1234.567"),
        text("evcc", "evcc/loadpoints/1/chargePower", "11040.5"),
        text(
            "fronius",
            "",
            r#"{"Head":{"Timestamp":"2026-06-01T12:00:00+02:00","Status":{"Code":0}},
            "Body":{"Data":{"0":{"Details":{"Serial":"S1"},"TimeStamp":1547159592,
            "PowerReal_P_Sum":-36.7,"Meter_Location_Current":0,
            "EnergyReal_WAC_Sum_Consumed":17.9}}}}"#,
        ),
        text(
            "fronius",
            "",
            r#"{"Head":{"Timestamp":"2026-06-01T12:00:00+02:00"},"Body":{"Data":{
            "Site":{"P_Grid":36.5,"P_Load":-36.5,"P_PV":null,"E_Total":262.9},
            "Inverters":{"1":{"P":5,"SOC":50}}}}}"#,
        ),
        text(
            "sunspec",
            "",
            r#"{"models":[{"ID":1,"SN":"x"},{"ID":103,"W":-5,"W_SF":1,"WH":12345,
            "WH_SF":0,"A":65535},{"ID":160,"DCA_SF":-2,"DCV_SF":0,"DCW_SF":0,"DCWH_SF":0,
            "module":[{"ID":1,"DCA":123,"DCWH":9}]}]}"#,
        ),
    ]
}

/// What meters of the grid and of charging stations send.
fn meters() -> Vec<Sample> {
    vec![
        text("dsmr", "", &telegram()),
        text(
            "ams",
            "amsleser/list3",
            r#"{"id":"m","t":1700000000,"data":{"meterId":"x","P":1200,
            "I1":5.2,"U1":230.5,"tPI":12345.67,"tPO":0.01,"rtc":1700000000}}"#,
        ),
        ("han", "", aidon()),
        text("vzlogger", "", r#"{"data":[{"uuid":"a","tuples":[[1700000000000,12.5]]}]}"#),
        ("sml", "", sml()),
        text(
            "wmbusmeters",
            "wmbusmeters/home",
            r#"{"media":"electricity","id":"10101010",
            "total_energy_consumption_kwh":15694.05,"current_power_consumption_kw":0.33,
            "timestamp":"2026-06-01T10:00:00Z"}"#,
        ),
        text(
            "ocpp",
            "",
            r#"[2,"19","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":
            "2026-06-01T10:00:00Z","sampledValue":[{"value":"12345"},{"value":"7.2","measurand":
            "Power.Active.Import","unit":"kW","phase":"L1"}]}]}]"#,
        ),
        text(
            "ocpp",
            "",
            r#"{"evseId":1,"meterValue":[{"timestamp":"2026-06-01T10:00:00Z",
            "sampledValue":[{"value":12.345,"unitOfMeasure":{"unit":"kWh","multiplier":0}}]}]}"#,
        ),
    ]
}

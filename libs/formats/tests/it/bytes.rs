//! Sparkplug B: births, data by alias, and both renderings.

use formats::{Format, Stream};

use crate::{build, check, decode, device, samples, shorts, time};

fn data(alias: u64, value: Vec<u8>) -> Vec<u8> {
    [build::varint(1, 1_700_000_100_000), build::metric("", alias, 0, "", value)].concat()
}

#[test]
fn a_birth_names_what_data_gives_by_alias() {
    let mut stream = Stream::new(Format::named("sparkplug").unwrap(), None);
    let mut tell = |topic: &str, bytes: &[u8]| stream.decode(Some(topic), bytes);
    let refusal =
        tell("spBv1.0/home/DDATA/edge/meter", &data(1, build::varint(11, 5))).unwrap_err();
    assert_eq!((refusal.reason.code(), refusal.place.path.as_str()), ("FIELD_UNNAMED", "alias 1"));
    let readings = tell("spBv1.0/home/DBIRTH/edge/meter", &samples::birth()).unwrap();
    assert_eq!(
        shorts(&readings),
        [
            "import_energy 1234000 Wh",
            "import_power 0 mW",
            "export_power 250000 mW",
            "voltage L1 230100 mV",
        ]
    );
    assert_eq!(device(&readings), "home/edge/meter");
    assert_eq!(time(&readings).as_deref(), Some("2023-11-14T22:13:21Z"));
    // The alias brings its unit and the sign of its type.
    let readings =
        tell("spBv1.0/home/DDATA/edge/meter", &data(1, build::varint(11, 1235))).unwrap();
    assert_eq!(shorts(&readings), ["import_energy 1235000 Wh"]);
    let minus = u64::from((-7_i32).cast_unsigned());
    let readings =
        tell("spBv1.0/home/DDATA/edge/meter", &data(2, build::varint(10, minus))).unwrap();
    assert_eq!(shorts(&readings), ["import_power 0 mW", "export_power 7000 mW"]);
    assert_eq!(tell("spBv1.0/home/DDATA/edge/meter", &data(4, build::varint(14, 1))).unwrap(), []);
    // Another node has aliases of its own, and a new birth ends the old ones.
    assert!(tell("spBv1.0/home/DDATA/other/meter", &data(1, build::varint(11, 5))).is_err());
    assert_eq!(tell("spBv1.0/home/NBIRTH/edge", &build::varint(3, 0)).unwrap(), []);
    assert!(tell("spBv1.0/home/DDATA/edge/meter", &data(1, build::varint(11, 5))).is_err());
    assert_eq!(tell("spBv1.0/home/NDEATH/edge", &build::varint(3, 0)).unwrap(), []);
    assert_eq!(tell("spBv1.0/STATE/scada", br#"{"online":false}"#).unwrap(), []);
}

#[test]
fn floats_become_the_decimals_that_mean_them() {
    let one = |value: Vec<u8>| {
        let bytes = build::metric("Energy/Import", 1, 10, "kWh", value);
        decode("sparkplug", "spBv1.0/g/NBIRTH/e", &bytes)
    };
    let read = |value: f64| shorts(&one(build::double(13, value.to_bits())).unwrap());
    assert_eq!(read(1234.567), ["import_energy 1234567 Wh"]);
    assert_eq!(read(0.1 + 0.2), ["import_energy 300 Wh"]);
    for (value, code) in [
        (f64::NAN, "FIELD_NOT_FINITE"),
        (f64::NEG_INFINITY, "FIELD_NOT_FINITE"),
        (-1.0, "FIELD_NEGATIVE"),
        (1e300, "FIELD_RANGE"),
    ] {
        let refusal = one(build::double(13, value.to_bits())).unwrap_err();
        assert_eq!((refusal.reason.code(), refusal.place.path.as_str()), (code, "Energy/Import"));
    }
}

#[test]
fn json_renders_the_same_metrics() {
    let text = r#"{"timestamp":1486144502122,"metrics":[
        {"name":"Meter/Energy Import","timestamp":1486144503000,"dataType":"Double","value":12.5,
         "properties":{"engUnit":{"type":"String","value":"kWh"}}},
        {"name":"Supply Voltage","dataType":"Float","value":12.1},
        {"name":"Inputs/A","dataType":"Boolean","value":false}],"seq":0}"#;
    let readings = check(
        "sparkplug",
        "spBv1.0/g/DBIRTH/e/d",
        text,
        &["import_energy 12500 Wh", "voltage 12100 mV"],
    );
    assert_eq!(time(&readings).as_deref(), Some("2017-02-03T17:55:03Z"));
    assert_eq!(decode("sparkplug", "", text.as_bytes()).unwrap().len(), 2);
}

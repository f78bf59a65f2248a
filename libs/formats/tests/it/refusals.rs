//! Limits, and that each has its code.

use formats::{DEPTH_MAX, PAYLOAD_BYTES_MAX, READINGS_MAX};

use crate::decode;

#[test]
fn payloads_have_limits() {
    let size = |bytes: &[u8]| {
        let refusal = decode("tasmota", "", bytes).unwrap_err();
        assert_eq!(refusal.reason.code(), "PAYLOAD_SIZE");
        refusal.reason.to_string()
    };
    let large = vec![b' '; PAYLOAD_BYTES_MAX + 1];
    assert_eq!(size(&large), "1048577 bytes of payload are more than 1048576");
    let deep = [vec![b'['; DEPTH_MAX + 1], vec![b']'; DEPTH_MAX + 1]].concat();
    assert_eq!(size(&deep), "33 levels of nesting are more than 32");
    let many = vec!["1"; READINGS_MAX + 1].join(",");
    let many = format!(r#"{{"ENERGY":{{"Voltage":[{many}]}}}}"#);
    assert_eq!(size(many.as_bytes()), "10001 readings are more than 10000");
}

#[test]
fn a_field_that_is_not_known_may_be_anything() {
    let text = br#"{"Time":"2026-06-01T12:00:00Z","x":[{"y":"NaN"}],"ENERGY":{"Total":1,"z":-5}}"#;
    assert_eq!(decode("tasmota", "", text).unwrap().len(), 1);
}

#[test]
fn a_name_that_stands_twice_has_its_last_value() {
    let text = br#"{"ENERGY":{"Total":1,"Total":2}}"#;
    assert_eq!(decode("tasmota", "", text).unwrap()[0].value.integer(), 2000);
}

//! Payloads of meters and devices, of every format: whatever comes in, what is read of it stays
//! within its limits, and a refusal says why.
//!
//! The first byte chooses the format, the second the topic; the rest is a file, whose messages are
//! decoded one after the other.
#![no_main]

use formats::{FORMATS, Quantity, READINGS_MAX, Stream, Value, messages};
use libfuzzer_sys::fuzz_target;

const TOPICS: [&str; 15] = [
    "spBv1.0/g/NBIRTH/e",
    "spBv1.0/g/DDATA/e/d",
    "shellies/d/relay/0/energy",
    "shellies/d/emeter/1/total",
    "d/status/switch:0",
    "tele/d/SENSOR",
    "zigbee2mqtt/d",
    "N/p/grid/30/Ac/L1/Power",
    "N/p/battery/1/Soc",
    "solar/116480012345/0/yieldtotal",
    "evcc/loadpoints/1/chargePower",
    "evcc/site/grid/power",
    "vzlogger/c/id",
    "vzlogger/c/raw",
    "a/b/c/d/e/f",
];

fuzz_target!(|data: &[u8]| {
    let [format, topic, file @ ..] = data else { return };
    let format = &FORMATS[usize::from(*format) % FORMATS.len()];
    let topic = TOPICS.get(usize::from(*topic) % (TOPICS.len() + 1)).copied();
    let mut stream = Stream::new(format, None);
    for message in messages(format.framing, file) {
        let Ok(message) = message else { continue };
        match stream.decode(message.topic.as_deref().or(topic), &message.bytes) {
            Err(refusal) => {
                let refusal = message.in_file(refusal, file);
                assert!(!refusal.to_string().is_empty());
            }
            Ok(readings) => {
                assert!(readings.len() <= READINGS_MAX);
                readings.iter().for_each(check);
            }
        }
    }
});

fn check(reading: &formats::Reading) {
    use Quantity::{Current, DcCurrent, DcVoltage, PowerFactor, Temperature};
    let integer = reading.value.integer();
    assert!(integer.unsigned_abs() <= 1 << 53, "{reading:?}");
    let has_sign =
        matches!(reading.quantity, Current | DcCurrent | DcVoltage | PowerFactor | Temperature);
    assert!(integer >= 0 || has_sign, "{reading:?}");
    let is_register = matches!(reading.quantity, Quantity::ImportEnergy | Quantity::ExportEnergy);
    assert_eq!(is_register, matches!(reading.value, Value::Register(_)));
    serde_json::to_string(reading).expect("a reading is JSON");
}

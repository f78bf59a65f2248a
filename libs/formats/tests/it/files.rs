//! Many payloads in one file.

use formats::{Format, messages};

use crate::{decode, samples};

/// The messages of a file: topic, payload as text, and where; refusals by their code.
fn found(format: &str, bytes: &[u8]) -> Vec<(String, String, usize)> {
    let framing = Format::named(format).unwrap().framing;
    let one = |message: Result<formats::Message, formats::Refusal>| match message {
        Ok(message) => (
            message.topic.as_deref().unwrap_or_default().to_owned(),
            String::from_utf8_lossy(&message.bytes).into_owned(),
            message.byte,
        ),
        Err(refusal) => (
            "refused".to_owned(),
            refusal.reason.code().to_owned(),
            refusal.place.byte.unwrap_or(0),
        ),
    };
    messages(framing, bytes).into_iter().map(one).collect()
}

fn row(topic: &str, payload: &str, byte: usize) -> (String, String, usize) {
    (topic.to_owned(), payload.to_owned(), byte)
}

#[test]
fn documents_follow_each_other_on_lines_or_not() {
    assert_eq!(
        found("tasmota", b"{\"a\":1}\n{\"b\":\n 2} [3]\n"),
        [row("", "{\"a\":1}", 0), row("", "{\"b\":\n 2}", 8), row("", "[3]", 18),]
    );
    assert_eq!(
        found("tasmota", b"{\"a\":1}\n{\"b\":,}\n{\"c\":3}\n"),
        [row("", "{\"a\":1}", 0), row("refused", "PAYLOAD_SYNTAX", 13), row("", "{\"c\":3}", 16),]
    );
    assert_eq!(found("tasmota", b" \n"), []);
}

#[test]
fn documents_may_hold_a_message_with_its_topic() {
    let file = br#"{"topic":"tele/p/SENSOR","payload":{"ENERGY":{"Total":1}},"origin":"x"}
{"topic":"tele/p/LWT","payload":"Online"}
{"topic":"t","payload_hex":"4869"}{"topic":"t","payload_base64":"SGk="}{"topic":"t","fields":{}}"#;
    assert_eq!(
        found("tasmota", file),
        [
            row("tele/p/SENSOR", r#"{"ENERGY":{"Total":1}}"#, 35),
            row("tele/p/LWT", "Online", 104),
            row("t", "Hi", 114),
            row("t", "Hi", 148),
            row("", r#"{"topic":"t","fields":{}}"#, 185),
        ]
    );
}

#[test]
fn recordings_of_a_broker_are_lines_of_a_topic_and_a_payload() {
    let file = b"N/c/grid/30/Ac/Power {\"value\": 3}\r\nN/c/grid/30/Ac/L1/Power \n\nnonsense\n";
    assert_eq!(
        found("victron", file),
        [
            row("N/c/grid/30/Ac/Power", "{\"value\": 3}", 21),
            row("N/c/grid/30/Ac/L1/Power", "", 59),
            row("refused", "PAYLOAD_SYNTAX", 61),
        ]
    );
    assert_eq!(found("opendtu", b"12.5\n"), [row("", "12.5\n", 0)]);
    assert_eq!(
        found("zigbee2mqtt", b"zigbee2mqtt/washing machine {\"energy\":1}\n"),
        [row("zigbee2mqtt/washing machine", "{\"energy\":1}", 28),]
    );
}

#[test]
fn telegrams_of_a_serial_port_may_begin_in_the_middle() {
    let telegram = samples::telegram();
    let file = format!("1-0:1.8.0(1*kWh)\r\n!ABCD\r\n{telegram}{telegram}/ABC5\r\n\r\n1-0:1");
    let messages = found("dsmr", file.as_bytes());
    let lengths: Vec<_> = messages.iter().map(|(_, text, byte)| (text.len(), *byte)).collect();
    let one = telegram.len();
    assert_eq!(lengths, [(25, 0), (one, 25), (one, 25 + one), (14, 25 + 2 * one)]);
    let good = messages.iter().filter(|(_, text, _)| decode("dsmr", "", text.as_bytes()).is_ok());
    assert_eq!(good.count(), 2);
}

#[test]
fn frames_are_found_in_bytes_and_in_hex() {
    for (format, frame) in [("han", samples::aidon()), ("sml", samples::sml())] {
        let file = [&[1, 2, 3][..], &frame, &[0x7e, 0x1b, 0], &frame].concat();
        let framing = Format::named(format).unwrap().framing;
        let digits: String = file.iter().map(|byte| format!("{byte:02X} \n")).collect();
        for bytes in [file, digits.into_bytes()] {
            let messages: Vec<_> = messages(framing, &bytes).into_iter().flatten().collect();
            assert!(
                messages.len() == 2 && messages.iter().all(|one| *one.bytes == frame),
                "{format}"
            );
        }
    }
}

#[test]
fn our_own_readings_lie_behind_each_other() {
    let one = samples::signed().encode();
    let file = [one.clone(), samples::signed_together(), one].concat();
    let framing = Format::named("mr1").unwrap().framing;
    let messages: Vec<_> = messages(framing, &file).into_iter().flatten().collect();
    assert_eq!(messages.len(), 3);
    assert!(messages.iter().all(|message| decode("mr1", "", &message.bytes).is_ok()));
}

#[test]
fn charging_records_are_told_apart_by_their_first_letters() {
    let file = format!("{}\n{}\n", samples::OCMF, samples::OCMF);
    let records = found("ocmf", file.as_bytes());
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|(_, text, _)| text == samples::OCMF));
}

#[test]
fn a_refusal_is_placed_in_its_file() {
    let file = b"{\"ENERGY\":{\"Total\":1}}\n{\"ENERGY\":\n  {\"Total\":\"x\"}}\n";
    let framing = Format::named("tasmota").unwrap().framing;
    let second = messages(framing, file).remove(1).unwrap();
    let refusal = decode("tasmota", "", &second.bytes).unwrap_err();
    assert_eq!(refusal.place.line, Some((2, 12)));
    let placed = second.in_file(refusal, file);
    assert_eq!(placed.place.line, Some((3, 12)));
    assert_eq!(placed.to_string(), "this is not a number (line 3, column 12, ENERGY.Total)");
}

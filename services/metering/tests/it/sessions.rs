//! What outlives a line: sessions, what is retained, wills; and a message exactly once.

use metering::Limits;

use crate::home::{BRIDGE_TOKEN, Device, Home, at};
use crate::protocol::{ACCEPTED, Raw, listen, packet, publish, subscribe, text};

/// A CONNACK of a session that goes on.
const PRESENT: [u8; 4] = [0x20, 2, 1, 0];
const FAREWELL: [u8; 2] = [0xe0, 0];

/// A CONNECT of MQTT 3.1.1 whose session is kept, with a will where there is one, which is to be
/// retained and has QoS 1.
fn connect(name: &str, token: &str, will: Option<(&str, &str)>) -> Vec<u8> {
    let mut body = text(b"MQTT");
    body.extend([4, if will.is_some() { 0b1110_1100 } else { 0b1100_0000 }, 0, 60]);
    body.extend(text(b"raw"));
    if let Some((topic, message)) = will {
        body.extend([text(topic.as_bytes()), text(message.as_bytes())].concat());
    }
    body.extend([text(name.as_bytes()), text(token.as_bytes())].concat());
    packet(0x10, &body)
}

fn of_meter(device: &Device, will: Option<(&str, &str)>) -> Vec<u8> {
    connect(&device.meter.to_string(), &device.token(), will)
}

fn of_bridge() -> Vec<u8> {
    connect("gateway", BRIDGE_TOKEN, None)
}

/// A PUBLISH with these flags to a client of MQTT 3.1.1.
fn message(flags: u8, topic: &str, packet_id: Option<u8>, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic.as_bytes());
    body.extend(packet_id.map(|id| [0, id]).into_iter().flatten());
    body.extend(payload);
    packet(0x30 | flags, &body)
}

async fn enter(line: &mut Raw, connect: &[u8], answer: &[u8]) {
    line.say(connect).await;
    line.hear(answer).await;
}

#[actix_web::test]
async fn a_reading_of_quality_of_service_two_is_stored_and_passed_on_once() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let (_metering, listening) = listen(&home, Limits::default()).await;
    let mut ear = Raw::open(&listening).await;
    enter(&mut ear, &of_bridge(), &ACCEPTED).await;
    ear.say(&subscribe(&one.topic(), 2)).await;
    ear.hear(&[0x90, 3, 0, 1, 2]).await;

    let mut line = Raw::open(&listening).await;
    enter(&mut line, &of_meter(&one, None), &ACCEPTED).await;
    line.say(&publish(&one, 0b0100, 1)).await;
    line.hear(&[0x50, 2, 0, 9]).await;
    assert_eq!(home.stored_pages(&one).await, [1], "stored before the PUBREC");
    // Again on this line, and on the next: what is not released is known.
    line.say(&publish(&one, 0b1100, 1)).await;
    line.hear(&[0x50, 2, 0, 9]).await;
    drop(line);
    let mut line = Raw::open(&listening).await;
    enter(&mut line, &of_meter(&one, None), &PRESENT).await;
    line.say(&publish(&one, 0b1100, 1)).await;
    line.hear(&[0x50, 2, 0, 9]).await;
    // Whoever lost its state says something new under the same id: not stored is not acknowledged.
    line.say(&publish(&one, 0b0100, 3)).await;
    line.hear(&[0x50, 2, 0, 9]).await;
    assert_eq!(home.stored_pages(&one).await, [1, 3]);
    line.say(&[0x62, 2, 0, 9]).await;
    line.hear(&[0x70, 2, 0, 9]).await;
    // Released: the same id is another message.
    line.say(&publish(&one, 0b0100, 2)).await;
    line.hear(&[0x50, 2, 0, 9]).await;
    assert_eq!(home.stored_pages(&one).await, [1, 2, 3]);

    let reading = |page: u32| one.read(page, page.into(), 0, 0).encode();
    ear.hear(&message(0b0100, &one.topic(), Some(1), &reading(1))).await;
    ear.hear(&message(0b0100, &one.topic(), Some(2), &reading(2))).await;
    ear.say(&[0x50, 2, 0, 1]).await;
    ear.hear(&[0x62, 2, 0, 1]).await;
    // The line ends: what was received is released again, the other is sent again.
    drop(ear);
    let mut ear = Raw::open(&listening).await;
    enter(&mut ear, &of_bridge(), &PRESENT).await;
    ear.hear(&[0x62, 2, 0, 1]).await;
    ear.hear(&message(0b1100, &one.topic(), Some(2), &reading(2))).await;
    ear.say(&[0x70, 2, 0, 1, 0x50, 2, 0, 2]).await;
    ear.hear(&[0x62, 2, 0, 2]).await;
    listening.stop().await;
}

#[actix_web::test]
async fn a_session_gets_what_came_while_its_client_was_away() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let (metering, listening) = listen(&home, Limits::default()).await;
    let mut ear = Raw::open(&listening).await;
    enter(&mut ear, &of_bridge(), &ACCEPTED).await;
    ear.say(&subscribe("wattex/v1/+/reading", 1)).await;
    ear.hear(&[0x90, 3, 0, 1, 1]).await;
    ear.say(&FAREWELL).await;
    assert_eq!(ear.end().await, [] as [u8; 0]);

    let mut line = Raw::open(&listening).await;
    enter(&mut line, &of_meter(&one, None), &ACCEPTED).await;
    for (page, flags) in [(1, 0b0010), (2, 0), (3, 0b0010)] {
        line.say(&publish(&one, flags, page)).await;
    }
    line.hear(&[0x40, 2, 0, 9, 0x40, 2, 0, 9]).await;
    assert_eq!(metering.connected(), 1);
    let mut ear = Raw::open(&listening).await;
    enter(&mut ear, &of_bridge(), &PRESENT).await;
    let reading = |page: u32| one.read(page, page.into(), 0, 0).encode();
    ear.hear(&message(0b0010, &one.topic(), Some(1), &reading(1))).await;
    ear.hear(&message(0b0010, &one.topic(), Some(2), &reading(3))).await;

    // A line that takes over gets what the old one was sent and did not acknowledge.
    let mut next = Raw::open(&listening).await;
    enter(&mut next, &of_bridge(), &PRESENT).await;
    assert_eq!(ear.end().await, [] as [u8; 0]);
    next.hear(&message(0b1010, &one.topic(), Some(1), &reading(1))).await;
    next.hear(&message(0b1010, &one.topic(), Some(2), &reading(3))).await;
    listening.stop().await;

    // Another broker on the same database knows nothing of it, and says so.
    let listening = metering.listen().await.unwrap();
    let mut ear = Raw::open(&listening).await;
    enter(&mut ear, &of_bridge(), &ACCEPTED).await;
    listening.stop().await;
}

#[actix_web::test]
async fn a_will_says_of_a_meter_what_it_may_say_itself() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    let (_metering, listening) = listen(&home, Limits::default()).await;
    let status = |device: &Device| format!("wattex/v1/{}/status", device.meter);
    let mut line = Raw::open(&listening).await;
    // Another's topic: the return code says that it is not authorised.
    enter(&mut line, &of_meter(&one, Some((&status(&two), "away"))), &[0x20, 2, 0, 5]).await;
    assert_eq!(line.end().await, [] as [u8; 0]);

    let mut line = Raw::open(&listening).await;
    enter(&mut line, &of_meter(&one, Some((&status(&one), "away"))), &ACCEPTED).await;
    line.say(&message(0b0011, &status(&one), Some(1), b"here")).await;
    line.hear(&[0x40, 2, 0, 1]).await;
    let mut ear = Raw::open(&listening).await;
    enter(&mut ear, &of_bridge(), &ACCEPTED).await;
    ear.say(&subscribe(&status(&one), 0)).await;
    ear.hear(&[0x90, 3, 0, 1, 0]).await;
    ear.hear(&message(0b0001, &status(&one), None, b"here")).await;
    drop(line);
    ear.hear(&message(0, &status(&one), None, b"away")).await;
    // Who said farewell leaves none, and what is retained is what was said last.
    let mut line = Raw::open(&listening).await;
    enter(&mut line, &of_meter(&one, Some((&status(&one), "again"))), &PRESENT).await;
    line.say(&FAREWELL).await;
    assert_eq!(line.end().await, [] as [u8; 0]);
    ear.say(&subscribe(&status(&one), 0)).await;
    ear.hear(&[0x90, 3, 0, 1, 0]).await;
    ear.hear(&message(0b0001, &status(&one), None, b"away")).await;

    // A reading that is left is stored before it is passed on.
    let reading = one.read(1, 1, 0, 0).encode();
    let (name, token) = (one.meter.to_string(), one.token());
    let mut body = [text(b"MQTT"), vec![4, 0b1100_1110, 0, 60], text(b"raw")].concat();
    body.extend([text(one.topic().as_bytes()), text(&reading)].concat());
    body.extend([text(name.as_bytes()), text(token.as_bytes())].concat());
    let mut line = Raw::open(&listening).await;
    enter(&mut line, &packet(0x10, &body), &ACCEPTED).await;
    ear.say(&subscribe(&one.topic(), 0)).await;
    ear.hear(&[0x90, 3, 0, 1, 0]).await;
    drop(line);
    ear.hear(&message(0, &one.topic(), None, &reading)).await;
    assert_eq!(home.stored_pages(&one).await, [1]);
    listening.stop().await;
}

#[actix_web::test]
async fn a_meter_that_was_revoked_leaves_no_will() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    // Another process on the same database: its lines do not hear of the revocation.
    let (_metering, listening) = listen(&home, Limits::default()).await;
    let mut ear = Raw::open(&listening).await;
    enter(&mut ear, &of_bridge(), &ACCEPTED).await;
    ear.say(&subscribe("wattex/v1/+/status", 0)).await;
    ear.hear(&[0x90, 3, 0, 1, 0]).await;
    let mut lines = Vec::new();
    for device in [&one, &two] {
        let status = format!("wattex/v1/{}/status", device.meter);
        let mut line = Raw::open(&listening).await;
        enter(&mut line, &of_meter(device, Some((&status, "away"))), &ACCEPTED).await;
        lines.push(line);
    }
    home.revoke(&one).await;
    for mut line in lines {
        // A second CONNECT: the line is ended, and with it goes the will.
        line.say(&of_meter(&one, None)).await;
        assert_eq!(line.end().await, [] as [u8; 0]);
    }
    let status = format!("wattex/v1/{}/status", two.meter);
    ear.hear(&message(0, &status, None, b"away")).await;
    listening.stop().await;
}

#[actix_web::test]
async fn what_a_meter_retained_ends_with_its_enrolment() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let listening = home.metering.listen().await.unwrap();
    let status = format!("wattex/v1/{}/status", one.meter);
    let (mut ear, mut line) = (Raw::open(&listening).await, Raw::open(&listening).await);
    enter(&mut ear, &of_bridge(), &ACCEPTED).await;
    enter(&mut line, &of_meter(&one, None), &ACCEPTED).await;
    line.say(&message(0b0011, &status, Some(1), b"old")).await;
    line.hear(&[0x40, 2, 0, 1]).await;
    home.revoke(&one).await;
    ear.say(&subscribe(&status, 0)).await;
    ear.hear(&[0x90, 3, 0, 1, 0]).await;
    // What is retained would come first.
    ear.say(&message(0, &status, None, b"new")).await;
    ear.hear(&message(0, &status, None, b"new")).await;
    // Whoever carries it may still speak for it.
    ear.say(&message(1, &status, None, b"old")).await;
    ear.hear(&message(0, &status, None, b"old")).await;
    let mut again = one.enrolled();
    again.valid_from = at(1);
    home.tell(&again).await;
    ear.say(&subscribe(&status, 0)).await;
    ear.hear(&[0x90, 3, 0, 1, 0]).await;
    ear.say(&message(0, &status, None, b"new")).await;
    ear.hear(&message(0, &status, None, b"new")).await;
    listening.stop().await;
}

#[actix_web::test]
async fn where_there_is_no_room_to_retain_a_line_goes_on() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let (_metering, listening) = listen(&home, Limits::default()).await;
    let mut line = Raw::open(&listening).await;
    enter(&mut line, &of_meter(&one, None), &ACCEPTED).await;
    line.say(&subscribe(&format!("wattex/v1/{}/status/last", one.meter), 0)).await;
    line.hear(&[0x90, 3, 0, 1, 0]).await;
    for number in 0..64 {
        let topic = format!("wattex/v1/{}/status/{number}", one.meter);
        line.say(&message(0b0011, &topic, Some(1), b"x")).await;
        line.hear(&[0x40, 2, 0, 1]).await;
    }
    let last = format!("wattex/v1/{}/status/last", one.meter);
    line.say(&message(0b0011, &last, Some(1), b"x")).await;
    // Neither of the two ends the line, and both are passed on.
    line.say(&message(0b0001, &last, None, b"y")).await;
    line.hear(&[0x40, 2, 0, 1]).await;
    for said in [b"x", b"y"] {
        line.hear(&message(0, &last, None, said)).await;
    }
    line.say(&subscribe(&last, 0)).await;
    line.hear(&[0x90, 3, 0, 1, 0]).await;
    line.say(&message(0, &last, None, b"z")).await;
    line.hear(&message(0, &last, None, b"z")).await;
    listening.stop().await;
}

#[actix_web::test]
async fn a_meter_publishes_nothing_that_could_be_taken_for_stored() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let (_metering, listening) = listen(&home, Limits::default()).await;
    for topic in ["readings", "reading/1", "command"] {
        let mut line = Raw::open(&listening).await;
        let clean = crate::protocol::connect_as(4, 60, &one.meter.to_string(), &one.token());
        enter(&mut line, &clean, &ACCEPTED).await;
        let topic = format!("wattex/v1/{}/{topic}", one.meter);
        line.say(&message(0b0010, &topic, Some(1), b"x")).await;
        assert_eq!(line.end().await, [] as [u8; 0], "{topic}");
    }
    listening.stop().await;
}

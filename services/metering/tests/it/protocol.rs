//! The broker's limits, byte by byte.

use std::time::Duration;

use metering::{Limits, Listening, Metering};
use service::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::home::{BRIDGE_TOKEN, Device, Home, anchor, at, nowhere};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A string as MQTT writes it.
pub(crate) fn text(text: &[u8]) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text].concat()
}

pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128 * 128);
    let low = u8::try_from(body.len() % 128).unwrap();
    let high = u8::try_from(body.len() / 128).unwrap();
    let length = if high == 0 { vec![low] } else { vec![low | 0x80, high] };
    [&[first], length.as_slice(), body].concat()
}

/// A CONNECT of protocol `level` of a meter with its token.
fn connect(level: u8, keep_alive: u16, device: &Device) -> Vec<u8> {
    connect_as(level, keep_alive, &device.meter.to_string(), &device.token())
}

/// A CONNECT of protocol `level` with clean start, name and password.
pub(crate) fn connect_as(level: u8, keep_alive: u16, name: &str, token: &str) -> Vec<u8> {
    let mut body = text(b"MQTT");
    body.extend([level, 0b1100_0010]);
    body.extend(keep_alive.to_be_bytes());
    if level == 5 {
        body.push(0);
    }
    body.extend(text(b"raw"));
    body.extend(text(name.as_bytes()));
    body.extend(text(token.as_bytes()));
    packet(0x10, &body)
}

/// A PUBLISH of one reading in MQTT 3.1.1.
pub(crate) fn publish(device: &Device, flags: u8, page: u32) -> Vec<u8> {
    let mut body = text(device.topic().as_bytes());
    if flags & 0b0110 != 0 {
        body.extend([0, 9]);
    }
    body.extend(device.read(page, page.into(), 0, 0).encode());
    packet(0x30 | flags, &body)
}

/// A line to the broker, byte by byte.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn open(listening: &Listening) -> Raw {
        Raw(TcpStream::connect(listening.address()).await.unwrap())
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn hear(&mut self, expected: &[u8]) {
        let mut heard = vec![0; expected.len()];
        let read = tokio::time::timeout(PATIENCE, self.0.read_exact(&mut heard)).await;
        read.expect("an answer in time").unwrap();
        assert_eq!(heard, expected);
    }

    /// The next packet, up to 127 bytes.
    async fn packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 2];
        self.0.read_exact(&mut packet).await.unwrap();
        packet.resize(2 + usize::from(packet[1]), 0);
        self.0.read_exact(&mut packet[2..]).await.unwrap();
        packet
    }

    /// Waits for the end of the line and gives what came before.
    pub(crate) async fn end(mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut heard)).await;
        // A line that is cut while we were speaking ends in a reset.
        read.expect("the end in time").ok();
        heard
    }
}

pub(crate) async fn listen(home: &Home, limits: Limits) -> (std::sync::Arc<Metering>, Listening) {
    let config = metering::Config { limits, ..home.config() };
    let (clock, _) = Clock::set(at(10));
    let metering = Metering::open(config, clock, anchor(), nowhere()).await.unwrap();
    let listening = metering.listen().await.unwrap();
    (metering, listening)
}

pub(crate) const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

#[actix_web::test]
async fn a_silent_line_ends_after_one_and_a_half_keep_alives() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let limits = Limits { keep_alive_seconds_max: 1, ..Limits::default() };
    let (_metering, listening) = listen(&home, limits).await;
    for asked in [1, 0, 600] {
        let mut line = Raw::open(&listening).await;
        line.say(&connect(4, asked, &one)).await;
        line.hear(&ACCEPTED).await;
        line.say(&[0xc0, 0]).await;
        line.hear(&[0xd0, 0]).await;
        assert_eq!(line.end().await, [] as [u8; 0]);
    }
    listening.stop().await;
}

#[actix_web::test]
async fn who_says_nothing_or_too_much_is_cut_off() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let limits = Limits { connect_seconds_max: 1, packet_bytes_max: 200, ..Limits::default() };
    let (_metering, listening) = listen(&home, limits).await;
    assert_eq!(Raw::open(&listening).await.end().await, [] as [u8; 0]);

    for first_words in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xc0, 0], &[0x10, 0xff, 0xff, 0x7f]] {
        let mut line = Raw::open(&listening).await;
        line.say(first_words).await;
        assert_eq!(line.end().await, [] as [u8; 0]);
    }
    for too_much in [packet(0x32, &[0; 300]), connect(4, 60, &one), vec![0x60, 2, 0, 1]] {
        let mut line = Raw::open(&listening).await;
        line.say(&connect(4, 60, &one)).await;
        line.hear(&ACCEPTED).await;
        line.say(&too_much).await;
        assert_eq!(line.end().await, [] as [u8; 0]);
    }
    listening.stop().await;
}

#[actix_web::test]
async fn only_so_many_connect_and_the_newest_line_of_a_meter_holds() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    let limits = Limits { connections_max: 2, ..Limits::default() };
    let (metering, listening) = listen(&home, limits).await;
    let mut first = Raw::open(&listening).await;
    first.say(&connect(4, 60, &one)).await;
    first.hear(&ACCEPTED).await;
    let mut second = Raw::open(&listening).await;
    second.say(&connect(4, 60, &two)).await;
    second.hear(&ACCEPTED).await;
    assert_eq!(Raw::open(&listening).await.end().await, [] as [u8; 0]);
    assert_eq!(metering.connected(), 2);
    listening.stop().await;

    let (metering, listening) = listen(&home, Limits::default()).await;
    let mut old = Raw::open(&listening).await;
    old.say(&connect(5, 60, &one)).await;
    let welcome = old.packet().await;
    assert_eq!((welcome[0], welcome[3]), (0x20, 0));
    let mut new = Raw::open(&listening).await;
    new.say(&connect(4, 60, &one)).await;
    new.hear(&ACCEPTED).await;
    let farewell = old.end().await;
    assert_eq!((farewell[0], farewell[2]), (0xe0, 0x8e), "the session was taken over");
    assert_eq!(metering.connected(), 1);
    new.say(&publish(&one, 0b0010, 1)).await;
    new.hear(&[0x40, 2, 0, 9]).await;
    listening.stop().await;
}

/// A SUBSCRIBE to one filter in MQTT 3.1.1.
pub(crate) fn subscribe(filter: &str, quality: u8) -> Vec<u8> {
    packet(0x82, &[&[0, 1][..], &text(filter.as_bytes()), &[quality]].concat())
}

/// A reading as a subscriber of MQTT 3.1.1 gets it.
fn delivered(device: &Device, packet_id: Option<u8>, page: u32) -> Vec<u8> {
    let mut body = text(device.topic().as_bytes());
    body.extend(packet_id.map(|id| [0, id]).into_iter().flatten());
    body.extend(device.read(page, page.into(), 0, 0).encode());
    packet(if packet_id.is_some() { 0x32 } else { 0x30 }, &body)
}

#[actix_web::test]
async fn what_is_stored_is_passed_on_to_who_speaks_for_the_meter() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    let (_metering, listening) = listen(&home, Limits::default()).await;
    let mut ear = Raw::open(&listening).await;
    ear.say(&connect_as(4, 60, "gateway", BRIDGE_TOKEN)).await;
    ear.hear(&ACCEPTED).await;
    ear.say(&subscribe(&one.topic(), 1)).await;
    ear.hear(&[0x90, 3, 0, 1, 1]).await;
    // Overlapping filters bring a message once, with the highest quality.
    ear.say(&subscribe(&format!("wattex/v1/{}/#", one.meter), 0)).await;
    ear.hear(&[0x90, 3, 0, 1, 0]).await;
    let mut stranger = Raw::open(&listening).await;
    stranger.say(&connect(4, 60, &two)).await;
    stranger.hear(&ACCEPTED).await;
    stranger.say(&subscribe(&one.topic(), 1)).await;
    stranger.hear(&[0x90, 3, 0, 1, 0x80]).await;

    let mut line = Raw::open(&listening).await;
    line.say(&connect(4, 60, &one)).await;
    line.hear(&ACCEPTED).await;
    line.say(&publish(&one, 0b0010, 1)).await;
    line.hear(&[0x40, 2, 0, 9]).await;
    ear.hear(&delivered(&one, Some(1), 1)).await;
    // Without its acknowledgement: the next has another id all the same.
    line.say(&publish(&one, 0, 2)).await;
    ear.hear(&delivered(&one, None, 2)).await;
    line.say(&publish(&one, 0b0010, 3)).await;
    ear.hear(&delivered(&one, Some(2), 3)).await;
    ear.say(&[0x40, 2, 0, 2, 0x40, 2, 0, 1]).await;

    let unsubscribe = packet(0xa2, &[&[0, 3][..], &text(one.topic().as_bytes())].concat());
    ear.say(&unsubscribe).await;
    ear.hear(&[0xb0, 2, 0, 3]).await;
    line.say(&publish(&one, 0b0010, 4)).await;
    ear.hear(&delivered(&one, None, 4)).await;
    stranger.say(&[0xc0, 0, 0xe0, 0]).await;
    assert_eq!(stranger.end().await, [0xd0, 0], "nothing of another's meter");
    listening.stop().await;
}

#[actix_web::test]
async fn an_alias_stands_for_the_topic_that_was_said_last_also_where_it_is_refused() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    let (_metering, listening) = listen(&home, Limits::default()).await;
    let mut line = Raw::open(&listening).await;
    line.say(&connect(5, 60, &one)).await;
    assert_eq!(line.packet().await[3], 0);
    let own = one.topic();
    let other = two.topic();
    for (topic, page, reason) in [(own.as_str(), 1, 0), (&other, 2, 0x87), ("", 3, 0x87)] {
        let mut body = text(topic.as_bytes());
        // Packet id 9, and alias 1 as the only property.
        body.extend([0, 9, 3, 0x23, 0, 1]);
        body.extend(one.read(page, page.into(), 0, 0).encode());
        line.say(&packet(0x32, &body)).await;
        let answer = line.packet().await;
        assert_eq!(answer.get(4).copied().unwrap_or(0), reason, "page {page}");
    }
    assert_eq!(home.stored_pages(&one).await, [1]);
    listening.stop().await;
}

#[actix_web::test]
async fn a_reading_of_quality_of_service_zero_is_stored_in_silence() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let (_metering, listening) = listen(&home, Limits::default()).await;
    let mut line = Raw::open(&listening).await;
    line.say(&connect(4, 60, &one)).await;
    line.hear(&ACCEPTED).await;
    line.say(&publish(&one, 0, 2)).await;
    line.say(&publish(&one, 0b0011, 3)).await;
    line.hear(&[0x40, 2, 0, 9]).await;
    assert_eq!(home.stored_pages(&one).await, [2, 3], "in order, so the acknowledged one is last");
    line.say(&[0xe0, 0]).await;
    assert_eq!(line.end().await, [] as [u8; 0]);
    listening.stop().await;
}

//! A real client over TCP: acknowledged means stored, in order, by who the client is.

use std::time::Duration;

use db::{Row, query};
use metering::Metering;
use reading::{SignedReading, encode_together, sign_together};
use rumqttc::v5;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, Incoming, MqttOptions,
    Outgoing, QoS, SubscribeReasonCode,
};
use service::Clock;

use crate::home::{BRIDGE_TOKEN, Device, Home, anchor, at, nowhere};

/// Longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of MQTT 3.1.1 and what it heard.
struct Line {
    client: AsyncClient,
    events: EventLoop,
}

impl Line {
    fn open(port: u16, name: &str, token: &str) -> Line {
        let mut options = MqttOptions::new(format!("client-of-{name}"), "127.0.0.1", port);
        options.set_credentials(name, token).set_inflight(500).set_clean_session(true);
        let (client, events) = AsyncClient::new(options, 1000);
        Line { client, events }
    }

    async fn publish(&self, topic: &str, payload: &[u8]) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).await.unwrap();
    }

    async fn send(&self, device: &Device, signed: &SignedReading) {
        self.publish(&device.topic(), &signed.encode()).await;
    }

    async fn next(&mut self) -> Result<Event, ConnectionError> {
        tokio::time::timeout(PATIENCE, self.events.poll()).await.expect("an answer in time")
    }

    /// The packet ids of the next `count` acknowledgements, and of the messages they are for.
    async fn acknowledged(&mut self, count: usize) -> (Vec<u16>, Vec<u16>) {
        let (mut sent, mut acknowledged) = (Vec::new(), Vec::new());
        while acknowledged.len() < count {
            match self.next().await.unwrap() {
                Event::Outgoing(Outgoing::Publish(id)) => sent.push(id),
                Event::Incoming(Incoming::PubAck(ack)) => acknowledged.push(ack.pkid),
                _ => {}
            }
        }
        (sent, acknowledged)
    }

    /// Waits until the line is gone; says how many acknowledgements came before.
    async fn broken(&mut self) -> usize {
        let mut acknowledged = 0;
        loop {
            match self.next().await {
                Ok(Event::Incoming(Incoming::PubAck(_))) => acknowledged += 1,
                Ok(_) => {}
                Err(_) => return acknowledged,
            }
        }
    }
}

fn meter_line(port: u16, device: &Device) -> Line {
    Line::open(port, &device.meter.to_string(), &device.token())
}

#[test]
fn what_was_acknowledged_is_on_disk_when_the_process_is_killed() {
    let one = Device::new("H01");
    let test = tokio::runtime::Runtime::new().unwrap();
    let service = tokio::runtime::Runtime::new().unwrap();
    let mut home = test.block_on(Home::with(std::slice::from_ref(&one)));
    home.hand.move_to(at(400));

    // The service has a runtime of its own, on the same file, which is torn down under its feet.
    let (config, (clock, _)) = (home.config(), Clock::set(at(400)));
    let (victim, listening) = service.block_on(async move {
        let victim = Metering::open(config, clock, anchor(), nowhere()).await.unwrap();
        let listening = victim.listen().await.unwrap();
        (victim, listening)
    });
    let port = listening.address().port();
    let acknowledged = test.block_on(async {
        let mut line = meter_line(port, &one);
        for page in 1..=300 {
            line.send(&one, &one.read(page, page.into(), page.into(), 0)).await;
        }
        line.acknowledged(60).await.1
    });
    service.shutdown_background();
    std::mem::forget((victim, listening));

    test.block_on(async {
        home.reopen().await;
        let stored = home.stored_pages(&one).await;
        for page in &acknowledged {
            assert!(stored.contains(&i64::from(*page)), "page {page} was acknowledged");
        }
        let listening = home.metering.listen().await.unwrap();
        let mut line = meter_line(listening.address().port(), &one);
        for page in 1..=300 {
            line.send(&one, &one.read(page, page.into(), page.into(), 0)).await;
        }
        line.acknowledged(300).await;
        assert_eq!(home.stored_pages(&one).await, (1..=300).collect::<Vec<_>>());
        assert_eq!(home.quarantined().await, [] as [String; 0]);
        listening.stop().await;
    });
}

#[actix_web::test]
async fn acknowledgements_come_in_the_order_of_the_messages() {
    let devices = [Device::new("H01"), Device::new("H02"), Device::new("H03")];
    let home = Home::with(&devices).await;
    home.hand.move_to(at(200));
    let listening = home.metering.listen().await.unwrap();
    let mut bridge = Line::open(listening.address().port(), "gateway", BRIDGE_TOKEN);
    for page in 1..=100 {
        for device in &devices {
            bridge.send(device, &device.read(page, page.into(), 0, page.into())).await;
        }
    }
    let (sent, acknowledged) = bridge.acknowledged(300).await;
    assert_eq!(sent[..300], acknowledged);
    for device in &devices {
        assert_eq!(home.stored_pages(device).await.len(), 100);
    }
    listening.stop().await;
}

#[actix_web::test]
async fn a_repeat_is_acknowledged_again_and_a_forgery_holds_nobody_up() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    home.hand.move_to(at(3));
    let listening = home.metering.listen().await.unwrap();
    let mut bridge = Line::open(listening.address().port(), "gateway", BRIDGE_TOKEN);
    let mut forged = one.read(2, 2, 20, 0);
    forged.signature = two.read(2, 2, 20, 0).signature;
    let stranger = Device::new("H99");
    bridge.send(&one, &one.read(1, 1, 10, 0)).await;
    bridge.send(&one, &one.read(1, 1, 10, 0)).await;
    bridge.send(&one, &one.read(1, 1, 11, 0)).await;
    bridge.send(&one, &forged).await;
    bridge.publish(&one.topic(), b"not a reading").await;
    bridge.publish(&one.topic(), &two.read(1, 1, 10, 0).encode()).await;
    bridge.send(&stranger, &stranger.read(1, 1, 0, 0)).await;
    bridge.send(&two, &two.read(1, 1, 10, 0)).await;
    bridge.send(&one, &one.read(2, 2, 20, 0)).await;
    bridge.acknowledged(9).await;
    assert_eq!(home.stored_pages(&one).await, [1, 2]);
    assert_eq!(home.stored_pages(&two).await, [1]);
    let reasons = ["PAGE_CONFLICT", "SIGNATURE", "MALFORMED", "WRONG_TOPIC", "UNKNOWN_METER"];
    assert_eq!(home.quarantined().await, reasons);
    listening.stop().await;
}

#[actix_web::test]
async fn readings_of_one_message_are_judged_one_by_one() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    home.hand.move_to(at(40));
    let listening = home.metering.listen().await.unwrap();
    let mut line = meter_line(listening.address().port(), &one);
    let read = |page: u32| one.read(page, page.into(), page.into(), 0);
    let forged = SignedReading { signature: read(9).signature, ..read(2) };
    let three = [read(1), forged, read(3)].map(|signed| signed.encode()).concat();
    line.publish(&one.topic(), &three).await;
    // As many as fit, and a piece of one behind others.
    let pages = |pages: std::ops::RangeInclusive<u32>| {
        pages.flat_map(|page| read(page).encode()).collect::<Vec<u8>>()
    };
    line.publish(&one.topic(), &pages(4..=19)).await;
    line.publish(&one.topic(), &pages(20..=21)[..200]).await;
    line.publish(&one.topic(), &[]).await;
    line.acknowledged(4).await;
    let stored = Vec::from_iter([1, 3].into_iter().chain(4..=19));
    assert_eq!(home.stored_pages(&one).await, stored);
    let expected = ["SIGNATURE", "MALFORMED", "MALFORMED"];
    assert_eq!(home.quarantined().await, expected);
    listening.stop().await;
}

#[actix_web::test]
async fn readings_under_one_signature_are_judged_one_by_one() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    for home in Home::everywhere(&[one.clone(), two.clone()]).await {
        home.hand.move_to(at(40));
        let listening = home.metering.listen().await.unwrap();
        let mut line = meter_line(listening.address().port(), &one);
        let reading = |page: u32| one.read(page, page.into(), page.into(), 0).reading;
        let ten: Vec<_> = (1..=10).map(reading).collect();
        let message = encode_together(&sign_together(&ten, &one.key));
        line.publish(&one.topic(), &message).await;
        // Again, with one byte changed, by another key, and with another meter's in between.
        line.publish(&one.topic(), &message).await;
        let mut changed = message.clone();
        changed[40] ^= 1;
        line.publish(&one.topic(), &changed).await;
        let next = [reading(11), reading(12)];
        line.publish(&one.topic(), &encode_together(&sign_together(&next, &two.key))).await;
        let mixed = [reading(11), two.read(1, 1, 10, 0).reading, reading(12)];
        line.publish(&one.topic(), &encode_together(&sign_together(&mixed, &one.key))).await;
        // A reading by itself with its place is how it is kept, not how it is sent.
        line.publish(&one.topic(), &sign_together(&next, &one.key)[0].encode()).await;
        line.acknowledged(6).await;
        assert_eq!(home.stored_pages(&one).await, Vec::from_iter(1..=12));
        assert!(home.stored_pages(&two).await.is_empty());
        let expected = ["SIGNATURE"; 12].into_iter().chain(["WRONG_TOPIC", "MALFORMED"]);
        assert_eq!(home.quarantined().await, Vec::from_iter(expected));
        // What is kept of each proves itself.
        let seals = query("select signature from reading order by page");
        let rows = seals.fetch_all(home.metering.db().read()).await.unwrap();
        for (row, page) in rows.iter().zip(1..) {
            let signed = SignedReading::sealed(reading(page), &row.get::<Vec<u8>, _>(0)).unwrap();
            assert!(signed.place.is_some() && signed.verify(one.key.address()));
        }
        listening.stop().await;
    }
}

#[actix_web::test]
async fn who_does_not_prove_who_it_is_stays_outside() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    let listening = home.metering.listen().await.unwrap();
    let port = listening.address().port();
    let meter = one.meter.to_string();
    for (name, token) in [
        (meter.as_str(), two.token()),
        (meter.as_str(), String::new()),
        ("gateway", one.token()),
        ("admin", "admin".to_owned()),
    ] {
        let refused = Line::open(port, name, &token).next().await.unwrap_err();
        let expected = ConnectReturnCode::BadUserNamePassword;
        assert!(matches!(refused, ConnectionError::ConnectionRefused(code) if code == expected));
    }
    let (_, mut anonymous) = AsyncClient::new(MqttOptions::new("anonymous", "127.0.0.1", port), 10);
    assert!(matches!(anonymous.poll().await, Err(ConnectionError::ConnectionRefused(_))));
    assert_eq!(home.metering.connected(), 0);
    listening.stop().await;
}

#[actix_web::test]
async fn a_meter_cannot_speak_for_another() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    home.hand.move_to(at(3));
    let listening = home.metering.listen().await.unwrap();
    let port = listening.address().port();
    let mut line = meter_line(port, &one);
    line.send(&two, &two.read(1, 1, 10, 0)).await;
    assert_eq!(line.broken().await, 0, "MQTT 3.1.1 has no refusal: the line ends without a PUBACK");

    let mut options = v5::MqttOptions::new("five", "127.0.0.1", port);
    options.set_credentials(one.meter.to_string(), one.token());
    let (client, mut events) = v5::AsyncClient::new(options, 10);
    let at_least_once = v5::mqttbytes::QoS::AtLeastOnce;
    for device in [&two, &one] {
        let message = device.read(1, 1, 10, 0).encode().to_vec();
        client.publish(device.topic(), at_least_once, false, message).await.unwrap();
    }
    let mut reasons = Vec::new();
    while reasons.len() < 2 {
        let event = tokio::time::timeout(PATIENCE, events.poll()).await.unwrap().unwrap();
        if let v5::Event::Incoming(v5::Incoming::PubAck(ack)) = event {
            reasons.push(ack.reason);
        }
    }
    use v5::mqttbytes::v5::PubAckReason;
    assert_eq!(reasons, [PubAckReason::NotAuthorized, PubAckReason::Success]);
    assert_eq!(home.stored_pages(&two).await, [] as [i64; 0]);
    assert_eq!(home.stored_pages(&one).await, [1]);
    listening.stop().await;
}

#[actix_web::test]
async fn a_revoked_meter_loses_its_line_at_once() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    home.hand.move_to(at(3));
    let listening = home.metering.listen().await.unwrap();
    let port = listening.address().port();
    let mut line = meter_line(port, &one);
    line.send(&one, &one.read(1, 1, 10, 0)).await;
    line.acknowledged(1).await;
    assert_eq!(home.metering.connected(), 1);
    home.revoke(&one).await;
    line.broken().await;
    let refused = meter_line(port, &one).next().await;
    assert!(matches!(refused, Err(ConnectionError::ConnectionRefused(_))));
    listening.stop().await;
}

#[actix_web::test]
async fn a_device_subscribes_below_its_own_topic_only() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    let listening = home.metering.listen().await.unwrap();
    let mut line = meter_line(listening.address().port(), &one);
    let own = format!("wattex/v1/{}/#", one.meter);
    let other = format!("wattex/v1/{}/#", two.meter);
    for filter in [own, other, "#".to_owned()] {
        line.client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
    }
    let mut codes = Vec::new();
    while codes.len() < 3 {
        if let Event::Incoming(Incoming::SubAck(ack)) = line.next().await.unwrap() {
            codes.extend(ack.return_codes);
        }
    }
    let granted = SubscribeReasonCode::Success(QoS::AtLeastOnce);
    let refused = SubscribeReasonCode::Failure;
    assert_eq!(codes, [granted, refused, refused]);
    listening.stop().await;
}

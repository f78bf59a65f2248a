//! Two senders of broken packets against our broker, and against Mosquitto for comparison: ours
//! goes on, closes what the protocol says is to be closed, serves who is honest, and its memory
//! stays bounded. Where Mosquitto does otherwise is printed.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use testkit::Mosquitto;

use crate::home::{Device, Home};
use crate::protocol::{connect_as, packet, publish, text};

/// How long a broker is given to answer. One that waits for more bytes costs as much.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Of every kind of packet so many are broken at random.
const ROUNDS: usize = 40;
/// Bytes of a packet that our broker takes.
const PACKET_BYTES_MAX: usize = 2048;
/// What an attack may leave behind in memory, in KiB: half of what one of its packets announces.
/// (Other tests run in the same process.)
const GROWTH_MAX_KIB: usize = 128 * 1024;
const PINGREQ: [u8; 2] = [0xc0, 0];
const PINGRESP: [u8; 2] = [0xd0, 0];

/// What a broker does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// It ends the line.
    Closed,
    /// It goes on, and answers a ping.
    GoesOn,
    /// It does neither: it waits for more.
    Waits,
}

/// A broken packet, on a line of this protocol level.
struct Broken {
    what: &'static str,
    level: u8,
    /// Whether it comes behind a good CONNECT.
    entered: bool,
    bytes: Vec<u8>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = if self.level == 4 { "3.1.1" } else { "5" };
        write!(f, "{version}: {}", self.what)
    }
}

/// A line to a broker.
struct Line(TcpStream);

impl Line {
    fn open(broker: SocketAddr) -> Line {
        let stream = TcpStream::connect(broker).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Line(stream)
    }

    /// A line that was let in.
    fn enter(broker: SocketAddr, level: u8, device: &Device) -> Line {
        let mut line = Line::open(broker);
        line.say(&connect_as(level, 60, &device.meter.to_string(), &device.token()));
        let welcome = line.packet().expect("a CONNACK");
        assert_eq!((welcome[0], welcome[3]), (0x20, 0), "{welcome:?}");
        line
    }

    fn say(&mut self, bytes: &[u8]) {
        // The broker may have ended the line already: that is what is found out next.
        self.0.write_all(bytes).ok();
    }

    /// The next packet; `None` where the line is at its end, or nothing comes.
    fn packet(&mut self) -> Result<Vec<u8>, Done> {
        let mut packet = vec![0; 2];
        self.fill(&mut packet)?;
        // What brokers say here is shorter than 128 bytes.
        let mut body = vec![0; packet[1].into()];
        self.fill(&mut body)?;
        packet.append(&mut body);
        Ok(packet)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Done> {
        self.0.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Done::Waits,
            _ => Done::Closed,
        })
    }

    /// What the broker does now, and the last packet before it ends the line.
    fn done(&mut self) -> (Done, Vec<u8>) {
        let mut last = Vec::new();
        loop {
            match self.packet() {
                Ok(packet) if packet == PINGRESP => return (Done::GoesOn, last),
                // Let in by a CONNECT that is broken.
                Ok(packet) if packet[0] == 0x20 && packet[3] == 0 => return (Done::GoesOn, packet),
                Ok(packet) => last = packet,
                Err(done) => return (done, last),
            }
        }
    }
}

/// What `broker` does with it, and what it said last.
fn done_with(broker: SocketAddr, device: &Device, broken: &Broken) -> (Done, Vec<u8>) {
    let mut line =
        if broken.entered { Line::enter(broker, broken.level, device) } else { Line::open(broker) };
    line.say(&broken.bytes);
    if broken.entered {
        line.say(&PINGREQ);
    }
    line.done()
}

/// A CONNECT whose parts are as given.
fn connect(name: &[u8], level: u8, flags: u8, properties: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut body = text(name);
    body.extend([level, flags, 0, 60]);
    if level == 5 {
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend(properties);
    }
    body.extend(rest);
    packet(0x10, &body)
}

/// A PUBLISH of QoS 1 to `topic`, in MQTT 5 with `properties`.
fn published(level: u8, topic: &[u8], id: u8, properties: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    body.extend([0, id]);
    if level == 5 {
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend(properties);
    }
    body.extend(b"payload");
    packet(0x32, &body)
}

/// A SUBSCRIBE (0x82) or what is like it, with one filter.
fn asks(level: u8, first: u8, id: u8, properties: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut body = vec![0, id];
    if level == 5 {
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend(properties);
    }
    body.extend(rest);
    packet(first, &body)
}

/// What the specifications have the server end the line for.
fn forbidden(topic: &str) -> Vec<Broken> {
    let mut all = Vec::new();
    for level in [4, 5] {
        let mut add = |entered: bool, what: &'static str, bytes: Vec<u8>| {
            all.push(Broken { what, level, entered, bytes });
        };
        let user = [text(b"c"), text(b"u")].concat();
        let client = |id: &[u8]| connect(b"MQTT", level, 2, &[], &text(id));
        add(false, "PINGREQ before CONNECT", PINGREQ.to_vec());
        add(false, "PUBLISH before CONNECT", published(level, topic.as_bytes(), 1, &[]));
        add(false, "another protocol's name", connect(b"MQTX", level, 2, &[], &text(b"c")));
        add(false, "CONNECT: reserved flag", connect(b"MQTT", level, 3, &[], &text(b"c")));
        add(false, "CONNECT: flags of its header", [&[0x11], &client(b"c")[1..]].concat());
        add(false, "CONNECT: will of QoS 3", {
            let will =
                [text(b"c"), if level == 5 { vec![0] } else { vec![] }, text(b"t"), text(b"m")];
            connect(b"MQTT", level, 0b0001_1110, &[], &will.concat())
        });
        add(false, "CONNECT: QoS of no will", connect(b"MQTT", level, 0b1010, &[], &text(b"c")));
        add(false, "CONNECT: retained, no will", connect(b"MQTT", level, 0x22, &[], &text(b"c")));
        add(false, "CONNECT: no password there", connect(b"MQTT", level, 0xc2, &[], &user));
        add(false, "CONNECT: more than its fields", connect(b"MQTT", level, 2, &[], &user));
        add(false, "CONNECT: client id not UTF-8", client(&[0xc3, 0x28]));
        add(false, "CONNECT: client id with a surrogate", client(&[0xed, 0xa0, 0x80]));
        add(false, "CONNECT: client id with NUL", client(b"a\0b"));
        add(false, "a length of five bytes", vec![0x10, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        all.extend(forbidden_inside(level, topic.as_bytes()));
    }
    all.extend(forbidden_in_5(topic.as_bytes()));
    let password = [text(b"c"), text(b"p")].concat();
    all.push(Broken {
        what: "CONNECT: password without a name",
        level: 4,
        entered: false,
        bytes: connect(b"MQTT", 4, 0x42, &[], &password),
    });
    let (what, level) = ("DISCONNECT: with something", 4);
    all.push(Broken { what, level, entered: true, bytes: vec![0xe0, 1, 0] });
    all
}

/// What a client that was let in may not send.
fn forbidden_inside(level: u8, of: &[u8]) -> Vec<Broken> {
    let mut all = Vec::new();
    let mut add = |what: &'static str, bytes: Vec<u8>| {
        all.push(Broken { what, level, entered: true, bytes });
    };
    add("CONNECT again", connect(b"MQTT", level, 2, &[], &text(b"c")));
    add("PUBLISH: QoS 3", [&[0x36], &published(level, of, 1, &[])[1..]].concat());
    add("PUBLISH: again, with QoS 0", [&[0x38], &published(level, of, 1, &[])[1..]].concat());
    add("PUBLISH: packet id 0", published(level, of, 0, &[]));
    add("PUBLISH: wildcard", published(level, b"wattex/v1/+/reading", 1, &[]));
    add("PUBLISH: no topic", published(level, b"", 1, &[]));
    add("PUBLISH: topic not UTF-8", published(level, &[0xff, 0xfe], 1, &[]));
    add("PUBLISH: topic with NUL", published(level, b"a\0b", 1, &[]));
    add("PUBLISH: topic longer than all", packet(0x32, &[0xff, 0xff, b'a']));
    add("PUBLISH: no packet id", packet(0x32, &text(of)));
    let filter = [text(of), vec![1]].concat();
    for (what, first, id, rest) in [
        ("SUBSCRIBE: flags", 0x80, 1, filter.clone()),
        ("SUBSCRIBE: packet id 0", 0x82, 0, filter.clone()),
        ("SUBSCRIBE: nothing", 0x82, 1, vec![]),
        ("SUBSCRIBE: QoS 3", 0x82, 1, [text(of), vec![3]].concat()),
        ("SUBSCRIBE: reserved bits", 0x82, 1, [text(of), vec![0xc1]].concat()),
        ("SUBSCRIBE: no QoS", 0x82, 1, text(of)),
        ("SUBSCRIBE: empty filter", 0x82, 1, [text(b""), vec![1]].concat()),
        ("SUBSCRIBE: # not last", 0x82, 1, [text(b"a/#/b"), vec![1]].concat()),
        ("SUBSCRIBE: + not alone", 0x82, 1, [text(b"a+/b"), vec![1]].concat()),
        ("UNSUBSCRIBE: flags", 0xa0, 1, text(of)),
        ("UNSUBSCRIBE: packet id 0", 0xa2, 0, text(of)),
        ("UNSUBSCRIBE: nothing", 0xa2, 1, vec![]),
    ] {
        add(what, asks(level, first, id, &[], &rest));
    }
    add("PINGREQ: flags", vec![0xc1, 0]);
    add("PINGREQ: with something", vec![0xc0, 1, 0]);
    add("type 0", vec![0, 0]);
    add("AUTH, unasked", vec![0xf0, 0]);
    add("CONNACK from a client", vec![0x20, 2, 0, 0]);
    add("SUBACK from a client", asks(level, 0x90, 1, &[], &[0]));
    add("PINGRESP from a client", PINGRESP.to_vec());
    add("DISCONNECT: flags", vec![0xe1, 0]);
    add("PUBREL: flags", vec![0x60, 2, 0, 1]);
    add("PUBACK: flags", vec![0x41, 2, 0, 1]);
    add("PUBACK: one byte", vec![0x40, 1, 0]);
    all
}

/// Properties that MQTT 5 forbids.
fn forbidden_in_5(topic: &[u8]) -> Vec<Broken> {
    let mut all = Vec::new();
    let mut add = |entered: bool, what: &'static str, bytes: Vec<u8>| {
        all.push(Broken { what, level: 5, entered, bytes });
    };
    for (what, properties) in [
        ("CONNECT: a property twice", &[0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1][..]),
        ("CONNECT: no such property", &[0x7f, 0]),
        ("CONNECT: a PUBLISH's property", &[0x23, 0, 1]),
        ("CONNECT: receive maximum 0", &[0x21, 0, 0]),
        ("CONNECT: maximum packet size 0", &[0x27, 0, 0, 0, 0]),
        ("CONNECT: request problem information 2", &[0x17, 2]),
        ("CONNECT: half a property", &[0x11, 0, 0]),
    ] {
        add(false, what, connect(b"MQTT", 5, 2, properties, &text(b"c")));
    }
    for (what, properties) in [
        ("PUBLISH: topic alias 0", &[0x23, 0, 0][..]),
        ("PUBLISH: topic alias over the maximum", &[0x23, 0xff, 0xff]),
        ("PUBLISH: payload format 2", &[0x01, 2]),
        ("PUBLISH: a subscription's id", &[0x0b, 1]),
        ("PUBLISH: wildcard to respond to", &[0x08, 0, 1, b'#']),
        ("PUBLISH: a CONNECT's property", &[0x11, 0, 0, 0, 1]),
        ("PUBLISH: a property twice", &[0x01, 0, 0x01, 0]),
    ] {
        add(true, what, published(5, topic, 1, properties));
    }
    let filter = [text(topic), vec![1]].concat();
    add(true, "SUBSCRIBE: subscription id 0", asks(5, 0x82, 1, &[0x0b, 0], &filter));
    add(true, "SUBSCRIBE: retain handling 3", {
        asks(5, 0x82, 1, &[], &[text(topic), vec![0x31]].concat())
    });
    let share = [text(b"$share/g/a"), vec![0b101]].concat();
    add(true, "SUBSCRIBE: shared and not local", asks(5, 0x82, 1, &[], &share));
    add(true, "DISCONNECT: no such reason", vec![0xe0, 1, 0x42]);
    all
}

/// KiB of this process in memory.
fn memory_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// A good packet with some of its bytes changed, cut or doubled.
fn broken_at_random(random: &mut StdRng, device: &Device) -> Vec<u8> {
    let (name, token) = (device.meter.to_string(), device.token());
    let level = if random.random() { 4 } else { 5 };
    let filter = [text(device.topic().as_bytes()), vec![1]].concat();
    let mut bytes = match random.random_range(0..4) {
        0 => connect_as(level, 60, &name, &token),
        1 => publish(device, 0b0010, 1),
        2 => asks(level, 0x82, 1, &[], &filter),
        _ => asks(level, 0xa2, 1, &[], &text(device.topic().as_bytes())),
    };
    for _ in 0..random.random_range(1..5) {
        let place = random.random_range(0..bytes.len());
        match random.random_range(0..3) {
            0 => bytes.truncate(place.max(1)),
            1 => bytes.insert(place, random.random()),
            _ => bytes[place] = random.random(),
        }
    }
    bytes
}

/// Two senders at once, each with its own seed, for `rounds` packets.
fn attack(broker: SocketAddr, senders: [&Device; 2], rounds: usize) {
    std::thread::scope(|scope| {
        for (seed, device) in senders.into_iter().enumerate() {
            scope.spawn(move || {
                let mut random = StdRng::seed_from_u64(seed as u64);
                for round in 0..rounds {
                    let mut line = match round % 2 {
                        0 => Line::open(broker),
                        _ => Line::enter(broker, if seed == 0 { 4 } else { 5 }, device),
                    };
                    for _ in 0..random.random_range(1..4) {
                        line.say(&broken_at_random(&mut random, device));
                    }
                    // Many announce much, bring little, and go without a word.
                    line.say(&[0x30, 0xff, 0xff, 0xff, 0x7f]);
                    line.say(&vec![random.random(); random.random_range(0..4096)]);
                }
            });
        }
    });
}

#[actix_web::test]
async fn two_senders_of_broken_packets_harm_nobody() {
    let all = ["H01", "H02", "H03"].map(Device::new);
    let [honest, one, two] = &all;
    let mut home = Home::with(&all).await;
    home.hand.move_to(crate::home::at(400));
    home.limit_packets(PACKET_BYTES_MAX).await;
    let listening = home.metering.listen().await.unwrap();
    let broker = listening.address();
    let checked = {
        let all = all.clone();
        tokio::task::spawn_blocking(move || check_all(broker, &all))
    };
    let (differences, cases) = checked.await.unwrap();
    println!("{cases} broken packets; Mosquitto does otherwise than the specification with:");
    differences.iter().for_each(|difference| println!("  {difference}"));

    // Warm, so that what is measured is what the attack leaves.
    let senders = [one.clone(), two.clone()];
    let rush = async |rounds| {
        let senders = senders.clone();
        let task =
            tokio::task::spawn_blocking(move || attack(broker, [&senders[0], &senders[1]], rounds));
        task.await.unwrap();
    };
    rush(ROUNDS).await;
    let before = memory_kib();
    rush(ROUNDS * 10).await;
    let grown = memory_kib().saturating_sub(before);
    assert!(grown < GROWTH_MAX_KIB, "{grown} KiB more");

    let honest = honest.clone();
    let served = tokio::task::spawn_blocking(move || {
        let mut line = Line::enter(broker, 4, &honest);
        line.say(&publish(&honest, 0b0010, 300));
        line.packet()
    });
    assert_eq!(served.await.unwrap(), Ok(vec![0x40, 2, 0, 9]));
    listening.stop().await;
    assert_eq!(home.stored_pages(&all[0]).await.last(), Some(&300));
}

/// Every packet to both brokers, with an honest client beside; says where Mosquitto differs, and
/// how many there were.
fn check_all(broker: SocketAddr, all: &[Device; 3]) -> (Vec<String>, usize) {
    let [honest, one, _] = all;
    let mut mosquitto = Mosquitto::start().unwrap();
    let theirs = SocketAddr::from(([127, 0, 0, 1], mosquitto.port()));
    let mut beside = Line::enter(broker, 4, honest);
    let (mut differences, cases) = (Vec::new(), forbidden(&one.topic()));
    for (page, broken) in (1..).zip(&cases) {
        let (done, last) = done_with(broker, one, broken);
        assert_eq!(done, Done::Closed, "{broken}");
        if broken.entered && broken.level == 5 {
            let told = (last.first(), last.get(2).is_some_and(|reason| *reason >= 0x80));
            assert_eq!(told, (Some(&0xe0), true), "{broken}: {last:?}");
        }
        beside.say(&publish(honest, 0b0010, page));
        assert_eq!(beside.packet(), Ok(vec![0x40, 2, 0, 9]), "beside {broken}");
        let (other, _) = done_with(theirs, one, broken);
        if other != done {
            differences.push(format!("{broken}: {other:?}"));
        }
    }
    assert!(mosquitto.is_running().unwrap());
    (differences, cases.len())
}

//! The broker alone: from publishers of QoS 1 to subscribers of QoS 1, ours against Mosquitto, by
//! the same clients with the same bytes. Behind ours stands nobody: nothing is verified and nothing
//! kept on either side. Every message comes once and in order, or the bench fails.

use std::sync::Barrier;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use testkit::Mosquitto;

use super::mqtt::{self, Line};
use super::server::{ALONE, BRIDGE, Server, devices};
use crate::measure::{Pair, alternate, count};
use crate::report::Row;

/// Messages of a publisher.
const MESSAGES: usize = 100_000;
/// Messages of a publisher that wait for their PUBACK.
const WINDOW: usize = 500;
/// Messages that a publisher is ahead of its subscriber at most: no broker shall have to choose
/// between memory and a subscriber's line.
const LEAD: usize = 2_000;
/// What is published: as long as a signed reading.
const PAYLOAD_BYTES: usize = 119;
/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 16;
/// Publishers, each with a subscriber of its own; and what is aimed at.
const CASES: [(usize, &str); 2] = [(1, "one publisher, one subscriber"), (2, "two of each")];
/// How many times Mosquitto's rate is aimed at.
const GOAL: f64 = 5.0;

/// Messages delivered a second.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (pairs, what) in CASES {
        let ours = || {
            let server = Server::start(ALONE, 0)?;
            let rate = through(server.port, pairs)?;
            server.stop()?;
            Ok(rate)
        };
        let theirs = || through(Mosquitto::quiet()?.port(), pairs);
        let pair: Pair = alternate(ours, theirs)?;
        let name = format!("the broker alone, QoS 1 to QoS 1, {what}; to Mosquitto");
        rows.push(Row::rate(name, "messages/s", &pair).aims_at(GOAL));
    }
    Ok(rows)
}

/// Messages a second from `pairs` publishers to their subscribers.
fn through(port: u16, pairs: usize) -> Result<f64> {
    let topics = devices(pairs).into_iter().map(|device| device.topic());
    let topics = Vec::from_iter(topics);
    let mut lines = Vec::new();
    for (place, topic) in topics.iter().enumerate() {
        let mut hearing = Line::open(port, &format!("hears{place}"), BRIDGE)?;
        hearing.subscribe(topic)?;
        lines.push((topic, Line::open(port, &format!("says{place}"), BRIDGE)?, hearing));
    }
    let begin = Barrier::new(2 * pairs + 1);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (topic, saying, hearing) in lines {
            let begin = &begin;
            let (tell, told) = channel();
            threads.push(scope.spawn(move || say(saying, topic, begin, &told)));
            threads.push(scope.spawn(move || hear(hearing, begin, &tell)));
        }
        begin.wait();
        let began = Instant::now();
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a client died"))??;
        }
        Ok(count(pairs * MESSAGES) / began.elapsed().as_secs_f64())
    })
}

fn packet_id(number: usize) -> u16 {
    u16::try_from(number % 65_535 + 1).expect("below 65 536")
}

fn payload(number: usize) -> [u8; PAYLOAD_BYTES] {
    let mut payload = [7; PAYLOAD_BYTES];
    payload[..8].copy_from_slice(&(number as u64).to_be_bytes());
    payload
}

/// Publishes, as far ahead of the PUBACKs as the window allows, and of the subscriber.
fn say(mut line: Line, topic: &str, begin: &Barrier, told: &Receiver<usize>) -> Result<()> {
    let messages: Vec<_> = (0..MESSAGES)
        .map(|number| mqtt::publish(topic, packet_id(number), &payload(number)))
        .collect();
    let (mut sent, mut acknowledged, mut room) = (0, 0, vec![0; READ_BYTES]);
    let (mut rest, mut heard) = (0, 0);
    begin.wait();
    while acknowledged < MESSAGES {
        heard = told.try_iter().last().unwrap_or(heard);
        let until = MESSAGES.min(acknowledged + WINDOW).min(heard + LEAD);
        if sent < until {
            line.say(&messages[sent..until].concat())?;
            sent = until;
        }
        if acknowledged == sent {
            heard = told.recv().context("the subscriber is gone")?;
            continue;
        }
        // A PUBACK has four bytes.
        rest += line.hear_some(&mut room)?;
        acknowledged += rest / 4;
        rest %= 4;
    }
    ensure!(acknowledged == MESSAGES && rest == 0, "{acknowledged} PUBACKs and {rest} bytes");
    Ok(())
}

/// Takes everything in, acknowledges it and looks that nothing is missing.
fn hear(mut line: Line, begin: &Barrier, tell: &Sender<usize>) -> Result<()> {
    let (mut heard, mut there, mut acknowledged) = (vec![0; 2 * READ_BYTES], 0, Vec::new());
    let mut number = 0;
    begin.wait();
    while number < MESSAGES {
        there += line.hear_some(&mut heard[there..])?;
        let mut at = 0;
        while let Some((header, length)) = mqtt::frame(&heard[at..there]) {
            let end = at + header + length;
            if end > there {
                break;
            }
            ensure!(heard[at] >> 4 == 3, "no PUBLISH but {:#x}", heard[at]);
            let body = &heard[at + header..end];
            let id = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
            ensure!(body[id + 2..] == payload(number), "message {number} is another");
            acknowledged.extend([0x40, 2, body[id], body[id + 1]]);
            number += 1;
            at = end;
        }
        heard.copy_within(at..there, 0);
        there -= at;
        line.say(&acknowledged)?;
        acknowledged.clear();
        // A publisher that has said everything listens no more.
        tell.send(number).ok();
    }
    Ok(())
}

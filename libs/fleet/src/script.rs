//! What one meter says, message by message, with the faults that were asked for.

use calendar::{SlotLength, Timestamp};
use keys::SecretKey;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reading::{MESSAGE_BYTES, Malformed, Reading, SignedReading, Status};
use reading::{decode_together, encode_together, is_together, sign_together};
use serde::{Deserialize, Serialize};
use units::Register;

use crate::device::Device;

/// The most readings of one message: what the broker takes.
pub const READINGS_MAX: usize = 16;
/// The version that these meters report.
const FIRMWARE: u32 = 1;
/// What flows in one slot at most, in Wh for each minute: 600 W.
const WH_PER_MINUTE_MAX: u64 = 10;
/// The most pages that a meter loses at once.
const GAP_PAGES_MAX: u32 = 5;
/// How far a clock goes wrong at most, in seconds.
const DRIFT_SECONDS_MAX: i64 = 120;
/// Of how many messages [`Faults`] count.
const PER_MILLE: u32 = 1000;

/// What is wrong with a message, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The message before, once more. It is stored once.
    Duplicate,
    /// A message that overtook the one before it. Both are stored.
    Reordered,
    /// Pages are missing before it. It is stored.
    Gap,
    /// Its time is not that of a slot. It is not believed.
    Drift,
    /// Another key signed it. It is not believed.
    Signature,
    /// Its payload is cut short. It is not believed.
    Payload,
    /// Bytes that are no MQTT: the broker ends the line.
    Packet,
}

impl Fault {
    /// Are the readings of such a message to be stored?
    pub const fn is_believed(self) -> bool {
        matches!(self, Fault::Duplicate | Fault::Reordered | Fault::Gap)
    }
}

/// How many of a thousand messages have each fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// See [`Fault::Duplicate`].
    pub duplicates: u32,
    /// See [`Fault::Reordered`].
    pub reordered: u32,
    /// See [`Fault::Gap`].
    pub gaps: u32,
    /// See [`Fault::Drift`].
    pub drift: u32,
    /// See [`Fault::Signature`].
    pub signatures: u32,
    /// See [`Fault::Payload`].
    pub payloads: u32,
    /// See [`Fault::Packet`].
    pub packets: u32,
}

impl Faults {
    fn all(&self) -> [(u32, Fault); 7] {
        [
            (self.duplicates, Fault::Duplicate),
            (self.reordered, Fault::Reordered),
            (self.gaps, Fault::Gap),
            (self.drift, Fault::Drift),
            (self.signatures, Fault::Signature),
            (self.payloads, Fault::Payload),
            (self.packets, Fault::Packet),
        ]
    }

    /// Whether they are no more than all messages.
    pub fn fit(&self) -> bool {
        let sum = self.all().iter().try_fold(0_u32, |sum, (rate, _)| sum.checked_add(*rate));
        sum.is_some_and(|sum| sum <= PER_MILLE)
    }

    /// What the next message has.
    fn draw(&self, random: &mut ChaCha8Rng) -> Option<Fault> {
        let mut place = random.random_range(0..PER_MILLE);
        for (rate, fault) in self.all() {
            if place < rate {
                return Some(fault);
            }
            place -= rate;
        }
        None
    }
}

/// Something to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The payload: readings one after the other or under one signature, unless it is broken.
    pub payload: Vec<u8>,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

/// The readings of a payload, and what is none of them.
pub(crate) fn readings(payload: &[u8]) -> impl Iterator<Item = Result<SignedReading, Malformed>> {
    let (together, alone) = match is_together(payload) {
        true => (decode_together(payload), &[][..]),
        false => (Ok(Vec::new()), payload),
    };
    let together = together.unwrap_or_else(|error| vec![Err(error)]);
    together.into_iter().chain(alone.chunks(MESSAGE_BYTES).map(SignedReading::decode))
}

impl Message {
    /// How many readings of it are to be believed.
    pub(crate) fn readings(&self) -> u64 {
        let believed = self.fault.is_none_or(Fault::is_believed);
        if believed { readings(&self.payload).count() as u64 } else { 0 }
    }
}

/// Where a meter begins, and how far it may go.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Its next page.
    pub page: u32,
    /// The time of that page: a slot's boundary.
    pub time: Timestamp,
    /// The last time that it may have, so that no message is ahead of the server's clock.
    pub until: Timestamp,
    /// Its register of what was taken from the grid.
    pub import: Register,
    /// Its register of what was fed in.
    pub export: Register,
}

/// One meter's messages, in the order in which they are sent; the same seed gives the same ones.
pub struct Script {
    device: Device,
    next: Start,
    slot: SlotLength,
    readings: usize,
    /// Whether the readings of a message have one signature.
    together: bool,
    faults: Faults,
    random: ChaCha8Rng,
    /// What was overtaken and comes next.
    overtaken: Option<Message>,
    /// What a duplicate repeats.
    last: Option<Vec<u8>>,
}

impl Script {
    /// What `device` says from `next` on, `readings` in a message, one a `slot`.
    pub fn new(
        device: Device,
        next: Start,
        slot: SlotLength,
        readings: usize,
        faults: Faults,
        seed: u64,
    ) -> Script {
        let readings = readings.clamp(1, READINGS_MAX);
        let random = ChaCha8Rng::seed_from_u64(seed);
        let (together, overtaken, last) = (false, None, None);
        Script { device, next, slot, readings, together, faults, random, overtaken, last }
    }

    /// The same with one signature for all readings of a message.
    pub fn signing_together(self, together: bool) -> Script {
        Script { together, ..self }
    }

    /// The next message; `None` when no slot is left until the last time that may be said.
    pub fn next_message(&mut self) -> Option<Message> {
        if let Some(message) = self.overtaken.take() {
            return Some(message);
        }
        let fault = self.faults.draw(&mut self.random);
        let message = match fault {
            Some(Fault::Duplicate) => {
                let Some(payload) = self.last.clone() else { return self.good(None) };
                Message { payload, fault }
            }
            Some(Fault::Reordered) => {
                self.overtaken = Some(self.good(None)?);
                // Where nothing is left to overtake it, it goes alone.
                match self.good(fault) {
                    Some(message) => message,
                    None => self.overtaken.take()?,
                }
            }
            Some(Fault::Gap) => {
                let lost = self.random.random_range(1..=GAP_PAGES_MAX);
                self.next.page = self.next.page.checked_add(lost)?;
                self.good(fault)?
            }
            Some(Fault::Packet) => Message { payload: crate::frames::BROKEN.to_vec(), fault },
            Some(Fault::Drift | Fault::Signature | Fault::Payload) => self.bad(fault)?,
            None => self.good(None)?,
        };
        Some(message)
    }

    /// Readings that count.
    fn good(&mut self, fault: Option<Fault>) -> Option<Message> {
        let readings: Vec<Reading> = (0..self.readings).map_while(|_| self.advance()).collect();
        let key = &self.device.key;
        let payload = match readings.len() {
            0 => return None,
            2.. if self.together => encode_together(&sign_together(&readings, key)),
            _ => readings.iter().flat_map(|reading| reading.sign(key).encode()).collect(),
        };
        self.last = Some(payload.clone());
        Some(Message { payload, fault })
    }

    /// One reading that does not count. The page stays free for the one that does.
    fn bad(&mut self, fault: Option<Fault>) -> Option<Message> {
        let before = self.next;
        let reading = self.advance()?;
        self.next = before;
        let payload = match fault {
            Some(Fault::Drift) => {
                let off = self.random.random_range(1..=DRIFT_SECONDS_MAX);
                let time = reading.time.plus_seconds(-off);
                Reading { time, ..reading }.sign(&self.device.key).encode()
            }
            Some(Fault::Signature) => {
                let mut bytes = [1; 32];
                self.random.fill(&mut bytes[16..]);
                let other = SecretKey::from_bytes(&bytes).expect("it is below the order");
                self.said(&reading, &other)
            }
            _ => {
                let mut payload = self.said(&reading, &self.device.key);
                payload.truncate(self.random.random_range(1..payload.len()));
                payload
            }
        };
        Some(Message { payload, fault })
    }

    /// A reading as this meter sends those that do not count: alone, or with one after it.
    fn said(&self, reading: &Reading, key: &SecretKey) -> Vec<u8> {
        if !self.together || self.readings == 1 {
            return reading.sign(key).encode();
        }
        let time = reading.time.plus_seconds(self.slot.seconds());
        let next = Reading { page: reading.page.saturating_add(1), time, ..*reading };
        encode_together(&sign_together(&[*reading, next], key))
    }

    /// The reading that is due, and the next one is then.
    fn advance(&mut self) -> Option<Reading> {
        let Start { page, time, until, import, export } = self.next;
        if time > until {
            return None;
        }
        let reading = Reading {
            meter: self.device.meter,
            page,
            time,
            import,
            export,
            status: Status::default(),
            firmware: FIRMWARE,
        };
        let most = u64::from(self.slot.minutes()) * WH_PER_MINUTE_MAX;
        let mut more = |register: Register| {
            Register::from_wh(register.wh() + self.random.random_range(0..=most))
        };
        let (import, export) = (more(import), more(export));
        let time = time.plus_seconds(self.slot.seconds());
        self.next = Start { page: page.checked_add(1)?, time, until, import, export };
        Some(reading)
    }

    /// The meter.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

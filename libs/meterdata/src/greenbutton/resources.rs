//! What a feed has said so far: which MeterReading is of which kind, and what waits for that.

use std::collections::{HashMap, VecDeque};

use super::block::{Reading, Stream, rejected};
use super::kind::Kind;
use crate::METERS_MAX;
use crate::amount::Carry;
use crate::import::Item;
use crate::record::Label;
use crate::rejection::{Code, Fault, Refusal};

/// The longest address of a link, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 1_024;
/// The most readings that wait for what says what they are.
pub const WAITING_MAX: usize = 262_144;

/// An address without scheme, host, query and a slash at its end.
pub(super) fn path(address: &str) -> &str {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => address,
    };
    path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/')
}

/// The part of a path up to and with the id of a resource of this name.
pub(super) fn up_to<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let at = path
        .rmatch_indices(name)
        .map(|(at, _)| at)
        .find(|at| path[..*at].ends_with('/') && path[at + name.len()..].starts_with('/'))?;
    let id = at + name.len() + 1;
    let end = path[id..].find('/').map_or(path.len(), |slash| id + slash);
    (end > id).then(|| &path[..end])
}

/// The last part of a path, with its escapes resolved.
pub(super) fn id(path: &str) -> Option<Label> {
    let last = path.rsplit('/').next()?;
    let mut bytes = Vec::with_capacity(last.len());
    let mut rest = last.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
                rest = after;
            }
            (b'%', _) => return None,
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Label::new(std::str::from_utf8(&bytes).ok()?).ok()
}

/// A MeterReading: the path of its kind, or the kind itself where it is written inside.
#[derive(Debug)]
struct MeterReading {
    meter: Label,
    channel: Label,
    kind: Result<Kind, String>,
}

/// Readings of one block, in their order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    readings: Vec<Reading>,
}

/// Everything that is remembered.
#[derive(Debug, Default)]
pub(super) struct Resources {
    kinds: HashMap<String, Kind>,
    meter_readings: HashMap<String, MeterReading>,
    /// Blocks, by the path of what they wait for, and the path of their MeterReading.
    waiting: HashMap<String, Vec<(String, Waiting)>>,
    waiting_count: usize,
}

impl Waiting {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }
}

impl Resources {
    /// What the readings of the MeterReading at `path` are; or the path of what is not known yet.
    pub(super) fn stream(&self, path: &str) -> Result<Stream, String> {
        let found = self.meter_readings.get(path).ok_or_else(|| path.to_owned())?;
        let kind = match &found.kind {
            Ok(kind) => kind,
            Err(path) => self.kinds.get(path).ok_or_else(|| path.clone())?,
        };
        let (meter, channel) = (found.meter.clone(), found.channel.clone());
        Ok(Stream { meter, channel, kind: *kind, meaning: kind.meaning() })
    }

    /// Learns of a ReadingType; what waits for it waits no more.
    pub(super) fn learn_kind(
        &mut self,
        path: &str,
        kind: Kind,
        line: u64,
        ready: &mut VecDeque<Item>,
    ) -> Result<(), Refusal> {
        bound("ReadingTypes", self.kinds.len(), line)?;
        self.kinds.insert(path.to_owned(), kind);
        self.release(path, ready);
        Ok(())
    }

    /// Learns of a MeterReading; what waits for it waits no more, or for its kind.
    pub(super) fn learn_meter_reading(
        &mut self,
        path: &str,
        kind: Result<Kind, String>,
        line: u64,
        ready: &mut VecDeque<Item>,
    ) -> Result<(), Refusal> {
        bound("MeterReadings", self.meter_readings.len(), line)?;
        let meter = up_to(path, "UsagePoint").and_then(id);
        let (Some(meter), Some(channel)) = (meter, id(path)) else {
            let why = format!("{path} names no UsagePoint, or one with an id that is no name");
            let fault = Fault::new(Code::Meter, "MeterReading/link", why);
            ready.push_back(rejected(line, fault));
            return Ok(());
        };
        self.meter_readings.insert(path.to_owned(), MeterReading { meter, channel, kind });
        self.release(path, ready);
        Ok(())
    }

    fn release(&mut self, path: &str, ready: &mut VecDeque<Item>) {
        for (meter_reading, block) in self.waiting.remove(path).unwrap_or_default() {
            self.give_out(&meter_reading, block, ready);
        }
    }

    /// Gives out a block of the MeterReading at `path`, or lets it wait.
    pub(super) fn give_out(&mut self, path: &str, block: Waiting, ready: &mut VecDeque<Item>) {
        match self.stream(path) {
            Ok(stream) => {
                let mut carry = Carry::default();
                self.waiting_count -= block.readings.len();
                let items = block.readings.iter();
                ready.extend(items.map(|reading| stream.item(reading, &mut carry)));
            }
            Err(missing) => self.wait(missing, path.to_owned(), block),
        }
    }

    /// Lets a block wait for what is at `missing`.
    pub(super) fn wait(&mut self, missing: String, meter_reading: String, block: Waiting) {
        self.waiting.entry(missing).or_default().push((meter_reading, block));
    }

    /// Lets a reading wait in `block`.
    pub(super) fn hold(&mut self, block: &mut Waiting, reading: Reading) -> Result<(), Refusal> {
        if self.waiting_count == WAITING_MAX {
            let why = format!(
                "{WAITING_MAX} readings came before what says what they are: entries of \
                 MeterReading and ReadingType have to stand before IntervalBlocks"
            );
            return Err(Refusal::new(reading.line, Code::TooMany, why));
        }
        self.waiting_count += 1;
        block.readings.push(reading);
        Ok(())
    }

    /// Gives up a block that nothing can be learned of.
    pub(super) fn give_up(&mut self, block: Waiting, why: &str, ready: &mut VecDeque<Item>) {
        self.waiting_count -= block.readings.len();
        for reading in block.readings {
            let fault = Fault::new(Code::Unrelated, "IntervalBlock/link", why.to_owned());
            ready.push_back(rejected(reading.line, fault));
        }
    }

    /// Gives up all that waits, in the order of lines: nothing more comes.
    pub(super) fn end(&mut self, ready: &mut VecDeque<Item>) {
        let mut left: Vec<(String, Waiting)> = Vec::new();
        for (missing, blocks) in self.waiting.drain() {
            left.extend(blocks.into_iter().map(|(_, block)| (missing.clone(), block)));
        }
        left.sort_by_key(|(_, block)| block.readings.first().map(|reading| reading.line));
        for (missing, block) in left {
            self.give_up(block, &format!("the feed has no entry {missing}"), ready);
        }
    }
}

fn bound(what: &str, count: usize, line: u64) -> Result<(), Refusal> {
    if count < METERS_MAX {
        return Ok(());
    }
    Err(Refusal::new(line, Code::TooMany, format!("a feed has {METERS_MAX} {what} at most")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_their_host() {
        let there = "https://host:8443/espi/1_1/resource/ReadingType/07/?x=1";
        assert_eq!(path(there), "/espi/1_1/resource/ReadingType/07");
        assert_eq!(path("/espi/1_1/resource/ReadingType/07"), path(there));
        let block = "/r/UsagePoint/5446AF3F/MeterReading/01/IntervalBlock/173";
        assert_eq!(up_to(block, "MeterReading"), Some("/r/UsagePoint/5446AF3F/MeterReading/01"));
        assert_eq!(up_to(block, "UsagePoint"), Some("/r/UsagePoint/5446AF3F"));
        assert_eq!(up_to("/r/UsagePoint", "UsagePoint"), None);
        assert_eq!(up_to("/r/UsagePoint/", "UsagePoint"), None);
    }

    #[test]
    fn ids_may_be_escaped() {
        assert_eq!(id("/r/UsagePoint/a%2Fb%C3%A9").unwrap().as_str(), "a/bé");
        for bad in ["/r/%", "/r/%2", "/r/%zz", "/r/%ff", "/r/%0a", "/r/"] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }
}

//! Writing a feed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;

use calendar::{SlotLength, Timestamp};
use uuid::Uuid;

use super::clock::LocalTime;
use super::quality::Qualities;
use super::{ATOM, ESPI};
use crate::METERS_MAX;
use crate::export::{Export, Written, put};
use crate::record::{Direction, IntervalRecord, Label};
use crate::rejection::{Code, Fault};

/// The most readings of one block: a day of five minutes.
pub const BLOCK_READINGS_MAX: usize = 288;
/// The most blocks, each of another channel, that are written to at the same time; then the one
/// that was opened first is closed.
pub const BLOCKS_OPEN_MAX: usize = 1_024;
/// The largest value: `Int48` of the schema.
const VALUE_MAX: u64 = (1 << 47) - 1;
/// What addresses in the feed begin with.
const RESOURCE: &str = "/espi/1_1/resource";
/// Version 5 ids are made of addresses (RFC 9562).
const NAMESPACE: &Uuid = &Uuid::NAMESPACE_URL;

/// Writes a feed. Readings of a channel that follow each other go into one block, up to
/// [`BLOCK_READINGS_MAX`]; what a block refers to is written before it.
#[derive(Debug)]
pub struct Writer {
    created: Timestamp,
    local_time: Option<LocalTime>,
    meters: HashSet<Label>,
    streams: HashMap<Key, Direction>,
    kinds: HashSet<(Direction, SlotLength)>,
    open: HashMap<Key, Block>,
    /// Of the open blocks, in the order in which they were opened; may name closed ones.
    order: VecDeque<(Key, u64)>,
    blocks: u64,
    begun: bool,
    written: Written,
}

/// A meter and its channel.
type Key = (Label, Label);

/// Readings without a gap.
#[derive(Debug)]
struct Block {
    number: u64,
    start: Timestamp,
    end: Timestamp,
    count: usize,
    /// Its IntervalReadings as XML.
    text: Vec<u8>,
}

impl Writer {
    /// Writes a feed that says it is of `created`, and what clock hangs on the wall.
    pub fn new(created: Timestamp, local_time: Option<LocalTime>) -> Writer {
        Writer {
            created,
            local_time,
            meters: HashSet::new(),
            streams: HashMap::new(),
            kinds: HashSet::new(),
            open: HashMap::new(),
            order: VecDeque::new(),
            blocks: 0,
            begun: false,
            written: Written::default(),
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let address = format!("{RESOURCE}/Batch/Subscription/1");
        let (id, created) = (uuid(&address), self.created);
        put(
            out,
            format_args!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"{ATOM}\">\n\
                 <id>urn:uuid:{id}</id>\n<title>Interval data</title>\n\
                 <updated>{created}</updated>\n<link rel=\"self\" href=\"{address}\"/>\n"
            ),
        );
        if let Some(clock) = self.local_time {
            let content = format!(
                "<LocalTimeParameters xmlns=\"{ESPI}\">\
                 <dstEndRule>{:08X}</dstEndRule><dstOffset>{}</dstOffset>\
                 <dstStartRule>{:08X}</dstStartRule><tzOffset>{}</tzOffset>\
                 </LocalTimeParameters>",
                clock.end, clock.summer, clock.start, clock.offset
            );
            self.entry(&clock_address(), &[], content.as_bytes(), out);
        }
    }

    /// An entry of the feed.
    fn entry(&self, own: &str, related: &[String], content: &[u8], out: &mut Vec<u8>) {
        let up = own.rsplit_once('/').map_or(own, |(up, _)| up);
        let (id, created) = (uuid(own), self.created);
        put(
            out,
            format_args!(
                "<entry>\n<id>urn:uuid:{id}</id>\n<link rel=\"self\" href=\"{own}\"/>\n\
                 <link rel=\"up\" href=\"{up}\"/>\n"
            ),
        );
        for address in related {
            put(out, format_args!("<link rel=\"related\" href=\"{address}\"/>\n"));
        }
        out.extend_from_slice(b"<title/>\n<content>\n");
        out.extend_from_slice(content);
        put(
            out,
            format_args!(
                "\n</content>\n<published>{created}</published>\n<updated>{created}</updated>\n\
                 </entry>\n"
            ),
        );
    }

    /// Writes what the readings of the record's channel refer to, unless it is there already.
    fn introduce(&mut self, record: &IntervalRecord, out: &mut Vec<u8>) -> Result<(), Fault> {
        let IntervalRecord { meter, channel, direction, length, .. } = record;
        let key = (meter.clone(), channel.clone());
        match self.streams.get(&key) {
            Some(known) if known == direction => return Ok(()),
            Some(known) => {
                let why = format!("{channel} of {meter} was {} before", known.name());
                return Err(Fault::new(Code::Direction, "direction", why));
            }
            None => {}
        }
        if self.streams.len() == METERS_MAX {
            let why = format!("a feed has {METERS_MAX} channels at most");
            return Err(Fault::new(Code::TooMany, "channel", why));
        }
        let point = point(meter);
        if self.meters.insert(meter.clone()) {
            let mut related = vec![format!("{point}/MeterReading")];
            related.extend(self.local_time.map(|_| clock_address()));
            let content = format!(
                "<UsagePoint xmlns=\"{ESPI}\"><ServiceCategory><kind>0</kind></ServiceCategory>\
                 </UsagePoint>"
            );
            self.entry(&point, &related, content.as_bytes(), out);
        }
        let kind = format!("{RESOURCE}/ReadingType/{}-{}", direction.name(), length.minutes());
        if self.kinds.insert((*direction, *length)) {
            let flow = if *direction == Direction::Import { 1 } else { 19 };
            let content = format!(
                "<ReadingType xmlns=\"{ESPI}\"><accumulationBehaviour>4</accumulationBehaviour>\
                 <commodity>1</commodity><flowDirection>{flow}</flowDirection>\
                 <intervalLength>{}</intervalLength><kind>12</kind>\
                 <powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom></ReadingType>",
                length.seconds()
            );
            self.entry(&kind, &[], content.as_bytes(), out);
        }
        let own = meter_reading(&key);
        let related = [format!("{own}/IntervalBlock"), kind];
        let content = format!("<MeterReading xmlns=\"{ESPI}\"/>");
        self.entry(&own, &related, content.as_bytes(), out);
        self.streams.insert(key, *direction);
        Ok(())
    }

    /// The block that the record goes into.
    fn block(&mut self, key: &Key, record: &IntervalRecord, out: &mut Vec<u8>) -> &mut Block {
        let fits = |block: &Block| block.end == record.start && block.count < BLOCK_READINGS_MAX;
        if self.open.get(key).is_some_and(|block| !fits(block)) {
            self.close(key, out);
        }
        if !self.open.contains_key(key) {
            while self.open.len() == BLOCKS_OPEN_MAX {
                let Some((oldest, number)) = self.order.pop_front() else { break };
                if self.open.get(&oldest).is_some_and(|block| block.number == number) {
                    self.close(&oldest, out);
                }
            }
            self.blocks += 1;
            self.order.push_back((key.clone(), self.blocks));
            // Names of closed blocks are forgotten from time to time.
            if self.order.len() > 2 * BLOCKS_OPEN_MAX {
                let open = &self.open;
                let number = |key: &Key| open.get(key).map(|block| block.number);
                let latest = self.blocks;
                self.order.retain(|(key, own)| number(key) == Some(*own) || *own == latest);
            }
        }
        let (number, start) = (self.blocks, record.start);
        let empty = Block { number, start, end: start, count: 0, text: Vec::new() };
        self.open.entry(key.clone()).or_insert(empty)
    }

    fn close(&mut self, key: &Key, out: &mut Vec<u8>) {
        let Some(block) = self.open.remove(key) else { return };
        let own = format!("{}/IntervalBlock/{}", meter_reading(key), block.number);
        let duration = block.end.seconds_since(block.start);
        let start = block.start.seconds();
        let mut content = Vec::with_capacity(block.text.len() + 200);
        put(
            &mut content,
            format_args!(
                "<IntervalBlock xmlns=\"{ESPI}\">\n<interval><duration>{duration}</duration>\
                 <start>{start}</start></interval>\n"
            ),
        );
        content.extend_from_slice(&block.text);
        content.extend_from_slice(b"</IntervalBlock>");
        self.entry(&own, &[], &content, out);
    }
}

impl Export for Writer {
    fn put(&mut self, record: &IntervalRecord, out: &mut Vec<u8>) -> Result<(), Fault> {
        let qualities = Qualities::of(record.quality, record.code.as_ref());
        let Some((qualities, recoded)) = qualities else {
            let why = "in ESPI a missing interval is one that is not there";
            return Err(Fault::new(Code::Quality, "quality", why));
        };
        if record.energy.wh() > VALUE_MAX {
            let why = format!("a value of ESPI is {VALUE_MAX} at most");
            return Err(Fault::new(Code::TooLarge, "energy_wh", why));
        }
        self.begin(out);
        self.introduce(record, out)?;
        let key = (record.meter.clone(), record.channel.clone());
        let block = self.block(&key, record, out);
        let (start, duration) = (record.start.seconds(), record.length.seconds());
        let text = &mut block.text;
        text.extend_from_slice(b"<IntervalReading>");
        for code in qualities.numbers() {
            let quality =
                format_args!("<ReadingQuality><quality>{code}</quality></ReadingQuality>");
            put(text, quality);
        }
        put(
            text,
            format_args!(
                "<timePeriod><duration>{duration}</duration><start>{start}</start></timePeriod>\
                 <value>{}</value></IntervalReading>\n",
                record.energy.wh()
            ),
        );
        block.count += 1;
        block.end = record.start.plus_seconds(duration);
        self.written.records += 1;
        self.written.recoded += u64::from(recoded);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        for (key, _) in std::mem::take(&mut self.order) {
            self.close(&key, out);
        }
        out.extend_from_slice(b"</feed>\n");
    }

    fn written(&self) -> Written {
        self.written
    }
}

fn uuid(address: &str) -> Uuid {
    Uuid::new_v5(NAMESPACE, address.as_bytes())
}

fn clock_address() -> String {
    format!("{RESOURCE}/LocalTimeParameters/1")
}

fn point(meter: &Label) -> String {
    format!("{RESOURCE}/Subscription/1/UsagePoint/{}", escaped(meter))
}

fn meter_reading((meter, channel): &Key) -> String {
    format!("{}/MeterReading/{}", point(meter), escaped(channel))
}

/// A label as a part of an address: all but unreserved characters escaped (RFC 3986).
fn escaped(label: &Label) -> String {
    let mut part = String::with_capacity(label.as_str().len());
    // An id that reads like a resource's name would be taken for one.
    let reserved = ["UsagePoint", "MeterReading", "ReadingType"].contains(&label.as_str());
    for (place, byte) in label.as_str().bytes().enumerate() {
        match byte {
            _ if reserved && place == 0 => {
                write!(part, "%{byte:02X}").expect("memory takes what is written");
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                part.push(char::from(byte));
            }
            _ => write!(part, "%{byte:02X}").expect("memory takes what is written"),
        }
    }
    part
}

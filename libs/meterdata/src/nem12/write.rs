//! Writing NEM12.

use std::collections::{HashMap, HashSet};

use calendar::{LocalDay, SlotLength, TimeZone, Timestamp};
use units::Energy;

use super::{DAY_SECONDS, nmi, quality, stream};
use crate::METERS_MAX;
use crate::export::{Export, Written, put, put_number};
use crate::record::{Direction, IntervalRecord, Label};
use crate::rejection::{Code, Fault};

/// The most days, each of another stream, that are not complete at the same time.
pub const DAYS_OPEN_MAX: usize = 4_096;
/// Who the file is from and to.
const PARTICIPANT: &str = "WATTEX";
/// The second characters of suffixes, in the order in which they are given out.
const NUMBERS: &[u8] = b"123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Writes a file. A day is written as soon as it is complete, or when its stream goes on with
/// another; what is not there of it is written as missing (quality N). So the records of a stream
/// have to come in order of their days.
///
/// A channel that is no suffix gets the first that is free, E1 on for import and B1 on for export.
/// Reason codes and serial numbers of meters are not known, and stay empty.
#[derive(Debug)]
pub struct Writer {
    zone: TimeZone,
    created: Timestamp,
    /// By meter, channel and direction.
    suffixes: HashMap<(Label, Label, Direction), Suffix>,
    taken: HashSet<(Label, Suffix)>,
    open: HashMap<(Label, Suffix), Day>,
    /// The last day of each stream that is written.
    done: HashMap<(Label, Suffix), LocalDay>,
    /// Of the last 200.
    stream: Option<(Label, Suffix, SlotLength)>,
    begun: bool,
    written: Written,
}

type Suffix = [u8; 2];

/// A day that is being filled.
#[derive(Debug)]
struct Day {
    date: LocalDay,
    start: Timestamp,
    length: SlotLength,
    /// Energy and flag.
    values: Vec<Option<(Energy, Label)>>,
    count: usize,
}

impl Writer {
    /// Writes days of `zone`, see [`super::market_zone`], in a file that says it is of `created`.
    pub fn new(zone: TimeZone, created: Timestamp) -> Writer {
        Writer {
            zone,
            created,
            suffixes: HashMap::new(),
            taken: HashSet::new(),
            open: HashMap::new(),
            done: HashMap::new(),
            stream: None,
            begun: false,
            written: Written::default(),
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !self.begun {
            let created = self.stamp();
            let minute = &created[..12];
            put(out, format_args!("100,NEM12,{minute},{PARTICIPANT},{PARTICIPANT}\r\n"));
        }
        self.begun = true;
    }

    /// When the file was made, as `YYYYMMDDhhmmss` of its clock.
    fn stamp(&self) -> String {
        let local = self.zone.local(self.created);
        let second = self.created.seconds().rem_euclid(60);
        let (hour, minute) = (local.minute / 60, local.minute % 60);
        format!("{}{hour:02}{minute:02}{second:02}", date(local.day))
    }

    /// The suffix of the record's stream.
    fn suffix(&mut self, record: &IntervalRecord) -> Result<Suffix, Fault> {
        let IntervalRecord { meter, channel, direction, .. } = record;
        let key = (meter.clone(), channel.clone(), *direction);
        if let Some(suffix) = self.suffixes.get(&key) {
            return Ok(*suffix);
        }
        let bad = |code, text: String| Err(Fault::new(code, "channel", text));
        if self.suffixes.len() == METERS_MAX {
            return bad(Code::TooMany, format!("a file has {METERS_MAX} streams at most"));
        }
        let own = stream::suffix(channel.as_str()).ok().filter(|own| own == direction);
        let suffix = match own {
            Some(_) => {
                let bytes = channel.as_str().as_bytes();
                let suffix = [bytes[0], bytes[1]];
                if self.taken.contains(&(meter.clone(), suffix)) {
                    return bad(Code::Channel, format!("{channel} was given to another channel"));
                }
                suffix
            }
            None => {
                let first = if *direction == Direction::Import { b'E' } else { b'B' };
                let free = |number: &u8| !self.taken.contains(&(meter.clone(), [first, *number]));
                let Some(number) = NUMBERS.iter().copied().find(free) else {
                    return bad(Code::Channel, format!("{meter} has too many channels"));
                };
                self.written.renamed += 1;
                [first, number]
            }
        };
        self.taken.insert((meter.clone(), suffix));
        self.suffixes.insert(key, suffix);
        Ok(suffix)
    }

    /// The day that the record is in, and its place; a day that is left behind is written.
    fn place(
        &mut self,
        record: &IntervalRecord,
        suffix: Suffix,
        out: &mut Vec<u8>,
    ) -> Result<usize, Fault> {
        let key = (record.meter.clone(), suffix);
        let within = |day: &Day| {
            let after = record.start.seconds_since(day.start);
            day.length == record.length && (0..DAY_SECONDS).contains(&after)
        };
        if self.open.get(&key).is_none_or(|day| !within(day)) {
            let day = Day::new(record, &self.zone)?;
            if self.done.get(&key).is_some_and(|done| day.date <= *done) {
                let why = format!("{} or a later day of it is written already", day.date);
                return Err(Fault::new(Code::RecordOrder, "start", why));
            }
            if let Some(left) = self.open.remove(&key) {
                self.write(&key, &left, out);
            }
            if self.open.len() == DAYS_OPEN_MAX {
                let why = format!(
                    "{DAYS_OPEN_MAX} days are not complete: records have to be sorted by meter"
                );
                return Err(Fault::new(Code::TooMany, "start", why));
            }
            self.open.insert(key.clone(), day);
        }
        let day = &self.open[&key];
        let place = usize::try_from(record.start.seconds_since(day.start) / day.length.seconds());
        let place = place.unwrap_or(usize::MAX);
        match day.values.get(place) {
            Some(None) => Ok(place),
            _ => Err(Fault::new(Code::Duplicate, "start", "this interval is there already")),
        }
    }

    /// Writes a day, below a 200 of its own where the last is of another stream.
    fn write(&mut self, key: &(Label, Suffix), day: &Day, out: &mut Vec<u8>) {
        let (meter, [first, second]) = key;
        let suffix = [*first, *second].map(char::from);
        let [first, second] = suffix;
        let stream = (meter.clone(), key.1, day.length);
        if self.stream.as_ref() != Some(&stream) {
            let minutes = day.length.minutes();
            let name = format!("{first}{second}");
            put(out, format_args!("200,{meter},{name},{name},{name},,,kWh,{minutes},\r\n"));
            self.stream = Some(stream);
        }
        put(out, format_args!("300,{}", date(day.date)));
        for value in &day.values {
            let wh = value.as_ref().map_or(0, |(energy, _)| energy.wh());
            out.push(b',');
            put_number(wh / 1000, out);
            // Zeros in front of decimals count: a one keeps their place, and becomes the point.
            let decimals = out.len();
            put_number(1000 + wh % 1000, out);
            out[decimals] = b'.';
        }
        self.done.insert(key.clone(), day.date);
        self.written.filled += (day.values.len() - day.count) as u64;
        let runs = day.runs();
        let flag = if let [(_, _, flag)] = runs.as_slice() { flag } else { "V" };
        put(out, format_args!(",{flag},,,{},\r\n", self.stamp()));
        if runs.len() > 1 {
            for (from, to, flag) in runs {
                put(out, format_args!("400,{from},{to},{flag},,\r\n"));
            }
        }
    }
}

impl Day {
    /// The empty day that the record is in.
    fn new(record: &IntervalRecord, zone: &TimeZone) -> Result<Day, Fault> {
        let date = zone.day_of(record.start);
        let (start, end) = (zone.start_of(date), zone.start_of(date.next()));
        if end.seconds_since(start) != DAY_SECONDS {
            let why = format!("{date} does not have 24 hours in {}", zone.name());
            return Err(Fault::new(Code::Time, "start", why));
        }
        let (minutes, length) = (record.length.minutes(), record.length);
        if minutes > 30 {
            let why = format!("NEM12 has intervals of 5, 15 and 30 minutes, not of {minutes}");
            return Err(Fault::new(Code::Length, "minutes", why));
        }
        if record.start.seconds_since(start) % length.seconds() != 0 {
            let why = format!("{} is not a multiple of {minutes} minutes", record.start);
            return Err(Fault::new(Code::Alignment, "start", why));
        }
        let values = vec![None; 24 * 60 / usize::from(minutes)];
        Ok(Day { date, start, length, values, count: 0 })
    }

    /// Intervals of one flag in a row: the first, the last, the flag.
    fn runs(&self) -> Vec<(usize, usize, &str)> {
        let mut runs: Vec<(usize, usize, &str)> = Vec::new();
        for (place, value) in (1..).zip(&self.values) {
            let flag = value.as_ref().map_or("N", |(_, flag)| flag.as_str());
            match runs.last_mut() {
                Some((_, to, last)) if *last == flag => *to = place,
                _ => runs.push((place, place, flag)),
            }
        }
        runs
    }
}

impl Export for Writer {
    fn put(&mut self, record: &IntervalRecord, out: &mut Vec<u8>) -> Result<(), Fault> {
        if nmi::read(record.meter.as_str()).as_ref() != Ok(&record.meter) {
            let why = format!("{} is not an NMI: ten letters and digits", record.meter);
            return Err(Fault::new(Code::Meter, "meter", why));
        }
        let flag = quality::code(record.quality, record.code.as_ref());
        let Some((flag, recoded)) = flag else {
            let why = format!("NEM12 has no flag for {}", record.quality.name());
            return Err(Fault::new(Code::Quality, "quality", why));
        };
        let flag = match &record.code {
            Some(code) if code.as_str() == flag => code.clone(),
            _ => Label::new(flag).expect("a flag is a label"),
        };
        self.begin(out);
        let suffix = self.suffix(record)?;
        let place = self.place(record, suffix, out)?;
        let key = (record.meter.clone(), suffix);
        let day = self.open.get_mut(&key).expect("the place is in it");
        day.values[place] = Some((record.energy, flag));
        day.count += 1;
        if day.count == day.values.len() {
            let day = self.open.remove(&key).expect("it is complete");
            self.write(&key, &day, out);
        }
        self.written.records += 1;
        self.written.recoded += u64::from(recoded);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        let mut left: Vec<_> = self.open.drain().collect();
        left.sort_by(|one, other| one.0.cmp(&other.0));
        for (key, day) in left {
            self.write(&key, &day, out);
        }
        put(out, format_args!("900\r\n"));
    }

    fn written(&self) -> Written {
        self.written
    }
}

/// `20240229`.
fn date(day: LocalDay) -> String {
    day.to_string().replace('-', "")
}

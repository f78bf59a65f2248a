//! Writing a table.

use std::collections::{HashMap, VecDeque};

use calendar::Timestamp;
use units::Decimal;

use super::mapping::{BadMapping, Column, Layout, Mapping, Meter};
use super::{TimeLabel, clock::Shown};
use crate::METERS_MAX;
use crate::export::{Export, Written};
use crate::lines::put_field;
use crate::record::{IntervalRecord, Label, Quality};
use crate::rejection::{Code, Fault};

/// The most rows that wait for more of their values; then the first is written with what it has.
pub const ROWS_OPEN_MAX: usize = 4_096;

/// Writes a table. Values of one meter, time and code of quality share a row where they come near
/// each other; rows are written in the order in which they begin.
#[derive(Debug)]
pub struct Writer {
    layout: Layout,
    /// By meter, the last start of every column of energy and the number of the row that has it.
    meters: HashMap<Label, Vec<Option<(Timestamp, u64)>>>,
    rows: VecDeque<Row>,
    /// The numbers of open rows; the front one has the number `first`.
    open: HashMap<Key, u64>,
    first: u64,
    begun: bool,
    written: Written,
}

/// Meter, start and code of quality.
type Key = (Label, Timestamp, Option<String>);

#[derive(Debug)]
struct Row {
    key: Key,
    time: String,
    /// In watt-hours.
    values: Vec<Option<u64>>,
}

impl Row {
    fn is_complete(&self) -> bool {
        self.values.iter().all(Option::is_some)
    }
}

impl Writer {
    /// Writes a file that is laid out as `mapping` says.
    pub fn new(mapping: &Mapping) -> Result<Writer, BadMapping> {
        Ok(Writer {
            layout: mapping.layout()?,
            meters: HashMap::new(),
            rows: VecDeque::new(),
            open: HashMap::new(),
            first: 0,
            begun: false,
            written: Written::default(),
        })
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let mapping = &self.layout.mapping;
        for _ in 0..mapping.skip_lines {
            out.push(b'\n');
        }
        if mapping.header {
            let mut cells = vec![String::new(); self.width()];
            let name = |column: &Column, otherwise: &str| match column {
                Column::Name(name) => name.clone(),
                Column::Number(_) => otherwise.to_owned(),
            };
            let mut put = |place: usize, column: &Column, otherwise: &str| {
                cells[place] = name(column, otherwise);
            };
            let mut place = 0..;
            let mut next = |column: &Column| match column {
                Column::Number(number) => number - 1,
                Column::Name(_) => place.next().unwrap_or_default(),
            };
            for column in &mapping.time.columns {
                put(next(column), column, "time");
            }
            if let Meter::Column { column } = &mapping.meter {
                put(next(column), column, "meter");
            }
            for (column, channel) in mapping.energy.iter().zip(&self.layout.channels) {
                put(next(&column.column), &column.column, channel.as_str());
            }
            if let Some(quality) = &mapping.quality {
                put(next(&quality.column), &quality.column, "quality");
            }
            self.line(&cells, out);
        }
    }

    /// How many cells a row has.
    fn width(&self) -> usize {
        let columns = self.layout.mapping.columns();
        let count = columns.len();
        let number = |column: &Column| match column {
            Column::Number(number) => *number,
            Column::Name(_) => count,
        };
        columns.into_iter().map(number).max().unwrap_or_default()
    }

    fn line(&self, cells: &[String], out: &mut Vec<u8>) {
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                out.push(self.layout.separator);
            }
            put_field(cell, self.layout.separator, out);
        }
        out.push(b'\n');
    }

    /// Which column of energy the record is in.
    fn column(&self, record: &IntervalRecord) -> Result<usize, Fault> {
        let mapping = &self.layout.mapping;
        if record.length != mapping.minutes {
            let (own, all) = (record.length.minutes(), mapping.minutes.minutes());
            let why = format!("{own} minutes, where the mapping has {all}");
            return Err(Fault::new(Code::Length, "minutes", why));
        }
        if let Meter::Fixed { fixed } = &mapping.meter
            && *fixed != record.meter
        {
            let why = format!("{}, where the mapping has only {fixed}", record.meter);
            return Err(Fault::new(Code::Meter, "meter", why));
        }
        let channels = self.layout.channels.iter().zip(&mapping.energy);
        let found = channels.enumerate().find(|(_, (channel, energy))| {
            **channel == record.channel && energy.direction == record.direction
        });
        let name = record.direction.name();
        let why = || format!("the mapping has no column for {} ({name})", record.channel);
        found.map(|(place, _)| place).ok_or_else(|| Fault::new(Code::Channel, "channel", why()))
    }

    /// The code for a record's quality, and whether it is another than its own.
    fn code(&self, record: &IntervalRecord) -> Result<(Option<String>, bool), Fault> {
        let none = |why: &str| {
            let why = format!("the mapping has no {why} for {}", record.quality.name());
            Err(Fault::new(Code::Quality, "quality", why))
        };
        if self.layout.mapping.quality.is_none() {
            return match record.quality {
                Quality::Measured => Ok((None, record.code.is_some())),
                _ => none("column"),
            };
        }
        let own = record.code.as_ref().map_or("", Label::as_str);
        if self.layout.codes.get(own).is_some_and(|(quality, _)| *quality == record.quality) {
            return Ok((Some(own.to_owned()), false));
        }
        let mut codes = self.layout.codes.iter();
        match codes.find(|(_, (quality, _))| *quality == record.quality) {
            Some((code, _)) => Ok((Some(code.clone()), true)),
            None => none("code"),
        }
    }

    /// The record's time as the file has it: what a reader takes for this time and no other.
    fn time(&self, record: &IntervalRecord, last: Option<Timestamp>) -> Result<String, Fault> {
        let Layout { clock, pattern, mapping, .. } = &self.layout;
        let ends = mapping.time.label == TimeLabel::End;
        let back = if ends { record.length.seconds() } else { 0 };
        let moment = record.start.plus_seconds(back);
        let Shown { day, second, offset } = clock.show(moment);
        let text = pattern.write(day, second, offset, moment.seconds());
        let last = last.map(|last| last.plus_seconds(back));
        let read = pattern.read(&text).and_then(|read| clock.moment(read, last, &text).ok());
        if read == Some(moment) {
            return Ok(text);
        }
        let (code, why) = if read.is_some() && !pattern.has_offset() {
            (Code::TimeAmbiguous, "a reader takes it for another moment")
        } else {
            (Code::Time, "the pattern does not say it")
        };
        Err(Fault::new(code, "start", format!("{}: {why}", record.start)))
    }

    /// Writes the rows in front that are complete, or more than may wait.
    fn flush(&mut self, all: bool, out: &mut Vec<u8>) {
        while let Some(row) = self.rows.front() {
            if !all && !row.is_complete() && self.rows.len() <= ROWS_OPEN_MAX {
                return;
            }
            let Some(row) = self.rows.pop_front() else { return };
            if self.open.get(&row.key) == Some(&self.first) {
                self.open.remove(&row.key);
            }
            self.first += 1;
            self.row(&row, out);
        }
    }

    fn row(&self, row: &Row, out: &mut Vec<u8>) {
        let mapping = &self.layout.mapping;
        let mut values = Vec::new();
        let times = row.time.splitn(mapping.time.columns.len(), ' ');
        values.extend(mapping.time.columns.iter().zip(times.map(str::to_owned)));
        if let Meter::Column { column } = &mapping.meter {
            values.push((column, row.key.0.as_str().to_owned()));
        }
        for (energy, value) in mapping.energy.iter().zip(&row.values) {
            let scale = u32::from(energy.unit.exponent().unsigned_abs());
            let text = |wh: &u64| Decimal::new(i128::from(*wh), scale).to_string();
            let text = value.as_ref().map(text).unwrap_or_default();
            values.push((&energy.column, text.replace('.', &mapping.decimal.to_string())));
        }
        if let Some(quality) = &mapping.quality {
            values.push((&quality.column, row.key.2.clone().unwrap_or_default()));
        }
        let mut cells = vec![String::new(); self.width()];
        for (place, (column, value)) in values.into_iter().enumerate() {
            let place = if let Column::Number(number) = column { number - 1 } else { place };
            cells[place] = value;
        }
        self.line(&cells, out);
    }
}

impl Export for Writer {
    fn put(&mut self, record: &IntervalRecord, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.begin(out);
        let column = self.column(record)?;
        let (code, recoded) = self.code(record)?;
        let lasts = self.meters.get(&record.meter);
        if lasts.is_none() && self.meters.len() == METERS_MAX {
            let why = format!("a file has {METERS_MAX} meters at most");
            return Err(Fault::new(Code::TooMany, "meter", why));
        }
        let last = lasts.and_then(|lasts| lasts[column]);
        let time = self.time(record, last.map(|(start, _)| start))?;
        let count = self.layout.channels.len();
        let lasts = self.meters.entry(record.meter.clone()).or_insert_with(|| vec![None; count]);
        let key = (record.meter.clone(), record.start, code);
        // In a row before the column's last one it would come before it in the file, and where
        // clocks are set back both may show the same time.
        let after = |number: &&u64| last.is_none_or(|(_, last)| **number > last);
        let (open, first) = (self.open.get(&key).filter(after), self.first);
        let open = open.and_then(|number| usize::try_from(number - first).ok());
        let free = open.and_then(|place| self.rows.get_mut(place));
        let (number, row) = match free.filter(|row| row.values[column].is_none()).zip(open) {
            Some((row, place)) => (first + place as u64, row),
            None => {
                let number = first + self.rows.len() as u64;
                self.open.insert(key.clone(), number);
                self.rows.push_back(Row { key, time, values: vec![None; count] });
                (number, self.rows.back_mut().expect("it was just put there"))
            }
        };
        row.values[column] = Some(record.energy.wh());
        lasts[column] = Some((record.start, number));
        self.written.records += 1;
        self.written.recoded += u64::from(recoded);
        self.flush(false, out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        self.flush(true, out);
    }

    fn written(&self) -> Written {
        self.written
    }
}

//! Reading a table.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::io::BufRead;

use calendar::{LocalDay, Timestamp};

use super::TimeLabel;
use super::mapping::{BadMapping, COLUMNS_MAX, Column, Layout, Mapping, Meter};
use super::pattern::Written;
use crate::METERS_MAX;
use crate::amount::{Amount, Carry};
use crate::import::{Item, Items};
use crate::lines::{Lines, fields};
use crate::record::{IntervalRecord, Label, Quality, START_SECONDS};
use crate::rejection::{Code, Fault, Refusal, Rejection, quote};

/// Reads a table.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    rows: Rows,
    /// Lines above the header, or the first row, that are still to come.
    above: usize,
    ready: VecDeque<Item>,
}

impl<R: BufRead> Reader<R> {
    /// Reads from `source`, which is laid out as `mapping` says.
    pub fn new(source: R, mapping: &Mapping) -> Result<Reader<R>, BadMapping> {
        let layout = mapping.layout()?;
        let places = (!mapping.header).then(|| Places::numbered(mapping));
        let rows = Rows { layout, places, meters: HashMap::new() };
        let above = mapping.skip_lines;
        Ok(Reader { lines: Lines::new(source), rows, above, ready: VecDeque::new() })
    }

    fn row(&mut self) -> Result<(), Refusal> {
        let line = self.lines.number();
        if self.above > 0 {
            self.above -= 1;
            return Ok(());
        }
        let text = match self.lines.text() {
            Ok(text) => text,
            Err(why) if self.rows.places.is_none() => {
                return Err(Refusal::new(line, Code::Encoding, why));
            }
            Err(why) => {
                let fault = Fault::new(Code::Encoding, "line", why);
                self.ready.push_back(Item::Rejected(Rejection { line, column: None, fault }));
                return Ok(());
            }
        };
        if text.trim().is_empty() {
            return Ok(());
        }
        if self.rows.places.is_none() {
            self.rows.places = Some(Places::named(text, line, &self.rows.layout)?);
            return Ok(());
        }
        match self.rows.row(line, text, &mut self.ready)? {
            Ok(()) => {}
            Err((column, fault)) => {
                self.ready.push_back(Item::Rejected(Rejection { line, column, fault }));
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Items for Reader<R> {
    fn next_item(&mut self) -> Result<Option<Item>, Refusal> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if !self.lines.advance()? {
                if self.rows.places.is_none() {
                    let why = "the file has no header";
                    return Err(Refusal::new(self.lines.number(), Code::Empty, why));
                }
                return Ok(None);
            }
            self.row()?;
        }
    }

    fn byte(&self) -> u64 {
        self.lines.byte()
    }

    fn line(&self) -> u64 {
        self.lines.number()
    }
}

/// A fault and the number of its column, from 1.
type Misplaced = (Option<usize>, Fault);

/// Where the columns of a mapping are, from 0.
#[derive(Debug)]
struct Places {
    time: Vec<usize>,
    meter: Option<usize>,
    energy: Vec<usize>,
    quality: Option<usize>,
    /// How many cells a row has at least.
    needed: usize,
    /// How many it has at most, not counting empty ones.
    allowed: usize,
}

impl Places {
    fn numbered(mapping: &Mapping) -> Places {
        let place = |column: &Column| match column {
            Column::Number(number) => number.saturating_sub(1),
            Column::Name(_) => 0,
        };
        Places::of(mapping, place, COLUMNS_MAX)
    }

    fn of(mapping: &Mapping, place: impl Fn(&Column) -> usize, allowed: usize) -> Places {
        let meter = match &mapping.meter {
            Meter::Column { column } => Some(place(column)),
            Meter::Fixed { .. } => None,
        };
        Places {
            time: mapping.time.columns.iter().map(&place).collect(),
            meter,
            energy: mapping.energy.iter().map(|energy| place(&energy.column)).collect(),
            quality: mapping.quality.as_ref().map(|quality| place(&quality.column)),
            needed: mapping
                .columns()
                .into_iter()
                .map(|column| place(column) + 1)
                .max()
                .unwrap_or(0),
            allowed,
        }
    }

    fn named(header: &str, line: u64, layout: &Layout) -> Result<Places, Refusal> {
        let refused = |why: String| Refusal::new(line, Code::Header, why);
        let names = fields(header, layout.separator);
        let names =
            names.ok_or_else(|| refused("a quote of the header is not closed".to_owned()))?;
        if names.len() > COLUMNS_MAX {
            return Err(refused(format!("there are more than {COLUMNS_MAX} columns")));
        }
        let place = |name: &str| names.iter().position(|known| known == name);
        for column in layout.mapping.columns() {
            let count = match column {
                Column::Name(name) => names.iter().filter(|known| *known == name).count(),
                Column::Number(number) => usize::from(*number <= names.len()),
            };
            let shown = match column {
                Column::Name(name) => quote(name),
                Column::Number(number) => number.to_string(),
            };
            match count {
                1 => {}
                0 => return Err(refused(format!("the file has no column {shown}"))),
                _ => return Err(refused(format!("the file has the column {shown} twice"))),
            }
        }
        let place = |column: &Column| match column {
            Column::Name(name) => place(name).unwrap_or_default(),
            Column::Number(number) => number.saturating_sub(1),
        };
        Ok(Places::of(&layout.mapping, place, names.len()))
    }
}

/// What a column of one meter had last.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    start: Option<Timestamp>,
    day: Option<LocalDay>,
    carry: Carry,
}

/// What rows mean.
#[derive(Debug)]
struct Rows {
    layout: Layout,
    /// `None` until the header was read.
    places: Option<Places>,
    /// By meter, of every column of energy.
    meters: HashMap<Label, Vec<Last>>,
}

impl Rows {
    /// Takes a row, whole or not at all.
    fn row(
        &mut self,
        line: u64,
        text: &str,
        ready: &mut VecDeque<Item>,
    ) -> Result<Result<(), Misplaced>, Refusal> {
        let Some(places) = &self.places else { return Ok(Ok(())) };
        let cells = match cells(text, self.layout.separator, places) {
            Ok(cells) => cells,
            Err(fault) => return Ok(Err((None, fault))),
        };
        let meter = match (&self.layout.mapping.meter, places.meter) {
            (Meter::Fixed { fixed }, _) => Cow::Borrowed(fixed.as_str()),
            (_, Some(place)) => cells[place].clone(),
            (Meter::Column { .. }, None) => Cow::Borrowed(""),
        };
        let known = self.meters.get_key_value(meter.as_ref());
        let (meter, lasts) = match known {
            Some((meter, lasts)) => (meter.clone(), lasts.clone()),
            None => match Label::new(&meter) {
                Ok(meter) => (meter, vec![Last::default(); places.energy.len()]),
                Err(error) => {
                    let why = format!("{}: {error}", quote(&meter));
                    let column = places.meter.map(|place| place + 1);
                    return Ok(Err((column, Fault::new(Code::Meter, "meter", why))));
                }
            },
        };
        let row = Row { layout: &self.layout, places, cells: &cells, meter: &meter };
        let (records, lasts) = match row.records(lasts) {
            Ok(done) => done,
            Err(misplaced) => return Ok(Err(misplaced)),
        };
        if !self.meters.contains_key(&meter) && self.meters.len() == METERS_MAX {
            let why = format!("a file has {METERS_MAX} meters at most");
            return Err(Refusal::new(line, Code::TooMany, why));
        }
        self.meters.insert(meter, lasts);
        ready.extend(records.into_iter().map(Item::Record));
        Ok(Ok(()))
    }
}

/// The cells of a row, as many as there have to be.
fn cells<'t>(text: &'t str, separator: u8, places: &Places) -> Result<Vec<Cow<'t, str>>, Fault> {
    let fault = |why: String| Fault::new(Code::FieldCount, "line", why);
    let cells = fields(text, separator);
    let cells = cells.ok_or_else(|| fault("a quote is not closed".to_owned()))?;
    let extra = cells.iter().skip(places.allowed).any(|cell| !cell.is_empty());
    if cells.len() < places.needed || extra {
        let why = if extra { places.allowed } else { places.needed };
        let bound = if extra { "at most" } else { "at least" };
        return Err(fault(format!("{} cells, where there are {bound} {why}", cells.len())));
    }
    Ok(cells)
}

/// A row that is being read.
struct Row<'r> {
    layout: &'r Layout,
    places: &'r Places,
    cells: &'r [Cow<'r, str>],
    meter: &'r Label,
}

impl Row<'_> {
    /// Its records, and what its meter has last then.
    fn records(&self, mut lasts: Vec<Last>) -> Result<(Vec<IntervalRecord>, Vec<Last>), Misplaced> {
        let (quality, code) = self.quality()?;
        let said = |place: &usize| !self.cells[*place].is_empty();
        let empty = !self.places.energy.iter().any(said);
        if empty && quality != Quality::Missing {
            let column = self.places.energy.first().map(|place| place + 1);
            return Err((column, Fault::new(Code::Value, "energy", "nothing stands here")));
        }
        // Of a row without any value all values are missing.
        let taken = |place: &usize| empty || said(place);
        let columns = self.places.energy.iter().zip(&lasts);
        let last =
            columns.filter(|(place, _)| taken(place)).filter_map(|(_, last)| last.start).max();
        let (start, day) = self.time(last)?;
        let mut records = Vec::with_capacity(lasts.len());
        for (number, place) in self.places.energy.iter().enumerate() {
            if !taken(place) {
                continue;
            }
            let last = &mut lasts[number];
            if last.day != Some(day) {
                *last = Last { day: Some(day), ..Last::default() };
            }
            last.start = Some(start);
            let column = &self.layout.mapping.energy[number];
            let text = self.cells[*place].as_ref();
            let fault = |bad: crate::amount::BadAmount| {
                (Some(place + 1), bad.fault(shown(&column.column), text))
            };
            let exponent = column.unit.exponent();
            let amount = match text {
                "" => Amount::ZERO,
                _ => Amount::parse(text, self.layout.decimal, exponent).map_err(fault)?,
            };
            records.push(IntervalRecord {
                meter: self.meter.clone(),
                channel: self.layout.channels[number].clone(),
                direction: column.direction,
                start,
                length: self.layout.mapping.minutes,
                energy: last.carry.take(amount).map_err(fault)?,
                quality,
                code: code.clone(),
            });
        }
        Ok((records, lasts))
    }

    /// The interval's start, and the day that it is in as its clock shows it.
    fn time(&self, last: Option<Timestamp>) -> Result<(Timestamp, LocalDay), Misplaced> {
        let column = self.places.time.first().map(|place| place + 1);
        let text = match self.places.time.as_slice() {
            [one] => self.cells[*one].clone(),
            many => {
                let parts: Vec<&str> =
                    many.iter().map(|place| self.cells[*place].as_ref()).collect();
                parts.join(" ").into()
            }
        };
        let Some(written) = self.layout.pattern.read(&text) else {
            let pattern = &self.layout.mapping.time.pattern;
            let why = format!("{} is not a time as {pattern} says", quote(&text));
            return Err((column, Fault::new(Code::Time, "time", why)));
        };
        let length = self.layout.mapping.minutes.seconds();
        let ends = self.layout.mapping.time.label == TimeLabel::End;
        let back = if ends { length } else { 0 };
        let last = last.map(|last| last.plus_seconds(back));
        let moment = self.layout.clock.moment(written, last, &text);
        let moment = moment.map_err(|fault| (column, fault))?;
        let start = moment.plus_seconds(-back);
        if start.seconds() % START_SECONDS != 0 || moment.seconds() < back {
            let why = format!("{start} is not a multiple of five minutes");
            return Err((column, Fault::new(Code::Alignment, "time", why)));
        }
        let day = match written {
            Written::Local { day, second, .. } if i64::from(second) < back => day.later(-1),
            Written::Local { day, .. } => day,
            Written::Epoch(_) => self.layout.clock.show(start).day,
        };
        Ok((start, day))
    }

    fn quality(&self) -> Result<(Quality, Option<Label>), Misplaced> {
        let Some(place) = self.places.quality else { return Ok((Quality::Measured, None)) };
        let code = self.cells[place].as_ref();
        self.layout.codes.get(code).cloned().ok_or_else(|| {
            let why = format!("the mapping does not say what {} means", quote(code));
            (Some(place + 1), Fault::new(Code::Quality, "quality", why))
        })
    }
}

/// A column's name, or number.
fn shown(column: &Column) -> String {
    match column {
        Column::Name(name) => name.clone(),
        Column::Number(number) => format!("column {number}"),
    }
}

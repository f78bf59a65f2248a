//! One record a line, as JSON or CSV: what every other format is turned into.
//!
//! ```text
//! {"meter":"NMI1234567","channel":"E1","direction":"import","start":"2023-02-28T14:00:00Z",
//!  "minutes":5,"energy_wh":48,"quality":"measured","code":"A"}            (in one line)
//!
//! meter,channel,direction,start,minutes,energy_wh,quality,code
//! NMI1234567,E1,import,2023-02-28T14:00:00Z,5,48,measured,A
//! ```
//!
//! `code` is absent, or empty, where the file had none. Times are UTC.

use std::collections::VecDeque;
use std::io::BufRead;

use calendar::{SlotLength, Timestamp};
use serde::Deserialize;
use units::Energy;

use crate::export::{Export, Written, put_number};
use crate::import::{Item, Items};
use crate::lines::{Lines, fields, put_field};
use crate::record::{Direction, INTERVAL_WH_MAX, IntervalRecord, Label, Quality, START_SECONDS};
use crate::rejection::{Code, Fault, Refusal, Rejection, quote};

/// The columns of the CSV form, in order.
pub const COLUMNS: [&str; 8] =
    ["meter", "channel", "direction", "start", "minutes", "energy_wh", "quality", "code"];

const DAY_SECONDS: i64 = 86_400;
/// Bytes of a date such as 2024-02-29.
const DATE_BYTES: usize = 10;

/// Which of the two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A JSON object a line.
    Json,
    /// CSV with a header.
    Csv,
}

/// A record as text has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    meter: Label,
    channel: Label,
    direction: Direction,
    start: Timestamp,
    minutes: SlotLength,
    energy_wh: u64,
    quality: Quality,
    #[serde(default)]
    code: Option<Label>,
}

impl Row {
    fn record(self) -> Result<IntervalRecord, Fault> {
        if self.start.seconds() % START_SECONDS != 0 {
            let text = format!("{} is not a multiple of five minutes", self.start);
            return Err(Fault::new(Code::Alignment, "start", text));
        }
        if self.energy_wh > INTERVAL_WH_MAX {
            let text = format!("{} is more than {INTERVAL_WH_MAX} Wh", self.energy_wh);
            return Err(Fault::new(Code::TooLarge, "energy_wh", text));
        }
        Ok(IntervalRecord {
            meter: self.meter,
            channel: self.channel,
            direction: self.direction,
            start: self.start,
            length: self.minutes,
            energy: Energy::from_wh(self.energy_wh),
            quality: self.quality,
            code: self.code,
        })
    }
}

/// Reads records; which form they have, the first line shows.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    form: Option<Form>,
    ready: VecDeque<Item>,
}

impl<R: BufRead> Reader<R> {
    /// Reads from `source`.
    pub fn new(source: R) -> Reader<R> {
        Reader { lines: Lines::new(source), form: None, ready: VecDeque::new() }
    }

    fn row(&mut self) -> Result<(), Refusal> {
        let line = self.lines.number();
        let text = match self.lines.text() {
            Ok(text) => text,
            Err(why) => {
                let fault = Fault::new(Code::Encoding, "line", why);
                self.ready.push_back(Item::Rejected(Rejection { line, column: None, fault }));
                return Ok(());
            }
        };
        if text.trim().is_empty() {
            return Ok(());
        }
        let record = match self.form {
            None if text.starts_with('{') => {
                self.form = Some(Form::Json);
                json(text)
            }
            None if fields(text, b',').is_some_and(|header| header == COLUMNS) => {
                self.form = Some(Form::Csv);
                return Ok(());
            }
            None => {
                let text = format!(
                    "neither a JSON object nor the header {}: these are not records",
                    COLUMNS.join(",")
                );
                return Err(Refusal::new(line, Code::Kind, text));
            }
            Some(Form::Json) => json(text),
            Some(Form::Csv) => csv(text),
        };
        let record = record.and_then(|row| row.record().map_err(|fault| (None, fault)));
        self.ready.push_back(match record {
            Ok(record) => Item::Record(record),
            Err((column, fault)) => Item::Rejected(Rejection { line, column, fault }),
        });
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

/// A fault, and in which column.
type Misplaced = (Option<usize>, Fault);

fn json(text: &str) -> Result<Row, Misplaced> {
    serde_json::from_str(text).map_err(|error| {
        // The line is ours; theirs is always 1.
        let said = error.to_string();
        let why = said.split(" at line ").next().unwrap_or_default().to_owned();
        (Some(error.column()), Fault::new(Code::Value, "object", why))
    })
}

fn csv(text: &str) -> Result<Row, Misplaced> {
    let unsplit = || {
        let why = format!("{} fields are needed, and every quote closed", COLUMNS.len());
        (None, Fault::new(Code::FieldCount, "line", why))
    };
    let cells = fields(text, b',').filter(|cells| cells.len() == COLUMNS.len());
    let cells = cells.ok_or_else(unsplit)?;
    let bad = |column: usize, code: Code| {
        let why = format!("{} is not one", quote(&cells[column]));
        (Some(column + 1), Fault::new(code, COLUMNS[column], why))
    };
    let label = |column: usize, code| Label::new(&cells[column]).map_err(|_| bad(column, code));
    let directions = [Direction::Import, Direction::Export];
    let direction = directions.into_iter().find(|direction| direction.name() == cells[2]);
    let quality = Quality::ALL.into_iter().find(|quality| quality.name() == cells[6]);
    let minutes = cells[4].parse().ok().and_then(|minutes| SlotLength::from_minutes(minutes).ok());
    Ok(Row {
        meter: label(0, Code::Meter)?,
        channel: label(1, Code::Channel)?,
        direction: direction.ok_or_else(|| bad(2, Code::Direction))?,
        start: cells[3].parse().map_err(|_| bad(3, Code::Time))?,
        minutes: minutes.ok_or_else(|| bad(4, Code::Length))?,
        energy_wh: cells[5].parse().map_err(|_| bad(5, Code::Value))?,
        quality: quality.ok_or_else(|| bad(6, Code::Quality))?,
        code: if cells[7].is_empty() { None } else { Some(label(7, Code::Quality)?) },
    })
}

/// Writes records.
#[derive(Debug)]
pub struct Writer {
    form: Form,
    written: Written,
    begun: bool,
    date: Date,
}

impl Writer {
    /// Writes in this form.
    pub fn new(form: Form) -> Writer {
        Writer { form, written: Written::default(), begun: false, date: Date::default() }
    }

    /// Goes on in a file that has its header already.
    pub fn continued(form: Form) -> Writer {
        Writer { begun: true, ..Writer::new(form) }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !self.begun && self.form == Form::Csv {
            out.extend_from_slice(COLUMNS.join(",").as_bytes());
            out.push(b'\n');
        }
        self.begun = true;
    }
}

impl Export for Writer {
    fn put(&mut self, record: &IntervalRecord, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.begin(out);
        match self.form {
            Form::Json => put_json(record, &mut self.date, out),
            Form::Csv => put_csv(record, &mut self.date, out),
        }
        self.written.records += 1;
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
    }

    fn written(&self) -> Written {
        self.written
    }
}

fn put_json(record: &IntervalRecord, date: &mut Date, out: &mut Vec<u8>) {
    let IntervalRecord { meter, channel, direction, start, length, energy, quality, code } = record;
    out.extend_from_slice(b"{\"meter\":");
    put_text(meter.as_str(), out);
    out.extend_from_slice(b",\"channel\":");
    put_text(channel.as_str(), out);
    out.extend_from_slice(b",\"direction\":\"");
    out.extend_from_slice(direction.name().as_bytes());
    out.extend_from_slice(b"\",\"start\":\"");
    date.put(*start, out);
    out.extend_from_slice(b"\",\"minutes\":");
    put_number(u64::from(length.minutes()), out);
    out.extend_from_slice(b",\"energy_wh\":");
    put_number(energy.wh(), out);
    out.extend_from_slice(b",\"quality\":\"");
    out.extend_from_slice(quality.name().as_bytes());
    out.push(b'"');
    if let Some(code) = code {
        out.extend_from_slice(b",\"code\":");
        put_text(code.as_str(), out);
    }
    out.extend_from_slice(b"}\n");
}

fn put_csv(record: &IntervalRecord, date: &mut Date, out: &mut Vec<u8>) {
    let IntervalRecord { meter, channel, direction, start, length, energy, quality, code } = record;
    put_field(meter.as_str(), b',', out);
    out.push(b',');
    put_field(channel.as_str(), b',', out);
    out.push(b',');
    out.extend_from_slice(direction.name().as_bytes());
    out.push(b',');
    date.put(*start, out);
    out.push(b',');
    put_number(u64::from(length.minutes()), out);
    out.push(b',');
    put_number(energy.wh(), out);
    out.push(b',');
    out.extend_from_slice(quality.name().as_bytes());
    out.push(b',');
    put_field(code.as_ref().map_or("", Label::as_str), b',', out);
    out.push(b'\n');
}

/// A JSON string.
fn put_text(text: &str, out: &mut Vec<u8>) {
    if text.bytes().all(|byte| byte != b'"' && byte != b'\\' && byte >= b' ') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("memory takes what is written");
    }
}

/// The last date that was written: most records are of the day of the one before, and making a date
/// of a moment took as long as all the rest of a record.
#[derive(Debug, Default)]
struct Date {
    /// Days since 1970, and one more; 0 for none.
    day: i64,
    text: String,
}

impl Date {
    /// Appends a moment.
    fn put(&mut self, moment: Timestamp, out: &mut Vec<u8>) {
        let (day, second) = (moment.seconds() / DAY_SECONDS, moment.seconds() % DAY_SECONDS);
        if self.day != day + 1 {
            self.day = day + 1;
            self.text = moment.to_string();
            self.text.truncate(DATE_BYTES);
        }
        out.extend_from_slice(self.text.as_bytes());
        let digits = |number: i64| {
            let digit = |number: i64| b'0' + u8::try_from(number).unwrap_or_default();
            [digit(number / 10), digit(number % 10)]
        };
        for (before, number) in
            [(b'T', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)]
        {
            out.push(before);
            out.extend_from_slice(&digits(number));
        }
        out.push(b'Z');
    }
}

//! Why a row, or a file, is not taken.

use std::borrow::Cow;
use std::fmt;

/// The most characters of a file that are repeated in a text about it.
pub const QUOTE_CHARS_MAX: usize = 60;

/// Reasons, each with a name that never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The file, or what is to become of it, cannot be read or written.
    Io,
    /// There is nothing in it.
    Empty,
    /// Another kind of file.
    Kind,
    /// It ends before its end.
    Truncated,
    /// A line, an element or a name is longer than a limit.
    Size,
    /// More meters, channels or waiting readings than a limit.
    TooMany,
    /// Not UTF-8.
    Encoding,
    /// Not well-formed XML.
    Xml,
    /// A document type, or an entity that XML itself does not have.
    XmlEntity,
    /// Elements in elements, too deep.
    XmlDepth,
    /// A column that the mapping names is not there.
    Header,
    /// The file is not the one that the position is of.
    Position,
    /// A record where it may not be.
    RecordOrder,
    /// A record of no known kind.
    RecordType,
    /// Too few or too many fields.
    FieldCount,
    /// Too few or too many values for a day.
    IntervalCount,
    /// No name of a meter.
    Meter,
    /// No name of a channel, or one that contradicts the rest.
    Channel,
    /// No unit, or none that is known.
    Unit,
    /// Neither import nor export.
    Direction,
    /// Another length than 5, 15, 30 or 60 minutes.
    Length,
    /// No date, or no time.
    Time,
    /// A local time that clocks skip.
    TimeSkipped,
    /// A local time that clocks show twice, and nothing says which is meant.
    TimeAmbiguous,
    /// A start that is no multiple of five minutes.
    Alignment,
    /// No number.
    Value,
    /// Below zero.
    Negative,
    /// Digits below 1e-9 Wh.
    Precision,
    /// Above the largest number.
    TooLarge,
    /// A code of quality that is not known, or cannot be written.
    Quality,
    /// Ranges of quality that do not cover the day.
    QualityRanges,
    /// The interval is there already.
    Duplicate,
    /// An interval that no meter reading, or no type of reading, belongs to.
    Unrelated,
    /// Something after the end.
    AfterEnd,
    /// Left out: reactive energy.
    Reactive,
    /// Left out: another quantity than energy of electricity.
    NotEnergy,
    /// Left out: registers or demands, not energy of intervals.
    NotIntervals,
    /// Left out: import minus export, or their sum.
    Net,
    /// Left out: a check meter, which repeats another stream.
    CheckMeter,
}

impl Code {
    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Code::Io => "IO",
            Code::Empty => "EMPTY",
            Code::Kind => "KIND",
            Code::Truncated => "TRUNCATED",
            Code::Size => "SIZE",
            Code::TooMany => "TOO_MANY",
            Code::Encoding => "ENCODING",
            Code::Xml => "XML",
            Code::XmlEntity => "XML_ENTITY",
            Code::XmlDepth => "XML_DEPTH",
            Code::Header => "HEADER",
            Code::Position => "POSITION",
            Code::RecordOrder => "RECORD_ORDER",
            Code::RecordType => "RECORD_TYPE",
            Code::FieldCount => "FIELD_COUNT",
            Code::IntervalCount => "INTERVAL_COUNT",
            Code::Meter => "METER",
            Code::Channel => "CHANNEL",
            Code::Unit => "UNIT",
            Code::Direction => "DIRECTION",
            Code::Length => "LENGTH",
            Code::Time => "TIME",
            Code::TimeSkipped => "TIME_SKIPPED",
            Code::TimeAmbiguous => "TIME_AMBIGUOUS",
            Code::Alignment => "ALIGNMENT",
            Code::Value => "VALUE",
            Code::Negative => "NEGATIVE",
            Code::Precision => "PRECISION",
            Code::TooLarge => "TOO_LARGE",
            Code::Quality => "QUALITY",
            Code::QualityRanges => "QUALITY_RANGES",
            Code::Duplicate => "DUPLICATE",
            Code::Unrelated => "UNRELATED",
            Code::AfterEnd => "AFTER_END",
            Code::Reactive => "REACTIVE",
            Code::NotEnergy => "NOT_ENERGY",
            Code::NotIntervals => "NOT_INTERVALS",
            Code::Net => "NET",
            Code::CheckMeter => "CHECK_METER",
        }
    }

    /// Whether the row is well understood and only not wanted: nobody has to mend the file.
    pub const fn left_out(self) -> bool {
        matches!(
            self,
            Code::Reactive | Code::NotEnergy | Code::NotIntervals | Code::Net | Code::CheckMeter
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A reason and what to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The reason.
    pub code: Code,
    /// The column, element or field.
    pub field: Cow<'static, str>,
    /// A sentence for people.
    pub text: String,
}

impl Fault {
    /// A fault of a field.
    pub(crate) fn new(
        code: Code,
        field: impl Into<Cow<'static, str>>,
        text: impl Into<String>,
    ) -> Fault {
        Fault { code, field: field.into(), text: text.into() }
    }
}

/// A row that is not taken; reading goes on after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {}{}: {} ({})", in_column(.column), .fault.field, .fault.text, .fault.code)]
pub struct Rejection {
    /// The line, from 1; in XML the line where the element's tag ends.
    pub line: u64,
    /// The field's number in the line, from 1, where lines have fields.
    pub column: Option<usize>,
    /// What is wrong.
    pub fault: Fault,
}

fn in_column(column: &Option<usize>) -> String {
    column.map_or_else(String::new, |column| format!("column {column}, "))
}

/// Why a file is not read any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text} ({code})")]
pub struct Refusal {
    /// The line, from 1.
    pub line: u64,
    /// The reason.
    pub code: Code,
    /// A sentence for people.
    pub text: String,
}

impl Refusal {
    /// A refusal at a line.
    pub(crate) fn new(line: u64, code: Code, text: impl Into<String>) -> Refusal {
        Refusal { line, code, text: text.into() }
    }
}

/// A part of a file, as it is repeated to people: short, in quotes, without control characters.
pub(crate) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

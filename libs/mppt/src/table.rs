//! Tables of text with a line of headers, and what is wrong with them.

use csv::{ByteRecord, ReaderBuilder, Trim};

/// A file is no larger than this, in bytes.
pub const FILE_BYTES_MAX: usize = 256 << 20;
/// Lines of a file at most: a minute's values of seven years.
pub const LINES_MAX: usize = 4_000_000;
/// Columns of a file at most.
pub const COLUMNS_MAX: usize = 1_000;
/// An error shows no more characters of a file than this.
const SHOWN_MAX: usize = 40;

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// It is no table.
    #[error("line {line}: {reason}")]
    Table {
        /// From 1.
        line: u64,
        /// What the reader says.
        reason: String,
    },
    /// It is larger than any that is read.
    #[error("too large: at most {most} {unit}")]
    TooLarge {
        /// The limit.
        most: usize,
        /// Of what.
        unit: &'static str,
    },
    /// A column is not there.
    #[error("no column {column:?}; there are {found}")]
    NoColumn {
        /// Which one.
        column: String,
        /// Those there are.
        found: String,
    },
    /// A value is not what its column holds.
    #[error("line {line}, column {column:?}: {value:?} is not {rule}")]
    Value {
        /// From 1.
        line: u64,
        /// Which one.
        column: String,
        /// What is written there.
        value: String,
        /// What should be.
        rule: String,
    },
}

impl Malformed {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Malformed::Table { .. } => "mppt.file.table",
            Malformed::TooLarge { .. } => "mppt.file.too_large",
            Malformed::NoColumn { .. } => "mppt.file.no_column",
            Malformed::Value { .. } => "mppt.file.value",
        }
    }
}

/// A table in memory.
#[derive(Debug)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<(u64, ByteRecord)>,
}

/// A line of it.
#[derive(Debug, Clone, Copy)]
pub struct Line<'t> {
    table: &'t Table,
    number: u64,
    record: &'t ByteRecord,
}

impl Table {
    /// Reads comma-separated values with one line of headers; quotes as in RFC 4180.
    ///
    /// # Errors
    /// [`Malformed`] where a line has another number of fields than the first, or there is more
    /// than is read.
    pub fn read(bytes: &[u8]) -> Result<Table, Malformed> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(Malformed::TooLarge { most: FILE_BYTES_MAX, unit: "bytes" });
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bytes);
        let failed = |error: csv::Error| Malformed::Table {
            line: error.position().map_or(1, csv::Position::line),
            reason: error.to_string(),
        };
        let found = reader.byte_headers().map_err(failed)?;
        let headers: Vec<String> =
            found.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        if headers.len() > COLUMNS_MAX {
            return Err(Malformed::TooLarge { most: COLUMNS_MAX, unit: "columns" });
        }
        let mut rows = Vec::new();
        for record in reader.into_byte_records() {
            let record = record.map_err(failed)?;
            if rows.len() == LINES_MAX {
                return Err(Malformed::TooLarge { most: LINES_MAX, unit: "lines" });
            }
            rows.push((record.position().map_or(0, csv::Position::line), record));
        }
        Ok(Table { headers, rows })
    }

    /// The names of its columns.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The place of the column with this name, whatever its case.
    ///
    /// # Errors
    /// [`Malformed::NoColumn`].
    pub fn column(&self, name: &str) -> Result<usize, Malformed> {
        let place = self.headers.iter().position(|header| header.eq_ignore_ascii_case(name));
        place.ok_or_else(|| Malformed::NoColumn {
            column: name.to_owned(),
            found: shown(&self.headers.join(", "), 10 * SHOWN_MAX),
        })
    }

    /// Its lines below the headers.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = Line<'_>> {
        self.rows.iter().map(|(number, record)| Line { table: self, number: *number, record })
    }
}

/// So many characters of a text at most.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let cut: String = text.chars().take(most).collect();
    if cut.len() < text.len() { format!("{cut}...") } else { cut }
}

impl<'t> Line<'t> {
    /// Its number, from 1, as an editor counts.
    pub fn number_in_file(&self) -> u64 {
        self.number
    }

    /// The text of a column; empty where it is no UTF-8.
    pub fn text(&self, column: usize) -> &'t str {
        self.record.get(column).and_then(|cell| std::str::from_utf8(cell).ok()).unwrap_or("")
    }

    /// The finite number of a column.
    ///
    /// # Errors
    /// [`Malformed::Value`].
    pub fn number(&self, column: usize) -> Result<f64, Malformed> {
        let number = self.text(column).parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| self.refused_at(column, "a finite number"))
    }

    /// The number of a column, or `None` where it is empty or says that there is none.
    ///
    /// # Errors
    /// [`Malformed::Value`].
    pub fn number_or_gap(&self, column: usize) -> Result<Option<f64>, Malformed> {
        const GAPS: [&str; 6] = ["", "nan", "na", "n/a", "null", "none"];
        let text = self.text(column);
        let is_text = self.record.get(column).is_some_and(|cell| cell.len() == text.len());
        if is_text && GAPS.iter().any(|gap| text.eq_ignore_ascii_case(gap)) {
            return Ok(None);
        }
        self.number(column).map(Some)
    }

    /// The refusal of what a column holds.
    pub fn refused(&self, column: &str, rule: &str) -> Malformed {
        let place = self.table.column(column).unwrap_or(0);
        self.refused_at(place, rule)
    }

    /// The same by the place of the column.
    pub fn refused_at(&self, column: usize, rule: &str) -> Malformed {
        let cell = String::from_utf8_lossy(self.record.get(column).unwrap_or_default());
        Malformed::Value {
            line: self.number,
            column: shown(self.table.headers.get(column).map_or("", String::as_str), SHOWN_MAX),
            value: shown(&cell, SHOWN_MAX),
            rule: rule.to_owned(),
        }
    }
}

//! What is wrong with a tariff file: every fault in one go, each with its code and its place.

use std::fmt;

use crate::json::NotJson;

/// The most problems that are kept; what comes after is only counted.
pub const PROBLEMS_MAX: usize = 100;

/// The kinds of faults. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The file is no JSON.
    NotJson,
    /// The file is no tariff of a known form.
    UnknownForm,
    /// A field that has to be there is not.
    Missing,
    /// A field that does not exist.
    UnknownField,
    /// A value of another kind: a text where a number should be.
    WrongKind,
    /// A value outside its limits.
    OutOfRange,
    /// Values that contradict each other.
    Contradiction,
    /// Something that is understood and cannot be rated.
    Unsupported,
}

impl Code {
    /// The code as machines read it.
    pub fn name(self) -> &'static str {
        match self {
            Code::NotJson => "not_json",
            Code::UnknownForm => "unknown_form",
            Code::Missing => "missing",
            Code::UnknownField => "unknown_field",
            Code::WrongKind => "wrong_kind",
            Code::OutOfRange => "out_of_range",
            Code::Contradiction => "contradiction",
            Code::Unsupported => "unsupported",
        }
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// The field: `energy[0].periods[1].price`; `.` for the document as a whole.
    pub path: String,
    /// Line of the file, from 1.
    pub line: usize,
    /// Column of the file in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

/// All faults of a file, in the order of their finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// The first [`PROBLEMS_MAX`].
    pub list: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl Problem {
    /// The field as a JSON pointer (RFC 6901): `/energy/0/periods/1/price`.
    pub fn pointer(&self) -> String {
        pointer(&self.path)
    }
}

/// A path such as `energy[0].price` as a JSON pointer.
pub(crate) fn pointer(path: &str) -> String {
    if path == "." {
        return String::new();
    }
    let steps = path.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    let escaped = steps.map(|step| step.replace('~', "~0").replace('/', "~1"));
    escaped.fold(String::new(), |all, step| format!("{all}/{step}"))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { path, line, column, reason, .. } = self;
        write!(f, "line {line}, column {column}: {path}: {reason}")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.list.iter().enumerate() {
            let end = if place == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl From<NotJson> for Problems {
    fn from(fault: NotJson) -> Problems {
        let NotJson { line, column, reason } = fault;
        let problem = Problem { code: Code::NotJson, path: ".".to_owned(), line, column, reason };
        Problems { list: vec![problem], more: 0 }
    }
}

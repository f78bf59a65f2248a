//! Shadow mode: bills that a utility has made itself, held against ours, to the minor unit.
//!
//! The utility's file is CSV. A [`Mapping`] says what its columns are: the account, the days, and
//! amounts, either a line of the bill in each row (`line` and `amount`) or a column for each
//! (`amounts`). Lines of theirs are held against the class of ours that they are mapped to; several
//! of one class are added up. What is mapped to nothing, and what one side alone has, is shown too.
//!
//! Invariant: the differences of a bill's lines add up to the bill's difference.

use std::collections::BTreeMap;

use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use units::{Money, Overflow};

use super::bill::{Class, Invoice};

/// The most rows of a file.
pub const ROWS_MAX: usize = 50_000;
/// The most columns and lines that a mapping names.
const NAMES_MAX: usize = 200;

/// What the columns of a file are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Between columns; a comma when absent.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Before the decimals; a point when absent. What else is no digit between digits is left out
    /// where it is a point, a comma, a space or an apostrophe.
    #[serde(default = "point")]
    pub decimal: char,
    /// How days are written; year, month and day with hyphens when absent.
    #[serde(default)]
    pub days: DayOrder,
    /// The column with the account.
    pub account: String,
    /// The column with the first day.
    pub from: String,
    /// The column with the last day.
    pub to: String,
    /// The column with the name of a line, where each row is one.
    #[serde(default)]
    pub line: Option<String>,
    /// The column with its amount.
    #[serde(default)]
    pub amount: Option<String>,
    /// The columns with amounts, where each row is a bill.
    #[serde(default)]
    pub amounts: Vec<String>,
    /// Which class of ours a line of theirs is held against.
    #[serde(default)]
    pub lines: BTreeMap<String, Class>,
    /// Which account of ours, by its id or pseudonym, theirs is, where it is called otherwise.
    #[serde(default)]
    pub accounts: BTreeMap<String, String>,
}

const fn comma() -> char {
    ','
}

const fn point() -> char {
    '.'
}

/// In which order a day is written, with any one character between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DayOrder {
    /// 2026-06-01
    #[default]
    Ymd,
    /// 01.06.2026
    Dmy,
    /// 06/01/2026
    Mdy,
}

/// Why a file is not read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    /// The mapping says too little, or too much.
    #[error("mapping: {0}")]
    Mapping(&'static str),
    /// The file has no such column.
    #[error("the file has no column {0:?}")]
    Column(String),
    /// More rows than are read.
    #[error("at most {ROWS_MAX} rows are read")]
    Rows,
    /// Not CSV.
    #[error("{0}")]
    Csv(String),
}

/// A row that is left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its number in the file, from 1 below the heading.
    pub row: usize,
    /// In words.
    pub reason: String,
}

/// A bill of the utility: its lines by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Theirs {
    /// By name, added up.
    pub lines: BTreeMap<String, Money>,
}

/// Whose bill, and of which days.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// As the file calls the account, or as the mapping says.
    pub account: String,
    /// First day.
    pub from: LocalDay,
    /// Last day.
    pub to: LocalDay,
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bills {
    /// By account and days.
    pub bills: BTreeMap<Key, Theirs>,
    /// Rows that are left out.
    pub left_out: Vec<LeftOut>,
}

/// A line of a bill on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineDifference {
    /// The class of ours, or the name of theirs where it is mapped to none.
    pub line: String,
    /// What the utility charges.
    pub theirs: Money,
    /// What we charge.
    pub ours: Money,
    /// Ours less theirs.
    pub difference: Money,
}

/// Reads the bills of a file.
///
/// # Errors
/// [`BadFile`] where nothing of it can be read; a row that cannot be is left out and told.
pub fn read(file: &[u8], mapping: &Mapping) -> Result<Bills, BadFile> {
    check(mapping)?;
    let delimiter = u8::try_from(mapping.delimiter)
        .map_err(|_| BadFile::Mapping("delimiter: one character of ASCII"))?;
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file);
    let heading = reader.headers().map_err(|error| BadFile::Csv(error.to_string()))?.clone();
    let place = |name: &str| {
        let found = heading.iter().position(|column| column.trim() == name);
        found.ok_or_else(|| BadFile::Column(name.to_owned()))
    };
    let whose = [place(&mapping.account)?, place(&mapping.from)?, place(&mapping.to)?];
    let amounts = match (&mapping.line, &mapping.amount) {
        (Some(line), Some(amount)) => Amounts::Named(place(line)?, place(amount)?),
        _ => {
            let columns = mapping.amounts.iter().map(|name| Ok((name.clone(), place(name)?)));
            Amounts::Columns(columns.collect::<Result<_, BadFile>>()?)
        }
    };
    let mut bills = Bills::default();
    for (number, row) in reader.records().enumerate() {
        if number >= ROWS_MAX {
            return Err(BadFile::Rows);
        }
        let row = row.map_err(|error| error.to_string());
        let read = row.and_then(|row| one(&row, mapping, (whose, &amounts)));
        match read.and_then(|(key, lines)| add(&mut bills, key, lines)) {
            Ok(()) => {}
            Err(reason) => bills.left_out.push(LeftOut { row: number + 1, reason }),
        }
    }
    Ok(bills)
}

/// Where the amounts of a row are.
enum Amounts {
    Named(usize, usize),
    Columns(Vec<(String, usize)>),
}

fn check(mapping: &Mapping) -> Result<(), BadFile> {
    let named = mapping.line.is_some() && mapping.amount.is_some();
    let half = mapping.line.is_some() != mapping.amount.is_some();
    if half || named == !mapping.amounts.is_empty() {
        let both = "either line and amount, or amounts";
        return Err(BadFile::Mapping(both));
    }
    if mapping.amounts.len() > NAMES_MAX || mapping.lines.len() > NAMES_MAX {
        return Err(BadFile::Mapping("too many lines"));
    }
    if mapping.decimal.is_ascii_digit() || mapping.decimal == '-' {
        return Err(BadFile::Mapping("decimal: a point or a comma"));
    }
    Ok(())
}

type Lines = Vec<(String, Money)>;

fn one(
    row: &csv::StringRecord,
    mapping: &Mapping,
    (whose, amounts): ([usize; 3], &Amounts),
) -> Result<(Key, Lines), String> {
    let field = |place: usize| row.get(place).unwrap_or_default().trim();
    let [account, from, to] = whose.map(field);
    if account.is_empty() {
        return Err("no account".to_owned());
    }
    let account = mapping.accounts.get(account).map_or(account, String::as_str).to_owned();
    let key = Key { account, from: day(from, mapping.days)?, to: day(to, mapping.days)? };
    if key.to < key.from {
        return Err(format!("{} is before {}", key.to, key.from));
    }
    let lines = match amounts {
        Amounts::Named(name, value) => {
            vec![(field(*name).to_owned(), amount(field(*value), mapping.decimal)?)]
        }
        Amounts::Columns(columns) => {
            let filled = columns.iter().filter(|(_, place)| !field(*place).is_empty());
            let each = filled
                .map(|(name, place)| Ok((name.clone(), amount(field(*place), mapping.decimal)?)));
            each.collect::<Result<_, String>>()?
        }
    };
    Ok((key, lines))
}

fn add(bills: &mut Bills, key: Key, lines: Lines) -> Result<(), String> {
    let bill = bills.bills.entry(key).or_default();
    for (name, amount) in lines {
        let sum = bill.lines.entry(name).or_insert(Money::ZERO);
        *sum = sum.plus(amount).map_err(|_| "an amount does not fit".to_owned())?;
    }
    Ok(())
}

fn day(text: &str, order: DayOrder) -> Result<LocalDay, String> {
    let bad = || format!("{text:?} is no day");
    let parts: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).collect();
    let [first, second, third] = parts[..] else { return Err(bad()) };
    let (year, month, day) = match order {
        DayOrder::Ymd => (first, second, third),
        DayOrder::Dmy => (third, second, first),
        DayOrder::Mdy => (third, first, second),
    };
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return Err(bad());
    }
    format!("{year}-{month:0>2}-{day:0>2}").parse().map_err(|_| bad())
}

/// An amount in major units: `-1.234,56` with a comma before the decimals.
fn amount(text: &str, decimal: char) -> Result<Money, String> {
    let bad = || format!("{text:?} is no amount");
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '-' | '0'..='9' => plain.push(c),
            c if c == decimal => plain.push('.'),
            '.' | ',' | ' ' | '\'' | '\u{a0}' | '\u{202f}' => {}
            _ => return Err(bad()),
        }
    }
    serde_json::from_value(plain.into()).map_err(|_| bad())
}

/// Holds a bill of the utility against ours, or against none.
///
/// # Errors
/// When a sum does not fit.
pub fn compare(
    theirs: &Theirs,
    ours: Option<&Invoice>,
    mapping: &Mapping,
) -> Result<Vec<LineDifference>, Overflow> {
    let mut sides: BTreeMap<String, [Money; 2]> = BTreeMap::new();
    for (name, amount) in &theirs.lines {
        let line = mapping.lines.get(name).map_or_else(|| name.clone(), |class| class_name(*class));
        let side = &mut sides.entry(line).or_insert([Money::ZERO; 2])[0];
        *side = side.plus(*amount)?;
    }
    for line in ours.iter().flat_map(|invoice| &invoice.lines) {
        let side = &mut sides.entry(class_name(line.class)).or_insert([Money::ZERO; 2])[1];
        *side = side.plus(line.amount)?;
    }
    let each = sides.into_iter().map(|(line, [theirs, ours])| {
        Ok(LineDifference { line, theirs, ours, difference: ours.minus(theirs)? })
    });
    each.collect()
}

/// A class as invoices name it.
fn class_name(class: Class) -> String {
    let named = serde_json::to_value(class).expect("a class has a name");
    named.as_str().expect("which is text").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(json: &str) -> Mapping {
        serde_json::from_str(json).unwrap()
    }

    const WIDE: &str = r#"{
        "delimiter": ";", "decimal": ",", "days": "dmy", "account": "Kunde", "from": "Von",
        "to": "Bis", "amounts": ["Grundpreis", "Arbeitspreis"],
        "lines": { "Arbeitspreis": "retail" }, "accounts": { "4711": "heron" }
    }"#;

    fn cents(cents: i64) -> Money {
        Money::from_n(cents * 10_000_000)
    }

    fn shown(differences: &[LineDifference]) -> Vec<(&str, Money, Money)> {
        differences.iter().map(|one| (one.line.as_str(), one.theirs, one.difference)).collect()
    }

    #[test]
    fn a_file_is_read_by_its_mapping_and_bad_rows_are_told() {
        let file = "Kunde;Von;Bis;Grundpreis;Arbeitspreis\n\
                    4711;01.06.2026;30.06.2026;9,90;1.234,56\n\
                    4711;01.07.2026;31.07.2026;;-3,2\n\
                    ;01.06.2026;30.06.2026;1;1\n\
                    5;31.06.2026;30.06.2026;1;1\n\
                    5;01.06.2026;31.05.2026;1;1\n\
                    5;01.06.2026;30.06.2026;1;x\n";
        let bills = read(file.as_bytes(), &mapping(WIDE)).unwrap();
        let reasons: Vec<usize> = bills.left_out.iter().map(|row| row.row).collect();
        assert_eq!(reasons, [3, 4, 5, 6]);
        let keys: Vec<&str> = bills.bills.keys().map(|key| key.account.as_str()).collect();
        assert_eq!(keys, ["heron", "heron"]);
        let june = bills.bills.values().next().unwrap();
        let differences = compare(june, None, &mapping(WIDE)).unwrap();
        let expected =
            [("Grundpreis", cents(990), cents(-990)), ("retail", cents(123_456), cents(-123_456))];
        assert_eq!(shown(&differences), expected);
    }

    #[test]
    fn rows_of_lines_are_added_up_to_a_bill() {
        let long = r#"{ "account": "a", "from": "f", "to": "t", "line": "l", "amount": "x" }"#;
        let file = "a,f,t,l,x\n\
                    h,2026-06-01,2026-06-30,energy,1.10\n\
                    h,2026-06-01,2026-06-30,energy,2\n\
                    h,2026-06-01,2026-06-30,tax,0.59\n";
        let bills = read(file.as_bytes(), &mapping(long)).unwrap();
        let bill = bills.bills.values().next().unwrap();
        let differences = compare(bill, None, &mapping(long)).unwrap();
        assert_eq!(
            shown(&differences),
            [("energy", cents(310), cents(-310)), ("tax", cents(59), cents(-59))]
        );
    }

    #[test]
    fn a_mapping_that_does_not_fit_is_refused() {
        let fields = |rest: &str| format!(r#"{{"account":"a","from":"f","to":"t"{rest}}}"#);
        for (rest, bad) in [
            ("", BadFile::Mapping("either line and amount, or amounts")),
            (r#","line":"l""#, BadFile::Mapping("either line and amount, or amounts")),
            (
                r#","line":"l","amount":"x","amounts":["y"]"#,
                BadFile::Mapping("either line and amount, or amounts"),
            ),
            (r#","amounts":["y"]"#, BadFile::Column("y".to_owned())),
        ] {
            let read = read(b"a,f,t,l,x\n", &mapping(&fields(rest)));
            assert_eq!(read, Err(bad), "{rest}");
        }
        let many = format!("a,f,t,l,x\n{}", "h,2026-06-01,2026-06-02,l,1\n".repeat(ROWS_MAX + 1));
        let whole = mapping(&fields(r#","line":"l","amount":"x""#));
        assert_eq!(read(many.as_bytes(), &whole), Err(BadFile::Rows));
    }
}

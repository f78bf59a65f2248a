//! A utility's file is taken in: part by part, each a transaction, so that what was sent again goes
//! on where it stopped.

use std::io::Cursor;

use anyhow::{Context, Result};
use bytes::Bytes;
use calendar::TimeZone;
use db::Db;
use meterdata::table::Mapping;
use meterdata::{Import, IntervalRecord, Item, Items, Position, Refusal, Rejection};
use meterdata::{greenbutton, nem12, table};
use sha2::{Digest, Sha256};

use crate::db::files::{self, File, Progress, Rejected, State};

/// The largest file, in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 16 << 20;
/// Files that are taken in at the same time; each is in memory as a whole.
pub(crate) const FILES_AT_ONCE_MAX: usize = 2;
/// The most intervals of one file: two directions of five minutes over nineteen months.
pub(crate) const INTERVALS_MAX: u64 = 400_000;
/// The most rows that are kept as not taken; all are counted.
pub(crate) const REJECTIONS_KEPT_MAX: u64 = 10_000;
/// Items of one transaction.
const ITEMS_PER_COMMIT_MAX: usize = 4_000;

/// The code of a row about another meter than the one the file was sent for.
const OTHER_METER: &str = "OTHER_METER";

/// How a file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// AEMO's meter data file, whose days are those of this zone.
    Nem12(TimeZone),
    /// NAESB ESPI as an Atom feed.
    GreenButton,
    /// CSV, laid out as this says.
    Csv(Box<Mapping>),
}

impl Form {
    /// The name, as asked for, stored and shown.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Form::Nem12(_) => "nem12",
            Form::GreenButton => "greenbutton",
            Form::Csv(_) => "csv",
        }
    }

    /// What is read from `bytes`.
    fn items(&self, bytes: Bytes) -> Result<Box<dyn Items + Send>> {
        let source = Cursor::new(bytes);
        Ok(match self {
            Form::Nem12(zone) => Box::new(nem12::Reader::new(source, zone.clone())),
            Form::GreenButton => Box::new(greenbutton::Reader::new(source)),
            Form::Csv(mapping) => Box::new(table::Reader::new(source, mapping)?),
        })
    }
}

/// Names what `bytes` say of the meter `of`, read in one way. The same again is the same file.
pub(crate) fn digest(of: &File, form: &Form, bytes: &Bytes) -> Result<String> {
    let layout = match form {
        Form::Nem12(zone) => zone.name().to_owned(),
        Form::GreenButton => String::new(),
        Form::Csv(mapping) => serde_json::to_string(mapping)?,
    };
    let mut hash = Sha256::new();
    for part in [of.meter.to_string().as_str(), &of.name, form.name(), &layout] {
        hash.update(Sha256::digest(part));
    }
    hash.update(Sha256::digest(bytes));
    Ok(hex::encode(hash.finalize()))
}

/// Nothing was taken in yet.
pub(crate) fn unread() -> Progress {
    Progress {
        state: State::Open,
        position: Position::START,
        intervals: 0,
        rejected: 0,
        left_out: 0,
        refusal: None,
    }
}

/// Takes `file` in from where it stopped; says what became of it. One that was taken in changes
/// nothing.
pub(crate) async fn take(db: &Db, file: File, form: Form, bytes: Bytes) -> Result<File> {
    let mut file = db
        .transact(move |tx| Box::pin(async move { files::open(tx, &file).await }))
        .await
        .context("keeping a file")?;
    if file.progress.state != State::Open {
        return Ok(file);
    }
    let (name, from) = (file.name.clone(), file.progress.clone());
    let begun = tokio::task::spawn_blocking(move || Intake::begin(&form, bytes, name, from));
    let mut intake = begun.await??;
    loop {
        let (moved, part) = tokio::task::spawn_blocking(move || {
            let part = intake.part();
            (intake, part)
        })
        .await?;
        intake = moved;
        let (kept, progress) = (file.clone(), intake.progress.clone());
        db.transact(move |tx| {
            Box::pin(async move {
                let Part { records, rejected } = &part;
                files::advance(tx, &kept, records, rejected, &progress).await
            })
        })
        .await
        .context("keeping a part of a file")?;
        file.progress = intake.progress.clone();
        if file.progress.state != State::Open {
            return Ok(file);
        }
    }
}

/// A file on its way in.
struct Intake {
    /// `None` once it cannot be read any further.
    import: Option<Import<Box<dyn Items + Send>>>,
    /// The meter's name in it.
    name: String,
    progress: Progress,
}

/// What one transaction keeps.
struct Part {
    records: Vec<IntervalRecord>,
    rejected: Vec<Rejected>,
}

impl Intake {
    /// Goes on after what was taken in before.
    fn begin(form: &Form, bytes: Bytes, name: String, from: Progress) -> Result<Intake> {
        let mut intake = Intake { import: None, name, progress: from };
        match Import::resume(form.items(bytes)?, intake.progress.position) {
            Ok(import) => intake.import = Some(import),
            Err(refusal) => intake.refuse(&refusal),
        }
        Ok(intake)
    }

    /// The next part, which may be empty at the end.
    fn part(&mut self) -> Part {
        let mut part = Part { records: Vec::new(), rejected: Vec::new() };
        for _ in 0..ITEMS_PER_COMMIT_MAX {
            let Some(import) = &mut self.import else { break };
            match import.next_item() {
                Ok(Some(Item::Record(record))) if record.meter.as_str() == self.name => {
                    if self.progress.intervals >= INTERVALS_MAX {
                        self.progress.state = State::Refused;
                        self.progress.refusal =
                            Some(format!("TOO_MANY: more than {INTERVALS_MAX}"));
                        break;
                    }
                    self.progress.intervals += 1;
                    part.records.push(record);
                }
                Ok(Some(Item::Record(record))) => {
                    let line = import.line();
                    let text = format!("the row is about {:?}", record.meter.as_str());
                    self.reject(&mut part, other_meter(line, text));
                }
                Ok(Some(Item::Rejected(rejection))) => self.reject(&mut part, row(&rejection)),
                Ok(None) => {
                    self.progress.state = State::Done;
                    break;
                }
                Err(refusal) => {
                    self.refuse(&refusal);
                    break;
                }
            }
        }
        if let Some(import) = &self.import {
            self.progress.position = import.position();
        }
        part
    }

    fn reject(&mut self, part: &mut Part, rejected: Rejected) {
        let all = if rejected.left_out {
            &mut self.progress.left_out
        } else {
            &mut self.progress.rejected
        };
        *all += 1;
        let number = self.progress.rejected + self.progress.left_out;
        if number <= REJECTIONS_KEPT_MAX {
            part.rejected.push(Rejected { number, ..rejected });
        }
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.progress.state = State::Refused;
        self.progress.refusal = Some(refusal.to_string());
    }
}

fn row(rejection: &Rejection) -> Rejected {
    let code = rejection.fault.code;
    Rejected {
        number: 0,
        line: rejection.line,
        column: rejection.column.and_then(|column| u64::try_from(column).ok()),
        field: rejection.fault.field.clone().into_owned(),
        code: code.name().to_owned(),
        left_out: code.left_out(),
        text: rejection.fault.text.clone(),
    }
}

fn other_meter(line: u64, text: String) -> Rejected {
    let (field, code) = ("meter".to_owned(), OTHER_METER.to_owned());
    Rejected { number: 0, line, column: None, field, code, left_out: true, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a day of half-hours when so many intervals were taken in before.
    fn check(before: u64, state: State) {
        let values = vec!["1"; 48].join(",");
        let file = format!(
            "100,NEM12,202606020000,UTILITY,RETAILER\n200,6123456789,E1,,E1,N1,METER1,kWh,30,\n\
             300,20260601,{values},A,,,20260602000000,\n900\n"
        );
        let form = Form::Nem12("Etc/GMT-10".parse().unwrap());
        let from = Progress { intervals: before, ..unread() };
        let mut intake = Intake::begin(&form, file.into(), "6123456789".to_owned(), from).unwrap();
        let part = intake.part();
        assert_eq!(intake.progress.state, state, "{before}: {:?}", intake.progress);
        assert_eq!(part.records.len() as u64, intake.progress.intervals - before);
        assert!(intake.progress.intervals <= INTERVALS_MAX);
    }

    #[test]
    fn a_file_may_have_as_many_intervals_as_it_may_and_not_one_more() {
        check(INTERVALS_MAX - 48, State::Done);
        check(INTERVALS_MAX - 47, State::Refused);
    }
}

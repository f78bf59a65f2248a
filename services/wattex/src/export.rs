//! `wattex export`: records become a file as utilities have them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use calendar::TimeZone;
use clap::Args;
use meterdata::greenbutton::LocalTime;
use meterdata::{Export, Import, Item, Rejection, Written, canonical, greenbutton, nem12, table};
use service::Clock;

use crate::exit::Trouble;
use crate::interval_file::{
    Asked, Format, Output, Source, Tally, mapping, nem12_zone, no_mapping, refused,
};

/// Items between two looks at the signals and the bar.
const ITEMS_BETWEEN: u64 = 4_096;

/// Arguments of `wattex export`.
#[derive(Args)]
pub struct Arguments {
    /// The format to write.
    #[arg(long, value_enum)]
    format: Format,
    /// What the columns of a CSV file are, as for `wattex import`.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Whose clock the file shows: for NEM12 in the place of UTC+10, for CSV in the place of the
    /// mapping's zone; Green Button tells it besides.
    #[arg(long, value_name = "TZ")]
    timezone: Option<TimeZone>,
    /// The records, JSON lines or CSV as `wattex import` writes them; `-` is standard input.
    file: PathBuf,
    /// Write every record that cannot be written to this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

/// Exports to standard output, and says on standard error what became of the records.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let asked = Asked::listen()?;
    let source = Source::open(&arguments.file)?;
    let (bar, path) = (source.bar(), source.path().to_owned());
    let mut writer = writer(arguments)?;
    let mut import = Import::new(canonical::Reader::new(source.reader));
    let mut tally = Tally::new(arguments.rejected.as_deref(), false)?;
    let mut output = Output::new();
    let mut count = 0_u64;
    loop {
        match import.next_item().map_err(|refusal| refused(&path, &refusal))? {
            None => break,
            Some(Item::Rejected(rejection)) => tally.take(&rejection)?,
            Some(Item::Record(record)) => {
                if let Err(fault) = writer.put(&record, &mut output.ready) {
                    tally.take(&Rejection { line: import.line(), column: None, fault })?;
                }
            }
        }
        if let Some(code) = output.write(false)? {
            return Ok(code);
        }
        count += 1;
        if count.is_multiple_of(ITEMS_BETWEEN) {
            bar.set_position(import.byte());
            // What was written is no whole file: nobody shall take it for one.
            if let Some(code) = asked.code() {
                return Ok(code);
            }
        }
    }
    writer.finish(&mut output.ready);
    if let Some(code) = output.write(true)? {
        return Ok(code);
    }
    bar.finish_and_clear();
    report(writer.written());
    tally.report()?;
    Ok(tally.code())
}

fn report(written: Written) {
    let Written { records, filled, renamed, recoded } = written;
    eprintln!("records   {records}");
    for (count, what) in [
        (filled, "filled    {} of the intervals: without a record, so missing"),
        (renamed, "renamed   {} of the channels"),
        (recoded, "recoded   {} of the records: their code of quality is none of this format"),
    ] {
        if count > 0 {
            eprintln!("{}", what.replace("{}", &count.to_string()));
        }
    }
}

/// The file's writer.
fn writer(arguments: &Arguments) -> Result<Box<dyn Export>> {
    let created = Clock::real().now();
    let zone = arguments.timezone.as_ref();
    let path = arguments.mapping.as_deref();
    Ok(match arguments.format {
        Format::Nem12 => {
            no_mapping(path)?;
            Box::new(nem12::Writer::new(nem12_zone(zone), created))
        }
        Format::Greenbutton => {
            no_mapping(path)?;
            let clock = zone.map(LocalTime::of).transpose();
            let clock = clock.map_err(|error| Trouble::Argument(error.to_string()))?;
            Box::new(greenbutton::Writer::new(created, clock))
        }
        Format::Csv => {
            let writer = table::Writer::new(&mapping(path, zone)?);
            Box::new(writer.map_err(|bad| Trouble::Argument(bad.to_string()))?)
        }
    })
}

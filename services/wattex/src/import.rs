//! `wattex import`: a utility's file of interval data becomes records, one a line.
//!
//! Records go to standard output, what is said about the file to standard error: what was read,
//! what was not taken and why, and the position at which `--resume` goes on.

use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use calendar::TimeZone;
use clap::Args;
use meterdata::{Export, Import, Item, Items, Position, canonical, greenbutton, nem12, table};

use crate::exit::Trouble;
use crate::interval_file::{
    Asked, Format, Output, Source, Tally, mapping, nem12_zone, no_mapping, refused,
};

/// Items between two looks at the signals and the bar.
const ITEMS_BETWEEN: u64 = 4_096;

/// Arguments of `wattex import`.
#[derive(Args)]
pub struct Arguments {
    /// The file's format.
    #[arg(long, value_enum)]
    format: Format,
    /// What the columns of a CSV file are: a JSON file with `time` (`columns`, `pattern` as of
    /// strftime, `zone`, `label` start or end), `minutes`, `meter` (`column` or `fixed`), `energy`
    /// (a list of `column`, `unit`, `direction`, `channel`) and perhaps `quality` (`column`,
    /// `codes`), `separator`, `decimal`, `header`, `skip_lines`.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Whose clock the file shows: for NEM12 in the place of UTC+10, for CSV in the place of the
    /// mapping's zone.
    #[arg(long, value_name = "TZ")]
    timezone: Option<TimeZone>,
    /// The file; `-` is standard input.
    file: PathBuf,
    /// Write JSON lines, which is what is written anyway.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Write CSV.
    #[arg(long)]
    csv: bool,
    /// Write every row that is not taken to this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Go on at a position that an earlier import of this file told: only what comes after it is
    /// written, without the header of CSV, and rejections are added to those of the file.
    #[arg(long, value_name = "POSITION")]
    resume: Option<Position>,
}

/// Imports, and says what became of the file.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let asked = Asked::listen()?;
    let source = Source::open(&arguments.file)?;
    let (bar, path) = (source.bar(), source.path().to_owned());
    let items = items(arguments, source.reader)?;
    let mut import = match arguments.resume {
        None => Import::new(items),
        Some(position) => {
            Import::resume(items, position).map_err(|refusal| refused(&path, &refusal))?
        }
    };
    let more = arguments.resume.is_some();
    let form = if arguments.csv { canonical::Form::Csv } else { canonical::Form::Json };
    let mut writer = if more && import.position().records() > 0 {
        canonical::Writer::continued(form)
    } else {
        canonical::Writer::new(form)
    };
    let mut tally = Tally::new(arguments.rejected.as_deref(), more)?;
    let mut output = Output::new();
    let mut count = 0_u64;
    let (ended, cut) = loop {
        match import.next_item() {
            Ok(Some(Item::Record(record))) => {
                writer.put(&record, &mut output.ready).map_err(|fault| {
                    Trouble::Argument(format!("{}: {}", path.display(), fault.text))
                })?;
            }
            Ok(Some(Item::Rejected(rejection))) => tally.take(&rejection)?,
            Ok(None) => break (Ok(()), None),
            Err(refusal) => break (Err(refusal), None),
        }
        if let Some(code) = output.write(false)? {
            return Ok(code);
        }
        count += 1;
        if count.is_multiple_of(ITEMS_BETWEEN) {
            bar.set_position(import.byte());
            if let Some(code) = asked.code() {
                break (Ok(()), Some(code));
            }
        }
    };
    if cut.is_none() && ended.is_ok() {
        writer.finish(&mut output.ready);
    }
    if let Some(code) = output.write(true)? {
        return Ok(code);
    }
    bar.finish_and_clear();
    eprintln!("read      {} bytes of {}", import.byte(), path.display());
    eprintln!("records   {}", writer.written().records);
    tally.report()?;
    eprintln!("position  {}", import.position());
    ended.map_err(|refusal| refused(&path, &refusal))?;
    Ok(cut.unwrap_or_else(|| tally.code()))
}

/// The file's reader.
fn items(arguments: &Arguments, reader: Box<dyn BufRead>) -> Result<Box<dyn Items>> {
    let zone = arguments.timezone.as_ref();
    let path = arguments.mapping.as_deref();
    Ok(match arguments.format {
        Format::Nem12 => {
            no_mapping(path)?;
            Box::new(nem12::Reader::new(reader, nem12_zone(zone)))
        }
        Format::Greenbutton => {
            no_mapping(path)?;
            if zone.is_some() {
                let why = "--timezone: the times of Green Button are UTC".to_owned();
                return Err(Trouble::Argument(why).into());
            }
            Box::new(greenbutton::Reader::new(reader))
        }
        Format::Csv => {
            let reader = table::Reader::new(reader, &mapping(path, zone)?);
            Box::new(reader.map_err(|bad| Trouble::Argument(bad.to_string()))?)
        }
    })
}

//! `wattex rate`: any load on any tariff file, with the code that the service bills with.

mod columns;
mod intervals;
mod report;
mod stamps;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use calendar::{LocalDay, TimeZone};
use clap::{Args, ValueEnum};
use tariff::bill::{Carried, rate};
use tariff::{Document, Plan, Spot};

use crate::exit::Trouble;
use intervals::{Reading, Rows};
use report::Report;

/// Arguments of `wattex rate`.
#[derive(Args)]
pub struct Arguments {
    /// The tariff: a rate sheet (or a JSON list of its versions), the terms of an exchange, a rate
    /// of the Utility Rate Database (URDB, versions 3 to 8, also in `items` or inside a REopt
    /// post), variables of SAM's Utilityrate5, a feed of prices (`results`), or an Australian file.
    #[arg(long, value_name = "FILE")]
    tariff: PathBuf,
    /// Which tariff, where the file has several: its label, id or name.
    #[arg(long, value_name = "ID")]
    select: Option<String>,
    /// The load: a CSV file with a header. A time column (`time`, `timestamp`, `datetime`, `start`,
    /// `date`, or `end` for the end of an interval) has ISO 8601 with an offset, or local time in
    /// the time zone; columns of energy are known by their names: `import_wh` and `export_wh` at
    /// the meter, or `load_kwh` (also `kwh`) and `gen_kwh` behind it, or `net_kwh`; `p2p_kwh` or
    /// `p2p_<zone>_kwh` is the part of the import that came from neighbours. Units are wh, kwh,
    /// mwh, and w and kw for the mean power of an interval. A column `quality` says how energy is
    /// known (`measured`, `calculated`, `final`, `estimated`, or the letters of NEM12): what is
    /// estimated, and not for good, sets no peak. Other columns are named and left out.
    #[arg(long, value_name = "FILE")]
    intervals: PathBuf,
    /// Whose clock, days and months count, e.g. America/New_York; the tariff's own when absent.
    #[arg(long, value_name = "ZONE")]
    timezone: Option<TimeZone>,
    /// The first day; that of the load when absent.
    #[arg(long, value_name = "DATE")]
    from: Option<LocalDay>,
    /// The first day after the last; the day after the load's when absent.
    #[arg(long, value_name = "DATE")]
    to: Option<LocalDay>,
    /// Whether a stamp is the beginning or the end of its interval.
    #[arg(long, value_enum, default_value_t = Stamp::Beginning)]
    stamp: Stamp,
    /// The name of the time column.
    #[arg(long, value_name = "NAME")]
    time_column: Option<String>,
    /// Minutes of an interval; the usual step between rows when absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1440))]
    interval_minutes: Option<u32>,
    /// What is done about intervals without a row; they are named in any case.
    #[arg(long, value_enum, default_value_t = Gaps::Zero)]
    gaps: Gaps,
    /// Prices for a tariff that leaves its series open: a feed (`results`), or a JSON list of
    /// `from`, `to` and `price` per kWh.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Print the lines as JSON (`wattex-rating-1`): `tariff`, `span`, `data`, `months` with `lines`
    /// (`class`, `name`, `period`, `tier`, `quantity`, `unit`, `price`, `amount`, `exact`,
    /// `peak_at`, `left_out`, `source`, `version`), `net`, `vat`, `gross`, `exact`, and `totals`.
    /// Numbers are decimals in text; `amount` is rounded, `exact` is not.
    #[arg(long)]
    json: bool,
}

/// What a stamp is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stamp {
    /// The beginning of its interval.
    Beginning,
    /// The end of its interval.
    Ending,
}

/// What is done about intervals without a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Gaps {
    /// They have no energy.
    Zero,
    /// Nothing is rated.
    Refuse,
}

/// Rates and prints.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let document = tariff_file(&arguments.tariff, arguments.select.as_deref())?;
    let zone = zone(arguments, &document)?;
    let reading = Reading {
        zone: &zone,
        time_column: arguments.time_column.as_deref(),
        ending: arguments.stamp == Stamp::Ending,
        minutes: arguments.interval_minutes,
    };
    let rows = intervals::read(&arguments.intervals, &reading)?;
    let span = span(arguments, &rows, &zone)?;
    let given = match &arguments.prices {
        Some(file) => price_file(file)?,
        None => Vec::new(),
    };
    let refused = |refusal: tariff::Refusal| Trouble::Tariff(refusal.to_string());
    let plan =
        Plan::new(document.sheets.clone(), &zone, span, rows.minutes, &given).map_err(refused)?;
    let load = rows.load(plan.moment(0), plan.intervals())?;
    if arguments.gaps == Gaps::Refuse
        && let Some(gap) = load.gaps.first()
    {
        let missing: usize = load.gaps.iter().map(|gap| gap.intervals).sum();
        let (file, at) = (arguments.intervals.display(), zone.display(gap.from));
        let reason = format!("{file}: {missing} intervals have no row, the first at {at}");
        return Err(Trouble::Tariff(reason).into());
    }
    let bill = rate(&plan, &load.series, &Carried::default()).map_err(refused)?;
    let report = Report {
        document: &document,
        plan: &plan,
        rows: &rows,
        gaps: &load.gaps,
        outside: load.outside,
        estimated: load.estimated,
        bill: &bill,
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report.json())?);
    } else {
        report.print();
    }
    Ok(ExitCode::SUCCESS)
}

fn text(file: &Path) -> Result<String, Trouble> {
    fs::read_to_string(file)
        .map_err(|error| Trouble::Tariff(format!("cannot read {}: {error}", file.display())))
}

fn tariff_file(file: &Path, select: Option<&str>) -> Result<Document, Trouble> {
    tariff::read(&text(file)?, select)
        .map_err(|problems| Trouble::Tariff(format!("{}: {problems}", file.display())))
}

fn price_file(file: &Path) -> Result<Vec<Spot>, Trouble> {
    tariff::read_prices(&text(file)?)
        .map_err(|problems| Trouble::Tariff(format!("{}: {problems}", file.display())))
}

fn zone(arguments: &Arguments, document: &Document) -> Result<TimeZone, Trouble> {
    let own = || document.sheets.iter().find_map(|sheet| sheet.timezone.clone());
    arguments.timezone.clone().or_else(own).ok_or_else(|| {
        Trouble::Argument("the tariff names no time zone: choose one with --timezone".to_owned())
    })
}

fn span(
    arguments: &Arguments,
    rows: &Rows,
    zone: &TimeZone,
) -> Result<(LocalDay, LocalDay), Trouble> {
    let (first, end) = rows
        .span(zone)
        .ok_or_else(|| Trouble::Tariff(format!("{}: no rows", arguments.intervals.display())))?;
    let (from, to) = (arguments.from.unwrap_or(first), arguments.to.unwrap_or(end));
    if to <= from {
        let why =
            format!("--to {to} is the first day after the last: it is later than --from {from}");
        return Err(Trouble::Argument(why));
    }
    Ok((from, to))
}

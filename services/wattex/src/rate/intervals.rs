//! A file of intervals, as a load: what is missing, double or odd in it is counted and said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use calendar::{LocalDay, TimeZone, Timestamp};
use tariff::Series;
use units::Decimal;

use super::columns::{Flow, QUALITIES, TIMES, Unit, is_estimated, meaning, plain};
use super::stamps::Stamps;
use crate::data::DataError;

/// The most rows of a file: twenty years of minutes.
const ROWS_MAX: usize = 10_600_000;

/// How a file of intervals is to be read.
pub struct Reading<'a> {
    /// Whose clock the stamps without an offset show.
    pub zone: &'a TimeZone,
    /// The name of the time column, where it is not one of the usual.
    pub time_column: Option<&'a str>,
    /// Whether a stamp is the end of its interval.
    pub ending: bool,
    /// Minutes of an interval, where the stamps are not to tell.
    pub minutes: Option<u32>,
}

/// Rows of a file, sorted, each with its moment.
pub struct Rows {
    file: PathBuf,
    columns: Vec<Column>,
    /// By the beginning of the interval.
    rows: BTreeMap<Timestamp, Row>,
    /// Minutes of an interval.
    pub minutes: u32,
    /// What a reader of the bill should know of the file.
    pub notes: Vec<String>,
    /// Rows in the file.
    pub count: usize,
    /// Rows that repeat another.
    pub duplicates: usize,
}

/// A row that is rated.
struct Row {
    /// In the file.
    line: u64,
    /// By column, in 10^-9 kWh.
    energy: Vec<i64>,
    /// Whether it sets no peak.
    estimated: bool,
}

/// A column that is rated.
struct Column {
    place: usize,
    flow: Flow,
    unit: Unit,
}

/// Intervals without a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// How many intervals.
    pub intervals: usize,
}

/// A load that fills a span.
pub struct Load {
    /// What flowed.
    pub series: Series<'static>,
    /// What was missing and is rated as nothing.
    pub gaps: Vec<Gap>,
    /// Rows before and after the span.
    pub outside: usize,
    /// Intervals of the span that set no peak.
    pub estimated: usize,
}

/// Cells as they stand in the file.
struct Raw {
    line: u64,
    moment: Timestamp,
    cells: Vec<Decimal>,
    estimated: bool,
}

/// Reads `file`.
pub fn read(file: &Path, reading: &Reading<'_>) -> Result<Rows, DataError> {
    let fault = |reason: String| DataError::File { file: file.to_owned(), reason };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(file)
        .map_err(|error| fault(error.to_string()))?;
    let header = reader.headers().map_err(|error| fault(error.to_string()))?.clone();
    let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let time = time_column(file, &header, reading)?;
    let quality = header.iter().position(|name| QUALITIES.contains(&&*plain(name)));
    let (columns, mut notes) = columns(file, &header, &[Some(time), quality])?;
    let mut stamps = Stamps::new(reading.zone);
    let mut raw: Vec<Raw> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| fault(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        if raw.len() == ROWS_MAX {
            return Err(fault(format!("more than {ROWS_MAX} rows")));
        }
        let cell_fault = |place: usize, reason: String| DataError::Cell {
            file: file.to_owned(),
            line,
            column: header.get(place).cloned().unwrap_or_else(|| (place + 1).to_string()),
            reason,
        };
        if record.len() != header.len() {
            let reason =
                format!("the line has {} cells, the header {}", record.len(), header.len());
            return Err(cell_fault(record.len().min(header.len()), reason));
        }
        let moment = stamps.read(record[time].trim()).map_err(|why| cell_fault(time, why))?;
        let mut cells = Vec::with_capacity(columns.len());
        for column in &columns {
            let text = record[column.place].trim();
            let cell = text.parse::<Decimal>();
            cells.push(
                cell.map_err(|_| cell_fault(column.place, format!("{text:?} is no number")))?,
            );
        }
        let estimated = match quality.map(|place| (place, &record[place])) {
            None => false,
            Some((place, word)) => is_estimated(word)
                .ok_or_else(|| cell_fault(place, format!("{word:?} is no known quality")))?,
        };
        raw.push(Raw { line, moment, cells, estimated });
    }
    if stamps.twice > 0 {
        notes.push(format!(
            "{} stamps show a time that comes twice; they count in order",
            stamps.twice
        ));
    }
    let minutes = length(&raw, reading).map_err(&fault)?;
    let ends = reading.ending
        || matches!(plain(&header[time]).as_str(), "end" | "interval_end" | "period_end");
    let mut rows = Rows {
        file: file.to_owned(),
        columns,
        rows: BTreeMap::new(),
        minutes,
        notes,
        count: raw.len(),
        duplicates: 0,
    };
    rows.fill(raw, &header, ends)?;
    Ok(rows)
}

fn time_column(file: &Path, header: &[String], reading: &Reading<'_>) -> Result<usize, DataError> {
    let found = match reading.time_column {
        Some(wanted) => header.iter().position(|name| name == wanted),
        None => TIMES.iter().find_map(|known| header.iter().position(|name| plain(name) == *known)),
    };
    found.ok_or_else(|| {
        let reason = match reading.time_column {
            Some(wanted) => format!("there is no column {wanted:?}"),
            None => format!("no column is a time: {}", TIMES.join(", ")),
        };
        DataError::Cell { file: file.to_owned(), line: 1, column: header.join(","), reason }
    })
}

fn columns(
    file: &Path,
    header: &[String],
    others: &[Option<usize>; 2],
) -> Result<(Vec<Column>, Vec<String>), DataError> {
    let fault = |place: usize, reason: String| DataError::Cell {
        file: file.to_owned(),
        line: 1,
        column: header.get(place).cloned().unwrap_or_default(),
        reason,
    };
    let (mut columns, mut notes): (Vec<Column>, Vec<String>) = (Vec::new(), Vec::new());
    let energies = header.iter().enumerate().filter(|(place, _)| !others.contains(&Some(*place)));
    for (place, name) in energies {
        let Some((flow, unit)) = meaning(name) else {
            notes.push(format!("column {name:?} is not rated"));
            continue;
        };
        if columns.iter().any(|column| column.flow == flow) {
            return Err(fault(place, "another column has the same energy".to_owned()));
        }
        columns.push(Column { place, flow, unit });
    }
    let has = |flow: Flow| columns.iter().any(|column| column.flow == flow);
    let metered = has(Flow::Import) || has(Flow::Export);
    let behind = has(Flow::Load) || has(Flow::Generation);
    let kinds = [metered, behind, has(Flow::Net)].iter().filter(|kind| **kind).count();
    if kinds != 1 {
        let reason = if kinds == 0 {
            "no column is energy: import_wh, export_wh, load_kwh, gen_kwh, kwh, net_kwh, ..."
        } else {
            "import and export, load and generation, or net: only one of the three"
        };
        return Err(fault(others[0].unwrap_or(0), reason.to_owned()));
    }
    Ok((columns, notes))
}

/// Minutes of an interval: the most frequent step between stamps.
fn length(raw: &[Raw], reading: &Reading<'_>) -> Result<u32, String> {
    if let Some(minutes) = reading.minutes {
        return Ok(minutes);
    }
    let mut steps: BTreeMap<i64, usize> = BTreeMap::new();
    for pair in raw.windows(2) {
        let seconds = pair[1].moment.seconds_since(pair[0].moment);
        if seconds > 0 {
            *steps.entry(seconds).or_default() += 1;
        }
    }
    let usual = steps.iter().max_by_key(|(_, count)| **count).map(|(seconds, _)| *seconds);
    let minutes = usual.and_then(|seconds| u32::try_from(seconds / 60).ok());
    match minutes.filter(|minutes| *minutes > 0 && 1440_u32.is_multiple_of(*minutes)) {
        Some(minutes) => Ok(minutes),
        None if usual.is_none() => Err("one row does not tell how long an interval is".to_owned()),
        None => {
            Err(format!("a step of {} s between rows does not divide a day", usual.unwrap_or(0)))
        }
    }
}

impl Rows {
    fn fill(&mut self, raw: Vec<Raw>, header: &[String], ends: bool) -> Result<(), DataError> {
        let length = i64::from(self.minutes) * 60;
        let mut night = 0_u64;
        for Raw { line, moment, cells, estimated } in raw {
            let begin = if ends { moment.plus_seconds(-length) } else { moment };
            let mut energy = Vec::with_capacity(cells.len());
            for (column, cell) in self.columns.iter().zip(&cells) {
                let fault = |reason: String| DataError::Cell {
                    file: self.file.clone(),
                    line,
                    column: header[column.place].clone(),
                    reason,
                };
                let counted = column.unit.energy(*cell, self.minutes);
                let counted = counted.ok_or_else(|| fault(format!("{cell} is too large")))?;
                if counted < 0 {
                    match column.flow {
                        Flow::Net => {}
                        Flow::Generation => night += 1,
                        _ => return Err(fault(format!("{cell} is below zero"))),
                    }
                }
                energy.push(counted);
            }
            if let Some(other) = self.rows.get(&begin) {
                if (&other.energy, other.estimated) != (&energy, estimated) {
                    let other = other.line;
                    let reason =
                        format!("line {other} has other energy or quality for the same interval");
                    let column = header[self.columns[0].place].clone();
                    return Err(DataError::Cell { file: self.file.clone(), line, column, reason });
                }
                self.duplicates += 1;
                continue;
            }
            self.rows.insert(begin, Row { line, energy, estimated });
        }
        if night > 0 {
            self.notes
                .push(format!("{night} intervals with generation below zero count as consumption"));
        }
        Ok(())
    }

    /// The first and the day after the last local day that there is data for.
    pub fn span(&self, zone: &TimeZone) -> Option<(LocalDay, LocalDay)> {
        let (first, _) = self.rows.first_key_value()?;
        let (last, _) = self.rows.last_key_value()?;
        Some((zone.day_of(*first), zone.day_of(*last).next()))
    }

    /// The load of the intervals that begin at `start`.
    pub fn load(&self, start: Timestamp, count: usize) -> Result<Load, DataError> {
        let length = i64::from(self.minutes) * 60;
        let mut flows = vec![vec![0_i64; count]; self.columns.len()];
        let mut gaps: Vec<Gap> = Vec::new();
        let (mut used, mut marks) = (0, vec![false; count]);
        for place in 0..count {
            let from = start.plus_seconds(length * i64::try_from(place).unwrap_or(i64::MAX));
            match self.rows.get(&from) {
                Some(row) => {
                    used += 1;
                    marks[place] = row.estimated;
                    for (flow, cell) in flows.iter_mut().zip(&row.energy) {
                        flow[place] = *cell;
                    }
                }
                None => match gaps.last_mut().filter(|gap| gap.to == from) {
                    Some(gap) => {
                        gap.to = from.plus_seconds(length);
                        gap.intervals += 1;
                    }
                    None => gaps.push(Gap { from, to: from.plus_seconds(length), intervals: 1 }),
                },
            }
        }
        let end = start.plus_seconds(length * i64::try_from(count).unwrap_or(i64::MAX));
        self.on_the_grid(start, end, length)?;
        let estimated = marks.iter().filter(|mark| **mark).count();
        let series = self.series(flows, start, marks)?;
        Ok(Load { series, gaps, outside: self.rows.len() - used, estimated })
    }

    /// A fault for a row inside the span that begins between two intervals.
    fn on_the_grid(&self, start: Timestamp, end: Timestamp, length: i64) -> Result<(), DataError> {
        let mut inside = self.rows.range(start..end);
        match inside.find(|(at, _)| at.seconds_since(start) % length != 0) {
            Some((at, row)) => Err(DataError::Cell {
                file: self.file.clone(),
                line: row.line,
                column: "time".to_owned(),
                reason: format!("{at} is not where an interval of {} minutes begins", self.minutes),
            }),
            None => Ok(()),
        }
    }

    fn series(
        &self,
        flows: Vec<Vec<i64>>,
        start: Timestamp,
        marks: Vec<bool>,
    ) -> Result<Series<'static>, DataError> {
        let count = marks.len();
        let mut import = vec![0; count];
        let mut export = vec![0; count];
        let mut behind = false;
        let mut local = Vec::new();
        for (column, flow) in self.columns.iter().zip(flows) {
            match &column.flow {
                Flow::Import => import = flow,
                Flow::Export => export = flow,
                Flow::Load => {
                    import.iter_mut().zip(flow).for_each(|(load, more)| *load += more);
                    behind = true;
                }
                Flow::Generation => {
                    // What a system takes at night is consumption.
                    let parts = import.iter_mut().zip(&mut export).zip(flow);
                    parts.for_each(|((load, made), flow)| {
                        *load += (-flow).max(0);
                        *made = flow.max(0);
                    });
                    behind = true;
                }
                Flow::Net => {
                    let parts = import.iter_mut().zip(&mut export).zip(flow);
                    parts.for_each(|((import, export), flow)| {
                        (*import, *export) = (flow.max(0), (-flow).max(0));
                    });
                }
                Flow::Local(zone) => local.push((zone.clone(), flow)),
            }
        }
        let made = if behind {
            Series::behind_the_meter(import, export)
        } else {
            Series::metered(import, export)
        };
        let made = local.into_iter().fold(made, |series, (zone, energy)| {
            series.and_then(|series| series.with_local(&zone, energy))
        });
        let made = made.and_then(|series| series.with_estimated(marks));
        made.map_err(|refusal| self.refused(&refusal, start))
    }

    /// A refusal of the load, at the line it is about.
    fn refused(&self, refusal: &tariff::Refusal, start: Timestamp) -> DataError {
        let tariff::Refusal::Energy { place, reason } = refusal else {
            return DataError::File { file: self.file.clone(), reason: refusal.to_string() };
        };
        let length = i64::from(self.minutes) * 60;
        let at = start.plus_seconds(length * i64::try_from(*place).unwrap_or(0));
        DataError::Cell {
            file: self.file.clone(),
            line: self.rows.get(&at).map_or(0, |row| row.line),
            column: "energy".to_owned(),
            reason: (*reason).to_owned(),
        }
    }
}

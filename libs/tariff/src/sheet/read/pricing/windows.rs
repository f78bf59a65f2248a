//! Schedules: a table of months and hours, one period a month, or windows of the local clock.

use super::super::list;
use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::schedule::{DAY_MINUTES, Days, When, Window};

/// The most windows of a schedule.
const WINDOWS_MAX: usize = 256;

/// The member `schedule`; without one there is one period.
pub(crate) fn schedule<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    names: &[String],
) -> Option<When> {
    let Some(schedule) = field.get("schedule") else {
        if names.len() > 1 {
            let reason = "schedule is missing: there is more than one period";
            reader.wrong(field, Code::Missing, reason);
            return None;
        }
        return Some(When::Always);
    };
    reader.known(&schedule, &["weekday", "weekend", "months", "windows", "otherwise"]);
    if let Some(months) = schedule.get("months") {
        let rows = months_row(reader, &months, names.len())?;
        return Some(When::Table { weekday: rows.clone(), weekend: rows });
    }
    if schedule.get("windows").is_some() {
        return windows(reader, &schedule, names);
    }
    let weekday = reader.need(&schedule, "weekday").and_then(|it| table(reader, &it, names.len()));
    let weekend = match schedule.get("weekend") {
        Some(weekend) => table(reader, &weekend, names.len()),
        None => weekday.clone(),
    };
    Some(When::Table { weekday: weekday?, weekend: weekend? })
}

/// Twelve periods, one a month.
fn months_row<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    periods: usize,
) -> Option<Vec<Vec<u8>>> {
    let cells = reader.list(field, 12);
    reader.holds(cells.len() == 12, field, "twelve months");
    let rows: Vec<Vec<u8>> =
        cells.iter().filter_map(|cell| Some(vec![place(reader, cell, periods)?])).collect();
    (rows.len() == 12).then_some(rows)
}

/// Twelve rows of periods, each dividing the day evenly.
pub(crate) fn table<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    periods: usize,
) -> Option<Vec<Vec<u8>>> {
    let rows = reader.list(field, 12);
    reader.holds(rows.len() == 12, field, "twelve rows, one a month");
    let mut all = Vec::new();
    for row in &rows {
        let cells = reader.list(row, usize::from(DAY_MINUTES));
        let even = !cells.is_empty() && usize::from(DAY_MINUTES).is_multiple_of(cells.len());
        reader.holds(even, row, "as many cells as divide a day evenly, such as 24");
        let known: Vec<u8> = cells.iter().filter_map(|cell| place(reader, cell, periods)).collect();
        if even && known.len() == cells.len() {
            all.push(known);
        }
    }
    (all.len() == 12).then_some(all)
}

fn place<'a>(reader: &mut Reader<'a>, cell: &Field<'a>, periods: usize) -> Option<u8> {
    let high = i64::try_from(periods).unwrap_or(i64::MAX) - 1;
    reader.integer(cell, 0, high).and_then(|place| u8::try_from(place).ok())
}

fn named<'a>(reader: &mut Reader<'a>, field: &Field<'a>, names: &[String]) -> Option<u8> {
    let places: Vec<(&str, usize)> =
        names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    reader.word(field, &places).and_then(|place| u8::try_from(place).ok())
}

fn windows<'a>(reader: &mut Reader<'a>, field: &Field<'a>, names: &[String]) -> Option<When> {
    let otherwise = reader.need(field, "otherwise").and_then(|it| named(reader, &it, names));
    let rows = list(reader, field, "windows", WINDOWS_MAX);
    let windows: Vec<Option<Window>> = rows.iter().map(|row| window(reader, row, names)).collect();
    let windows = windows.into_iter().collect::<Option<Vec<_>>>()?;
    Some(When::Windows { windows, otherwise: otherwise? })
}

fn window<'a>(reader: &mut Reader<'a>, field: &Field<'a>, names: &[String]) -> Option<Window> {
    reader.known(field, &["period", "from", "to", "days", "months", "season"]);
    let period = reader.need(field, "period").and_then(|it| named(reader, &it, names));
    let from = field.get("from").map_or(Some(0), |it| reader.clock(&it));
    let to = field.get("to").map_or(Some(0), |it| reader.clock(&it));
    let words = [
        ("all", Days::ALL),
        ("weekday", Days::WEEKDAY),
        ("weekend", Days::WEEKEND),
        ("holiday", Days::HOLIDAY),
        ("mon", Days(1)),
        ("tue", Days(2)),
        ("wed", Days(4)),
        ("thu", Days(8)),
        ("fri", Days(16)),
        ("sat", Days(32)),
        ("sun", Days(64)),
    ];
    let mut days = Days(0);
    for day in list(reader, field, "days", words.len()) {
        days = days.and(reader.word(&day, &words).unwrap_or(Days::ALL));
    }
    let mut seasons = Vec::new();
    for month in list(reader, field, "months", 12) {
        let month = reader.integer(&month, 1, 12).and_then(|it| u8::try_from(it).ok());
        seasons.extend(month.map(|month| ((month, 1), (month, 31))));
    }
    if let Some(season) = field.get("season") {
        reader.known(&season, &["from", "to"]);
        let first = reader.need(&season, "from").and_then(|it| month_day(reader, &it));
        let last = reader.need(&season, "to").and_then(|it| month_day(reader, &it));
        seasons.extend(first.zip(last));
    }
    let days = if days == Days(0) { Days::ALL } else { days };
    // The end of the day is written 24:00 or 00:00.
    let (from, to) = (from? % DAY_MINUTES, to? % DAY_MINUTES);
    Some(Window { period: period?, from, to, days, seasons })
}

/// `06-01`.
pub(crate) fn month_day(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<(u8, u8)> {
    let text = reader.text(field)?;
    let parts = text.split_once('-').and_then(|(month, day)| {
        let month = month.parse().ok().filter(|month| (1..=12).contains(month))?;
        let day = day.parse().ok().filter(|day| (1..=31).contains(day))?;
        Some((month, day))
    });
    if parts.is_none() {
        reader.wrong(field, Code::OutOfRange, format!("month and day such as 06-01, not {text:?}"));
    }
    parts
}

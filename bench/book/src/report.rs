//! Rows: as a table for people, as lines of JSON for machines.

use anyhow::Result;
use serde::Serialize;

/// One figure.
#[derive(Serialize)]
pub(crate) struct Row {
    /// What is measured, and what `theirs` is.
    name: String,
    ours: f64,
    theirs: Option<f64>,
    unit: &'static str,
    /// Ours to theirs: more is better.
    ratio: Option<f64>,
    /// The ratio that is aimed at.
    goal: Option<f64>,
    /// How many runs the medians are of.
    runs: usize,
}

impl Row {
    /// Our runs beside theirs.
    pub(crate) fn against(name: String, ours: &[f64], theirs: &[f64]) -> Row {
        let (runs, ours, theirs) = (ours.len(), median(ours), median(theirs));
        let unit = "messages/s";
        Row { name, ours, theirs: Some(theirs), unit, ratio: Some(ours / theirs), goal: None, runs }
    }

    pub(crate) fn aims_at(self, goal: f64) -> Row {
        Row { goal: Some(goal), ..self }
    }
}

/// The middle one.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A line for each row, with a head.
pub(crate) fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    let mut text = format!(
        "{:width$} {:>12} {:>12} {:>9} {:>6}\n",
        "messages/s", "ours", "theirs", "ratio", "goal"
    );
    for row in rows {
        let number = |number: Option<f64>, digits: usize| {
            number.map(|number| format!("{number:.digits$}")).unwrap_or_default()
        };
        let missed = row.goal > row.ratio;
        text += &format!(
            "{:width$} {:>12.0} {:>12} {:>9} {:>6}{}\n",
            row.name,
            row.ours,
            number(row.theirs, 0),
            number(row.ratio, 1),
            number(row.goal, 0),
            if missed { " missed" } else { "" }
        );
    }
    text
}

/// A line of JSON for each row.
pub(crate) fn lines(rows: &[Row]) -> Result<String> {
    rows.iter().map(|row| Ok(serde_json::to_string(row)? + "\n")).collect()
}

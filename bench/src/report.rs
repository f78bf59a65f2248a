//! Rows: as a table for people, as JSON for machines.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::Path;
use std::process::Command;

use crate::measure::Pair;

/// A part of an area: its name, and what measures it.
pub(crate) type Part = (&'static str, fn() -> Result<Vec<Row>>);

/// The rows of the parts whose name has `only` in it.
pub(crate) fn parts(parts: &[Part], only: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, part) in parts.iter().filter(|(name, _)| name.contains(only)) {
        eprintln!("{name} ...");
        rows.extend(part().with_context(|| format!("the part {name}"))?);
    }
    Ok(rows)
}

/// One figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// What is measured, and what `theirs` is.
    pub(crate) name: String,
    pub(crate) ours: f64,
    /// Of the peer or bound, if there is one.
    pub(crate) theirs: Option<f64>,
    pub(crate) unit: Cow<'static, str>,
    /// Ours to theirs for rates, theirs to ours for costs: more is better.
    pub(crate) ratio: Option<f64>,
    /// The ratio that is aimed at.
    pub(crate) goal: Option<f64>,
    /// How many runs the medians are of.
    pub(crate) runs: usize,
}

#[derive(Serialize)]
struct Report<'a> {
    machine: String,
    commit: String,
    rows: &'a [Row],
}

impl Row {
    /// Of which there should be much.
    pub(crate) fn rate(name: impl Into<String>, unit: &'static str, pair: &Pair) -> Self {
        let (ours, theirs) = pair.medians();
        let ratio = theirs.map(|theirs| ours / theirs);
        let (unit, runs) = (Cow::Borrowed(unit), pair.ours.len());
        Self { name: name.into(), ours, theirs, unit, ratio, goal: None, runs }
    }

    /// Of which there should be little.
    pub(crate) fn cost(name: impl Into<String>, unit: &'static str, pair: &Pair) -> Self {
        let row = Self::rate(name, unit, pair);
        Self { ratio: row.ratio.map(|ratio| 1.0 / ratio), ..row }
    }

    /// Against a limit that is aimed at, instead of a peer: the goal is a ratio of one.
    pub(crate) fn cost_at_most(
        name: impl Into<String>,
        unit: &'static str,
        ours: &[f64],
        limit: f64,
    ) -> Self {
        let pair = Pair { ours: ours.to_vec(), theirs: vec![limit] };
        Self::cost(name, unit, &pair).aims_at(1.0)
    }

    pub(crate) fn aims_at(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// A rate without a peer.
    pub(crate) fn alone(name: impl Into<String>, unit: &'static str, ours: &[f64]) -> Self {
        Self::rate(name, unit, &Pair { ours: ours.to_vec(), theirs: Vec::new() })
    }
}

/// Prints the table and writes the file.
pub(crate) fn publish(area: &str, rows: &[Row]) -> Result<()> {
    print!("{}", table(rows));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder).context("making target/bench")?;
    let report = Report { machine: machine(), commit: commit(&root), rows };
    let file = folder.join(format!("{area}.json"));
    std::fs::write(&file, serde_json::to_string_pretty(&report)? + "\n").context("writing")?;
    println!("\n{}; {}; target/bench/{area}.json", report.machine, report.commit);
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let head = ["", "ours", "theirs", "unit", "ratio", "goal", "runs"].map(str::to_owned);
    let mut cells = vec![head];
    cells.extend(rows.iter().map(|row| {
        let optional = |number: Option<f64>| number.map(figure).unwrap_or_default();
        let missed = row.goal.is_some_and(|goal| row.ratio.is_some_and(|ratio| ratio < goal));
        let goal = optional(row.goal) + if missed { " missed" } else { "" };
        let (ratio, runs) = (optional(row.ratio), row.runs.to_string());
        let (ours, theirs) = (figure(row.ours), optional(row.theirs));
        [row.name.clone(), ours, theirs, row.unit.to_string(), ratio, goal, runs]
    }));
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 7] = std::array::from_fn(|column| width(column).unwrap_or_default());
    let mut text = String::new();
    for row in &cells {
        let mut line = format!("{:<1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(widths).skip(1) {
            line += &format!("  {cell:>width$}");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Four digits that count.
fn figure(number: f64) -> String {
    let digits = match number.abs() {
        0.0..10.0 => 3,
        10.0..100.0 => 2,
        100.0..1_000.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}

/// Processor, cores, system.
fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// The commit, and whether something else was measured.
fn commit(root: &Path) -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).current_dir(root).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".into() };
    let changed = git(&["status", "--porcelain"]).is_none_or(|changes| !changes.is_empty());
    commit + if changed { " with changes" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::median;

    fn pair(ours: &[f64], theirs: &[f64]) -> Pair {
        Pair { ours: ours.to_vec(), theirs: theirs.to_vec() }
    }

    #[test]
    fn more_of_a_ratio_is_better_for_rates_and_costs() {
        let pair = pair(&[1.0, 4.0, 100.0], &[2.0, 2.0, 2.0]);
        let (rate, cost) = (Row::rate("a", "1/s", &pair), Row::cost("a", "ms", &pair));
        assert_eq!((rate.ours, rate.theirs, rate.ratio), (4.0, Some(2.0), Some(2.0)));
        assert_eq!((cost.ours, cost.theirs, cost.ratio), (4.0, Some(2.0), Some(0.5)));
        assert_eq!(Row::cost_at_most("a", "ms", &[4.0], 5.0).ratio, Some(1.25));
        assert_eq!(Row::alone("a", "1/s", &[4.0]).ratio, None);
        assert_eq!(median(&[3.0, 1.0]), 2.0);
    }

    #[test]
    fn a_table_has_a_line_for_each_row_and_says_what_was_missed() {
        let rows = [
            Row::rate("fast", "1/s", &pair(&[30_000.0], &[10_000.0])).aims_at(2.0),
            Row::rate("slow", "1/s", &pair(&[1.0], &[10.0])).aims_at(2.0),
        ];
        let table = table(&rows);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[1], "fast  30000   10000   1/s  3.000         2.000     1");
        assert_eq!(lines[2], "slow  1.000   10.00   1/s  0.100  2.000 missed     1");
    }
}

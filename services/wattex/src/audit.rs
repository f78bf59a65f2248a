//! `wattex audit`: a journal as a file, and whether its entries follow from each other.
//!
//! The check needs nobody: the text of each entry is hashed, contains the hash of the entry before,
//! and the last hash is the head that an installation named at that time, to anybody who asked.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use alloy_primitives::{B256, keccak256};
use anyhow::{Context, Result, bail};
use billing::domain::export::COLUMNS;
use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;

use crate::exit::{self, Trouble};

/// How long the installation may be silent.
const SILENT_MAX: Duration = Duration::from_secs(60);
/// The longest answer that says why there is no file.
const REFUSAL_BYTES_MAX: usize = 4_096;

/// What is done.
#[derive(Subcommand)]
pub enum Work {
    /// Fetches a journal of money and energy into a file.
    Export(Export),
    /// Checks a journal in CSV: that its entries follow from each other.
    Check(Check),
}

/// Arguments of `wattex audit export`.
#[derive(Args)]
pub struct Export {
    /// Where the installation answers, such as <http://127.0.0.1:8080>.
    #[arg(long, value_name = "URL")]
    server: String,
    /// An access token of an auditor or of staff.
    #[arg(long, env = "WATTEX_TOKEN", hide_env_values = true)]
    token: String,
    /// As what.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// Whose journal (ISO 4217); that of the currency that energy is traded in when absent.
    #[arg(long)]
    currency: Option<String>,
    /// The first entry.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// The entry after the last; all that there are when absent.
    #[arg(long)]
    to: Option<u64>,
    /// Where to; a file that is there is replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What a file is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Parquet,
}

/// Arguments of `wattex audit check`.
#[derive(Args)]
pub struct Check {
    /// The journal, as `wattex audit export` writes it in CSV.
    file: PathBuf,
    /// The hash that the last entry must have, as `GET /v1/audit` names it.
    #[arg(long, value_name = "HASH")]
    head: Option<B256>,
}

/// Does it; the exit code tells whether a journal holds.
pub fn run(work: &Work) -> Result<ExitCode> {
    match work {
        Work::Export(arguments) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(export(arguments))
        }
        Work::Check(arguments) => {
            let path = arguments.file.display().to_string();
            let file = File::open(&arguments.file).with_context(|| format!("reading {path}"))?;
            check(BufReader::new(file), arguments.head)
        }
    }
}

async fn export(arguments: &Export) -> Result<ExitCode> {
    let http = reqwest::Client::builder().read_timeout(SILENT_MAX).build()?;
    let url = format!("{}/v1/audit/export", arguments.server.trim_end_matches('/'));
    let format = if arguments.format == Format::Parquet { "parquet" } else { "csv" };
    let mut query = vec![("format", format.to_owned()), ("from", arguments.from.to_string())];
    query.extend(arguments.to.map(|to| ("to", to.to_string())));
    query.extend(arguments.currency.clone().map(|currency| ("currency", currency)));
    let request = http.get(&url).query(&query).bearer_auth(&arguments.token);
    let mut answer = request.send().await.with_context(|| format!("asking {url}"))?;
    if !answer.status().is_success() {
        let (status, mut said) = (answer.status(), Vec::new());
        while let Some(part) = answer.chunk().await? {
            said.extend_from_slice(&part);
            if said.len() > REFUSAL_BYTES_MAX {
                break;
            }
        }
        bail!("{url} answers {status}: {}", String::from_utf8_lossy(&said));
    }
    // What breaks off is no file under the name that was asked for.
    let unfinished = arguments.out.with_extension("unfinished");
    let file = File::create(&unfinished);
    let file = file.with_context(|| format!("writing {}", unfinished.display()))?;
    let (mut file, mut bytes) = (BufWriter::new(file), 0_u64);
    while let Some(part) = answer.chunk().await.context("the journal breaks off")? {
        file.write_all(&part)?;
        bytes += part.len() as u64;
    }
    file.into_inner()?.sync_all()?;
    std::fs::rename(&unfinished, &arguments.out)?;
    println!("{}: {bytes} bytes", arguments.out.display());
    Ok(ExitCode::SUCCESS)
}

/// What of an entry's text is looked at.
#[derive(Deserialize)]
struct Said {
    sequence: u64,
    previous: B256,
}

fn check(file: impl Read, head: Option<B256>) -> Result<ExitCode> {
    let unreadable = |why: String| Trouble::Bill(format!("this is no journal: {why}"));
    let mut reader = csv::Reader::from_reader(file);
    let heading = reader.headers().map_err(|error| unreadable(error.to_string()))?;
    if heading.iter().ne(COLUMNS) {
        return Err(unreadable("it has other columns".to_owned()).into());
    }
    let (mut first, mut last) = (None, None::<(u64, B256)>);
    for row in reader.records() {
        let row = row.map_err(|error| unreadable(error.to_string()))?;
        let (hash, entry) = (&row[11], &row[12]);
        if entry.is_empty() {
            let own = last.is_some_and(|(place, known)| {
                row[0] == *place.to_string() && hash == known.to_string()
            });
            if !own {
                return broken(&row[0], "has a row that is not its own");
            }
            continue;
        }
        let said: Said =
            serde_json::from_str(entry).map_err(|error| unreadable(error.to_string()))?;
        let digest = keccak256(entry);
        if hash != digest.to_string() || row[0] != said.sequence.to_string() {
            return broken(&row[0], "is not what its hash is of");
        }
        let follows = match last {
            None => said.sequence > 0 || said.previous == B256::ZERO,
            Some((place, hash)) => said.sequence == place + 1 && said.previous == hash,
        };
        if !follows {
            return broken(&row[0], "does not follow from the one before");
        }
        first = first.or(Some(said.sequence));
        last = Some((said.sequence, digest));
    }
    let Some((first, (place, hash))) = first.zip(last) else {
        return Err(unreadable("it has no entries".to_owned()).into());
    };
    if head.is_some_and(|head| head != hash) {
        return broken(&place.to_string(), "is not the head that was named");
    }
    println!("entries {first} to {place} follow from each other; the last has the hash {hash}");
    Ok(ExitCode::SUCCESS)
}

fn broken(entry: &str, why: &str) -> Result<ExitCode> {
    println!("entry {entry} {why}");
    Ok(ExitCode::from(exit::BROKEN_JOURNAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal of two entries, the first with two rows.
    fn journal() -> String {
        let entry = |sequence: u64, previous: B256| {
            serde_json::json!({ "sequence": sequence, "previous": previous }).to_string()
        };
        let first = entry(0, B256::ZERO);
        let second = entry(1, keccak256(&first));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(COLUMNS).unwrap();
        for (sequence, text, shown) in
            [("0", &first, first.as_str()), ("0", &first, ""), ("1", &second, second.as_str())]
        {
            let hash = keccak256(text).to_string();
            let mut row = vec![""; COLUMNS.len()];
            (row[0], row[11], row[12]) = (sequence, &hash, shown);
            writer.write_record(row).unwrap();
        }
        String::from_utf8(writer.into_inner().unwrap()).unwrap()
    }

    fn holds(text: &str, head: Option<B256>) -> bool {
        let code = check(text.as_bytes(), head).unwrap();
        code == ExitCode::SUCCESS
    }

    #[test]
    fn a_journal_in_which_anything_was_changed_does_not_hold() {
        let whole = journal();
        let lines: Vec<&str> = whole.lines().collect();
        let without = |place: usize| {
            let kept = lines.iter().enumerate().filter(|(at, _)| *at != place);
            kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
        };
        assert!(holds(&whole, None) && holds(&without(2), None));
        assert!(!holds(&without(1), None), "rows without their entry");
        assert!(!holds(&whole, Some(B256::ZERO)), "another head");
        assert!(holds(&without(3), None), "a journal that ends sooner");
        let place = whole.find("sequence\"\":1").unwrap();
        let mut changed = whole.clone();
        changed.replace_range(place..place + 13, "sequence\"\":2,");
        assert!(check(changed.as_bytes(), None).map_or(true, |code| code != ExitCode::SUCCESS));
        let other = whole.replacen("sequence", "number", 1);
        assert!(check(other.as_bytes(), None).is_err(), "other columns");
        assert!(check(without(9).lines().next().unwrap().as_bytes(), None).is_err(), "none");
    }
}

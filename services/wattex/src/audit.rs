//! `wattex audit`: a journal as a file, and whether its entries follow from each other.
//!
//! The check needs nobody: the text of each entry is hashed, contains the hash of the entry before,
//! and the last hash is the head that an installation named then, to anybody who asked. A whole
//! journal is made into books again, which have to keep the rules of books ([`replay`]). With
//! batches that are on chain the entries of a part, such as one account's month, are proved each by
//! itself, against one block that the caller trusts. What stands beside a text follows from it, but
//! the currency, when it was posted and in which block its log is. The currency is that of the
//! batches; when an entry was posted is held against when its batch came on chain.

mod replay;

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use alloy_primitives::{B256, keccak256};
use anyhow::{Context, Result, bail};
use billing::domain::export::{COLUMNS, Row, rows};
use billing::domain::journal::Entry;
use billing::domain::verify::{AnchorsFile, EntryProof, JournalBatch};
use calendar::Timestamp;
use clap::{Args, Subcommand, ValueEnum};

use crate::exit::{self, Trouble};
use crate::verify::trust_file;
use replay::Replay;

/// How long the installation may be silent.
const SILENT_MAX: Duration = Duration::from_secs(60);
/// The longest answer that says why there is no file.
const REFUSAL_BYTES_MAX: usize = 4_096;
/// How far the clocks of the books and of the chain may be apart, in seconds.
const CLOCKS_APART_MAX: i64 = 60;
/// How long a batch may have taken to come on chain, in seconds: what was posted meanwhile is in
/// the next one.
const BATCH_UNDER_WAY_MAX: i64 = 86_400;

/// What is done.
#[derive(Subcommand)]
pub enum Work {
    /// Fetches a journal of money and energy into a file.
    Export(Export),
    /// Checks a journal in CSV: that its entries follow from each other, and of a whole one that
    /// its books keep the rules I1 to I8 and I10.
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
    /// Only entries of this account.
    #[arg(long, value_name = "UUID")]
    account: Option<String>,
    /// Only entries that were posted in this month of UTC, such as 2026-06.
    #[arg(long)]
    month: Option<String>,
    /// Also fetches the batches that are on chain into this file, for `check --proofs`.
    #[arg(long, value_name = "FILE")]
    proofs: Option<PathBuf>,
    /// Height of the block that the batches are proved against; the newest final one when absent.
    #[arg(long, value_name = "HEIGHT", requires = "proofs")]
    trusted: Option<u64>,
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
    /// The batches that are on chain, as `wattex audit export --proofs` writes them: then a part
    /// proves itself entry by entry.
    #[arg(long, value_name = "FILE")]
    proofs: Option<PathBuf>,
    /// What to trust: chain, contracts and one block. `trust.json` beside the proofs when absent.
    #[arg(long, value_name = "FILE", requires = "proofs")]
    trust: Option<PathBuf>,
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
            let anchors = arguments.proofs.as_deref();
            let anchors = anchors.map(|path| anchors_in(path, arguments.trust.as_deref()));
            let anchors = match anchors.transpose() {
                Ok(anchors) => anchors,
                Err(error) => match error.downcast::<Failed>() {
                    Ok(failed) => {
                        println!("{failed}");
                        return Ok(ExitCode::from(exit::BROKEN_JOURNAL));
                    }
                    Err(error) => return Err(error),
                },
            };
            check(BufReader::new(file), arguments.head, anchors.as_ref())
        }
    }
}

async fn export(arguments: &Export) -> Result<ExitCode> {
    let http = reqwest::Client::builder().read_timeout(SILENT_MAX).build()?;
    let format = if arguments.format == Format::Parquet { "parquet" } else { "csv" };
    let mut part = Vec::new();
    part.extend(arguments.to.map(|to| ("to", to.to_string())));
    part.extend(arguments.currency.clone().map(|currency| ("currency", currency)));
    let mut query = part.clone();
    query.push(("from", arguments.from.to_string()));
    query.push(("format", format.to_owned()));
    query.extend(arguments.account.clone().map(|account| ("account", account)));
    query.extend(arguments.month.clone().map(|month| ("month", month)));
    fetch(&http, arguments, ("export", &query), &arguments.out).await?;
    if let Some(proofs) = &arguments.proofs {
        part.extend(arguments.trusted.map(|trusted| ("trusted", trusted.to_string())));
        fetch(&http, arguments, ("anchors", &part), proofs).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Fetches what the installation answers into a file.
async fn fetch(
    http: &reqwest::Client,
    arguments: &Export,
    (what, query): (&str, &[(&str, String)]),
    out: &Path,
) -> Result<()> {
    let url = format!("{}/v1/audit/{what}", arguments.server.trim_end_matches('/'));
    let request = http.get(&url).query(query).bearer_auth(&arguments.token);
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
    let unfinished = out.with_extension("unfinished");
    let file = File::create(&unfinished);
    let file = file.with_context(|| format!("writing {}", unfinished.display()))?;
    let (mut file, mut bytes) = (BufWriter::new(file), 0_u64);
    while let Some(part) = answer.chunk().await.context("the journal breaks off")? {
        file.write_all(&part)?;
        bytes += part.len() as u64;
    }
    file.into_inner()?.sync_all()?;
    fs::rename(&unfinished, out)?;
    println!("{}: {bytes} bytes", out.display());
    Ok(())
}

/// What a journal in a file came to.
#[derive(Debug, Default)]
struct Found {
    first: u64,
    last: Option<(u64, B256)>,
    entries: u64,
    /// Entries that a batch on chain proves.
    proved: u64,
    /// Whether places between the first and the last are missing.
    is_part: bool,
    /// What all rows say the currency is.
    currency: Option<String>,
    /// Places of the batches that prove any.
    batches: BTreeSet<usize>,
    /// Entries that say they were posted long before the batch before theirs came on chain.
    too_early: u64,
    /// The books that the entries make.
    replay: Replay,
}

/// What stands in the first row of an entry beside its text.
struct Beside<'a> {
    at: &'a str,
    proof: &'a str,
}

/// An entry of a file that is not what it should be.
struct Broken {
    entry: String,
    why: &'static str,
}

fn check(file: impl Read, head: Option<B256>, anchors: Option<&Anchors>) -> Result<ExitCode> {
    let found = match read(file, anchors)? {
        Ok(found) => found,
        Err(Broken { entry, why }) => return broken(&entry, why),
    };
    let Some((place, hash)) = found.last else {
        return Err(unreadable("it has no entries").into());
    };
    if head.is_some_and(|head| head != hash) {
        return broken(&place.to_string(), "is not the head that was named");
    }
    let Found { first, entries, proved, is_part, too_early, .. } = found;
    if is_part {
        println!("{entries} of the entries {first} to {place}: each is what its hash is of");
    } else {
        println!("entries {first} to {place} follow from each other; the last has the hash {hash}");
    }
    if is_part || first > 0 || head.is_none() {
        println!("not proved: that all entries are here");
    }
    if !found.replay.holds() {
        return Ok(ExitCode::from(exit::BROKEN_JOURNAL));
    }
    let Some(anchors) = anchors else {
        println!("not proved: the currency, and when each was posted");
        return Ok(ExitCode::SUCCESS);
    };
    let said = if anchors.trusted { "" } else { ", by the file's own word: no block is trusted" };
    println!("{proved} of {entries} entries stand in batches on chain{said}");
    for (batch, time) in found.batches.iter().filter_map(|place| anchors.at(*place)) {
        println!("batch {} came on chain at {time}", batch.number);
    }
    if too_early > 0 {
        println!("{too_early} say that they were posted long before the batch before theirs");
    }
    let holds = anchors.trusted && proved == entries && too_early == 0;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::from(exit::UNANCHORED_JOURNAL) })
}

fn unreadable(why: impl std::fmt::Display) -> Trouble {
    Trouble::Bill(format!("this is no journal: {why}"))
}

/// Reads a journal in CSV, row by row; every row is what the text of its entry makes of it.
fn read(file: impl Read, anchors: Option<&Anchors>) -> Result<Result<Found, Broken>> {
    let mut reader = csv::Reader::from_reader(file);
    if reader.headers().map_err(unreadable)?.iter().ne(COLUMNS) {
        return Err(unreadable("it has other columns").into());
    }
    let (mut found, mut due) = (Found::default(), VecDeque::new());
    let mut beside = [String::new(), String::new()];
    for row in reader.records() {
        let row = row.map_err(unreadable)?;
        let broken = |why| Ok(Err(Broken { entry: row[0].to_owned(), why }));
        if let Err(why) = found.take_currency(&row[2], anchors) {
            return broken(why);
        }
        if !row[12].is_empty() {
            if !due.is_empty() {
                return broken("comes before the one before it has all its rows");
            }
            let entry = match entry_of(&row[12], &row[11]) {
                Ok(entry) => entry,
                Err(why) => return broken(why),
            };
            if let Err(why) = found.take(&entry, &Beside { at: &row[1], proof: &row[13] }, anchors)
            {
                return broken(why);
            }
            due = rows(&entry, Timestamp::from_seconds(0), "", "").into();
            beside = [row[1].to_owned(), row[4].to_owned()];
        }
        if [&row[1], &row[4]] != beside {
            return broken("has rows of another time or block");
        }
        let Some(right) = due.pop_front() else { return broken("has a row that is not its own") };
        if !says(&row, &right) {
            return broken("has a row that does not follow from its text");
        }
    }
    match due.front() {
        Some(row) => Ok(Err(Broken { entry: row.sequence.to_string(), why: "lacks rows" })),
        None => Ok(Ok(found)),
    }
}

/// The entry that a text is of.
fn entry_of(text: &str, hash: &str) -> Result<Entry, &'static str> {
    let digest = keccak256(text);
    if hash != digest.to_string() {
        return Err("is not what its hash is of");
    }
    let entry: Entry = serde_json::from_str(text).map_err(|_| "has a text that is no entry")?;
    let entry = Entry { hash: digest, ..entry };
    if entry.preimage() != text {
        return Err("has a text that no journal writes");
    }
    Ok(entry)
}

/// Whether a row shows what follows from its entry's text; when it was posted, the block and the
/// proof stand beside it.
fn says(row: &csv::StringRecord, right: &Row) -> bool {
    let shown = [0, 3, 5, 6, 7, 8, 9, 10, 11].map(|place: usize| &row[place]);
    let (sequence, amount) = (right.sequence.to_string(), right.amount.to_string());
    let reversal = if right.reversal { "true" } else { "false" };
    let expected = [
        sequence.as_str(),
        &right.source,
        right.fact,
        reversal,
        right.ledger,
        &right.debit,
        &right.credit,
        &amount,
        &right.hash,
    ];
    shown == expected
}

impl Found {
    /// Takes the currency of the next row: that of all, and of the batches.
    fn take_currency(
        &mut self,
        currency: &str,
        anchors: Option<&Anchors>,
    ) -> Result<(), &'static str> {
        if anchors.is_some_and(|anchors| anchors.file.currency != currency) {
            return Err("is of another currency than the batches");
        }
        if self.currency.get_or_insert_with(|| currency.to_owned()) != currency {
            return Err("is of another currency than the first");
        }
        Ok(())
    }

    /// Takes the next entry, with what stands beside it.
    fn take(
        &mut self,
        entry: &Entry,
        beside: &Beside,
        anchors: Option<&Anchors>,
    ) -> Result<(), &'static str> {
        let follows = match self.last {
            None => entry.sequence > 0 || entry.previous == B256::ZERO,
            Some((place, hash)) if entry.sequence == place + 1 => entry.previous == hash,
            // Of a part each entry is proved by itself.
            Some((place, _)) => {
                self.is_part = true;
                anchors.is_some() && entry.sequence > place
            }
        };
        if !follows {
            return Err("does not follow from the one before");
        }
        let at: Timestamp = beside.at.parse().map_err(|_| "has no time")?;
        if let (Some(anchors), false) = (anchors, beside.proof.is_empty())
            && let Some(place) = batch_of(entry, beside.proof, &anchors.file)?
        {
            self.proved += 1;
            self.batches.insert(place);
            if anchors.at(place).is_none_or(|(_, time)| at > time.plus_seconds(CLOCKS_APART_MAX)) {
                return Err("came on chain before it says that it was posted");
            }
            let before = place.checked_sub(1).and_then(|place| anchors.at(place));
            let long_before = |(_, time): (_, Timestamp)| {
                at < time.plus_seconds(-BATCH_UNDER_WAY_MAX - CLOCKS_APART_MAX)
            };
            self.too_early += u64::from(before.is_some_and(long_before));
        }
        if self.last.is_none() {
            self.first = entry.sequence;
        }
        self.replay.take(entry, self.first == 0 && !self.is_part)?;
        self.last = Some((entry.sequence, entry.hash));
        self.entries += 1;
        Ok(())
    }
}

/// The place in the file of the batch that proves an entry; none where it is not in the file.
fn batch_of(
    entry: &Entry,
    proof: &str,
    anchors: &AnchorsFile,
) -> Result<Option<usize>, &'static str> {
    let proof: EntryProof = serde_json::from_str(proof).map_err(|_| "has a proof that is none")?;
    let place = anchors.batches.binary_search_by_key(&proof.batch, |batch| batch.number);
    let Ok(place) = place else { return Ok(None) };
    if anchors.batches[place].proves(entry.sequence, entry.hash, &proof.path) {
        return Ok(Some(place));
    }
    Err("is not in the batch that its proof names")
}

/// Batches that prove themselves against a block.
struct Anchors {
    file: AnchorsFile,
    /// When each batch came on chain, epoch seconds.
    times: Vec<u64>,
    /// Whether the block is one that the caller trusts.
    trusted: bool,
}

impl Anchors {
    /// The batch at a place of the file, and when it came on chain.
    fn at(&self, place: usize) -> Option<(JournalBatch, Timestamp)> {
        let time = i64::try_from(*self.times.get(place)?).ok()?;
        Some((*self.file.batches.get(place)?, Timestamp::from_seconds(time)))
    }
}

/// The batches in a file, held against what the caller trusts.
fn anchors_in(path: &Path, trust: Option<&Path>) -> Result<Anchors> {
    let unreadable = |why: String| Trouble::Bill(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let file: AnchorsFile =
        serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    let trust = trust_file(trust, path)?;
    let times = file.check(trust.as_ref());
    let times = times.map_err(|wrong| Failed(format!("{}: {wrong}", path.display())))?;
    Ok(Anchors { file, times, trusted: trust.is_some() })
}

/// Batches that are not on the chain that is trusted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

fn broken(entry: &str, why: &str) -> Result<ExitCode> {
    println!("entry {entry} {why}");
    Ok(ExitCode::from(exit::BROKEN_JOURNAL))
}

#[cfg(test)]
mod tests;

//! `wattex audit`: a journal as a file, and whether its entries follow from each other.
//!
//! The check needs nobody: the text of each entry is hashed, contains the hash of the entry before,
//! and the last hash is the head that an installation named then, to anybody who asked. With
//! batches that are on chain the entries of a part, such as one account's month, are proved each by
//! itself, against one block that the caller trusts. What stands beside a text follows from it, but
//! when it was posted and in which block its log is.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use alloy_primitives::{B256, keccak256};
use anyhow::{Context, Result, bail};
use billing::domain::export::{COLUMNS, Row, rows};
use billing::domain::journal::Entry;
use billing::domain::verify::{AnchorsFile, EntryProof};
use calendar::Timestamp;
use clap::{Args, Subcommand, ValueEnum};

use crate::exit::{self, Trouble};
use crate::verify::trust_file;

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
    let mut part = vec![("from", arguments.from.to_string())];
    part.extend(arguments.to.map(|to| ("to", to.to_string())));
    part.extend(arguments.currency.clone().map(|currency| ("currency", currency)));
    let mut query = part.clone();
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
}

/// An entry of a file that is not what it should be.
struct Broken {
    entry: String,
    why: &'static str,
}

fn check(file: impl Read, head: Option<B256>, anchors: Option<&Anchors>) -> Result<ExitCode> {
    let found = match read(file, anchors.map(|anchors| &anchors.file))? {
        Ok(found) => found,
        Err(Broken { entry, why }) => return broken(&entry, why),
    };
    let Some((place, hash)) = found.last else {
        return Err(unreadable("it has no entries").into());
    };
    if head.is_some_and(|head| head != hash) {
        return broken(&place.to_string(), "is not the head that was named");
    }
    let Found { first, entries, proved, is_part, .. } = found;
    if is_part {
        println!("{entries} of the entries {first} to {place}: each is what its hash is of");
    } else {
        println!("entries {first} to {place} follow from each other; the last has the hash {hash}");
    }
    let Some(anchors) = anchors else { return Ok(ExitCode::SUCCESS) };
    let said = if anchors.trusted { "" } else { ", by the file's own word: no block is trusted" };
    println!("{proved} of {entries} entries stand in batches on chain{said}");
    if is_part {
        println!("not proved: that the part has all entries of its account and month");
    }
    let holds = anchors.trusted && proved == entries;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::from(exit::UNANCHORED_JOURNAL) })
}

fn unreadable(why: impl std::fmt::Display) -> Trouble {
    Trouble::Bill(format!("this is no journal: {why}"))
}

/// Reads a journal in CSV, row by row; every row is what the text of its entry makes of it.
fn read(file: impl Read, anchors: Option<&AnchorsFile>) -> Result<Result<Found, Broken>> {
    let mut reader = csv::Reader::from_reader(file);
    if reader.headers().map_err(unreadable)?.iter().ne(COLUMNS) {
        return Err(unreadable("it has other columns").into());
    }
    let (mut found, mut due) = (Found::default(), VecDeque::new());
    for row in reader.records() {
        let row = row.map_err(unreadable)?;
        let broken = |why| Ok(Err(Broken { entry: row[0].to_owned(), why }));
        if !row[12].is_empty() {
            if !due.is_empty() {
                return broken("comes before the one before it has all its rows");
            }
            let entry = match entry_of(&row[12], &row[11]) {
                Ok(entry) => entry,
                Err(why) => return broken(why),
            };
            if let Err(why) = found.take(&entry, (&row[2], &row[13]), anchors) {
                return broken(why);
            }
            due = rows(&entry, Timestamp::from_seconds(0), "", "").into();
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
    /// Takes the next entry, with its currency and proof.
    fn take(
        &mut self,
        entry: &Entry,
        (currency, proof): (&str, &str),
        anchors: Option<&AnchorsFile>,
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
        if let (Some(anchors), false) = (anchors, proof.is_empty()) {
            if currency != anchors.currency {
                return Err("is of another currency than the batches");
            }
            self.proved += u64::from(is_proved(entry, proof, anchors)?);
        }
        if self.last.is_none() {
            self.first = entry.sequence;
        }
        self.last = Some((entry.sequence, entry.hash));
        self.entries += 1;
        Ok(())
    }
}

/// Whether a batch of the file proves an entry; `false` where its batch is not in the file.
fn is_proved(entry: &Entry, proof: &str, anchors: &AnchorsFile) -> Result<bool, &'static str> {
    let proof: EntryProof = serde_json::from_str(proof).map_err(|_| "has a proof that is none")?;
    let batch = anchors.batches.iter().find(|batch| batch.number == proof.batch);
    let Some(batch) = batch else { return Ok(false) };
    if batch.proves(entry.sequence, entry.hash, &proof.path) {
        return Ok(true);
    }
    Err("is not in the batch that its proof names")
}

/// Batches that prove themselves against a block.
struct Anchors {
    file: AnchorsFile,
    /// Whether the block is one that the caller trusts.
    trusted: bool,
}

/// The batches in a file, held against what the caller trusts.
fn anchors_in(path: &Path, trust: Option<&Path>) -> Result<Anchors> {
    let unreadable = |why: String| Trouble::Bill(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let file: AnchorsFile =
        serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    let trust = trust_file(trust, path)?;
    file.check(trust.as_ref()).map_err(|wrong| Failed(format!("{}: {wrong}", path.display())))?;
    Ok(Anchors { file, trusted: trust.is_some() })
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
mod tests {
    use alloy_primitives::{Address, Bytes};
    use billing::domain::export::{csv_heading, csv_lines};
    use billing::domain::journal::{Book, Fact};
    use billing::domain::verify::{ANCHORS_FORMAT, ChainRef, JournalBatch, entries_tree};
    use units::Money;

    use super::*;

    fn chain() -> ChainRef {
        let key = Address::repeat_byte(1);
        let roles = contracts::Roles {
            admin: key,
            clearer: key,
            reconciler: key,
            policy: key,
            minter: key,
            reading_anchor: key,
            record_anchor: key,
            installers: Vec::new(),
            enroller: key,
            pauser: key,
            certifier: key,
        };
        let genesis = contracts::Genesis::new(key, &roles, &testkit::settings(600));
        ChainRef { chain_id: 1, genesis: B256::ZERO, contracts: genesis.deployment }
    }

    /// A journal of three entries: money comes in, is credited, and leaves the market.
    fn entries() -> Vec<Entry> {
        let (mut book, account) = (Book::default(), Address::repeat_byte(7));
        let amount = Money::from_n(25);
        let facts = [
            Fact::Minted { amount },
            Fact::Deposited { account, amount },
            Fact::Withdrawn { account, amount },
        ];
        let post = |(place, fact)| book.post(&format!("log:{place}"), fact).unwrap();
        facts.into_iter().enumerate().map(post).collect()
    }

    fn journal(entries: &[Entry], proofs: &[&str]) -> String {
        let at = Timestamp::from_seconds(1_780_000_000);
        let each = entries.iter().zip(proofs.iter().chain(std::iter::repeat(&"")));
        let rows: Vec<Row> =
            each.flat_map(|(entry, proof)| rows(entry, at, "0xab", proof)).collect();
        let lines = [csv_heading(), csv_lines(&rows, "EUR").unwrap()].concat();
        String::from_utf8(lines).unwrap()
    }

    fn holds(text: &str, head: Option<B256>) -> bool {
        check(text.as_bytes(), head, None).unwrap() == ExitCode::SUCCESS
    }

    #[test]
    fn a_journal_in_which_anything_was_changed_does_not_hold() {
        let all = entries();
        let whole = journal(&all, &[]);
        assert!(holds(&whole, None) && holds(&journal(&all[1..], &[]), None));
        assert!(holds(&whole, Some(all[2].hash)) && !holds(&whole, Some(B256::ZERO)));
        assert!(holds(&journal(&all[..2], &[]), None), "a journal that ends sooner");
        assert!(!holds(&journal(&[all[0].clone(), all[2].clone()], &[]), None), "a hole");
        // What stands beside the text follows from it.
        for (from, to) in [
            (",25,", ",26,"),
            (",minted,", ",deposited,"),
            (",1000,2040,", ",2040,1000,"),
            (",log:1,", ",log:2,"),
            (",false,", ",true,"),
            ("\n1,", "\n2,"),
        ] {
            let changed = whole.replacen(from, to, 1);
            assert!(changed != whole && !holds(&changed, None), "{from}");
        }
        let changed = whole.replacen("\"\"sequence\"\":1", "\"\"sequence\"\":2", 1);
        assert!(changed != whole && !holds(&changed, None));
        let other = whole.replacen("sequence", "number", 1);
        assert!(check(other.as_bytes(), None, None).is_err(), "other columns");
        let none = whole.lines().next().unwrap();
        assert!(check(none.as_bytes(), None, None).is_err(), "none");
    }

    #[test]
    fn a_part_is_proved_by_its_batches_entry_by_entry() {
        let all = entries();
        let hashes: Vec<B256> = all.iter().map(|entry| entry.hash).collect();
        let tree = entries_tree(&hashes);
        let batch = JournalBatch { number: 1, first: 0, count: 3, root: tree.root() };
        let proof = |place: usize, batch| {
            serde_json::to_string(&EntryProof { batch, path: tree.path(place) }).unwrap()
        };
        let anchors = |trusted| Anchors {
            file: AnchorsFile {
                format: ANCHORS_FORMAT.to_owned(),
                chain: chain(),
                header: Bytes::new(),
                genesis: Vec::new(),
                currency: "EUR".to_owned(),
                batches: vec![batch],
                nodes: Vec::new(),
            },
            trusted,
        };
        let code = |text: &str, trusted| check(text.as_bytes(), None, Some(&anchors(trusted)));
        let ends = |text: &str, trusted, with: u8| {
            assert_eq!(code(text, trusted).unwrap(), ExitCode::from(with), "{text}");
        };
        let part = [all[0].clone(), all[2].clone()];
        let proofs = [proof(0, 1), proof(2, 1)];
        let good = journal(&part, &[&proofs[0], &proofs[1]]);
        ends(&good, true, 0);
        ends(&good, false, exit::UNANCHORED_JOURNAL);
        // An entry that is in no batch yet, or in one that the file does not have.
        ends(&journal(&part, &[&proofs[0]]), true, exit::UNANCHORED_JOURNAL);
        ends(&journal(&part, &[&proofs[0], &proof(2, 2)]), true, exit::UNANCHORED_JOURNAL);
        ends(&journal(&part, &[&proofs[0], &proof(1, 1)]), true, exit::BROKEN_JOURNAL);
        ends(&journal(&part, &[&proofs[0], "{}"]), true, exit::BROKEN_JOURNAL);
        let back = [all[2].clone(), all[0].clone()];
        ends(&journal(&back, &[&proofs[1], &proofs[0]]), true, exit::BROKEN_JOURNAL);
        ends(&good.replace(",EUR,", ",USD,"), true, exit::BROKEN_JOURNAL);
    }
}

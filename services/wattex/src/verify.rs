//! `wattex verify`: one bill or correction, line by line, against a block that the caller trusts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alloy_primitives::{B256, U64};
use anyhow::{Context, Result};
use billing::domain::verify::{
    ChainRef, Finding, LineReport, Report, Status, Trust, TrustedBlock, Verdict, evidence_in,
};
use clap::Args;
use client::{HttpRpc, JsonRpc};
use contracts::Deployment;
use serde_json::{Value, json};
use units::Money;

use crate::amount::shown;
use crate::exit::Trouble;

/// Arguments of `wattex verify`.
#[derive(Args)]
pub struct Arguments {
    /// The bill file, or that of a correction.
    bill: PathBuf,
    /// What to trust: chain, contracts and one recent block. `trust.json` beside the bill when
    /// absent.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// A node whose word on the block is taken, best your own. What chain it is and where the
    /// contracts are it says as well, unless a trust file is named.
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Verifies and prints; the exit code tells the verdict.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let file = &arguments.bill;
    let bytes = fs::read(file)
        .map_err(|error| Trouble::Bill(format!("cannot read {}: {error}", file.display())))?;
    // What is no text is no bill either: it is judged like any other garbage.
    let text = String::from_utf8_lossy(&bytes);
    let trust = match (&arguments.rpc, &arguments.trust) {
        (Some(url), None) => Some(trust_of_node(url, &text, None)?),
        (Some(url), Some(pinned)) => Some(trust_of_node(url, &text, Some(read(pinned)?))?),
        (None, named) => trust_file(named.as_deref(), file)?,
    };
    let report = billing::domain::verify::verify(&text, trust.as_ref());
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report, trust.as_ref());
    }
    Ok(exit_code(&report))
}

/// The exit code of a verdict.
fn exit_code(report: &Report) -> ExitCode {
    ExitCode::from(match report.verdict {
        Verdict::Holds => 0,
        Verdict::Failed => 10,
        Verdict::Unanchored => 11,
        Verdict::Unreadable => 12,
    })
}

/// The named trust file, or `trust.json` beside the bill if there is one.
pub fn trust_file(named: Option<&Path>, bill: &Path) -> Result<Option<Trust>> {
    let beside = bill.with_file_name("trust.json");
    let path = match named {
        Some(path) => path,
        None if beside.is_file() => &beside,
        None => return Ok(None),
    };
    Ok(Some(read(path)?))
}

fn read(path: &Path) -> Result<Trust> {
    let text = fs::read_to_string(path)
        .map_err(|error| Trouble::Trust(format!("cannot read {}: {error}", path.display())))?;
    let trust = serde_json::from_str(&text)
        .map_err(|error| Trouble::Trust(format!("{} is no trust file: {error}", path.display())))?;
    Ok(trust)
}

/// The contracts in a node's answer to `wattex_deployment`.
///
/// # Errors
/// [`Trouble::Trust`] where it names none: no genesis of ours began its chain.
pub fn contracts_in(answer: Value) -> Result<Deployment> {
    let named: Option<Deployment> = serde_json::from_value(answer)?;
    let none = "the node knows of no contracts of ours in its genesis: name a trust file with them";
    Ok(named.ok_or_else(|| Trouble::Trust(none.to_owned()))?)
}

/// What the node says of the block that the bill's proofs are against, and of its chain and
/// contracts, unless they are `pinned`.
fn trust_of_node(url: &str, bill: &str, pinned: Option<Trust>) -> Result<Trust> {
    let evidence = evidence_in(bill)
        .map_err(|error| Trouble::Bill(format!("the file is not a bill: {error}")))?;
    let header = <chain::Header as alloy_rlp::Decodable>::decode(&mut &evidence.header[..])
        .map_err(|error| Trouble::Bill(format!("the header in the bill is malformed: {error}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let node = HttpRpc::new(url)?;
        let ask = async |method: &str, params: Value| {
            node.request(method, params).await.with_context(|| format!("asking {url}"))
        };
        let chain_id: U64 = serde_json::from_value(ask("eth_chainId", json!([])).await?)?;
        let block_hash = async |number: U64| -> Result<B256> {
            let block = ask("eth_getBlockByNumber", json!([number, false])).await?;
            serde_json::from_value(block["hash"].clone())
                .with_context(|| format!("{url} has no block {number}"))
        };
        let (chain_id, genesis) = (chain_id.to(), block_hash(U64::ZERO).await?);
        let (contracts, tariff) = match pinned {
            Some(Trust { chain, .. }) if (chain.chain_id, chain.genesis) != (chain_id, genesis) => {
                let (id, pinned) = (chain.chain_id, chain.genesis);
                let why = format!("the node is of chain {chain_id} that begins with {genesis}");
                let why = format!("{why}, the trust file pins {id} that begins with {pinned}");
                return Err(Trouble::Trust(why).into());
            }
            Some(Trust { chain, tariff, .. }) => (chain.contracts, tariff),
            None => (contracts_in(ask("wattex_deployment", json!([])).await?)?, None),
        };
        let hash = block_hash(U64::from(header.number)).await?;
        Ok(Trust {
            chain: ChainRef { chain_id, genesis, contracts },
            tariff,
            block: TrustedBlock { number: header.number, hash },
        })
    })
}

fn print(report: &Report, trust: Option<&Trust>) {
    if report.verdict != Verdict::Unreadable {
        println!("Bill {}  hash {}", plain(&report.number), report.hash);
        println!("Account {}  meter {}", report.account, report.meter);
    }
    match trust {
        Some(trust) => println!("Trusted block {}  {}", trust.block.number, trust.block.hash),
        None => println!("No trust file: nothing can be anchored"),
    }
    println!();
    print_lines(report);
    for finding in &report.findings {
        let part = if finding.part == "." { "the file" } else { &finding.part };
        let (supported, reason) = (supported(finding, report.lines.len()), plain(&finding.reason));
        println!("! {}{supported}: {reason}", plain(part));
    }
    for note in &report.notes {
        println!("* {}", plain(note));
    }
    if !report.findings.is_empty() || !report.notes.is_empty() {
        println!();
    }
    println!(
        "{}",
        match report.verdict {
            Verdict::Holds => format!("HOLDS: {}, every line follows", due(report.due)),
            Verdict::Failed => "FAILED: this bill does not hold".to_owned(),
            Verdict::Unanchored =>
                "UNANCHORED: sound in itself, but no trusted block says that it is true".to_owned(),
            Verdict::Unreadable => "UNREADABLE: this is not a bill file".to_owned(),
        }
    );
}

/// What is to be paid, or paid out.
fn due(amount: Money) -> String {
    match shown(amount).strip_prefix('-') {
        Some(credit) => format!("{credit} is paid out"),
        None => format!("{} is due", shown(amount)),
    }
}

/// Text of a bill as a terminal shows it and does not obey it.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The bill's lines, in columns.
fn print_lines(report: &Report) {
    let width = |of: fn(&LineReport) -> usize| report.lines.iter().map(of).max().unwrap_or(0);
    let labels = width(|line| line.label.chars().count());
    let amounts = width(|line| shown(line.amount).len());
    for line in &report.lines {
        let status = match line.status {
            Status::Proved => "proved",
            Status::Attested => "attested",
            Status::NotSigned => "not signed",
            Status::Unanchored => "unanchored",
            Status::Failed => "FAILED",
        };
        let (number, label, amount) = (line.number, plain(&line.label), shown(line.amount));
        let reason = plain(&line.reason);
        println!("{number:>3}  {label:<labels$}  {amount:>amounts$}  {status:<10}  {reason}");
    }
    if !report.lines.is_empty() {
        println!();
    }
}

/// Which of the bill's lines, `all` in number, rest on what was found wrong.
fn supported(finding: &Finding, all: usize) -> String {
    let lines: Vec<String> = finding.lines.iter().map(ToString::to_string).collect();
    match lines.as_slice() {
        [] => String::new(),
        _ if lines.len() == all => " (every line rests on it)".to_owned(),
        [line] => format!(" (line {line} rests on it)"),
        _ => format!(" (lines {} rest on it)", lines.join(", ")),
    }
}

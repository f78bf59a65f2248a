//! `wattex challenge`: what was reconciled of a trade against the signed registers of its meters,
//! and the challenge that takes back what is too much.
//!
//! ```text
//! server or file --readings, proofs--.
//! node --orders, runs, keys, roots---+--> judged as the contract does --> words, JSON, call data
//!                                                 '--send--> a block has the cut
//! ```
//!
//! The server is believed nothing: the meter's key is the registry's of that time, the reading is
//! under a root that was anchored in time, the orders are under the clearing's root. What the node
//! says is believed, so it should be the caller's own; a trust file pins its chain and contracts.

mod look;
mod report;
mod sending;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use alloy_primitives::B256;
use anyhow::Result;
use billing::Chain;
use calendar::Timestamp;
use clap::{Args, ValueEnum};
use client::HttpRpc;
use contracts::Side;
use ids::ConnectionPointId;
use keys::SecretKey;

use crate::exit::{self, Trouble};
use crate::key_file;
use look::{Found, Look, Outcome};

/// Arguments of `wattex challenge`.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["trade", "slot"]))]
pub struct Arguments {
    /// The trade, by its name on chain.
    trade: Option<B256>,
    /// Start of a slot, such as 2026-06-01T10:00:00Z, instead of a trade.
    #[arg(long, value_name = "MOMENT", requires = "connection_point")]
    slot: Option<Timestamp>,
    /// The connection point whose trades of the slot are looked at.
    #[arg(long, value_name = "UUID", requires = "slot")]
    connection_point: Option<ConnectionPointId>,
    /// Whose meter is looked at; both when absent.
    #[arg(long, value_enum)]
    side: Option<SideName>,
    /// Where the installation answers, such as <http://127.0.0.1:8080>.
    #[arg(long, value_name = "URL", required_unless_present = "evidence")]
    server: Option<String>,
    /// A node of the chain, best your own; the installation's when absent.
    #[arg(long, value_name = "URL", required_unless_present = "server")]
    rpc: Option<String>,
    /// Pins the chain, its contracts and a block, as for `wattex verify`.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// An access token of a party to the trade. Without it the key signs in.
    #[arg(long, env = "WATTEX_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file with the key that signs in and sends, as hex. Without it, `WATTEX_KEY`.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Readings that were fetched before, instead of the server's.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// Write the fetched readings to a file, to keep: they are good without the server.
    #[arg(long, value_name = "FILE", conflicts_with = "evidence")]
    save: Option<PathBuf>,
    /// Send the challenge with the key, which pays for the gas, and wait until a block has it.
    #[arg(long, conflicts_with = "relay")]
    send: bool,
    /// Have the installation send it, and wait until a block has it.
    #[arg(long, requires = "server")]
    relay: bool,
    /// Seconds to wait for a block.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait: u32,
    /// Write the call to a file, for any wallet to send.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

/// A side, as an argument names it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SideName {
    /// The buyer's meter.
    Buy,
    /// The seller's meter.
    Sell,
}

impl SideName {
    const fn side(self) -> Side {
        match self {
            SideName::Buy => Side::Buy,
            SideName::Sell => Side::Sell,
        }
    }
}

/// Looks, prints, and sends where that is asked for; the exit code tells what was found.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let key = key(arguments)?;
    if arguments.send && key.is_none() {
        let why = "--send needs a key: --key-file, or WATTEX_KEY in the environment";
        return Err(Trouble::Key(why.to_owned()).into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(challenge(arguments, key.as_ref()))
}

async fn challenge(arguments: &Arguments, key: Option<&SecretKey>) -> Result<ExitCode> {
    let rpc = match (&arguments.rpc, &arguments.server) {
        (Some(rpc), _) => rpc.clone(),
        (None, Some(server)) => format!("{}/rpc", server.trim_end_matches('/')),
        (None, None) => return Err(Trouble::Argument("--rpc or --server is needed".into()).into()),
    };
    let node = HttpRpc::new(&rpc)?;
    let (id, at) = look::pinned(&node, &rpc, arguments.trust.as_deref()).await?;
    let chain = Chain { node: &node, id, at };
    let server = server::Server::open(arguments, key).await?;
    let wanted = look::wanted(&chain, arguments).await?;
    let (trade, evidence) = server::evidence(arguments, server.as_ref(), &wanted).await?;
    let sides = wanted.sides(&trade, arguments.side.map(SideName::side));
    let look = Look { chain, trade, evidence };
    let mut found = Vec::new();
    for side in sides {
        found.push(look.at(side).await?);
    }
    if let Some(path) = &arguments.out {
        sending::write(path, &look, &found)?;
    }
    if arguments.send || arguments.relay {
        for one in &mut found {
            sending::send(arguments, &look, one, (key, server.as_ref())).await?;
        }
    }
    report::print(&look, &found, arguments)?;
    Ok(exit_code(&found))
}

/// The worst of what was found.
fn exit_code(found: &[Found]) -> ExitCode {
    let code = |one: &Found| match &one.outcome {
        Outcome::Judged { .. } if one.stands() && one.is_open() => exit::EXCESS,
        Outcome::Judged { .. } if one.stands() => exit::EXCESS_OUT_OF_TIME,
        Outcome::Judged { .. } => 0,
        Outcome::Flawed(flaw) if flaw.is_of_the_anchor() => exit::UNPROVED,
        Outcome::NotRead => exit::UNPROVED,
        Outcome::Flawed(_) => exit::BAD_EVIDENCE,
    };
    let severity = [exit::EXCESS, exit::BAD_EVIDENCE, exit::EXCESS_OUT_OF_TIME, exit::UNPROVED];
    let codes: Vec<u8> = found.iter().map(code).collect();
    ExitCode::from(severity.into_iter().find(|worst| codes.contains(worst)).unwrap_or(0))
}

/// The key of the file, or of the environment. It is kept in no argument, so that no list of
/// processes has it.
fn key(arguments: &Arguments) -> Result<Option<SecretKey>, Trouble> {
    if let Some(file) = &arguments.key_file {
        return key_file::read(file).map(Some);
    }
    let Ok(text) = std::env::var("WATTEX_KEY") else { return Ok(None) };
    let key = key_file::parse(&text);
    let why = "WATTEX_KEY: a key is 64 hexadecimal digits";
    key.map(Some).ok_or_else(|| Trouble::Key(why.to_owned()))
}

//! Wattex in one binary, and its command line.
//!
//! ```text
//! wattex demo      a community's days, everything embedded
//! wattex node      the chain alone, with Ethereum JSON-RPC; work on its directory
//! wattex genesis   what makes a chain, from a short description
//! wattex audit     a journal as CSV or Parquet; whether its entries follow from each other
//! wattex verify    a bill, line by line, against a pinned block
//! wattex recompute the clearing of a slot, anew from its journal, against the chain
//! wattex challenge two signed registers against what was reconciled of a trade
//! wattex clear     any mechanism on a book from a file
//! wattex mechanisms  all of them on one measured community, side by side
//! wattex decode    what meters and devices send, as readings
//! wattex formats   which formats are read
//! wattex import    a utility's interval data (NEM12, Green Button, CSV) becomes records
//! wattex export    records become such a file
//! wattex mppt      trackers of maximum power; a charger that publishes; what a plant's data says
//! wattex rate      any load on any tariff file, line by line
//! wattex bridge    devices that do not sign, on any broker, become signed readings
//! wattex meters    a fleet of simulated meters for load tests; whether all of it was stored
//! wattex surveillance  what looks like market abuse in orders and trades from files
//! wattex document  a bill's JSON as PDF, as XML of EN 16931, or as JSON again
//! wattex openapi   the documents of all services and events
//! ```
#![forbid(unsafe_code)]
#![allow(unreachable_pub, reason = "`pub` says what a module offers to the rest of the program")]

mod amount;
mod audit;
mod bridge;
mod chain_files;
mod chain_node;
mod challenge;
mod clear;
mod compare;
mod data;
mod decode;
mod demo;
mod document;
mod exit;
mod export;
mod genesis;
mod import;
mod interval_file;
mod key_file;
mod mechanism;
mod meters;
mod mppt;
mod mqtt;
mod node;
mod openapi;
mod outside;
mod rate;
mod recompute;
mod rows;
mod stop;
mod surveillance;
mod verify;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

/// A request for JSON-RPC is dozens of small allocations: the system's took an eighth of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// An electricity exchange and billing system for energy communities.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    /// Log filter, e.g. `info` or `market=debug`.
    #[arg(long, global = true, default_value = "warn", env = "WATTEX_LOG")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a community's days on measured or sample homes, then serves the web app.
    Demo(demo::Arguments),
    /// Runs the chain alone, with Ethereum JSON-RPC, or works on the directory of a node.
    #[command(args_conflicts_with_subcommands = true)]
    Node {
        /// What is done with a directory; without it the node runs.
        #[command(subcommand)]
        work: Option<chain_files::Work>,
        /// How the node runs.
        #[command(flatten)]
        arguments: Box<chain_node::Arguments>,
    },
    /// Writes a genesis from a short description, and prints its hash.
    Genesis(genesis::Arguments),
    /// Fetches the journals of an installation as files, and checks them.
    Audit {
        /// What is done.
        #[command(subcommand)]
        work: audit::Work,
    },
    /// Checks a bill line by line, offline, against a pinned block.
    Verify(verify::Arguments),
    /// Computes the clearing of a slot anew from its journal, and compares it with the chain.
    Recompute(recompute::Arguments),
    /// Holds what was reconciled of a trade against the signed registers of its meters, and
    /// challenges what is too much.
    Challenge(challenge::Arguments),
    /// Clears a book from a file by any mechanism: fills, prices, volume, welfare.
    Clear(clear::Arguments),
    /// Runs every mechanism on the same measured community: welfare, energy, fairness, time.
    Mechanisms(compare::Arguments),
    /// Reads what meters and devices send, of any format there is: one line of JSON a reading.
    Decode(decode::Arguments),
    /// Lists the formats that are read: what they are, their topics, units, and who signs.
    Formats(decode::List),
    /// Reads a utility's file of interval data into records, one a line.
    Import(import::Arguments),
    /// Writes records into a file as utilities have them.
    Export(export::Arguments),
    /// Trackers of maximum power by the procedures of EN 50530; a charger that publishes; what
    /// measurements of a plant say.
    #[command(args_conflicts_with_subcommands = true)]
    Mppt {
        /// What is done besides the table of efficiencies.
        #[command(subcommand)]
        work: Option<mppt::Work>,
        /// What the table is of.
        #[command(flatten)]
        arguments: Box<mppt::Arguments>,
    },
    /// Rates a load from a CSV file on a tariff file: lines and totals by month.
    Rate(rate::Arguments),
    /// Reads devices that do not sign from a broker of any maker, and signs and sends what their
    /// registers show at each slot's end.
    Bridge(bridge::Arguments),
    /// Lets simulated meters loose on a broker, with the faults that are asked for; `check` tells
    /// whether all that was acknowledged is stored.
    #[command(args_conflicts_with_subcommands = true)]
    Meters {
        /// What is done besides letting them loose.
        #[command(subcommand)]
        work: Option<meters::Work>,
        /// How they behave.
        #[command(flatten)]
        arguments: Box<meters::Arguments>,
    },
    /// Looks for market abuse in orders and trades from files: cases, with their figures.
    Surveillance(surveillance::Arguments),
    /// Writes a document from its JSON as PDF, as XML under EN 16931, or as JSON again, checked.
    Document(document::Arguments),
    /// Writes the OpenAPI documents of all services, and the events' JSON Schema.
    Openapi(openapi::Arguments),
}

fn main() -> ExitCode {
    end_with_the_reader();
    let cli = Cli::parse();
    log_to_stderr(&cli);
    let outcome = match cli.command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Node { work: Some(work), .. } => chain_files::run(work),
        Command::Node { arguments, .. } => chain_node::run(*arguments),
        Command::Genesis(arguments) => genesis::run(&arguments),
        Command::Audit { work } => audit::run(&work),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Recompute(arguments) => recompute::run(&arguments),
        Command::Challenge(arguments) => challenge::run(&arguments),
        Command::Clear(arguments) => clear::run(&arguments),
        Command::Mechanisms(arguments) => compare::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Formats(arguments) => decode::list(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Mppt { work, arguments } => mppt::run(work.as_ref(), &arguments),
        Command::Rate(arguments) => rate::run(&arguments),
        Command::Bridge(arguments) => bridge::run(&arguments),
        Command::Meters { work, arguments } => meters::run(work.as_ref(), &arguments),
        Command::Surveillance(arguments) => surveillance::run(&arguments),
        Command::Document(arguments) => document::run(&arguments),
        Command::Openapi(arguments) => openapi::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("wattex: {error:#}");
        exit::code_of(&error)
    })
}

/// Whoever reads what is printed may stop, as `head` does: then there is nobody to tell.
fn end_with_the_reader() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            // As a program ends that SIGPIPE stops.
            std::process::exit(141);
        }
        hook(panic);
    }));
}

fn log_to_stderr(cli: &Cli) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(&cli.log))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match &cli.command {
        Command::Node { arguments, .. } if arguments.json_logs => log.json().init(),
        _ => log.init(),
    }
}

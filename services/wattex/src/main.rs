//! Wattex in one binary, and its command line.
//!
//! ```text
//! wattex demo      a community's days, everything embedded
//! wattex node      a node's directory: check it, blocks out of it and into it
//! wattex verify    a bill, line by line, against a pinned block
//! wattex openapi   the documents of all services and events
//! ```
#![forbid(unsafe_code)]
#![allow(unreachable_pub, reason = "`pub` says what a module offers to the rest of the program")]

mod amount;
mod chain_files;
mod data;
mod demo;
mod exit;
mod node;
mod openapi;
mod verify;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Works on the directory of a node that does not run.
    Node {
        /// What is done.
        #[command(subcommand)]
        work: chain_files::Work,
    },
    /// Checks a bill line by line, offline, against a pinned block.
    Verify(verify::Arguments),
    /// Writes the OpenAPI documents of all services, and the events' JSON Schema.
    Openapi(openapi::Arguments),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::new(&cli.log);
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .init();
    let outcome = match cli.command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Node { work } => chain_files::run(work),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Openapi(arguments) => openapi::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("wattex: {error:#}");
        exit::code_of(&error)
    })
}

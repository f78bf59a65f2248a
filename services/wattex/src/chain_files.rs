//! `wattex node check | export | import`: work on a node's directory while no node runs on it.
//!
//! ```text
//! export  DIR -> FILE   the best branch, RLP after RLP; compressed if the name ends in .gz
//! import  FILE -> DIR   every block verified; goes on where an earlier import ended
//! check   DIR           everything computed anew from the genesis and compared
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::chain::GenesisSpec;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use ledger::maintain::{self, Import, MaintainError, Progress};
use service::Clock;

use crate::chain_node::{FINAL_BELOW, Kept};
use crate::exit::Trouble;
use crate::genesis;

/// Where the chain may be below the directory of a node.
const BELOW: [&str; 2] = ["chain", "ledger"];
/// The specification beside it.
const GENESIS: &str = "genesis.json";

/// What is done with a directory.
#[derive(Subcommand, Debug, Clone)]
pub enum Work {
    /// Computes the whole chain anew and says whether the directory holds what follows.
    Check(Check),
    /// Writes all blocks to a file.
    Export(Export),
    /// Takes in the blocks of a file, each verified.
    Import(Take),
}

/// Arguments of `wattex node check`.
#[derive(Args, Debug, Clone)]
pub struct Check {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The genesis, if the directory does not name it.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// Arguments of `wattex node export`.
#[derive(Args, Debug, Clone)]
pub struct Export {
    /// The file; `.gz` at its end compresses it.
    file: PathBuf,
    /// The directory of the node, or that of an installation.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Writes the genesis, too: whoever has both needs nothing else to follow the chain. Nothing
    /// may be there yet.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// Arguments of `wattex node import`.
#[derive(Args, Debug, Clone)]
pub struct Take {
    /// The file; it is compressed if its name ends in `.gz`.
    file: PathBuf,
    /// The node's directory, with a chain or none yet.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The genesis of a chain that is not there yet.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    #[command(flatten)]
    kept: Kept,
}

/// Does the work; the exit code tells what came of it.
pub fn run(work: Work) -> Result<ExitCode> {
    match work {
        Work::Check(arguments) => check(&arguments),
        Work::Export(arguments) => export(&arguments),
        Work::Import(arguments) => import(&arguments),
    }
}

fn check(arguments: &Check) -> Result<ExitCode> {
    let directory = chain_in(&arguments.dir);
    let genesis = specification(&arguments.dir, arguments.genesis.as_deref())?;
    let bar = bar("checking", "blocks");
    let now = Clock::real().now().unsigned();
    let checked = maintain::check(&directory, genesis, now, |progress| shown(&bar, progress));
    bar.finish_and_clear();
    let checked = checked.map_err(|error| trouble(&arguments.dir, error))?;
    println!(
        "HOLDS: {} blocks with {} transactions follow from the genesis, states from block {} on",
        checked.blocks, checked.transactions, checked.oldest
    );
    Ok(ExitCode::SUCCESS)
}

fn export(arguments: &Export) -> Result<ExitCode> {
    let bar = bar("exporting", "blocks");
    let directory = chain_in(&arguments.dir);
    if let Some(file) = &arguments.genesis {
        let spec = maintain::specification(&directory);
        let spec = spec.map_err(|error| trouble(&arguments.dir, error))?;
        genesis::write(file, &spec)?;
    }
    let exported = maintain::export(&directory, &arguments.file, |progress| shown(&bar, progress));
    bar.finish_and_clear();
    let exported = exported.map_err(|error| trouble(&arguments.dir, error))?;
    println!("{} blocks are in {}", exported.blocks, arguments.file.display());
    Ok(ExitCode::SUCCESS)
}

fn import(arguments: &Take) -> Result<ExitCode> {
    let genesis = specification(&arguments.dir, arguments.genesis.as_deref())?;
    let directory = chain_in(&arguments.dir);
    if let Some(genesis) = &genesis {
        keep_beside(&arguments.dir, genesis)?;
    }
    let history = arguments.kept.history();
    let now = Clock::real().now().unsigned();
    let how = Import { genesis, history, finality_lag: FINAL_BELOW, now };
    let bar = bar("importing", "bytes");
    let imported =
        maintain::import(&directory, &arguments.file, how, |progress| shown(&bar, progress));
    bar.finish_and_clear();
    let imported = imported.map_err(|error| trouble(&arguments.dir, error))?;
    println!(
        "{} blocks are new, {} were there; the head is block {}",
        imported.new, imported.known, imported.head
    );
    Ok(ExitCode::SUCCESS)
}

/// The ledger's own directory: the one that is named, or one below it. The first that a new chain
/// would be in if there is none.
fn chain_in(directory: &Path) -> PathBuf {
    if ledger::store::Store::is_in(directory) {
        return directory.to_owned();
    }
    let mut below = BELOW.iter().map(|name| directory.join(name));
    let found = below.clone().find(|path| ledger::store::Store::is_in(path));
    found.or_else(|| below.next()).expect("there is one at least")
}

/// The genesis that is named, or the one beside the chain.
fn specification(directory: &Path, named: Option<&Path>) -> Result<Option<GenesisSpec>> {
    let beside = directory.join(GENESIS);
    let file = match named {
        Some(file) => file,
        None if beside.is_file() => &beside,
        None => return Ok(None),
    };
    let refused =
        |reason: String| Trouble::Directory(format!("genesis {}: {reason}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    let spec = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
    Ok(Some(spec))
}

/// So that a node that is started in the directory knows its genesis.
fn keep_beside(directory: &Path, genesis: &GenesisSpec) -> Result<()> {
    let (beside, unfinished) = (directory.join(GENESIS), directory.join("genesis.json.new"));
    if beside.exists() {
        return Ok(());
    }
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(&unfinished, serde_json::to_vec_pretty(genesis)?))
        .and_then(|()| fs::rename(&unfinished, &beside))
        .with_context(|| format!("writing {}", beside.display()))
}

fn bar(what: &'static str, of: &'static str) -> ProgressBar {
    let style = format!("{{msg}} [{{bar:40}}] {{human_pos}}/{{human_len}} {of} {{eta}}");
    let style = ProgressStyle::with_template(&style).expect("the template is constant");
    ProgressBar::new(0).with_style(style.progress_chars("=> ")).with_message(what)
}

/// The work goes on to its end: whoever ends it early can begin it again.
fn shown(bar: &ProgressBar, progress: Progress) -> bool {
    bar.set_length(progress.all);
    bar.set_position(progress.done);
    true
}

fn trouble(directory: &Path, error: MaintainError) -> anyhow::Error {
    match error {
        MaintainError::Differs { .. } => Trouble::Chain(error.to_string()).into(),
        MaintainError::Store(ledger::StoreError::Damaged(_)) => {
            Trouble::Chain(error.to_string()).into()
        }
        MaintainError::Store(_) | MaintainError::NoChain(_) | MaintainError::NoSpecification => {
            Trouble::Directory(format!("{}: {error}", directory.display())).into()
        }
        MaintainError::Stream { .. }
        | MaintainError::Refused { .. }
        | MaintainError::OtherGenesis { .. }
        | MaintainError::BelowFinalized { .. }
        | MaintainError::StateNotKept { .. } => Trouble::Blocks(error.to_string()).into(),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_found_named_itself_or_by_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path();
        assert_eq!(chain_in(directory), directory.join("chain"), "where a new one would be");
        for (file, expected) in [
            ("ledger/chain.redb", directory.join("ledger")),
            ("chain/chain.redb", directory.join("chain")),
            ("chain.redb", directory.to_owned()),
        ] {
            fs::create_dir_all(directory.join(file).parent().unwrap()).unwrap();
            fs::write(directory.join(file), "").unwrap();
            assert_eq!(chain_in(directory), expected, "{file}");
        }
    }
}

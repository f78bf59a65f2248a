//! Where a node keeps its chain, and what makes the chain.
//!
//! ```text
//! DIR/genesis.json   the specification; other nodes are started with it
//! DIR/chain          the chain, the ledger's own
//! ```

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ::chain::GenesisSpec;
use anyhow::{Context, Result};
use rand::Rng;
use service::Clock;
use tempfile::TempDir;

use super::{Arguments, deployed, dev};
use crate::demo::temporary_directory;
use crate::exit::Trouble;

const GENESIS: &str = "genesis.json";
const GENESIS_NEW: &str = "genesis.json.new";
const CHAIN: &str = "chain";

/// A node's directory; a temporary one goes when this is dropped.
pub struct Directory {
    path: PathBuf,
    temporary: Option<TempDir>,
    genesis: GenesisSpec,
}

impl Directory {
    /// Opens the directory that the arguments name, or makes one.
    ///
    /// # Errors
    /// [`Trouble::Genesis`] where the genesis file cannot be read, [`Trouble::Directory`] where the
    /// directory is of another chain or of something else.
    pub fn open(arguments: &Arguments) -> Result<Directory> {
        let wanted = arguments.genesis.as_deref().map(read).transpose()?;
        let temporary = match arguments.dir {
            Some(_) => None,
            None => Some(temporary_directory()?),
        };
        let path = match (&arguments.dir, &temporary) {
            (Some(path), _) => path.clone(),
            (None, temporary) => temporary.as_ref().context("no directory")?.path().to_owned(),
        };
        let refused = |reason: String| refusal(&path, reason);
        fs::create_dir_all(&path).map_err(|error| refused(error.to_string()))?;
        let file = path.join(GENESIS);
        let genesis = if file.exists() {
            let kept = read(&file).map_err(|error| refused(format!("{error:#}")))?;
            fits(&kept, wanted.as_ref(), arguments).map_err(refused)?;
            kept
        } else {
            is_empty(&path).map_err(refused)?;
            let genesis = wanted.map_or_else(|| new(arguments), Ok)?;
            write(&path, &genesis).context("writing the genesis")?;
            genesis
        };
        Ok(Directory { path, temporary, genesis })
    }

    /// What makes the chain.
    pub fn genesis(&self) -> &GenesisSpec {
        &self.genesis
    }

    /// The ledger's own directory.
    pub fn chain(&self) -> PathBuf {
        self.path.join(CHAIN)
    }

    /// The directory and how long it stays, for people.
    pub fn shown(&self) -> String {
        match &self.temporary {
            Some(_) => format!("{} (removed at the end)", self.path.display()),
            None => self.path.display().to_string(),
        }
    }

    /// Trouble with this directory.
    pub fn refused(&self, reason: String) -> Trouble {
        refusal(&self.path, reason)
    }
}

fn refusal(path: &Path, reason: String) -> Trouble {
    Trouble::Directory(format!("{}: {reason}", path.display()))
}

/// Reads a genesis file.
pub fn read(file: &Path) -> Result<GenesisSpec, Trouble> {
    let text = fs::read_to_string(file)
        .map_err(|error| Trouble::Genesis(format!("cannot read {}: {error}", file.display())))?;
    serde_json::from_str(&text)
        .map_err(|error| Trouble::Genesis(format!("{} is no genesis: {error}", file.display())))
}

/// Whether a directory that holds `kept` is the one that was asked for.
fn fits(
    kept: &GenesisSpec,
    wanted: Option<&GenesisSpec>,
    arguments: &Arguments,
) -> Result<(), String> {
    if wanted.is_some_and(|wanted| wanted != kept) {
        return Err(format!("holds the chain of another genesis, its own {GENESIS}"));
    }
    if let Some(id) = arguments.chain_id.filter(|id| *id != kept.chain_id) {
        return Err(format!("holds the chain {}, asked for is {id}", kept.chain_id));
    }
    if arguments.dev && !dev::is_development(kept) {
        return Err("holds a chain that is not for development".to_owned());
    }
    if arguments.contracts && deployed::in_genesis(kept).is_none() {
        return Err("holds a chain without our contracts".to_owned());
    }
    if let Some(wanted) = arguments.block_time.filter(|_| !arguments.dev)
        && wanted != kept.target_block_time
    {
        let kept = kept.target_block_time;
        return Err(format!("holds a chain with a block every {kept} seconds, not {wanted}"));
    }
    Ok(())
}

/// A crash may have left the genesis unfinished; anything else is no one's to overwrite.
fn is_empty(path: &Path) -> Result<(), String> {
    for entry in fs::read_dir(path).map_err(|error| error.to_string())? {
        let name = entry.map_err(|error| error.to_string())?.file_name();
        if name != GENESIS_NEW {
            return Err("is not empty and holds no chain".to_owned());
        }
    }
    Ok(())
}

/// A chain that nobody else has.
fn new(arguments: &Arguments) -> Result<GenesisSpec, Trouble> {
    let chain_id = arguments.chain_id.unwrap_or_else(random_chain_id);
    let now = Clock::real().now().unsigned();
    let mut spec = match arguments.dev {
        true => dev::genesis(chain_id, now, arguments.contracts)?,
        false => GenesisSpec::new(chain_id, now),
    };
    if let Some(seconds) = arguments.block_time {
        spec.target_block_time = seconds;
    }
    Ok(spec)
}

/// A chain id that fits what wallets can hold and is unlike those that people choose.
pub fn random_chain_id() -> u64 {
    rand::rng().random_range(1 << 20..1 << 52)
}

/// Writes the genesis whole or not at all.
fn write(path: &Path, genesis: &GenesisSpec) -> Result<()> {
    let new = path.join(GENESIS_NEW);
    let mut file = fs::File::create(&new)?;
    file.write_all(serde_json::to_string_pretty(genesis)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path.join(GENESIS))?;
    Ok(())
}

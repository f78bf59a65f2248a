//! What makes a node one of several: where the others are, and the keys that the genesis gives a
//! say.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::chain::GenesisSpec;
use anyhow::Result;
use clap::Args;
use keys::SecretKey;
use ledger::Peering;
use ledger::peers::Nats;

use crate::exit::Trouble;

/// Addresses of NATS servers that a node tries.
const SERVERS_MAX: usize = 16;
/// Blocks that an operator waits before it signs one.
const SIGNED_BELOW: u64 = 12;
/// Blocks below the head that nothing undoes, where nobody signs: nodes that were apart for longer
/// stay apart.
pub const FINAL_BELOW: u64 = 4_096;
/// Bytes that a file with a key may have.
const KEY_BYTES_MAX: u64 = 256;

/// Arguments about other nodes.
#[derive(Args, Debug, Clone)]
#[group(id = "network")]
pub struct Arguments {
    /// A NATS server over which the nodes of the chain reach each other; of several, the first that
    /// answers.
    #[arg(long, value_name = "URL", conflicts_with = "dev")]
    nats: Vec<String>,
    /// The key that signs checkpoints, as hex, where the genesis names operators.
    #[arg(long, value_name = "FILE")]
    operator_key: Option<PathBuf>,
    /// The key that signs the right to mine, as hex, where the genesis names miners. Rewards and
    /// tips are its address's.
    #[arg(long, value_name = "FILE", conflicts_with = "miner")]
    miner_key: Option<PathBuf>,
}

/// What the ledger is told about it.
pub struct Network {
    /// The line to the others.
    pub peering: Option<Peering>,
    /// Signs checkpoints.
    pub operator_key: Option<SecretKey>,
    /// Signs the right to mine.
    pub miner_key: Option<SecretKey>,
    /// How many blocks below the head a block is final, or is signed.
    pub finality_lag: u64,
}

impl Arguments {
    /// Reads the keys and connects.
    pub async fn open(&self, genesis: &GenesisSpec) -> Result<Network> {
        let key = |file: &Option<PathBuf>| file.as_deref().map(read_key).transpose();
        let (operator_key, miner_key) = (key(&self.operator_key)?, key(&self.miner_key)?);
        let finality_lag = match (&genesis.operators, self.nats.is_empty()) {
            (Some(_), _) => SIGNED_BELOW,
            (None, false) => FINAL_BELOW,
            // Nobody else could undo what this node found.
            (None, true) => 0,
        };
        Ok(Network { peering: self.peering().await?, operator_key, miner_key, finality_lag })
    }

    async fn peering(&self) -> Result<Option<Peering>> {
        if self.nats.is_empty() {
            return Ok(None);
        }
        if self.nats.len() > SERVERS_MAX {
            let trouble = format!("--nats: at most {SERVERS_MAX} servers, got {}", self.nats.len());
            return Err(Trouble::Network(trouble).into());
        }
        let connected = Nats::connect(&self.nats).await;
        let nats = connected.map_err(|error| Trouble::Network(format!("{error:#}")))?;
        Ok(Some(Peering { transport: Arc::new(nats) }))
    }
}

fn read_key(file: &Path) -> Result<SecretKey, Trouble> {
    let name = file.display();
    let trouble = |reason: String| Trouble::Key(format!("{name}: {reason}"));
    let size = fs::metadata(file).map_err(|error| trouble(error.to_string()))?.len();
    if size > KEY_BYTES_MAX {
        return Err(trouble(format!("{size} bytes are no key")));
    }
    let text = fs::read_to_string(file).map_err(|error| trouble(error.to_string()))?;
    let hex = text.trim();
    let key = SecretKey::from_hex(hex.strip_prefix("0x").unwrap_or(hex));
    key.map_err(|_| trouble("a key is 64 hexadecimal digits".into()))
}

//! What makes a node one of several: where the others are, and the keys that the genesis gives a
//! say.

use std::path::PathBuf;
use std::sync::Arc;

use ::chain::GenesisSpec;
use anyhow::Result;
use clap::Args;
use keys::SecretKey;
use ledger::Peering;
use ledger::peers::Nats;

use crate::exit::Trouble;
use crate::key_file;

/// Addresses of NATS servers that a node tries.
const SERVERS_MAX: usize = 16;
/// Blocks that an operator waits before it signs one.
const SIGNED_BELOW: u64 = 12;
/// Blocks below the head that nothing undoes, where nobody signs: nodes that were apart for longer
/// stay apart.
pub const FINAL_BELOW: u64 = 4_096;

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
        let key = |file: &Option<PathBuf>| file.as_deref().map(key_file::read).transpose();
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

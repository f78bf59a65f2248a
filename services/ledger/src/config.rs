//! What a node is started with.

use crate::peers::Peering;
use crate::rpc::RpcLimits;
use crate::store::History;
use alloy_primitives::Address;
use bus::Bus;
use chain::{GenesisSpec, PoolLimits};
use keys::SecretKey;
use service::Clock;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// What [`start`](crate::start) needs.
pub struct Parts {
    /// The node's own directory: empty, not there yet, or left by a node of the same genesis.
    pub directory: PathBuf,
    /// The first block.
    pub genesis: GenesisSpec,
    /// Where the feed of blocks is published.
    pub bus: Bus,
    /// The time of blocks that are mined on request and of blocks that are imported.
    pub clock: Clock,
    /// Everything else.
    pub config: Config,
}

/// How a node behaves. The default mines on demand, with one thread, final at once, alone.
#[derive(Clone, Debug)]
pub struct Config {
    /// When blocks are mined.
    pub mode: Mining,
    /// Who receives rewards and tips.
    pub coinbase: Address,
    /// How many blocks below the head a block is final; 0 means at once. Where the genesis names
    /// operators: how many an operator waits before it signs.
    pub finality_lag: u64,
    /// How many old states are kept: what can be asked and proved of old blocks.
    pub history: History,
    /// Threads that search a nonce. With one, the same candidate always gets the same nonce.
    pub threads: NonZeroUsize,
    /// Whether `evm_mine` is answered, and the node signs for [`crate::development::ACCOUNTS`].
    pub development: bool,
    /// What the pool holds at most.
    pub pool: PoolLimits,
    /// What callers of JSON-RPC may ask for.
    pub rpc: RpcLimits,
    /// Addresses of the installation's contracts, told by `wattex_deployment`; null without any.
    pub deployment: serde_json::Value,
    /// The network of nodes to be part of; without, the node is alone.
    pub peering: Option<Peering>,
    /// Signs checkpoints. Its address has to be one of the genesis's operators.
    pub operator_key: Option<SecretKey>,
    /// Signs the right to mine, where the genesis names miners. Its address has to be one of them,
    /// and the coinbase; it sends nothing else and pays for the right with what it has.
    pub miner_key: Option<SecretKey>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mining::OnDemand,
            coinbase: Address::ZERO,
            finality_lag: 0,
            history: History::default(),
            threads: NonZeroUsize::MIN,
            development: false,
            pool: PoolLimits::default(),
            rpc: RpcLimits::default(),
            deployment: serde_json::Value::Null,
            peering: None,
            operator_key: None,
            miner_key: None,
        }
    }
}

/// When blocks are mined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mining {
    /// Never: blocks come from elsewhere.
    Off,
    /// When transactions wait: for simulated time and development.
    OnDemand,
    /// When transactions wait, and an empty block when the target block time has passed: for
    /// real time.
    Steady,
    /// Always, empty or not: how often is up to the difficulty. For a chain with several miners,
    /// where each that waited for the same moment would find a block of its own then.
    Continuous,
}

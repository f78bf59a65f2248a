//! What inputs are tried on: a small chain, a node that serves JSON-RPC, a node among peers.
#![forbid(unsafe_code)]

#[cfg(feature = "node")]
pub mod node;
pub mod peer;
pub mod signing;

use alloy_primitives::{Address, U256};
use chain::{Block, ChainView, GenesisSpec, MemoryChain, Recovered, Rules};

/// EIP-155 id of the chain.
pub const CHAIN_ID: u64 = 4_711;
/// Time of block 0.
pub const START: u64 = 1_800_000_000;
/// When inputs arrive.
pub const NOW: u64 = START + 60;

/// A chain with some blocks, whose work is so little that any nonce does it.
pub struct World {
    /// Its rules.
    pub rules: Rules,
    /// Its blocks.
    pub view: MemoryChain,
}

impl World {
    /// A chain of two blocks.
    pub fn new() -> Self {
        let mut spec = GenesisSpec::new(CHAIN_ID, START);
        (spec.difficulty, spec.fixed_difficulty) = (U256::ONE, true);
        let genesis = spec.build().expect("the genesis is sound");
        let mut view = MemoryChain::default();
        view.store(genesis.imported);
        let mut world = Self { rules: genesis.rules, view };
        let block = world.next(Vec::new());
        let imported = world.rules.import(&world.view, block, NOW).expect("an own block is sound");
        world.view.store(imported);
        world
    }

    /// A sealed block on the head; it is not taken in.
    pub fn next(&self, transactions: Vec<Recovered>) -> Block {
        let head = self.view.head();
        let time = self.view.header(head).expect("the head is stored").timestamp + 5;
        let candidate = self.rules.propose(&self.view, head, transactions, Address::ZERO, time);
        candidate.expect("a block can be built").block().clone()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

//! The chain machine: transactions become blocks.
//!
//! A block is a London Ethereum header with proof of work (SHA-256), signed transactions and
//! nothing else. Everything here is a function of its arguments: the store is read through
//! [`ChainView`], the time is passed in, and what has to be stored comes back as a value
//! ([`Imported`]).
//!
//! Invariants: a state root once committed is readable as long as its nodes are kept, because they
//! are kept by their hash; the head is the block with the most cumulative difficulty, the first
//! seen on a tie; what [`Rules::propose`] builds, [`Rules::import`] accepts.
//!
//! Absent on purpose: disk, network, clock, randomness, uncles, withdrawals, blobs, system calls.
//!
//! ```text
//! GenesisSpec --build--> Genesis { rules, imported }          state of block 0
//! Pool --best--> Rules::propose --> Candidate --seal--> nonce --> Rules::adopt --> Imported
//! bytes from a peer ----------------------------------> Rules::import ----------> Imported
//! Imported --(one store transaction)--> ChainView
//! ```
#![forbid(unsafe_code)]

pub mod asert;
pub mod block;
pub mod blockchain;
pub mod checkpoint;
pub mod execute;
pub mod finality;
pub mod genesis;
pub mod header;
pub mod light;
pub mod mining_right;
pub mod mmr;
pub mod pool;
pub mod rules;
pub mod signature;
pub mod state;
pub mod sync;
pub mod trie;
pub mod view;

pub use block::{Block, Receipt, Recovered, Transaction};
pub use blockchain::{BlockError, Candidate, HeadChange, Imported, Stage};
pub use genesis::{Genesis, GenesisError, GenesisSpec};
pub use header::Header;
pub use mmr::Mmr;
pub use pool::{Pool, PoolError, PoolLimits};
pub use rules::Rules;
pub use state::State;
pub use trie::{NodePlace, NodeSource, PlacedNode, Trie};
pub use view::{AtBlock, ChainView, MemoryChain, StateSource};

//! Work on the chain of a directory while no node runs on it: blocks out, blocks in, and the proof
//! that all of it follows from its genesis.
//!
//! Invariants: memory is bounded by a block, however long the chain is; what is taken in is
//! verified in full; work that was interrupted can be begun again and goes on where it was.
//!
//! Absent on purpose: a directory that a node has open is refused, not waited for.

mod blocks;
mod check;
mod stream;

pub use blocks::{Exported, Import, Imported, export, import, specification};
pub use check::{Checked, check};

use crate::store::StoreError;
use alloy_primitives::B256;
use chain::{BlockError, GenesisError};
use std::path::PathBuf;

/// Blocks between two moments at which what was stored becomes durable.
const BLOCKS_PER_SYNC: u64 = 256;

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is done of `all`.
    pub done: u64,
    /// Blocks or bytes; which of them, the function says.
    pub all: u64,
}

/// Why work on a directory ended early.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    /// The directory is refused or cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no chain in the directory.
    #[error("there is no chain in {}", .0.display())]
    NoChain(PathBuf),
    /// The directory does not say what its genesis is built from.
    #[error("the directory does not say what its chain begins with: give the genesis")]
    NoSpecification,
    /// The specification makes no chain.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a stream of blocks.
    #[error("at byte {offset} of the blocks there is {found}")]
    Stream {
        /// Where a block should begin, in bytes of what is compressed, if it is.
        offset: u64,
        /// What is there instead.
        found: String,
    },
    /// The file holds the blocks of another chain.
    #[error("the file begins with block {found}, the chain with {expected}")]
    OtherGenesis {
        /// Block 0 of the file.
        found: B256,
        /// Block 0 of the chain.
        expected: B256,
    },
    /// A block of the file is refused. Those before it are stored.
    #[error("block {number} is refused: {reason}")]
    Refused {
        /// Its height.
        number: u64,
        /// Why.
        reason: BlockError,
    },
    /// It would undo, or compete with, a block that is final.
    #[error("block {number} would undo what is final, up to block {finalized}")]
    BelowFinalized {
        /// Its height.
        number: u64,
        /// The finalized height.
        finalized: u64,
    },
    /// It builds on a state that is no longer kept.
    #[error("block {number} builds on a state that is not kept, the oldest is of block {oldest}")]
    StateNotKept {
        /// Its height.
        number: u64,
        /// Height of the oldest block whose state is kept.
        oldest: u64,
    },
    /// The chain does not follow from its genesis.
    #[error("block {number}: {what}")]
    Differs {
        /// Height of the first block at which it differs.
        number: u64,
        /// In what.
        what: String,
    },
    /// The caller ended it.
    #[error("it was ended before it was done")]
    Stopped,
}

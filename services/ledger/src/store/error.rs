//! Why a store cannot be opened or used.

use alloy_primitives::B256;
use std::path::PathBuf;

/// Why a store cannot be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory holds something that is not a chain of ours; nothing in it was changed.
    #[error("{} holds something other than a chain: {reason}", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A later version of the program wrote it; nothing in it was changed.
    #[error("the chain was written in format {found}, known are formats up to {known}")]
    Newer {
        /// Format of the directory.
        found: u64,
        /// The latest format this program reads.
        known: u64,
    },
    /// The directory holds the chain of another genesis; nothing in it was changed.
    #[error("the directory holds the chain of genesis {found}, asked for is {expected}")]
    OtherGenesis {
        /// Of the directory.
        found: B256,
        /// Of the specification.
        expected: B256,
    },
    /// Another node has it open.
    #[error("another node has the chain open")]
    InUse,
    /// What is stored contradicts itself.
    #[error("the stored chain is damaged: {0}")]
    Damaged(String),
    /// Disk or file system failed.
    #[error("the store failed")]
    Fault(#[source] Box<redb::Error>),
    /// The directory cannot be read or made.
    #[error("the directory cannot be used")]
    Directory(#[source] std::io::Error),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            error => Self::Fault(Box::new(error)),
        }
    }
}

//! Exit codes: one per kind of trouble, so that a script can tell them apart.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | something went wrong on our side |
//! | 2 | unknown or malformed argument |
//! | 3 | data, tariff, trust, genesis, settings or key missing or malformed; a load not rated |
//! | 4 | the port is taken, or the address is not ours |
//! | 5 | the directory belongs to another run or another version |
//! | 6 | the clock is behind what the directory already knows |
//! | 7 | the network of nodes cannot be reached |
//! | 10 | a bill, or a clearing, does not hold, more was reconciled than a meter registered, or |
//! | | readings that were acknowledged are not stored exactly once, or a journal's entries do not |
//! | | follow from each other |
//! | 11 | a bill, a clearing or a part of a journal holds but is not anchored; no readings that |
//! | | are anchored prove a trade |
//! | 12 | a bill, a document or a journal cannot be read; readings are not of a trade's meter |
//! | 13 | a chain does not hold, or blocks are refused |
//! | 14 | a payload is not one of its format |
//! | 15 | rows of a file were rejected; the others are written |
//! | 16 | a document cannot be written in that format or language |
//! | 17 | more was reconciled than a meter registered, outside of the window of challenges |
//! | 130 | Ctrl-C before the run was complete; while it only serves, that is 0 |
//! | 143 | the same by SIGTERM |

use std::net::SocketAddr;
use std::process::ExitCode;

use crate::data::DataError;

/// More was reconciled than a meter registered, and can be challenged.
pub const EXCESS: u8 = 10;
/// Readings that were acknowledged are not stored, or not once, or not as they were sent.
pub const NOT_STORED: u8 = 10;
/// Entries of a journal that do not follow from each other.
pub const BROKEN_JOURNAL: u8 = 10;
/// Entries of a journal that no batch on a trusted chain proves.
pub const UNANCHORED_JOURNAL: u8 = 11;
/// No anchored readings prove what was delivered.
pub const UNPROVED: u8 = 11;
/// Readings that are not those of the trade's meter.
pub const BAD_EVIDENCE: u8 = 12;
/// More was reconciled than a meter registered, and cannot be challenged now.
pub const EXCESS_OUT_OF_TIME: u8 = 17;
/// Some rows of a file were rejected.
pub const ROWS_REJECTED: u8 = 15;

/// Trouble that has an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The port is taken.
    #[error("port {port} is taken: choose another with {option}")]
    PortTaken {
        /// The port.
        port: u16,
        /// The option that chooses it.
        option: &'static str,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// Arguments that contradict each other or what they name.
    #[error("{0}")]
    Argument(String),
    /// The genesis, or what one is made from, is missing, malformed or makes no chain.
    #[error("{0}")]
    Genesis(String),
    /// A key is missing, malformed, or not one that the genesis names.
    #[error("{0}")]
    Key(String),
    /// The network of nodes cannot be reached.
    #[error("{0}")]
    Network(String),
    /// Settings are missing or malformed, or a file that they name is.
    #[error("{0}")]
    Settings(String),
    /// The trust file is missing or malformed.
    #[error("{0}")]
    Trust(String),
    /// A tariff is missing or malformed, or a load cannot be rated on it.
    #[error("{0}")]
    Tariff(String),
    /// There is no file of a bill, a document or a journal, or it cannot be read as one.
    #[error("{0}")]
    Bill(String),
    /// What a directory holds does not follow from its genesis.
    #[error("FAILED: {0}")]
    Chain(String),
    /// A file of blocks is malformed or not of this chain.
    #[error("{0}")]
    Blocks(String),
    /// Payloads are malformed, or not of the format they are said to be.
    #[error("{0}")]
    Payload(String),
    /// A document cannot be written in that format or language.
    #[error("{0}")]
    Document(String),
    /// The directory was made by another run.
    #[error("{0}")]
    Directory(String),
    /// The machine's clock is wrong.
    #[error("the clock shows {now}, but this directory already knows {known}: set the clock right")]
    Clock {
        /// What the clock shows.
        now: String,
        /// The latest moment the directory knows.
        known: String,
    },
}

/// The exit code for `error`.
pub fn code_of(error: &anyhow::Error) -> ExitCode {
    for cause in error.chain() {
        if let Some(trouble) = cause.downcast_ref::<Trouble>() {
            return ExitCode::from(match trouble {
                Trouble::Argument(_) => 2,
                Trouble::Trust(_)
                | Trouble::Settings(_)
                | Trouble::Genesis(_)
                | Trouble::Key(_)
                | Trouble::Tariff(_) => 3,
                Trouble::PortTaken { .. } | Trouble::Listen { .. } => 4,
                Trouble::Directory(_) => 5,
                Trouble::Clock { .. } => 6,
                Trouble::Network(_) => 7,
                Trouble::Bill(_) => 12,
                Trouble::Chain(_) | Trouble::Blocks(_) => 13,
                Trouble::Payload(_) => 14,
                Trouble::Document(_) => 16,
            });
        }
        if cause.downcast_ref::<DataError>().is_some() {
            return ExitCode::from(3);
        }
        if let Some(db::DbError::NewerSchema { .. }) = cause.downcast_ref() {
            return ExitCode::from(5);
        }
    }
    ExitCode::FAILURE
}

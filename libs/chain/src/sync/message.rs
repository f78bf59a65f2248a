//! What nodes say to each other, and the bytes of it.
//!
//! A message is its version, its kind and an RLP list. Answers repeat the number of the question.
//! Lists have limits that a reader checks before it uses them; bytes as a whole are limited by the
//! transport.

use crate::block::Transaction;
use crate::checkpoint::{Certificate, Vote};
use crate::header::Header;
use alloy_primitives::{B256, Bytes, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};

/// Version of the messages.
pub const VERSION: u8 = 1;
/// Hashes of transactions in one announcement.
pub const HASHES_PER_ANNOUNCEMENT_MAX: usize = 1_024;
/// Votes in one message.
pub const VOTES_PER_MESSAGE_MAX: usize = 256;
/// Hashes of a locator: ten neighbours, then twice as far each, then the genesis.
pub const LOCATOR_MAX: usize = 96;
/// Headers that are asked for at once.
pub const HEADERS_PER_REQUEST_MAX: usize = 512;
/// Bodies that are asked for at once.
pub const BODIES_PER_REQUEST_MAX: usize = 64;
/// Transactions that are asked for at once.
pub const TRANSACTIONS_PER_REQUEST_MAX: usize = 256;

/// Where a peer stands, and what is new in its pool.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Announcement {
    /// Header of its head.
    pub head: Header,
    /// Sum of the difficulties up to the head.
    pub work: U256,
    /// Hashes of transactions that it has.
    pub transactions: Vec<B256>,
    /// Its newest certificate: one or none.
    pub certificate: Vec<Certificate>,
}

/// Headers of the best branch after the first of the locator that is on it.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct GetHeaders {
    /// Number of the question.
    pub id: u64,
    /// Blocks that the asking node has, the newest first.
    pub locator: Vec<B256>,
    /// The most bytes that the answer may have.
    pub bytes_max: u64,
}

/// Oldest first.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Headers {
    /// Number of the question.
    pub id: u64,
    /// The headers.
    pub headers: Vec<Header>,
}

/// Transactions of blocks.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct GetBodies {
    /// Number of the question.
    pub id: u64,
    /// The blocks.
    pub hashes: Vec<B256>,
    /// The most bytes that the answer may have.
    pub bytes_max: u64,
}

/// Transactions of one block.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Body {
    /// In the order of their execution.
    pub transactions: Vec<Transaction>,
}

/// In the order of the question, as many as fit.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Bodies {
    /// Number of the question.
    pub id: u64,
    /// The bodies.
    pub bodies: Vec<Body>,
}

/// A part of a body that does not fit into one message.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct GetPart {
    /// Number of the question.
    pub id: u64,
    /// The block.
    pub hash: B256,
    /// Where in the RLP of the body the part begins.
    pub offset: u64,
    /// The most bytes that the answer may have.
    pub bytes_max: u64,
}

/// Also the answer to [`GetBodies`] if not even the first fits.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Part {
    /// Number of the question.
    pub id: u64,
    /// Bytes of the RLP of the whole body.
    pub total: u64,
    /// These bytes of it.
    pub bytes: Bytes,
}

/// Transactions by their hashes.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct GetTransactions {
    /// Number of the question.
    pub id: u64,
    /// The transactions.
    pub hashes: Vec<B256>,
    /// The most bytes that the answer may have.
    pub bytes_max: u64,
}

/// Those that the peer still has, as many as fit.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Transactions {
    /// Number of the question.
    pub id: u64,
    /// The transactions.
    pub transactions: Vec<Transaction>,
}

/// Votes of an operator.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Votes {
    /// The votes.
    pub votes: Vec<Vote>,
}

macro_rules! messages {
    ($($kind:literal $name:ident)*) => {
        /// Anything that a node says.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is documented where it is defined")]
        #[expect(clippy::large_enum_variant, reason = "few at a time, each used up at once")]
        pub enum Message {
            $($name($name),)*
        }

        impl Message {
            /// Its bytes.
            pub fn encode(&self) -> Vec<u8> {
                match self {
                    $(Self::$name(message) => with_kind($kind, message),)*
                }
            }

            /// The message with these bytes, all of them.
            pub fn decode(bytes: &[u8]) -> Result<Self, alloy_rlp::Error> {
                match bytes {
                    $([VERSION, $kind, rest @ ..] => exact(rest).map(Self::$name),)*
                    _ => Err(alloy_rlp::Error::Custom("not a message of this version")),
                }
            }
        }

        $(impl From<$name> for Message {
            fn from(message: $name) -> Self {
                Self::$name(message)
            }
        })*
    };
}

messages! {
    0 Announcement
    1 GetHeaders
    2 Headers
    3 GetBodies
    4 Bodies
    5 GetPart
    6 Part
    7 GetTransactions
    8 Transactions
    9 Votes
}

fn with_kind(kind: u8, message: &impl Encodable) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + message.length());
    bytes.extend([VERSION, kind]);
    message.encode(&mut bytes);
    bytes
}

fn exact<T: Decodable>(bytes: &[u8]) -> Result<T, alloy_rlp::Error> {
    alloy_rlp::decode_exact(bytes)
}

//! The tables of the store and the bytes in them.
//!
//! | table | key | value |
//! |---|---|---|
//! | blocks, receipts | block hash | RLP |
//! | senders | block hash | 20 bytes per transaction |
//! | work | block hash | RLP of total difficulty and the newest peak of the mountain range |
//! | state | [`chain::NodePlace::key`] | keccak-256 of the trie node there, and the node |
//! | journal | height, block hash | the trie nodes it created and dropped: see [`super::journal`] |
//! | nodes | keccak-256 of the value | trie nodes, where all states are kept |
//! | mountains, code | keccak-256 of the value | mountain nodes; contract code |
//! | canonical | height | block hash |
//! | transactions | hash of a canonical transaction | height, position: see [`super::index`] |
//! | feed | sequence from 1 | 1 connected or 0 disconnected, block hash, finalized height then |
//! | votes | height | RLP of this operator's vote, above the newest certificate |
//! | meta | name | see the constants |
//!
//! Blocks of lost branches stay; only what is canonical moves with the head. What `state` and
//! `journal` are for stands in [`super::history`]; they are empty where all states are kept, and
//! `nodes` is where the last ones are.
//!
//! Formats 2 to 4 found the nodes of the last states by their hash as well, and counted places in a
//! table `shares`: they are rewritten ([`super::format_4`]). Format 3 had the whole index in its
//! tables, which is a form that this one can have. Format 1 had no journal, kept mountain nodes
//! among the trie nodes and all peaks in `work`. Both of its forms are read where all states are
//! kept on, so that such a directory needs no rewriting.

use alloy_primitives::{B256, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use chain::Mmr;
use redb::TableDefinition;

pub(super) type Hash = &'static [u8; 32];
pub(super) type Bytes = &'static [u8];
/// Kind, block hash, finalized height.
pub(super) type FeedRow = (u8, Hash, u64);

pub(super) const BLOCKS: TableDefinition<'_, Hash, Bytes> = TableDefinition::new("blocks");
pub(super) const RECEIPTS: TableDefinition<'_, Hash, Bytes> = TableDefinition::new("receipts");
pub(super) const SENDERS: TableDefinition<'_, Hash, Bytes> = TableDefinition::new("senders");
pub(super) const WORK: TableDefinition<'_, Hash, Bytes> = TableDefinition::new("work");
pub(super) const STATE: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("state");
pub(super) const NODES: TableDefinition<'_, Hash, Bytes> = TableDefinition::new("nodes");
pub(super) const MOUNTAINS: TableDefinition<'_, Hash, Bytes> = TableDefinition::new("mountains");
/// How many places have a node, if more than one; of formats 2 to 4.
pub(super) const SHARES: TableDefinition<'_, Hash, u32> = TableDefinition::new("shares");
pub(super) const JOURNAL: TableDefinition<'_, (u64, Hash), Bytes> = TableDefinition::new("journal");
pub(super) const CODE: TableDefinition<'_, Hash, Bytes> = TableDefinition::new("code");
pub(super) const CANONICAL: TableDefinition<'_, u64, Hash> = TableDefinition::new("canonical");
pub(super) const TRANSACTIONS: TableDefinition<'_, Hash, (u64, u32)> =
    TableDefinition::new("transactions");
pub(super) const FEED: TableDefinition<'_, u64, FeedRow> = TableDefinition::new("feed");
/// RLP of this node's votes by height, above the newest certificate.
pub(super) const VOTES: TableDefinition<'_, u64, Bytes> = TableDefinition::new("votes");
pub(super) const META: TableDefinition<'_, &str, Bytes> = TableDefinition::new("meta");

/// Format of the tables, u64; always the same name, so that every version can read it.
pub(super) const FORMAT: &str = "format";
/// Hash of block 0.
pub(super) const GENESIS: &str = "genesis";
/// Hash of the head.
pub(super) const HEAD: &str = "head";
/// Height of the newest block that can no longer be undone, u64.
pub(super) const FINALIZED: &str = "finalized";
/// RLP of the newest certificate of a block on the best branch.
pub(super) const CERTIFICATE: &str = "certificate";
/// Sequence of the last published row of the feed, u64.
pub(super) const PUBLISHED: &str = "published";
/// Height of the oldest block on the best branch whose state is kept, u64.
pub(super) const OLDEST: &str = "oldest";
/// Height of the newest block on the best branch that is in the tables of the index, u64.
pub(super) const ENTERED: &str = "entered";
/// There if only the last states are kept; named after what formats 2 to 4 did with their nodes.
pub(super) const COUNTED: &str = "counted";
/// What block 0 is built from, JSON.
pub(super) const SPEC: &str = "spec";

/// The format that this program writes.
pub(super) const FORMAT_KNOWN: u64 = 5;
/// The oldest format that this program brings up to its own.
pub(super) const FORMAT_OLDEST: u64 = 1;

pub(super) const DISCONNECTED: u8 = 0;
pub(super) const CONNECTED: u8 = 1;

/// What the table `work` holds. The other peaks are the newest ones of earlier blocks.
#[derive(RlpEncodable, RlpDecodable)]
pub(super) struct Work {
    pub(super) total_difficulty: U256,
    pub(super) peak: B256,
}

/// What it held in format 1.
#[derive(RlpEncodable, RlpDecodable)]
struct WorkOfFormat1 {
    total_difficulty: U256,
    mmr: Mmr,
}

impl Work {
    pub(super) fn read(rlp: &[u8]) -> Result<Self, alloy_rlp::Error> {
        alloy_rlp::decode_exact(rlp).or_else(|error| {
            let WorkOfFormat1 { total_difficulty, mmr } = alloy_rlp::decode_exact(rlp)?;
            let peak = *mmr.peaks().last().ok_or(error)?;
            Ok(Self { total_difficulty, peak })
        })
    }
}

/// A step of the best branch: a block joined it or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// NodePlace in the feed, from 1 without gaps.
    pub sequence: u64,
    /// Whether the block joined the branch; else it left it.
    pub connected: bool,
    /// The block.
    pub hash: B256,
    /// Height of the newest block that could no longer be undone at that moment.
    pub finalized: u64,
}

pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

//! Logs by block range, address and topics.

use super::cache::Stored;
use super::format::{LogView, Place};
use super::limits::INLINE_LOG_BLOCKS_MAX;
use super::params::{BlockId, one_or_many};
use super::{Request, RpcLimits, damaged, invalid, limit, server};
use alloy_primitives::{Address, B256, Bloom, Log, keccak256};
use chain::ChainView;
use client::RpcError;
use serde::{Deserialize, Deserializer};

/// Topics that a log can have.
const TOPICS_MAX: usize = 4;
/// Bits that an address or a topic sets in a bloom.
const BLOOM_BITS: usize = 3;
/// Addresses, or alternatives of a topic, that one filter may name.
const ALTERNATIVES_MAX: usize = 1_000;

/// What logs are asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Filter {
    from_block: Option<BlockId>,
    to_block: Option<BlockId>,
    block_hash: Option<B256>,
    #[serde(deserialize_with = "one_or_many")]
    address: Vec<Address>,
    #[serde(deserialize_with = "null_is_none")]
    topics: Vec<Topic>,
    #[serde(skip)]
    bits: Bits,
}

/// For each position that is not open, the bits of its alternatives in a bloom.
type Bits = Vec<Vec<[u16; BLOOM_BITS]>>;

fn null_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Topic>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The alternatives for one topic; none means any.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
struct Topic(#[serde(deserialize_with = "one_or_many")] Vec<Option<B256>>);

impl Topic {
    fn is_any(&self) -> bool {
        self.0.is_empty() || self.0.contains(&None)
    }
}

impl Filter {
    /// The filter at a parameter, checked.
    pub(super) fn parse(request: &Request<'_>, position: usize) -> Result<Self, RpcError> {
        let mut filter: Self = request.params.optional(position)?.unwrap_or_default();
        if filter.block_hash.is_some() && (filter.from_block.is_some() || filter.to_block.is_some())
        {
            return Err(invalid("can't specify fromBlock/toBlock with blockHash"));
        }
        if filter.topics.len() > TOPICS_MAX {
            return Err(server("exceed max topics"));
        }
        let longest = filter.topics.iter().map(|topic| topic.0.len()).max().unwrap_or(0);
        if longest.max(filter.address.len()) > ALTERNATIVES_MAX {
            return Err(server("exceed max addresses or topics per search position"));
        }
        filter.bits = filter.bits();
        Ok(filter)
    }

    /// Hashed once for a query, not once for a block.
    fn bits(&self) -> Bits {
        let addresses = self.address.iter().map(|address| bloom_bits(address.as_slice()));
        let topics = self.topics.iter().filter(|topic| !topic.is_any());
        let topics = topics
            .map(|topic| topic.0.iter().flatten().map(|one| bloom_bits(one.as_slice())).collect());
        let addresses = (!self.address.is_empty()).then(|| addresses.collect());
        addresses.into_iter().chain(topics).collect()
    }

    fn matches(&self, log: &Log) -> bool {
        let topics = log.topics();
        (self.address.is_empty() || self.address.contains(&log.address))
            && self.topics.len() <= topics.len()
            && self
                .topics
                .iter()
                .zip(topics)
                .all(|(wanted, topic)| wanted.is_any() || wanted.0.contains(&Some(*topic)))
    }

    /// Whether a block with this bloom can have a matching log.
    fn may_match(&self, bloom: &Bloom) -> bool {
        let has = |bit: &u16| {
            let (byte, bit) = (bloom.len() - 1 - usize::from(bit / 8), bit % 8);
            bloom[byte] >> bit & 1 == 1
        };
        self.bits.iter().all(|any| any.iter().any(|bits| bits.iter().all(has)))
    }
}

/// The bits that an address or a topic sets in a bloom (yellow paper, 4.3.1).
fn bloom_bits(bytes: &[u8]) -> [u16; BLOOM_BITS] {
    let hash = keccak256(bytes);
    std::array::from_fn(|at| u16::from_be_bytes([hash[2 * at], hash[2 * at + 1]]) & 0x7ff)
}

pub(super) fn get(request: &Request<'_>) -> Result<Vec<LogView>, RpcError> {
    all(request, &Filter::parse(request, 0)?)
}

/// All logs that a filter asks for.
pub(super) fn all(request: &Request<'_>, filter: &Filter) -> Result<Vec<LogView>, RpcError> {
    let mut found = Found::new(request.limits());
    if let Some(hash) = filter.block_hash {
        if request.header(hash).is_none() {
            return Err(server("unknown block"));
        }
        at_once(request, filter, hash, &mut found)?;
        return Ok(found.logs);
    }
    let head = request.head()?.number;
    let from = height(request, filter.from_block)?.unwrap_or(head);
    let to = height(request, filter.to_block)?.unwrap_or(head);
    if from > to {
        return Err(invalid("invalid block range params"));
    }
    let to = to.min(head);
    let most = request.limits().log_blocks_max;
    if to.saturating_sub(from) >= most {
        return Err(limit(format!("exceed maximum block range: {most}")));
    }
    if to.saturating_sub(from) >= INLINE_LOG_BLOCKS_MAX {
        request.takes_long()?;
    }
    for hash in (from..=to).filter_map(|number| request.snapshot.canonical_hash(number)) {
        request.in_time()?;
        at_once(request, filter, hash, &mut found)?;
    }
    Ok(found.logs)
}

/// Adds the matching logs of one block; on the spot only if the block is in memory.
fn at_once(
    request: &Request<'_>,
    filter: &Filter,
    hash: B256,
    found: &mut Found,
) -> Result<(), RpcError> {
    if may_have(request, filter, hash)? {
        found.add_of(&*request.block_at_once(hash)?, filter, false)?;
    }
    Ok(())
}

/// The height that bounds a range; a number above the head stays as it is.
fn height(request: &Request<'_>, id: Option<BlockId>) -> Result<Option<u64>, RpcError> {
    match id {
        None => Ok(None),
        Some(BlockId::Number(number)) => Ok(Some(number)),
        Some(BlockId::Pending) => Err(server("pending logs are not supported")),
        Some(id) => {
            let hash = request.resolve(id)?;
            let header = hash.and_then(|hash| request.header(hash));
            header.map(|header| Some(header.number)).ok_or_else(|| server("unknown block"))
        }
    }
}

/// Logs that were found so far.
pub(super) struct Found {
    pub(super) logs: Vec<LogView>,
    bytes: usize,
    logs_max: usize,
    bytes_max: usize,
}

impl Found {
    pub(super) fn new(limits: &RpcLimits) -> Self {
        let (logs_max, bytes_max) = (limits.logs_max, limits.response_bytes_max);
        Self { logs: Vec::new(), bytes: 0, logs_max, bytes_max }
    }

    fn add_of(&mut self, stored: &Stored, filter: &Filter, removed: bool) -> Result<(), RpcError> {
        let mut position = 0;
        for (index, receipt) in stored.receipts.iter().enumerate() {
            for log in receipt.logs() {
                if filter.matches(log) {
                    let transaction = *stored.block.transactions[index].tx_hash();
                    let place = Place { hash: stored.hash, header: &stored.block.header, index };
                    self.add(LogView::new(log, transaction, place, position, removed))?;
                }
                position += 1;
            }
        }
        Ok(())
    }

    fn add(&mut self, log: LogView) -> Result<(), RpcError> {
        self.bytes += log.size();
        self.logs.push(log);
        if self.logs.len() > self.logs_max {
            return Err(limit(format!("query returned more than {} results", self.logs_max)));
        }
        if self.bytes > self.bytes_max {
            return Err(limit(format!("query returned more than {} bytes", self.bytes_max)));
        }
        Ok(())
    }
}

/// Adds the matching logs of one block.
pub(super) fn of_block(
    request: &Request<'_>,
    filter: &Filter,
    hash: B256,
    removed: bool,
    found: &mut Found,
) -> Result<(), RpcError> {
    if may_have(request, filter, hash)? {
        found.add_of(&*request.block(hash)?, filter, removed)?;
    }
    Ok(())
}

/// Whether a block can have a matching log, by its header.
fn may_have(request: &Request<'_>, filter: &Filter, hash: B256) -> Result<bool, RpcError> {
    let header = request.header(hash).ok_or_else(|| damaged("header", hash))?;
    Ok(filter.may_match(&header.logs_bloom))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{BloomInput, Bytes, logs_bloom};
    use serde_json::{Value, json};

    fn check(filter: Value, expected: bool) {
        let (address, topics) = (Address::repeat_byte(1), [2, 3].map(B256::repeat_byte));
        let log = Log::new_unchecked(address, topics.to_vec(), Bytes::new());
        let filter: Filter = serde_json::from_value(filter.clone()).unwrap();
        assert_eq!(filter.matches(&log), expected, "{filter:?}");
        let filter = Filter { bits: filter.bits(), ..filter };
        if expected {
            assert!(filter.may_match(&logs_bloom([&log])), "{filter:?}");
        }
        for bloom in [logs_bloom([&log]), Bloom::ZERO] {
            assert_eq!(filter.may_match(&bloom), filter.may_match_by_hashing(&bloom));
        }
    }

    #[test]
    fn a_filter_asks_for_addresses_and_topics_by_position() {
        let (here, there) = (Address::repeat_byte(1), Address::repeat_byte(9));
        let [first, second, other] = [2, 3, 9].map(B256::repeat_byte);
        check(json!({}), true);
        check(json!({ "address": here }), true);
        check(json!({ "address": [there, here] }), true);
        check(json!({ "address": there }), false);
        check(json!({ "topics": [first] }), true);
        check(json!({ "topics": [second] }), false);
        check(json!({ "topics": [null, second] }), true);
        check(json!({ "topics": [[other, first], [second]] }), true);
        check(json!({ "topics": [[], second] }), true);
        check(json!({ "topics": [first, other] }), false);
        check(json!({ "topics": [null, null, null] }), false);
    }

    impl Filter {
        /// By the library's own bloom.
        fn may_match_by_hashing(&self, bloom: &Bloom) -> bool {
            let has = |bytes: &[u8]| bloom.contains_input(BloomInput::Raw(bytes));
            (self.address.is_empty() || self.address.iter().any(|address| has(address.as_slice())))
                && self.topics.iter().all(|topic| {
                    topic.is_any() || topic.0.iter().flatten().any(|one| has(one.as_slice()))
                })
        }
    }

    #[test]
    fn a_bloom_without_the_topic_spares_the_block() {
        let filter: Filter =
            serde_json::from_value(json!({ "topics": [B256::repeat_byte(2)] })).unwrap();
        let filter = Filter { bits: filter.bits(), ..filter };
        assert!(!filter.may_match(&Bloom::ZERO));
    }
}

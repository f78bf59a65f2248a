//! Logs by block range, address and topics.

use super::format::{self, Place};
use super::params::{BlockId, one_or_many};
use super::{Answer, LOG_BLOCKS_MAX, LOGS_MAX, Request, code, damaged, invalid, server};
use alloy_primitives::{Address, B256, Bloom, BloomInput, Log};
use chain::ChainView;
use client::RpcError;
use serde::Deserialize;
use serde_json::{Value, json};

/// Topics that a log can have.
const TOPICS_MAX: usize = 4;
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
    topics: Vec<Topic>,
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
        let filter: Self = request.params.get(position)?;
        if filter.block_hash.is_some() && (filter.from_block.is_some() || filter.to_block.is_some())
        {
            return Err(invalid("cannot specify both BlockHash and FromBlock/ToBlock"));
        }
        if filter.topics.len() > TOPICS_MAX {
            return Err(server("exceed max topics"));
        }
        let longest = filter.topics.iter().map(|topic| topic.0.len()).max().unwrap_or(0);
        if longest.max(filter.address.len()) > ALTERNATIVES_MAX {
            return Err(server("exceed max addresses or topics per search position"));
        }
        Ok(filter)
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
        let has = |bytes: &[u8]| bloom.contains_input(BloomInput::Raw(bytes));
        (self.address.is_empty() || self.address.iter().any(|address| has(address.as_slice())))
            && self.topics.iter().all(|topic| {
                topic.is_any() || topic.0.iter().flatten().any(|topic| has(topic.as_slice()))
            })
    }
}

pub(super) fn get(request: &Request<'_>) -> Answer {
    let filter = Filter::parse(request, 0)?;
    Ok(json!(all(request, &filter)?))
}

/// All logs that a filter asks for.
pub(super) fn all(request: &Request<'_>, filter: &Filter) -> Result<Vec<Value>, RpcError> {
    let mut found = Vec::new();
    if let Some(hash) = filter.block_hash {
        if request.snapshot.header(hash).is_none() {
            return Err(server("unknown block"));
        }
        of_block(request, filter, hash, false, &mut found)?;
        return Ok(found);
    }
    let head = request.head()?.number;
    let from = height(request, filter.from_block)?.unwrap_or(head);
    let to = height(request, filter.to_block)?.unwrap_or(head);
    if from > to {
        return Err(invalid("invalid block range params"));
    }
    let to = to.min(head);
    if to.saturating_sub(from) >= LOG_BLOCKS_MAX {
        let message = format!("exceed maximum block range: {LOG_BLOCKS_MAX}");
        return Err(RpcError::new(code::LIMIT_EXCEEDED, message));
    }
    for hash in (from..=to).filter_map(|number| request.snapshot.canonical_hash(number)) {
        of_block(request, filter, hash, false, &mut found)?;
    }
    Ok(found)
}

/// The height that bounds a range; a number above the head stays as it is.
fn height(request: &Request<'_>, id: Option<BlockId>) -> Result<Option<u64>, RpcError> {
    match id {
        None => Ok(None),
        Some(BlockId::Number(number)) => Ok(Some(number)),
        Some(id) => {
            let hash = request.resolve(id)?;
            let header = hash.and_then(|hash| request.snapshot.header(hash));
            header.map(|header| Some(header.number)).ok_or_else(|| server("unknown block"))
        }
    }
}

/// Adds the matching logs of one block.
pub(super) fn of_block(
    request: &Request<'_>,
    filter: &Filter,
    hash: B256,
    removed: bool,
    found: &mut Vec<Value>,
) -> Result<(), RpcError> {
    let view = &request.snapshot;
    let header = view.header(hash).ok_or_else(|| damaged("header", hash))?;
    if !filter.may_match(&header.logs_bloom) {
        return Ok(());
    }
    let block = view.block(hash).ok_or_else(|| damaged("body", hash))?;
    let receipts = view.receipts(hash).ok_or_else(|| damaged("receipts", hash))?;
    let mut position = 0;
    for (index, receipt) in receipts.iter().enumerate() {
        let transaction = *block.transactions[index].tx_hash();
        for log in receipt.logs() {
            if filter.matches(log) {
                let place = Place { hash, header: &header, index };
                found.push(format::log(log, transaction, place, position, removed));
            }
            position += 1;
        }
        if found.len() > LOGS_MAX {
            let message = format!("query returned more than {LOGS_MAX} results");
            return Err(RpcError::new(code::LIMIT_EXCEEDED, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Bytes, logs_bloom};

    fn check(filter: Value, expected: bool) {
        let (address, topics) = (Address::repeat_byte(1), [2, 3].map(B256::repeat_byte));
        let log = Log::new_unchecked(address, topics.to_vec(), Bytes::new());
        let filter: Filter = serde_json::from_value(filter.clone()).unwrap();
        assert_eq!(filter.matches(&log), expected, "{filter:?}");
        if expected {
            assert!(filter.may_match(&logs_bloom([&log])), "{filter:?}");
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

    #[test]
    fn a_bloom_without_the_topic_spares_the_block() {
        let filter: Filter =
            serde_json::from_value(json!({ "topics": [B256::repeat_byte(2)] })).unwrap();
        assert!(!filter.may_match(&Bloom::ZERO));
    }
}

//! The bloom of logs, with every address and every topic of a block hashed once.
//!
//! A block names a few contracts and events and many of its accounts again and again; hashing them
//! for every log took a third of the execution of token transfers. What is kept lives as long as
//! the block's execution and is bounded by its gas: a topic costs 375.

use alloy_primitives::map::{AddressMap, B256Map};
use alloy_primitives::{B256, Bloom, BloomInput, Log, keccak256};

/// The hashes that were needed so far.
#[derive(Default)]
pub(super) struct Blooms {
    addresses: AddressMap<B256>,
    topics: B256Map<B256>,
}

impl Blooms {
    /// The bloom of these logs, as Ethereum defines it.
    pub(super) fn of(&mut self, logs: &[Log]) -> Bloom {
        let mut bloom = Bloom::ZERO;
        for log in logs {
            let address = self.addresses.entry(log.address);
            bloom.accrue(BloomInput::Hash(*address.or_insert_with(|| keccak256(log.address))));
            for topic in log.topics() {
                let hash = self.topics.entry(*topic).or_insert_with(|| keccak256(topic));
                bloom.accrue(BloomInput::Hash(*hash));
            }
        }
        bloom
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, Bytes, logs_bloom};

    #[test]
    fn what_was_hashed_before_gives_the_same_bloom() {
        let log = |contract: u8, topics: &[u8]| {
            let topics = topics.iter().copied().map(B256::repeat_byte).collect();
            Log::new_unchecked(Address::repeat_byte(contract), topics, Bytes::new())
        };
        // A topic of the bytes of an address is not that address.
        let logs = [log(1, &[]), log(1, &[1, 2]), log(2, &[1, 2, 3, 4]), log(0, &[0])];
        let mut blooms = Blooms::default();
        for _ in 0..2 {
            for count in 0..=logs.len() {
                assert_eq!(blooms.of(&logs[..count]), logs_bloom(&logs[..count]), "{count} logs");
            }
        }
    }
}

//! The block header: the 16 fields of a London Ethereum header, sealed with SHA-256.
//!
//! Three hashes, never mixed: the *seal hash* is what miners search a nonce for, the *pow hash* is
//! what is compared with the target, the *block hash* names the block. Every Ethereum client that
//! recomputes the block hash from the 16 fields agrees with it.

use alloy_primitives::{Address, B64, B256, Bloom, U256, keccak256};
use alloy_rlp::{Encodable, RlpDecodable, RlpEncodable};
pub use seal::Work;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A block header.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Block hash of the parent; zero for block 0.
    pub parent_hash: B256,
    /// Hash of the empty uncle list: there are no uncles.
    pub ommers_hash: B256,
    /// Who receives the reward and the tips.
    pub coinbase: Address,
    /// Root of the account trie after this block.
    pub state_root: B256,
    /// Root of the trie of the transactions.
    pub transactions_root: B256,
    /// Root of the trie of the receipts.
    pub receipts_root: B256,
    /// Union of the blooms of the receipts.
    pub logs_bloom: Bloom,
    /// Expected number of hashes to find this block.
    pub difficulty: U256,
    /// Height; 0 is the genesis.
    pub number: u64,
    /// Most gas the transactions may use together.
    pub gas_limit: u64,
    /// Gas that the transactions used together.
    pub gas_used: u64,
    /// Epoch seconds, strictly above the parent's.
    pub timestamp: u64,
    /// Root of the [`Mmr`](crate::Mmr) over the hashes of all earlier blocks.
    pub extra_data: B256,
    /// The parent's pow hash; of block 0 zero, or the hash of its lists of operators and miners
    /// ([`genesis`](crate::genesis)). `PREVRANDAO` of the transactions.
    pub mix_hash: B256,
    /// What the miner searched for.
    pub nonce: B64,
    /// EIP-1559 base fee in wei.
    pub base_fee_per_gas: u64,
}

/// The header without its nonce, in the same order.
#[derive(RlpEncodable)]
struct Unsealed<'a> {
    parent_hash: &'a B256,
    ommers_hash: &'a B256,
    coinbase: &'a Address,
    state_root: &'a B256,
    transactions_root: &'a B256,
    receipts_root: &'a B256,
    logs_bloom: &'a Bloom,
    difficulty: &'a U256,
    number: u64,
    gas_limit: u64,
    gas_used: u64,
    timestamp: u64,
    extra_data: &'a B256,
    mix_hash: &'a B256,
    base_fee_per_gas: u64,
}

impl Header {
    /// The block hash: keccak-256 of the RLP.
    pub fn hash(&self) -> B256 {
        keccak256(alloy_rlp::encode(self))
    }

    /// What a nonce is searched for: SHA-256 of the RLP of the 15 other fields.
    pub fn seal_hash(&self) -> B256 {
        let unsealed = Unsealed {
            parent_hash: &self.parent_hash,
            ommers_hash: &self.ommers_hash,
            coinbase: &self.coinbase,
            state_root: &self.state_root,
            transactions_root: &self.transactions_root,
            receipts_root: &self.receipts_root,
            logs_bloom: &self.logs_bloom,
            difficulty: &self.difficulty,
            number: self.number,
            gas_limit: self.gas_limit,
            gas_used: self.gas_used,
            timestamp: self.timestamp,
            extra_data: &self.extra_data,
            mix_hash: &self.mix_hash,
            base_fee_per_gas: self.base_fee_per_gas,
        };
        let mut rlp = Vec::with_capacity(unsealed.length());
        unsealed.encode(&mut rlp);
        B256::new(Sha256::digest(&rlp).into())
    }

    /// The hash that has to be at most the [`target`] of the difficulty.
    pub fn pow_hash(&self) -> B256 {
        pow_hash(self.seal_hash(), self.nonce)
    }

    /// Whether the nonce does the work that the header's own difficulty asks for.
    pub fn is_sealed(&self) -> bool {
        U256::from_be_bytes(self.pow_hash().0) <= target(self.difficulty)
    }
}

/// SHA-256(SHA-256(seal hash || nonce)). Blocks are judged by this; a nonce is searched by other
/// code, that of [`Work`], and a test holds the two equal.
pub fn pow_hash(seal_hash: B256, nonce: B64) -> B256 {
    let mut preimage = [0; 40];
    preimage[..32].copy_from_slice(seal_hash.as_slice());
    preimage[32..].copy_from_slice(nonce.as_slice());
    B256::new(Sha256::digest(Sha256::digest(preimage)).into())
}

/// The largest pow hash that `difficulty` accepts: floor((2^256 - 1) / difficulty).
/// A difficulty of zero counts as one.
pub fn target(difficulty: U256) -> U256 {
    U256::MAX / difficulty.max(U256::ONE)
}

/// The difficulty whose target is `target`, at least one. Inverse of [`target()`] up to rounding.
pub fn difficulty(target: U256) -> U256 {
    U256::MAX / target.max(U256::ONE)
}

/// What a miner searches a nonce for: this seal hash, at this difficulty.
pub fn work(seal_hash: B256, difficulty: U256) -> Work {
    Work::new(&seal_hash.0, &target(difficulty).to_be_bytes())
}

/// The first of `tries` nonces from `start` on (wrapping) that seals the header with this seal hash
/// and difficulty.
pub fn search(seal_hash: B256, difficulty: U256, start: u64, tries: u64) -> Option<B64> {
    work(seal_hash, difficulty).first(start, tries).map(nonce)
}

/// A nonce as the header holds it.
pub fn nonce(number: u64) -> B64 {
    B64::new(number.to_be_bytes())
}

impl From<&Header> for alloy_consensus::Header {
    fn from(header: &Header) -> Self {
        Self {
            parent_hash: header.parent_hash,
            ommers_hash: header.ommers_hash,
            beneficiary: header.coinbase,
            state_root: header.state_root,
            transactions_root: header.transactions_root,
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            difficulty: header.difficulty,
            number: header.number,
            gas_limit: header.gas_limit,
            gas_used: header.gas_used,
            timestamp: header.timestamp,
            extra_data: header.extra_data.into(),
            mix_hash: header.mix_hash,
            nonce: header.nonce,
            base_fee_per_gas: Some(header.base_fee_per_gas),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        Header {
            parent_hash: B256::repeat_byte(1),
            ommers_hash: alloy_consensus::EMPTY_OMMER_ROOT_HASH,
            coinbase: Address::repeat_byte(2),
            state_root: B256::repeat_byte(3),
            transactions_root: B256::repeat_byte(4),
            receipts_root: B256::repeat_byte(5),
            logs_bloom: Bloom::repeat_byte(6),
            difficulty: U256::from(1000),
            number: 7,
            gas_limit: 120_000_000,
            gas_used: 21_000,
            timestamp: 1_800_000_000,
            extra_data: B256::repeat_byte(8),
            mix_hash: B256::repeat_byte(9),
            nonce: B64::new(42u64.to_be_bytes()),
            base_fee_per_gas: 7,
        }
    }

    #[test]
    fn block_hash_is_what_an_ethereum_client_computes() {
        let header = sample();
        assert_eq!(header.hash(), alloy_consensus::Header::from(&header).hash_slow());
    }

    #[test]
    fn rlp_round_trips_and_refuses_a_short_nonce() {
        let header = sample();
        let rlp = alloy_rlp::encode(&header);
        assert_eq!(alloy_rlp::decode_exact::<Header>(&rlp), Ok(header));
        assert!(alloy_rlp::decode_exact::<Header>(&rlp[..rlp.len() - 1]).is_err());
    }

    #[test]
    fn seal_hash_covers_every_field_but_the_nonce() {
        let header = sample();
        let other = Header { nonce: B64::ZERO, ..sample() };
        assert_eq!(header.seal_hash(), other.seal_hash());
        assert_ne!(header.pow_hash(), other.pow_hash());
        for other in [
            Header { base_fee_per_gas: 8, ..sample() },
            Header { mix_hash: B256::ZERO, ..sample() },
            Header { coinbase: Address::ZERO, ..sample() },
        ] {
            assert_ne!(header.seal_hash(), other.seal_hash());
        }
    }

    #[test]
    fn a_found_nonce_seals_and_the_tries_are_bounded() {
        let header = sample();
        let found = search(header.seal_hash(), header.difficulty, 0, 100_000).unwrap();
        assert!(Header { nonce: found, ..header.clone() }.is_sealed());
        let first = u64::from_be_bytes(found.0);
        assert_eq!(search(header.seal_hash(), header.difficulty, 0, first), None);
        assert_eq!(search(header.seal_hash(), header.difficulty, first, 1), Some(found));
    }

    #[test]
    fn what_the_search_hashes_is_what_blocks_are_judged_by() {
        let header = sample();
        let work = work(header.seal_hash(), header.difficulty);
        for number in [0, 42, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let sealed = Header { nonce: nonce(number), ..header.clone() };
            assert_eq!(B256::new(work.pow_hash(number)), sealed.pow_hash());
            assert_eq!(work.accepts(number), sealed.is_sealed());
        }
    }

    #[test]
    fn every_hash_meets_a_difficulty_of_one() {
        assert_eq!(target(U256::ONE), U256::MAX);
        assert_eq!(target(U256::ZERO), U256::MAX);
        assert_eq!(difficulty(target(U256::from(12345))), U256::from(12345));
    }
}

//! Where the contracts keep what bills and verifiers prove: positions for storage proofs.
//!
//! A position is the key of `eth_getProof` and of a contract's storage trie (before hashing). The
//! numbers follow from the compiler's storage layout; a test compares them with it.

use alloy_primitives::{Address, B256, U256, keccak256};
use ids::{CommunityId, MeterId};

/// `EnergyMarket.free`.
const FREE: u64 = 2;
/// `EnergyMarket._locks`.
const LOCKS: u64 = 3;
/// `EnergyMarket.orderFilled`.
const ORDER_FILLED: u64 = 11;
/// `EnergyMarket.digest`.
const DIGEST: u64 = 13;
/// `MeterRegistry.versions` and `.keys`.
const METER_VERSIONS: u64 = 3;
const METER_KEYS: u64 = 4;
/// `ReadingAnchor.batches` and `.roots`.
const READING_BATCHES: u64 = 1;
const READING_ROOTS: u64 = 2;
/// `RecordAnchor.tariffs` and `.invoices`.
const TARIFFS: u64 = 2;
const INVOICES: u64 = 5;

/// Of `EnergyMarket`: the digest of an account's UTC day ([`crate::DayDigest`]).
pub fn digest(account: Address, day: u32) -> B256 {
    nested(DIGEST, &[account.into_word(), number(day)])
}

/// Of `EnergyMarket`: an account's free cash.
pub fn free(account: Address) -> B256 {
    nested(FREE, &[account.into_word()])
}

/// Of `EnergyMarket`: an account's locked cash of a policy's UTC day, in the low 192 bits of the
/// word; above them the time from which it can be released.
pub fn locked(account: Address, policy: B256, day: u32) -> B256 {
    nested(LOCKS, &[account.into_word(), policy, number(day)])
}

/// Of `EnergyMarket`: how much of an order has been filled, in Wh.
pub fn order_filled(order: B256) -> B256 {
    nested(ORDER_FILLED, &[order])
}

/// Of `MeterRegistry`: how many keys a meter has had.
pub fn meter_versions(meter: MeterId) -> B256 {
    nested(METER_VERSIONS, &[meter.to_bytes32().into()])
}

/// Of `MeterRegistry`: the two words of a meter's key, for [`MeterKey::from_words`].
pub fn meter_key(meter: MeterId, version: u32) -> [B256; 2] {
    let first = nested(METER_KEYS, &[meter.to_bytes32().into(), number(version)]);
    [first, next(first)]
}

/// Of `ReadingAnchor`: how many batches a period has. `period` is the slot's start (kind 1) or
/// the local day number (kind 2).
pub fn reading_batches(community: CommunityId, kind: u8, period: u64) -> B256 {
    nested(READING_BATCHES, &[community.to_bytes32().into(), number(kind), number(period)])
}

/// Of `ReadingAnchor`: the root of a batch (from 1).
pub fn reading_root(community: CommunityId, kind: u8, period: u64, batch: u32) -> B256 {
    let keys = [community.to_bytes32().into(), number(kind), number(period), number(batch)];
    nested(READING_ROOTS, &keys)
}

/// Of `ReadingAnchor`: the number of leaves of a batch in the low 32 bits of the word, the time it
/// was anchored above them ([`number_and_time`]).
pub fn reading_count(community: CommunityId, kind: u8, period: u64, batch: u32) -> B256 {
    next(reading_root(community, kind, period, batch))
}

/// Of `RecordAnchor`: the hash of a tariff's version (from 1), and the word after it: from which
/// local day on it is in force, and when it was anchored ([`number_and_time`]).
pub fn tariff(key: B256, version: u32) -> [B256; 2] {
    let first = nested(TARIFFS, &[key, number(version)]);
    [first, next(first)]
}

/// Of `RecordAnchor`: the hash of the invoice that begins with this local day, and the word after
/// it: its last day, and when it was anchored ([`number_and_time`]), and above them the first day
/// that was not billed before it ([`since`]).
pub fn invoice(account: Address, meter: MeterId, from: u32) -> [B256; 2] {
    let keys = [account.into_word(), meter.to_bytes32().into(), number(from)];
    let first = nested(INVOICES, &keys);
    [first, next(first)]
}

/// From which local day on an account was not billed before an invoice; zero for its first one.
pub fn since(word: U256) -> u32 {
    low(word >> 96, 32).to::<u32>()
}

/// What the words hold that begin with a number of 32 bits: the number, and a time.
pub fn number_and_time(word: U256) -> (u32, u64) {
    (low(word, 32).to::<u32>(), low(word >> 32, 64).to::<u64>())
}

/// A meter's key as `MeterRegistry` holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeterKey {
    /// The key's address.
    pub key: Address,
    /// From when, epoch seconds.
    pub valid_from: u64,
    /// Until before when; zero while it is valid.
    pub valid_to: u64,
    /// Whose meter it is.
    pub owner: Address,
}

impl MeterKey {
    /// The key in the words at [`meter_key`].
    pub fn from_words(words: [U256; 2]) -> Self {
        MeterKey {
            key: address(words[0]),
            valid_from: low(words[0] >> 160, 64).to::<u64>(),
            valid_to: low(words[1], 64).to::<u64>(),
            owner: address(words[1] >> 64),
        }
    }

    /// Whether a signature of this time is by this key.
    pub fn valid_at(&self, time: u64) -> bool {
        time >= self.valid_from && (self.valid_to == 0 || time < self.valid_to)
    }
}

fn low(word: U256, bits: usize) -> U256 {
    word & ((U256::ONE << bits) - U256::ONE)
}

fn address(word: U256) -> Address {
    Address::from_word(B256::from(low(word, 160)))
}

fn number(value: impl Into<u64>) -> B256 {
    B256::from(U256::from(value.into()))
}

/// The position of an entry of a mapping of mappings: one hash per key, outermost first.
fn nested(slot: u64, keys: &[B256]) -> B256 {
    keys.iter().fold(number(slot), |position, key| keccak256([key.0, position.0].concat()))
}

fn next(position: B256) -> B256 {
    B256::from(U256::from_be_bytes(position.0).wrapping_add(U256::ONE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layout: &str, label: &str, slot: u64) {
        let artifact: serde_json::Value = serde_json::from_str(layout).unwrap();
        let variables = artifact["storageLayout"]["storage"].as_array().unwrap();
        let found = variables.iter().find(|variable| variable["label"] == label).unwrap();
        assert_eq!(found["slot"], slot.to_string(), "{label}");
    }

    #[test]
    fn the_positions_are_those_of_the_compilers_layout() {
        let market = include_str!("../../../contracts/out/EnergyMarket.json");
        check(market, "free", FREE);
        check(market, "_locks", LOCKS);
        check(market, "orderFilled", ORDER_FILLED);
        check(market, "digest", DIGEST);
        let meters = include_str!("../../../contracts/out/MeterRegistry.json");
        check(meters, "versions", METER_VERSIONS);
        check(meters, "keys", METER_KEYS);
        let readings = include_str!("../../../contracts/out/ReadingAnchor.json");
        check(readings, "batches", READING_BATCHES);
        check(readings, "roots", READING_ROOTS);
        let records = include_str!("../../../contracts/out/RecordAnchor.json");
        check(records, "tariffs", TARIFFS);
        check(records, "invoices", INVOICES);
    }
}

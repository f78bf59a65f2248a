//! What all nodes of a chain agree on beforehand, and what follows from a parent alone.

use crate::asert::Asert;
use crate::genesis::Operators;
use crate::header::{self, Header};
use alloy_eips::eip1559::{BaseFeeParams, calc_next_block_base_fee};
use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

/// Largest block in bytes of RLP.
pub const BLOCK_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How far ahead of the clock a block's time may be, in seconds.
pub const TIME_AHEAD_MAX: u64 = 15;
/// The base fee never falls below this many wei.
pub const BASE_FEE_MIN: u64 = 7;

/// The parameters of a chain, fixed by its genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Time of block 0: the anchor of the difficulty.
    pub genesis_timestamp: u64,
    /// Difficulty of block 0.
    pub genesis_difficulty: U256,
    /// Keep the difficulty of block 0 for ever, for development and maximum speed.
    pub fixed_difficulty: bool,
    /// Wanted seconds between blocks.
    pub target_block_time: u64,
    /// Seconds of lateness that halve the difficulty.
    pub half_life: u64,
    /// Gas limit of every block.
    pub gas_limit: u64,
    /// Wei that a block gives to its coinbase.
    pub reward: U256,
    /// Who signs checkpoints; without, finality is a depth.
    pub operators: Option<Operators>,
    /// Who may mine; if empty, anyone.
    pub miners: Vec<Address>,
}

impl Rules {
    /// The difficulty of the block after `parent`.
    pub fn next_difficulty(&self, parent: &Header) -> U256 {
        if self.fixed_difficulty {
            return self.genesis_difficulty;
        }
        let asert = Asert {
            anchor_target: header::target(self.genesis_difficulty),
            target_max: U256::MAX,
            target_block_time: self.target_block_time,
            half_life: self.half_life,
        };
        // Block 0 has no parent; it counts as one on schedule.
        let since_anchor = i128::from(parent.timestamp) - i128::from(self.genesis_timestamp)
            + i128::from(self.target_block_time);
        let time_delta = i64::try_from(since_anchor).unwrap_or(i64::MAX);
        header::difficulty(asert.target(time_delta, parent.number))
    }

    /// The base fee of the block after `parent` (EIP-1559), in wei.
    pub fn next_base_fee(&self, parent: &Header) -> u64 {
        calc_next_block_base_fee(
            parent.gas_used,
            parent.gas_limit,
            // A simulation may pretend any. The rise is an eighth at most, and must not overflow.
            parent.base_fee_per_gas.min(u64::MAX / 2),
            BaseFeeParams::ethereum(),
        )
        .max(BASE_FEE_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            chain_id: 1,
            genesis_timestamp: 1_000,
            genesis_difficulty: U256::from(1_000_000),
            fixed_difficulty: false,
            target_block_time: 5,
            half_life: 300,
            gas_limit: 100,
            reward: U256::ZERO,
            operators: None,
            miners: Vec::new(),
        }
    }

    fn parent(number: u64, timestamp: u64) -> Header {
        Header { number, timestamp, ..crate::genesis::tests::header() }
    }

    #[test]
    fn difficulty_follows_the_schedule_from_genesis_on() {
        for (number, timestamp, expected) in [
            (0, 1_000, 1_000_000),
            (10, 1_050, 1_000_000),
            (10, 1_350, 500_000),
            (60, 1_000, 2_000_000),
            (1, 1_000_000, 1),
        ] {
            let next = rules().next_difficulty(&parent(number, timestamp));
            let expected = U256::from(expected);
            assert!(next.abs_diff(expected) <= U256::ONE, "{number} at {timestamp}: {next}");
        }
        let fixed = Rules { fixed_difficulty: true, ..rules() };
        assert_eq!(fixed.next_difficulty(&parent(1, 1_000_000)), U256::from(1_000_000));
    }

    #[test]
    fn base_fee_moves_with_use_and_stops_at_seven_wei() {
        for (gas_used, fee, expected) in
            [(50, 800, 800), (100, 800, 900), (0, 800, 700), (0, 7, 7), (0, 3, 7), (100, 7, 8)]
                .into_iter()
                .chain([(100, u64::MAX, u64::MAX / 2 + (u64::MAX / 2) / 8)])
        {
            let parent =
                Header { gas_limit: 100, gas_used, base_fee_per_gas: fee, ..parent(1, 1_005) };
            assert_eq!(rules().next_base_fee(&parent), expected, "{gas_used} at {fee}");
        }
    }
}

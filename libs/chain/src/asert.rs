//! The difficulty rule: integer aserti3-2d.
//!
//! The target of the next block follows from one anchor alone, so that it depends on no rounding of
//! earlier blocks: it doubles for every half-life the chain is late and halves for every half-life
//! it is early. The power of two between is a cubic in 16-bit fixed point; no floats.

use alloy_primitives::{U256, U512};

/// What the schedule is measured against. Times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asert {
    /// Target of the anchor block.
    pub anchor_target: U256,
    /// The easiest target allowed.
    pub target_max: U256,
    /// Wanted time between blocks.
    pub target_block_time: u64,
    /// Lateness that doubles the target; at least one.
    pub half_life: u64,
}

/// The cubic for 2^x - 1 on [0, 1), scaled by 2^48.
const CUBIC: [u128; 3] = [195_766_423_245_049, 971_821_376, 5_127];

impl Asert {
    /// The target of the block after one that is `height_delta` blocks above the anchor and
    /// `time_delta` seconds after the anchor's parent. At least one, at most `target_max`.
    pub fn target(&self, time_delta: i64, height_delta: u64) -> U256 {
        let ideal = i128::from(self.target_block_time) * (i128::from(height_delta) + 1);
        let late = i128::from(time_delta) - ideal;
        let exponent = late * 65_536 / i128::from(self.half_life.max(1));
        let shifts = (exponent >> 16) - 16;
        let fraction = (exponent & 0xffff).unsigned_abs();
        let cubic = CUBIC[0] * fraction
            + CUBIC[1] * fraction * fraction
            + CUBIC[2] * fraction * fraction * fraction;
        let factor = 65_536 + ((cubic + (1 << 47)) >> 48);
        let scaled = U512::from(self.anchor_target) * U512::from(factor);
        let max = U512::from(self.target_max);
        let target = match usize::try_from(shifts.unsigned_abs()) {
            Ok(bits) if shifts < 0 => scaled.wrapping_shr(bits),
            Ok(bits) => scaled.checked_shl(bits).unwrap_or(max),
            Err(_) if shifts < 0 => U512::ZERO,
            Err(_) => max,
        };
        U256::from(target.clamp(U512::ONE, max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use std::path::{Path, PathBuf};

    /// Bitcoin's compact form: one byte of length, three bytes of mantissa.
    fn from_compact(bits: u32) -> U256 {
        let size = usize::try_from(bits >> 24).unwrap();
        let mantissa = U256::from(bits & 0x007f_ffff);
        if size <= 3 { mantissa >> (8 * (3 - size)) } else { mantissa << (8 * (size - 3)) }
    }

    fn to_compact(value: U256) -> u32 {
        let mut size = value.bit_len().div_ceil(8);
        let mut mantissa: u32 =
            if size <= 3 { value << (8 * (3 - size)) } else { value >> (8 * (size - 3)) }.to();
        if mantissa & 0x0080_0000 != 0 {
            mantissa >>= 8;
            size += 1;
        }
        mantissa | u32::try_from(size).unwrap() << 24
    }

    fn number(text: &str) -> u64 {
        match text.trim().strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).unwrap(),
            None => text.trim().parse().unwrap(),
        }
    }

    fn vectors() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/asert")
    }

    fn check(run: &str, rows: usize) {
        let text = std::fs::read_to_string(vectors().join(run)).unwrap();
        let field = |name: &str| {
            let line = text.lines().find(|line| line.contains(name)).unwrap();
            number(line.rsplit(": ").next().unwrap())
        };
        let anchor_height = field("anchor height");
        let anchor_time = field("anchor ancestor time");
        let asert = Asert {
            anchor_target: from_compact(u32::try_from(field("anchor nBits")).unwrap()),
            target_max: from_compact(0x1d00_ffff),
            target_block_time: 600,
            half_life: 2 * 24 * 3600,
        };
        let mut checked = 0;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let columns: Vec<u64> = line.split_whitespace().map(number).collect();
            let [_, height, time, bits] = columns[..] else { panic!("a row has four columns") };
            let time_delta = i64::try_from(time).unwrap() - i64::try_from(anchor_time).unwrap();
            let target = asert.target(time_delta, height - anchor_height);
            assert_eq!(u64::from(to_compact(target)), bits, "{run}: {line}");
            checked += 1;
        }
        assert_eq!(checked, rows, "{run}");
        assert_eq!(u64::try_from(checked).unwrap(), field("iterations"), "{run}");
    }

    /// A header of 80 bytes: version, parent, root, time, target, nonce; numbers little-endian.
    struct Bitcoin {
        hash: [u8; 32],
        parent: [u8; 32],
        time: i64,
        bits: u32,
    }

    impl Bitcoin {
        fn read(header: &[u8; 80]) -> Self {
            let word = |at: usize| u32::from_le_bytes(*header[at..].first_chunk().unwrap());
            let hash = Sha256::digest(Sha256::digest(header)).into();
            let parent = *header[4..].first_chunk().unwrap();
            Self { hash, parent, time: word(68).into(), bits: word(72) }
        }

        fn has_work(&self) -> bool {
            U256::from_le_bytes(self.hash) <= from_compact(self.bits)
        }
    }

    #[test]
    fn a_published_chain_follows_the_schedule_to_the_last_bit() {
        let text = std::fs::read_to_string(vectors().join("bitcoin_cash")).unwrap();
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        let blocks: Vec<(u64, Bitcoin)> = rows
            .map(|row| {
                let (height, header) = row.split_once(' ').unwrap();
                let header = alloy_primitives::hex::decode_to_array(header).unwrap();
                (height.parse().unwrap(), Bitcoin::read(&header))
            })
            .collect();
        let [(_, before), (anchor_height, anchor), ..] = &blocks[..] else { panic!("no anchor") };
        let asert = Asert {
            anchor_target: from_compact(anchor.bits),
            target_max: from_compact(0x1d00_ffff),
            target_block_time: 600,
            half_life: 2 * 24 * 3600,
        };
        for pair in blocks.windows(2) {
            let [(height, parent), (number, child)] = pair else { unreachable!() };
            assert!(child.has_work() && child.parent == parent.hash, "{number} is no child");
            assert_eq!(*number, height + 1);
            // Of the anchor itself the schedule says nothing: it begins there.
            if height >= anchor_height {
                let target = asert.target(parent.time - before.time, height - anchor_height);
                assert_eq!(to_compact(target), child.bits, "block {number}");
            }
        }
        assert_eq!(blocks.len(), 6);
    }

    #[test]
    fn the_published_runs_are_reproduced_exactly() {
        for (run, rows) in [("run01", 10), ("run02", 10), ("run03", 10), ("run04", 225)] {
            check(run, rows);
        }
    }

    #[test]
    fn extreme_delays_saturate() {
        let asert = Asert {
            anchor_target: U256::MAX / U256::from(1000),
            target_max: U256::MAX,
            target_block_time: 5,
            half_life: 300,
        };
        assert_eq!(asert.target(i64::MAX, 0), U256::MAX);
        assert_eq!(asert.target(i64::MIN, u64::MAX), U256::ONE);
        assert_eq!(asert.target(5, 0), asert.anchor_target);
        assert_eq!(asert.target(305, 0), asert.anchor_target << 1);
        assert_eq!(asert.target(5, 60), asert.anchor_target >> 1);
    }
}

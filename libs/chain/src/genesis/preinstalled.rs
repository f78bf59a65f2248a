//! Contracts that Ethereum tools expect at the same address on every chain.

use super::Allocation;
use alloy_primitives::{Address, Bytes, U256, address, bytes};
use std::collections::BTreeMap;

/// The deterministic deployer: `CREATE2` of the call data with the first 32 bytes as salt.
pub const CREATE2_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// Multicall3: many calls in one, at one block.
pub const MULTICALL3: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");

const CREATE2_DEPLOYER_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "e03601600081602082378035828234f58015156039578182fd5b808252505050"
    "6014600cf3"
);

const MULTICALL3_CODE: &str = include_str!("multicall3.hex");

/// The allocation of both.
pub fn preinstalled() -> BTreeMap<Address, Allocation> {
    let multicall3 = MULTICALL3_CODE.trim_end().parse().expect("the file holds hex digits");
    [(CREATE2_DEPLOYER, CREATE2_DEPLOYER_CODE), (MULTICALL3, multicall3)]
        .map(|(address, code)| {
            let (balance, storage) = (U256::ZERO, BTreeMap::new());
            (address, Allocation { balance, nonce: 1, code, storage })
        })
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{b256, keccak256};

    #[test]
    fn the_code_is_the_one_every_public_chain_has() {
        let accounts = preinstalled();
        for (address, expected) in [
            (
                CREATE2_DEPLOYER,
                b256!("2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989"),
            ),
            (MULTICALL3, b256!("d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891")),
        ] {
            assert_eq!(keccak256(&accounts[&address].code), expected, "{address}");
        }
    }
}

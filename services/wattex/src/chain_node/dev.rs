//! The chain for development: accounts that everybody knows, and next to no work.

use ::chain::GenesisSpec;
use alloy_primitives::{Address, U256};
use ledger::development::{ACCOUNTS, MNEMONIC};

use crate::exit::Trouble;
use crate::genesis;

/// Ether of each account.
const ETHER: u64 = 10_000;
/// Creates our contracts where they are wanted: nobody has its key, and no account of the list uses
/// up nonces for it.
const DEPLOYER: Address = Address::repeat_byte(0xde);
/// Hashes that a block takes: a fraction of a millisecond.
const DIFFICULTY: u64 = 256;

/// A new chain for development. Of our contracts, if they are on it, the last account has every
/// role: granting them uses up nonces, and tools count those of the first accounts from 0.
pub fn genesis(chain_id: u64, timestamp: u64, contracts: bool) -> Result<GenesisSpec, Trouble> {
    let mut spec = GenesisSpec::new(chain_id, timestamp);
    spec.fixed_difficulty = true;
    spec.difficulty = U256::from(DIFFICULTY);
    let balance = U256::from(ETHER) * U256::from(10).pow(U256::from(18));
    for (address, _) in ACCOUNTS {
        spec.alloc.entry(address).or_default().balance = balance;
    }
    if contracts {
        let (admin, _) = ACCOUNTS[ACCOUNTS.len() - 1];
        genesis::add_contracts(&mut spec, admin, DEPLOYER)?;
    }
    Ok(spec)
}

/// Whether the public keys own something in it, which is what makes a chain one for development.
pub fn is_development(spec: &GenesisSpec) -> bool {
    ACCOUNTS.iter().all(|(address, _)| spec.alloc.contains_key(address))
}

/// The accounts with their keys, and what these are worth.
pub fn print_accounts() {
    println!("\nTHESE KEYS ARE PUBLIC: whatever is sent to them on a real chain is lost.");
    println!("mnemonic   {MNEMONIC}");
    for (place, (address, key)) in ACCOUNTS.iter().enumerate() {
        println!("({place}) {address}  {ETHER} ether  {key}");
    }
    println!();
}

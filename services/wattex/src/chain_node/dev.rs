//! The chain for development: accounts that everybody knows, and next to no work.

use ::chain::GenesisSpec;
use alloy_primitives::{Address, U256};
use keys::SecretKey;

use crate::exit::Trouble;
use crate::genesis;

/// Every node for development and every tool's examples use it.
const MNEMONIC: &str = "test test test test test test test test test test test junk";
/// Its first ten keys, on the path m/44'/60'/0'/0/n.
const KEYS: [&str; 10] = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];
/// Ether of each account.
const ETHER: u64 = 10_000;
/// Creates our contracts where they are wanted: nobody has its key, and no account of the list uses
/// up nonces for it.
const DEPLOYER: Address = Address::repeat_byte(0xde);
/// Hashes that a block takes: a fraction of a millisecond.
const DIFFICULTY: u64 = 256;

fn accounts() -> impl Iterator<Item = (Address, &'static str)> {
    KEYS.into_iter().map(|key| {
        let secret = SecretKey::from_hex(key).expect("the mnemonic gives valid keys");
        (secret.address(), key)
    })
}

/// A new chain for development. Of our contracts, if they are on it, the last account has every
/// role: granting them uses up nonces, and tools count those of the first accounts from 0.
pub fn genesis(chain_id: u64, timestamp: u64, contracts: bool) -> Result<GenesisSpec, Trouble> {
    let mut spec = GenesisSpec::new(chain_id, timestamp);
    spec.fixed_difficulty = true;
    spec.difficulty = U256::from(DIFFICULTY);
    let balance = U256::from(ETHER) * U256::from(10).pow(U256::from(18));
    for (address, _) in accounts() {
        spec.alloc.entry(address).or_default().balance = balance;
    }
    if contracts {
        let (admin, _) = accounts().last().expect("there are ten");
        genesis::add_contracts(&mut spec, admin, DEPLOYER)?;
    }
    Ok(spec)
}

/// Whether the public keys own something in it, which is what makes a chain one for development.
pub fn is_development(spec: &GenesisSpec) -> bool {
    accounts().all(|(address, _)| spec.alloc.contains_key(&address))
}

/// The accounts with their keys, and what these are worth.
pub fn print_accounts() {
    println!("\nTHESE KEYS ARE PUBLIC: whatever is sent to them on a real chain is lost.");
    println!("mnemonic   {MNEMONIC}");
    for (place, (address, key)) in accounts().enumerate() {
        println!("({place}) {address}  {ETHER} ether  {key}");
    }
    println!();
}

//! Our contracts in a genesis, found by their code: a node that follows somebody's chain knows them
//! as the installation does, without being told.

use std::collections::BTreeMap;

use ::chain::GenesisSpec;
use alloy_primitives::Address;
use contracts::Deployment;

/// Where our contracts are in the chain that begins so; `None` if it does not begin with them, or
/// with those of another version.
pub fn in_genesis(genesis: &GenesisSpec) -> Option<Deployment> {
    let mut nonces = BTreeMap::<Address, u64>::new();
    let created = genesis.deploy.iter().map(|deploy| {
        let before = || genesis.alloc.get(&deploy.from).map_or(0, |account| account.nonce);
        let nonce = nonces.entry(deploy.from).or_insert_with(before);
        let address = deploy.from.create(*nonce);
        *nonce += 1;
        (address, &deploy.init_code)
    });
    Deployment::created(&created.collect::<Vec<_>>())
}

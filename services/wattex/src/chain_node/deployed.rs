//! Our contracts in a genesis, found by their code: a node that follows somebody's chain knows them
//! as the installation does, without being told.

use std::collections::BTreeMap;

use ::chain::GenesisSpec;
use alloy_primitives::{Address, Bytes};
use contracts::Deployment;
use contracts::bindings::{
    Challenges, CurrencyExchange, EnergyCertificate, EnergyMarket, MeterRegistry, ReadingAnchor,
    RecordAnchor, SettlementToken, Timelock, TradingMandate,
};

/// Where our contracts are in the chain that begins so; `None` if the ten were not created one
/// after the other with the code of this version.
pub fn in_genesis(genesis: &GenesisSpec) -> Option<Deployment> {
    let codes: [&Bytes; 10] = [
        &SettlementToken::BYTECODE,
        &EnergyMarket::BYTECODE,
        &MeterRegistry::BYTECODE,
        &ReadingAnchor::BYTECODE,
        &RecordAnchor::BYTECODE,
        &Challenges::BYTECODE,
        &EnergyCertificate::BYTECODE,
        &TradingMandate::BYTECODE,
        &CurrencyExchange::BYTECODE,
        &Timelock::BYTECODE,
    ];
    // Constructor arguments stand behind the code.
    let ours = genesis.deploy.windows(codes.len()).position(|ten| {
        ten.iter().zip(codes).all(|(deploy, code)| deploy.init_code.starts_with(code))
    })?;
    let created = created(genesis);
    let at = |place: usize| created[ours + place];
    Some(Deployment {
        token: at(0),
        market: at(1),
        meters: at(2),
        readings: at(3),
        records: at(4),
        challenges: at(5),
        certificates: at(6),
        mandates: at(7),
        exchange: at(8),
        timelock: at(9),
    })
}

/// The address of each contract that the genesis creates.
fn created(genesis: &GenesisSpec) -> Vec<Address> {
    let mut nonces = BTreeMap::<Address, u64>::new();
    let address = |from: Address| {
        let before = || genesis.alloc.get(&from).map_or(0, |account| account.nonce);
        let nonce = nonces.entry(from).or_insert_with(before);
        let address = from.create(*nonce);
        *nonce += 1;
        address
    };
    genesis.deploy.iter().map(|deploy| deploy.from).map(address).collect()
}

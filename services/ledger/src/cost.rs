//! What it costs to take in a block: the same blocks as a peer would send, into a store on disk,
//! stage by stage. For those who measure; nothing here knows a clock.

use crate::maintain::MaintainError;
use crate::store::{Beginning, History, Store};
use alloy_consensus::transaction::Recovered;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Signature, TxKind, U256, keccak256};
use chain::genesis::Allocation;
use chain::{Block, Genesis, GenesisSpec, Stage, Transaction};
use keys::SecretKey;
use std::collections::BTreeMap;
use std::path::Path;

/// Chain id of the chain that is measured.
const CHAIN_ID: u64 = 1;
/// Final at once, as far as the history goes.
const FINALITY_LAG: u64 = 0;

/// What is done.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Accounts in the state.
    pub accounts: u32,
    /// Transfers in each block. Each touches two accounts.
    pub transfers: u8,
    /// Blocks.
    pub blocks: u32,
    /// How many old states are kept.
    pub history: History,
}

/// What one block cost, in the units of the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Header, work, transactions root and signatures.
    pub verify: u64,
    /// Execution.
    pub execute: u64,
    /// The state root.
    pub root: u64,
    /// Receipts root and fork choice.
    pub decide: u64,
    /// The transaction of the store, durable.
    pub commit: u64,
}

/// Mines blocks in one store below `directory`, takes them into another, and returns what each
/// cost there by `clock`.
pub fn measure(
    directory: &Path,
    load: Load,
    mut clock: impl FnMut() -> u64,
) -> Result<Vec<Cost>, MaintainError> {
    let spec = genesis(load);
    let Genesis { rules, imported: genesis, .. } = spec.build()?;
    let beginning = Beginning { spec: &spec, imported: &genesis };
    let miner = Store::open(&directory.join("miner"), beginning, load.history)?;
    let peer = Store::open(&directory.join("peer"), beginning, load.history)?;
    let (mut parent, mut costs) = (genesis.hash, Vec::new());
    for number in 0..u64::from(load.blocks) {
        let refused = |reason| MaintainError::Refused { number: number + 1, reason };
        let sent = transfers(load, number);
        let now = genesis.block.header.timestamp + number + 1;
        let view = miner.snapshot()?;
        let candidate = rules.propose(&view, parent, sent, Address::ZERO, now).map_err(refused)?;
        assert_eq!(candidate.skipped, [], "every sender is rich and in order");
        let nonce = candidate.seal(0, u64::MAX).expect("every hash meets a difficulty of one");
        let mined = rules.adopt(&view, candidate, nonce).map_err(refused)?;
        let block: Block = mined.block.clone();
        parent = mined.hash;
        miner.append_for_now(mined, FINALITY_LAG)?;
        miner.tidy()?;
        let view = peer.snapshot()?;
        let mut times = BTreeMap::new();
        let start = clock();
        let imported = rules
            .import_by_stages(&view, block, now, |stage| {
                times.insert(stage, clock());
            })
            .map_err(refused)?;
        let before = clock();
        peer.append(imported, FINALITY_LAG)?;
        // Old blocks leave later, but somebody has to pay for it.
        peer.tidy()?;
        let after = clock();
        let between = |from: u64, to| times[&to] - from;
        costs.push(Cost {
            verify: between(start, Stage::Recovered),
            execute: between(times[&Stage::Recovered], Stage::Executed),
            root: between(times[&Stage::Executed], Stage::Rooted),
            decide: between(times[&Stage::Rooted], Stage::Decided),
            commit: after - before,
        });
    }
    Ok(costs)
}

fn genesis(load: Load) -> GenesisSpec {
    let mut spec = GenesisSpec::new(CHAIN_ID, 1_000);
    spec.difficulty = U256::ONE;
    spec.fixed_difficulty = true;
    let rich =
        || Allocation { balance: U256::from(10).pow(U256::from(24)), ..Allocation::default() };
    let senders = (0..load.transfers).map(|sender| key(sender).address());
    let others = (0..load.accounts.saturating_sub(load.transfers.into())).map(account);
    spec.alloc.extend(senders.chain(others).map(|address| (address, rich())));
    spec
}

fn key(sender: u8) -> SecretKey {
    let mut bytes = [7; 32];
    bytes[31] = sender;
    SecretKey::from_bytes(&bytes).expect("it is below the order of the curve")
}

fn account(number: u32) -> Address {
    Address::from_slice(&keccak256(number.to_be_bytes())[12..])
}

/// One transfer from each sender, to accounts all over the state.
fn transfers(load: Load, nonce: u64) -> Vec<Recovered<Transaction>> {
    let transfer = |sender: u8| {
        let place = keccak256([&nonce.to_be_bytes()[..], &[sender]].concat());
        let place = u32::from_be_bytes([place[0], place[1], place[2], place[3]]);
        let unsigned = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 1_000_000_000_000,
            to: TxKind::Call(account(place % load.accounts)),
            value: U256::ONE,
            ..TxEip1559::default()
        };
        let key = key(sender);
        let (r, s, odd) = key.sign(unsigned.signature_hash()).parts();
        let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
        Recovered::new_unchecked(unsigned.into_signed(signature).into(), key.address())
    };
    (0..load.transfers).map(transfer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_of_every_block_is_measured() {
        let directory = tempfile::tempdir().unwrap();
        let load = Load { accounts: 500, transfers: 40, blocks: 3, history: History::Last(1) };
        let mut ticks = 0;
        let costs = measure(directory.path(), load, || {
            ticks += 1;
            ticks
        });
        // Two stages in one, for instance checks and signatures, take two ticks.
        let each = Cost { verify: 2, execute: 1, root: 1, decide: 1, commit: 1 };
        assert_eq!(costs.unwrap(), [each; 3]);
        let peer = Store::open_existing(&directory.path().join("peer")).unwrap();
        let snapshot = peer.snapshot().unwrap();
        assert_eq!((snapshot.head_header().unwrap().number, snapshot.oldest()), (3, 2));
    }
}

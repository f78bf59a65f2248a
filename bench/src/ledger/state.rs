//! The state root: what a block that touches some accounts of many costs.

use super::token::{CHAIN_ID, sign};
use crate::measure::{RUNS, worked};
use crate::report::Row;
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256, keccak256};
use anyhow::{Context, Result, ensure};
use chain::execute::{Executor, block_env};
use chain::{AtBlock, Candidate, ChainView, GenesisSpec, Recovered, Rules, State};
use keys::SecretKey;
use ledger::store::{Beginning, History, Snapshot, Store};

/// Accounts in the state.
const ACCOUNTS: u64 = 100_000;
/// Those that a block touches: half of them send to the other half.
const TOUCHED: u64 = 200;
/// Milliseconds of a processor that it may cost.
const MILLISECONDS_MAX: f64 = 5.0;
/// Blocks behind the head that are final.
const FINALITY_LAG: u64 = 64;
const START: u64 = 1_800_000_000;

pub(crate) fn rows() -> Result<Vec<Row>> {
    let senders: Vec<SecretKey> = (0..TOUCHED / 2).map(key).collect::<Result<_>>()?;
    let mut genesis = GenesisSpec::new(CHAIN_ID, START);
    (genesis.difficulty, genesis.fixed_difficulty) = (U256::ONE, true);
    let strangers = (0..ACCOUNTS - TOUCHED / 2).map(stranger);
    for address in strangers.chain(senders.iter().map(SecretKey::address)) {
        genesis.alloc.entry(address).or_default().balance = U256::from(10).pow(U256::from(21));
    }
    let built = genesis.build()?;
    let folder = tempfile::tempdir()?;
    let beginning = Beginning { spec: &genesis, imported: &built.imported };
    let store = Store::open(folder.path(), beginning, History::default())?;
    let (mut roots, mut stored, mut both) = (Vec::new(), Vec::new(), Vec::new());
    // The first block reads what no later one has to read again.
    for round in 0..=u64::try_from(RUNS)? {
        let snapshot = store.snapshot()?;
        let candidate = propose(&built.rules, &snapshot, &senders, round)?;
        let root = root_milliseconds(&built.rules, &snapshot, &candidate)?;
        let nonce = candidate.seal(0, 1).context("every nonce does for a difficulty of one")?;
        let imported = built.rules.adopt(&snapshot, candidate, nonce)?;
        let (done, seconds) = worked(|| store.append(imported, FINALITY_LAG));
        done?;
        if round > 0 {
            roots.push(root);
            stored.push(seconds * 1e3);
            both.push(root + seconds * 1e3);
        }
    }
    let limit = MILLISECONDS_MAX;
    let name = "200 touched of 100000 accounts: state root and commit, to 5 ms of a processor";
    Ok(vec![
        Row::cost_at_most(name, "ms", &both, limit),
        Row::alone("200 touched of 100000 accounts: state root alone", "ms", &roots),
        Row::alone("200 touched of 100000 accounts: commit alone", "ms", &stored),
    ])
}

fn key(number: u64) -> Result<SecretKey> {
    Ok(SecretKey::from_bytes(&keccak256(format!("touched {number}")).0)?)
}

/// The address of an account that others send to.
fn stranger(number: u64) -> Address {
    Address::from_word(keccak256(number.to_be_bytes()))
}

/// A block in which every sender sends to another account of the many.
fn propose(
    rules: &Rules,
    snapshot: &Snapshot,
    senders: &[SecretKey],
    round: u64,
) -> Result<Candidate> {
    let transfers: Vec<Recovered> = (0..)
        .zip(senders)
        .map(|(number, sender)| {
            let to = stranger((round * 7_919 + number * 769) % (ACCOUNTS - TOUCHED / 2));
            let unsigned = TxEip1559 {
                chain_id: CHAIN_ID,
                nonce: round,
                gas_limit: 21_000,
                max_fee_per_gas: 1_000_000_000,
                to: TxKind::Call(to),
                value: U256::from(1),
                ..TxEip1559::default()
            };
            sign(sender, unsigned)
        })
        .collect();
    let wanted = transfers.len();
    let now = START + round + 1;
    let candidate = rules.propose(snapshot, snapshot.head(), transfers, Address::ZERO, now)?;
    ensure!(candidate.block().transactions.len() == wanted, "{:?}", candidate.skipped);
    Ok(candidate)
}

/// Executes the block again and returns what its state root alone costs.
fn root_milliseconds(rules: &Rules, snapshot: &Snapshot, candidate: &Candidate) -> Result<f64> {
    let (block, parent) = (candidate.block(), snapshot.head());
    let root = snapshot.header(parent).context("the head is stored")?.state_root;
    let mut state = State::at(root, AtBlock::new(snapshot, parent));
    let mut executor = Executor::new(&mut state, rules.chain_id, block_env(&block.header));
    for transaction in &block.transactions {
        let sender = chain::signature::recover(transaction).context("a signature of nobody")?;
        executor.execute(transaction, sender)?;
    }
    executor.finish();
    let (changes, seconds) = worked(|| state.commit());
    ensure!(changes?.root == block.header.state_root, "another root than that of the block");
    Ok(seconds * 1e3)
}

//! The state root: what a block that touches some accounts of many costs.

use super::token::{CHAIN_ID, sign};
use crate::measure::{count, worked};
use crate::report::Row;
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256, keccak256};
use anyhow::{Context, Result, ensure};
use chain::execute::{Executor, block_env};
use chain::{AtBlock, Candidate, ChainView, GenesisSpec, Recovered, Rules, State};
use keys::SecretKey;
use ledger::store::{Beginning, History, LEAVING_EVERY, Snapshot, Store};

/// Accounts in the state.
const ACCOUNTS: u64 = 100_000;
/// Those that a block touches: half of them send to the other half.
const TOUCHED: u64 = 200;
/// Milliseconds of a processor that it may cost.
const MILLISECONDS_MAX: f64 = 5.0;
/// Blocks behind the head that are final, and whose states are kept: fewer than by default, so that
/// blocks leave soon; what each costs is the same.
const FINALITY_LAG: u64 = 8;
/// Blocks of which the mean is taken: those that leave together, twice.
const MEASURED: u64 = 2 * LEAVING_EVERY as u64;
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
    let store = Store::open(folder.path(), beginning, History::Last(FINALITY_LAG))?;
    let (mut roots, mut appended, mut left) = (Vec::new(), Vec::new(), Vec::new());
    // Until the history is full, and blocks have left it and got into the index.
    let warm = FINALITY_LAG + LEAVING_EVERY as u64;
    for round in 0..warm + MEASURED {
        let snapshot = store.snapshot()?;
        let candidate = propose(&built.rules, &snapshot, &senders, round)?;
        let root = root_milliseconds(&built.rules, &snapshot, &candidate)?;
        let nonce = candidate.seal(0, 1).context("every nonce does for a difficulty of one")?;
        let imported = built.rules.adopt(&snapshot, candidate, nonce)?;
        drop(snapshot);
        let (done, append) = worked(|| store.append(imported, FINALITY_LAG));
        done?;
        let (done, leave) = worked(|| store.tidy());
        done?;
        if round >= warm {
            roots.push(root);
            appended.push(append * 1e3);
            left.push(leave * 1e3);
        }
    }
    let [root, append, leave] = [&roots, &appended, &left].map(|costs| mean(costs));
    let about = |what: &str| format!("200 touched of 100000 accounts: {what}");
    let one = |what, figure: f64| Row::alone(about(what), "ms", &[figure]);
    let all = about("state root and commit, mean, to 5 ms of a processor");
    Ok(vec![
        Row::cost_at_most(all, "ms", &[root + append + leave], MILLISECONDS_MAX),
        one("state root alone, mean", root),
        one("commit alone, mean, with what is done for many blocks together", append + leave),
        one("what is done for many blocks together alone, mean", leave),
        one("the longest commit of a block", longest(&appended)),
        one("the longest of what is done for many together", longest(&left)),
    ])
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / count(numbers.len())
}

fn longest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(0.0, f64::max)
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
    executor.finish()?;
    let (changes, seconds) = worked(|| state.commit());
    ensure!(changes?.root == block.header.state_root, "another root than that of the block");
    Ok(seconds * 1e3)
}

//! Mines blocks of a few transactions and prints what memory and disk become:
//! `cargo run --release -p ledger --example growth -- DIRECTORY HISTORY BLOCKS`, where HISTORY is
//! `archive` or how many states are kept.
#![allow(clippy::unwrap_used, reason = "it ends with the first fault")]

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Signature, TxKind, U256, keccak256};
use bus::Bus;
use chain::GenesisSpec;
use chain::genesis::Allocation;
use keys::SecretKey;
use ledger::{Config, History, Parts};
use service::Clock;
use std::time::Instant;

const TRANSACTIONS: u8 = 4;
const CHAIN_ID: u64 = 1;
/// The contract's code: keeps the second word of the call under the first.
const KEEPER: [u8; 7] = [0x60, 0x20, 0x35, 0x5f, 0x35, 0x55, 0x00];

fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number + 1; 32]).unwrap()
}

fn keeper() -> Address {
    Address::repeat_byte(0xaa)
}

fn genesis() -> GenesisSpec {
    let mut spec = GenesisSpec::new(CHAIN_ID, 1_000);
    spec.difficulty = U256::ONE;
    spec.fixed_difficulty = true;
    let balance = U256::from(10).pow(U256::from(26));
    for number in 0..TRANSACTIONS {
        spec.alloc.insert(key(number).address(), Allocation { balance, ..Allocation::default() });
    }
    let code = KEEPER.to_vec().into();
    spec.alloc.insert(keeper(), Allocation { code, ..Allocation::default() });
    spec
}

/// A transfer to one of many accounts, or a word kept in one of many slots.
fn transaction(sender: u8, nonce: u64) -> chain::Transaction {
    let place = keccak256([&nonce.to_be_bytes()[..], &[sender]].concat());
    let mut unsigned = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        ..TxEip1559::default()
    };
    if sender.is_multiple_of(2) {
        let account = keccak256([place[0], place[1] & 0x3f]);
        unsigned.to = TxKind::Call(Address::from_slice(&account[12..]));
        unsigned.value = U256::ONE;
    } else {
        let slot = U256::from_be_slice(&[place[0], place[1] & 0x3f]).to_be_bytes::<32>();
        unsigned.to = TxKind::Call(keeper());
        unsigned.input = [slot, place.0].concat().into();
    }
    let (r, s, odd) = key(sender).sign(unsigned.signature_hash()).parts();
    let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
    unsigned.into_signed(signature).into()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, history, blocks] = arguments.try_into().expect("DIRECTORY HISTORY BLOCKS");
    let history = match history.as_str() {
        "archive" => History::Archive,
        last => History::Last(last.parse().unwrap()),
    };
    let config = Config { history, finality_lag: 16, ..Config::default() };
    let (clock, _) = Clock::set(calendar::Timestamp::from_seconds(1_000));
    let (bus, genesis) = (Bus::in_process(), genesis());
    let parts = Parts { directory: directory.clone().into(), genesis, bus, clock, config };
    let ledger = ledger::start(parts).await.unwrap();
    let (node, start) = (ledger.node(), Instant::now());
    println!("blocks  RSS MiB  disk MiB  seconds");
    for number in 1..=blocks.parse().unwrap() {
        for sender in 0..TRANSACTIONS {
            node.submit(transaction(sender, number - 1)).unwrap();
        }
        node.mine_now(1_000 + number).unwrap().unwrap();
        if matches!(number, 1_000 | 10_000 | 50_000 | 100_000) {
            let disk = std::fs::metadata(format!("{directory}/chain.redb")).unwrap().len();
            let (memory, seconds) = (resident_kib() >> 10, start.elapsed().as_secs());
            println!("{number:>6}  {memory:>7}  {:>8}  {seconds}", disk >> 20);
        }
    }
    assert!(node.pool().hashes().is_empty(), "every transaction was mined");
}

//! A mining process that is killed, again and again: what it said to be stored is there, and the
//! chain holds.

use crate::harness::{Setup, key, sign_with, start};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, TxKind, U64, U256};
use bus::Bus;
use chain::{Block, ChainView};
use client::JsonRpc;
use ledger::{Config, History, Ledger, Parts, maintain};
use serde_json::json;
use service::Clock;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Names the directory in which this process is to mine until it is killed.
const MINES_IN: &str = "LEDGER_TEST_MINES_IN";
const KILLS: u64 = 60;
/// Every this many kills, everything is computed anew.
const CHECKED_EVERY: u64 = 20;

fn parts(directory: PathBuf) -> Parts {
    let (setup, clock) = (Setup::default(), Clock::set(start()).0);
    let config = Config { finality_lag: 4, history: History::Last(3), ..Config::default() };
    Parts { directory, genesis: setup.genesis, bus: Bus::in_process(), clock, config }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Mines transfers, in every fourth block on a branch that takes over, and says each block.
fn mine_until_killed(directory: PathBuf) {
    runtime().block_on(async {
        let ledger = ledger::start(parts(directory)).await.unwrap();
        for round in 0u64.. {
            let fork = ledger.node().snapshot().unwrap().head();
            pay(&ledger).await;
            say(&ledger, mine(&ledger));
            if round % 4 == 3 {
                let first = competing(&ledger, fork);
                let second = competing(&ledger, first.hash());
                say(&ledger, second.hash());
            }
        }
    });
}

async fn pay(ledger: &Arc<Ledger>) {
    for signer in 1..=3 {
        let params = json!([key(signer).address(), "pending"]);
        let nonce = ledger.request("eth_getTransactionCount", params).await.unwrap();
        let nonce: U64 = serde_json::from_value(nonce).unwrap();
        let to = Address::left_padding_from(&nonce.to::<u64>().to_be_bytes());
        let payment = sign_with(signer, |unsigned| TxEip1559 {
            nonce: nonce.to(),
            to: TxKind::Call(to),
            value: U256::ONE,
            ..unsigned
        });
        ledger.node().submit(payment).unwrap();
    }
}

fn now(ledger: &Ledger) -> u64 {
    ledger.node().snapshot().unwrap().head_header().unwrap().timestamp + 1
}

fn mine(ledger: &Ledger) -> B256 {
    ledger.node().mine_now(now(ledger)).unwrap().unwrap()
}

fn competing(ledger: &Ledger, parent: B256) -> Block {
    let (node, now) = (ledger.node(), now(ledger));
    let candidate = node.propose_on(parent, Vec::new(), Address::repeat_byte(9), now).unwrap();
    let block = node.seal(&candidate);
    node.import_block(block.clone(), now).unwrap();
    block
}

/// The head is durable: it is said after it was stored.
fn say(ledger: &Ledger, hash: B256) {
    let number = ledger.node().snapshot().unwrap().header(hash).unwrap().number;
    let mut out = std::io::stdout();
    writeln!(out, "stored {number} {hash}").and_then(|()| out.flush()).unwrap();
}

struct Miner(Child);

impl Drop for Miner {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Starts a miner in the directory, kills it after some blocks and some moments more, and returns
/// the last block that it said.
fn mine_and_kill(directory: &Path, blocks: u64, moments: u64) -> (u64, B256) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kill::what_a_killed_node_stored_is_there", "--nocapture"]);
    command.env(MINES_IN, directory).stdout(Stdio::piped());
    let mut miner = Miner(command.spawn().unwrap());
    let mut said = None;
    let mut lines = BufReader::new(miner.0.stdout.take().unwrap()).lines();
    let mut stored = || {
        let line = lines.find_map(|line| Some(line.unwrap().strip_prefix("stored ")?.to_owned()));
        let line = line.expect("the miner says what it stores until it is killed");
        let (number, hash) = line.split_once(' ').unwrap();
        (number.parse().unwrap(), hash.parse().unwrap())
    };
    for _ in 0..blocks {
        said = Some(stored());
    }
    // Anywhere in the work on the blocks that follow.
    (0..moments).for_each(|_| std::hint::spin_loop());
    drop(miner);
    said.unwrap()
}

#[test]
fn what_a_killed_node_stored_is_there() {
    if let Some(directory) = std::env::var_os(MINES_IN) {
        return mine_until_killed(directory.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("ledger");
    for kill in 0..KILLS {
        let (number, hash) = mine_and_kill(&directory, 1 + kill % 7, kill * 40_009 % 1_000_003);
        let ledger = runtime().block_on(ledger::start(parts(directory.clone()))).unwrap();
        let snapshot = ledger.node().snapshot().unwrap();
        assert!(snapshot.header(hash).is_some(), "kill {kill}: block {number} is gone");
        let head = snapshot.head_header().unwrap();
        assert!(head.number >= number, "kill {kill}: {number} was said, the head is {head:?}");
        assert!(snapshot.has_state(snapshot.head()), "kill {kill}");
        let wanted = snapshot.finalized().min(head.number.saturating_sub(3));
        assert!(snapshot.oldest() >= wanted, "kill {kill}: {} stays", snapshot.oldest());
        drop(snapshot);
        mine(&ledger);
        drop(ledger);
        if kill % CHECKED_EVERY == CHECKED_EVERY - 1 {
            let checked = maintain::check(&directory, None, u64::MAX, |_| true);
            let checked = checked.unwrap_or_else(|error| panic!("kill {kill}: {error}"));
            assert!(checked.oldest > 0 && checked.transactions > 3 * kill, "{checked:?}");
        }
    }
}

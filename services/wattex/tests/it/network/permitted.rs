//! A chain on which only named keys may mine.

use std::fs;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use chain::GenesisSpec;
use chain::genesis::Allocation;
use ledger::peers::Nats;
use serde_json::json;
use service::Clock;
use testkit::NatsServer;

use super::blame::blames;
use super::liar::{Kind, Liar};
use super::lies::follower;
use super::world::key;
use super::{block, check_directory, until};
use crate::node::{Node, quantity};
use crate::program::{Place, run, text, wattex};

const CHAIN_ID: u64 = 4_715;
const DIFFICULTY: u64 = 1 << 14;
/// Wei that the miner has from the start, to pay for its right, and gets for a block.
const WEI: u64 = 1_000_000_000_000_000_000;
/// A block of somebody who may not mine is named by then.
const NAMED_WITHIN: Duration = Duration::from_secs(60);

/// A chain of one miner.
fn spec(miner: Address) -> GenesisSpec {
    let mut spec = GenesisSpec::new(CHAIN_ID, Clock::real().now().unsigned());
    (spec.target_block_time, spec.difficulty) = (1, U256::from(DIFFICULTY));
    (spec.reward, spec.miners) = (U256::from(WEI), vec![miner]);
    let funded = Allocation { balance: U256::from(WEI), ..Allocation::default() };
    spec.alloc.insert(miner, funded);
    spec
}

/// Each block is the miner's, and begins with its word for it.
async fn check_rights(node: &Node, miner: Address, heights: std::ops::RangeInclusive<u64>) {
    for number in heights {
        let shown = node.ask("eth_getBlockByNumber", json!([format!("{number:#x}"), true])).await;
        assert_eq!(shown["miner"], json!(miner));
        let right = &shown["transactions"][0];
        assert_eq!((&right["from"], &right["input"]), (&json!(miner), &shown["parentHash"]));
    }
}

/// Tells the lie until both nodes have named it and ignore who told it.
async fn found_out(liar: &mut Liar, honest: &ledger::Ledger, nodes: &mut [Node; 2]) {
    let (id, deadline, kind) = (liar.id(), Instant::now() + NAMED_WITHIN, liar.kind);
    let mut found = [false; 2];
    while found != [true; 2] {
        assert!(Instant::now() < deadline, "{kind:?} is not found out");
        liar.lie(honest).await;
        for (node, found) in nodes.iter_mut().zip(&mut found) {
            for one in blames(node).iter().filter(|one| one.peer == id) {
                let (code, part) = kind.named();
                assert!(one.code == code && one.lie.contains(part), "{kind:?}: {one:?}");
                *found |= one.ignored;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_named_mines_and_blocks_of_strangers_are_refused() {
    let place = Place::new();
    let nats = NatsServer::start().unwrap();
    let (miner, genesis) = (key(1).address(), place.path("genesis.json"));
    let spec = spec(miner);
    fs::write(&genesis, serde_json::to_string(&spec).unwrap()).unwrap();
    let file = |number: u8| {
        let file = place.path(&format!("miner{number}.key"));
        fs::write(&file, hex::encode(key(number).to_bytes())).unwrap();
        file
    };
    let (named, strange) = (file(1), file(2));
    let with = ["node", "--genesis", text(&genesis), "--http", "127.0.0.1:0"];
    let refused = run(wattex(&[&with[..], &["--miner-key", text(&strange)]].concat()));
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("is not among the miners of the genesis"), "{}", refused.err);

    let (url, folders) = (nats.url(), [1, 2].map(|number| place.path(&format!("node{number}"))));
    let start = |number: usize, own: &[&str]| {
        let arguments = ["--genesis", text(&genesis), "--dir", text(&folders[number])];
        let line = ["--nats", &url, "--json-logs"];
        Node::start(&[&arguments[..], &line, own].concat())
    };
    // The other one would mine, too, and has no key.
    let mut nodes = [start(1, &[]), start(0, &["--miner-key", text(&named)])];
    let [other, first] = &nodes;
    let look = async || block(other, json!("latest")).await.number;
    let height = until("blocks of the named miner", look, |height| *height >= 3).await;
    check_rights(other, miner, 1..=height).await;
    let paid = quantity(&first.ask("eth_getBalance", json!([miner, "0x2"])).await);
    let most = 3 * WEI;
    assert!(paid < most && paid > most - WEI / 1_000, "two rewards but for the fees: {paid}");

    let transport = Nats::connect(std::slice::from_ref(&url)).await.unwrap();
    let honest = follower(&place, &spec, &transport).await;
    let mut forged = Vec::new();
    for kind in [Kind::Stranger, Kind::Unsigned] {
        let mut liar = Liar::join(kind, &transport, honest.node().genesis()).await;
        found_out(&mut liar, &honest, &mut nodes).await;
        forged.extend(liar.forged().copied());
    }
    let [other, first] = &nodes;
    let head = block(first, json!("latest")).await.number;
    let look = async || block(other, json!("latest")).await.number;
    until("the chain goes on", look, |height| *height > head).await;
    assert!(!forged.is_empty());
    for hash in forged {
        for node in &nodes {
            assert!(node.ask("eth_getBlockByHash", json!([hash, false])).await.is_null());
        }
    }
    drop(honest);
    nodes.into_iter().for_each(|node| node.stop("INT"));
    folders.iter().for_each(|folder| check_directory(text(folder)));
}

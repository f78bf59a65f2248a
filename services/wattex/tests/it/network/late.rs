//! A node that comes when the chain is long: headers come page by page.

use std::fs;

use alloy_primitives::U256;
use bus::Bus;
use calendar::Timestamp;
use chain::GenesisSpec;
use chain::sync::message::HEADERS_PER_REQUEST_MAX;
use ledger::{Config, Parts};
use serde_json::json;
use service::Clock;
use testkit::NatsServer;

use super::{block, check_directory, until};
use crate::node::Node;
use crate::program::{Place, text};

/// Two whole pages and a part of a third.
const BLOCKS: u64 = 2 * HEADERS_PER_REQUEST_MAX as u64 + 100;
const START: u64 = 1_700_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_joins_late_takes_the_chain_page_by_page() {
    let place = Place::new();
    let mut genesis = GenesisSpec::new(4_716, START);
    (genesis.difficulty, genesis.fixed_difficulty) = (U256::from(16), true);
    let [early, late] = ["early", "late"].map(|name| place.path(name));
    fs::create_dir(&early).unwrap();
    let spec = place.path("genesis.json");
    for file in [&spec, &early.join("genesis.json")] {
        fs::write(file, serde_json::to_string(&genesis).unwrap()).unwrap();
    }
    let (clock, _) = Clock::set(Timestamp::from_seconds(START.cast_signed()));
    let (directory, bus, config) = (early.join("chain"), Bus::in_process(), Config::default());
    let ledger = ledger::start(Parts { directory, genesis, bus, clock, config }).await.unwrap();
    for number in 1..=BLOCKS {
        ledger.node().mine_now(START + number).unwrap().unwrap();
    }
    drop(ledger);

    let nats = NatsServer::start().unwrap();
    let url = nats.url();
    let start = |directory| {
        let chain = ["--genesis", text(&spec), "--dir", text(directory)];
        Node::start(&[&chain[..], &["--nats", &url, "--mine", "0"]].concat())
    };
    let (first, second) = (start(&early), start(&late));
    let expected = block(&first, json!("latest")).await;
    assert_eq!(expected.number, BLOCKS);
    let head = async || block(&second, json!("latest")).await;
    until("the whole chain", head, |head| *head == expected).await;
    [first, second].into_iter().for_each(|node| node.stop("INT"));
    check_directory(text(&late));
}

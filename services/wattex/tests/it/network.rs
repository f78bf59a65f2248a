//! Four nodes as processes of their own, over NATS: three that mine and sign, one that comes late.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::NatsServer;

use crate::node::{Node, described, quantity};
use crate::program::{Place, run, text, wattex};

/// What is not agreed on by then will not be.
const AGREED_WITHIN: Duration = Duration::from_secs(300);

/// A key file of an operator, and the address of the key.
fn operator(place: &Place, number: u8) -> (PathBuf, String) {
    let key = keys::SecretKey::from_bytes(&[number; 32]).unwrap();
    let file = place.path(&format!("operator{number}.key"));
    fs::write(&file, hex::encode(key.to_bytes())).unwrap();
    (file, key.address().to_string())
}

/// Height, hash and state of a block.
async fn block(node: &Node, which: Value) -> (u64, Value, Value) {
    let block = node.ask("eth_getBlockByNumber", json!([which, false])).await;
    (quantity(&block["number"]), block["hash"].clone(), block["stateRoot"].clone())
}

/// Waits until operators made a block of at least this height final.
async fn final_from(node: &Node, height: u64) {
    let deadline = Instant::now() + AGREED_WITHIN;
    while block(node, json!("finalized")).await.0 < height {
        assert!(Instant::now() < deadline, "block {height} is not final at {}", node.url);
    }
}

#[actix_web::test]
async fn nodes_agree_though_one_comes_late_and_one_is_killed() {
    let place = Place::new();
    let nats = NatsServer::start().unwrap();
    let operators = [1, 2, 3].map(|number| operator(&place, number));
    let keys: Vec<&String> = operators.iter().map(|(_, address)| address).collect();
    let made = described(
        &place,
        "shared",
        &json!({
            "blockTime": 1, "difficulty": "0x4000",
            "operators": { "threshold": 2, "keys": keys },
        }),
    );
    assert_eq!(made.code, Some(0), "{}", made.err);
    let (genesis, url) = (place.path("shared.json"), nats.url());
    let folders = [1, 2, 3, 4].map(|number| place.path(&format!("node{number}")));
    let start = |folder: &Path, key: Option<&PathBuf>| {
        let mut arguments = vec!["--genesis", text(&genesis), "--dir", text(folder)];
        arguments.extend(["--nats", &url]);
        match key {
            Some(key) => arguments.extend(["--operator-key", text(key)]),
            None => arguments.extend(["--mine", "0"]),
        }
        Node::start(&arguments)
    };
    let [first, second, third] =
        [0, 1, 2].map(|at: usize| start(&folders[at], Some(&operators[at].0)));
    final_from(&first, 1).await;
    let late = start(&folders[3], None);
    final_from(&late, 1).await;
    first.kill();
    let (height, ..) = block(&second, json!("latest")).await;
    // Two of three sign on.
    final_from(&second, height + 1).await;
    let first = start(&folders[0], Some(&operators[0].0));
    let nodes = [first, second, third, late];
    let (height, ..) = block(&nodes[1], json!("latest")).await;
    for node in &nodes {
        final_from(node, height).await;
    }
    let number = json!(format!("{height:#x}"));
    let expected = block(&nodes[0], number.clone()).await;
    for node in &nodes[1..] {
        assert_eq!(block(node, number.clone()).await, expected);
        assert_ne!(node.ask("net_peerCount", json!([])).await, "0x0");
    }
    nodes.into_iter().for_each(|node| node.stop("INT"));
    for folder in &folders {
        let held = run(wattex(&["node", "check", "--dir", text(folder)]));
        assert_eq!(held.code, Some(0), "{}", held.err);
    }
}

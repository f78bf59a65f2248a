//! Four nodes as processes of their own, over NATS: late, killed, apart, lied to, weak and strong.

mod blame;
mod final_blocks;
mod halves;
mod late;
mod liar;
mod lies;
mod namespaces;
mod partition;
mod permitted;
mod rates;
mod relay;
pub mod socket;
mod throttle;
mod world;

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::NatsServer;

use crate::node::{Node, described, quantity};
use crate::program::{Place, run, text, wattex};

/// What is not so by then will not be.
const SEEN_WITHIN: Duration = Duration::from_secs(300);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A key file of an operator, and the address of the key.
fn operator(place: &Place, number: u8) -> (PathBuf, String) {
    let key = keys::SecretKey::from_bytes(&[number; 32]).unwrap();
    let file = place.path(&format!("operator{number}.key"));
    fs::write(&file, hex::encode(key.to_bytes())).unwrap();
    (file, key.address().to_string())
}

/// A block as a node shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    number: u64,
    hash: Value,
    state: Value,
    difficulty: u64,
    /// All difficulties up to it.
    work: u64,
    /// Epoch seconds.
    time: u64,
}

/// A block of a node, by its height or a name.
async fn block(node: &Node, which: Value) -> Seen {
    let block = node.ask("eth_getBlockByNumber", json!([which, false])).await;
    Seen {
        number: quantity(&block["number"]),
        hash: block["hash"].clone(),
        state: block["stateRoot"].clone(),
        difficulty: quantity(&block["difficulty"]),
        work: quantity(&block["totalDifficulty"]),
        time: quantity(&block["timestamp"]),
    }
}

/// Looks again and again until something wanted is seen; it. The test fails with what was seen last
/// where that takes too long.
async fn until<T: Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + SEEN_WITHIN;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let seen = look().await;
        if wanted(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {SEEN_WITHIN:?}, but {seen:?}");
    }
}

/// Waits until operators made a block of at least this height final.
async fn final_from(node: &Node, height: u64) {
    let what = format!("block {height} is final at {}", node.url);
    let last = async || block(node, json!("finalized")).await;
    until(&what, last, |last| last.number >= height).await;
}

/// What a node left in its directory follows from the genesis.
fn check_directory(folder: &str) {
    let held = run(wattex(&["node", "check", "--dir", folder]));
    assert_eq!(held.code, Some(0), "{}", held.err);
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
    let height = block(&second, json!("latest")).await.number;
    // Two of three sign on.
    final_from(&second, height + 1).await;
    let first = start(&folders[0], Some(&operators[0].0));
    let nodes = [first, second, third, late];
    let height = block(&nodes[1], json!("latest")).await.number;
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
    folders.iter().for_each(|folder| check_directory(text(folder)));
}

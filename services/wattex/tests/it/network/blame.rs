//! What nodes say of peers that did something wrong.

use ledger::peers::PeerId;
use serde_json::Value;

use crate::node::Node;

/// The entry in the log of a node.
const WRONG: &str = "a peer did something wrong";

/// What a node said of a peer.
#[derive(Clone, Debug)]
pub struct Blame {
    pub peer: PeerId,
    pub code: String,
    pub lie: String,
    /// Whether the peer is not listened to any more.
    pub ignored: bool,
}

/// What a node that writes its log as JSON said since it was asked last.
pub fn blames(node: &mut Node) -> Vec<Blame> {
    let lines = node.running.said().into_iter();
    let entries = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let wrong = entries.filter(|entry| entry["fields"]["message"] == WRONG);
    wrong.map(|entry| blame(&entry["fields"])).collect()
}

fn blame(fields: &Value) -> Blame {
    let word = |name: &str| fields[name].as_str().unwrap().to_owned();
    let (peer, ignored) = (word("peer").parse().unwrap(), fields["ignored"].as_bool().unwrap());
    Blame { peer, code: word("code"), lie: word("lie"), ignored }
}

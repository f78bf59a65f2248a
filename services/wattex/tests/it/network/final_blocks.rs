//! A branch that weighs more and undoes what operators made final.

use serde_json::{Value, json};

use super::halves::Halves;
use super::{block, check_directory, final_from, operator, until};
use crate::node::{Node, described};
use crate::program::{Place, text};

/// So many blocks more has the branch that is not final.
const LONGER: u64 = 4;

/// How many reorganisations a node refused because they would undo final blocks.
async fn refused(node: &Node) -> u64 {
    let info = node.ask("admin_nodeInfo", json!([])).await;
    info["protocols"]["wattex"]["reorganisationsRefused"].as_u64().unwrap()
}

async fn height(node: &Node, which: &str) -> u64 {
    block(node, json!(which)).await.number
}

async fn hash_at(node: &Node, height: u64) -> Value {
    block(node, json!(format!("{height:#x}"))).await.hash
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heavier_branch_below_what_is_final_is_refused_and_reported() {
    let place = Place::new();
    let mut halves = Halves::start(&place).await;
    let operators = [1, 2, 3].map(|number| operator(&place, number));
    let keys: Vec<&String> = operators.iter().map(|(_, address)| address).collect();
    let operated = json!({
        "blockTime": 1, "difficulty": "0x4000", "fixedDifficulty": true,
        "operators": { "threshold": 2, "keys": keys },
    });
    let made = described(&place, "operated", &operated);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let genesis = place.path("operated.json");
    let folders = [1, 2, 3].map(|number| place.path(&format!("node{number}")));
    let start = |halves: &Halves, number: usize, mines: bool| {
        let miner = format!("0x{:040x}", number + 1);
        let chain = ["--genesis", text(&genesis), "--dir", text(&folders[number])];
        let mine = ["--mine", if mines { "1" } else { "0" }, "--miner", &miner];
        let key = ["--operator-key", text(&operators[number].0)];
        halves.node(number / 2, &[&chain[..], &mine, &key].concat())
    };
    let (first, second) = (start(&halves, 0, true), start(&halves, 1, false));
    let third = start(&halves, 2, true);
    final_from(&third, 1).await;

    halves.cut();
    // What is mined from now on is in one half alone, of which one has two of three operators.
    let apart = height(&first, "latest").await.max(height(&third, "latest").await) + 1;
    final_from(&second, apart).await;
    first.stop("INT");
    let first = start(&halves, 0, false);
    let ours = height(&first, "latest").await;
    let other = async || height(&second, "latest").await;
    until("the last of them at the other one", other, |height| *height == ours).await;
    let longer = async || height(&third, "latest").await;
    until("a longer branch", longer, |height| *height >= ours + LONGER).await;
    assert!(height(&third, "finalized").await < apart);
    assert_ne!(hash_at(&third, apart).await, hash_at(&first, apart).await);
    let kept = hash_at(&first, ours).await;
    assert_eq!([refused(&first).await, refused(&second).await], [0, 0]);

    halves.heal();
    // Who has asked for the heavier branch says so; the other half follows what is final.
    let reports = async || refused(&first).await + refused(&second).await;
    until("a refused reorganisation is reported", reports, |count| *count > 0).await;
    // While it goes over to the other branch its own chain may be shorter than that.
    let followed = async || {
        let number = json!([format!("{ours:#x}"), false]);
        third.ask("eth_getBlockByNumber", number).await["hash"].clone()
    };
    until("the branch with the final blocks", followed, |hash| *hash == kept).await;
    for node in [&first, &second] {
        assert_eq!(hash_at(node, ours).await, kept);
    }
    // Three operators sign on together.
    final_from(&first, ours).await;
    [first, second, third].into_iter().for_each(|node| node.stop("INT"));
    folders.iter().for_each(|folder| check_directory(text(folder)));
}

#[test]
fn operators_have_to_be_a_majority() {
    let place = Place::new();
    let keys = [1, 2, 3, 4].map(|number| operator(&place, number).1);
    let split = json!({ "operators": { "threshold": 2, "keys": keys } });
    let refused = described(&place, "split", &split);
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("more than half of them have to sign"), "{}", refused.err);
}

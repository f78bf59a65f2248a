//! A competing branch with more work takes over, unless it would undo what is final.

use crate::feed::listening;
use crate::harness::{Setup, key, sign, word};
use alloy_primitives::B256;
use ledger::ImportError;
use serde_json::json;

#[actix_web::test]
async fn the_branch_with_more_work_wins_and_lost_transactions_wait_again() {
    let setup = Setup::default();
    let listener = listening(&setup).await;
    let node = setup.start().await;
    let contract = node.deploy(0).await;
    let fork: B256 = node.ledger.node().snapshot().unwrap().head_header().unwrap().hash();
    let filter = node.rpc("eth_newFilter", json!([{ "address": contract }])).await;
    let (lost, shared) = (sign(1, 1, Some(contract), word(7)), sign(2, 0, Some(contract), word(8)));
    node.confirm(&lost).await;
    node.confirm(&shared).await;
    node.ledger.drain(node.now()).await.unwrap();
    let old_head = node.head().await;
    assert_eq!(old_head, 3);
    let call = json!([{ "to": contract }, "latest"]);
    assert_eq!(node.rpc("eth_call", call.clone()).await, json!(word(8)));

    // As heavy as ours is not enough: the first seen stays.
    let first = node.competing(fork, &[]);
    assert_eq!(node.import(&first).unwrap(), None);
    let second = node.competing(first.hash(), std::slice::from_ref(&shared));
    assert_eq!(node.import(&second).unwrap(), None);
    let third = node.competing(second.hash(), &[]);
    let change = node.import(&third).unwrap().unwrap();
    assert_eq!(change.connected, [first.hash(), second.hash(), third.hash()]);
    assert_eq!(change.disconnected.len(), 2);

    let block = node.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(block["hash"], json!(third.hash()));
    let receipt = |one: &alloy_consensus::TxEnvelope| json!([one.tx_hash()]);
    let gone = node.rpc("eth_getTransactionReceipt", receipt(&lost)).await;
    assert_eq!(gone, json!(null));
    let moved = node.rpc("eth_getTransactionReceipt", receipt(&shared)).await;
    assert_eq!(moved["blockHash"], json!(second.hash()));
    let waiting: Vec<B256> = node.ledger.node().pool().hashes().into_iter().collect();
    assert_eq!(waiting, [*lost.tx_hash()]);
    let count = json!([key(1).address(), "pending"]);
    assert_eq!(node.number("eth_getTransactionCount", count).await, 2);

    assert_eq!(node.ledger.drain(node.now()).await.unwrap(), 5);
    let steps = &listener.steps()[4..];
    let expected = [(5, false, 3), (6, false, 2), (7, true, 2), (8, true, 3), (9, true, 4)];
    assert_eq!(steps, expected);

    let news = node.rpc("eth_getFilterChanges", json!([filter])).await;
    let told: Vec<_> = news
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (log["removed"].as_bool().unwrap(), log["topics"][0].clone()))
        .collect();
    let (seven, eight) = (json!(word(7)), json!(word(8)));
    let expected =
        [(false, &seven), (false, &eight), (true, &eight), (true, &seven), (false, &eight)];
    assert_eq!(told.iter().map(|(removed, topic)| (*removed, topic)).collect::<Vec<_>>(), expected);

    assert!(node.tick().await, "the lost transaction is mined again");
    assert_eq!(node.rpc("eth_call", call).await, json!(word(7)));
}

#[actix_web::test]
async fn nothing_final_is_undone() {
    let setup = Setup::with_config(|config| config.finality_lag = 2);
    let node = setup.start().await;
    let genesis = node.ledger.node().genesis();
    let side = node.competing(genesis, &[]);
    node.mine().await;
    assert_eq!(node.import(&side).unwrap(), None);
    let higher = node.competing(side.hash(), &[]);
    for _ in 0..2 {
        node.mine().await;
    }
    let finalized = node.rpc("eth_getBlockByNumber", json!(["finalized", false])).await;
    assert_eq!(finalized["number"], json!("0x1"));
    // Height 2 is open, but this branch leaves ours below height 1.
    assert_eq!(node.import(&higher).unwrap(), None);
    let as_high = node.competing(higher.hash(), &[]);
    assert_eq!(node.import(&as_high).unwrap(), None);
    let winning = node.competing(as_high.hash(), &[]);
    let refused = node.import(&winning).unwrap_err();
    let ImportError::BelowFinalized { number, undone, finalized } = refused else {
        panic!("{refused}")
    };
    assert_eq!((number, undone, finalized), (4, 1, 1));
    let late = node.competing(genesis, &[]);
    let refused = node.import(&late).unwrap_err();
    assert!(matches!(refused, ImportError::BelowFinalized { number: 1, .. }), "{refused}");
    assert_eq!(node.head().await, 3);
    node.mine().await;
    assert_eq!(node.head().await, 4);
}

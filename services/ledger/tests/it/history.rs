//! How old states are given up, and what a node that has given them up says.

use crate::harness::{Setup, TestNode, key, sign, word};
use alloy_primitives::{Address, B256};
use chain::ChainView;
use ledger::{Config, History, ImportError};
use redb::{Database, TableDefinition};
use serde_json::{Value, json};

fn keeping(history: History) -> Setup {
    Setup::with_config(|config: &mut Config| {
        config.history = history;
        config.finality_lag = 3;
    })
}

/// Ten blocks, the last nine of which set the contract's word to their height.
async fn filled(setup: &Setup) -> (TestNode, Address) {
    let node = setup.start_without_server().await;
    let contract = node.deploy(0).await;
    for nonce in 1..10 {
        node.confirm(&sign(1, nonce, Some(contract), word(nonce + 1))).await;
    }
    (node, contract)
}

#[actix_web::test]
async fn what_is_older_is_refused_clearly_and_the_rest_is_answered() {
    let setup = keeping(History::Last(5));
    let (node, contract) = filled(&setup).await;
    let account = key(1).address();
    let asked = |block: &Value| {
        [
            ("eth_call", json!([{ "to": contract }, block])),
            ("eth_getBalance", json!([account, block])),
            ("eth_getTransactionCount", json!([account, block])),
            ("eth_getCode", json!([contract, block])),
            ("eth_getStorageAt", json!([contract, "0x0", block])),
            ("eth_getProof", json!([contract, ["0x0"], block])),
            ("eth_estimateGas", json!([{ "to": contract, "data": word(1) }, block])),
        ]
    };
    for height in 0..=10u64 {
        let block = node.rpc("eth_getBlockByNumber", json!([format!("{height:#x}"), true])).await;
        let (by_number, by_hash) = (json!(format!("{height:#x}")), block["hash"].clone());
        for (method, params) in asked(&by_number).into_iter().chain(asked(&by_hash)) {
            let answer = node.try_rpc(method, params.clone()).await;
            if height >= 5 {
                answer.unwrap_or_else(|error| panic!("{method} {params}: {error}"));
                continue;
            }
            let root: B256 = serde_json::from_value(block["stateRoot"].clone()).unwrap();
            let error = answer.unwrap_err();
            let expected = format!(
                "missing trie node {root:x} (path ) state {root} is not available, \
                 states are kept from block 5 on"
            );
            assert_eq!((error.code, error.message), (-32_000, expected), "{method} {params}");
        }
        // What happened stays, and is proved.
        for transaction in block["transactions"].as_array().unwrap() {
            let hash = &transaction["hash"];
            assert_ne!(node.rpc("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
            assert_ne!(node.rpc("wattex_receiptProof", json!([hash, "latest"])).await, Value::Null);
        }
        let path = node.rpc("wattex_ancestorProof", json!([format!("{height:#x}"), "0xa"])).await;
        assert_eq!(path == Value::Null, height == 10);
    }
}

#[actix_web::test]
async fn nothing_that_is_not_final_is_given_up_and_a_branch_from_it_takes_over() {
    let setup = keeping(History::Last(0));
    let node = setup.start().await;
    for _ in 0..8 {
        node.mine().await;
    }
    let snapshot = node.ledger.node().snapshot().unwrap();
    assert_eq!((snapshot.finalized(), snapshot.oldest()), (5, 5));
    let fork = snapshot.canonical_hash(5).unwrap();
    let given_up = snapshot.canonical_hash(4).unwrap();
    assert!(snapshot.has_state(fork) && !snapshot.has_state(given_up));
    let mut side = vec![node.competing(fork, &[])];
    node.import(&side[0]).unwrap();
    // It is as high as a final block by the time it would be built on.
    for _ in 0..3 {
        let block = node.competing(side.last().unwrap().hash(), &[]);
        node.import(&block).unwrap();
        side.push(block);
    }
    assert_eq!(node.head().await, 9);
    let snapshot = node.ledger.node().snapshot().unwrap();
    assert_eq!(snapshot.head(), side[3].hash());
    assert_eq!((snapshot.finalized(), snapshot.oldest()), (6, 6));
}

/// Imports this many blocks, one on the other, and returns the last.
fn branch(node: &TestNode, mut parent: B256, length: u64) -> B256 {
    // Another time makes other blocks.
    node.pass(1);
    for _ in 0..length {
        let block = node.competing(parent, &[]);
        node.import(&block).unwrap();
        parent = block.hash();
    }
    parent
}

#[actix_web::test]
async fn a_block_on_a_state_that_is_given_up_is_refused() {
    let setup = Setup::with_config(|config: &mut Config| {
        config.history = History::Last(0);
        config.finality_lag = 5;
    });
    let node = setup.start().await;
    let genesis = node.ledger.node().genesis();
    let side = branch(&node, genesis, 5);
    let higher = node.competing(side, &[]);
    let head = branch(&node, genesis, 7);
    let snapshot = node.ledger.node().snapshot().unwrap();
    assert_eq!((snapshot.head(), snapshot.finalized(), snapshot.oldest()), (head, 2, 2));
    // Its height is not final yet, but the branch that it is on left ours below what is.
    assert!(!snapshot.has_state(side));
    let refused = node.import(&higher).unwrap_err();
    assert!(matches!(refused, ImportError::StateNotKept { number: 6, oldest: 2 }), "{refused}");
    assert_eq!(node.ledger.node().snapshot().unwrap().head(), head);
}

/// The directory as the first format had it: mountain nodes among those of tries, all peaks of a
/// block in one row, all transactions in their table, who took part nowhere, and nothing of where
/// only the last states are kept.
fn as_format_1(setup: &Setup) {
    let database = Database::create(setup.directory.path().join("chain.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        use redb::ReadableTable;
        type Raw = TableDefinition<'static, &'static [u8; 32], &'static [u8]>;
        let mut nodes = transaction.open_table(Raw::new("nodes")).unwrap();
        let mountains = transaction.open_table(Raw::new("mountains")).unwrap();
        for row in mountains.iter().unwrap() {
            let (hash, node) = row.unwrap();
            nodes.insert(hash.value(), node.value()).unwrap();
        }
        let canonical: TableDefinition<'_, u64, &[u8; 32]> = TableDefinition::new("canonical");
        let canonical = transaction.open_table(canonical).unwrap();
        let mut work = transaction.open_table(Raw::new("work")).unwrap();
        let blocks = transaction.open_table(Raw::new("blocks")).unwrap();
        let places: TableDefinition<'_, &[u8; 32], (u64, u32)> =
            TableDefinition::new("transactions");
        let mut places = transaction.open_table(places).unwrap();
        let mut mmr = chain::Mmr::default();
        for row in canonical.iter().unwrap() {
            let (height, hash) = row.unwrap();
            let (height, hash) = (height.value(), *hash.value());
            let block = blocks.get(&hash).unwrap().unwrap();
            let block = chain::Block::decode_exact(block.value()).unwrap();
            for (position, sent) in (0..).zip(&block.transactions) {
                places.insert(&sent.tx_hash().0, (height, position)).unwrap();
            }
            mmr.append(hash.into(), |_, _| {});
            let (total, _): (alloy_primitives::U256, B256) = {
                let row = work.get(&hash).unwrap().unwrap();
                let mut fields = row.value();
                let list = alloy_rlp::Header::decode_bytes(&mut fields, true).unwrap();
                let mut list = list;
                (
                    alloy_rlp::Decodable::decode(&mut list).unwrap(),
                    alloy_rlp::Decodable::decode(&mut list).unwrap(),
                )
            };
            let mut rlp = Vec::new();
            let fields: [&dyn alloy_rlp::Encodable; 2] = [&total, &mmr];
            alloy_rlp::encode_list::<_, dyn alloy_rlp::Encodable>(&fields, &mut rlp);
            work.insert(&hash, rlp.as_slice()).unwrap();
        }
        let meta: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
        let mut meta = transaction.open_table(meta).unwrap();
        meta.insert("format", 1u64.to_be_bytes().as_slice()).unwrap();
        for name in ["oldest", "entered", "indexed", "counted", "spec"] {
            meta.remove(name).unwrap();
        }
    }
    let searched = ["appearances", "places_of_address", "places_of_nonce"];
    for name in ["mountains", "state", "journal"].into_iter().chain(searched) {
        let table: TableDefinition<'_, u64, u64> = TableDefinition::new(name);
        transaction.delete_table(table).unwrap();
    }
    transaction.commit().unwrap();
}

#[actix_web::test]
async fn a_directory_of_the_first_format_is_brought_up_with_any_history() {
    for (history, oldest) in [(History::Archive, 0), (History::Last(5), 5)] {
        let mut setup = keeping(History::Archive);
        let (node, contract) = filled(&setup).await;
        drop(node);
        as_format_1(&setup);
        setup.config.history = history;
        let node = setup.start_without_server().await;
        let snapshot = node.ledger.node().snapshot().unwrap();
        assert_eq!(snapshot.oldest(), oldest, "{history:?}");
        drop(snapshot);
        node.confirm(&sign(1, 10, Some(contract), word(1_000))).await;
        for (height, expected) in [(5, 5), (10, 10), (11, 1_000)] {
            let call = json!([{ "to": contract }, format!("{height:#x}")]);
            let answer = node.try_rpc("eth_call", call).await;
            let kept = history == History::Archive || height > 5;
            assert_eq!(answer.ok(), kept.then(|| json!(word(expected))), "{history:?} {height}");
        }
        drop(node);
        let checked = ledger::maintain::check(setup.directory.path(), None, u64::MAX, |_| true);
        assert_eq!(checked.unwrap().blocks, 12, "{history:?}");
    }
}

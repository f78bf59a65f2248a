//! What Otterscan asks: pages of an address, where contracts come from, what happened inside.

use crate::harness::{Setup, TestNode, key, sign, word};
use crate::trace::{number, parsed, send, world};
use alloy_primitives::{Address, B256, U256};
use chain::ChainView;
use serde_json::{Value, json};

fn hashes(page: &Value) -> Vec<B256> {
    page["txs"].as_array().unwrap().iter().map(|one| parsed(&one["hash"])).collect()
}

fn ends(page: &Value) -> (bool, bool) {
    (page["firstPage"].as_bool().unwrap(), page["lastPage"].as_bool().unwrap())
}

#[actix_web::test]
async fn otterscan_finds_a_node_that_speaks_its_language() {
    let world = world().await;
    let node = &world.node;
    assert_eq!(node.rpc("ots_getApiLevel", json!([])).await, json!(8));
    let header = node.rpc("erigon_getHeaderByNumber", json!([2])).await;
    assert_eq!(header["hash"], json!(world.header.hash()));
    assert_eq!(header.get("transactions"), None);
    assert_eq!(node.rpc("erigon_getHeaderByNumber", json!(["latest"])).await, header);
    assert_eq!(node.rpc("erigon_getHeaderByNumber", json!([9])).await, Value::Null);
    for (address, block, expected) in [
        (world.keeper, json!("latest"), true),
        (world.keeper, json!(1), true),
        (world.keeper, json!(0), false),
        (key(1).address(), json!("latest"), false),
        (Address::repeat_byte(9), json!("latest"), false),
    ] {
        let has = node.rpc("ots_hasCode", json!([address, block])).await;
        assert_eq!(has, json!(expected), "{address} at {block}");
    }
}

#[actix_web::test]
async fn a_block_tells_its_fees_and_lists_its_transactions_from_the_end() {
    let world = world().await;
    let node = &world.node;
    let details = node.rpc("ots_getBlockDetails", json!([2])).await;
    let by_hash = node.rpc("ots_getBlockDetailsByHash", json!([world.header.hash()])).await;
    assert_eq!(details, by_hash);
    let block = &details["block"];
    assert_eq!(block["hash"], json!(world.header.hash()));
    assert_eq!(block["transactionCount"], json!(world.sent.len()));
    assert_eq!((&block["logsBloom"], block.get("transactions")), (&Value::Null, None));
    let reward = node.ledger.node().rules().reward;
    assert_eq!(details["issuance"]["blockReward"], json!(reward));
    let fees = world.receipts.iter().map(|receipt| {
        let price: U256 = parsed(&receipt["effectiveGasPrice"]);
        U256::from(number(&receipt["gasUsed"])) * price
    });
    assert_eq!(details["totalFees"], json!(fees.fold(U256::ZERO, |sum, fee| sum + fee)));
    let mut pages = Vec::new();
    for page in 0..4 {
        let told = node.rpc("ots_getBlockTransactions", json!([2, page, 6])).await;
        assert_eq!(told["fullblock"]["transactionCount"], json!(world.sent.len()));
        let listed = told["fullblock"]["transactions"].as_array().unwrap().clone();
        let receipts = told["receipts"].as_array().unwrap().clone();
        assert_eq!(listed.len(), receipts.len());
        for (transaction, receipt) in listed.iter().zip(&receipts) {
            assert_eq!(transaction["hash"], receipt["transactionHash"]);
            assert!(transaction["input"].as_str().unwrap().len() <= 10, "{transaction}");
            assert_eq!((&receipt["logs"], &receipt["logsBloom"]), (&Value::Null, &Value::Null));
        }
        pages.push(listed.iter().map(|one| parsed(&one["hash"])).collect::<Vec<B256>>());
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [6, 6, 3, 0]);
    pages.reverse();
    let all: Vec<B256> = world.sent.iter().map(|(_, one)| *one.tx_hash()).collect();
    assert_eq!(pages.concat(), all);
    for (method, parameters) in [
        ("ots_getBlockDetails", json!([9])),
        ("ots_getBlockDetailsByHash", json!([B256::ZERO])),
        ("ots_getBlockTransactions", json!([9, 0, 5])),
    ] {
        assert_eq!(node.rpc(method, parameters).await, Value::Null, "{method}");
    }
    let refused = node.refusal("ots_getBlockTransactions", json!([2, 0, 101])).await;
    assert_eq!(refused, (-32_602, "page size must be from 1 to 100".into()));
}

#[actix_web::test]
async fn what_happened_inside_a_transaction_is_told() {
    let world = world().await;
    let operations = async |name: &str| {
        world.node.rpc("ots_getInternalOperations", json!([world.hash(name)])).await
    };
    let (keeper, stranger) = (world.factory.create(1), key(3).address());
    let paid = json!([{ "type": 0, "from": world.forward, "to": stranger, "value": "0x6" }]);
    let made = json!([{ "type": 2, "from": world.factory, "to": keeper, "value": "0x3" }]);
    let (ended, by) = (world.factory.create(2), world.factory);
    let over = json!([
        { "type": 2, "from": by, "to": ended, "value": "0x4" },
        { "type": 1, "from": ended, "to": by, "value": "0x4" },
    ]);
    for (name, expected) in [
        ("transfer", json!([])),
        ("nested", json!([])),
        ("paid", paid),
        ("created", made),
        ("ended", over),
    ] {
        assert_eq!(operations(name).await, expected, "{name}");
    }
    let error = async |name: &str| {
        world.node.rpc("ots_getTransactionError", json!([world.hash(name)])).await
    };
    assert_eq!(error("nested").await, json!("0x"));
    assert_eq!(error("reverted").await, json!("0x"), "it reverts without a reason");
    let call = world.traced("refused", json!({ "tracer": "callTracer" })).await;
    assert_eq!(error("refused").await, call["output"]);
    let frames = async |name: &str| -> Vec<(String, u64, Value)> {
        let told = world.node.rpc("ots_traceTransaction", json!([world.hash(name)])).await;
        let told = told.as_array().unwrap().iter();
        told.map(|one| (parsed(&one["type"]), parsed(&one["depth"]), one["value"].clone()))
            .collect()
    };
    let zero = || json!("0x0");
    for (name, expected) in [
        ("transfer", vec![("CALL", 0, json!("0x5"))]),
        ("delegated", vec![("CALL", 0, zero()), ("DELEGATECALL", 1, Value::Null)]),
        ("static", vec![("CALL", 0, zero()), ("STATICCALL", 1, Value::Null)]),
        ("identity", vec![("CALL", 0, zero())]),
        (
            "ended",
            vec![
                ("CALL", 0, json!("0x4")),
                ("CREATE", 1, json!("0x4")),
                ("SELFDESTRUCT", 2, json!("0x4")),
            ],
        ),
        ("deployed", vec![("CREATE", 0, zero())]),
    ] {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(kind, depth, value)| (kind.to_owned(), depth, value))
            .collect();
        assert_eq!(frames(name).await, expected, "{name}");
    }
}

#[actix_web::test]
async fn a_contract_tells_who_created_it() {
    let world = world().await;
    let creator =
        async |address: Address| world.node.rpc("ots_getContractCreator", json!([address])).await;
    let (by_contract, by_account) = (world.factory.create(1), key(2).address().create(0));
    let told =
        |name: &str, creator: Address| json!({ "hash": world.hash(name), "creator": creator });
    assert_eq!(creator(by_contract).await, told("created", world.factory));
    assert_eq!(creator(by_account).await, told("deployed", key(2).address()));
    assert_eq!(creator(world.keeper).await["creator"], json!(key(1).address()));
    for nobody in [key(1).address(), world.factory.create(2), Address::repeat_byte(9)] {
        assert_eq!(creator(nobody).await, Value::Null, "{nobody}");
    }
    for (name, transaction) in &world.sent {
        use alloy_consensus::Transaction as _;
        let sender: Address = parsed(&world.receipt(name)["from"]);
        let asked = json!([sender, transaction.nonce()]);
        let found = world.node.rpc("ots_getTransactionBySenderAndNonce", asked).await;
        assert_eq!(found, json!(transaction.tx_hash()), "{name}");
    }
    let unused = json!([key(1).address(), 99]);
    let found = world.node.rpc("ots_getTransactionBySenderAndNonce", unused).await;
    assert_eq!(found, Value::Null);
}

#[actix_web::test]
async fn an_address_is_searched_in_both_directions() {
    let setup = Setup::default();
    let node = setup.start().await;
    let keeper = node.deploy(0).await;
    let mut sent = Vec::new();
    // Blocks 2 to 6 with two transactions each, one of them not to the contract.
    for nonce in 0..5 {
        let ours = sign(1, nonce + 1, Some(keeper), word(nonce + 1));
        node.send(&ours).await;
        node.send(&send(2, nonce, Some(key(3).address()), 1, &[])).await;
        assert!(node.tick().await);
        sent.push(*ours.tx_hash());
    }
    let deployed = first_transaction(&node);
    let all = [&[deployed][..], &sent].concat();
    let newest: Vec<B256> = all.iter().rev().copied().collect();
    let search = async |direction: &str, number: u64, size: u64| {
        let method = format!("ots_searchTransactions{direction}");
        node.rpc(&method, json!([keeper, number, size])).await
    };
    for (direction, number, size, expected, ended) in [
        ("Before", 0, 10, &newest[..], (true, true)),
        ("Before", 0, 2, &newest[..2], (true, false)),
        ("Before", 5, 2, &newest[2..4], (false, false)),
        ("Before", 3, 2, &newest[4..], (false, true)),
        ("Before", 1, 2, &[][..], (false, true)),
        ("After", 0, 10, &newest[..], (true, true)),
        ("After", 0, 2, &newest[4..], (false, true)),
        ("After", 2, 2, &newest[2..4], (false, false)),
        ("After", 4, 2, &newest[..2], (true, false)),
        ("After", 6, 2, &[][..], (true, false)),
    ] {
        let page = search(direction, number, size).await;
        let asked = format!("{size} {direction} {number}");
        assert_eq!(hashes(&page), expected, "{asked}");
        assert_eq!(ends(&page), ended, "{asked}");
        for (transaction, receipt) in
            page["txs"].as_array().unwrap().iter().zip(page["receipts"].as_array().unwrap())
        {
            let hash = json!([transaction["hash"]]);
            let stored = node.rpc("eth_getTransactionByHash", hash.clone()).await;
            assert_eq!(transaction, &stored);
            let mut stored = node.rpc("eth_getTransactionReceipt", hash).await;
            let height = number_of(&stored);
            let header = node.ledger.node().snapshot().unwrap().canonical_header(height).unwrap();
            stored["timestamp"] = json!(header.timestamp);
            assert_eq!(receipt, &stored);
        }
    }
}

/// The one of block 1.
fn first_transaction(node: &TestNode) -> B256 {
    let snapshot = node.ledger.node().snapshot().unwrap();
    let block = snapshot.block(snapshot.canonical_hash(1).unwrap()).unwrap();
    *block.transactions[0].tx_hash()
}

fn number_of(receipt: &Value) -> u64 {
    number(&receipt["blockNumber"])
}

#[actix_web::test]
async fn who_is_called_on_the_way_is_found_too() {
    let world = world().await;
    let search = async |address: Address| {
        let page = world.node.rpc("ots_searchTransactionsBefore", json!([address, 0, 100])).await;
        hashes(&page)
    };
    let hash = |name: &str| world.hash(name);
    let keeper = search(world.keeper).await;
    assert!(keeper.contains(&hash("nested")));
    assert!(!keeper.contains(&hash("transfer")));
    let stranger = search(key(3).address()).await;
    assert_eq!(stranger, [hash("paid"), hash("transfer")]);
    let created = search(world.factory.create(1)).await;
    assert_eq!(created, [hash("created")]);
    // One that reverts names its receiver still.
    assert!(search(world.forward).await.contains(&hash("reverted")));
}

#[actix_web::test]
async fn the_index_follows_the_best_branch() {
    let setup = Setup::default();
    let node = setup.start().await;
    let keeper = node.deploy(0).await;
    let fork = node.ledger.node().snapshot().unwrap().head();
    let (lost, shared) = (sign(1, 1, Some(keeper), word(7)), sign(2, 0, Some(keeper), word(8)));
    node.confirm(&lost).await;
    node.confirm(&shared).await;
    let search = async || {
        let page = node.rpc("ots_searchTransactionsBefore", json!([keeper, 0, 10])).await;
        hashes(&page)
    };
    let by_nonce = async |sender: u8, nonce: u64| {
        let asked = json!([key(sender).address(), nonce]);
        node.rpc("ots_getTransactionBySenderAndNonce", asked).await
    };
    let deployed = first_transaction(&node);
    assert_eq!(search().await, [*shared.tx_hash(), *lost.tx_hash(), deployed]);
    let first = node.competing(fork, std::slice::from_ref(&shared));
    assert_eq!(node.import(&first).unwrap(), None);
    assert_eq!(search().await.len(), 3, "a block of another branch changes nothing");
    let second = node.competing(first.hash(), &[]);
    assert_eq!(node.import(&second).unwrap(), None);
    let third = node.competing(second.hash(), &[]);
    assert!(node.import(&third).unwrap().is_some());
    assert_eq!(search().await, [*shared.tx_hash(), deployed]);
    assert_eq!(by_nonce(1, 1).await, Value::Null);
    assert_eq!(by_nonce(2, 0).await, json!(shared.tx_hash()));
    let page = node.rpc("ots_searchTransactionsBefore", json!([keeper, 0, 10])).await;
    assert_eq!(page["receipts"][0]["blockHash"], json!(first.hash()));
    assert!(node.tick().await, "the lost transaction is mined again");
    assert_eq!(search().await, [*lost.tx_hash(), *shared.tx_hash(), deployed]);
}

/// Takes the index out of a directory, as if it had been written before there was one.
fn forget_the_index(directory: &std::path::Path) {
    let database = redb::Database::create(directory.join("chain.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    for table in ["appearances", "places_of_address", "places_of_nonce"] {
        let mut tables = transaction.list_tables().unwrap();
        let known = tables.find(|one| redb::TableHandle::name(one) == table).unwrap();
        assert!(transaction.delete_table(known).unwrap());
    }
    let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
    for name in ["indexed", "entered"] {
        transaction.open_table(meta).unwrap().remove(name).unwrap().unwrap();
    }
    transaction.commit().unwrap();
}

#[actix_web::test]
async fn a_directory_without_an_index_gets_one_when_it_is_opened() {
    use client::JsonRpc;
    use service::Tick;
    let setup = Setup::default();
    let clock = || service::Clock::set(crate::harness::start()).0;
    let relayed = crate::trace::making(&crate::trace::relay(crate::trace::CALL, false));
    let [keeper, relay] = [0, 1].map(|nonce| key(1).address().create(nonce));
    let sent = [
        sign(1, 0, None, crate::harness::creation_code()),
        sign(1, 1, None, relayed),
        sign(1, 2, Some(relay), crate::trace::via(keeper, &word(7)).into()),
    ];
    let ask = async |ledger: &ledger::Ledger| {
        let mut answers = Vec::new();
        for (method, params) in [
            ("ots_searchTransactionsBefore", json!([keeper, 0, 10])),
            ("ots_searchTransactionsBefore", json!([relay, 0, 10])),
            ("ots_getContractCreator", json!([keeper])),
            ("ots_getTransactionBySenderAndNonce", json!([key(1).address(), 2])),
        ] {
            answers.push(ledger.request(method, params).await.unwrap());
        }
        answers
    };
    let ledger = ledger::start(setup.parts(clock())).await.unwrap();
    let mut time = crate::harness::start();
    for transaction in &sent {
        let raw = json!([crate::harness::raw(transaction)]);
        ledger.request("eth_sendRawTransaction", raw).await.unwrap();
        time = time.plus_seconds(1);
        assert!(ledger.tick(time).await.unwrap());
    }
    let answers = ask(&ledger).await;
    assert_eq!(hashes(&answers[0]), [*sent[2].tx_hash(), *sent[0].tx_hash()]);
    drop(ledger);
    forget_the_index(setup.directory.path());
    let ledger = ledger::start(setup.parts(clock())).await.unwrap();
    assert_eq!(ask(&ledger).await, answers);
}

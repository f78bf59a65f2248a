//! What a directory keeps, and which directories are refused.

use crate::harness::{Setup, creation_code, raw, sign, start, word};
use client::{JsonRpc, block_number, call};
use ledger::{StartError, StoreError};
use serde_json::json;
use service::{Clock, Tick};

fn clock() -> Clock {
    Clock::set(start()).0
}

async fn refusal(setup: &Setup) -> StoreError {
    match ledger::start(setup.parts(clock())).await {
        Err(StartError::Store(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it started"),
    }
}

#[actix_web::test]
async fn what_was_mined_is_there_after_a_restart() {
    let setup = Setup::default();
    let mut time = start();
    let mut contract = None;
    for (nonce, kept) in [(0, None), (1, Some(7)), (2, Some(8))] {
        let ledger = ledger::start(setup.parts(clock())).await.unwrap();
        assert_eq!(block_number(&*ledger).await.unwrap(), nonce);
        let transaction = match kept {
            None => sign(1, nonce, None, creation_code()),
            Some(kept) => sign(1, nonce, contract, word(kept)),
        };
        let sent = ledger.request("eth_sendRawTransaction", json!([raw(&transaction)])).await;
        time = time.plus_seconds(1);
        assert!(ledger.tick(time).await.unwrap());
        let receipt = ledger.request("eth_getTransactionReceipt", json!([sent.unwrap()])).await;
        let created = receipt.unwrap()["contractAddress"].clone();
        contract = contract.or(serde_json::from_value(created).unwrap());
    }
    let ledger = ledger::start(setup.parts(clock())).await.unwrap();
    for (block, expected) in [("0x1", 0), ("0x2", 7), ("latest", 8)] {
        let kept = call(&*ledger, contract.unwrap(), Default::default(), block).await.unwrap();
        assert_eq!(kept, word(expected), "at {block}");
    }
}

#[actix_web::test]
async fn another_genesis_is_refused() {
    let mut setup = Setup::default();
    let ledger = ledger::start(setup.parts(clock())).await.unwrap();
    ledger.mine_now(start()).await.unwrap().unwrap();
    let genesis = ledger.node().genesis();
    drop(ledger);
    setup.genesis.chain_id += 1;
    setup.genesis.timestamp += 1;
    let refused = refusal(&setup).await;
    assert!(matches!(refused, StoreError::OtherGenesis { found, .. } if found == genesis));
    setup.genesis.chain_id -= 1;
    setup.genesis.timestamp -= 1;
    let ledger = ledger::start(setup.parts(clock())).await.unwrap();
    assert_eq!(block_number(&*ledger).await.unwrap(), 1);
}

#[actix_web::test]
async fn a_directory_of_something_else_is_refused_and_left_alone() {
    for name in ["notes.txt", "chain.redb"] {
        let setup = Setup::default();
        let file = setup.directory.path().join(name);
        std::fs::write(&file, "not a chain, and longer than any header of one ".repeat(200))
            .unwrap();
        let before = std::fs::read(&file).unwrap();
        let refused = refusal(&setup).await;
        assert!(matches!(refused, StoreError::Foreign { .. }), "{name}: {refused:?}");
        assert_eq!(std::fs::read(&file).unwrap(), before, "{name}");
    }
}

#[actix_web::test]
async fn a_database_of_something_else_or_of_a_newer_version_is_refused() {
    use redb::{Database, TableDefinition};
    let setup = Setup::default();
    let file = setup.directory.path().join("chain.redb");
    let other: TableDefinition<'_, u64, u64> = TableDefinition::new("other");
    let transaction = |database: &Database| database.begin_write().unwrap();
    let database = Database::create(&file).unwrap();
    let write = transaction(&database);
    write.open_table(other).unwrap().insert(1, 1).unwrap();
    write.commit().unwrap();
    drop(database);
    let refused = refusal(&setup).await;
    assert!(matches!(refused, StoreError::Foreign { .. }), "{refused:?}");

    let setup = Setup::default();
    drop(ledger::start(setup.parts(clock())).await.unwrap());
    let file = setup.directory.path().join("chain.redb");
    let meta: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let database = Database::create(&file).unwrap();
    let write = transaction(&database);
    write.open_table(meta).unwrap().insert("format", 6u64.to_be_bytes().as_slice()).unwrap();
    write.commit().unwrap();
    drop(database);
    let refused = refusal(&setup).await;
    assert!(matches!(refused, StoreError::Newer { found: 6, known: 5 }), "{refused:?}");
}

#[actix_web::test]
async fn what_a_crash_left_of_a_chain_that_never_began_is_discarded() {
    let setup = Setup::default();
    std::fs::write(setup.directory.path().join("chain.redb.new"), [0; 4_096]).unwrap();
    let ledger = ledger::start(setup.parts(clock())).await.unwrap();
    assert_eq!(block_number(&*ledger).await.unwrap(), 0);
    drop(ledger);
    let names = std::fs::read_dir(setup.directory.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["chain.redb"]);
}

#[actix_web::test]
async fn two_nodes_never_share_a_directory() {
    let setup = Setup::default();
    let _first = ledger::start(setup.parts(clock())).await.unwrap();
    let refused = refusal(&setup).await;
    assert!(matches!(refused, StoreError::InUse), "{refused:?}");
}

//! When blocks are mined, and their times.

use crate::harness::{START, Setup, TestNode, sign};
use alloy_primitives::{Address, Bytes};
use ledger::Mining;
use service::Tick;
use std::num::NonZeroUsize;

fn times(node: &TestNode) -> Vec<u64> {
    let snapshot = node.ledger.node().snapshot().unwrap();
    (1..).map_while(|number| Some(snapshot.canonical_header(number)?.timestamp - START)).collect()
}

#[actix_web::test]
async fn on_demand_a_block_is_mined_when_transactions_wait_and_only_then() {
    let setup = Setup::default();
    let node = setup.start().await;
    node.pass(1_000);
    assert!(!node.tick().await);
    node.send(&sign(1, 0, Some(Address::ZERO), Bytes::new())).await;
    assert!(node.tick().await);
    assert!(!node.tick().await);
    assert_eq!(times(&node), [1_002]);
}

#[actix_web::test]
async fn when_idle_a_steady_miner_mines_an_empty_block_each_target_block_time() {
    let setup = Setup::with_config(|config| config.mode = Mining::Steady);
    let node = setup.start().await;
    let mined = [node.tick().await, node.tick().await, node.tick().await, node.tick().await];
    assert_eq!(mined, [false; 4]);
    for _ in 5..=12 {
        node.tick().await;
    }
    assert_eq!(times(&node), [5, 10]);
    node.send(&sign(1, 0, Some(Address::ZERO), Bytes::new())).await;
    node.tick().await;
    assert_eq!(times(&node), [5, 10, 13]);
}

#[actix_web::test]
async fn a_miner_that_is_off_mines_nothing() {
    let setup = Setup::with_config(|config| config.mode = Mining::Off);
    let node = setup.start().await;
    node.send(&sign(1, 0, Some(Address::ZERO), Bytes::new())).await;
    node.pass(100);
    assert!(!node.tick().await);
}

#[actix_web::test]
async fn blocks_at_one_moment_run_ahead_of_the_clock_by_fifteen_seconds_at_most() {
    let setup = Setup::default();
    let node = setup.start().await;
    for expected in 1..=15 {
        assert!(node.ledger.mine_now(node.now()).await.unwrap().is_some(), "block {expected}");
    }
    assert_eq!(node.ledger.mine_now(node.now()).await.unwrap(), None);
    node.send(&sign(1, 0, Some(Address::ZERO), Bytes::new())).await;
    assert!(!node.ledger.tick(node.now()).await.unwrap());
    assert!(node.tick().await);
    assert_eq!(times(&node), (1..=16).collect::<Vec<_>>());
}

#[actix_web::test]
async fn several_threads_find_a_nonce_too() {
    let mut setup = Setup::with_config(|config| config.threads = NonZeroUsize::new(3).unwrap());
    setup.genesis.difficulty = alloy_primitives::U256::from(100_000);
    let node = setup.start().await;
    let hash = node.mine().await;
    let snapshot = node.ledger.node().snapshot().unwrap();
    assert!(chain::ChainView::header(&snapshot, hash).unwrap().is_sealed());
}

#[actix_web::test]
async fn a_full_block_is_followed_by_another_at_the_same_tick() {
    let mut setup = Setup::default();
    // A transaction that reserves 200 000 gas and uses 21 000 fits three times.
    setup.genesis.gas_limit = 250_000;
    let node = setup.start().await;
    for nonce in 0..5 {
        node.send(&sign(1, nonce, Some(Address::ZERO), Bytes::new())).await;
    }
    assert!(node.tick().await);
    let snapshot = node.ledger.node().snapshot().unwrap();
    let used = |at| Some(snapshot.canonical_header(at)?.gas_used / 21_000);
    assert_eq!((1..).map_while(used).collect::<Vec<_>>(), [3, 2]);
    assert!(node.ledger.node().pool().is_empty());
}

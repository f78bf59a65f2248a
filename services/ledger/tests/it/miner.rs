//! When blocks are mined, and their times.

use crate::harness::{START, Setup, TestNode, sign, sign_with};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind};
use ledger::Mining;
use service::Tick;
use std::num::NonZeroUsize;

const CALL: TxKind = TxKind::Call(Address::ZERO);

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
async fn transactions_behind_a_gap_are_no_reason_to_mine() {
    let setup = Setup::default();
    let node = setup.start().await;
    node.send(&sign(1, 1, Some(Address::ZERO), Bytes::new())).await;
    node.pass(100);
    assert!(!node.tick().await);
}

#[actix_web::test]
async fn a_transaction_that_does_not_pay_the_base_fee_waits_while_empty_blocks_lower_it() {
    let mut setup = Setup::default();
    setup.genesis.base_fee = 100;
    let node = setup.start().await;
    let poor = sign_with(1, |one| TxEip1559 { max_fee_per_gas: 60, to: CALL, ..one });
    let hash = node.send(&poor).await;
    let mut ticks = 0;
    while node.ledger.node().pool().get(&hash).is_some() {
        ticks += 1;
        assert!(ticks < 100, "it never got into a block");
        node.tick().await;
    }
    // 100 falls by an eighth with each empty block: 88, 77, 68, 60.
    assert_eq!(times(&node), [5, 10, 15, 16]);
}

#[actix_web::test]
async fn a_node_that_stops_gives_up_its_search() {
    let mut setup = Setup::default();
    setup.genesis.difficulty = alloy_primitives::U256::MAX;
    let node = setup.start().await;
    let core = node.ledger.node().clone();
    let now = node.now().unsigned();
    let search = std::thread::spawn(move || core.mine_now(now).unwrap());
    node.ledger.node().stop();
    assert_eq!(search.join().unwrap(), None);
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

//! Blocks come and go; everything that was in them can be looked up.

use alloy_primitives::{B256, keccak256};
use contracts::RUN_CHALLENGED;
use serde_json::{Value, json};

use crate::scene::{BUYER, CLEARING, SELLER, SLOT, Scene};

const GENESIS: B256 = B256::repeat_byte(0x6e);
const TRADE: B256 = B256::repeat_byte(0x7a);

#[actix_web::test]
async fn a_block_shows_its_events_and_the_work_that_went_into_it() {
    let mut scene = Scene::start().await;
    let logs = vec![scene.cleared(0), scene.settled(TRADE, 1)];
    let block = scene.block(1, GENESIS, logs);
    scene.feed(&block, block.sequence).await.unwrap();

    let shown = scene.get("/v1/explorer/blocks/1").await;
    assert_eq!(shown, scene.get(&format!("/v1/explorer/blocks/{}", block.hash)).await);
    assert_eq!(shown["hash"], json!(block.hash));
    assert_eq!(shown["timestamp"], "2026-05-28T20:26:45Z");
    assert_eq!(shown["finalized"], false);
    let event = &shown["transactions"][0]["events"][0];
    assert_eq!(event["name"], "SlotCleared");
    assert_eq!(event["fields"]["clearing"], json!(CLEARING));
    assert_eq!(event["fields"]["terms"]["price"], 180_000);
    let event = &shown["transactions"][1]["events"][0];
    assert_eq!(event["contract"], "EnergyMarket");
    assert_eq!(event["name"], "TradeCreated");
    assert_eq!(event["fields"]["buyer"], json!(BUYER));
    assert_eq!(event["fields"]["clearing"], json!(CLEARING));
    assert_eq!(event["fields"]["index"], 3);
    assert_eq!(event["fields"]["quantity"], 5_000);
    assert_eq!(event["fields"]["escrow"], "960000000");

    let work = &shown["work"];
    assert_eq!(work["hash_matches"], true);
    assert_eq!(work["difficulty_met"], true);
    assert_eq!(work["difficulty"], "1000");
    let target = work["target"].as_str().unwrap();
    assert!(work["pow_hash"].as_str().unwrap() <= target);
    assert!(work["seal_hash"].as_str().unwrap().len() == target.len());
    scene.stop().await;
}

#[actix_web::test]
async fn a_trade_is_settled_then_reconciled_and_a_reorganisation_takes_it_back() {
    let mut scene = Scene::start().await;
    let logs = vec![scene.cleared(0), scene.settled(TRADE, 1)];
    let first = scene.block(1, GENESIS, logs);
    let reconciled = scene.reconciled(TRADE, 0, 0);
    let second = scene.block(2, first.hash, vec![reconciled]);
    let (undone, redone) = (scene.removal(&second), scene.removal(&first));

    scene.feed(&first, 1).await.unwrap();
    let trade = scene.get("/v1/explorer/trades").await["items"][0].take();
    assert_eq!(trade["state"], "settled");
    assert_eq!(trade["price"], "0.18");
    assert_eq!(trade["escrow"], "0.96");
    assert_eq!(trade["slot"], "2026-05-28T21:00:00Z");
    assert_eq!(trade.get("outcome"), None);

    scene.feed(&second, 2).await.unwrap();
    let trade = scene.get(&format!("/v1/explorer/trades/{TRADE}")).await;
    assert_eq!(trade["state"], "reconciled");
    assert_eq!(trade["outcome"]["delivered_wh"], 4_200);
    assert_eq!(trade["outcome"]["seller_net"], "0.7476");
    assert_eq!(trade["outcome"]["make_whole"], "0.0864");
    assert_eq!(trade["outcome"]["refund"], "0.1536");
    assert_eq!(trade["outcome"]["collateral_back"], "0.4536");

    scene.feed(&undone, 3).await.unwrap();
    let trade = scene.get(&format!("/v1/explorer/trades/{TRADE}")).await;
    assert_eq!(trade["state"], "settled");
    scene.feed(&redone, 4).await.unwrap();
    assert_eq!(scene.get("/v1/explorer/trades").await["items"], json!([]));
    assert_eq!(scene.get("/v1/explorer/blocks").await["items"], json!([]));
    assert_eq!(scene.get("/v1/explorer/transactions").await["items"], json!([]));
    let buyer = format!("/v1/explorer/search?q={BUYER}");
    assert_eq!(scene.get(&buyer).await["items"], json!([]));
    scene.stop().await;
}

#[actix_web::test]
async fn a_trade_that_is_cut_more_than_once_shows_the_last_cut() {
    let mut scene = Scene::start().await;
    let logs = [
        scene.cleared(0),
        scene.settled(TRADE, 1),
        scene.reconciled(TRADE, 0, 2),
        scene.delivered(TRADE, RUN_CHALLENGED, 3_000, 3),
        scene.delivered(TRADE, RUN_CHALLENGED, 2_000, 4),
    ];
    let first = scene.block(1, GENESIS, logs.to_vec());
    let mut cut = scene.delivered(TRADE, RUN_CHALLENGED, 1_000, 0);
    cut.transaction = B256::repeat_byte(0x9c);
    let second = scene.block(2, first.hash, vec![cut]);
    let undone = scene.removal(&second);
    let path = format!("/v1/explorer/trades/{TRADE}");
    scene.feed(&first, 1).await.unwrap();
    assert_eq!(scene.get(&path).await["outcome"]["delivered_wh"], 2_000);
    scene.feed(&second, 2).await.unwrap();
    assert_eq!(scene.get(&path).await["outcome"]["delivered_wh"], 1_000);
    let listed = scene.get("/v1/explorer/trades").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    scene.feed(&undone, 3).await.unwrap();
    let outcome = &scene.get(&path).await["outcome"];
    assert_eq!((&outcome["delivered_wh"], &outcome["run"]), (&json!(2_000), &json!(254)));
    scene.stop().await;
}

#[actix_web::test]
async fn a_trade_has_the_slot_and_the_price_of_its_clearing_also_after_a_reorganisation() {
    let mut scene = Scene::start().await;
    let logs = vec![
        scene.cleared_at(B256::repeat_byte(0xcb), SLOT + 1_800, 200_000, 0),
        scene.cleared(1),
        scene.cleared_at(B256::repeat_byte(0xcd), u64::MAX, u64::MAX, 2),
    ];
    let first = scene.block(1, GENESIS, logs);
    let settled = scene.settled(TRADE, 0);
    let second = scene.block(2, first.hash, vec![settled.clone()]);
    let (undone, gone) = (scene.removal(&second), scene.removal(&first));
    let dearer = scene.cleared_at(CLEARING, SLOT + 900, 190_000, 0);
    let third = scene.block(1, GENESIS, vec![dearer]);
    let fourth = scene.block(2, third.hash, vec![settled]);
    let path = format!("/v1/explorer/trades/{TRADE}");

    scene.feed(&first, 1).await.unwrap();
    scene.feed(&second, 2).await.unwrap();
    let trade = scene.get(&path).await;
    assert_eq!((&trade["price"], &trade["block"]), (&json!("0.18"), &json!(2)));
    assert_eq!(trade["slot"], "2026-05-28T21:00:00Z");

    scene.feed(&undone, 3).await.unwrap();
    scene.feed(&gone, 4).await.unwrap();
    scene.feed(&third, 5).await.unwrap();
    scene.feed(&fourth, 6).await.unwrap();
    let trade = scene.get(&path).await;
    assert_eq!((&trade["price"], &trade["block"]), (&json!("0.19"), &json!(2)));
    assert_eq!(trade["slot"], "2026-05-28T21:15:00Z");
    scene.stop().await;
}

#[actix_web::test]
async fn a_trade_of_no_clearing_is_refused_and_so_is_a_run_of_no_trade() {
    let mut scene = Scene::start().await;
    for (log, reason) in [
        (scene.settled(TRADE, 0), "unknown clearing"),
        (scene.reconciled(TRADE, 0, 0), "unknown trade"),
    ] {
        let mut block = scene.block(1, GENESIS, vec![log]);
        block.sequence = 1;
        let refused = format!("{:#}", scene.feed(&block, 1).await.unwrap_err());
        assert!(refused.contains(reason), "{refused}");
        assert_eq!(scene.get("/v1/explorer/blocks").await["items"], json!([]));
    }
    scene.stop().await;
}

#[actix_web::test]
async fn a_block_joins_only_in_order_and_only_on_its_parent() {
    let mut scene = Scene::start().await;
    let first = scene.block(1, GENESIS, vec![]);
    let second = scene.block(2, first.hash, vec![]);
    let mut stranger = scene.block(2, GENESIS, vec![]);
    stranger.sequence = second.sequence;

    assert!(scene.feed(&second, 2).await.is_err(), "block 2 came before block 1");
    scene.feed(&first, 1).await.unwrap();
    assert!(scene.feed(&stranger, 3).await.is_err(), "not a child of block 1");
    scene.feed(&second, 2).await.unwrap();
    scene.feed(&second, 2).await.unwrap();
    let mut late = scene.block(3, second.hash, vec![]);
    late.sequence += 1;
    assert!(scene.feed(&late, late.sequence).await.is_err(), "a place of the feed is missing");

    let listed = scene.get("/v1/explorer/blocks").await;
    assert_eq!(numbers(&listed), [2, 1]);
    assert_eq!(listed["items"][1]["finalized"], true);
    scene.stop().await;
}

#[actix_web::test]
async fn a_lost_index_is_read_again_from_a_node() {
    let mut scene = Scene::start().await;
    let genesis = scene.block(0, B256::ZERO, vec![]);
    let logs = vec![scene.cleared(0), scene.settled(TRADE, 1)];
    let first = scene.block(1, genesis.hash, logs);
    let reconciled = scene.reconciled(TRADE, 0, 0);
    let second = scene.block(2, first.hash, vec![reconciled]);
    let third = scene.block(3, second.hash, vec![]);
    let stale = scene.removal(&third);
    scene.feed(&stale, stale.sequence).await.unwrap();
    let third = scene.block(3, second.hash, vec![]);
    // Of the feed only the newest event comes: what was before it was published long ago.
    scene.feed(&third, third.sequence).await.unwrap();
    let blocks = scene.get("/v1/explorer/blocks").await;
    assert_eq!(numbers(&blocks), [3, 2, 1, 0]);
    assert_eq!(blocks["items"][2]["hash"], json!(first.hash));
    let trade = scene.get(&format!("/v1/explorer/trades/{TRADE}")).await;
    assert_eq!(trade["state"], "reconciled");
    assert_eq!(trade["buyer"], json!(BUYER));
    assert_eq!(trade["price"], "0.18");

    let undone = scene.removal(&third);
    scene.feed(&undone, undone.sequence).await.unwrap();
    assert_eq!(numbers(&scene.get("/v1/explorer/blocks").await), [2, 1, 0]);
    scene.stop().await;
}

#[actix_web::test]
async fn lists_go_on_where_the_page_before_ended() {
    let mut scene = Scene::start().await;
    let mut parent = GENESIS;
    for number in 1..=5 {
        let trades = (1..=2).map(|index| {
            let name = [u8::try_from(number).unwrap(), u8::try_from(index).unwrap()];
            scene.settled(keccak256(name), index)
        });
        let cleared = (number == 1).then(|| scene.cleared(0));
        let logs = cleared.into_iter().chain(trades).collect();
        let block = scene.block(number, parent, logs);
        parent = block.hash;
        scene.feed(&block, number).await.unwrap();
    }
    assert_eq!(walk(&scene, "/v1/explorer/blocks?limit=2", "hash").await, 5);
    assert_eq!(walk(&scene, "/v1/explorer/trades?limit=3", "trade").await, 10);
    // Those of the trades, and that of their clearing.
    assert_eq!(walk(&scene, "/v1/explorer/transactions?limit=4", "hash").await, 11);
    let seller = format!("/v1/explorer/transactions?limit=7&address={SELLER}");
    assert_eq!(walk(&scene, &seller, "hash").await, 10);
    let nobody = format!("/v1/explorer/trades?limit=7&address={}", scene.deployment.token);
    assert_eq!(walk(&scene, &nobody, "trade").await, 0);
    let bad = scene.refused("/v1/explorer/blocks?cursor=nonsense").await;
    assert_eq!(bad, (400, "MALFORMED".to_owned()));
    scene.stop().await;
}

/// How many different items the pages of `path` have together.
async fn walk(scene: &Scene, path: &str, name: &str) -> usize {
    let mut seen = std::collections::BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = scene.get(&format!("{path}{cursor}")).await;
        for item in page["items"].as_array().unwrap() {
            assert!(seen.insert(item[name].as_str().unwrap().to_owned()), "{item} came twice");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen.len(),
        }
    }
}

#[actix_web::test]
async fn a_search_finds_what_has_the_name() {
    let mut scene = Scene::start().await;
    let settled = scene.settled(TRADE, 1);
    let transaction = settled.transaction;
    let logs = vec![scene.cleared(0), settled];
    let block = scene.block(1, GENESIS, logs);
    scene.feed(&block, 1).await.unwrap();
    let checksummed = SELLER.to_string();
    for (q, kind, id) in [
        ("1", "block", "1".to_owned()),
        (&block.hash.to_string(), "block", "1".to_owned()),
        (&transaction.to_string(), "transaction", transaction.to_string()),
        (&TRADE.to_string(), "trade", TRADE.to_string()),
        (&checksummed, "address", checksummed.to_lowercase()),
    ] {
        let found = scene.get(&format!("/v1/explorer/search?q=%20{q}")).await;
        assert_eq!(found["items"], json!([{ "kind": kind, "id": id }]), "{q}");
    }
    for q in ["2", "0xnothing", "", "'; drop table blocks"] {
        let found = scene.request("/v1/explorer/search").query(&[("q", q)]).send().await.unwrap();
        assert_eq!(found.json::<Value>().await.unwrap()["items"], json!([]), "{q}");
    }
    for path in ["blocks/7", "blocks/0xabc", "transactions/0xabc", "trades/0xabc"] {
        let refused = scene.refused(&format!("/v1/explorer/{path}")).await;
        assert_eq!(refused, (404, "NOT_FOUND".to_owned()), "{path}");
    }
    scene.stop().await;
}

fn numbers(page: &Value) -> Vec<u64> {
    page["items"].as_array().unwrap().iter().map(|item| item["number"].as_u64().unwrap()).collect()
}

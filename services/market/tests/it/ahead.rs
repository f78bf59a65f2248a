//! Orders a week ahead: the furthest that a market may be open.

use alloy_consensus::Transaction;
use contracts::{OrderTerms, Side};
use market::MarketConfig;
use market::domain::NewOrder;
use reqwest::StatusCode;
use revm::primitives::TxKind;
use serde_json::json;
use service::Tick;
use std::sync::Arc;
use tempfile::TempDir;

use crate::contract::Evm;
use crate::http::*;
use crate::service::{connected, known};
use crate::town::*;

/// The slot that is traded, and the first moment at which that is possible.
const FAR: &str = "2026-06-08T09:00:00Z";
const OPENS: &str = "2026-06-01T09:00:00Z";
const GATE: &str = "2026-06-08T08:45:00Z";

fn order(name: &str, side: Side, wh: u64, limit: u64) -> NewOrder {
    let terms = neighbour(name).terms(side, wh, limit);
    let slot = at(FAR).unsigned();
    neighbour(name).sign(OrderTerms { slot, expiry: slot + 900, ..terms })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_seven_days_ahead_and_settles_a_week_later() {
    let week = MarketConfig { horizon_seconds: 7 * 86_400, ..config() };
    let running = start_with(Arc::new(TempDir::new().unwrap()), week).await;
    let mut evm = Evm::with(&config().policy);
    for envelope in known(&NAMES) {
        running.bus.publish(&envelope).await.unwrap();
    }
    let people = [neighbour("b1").address(), neighbour("s1").address()];
    let deposits = people.into_iter().flat_map(|address| evm.fund(address)).collect();
    running.bus.publish(&connected(1, 1, deposits)).await.unwrap();
    let (buy, sell) =
        (order("b1", Side::Buy, 1000, 200_000), order("s1", Side::Sell, 1000, 100_000));

    running.hand.move_to(at(OPENS).plus_seconds(-1));
    let (status, refused) = running.place("b1", body(&buy)).await;
    let early = (StatusCode::UNPROCESSABLE_ENTITY, &json!("GATE_CLOSED"));
    assert_eq!((status, &refused["code"]), early, "a second before");
    running.hand.move_to(at(OPENS));
    for (name, order) in [("b1", &buy), ("s1", &sell)] {
        let (status, placed) = running.place(name, body(order)).await;
        assert_eq!(status, StatusCode::CREATED, "{placed}");
    }

    let gate = at(GATE);
    running.hand.move_to(gate);
    assert!(running.market.tick(gate).await.unwrap());
    running.market.drain(gate).await.unwrap();
    evm.now = gate.unsigned();
    let mut logs = Vec::new();
    for transaction in running.node.taken() {
        let to = TxKind::Call(transaction.to().unwrap());
        let (data, gas) = (transaction.input().clone(), transaction.gas_limit());
        logs.extend(evm.run(clearer().address(), to, data, gas));
    }
    running.bus.publish(&connected(2, 2, logs)).await.unwrap();
    let book = running.market.desks()[0].book().await;
    let cleared = book.slot(at(FAR)).unwrap().cleared.clone().unwrap();
    assert_eq!((cleared.trades.len(), cleared.volume.wh()), (1, 1000));
    assert_eq!(book.settlement(cleared.trades[0].trade), "settled");
    for address in people {
        assert_eq!(book.wallet(address).tradable().n(), evm.free(address));
    }
    drop(book);
    running.stop().await;
}

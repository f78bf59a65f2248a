//! What everybody hears of orders, gates and rules, and what nobody does.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use async_trait::async_trait;
use bus::Consumer;
use contracts::Side;
use events::market::{CommitmentChanged, GateClosed, OrdersRejected, ParameterChanged};
use events::{Envelope, Event};
use market::domain::commitment;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::Tick;

use super::served::{commit, request, reveal, sealed};
use super::{GATE, LATER, OPENS, SALT, order};
use crate::http::*;
use crate::service::running;
use crate::town::*;

/// Somebody who hears of these alone.
#[derive(Default)]
struct Public {
    heard: Mutex<Vec<(String, Value)>>,
}

#[async_trait]
impl Consumer for Public {
    fn name(&self) -> &'static str {
        "public"
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[
            CommitmentChanged::SUBJECT,
            OrdersRejected::SUBJECT,
            GateClosed::SUBJECT,
            ParameterChanged::SUBJECT,
        ]
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        let news = (envelope.subject.clone(), envelope.body.clone());
        self.heard.lock().unwrap().push(news);
        Ok(())
    }
}

/// A market with somebody who listens.
async fn listened() -> (Running, Arc<Public>) {
    let running = running().await;
    let public = Arc::new(Public::default());
    running.bus.subscribe(public.clone()).await.unwrap();
    (running, public)
}

/// What was heard since the last time of one kind, at a moment.
async fn heard(running: &Running, public: &Public, subject: &str, now: &str) -> Vec<Value> {
    running.market.drain(at(now)).await.unwrap();
    let heard = std::mem::take(&mut *public.heard.lock().unwrap());
    let (these, others): (Vec<_>, Vec<_>) =
        heard.into_iter().partition(|(known, _)| known == subject);
    *public.heard.lock().unwrap() = others;
    these.into_iter().map(|(_, body)| body).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_is_told_by_its_hash_from_coming_to_opening() {
    let (running, public) = listened().await;
    sealed(&running).await;
    let rules = heard(&running, &public, ParameterChanged::SUBJECT, OPENS).await;
    assert_eq!((&rules[0]["parameter"], &rules[0]["from"]), (&json!("sealing"), &json!(LATER)));
    assert_eq!(rules[0]["value"], json!({ "reveal_seconds": 120 }));

    let (buy, sell) =
        (order("b1", Side::Buy, 3000, 200_000), order("s1", Side::Sell, 3000, 100_000));
    let back = order("b2", Side::Buy, 2000, 250_000);
    for (name, order, deposited) in [("b1", &buy, true), ("s1", &sell, false), ("b2", &back, false)]
    {
        assert_eq!(commit(&running, name, order, deposited).await.0, StatusCode::CREATED);
    }
    let name = commitment(back.hash, SALT);
    let path = format!("/v1/commitments/{name}");
    request(&running, Method::DELETE, &path, "b2", None).await;
    let told = heard(&running, &public, CommitmentChanged::SUBJECT, OPENS).await;
    let steps: Vec<&Value> = told.iter().map(|body| &body["step"]).collect();
    assert_eq!(steps, ["committed", "committed", "committed", "withdrawn"]);
    let first = commitment(buy.hash, SALT);
    assert_eq!((&told[0]["commitment"], &told[0]["slot"]), (&json!(first), &json!(LATER)));
    let secrets = [buy.hash.to_string(), neighbour("b1").account().to_string()];
    let text = json!(told).to_string();
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");

    running.hand.move_to(at(GATE));
    running.market.tick(at(GATE)).await.unwrap();
    assert_eq!(reveal(&running, "s1", &sell).await.0, StatusCode::CREATED);
    running.market.tick(at(GATE)).await.unwrap();
    let closed = heard(&running, &public, GateClosed::SUBJECT, GATE).await;
    let listed = running.get("b3", &format!("/v1/slots/{LATER}/commitments")).await;
    let of_slot: Vec<&Value> = closed.iter().filter(|body| body["slot"] == LATER).collect();
    assert_eq!(of_slot.len(), 1, "a slot has one gate: {closed:?}");
    assert_eq!(of_slot[0]["root"], listed["root"], "over its commitments");
    let told = heard(&running, &public, CommitmentChanged::SUBJECT, GATE).await;
    let steps: Vec<&Value> = told.iter().map(|body| &body["step"]).collect();
    assert_eq!(steps, ["revealed", "revealed"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_told_by_its_codes_with_the_next_tick() {
    let (running, public) = listened().await;
    let dear = neighbour("b1").buy(1000, 9_000_000);
    for _ in 0..2 {
        assert_eq!(running.place("b1", body(&dear)).await.1["code"], "PRICE_COLLAR");
    }
    let dear = neighbour("b2").buy(1000, 9_000_000);
    running.place("b2", body(&dear)).await;
    let tiny = neighbour("b3").buy(0, 200_000);
    assert_eq!(running.place("b3", body(&tiny)).await.1["code"], "MIN_LOT");
    let morning = &morning().to_string();
    assert_eq!(heard(&running, &public, OrdersRejected::SUBJECT, morning).await, [] as [Value; 0]);
    running.market.tick(at(morning)).await.unwrap();
    let told = heard(&running, &public, OrdersRejected::SUBJECT, morning).await;
    let of = |code: &str| {
        let found = told.iter().find(|body| body["code"] == code);
        found.unwrap_or_else(|| panic!("{code} in {told:?}"))["count"].clone()
    };
    assert_eq!((told.len(), of("PRICE_COLLAR"), of("MIN_LOT")), (2, json!(3), json!(1)));
    let names: BTreeSet<&str> = told[0].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = BTreeSet::from(["code", "community", "count", "zone"]);
    assert_eq!(names, expected, "and nothing else");
    running.market.tick(at(morning)).await.unwrap();
    assert_eq!(heard(&running, &public, OrdersRejected::SUBJECT, morning).await, [] as [Value; 0]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_that_are_refused_at_the_gate_are_told_together() {
    let (running, public) = listened().await;
    sealed(&running).await;
    for name in ["b1", "b2"] {
        let order = order(name, Side::Buy, 3000, 200_000);
        assert_eq!(commit(&running, name, &order, true).await.0, StatusCode::CREATED);
        let path = format!("/v1/suspensions/accounts/{}", neighbour(name).account());
        let why = Some(json!({ "reason": "unpaid" }));
        let (status, _) = running.request(Method::PUT, &path, operator(), why).await;
        assert_eq!(status, StatusCode::OK);
    }
    running.hand.move_to(at(GATE));
    running.market.tick(at(GATE)).await.unwrap();
    let told = heard(&running, &public, OrdersRejected::SUBJECT, GATE).await;
    let counted: Vec<_> = told.iter().map(|body| (&body["code"], &body["count"])).collect();
    assert_eq!(counted, [(&json!("SUSPENDED"), &json!(2))]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_of_open_orders_is_told_before_what_came_of_it_and_so_is_another_rule() {
    let (running, public) = listened().await;
    let path = format!("/v1/mechanisms/{LATER}");
    let rule = Some(json!({ "name": "continuous" }));
    assert_eq!(running.request(Method::PUT, &path, operator(), rule).await.0, StatusCode::OK);
    let now = morning().to_string();
    let told = heard(&running, &public, ParameterChanged::SUBJECT, &now).await;
    assert_eq!(told[0]["parameter"], "mechanism");
    assert_eq!(told[0]["value"], json!({ "name": "continuous" }));

    running.place("b1", body(&neighbour("b1").buy(1000, 200_000))).await;
    let gate = "2026-06-01T09:45:00Z";
    running.hand.move_to(at(gate));
    while running.market.tick(at(gate)).await.unwrap() {}
    let closed = heard(&running, &public, GateClosed::SUBJECT, gate).await;
    assert_eq!((closed.len(), &closed[0]["slot"]), (1, &json!(SLOT)));
    let journal = running.get("b3", &format!("/v1/slots/{SLOT}/journal")).await;
    assert_eq!(closed[0]["root"], journal["clearing"]["journalRoot"], "{journal}");
    running.stop().await;
}

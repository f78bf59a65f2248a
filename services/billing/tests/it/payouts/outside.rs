//! Tokens that wait outside of trading: paid out by a new redemption, or put back into the wallet.

use actix_web::http::StatusCode;
use alloy_primitives::U256;
use contracts::requests::{Withdrawal, withdrawal};
use contracts::{PayoutTerms, REDEMPTION_SECONDS, WITHDRAWAL_SECONDS};
use events::identity::Custody;
use serde_json::{Value, json};
use units::Money;

use super::pass;
use super::scene::*;
use crate::addresses::moved;
use crate::service::Running;
use crate::town::*;

/// A town in which heron has 5 in trading, and 20 outside that it took out itself.
async fn taken_out() -> Running {
    let mut town = town().await;
    let (account, amount) = (HERON.address(), Money::from_n(20_000_000_000));
    let expiry = town.now.plus_seconds(3_600).unsigned();
    let of = Withdrawal { account, amount, nonce: U256::from(77), expiry };
    let hash = withdrawal(CHAIN_ID, deployment().market, &of).unwrap();
    let signature = key("heron").sign(hash).as_bytes().to_vec().into();
    town.node.call(authority(), deployment().request_withdrawal_for(&of, signature).unwrap());
    town.settle().await;
    wait(&mut town).await;
    town.node.call(authority(), deployment().withdraw(account));
    town.settle().await;
    town
}

async fn outside(town: &Running) -> Value {
    town.get("heron", "/v1/wallet").await["outside"].clone()
}

async fn prepare(town: &Running, wish: Value) -> (StatusCode, Value) {
    town.post("heron", "/v1/payouts/prepare", "", wish).await
}

fn to_bank(amount: &str) -> Value {
    json!({ "amount": amount, "outside": true, "creditor": "Hanna Heron", "iban": OWN_IBAN })
}

fn to_wallet(amount: &str) -> Value {
    json!({ "amount": amount, "outside": true })
}

/// What heron asks for of what is outside, signed by `who`.
async fn signed(town: &Running, wish: Value, who: &str) -> Value {
    let (status, prepared) = prepare(town, wish.clone()).await;
    assert_eq!((status, prepared.get("withdrawal")), (StatusCode::OK, None), "{prepared}");
    let terms: PayoutTerms = serde_json::from_value(prepared["terms"].clone()).unwrap();
    outside_of(&terms, &wish, who)
}

/// The terms as they are asked for, signed by `who`.
fn outside_of(terms: &PayoutTerms, wish: &Value, who: &str) -> Value {
    let hash = terms.redemption_hash(CHAIN_ID, deployment().token).unwrap();
    let mut body = json!({
        "amount": terms.amount, "salt": terms.salt, "expiry": terms.expiry,
        "redemption_signature": key(who).sign(hash),
    });
    for name in ["creditor", "iban"] {
        if let Some(value) = wish.get(name) {
            body[name] = value.clone();
        }
    }
    body
}

async fn ask(town: &Running, key: &str, body: Value) -> (StatusCode, Value) {
    town.post("heron", "/v1/payouts", key, body).await
}

#[actix_web::test]
async fn what_waits_outside_is_paid_out_by_a_new_signature() {
    let mut town = taken_out().await;
    assert_eq!(outside(&town).await, "20");
    let body = signed(&town, to_bank("15"), "heron").await;
    let (status, payout) = ask(&town, "a", body.clone()).await;
    let shown = [&payout["state"], &payout["outside"], &payout["creditor"]];
    assert_eq!(status, StatusCode::CREATED, "{payout}");
    assert_eq!(shown, [&json!("withdrawn"), &json!(true), &json!("Hanna Heron")]);
    assert_eq!(ask(&town, "a", body).await.1["id"], payout["id"], "it is taken once");
    assert_eq!(outside(&town).await, "5", "the rest still waits");
    let more = signed(&town, to_bank("5.01"), "heron").await;
    assert_eq!(ask(&town, "b", more).await.1["code"], "NOT_ENOUGH_OUTSIDE");
    town.settle().await;
    town.settle().await;
    let id = payout["id"].as_str().unwrap();
    assert_eq!(state(&town, id).await, "redeemed");
    assert_eq!(outside(&town).await, "5");
    assert_eq!(make_file(&town, "operator", "f").await.1["total"], "15");
    let audit = town.in_order().await;
    let codes = ["2000", "2040", "2050"].map(|code| audit["balances"][code].clone());
    assert_eq!(codes, [json!("-5"), json!("-5"), json!("-15")]);
}

#[actix_web::test]
async fn what_waits_at_an_address_of_before_goes_out_from_there() {
    let mut town = taken_out().await;
    moved(&mut town, Custody::Own).await;
    town.move_to(slot(24).start);
    let at = town.get("heron", "/v1/wallet").await["balances"][0]["outside_at"].clone();
    assert_eq!(at, json!([{ "address": HERON.address(), "amount": "20" }]));
    let from = format!("/v1/payouts/prepare?address={}", at[0]["address"].as_str().unwrap());
    let (status, prepared) = town.post("heron", &from, "", to_bank("15")).await;
    assert_eq!(status, StatusCode::OK, "{prepared}");
    let terms: PayoutTerms = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let body = outside_of(&terms, &to_bank("15"), "heron");
    let (status, payout) = ask(&town, "a", body).await;
    assert_eq!((status, &payout["state"]), (StatusCode::CREATED, &json!("withdrawn")), "{payout}");
    let elsewhere = signed(&town, to_bank("1"), "heron later").await;
    assert_eq!(ask(&town, "b", elsewhere).await.1["code"], "NOT_ENOUGH_OUTSIDE");
    town.settle().await;
    assert_eq!(state(&town, payout["id"].as_str().unwrap()).await, "redeemed");
}

#[actix_web::test]
async fn what_an_expired_payout_left_outside_goes_back_into_the_wallet() {
    let mut town = town().await;
    let id = request(&town, "20", "a").await;
    town.settle().await;
    town.node.let_fail();
    pass(&mut town, WITHDRAWAL_SECONDS + REDEMPTION_SECONDS).await;
    assert_eq!(state(&town, &id).await, "expired");
    assert_eq!(outside(&town).await, "20");
    let body = signed(&town, to_wallet("20"), "heron").await;
    let (status, payout) = ask(&town, "b", body).await;
    assert_eq!((status, &payout["iban"]), (StatusCode::CREATED, &json!("")), "{payout}");
    let back = payout["id"].as_str().unwrap();
    town = town.restarted().await;
    for _ in 0..4 {
        town.settle().await;
    }
    assert_eq!(state(&town, back).await, "credited");
    let wallet = town.get("heron", "/v1/wallet").await;
    assert_eq!((&wallet["free"], &wallet["outside"]), (&json!("25"), &json!("0")));
    let audit = town.audit().await;
    let codes = ["2040", "2050"].map(|code| audit["balances"].get(code).cloned());
    assert_eq!((&audit["violations"], codes), (&json!([]), [None, None]));
    assert_eq!(make_file(&town, "operator", "f").await.1["code"], "NOTHING_TO_PAY");
    let told = town.get("auditor", "/v1/reserve").await;
    assert_eq!(told["reserves"][0]["equal"], true, "{told}");
}

#[actix_web::test]
async fn only_what_is_final_goes_back() {
    let mut town = taken_out().await;
    let body = signed(&town, to_wallet("0.004"), "heron").await;
    let id = ask(&town, "a", body).await.1["id"].as_str().unwrap().to_owned();
    town.node.lag(1);
    town.settle().await;
    assert_eq!(state(&town, &id).await, "redeemed");
    town.settle().await;
    assert_eq!(state(&town, &id).await, "redeemed");
    town.deposit(OTTER, "2").await;
    town.settle().await;
    assert_eq!(state(&town, &id).await, "credited");
}

#[actix_web::test]
async fn what_cannot_go_back_or_out_is_refused() {
    let mut town = taken_out().await;
    for (wish, code) in [
        (json!({ "amount": "5" }), "MALFORMED"),
        (json!({ "amount": "5", "outside": true, "creditor": "Hanna" }), "MALFORMED"),
        (json!({ "amount": "5", "outside": true, "iban": OWN_IBAN }), "MALFORMED"),
        (json!({ "amount": "5", "outside": "yes" }), "MALFORMED"),
        (to_wallet("0"), "AMOUNT"),
        (to_wallet("-1"), "AMOUNT"),
        (to_wallet("1000001"), "AMOUNT"),
        (to_bank("0.5"), "AMOUNT"),
        (to_bank("5.001"), "AMOUNT"),
    ] {
        assert_eq!(prepare(&town, wish.clone()).await.1["code"], code, "{wish}");
    }
    let good = signed(&town, to_wallet("5"), "heron").await;
    let changed = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, code) in [
        (signed(&town, to_wallet("5"), "otter").await, "NOT_SIGNED"),
        (changed("amount", json!("6")), "NOT_SIGNED"),
        (changed("withdrawal_signature", json!("0x")), "MALFORMED"),
        (changed("withdrawal_signature", good["redemption_signature"].clone()), "MALFORMED"),
        (changed("redemption_signature", json!("0x")), "NOT_SIGNED"),
        (changed("iban", json!(OWN_IBAN)), "MALFORMED"),
        (signed(&town, to_wallet("20.000000001"), "heron").await, "NOT_ENOUGH_OUTSIDE"),
    ] {
        assert_eq!(ask(&town, "k", body).await.1["code"], code);
    }
    assert_eq!(town.post("otter", "/v1/payouts", "k", good.clone()).await.1["code"], "NOT_SIGNED");
    assert_eq!(town.post("operator", "/v1/payouts", "k", good).await.0, StatusCode::FORBIDDEN);
    town.settle().await;
    assert_eq!(outside(&town).await, "20", "nothing was touched");
}

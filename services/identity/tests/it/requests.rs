//! Transfers, mandates, exchanges and what is done with certificates, signed with held keys.

use alloy_primitives::{Address, B256, Bytes, U256};
use calendar::Timestamp;
use contracts::requests::{
    Cancellation, CashTransfer, CertificateRetirement, CertificateTransfer, Mandate,
};
use contracts::{AccountRequest, Quote};
use identity::{Settings, SignerLimits};
use keys::{Signature, recover};
use serde_json::{Value, json};
use units::{Energy, Money};

use crate::server::{Answer, FRANCS, PLACE, Server};

/// 100 a day, consent above 10; 5 kWh of certified energy, consent above 1.5.
fn settings() -> Settings {
    let limits = SignerLimits {
        daily: Money::from_n(100_000_000_000),
        approval_above: Money::from_n(10_000_000_000),
        approval_seconds: 3600,
        certified_daily: Energy::from_wh(5_000),
        certified_above: Energy::from_wh(1_500),
    };
    Settings { limits, ..Settings::default() }
}

fn transfer(account: &Value, amount: i64, nonce: u64) -> CashTransfer {
    CashTransfer {
        account: account["address"].as_str().unwrap().parse().unwrap(),
        to: Address::repeat_byte(7),
        amount: Money::from_n(amount * 1_000_000_000),
        nonce: U256::from(nonce),
        expiry: 4_000_000_000,
        sender: Address::ZERO,
        link: B256::ZERO,
    }
}

async fn sign(server: &Server, token: &str, request: &AccountRequest) -> Answer {
    server.post("/v1/signatures/request", token, json!(request)).await
}

fn check_signed(answer: &Answer, request: &AccountRequest) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let hash = request.hash(PLACE.chain_id, &PLACE.at).unwrap();
    assert_eq!(answer.text("/hash"), hash.to_string());
    let signature: Signature = answer.text("/signature").parse().unwrap();
    assert_eq!(recover(hash, &signature), Some(request.account()));
}

#[actix_web::test]
async fn a_transfer_of_the_own_account_is_signed_up_to_the_days_limit() {
    let server = Server::start_with(settings()).await;
    let (account, ada) = server.home("ada", "consumer").await;
    for nonce in 0..10 {
        let request = AccountRequest::Transfer(transfer(&account, 10, nonce));
        check_signed(&sign(&server, &ada, &request).await, &request);
    }
    let beyond = AccountRequest::Transfer(transfer(&account, 1, 10));
    let beyond = sign(&server, &ada, &beyond).await;
    assert_eq!((beyond.status, beyond.code()), (422, "SIGNING_LIMIT"));
    server.stop().await;
}

#[actix_web::test]
async fn a_mandate_that_lets_much_be_spent_waits_for_consent() {
    let server = Server::start_with(settings()).await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "consumer").await;
    let mandate = |wh: u64| {
        let mandate = Mandate {
            account: account["address"].as_str().unwrap().parse().unwrap(),
            delegate: Address::repeat_byte(7),
            policy: B256::repeat_byte(1),
            until: 4_000_000_000,
            buy_price_max: 500_000,
            sell_price_min: 0,
            quantity_per_slot: Energy::from_wh(5_000),
            quantity_per_day: Energy::from_wh(wh),
            version: 1,
        };
        AccountRequest::Mandate { mandate, expiry: 4_000_000_000 }
    };
    let small = mandate(20_000);
    check_signed(&sign(&server, &ada, &small).await, &small);
    let large = mandate(20_001);
    let waits = sign(&server, &ada, &large).await;
    assert_eq!((waits.status, waits.text("/kind")), (202, "request".to_owned()));
    assert_eq!(waits.body["request"]["kind"], "mandate");
    let path = format!("/v1/approvals/{}/approval", waits.text("/approval"));
    assert_eq!(server.post(&path, &operator, json!(null)).await.status, 200);
    check_signed(&sign(&server, &ada, &large).await, &large);
    server.stop().await;
}

#[actix_web::test]
async fn orders_are_ended_by_their_account_alone_and_cost_nothing_of_its_limit() {
    let server = Server::start_with(settings()).await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "consumer").await;
    for nonce in 0..10 {
        let request = AccountRequest::Transfer(transfer(&account, 10, nonce));
        check_signed(&sign(&server, &ada, &request).await, &request);
    }
    let nonces = vec![U256::from(7), U256::MAX];
    let account = account["address"].as_str().unwrap().parse().unwrap();
    let all = AccountRequest::Cancellation(Cancellation { account, nonces });
    check_signed(&sign(&server, &ada, &all).await, &all);
    assert_eq!(sign(&server, &operator, &all).await.status, 403, "it is another's key");
    let none = AccountRequest::Cancellation(Cancellation { account, nonces: vec![] });
    assert_eq!(sign(&server, &ada, &none).await.code(), "AMOUNT");
    server.stop().await;
}

/// Ten euros for nine francs.
fn quote(account: &Value) -> Quote {
    Quote {
        from: PLACE.at.market,
        to: FRANCS.market,
        account: account["address"].as_str().unwrap().parse().unwrap(),
        dealer: Address::repeat_byte(7),
        given: Money::from_n(10_000_000_000),
        taken: Money::from_n(9_000_000_000),
        expiry: 4_000_000_000,
        account_nonce: U256::from(1),
        dealer_nonce: U256::from(2),
    }
}

fn exchange(quote: Quote) -> AccountRequest {
    AccountRequest::Exchange { quote, dealer_signature: Bytes::from(vec![6; 64]) }
}

async fn limit(server: &Server, token: &str, account: &Value, unit: &str) -> [String; 3] {
    let path = format!("/v1/signing-limits/{}{unit}", account["account"].as_str().unwrap());
    let limit = server.get(&path, token).await;
    ["/unit", "/daily", "/signed_today"].map(|field| limit.text(field))
}

#[actix_web::test]
async fn each_currency_has_its_own_limit_and_what_is_of_none_is_not_signed() {
    let server = Server::start_with(settings()).await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "consumer").await;
    let good = quote(&account);
    check_signed(&sign(&server, &ada, &exchange(good)).await, &exchange(good));
    let transfer_at = |market: Address, amount: i64, nonce: u64| {
        let transfer = transfer(&account, amount, nonce);
        AccountRequest::CurrencyTransfer { market, transfer }
    };
    for nonce in 0..10 {
        let request = transfer_at(FRANCS.market, 10, nonce);
        check_signed(&sign(&server, &ada, &request).await, &request);
    }
    assert_eq!(limit(&server, &ada, &account, "").await, ["EUR", "100", "10"]);
    assert_eq!(limit(&server, &ada, &account, "?unit=CHF").await, ["CHF", "100", "100"]);
    let beyond = sign(&server, &ada, &transfer_at(FRANCS.market, 1, 10)).await;
    assert_eq!((beyond.status, beyond.code()), (422, "SIGNING_LIMIT"));
    let again = Quote { account_nonce: U256::from(3), ..good };
    check_signed(&sign(&server, &ada, &exchange(again)).await, &exchange(again));
    let nobodys = sign(&server, &ada, &transfer_at(Address::repeat_byte(0x55), 1, 11)).await;
    assert_eq!((nobodys.status, nobodys.code()), (400, "MALFORMED"));

    // A limit is set in one currency and leaves the others.
    let path = format!("/v1/signing-limits/{}", account["account"].as_str().unwrap());
    let lower = json!({ "daily": "20", "unit": "EUR" });
    assert_eq!(server.put(&path, &operator, lower).await.text("/unit"), "EUR");
    assert_eq!(limit(&server, &ada, &account, "").await[1], "20");
    assert_eq!(limit(&server, &ada, &account, "?unit=CHF").await[1], "100");
    let unknown = server.put(&path, &operator, json!({ "daily": "1", "unit": "USD" })).await;
    assert_eq!((unknown.status, unknown.code()), (422, "CURRENCY"));

    let other = Quote { account_nonce: U256::from(4), ..good };
    for (quote, status, code) in [
        (other, 422, "SIGNING_LIMIT"),
        (Quote { given: Money::ZERO, ..other }, 422, "AMOUNT"),
        (Quote { taken: Money::ZERO, ..other }, 422, "AMOUNT"),
        (Quote { to: other.from, ..other }, 400, "MALFORMED"),
        (Quote { to: Address::repeat_byte(0x55), ..other }, 400, "MALFORMED"),
        (Quote { dealer: other.account, ..other }, 400, "MALFORMED"),
        (Quote { expiry: 1, ..other }, 422, "EXPIRED"),
    ] {
        let answer = sign(&server, &ada, &exchange(quote)).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{quote:?}");
    }
    server.stop().await;
}

/// A quote is over in two minutes, consent takes longer.
#[actix_web::test]
async fn consent_to_an_exchange_is_used_for_one_quote_that_is_no_worse() {
    let server = Server::start_with(settings()).await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "consumer").await;
    let now = "2026-06-01T10:00:00Z".parse::<Timestamp>().unwrap();
    // Twenty euros, offered anew: at what rate, when, by its nonce.
    let offered = |taken: i64, minutes: i64, nonce: u64| Quote {
        given: Money::from_n(20_000_000_000),
        taken: Money::from_n(taken),
        expiry: now.plus_seconds(60 * minutes + 120).unsigned(),
        account_nonce: U256::from(nonce),
        ..quote(&account)
    };
    let first = exchange(offered(18, 0, 1));
    let waits = sign(&server, &ada, &first).await;
    assert_eq!((waits.status, waits.text("/state")), (202, "open".to_owned()), "{waits:?}");
    assert_eq!((waits.text("/unit"), waits.text("/amount")), ("EUR".into(), "20".into()));
    assert_eq!(waits.text("/expires_at"), now.plus_seconds(3600).to_string(), "not the quote's");

    server.hand.move_to(now.plus_seconds(600));
    let later = sign(&server, &ada, &exchange(offered(18, 10, 2))).await;
    assert_eq!(later, waits, "another quote of the same is not asked for again");
    let path = format!("/v1/approvals/{}/approval", waits.text("/approval"));
    assert_eq!(server.post(&path, &operator, json!({})).await.text("/state"), "approved");
    let worse = sign(&server, &ada, &exchange(offered(17, 10, 3))).await;
    assert_eq!(worse.status, 202);
    assert_ne!(worse.text("/approval"), waits.text("/approval"), "nobody has consented to it");
    let elsewhere = Quote { dealer: Address::repeat_byte(8), ..offered(18, 10, 4) };
    assert_eq!(sign(&server, &ada, &exchange(elsewhere)).await.status, 202);

    let better = exchange(offered(19, 10, 5));
    for _ in 0..2 {
        check_signed(&sign(&server, &ada, &better).await, &better);
    }
    assert_eq!(limit(&server, &ada, &account, "").await[2], "20", "once");
    let another = sign(&server, &ada, &exchange(offered(19, 10, 6))).await;
    assert_eq!(another.status, 202, "consent is used once");
    // What was signed is what is told of it.
    let list = server.get("/v1/approvals", &ada).await;
    let done: Vec<_> = list.body["items"].as_array().unwrap().iter().collect();
    let done: Vec<_> = done.into_iter().filter(|one| one["state"] == "done").collect();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0]["request"], json!(better));
    server.stop().await;
}

#[actix_web::test]
async fn nothing_is_signed_for_others_or_that_cannot_be_meant() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "consumer").await;
    let (_, bob) = server.home("bob", "prosumer").await;
    let good = transfer(&account, 5, 1);
    let own = good.account;
    for (token, request, status, code) in [
        (&bob, good, 403, "FORBIDDEN"),
        (&operator, good, 403, "FORBIDDEN"),
        (&ada, CashTransfer { account: Address::repeat_byte(1), ..good }, 404, "NOT_FOUND"),
        (&ada, transfer(&account, 0, 1), 422, "AMOUNT"),
        (&ada, transfer(&account, -1, 1), 422, "AMOUNT"),
        (&ada, CashTransfer { to: Address::ZERO, ..good }, 400, "MALFORMED"),
        (&ada, CashTransfer { to: own, ..good }, 400, "MALFORMED"),
        (&ada, CashTransfer { expiry: 1, ..good }, 422, "EXPIRED"),
    ] {
        let answer = sign(&server, token, &AccountRequest::Transfer(request)).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{request:?}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn certificates_are_given_away_and_retired_for_the_own_account_alone() {
    let server = Server::start_with(settings()).await;
    let operator = server.staff("operator").await;
    let (home, ada) = server.home("ada", "consumer").await;
    let (_, bob) = server.home("bob", "prosumer").await;
    let account: Address = home["address"].as_str().unwrap().parse().unwrap();
    let (certificate, amount, nonce) = (U256::from(99), U256::from(1_200), U256::from(1));
    let (to, expiry) = (Address::repeat_byte(7), 4_000_000_000);
    let given = CertificateTransfer { account, to, certificate, amount, nonce, expiry };
    let beneficiary = "Bakery Weber".to_owned();
    let used = CertificateRetirement { account, certificate, amount, beneficiary, nonce, expiry };
    let give = |of: CertificateTransfer| AccountRequest::CertificateTransfer(of);
    let retire = |name: &str| {
        let beneficiary = name.to_owned();
        AccountRequest::CertificateRetirement(CertificateRetirement { beneficiary, ..used.clone() })
    };
    // They have no price: their Wh count, and nothing of a currency.
    for request in [give(given), retire("Bakery Weber"), retire(&"é".repeat(100))] {
        check_signed(&sign(&server, &ada, &request).await, &request);
    }
    assert_eq!(limit(&server, &ada, &home, "").await, ["EUR", "100", "0"]);
    assert_eq!(limit(&server, &ada, &home, "?unit=Wh").await, ["Wh", "5000", "3600"]);
    let more = CertificateTransfer { amount: U256::from(1_401), nonce: U256::from(2), ..given };
    for much in [more, CertificateTransfer { amount: U256::MAX, ..more }] {
        let beyond = sign(&server, &ada, &give(much)).await;
        assert_eq!((beyond.status, beyond.code()), (422, "SIGNING_LIMIT"), "{much:?}");
    }
    let large = CertificateTransfer { amount: U256::from(1_600), ..more };
    let waits = sign(&server, &ada, &give(large)).await;
    assert_eq!((waits.status, waits.text("/unit")), (202, "Wh".to_owned()), "{waits:?}");
    assert_eq!(waits.text("/amount"), "1600");
    for (token, request, status, code) in [
        (&bob, give(given), 403, "FORBIDDEN"),
        (&operator, retire("Bakery Weber"), 403, "FORBIDDEN"),
        (&ada, give(CertificateTransfer { amount: U256::ZERO, ..given }), 422, "AMOUNT"),
        (&ada, give(CertificateTransfer { to: account, ..given }), 400, "MALFORMED"),
        (&ada, give(CertificateTransfer { expiry: 1, ..given }), 422, "EXPIRED"),
        (&ada, retire(""), 422, "BENEFICIARY"),
        (&ada, retire(" "), 422, "BENEFICIARY"),
        (&ada, retire("Bakery\nWeber"), 422, "BENEFICIARY"),
        (&ada, retire(&"é".repeat(101)), 422, "BENEFICIARY"),
    ] {
        let answer = sign(&server, token, &request).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{request:?}");
    }
    server.stop().await;
}

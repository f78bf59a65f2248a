//! Transfers, mandates, exchanges and what is done with certificates, signed with held keys.

use alloy_primitives::{Address, B256, Bytes, U256};
use contracts::requests::{CashTransfer, CertificateRetirement, CertificateTransfer, Mandate};
use contracts::{AccountRequest, Quote};
use identity::{Settings, SignerLimits};
use keys::{Signature, recover};
use serde_json::{Value, json};
use units::{Energy, Money};

use crate::server::{Answer, PLACE, Server};

/// 100 a day, consent above 10.
fn settings() -> Settings {
    let limits = SignerLimits {
        daily: Money::from_n(100_000_000_000),
        approval_above: Money::from_n(10_000_000_000),
        approval_seconds: 3600,
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

/// Ten of one currency for nine of another.
fn exchange(account: &Value) -> Quote {
    Quote {
        from: PLACE.at.market,
        to: Address::repeat_byte(0x77),
        account: account["address"].as_str().unwrap().parse().unwrap(),
        dealer: Address::repeat_byte(7),
        given: Money::from_n(10_000_000_000),
        taken: Money::from_n(9_000_000_000),
        expiry: 4_000_000_000,
        account_nonce: U256::from(1),
        dealer_nonce: U256::from(2),
    }
}

#[actix_web::test]
async fn an_exchange_and_a_transfer_of_another_currency_count_towards_the_limit() {
    let server = Server::start_with(settings()).await;
    let (account, ada) = server.home("ada", "consumer").await;
    let dealer_signature = Bytes::from(vec![6; 64]);
    let exchanged =
        |quote| AccountRequest::Exchange { quote, dealer_signature: dealer_signature.clone() };
    let good = exchange(&account);
    check_signed(&sign(&server, &ada, &exchanged(good)).await, &exchanged(good));
    let market = Address::repeat_byte(0x77);
    for nonce in 0..9 {
        let transfer = transfer(&account, 10, nonce);
        let request = AccountRequest::CurrencyTransfer { market, transfer };
        check_signed(&sign(&server, &ada, &request).await, &request);
    }
    let again = Quote { account_nonce: U256::from(3), ..good };
    for (quote, status, code) in [
        (again, 422, "SIGNING_LIMIT"),
        (Quote { given: Money::ZERO, ..again }, 422, "AMOUNT"),
        (Quote { taken: Money::ZERO, ..again }, 422, "AMOUNT"),
        (Quote { to: again.from, ..again }, 400, "MALFORMED"),
        (Quote { dealer: again.account, ..again }, 400, "MALFORMED"),
        (Quote { expiry: 1, ..again }, 422, "EXPIRED"),
    ] {
        let answer = sign(&server, &ada, &exchanged(quote)).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{quote:?}");
    }
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
    // They have no price: nothing of the day's limit is used up, whatever they are worth.
    let much = CertificateTransfer { amount: U256::from(u64::MAX), ..given };
    for request in [give(given), give(much), retire("Bakery Weber"), retire(&"é".repeat(100))] {
        check_signed(&sign(&server, &ada, &request).await, &request);
    }
    let limit = format!("/v1/signing-limits/{}", home["account"].as_str().unwrap());
    assert_eq!(server.get(&limit, &ada).await.text("/signed_today"), "0");
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

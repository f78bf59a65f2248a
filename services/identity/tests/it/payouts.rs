//! Payouts signed with held keys.

use alloy_primitives::{Address, B256, eip191_hash_message};
use contracts::{Cash, PayoutTerms, WITHDRAWAL_SECONDS};
use identity::{Settings, SignerLimits};
use keys::{SecretKey, Signature, recover};
use serde_json::{Value, json};
use units::Money;

use crate::server::{Answer, FRANCS, PLACE, Server};

/// 100 a day, consent above 10.
fn settings() -> Settings {
    let limits = SignerLimits {
        daily: Money::from_n(100_000_000_000),
        approval_above: Money::from_n(10_000_000_000),
        approval_seconds: 3600,
        ..SignerLimits::default()
    };
    Settings { limits, ..Settings::default() }
}

fn payout(account: &Value, amount: i64, salt: u8) -> PayoutTerms {
    PayoutTerms {
        account: account["address"].as_str().unwrap().parse().unwrap(),
        amount: Money::from_n(amount * 1_000_000_000),
        creditor: "Ada Heron".to_owned(),
        iban: "DE89370400440532013000".to_owned(),
        salt: B256::repeat_byte(salt),
        expiry: NOW + WITHDRAWAL_SECONDS,
        cash: None,
    }
}

/// The time of the server's clock, epoch seconds.
const NOW: u64 = 1_780_308_000;

async fn sign(server: &Server, token: &str, terms: &PayoutTerms) -> Answer {
    server.post("/v1/signatures/payout", token, json!(terms)).await
}

/// Both signatures are of the account's key.
fn check_signed(answer: &Answer, terms: &PayoutTerms) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let cash = terms.cash(&PLACE.at);
    for (name, hash) in [
        ("/withdrawal", terms.withdrawal_hash(PLACE.chain_id, cash.market).unwrap()),
        ("/redemption", terms.redemption_hash(PLACE.chain_id, cash.token).unwrap()),
    ] {
        let signature: Signature = answer.text(name).parse().unwrap();
        assert_eq!(recover(hash, &signature), Some(terms.account), "{name}");
    }
}

#[actix_web::test]
async fn a_payout_of_the_own_account_is_signed_by_its_key_up_to_the_days_limit() {
    let server = Server::start_with(settings()).await;
    let (account, ada) = server.home("ada", "consumer").await;
    for salt in 0..10 {
        let terms = payout(&account, 10, salt);
        check_signed(&sign(&server, &ada, &terms).await, &terms);
    }
    let beyond = sign(&server, &ada, &payout(&account, 1, 10)).await;
    assert_eq!((beyond.status, beyond.code()), (422, "SIGNING_LIMIT"));
    // Another currency has a limit of its own; what is of none is not signed.
    let francs = PayoutTerms { cash: Some(FRANCS), ..payout(&account, 10, 11) };
    check_signed(&sign(&server, &ada, &francs).await, &francs);
    let token = Address::repeat_byte(0x71);
    let nobodys = PayoutTerms { cash: Some(Cash { token, ..FRANCS }), ..payout(&account, 1, 12) };
    let refused = sign(&server, &ada, &nobodys).await;
    assert_eq!((refused.status, refused.code()), (400, "MALFORMED"));
    let again = payout(&account, 10, 3);
    check_signed(&sign(&server, &ada, &again).await, &again);
    let limit = format!("/v1/signing-limits/{}", account["account"].as_str().unwrap());
    assert_eq!(server.get(&limit, &ada).await.text("/signed_today"), "100");
    server.stop().await;
}

#[actix_web::test]
async fn no_payout_is_signed_for_others_or_to_what_nobody_can_read() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "consumer").await;
    let (_, bob) = server.home("bob", "prosumer").await;
    let good = payout(&account, 5, 1);
    for (token, terms, status, code) in [
        (&bob, good.clone(), 403, "FORBIDDEN"),
        (&operator, good.clone(), 403, "FORBIDDEN"),
        (&ada, PayoutTerms { account: Address::repeat_byte(1), ..good.clone() }, 404, "NOT_FOUND"),
        (&ada, payout(&account, 0, 1), 422, "AMOUNT"),
        (&ada, payout(&account, -1, 1), 422, "AMOUNT"),
        (&ada, PayoutTerms { creditor: " Ada".to_owned(), ..good.clone() }, 400, "MALFORMED"),
        (&ada, PayoutTerms { creditor: "A".repeat(71), ..good.clone() }, 400, "MALFORMED"),
        (&ada, PayoutTerms { iban: "de89 3704".to_owned(), ..good.clone() }, 400, "MALFORMED"),
        (&ada, PayoutTerms { expiry: NOW, ..good.clone() }, 422, "EXPIRED"),
        (&ada, PayoutTerms { expiry: good.expiry + 1, ..good.clone() }, 422, "EXPIRY"),
        (&ada, PayoutTerms { expiry: u64::MAX, ..good.clone() }, 422, "EXPIRY"),
    ] {
        let answer = sign(&server, token, &terms).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{terms:?}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_large_payout_is_signed_when_somebody_else_consents_to_where_it_goes() {
    let server = Server::start_with(settings()).await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "consumer").await;
    let terms = payout(&account, 20, 1);
    let waits = sign(&server, &ada, &terms).await;
    assert_eq!((waits.status, waits.text("/kind")), (202, "payout".to_owned()), "{waits:?}");
    assert_eq!((&waits.body["payout"], waits.body.get("order")), (&json!(terms), None));
    assert_eq!(sign(&server, &ada, &terms).await, waits, "asking again changes nothing");
    let path = format!("/v1/approvals/{}/approval", waits.text("/approval"));
    assert_eq!(server.post(&path, &ada, json!({})).await.code(), "FORBIDDEN");
    assert_eq!(server.post(&path, &operator, json!({})).await.text("/state"), "approved");
    let elsewhere = PayoutTerms { iban: "NO9386011117947".to_owned(), ..terms.clone() };
    assert_eq!(sign(&server, &ada, &elsewhere).await.status, 202, "consent is to one bank account");
    for _ in 0..2 {
        check_signed(&sign(&server, &ada, &terms).await, &terms);
    }
    let list = server.get("/v1/approvals", &operator).await;
    let states: Vec<_> = list.body["items"].as_array().unwrap().iter().collect();
    let states: Vec<_> = states.iter().map(|item| item["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["open", "done"]);
    let refused = payout(&account, 30, 2);
    let id = sign(&server, &ada, &refused).await.text("/approval");
    let path = format!("/v1/approvals/{id}/refusal");
    assert_eq!(server.post(&path, &operator, json!({})).await.text("/state"), "refused");
    assert_eq!(sign(&server, &ada, &refused).await.code(), "APPROVAL_REFUSED");
    assert_eq!(sign(&server, &ada, &payout(&account, 101, 3)).await.code(), "SIGNING_LIMIT");
    server.stop().await;
}

#[actix_web::test]
async fn an_own_key_signs_its_payouts_itself() {
    let server = Server::start().await;
    let key = SecretKey::from_bytes(&[8; 32]).unwrap();
    let challenge = server.knock("/v1/challenges", json!({ "address": key.address() })).await;
    let text = challenge.text("/message");
    let proof = json!({
        "address": key.address(), "nonce": challenge.text("/nonce"),
        "signature": key.sign(eip191_hash_message(text.as_bytes())).to_string(),
    });
    let party = json!({
        "name": "Ada", "email": "ada@example.org", "role": "consumer", "own_key": proof,
        "password": crate::server::PASSWORD,
    });
    let party = server.knock("/v1/parties", party).await;
    let ada = server.log_in("ada@example.org").await;
    let answer = sign(&server, &ada, &payout(&party.body["account"], 5, 1)).await;
    assert_eq!((answer.status, answer.code()), (422, "OWN_KEY"));
    server.stop().await;
}

async fn redeem(server: &Server, token: &str, terms: &PayoutTerms) -> Answer {
    server.post("/v1/signatures/redemption", token, json!(terms)).await
}

/// Back into the wallet.
fn to_wallet(account: &Value, amount: i64, salt: u8) -> PayoutTerms {
    let (creditor, iban) = ("wallet".to_owned(), String::new());
    PayoutTerms { creditor, iban, ..payout(account, amount, salt) }
}

#[actix_web::test]
async fn what_is_outside_of_trading_is_signed_without_anything_leaving_trading() {
    let server = Server::start_with(settings()).await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "consumer").await;
    let (_, bob) = server.home("bob", "prosumer").await;
    for terms in [payout(&account, 5, 1), to_wallet(&account, 5, 2)] {
        let answer = redeem(&server, &ada, &terms).await;
        assert_eq!((answer.status, answer.body.get("withdrawal")), (200, None), "{answer:?}");
        let signature: Signature = answer.text("/redemption").parse().unwrap();
        let hash = terms.redemption_hash(PLACE.chain_id, PLACE.at.token).unwrap();
        assert_eq!(recover(hash, &signature), Some(terms.account));
    }
    let back = to_wallet(&account, 5, 3);
    assert_eq!(redeem(&server, &bob, &back).await.status, 403);
    let named = PayoutTerms { creditor: "Ada Heron".to_owned(), ..back.clone() };
    assert_eq!(redeem(&server, &ada, &named).await.code(), "MALFORMED", "no bank account");
    assert_eq!(sign(&server, &ada, &back).await.code(), "MALFORMED", "it would leave trading");
    assert_eq!(redeem(&server, &ada, &to_wallet(&account, 0, 3)).await.code(), "AMOUNT");
    assert_eq!(redeem(&server, &ada, &to_wallet(&account, 101, 3)).await.code(), "SIGNING_LIMIT");
    // A large one waits as a payout does, and counts as one.
    let large = to_wallet(&account, 20, 4);
    let waits = redeem(&server, &ada, &large).await;
    assert_eq!((waits.status, waits.text("/kind")), (202, "redemption".to_owned()), "{waits:?}");
    assert_eq!(waits.body["payout"], json!(large));
    let path = format!("/v1/approvals/{}/approval", waits.text("/approval"));
    assert_eq!(server.post(&path, &operator, json!({})).await.text("/state"), "approved");
    assert_eq!(redeem(&server, &ada, &large).await.status, 200);
    let limit = format!("/v1/signing-limits/{}", account["account"].as_str().unwrap());
    assert_eq!(server.get(&limit, &ada).await.text("/signed_today"), "30");
    server.stop().await;
}

#[actix_web::test]
async fn a_request_that_was_kept_before_payouts_expired_is_read() {
    let server = Server::start_with(settings()).await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "consumer").await;
    let waits = sign(&server, &ada, &payout(&account, 20, 1)).await;
    let file = format!("sqlite:{}", server.folder.path().join("identity.db").display());
    let pool = db::AnyPool::connect(&file).await.unwrap();
    let forget = "update approval set terms = json_remove(terms, '$.expiry')";
    assert_eq!(db::query(forget).execute(&pool).await.unwrap().rows_affected(), 1);
    pool.close().await;
    let list = server.get("/v1/approvals", &operator).await;
    let kept = &list.body["items"][0];
    assert_eq!(
        (&kept["approval"], &kept["payout"]["expiry"]),
        (&waits.body["approval"], &json!(0))
    );
    let terms: PayoutTerms = serde_json::from_value(kept["payout"].clone()).unwrap();
    assert_eq!(sign(&server, &ada, &terms).await.code(), "EXPIRED");
    server.stop().await;
}

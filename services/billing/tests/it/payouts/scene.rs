//! A town that pays out, and what its bank says of it.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use alloy_primitives::hex;
use contracts::{Call, PayoutTerms};
use serde_json::{Value, json};
use units::Money;

use crate::service::Running;
use crate::town::*;

pub const IBAN: &str = "DE89370400440532013000";
pub const OWN_IBAN: &str = "NO9386011117947";
/// Seconds until a withdrawal is paid, and a little more.
const DELAY: i64 = 600 + 120;

/// A town with a bank account, in which heron has 25.
pub async fn town() -> Running {
    let mut town = Running::start().await;
    town.found().await;
    let account = json!({ "iban": IBAN, "holder": "Wattex Town", "currency": "EUR" });
    let request = TestRequest::put().uri("/v1/bank/account").set_json(account);
    assert_eq!(town.ask(request, "operator").await.0, StatusCode::OK);
    town.deposit(HERON, "1").await;
    town
}

/// What heron asks for, with the signatures of its key.
pub async fn signed(town: &Running, amount: &str) -> Value {
    sign(&prepared(town, amount).await)
}

/// What heron is to sign.
pub async fn prepared(town: &Running, amount: &str) -> PayoutTerms {
    let wish = json!({ "amount": amount, "creditor": "Hanna Heron", "iban": OWN_IBAN });
    let (status, prepared) = town.post("heron", "/v1/payouts/prepare", "", wish).await;
    assert_eq!(status, StatusCode::OK, "{prepared}");
    serde_json::from_value(prepared["terms"].clone()).unwrap()
}

pub fn sign(terms: &PayoutTerms) -> Value {
    sign_by("heron", terms)
}

/// What is asked for, with the signatures of a key.
pub fn sign_by(who: &str, terms: &PayoutTerms) -> Value {
    let (key, at) = (key(who), terms.cash(&deployment()));
    json!({
        "amount": terms.amount, "creditor": terms.creditor, "iban": terms.iban,
        "salt": terms.salt, "expiry": terms.expiry, "currency": terms.cash.map(|_| "CHF"),
        "withdrawal_signature": key.sign(terms.withdrawal_hash(CHAIN_ID, at.market).unwrap()),
        "redemption_signature": key.sign(terms.redemption_hash(CHAIN_ID, at.token).unwrap()),
    })
}

/// Asks for a payout under a key; its id.
pub async fn request(town: &Running, amount: &str, key: &str) -> String {
    let body = signed(town, amount).await;
    let (status, payout) = town.post("heron", "/v1/payouts", key, body).await;
    assert_eq!(status, StatusCode::CREATED, "{payout}");
    payout["id"].as_str().unwrap().to_owned()
}

pub async fn payout(town: &Running, id: &str) -> Value {
    town.get("heron", &format!("/v1/payouts/{id}")).await
}

pub async fn state(town: &Running, id: &str) -> String {
    payout(town, id).await["state"].as_str().unwrap().to_owned()
}

/// What the bank knows a payout by.
pub async fn named(town: &Running, id: &str) -> String {
    payout(town, id).await["end_to_end_id"].as_str().unwrap().to_owned()
}

/// Moves past the delay of a withdrawal.
pub async fn wait(town: &mut Running) {
    let later = town.now.plus_seconds(DELAY);
    town.move_to(later);
    town.settle().await;
}

pub async fn make_file(town: &Running, who: &str, key: &str) -> (StatusCode, Value) {
    town.post(who, "/v1/payouts/files", key, json!(null)).await
}

/// Heron's payout of 20, and the file that orders it.
pub async fn ordered(town: &mut Running) -> (String, Value) {
    let id = request(town, "20", "a").await;
    town.settle().await;
    wait(town).await;
    let (status, file) = make_file(town, "operator", "f").await;
    assert_eq!(status, StatusCode::CREATED, "{file}");
    (id, file)
}

/// An entry of a statement: `D` or `C` and its amount, the bank's name, the end-to-end id, and why
/// it came back.
pub type Line<'a> = (char, &'a str, &'a str, &'a str, &'a str);

/// A statement that opens with 100.
pub fn statement(lines: &[Line<'_>]) -> String {
    let mut entries = String::new();
    let mut closing: Money = "100".parse::<units::Decimal>().map(as_money).unwrap();
    for (side, amount, name, end_to_end_id, why) in lines {
        let money = as_money(amount.parse().unwrap());
        let (code, sum) = match side {
            'D' => ("DBIT", closing.minus(money)),
            _ => ("CRDT", closing.plus(money)),
        };
        closing = sum.unwrap();
        let back = match why {
            &"" => String::new(),
            why => format!("<RtrInf><Rsn><Cd>{why}</Cd></Rsn></RtrInf>"),
        };
        entries += &format!(
            "<Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{code}</CdtDbtInd>\
             <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-06-02</Dt></BookgDt>\
             <AcctSvcrRef>{name}</AcctSvcrRef><NtryDtls><TxDtls>\
             <Refs><EndToEndId>{end_to_end_id}</EndToEndId></Refs>{back}\
             </TxDtls></NtryDtls></Ntry>"
        );
    }
    let balance = |code: &str, amount: Money| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>\
             <Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>"
        )
    };
    let (open, close) =
        (balance("OPBD", as_money("100".parse().unwrap())), balance("CLBD", closing));
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><Stmt>\
         <Id>S</Id><Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>{open}{close}{entries}\
         </Stmt></BkToCstmrStmt></Document>"
    )
}

pub fn as_money(amount: units::Decimal) -> Money {
    Money::from_n(i64::try_from(amount.to_scale(9).unwrap()).unwrap())
}

/// Imports a statement; outcome and reason of each payment.
pub async fn import(town: &mut Running, lines: &[Line<'_>]) -> Vec<(String, String)> {
    let request = TestRequest::post()
        .uri("/v1/bank/statements")
        .insert_header(("Content-Type", "application/xml"))
        .set_payload(statement(lines));
    let (status, body) = town.ask(request, "operator").await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    town.settle().await;
    let report: Value = serde_json::from_slice(&body).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let payments = report["payments"].as_array().unwrap().iter();
    payments.map(|payment| (text(&payment["outcome"]), text(&payment["reason"]))).collect()
}

pub fn outcome(outcome: &str, reason: &str) -> (String, String) {
    (outcome.to_owned(), reason.to_owned())
}

pub async fn balance(town: &Running, code: &str) -> Value {
    town.in_order().await["balances"][code].clone()
}

/// The withdrawal of a payout as anybody can send it who has seen it.
pub fn withdrawal_of(body: &Value) -> Call {
    let text = |name: &str| body[name].as_str().unwrap();
    let terms = PayoutTerms {
        account: HERON.address(),
        amount: serde_json::from_value(body["amount"].clone()).unwrap(),
        creditor: text("creditor").to_owned(),
        iban: text("iban").to_owned(),
        salt: text("salt").parse().unwrap(),
        expiry: body["expiry"].as_u64().unwrap(),
        cash: None,
    };
    let signature = hex::decode(text("withdrawal_signature")).unwrap().into();
    deployment().request_withdrawal_for(&terms.withdrawal(), signature).unwrap()
}

//! Invoices that are paid out of wallets, and what they give back into them.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use contracts::AccountRequest;
use serde_json::{Value, json};
use units::Money;

use crate::dues::{billed, cents, import, money, path, payment, statement};
use crate::service::Running;
use crate::town::*;

/// Says that invoices are paid to otter.
async fn collected_by_otter(town: &Running, who: &str) -> StatusCode {
    let account = json!({ "account": OTTER.account().to_string() });
    let request = TestRequest::put().uri("/v1/collecting-account").set_json(account);
    town.ask(request, who).await.0
}

async fn prepare(town: &Running, who: &str, invoice: &Value, wish: Value) -> (StatusCode, Value) {
    town.post(who, &path(invoice, "wallet-payments/prepare"), "", wish).await
}

/// What `who` signs for an invoice.
async fn signed(town: &Running, who: &str, invoice: &Value, wish: Value) -> Value {
    let (status, prepared) = prepare(town, who, invoice, wish).await;
    assert_eq!(status, StatusCode::OK, "{prepared}");
    let terms: AccountRequest = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let hash = terms.hash(CHAIN_ID, &deployment()).unwrap();
    json!({ "terms": terms, "signature": key(who).sign(hash) })
}

async fn send(
    town: &Running,
    who: &str,
    invoice: &Value,
    (key, body): (&str, Value),
) -> (StatusCode, Value) {
    town.post(who, &path(invoice, "wallet-payments"), key, body).await
}

/// Lets a block have what was sent, and then everybody see that it is final.
async fn landed(town: &mut Running) {
    town.settle().await;
    town.settle().await;
}

async fn free(town: &Running, who: &str) -> Money {
    money(&town.get(who, "/v1/wallet").await["free"])
}

fn minus(one: Money, other: Money) -> Money {
    one.minus(other).unwrap()
}

#[actix_web::test]
async fn an_invoice_is_paid_out_of_the_wallet_in_parts_and_the_reserve_stands() {
    let (mut town, invoice) = billed().await;
    let due = money(&invoice["due"]);
    let (_, problem) = prepare(&town, "heron", &invoice, json!({})).await;
    assert_eq!(problem["code"], "NO_COLLECTING_ACCOUNT");
    assert_eq!(collected_by_otter(&town, "heron").await, StatusCode::FORBIDDEN);
    assert_eq!(collected_by_otter(&town, "operator").await, StatusCode::OK);
    assert_eq!(payment(&town, &invoice).await["by_wallet"], true);
    let before = (free(&town, "heron").await, free(&town, "otter").await);
    let reserve = town.in_order().await["balances"]["1000"].clone();

    let first = signed(&town, "heron", &invoice, json!({ "amount": "1" })).await;
    let (status, sent) = send(&town, "heron", &invoice, ("a", first.clone())).await;
    assert_eq!((status, &sent["state"]), (StatusCode::CREATED, &json!("sent")), "{sent}");
    let (status, again) = send(&town, "heron", &invoice, ("a", first.clone())).await;
    assert_eq!((status, again), (StatusCode::CREATED, sent), "once under one key");
    let (status, _) = send(&town, "heron", &invoice, ("b", first)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    // What is on its way is not paid twice.
    let much = json!({ "amount": due.to_string() });
    let (_, problem) = prepare(&town, "heron", &invoice, much).await;
    assert_eq!(problem["code"], "AMOUNT");
    // Sent from the wallet, as after a second person's consent, it is for the invoice all the same.
    let rest = signed(&town, "heron", &invoice, json!({})).await;
    assert_eq!(money(&rest["terms"]["amount"]), minus(due, cents(100)));
    let (status, _) = town.post("heron", "/v1/requests", "c", rest).await;
    assert_eq!(status, StatusCode::CREATED);
    let (_, problem) = prepare(&town, "heron", &invoice, json!({})).await;
    assert_eq!(problem["code"], "NOTHING_DUE");
    assert_eq!(payment(&town, &invoice).await["paid"], "0", "no block has it");
    landed(&mut town).await;

    let paid = payment(&town, &invoice).await;
    assert_eq!(
        (&paid["state"], &paid["left"], &paid["credit"]),
        (&json!("paid"), &json!("0"), &json!("0"))
    );
    assert_eq!(
        (&paid["payments"][0]["by"], &paid["payments"][0]["amount"]),
        (&json!("wallet"), &json!("1"))
    );
    let after = (free(&town, "heron").await, free(&town, "otter").await);
    assert_eq!((minus(before.0, after.0), minus(after.1, before.1)), (due, due));
    let listed = town.get("heron", &path(&invoice, "wallet-payments")).await;
    assert!(listed.as_array().unwrap().iter().all(|one| one["state"] == "done"), "{listed}");
    let town = town.restarted().await;
    let audit = town.in_order().await;
    assert_eq!(audit["balances"]["1000"], reserve, "no token was made or destroyed");
    assert_eq!(audit["balances"].get("1200").map_or("0".into(), Clone::clone), "0", "{audit}");
    assert_eq!(audit["balances"].get("1010"), None, "nothing came by bank");
    assert_eq!(town.get("operator", "/v1/receivables").await["items"], json!([]));
}

#[actix_web::test]
async fn what_came_in_too_much_is_given_back_into_the_wallet() {
    let (mut town, invoice) = billed().await;
    collected_by_otter(&town, "operator").await;
    let before = free(&town, "heron").await;
    let one = signed(&town, "heron", &invoice, json!({ "amount": "1" })).await;
    send(&town, "heron", &invoice, ("a", one)).await;
    // The bank is quicker than the block.
    let number = invoice["number"].as_str().unwrap();
    import(&town, statement("A", &[(money(&invoice["due"]), number)])).await;
    landed(&mut town).await;
    let paid = payment(&town, &invoice).await;
    assert_eq!((&paid["state"], &paid["credit"]), (&json!("credit"), &json!("1")), "{paid}");

    let (status, _) = prepare(&town, "operator", &invoice, json!({})).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "who has no account");
    let (_, problem) = prepare(&town, "otter", &invoice, json!({ "amount": "1.01" })).await;
    assert_eq!(problem["code"], "AMOUNT");
    let back = signed(&town, "otter", &invoice, json!({})).await;
    let (status, sent) = send(&town, "otter", &invoice, ("a", back)).await;
    assert_eq!((status, &sent["amount"]), (StatusCode::CREATED, &json!("-1")), "{sent}");
    let (_, problem) = prepare(&town, "otter", &invoice, json!({})).await;
    assert_eq!(problem["code"], "NOTHING_DUE", "it is on its way");
    landed(&mut town).await;
    let settled = payment(&town, &invoice).await;
    assert_eq!((&settled["state"], &settled["credit"]), (&json!("paid"), &json!("0")), "{settled}");
    assert_eq!(free(&town, "heron").await, before);
    let audit = town.in_order().await;
    assert_eq!(audit["balances"].get("1200").map_or("0".into(), Clone::clone), "0", "{audit}");
}

#[actix_web::test]
async fn an_invoice_is_not_paid_with_what_is_not_free_or_not_the_payers() {
    let (town, invoice) = billed().await;
    // Before otter is the collecting account, heron's invoice is none of its business.
    let (status, _) = prepare(&town, "otter", &invoice, json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    collected_by_otter(&town, "operator").await;
    for amount in ["0", "-1"] {
        let (_, problem) = prepare(&town, "heron", &invoice, json!({ "amount": amount })).await;
        assert_eq!(problem["code"], "AMOUNT", "{amount}");
    }
    let mut forged = signed(&town, "heron", &invoice, json!({ "amount": "1" })).await;
    forged["signature"] = json!(key("otter").sign(alloy_primitives::B256::repeat_byte(1)));
    let (_, problem) = send(&town, "heron", &invoice, ("a", forged)).await;
    assert_eq!(problem["code"], "NOT_SIGNED");
    let listed = town.get("heron", &path(&invoice, "wallet-payments")).await;
    assert_eq!(listed, json!([]), "what was refused is not on its way");
    // All that heron has free goes elsewhere first.
    let wish = json!({
        "kind": "transfer", "to": OTTER.account().to_string(),
        "amount": free(&town, "heron").await.to_string(),
    });
    let (_, prepared) = town.post("heron", "/v1/requests/prepare", "", wish).await;
    let terms: AccountRequest = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let hash = terms.hash(CHAIN_ID, &deployment()).unwrap();
    let body = json!({ "terms": terms, "signature": key("heron").sign(hash) });
    let (status, _) = town.post("heron", "/v1/requests", "all", body.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    let late = signed(&town, "heron", &invoice, json!({ "amount": "1" })).await;
    let (_, problem) = send(&town, "heron", &invoice, ("b", late)).await;
    assert_eq!(problem["code"], "NOT_ENOUGH_FREE");
    // A transfer for something else pays no invoice, though it goes to the same.
    let (_, problem) = send(&town, "heron", &invoice, ("all", body)).await;
    assert_eq!(problem["code"], "NOT_PREPARED");
}

//! Payouts that came back: credited to the wallet that they came from, once.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::scene::*;
use crate::service::Running;
use crate::town::*;

/// Heron's payout of 20 that its bank sent back; its end-to-end id too.
async fn returned() -> (Running, String, String) {
    let mut town = town().await;
    let (id, _) = ordered(&mut town).await;
    let name = named(&town, &id).await;
    let lines =
        [('D', "20.00", "B1", name.as_str(), ""), ('C', "20.00", "B2", name.as_str(), "AC04")];
    assert_eq!(import(&mut town, &lines).await, [outcome("paid", ""), outcome("returned", "")]);
    (town, id, name)
}

async fn credit(town: &Running, who: &str, id: &str) -> (StatusCode, Value) {
    town.post(who, &format!("/v1/payouts/{id}/credit"), "", json!(null)).await
}

/// Bank, wallets, tokens and what is to be paid out; with every rule of the journal in order.
async fn books(town: &Running) -> [String; 4] {
    let audit = town.in_order().await;
    ["1000", "2000", "2040", "2050"].map(|code| {
        audit["balances"].get(code).map_or("0", |held| held.as_str().unwrap()).to_owned()
    })
}

#[actix_web::test]
async fn a_payout_that_came_back_is_credited_to_its_wallet_once() {
    let (mut town, id, _) = returned().await;
    assert_eq!(books(&town).await, ["25", "-5", "0", "-20"]);
    let (status, credited) = credit(&town, "operator", &id).await;
    assert_eq!((status, &credited["state"]), (StatusCode::OK, &json!("credited")), "{credited}");
    // Whose it is outlives the process that said so.
    town = town.restarted().await;
    assert_eq!(credit(&town, "operator", &id).await, (StatusCode::OK, credited));
    town.settle().await;
    assert_eq!(books(&town).await, ["25", "-25", "0", "0"]);
    assert_eq!(town.get("heron", "/v1/wallet").await["free"], "25");
    let told = town.get("auditor", "/v1/reserve").await;
    let of = &told["reserves"][0];
    assert_eq!((&of["equal"], &of["supply"]), (&json!(true), &json!("25")), "{told}");
    let statement = town.get("heron", "/v1/statement?limit=3").await;
    let told = |item: &Value| (item["what"].clone(), item["reversal"].clone());
    let told: Vec<_> = statement["items"].as_array().unwrap().iter().map(told).collect();
    let expected = [("deposited", false), ("reissued", false), ("paid-out", true)];
    assert_eq!(told, expected.map(|(what, back)| (json!(what), json!(back))));

    // Neither pressed again nor ordered again.
    assert_eq!(credit(&town, "operator", &id).await.0, StatusCode::OK);
    let (_, problem) =
        town.post("operator", &format!("/v1/payouts/{id}/order"), "", json!(null)).await;
    assert_eq!(problem["code"], "CONFLICT");
    town.settle().await;
    assert_eq!(books(&town).await, ["25", "-25", "0", "0"]);
    // The wallet can be paid out again, as often as before.
    let again = request(&town, "25", "b").await;
    town.settle().await;
    wait(&mut town).await;
    assert_eq!(state(&town, &again).await, "redeemed");
}

#[actix_web::test]
async fn only_staff_credits_a_payout_and_only_one_that_came_back() {
    let mut town = town().await;
    let (id, _) = ordered(&mut town).await;
    for who in ["heron", "auditor"] {
        assert_eq!(credit(&town, who, &id).await.0, StatusCode::FORBIDDEN, "{who}");
    }
    let (status, problem) = credit(&town, "operator", &id).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("CONFLICT")));
    for other in ["00000000-0000-0000-0000-000000000001", "x"] {
        assert_eq!(credit(&town, "operator", other).await.0, StatusCode::NOT_FOUND);
    }
    town.settle().await;
    assert_eq!(books(&town).await, ["25", "-5", "0", "-20"]);
    // What was ordered again came back as another attempt, and is credited as that.
    let name = named(&town, &id).await;
    let lines =
        [('D', "20.00", "B1", name.as_str(), ""), ('C', "20.00", "B2", name.as_str(), "AC04")];
    import(&mut town, &lines).await;
    town.post("operator", &format!("/v1/payouts/{id}/order"), "", json!(null)).await;
    let (status, _) = credit(&town, "operator", &id).await;
    assert_eq!(status, StatusCode::CONFLICT, "it waits for the bank");
    assert_eq!(make_file(&town, "operator", "g").await.0, StatusCode::CREATED);
    let second = format!("{name}-2");
    let lines =
        [('D', "20.00", "B3", second.as_str(), ""), ('C', "20.00", "B4", second.as_str(), "AC04")];
    import(&mut town, &lines).await;
    assert_eq!(credit(&town, "operator", &id).await.1["state"], "credited");
    town.settle().await;
    assert_eq!(books(&town).await, ["25", "-25", "0", "0"]);
}

#[actix_web::test]
async fn a_payment_that_took_the_name_of_a_credit_is_not_taken_for_it() {
    let (mut town, id, name) = returned().await;
    let deposit = json!({ "account": HERON.account().to_string(), "amount": "20" });
    let key = format!("return/{name}");
    let (status, _) = town.post("operator", "/v1/deposits", &key, deposit).await;
    assert_eq!(status, StatusCode::CREATED);
    town.settle().await;
    let (status, problem) = credit(&town, "operator", &id).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert_eq!(state(&town, &id).await, "returned");
    assert_eq!(books(&town).await, ["45", "-25", "0", "-20"]);
}

#[actix_web::test]
async fn a_block_that_leaves_takes_a_credit_back_and_brings_it_again() {
    let (mut town, id, _) = returned().await;
    assert_eq!(credit(&town, "operator", &id).await.0, StatusCode::OK);
    town.settle().await;
    town.node.take_back();
    town.carry().await;
    assert_eq!(town.get("auditor", "/v1/audit").await["balances"]["2050"], "-20");
    town.node.bring_again();
    town.carry().await;
    town.settle().await;
    assert_eq!(books(&town).await, ["25", "-25", "0", "0"]);
}

//! Money out: from a wallet to a bank, once.

mod outside;
mod returned;
pub mod scene;

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use alloy_primitives::{Address, B256, U256};
use calendar::Timestamp;
use contracts::requests::{Withdrawal, withdrawal};
use contracts::{Call, REDEMPTION_SECONDS, WITHDRAWAL_SECONDS};
use serde_json::{Value, json};
use units::Money;

use crate::service::Running;
use crate::town::*;
use scene::*;

#[actix_web::test]
async fn a_payout_goes_from_the_wallet_to_the_bank_and_the_books_follow() {
    let mut town = town().await;
    let id = request(&town, "20.00", "a").await;
    assert_eq!(state(&town, &id).await, "requested");
    town.settle().await;
    let waiting = payout(&town, &id).await;
    assert_eq!(waiting["state"], "withdrawing");
    let available: Timestamp = waiting["available_at"].as_str().unwrap().parse().unwrap();
    assert!(available > town.now.plus_seconds(590), "{waiting}");
    assert_eq!(balance(&town, "2000").await, "-25");

    wait(&mut town).await;
    assert_eq!(state(&town, &id).await, "redeemed");
    let audit = town.in_order().await;
    let codes = ["1000", "2000", "2050"].map(|code| audit["balances"][code].clone());
    assert_eq!(codes, [json!("25"), json!("-5"), json!("-20")]);
    let told = town.get("auditor", "/v1/reserve").await;
    let of = &told["reserves"][0];
    assert_eq!((&of["equal"], &of["supply"]), (&json!(true), &json!("5")), "{told}");
    assert_eq!(of["owed_parts"]["payouts"], "20");

    let (status, file) = make_file(&town, "operator", "f").await;
    assert_eq!((status, &file["total"]), (StatusCode::CREATED, &json!("20")), "{file}");
    let sent = payout(&town, &id).await;
    assert_eq!((&sent["state"], &sent["file"]), (&json!("ordered"), &file["id"]));
    let name = named(&town, &id).await;
    let paid = [('D', "20.00", "B1", name.as_str(), "")];
    assert_eq!(import(&mut town, &paid).await, [outcome("paid", "")]);
    assert_eq!(state(&town, &id).await, "paid");
    let audit = town.in_order().await;
    assert_eq!((&audit["balances"]["1000"], audit["balances"].get("2050")), (&json!("5"), None));
    assert_eq!(import(&mut town, &paid).await, [outcome("known", "")]);
    assert_eq!(balance(&town, "1000").await, "5");
    let statement = town.get("heron", "/v1/statement?limit=3").await;
    let what: Vec<_> =
        statement["items"].as_array().unwrap().iter().map(|item| item["what"].clone()).collect();
    assert_eq!(what, ["paid-out", "redeemed", "withdrawn"]);
}

#[actix_web::test]
async fn a_request_is_taken_once() {
    let mut town = town().await;
    let body = signed(&town, "10").await;
    let (status, first) = town.post("heron", "/v1/payouts", "a", body.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, again) = town.post("heron", "/v1/payouts", "a", body.clone()).await;
    assert_eq!((status, &again), (StatusCode::CREATED, &first));
    for (key, body) in [("a", signed(&town, "9").await), ("b", body.clone())] {
        let (status, problem) = town.post("heron", "/v1/payouts", key, body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("CONFLICT")));
    }
    town.settle().await;
    wait(&mut town).await;
    let (_, later) = town.post("heron", "/v1/payouts", "a", body).await;
    assert_eq!((&later["id"], &later["state"]), (&first["id"], &json!("redeemed")));
    assert_eq!(balance(&town, "2050").await, "-10");
    assert_eq!(town.get("heron", "/v1/payouts").await["items"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn what_cannot_be_paid_out_is_refused() {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    let prepare = async |town: &Running, amount: &str, creditor: &str, iban: &str| {
        let wish = json!({ "amount": amount, "creditor": creditor, "iban": iban });
        let (_, problem) = town.post("heron", "/v1/payouts/prepare", "", wish).await;
        problem["code"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(prepare(&town, "5", "Hanna", OWN_IBAN).await, "NO_BANK_ACCOUNT");
    let account = json!({ "iban": IBAN, "holder": "Wattex Town", "currency": "EUR" });
    let put = TestRequest::put().uri("/v1/bank/account").set_json(account);
    assert_eq!(town.ask(put, "operator").await.0, StatusCode::OK);
    for (amount, creditor, iban, code) in [
        ("0.99", "Hanna", OWN_IBAN, "AMOUNT"),
        ("-5", "Hanna", OWN_IBAN, "AMOUNT"),
        ("5.001", "Hanna", OWN_IBAN, "AMOUNT"),
        ("1000000.01", "Hanna", OWN_IBAN, "AMOUNT"),
        ("x", "Hanna", OWN_IBAN, "MALFORMED"),
        ("5", "", OWN_IBAN, "MALFORMED"),
        ("5", " Hanna", OWN_IBAN, "MALFORMED"),
        ("5", "Hanna", "NO9386011117948", "MALFORMED"),
        ("5", "Hanna", OWN_IBAN, ""),
    ] {
        assert_eq!(
            prepare(&town, amount, creditor, iban).await,
            code,
            "{amount} {creditor} {iban}"
        );
    }
    let good = signed(&town, "5").await;
    let later = |body: &Value| {
        let mut body = body.clone();
        body["expiry"] = json!(body["expiry"].as_u64().unwrap() - 1);
        body
    };
    let changed = |name: &str, value: &str| {
        let mut body = good.clone();
        body[name] = json!(value);
        body
    };
    for (body, code) in [
        (changed("amount", "6"), "NOT_SIGNED"),
        (changed("iban", IBAN), "NOT_SIGNED"),
        (changed("salt", &B256::ZERO.to_string()), "NOT_SIGNED"),
        (later(&good), "NOT_SIGNED"),
        (changed("withdrawal_signature", "0x12"), "NOT_SIGNED"),
        (changed("withdrawal_signature", "0x1"), "MALFORMED"),
        (changed("redemption_signature", &format!("0x{}", "11".repeat(1_025))), "MALFORMED"),
        (signed(&town, "25.01").await, "NOT_ENOUGH_FREE"),
    ] {
        let (_, problem) = town.post("heron", "/v1/payouts", "k", body).await;
        assert_eq!(problem["code"], code, "{problem}");
    }
    let (_, problem) = town.post("otter", "/v1/payouts", "k", good.clone()).await;
    assert_eq!(problem["code"], "NOT_SIGNED", "another's signature is not enough");
    assert_eq!(town.post("operator", "/v1/payouts", "k", good.clone()).await.0, 403);
    assert_eq!(town.post("heron", "/v1/payouts", "", good).await.0, 400);
    for key in 0..5 {
        request(&town, "2", &key.to_string()).await;
    }
    let (_, problem) = town.post("heron", "/v1/payouts", "6", signed(&town, "2").await).await;
    assert_eq!(problem["code"], "PAYOUTS_OPEN");
    town.settle().await;
    wait(&mut town).await;
    assert_eq!(balance(&town, "2050").await, "-10", "five of an account are paid out together");
}

#[actix_web::test]
async fn a_payout_is_its_accounts_and_orders_are_staffs() {
    let mut town = town().await;
    let (id, file) = ordered(&mut town).await;
    let path = format!("/v1/payouts/{id}");
    let file_path = format!("/v1/payouts/files/{}", file["id"].as_str().unwrap());
    for (who, path, status) in [
        ("heron", path.as_str(), 200),
        ("operator", path.as_str(), 200),
        ("auditor", path.as_str(), 200),
        ("otter", path.as_str(), 404),
        ("stranger", path.as_str(), 404),
        ("heron", "/v1/payouts/x", 404),
        ("heron", "/v1/payouts?state=gone", 400),
        ("heron", file_path.as_str(), 403),
        ("heron", "/v1/payouts/files", 403),
        ("operator", file_path.as_str(), 200),
        ("stranger", file_path.as_str(), 404),
        ("operator", "/v1/payouts/files/x", 404),
    ] {
        let (got, _) = town.ask(TestRequest::get().uri(path), who).await;
        assert_eq!(got, status, "{who} {path}");
    }
    for (who, path, status) in [
        ("heron", "/v1/payouts/files".to_owned(), 403),
        ("auditor", "/v1/payouts/files".to_owned(), 403),
        ("heron", format!("{path}/order"), 403),
        ("operator", format!("{path}/order"), 409),
        ("stranger", format!("{path}/order"), 404),
    ] {
        let (got, _) = town.post(who, &path, "k", json!(null)).await;
        assert_eq!(got, status, "{who} {path}");
    }
    let count =
        async |who: &str, path: &str| town.get(who, path).await["items"].as_array().unwrap().len();
    for (who, path, expected) in [
        ("heron", "/v1/payouts", 1),
        ("otter", "/v1/payouts", 0),
        ("operator", "/v1/payouts", 1),
        ("operator", "/v1/payouts?state=ordered", 1),
        ("operator", "/v1/payouts?state=paid", 0),
        ("stranger", "/v1/payouts", 0),
    ] {
        assert_eq!(count(who, path).await, expected, "{who} {path}");
    }
}

#[actix_web::test]
async fn an_order_is_made_once_and_kept_byte_for_byte() {
    let mut town = town().await;
    let (id, file) = ordered(&mut town).await;
    assert_eq!(make_file(&town, "operator", "f").await, (StatusCode::CREATED, file.clone()));
    let (status, problem) = make_file(&town, "operator", "g").await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("NOTHING_TO_PAY")));
    let path = format!("/v1/payouts/files/{}", file["id"].as_str().unwrap());
    let (_, document) = town.ask(TestRequest::get().uri(&path), "operator").await;
    assert_eq!(file["hash"], alloy_primitives::keccak256(&document).to_string());
    let text = String::from_utf8(document).unwrap();
    let end_to_end_id = id.replace('-', "");
    for part in [
        format!("<MsgId>{}</MsgId>", file["id"].as_str().unwrap()),
        format!("<EndToEndId>{end_to_end_id}</EndToEndId>"),
        "<InstdAmt Ccy=\"EUR\">20.00</InstdAmt>".to_owned(),
        format!("<IBAN>{OWN_IBAN}</IBAN>"),
        "<Nm>Hanna Heron</Nm>".to_owned(),
    ] {
        assert!(text.contains(&part), "{part} in {text}");
    }
    assert_eq!(town.get("operator", "/v1/payouts/files").await["items"], json!([file]));
}

#[actix_web::test]
async fn only_what_is_final_is_ordered_and_a_block_that_leaves_takes_a_payout_back() {
    let mut town = town().await;
    let id = request(&town, "20", "a").await;
    town.settle().await;
    town.node.lag(1);
    wait(&mut town).await;
    assert_eq!(state(&town, &id).await, "redeemed");
    let (_, problem) = make_file(&town, "operator", "f").await;
    assert_eq!(problem["code"], "NOTHING_TO_PAY");
    town.node.take_back();
    town.carry().await;
    town.settle().await;
    assert_eq!(state(&town, &id).await, "withdrawn");
    assert_eq!(balance(&town, "2040").await, "-20");
    town.node.bring_again();
    town.carry().await;
    town.settle().await;
    assert_eq!(state(&town, &id).await, "redeemed");
    town.deposit(OTTER, "2").await;
    let (status, file) = make_file(&town, "operator", "f").await;
    assert_eq!((status, &file["payments"]), (StatusCode::CREATED, &json!(1)), "{file}");
    assert_eq!(balance(&town, "2050").await, "-20");
}

#[actix_web::test]
async fn a_restart_forgets_no_payout() {
    let mut town = town().await;
    let id = request(&town, "20", "a").await;
    town = town.restarted().await;
    assert_eq!(state(&town, &id).await, "requested");
    town.settle().await;
    town = town.restarted().await;
    wait(&mut town).await;
    assert_eq!(state(&town, &id).await, "redeemed");
    let (_, file) = make_file(&town, "operator", "f").await;
    town = town.restarted().await;
    assert_eq!(make_file(&town, "operator", "f").await.1, file);
    let name = named(&town, &id).await;
    assert_eq!(import(&mut town, &[('D', "20.00", "B1", name.as_str(), "")]).await[0].0, "paid");
    town = town.restarted().await;
    assert_eq!(state(&town, &id).await, "paid");
    assert_eq!(balance(&town, "1000").await, "5");
}

#[actix_web::test]
async fn a_payout_that_the_contract_refuses_fails_with_its_reason_and_nothing_is_lost() {
    let mut town = town().await;
    let id = request(&town, "20", "a").await;
    // Meanwhile the owner takes money out with another signature.
    let (account, amount) = (HERON.address(), Money::from_n(10_000_000_000));
    let expiry = town.now.plus_seconds(3_600).unsigned();
    let of = Withdrawal { account, amount, nonce: U256::from(77), expiry };
    let hash = withdrawal(CHAIN_ID, deployment().market, &of).unwrap();
    let signature = key("heron").sign(hash).as_bytes().to_vec().into();
    let call = deployment().request_withdrawal_for(&of, signature).unwrap();
    town.node.let_fail();
    town.node.call(authority(), call);
    town.settle().await;
    town.settle().await;
    let failed = payout(&town, &id).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(failed["reason"].as_str().unwrap().starts_with("NotEnoughFree"), "{failed}");
    let audit = town.get("auditor", "/v1/audit").await;
    assert_eq!((&audit["violations"], &audit["balances"]["2000"]), (&json!([]), &json!("-25")));
    wait(&mut town).await;
    assert_eq!(state(&town, &id).await, "failed");
    assert_eq!(town.get("heron", "/v1/wallet").await["free"], "25");
    // Once nobody can bring it any more it is over, with the reason that it had.
    pass(&mut town, WITHDRAWAL_SECONDS).await;
    let over = payout(&town, &id).await;
    assert_eq!((&over["state"], &over["reason"]), (&json!("expired"), &failed["reason"]));
    assert_eq!(town.get("heron", "/v1/wallet").await["free"], "25");
}

#[actix_web::test]
async fn a_payout_that_failed_goes_on_where_somebody_brings_it_before_its_end() {
    let mut town = town().await;
    let body = signed(&town, "20").await;
    let (_, taken) = town.post("heron", "/v1/payouts", "a", body.clone()).await;
    let id = taken["id"].as_str().unwrap();
    // What the owner takes out itself is none of the payout's, though it is as much.
    let (account, amount) = (HERON.address(), Money::from_n(20_000_000_000));
    let expiry = town.now.plus_seconds(3_600).unsigned();
    let of = Withdrawal { account, amount, nonce: U256::from(77), expiry };
    let hash = withdrawal(CHAIN_ID, deployment().market, &of).unwrap();
    let signature = key("heron").sign(hash).as_bytes().to_vec().into();
    town.node.let_fail();
    town.node.call(authority(), deployment().request_withdrawal_for(&of, signature).unwrap());
    town.settle().await;
    town.settle().await;
    assert_eq!(state(&town, id).await, "failed");
    wait(&mut town).await;
    assert_eq!(state(&town, id).await, "failed");
    // There is cash again, and somebody sends what everybody has seen.
    town.deposit(HERON, "2").await;
    town.node.call(authority(), withdrawal_of(&body));
    town.settle().await;
    let on = payout(&town, id).await;
    assert_eq!((&on["state"], on.get("reason")), (&json!("withdrawing"), None), "{on}");
    let audit = town.audit().await;
    let told = [&audit["violations"], &audit["transactions_refused"]];
    assert_eq!(told, [&json!([]), &json!(1)], "the request that came too late");
}

#[actix_web::test]
async fn a_payout_that_waits_too_long_ends_and_takes_nothing() {
    let mut town = town().await;
    let id = request(&town, "20", "a").await;
    let last: Timestamp = payout(&town, &id).await["expires_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(last, town.now.plus_seconds(WITHDRAWAL_SECONDS.cast_signed()));
    // Nothing is mined until it is too late.
    town.node.let_fail();
    let later = last.plus_seconds(1);
    town.move_to(later);
    town.settle().await;
    town.settle().await;
    assert_eq!(state(&town, &id).await, "expired");
    assert_eq!(town.get("heron", "/v1/wallet").await["free"], "25");
    let audit = town.audit().await;
    let told = [&audit["violations"], &audit["transactions_refused"]];
    assert_eq!(told, [&json!([]), &json!(1)], "the request that came too late");
    // It is asked for again with signatures of its own.
    let again = request(&town, "20", "b").await;
    town.settle().await;
    wait(&mut town).await;
    assert_eq!(state(&town, &again).await, "redeemed");
    assert_eq!(town.audit().await["balances"]["2050"], "-20");
}

#[actix_web::test]
async fn what_was_prepared_too_long_ago_is_signed_anew() {
    let mut town = town().await;
    let body = signed(&town, "5").await;
    let (_, first) = town.post("heron", "/v1/payouts", "a", body.clone()).await;
    let waits = signed(&town, "5").await;
    let later = town.now.plus_seconds(WITHDRAWAL_SECONDS.cast_signed() - 600);
    town.move_to(later);
    let (_, problem) = town.post("heron", "/v1/payouts", "b", waits).await;
    assert_eq!(problem["code"], "EXPIRED", "{problem}");
    let (_, again) = town.post("heron", "/v1/payouts", "a", body).await;
    assert_eq!(again["id"], first["id"], "what was taken is answered as before");
    // Nor does anybody sign for longer than it is prepared for.
    let mut terms = prepared(&town, "5").await;
    terms.expiry += 1;
    let (_, problem) = town.post("heron", "/v1/payouts", "c", sign(&terms)).await;
    assert_eq!(problem["code"], "EXPIRY", "{problem}");
}

#[actix_web::test]
async fn tokens_that_were_not_redeemed_in_time_stay_their_accounts() {
    let mut town = town().await;
    let id = request(&town, "20", "a").await;
    town.settle().await;
    // The market pays, and nobody redeems until the signature is over.
    town.node.let_fail();
    pass(&mut town, WITHDRAWAL_SECONDS + REDEMPTION_SECONDS).await;
    assert_eq!(state(&town, &id).await, "expired");
    assert_eq!(balance(&town, "2040").await, "-20");
}

/// Moves past a time from now, with a block in it.
async fn pass(town: &mut Running, seconds: u64) {
    let later = town.now.plus_seconds(seconds.cast_signed() + 1);
    town.move_to(later);
    town.deposit(OTTER, "9").await;
    town.settle().await;
}

#[actix_web::test]
async fn a_withdrawal_that_somebody_else_sends_first_is_the_payouts_all_the_same() {
    let mut town = town().await;
    let body = signed(&town, "20").await;
    let (_, taken) = town.post("heron", "/v1/payouts", "a", body.clone()).await;
    let id = taken["id"].as_str().unwrap();
    town.node.let_fail();
    town.node.call(authority(), withdrawal_of(&body));
    town.settle().await;
    town.settle().await;
    assert_eq!(state(&town, id).await, "withdrawing");
    wait(&mut town).await;
    assert_eq!(state(&town, id).await, "redeemed");
    let audit = town.get("auditor", "/v1/audit").await;
    assert_eq!((&audit["violations"], &audit["balances"]["2050"]), (&json!([]), &json!("-20")));
}

#[actix_web::test]
async fn a_payment_that_comes_back_opens_the_payout_again() {
    let mut town = town().await;
    let (id, _) = ordered(&mut town).await;
    let name = named(&town, &id).await;
    // The bank tells it back to front.
    let lines =
        [('C', "20.00", "B2", name.as_str(), "AC04"), ('D', "20.00", "B1", name.as_str(), "")];
    let expected = [outcome("returned", ""), outcome("paid", "")];
    assert_eq!(import(&mut town, &lines).await, expected);
    let back = payout(&town, &id).await;
    assert_eq!((&back["state"], &back["reason"]), (&json!("returned"), &json!("AC04")));
    let audit = town.in_order().await;
    let codes = ["1000", "2050"].map(|code| audit["balances"][code].clone());
    assert_eq!(codes, [json!("25"), json!("-20")]);
    let seen = town.get("operator", "/v1/payouts?state=returned").await;
    assert_eq!(seen["items"][0]["id"], id.as_str());

    let path = format!("/v1/payouts/{id}/order");
    let (status, again) = town.post("operator", &path, "", json!(null)).await;
    assert_eq!((status, &again["state"]), (StatusCode::OK, &json!("redeemed")), "{again}");
    let second = again["end_to_end_id"].as_str().unwrap().to_owned();
    assert_eq!(second, format!("{name}-2"));
    assert_eq!(make_file(&town, "operator", "g").await.0, StatusCode::CREATED);
    let paid = [('D', "20.00", "B3", second.as_str(), "")];
    assert_eq!(import(&mut town, &paid).await, [outcome("paid", "")]);
    assert_eq!(balance(&town, "1000").await, "5");
}

#[actix_web::test]
async fn a_payment_that_differs_from_its_payout_waits_for_somebody_to_look() {
    let mut town = town().await;
    let (id, _) = ordered(&mut town).await;
    let name = named(&town, &id).await;
    let lines = [
        ('D', "19.00", "B1", name.as_str(), ""),
        ('C', "20.00", "B2", name.as_str(), "AC04"),
        ('D', "20.00", "B3", name.as_str(), ""),
        ('D', "20.00", "B4", name.as_str(), ""),
    ];
    let expected = [
        outcome("unmatched", "PAYOUT_AMOUNT"),
        outcome("returned", ""),
        outcome("paid", ""),
        outcome("unmatched", "PAYOUT_STATE"),
    ];
    assert_eq!(import(&mut town, &lines).await, expected);
    let waiting = town.get("operator", "/v1/bank/unmatched").await;
    let first = &waiting["items"][0];
    assert_eq!((&first["side"], &first["payout"]), (&json!("debit"), &json!(id)));
    assert_eq!(waiting["items"].as_array().unwrap().len(), 2);
    let path = format!("/v1/bank/unmatched/{}", first["id"]);
    let to = json!({ "account": HERON.account().to_string() });
    let (_, problem) = town.post("operator", &path, "", to).await;
    assert_eq!(problem["code"], "NOT_RECEIVED");
    assert_eq!(balance(&town, "1000").await, "25");
}

#[actix_web::test]
async fn tokens_that_somebody_else_destroys_pay_nobodys_payout() {
    let mut town = town().await;
    let id = request(&town, "20", "a").await;
    town.settle().await;
    let destination = payout(&town, &id).await["destination"].as_str().unwrap().to_owned();
    let of = contracts::requests::Redemption {
        account: authority(),
        amount: Money::from_n(20_000_000_000),
        destination: destination.parse().unwrap(),
        nonce: U256::from(1),
        expiry: u64::MAX,
    };
    let hash = contracts::requests::redemption(CHAIN_ID, deployment().token, &of).unwrap();
    let signature = key("authority").sign(hash).as_bytes().to_vec().into();
    let minter = contracts::role("MINTER");
    let grant =
        contracts::bindings::SettlementToken::grantRoleCall { role: minter, account: authority() };
    let data = contracts::SolCall::abi_encode(&grant).into();
    let token: Address = deployment().token;
    town.node.call(authority(), Call { to: token, data });
    let mint = deployment().mint(authority(), of.amount, B256::repeat_byte(1)).unwrap();
    town.node.call(authority(), mint);
    town.node.call(authority(), deployment().redeem_for(&of, signature).unwrap());
    town.settle().await;
    assert_eq!(state(&town, &id).await, "withdrawing");
}

//! Accounts that settle at another address from a day on: bills of before, and what is left there.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use alloy_primitives::B256;
use contracts::AccountRequest;
use db::Row;
use events::billing::CashLeftBehind;
use events::identity::{AccountOpened, AddressAssigned, Custody, SweepSigned};
use keys::SecretKey;
use serde_json::{Value, json};
use units::Money;

use crate::corrections::{DAY, traded};
use crate::dues::{IBAN, cents, import, money, path, payment, statement};
use crate::payouts::scene;
use crate::service::{Running, traded_monday};
use crate::town::*;

fn later() -> SecretKey {
    key("heron later")
}

/// Heron settles at another address from Tuesday on.
pub async fn moved(town: &mut Running, custody: Custody) {
    town.publish(&AccountOpened { custody, ..HERON.opened() }).await;
    let (account, community, from) = (HERON.account(), community(), slot(24).start);
    let address = later().address();
    town.publish(&AddressAssigned { account, community, address, from, custody }).await;
}

/// What heron has at each of its addresses, and in all.
async fn wallet(town: &Running) -> (Vec<Money>, Money) {
    let wallet = town.get("heron", "/v1/wallet").await;
    let each = wallet["addresses"].as_array().unwrap().iter();
    (each.map(|one| money(&one["total"])).collect(), money(&wallet["total"]))
}

/// What `who` signs and sends for an invoice with its key `by`.
async fn sent(town: &Running, who: &str, invoice: &Value, (by, at): (&str, &str)) -> Value {
    let prepare = path(invoice, &format!("wallet-payments/prepare{at}"));
    let (status, prepared) = town.post(who, &prepare, "", json!({})).await;
    assert_eq!(status, StatusCode::OK, "{prepared}");
    let terms: AccountRequest = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let hash = terms.hash(CHAIN_ID, &deployment()).unwrap();
    let body = json!({ "terms": terms, "signature": key(by).sign(hash) });
    let (status, sent) = town.post(who, &path(invoice, "wallet-payments"), by, body).await;
    assert_eq!(status, StatusCode::CREATED, "{sent}");
    prepared["terms"].clone()
}

#[actix_web::test]
async fn a_bill_of_an_address_before_is_corrected_and_settled_with_its_account() {
    let (mut town, _) = traded(false).await;
    moved(&mut town, Custody::Own).await;
    let bank = json!({ "iban": IBAN, "holder": "Wattex Town", "currency": "EUR" });
    let said = TestRequest::put().uri("/v1/bank/account").set_json(bank);
    assert_eq!(town.ask(said, "operator").await.0, StatusCode::OK);
    let both = json!({
        "account": HERON.account().to_string(), "from": "2026-06-01", "to": "2026-06-02",
    });
    let (_, problem) = town.post("operator", "/v1/invoices", "", both).await;
    assert_eq!(problem["code"], "ADDRESS_CHANGES");
    let invoice = town.billed().await;
    assert_eq!(invoice["invoice"]["address"], json!(HERON.address()));
    town.settle().await;
    town.hear_the_evening().await;
    town.wait(DAY + 60).await;
    let [correction] = &town.corrections(&invoice).await[..] else { panic!("one correction") };
    let right = town.right(correction).await;
    assert_eq!(right["address"], json!(HERON.address()), "of the address that it was settled at");
    let report = town.proved_correction(correction).await;
    assert_eq!(report.verdict, billing::domain::verify::Verdict::Holds, "{report}");

    // Paid with what is left at the old address, and once more by bank: that goes back to where the
    // account can use it.
    let collected = json!({ "account": OTTER.account().to_string() });
    let said = TestRequest::put().uri("/v1/collecting-account").set_json(collected);
    assert_eq!(town.ask(said, "operator").await.0, StatusCode::OK);
    let due = money(&payment(&town, &invoice).await["left"]);
    let at = format!("?address={:#x}", HERON.address());
    let terms = sent(&town, "heron", &invoice, ("heron", &at)).await;
    assert_eq!(terms["account"], json!(HERON.address()));
    import(&town, statement("A", &[(cents(100), invoice["number"].as_str().unwrap())])).await;
    town.settle().await;
    town.settle().await;
    assert_eq!(payment(&town, &invoice).await["credit"], "1");
    let before = wallet(&town).await;
    let terms = sent(&town, "otter", &invoice, ("otter", "")).await;
    assert_eq!(terms["to"], json!(later().address()), "the old address is dead");
    town.settle().await;
    town.settle().await;
    let after = wallet(&town).await;
    assert_eq!((after.0[0], after.0[1]), (before.0[0], cents(100)));
    assert_eq!(payment(&town, &invoice).await["credit"], "0");
    assert!(due > cents(100));
    town.in_order().await;
}

#[actix_web::test]
async fn payouts_of_two_addresses_are_each_followed_at_their_own() {
    let mut town = scene::town().await;
    moved(&mut town, Custody::Own).await;
    let midnight = slot(24).start;
    town.move_to(midnight.plus_seconds(-60));
    // One that is sent after the midnight is that of the address that signed it.
    let late = scene::signed(&town, "4").await;
    let mut ids = vec![scene::request(&town, "5", "a").await];
    town.settle().await;
    town.move_to(midnight.plus_seconds(60));
    town.deposit(HERON, "2").await;
    assert_eq!(wallet(&town).await, (vec![cents(2_500), cents(2_500)], cents(5_000)));
    let terms = scene::prepared(&town, "6").await;
    assert_eq!(terms.account, later().address());
    for (key, body) in [("b", scene::sign_by("heron later", &terms)), ("c", late)] {
        let (status, payout) = town.post("heron", "/v1/payouts", key, body).await;
        assert_eq!(status, StatusCode::CREATED, "{payout}");
        ids.push(payout["id"].as_str().unwrap().to_owned());
    }
    town.settle().await;
    for id in &ids {
        assert_eq!(scene::state(&town, id).await, "withdrawing");
    }
    scene::wait(&mut town).await;
    for id in &ids {
        assert_eq!(scene::state(&town, id).await, "redeemed");
    }
    assert_eq!(wallet(&town).await.0, [cents(1_600), cents(1_900)]);
    town.in_order().await;
}

#[actix_web::test]
async fn nothing_is_given_to_an_address_of_another_whose_time_is_over() {
    let mut town = scene::town().await;
    town.deposit(OTTER, "2").await;
    moved(&mut town, Custody::Own).await;
    town.move_to(slot(23).start);
    let wish = json!({ "kind": "transfer", "to": HERON.address(), "amount": "1" });
    let (status, before) = town.post("otter", "/v1/requests/prepare", "", wish.clone()).await;
    assert_eq!(status, StatusCode::OK, "{before}");
    town.move_to(slot(24).start);
    let (_, problem) = town.post("otter", "/v1/requests/prepare", "", wish).await;
    assert_eq!(problem["code"], "RECIPIENT_OVER");
    let terms: AccountRequest = serde_json::from_value(before["terms"].clone()).unwrap();
    let signature = key("otter").sign(terms.hash(CHAIN_ID, &deployment()).unwrap());
    let body = json!({ "terms": terms, "signature": signature });
    let (_, problem) = town.post("otter", "/v1/requests", "a", body).await;
    assert_eq!(problem["code"], "RECIPIENT_OVER", "{problem}");
}

#[actix_web::test]
async fn an_address_is_swept_when_its_last_slot_is_settled() {
    let mut town = scene::town().await;
    moved(&mut town, Custody::Held).await;
    let settled = i64::from(policy().slot_seconds) + i64::from(policy().settle_seconds);
    let settled = slot(24).start.plus_seconds(settled);
    for (moment, asked) in [(settled, 0), (settled.plus_seconds(400), 1)] {
        town.move_to(moment);
        town.settle().await;
        assert_eq!(left_behind(&town).await.len(), asked, "{moment}");
    }
}

/// What billing has asked for.
async fn left_behind(town: &Running) -> Vec<CashLeftBehind> {
    let url = format!("sqlite:{}", town.folder.path().join("billing.db").display());
    let pool = db::AnyPool::connect(&url).await.unwrap();
    let sql = "select body from outbox where subject = 'billing.cash.left_behind.v1' \
               order by place";
    let rows = db::query(sql).fetch_all(&pool).await.unwrap();
    pool.close().await;
    let body = |row: &db::AnyRow| row.try_get::<String, _>(0).unwrap();
    rows.iter().map(|row| serde_json::from_str(&body(row)).unwrap()).collect()
}

fn swept(cash: &CashLeftBehind, by: &SecretKey) -> SweepSigned {
    let terms = (cash.nonce, cash.expiry.unsigned());
    let terms = AccountRequest::moved(cash.market, (cash.from, cash.to), cash.amount, terms);
    let hash: B256 = terms.hash(CHAIN_ID, &deployment()).unwrap();
    SweepSigned { cash: cash.clone(), signature: by.sign(hash) }
}

#[actix_web::test]
async fn what_is_left_at_an_address_follows_once_wherever_the_program_ends() {
    let (mut town, _) = traded_monday().await;
    moved(&mut town, Custody::Held).await;
    town.move_to(corrections_over());
    town.settle().await;
    let (each, all) = wallet(&town).await;
    assert_eq!(each, [all, Money::ZERO], "asked for, and signed by nobody");
    let asked = left_behind(&town).await;
    let [cash] = &asked[..] else { panic!("asked for once: {asked:?}") };
    assert_eq!((cash.from, cash.to), (HERON.address(), later().address()));
    let locked = all.minus(cash.amount).unwrap();
    assert!(locked > Money::ZERO, "what otter owes for the evening can be challenged still");

    // It ends: what was asked for stands, and is not asked for again.
    let mut town = town.restarted().await;
    town.move_to(town.now.plus_seconds(600));
    town.settle().await;
    assert_eq!(left_behind(&town).await.len(), 1);
    // Signed by another, for another amount or to another address it moves nothing.
    let elsewhere = key("thief").address();
    let less = cash.amount.minus(cents(1)).unwrap();
    for forged in [
        swept(cash, &key("thief")),
        swept(&CashLeftBehind { to: elsewhere, ..cash.clone() }, &key("heron")),
        swept(&CashLeftBehind { amount: less, ..cash.clone() }, &key("heron")),
    ] {
        town.publish(&forged).await;
        town.settle().await;
        assert_eq!(wallet(&town).await, (vec![all, Money::ZERO], all));
    }
    // Signed, and it ends before a block has it.
    let signed = swept(cash, &key("heron"));
    town.publish(&signed).await;
    let mut town = town.restarted().await;
    town.publish(&signed).await;
    town.settle().await;
    assert_eq!(wallet(&town).await, (vec![locked, cash.amount], all));
    // What becomes free later follows as another transfer, and the old signature moves none of it.
    town.move_to(town.now.plus_seconds(4 * DAY));
    town.settle().await;
    town.publish(&signed).await;
    town.move_to(town.now.plus_seconds(600));
    town.settle().await;
    assert_eq!(wallet(&town).await, (vec![locked, cash.amount], all));
    let asked = left_behind(&town).await;
    assert_eq!((asked.len(), asked[1].amount), (2, locked), "{asked:?}");
    town.publish(&swept(&asked[1], &key("heron"))).await;
    town.settle().await;
    assert_eq!(wallet(&town).await, (vec![Money::ZERO, all], all), "no unit twice, none lost");
    let statement = town.get("heron", "/v1/statement").await;
    let items = statement["items"].as_array().unwrap().iter();
    let moves: Vec<&Value> = items.filter(|item| item["what"] == "transferred").collect();
    let changes: Vec<&Value> = moves.iter().map(|item| &item["change"]).collect();
    assert_eq!(changes, [&json!("0"), &json!("0")], "{statement}");
    town.in_order().await;
}

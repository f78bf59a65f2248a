//! A home that lets the market trade for it, from the rule over REST to the trade on chain; and
//! what the market's own key can do with that.

use calendar::Timestamp;
use contracts::requests::mandated_nonce;
use contracts::{AccountRequest, Side, U256};
use market::domain::{SlotJournal, recompute};
use serde_json::{Value, json};

use super::person::Person;
use super::town::{DEPOSIT, Town};
use super::{ASK, BID, WH, slot};
use crate::source::node::chain::role;

fn moment(epoch: u64) -> Timestamp {
    Timestamp::from_seconds(epoch.cast_signed())
}

/// Prepares a request, has identity sign it with the held key, and sends it.
pub(super) async fn requested(town: &Town, person: &Person, wish: &Value) -> AccountRequest {
    let (status, prepared) = town.post("/v1/requests/prepare", &person.token, wish).await;
    assert!(status.is_success(), "{prepared}");
    let (status, signed) =
        town.post("/v1/signatures/request", &person.token, &prepared["terms"]).await;
    assert!(status.is_success(), "{signed}");
    let body = json!({ "terms": prepared["terms"], "signature": signed["signature"] });
    town.made("/v1/requests", &person.token, &body).await;
    serde_json::from_value(prepared["terms"].clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_trades_for_a_home_and_stays_inside_its_mandate() {
    let mut town = Town::start().await;
    let (ada, bo) = (town.join("ada", false).await, town.join("bo", true).await);
    let rules = town.get("/v1/rules", &ada.token).await;
    let delegate = town.secrets.key(role::DELEGATE);
    assert_eq!(rules["delegate"], format!("{:#x}", delegate.address()));
    let until = moment(slot(400)).to_string();
    let wish = json!({
        "kind": "mandate", "delegate": rules["delegate"], "until": until,
        "buy_price_max": BID, "quantity_per_slot": WH, "quantity_per_day": 3 * WH,
    });
    requested(&town, &ada, &wish).await;
    let path = format!("/v1/rules/{}/buy", ada.point);
    let rule = town.put(&path, &ada.token, &json!({ "quantity_wh": WH, "limit_price": BID })).await;
    assert_eq!(rule["warnings"], json!(["NO_MANDATE"]), "not in a block yet");

    town.pass(60).await;
    town.pass_to(moment(slot(1)).plus_seconds(-1_200)).await;
    let rule = &town.get("/v1/rules", &ada.token).await["items"][0];
    assert_eq!(rule["warnings"], json!([]), "{rule}");
    let wish = bo.wish(false, slot(1), WH, ASK, 7);
    town.place(&bo.token, &town.place.signed(wish, bo.key())).await.unwrap();
    town.pass_to(moment(slot(1)).plus_seconds(300)).await;
    let trades = town.get("/v1/trades?mine=true", &ada.token).await;
    let trade = &trades["items"][0];
    assert_eq!((&trade["own"], &trade["status"]), (&json!("buy"), &json!("settled")), "{trades}");
    assert!(town.free(&ada).await < DEPOSIT);
    let journal = town.get(&format!("/v1/slots/{}/journal", moment(slot(1))), &bo.token).await;
    let journal: SlotJournal = serde_json::from_value(journal).unwrap();
    assert_eq!(recompute(&journal, &journal.clearing).unwrap().fills, 1);

    // With the market's key itself, beside its rules.
    for (wh, limit) in [(WH + 1, BID), (WH, BID + 100)] {
        let refused = placed_by_hand(&town, &ada, (wh, limit), &delegate).await;
        assert_eq!(refused, Err("DELEGATE".to_owned()), "{wh} {limit}");
    }
    let ended = json!({ "kind": "mandate", "delegate": rules["delegate"] });
    requested(&town, &ada, &ended).await;
    town.pass(600).await;
    let refused = placed_by_hand(&town, &ada, (WH, BID), &delegate).await;
    assert_eq!(refused, Err("DELEGATE".to_owned()), "the mandate is over");
    town.books_are_covered().await;
    town.stop().await;
}

/// What becomes of an order for a later slot that the market's key signs for somebody.
async fn placed_by_hand(
    town: &Town,
    person: &Person,
    (wh, limit): (u64, u64),
    delegate: &keys::SecretKey,
) -> Result<Value, String> {
    let mut terms = town.place.terms(person.wish(true, slot(20), wh, limit, 0));
    terms.delegate = delegate.address();
    terms.nonce = mandated_nonce(terms.delegate, terms.slot, 900, Side::Buy);
    assert_ne!(terms.nonce, U256::ZERO);
    town.place(&person.token, &town.place.signed_as(terms, delegate)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_sends_money_to_its_neighbour() {
    let mut town = Town::start().await;
    let (ada, bo) = (town.join("ada", false).await, town.join("bo", true).await);
    let wish = json!({ "kind": "transfer", "to": bo.account.to_string(), "amount": "12.25" });
    requested(&town, &ada, &wish).await;
    town.pass(600).await;
    let moved = 12_250_000_000;
    assert_eq!((town.free(&ada).await, town.free(&bo).await), (DEPOSIT - moved, DEPOSIT + moved));
    let listed = town.get("/v1/requests?kind=transfer", &ada.token).await;
    assert_eq!(listed["items"][0]["state"], "done", "{listed}");
    town.books_are_covered().await;
    town.stop().await;
}

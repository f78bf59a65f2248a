//! Two households trade before the gate: they see it at once, the chain settles it after the gate,
//! and the program's own command finds the same from the published journal.

use calendar::Timestamp;
use market::domain::{SlotJournal, recompute};
use matching::Mechanism;
use serde_json::{Value, json};

use super::calls::settled;
use super::person::Person;
use super::town::{DEPOSIT, Town};
use super::{ASK, BID, WH, slot};
use crate::program::{run, wattex};

/// The slot that is traded.
const SLOT: u64 = 8;

fn start() -> Timestamp {
    Timestamp::from_seconds(slot(SLOT).cast_signed())
}

/// Places an order, with how long it is good beside it; the answer.
async fn placed(town: &Town, person: &Person, order: (bool, u64, u64, u64), more: Value) -> Value {
    let (buys, wh, limit, nonce) = order;
    let signed = town.place.signed(person.wish(buys, slot(SLOT), wh, limit, nonce), person.key());
    let mut body = json!({ "order": signed.terms, "signature": signed.signature });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    town.made("/v1/orders", &person.token, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_trade_before_the_gate_and_it_settles() {
    let mut town = Town::start_by(Mechanism::Continuous).await;
    let (mira, noor) = (town.join("mira", true).await, town.join("noor", true).await);
    town.pass_to(start().plus_seconds(-2 * 3_600)).await;
    placed(&town, &noor, (false, 2 * WH, ASK, 1), json!({})).await;
    let bought = placed(&town, &mira, (true, WH, BID, 2), json!({})).await;
    // She sees it at once: at what he asks with his fee, less than she would have paid.
    assert_eq!((&bought["status"], &bought["filled_wh"]), (&json!("filled"), &json!(WH)));
    assert_eq!(bought["trades"][0]["price"], json!("0.102"));
    let depth = town.get(&format!("/v1/slots/{}/depth", start()), &mira.token).await;
    assert_eq!(depth["asks"][0]["quantity_wh"], json!(WH), "{depth}");
    // What cannot trade whole at once is killed.
    let killed = json!({ "time_in_force": "fill_or_kill" });
    let killed = placed(&town, &mira, (true, 3 * WH, BID, 3), killed).await;
    assert_eq!((&killed["status"], &killed["filled_wh"]), (&json!("cancelled"), &json!(0)));
    town.pass_to(start().plus_seconds(-900)).await;

    let history = town.history().await;
    let posted = town.place.cleared(slot(SLOT), &history).posted.clearing;
    assert_eq!((posted.mechanism, posted.fills, posted.volume.wh()), (130, 1, WH));
    assert_eq!(settled(&history), 1);
    // 10.2 ct of energy with 1.2 ct of fees.
    assert_eq!(town.free(&mira).await, DEPOSIT - WH * 114_000);
    let path = format!("/v1/slots/{}/journal", start());
    let journal: SlotJournal = serde_json::from_value(town.get(&path, &noor.token).await).unwrap();
    let same = recompute(&journal, &posted).unwrap();
    let at_once = same.at_once.unwrap();
    assert_eq!((same.orders, same.cancelled, same.fills, at_once.timed), (2, 1, 1, 1));
    let (url, rpc) = (town.node.url(), format!("{}/rpc", town.node.url()));
    let (token, start) = (noor.token.clone(), start().to_string());
    let ended = tokio::task::spawn_blocking(move || {
        let fetch = ["recompute", "--url", &url, "--slot", &start, "--token", &token];
        run(wattex(&[&fetch[..], &["--rpc", &rpc]].concat()))
    });
    let ended = ended.await.unwrap();
    assert!(ended.code == Some(0) && ended.out.contains("HOLDS"), "{ended:?}");
    assert!(ended.out.contains("met before the gate"), "{ended:?}");
    town.books_are_covered().await;
    town.stop().await;
}

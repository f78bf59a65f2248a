//! Two households trade under seal: the one leaves its order with the market, the other opens its
//! own, which is in no database of the operator's before; the chain settles it, and the program's
//! own command proves from the published journal and the chain that no order came in that was not
//! committed to before.

use std::path::Path;

use alloy_primitives::{B256, hex, keccak256};
use calendar::Timestamp;
use serde_json::{Value, json};

use super::calls::{Signed, settled};
use super::person::Person;
use super::town::{DEPOSIT, Town};
use super::{ASK, BID, WH, slot};
use crate::program::{run, wattex};

/// The slot that is traded: the day after tomorrow, since the books before are open already.
const SLOT: u64 = 140;

fn start() -> Timestamp {
    Timestamp::from_seconds(slot(SLOT).cast_signed())
}

fn signed(town: &Town, person: &Person, buys: bool, limit: u64, nonce: u64) -> Signed {
    town.place.signed(person.wish(buys, slot(SLOT), WH, limit, nonce), person.key())
}

/// The commitment as anybody computes it who has read how.
fn commitment(order: &Signed, salt: B256) -> B256 {
    let tag = keccak256("Wattex sealed order 1");
    keccak256([tag, order.hash, salt].concat())
}

fn opening(order: &Signed, salt: B256) -> Value {
    json!({ "order": order.terms, "signature": order.signature, "salt": salt })
}

/// Whether a database of the services has these bytes, as they are or as hex.
fn known(folder: &Path, bytes: &[u8; 32]) -> bool {
    let text = hex::encode(bytes);
    let is_of_services = |name: &str| name.contains(".db");
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let entry = entry.unwrap();
        if !is_of_services(&entry.file_name().to_string_lossy()) {
            return false;
        }
        let file = std::fs::read(entry.path()).unwrap();
        let raw = || file.windows(bytes.len()).any(|part| part == bytes);
        String::from_utf8_lossy(&file).contains(&text) || raw()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_trade_under_seal_and_it_settles() {
    let mut town = Town::start().await;
    let (mira, noor) = (town.join("mira", true).await, town.join("noor", true).await);
    let choice = json!({ "reveal_seconds": 120 });
    town.put(&format!("/v1/sealing/{}", start()), &town.clerk, &choice).await;
    town.pass_to(start().plus_seconds(-2 * 3_600)).await;
    let (bid, ask) = (signed(&town, &mira, true, BID, 1), signed(&town, &noor, false, ASK, 2));
    assert_eq!(town.place(&mira.token, &bid).await.unwrap_err(), "SEALED");
    let [theirs, his] = [1, 2].map(B256::repeat_byte);
    let left = json!({ "slot": start(), "deposit": opening(&bid, theirs) });
    let left = town.made("/v1/commitments", &mira.token, &left).await;
    assert_eq!(left["commitment"], json!(commitment(&bid, theirs)));
    let kept = json!({ "slot": start(), "commitment": commitment(&ask, his) });
    town.made("/v1/commitments", &noor.token, &kept).await;
    // Who runs all of it and would place bait before the gate finds hers, and not his: neither in
    // its databases nor where staff look.
    assert!(known(town.folder.path(), &commitment(&ask, his).0), "which have the commitment");
    let written = |order: &Signed| {
        let half = order.signature.as_bytes().first_chunk().unwrap();
        known(town.folder.path(), half)
    };
    assert_eq!([&bid, &ask].map(written), [true, false]);
    for side in ["buy", "sell"] {
        let book = format!("/v1/book?side={side}&slot={}", start());
        assert_eq!(town.get(&book, &town.clerk).await["items"], json!([]), "{side}");
    }
    let path = format!("/v1/commitments/{}/opening", commitment(&ask, his));
    let early = town.refusal(&path, &noor.token, &opening(&ask, his)).await;
    assert_eq!(early, "REVEAL_CLOSED");

    // The gate: the root goes on chain, what was left is opened, and he opens his.
    town.pass_to(start().plus_seconds(-900)).await;
    let shown = town.get(&format!("/v1/slots/{}", start()), &noor.token).await;
    let seen = [&shown["sealed"]["commitments"], &shown["sealed"]["opened"], &shown["wanted_wh"]];
    assert_eq!(seen, [&json!(2), &json!(1), &json!(0)], "{shown}");
    town.made(&path, &noor.token, &opening(&ask, his)).await;
    town.pass(5).await;
    let history = town.history().await;
    let posted = town.place.cleared(slot(SLOT), &history).posted.clearing;
    assert_eq!((posted.fills, posted.volume.wh(), settled(&history)), (1, WH, 1));
    assert!(town.free(&mira).await < DEPOSIT);

    let (url, rpc) = (town.node.url(), format!("{}/rpc", town.node.url()));
    let (token, start) = (noor.token.clone(), start().to_string());
    let ended = tokio::task::spawn_blocking(move || {
        let fetch = ["recompute", "--url", &url, "--slot", &start, "--token", &token];
        run(wattex(&[&fetch[..], &["--rpc", &rpc]].concat()))
    });
    let ended = ended.await.unwrap();
    assert!(ended.code == Some(0) && ended.out.contains("HOLDS"), "{ended:?}");
    assert!(ended.out.contains("2 commitments, 0 withdrawn, 2 opened"), "{ended:?}");
    assert!(ended.out.contains("is on chain since 2026-06-02T21:45:0"), "{ended:?}");
    town.books_are_covered().await;
    town.stop().await;
}

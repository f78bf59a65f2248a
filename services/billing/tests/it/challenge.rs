//! What was reconciled above a signed reading is taken back, on chain and in the books.

use actix_web::http::StatusCode;
use alloy_primitives::{B256, U256};
use contracts::{Claim, Evidence, OrderTerms, Prices, READINGS_OF_SLOT, Reconciled};
use reading::{Reading, slot_leaf_data};
use serde_json::{Value, json};
use units::{Energy, Money, Register};

use crate::handover::{corrections_end, noon};
use crate::service::Running;
use crate::town::*;

const SALT: B256 = B256::repeat_byte(3);
/// What otter's meter registered at noon; its intervals say 900 Wh.
pub const REGISTERED: u64 = 60;

impl Running {
    /// A reading of otter's meter, anchored as the metering service does it.
    pub fn anchored(&mut self, hours: i64, export: u64) -> Evidence {
        self.anchored_of(OTTER, hours, export, 1)
    }

    /// A reading of a home's meter, anchored as a batch of its slot.
    fn anchored_of(&mut self, home: Home, hours: i64, export: u64, batch: u32) -> Evidence {
        let honest = home.reading(hours).reading;
        let reading = Reading { export: Register::from_wh(export), ..honest };
        let signed = reading.sign(&home.meter_key());
        let tree = merkle::Tree::new(vec![
            merkle::leaf(&slot_leaf_data(SALT, &signed)),
            B256::repeat_byte(9),
        ]);
        let period = slot(hours - 1).start.unsigned();
        let root = tree.root();
        let call = deployment().anchor_readings(community(), READINGS_OF_SLOT, period, root, 2);
        self.node.call(authority(), call);
        Evidence {
            message: signed.encode().into(),
            salt: SALT,
            community: community(),
            period,
            batch,
            index: 0,
            path: tree.path(0),
            point: [].into(),
        }
    }
}

pub async fn locked(town: &Running, who: &str) -> i64 {
    let wallet = town.get(who, "/v1/wallet").await;
    serde_json::from_value::<Money>(wallet["locked"].clone()).unwrap().n()
}

/// Otter's side of each of these trades.
pub fn claims(deals: &Deals) -> Vec<Claim> {
    let (market, tree) = (deployment().market, deals.fills.tree());
    let claim = |(index, (buy, sell)): (usize, &(OrderTerms, OrderTerms))| {
        let [own, other] = [sell, buy].map(|order| order.hash(CHAIN_ID, market));
        Claim {
            order: sell.clone(),
            filled: deals.fills.filled(own),
            other,
            other_filled: deals.fills.filled(other),
            prices: Prices::one(180_000),
            index: u32::try_from(index).unwrap(),
            path: tree.path(index),
        }
    };
    deals.orders.iter().enumerate().map(claim).collect()
}

#[actix_web::test]
async fn a_proven_challenge_is_posted_and_no_run_follows_it() {
    let quantities = [100, 90, 80];
    let (mut town, trades) = noon(&quantities).await;
    town.close_slot(12).await;
    town.rounds(6).await;
    let before = [locked(&town, "heron").await, locked(&town, "otter").await];

    let [begin, end] = [town.anchored(12, 1_000), town.anchored(13, 1_000 + REGISTERED)];
    let deals = deals(12, &quantities);
    assert_eq!(deals.trades, trades);
    let whole = |(trade, wh): (&B256, u64)| Reconciled {
        trade: *trade,
        run: 0,
        delivered: Energy::from_wh(wh),
        seller_short: Energy::ZERO,
        buyer_short: Energy::ZERO,
    };
    let runs: Vec<Reconciled> = trades.iter().zip(quantities).map(whole).collect();
    let batches = [deals.standing(&runs)];
    let call = deployment().challenge([&begin, &end], &claims(&deals), &batches);
    // While corrections are open the operator may still put it right: nothing is cut.
    for moment in [town.now, corrections_end(12)] {
        town.move_to(moment);
        town.node.call(authority(), call.clone());
        town.rounds(1).await;
        assert_eq!([locked(&town, "heron").await, locked(&town, "otter").await], before);
    }
    town.move_to(corrections_end(12).plus_seconds(1));
    town.node.call(authority(), call);
    town.rounds(6).await;

    let audit = town.audit().await;
    assert_eq!((&audit["trades_open"], &audit["trades_apart"]), (&json!(0), &json!([])));
    // 210 Wh were not delivered at 19.2 ct; of the two trades that miss more than 50 Wh, 170 Wh are
    // made whole at 9.8 ct. The seller loses the same, and 17.8 ct that it had not earned.
    let (cut, whole) = (210 * 192_000, 170 * 98_000);
    assert_eq!(locked(&town, "heron").await - before[0], cut + whole);
    assert_eq!(locked(&town, "otter").await - before[1], -(210 * 178_000 + whole));
    let statement = town.get("heron", "/v1/statement").await;
    let items = statement["items"].as_array().unwrap();
    assert_eq!(items.iter().filter(|item| item["what"] == "reconciled").count(), 3 + 3);

    // The operator's own next run does not come to anything, nor does anything hang on it: neither
    // where the meter fits what was said first, nor where it says something new.
    for (version, export) in [(2, 905), (3, 80)] {
        town.correct(12, version, export).await;
        town.rounds(6).await;
        assert_eq!(locked(&town, "heron").await - before[0], cut + whole);
    }
    // Challenges take three days. What was cut goes free with the rest.
    town.move_to(corrections_end(12).plus_seconds(3 * 86_400 + 120));
    town.rounds(6).await;
    let audit = town.audit().await;
    assert_eq!(audit["trades_open"], json!(0), "{audit}");
    assert_eq!([locked(&town, "heron").await, locked(&town, "otter").await], [0, 0]);
}

/// A reading and its proof as metering hands them out.
fn shown(of: &Evidence) -> Value {
    json!({
        "message": of.message, "salt": of.salt, "period": of.period, "batch": of.batch,
        "community": B256::from(of.community.to_bytes32()), "index": of.index, "path": of.path,
        "root": B256::ZERO, "count": 2,
    })
}

fn wish(trade: B256, [begin, end]: [&Evidence; 2]) -> Value {
    json!({ "trade": trade, "side": "sell", "begin": shown(begin), "end": shown(end) })
}

impl Running {
    async fn prepared(&self, who: &str, wish: &Value) -> Value {
        let path = "/v1/trade-challenges/prepare";
        let (status, answer) = self.post(who, path, "1", wish.clone()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn unprepared(&self, who: &str, wish: &Value) -> String {
        let path = "/v1/trade-challenges/prepare";
        let (status, answer) = self.post(who, path, "1", wish.clone()).await;
        assert!(status.is_client_error(), "{answer}");
        answer["code"].as_str().unwrap().to_owned()
    }

    async fn filed(&self, wish: &Value) -> (StatusCode, Value) {
        self.post("heron", "/v1/trade-challenges", "1", wish.clone()).await
    }

    async fn unfiled(&self, wish: &Value) -> String {
        let (status, answer) = self.filed(wish).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
        answer["code"].as_str().unwrap().to_owned()
    }

    async fn challenges(&self) -> Vec<Value> {
        let list = self.get("heron", "/v1/trade-challenges").await;
        list["items"].as_array().unwrap().clone()
    }
}

#[actix_web::test]
async fn a_challenge_is_prepared_by_the_chains_word_and_sent_once() {
    let quantities = [100, 90, 80];
    let (mut town, trades) = noon(&quantities).await;
    town.close_slot(12).await;
    town.rounds(6).await;
    let [begin, end] = [town.anchored(12, 1_000), town.anchored(13, 1_000 + REGISTERED)];
    town.rounds(1).await;

    // Any of the trades leads to all of the meter's in the clearing.
    let wish = wish(trades[1], [&begin, &end]);
    let early = town.prepared("heron", &wish).await;
    for (field, value) in [
        ("registered_wh", json!(60)),
        ("reconciled_wh", json!(270)),
        ("excess_wh", json!(210)),
        ("window", json!("early")),
        ("connection_point", json!(OTTER.point().to_string())),
        ("opens", json!(corrections_end(12).plus_seconds(1).to_string())),
        ("closes", json!(corrections_end(12).plus_seconds(3 * 86_400).to_string())),
    ] {
        assert_eq!(early[field], value, "{field}");
    }
    // It is the call that somebody makes by hand who knows everything.
    let deals = deals(12, &quantities);
    let whole = |(trade, wh): (&B256, u64)| Reconciled {
        trade: *trade,
        run: 0,
        delivered: Energy::from_wh(wh),
        seller_short: Energy::ZERO,
        buyer_short: Energy::ZERO,
    };
    let runs: Vec<Reconciled> = trades.iter().zip(quantities).map(whole).collect();
    let call = deployment().challenge([&begin, &end], &claims(&deals), &[deals.standing(&runs)]);
    assert_eq!(early["call"]["data"], json!(call.data));
    assert_eq!(early["call"]["to"], json!(deployment().challenges.to_string()));
    assert_eq!(town.unfiled(&wish).await, "TOO_EARLY");

    town.move_to(corrections_end(12).plus_seconds(1));
    // The node tries the call as of its newest block.
    town.node.call(authority(), deployment().approve_market(U256::ZERO));
    town.node.mine(town.now);
    town.carry().await;
    assert_eq!(town.prepared("otter", &wish).await["window"], "open");
    for _ in 0..2 {
        let (status, sent) = town.filed(&wish).await;
        assert_eq!((status, &sent["state"]), (StatusCode::CREATED, &json!("sent")), "{sent}");
    }
    let sent = town.challenges().await;
    assert_eq!((sent.len(), &sent[0]["excess_wh"]), (1, &json!(210)));
    town.node.lag(2);
    town.rounds(1).await;
    let (cut, whole) = (210 * 192_000, 170 * 98_000);
    let amount = |n: i64| json!(Money::from_n(n));
    let in_block = town.challenges().await;
    assert_eq!(in_block.len(), 1, "{in_block:?}");
    for (field, value) in [
        ("state", json!("cut")),
        ("registered_wh", json!(60)),
        ("reconciled_wh", json!(270)),
        ("buyers_get", amount(cut + whole)),
        ("sellers_get", amount(-(210 * 178_000 + whole))),
    ] {
        assert_eq!(in_block[0][field], value, "{field}");
    }
    assert_eq!(in_block[0]["cuts"].as_array().unwrap().len(), 3);
    // What left the best branch is not there, until it comes again.
    town.node.take_back();
    town.carry().await;
    assert_eq!(town.challenges().await, [] as [Value; 0]);
    town.node.bring_again();
    town.carry().await;
    assert_eq!(town.challenges().await, in_block);
    town.node.lag(0);
    town.rounds(6).await;
    assert_eq!(town.unfiled(&wish).await, "NO_EXCESS");
    town.move_to(corrections_end(12).plus_seconds(3 * 86_400));
    assert_eq!(town.unfiled(&wish).await, "TOO_LATE");
    let audit = town.audit().await;
    assert_eq!(audit["violations"], json!([]), "{audit}");
}

#[actix_web::test]
async fn readings_that_prove_nothing_are_refused_by_what_is_wrong_with_them() {
    let (mut town, trades) = noon(&[100, 90]).await;
    town.close_slot(12).await;
    town.rounds(6).await;
    let [begin, end] = [town.anchored(12, 1_000), town.anchored(13, 1_060)];
    let [his, hers] = [town.anchored_of(HERON, 12, 0, 2), town.anchored_of(HERON, 13, 0, 2)];
    let enough = town.anchored_of(OTTER, 13, 1_190, 3);
    town.rounds(1).await;
    let trade = trades[0];
    assert_eq!(town.prepared("heron", &wish(trade, [&begin, &end])).await["excess_wh"], 130);

    // No excess: all that was reconciled, and not one Wh less.
    let fits = town.prepared("heron", &wish(trade, [&begin, &enough])).await;
    assert_eq!((&fits["cuts"], fits.get("call")), (&json!([]), None));
    let mut raised = end.clone();
    let mut bytes = raised.message.to_vec();
    bytes[46] ^= 1;
    raised.message = bytes.into();
    let salted = Evidence { salt: B256::ZERO, ..end.clone() };
    let misplaced = Evidence { index: 1, ..end.clone() };
    let unknown = Evidence { batch: 9, ..end.clone() };
    let short = Evidence { message: vec![1, 2, 3].into(), ..end.clone() };
    for (begin, end, code) in [
        (&his, &hers, "READING_OF_OTHER_METER"),
        (&begin, &hers, "READING_OF_OTHER_METER"),
        (&end, &begin, "READING_WITHIN_SLOT"),
        (&begin, &begin, "READING_WITHIN_SLOT"),
        (&begin, &raised, "READING_NOT_SIGNED"),
        (&begin, &salted, "READING_NOT_ANCHORED"),
        (&begin, &misplaced, "READING_NOT_ANCHORED"),
        (&begin, &unknown, "READING_NOT_ANCHORED"),
        (&begin, &short, "READING_UNREADABLE"),
    ] {
        assert_eq!(town.unprepared("heron", &wish(trade, [begin, end])).await, code);
    }
    let good = wish(trade, [&begin, &end]);
    let other = wish(B256::repeat_byte(9), [&begin, &end]);
    for (who, wish) in [("heron", &other), ("stranger", &good)] {
        assert_eq!(town.unprepared(who, wish).await, "NOT_FOUND");
    }
    town.move_to(corrections_end(12).plus_seconds(1));
    assert_eq!(town.unfiled(&wish(trade, [&begin, &enough])).await, "NO_EXCESS");
    // What is anchored now was not there while it could be corrected.
    let late = town.anchored_of(OTTER, 13, 1_050, 4);
    town.rounds(1).await;
    assert_eq!(
        town.unprepared("heron", &wish(trade, [&begin, &late])).await,
        "READING_ANCHORED_LATE"
    );
    assert_eq!(town.challenges().await, [] as [Value; 0]);
}

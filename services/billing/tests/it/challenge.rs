//! What was reconciled above a signed reading is taken back, on chain and in the books.

use alloy_primitives::B256;
use contracts::{Claim, Evidence, OrderTerms, Prices, READINGS_OF_SLOT, Reconciled};
use reading::{Reading, slot_leaf_data};
use serde_json::json;
use units::{Energy, Money, Register};

use crate::handover::{corrections_end, noon};
use crate::service::Running;
use crate::town::*;

const SALT: B256 = B256::repeat_byte(3);
/// What otter's meter registered at noon; its intervals say 900 Wh.
const REGISTERED: u64 = 60;

impl Running {
    /// A reading of otter's meter, anchored as the metering service does it.
    fn anchored(&mut self, hours: i64, export: u64) -> Evidence {
        let honest = OTTER.reading(hours).reading;
        let reading = Reading { export: Register::from_wh(export), ..honest };
        let signed = reading.sign(&OTTER.meter_key());
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
            batch: 1,
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
fn claims(deals: &Deals) -> Vec<Claim> {
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

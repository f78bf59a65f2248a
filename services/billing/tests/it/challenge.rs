//! What was reconciled above a signed reading is taken back, on chain and in the books.

use alloy_primitives::B256;
use contracts::{Claim, Evidence, READINGS_OF_SLOT};
use reading::{Reading, slot_leaf_data};
use serde_json::json;
use units::{Money, Register};

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

async fn locked(town: &Running, who: &str) -> i64 {
    let wallet = town.get(who, "/v1/wallet").await;
    serde_json::from_value::<Money>(wallet["locked"].clone()).unwrap().n()
}

#[actix_web::test]
async fn a_proven_challenge_is_posted_and_no_run_follows_it() {
    let quantities = [100, 90, 80];
    let (mut town, trades) = noon(&quantities).await;
    town.close_slot(12).await;
    town.rounds(6).await;
    let before = [locked(&town, "heron").await, locked(&town, "otter").await];

    let evidence = [town.anchored(12, 1_000), town.anchored(13, 1_000 + REGISTERED)];
    let deals = deals(12, &quantities);
    assert_eq!(deals.trades, trades);
    let claim = |fill: &contracts::FillProof| Claim {
        order: fill.sell.clone(),
        other: fill.buy.hash(CHAIN_ID, deployment().market),
        index: fill.index,
        path: fill.path.clone(),
    };
    let claims: Vec<Claim> = deals.fills.iter().map(claim).collect();
    let [begin, end] = &evidence;
    let call = deployment().challenge(deals.clearing, [begin, end], &claims);
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

    // The operator's own next run does not come to anything, nor does anything hang on it.
    town.correct(12, 2, 905).await;
    town.rounds(6).await;
    assert_eq!(locked(&town, "heron").await - before[0], cut + whole);
    town.move_to(corrections_end(12).plus_seconds(1));
    town.rounds(6).await;
    let audit = town.audit().await;
    assert_eq!(audit["trades_open"], json!(0), "{audit}");
}

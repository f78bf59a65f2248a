//! Runs of trades that stand in batches: one transaction of each batch at a time.

use events::metering::{IntervalFact, IntervalsClosed, IntervalsCorrected};
use serde_json::json;
use service::Tick;
use units::Energy;

use crate::challenge::locked;
use crate::handover::{corrections_end, noon};
use crate::service::{Running, interval};
use crate::town::*;

/// Six fills more than a batch has, of 1 to 9 Wh.
fn seventy() -> Vec<u64> {
    let quantities: Vec<u64> = (0..70).map(|place| 1 + place % 9).collect();
    assert_eq!(quantities.iter().sum::<u64>(), 343);
    assert_eq!(quantities[..contracts::BATCH_FILLS].iter().sum::<u64>(), 316);
    quantities
}

impl Running {
    /// Both meters tell of an hour two minutes after its end; nothing follows yet.
    async fn hear(&mut self, hour_of_day: i64) {
        let (slot, community) = (slot(hour_of_day), community());
        self.move_to(slot.end().plus_seconds(120));
        let intervals = [HERON, OTTER].map(|home| interval(home, hour_of_day, 1)).to_vec();
        self.publish(&IntervalsClosed { community, slot, intervals }).await;
    }

    /// Sends what falls due, and no block takes it; how many transactions wait for one.
    async fn send(&mut self) -> u64 {
        self.billing.tick(self.now).await.unwrap();
        self.billing.drain(self.now).await.unwrap();
        self.audit().await["transactions_pending"].as_u64().unwrap()
    }

    /// A block takes what was sent; how many transactions that were.
    async fn take(&mut self) -> usize {
        let mined = self.node.mine(self.now);
        self.carry().await;
        self.billing.drain(self.now).await.unwrap();
        mined
    }

    async fn traded(&self) -> u64 {
        self.billing.totals().await.traded.wh()
    }
}

#[actix_web::test]
async fn corrections_wait_for_the_run_before_them_and_none_is_lost() {
    let (mut town, _) = noon(&[100, 90, 80]).await;
    town.hear(12).await;
    assert_eq!(town.send().await, 1);
    // Otter gave less and heron took less, both before the first run is in a block.
    town.correct(12, 2, 170).await;
    assert_eq!(town.send().await, 1, "a second run would show trades without the first");
    let (slot, community) = (slot(12), community());
    let less = IntervalFact { import: Energy::from_wh(110), ..interval(HERON, 12, 2) };
    town.publish(&IntervalsCorrected { community, slot, intervals: vec![less] }).await;
    assert_eq!(town.send().await, 1);
    assert_eq!((town.take().await, town.traded().await), (1, 270));
    assert_eq!(locked(&town, "heron").await, 0);

    // One run has both corrections; another comes while it is on its way.
    assert_eq!(town.send().await, 1);
    town.correct(12, 3, 900).await;
    assert_eq!(town.send().await, 1);
    assert_eq!((town.take().await, town.traded().await), (1, 110));
    // 60 Wh of the second and of the third trade heron did not take, at 10 ct; by one correction
    // alone it would be nothing, or 80 Wh of each.
    let escrow = 270 * 192_000;
    assert_eq!(locked(&town, "heron").await, escrow - 110 * 192_000 - 120 * 100_000);

    assert_eq!(town.round().await, 1);
    assert_eq!(locked(&town, "heron").await, escrow - 110 * 192_000 - 160 * 100_000);
    assert_eq!(town.round().await, 0, "nothing is left to say");
    let audit = town.in_order().await;
    assert_eq!((&audit["trades_open"], &audit["intervals_waiting"]), (&json!(0), &json!(0)));
    let totals = town.billing.totals().await;
    assert_eq!((totals.import.wh(), totals.export.wh()), (110 + 450, 900));
}

/// The block may come again with its run: who shows the trades without it would be refused then.
#[actix_web::test]
async fn a_correction_waits_while_the_block_with_the_run_before_it_is_gone() {
    let (mut town, _) = noon(&[100]).await;
    town.node.lag(3);
    town.hear(12).await;
    assert_eq!(town.round().await, 1);
    town.correct(12, 2, 60).await;
    assert_eq!((town.round().await, town.traded().await), (1, 60));
    town.node.take_back();
    town.carry().await;
    town.correct(12, 3, 30).await;
    assert_eq!((town.round().await, town.traded().await), (0, 100));
    town.node.bring_again();
    town.carry().await;
    assert_eq!(town.traded().await, 60);
    assert_eq!((town.round().await, town.traded().await), (1, 30));
    assert_eq!(town.round().await, 0);
    town.in_order().await;
}

#[actix_web::test]
async fn more_trades_than_a_batch_has_are_reconciled_by_two_transactions() {
    let (mut town, _) = noon(&seventy()).await;
    town.hear(12).await;
    assert_eq!((town.round().await, town.traded().await), (2, 343));
    let audit = town.in_order().await;
    assert_eq!((&audit["trades"], &audit["trades_open"]), (&json!(70), &json!(0)));
    // The last trade misses some. Then the one before it misses all, and has its first correction
    // in the run that is the second of the last one.
    town.correct(12, 2, 340).await;
    assert_eq!((town.round().await, town.traded().await), (1, 340));
    town.correct(12, 3, 330).await;
    assert_eq!((town.round().await, town.traded().await), (1, 330));
    // Trades of both batches miss something.
    town.correct(12, 4, 250).await;
    assert_eq!((town.round().await, town.traded().await), (2, 250));
    town.move_to(zone().moment(monday().next(), 6 * 60 + 1));
    assert_eq!(
        town.round().await,
        1,
        "the next morning's run says the same: a batch of the journal"
    );
    assert_eq!(town.round().await, 0);
    let audit = town.in_order().await;
    assert_eq!((&audit["intervals_waiting"], &audit["trades_apart"]), (&json!(0), &json!([])));
}

#[actix_web::test]
async fn more_trades_than_a_batch_has_expire_by_two_transactions() {
    let (mut town, _) = noon(&seventy()).await;
    town.move_to(corrections_end(12).plus_seconds(61));
    // And what was posted before is a batch of the journal.
    assert_eq!((town.round().await, town.traded().await), (2 + 1, 0));
    assert_eq!(town.round().await, 0);
    let audit = town.in_order().await;
    assert_eq!((&audit["trades"], &audit["trades_open"]), (&json!(70), &json!(0)));
    // All of the escrow went back.
    assert!(audit["balances"].get("2010").is_none(), "{audit}");
    assert_eq!(locked(&town, "heron").await, 343 * 192_000);
}

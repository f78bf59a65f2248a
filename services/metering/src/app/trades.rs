//! Who of a trade may see the other's registers: what market tells is kept as long as it matters.
//!
//! Metering follows the trades that market announces and asks nobody: a service never reads
//! another's tables, and a grant that another service signs would have to be made, carried, checked
//! and taken back for what the bus tells anyhow. Kept are the two accounts, the two connection
//! points and the slot, no price and no quantity.

use anyhow::Result;
use calendar::{SlotLength, Timestamp};
use db::Db;
use events::Envelope;
use events::market::SlotCleared;

use super::enrol::CONSUMER;
use super::evidence::{Evidence, evidence};
use crate::db::meters::{self, Meter};
use crate::db::trades::{self, Met, Side};

/// The longest slot, in seconds.
const SLOT_SECONDS_MAX: i64 = 86_400;

/// Keeps who met whom in a slot, once, and forgets what no challenge can be about any more. Sides
/// that are told without a connection point are left out: there is no meter to look at.
pub(crate) async fn keep(db: &Db, envelope: &Envelope, event: SlotCleared) -> Result<()> {
    let (id, community, slot) = (envelope.id, event.community, event.slot.start);
    let kept_seconds = i64::from(contracts::WINDOWS_MAX) + SLOT_SECONDS_MAX;
    let met = event.trades.into_iter().filter_map(|matched| {
        let (buyer, seller) = (matched.buyer_point?, matched.seller_point?);
        Some(Met {
            trade: matched.trade.to_string(),
            community,
            slot,
            buyer: Side { account: matched.buyer, point: buyer },
            seller: Side { account: matched.seller, point: seller },
        })
    });
    let met: Vec<Met> = met.collect();
    db.transact(move |tx| {
        Box::pin(async move {
            if bus::first_time(tx, CONSUMER, id).await? {
                trades::put(tx, met).await?;
                trades::forget(tx, slot.plus_seconds(-kept_seconds)).await?;
            }
            Ok(())
        })
    })
    .await
}

/// A meter and what it said at both ends of a slot, as far as that is anchored.
pub(crate) struct Boundaries {
    pub(crate) meter: Meter,
    pub(crate) begin: Option<Evidence>,
    pub(crate) end: Option<Evidence>,
}

impl Boundaries {
    fn whole(&self) -> bool {
        self.begin.is_some() && self.end.is_some()
    }
}

/// What the meter of a side said at the two ends of the trade's slot; of several meters that the
/// connection point had, the newest that said both. `None` where it never had one.
pub(crate) async fn boundaries(
    db: &Db,
    length: SlotLength,
    slot: Timestamp,
    side: Side,
) -> Result<Option<Boundaries>> {
    let mut first = None;
    for meter in meters::of_point(db, side.point).await? {
        let begin = evidence(db, length, &meter, slot).await?;
        let end = evidence(db, length, &meter, slot.plus_seconds(length.seconds())).await?;
        let found = Boundaries { meter, begin, end };
        if found.whole() {
            return Ok(Some(found));
        }
        first = first.or(Some(found));
    }
    Ok(first)
}

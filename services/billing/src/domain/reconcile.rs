//! What was delivered of each trade of one slot.
//!
//! Energy can be sold once and used once: trades are served first in, first out from what each
//! side's meter still has left.
//!
//! ```text
//! remaining export of seller ──┐
//! remaining import of buyer  ──┼─ min ──► delivered ──► both remainders shrink by it
//! contracted quantity        ──┘
//! ```
//!
//! Invariants: the deliveries of a connection point never exceed its meter; a shortfall is laid on
//! the side that caused it, never on the other one. Absent: prices and penalties (the contract
//! computes them from these quantities) and where intervals come from.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use calendar::{TimeZone, Timestamp};
pub use contracts::Delivery;
use ids::ConnectionPointId;
use units::Energy;

/// A trade as the contract took it: who delivers how much to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// The trade's hash on chain.
    pub id: B256,
    /// Where the energy is fed in.
    pub seller: ConnectionPointId,
    /// Where the energy is taken out.
    pub buyer: ConnectionPointId,
    /// What was agreed.
    pub quantity: Energy,
}

/// What the meter of one connection point saw in the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metered {
    /// Taken from the grid.
    pub import: Energy,
    /// Fed into the grid.
    pub export: Energy,
}

/// What a connection point without an interval means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmetered {
    /// Its trades wait for a later run, and so does every later trade that depends on them.
    Waits,
    /// It fed in and took out nothing: the last word of the final run.
    IsZero,
}

/// Minute of the local day at which the second and the last run of a slot are due.
pub const MORNING: u16 = 6 * 60;
/// Working days after the slot's day on which its last run is due.
pub const LAST_RUN_DAYS: u32 = 5;

/// When the last run of the slot that starts at `slot` is due: from then on nobody waits for a
/// meter that said nothing.
pub fn last_run(slot: Timestamp, zone: &TimeZone) -> Timestamp {
    zone.moment(zone.day_of(slot).plus_working_days(LAST_RUN_DAYS), MORNING)
}

/// What a trade came to that the grid could not carry: what was delivered is paid, what was not is
/// nobody's fault.
pub fn excused(delivery: Delivery) -> Delivery {
    Delivery { seller_short: Energy::ZERO, buyer_short: Energy::ZERO, ..delivery }
}

/// The deliveries of one slot. `trades` in the order of their fill index.
///
/// Under [`Unmetered::Waits`] the answer leaves out trades whose outcome is not known yet.
pub fn reconcile(
    trades: &[Trade],
    metered: &BTreeMap<ConnectionPointId, Metered>,
    unmetered: Unmetered,
) -> Vec<Delivery> {
    let mut left = metered.clone();
    let mut unknown = BTreeSet::new();
    let mut deliveries = Vec::with_capacity(trades.len());
    for trade in trades {
        if unmetered == Unmetered::Waits && waits(trade, &left, &mut unknown) {
            continue;
        }
        deliveries.push(deliver(trade, &mut left));
    }
    deliveries
}

/// A side in a direction: what one trade leaves open is open for the next one of that side.
type Side = (ConnectionPointId, bool);

fn waits(
    trade: &Trade,
    metered: &BTreeMap<ConnectionPointId, Metered>,
    unknown: &mut BTreeSet<Side>,
) -> bool {
    let sides = [(trade.seller, false), (trade.buyer, true)];
    let open = |side: &Side| !metered.contains_key(&side.0) || unknown.contains(side);
    let waits = sides.iter().any(open);
    if waits {
        unknown.extend(sides);
    }
    waits
}

fn deliver(trade: &Trade, left: &mut BTreeMap<ConnectionPointId, Metered>) -> Delivery {
    let export = left.get(&trade.seller).copied().unwrap_or_default().export;
    let import = left.get(&trade.buyer).copied().unwrap_or_default().import;
    let delivered = trade.quantity.min(export).min(import);
    if let Some(seller) = left.get_mut(&trade.seller) {
        seller.export = seller.export.less(delivered);
    }
    if let Some(buyer) = left.get_mut(&trade.buyer) {
        buyer.import = buyer.import.less(delivered);
    }
    Delivery {
        trade: trade.id,
        delivered,
        seller_short: trade.quantity.min(import).less(delivered),
        buyer_short: trade.quantity.min(export).less(delivered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use serde_json::Value;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../../tests/vectors/domain.json")).unwrap()
    }

    fn trade(id: &str, seller: &str, buyer: &str, wh: u64) -> Trade {
        Trade {
            id: alloy_primitives::keccak256(id),
            seller: ConnectionPointId::derived(seller),
            buyer: ConnectionPointId::derived(buyer),
            quantity: Energy::from_wh(wh),
        }
    }

    fn homes(homes: &[(&str, u64, u64)]) -> BTreeMap<ConnectionPointId, Metered> {
        let metered = |&(name, import, export): &(&str, u64, u64)| {
            let metered =
                Metered { import: Energy::from_wh(import), export: Energy::from_wh(export) };
            (ConnectionPointId::derived(name), metered)
        };
        homes.iter().map(metered).collect()
    }

    fn check(trades: &[Trade], homes_of: &[(&str, u64, u64)], expected: &[(u64, u64, u64)]) {
        let deliveries = reconcile(trades, &homes(homes_of), Unmetered::IsZero);
        let got: Vec<_> = deliveries
            .iter()
            .map(|d| (d.delivered.wh(), d.seller_short.wh(), d.buyer_short.wh()))
            .collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn one_seller_serves_the_earlier_trade_first() {
        let case = &vectors()["reconcile"]["fifo_one_sided"];
        let trades: Vec<Trade> = case["trades"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| trade(row[0].as_str().unwrap(), "S", "B", row[1].as_u64().unwrap()))
            .collect();
        let deliveries = reconcile(
            &trades,
            &homes(&[("S", 0, case["export"].as_u64().unwrap()), ("B", u64::MAX, 0)]),
            Unmetered::IsZero,
        );
        for (row, delivery) in case["trades"].as_array().unwrap().iter().zip(deliveries) {
            assert_eq!(
                Some(delivery.delivered.wh()),
                case["expect"][row[0].as_str().unwrap()].as_u64()
            );
        }
    }

    #[test]
    fn both_meters_bound_what_is_delivered() {
        let case = &vectors()["reconcile"]["fifo_two_sided"];
        let rows = case["trades"].as_array().unwrap();
        let text = |row: &Value, at: usize| row[at].as_str().unwrap().to_owned();
        let trades: Vec<Trade> = rows
            .iter()
            .map(|row| trade(&text(row, 0), &text(row, 1), &text(row, 2), row[3].as_u64().unwrap()))
            .collect();
        let mut metered = BTreeMap::new();
        for (name, wh) in case["export"].as_object().unwrap() {
            let export = Energy::from_wh(wh.as_u64().unwrap());
            metered
                .insert(ConnectionPointId::derived(name), Metered { export, ..Metered::default() });
        }
        for (name, wh) in case["import"].as_object().unwrap() {
            let import = Energy::from_wh(wh.as_u64().unwrap());
            metered
                .insert(ConnectionPointId::derived(name), Metered { import, ..Metered::default() });
        }
        for (row, delivery) in rows.iter().zip(reconcile(&trades, &metered, Unmetered::Waits)) {
            assert_eq!(Some(delivery.delivered.wh()), case["expect"][&text(row, 0)].as_u64());
        }
    }

    #[test]
    fn a_short_seller_is_short_and_its_buyer_is_not() {
        let case = &vectors()["settlement_S1"];
        let (quantity, delivered) =
            (case["qty"].as_u64().unwrap(), case["delivered"].as_u64().unwrap());
        let expected = [(delivered, quantity - delivered, 0)];
        check(&[trade("T", "S", "B", quantity)], &[("S", 0, delivered), ("B", 5600, 0)], &expected);
    }

    #[test]
    fn a_buyer_that_takes_less_is_short_and_its_seller_is_not() {
        check(&[trade("T", "S", "B", 5000)], &[("S", 0, 5000), ("B", 4200, 0)], &[(4200, 0, 800)]);
    }

    #[test]
    fn nobody_is_short_of_what_neither_side_had() {
        check(&[trade("T", "S", "B", 5000)], &[("S", 0, 3000), ("B", 3000, 0)], &[(3000, 0, 0)]);
        check(&[trade("T", "S", "B", 5000)], &[], &[(0, 0, 0)]);
    }

    #[test]
    fn a_trade_without_a_meter_waits_and_later_ones_of_its_sides_with_it() {
        let trades = [
            trade("T1", "S1", "B1", 10),
            trade("T2", "S2", "B1", 10),
            trade("T3", "S2", "B2", 10),
            trade("T4", "S3", "B3", 10),
        ];
        let metered =
            homes(&[("B1", 20, 0), ("S2", 0, 20), ("B2", 20, 0), ("S3", 0, 9), ("B3", 9, 0)]);
        let known = reconcile(&trades, &metered, Unmetered::Waits);
        assert_eq!(known.iter().map(|d| d.trade).collect::<Vec<_>>(), [trades[3].id]);
        let all = reconcile(&trades, &metered, Unmetered::IsZero);
        assert_eq!(all.iter().map(|d| d.delivered.wh()).collect::<Vec<_>>(), [0, 10, 10, 9]);
    }

    #[test]
    fn energy_is_sold_once_and_used_once() {
        for seed in 0..200 {
            let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let names = ["A", "B", "C", "D", "E"];
            let metered: Vec<_> = names
                .iter()
                .map(|&name| (name, random.random_range(0..5000), random.random_range(0..5000)))
                .collect();
            let trades: Vec<_> = (0..12)
                .map(|n| {
                    let (s, b) = (random.random_range(0..5), random.random_range(0..4));
                    let buyer = if b >= s { b + 1 } else { b };
                    trade(&n.to_string(), names[s], names[buyer], random.random_range(1..4000))
                })
                .collect();
            let deliveries = reconcile(&trades, &homes(&metered), Unmetered::Waits);
            assert_eq!(deliveries.len(), trades.len(), "seed {seed}");
            for &(name, import, export) in &metered {
                let point = ConnectionPointId::derived(name);
                let sum = |of: fn(&Trade) -> ConnectionPointId| -> u64 {
                    let pairs = trades.iter().zip(&deliveries);
                    pairs.filter(|(t, _)| of(t) == point).map(|(_, d)| d.delivered.wh()).sum()
                };
                assert!(sum(|t| t.seller) <= export && sum(|t| t.buyer) <= import, "seed {seed}");
            }
            for (trade, d) in trades.iter().zip(&deliveries) {
                let whole = d.delivered.wh() + d.seller_short.wh().max(d.buyer_short.wh());
                assert!(whole <= trade.quantity.wh(), "seed {seed}");
                assert!(d.seller_short.wh() == 0 || d.buyer_short.wh() == 0, "seed {seed}");
            }
        }
    }
}

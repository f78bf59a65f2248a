//! The digest of an account's day, from what happened and not from what was logged.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use contracts::bindings::EnergyMarket;
use contracts::{DayDigest, Delivery, Posted, Prices, Reconciled, Settled, trade_id};
use units::Energy;

use crate::batches::{auction, both_kinds, market};
use crate::world::{DAY, Pair, SLOT, World};

/// The entries of a day, account by account.
#[derive(Default)]
struct Day(BTreeMap<Address, DayDigest>);

impl Day {
    fn settled(&mut self, id: B256, posted: &Posted, index: usize, pair: &Pair, prices: Prices) {
        let (buy, sell, wh) = pair;
        for order in [buy, sell] {
            let entry = Settled {
                trade: trade_id(id, u32::try_from(index).unwrap()),
                side: order.side,
                slot: SLOT,
                quantity: Energy::from_wh(*wh),
                prices,
                retail_price: posted.clearing.retail_price,
                feed_in_price: posted.clearing.feed_in_price,
                policy: posted.policy.id(),
            };
            let digest = self.0.entry(order.account).or_default();
            *digest = digest.settled(&entry);
        }
    }

    fn reconciled(&mut self, run: u8, pair: &Pair, of: &Delivery) {
        let Delivery { trade, delivered, seller_short, buyer_short } = *of;
        let entry = Reconciled { trade, run, delivered, seller_short, buyer_short };
        for order in [&pair.0, &pair.1] {
            let digest = self.0.entry(order.account).or_default();
            *digest = digest.reconciled(&entry);
        }
    }
}

fn check(mut world: World, posted: Posted, pairs: &[Pair], prices: &[Prices]) {
    let batches = world.post_at(posted, pairs, prices);
    let posted = batches[0].posted.clone();
    let id = posted.clearing.id();
    let mut day = Day::default();
    for number in [2, 0, 1] {
        world.settle(&batches[number]);
        for index in (number * 64..pairs.len()).take(64) {
            day.settled(id, &posted, index, &pairs[index], prices[index]);
        }
    }
    world.now = SLOT + 900;
    for (run, number) in [(0, 1), (0, 0), (1, 1), (0, 2), (2, 0)] {
        let indexes: Vec<usize> = (number * 64..pairs.len()).take(64).rev().step_by(3).collect();
        let of = |index: &usize| Delivery {
            trade: trade_id(id, u32::try_from(*index).unwrap()),
            delivered: Energy::from_wh(90 - u64::from(run)),
            seller_short: Energy::from_wh(4),
            buyer_short: Energy::ZERO,
        };
        let deliveries: Vec<Delivery> = indexes.iter().map(of).collect();
        let call = world.run(run, &deliveries);
        world.ok(world.operator, call);
        for (index, of) in indexes.into_iter().zip(&deliveries) {
            day.reconciled(run, &pairs[index], of);
        }
    }
    assert_eq!(day.0.len(), 5);
    for (account, digest) in day.0 {
        let question = EnergyMarket::digestCall { account, day: DAY };
        assert_eq!(world.view(world.at.market, question), digest.0);
    }
}

#[test]
fn a_day_of_trades_in_several_batches_has_the_digest_of_its_entries() {
    let mut world = market();
    let pairs = auction(&mut world, 130);
    for (posted, prices) in both_kinds(pairs.len()) {
        check(world.clone(), posted, &pairs, &prices);
    }
}

//! What must be true of every answer.

use std::collections::BTreeMap;

use ids::{OrderId, ZoneId};
use matching::network::{Link, Network, Way, Zonal, ZonePrice};
use matching::{Order, Rules, Side};
use units::Energy;

use crate::zonal::book::{fills, worth};
use crate::zonal::twin;

/// A clearing with what it was made from.
pub(crate) struct Case<'a> {
    pub(crate) orders: &'a [Order],
    pub(crate) network: &'a Network,
    pub(crate) rules: &'a Rules,
    pub(crate) zonal: &'a Zonal,
    /// Said by every failure.
    pub(crate) seed: u64,
}

impl Case<'_> {
    /// All of it; `outcome` is the twin's, of the orders that were not dropped.
    pub(crate) fn check(&self, outcome: &twin::Outcome) {
        self.orders_are_filled_within_their_limits(outcome);
        self.margins_are_shared_by_largest_remainder(outcome);
        self.trades_are_the_fills();
        self.links_carry_what_trades_send();
        self.links_are_worth_what_they_earn();
        self.money_is_complete();
    }

    fn of(&self, id: OrderId) -> &Order {
        self.orders.iter().find(|order| order.id == id).unwrap()
    }

    fn price(&self, zone: ZoneId) -> Option<&ZonePrice> {
        self.zonal.zones.iter().find(|price| price.zone == zone)
    }

    /// Filled only where it gains, and wholly where it gains more than nothing.
    fn orders_are_filled_within_their_limits(&self, outcome: &twin::Outcome) {
        let (got, seed) = (fills(self.zonal), self.seed);
        for order in self.orders.iter().filter(|o| !self.zonal.clearing.dropped.contains(&o.id)) {
            let filled = got.get(&order.id).copied().unwrap_or(0);
            let Some(price) = self.price(order.zone) else {
                assert_eq!(filled, 0, "a fill without a price, seed {seed}");
                continue;
            };
            let value = worth(order, &self.rules.fees);
            let gain = match order.side {
                Side::Buy => value - price.buyer.n_per_wh(),
                Side::Sell => price.seller.n_per_wh() - value,
            };
            assert!(filled == 0 || gain >= 0, "outside the limit, seed {seed}");
            assert!(filled == outcome.open[&order.id] || gain <= 0, "left out, seed {seed}");
            assert!(filled <= outcome.open[&order.id], "more than there is, seed {seed}");
            assert!(filled == 0 || filled >= order.min_fill.wh(), "below its minimum, seed {seed}");
        }
        assert!(self.zonal.zones.iter().all(|z| z.seller.n_per_wh() >= 0), "seed {seed}");
    }

    /// Where an order of a zone gains nothing, all that gain nothing share what their level has: by
    /// what they have open, the rest one by one to the largest remainder, equal ones by hash.
    fn margins_are_shared_by_largest_remainder(&self, outcome: &twin::Outcome) {
        let got = fills(self.zonal);
        for (price, side) in
            self.zonal.zones.iter().flat_map(|price| [(price, Side::Buy), (price, Side::Sell)])
        {
            let margin = if side == Side::Buy { price.buyer } else { price.seller }.n_per_wh();
            let at_margin = |order: &&Order| {
                let there = order.zone == price.zone && order.side == side;
                let dropped = self.zonal.clearing.dropped.contains(&order.id);
                there && !dropped && worth(order, &self.rules.fees) == margin
            };
            let level: Vec<&Order> = self.orders.iter().filter(at_margin).collect();
            let filled = |order: &Order| got.get(&order.id).copied().unwrap_or(0);
            let open = |order: &Order| outcome.open[&order.id];
            let (total, all): (u64, u64) = level
                .iter()
                .fold((0, 0), |sum, order| (sum.0 + filled(order), sum.1 + open(order)));
            if all == 0 {
                continue;
            }
            let mut turn = level.clone();
            turn.sort_by_key(|order| (std::cmp::Reverse(total * open(order) % all), order.hash));
            let given: u64 = level.iter().map(|order| total * open(order) / all).sum();
            for (place, order) in (0..).zip(turn) {
                let share = total * open(order) / all + u64::from(place < total - given);
                let (got, seed) = (filled(order), self.seed);
                assert_eq!(got, share, "{} of {total} of {all}, seed {seed}", open(order));
            }
        }
    }

    fn trades_are_the_fills(&self) {
        let (seed, fees) = (self.seed, &self.rules.fees);
        let mut traded: BTreeMap<OrderId, u64> = BTreeMap::new();
        for trade in &self.zonal.clearing.trades {
            let (buyer, seller) = (self.of(trade.buyer), self.of(trade.seller));
            assert_ne!(buyer.owner, seller.owner, "self-trade, seed {seed}");
            let all_in = trade.buy_price.plus(fees.network).unwrap().plus(fees.buyer).unwrap();
            assert!(all_in <= buyer.price, "buyer's limit, seed {seed}");
            let net = trade.sell_price.minus(fees.seller).unwrap();
            assert!(net >= seller.price.at_least_zero() || net >= seller.price, "seed {seed}");
            assert!(trade.buy_price >= trade.sell_price, "seed {seed}");
            assert!(trade.sell_price.n_per_wh() >= 0, "negative price, seed {seed}");
            *traded.entry(trade.buyer).or_default() += trade.quantity.wh();
            *traded.entry(trade.seller).or_default() += trade.quantity.wh();
        }
        assert_eq!(traded, fills(self.zonal), "trades are not the fills, seed {seed}");
        let bought: u64 = self.zonal.zones.iter().map(|zone| zone.bought.wh()).sum();
        assert_eq!(bought, self.zonal.clearing.volume.wh(), "seed {seed}");
        let count = self.zonal.clearing.fills.len();
        assert!(self.zonal.clearing.trades.len() <= count.saturating_sub(1), "seed {seed}");
    }

    /// The links of a zone and all above it, from below.
    fn way_up(&self, zone: ZoneId) -> Vec<&Link> {
        let above = |zone: ZoneId| self.network.links.iter().find(|link| link.zone == zone);
        std::iter::successors(above(zone), |link| above(link.parent)).collect()
    }

    /// Trades routed one by one make the flows of links and what meets in zones; no link carries
    /// both ways or more than it can, and every zone gives what it gets.
    fn links_carry_what_trades_send(&self) {
        let seed = self.seed;
        let mut flows: BTreeMap<(ZoneId, ZoneId), u64> = BTreeMap::new();
        let mut met: BTreeMap<ZoneId, u64> = BTreeMap::new();
        for trade in &self.zonal.clearing.trades {
            let (from, to) = (self.of(trade.seller).zone, self.of(trade.buyer).zone);
            let (mut up, mut down) = (self.way_up(from), self.way_up(to));
            while up.last().is_some() && up.last() == down.last() {
                up.pop();
                down.pop();
            }
            let top = up.last().map_or(from, |link| link.parent);
            *met.entry(top).or_default() += trade.quantity.wh();
            let ways = up.iter().map(|link| (link.zone, link.parent));
            for way in ways.chain(down.iter().map(|link| (link.parent, link.zone))) {
                *flows.entry(way).or_default() += trade.quantity.wh();
            }
        }
        let told = self.zonal.flows.iter().map(|flow| ((flow.from, flow.to), flow.energy.wh()));
        assert_eq!(told.collect::<BTreeMap<_, _>>(), flows, "flows, seed {seed}");
        assert_eq!(self.zonal.flows.len(), flows.len(), "a link twice, seed {seed}");
        for link in &self.network.links {
            let of = |ends| flows.get(&ends).copied().unwrap_or(0);
            let (up, down) = (of((link.zone, link.parent)), of((link.parent, link.zone)));
            assert!(up == 0 || down == 0, "both ways, seed {seed}");
            for (flow, way) in [(up, link.up), (down, link.down)] {
                assert!(way.capacity.is_none_or(|most| flow <= most.wh()), "full, seed {seed}");
            }
        }
        for price in &self.zonal.zones {
            let into: u64 =
                flows.iter().filter(|(ends, _)| ends.1 == price.zone).map(|f| f.1).sum();
            let out: u64 = flows.iter().filter(|(ends, _)| ends.0 == price.zone).map(|f| f.1).sum();
            let (sold, bought) = (price.sold.wh(), price.bought.wh());
            assert_eq!(sold + into, bought + out, "energy is lost, seed {seed}");
            let here = met.get(&price.zone).copied().unwrap_or(0);
            assert_eq!(price.met.wh(), here, "what meets, seed {seed}");
        }
    }

    /// A way that is free costs no less than it gains, one that is used no more, and what a full
    /// one gains beyond its fee is its rent.
    fn links_are_worth_what_they_earn(&self) {
        for link in &self.network.links {
            let ends = (self.price(link.zone), self.price(link.parent));
            let (Some(lower), Some(upper)) = ends else { continue };
            let up = upper.seller.n_per_wh() - lower.seller.n_per_wh();
            let down = lower.buyer.n_per_wh() - upper.buyer.n_per_wh();
            self.way((link.zone, link.parent), link.up, up);
            self.way((link.parent, link.zone), link.down, down);
        }
    }

    fn way(&self, ends: (ZoneId, ZoneId), way: Way, difference: i64) {
        let seed = self.seed;
        let flow = self.zonal.flows.iter().find(|flow| (flow.from, flow.to) == ends);
        let energy = flow.map_or(0, |flow| flow.energy.wh());
        let gain = difference - way.fee.n_per_wh();
        let full = way.capacity == Some(Energy::from_wh(energy));
        assert!(full || gain <= 0, "a way that pays is not used, seed {seed}");
        let Some(flow) = flow else { return };
        assert!(gain >= 0, "a way that does not pay is used, seed {seed}");
        let earned = i64::try_from(energy).unwrap() * gain;
        assert_eq!(flow.rent.n(), earned, "rent, seed {seed}");
        let fee = way.fee.cost_of(flow.energy).unwrap();
        assert_eq!(flow.fee, fee, "fee, seed {seed}");
    }

    /// What buyers pay is what sellers get, fees and rent: by zones and by trades.
    fn money_is_complete(&self) {
        let (zonal, seed) = (self.zonal, self.seed);
        let apart = zonal.fees.n() + zonal.rent.n();
        let zones = zonal.zones.iter().map(|zone| {
            zone.buyer.cost_of(zone.bought).unwrap().n()
                - zone.seller.cost_of(zone.sold).unwrap().n()
        });
        assert_eq!(zones.sum::<i64>(), apart, "by zones, seed {seed}");
        let base = self.rules.fees.network;
        let trades = zonal.clearing.trades.iter().map(|trade| {
            let pays = trade.buy_price.plus(base).unwrap().cost_of(trade.quantity).unwrap();
            pays.n() - trade.sell_price.cost_of(trade.quantity).unwrap().n()
        });
        assert_eq!(trades.sum::<i64>(), apart, "by trades, seed {seed}");
        assert!(zonal.rent.n() >= 0 && zonal.flows.iter().all(|flow| flow.rent.n() >= 0));
        let fee = |zone: ZoneId| self.network.zones.iter().find(|z| z.zone == zone).unwrap().fee;
        for price in &zonal.zones {
            assert_eq!(price.fee, fee(price.zone).cost_of(price.met).unwrap(), "seed {seed}");
        }
    }
}

//! What the rules say, order by order and fill by fill.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256};
use contracts::requests::Mandate;
use contracts::{OrderTerms, Posted, Prices, Side, Skip, requests};
use units::Energy;

use crate::world::{Pair, SLOT, World};

/// A side of an account for which a delegate signs.
type Delegated = (Address, Address, Side);

#[derive(Default)]
pub(super) struct Naive {
    pub(super) cash: BTreeMap<Address, U256>,
    /// By which order a nonce was used; by none when it was cancelled first.
    nonces: BTreeMap<(Address, U256), B256>,
    pub(super) cancelled: BTreeSet<(Address, U256)>,
    pub(super) mandates: BTreeMap<(Address, Address), Mandate>,
    /// What was settled of the orders of delegates.
    spent: BTreeMap<Delegated, u64>,
    settled: BTreeSet<usize>,
    /// Orders that their delegate may not sign, as it is before a batch.
    forbidden: BTreeSet<B256>,
}

impl Naive {
    /// Looks at the orders of delegates, before a batch is settled.
    pub(super) fn look(&mut self, all: &Fills) {
        let orders = all.pairs.iter().flat_map(|(buy, sell, _)| [buy, sell]);
        let forbidden = orders.filter(|order| !self.mandated(all, order));
        self.forbidden = forbidden.map(|order| all.hash_of(order)).collect();
    }

    /// Whether the account signed for itself, or lets the delegate.
    fn mandated(&self, all: &Fills, order: &OrderTerms) -> bool {
        let OrderTerms { account, delegate, side, .. } = *order;
        if delegate.is_zero() {
            return true;
        }
        let Some(mandate) = self.mandates.get(&(account, delegate)) else { return false };
        let in_price = match side {
            Side::Buy => order.limit_price <= mandate.buy_price_max,
            Side::Sell => order.limit_price >= mandate.sell_price_min,
        };
        let more = all.filled[&all.hash_of(order)] - all.settled_of(self, order);
        let spent = self.spent.get(&(account, delegate, side)).copied().unwrap_or_default();
        in_price
            && mandate.until > SLOT - 600
            && mandate.policy == order.policy
            && order.quantity <= mandate.quantity_per_slot
            && order.nonce == requests::mandated_nonce(delegate, SLOT, 900, side)
            && spent + more <= mandate.quantity_per_day.wh()
    }

    /// Why a fill does not hold; when it does it is settled.
    pub(super) fn settle(
        &mut self,
        all: &Fills,
        index: usize,
        hidden: &BTreeSet<B256>,
    ) -> Option<Skip> {
        if self.settled.contains(&index) {
            return Some(Skip::AlreadySettled);
        }
        let (buy, sell, wh) = &all.pairs[index];
        if [buy, sell].iter().any(|order| hidden.contains(&all.hash_of(order))) {
            return Some(Skip::NotShown);
        }
        let of_fill = all.check_fill(index);
        let of_orders = || self.check_order(all, buy).or_else(|| self.check_order(all, sell));
        if let Some(reason) = of_fill.or_else(of_orders) {
            return Some(reason);
        }
        for (order, reason) in [(buy, Skip::BuyerNonce), (sell, Skip::SellerNonce)] {
            let nonce = (order.account, order.nonce);
            let used = self.nonces.get(&nonce).is_some_and(|by| *by != all.hash_of(order));
            if used || self.cancelled.contains(&nonce) {
                return Some(reason);
            }
        }
        let [escrow, collateral] = all.cash_per_wh(index).map(|price| U256::from(wh * price));
        if self.cash[&buy.account] < escrow {
            return Some(Skip::BuyerFunds);
        }
        if self.cash[&sell.account] < collateral {
            return Some(Skip::SellerFunds);
        }
        for (order, amount) in [(buy, escrow), (sell, collateral)] {
            let OrderTerms { account, delegate, side, nonce, .. } = *order;
            *self.cash.get_mut(&account).unwrap() -= amount;
            self.nonces.insert((account, nonce), all.hash_of(order));
            if !delegate.is_zero() {
                *self.spent.entry((account, delegate, side)).or_default() += wh;
            }
        }
        self.settled.insert(index);
        None
    }

    /// Why no fill of an order holds.
    fn check_order(&self, all: &Fills, order: &OrderTerms) -> Option<Skip> {
        let hash = all.hash_of(order);
        let filled = Energy::from_wh(all.filled[&hash]);
        let by_side = |buyer, seller| if order.side == Side::Buy { buyer } else { seller };
        if order.expiry < SLOT - 600 {
            return Some(Skip::Expired);
        }
        if self.forbidden.contains(&hash) {
            return Some(by_side(Skip::BuyerMandate, Skip::SellerMandate));
        }
        let fits = filled <= order.quantity && filled >= order.min_fill;
        (!fits).then(|| by_side(Skip::BuyerQuantity, Skip::SellerQuantity))
    }

    /// Whether something of a batch is settled that these orders are of.
    pub(super) fn has_settled(
        &self,
        all: &Fills,
        index: usize,
        of: impl Fn(&OrderTerms) -> bool,
    ) -> bool {
        let (buy, sell, _) = &all.pairs[index];
        self.settled.contains(&index) && (of(buy) || of(sell))
    }

    /// What was settled of a delegate's orders.
    pub(super) fn spent_of(&self, of: Delegated) -> u64 {
        self.spent.get(&of).copied().unwrap_or_default()
    }
}

/// The fills of a clearing.
pub(super) struct Fills {
    pub(super) posted: Posted,
    pub(super) pairs: Vec<Pair>,
    pub(super) prices: Vec<Prices>,
    hashes: BTreeMap<(Address, u8, U256, u64), B256>,
    pub(super) filled: BTreeMap<B256, u64>,
}

impl Fills {
    pub(super) fn new(
        world: &World,
        posted: Posted,
        pairs: Vec<Pair>,
        prices: Vec<Prices>,
    ) -> Self {
        let (mut hashes, mut filled) = (BTreeMap::new(), BTreeMap::new());
        for (buy, sell, wh) in &pairs {
            for order in [buy, sell] {
                let hash = world.order_hash(order);
                hashes.insert(key_of(order), hash);
                *filled.entry(hash).or_default() += wh;
            }
        }
        Fills { posted, pairs, prices, hashes, filled }
    }

    pub(super) fn hash_of(&self, order: &OrderTerms) -> B256 {
        self.hashes[&key_of(order)]
    }

    /// What a Wh of a fill ties up of the buyer's cash, and of the seller's.
    fn cash_per_wh(&self, index: usize) -> [u64; 2] {
        let policy = &self.posted.policy;
        let all_in = self.prices[index].buyer + policy.network_fee + policy.buyer_fee;
        [all_in, self.posted.clearing.retail_price.saturating_sub(all_in)]
    }

    /// What is wrong with a fill whose orders may be as good as they like.
    fn check_fill(&self, index: usize) -> Option<Skip> {
        let ((buy, sell, wh), prices) = (&self.pairs[index], self.prices[index]);
        let [all_in, _] = self.cash_per_wh(index);
        [
            (Skip::SameAccount, buy.account == sell.account),
            (Skip::NoQuantity, *wh == 0),
            (Skip::BadPrices, prices.seller > prices.buyer),
            (Skip::BuyerLimit, all_in > buy.limit_price),
            (Skip::SellerLimit, prices.seller < sell.limit_price + self.posted.policy.seller_fee),
        ]
        .into_iter()
        .find_map(|(reason, holds)| holds.then_some(reason))
    }

    /// How much of an order is settled.
    pub(super) fn settled_of(&self, naive: &Naive, order: &OrderTerms) -> u64 {
        let is_of = |index: &&usize| {
            let (buy, sell, _) = &self.pairs[**index];
            buy == order || sell == order
        };
        naive.settled.iter().filter(is_of).map(|index| self.pairs[*index].2).sum()
    }
}

/// The limit tells two orders of one side and nonce apart.
fn key_of(order: &OrderTerms) -> (Address, u8, U256, u64) {
    (order.account, order.side.code(), order.nonce, order.limit_price)
}

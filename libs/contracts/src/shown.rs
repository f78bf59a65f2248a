//! A batch of fills read back from the call that settled it, and the claims that follow from it.
//!
//! A clearing has no more on chain than a root over its fills: the orders, and who met whom, are in
//! the calls of `settle`, where anybody finds them.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use ids::ConnectionPointId;
use merkle::Tree;
use units::Energy;

use crate::batch::{BATCH_FILLS, FillBatch, Met, Signature, SignedOrder, fill_leaf};
use crate::bindings::EnergyMarket;
use crate::challenge::Claim;
use crate::clearing::{Clearing, Posted, Prices};
use crate::order::{OrderTerms, Side};
use crate::policy::Policy;

impl FillBatch {
    /// The batch that a call of `EnergyMarket.settle` shows; `None` for any other call, and where
    /// what it shows cannot be settled.
    pub fn from_call(data: &[u8]) -> Option<FillBatch> {
        let batch = EnergyMarket::settleCall::abi_decode(data).ok()?.batch;
        let clearing = Clearing::from_sol(&batch.terms.clearing);
        let posted = Posted { clearing, policy: Policy::from_sol(&batch.terms.policy)? };
        let order = |order: &EnergyMarket::SignedOrder| read_order(&posted, order, &batch);
        let orders = batch.orders.iter().map(order).collect::<Option<Vec<_>>>()?;
        let place = |word: U256| u8::try_from(word & U256::from(0xff)).ok();
        let fill = |word: &U256| {
            let quantity = u64::try_from(*word >> 16).ok()?;
            Some((place(*word >> 8)?, place(*word)?, Energy::from_wh(quantity)))
        };
        let fills = batch.fills.iter().map(fill).collect::<Option<Vec<_>>>()?;
        let known = |(buy, sell, _): &(u8, u8, Energy)| {
            usize::from(*buy) < orders.len() && usize::from(*sell) < orders.len()
        };
        let priced = if posted.clearing.is_priced() { fills.len() } else { 0 };
        if !fills.iter().all(known) || fills.len() > BATCH_FILLS || batch.prices.len() != priced {
            return None;
        }
        let prices = batch.prices.iter().map(|word| Prices::from_word(*word)).collect();
        Some(FillBatch { number: batch.number, orders, fills, prices, path: batch.path, posted })
    }

    /// The order of a side of the fill at `place` of the batch, if it was shown.
    pub fn order(&self, place: usize, side: Side) -> Option<&OrderTerms> {
        let (buy, sell, _) = self.fills.get(place)?;
        let order = self.orders.get(usize::from(if side == Side::Buy { *buy } else { *sell }))?;
        match order {
            SignedOrder::Shown { terms, .. } => Some(terms),
            SignedOrder::Hidden { .. } => None,
        }
    }

    /// The proof that the order of a side met the other one in the fill at `place` of the batch;
    /// `None` where there is no such fill or the order was not shown.
    pub fn claim(
        &self,
        place: usize,
        side: Side,
        (chain_id, market): (u64, Address),
    ) -> Option<Claim> {
        let order = self.order(place, side)?.clone();
        let named: Vec<(B256, Energy)> =
            self.orders.iter().map(|order| order.named(chain_id, market)).collect();
        let fill = |number: usize, (buy, sell, quantity): &(u8, u8, Energy)| {
            let ((buy, bought), (sell, sold)) =
                (named[usize::from(*buy)], named[usize::from(*sell)]);
            let prices = self.prices.get(number).copied();
            let prices = prices.unwrap_or(Prices::one(self.posted.clearing.price));
            (Met { buy, sell, quantity: *quantity, prices }, [bought, sold])
        };
        let fills = self.fills.iter().enumerate().map(|(number, of)| fill(number, of));
        let fills: Vec<(Met, [Energy; 2])> = fills.collect();
        let leaves = fills.iter().map(|(met, filled)| merkle::leaf(&fill_leaf(met, *filled)));
        let mut path = Tree::new(leaves.collect()).path(place);
        path.extend(&self.path);
        let (met, [bought, sold]) = fills[place];
        let (filled, other, other_filled) = match side {
            Side::Buy => (bought, met.sell, sold),
            Side::Sell => (sold, met.buy, bought),
        };
        let first = self.number.checked_mul(u32::try_from(BATCH_FILLS).ok()?)?;
        let index = first.checked_add(u32::try_from(place).ok()?)?;
        Some(Claim { order, filled, other, other_filled, prices: met.prices, index, path })
    }

    /// The leaf's root and path must be the clearing's: whether a claim is of one of its fills.
    pub fn holds(&self, claim: &Claim, side: Side, (chain_id, market): (u64, Address)) -> bool {
        let own = claim.order.hash(chain_id, market);
        let (buy, sell, filled) = match side {
            Side::Buy => (own, claim.other, [claim.filled, claim.other_filled]),
            Side::Sell => (claim.other, own, [claim.other_filled, claim.filled]),
        };
        let place = claim.index as usize % BATCH_FILLS;
        let Some((.., quantity)) = self.fills.get(place) else { return false };
        let met = Met { buy, sell, quantity: *quantity, prices: claim.prices };
        let (root, count) = (self.posted.clearing.fills_root, self.posted.clearing.fills as usize);
        let leaf = merkle::leaf(&fill_leaf(&met, filled));
        merkle::verify(root, leaf, claim.index as usize, count, &claim.path)
    }
}

impl SignedOrder {
    /// The order's hash, and what the clearing fills of it in all.
    fn named(&self, chain_id: u64, market: Address) -> (B256, Energy) {
        match self {
            SignedOrder::Shown { terms, filled, .. } => (terms.hash(chain_id, market), *filled),
            SignedOrder::Hidden { hash, filled } => (*hash, *filled),
        }
    }
}

fn read_order(
    posted: &Posted,
    order: &EnergyMarket::SignedOrder,
    batch: &EnergyMarket::FillBatch,
) -> Option<SignedOrder> {
    let filled = Energy::from_wh(order.filled);
    if order.account.is_zero() {
        return Some(SignedOrder::Hidden { hash: order.r, filled });
    }
    let signature = if order.vs.is_zero() {
        let place = usize::try_from(U256::from_be_bytes(order.r.0)).ok()?;
        Signature::Contract(batch.signatures.get(place)?.clone())
    } else {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(order.r.as_slice());
        bytes[32..].copy_from_slice(order.vs.as_slice());
        Signature::Key(bytes)
    };
    let side = match order.side {
        0 => Side::Buy,
        1 => Side::Sell,
        _ => return None,
    };
    let terms = OrderTerms {
        account: order.account,
        side,
        slot: posted.clearing.slot,
        quantity: Energy::from_wh(order.quantity),
        limit_price: order.limitPrice,
        min_fill: Energy::from_wh(order.minFill),
        community: posted.policy.community,
        zone: posted.policy.zone,
        connection_point: ConnectionPointId::from_bytes32(order.connectionPoint.0)?,
        policy: posted.clearing.policy,
        delegate: order.delegate,
        nonce: order.nonce,
        expiry: order.expiry,
    };
    Some(SignedOrder::Shown { terms, filled, signature })
}

#[cfg(test)]
mod tests {
    use ids::{CommunityId, ZoneId};

    use super::*;
    use crate::{Deployment, Fills};

    const CHAIN_ID: u64 = 5;

    fn terms(side: Side, nonce: u64, policy: &Policy) -> OrderTerms {
        let byte = u8::try_from(nonce).unwrap();
        OrderTerms {
            account: Address::repeat_byte(byte),
            side,
            slot: 900,
            quantity: Energy::from_wh(1_000),
            limit_price: 7,
            min_fill: Energy::ZERO,
            community: policy.community,
            zone: policy.zone,
            connection_point: ConnectionPointId::derived(&nonce.to_string()),
            policy: policy.id(),
            delegate: Address::ZERO,
            nonce: U256::from(nonce),
            expiry: 1_800,
        }
    }

    fn policy() -> Policy {
        let sol = EnergyMarket::Policy {
            community: CommunityId::derived("town").to_bytes32().into(),
            zone: ZoneId::derived("feeder").to_bytes32().into(),
            slotSeconds: 900,
            ..EnergyMarket::Policy::default()
        };
        Policy::from_sol(&sol).unwrap()
    }

    #[test]
    fn what_a_call_shows_is_the_batch_that_was_sent_and_proves_its_fills() {
        for (mechanism, count) in [(0, 3), (0, 70), (130, 65)] {
            let (policy, at) = (policy(), Deployment::of(Address::repeat_byte(1)));
            let orders: Vec<[OrderTerms; 2]> = (0..count)
                .map(|n| {
                    [terms(Side::Buy, 2 * n + 1, &policy), terms(Side::Sell, 2 * n + 2, &policy)]
                })
                .collect();
            let hash = |order: &OrderTerms| order.hash(CHAIN_ID, at.market);
            let met = |(n, [buy, sell]): (u64, &[OrderTerms; 2])| Met {
                buy: hash(buy),
                sell: hash(sell),
                quantity: Energy::from_wh(n + 1),
                prices: Prices { buyer: 9, seller: if mechanism < 128 { 9 } else { 8 } },
            };
            let fills = Fills::new((0..).zip(&orders).map(met).collect()).unwrap();
            let clearing = Clearing {
                policy: policy.id(),
                slot: 900,
                mechanism,
                price: 9,
                fills: u32::try_from(count).unwrap(),
                fills_root: fills.root(),
                ..Clearing::default()
            };
            let posted = Posted { clearing, policy };
            let hidden = hash(&orders[1][0]);
            let shown = |wanted: B256| {
                let order = orders.iter().flatten().find(|order| hash(order) == wanted)?;
                let contract = Signature::Contract(vec![1, 2].into());
                let signature =
                    if order.nonce == U256::from(1) { contract } else { Signature::Key([5; 64]) };
                (wanted != hidden).then_some((order, signature))
            };
            for batch in fills.batches(&posted, shown) {
                let read = FillBatch::from_call(&at.settle(&batch).data).unwrap();
                assert_eq!(read, batch);
                for (place, side) in
                    (0..batch.fills.len()).flat_map(|n| [(n, Side::Buy), (n, Side::Sell)])
                {
                    let of = (CHAIN_ID, at.market);
                    let Some(claim) = read.claim(place, side, of) else {
                        assert_eq!(
                            (batch.number, place, side),
                            (0, 1, Side::Buy),
                            "all others are shown"
                        );
                        continue;
                    };
                    assert!(read.holds(&claim, side, of));
                    let index = claim.index as usize;
                    assert_eq!(claim.path, fills.tree().path(index));
                    let moved = Claim { index: claim.index ^ 1, ..claim };
                    assert!(!read.holds(&moved, side, of));
                }
            }
        }
    }

    #[test]
    fn other_calls_show_no_batch() {
        let at = Deployment::of(Address::ZERO);
        assert_eq!(FillBatch::from_call(&at.withdraw(Address::ZERO).data), None);
        assert_eq!(FillBatch::from_call(&[]), None);
    }
}

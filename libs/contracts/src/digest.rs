//! The running hash over everything that happened to an account in the slots of a UTC day.
//!
//! `EnergyMarket` keeps one per account and day, so that a bill proves a whole day with a single
//! storage proof: whoever holds the day's entries recomputes the digest and compares.

use alloy_primitives::{B256, Keccak256};
use serde::{Deserialize, Serialize};
use units::Energy;

use crate::bindings::EnergyMarket;
use crate::clearing::{Clearing, Prices};
use crate::order::Side;
use crate::outcome::Terms;
use crate::policy::Policy;

/// The digest of an account's UTC day. Starts at zero and takes one entry after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DayDigest(pub B256);

/// A trade was settled: what the digest of each side takes. Prices in 1e-9 currency per Wh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// The trade.
    pub trade: B256,
    /// The account's side of it.
    pub side: Side,
    /// Start of the slot, epoch seconds.
    pub slot: u64,
    /// What was agreed.
    pub quantity: Energy,
    /// What energy costs the buyer and earns the seller.
    pub prices: Prices,
    /// What energy cost elsewhere.
    pub retail_price: u64,
    /// What energy earned elsewhere.
    pub feed_in_price: u64,
    /// The policy both sides signed.
    pub policy: B256,
}

/// A trade was reconciled: what the digests of both sides take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reconciled {
    /// The trade.
    pub trade: B256,
    /// Which run; 255 when nobody reconciled in time.
    pub run: u8,
    /// What was delivered.
    pub delivered: Energy,
    /// What the seller was short.
    pub seller_short: Energy,
    /// What the buyer was short.
    pub buyer_short: Energy,
}

impl Settled {
    /// The entry of one side of a trade of this clearing, at these prices.
    pub fn of(
        event: &EnergyMarket::TradeCreated,
        side: Side,
        clearing: &Clearing,
        prices: Prices,
    ) -> Self {
        Settled {
            trade: event.trade,
            side,
            slot: clearing.slot,
            quantity: Energy::from_wh(event.quantity),
            prices,
            retail_price: clearing.retail_price,
            feed_in_price: clearing.feed_in_price,
            policy: clearing.policy,
        }
    }
}

impl Settled {
    /// What the trade's money depends on; `policy` is the one that is named.
    pub fn terms(&self, policy: &Policy) -> Terms {
        let clearing = Clearing {
            policy: self.policy,
            slot: self.slot,
            retail_price: self.retail_price,
            feed_in_price: self.feed_in_price,
            ..Clearing::default()
        };
        Terms::new(policy, &clearing, self.prices, self.quantity)
    }
}

impl Reconciled {
    /// The entry of a reconciled trade.
    pub fn of(event: &EnergyMarket::TradeReconciled) -> Self {
        Reconciled {
            trade: event.trade,
            run: event.run,
            delivered: Energy::from_wh(event.delivered),
            seller_short: Energy::from_wh(event.sellerShort),
            buyer_short: Energy::from_wh(event.buyerShort),
        }
    }
}

impl DayDigest {
    /// The digest after a settlement.
    pub fn settled(self, entry: &Settled) -> DayDigest {
        self.entry(
            1,
            entry.trade,
            &[
                &[entry.side.code()],
                &entry.slot.to_be_bytes(),
                &entry.quantity.wh().to_be_bytes(),
                &entry.prices.buyer.to_be_bytes(),
                &entry.prices.seller.to_be_bytes(),
                &entry.retail_price.to_be_bytes(),
                &entry.feed_in_price.to_be_bytes(),
                entry.policy.as_slice(),
            ],
        )
    }

    /// The digest after a reconciliation.
    pub fn reconciled(self, entry: &Reconciled) -> DayDigest {
        self.entry(
            2,
            entry.trade,
            &[
                &[entry.run],
                &entry.delivered.wh().to_be_bytes(),
                &entry.seller_short.wh().to_be_bytes(),
                &entry.buyer_short.wh().to_be_bytes(),
            ],
        )
    }

    fn entry(self, kind: u8, trade: B256, parts: &[&[u8]]) -> DayDigest {
        let mut hasher = Keccak256::new();
        hasher.update(self.0);
        hasher.update([kind]);
        hasher.update(trade);
        for part in parts {
            hasher.update(part);
        }
        DayDigest(hasher.finalize())
    }
}

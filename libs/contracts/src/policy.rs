//! The fees and the imbalance rules that both sides of a trade sign.

use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolValue;
use ids::{CommunityId, ZoneId};
use serde::{Deserialize, Serialize};
use units::Energy;

use crate::bindings::EnergyMarket;

macro_rules! rules {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $rule:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $($(#[$of])* $rule,)*
        }

        impl $name {
            /// Every rule, by rising number.
            pub const ALL: &[$name] = &[$($name::$rule),*];

            /// The rule with this number.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some($name::$rule),)*
                    _ => None,
                }
            }

            /// The number the contract knows the rule by.
            pub const fn code(self) -> u8 {
                match self {
                    $($name::$rule => $code,)*
                }
            }
        }
    };
}

rules! {
    /// What a seller owes for energy that was agreed and did not come.
    SellerRule {
        /// Nothing.
        PayActual = 0,
        /// To the buyer, what its energy costs more elsewhere.
        MakeWhole = 1,
        /// To the balance account, the policy's imbalance price.
        ImbalancePrice = 2,
    }
}

rules! {
    /// What a buyer owes for energy that was agreed and not taken.
    BuyerRule {
        /// Nothing.
        PayActual = 0,
        /// To the seller, what its energy earns less elsewhere.
        MakeWhole = 1,
        /// To the balance account, the policy's imbalance price, up to what is in escrow.
        ImbalancePrice = 2,
        /// To the seller, what it would have got.
        TakeOrPay = 3,
    }
}

/// The terms of trading in one zone of a community. Prices and fees in 1e-9 currency per Wh.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// The community.
    pub community: CommunityId,
    /// The zone: one local network fee.
    pub zone: ZoneId,
    /// Length of a slot; divides a day.
    pub slot_seconds: u32,
    /// Local network fee, paid by the buyer.
    pub network_fee: u64,
    /// Platform fee of the buyer.
    pub buyer_fee: u64,
    /// Platform fee of the seller.
    pub seller_fee: u64,
    /// The highest retail price a clearing may state: bounds what a seller has to post.
    pub retail_price_max: u64,
    /// The lowest feed-in price a clearing may state: bounds what a buyer has to make good.
    pub feed_in_price_min: u64,
    /// Shortfall that costs nothing, in 1/10000 of the quantity.
    pub tolerance_bps: u16,
    /// Shortfall that costs nothing, in Wh; the larger of the two counts.
    pub tolerance_wh: u32,
    /// What a seller owes who is short.
    pub seller_short: SellerRule,
    /// What a buyer owes who is short.
    pub buyer_short: BuyerRule,
    /// What is owed for a shortfall where the rule is an imbalance price.
    pub imbalance_price: u64,
    /// How long after a slot's end its trades may be settled: zero where they are agreed before it.
    /// Runs begin then.
    pub settle_seconds: u32,
    /// How long after a slot's end its trades may be reconciled.
    pub correction_seconds: u32,
    /// How much longer the cash stays locked.
    pub challenge_seconds: u32,
    /// Receives the network fee.
    pub network_account: Address,
    /// Receives the platform fees.
    pub platform_account: Address,
    /// Receives what buyers pay above what sellers get; zero lets no fill have two prices.
    pub difference_account: Address,
    /// Receives what is paid at the imbalance price.
    pub balance_account: Address,
}

impl Policy {
    /// The name of the policy: the hash of its terms. What an order names.
    pub fn id(&self) -> B256 {
        keccak256(self.to_sol().abi_encode())
    }

    /// What a shortfall of a trade of `quantity` may be without a penalty.
    pub fn tolerance(&self, quantity: Energy) -> Energy {
        crate::outcome::tolerance(quantity, self.tolerance_bps, self.tolerance_wh)
    }

    /// The policy in an event or an answer; `None` when the contract holds what no policy of ours
    /// says: an id of more than 16 bytes or an unknown rule.
    pub fn from_sol(terms: &EnergyMarket::Policy) -> Option<Self> {
        Some(Policy {
            community: CommunityId::from_bytes32(terms.community.0)?,
            zone: ZoneId::from_bytes32(terms.zone.0)?,
            slot_seconds: terms.slotSeconds,
            network_fee: terms.networkFee,
            buyer_fee: terms.buyerFee,
            seller_fee: terms.sellerFee,
            retail_price_max: terms.retailPriceMax,
            feed_in_price_min: terms.feedInPriceMin,
            tolerance_bps: terms.toleranceBps,
            tolerance_wh: terms.toleranceWh,
            seller_short: SellerRule::from_code(terms.sellerShort)?,
            buyer_short: BuyerRule::from_code(terms.buyerShort)?,
            imbalance_price: terms.imbalancePrice,
            settle_seconds: terms.settleSeconds,
            correction_seconds: terms.correctionSeconds,
            challenge_seconds: terms.challengeSeconds,
            network_account: terms.networkAccount,
            platform_account: terms.platformAccount,
            difference_account: terms.differenceAccount,
            balance_account: terms.balanceAccount,
        })
    }

    /// The policy as the contract takes it.
    pub fn to_sol(&self) -> EnergyMarket::Policy {
        EnergyMarket::Policy {
            community: self.community.to_bytes32().into(),
            zone: self.zone.to_bytes32().into(),
            slotSeconds: self.slot_seconds,
            networkFee: self.network_fee,
            buyerFee: self.buyer_fee,
            sellerFee: self.seller_fee,
            retailPriceMax: self.retail_price_max,
            feedInPriceMin: self.feed_in_price_min,
            toleranceBps: self.tolerance_bps,
            toleranceWh: self.tolerance_wh,
            sellerShort: self.seller_short.code(),
            buyerShort: self.buyer_short.code(),
            imbalancePrice: self.imbalance_price,
            settleSeconds: self.settle_seconds,
            correctionSeconds: self.correction_seconds,
            challengeSeconds: self.challenge_seconds,
            networkAccount: self.network_account,
            platformAccount: self.platform_account,
            differenceAccount: self.difference_account,
            balanceAccount: self.balance_account,
        }
    }
}

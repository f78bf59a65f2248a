//! What the market posts: a clearing, its fills and their deliveries.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_sol_types::SolValue;
use serde::{Deserialize, Serialize};
use units::Energy;

use crate::bindings::EnergyMarket;
use crate::order::OrderTerms;

/// What came out of the auction of one zone and slot. Prices in 1e-9 currency per Wh.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Clearing {
    /// The policy of the zone ([`crate::Policy::id`]).
    pub policy: B256,
    /// Start of the slot, epoch seconds.
    pub slot: u64,
    /// Which mechanism found the price; the market's own number.
    pub mechanism: u8,
    /// The price of energy.
    pub price: u64,
    /// What energy costs elsewhere in this slot.
    pub retail_price: u64,
    /// What energy earns elsewhere in this slot.
    pub feed_in_price: u64,
    /// Energy traded.
    pub volume: Energy,
    /// How many fills the tree has.
    pub fills: u32,
    /// Root over [`fill_leaf`]s, in the order of trades.
    pub fills_root: B256,
    /// Root over [`journal_leaf`]s, in sequence order.
    pub journal_root: B256,
}

impl Clearing {
    /// The name of the clearing: the hash of its terms.
    pub fn id(&self) -> B256 {
        keccak256(self.to_sol().abi_encode())
    }

    /// The clearing in an event or an answer.
    pub fn from_sol(terms: &EnergyMarket::Clearing) -> Self {
        Clearing {
            policy: terms.policy,
            slot: terms.slot,
            mechanism: terms.mechanism,
            price: terms.price,
            retail_price: terms.retailPrice,
            feed_in_price: terms.feedInPrice,
            volume: Energy::from_wh(terms.volume),
            fills: terms.fills,
            fills_root: terms.fillsRoot,
            journal_root: terms.journalRoot,
        }
    }

    /// The clearing as the contract takes it.
    pub fn to_sol(&self) -> EnergyMarket::Clearing {
        EnergyMarket::Clearing {
            policy: self.policy,
            slot: self.slot,
            mechanism: self.mechanism,
            price: self.price,
            retailPrice: self.retail_price,
            feedInPrice: self.feed_in_price,
            volume: self.volume.wh(),
            fills: self.fills,
            fillsRoot: self.fills_root,
            journalRoot: self.journal_root,
        }
    }
}

/// The name of a trade: which orders met in which clearing.
pub fn trade_id(clearing: B256, buy_order: B256, sell_order: B256) -> B256 {
    keccak256([clearing.0, buy_order.0, sell_order.0].concat())
}

/// The data of a leaf under a clearing's fills root (hashed by `merkle::leaf`).
pub fn fill_leaf(buy_order: B256, sell_order: B256, quantity: Energy) -> [u8; 72] {
    let mut data = [0; 72];
    data[..32].copy_from_slice(buy_order.as_slice());
    data[32..64].copy_from_slice(sell_order.as_slice());
    data[64..].copy_from_slice(&quantity.wh().to_be_bytes());
    data
}

/// The data of a leaf under a clearing's journal root (hashed by `merkle::leaf`).
pub fn journal_leaf(order: B256, sequence: u64, accepted: bool) -> [u8; 41] {
    let mut data = [0; 41];
    data[..32].copy_from_slice(order.as_slice());
    data[32..40].copy_from_slice(&sequence.to_be_bytes());
    data[40] = u8::from(accepted);
    data
}

/// A fill with everything the contract checks before it moves cash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillProof {
    /// The buyer's order.
    pub buy: OrderTerms,
    /// The seller's order.
    pub sell: OrderTerms,
    /// How much of both is filled.
    pub quantity: Energy,
    /// Place of the fill under the fills root.
    pub index: u32,
    /// Siblings from the leaf up.
    pub path: Vec<B256>,
    /// The buyer's signature: 64 bytes of a key, or whatever a contract account takes.
    pub buy_signature: Bytes,
    /// The seller's signature.
    pub sell_signature: Bytes,
}

impl FillProof {
    /// The fill as the contract takes it.
    pub fn to_sol(&self) -> EnergyMarket::Fill {
        EnergyMarket::Fill {
            buy: self.buy.to_sol(),
            sell: self.sell.to_sol(),
            quantity: self.quantity.wh(),
            index: self.index,
            path: self.path.clone(),
            buySignature: self.buy_signature.clone(),
            sellSignature: self.sell_signature.clone(),
        }
    }
}

/// What was delivered of a trade, and who was short of it (at most one side).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delivery {
    /// The trade ([`trade_id`]).
    pub trade: B256,
    /// What was exported by the seller and imported by the buyer.
    pub delivered: Energy,
    /// What the buyer needed and the seller did not deliver.
    pub seller_short: Energy,
    /// What the seller delivered and the buyer did not take.
    pub buyer_short: Energy,
}

impl Delivery {
    /// The delivery as the contract takes it.
    pub fn to_sol(&self) -> EnergyMarket::Delivery {
        EnergyMarket::Delivery {
            trade: self.trade,
            delivered: self.delivered.wh(),
            sellerShort: self.seller_short.wh(),
            buyerShort: self.buyer_short.wh(),
        }
    }
}

macro_rules! skips {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why the contract skipped a fill, in the order of its checks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Skip {
            $($(#[$doc])* $name,)*
        }

        impl Skip {
            /// Every reason, in the order of the checks.
            pub const ALL: &[Skip] = &[$(Skip::$name),*];

            /// The reason with this number (`FillSkipped.reason`).
            pub const fn from_code(code: u8) -> Option<Skip> {
                match code {
                    $($code => Some(Skip::$name),)*
                    _ => None,
                }
            }

            /// The number the contract gives.
            pub const fn code(self) -> u8 {
                match self {
                    $(Skip::$name => $code,)*
                }
            }
        }
    };
}

skips! {
    /// This trade was settled before: nothing is lost.
    AlreadySettled = 1,
    /// The clearing does not contain the fill at this place.
    NotIncluded = 2,
    /// The buy order does not buy or the sell order does not sell.
    WrongSide = 3,
    /// An order is for another slot.
    WrongSlot = 4,
    /// An order names another policy.
    WrongPolicy = 5,
    /// An order names another zone or community than the policy.
    WrongZone = 6,
    /// An order's expiry has passed.
    Expired = 7,
    /// Both orders are of one account.
    SameAccount = 8,
    /// The posted price with fees is above the buyer's limit.
    BuyerLimit = 9,
    /// The posted price less the fee is below the seller's limit.
    SellerLimit = 10,
    /// The fill is of nothing.
    NoQuantity = 11,
    /// The buy order has less left.
    BuyerQuantity = 12,
    /// The sell order has less left.
    SellerQuantity = 13,
    /// The buy order's nonce was cancelled, or used by another order.
    BuyerNonce = 14,
    /// The sell order's nonce was cancelled, or used by another order.
    SellerNonce = 15,
    /// Neither the buyer nor a delegate of theirs signed.
    BuyerSignature = 16,
    /// Neither the seller nor a delegate of theirs signed.
    SellerSignature = 17,
    /// The buyer's free cash does not cover the escrow.
    BuyerFunds = 18,
    /// The seller's free cash does not cover the collateral.
    SellerFunds = 19,
}

impl Skip {
    /// Whether it says something of the path or the signatures that somebody sent, and nothing of
    /// the fill: sent with others it may hold.
    pub const fn is_of_the_sender(self) -> bool {
        matches!(self, Skip::NotIncluded | Skip::BuyerSignature | Skip::SellerSignature)
    }

    /// Whether the same fill may hold later: after a deposit, or a release of locked cash.
    pub const fn retry_may_help(self) -> bool {
        matches!(self, Skip::BuyerFunds | Skip::SellerFunds)
    }
}

//! What the market posts: a clearing, its fills and their deliveries.

use alloy_primitives::{B256, U256, keccak256};
use alloy_sol_types::SolValue;
use merkle::Tree;
use serde::{Deserialize, Serialize};
use units::Energy;

use crate::bindings::EnergyMarket;
use crate::order::{OrderTerms, Side};
use crate::policy::Policy;

/// What came out of the auction of one zone and slot. Prices in 1e-9 currency per Wh.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Clearing {
    /// The policy of the zone ([`crate::Policy::id`]).
    pub policy: B256,
    /// Start of the slot, epoch seconds.
    pub slot: u64,
    /// Which mechanism found the price; the market's own number.
    pub mechanism: u8,
    /// The price of energy of all fills; a figure for the eye where each has prices of its own.
    pub price: u64,
    /// What energy costs elsewhere in this slot.
    pub retail_price: u64,
    /// What energy earns elsewhere in this slot.
    pub feed_in_price: u64,
    /// Energy traded.
    pub volume: Energy,
    /// How many fills the tree has.
    pub fills: u32,
    /// Root over [`crate::fill_leaf`]s, in the order of trades.
    pub fills_root: B256,
    /// What it was computed from ([`journal_root`]).
    pub journal_root: B256,
}

/// The first mechanism that has two prices for each fill (`Batches.PRICED`).
pub const MECHANISM_PRICED: u8 = 128;

/// What the buyer of a fill pays for a Wh and what its seller gets, before fees. In 1e-9 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prices {
    /// Paid by the buyer.
    pub buyer: u64,
    /// Paid to the seller; at most the buyer's.
    pub seller: u64,
}

impl Prices {
    /// One price for both.
    pub const fn one(price: u64) -> Self {
        Prices { buyer: price, seller: price }
    }

    /// The price of one side.
    pub const fn of(self, side: Side) -> u64 {
        match side {
            Side::Buy => self.buyer,
            Side::Sell => self.seller,
        }
    }

    /// The prices in a word of a call.
    pub(crate) fn from_word(word: U256) -> Self {
        let low = |word: U256| word.as_limbs()[0];
        Prices { buyer: low(word >> 64), seller: low(word) }
    }

    /// The prices as the contract takes them.
    pub(crate) fn word(self) -> U256 {
        U256::from(self.buyer) << 64 | U256::from(self.seller)
    }
}

impl Clearing {
    /// Whether each fill has prices of its own.
    pub const fn is_priced(&self) -> bool {
        self.mechanism >= MECHANISM_PRICED
    }

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

/// What was posted: a clearing with its policy. The contract keeps their hashes, so that every call
/// about a clearing shows both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Posted {
    /// What came out of the auction.
    pub clearing: Clearing,
    /// The policy that the clearing names.
    pub policy: Policy,
}

impl Posted {
    /// Whether an order can be filled in this clearing: one of another slot, policy, community or
    /// zone has a hash that cannot be shown with it.
    pub fn is_of(&self, order: &OrderTerms) -> bool {
        let Posted { clearing, policy } = self;
        order.slot == clearing.slot
            && order.policy == clearing.policy
            && order.community == policy.community
            && order.zone == policy.zone
            && !order.account.is_zero()
    }

    /// The terms as the contract takes them.
    pub fn to_sol(&self) -> EnergyMarket::Terms {
        EnergyMarket::Terms { clearing: self.clearing.to_sol(), policy: self.policy.to_sol() }
    }
}

/// The journal root of a clearing: over the conditions that it was made under, as text, then over
/// the orders that were accepted for the slot, in sequence order, each with its hash, its sequence
/// and whether it took part.
pub fn journal_root(conditions: &str, orders: impl IntoIterator<Item = (B256, u64, bool)>) -> B256 {
    session_root(conditions, orders, std::iter::empty::<[u8; 0]>())
}

/// The journal root of a slot that traded before its gate: as [`journal_root`], then over the data
/// of what happened there, in its order. None of it has the length of another leaf's data.
pub fn session_root(
    conditions: &str,
    orders: impl IntoIterator<Item = (B256, u64, bool)>,
    steps: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> B256 {
    let orders = orders.into_iter();
    let orders = orders.map(|(order, sequence, accepted)| journal_leaf(order, sequence, accepted));
    let orders = orders.map(|data| merkle::leaf(&data));
    let steps = steps.into_iter().map(|step| merkle::leaf(step.as_ref()));
    let first = std::iter::once(merkle::leaf(&conditions_leaf(conditions)));
    Tree::new(first.chain(orders).chain(steps).collect()).root()
}

/// The data of the first leaf under a clearing's journal root (hashed by `merkle::leaf`).
pub fn conditions_leaf(conditions: &str) -> [u8; 35] {
    let mut data = [0; 35];
    data[..3].copy_from_slice(b"CP1");
    data[3..].copy_from_slice(keccak256(conditions).as_slice());
    data
}

/// The data of a leaf of an order under a clearing's journal root (hashed by `merkle::leaf`).
pub fn journal_leaf(order: B256, sequence: u64, accepted: bool) -> [u8; 41] {
    let mut data = [0; 41];
    data[..32].copy_from_slice(order.as_slice());
    data[32..40].copy_from_slice(&sequence.to_be_bytes());
    data[40] = u8::from(accepted);
    data
}

/// What was delivered of a trade, and who was short of it (at most one side).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delivery {
    /// The trade ([`crate::trade_id`]).
    pub trade: B256,
    /// What was exported by the seller and imported by the buyer.
    pub delivered: Energy,
    /// What the buyer needed and the seller did not deliver.
    pub seller_short: Energy,
    /// What the seller delivered and the buyer did not take.
    pub buyer_short: Energy,
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
    /// An order of the fill was not shown: only its hash was.
    NotShown = 2,
    /// The buy order does not buy or the sell order does not sell.
    WrongSide = 3,
    /// Both orders are of one account.
    SameAccount = 4,
    /// The fill is of nothing.
    NoQuantity = 5,
    /// The seller's price is above the buyer's.
    BadPrices = 6,
    /// The price with fees is above the buyer's limit.
    BuyerLimit = 7,
    /// The price less the fee is below the seller's limit.
    SellerLimit = 8,
    /// An order's expiry has passed.
    Expired = 9,
    /// Neither the buyer nor its delegate signed.
    BuyerSignature = 10,
    /// Neither the seller nor its delegate signed.
    SellerSignature = 11,
    /// The buyer's delegate may not sign such an order.
    BuyerMandate = 12,
    /// The seller's delegate may not sign such an order.
    SellerMandate = 13,
    /// The clearing fills more of the buy order than there is of it, or less than it asks for.
    BuyerQuantity = 14,
    /// The clearing fills more of the sell order than there is of it, or less than it asks for.
    SellerQuantity = 15,
    /// The buy order's nonce was cancelled, or used by another order.
    BuyerNonce = 16,
    /// The sell order's nonce was cancelled, or used by another order.
    SellerNonce = 17,
    /// The buyer's free cash does not cover the escrow.
    BuyerFunds = 18,
    /// The seller's free cash does not cover the collateral.
    SellerFunds = 19,
}

impl Skip {
    /// Whether it says something of what somebody sent with the fill, and nothing of the fill: sent
    /// with the orders and signatures as they are it may hold.
    pub const fn is_of_the_sender(self) -> bool {
        matches!(self, Skip::NotShown | Skip::BuyerSignature | Skip::SellerSignature)
    }

    /// Whether the same fill may hold later: after a deposit, a release of locked cash, or a
    /// mandate that lets the delegate do more.
    pub const fn retry_may_help(self) -> bool {
        use Skip::{BuyerFunds, BuyerMandate, SellerFunds, SellerMandate};
        matches!(self, BuyerFunds | SellerFunds | BuyerMandate | SellerMandate)
    }
}

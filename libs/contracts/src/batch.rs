//! Fills and trades in batches, as the contract takes and keeps them.
//!
//! ```text
//! fills of a clearing --Fills--> leaves, root
//!                        '------> FillBatch, 64 fills each --settle--> trades
//! TradeBatch: the trades of such a batch with their last runs --hash--> what the contract keeps
//!                        '------> shown again by whoever writes the next run
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use merkle::Tree;
use serde::{Deserialize, Serialize};
use units::{Energy, Overflow};

use crate::bindings::EnergyMarket;
use crate::clearing::{Delivery, Posted, Prices};
use crate::digest::Reconciled;
use crate::order::OrderTerms;

/// Fills of a batch; the last one of a clearing may have fewer (`Batches.FILLS_MAX`).
pub const BATCH_FILLS: usize = 64;
/// The most Wh of a trade (`Trades.QUANTITY_MAX`).
pub const TRADE_WH_MAX: u64 = (1 << 56) - 1;

/// The name of a trade: the place of its fill in its clearing.
pub fn trade_id(clearing: B256, index: u32) -> B256 {
    keccak256([&clearing.0[..], &index.to_be_bytes()].concat())
}

/// The data of a leaf under a clearing's fills root (hashed by `merkle::leaf`): both orders, what
/// is filled of them here, and in the whole clearing, and both prices.
pub fn fill_leaf(fill: &Met, [buy_filled, sell_filled]: [Energy; 2]) -> [u8; 104] {
    let mut data = [0; 104];
    data[..32].copy_from_slice(fill.buy.as_slice());
    data[32..64].copy_from_slice(fill.sell.as_slice());
    data[64..72].copy_from_slice(&fill.quantity.wh().to_be_bytes());
    data[72..80].copy_from_slice(&buy_filled.wh().to_be_bytes());
    data[80..88].copy_from_slice(&sell_filled.wh().to_be_bytes());
    data[88..96].copy_from_slice(&fill.prices.buyer.to_be_bytes());
    data[96..].copy_from_slice(&fill.prices.seller.to_be_bytes());
    data
}

/// Two orders that met, by their hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Met {
    /// The buyer's order.
    pub buy: B256,
    /// The seller's order.
    pub sell: B256,
    /// How much of both.
    pub quantity: Energy,
    /// At which prices: the clearing's where it has one for all.
    pub prices: Prices,
}

/// The fills of a clearing in their order, with what is filled of each order in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fills {
    fills: Vec<Met>,
    filled: HashMap<B256, Energy>,
    leaves: Vec<B256>,
}

impl Fills {
    /// The fills in the order of their index. Refused where an order's sum does not fit.
    pub fn new(fills: Vec<Met>) -> Result<Self, Overflow> {
        let mut filled: HashMap<B256, Energy> = HashMap::new();
        for fill in &fills {
            for order in [fill.buy, fill.sell] {
                let sum = filled.entry(order).or_default();
                *sum = sum.plus(fill.quantity)?;
            }
        }
        let leaf =
            |fill: &Met| merkle::leaf(&fill_leaf(fill, [filled[&fill.buy], filled[&fill.sell]]));
        let leaves = fills.iter().map(leaf).collect();
        Ok(Fills { fills, filled, leaves })
    }

    /// The fills, in the order of their index.
    pub fn iter(&self) -> std::slice::Iter<'_, Met> {
        self.fills.iter()
    }

    /// What the clearing has as its fills root.
    pub fn root(&self) -> B256 {
        self.tree().root()
    }

    /// The tree over the leaves of all fills.
    pub fn tree(&self) -> Tree {
        Tree::new(self.leaves.clone())
    }

    /// What is filled of an order in all; nothing of one that is not among them.
    pub fn filled(&self, order: B256) -> Energy {
        self.filled.get(&order).copied().unwrap_or_default()
    }

    /// The batches, with what `order` says of each order: its terms and signature. An order of
    /// which it says nothing is not shown, nor one that is of another slot or policy; the contract
    /// settles none of their fills.
    pub fn batches<'a>(
        &self,
        posted: &Posted,
        order: impl Fn(B256) -> Option<(&'a OrderTerms, Signature)>,
    ) -> Vec<FillBatch> {
        let roots = self.leaves.chunks(BATCH_FILLS).map(|leaves| Tree::new(leaves.to_vec()).root());
        let roots = Tree::new(roots.collect());
        let order = |hash| order(hash).filter(|(terms, _)| posted.is_of(terms));
        let batches = (0..).zip(self.fills.chunks(BATCH_FILLS));
        let batch = |(number, fills): (u32, &[Met])| {
            let path = roots.path(number as usize);
            FillBatch::new(posted.clone(), number, self.signed(fills, &order), fills, path)
        };
        batches.map(batch).collect()
    }

    /// The orders of some fills, each once, in rising order of account and hash.
    fn signed<'a>(
        &self,
        fills: &[Met],
        order: &impl Fn(B256) -> Option<(&'a OrderTerms, Signature)>,
    ) -> BTreeMap<(Address, B256), SignedOrder> {
        let hashes: BTreeSet<B256> = fills.iter().flat_map(|fill| [fill.buy, fill.sell]).collect();
        let signed = |hash: B256| {
            let filled = self.filled(hash);
            match order(hash) {
                Some((terms, signature)) => {
                    let terms = terms.clone();
                    ((terms.account, hash), SignedOrder::Shown { terms, filled, signature })
                }
                None => ((Address::ZERO, hash), SignedOrder::Hidden { hash, filled }),
            }
        };
        hashes.into_iter().map(signed).collect()
    }
}

/// Who says that an order is theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Signature {
    /// Of a key: r, and s with the parity in its highest bit (EIP-2098).
    Key([u8; 64]),
    /// Whatever a contract account takes (ERC-1271).
    Contract(Bytes),
}

/// An order of a batch; `filled` is what its clearing fills of it in all batches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "hidden orders are rare, and there are few of any")]
pub enum SignedOrder {
    /// With everything that the contract checks.
    Shown {
        /// What was signed.
        terms: OrderTerms,
        /// Filled in all.
        filled: Energy,
        /// By the account or its delegate.
        signature: Signature,
    },
    /// Its hash only: none of its fills is settled.
    Hidden {
        /// The order.
        hash: B256,
        /// Filled in all.
        filled: Energy,
    },
}

/// A batch of fills as `settle` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillBatch {
    /// The clearing and its policy.
    pub posted: Posted,
    /// Which batch of the clearing, from 0.
    pub number: u32,
    /// In rising order of account and hash; those that are not shown first.
    pub orders: Vec<SignedOrder>,
    /// Places of the buyer's and of the seller's order, and how much of both.
    pub fills: Vec<(u8, u8, Energy)>,
    /// Of each fill where each has prices of its own; else none.
    pub prices: Vec<Prices>,
    /// Siblings from the batch's root up.
    pub path: Vec<B256>,
}

impl FillBatch {
    fn new(
        posted: Posted,
        number: u32,
        orders: BTreeMap<(Address, B256), SignedOrder>,
        fills: &[Met],
        path: Vec<B256>,
    ) -> Self {
        let places: HashMap<B256, u8> = orders.keys().map(|(_, hash)| *hash).zip(0..).collect();
        let place = |fill: &Met| (places[&fill.buy], places[&fill.sell], fill.quantity);
        let prices = if posted.clearing.is_priced() {
            fills.iter().map(|fill| fill.prices).collect()
        } else {
            Vec::new()
        };
        let (orders, fills) = (orders.into_values().collect(), fills.iter().map(place).collect());
        FillBatch { posted, number, orders, fills, prices, path }
    }

    /// The batch as the contract takes it.
    pub fn to_sol(&self) -> EnergyMarket::FillBatch {
        let mut signatures = Vec::new();
        let orders = self.orders.iter().map(|order| order.to_sol(&mut signatures)).collect();
        let word = |(buy, sell, quantity): &(u8, u8, Energy)| {
            U256::from(quantity.wh()) << 16 | U256::from(*buy) << 8 | U256::from(*sell)
        };
        EnergyMarket::FillBatch {
            terms: self.posted.to_sol(),
            number: self.number,
            orders,
            fills: self.fills.iter().map(word).collect(),
            prices: self.prices.iter().map(|prices| prices.word()).collect(),
            path: self.path.clone(),
            signatures,
        }
    }
}

impl SignedOrder {
    fn to_sol(&self, signatures: &mut Vec<Bytes>) -> EnergyMarket::SignedOrder {
        match self {
            SignedOrder::Hidden { hash, filled } => EnergyMarket::SignedOrder {
                filled: filled.wh(),
                r: *hash,
                ..EnergyMarket::SignedOrder::default()
            },
            SignedOrder::Shown { terms, filled, signature } => {
                let (r, vs) = match signature {
                    Signature::Key(bytes) => {
                        (B256::from_slice(&bytes[..32]), B256::from_slice(&bytes[32..]))
                    }
                    Signature::Contract(bytes) => {
                        signatures.push(bytes.clone());
                        (B256::from(U256::from(signatures.len() - 1)), B256::ZERO)
                    }
                };
                EnergyMarket::SignedOrder {
                    account: terms.account,
                    side: terms.side.code(),
                    quantity: terms.quantity.wh(),
                    limitPrice: terms.limit_price,
                    minFill: terms.min_fill.wh(),
                    connectionPoint: terms.connection_point.to_bytes32().into(),
                    delegate: terms.delegate,
                    nonce: terms.nonce,
                    expiry: terms.expiry,
                    filled: filled.wh(),
                    r,
                    vs,
                }
            }
        }
    }
}

/// A settled trade at its place of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchTrade {
    /// Place of its fill in the clearing.
    pub index: u32,
    /// Who bought.
    pub buyer: Address,
    /// Who sold.
    pub seller: Address,
    /// What was agreed.
    pub quantity: Energy,
    /// At which prices; not looked at where the clearing has one for all.
    pub prices: Prices,
    /// The newest run, if there was any.
    pub last: Option<Reconciled>,
}

/// The trades of a batch as they stand. The contract keeps their [`TradeBatch::hash`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeBatch {
    /// The clearing and its policy.
    pub posted: Posted,
    /// Which batch of the clearing, from 0.
    pub number: u32,
    accounts: Vec<Address>,
    trades: Vec<U256>,
    prices: Vec<U256>,
}

/// Why there is no such batch or delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The trade is of another batch, or was not settled.
    #[error("trade {0} is not one of the batch")]
    UnknownTrade(B256),
    /// More energy than a trade can have.
    #[error("the energy of a trade does not fit")]
    Overflow,
}

impl TradeBatch {
    /// The batch with these settled trades of it.
    pub fn new(posted: Posted, number: u32, trades: &[BatchTrade]) -> Result<Self, BatchError> {
        let accounts: BTreeSet<Address> =
            trades.iter().flat_map(|trade| [trade.buyer, trade.seller]).collect();
        let accounts: Vec<Address> = accounts.into_iter().collect();
        let first = number as usize * BATCH_FILLS;
        let fills = posted.clearing.fills as usize;
        let mut words = vec![U256::ZERO; fills.saturating_sub(first).min(BATCH_FILLS)];
        let priced = posted.clearing.is_priced();
        let mut prices = vec![U256::ZERO; if priced { words.len() } else { 0 }];
        for trade in trades {
            let unknown = || BatchError::UnknownTrade(trade_id(posted.clearing.id(), trade.index));
            let place = (trade.index as usize).checked_sub(first).ok_or_else(unknown)?;
            *words.get_mut(place).ok_or_else(unknown)? = word_of(trade, &accounts)?;
            if priced {
                prices[place] = trade.prices.word();
            }
        }
        Ok(TradeBatch { posted, number, accounts, trades: words, prices })
    }

    /// What the contract keeps of it.
    pub fn hash(&self) -> B256 {
        let accounts: Vec<u8> =
            self.accounts.iter().flat_map(|account| account.into_word().0).collect();
        let words = |words: &[U256]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect()
        };
        let (trades, prices) = (words(&self.trades), words(&self.prices));
        keccak256([keccak256(accounts).0, keccak256(trades).0, keccak256(prices).0].concat())
    }

    /// A delivery of one of its trades as the contract takes it.
    pub fn delivery(&self, delivery: &Delivery) -> Result<U256, BatchError> {
        let clearing = self.posted.clearing.id();
        let first = self.number * u32::try_from(BATCH_FILLS).expect("a batch is small");
        let place = (0..)
            .zip(&self.trades)
            .find(|(place, word)| {
                !word.is_zero() && trade_id(clearing, first + place) == delivery.trade
            })
            .map(|(place, _)| place)
            .ok_or(BatchError::UnknownTrade(delivery.trade))?;
        let Delivery { delivered, seller_short, buyer_short, .. } = *delivery;
        Ok(energies(delivered, seller_short, buyer_short)? | U256::from(place))
    }

    /// The batch as the contracts take it.
    pub fn to_sol(&self) -> EnergyMarket::TradeBatch {
        EnergyMarket::TradeBatch {
            terms: self.posted.to_sol(),
            number: self.number,
            accounts: self.accounts.clone(),
            trades: self.trades.clone(),
            prices: self.prices.clone(),
        }
    }
}

fn word_of(trade: &BatchTrade, accounts: &[Address]) -> Result<U256, BatchError> {
    let place = |account: &Address| {
        let place = accounts.binary_search(account).expect("it was collected from the trades");
        U256::from(place)
    };
    let mut word = wh(trade.quantity)? << 200 | place(&trade.buyer) << 8 | place(&trade.seller);
    if let Some(last) = &trade.last {
        word |= energies(last.delivered, last.seller_short, last.buyer_short)?;
        word |= (U256::from(last.run) + U256::ONE) << 16;
    }
    Ok(word)
}

/// What a run says, at its bits.
fn energies(
    delivered: Energy,
    seller_short: Energy,
    buyer_short: Energy,
) -> Result<U256, BatchError> {
    Ok(wh(delivered)? << 144 | wh(seller_short)? << 88 | wh(buyer_short)? << 32)
}

fn wh(energy: Energy) -> Result<U256, BatchError> {
    if energy.wh() > TRADE_WH_MAX {
        return Err(BatchError::Overflow);
    }
    Ok(U256::from(energy.wh()))
}

#[cfg(test)]
mod tests;

//! What each address can trade with: what the chain says it has, less what the market holds.
//!
//! ```text
//! tradable = settled + debits - held
//!   settled  movements of final blocks
//!   debits   outgoing movements of blocks that are not final yet: they count at once
//!   held     open orders, and trades that the chain has neither settled nor skipped
//! ```
//!
//! Incoming cash counts once its block is final. A block that leaves the best branch takes its
//! debits with it, and the holds it had ended come back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloy_primitives::{Address, B256, U256};
use calendar::Timestamp;
use contracts::requests::Mandate;
use serde::{Deserialize, Serialize};
use units::Money;

/// The most blocks that wait to become final; older ones are taken as final.
const PENDING_MAX: usize = 10_000;

/// What a block says about cash and nonces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Movement {
    /// Free cash came.
    In {
        /// Whose.
        address: Address,
        /// How much.
        amount: Money,
    },
    /// Free cash went.
    Out {
        /// Whose.
        address: Address,
        /// How much.
        amount: Money,
    },
    /// A trade was settled or skipped: what was held for it is in escrow, or free.
    Ended {
        /// The trade.
        trade: B256,
        /// Settled, not skipped.
        settled: bool,
    },
    /// An account let a delegate sign its orders, or other ones.
    Mandated(Mandate),
    /// An account ended a nonce: no order with it trades any more. That stays so when the block
    /// leaves the best branch: the account wanted it, and can sign with another nonce.
    NonceEnded {
        /// Whose.
        address: Address,
        /// The nonce.
        nonce: U256,
    },
}

/// The cash of one address, in 1e-9 currency; wide, so that no sum of amounts overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wallet {
    settled: i128,
    debits: i128,
    held: i128,
}

impl Wallet {
    /// What final blocks say it has.
    pub fn settled(&self) -> Money {
        narrow(self.settled)
    }

    /// What the market holds for orders and for trades on their way.
    pub fn held(&self) -> Money {
        narrow(self.held)
    }

    /// What is held beyond what there is; zero where all of it is covered.
    pub(super) fn missing(&self) -> i128 {
        (self.held - self.settled + self.debits).max(0)
    }

    /// What a new order may hold; below zero when the chain took more than was free.
    pub fn tradable(&self) -> Money {
        narrow(self.settled - self.debits - self.held)
    }
}

/// What is held for a trade until the chain has settled or skipped it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeHold {
    /// Who pays.
    pub buyer: Address,
    /// What goes to escrow.
    pub escrow: Money,
    /// Who delivers.
    pub seller: Address,
    /// What goes to collateral.
    pub collateral: Money,
    /// The end of the slot: from then on the chain does not settle it.
    pub until: Timestamp,
    /// The height at which it was settled or skipped, and whether it was settled.
    pub ended: Option<(u64, bool)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Block {
    number: u64,
    hash: B256,
    timestamp: Timestamp,
    movements: Vec<Movement>,
}

/// All cash of a market.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cash {
    wallets: BTreeMap<Address, Wallet>,
    trades: BTreeMap<B256, TradeHold>,
    /// The trades that have not ended, by when they do at the latest.
    open: BTreeSet<(Timestamp, B256)>,
    blocks: VecDeque<Block>,
}

impl Cash {
    /// The wallet of `address`; empty when nothing is known of it.
    pub fn wallet(&self, address: Address) -> Wallet {
        self.wallets.get(&address).copied().unwrap_or_default()
    }

    /// What is held for `trade`, and how it ended.
    pub fn trade(&self, trade: B256) -> Option<&TradeHold> {
        self.trades.get(&trade)
    }

    /// The addresses of which more is held than they have, and how much more, in their order.
    pub(super) fn short(&self) -> impl Iterator<Item = (Address, i128)> {
        let missing = self.wallets.iter().map(|(address, wallet)| (*address, wallet.missing()));
        missing.filter(|(_, missing)| *missing > 0)
    }

    /// Holds `amount` for an order.
    pub(super) fn hold(&mut self, address: Address, amount: Money) {
        let wallet = self.wallets.entry(address).or_default();
        wallet.held += i128::from(amount.n());
    }

    /// Frees what was held for an order.
    pub(super) fn free(&mut self, address: Address, amount: Money) {
        let wallet = self.wallets.entry(address).or_default();
        wallet.held -= i128::from(amount.n());
    }

    /// Holds escrow and collateral of a trade until the chain has settled or skipped it.
    pub(super) fn hold_trade(&mut self, trade: B256, hold: TradeHold) {
        self.hold(hold.buyer, hold.escrow);
        self.hold(hold.seller, hold.collateral);
        self.open.insert((hold.until, trade));
        self.trades.insert(trade, hold);
    }

    /// A block joined the best branch; those up to `finalized` can no longer be undone.
    pub(super) fn connect(
        &mut self,
        number: u64,
        hash: B256,
        timestamp: Timestamp,
        finalized: u64,
        movements: &[Movement],
    ) {
        for movement in movements {
            match *movement {
                Movement::In { .. } | Movement::NonceEnded { .. } | Movement::Mandated(_) => {}
                Movement::Out { address, amount } => {
                    let wallet = self.wallets.entry(address).or_default();
                    wallet.debits += i128::from(amount.n());
                }
                Movement::Ended { trade, settled } => self.end(trade, (number, settled)),
            }
        }
        self.blocks.push_back(Block { number, hash, timestamp, movements: movements.to_vec() });
        while let Some(block) = self.blocks.front() {
            if block.number > finalized && self.blocks.len() <= PENDING_MAX {
                break;
            }
            let block = self.blocks.pop_front().expect("the front was just seen");
            self.finalize(block);
        }
    }

    /// The newest block left the best branch; what it had said. A block that is not the newest
    /// pending one was never connected here, or is final: nothing changes.
    pub(super) fn disconnect(&mut self, hash: B256) -> Vec<Movement> {
        if self.blocks.back().is_none_or(|block| block.hash != hash) {
            return Vec::new();
        }
        let block = self.blocks.pop_back().expect("the back was just seen");
        for movement in block.movements.iter().rev() {
            match *movement {
                Movement::In { .. } | Movement::NonceEnded { .. } | Movement::Mandated(_) => {}
                Movement::Out { address, amount } => {
                    let wallet = self.wallets.entry(address).or_default();
                    wallet.debits -= i128::from(amount.n());
                }
                Movement::Ended { trade, .. } => self.resume(trade, block.number),
            }
        }
        block.movements
    }

    fn finalize(&mut self, block: Block) {
        for movement in &block.movements {
            match *movement {
                Movement::In { address, amount } => {
                    let wallet = self.wallets.entry(address).or_default();
                    wallet.settled += i128::from(amount.n());
                }
                Movement::Out { address, amount } => {
                    let wallet = self.wallets.entry(address).or_default();
                    wallet.debits -= i128::from(amount.n());
                    wallet.settled -= i128::from(amount.n());
                }
                Movement::Ended { .. } | Movement::NonceEnded { .. } | Movement::Mandated(_) => {}
            }
        }
        // A final block at or after the slot's end: what is not settled now never will be.
        while self.open.first().is_some_and(|(until, _)| *until <= block.timestamp) {
            let (_, trade) = self.open.pop_first().expect("the first was just seen");
            self.end(trade, (block.number, false));
        }
    }

    /// Forgets what is known of a trade that has ended.
    pub(super) fn forget(&mut self, trade: B256) {
        if self.trades.get(&trade).is_some_and(|hold| hold.ended.is_some()) {
            self.trades.remove(&trade);
        }
    }

    /// Ends the holds of a trade, once.
    fn end(&mut self, trade: B256, how: (u64, bool)) {
        let Some(hold) = self.trades.get_mut(&trade).filter(|hold| hold.ended.is_none()) else {
            return;
        };
        hold.ended = Some(how);
        let hold = hold.clone();
        self.open.remove(&(hold.until, trade));
        self.free(hold.buyer, hold.escrow);
        self.free(hold.seller, hold.collateral);
    }

    /// Takes back the end that a block at `number` had brought.
    fn resume(&mut self, trade: B256, number: u64) {
        let hold = self
            .trades
            .get_mut(&trade)
            .filter(|hold| hold.ended.is_some_and(|(ended, _)| ended == number));
        let Some(hold) = hold else { return };
        hold.ended = None;
        let hold = hold.clone();
        self.open.insert((hold.until, trade));
        self.hold(hold.buyer, hold.escrow);
        self.hold(hold.seller, hold.collateral);
    }
}

/// An amount for others to see: brought to the nearer end where it does not fit.
fn narrow(n: i128) -> Money {
    let nearest = if n < 0 { i64::MIN } else { i64::MAX };
    Money::from_n(i64::try_from(n).unwrap_or(nearest))
}

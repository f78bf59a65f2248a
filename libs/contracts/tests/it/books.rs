//! What must hold after every call: no unit of money is lost or made, what everybody has locked is
//! what the outcomes say, every digest is recomputed, and so is what is kept of every batch.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, U256, keccak256};
use contracts::bindings::{EnergyMarket, SettlementToken};
use contracts::{
    BATCH_FILLS, BatchTrade, Call, Clearing, ContractEvent, Delivery, Outcome, Policy, Posted,
    Prices, Reconciled, Settled, Side, Terms, TradeBatch, outcome, storage, trade_id,
};
use units::{Energy, Money};

use crate::world::{World, policy};

/// A settled trade, as the events told of it.
#[derive(Debug, Clone)]
pub(crate) struct Traded {
    pub(crate) clearing: B256,
    pub(crate) trade: BatchTrade,
    /// What is still tied up.
    pub(crate) escrow: U256,
    pub(crate) collateral: U256,
}

/// The UTC day of a slot, under which the contract keeps digests and locks.
fn utc_day(slot: u64) -> u32 {
    u32::try_from(slot / 86_400).unwrap()
}

fn number_of(index: u32) -> u32 {
    index / u32::try_from(BATCH_FILLS).unwrap()
}

impl World {
    pub(crate) fn check_books(&mut self, events: &[ContractEvent]) {
        for event in events {
            match event {
                ContractEvent::PolicyRegistered(event) => {
                    let policy = Policy::from_sol(&event.terms).unwrap();
                    assert_eq!(event.policy, policy.id());
                    self.policies.insert(event.policy, policy);
                }
                ContractEvent::SlotCleared(event) => self.note_cleared(event),
                ContractEvent::TradePriced(event) => self.note_priced(event),
                ContractEvent::TradeCreated(event) => self.note_settled(event),
                ContractEvent::TradeReconciled(event) => self.note_reconciled(event),
                ContractEvent::EscrowReleased(event) => {
                    let lock = self.locks.remove(&(event.account, event.policy, event.day));
                    assert_eq!(lock, Some(event.amount), "all that was locked is free");
                }
                _ => {}
            }
        }
        assert_eq!(self.priced, None, "the trade of the prices was created");
        self.check_money();
        self.check_digests();
        self.check_batches();
    }

    fn note_cleared(&mut self, event: &EnergyMarket::SlotCleared) {
        let clearing = Clearing::from_sol(&event.terms);
        assert_eq!(event.clearing, clearing.id());
        let policy = self.policies[&clearing.policy].clone();
        self.posted.insert(event.clearing, Posted { clearing, policy });
    }

    fn note_priced(&mut self, event: &EnergyMarket::TradePriced) {
        assert_eq!(self.priced, None, "one trade after the other");
        let prices = Prices { buyer: event.buyPrice, seller: event.sellPrice };
        self.priced = Some((event.trade, prices));
    }

    fn note_settled(&mut self, event: &EnergyMarket::TradeCreated) {
        assert_eq!(event.trade, trade_id(event.clearing, event.index));
        let clearing = self.posted[&event.clearing].clearing.clone();
        let told = self.priced.take();
        assert_eq!(told.map(|(trade, _)| trade), clearing.is_priced().then_some(event.trade));
        let prices = told.map_or(Prices::one(clearing.price), |(_, prices)| prices);
        let trade = BatchTrade {
            index: event.index,
            buyer: event.buyer,
            seller: event.seller,
            quantity: Energy::from_wh(event.quantity),
            prices,
            last: None,
        };
        let (clearing_id, escrow, collateral) = (event.clearing, event.escrow, event.collateral);
        let traded = Traded { clearing: clearing_id, trade, escrow, collateral };
        let before = self.trades.insert(event.trade, traded);
        assert!(before.is_none(), "a trade was settled twice");
        let terms = self.terms(event.trade);
        assert_eq!(escrow, tokens(terms.escrow().unwrap()));
        assert_eq!(collateral, tokens(terms.collateral().unwrap()));
        let day = utc_day(clearing.slot);
        self.days.insert((clearing.policy, day));
        for (account, side) in [(event.buyer, Side::Buy), (event.seller, Side::Sell)] {
            let settled = Settled::of(event, side, &clearing, prices);
            let policy = &self.posted[&event.clearing].policy;
            assert_eq!(settled.terms(policy), terms, "a bill finds the money of a trade in it");
            let digest = self.digests.entry((account, day)).or_default();
            *digest = digest.settled(&settled);
        }
    }

    fn note_reconciled(&mut self, event: &EnergyMarket::TradeReconciled) {
        let what = Reconciled::of(event);
        let before = self.trades[&event.trade].trade.last.map(|_| self.outcome_of(event.trade));
        let traded = self.trades.get_mut(&event.trade).unwrap();
        traded.trade.last = Some(what);
        (traded.escrow, traded.collateral) = (U256::ZERO, U256::ZERO);
        let (trade, posted) = (traded.trade, &self.posted[&traded.clearing]);
        let day = utc_day(posted.clearing.slot);
        for account in [trade.buyer, trade.seller] {
            let digest = self.digests.entry((account, day)).or_default();
            *digest = digest.reconciled(&what);
        }
        let policy = posted.policy.clone();
        let last = before.map(|before| shares(&before, &trade, &policy));
        for (account, amount) in shares(&self.outcome_of(event.trade), &trade, &policy) {
            *self.locks.entry((account, policy.id(), day)).or_default() += amount;
        }
        for (account, amount) in last.into_iter().flatten() {
            *self.locks.get_mut(&(account, policy.id(), day)).unwrap() -= amount;
        }
    }

    /// What the money of a trade depends on.
    pub(crate) fn terms(&self, trade: B256) -> Terms {
        let traded = &self.trades[&trade];
        let Posted { clearing, policy } = &self.posted[&traded.clearing];
        Terms::new(policy, clearing, traded.trade.prices, traded.trade.quantity)
    }

    /// Where the money of a trade went by its last run.
    pub(crate) fn outcome_of(&self, trade: B256) -> Outcome {
        let last = self.trades[&trade].trade.last.expect("it had a run");
        let Reconciled { delivered, seller_short, buyer_short, .. } = last;
        outcome(&self.terms(trade), delivered, seller_short, buyer_short).unwrap()
    }

    /// The trade that is the only one.
    pub(crate) fn only_trade(&self) -> B256 {
        assert_eq!(self.trades.len(), 1);
        *self.trades.keys().next().unwrap()
    }

    /// The settled trades of a batch, in the order of their fills.
    fn trades_of(&self, clearing: B256, number: u32) -> Vec<BatchTrade> {
        let of_batch =
            |one: &&Traded| one.clearing == clearing && number_of(one.trade.index) == number;
        let mut trades: Vec<BatchTrade> =
            self.trades.values().filter(of_batch).map(|one| one.trade).collect();
        trades.sort_by_key(|trade| trade.index);
        trades
    }

    /// A batch's trades as they stand.
    pub(crate) fn batch(&self, clearing: B256, number: u32) -> TradeBatch {
        let posted = self.posted[&clearing].clone();
        TradeBatch::new(posted, number, &self.trades_of(clearing, number)).unwrap()
    }

    /// The batch that a trade is of, as it stands.
    pub(crate) fn batch_of(&self, trade: B256) -> TradeBatch {
        let traded = &self.trades[&trade];
        self.batch(traded.clearing, number_of(traded.trade.index))
    }

    /// A run over trades of one batch.
    pub(crate) fn run(&self, run: u8, deliveries: &[Delivery]) -> Call {
        let batch = self.batch_of(deliveries[0].trade);
        self.at.reconcile(run, &batch, deliveries).unwrap()
    }

    /// What the tests' usual policy locks.
    pub(crate) fn locked(&mut self, account: Address, day: u32) -> U256 {
        self.locked_by(account, policy().id(), day)
    }

    pub(crate) fn locked_by(&mut self, account: Address, policy: B256, day: u32) -> U256 {
        self.view(self.at.market, EnergyMarket::lockedCall { account, policy, day })
    }

    /// Every token is in the market or with its holder, and everything in the market is somebody's.
    fn check_money(&mut self) {
        let (market, token) = (self.at.market, self.at.token);
        let supply = self.view(token, SettlementToken::totalSupplyCall {});
        let mut held_outside = self.balance(self.operator);
        let mut inside = U256::ZERO;
        for account in self.accounts() {
            held_outside += self.balance(account);
            inside += self.free(account);
            inside += self.view(market, EnergyMarket::withdrawingCall { account }).amount;
            for (policy, day) in self.days.clone() {
                let locked = self.locked_by(account, policy, day);
                let expected = self.locks.get(&(account, policy, day));
                assert_eq!(locked, expected.copied().unwrap_or_default(), "locked of {account}");
                let word = self.word(market, storage::locked(account, policy, day));
                assert_eq!(word << 64 >> 64, locked, "it is where a proof looks");
                inside += locked;
            }
        }
        for traded in self.trades.values() {
            inside += traded.escrow + traded.collateral;
        }
        let in_market = self.balance(market);
        assert_eq!(in_market, inside, "the market holds what it owes");
        assert_eq!(supply, in_market + held_outside, "no token is lost");
    }

    pub(crate) fn balance(&mut self, account: Address) -> U256 {
        self.view(self.at.token, SettlementToken::balanceOfCall { account })
    }

    fn check_digests(&mut self) {
        for ((account, day), expected) in self.digests.clone() {
            let answered = self.view(self.at.market, EnergyMarket::digestCall { account, day });
            assert_eq!(answered, expected.0, "the digest is recomputed");
            let stored = self.word(self.at.market, storage::digest(account, day));
            assert_eq!(B256::from(stored), expected.0, "the digest is where a proof looks");
        }
    }

    /// Of every batch is kept what Rust makes of its trades, and of no other anything.
    fn check_batches(&mut self) {
        for (id, posted) in self.posted.clone() {
            let fills = usize::try_from(posted.clearing.fills).unwrap();
            for number in 0..=u32::try_from(fills.div_ceil(BATCH_FILLS)).unwrap() {
                let question = EnergyMarket::batchStateCall { id, number: U256::from(number) };
                let kept = self.view(self.at.market, question);
                let trades = self.trades_of(id, number);
                if trades.is_empty() {
                    assert_eq!((kept.trades, kept.skipped), (B256::ZERO, 0));
                    continue;
                }
                let first = usize::try_from(number).unwrap() * BATCH_FILLS;
                let size = BATCH_FILLS.min(fills - first);
                let places = trades.iter().map(|trade| trade.index as usize - first);
                let settled = places.fold(0, |bits, place| bits | 1 << place);
                assert_eq!(kept.skipped, (u64::MAX >> (64 - size)) ^ settled);
                assert_eq!(kept.trades, self.batch(id, number).hash(), "the hash of the trades");
                let bytes = hash_of(&trades, first, size, posted.clearing.is_priced());
                assert_eq!(kept.trades, bytes, "byte by byte");
            }
        }
    }
}

/// Who gets what of a trade.
fn shares(of: &Outcome, trade: &BatchTrade, policy: &Policy) -> [(Address, U256); 6] {
    [
        (trade.buyer, of.to_buyer().unwrap()),
        (trade.seller, of.to_seller().unwrap()),
        (policy.network_account, of.network),
        (policy.platform_account, of.platform),
        (policy.difference_account, of.difference),
        (policy.balance_account, of.imbalance),
    ]
    .map(|(account, amount)| (account, tokens(amount)))
}

fn tokens(amount: Money) -> U256 {
    U256::from(u64::try_from(amount.n()).unwrap())
}

/// What is kept of a batch, put together once more: quantity, delivered, seller short and buyer
/// short in seven bytes each, the runs in two, buyer and seller in one each; and both prices in
/// eight bytes each where they are the fill's own.
fn hash_of(trades: &[BatchTrade], first: usize, size: usize, priced: bool) -> B256 {
    let accounts: BTreeSet<Address> =
        trades.iter().flat_map(|trade| [trade.buyer, trade.seller]).collect();
    let mut words = vec![[0; 32]; size];
    let mut prices = vec![[0; 32]; if priced { size } else { 0 }];
    for trade in trades {
        let last = trade.last.as_ref();
        let mut word = Vec::new();
        for energy in [
            Some(trade.quantity),
            last.map(|last| last.delivered),
            last.map(|last| last.seller_short),
            last.map(|last| last.buyer_short),
        ] {
            word.extend_from_slice(&energy.unwrap_or_default().wh().to_be_bytes()[1..]);
        }
        word.extend_from_slice(&last.map_or(0, |last| u16::from(last.run) + 1).to_be_bytes());
        for account in [trade.buyer, trade.seller] {
            let place = accounts.iter().position(|one| *one == account).unwrap();
            word.push(u8::try_from(place).unwrap());
        }
        let place = trade.index as usize - first;
        words[place] = word.try_into().unwrap();
        if priced {
            prices[place][16..24].copy_from_slice(&trade.prices.buyer.to_be_bytes());
            prices[place][24..].copy_from_slice(&trade.prices.seller.to_be_bytes());
        }
    }
    let accounts = keccak256(accounts.iter().flat_map(|one| one.into_word().0).collect::<Vec<_>>());
    keccak256([accounts, keccak256(words.concat()), keccak256(prices.concat())].concat())
}

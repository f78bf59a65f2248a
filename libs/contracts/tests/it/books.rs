//! What must hold after every call: no unit of money is lost or made, every digest is recomputed.

use alloy_primitives::{B256, U256};
use contracts::bindings::{EnergyMarket, SettlementToken};
use contracts::{ContractEvent, Reconciled, Settled, Side, storage};

use crate::world::{World, policy};

/// The UTC day of a slot, under which the contract keeps digests and locks.
fn utc_day(slot: u64) -> u32 {
    u32::try_from(slot / 86_400).unwrap()
}

impl World {
    pub(crate) fn check_books(&mut self, events: &[ContractEvent]) {
        for event in events {
            match event {
                ContractEvent::TradeSettled(event) => self.note_settled(event),
                ContractEvent::TradeReconciled(event) => self.note_reconciled(event),
                _ => {}
            }
        }
        self.check_money();
        self.check_digests();
    }

    fn note_settled(&mut self, event: &EnergyMarket::TradeSettled) {
        assert!(self.trades.insert(event.trade), "a trade was settled twice");
        let clearing = EnergyMarket::clearingCall { id: event.clearing };
        let policy = self.view(self.at.market, clearing).policy;
        let day = utc_day(event.slot);
        self.days.insert((policy, day));
        for (account, side) in [(event.buyer, Side::Buy), (event.seller, Side::Sell)] {
            let digest = self.digests.entry((account, day)).or_default();
            *digest = digest.settled(&Settled::of(event, side, policy));
        }
    }

    fn note_reconciled(&mut self, event: &EnergyMarket::TradeReconciled) {
        let trade = self.trade(event.trade);
        let clearing = EnergyMarket::clearingCall { id: trade.clearing };
        let day = utc_day(self.view(self.at.market, clearing).slot);
        for account in [trade.buyer, trade.seller] {
            let digest = self.digests.entry((account, day)).or_default();
            *digest = digest.reconciled(&Reconciled::of(event));
        }
    }

    pub(crate) fn trade(&mut self, id: B256) -> EnergyMarket::TradeView {
        self.view(self.at.market, EnergyMarket::tradeOfCall { id })
    }

    /// What the tests' usual policy locks.
    pub(crate) fn locked(&mut self, account: contracts::Address, day: u32) -> U256 {
        self.locked_by(account, policy().id(), day)
    }

    pub(crate) fn locked_by(
        &mut self,
        account: contracts::Address,
        policy: B256,
        day: u32,
    ) -> U256 {
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
                inside += self.locked_by(account, policy, day);
            }
        }
        for trade in self.trades.clone() {
            let trade = self.trade(trade);
            inside += trade.escrow + trade.collateral;
        }
        let in_market = self.balance(market);
        assert_eq!(in_market, inside, "the market holds what it owes");
        assert_eq!(supply, in_market + held_outside, "no token is lost");
    }

    pub(crate) fn balance(&mut self, account: contracts::Address) -> U256 {
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
}

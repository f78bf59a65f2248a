//! Every invariant, after every step; each service against the chain as of the block it has seen.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use billing::domain::journal::{self, EnergyAccount, Flow, Verified};
use calendar::Timestamp;
use chain::ChainView;
use ids::ConnectionPointId;
use market::domain::{Movement, Status};

use super::crash::Stop;
use super::world::World;

/// What was checked last, so that what did not change is not checked again.
#[derive(Default)]
pub(super) struct Checked {
    market: Option<(u64, usize)>,
    /// Block and entries of the books that were compared with the contracts.
    pub(super) books: Option<(B256, u64)>,
    entries: Verified,
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Broken(what())) }
}

impl World {
    pub(super) fn check(&mut self) -> Result<(), Stop> {
        self.metering.check()?;
        self.check_market()?;
        self.check_billing()
    }

    /// Everyone whose money is in the market.
    pub(super) fn addresses(&self) -> Vec<Address> {
        let policy = &self.scene.policy;
        let homes = self.scene.homes[..self.homes].iter().map(|home| home.address);
        let paid = [
            policy.network_account,
            policy.platform_account,
            policy.difference_account,
            policy.balance_account,
        ];
        homes.chain(paid).collect()
    }

    /// The market's cash is the contract's; what is held is what orders and trades hold.
    fn check_market(&mut self) -> Result<(), Stop> {
        let Some(head) = self.market.head else { return Ok(()) };
        let state = (head.sequence, self.market.exchange.orders().count());
        if self.checked.market == Some(state) {
            return self.check_holds();
        }
        self.checked.market = Some(state);
        let chain = self.cash(head.hash)?;
        let mut waiting: BTreeMap<Address, i128> = BTreeMap::new();
        let mut at = head.hash;
        while let Some(header) = self.node.view.header(at).filter(|h| h.number > head.finalized) {
            for movement in market::movements(&self.scene.at, self.node.logs(at)) {
                if let Movement::In { address, amount } = movement {
                    *waiting.entry(address).or_default() += i128::from(amount.n());
                }
            }
            at = header.parent_hash;
        }
        for address in self.addresses() {
            let wallet = self.market.exchange.wallet(address);
            let known = i128::from(wallet.tradable().n()) + i128::from(wallet.held().n());
            let free = chain.free.get(&address).copied().unwrap_or(0);
            let expected = free - waiting.get(&address).copied().unwrap_or(0);
            ensure(known == expected, || {
                format!("wallet: the market has {known} n of {address}, the contract {expected} n")
            })?;
        }
        self.check_holds()
    }

    fn check_holds(&self) -> Result<(), Stop> {
        let exchange = &self.market.exchange;
        let mut held: BTreeMap<Address, i128> = BTreeMap::new();
        for order in exchange.orders() {
            ensure(order.filled <= order.terms.quantity, || {
                format!("fills: order {} is filled beyond its quantity", order.id)
            })?;
            if order.status == Status::Open {
                *held.entry(order.terms.account).or_default() += i128::from(order.hold.n());
            }
        }
        let cleared = exchange.slots().filter_map(|(_, book)| book.cleared.as_ref());
        for trade in cleared.flat_map(|cleared| &cleared.trades) {
            if exchange.settlement(trade.trade) == "pending" {
                for (order, amount) in [(trade.buy, trade.escrow), (trade.sell, trade.collateral)] {
                    let account = exchange.order(order).map(|order| order.terms.account);
                    let account = account.ok_or_else(|| Stop::broken("a trade of no order"))?;
                    *held.entry(account).or_default() += i128::from(amount.n());
                }
            }
        }
        for address in self.addresses() {
            let wallet = i128::from(exchange.wallet(address).held().n());
            let expected = held.get(&address).copied().unwrap_or(0);
            ensure(wallet == expected, || {
                format!("holds: {wallet} n are held of {address}, its orders hold {expected} n")
            })?;
        }
        Ok(())
    }

    /// The books against the contracts, I1 to I8 and I10.
    fn check_billing(&mut self) -> Result<(), Stop> {
        self.check_books()?;
        let (_, entries) = self.billing.book.head();
        let checked = self.checked.entries.entries();
        if entries == checked {
            return Ok(());
        }
        let Some(head) = self.billing.durable.head else { return Ok(()) };
        let held = self.cash(head.hash)?.held;
        journal::check(&self.billing.book, Some(held)).map_err(Stop::broken)?;
        self.check_energy()?;
        let news = self.billing.durable.entries.iter().skip(usize::try_from(checked).unwrap_or(0));
        let news: Vec<_> = news.cloned().collect();
        self.checked.entries.follow(&news).map_err(Stop::broken)?;
        self.checked.entries.agrees(&self.billing.book).map_err(Stop::broken)
    }

    /// I5, I6, I7 once more, slot by slot, in other words.
    fn check_energy(&self) -> Result<(), Stop> {
        for slot in &self.slots {
            let (mut bought_of_all, mut sold_of_all) = (0, 0);
            for home in &self.scene.homes[..self.homes] {
                let flows = self.flows(home.point, slot.start);
                let [import, export, bought, sold, taken, given] = flows;
                let adds_up = import == bought + taken && export == sold + given;
                ensure(adds_up, || {
                    format!("I5: {} in {}: {flows:?} do not add up", home.point, slot.start)
                })?;
                let within = bought <= import && sold <= export;
                ensure(within, || {
                    format!("I7: {} in {}: {flows:?} is over the meter", home.point, slot.start)
                })?;
                bought_of_all += bought;
                sold_of_all += sold;
            }
            ensure(bought_of_all == sold_of_all, || {
                format!("I6: {bought_of_all} bought, {sold_of_all} sold in {}", slot.start)
            })?;
        }
        Ok(())
    }

    /// Metered import and export, bought, sold, taken from and given to the grid.
    pub(super) fn flows(&self, point: ConnectionPointId, slot: Timestamp) -> [i128; 6] {
        let of = |flow| self.billing.book.energy(&EnergyAccount { point, slot, flow });
        [
            -of(Flow::MeterImport),
            of(Flow::MeterExport),
            of(Flow::P2pBought),
            -of(Flow::P2pSold),
            of(Flow::GridImport),
            -of(Flow::GridExport),
        ]
    }
}

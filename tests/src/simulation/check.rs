//! Every invariant, after every step; each service against the chain as of the block it has seen.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use billing::domain::journal::{self, Account, EnergyAccount, Flow};
use calendar::Timestamp;
use chain::ChainView;
use contracts::bindings::{EnergyMarket, SettlementToken};
use ids::ConnectionPointId;
use market::domain::{Movement, Status};
use units::Money;

use super::crash::Stop;
use super::facts::money;
use super::world::World;

/// What the contracts say of everyone's money as of a block.
#[derive(Clone)]
pub(super) struct Balances {
    pub(super) free: BTreeMap<Address, i128>,
    pub(super) held: Money,
    pub(super) supply: Money,
    pub(super) operator: Money,
}

/// What was checked last, so that what did not change is not checked again.
#[derive(Default)]
pub(super) struct Checked {
    market: Option<(u64, usize)>,
    book: u64,
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
        homes.chain([policy.network_account, policy.platform_account]).collect()
    }

    pub(super) fn balances(&mut self, block: B256) -> Balances {
        // Blocks without transactions leave the state as it was: it is asked once.
        let root = self.node.state_root(block);
        if let Some(known) = self.balances.get(&root) {
            return known.clone();
        }
        let (token, market) = (self.scene.at.token, self.scene.at.market);
        let operator = self.scene.reconciler.address();
        let addresses = self.addresses();
        let mut at = self.node.at(block);
        let mut tokens =
            |account| money(at.ask(token, &SettlementToken::balanceOfCall { account }));
        let (held, operator) = (tokens(market), tokens(operator));
        let supply = money(at.ask(token, &SettlementToken::totalSupplyCall {}));
        let mut free = |account| {
            let free = money(at.ask(market, &EnergyMarket::freeCall { account }));
            (account, i128::from(free.n()))
        };
        let free = addresses.into_iter().map(&mut free).collect();
        let balances = Balances { free, held, supply, operator };
        self.balances.insert(root, balances.clone());
        balances
    }

    /// The market's cash is the contract's; what is held is what orders and trades hold.
    fn check_market(&mut self) -> Result<(), Stop> {
        let Some(head) = self.market.head else { return Ok(()) };
        let state = (head.sequence, self.market.exchange.orders().count());
        if self.checked.market == Some(state) {
            return self.check_holds();
        }
        self.checked.market = Some(state);
        let chain = self.balances(head.hash);
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
        for (address, free) in chain.free {
            let wallet = self.market.exchange.wallet(address);
            let known = i128::from(wallet.tradable().n()) + i128::from(wallet.held().n());
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

    /// I1 to I8 and I10, the wallets of the journal against the contract's, the supply of tokens.
    fn check_billing(&mut self) -> Result<(), Stop> {
        let (_, entries) = self.billing.book.head();
        if entries == self.checked.book {
            return Ok(());
        }
        self.checked.book = entries;
        let Some(head) = self.billing.durable.head else { return Ok(()) };
        let chain = self.balances(head.hash);
        let supply = chain.held.n() + chain.operator.n();
        ensure(chain.supply.n() == supply, || {
            format!("I10: {} n of tokens exist, {supply} n are held", chain.supply.n())
        })?;
        journal::check(&self.billing.book, Some(chain.held)).map_err(Stop::broken)?;
        self.check_energy()?;
        let entries = &self.billing.durable.entries;
        journal::check_entries(entries, &self.billing.book).map_err(Stop::broken)?;
        let book = &self.billing.book;
        for (address, free) in chain.free {
            let wallet = -book.balance(&Account::Wallet(address));
            ensure(wallet == free, || {
                format!("wallet: the journal has {wallet} n of {address}, the contract {free} n")
            })?;
        }
        let suspense = book.balance(&Account::Suspense);
        ensure(suspense == 0, || format!("9000 Suspense holds {suspense} n"))
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

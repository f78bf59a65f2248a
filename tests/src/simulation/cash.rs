//! Everybody's money as the contracts keep it, in the words of the journal; and the two compared.
//!
//! What is free, locked or on its way out is read from the contracts' storage as of a block. Which
//! addresses and days there are, and what open trades tie up, is what the branch of that block
//! logged from the first block on. Nothing of it is billing's own. Everything together must be all
//! the tokens there are, so that an address or a day which the logs do not name would show.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use alloy_primitives::{Address, B256, U256};
use billing::domain::journal::{Account, Book};
use chain::ChainView;
use contracts::bindings::{EnergyMarket, SettlementToken};
use contracts::{Clearing, ContractEvent, storage};
use units::Money;

use super::crash::Stop;
use super::facts::{decode, money, utc_day};
use super::node::Questions;
use super::scene::Scene;
use super::world::World;

/// The low bits of a lock's word, which are the cash; above them it says until when.
const LOCK_BITS: usize = 192;

/// What the contracts say of everybody's money as of a block. Amounts in 1e-9 currency.
pub(super) struct Cash {
    /// What each address can trade with.
    pub(super) free: BTreeMap<Address, i128>,
    /// What the market holds.
    pub(super) held: Money,
    /// What each address but the market's has in tokens.
    pub(super) tokens: BTreeMap<Address, i128>,
    /// As the journal must have it, debits minus credits; those that are empty are left out.
    pub(super) accounts: BTreeMap<Account, i128>,
}

/// Cash of a trade that has no run yet.
#[derive(Clone, Copy)]
struct Tied {
    seller: Address,
    escrow: i128,
    collateral: i128,
}

/// What a branch logged.
#[derive(Default)]
struct Heard {
    addresses: BTreeSet<Address>,
    /// Policies and UTC days of which cash can be locked.
    days: BTreeSet<(B256, u32)>,
    open: BTreeMap<B256, Tied>,
}

/// What was asked and decoded before.
#[derive(Default)]
pub(super) struct Known {
    by_root: BTreeMap<B256, Rc<Cash>>,
    events: BTreeMap<B256, Rc<Vec<ContractEvent>>>,
}

impl World {
    /// Everybody's money as of `block`.
    pub(super) fn cash(&mut self, block: B256) -> Result<Rc<Cash>, Stop> {
        // Blocks without transactions leave the state as it was: it is asked once.
        let root = self.node.state_root(block);
        if let Some(known) = self.known.by_root.get(&root) {
            return Ok(known.clone());
        }
        let mut heard = self.heard(block);
        heard.addresses.extend(self.addresses());
        let cash = Rc::new(asked(self.scene, self.node.at(block), &heard)?);
        self.known.by_root.insert(root, cash.clone());
        Ok(cash)
    }

    /// Whether cash of an account is on its way out, as of the head.
    pub(super) fn leaving(&self, account: Address) -> bool {
        let mut at = self.node.at(self.node.view.head());
        !at.ask(self.scene.at.market, &EnergyMarket::withdrawingCall { account }).amount.is_zero()
    }

    fn heard(&mut self, block: B256) -> Heard {
        let mut branch = vec![block];
        let parent = |hash| self.node.parent(hash);
        while let Some(parent) = branch.last().and_then(|last| parent(*last)) {
            branch.push(parent);
        }
        let mut heard = Heard::default();
        for hash in branch.into_iter().rev() {
            let events = self.known.events.entry(hash).or_insert_with(|| {
                let logs = self.node.logs(hash).iter();
                Rc::new(logs.filter_map(|log| decode(&self.scene.at, log)).collect())
            });
            events.iter().for_each(|event| heard.hear(event));
        }
        heard
    }

    /// Every account of the journal is, to the unit, what the contracts have, and the other way
    /// round, as of the block that billing has seen.
    pub(super) fn check_books(&mut self) -> Result<(), Stop> {
        let Some(head) = self.billing.durable.head else { return Ok(()) };
        let state = (head.hash, self.billing.book.head().1);
        if self.checked.books.replace(state) == Some(state) {
            return Ok(());
        }
        let cash = self.cash(head.hash)?;
        compare(&self.billing.book, &cash.accounts)?;
        self.counts.add("books: equal to the chain");
        Ok(())
    }
}

impl Heard {
    fn hear(&mut self, event: &ContractEvent) {
        match event {
            ContractEvent::Transfer(event) => self.addresses.extend([event.from, event.to]),
            ContractEvent::DepositCredited(event) => self.addresses.extend([event.account]),
            ContractEvent::SlotCleared(event) => {
                let clearing = Clearing::from_sol(&event.terms);
                self.days.insert((clearing.policy, utc_day(clearing.slot)));
            }
            ContractEvent::TradeCreated(event) => {
                let tied = Tied {
                    seller: event.seller,
                    escrow: units_of(event.escrow),
                    collateral: units_of(event.collateral),
                };
                self.addresses.extend([event.buyer, event.seller]);
                self.open.insert(event.trade, tied);
            }
            ContractEvent::TradeReconciled(event) => {
                self.open.remove(&event.trade);
            }
            _ => {}
        }
    }
}

fn units_of(amount: U256) -> i128 {
    i128::from(money(amount).n())
}

fn asked(scene: &Scene, mut at: Questions<'_>, heard: &Heard) -> Result<Cash, Stop> {
    let (token, market) = (scene.at.token, scene.at.market);
    let held = money(at.ask(token, &SettlementToken::balanceOfCall { account: market }));
    let supply = units_of(at.ask(token, &SettlementToken::totalSupplyCall {}));
    let (mut free, mut tokens, mut accounts) = Default::default();
    for address in heard.addresses.iter().copied().filter(|address| *address != market) {
        let cash = units_of(at.word(market, storage::free(address)));
        let leaving = at.ask(market, &EnergyMarket::withdrawingCall { account: address });
        let own = at.ask(token, &SettlementToken::balanceOfCall { account: address });
        put(&mut free, address, cash);
        put(&mut tokens, address, units_of(own));
        // The journal knows of a withdrawal when it is paid.
        put(&mut accounts, Account::Wallet(address), -cash - units_of(leaving.amount));
        for (policy, day) in &heard.days {
            let word = at.word(market, storage::locked(address, *policy, *day));
            let locked = word & ((U256::ONE << LOCK_BITS) - U256::ONE);
            put(&mut accounts, locked_account(scene, address, *day), -units_of(locked));
        }
    }
    for (trade, tied) in &heard.open {
        put(&mut accounts, Account::Escrow(*trade), -tied.escrow);
        put(&mut accounts, Account::Collateral(tied.seller, *trade), -tied.collateral);
    }
    put(&mut accounts, Account::Bank, supply);
    put(&mut accounts, Account::Tokens, i128::from(held.n()) - supply);
    let owed: i128 = accounts.values().sum();
    ensure(owed == 0, || format!("chain: there are {owed} n that are nobody's"))?;
    let known = i128::from(held.n()) + tokens.values().sum::<i128>();
    ensure(supply == known, || format!("I10: {supply} n of tokens exist, {known} n are held"))?;
    Ok(Cash { free, held, tokens, accounts })
}

fn put<K: Ord>(into: &mut BTreeMap<K, i128>, key: K, amount: i128) {
    if amount != 0 {
        *into.entry(key).or_default() += amount;
    }
}

/// Where the journal has what is locked of a day.
fn locked_account(scene: &Scene, address: Address, day: u32) -> Account {
    if address == scene.policy.network_account {
        Account::Dso(address, day)
    } else if address == scene.policy.platform_account {
        Account::PlatformFee(address, day)
    } else if address == scene.policy.difference_account {
        Account::Pot(address, day)
    } else if address == scene.policy.balance_account {
        Account::Imbalance(address, day)
    } else {
        Account::Locked(address, day)
    }
}

fn compare(book: &Book, chain: &BTreeMap<Account, i128>) -> Result<(), Stop> {
    for account in chain.keys().chain(book.balances().map(|(account, _)| account)) {
        let (ours, theirs) = (book.balance(account), chain.get(account).copied().unwrap_or(0));
        ensure(ours == theirs, || {
            format!("books: account {account} has {ours} n, the contracts {theirs} n")
        })?;
    }
    Ok(())
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Broken(what())) }
}

//! Double-entry journals of money and energy, written from what the chain says.
//!
//! A [`Book`] takes one [`Fact`] at a time (a contract log, or a metered interval) and answers with
//! the [`Entry`] it makes. Facts that a reorganisation took back are answered with the reversing
//! entry. Nothing is ever changed or removed.
//!
//! ```text
//! Minted           1000 Bank        -> 2040 Tokens
//! Deposited        2040 Tokens      -> 2000 Wallet
//! Settled          2000 Wallet      -> 2010 Escrow, 2020 Collateral
//! Reconciled (run) 2010 Escrow      -> 2005 Locked, 2100 DSO, 4000 PlatformFee, 2150 Pot, 2130
//!                  2020 Collateral  -> 2005 Locked, 2130 Imbalance
//!                                                           only the difference to the last run
//! Released         2005, 21xx, 4000 -> 2000 Wallet
//! Transferred      2000 Wallet      -> 2000 Wallet
//! Withdrawn        2000 Wallet      -> 2040 Tokens
//! Redeemed         2040 Tokens      -> 2050 Payouts
//! PaidOut          2050 Payouts     -> 1000 Bank
//! Reissued         2050 Payouts     -> 2040 Tokens
//! Invoiced         1200 Receivable  <- 2120 Retailer, 2150 Rounding     what is still to be paid
//! Corrected        1200 Receivable  <- 2120 Retailer, 2150 Rounding     only the difference
//! ReminderFee      1200 Receivable  <- 2120 Retailer                    back where it is waived
//! InvoicePaid      1010 Collected   <- 1200 Receivable                  by bank, without tokens
//! PaidFromWallet   2120 Retailer    <- 1200 Receivable                  the tokens are Transferred
//!
//! Metered          GRID_IMPORT  <- E_IMP           E_EXP -> GRID_EXPORT
//! Reconciled       P2P_BOUGHT@B <- P2P_SOLD@S      GRID_EXPORT@S <- GRID_IMPORT@B
//! ```
//!
//! Invariants: a transfer has two sides and a positive amount, so every entry balances; entries are
//! hash-chained; the same facts give the same entries. What the ledger and the logs disagree about
//! is shown in 9000 Suspense, never hidden. What a posting may have broken is looked at when its
//! block or message is over ([`Book::check_touched`]). A journal is of one currency. Of the energy
//! ledger only the slots that were used last are at hand ([`Book::recall`]). Absent: fiat banking,
//! which currency that is.

mod accounts;
mod audit;
mod fact;
mod invoiced;
mod metering;
mod moves;
mod slots;
#[cfg(test)]
mod tests;
mod touched;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, keccak256};
use calendar::Timestamp;
use serde::{Deserialize, Serialize};
use units::{Energy, Money};

pub use accounts::{Account, BadAccount, EnergyAccount, Flow};
pub use audit::{
    Verified, Violation, check, check_certified, check_each, check_entries, check_invoice,
    check_posted, check_slot,
};

pub use fact::{Fact, PointMetered, Settled, Totals};
pub use invoiced::{Corrected, Invoiced};
use moves::{Moved, Moves};
use slots::Slots;
pub use slots::{PostedEnergy, SLOTS_AT_HAND_MAX, energy_posted};
use touched::Touched;

/// From one account to another: `debit` gets, `credit` gives (as an accountant writes it).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer<A> {
    /// The account whose debit side grows.
    pub debit: A,
    /// The account whose credit side grows.
    pub credit: A,
    /// 1e-9 currency or watt-hours; always positive.
    pub amount: u64,
}

/// One fact in the books. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Place in the journal, from 0, without gaps.
    pub sequence: u64,
    /// Where the fact comes from: a log's place on chain, an interval's version.
    pub source: String,
    /// The fact.
    pub fact: Fact,
    /// Whether this entry takes the fact back.
    pub reversal: bool,
    /// What it moves in the money ledger.
    pub money: Vec<Transfer<Account>>,
    /// What it moves in the energy ledger.
    pub energy: Vec<Transfer<EnergyAccount>>,
    /// Hash of the entry before (zero for the first).
    pub previous: B256,
    /// Hash of this entry with everything above.
    pub hash: B256,
}

/// A fact that cannot be posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Reconciled before it was settled, or taken back twice.
    #[error("the journal does not know trade {0}")]
    UnknownTrade(B256),
    /// Settled twice.
    #[error("trade {0} is in the journal already")]
    KnownTrade(B256),
    /// Invoiced twice.
    #[error("the invoice is in the journal already")]
    KnownInvoice,
    /// Paid before it was invoiced.
    #[error("the journal does not know the invoice")]
    UnknownInvoice,
    /// An amount or a balance does not fit.
    #[error("an amount does not fit the journal")]
    Overflow,
    /// The slot has to be brought back first.
    #[error("the energy of slot {0} is not at hand")]
    NotAtHand(Timestamp),
    /// What was found again of a slot is not all that was posted of it.
    #[error("the entries of slot {0} that were found are not all")]
    NotWhole(Timestamp),
    /// Only what the chain took back is reversed; an interval is corrected by its next version.
    #[error("entry {0} cannot be taken back")]
    NotReversible(u64),
}

impl From<units::Overflow> for JournalError {
    fn from(_: units::Overflow) -> Self {
        JournalError::Overflow
    }
}

/// A trade and the totals of each run so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeState {
    /// As it was settled.
    pub settled: Settled,
    /// Totals of the runs, oldest first.
    pub runs: Vec<Totals>,
}

/// Balances, open trades and the head of the journal. A balance is debits minus credits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book {
    money: BTreeMap<Account, i128>,
    slots: Slots,
    trades: BTreeMap<B256, TradeState>,
    invoices: BTreeMap<String, Invoiced>,
    next: u64,
    head: B256,
    touched: Touched,
}

impl Book {
    /// Posts `fact` and returns the entry it made; the book is unchanged where it cannot.
    pub fn post(&mut self, source: &str, fact: Fact) -> Result<Entry, JournalError> {
        let (money, energy) = self.transfers(&fact)?;
        self.remember(&fact);
        Ok(self.append(source, fact, false, money, energy))
    }

    /// Takes back `entry` (the newest first) and returns the reversing entry.
    pub fn revert(&mut self, entry: &Entry) -> Result<Entry, JournalError> {
        let lasting = matches!(
            entry.fact,
            Fact::Metered { .. }
                | Fact::Invoiced(_)
                | Fact::Corrected(_)
                | Fact::ReminderFee { .. }
                | Fact::InvoicePaid { .. }
                | Fact::PaidFromWallet { .. }
        );
        if entry.reversal || lasting {
            return Err(JournalError::NotReversible(entry.sequence));
        }
        if let Some(slot) = entry.energy_slot() {
            self.check_at_hand(slot)?;
        }
        self.forget(&entry.fact)?;
        let money = entry.money.iter().cloned().map(Transfer::swapped).collect();
        let energy = entry.energy.iter().cloned().map(Transfer::swapped).collect();
        Ok(self.append(&entry.source, entry.fact.clone(), true, money, energy))
    }

    /// The book after a journal; the entries were checked when they were made.
    pub fn replay(entries: &[Entry]) -> Result<Book, JournalError> {
        let mut book = Book::default();
        entries.iter().try_for_each(|entry| book.take(entry))?;
        Ok(book)
    }

    /// Takes the next entry of a journal as it stands.
    fn take(&mut self, entry: &Entry) -> Result<(), JournalError> {
        if entry.reversal {
            self.forget(&entry.fact)?;
        } else {
            self.remember(&entry.fact);
        }
        self.apply(entry);
        Ok(())
    }

    /// Debits minus credits of a money account, in 1e-9 currency.
    pub fn balance(&self, account: &Account) -> i128 {
        self.money.get(account).copied().unwrap_or(0)
    }

    /// Debits minus credits of an energy account of a slot that is at hand, in watt-hours.
    pub fn energy(&self, account: &EnergyAccount) -> i128 {
        let slot = self.slots.get(account.slot);
        slot.map_or(0, |slot| slot.balance(account.point, account.flow))
    }

    /// All energy of one kind of flow, over all connection points and slots.
    pub fn energy_of(&self, flow: Flow) -> Energy {
        // Balances of a flow are all debits or all credits.
        let sum = self.slots.sum(flow).unsigned_abs();
        Energy::from_wh(u64::try_from(sum).unwrap_or(u64::MAX))
    }

    /// Every money account with its balance.
    pub fn balances(&self) -> impl Iterator<Item = (&Account, i128)> {
        self.money.iter().map(|(account, balance)| (account, *balance))
    }

    /// Every trade with its runs.
    pub fn trades(&self) -> impl Iterator<Item = &TradeState> {
        self.trades.values()
    }

    /// A trade with its runs.
    pub fn trade(&self, trade: &B256) -> Option<&TradeState> {
        self.trades.get(trade)
    }

    /// What was posted of an invoice and its corrections, by the invoice's number.
    pub fn invoiced(&self, number: &str) -> Option<&Invoiced> {
        self.invoices.get(number)
    }

    /// Hash of the newest entry (zero before the first) and the number of entries.
    pub fn head(&self) -> (B256, u64) {
        (self.head, self.next)
    }

    fn transfers(&self, fact: &Fact) -> Result<Moved, JournalError> {
        let mut moves = Moves::default();
        match fact {
            Fact::Minted { amount } => moves.money(Account::Bank, Account::Tokens, *amount)?,
            Fact::Deposited { account, amount } => {
                moves.money(Account::Tokens, Account::Wallet(*account), *amount)?;
            }
            Fact::Transferred { account, to, amount } => {
                moves.money(Account::Wallet(*account), Account::Wallet(*to), *amount)?;
            }
            Fact::Withdrawn { account, amount } => {
                moves.money(Account::Wallet(*account), Account::Tokens, *amount)?;
            }
            Fact::Redeemed { account, amount, .. } => {
                moves.money(Account::Tokens, Account::Payouts(*account), *amount)?;
            }
            Fact::PaidOut { account, amount } => {
                moves.money(Account::Payouts(*account), Account::Bank, *amount)?;
            }
            Fact::Reissued { account, amount } => {
                moves.money(Account::Payouts(*account), Account::Tokens, *amount)?;
            }
            Fact::Settled(settled) => {
                if self.trades.contains_key(&settled.trade) {
                    return Err(JournalError::KnownTrade(settled.trade));
                }
                let (buyer, seller) =
                    (Account::Wallet(settled.buyer), Account::Wallet(settled.seller));
                moves.money(buyer, Account::Escrow(settled.trade), settled.escrow)?;
                moves.money(seller, settled.collateral_account(), settled.collateral)?;
            }
            Fact::Reconciled { trade, totals } => {
                let state = self.trades.get(trade).ok_or(JournalError::UnknownTrade(*trade))?;
                self.check_at_hand(state.settled.slot)?;
                let before = state.runs.last().copied().unwrap_or_default();
                moves.reconciled(&state.settled, &before, totals)?;
            }
            Fact::Released { account, day, amount } => {
                self.released(&mut moves, *account, *day, *amount)?;
            }
            Fact::Metered { slot, intervals } => {
                self.check_at_hand(*slot)?;
                let known = self.slots.get(*slot).map(|known| &known.metered);
                for interval in intervals {
                    let point = interval.point;
                    let before = known.and_then(|known| known.get(&point));
                    let before = before.copied().unwrap_or_default();
                    let at = |flow| EnergyAccount { point, slot: *slot, flow };
                    let (taken, seen) = (at(Flow::GridImport), at(Flow::MeterImport));
                    moves.energy(taken, seen, before.import, interval.import);
                    let (seen, given) = (at(Flow::MeterExport), at(Flow::GridExport));
                    moves.energy(seen, given, before.export, interval.export);
                }
            }
            Fact::Invoiced(invoiced) => {
                if self.invoices.contains_key(&invoiced.number) {
                    return Err(JournalError::KnownInvoice);
                }
                moves.invoiced(invoiced)?;
            }
            Fact::Corrected(corrected) => {
                let before = self.invoices.get(&corrected.invoice);
                let before = before.ok_or(JournalError::UnknownInvoice)?;
                moves.corrected(before, &corrected.standing)?;
            }
            Fact::ReminderFee { number, amount } => {
                let invoiced = self.invoices.get(number).ok_or(JournalError::UnknownInvoice)?;
                let owed = Account::Receivable(invoiced.account);
                moves.money(owed, Account::Retailer, *amount)?;
            }
            Fact::InvoicePaid { number, amount } => {
                let invoiced = self.invoices.get(number).ok_or(JournalError::UnknownInvoice)?;
                let owed = Account::Receivable(invoiced.account);
                moves.money(Account::Collected, owed, *amount)?;
            }
            Fact::PaidFromWallet { number, amount } => {
                let invoiced = self.invoices.get(number).ok_or(JournalError::UnknownInvoice)?;
                let owed = Account::Receivable(invoiced.account);
                moves.money(Account::Retailer, owed, *amount)?;
            }
        }
        Ok(moves.into_parts())
    }

    /// The contract releases the whole of an address and day; what it is made of stands here.
    fn released(
        &self,
        moves: &mut Moves,
        account: Address,
        day: u32,
        amount: Money,
    ) -> Result<(), JournalError> {
        let wallet = Account::Wallet(account);
        let mut left = i128::from(amount.n());
        for from in [
            Account::Locked(account, day),
            Account::Dso(account, day),
            Account::PlatformFee(account, day),
            Account::Pot(account, day),
            Account::Imbalance(account, day),
        ] {
            let part = (-self.balance(&from)).clamp(0, left.max(0));
            left -= part;
            moves.exact(from, wallet.clone(), part)?;
        }
        moves.exact(Account::Suspense, wallet, left)
    }

    fn remember(&mut self, fact: &Fact) {
        match fact {
            Fact::Settled(settled) => {
                let state = TradeState { settled: (**settled).clone(), runs: Vec::new() };
                self.trades.insert(settled.trade, state);
            }
            Fact::Reconciled { trade, totals } => {
                if let Some(state) = self.trades.get_mut(trade) {
                    state.runs.push(*totals);
                }
            }
            Fact::Metered { slot, intervals } => self.slots.remember(*slot, intervals),
            Fact::Invoiced(invoiced) => {
                self.invoices.insert(invoiced.number.clone(), invoiced.clone());
            }
            Fact::Corrected(corrected) => {
                self.invoices.insert(corrected.invoice.clone(), corrected.standing.clone());
            }
            Fact::Minted { .. }
            | Fact::Deposited { .. }
            | Fact::Released { .. }
            | Fact::Transferred { .. }
            | Fact::Withdrawn { .. }
            | Fact::Redeemed { .. }
            | Fact::PaidOut { .. }
            | Fact::Reissued { .. }
            | Fact::ReminderFee { .. }
            | Fact::InvoicePaid { .. }
            | Fact::PaidFromWallet { .. } => {}
        }
    }

    fn forget(&mut self, fact: &Fact) -> Result<(), JournalError> {
        match fact {
            Fact::Settled(settled) => {
                let unknown = JournalError::UnknownTrade(settled.trade);
                self.trades.remove(&settled.trade).map(|_| ()).ok_or(unknown)
            }
            Fact::Reconciled { trade, .. } => {
                let state = self.trades.get_mut(trade);
                let popped = state.and_then(|state| state.runs.pop());
                popped.map(|_| ()).ok_or(JournalError::UnknownTrade(*trade))
            }
            _ => Ok(()),
        }
    }

    fn append(
        &mut self,
        source: &str,
        fact: Fact,
        reversal: bool,
        money: Vec<Transfer<Account>>,
        energy: Vec<Transfer<EnergyAccount>>,
    ) -> Entry {
        let mut entry = Entry {
            sequence: self.next,
            source: source.to_owned(),
            fact,
            reversal,
            money,
            energy,
            previous: self.head,
            hash: B256::ZERO,
        };
        entry.hash = entry.digest();
        self.apply(&entry);
        self.touch(&entry);
        entry
    }

    fn apply(&mut self, entry: &Entry) {
        for Transfer { debit, credit, amount } in &entry.money {
            for (account, change) in [(debit, i128::from(*amount)), (credit, -i128::from(*amount))]
            {
                let balance = self.money.entry(account.clone()).or_default();
                *balance += change;
                if *balance == 0 {
                    self.money.remove(account);
                }
            }
        }
        self.slots.apply(&entry.energy);
        if let Some(slot) = entry.energy_slot() {
            self.slots.count(slot);
        }
        self.next = entry.sequence + 1;
        self.head = entry.hash;
    }
}

impl Entry {
    /// The hash this entry must have.
    pub fn digest(&self) -> B256 {
        keccak256(self.preimage())
    }

    /// What the hash is of: the entry as JSON, with zero in the place of the hash.
    pub fn preimage(&self) -> String {
        let unhashed = Entry { hash: B256::ZERO, ..self.clone() };
        serde_json::to_string(&unhashed).expect("an entry is plain data")
    }
}

impl<A> Transfer<A> {
    fn swapped(self) -> Self {
        Transfer { debit: self.credit, credit: self.debit, amount: self.amount }
    }
}

//! What must be true of the journals at every moment, as checks that name what is not.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use calendar::{TimeZone, Timestamp};
use ids::ConnectionPointId;
use units::Money;

use crate::domain::bill::Invoice;

use super::slots::SlotEnergy;
use super::{Account, Book, Entry, Fact, Flow, Invoiced, TradeState};

/// An invariant that does not hold. The variants are named as the rules they break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Debits and credits of a ledger differ.
    #[error("I1: debits and credits of the {ledger} ledger differ by {difference}")]
    I1 {
        /// Which ledger.
        ledger: &'static str,
        /// Debits minus credits.
        difference: i128,
    },
    /// Somebody has less than nothing.
    #[error("I2: account {0} is overdrawn")]
    I2(Account),
    /// The money outside is not what is owed in here.
    #[error("I3: {held} n are held against {owed} n owed")]
    I3 {
        /// What the market contract holds.
        held: i128,
        /// What the journal owes to everybody.
        owed: i128,
    },
    /// An escrow or collateral holds something else than its trade's.
    #[error("I4: {account} holds {held} n, its trade binds {bound} n")]
    I4 {
        /// Which.
        account: Account,
        /// What is in it.
        held: i128,
        /// What must be in it.
        bound: i128,
    },
    /// A meter's energy is not the sum of what it is made of.
    #[error("I5: energy of {point} in slot {slot} does not add up")]
    I5 {
        /// Whose.
        point: ConnectionPointId,
        /// When.
        slot: Timestamp,
    },
    /// Sold and bought energy of a slot differ.
    #[error("I6: sold and bought energy of slot {0} differ")]
    I6(Timestamp),
    /// More was sold than the meter exported.
    #[error("I7: {point} sold more than it fed in during slot {slot}")]
    I7 {
        /// Whose.
        point: ConnectionPointId,
        /// When.
        slot: Timestamp,
    },
    /// Certificates are of more energy than a meter exported, whoever bought it.
    #[error("I7: {certified} Wh of {point} are certified in slot {slot}, it fed in {exported} Wh")]
    I7Certified {
        /// Whose.
        point: ConnectionPointId,
        /// When.
        slot: Timestamp,
        /// What certificates are of, in Wh.
        certified: u64,
        /// What the meter exported, in Wh.
        exported: u64,
    },
    /// The entries do not follow from each other.
    #[error("I8: entry {0} does not follow from the one before")]
    I8(u64),
    /// The entries of a slot are not found again: what notes it beside them is not theirs.
    #[error("I8: not all entries of slot {0} are found by their slot")]
    I8Slot(Timestamp),
    /// The entries give other balances than the book has.
    #[error("I8: replaying the journal gives other balances")]
    I8Balances,
    /// An invoice differs from the postings of its period, or from those of its own.
    #[error("I9: invoice {number} shows {invoiced} n, the journal {posted} n")]
    I9 {
        /// Which invoice.
        number: String,
        /// What it shows: the exact amount of its community energy, or what is due.
        invoiced: i128,
        /// What was posted.
        posted: i128,
    },
    /// What changed after an invoice was issued was not corrected in time.
    #[error("I9: invoice {number} has waited for its correction since {since}: {reason}")]
    I9Pending {
        /// Which invoice.
        number: String,
        /// Since when.
        since: Timestamp,
        /// What it waits for.
        reason: String,
    },
    /// Money appeared or vanished without coming from or going to the bank.
    #[error("I10: entry {0} changes the supply of money without a deposit or withdrawal")]
    I10(u64),
    /// Something is in suspense.
    #[error("9000 Suspense holds {0} n")]
    Suspense(i128),
}

impl Violation {
    /// Whether it is of I1 to I8, which hold at every moment: while one does not, nobody should
    /// trade. Documents and what nobody can explain yet are for staff to look at, and so is more
    /// money than is owed: anybody can send tokens to the contract.
    pub fn halts(&self) -> bool {
        match self {
            Violation::I3 { held, owed } => held < owed,
            Violation::I1 { .. }
            | Violation::I2(_)
            | Violation::I4 { .. }
            | Violation::I5 { .. }
            | Violation::I6(_)
            | Violation::I7 { .. }
            | Violation::I8(_)
            | Violation::I8Balances => true,
            // The column is made of the entries again where they are needed. A certificate is of
            // trades that are over: to stop others takes nothing back.
            Violation::I8Slot(_)
            | Violation::I7Certified { .. }
            | Violation::I9 { .. }
            | Violation::I9Pending { .. }
            | Violation::I10(_)
            | Violation::Suspense(_) => false,
        }
    }

    /// The rule that does not hold, as it is named in words.
    pub fn rule(&self) -> &'static str {
        match self {
            Violation::I1 { .. } => "I1",
            Violation::I2(_) => "I2",
            Violation::I3 { .. } => "I3",
            Violation::I4 { .. } => "I4",
            Violation::I5 { .. } => "I5",
            Violation::I6(_) => "I6",
            Violation::I7 { .. } | Violation::I7Certified { .. } => "I7",
            Violation::I8(_) | Violation::I8Slot(_) | Violation::I8Balances => "I8",
            Violation::I9 { .. } | Violation::I9Pending { .. } => "I9",
            Violation::I10(_) => "I10",
            Violation::Suspense(_) => "9000",
        }
    }
}

/// I1 to I7 and an empty suspense account; I5 to I7 in the slots that are at hand. `reserve`: what
/// the market contract holds, where known.
pub fn check(book: &Book, reserve: Option<Money>) -> Result<(), Violation> {
    match check_each(book, reserve).into_iter().next() {
        None => Ok(()),
        Some(first) => Err(first),
    }
}

/// As [`check`]: the first violation of each rule that does not hold.
pub fn check_each(book: &Book, reserve: Option<Money>) -> Vec<Violation> {
    let suspense = match book.balance(&Account::Suspense) {
        0 => Ok(()),
        held => Err(Violation::Suspense(held)),
    };
    let checks = [
        balanced(book),
        not_overdrawn(book),
        reserved(book, reserve),
        book.trades().try_for_each(|trade| bound(book, trade)),
        book.slots.all().try_for_each(|(slot, of)| slot_adds_up(slot, of)),
        book.slots.all().try_for_each(|(slot, of)| slot_is_traded(slot, of)),
        suspense,
    ];
    checks.into_iter().filter_map(Result::err).collect()
}

/// I8 and I10: the entries are an unbroken chain, replay to `book`, and make no money.
pub fn check_entries(entries: &[Entry], book: &Book) -> Result<(), Violation> {
    let mut verified = Verified::default();
    verified.follow(entries)?;
    verified.agrees(book)
}

/// The beginning of a journal that was found in order: the balances it gives, and the hash of its
/// last entry. What follows is checked from there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified(Book);

impl Verified {
    /// How many entries it has.
    pub fn entries(&self) -> u64 {
        self.0.head().1
    }

    /// Of no entry yet; the energy of all slots will be at hand, however many there are.
    pub fn keeping_slots() -> Verified {
        let mut book = Book::default();
        book.slots.keep_all();
        Verified(book)
    }

    /// Takes the entries that follow, in order; stops at the first that is not right.
    pub fn follow(&mut self, entries: &[Entry]) -> Result<(), Violation> {
        entries.iter().try_for_each(|entry| self.next(entry))?;
        self.0.put_all_away();
        Ok(())
    }

    /// Takes the next entry, if it is right.
    pub fn next(&mut self, entry: &Entry) -> Result<(), Violation> {
        let (previous, place) = self.0.head();
        let follows = entry.sequence == place && entry.previous == previous;
        if !follows || entry.hash != entry.digest() {
            return Err(Violation::I8(place));
        }
        if !keeps_supply(entry) {
            return Err(Violation::I10(place));
        }
        self.0.take(entry).map_err(|_| Violation::I8(place))
    }

    /// What does not hold of the books so far: I1 to I4 and suspense, and I5 to I7 of slots that
    /// are at hand; the first of each rule. That the bank has what is owed stands for I3.
    pub fn violations(&self) -> Vec<Violation> {
        check_each(&self.0, None)
    }

    /// Whether `book` has the same entries and balances.
    pub fn agrees(&self, book: &Book) -> Result<(), Violation> {
        if self.0 == *book { Ok(()) } else { Err(Violation::I8Balances) }
    }
}

/// I9: what an invoice says the chain moved is what the journal posted for its days; what it leaves
/// to be paid, once posted, is the retailer's exact amount and no more rounding than its lines
/// have. Of an invoice that was corrected, `invoice` is what is right by its last correction.
///
/// `zone` is where its days begin and end.
pub fn check_invoice(book: &Book, invoice: &Invoice, zone: &TimeZone) -> Result<(), Violation> {
    let within = zone.start_of(invoice.period.from)..zone.start_of(invoice.period.to.next());
    let mut posted: i128 = 0;
    for trade in book.trades().filter(|trade| within.contains(&trade.settled.slot)) {
        let Some(totals) = trade.runs.last() else { continue };
        let n = |money: Money| i128::from(money.n());
        if trade.settled.buyer == invoice.address {
            posted += n(totals.seller_net) + n(totals.network) + n(totals.platform);
            posted += n(totals.difference) + n(totals.buyer_imbalance);
            posted += n(totals.compensation) - n(totals.make_whole);
        }
        if trade.settled.seller == invoice.address {
            posted += n(totals.make_whole) + n(totals.seller_imbalance);
            posted -= n(totals.seller_net) + n(totals.compensation);
        }
    }
    let number = invoice.number.clone();
    let invoiced = invoice.on_chain().map_or(i128::MAX, |money| i128::from(money.n()));
    if posted != invoiced {
        return Err(Violation::I9 { number, invoiced, posted });
    }
    check_posted(book, invoice)
}

/// The part of I9 that an invoice's own postings can break: what it leaves to be paid, once posted.
/// Of one that was corrected, `invoice` is what is right by its last correction.
pub fn check_posted(book: &Book, invoice: &Invoice) -> Result<(), Violation> {
    let number = invoice.number.clone();
    let Some(kept) = book.invoiced(&number) else { return Ok(()) };
    let (invoiced, posted) = (i128::from(invoice.due.n()), i128::from(kept.due.n()));
    let lines = i128::try_from(invoice.lines.len()).unwrap_or(i128::MAX);
    let unit = 10_i128.pow(9 - u32::from(invoice.currency_digits.min(9)));
    let little = 2 * kept.rounding().abs() <= unit * (lines + 1);
    match Invoiced::of(invoice) {
        Ok(expected) if expected == *kept && little => Ok(()),
        _ => Err(Violation::I9 { number, invoiced, posted }),
    }
}

/// I10 of one entry: money is new, or gone, only where it came from the bank or went there.
pub(super) fn keeps_supply(entry: &Entry) -> bool {
    let supply = matches!(entry.fact, Fact::Minted { .. } | Fact::PaidOut { .. });
    let touches = |account: &Account| *account == Account::Bank;
    let bank = entry.money.iter().any(|t| touches(&t.debit) != touches(&t.credit));
    bank == supply || entry.money.is_empty()
}

/// Whether an account is of money that is owed to somebody, which cannot be less than none (I2).
pub(super) fn is_owed(account: &Account) -> bool {
    !matches!(
        account,
        Account::Bank
            | Account::Collected
            | Account::Receivable(_)
            | Account::Retailer
            | Account::Rounding
            | Account::Suspense
    )
}

fn balanced(book: &Book) -> Result<(), Violation> {
    let money = book.money.values().sum::<i128>();
    let energy = Flow::ALL.into_iter().map(|flow| book.slots.sum(flow)).sum::<i128>();
    for (ledger, difference) in [("money", money), ("energy", energy)] {
        if difference != 0 {
            return Err(Violation::I1 { ledger, difference });
        }
    }
    Ok(())
}

fn not_overdrawn(book: &Book) -> Result<(), Violation> {
    for (account, balance) in book.balances() {
        if is_owed(account) && balance > 0 {
            return Err(Violation::I2(account.clone()));
        }
    }
    Ok(())
}

fn reserved(book: &Book, reserve: Option<Money>) -> Result<(), Violation> {
    let bank = book.balance(&Account::Bank);
    // The market contract has no tokens for what left it: for tokens with others, and payouts.
    let counts = |account: &Account| match account {
        Account::Bank => false,
        Account::Tokens | Account::Payouts(_) => reserve.is_none(),
        _ => true,
    };
    let owed = -book.balances().filter(|(a, _)| counts(a)).map(|(_, b)| b).sum::<i128>();
    let held = reserve.map_or(bank, |money| i128::from(money.n()));
    if held == owed { Ok(()) } else { Err(Violation::I3 { held, owed }) }
}

pub(super) fn bound(book: &Book, trade: &TradeState) -> Result<(), Violation> {
    let open = trade.runs.is_empty();
    let settled = &trade.settled;
    for (account, amount) in [
        (Account::Escrow(settled.trade), settled.escrow),
        (settled.collateral_account(), settled.collateral),
    ] {
        let bound = if open { i128::from(amount.n()) } else { 0 };
        let held = -book.balance(&account);
        if held != bound {
            return Err(Violation::I4 { account, held, bound });
        }
    }
    Ok(())
}

/// I4 of a trade that the chain took back: nothing is held for it. `seller`, where it is known.
pub(super) fn settled_is_gone(
    book: &Book,
    trade: B256,
    seller: Option<Address>,
) -> Result<(), Violation> {
    let collateral = seller.map(|seller| Account::Collateral(seller, trade));
    for account in [Some(Account::Escrow(trade)), collateral].into_iter().flatten() {
        let held = -book.balance(&account);
        if held != 0 {
            return Err(Violation::I4 { account, held, bound: 0 });
        }
    }
    Ok(())
}

/// I7 of certificates in one slot: those of a connection point are of no more than its meter
/// exported. `entries` are all that the journal has of the slot, in order; `certified`: Wh of all
/// certificates that were ever issued, by where they were generated.
///
/// What neighbours were sold, on the market and by sharing, is sold energy in the journal and not
/// more than the meter exported by itself (I7). A certificate goes with a sale, so the two are not
/// added; but energy can be certified in several zones, and by others than us.
pub fn check_certified(
    slot: Timestamp,
    entries: &[Entry],
    certified: &BTreeMap<ConnectionPointId, u64>,
) -> Result<(), Violation> {
    let mut book = Book::default();
    book.bring_back(slot, entries);
    let of_slot = book.slots.get(slot);
    for (&point, &certified) in certified {
        let exported = of_slot.map_or(0, |of| of.balance(point, Flow::MeterExport));
        let exported = u64::try_from(exported).unwrap_or(0);
        if certified > exported {
            return Err(Violation::I7Certified { point, slot, certified, exported });
        }
    }
    Ok(())
}

/// I5, I6 and I7 in one slot: `entries` are all that the journal has of it, in order.
pub fn check_slot(slot: Timestamp, entries: &[Entry]) -> Result<(), Violation> {
    let mut book = Book::default();
    book.bring_back(slot, entries);
    book.slots.all().try_for_each(|(slot, of)| slot_is_sound(slot, of))
}

pub(super) fn slot_is_sound(slot: Timestamp, of_slot: &SlotEnergy) -> Result<(), Violation> {
    slot_adds_up(slot, of_slot).and_then(|()| slot_is_traded(slot, of_slot))
}

fn slot_adds_up(slot: Timestamp, of_slot: &SlotEnergy) -> Result<(), Violation> {
    for point in of_slot.metered.keys().copied() {
        let of = |flow| of_slot.balance(point, flow);
        let import = -of(Flow::MeterImport);
        let export = of(Flow::MeterExport);
        let (bought, sold) = (of(Flow::P2pBought), -of(Flow::P2pSold));
        let (taken, given) = (of(Flow::GridImport), -of(Flow::GridExport));
        if sold > export {
            return Err(Violation::I7 { point, slot });
        }
        let parts = [import, export, bought, sold, taken, given];
        let whole = import == bought + taken && export == sold + given;
        if !whole || parts.iter().any(|part| *part < 0) {
            return Err(Violation::I5 { point, slot });
        }
    }
    Ok(())
}

fn slot_is_traded(slot: Timestamp, of_slot: &SlotEnergy) -> Result<(), Violation> {
    match of_slot.sum_of([Flow::P2pBought, Flow::P2pSold]) {
        0 => Ok(()),
        _ => Err(Violation::I6(slot)),
    }
}

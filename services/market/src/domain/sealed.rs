//! Sealed orders: up to its gate a slot takes commitments, after it what opens them.
//!
//! ```text
//! book opens ........ gate --> closed: their root, on chain --> reveal_seconds --> clear ... T
//! Commitment in,      | nobody's commitment comes or goes       | what was not opened
//! or withdrawn        | Opening (order, salt) --> an order      | expires, and counts
//!
//! commitment = keccak256(tag || hash of the order || salt)      three words of 32 bytes
//! tag        = keccak256("Wattex sealed order 1")
//! ```
//!
//! The hash of the order is the one that is signed (EIP-712), so it names chain, contract, account
//! and slot, and nobody opens another one's commitment. With its commitment an account may deposit
//! what opens it: then the market opens it once the gate is closed. Until then the operator can
//! read what was deposited, and nobody else; what was not deposited nobody can read.
//!
//! Invariants: an order of a sealed slot opens one commitment, which came before the gate was
//! closed; after that none comes and none goes; what is opened is judged like any other order.
//! Deliberately absent: money that a commitment holds. What an account may leave unopened is
//! bounded instead: [`COMMITMENTS_PER_ACCOUNT_MAX`] a slot, and none is taken any more from a
//! party that has left [`UNREVEALED_MAX`] unopened in a day. What it had sent before stands.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256, keccak256};
use calendar::{Slot, Timestamp};
use contracts::OrderTerms;
use ids::{AccountId, OrderId};
use serde::{Deserialize, Serialize};

use super::order::slot_start;
use super::place::{ORDERS_PER_SLOT_MAX, Way, ensure};
use super::{
    Accepted, Entry, Exchange, NewOrder, OrderSignature, Parameters, Placement, Rejection,
    RuleName, TimeInForce, Trader,
};

/// The most commitments of one account in one slot, withdrawn ones included.
pub const COMMITMENTS_PER_ACCOUNT_MAX: usize = 8;
/// From how many commitments on that a party left unopened within [`UNREVEALED_SECONDS`] no new
/// one of it is taken.
pub const UNREVEALED_MAX: u32 = 4;
/// For how long they count, from the start of their slot.
pub const UNREVEALED_SECONDS: i64 = 24 * 3600;
/// The most deposited orders that are opened in one round.
const ROUND_MAX: usize = 2_000;
/// Refusals that no account can help: what was deposited does not count as unopened.
const EXCUSED: [Rejection; 3] =
    [Rejection::KillSwitch, Rejection::Suspended, Rejection::ZoneCurtailed];

/// The commitment to an order, by the hash that is signed and a salt that nobody can guess.
pub fn commitment(order: B256, salt: B256) -> B256 {
    let tag = keccak256("Wattex sealed order 1");
    keccak256([tag, order, salt].concat())
}

/// What opens a commitment, beside the order itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Which.
    pub commitment: B256,
    /// What it was hashed with.
    pub salt: B256,
}

/// An order that is left with the market, to be opened when the gate is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// What was signed.
    pub terms: OrderTerms,
    /// The hash that was signed.
    pub hash: B256,
    /// By whom.
    pub signer: Address,
    /// The signature.
    pub signature: OrderSignature,
    /// What the commitment was hashed with.
    pub salt: B256,
    /// Whether its limit is meant, though far off what energy costs at that time of day.
    #[serde(default)]
    pub beyond_reference: bool,
}

/// Where a commitment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SealState {
    /// It can be opened, or withdrawn while the gate is open.
    Waiting,
    /// Its account took it back before the gate.
    Withdrawn {
        /// When.
        at: Timestamp,
    },
    /// It became an order.
    Opened {
        /// Which.
        order: OrderId,
    },
    /// What was deposited is no order that the market takes.
    Refused {
        /// The code of the reason.
        why: String,
    },
    /// Nobody opened it in time.
    Expired,
}

/// A commitment that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitment {
    /// Its name: see [`commitment`].
    pub hash: B256,
    /// Who sent it: whose the order is, or its delegate.
    pub account: AccountId,
    /// The address that the account has in that slot, which others see once the gate is closed.
    pub address: Address,
    /// Start of the slot.
    pub slot: Timestamp,
    /// When it came.
    pub at: Timestamp,
    /// What opens it, where it was left with the market.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposit: Option<Box<Deposit>>,
    /// Where it stands.
    pub state: SealState,
    /// Whether it counts as left unopened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
}

/// A commitment as it comes, before it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommitment {
    /// Its name.
    pub hash: B256,
    /// Who sends it, by the token.
    pub account: AccountId,
    /// Start of the slot.
    pub slot: Timestamp,
    /// The order and its salt, where they are left with the market.
    pub deposit: Option<(NewOrder, B256)>,
}

/// The answer to a commitment that is not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// It came before.
    Repeated(Box<Commitment>),
    /// It is taken in once this is journaled.
    New(Box<Commitment>),
}

/// The commitments of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SealedBook {
    /// In the order in which they came.
    pub commitments: Vec<Commitment>,
    /// When its gate was closed; from then on they are opened.
    pub closed: Option<Timestamp>,
    /// The nonces of deposited orders.
    nonces: BTreeSet<(Address, U256)>,
}

impl SealedBook {
    /// The root over all commitments, in the order in which they came.
    pub fn root(&self) -> B256 {
        super::revealed::root(self.commitments.iter().map(super::revealed::leaf_of))
    }

    fn waiting(&self) -> impl Iterator<Item = &Commitment> {
        self.commitments.iter().filter(|known| known.state == SealState::Waiting)
    }
}

/// All that is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Sealing {
    /// For how many seconds slots from then on are opened; `None` where their orders are not
    /// sealed.
    pub(super) choices: BTreeMap<Timestamp, Option<u32>>,
    books: BTreeMap<Timestamp, SealedBook>,
    places: BTreeMap<B256, (Timestamp, usize)>,
    /// How many commitments each account left unopened, by the start of their slot.
    unrevealed: BTreeMap<AccountId, BTreeMap<Timestamp, u32>>,
}

impl Sealing {
    pub(super) fn is_empty(&self) -> bool {
        self.choices.is_empty() && self.books.is_empty() && self.unrevealed.is_empty()
    }

    pub(super) fn choose(&mut self, from: Timestamp, reveal_seconds: Option<u32>) {
        self.choices.insert(from, reveal_seconds);
    }

    pub(super) fn close(&mut self, slot: Timestamp, at: Timestamp) {
        self.books.entry(slot).or_default().closed = Some(at);
    }

    pub(super) fn set(&mut self, commitment: B256, state: SealState) {
        let Some((slot, place)) = self.places.get(&commitment) else { return };
        let book = self.books.get_mut(slot);
        if let Some(known) = book.and_then(|book| book.commitments.get_mut(*place)) {
            known.state = state;
        }
    }

    /// Of that slot alone.
    pub(super) fn of_slot(&self, slot: Timestamp) -> Sealing {
        let books = self.books.get(&slot).map(|book| (slot, book.clone()));
        let books = books.into_iter().collect();
        Sealing { choices: self.choices.clone(), books, ..Sealing::default() }
    }

    /// Forgets slots that started before `moment`.
    pub(super) fn forget(&mut self, moment: Timestamp) {
        self.books.retain(|slot, book| *slot >= moment || book.waiting().next().is_some());
        let books = &self.books;
        self.places.retain(|_, (slot, _)| books.contains_key(slot));
        for slots in self.unrevealed.values_mut() {
            slots.retain(|slot, _| *slot >= moment);
        }
        self.unrevealed.retain(|_, slots| !slots.is_empty());
        if let Some((&holds, _)) = self.choices.range(..=moment).next_back() {
            self.choices.retain(|from, _| *from >= holds);
        }
    }
}

impl Exchange {
    /// The commitments of a slot; `None` where none came.
    pub fn sealed_book(&self, slot: Timestamp) -> Option<&SealedBook> {
        self.sealing.books.get(&slot)
    }

    /// All commitments that are remembered, by slot and in the order in which they came.
    pub fn commitments(&self) -> impl DoubleEndedIterator<Item = &Commitment> {
        self.sealing.books.values().flat_map(|book| &book.commitments)
    }

    /// A commitment.
    pub fn commitment(&self, hash: B256) -> Option<&Commitment> {
        let (slot, place) = self.sealing.places.get(&hash)?;
        self.sealing.books.get(slot)?.commitments.get(*place)
    }

    /// Whether orders of the slot that starts then are shown to nobody else yet.
    pub fn is_hidden(&self, slot: Timestamp) -> bool {
        let cleared = self.slots.get(&slot).is_some_and(|book| book.cleared.is_some());
        !cleared && self.reveal_seconds(slot).is_some()
    }

    /// Until when commitments of a slot are opened; `None` while its gate is not closed.
    pub fn revealed_until(&self, slot: Timestamp) -> Option<Timestamp> {
        let closed = self.sealed_book(slot)?.closed?;
        Some(closed.plus_seconds(i64::from(self.reveal_seconds(slot)?)))
    }

    /// How many commitments the party of an account left unopened in the day before `now`.
    pub fn unrevealed(&self, account: AccountId, now: Timestamp) -> u32 {
        let party = self.members.get(&account).map(|member| member.party);
        let accounts = party.and_then(|party| self.parties.get(&party));
        let since = now.plus_seconds(-UNREVEALED_SECONDS);
        let slots = accounts.into_iter().flatten().filter_map(|a| self.sealing.unrevealed.get(a));
        slots.flat_map(|slots| slots.range(since..).map(|(_, count)| count)).sum()
    }

    /// Whether a deposited order of the slot has that nonce.
    pub(super) fn is_deposited(&self, slot: Timestamp, owner: Address, nonce: U256) -> bool {
        self.sealed_book(slot).is_some_and(|book| book.nonces.contains(&(owner, nonce)))
    }

    /// Judges a commitment at `now`. Changes nothing: it is taken in when its entry is applied.
    ///
    /// What is deposited with it is judged as if it were placed now, so that its account hears at
    /// once what is wrong with it. It holds nothing until it is opened.
    pub fn seal(
        &self,
        new: &NewCommitment,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Seal, Rejection> {
        if let Some(before) = self.commitment(new.hash) {
            let same = (before.account, before.slot) == (new.account, new.slot)
                && before.deposit.is_some() == new.deposit.is_some();
            ensure(same, Rejection::OtherContent)?;
            return Ok(Seal::Repeated(Box::new(before.clone())));
        }
        let address = self.address_at(new.account, new.slot).ok_or(Rejection::Account)?;
        let suspended = self.suspension(Trader::Account(new.account)).is_some();
        ensure(!suspended, Rejection::Suspended)?;
        ensure(self.stopped().is_none(), Rejection::KillSwitch)?;
        let slot = Slot::starting(new.slot, parameters.slot_length).ok_or(Rejection::Slot)?;
        ensure(self.reveal_seconds(slot.start).is_some(), Rejection::NotSealed)?;
        self.is_open(slot.start, &Way::Sealed, parameters, now)?;
        ensure(!self.is_curtailed(slot.start), Rejection::ZoneCurtailed)?;
        let known = self.sealed_book(slot.start).map_or(&[][..], |book| &book.commitments[..]);
        let own = known.iter().filter(|known| known.account == new.account).count();
        let few = known.len() < ORDERS_PER_SLOT_MAX && own < COMMITMENTS_PER_ACCOUNT_MAX;
        ensure(few, Rejection::TooMany)?;
        ensure(self.unrevealed(new.account, now) < UNREVEALED_MAX, Rejection::Unrevealed)?;
        let deposit = new.deposit.as_ref();
        let deposit = deposit.map(|(order, salt)| self.deposit(new, order, *salt, parameters, now));
        let deposit = deposit.transpose()?.map(Box::new);
        Ok(Seal::New(Box::new(Commitment {
            hash: new.hash,
            account: new.account,
            address,
            slot: slot.start,
            at: now,
            deposit,
            state: SealState::Waiting,
            counted: false,
        })))
    }

    fn deposit(
        &self,
        new: &NewCommitment,
        order: &NewOrder,
        salt: B256,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Deposit, Rejection> {
        let terms = &order.terms;
        let meant = commitment(order.hash, salt) == new.hash && slot_start(terms) == new.slot;
        ensure(meant && !self.orders.contains_key(&order.id), Rejection::Commitment)?;
        self.judge(order, &Way::Sealed, parameters, now)?;
        let free = !self.is_deposited(new.slot, terms.account, terms.nonce);
        ensure(free, Rejection::Nonce)?;
        Ok(Deposit {
            terms: terms.clone(),
            hash: order.hash,
            signer: order.signer.ok_or(Rejection::Sig)?,
            signature: order.signature.clone(),
            salt,
            beyond_reference: order.beyond_reference,
        })
    }

    /// Judges whether an account takes its commitment back at `now`: the entry that does it, or
    /// `None` where it was taken back before.
    pub fn withdraw_seal(
        &self,
        hash: B256,
        account: AccountId,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Option<Entry>, Rejection> {
        let known = self.commitment(hash).filter(|known| known.account == account);
        let known = known.ok_or(Rejection::Unknown)?;
        if matches!(known.state, SealState::Withdrawn { .. }) {
            return Ok(None);
        }
        let closed = self.sealed_book(known.slot).is_some_and(|book| book.closed.is_some());
        let open = !closed && now < parameters.gate(known.slot);
        ensure(open && known.state == SealState::Waiting, Rejection::GateClosed)?;
        Ok(Some(Entry::SealWithdrawn { commitment: hash, at: now }))
    }

    /// Judges the order that a commitment is opened with at `now`. Changes nothing.
    pub fn open(
        &self,
        opening: Opening,
        order: &NewOrder,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Placement, Rejection> {
        let known = self.commitment(opening.commitment);
        let known = known.filter(|known| known.account == order.account);
        let known = known.ok_or(Rejection::Unknown)?;
        let meant = commitment(order.hash, opening.salt) == opening.commitment
            && slot_start(&order.terms) == known.slot;
        ensure(meant, Rejection::Commitment)?;
        match &known.state {
            SealState::Opened { order } => {
                return Ok(Placement::Repeated(Box::new(self.orders[order].clone())));
            }
            SealState::Waiting => {}
            SealState::Withdrawn { .. } | SealState::Refused { .. } | SealState::Expired => {
                return Err(Rejection::RevealClosed);
            }
        }
        let OrderTerms { connection_point, side, .. } = order.terms;
        let rule = Trader::Rule(RuleName { connection_point, side });
        let suspended = self.suspension(rule).is_some() && self.is_by_rule(known);
        ensure(!suspended, Rejection::Suspended)?;
        // Sealed twice, under another salt.
        ensure(!self.orders.contains_key(&order.id), Rejection::Commitment)?;
        let way = Way::Opened { opening, deposited: known.deposit.is_some() };
        self.judge(order, &way, parameters, now)
    }

    /// Slots with commitments whose gate is over at `now` and not closed.
    pub fn gates_to_close(&self, parameters: &Parameters, now: Timestamp) -> Vec<Timestamp> {
        let over = self.sealing.books.iter().take_while(|(slot, _)| parameters.gate(**slot) <= now);
        over.filter(|(_, book)| book.closed.is_none()).map(|(slot, _)| *slot).collect()
    }

    /// What was deposited and can be opened, a round of it.
    pub fn deposits_due(&self) -> Vec<(Opening, NewOrder)> {
        let closed = self.sealing.books.values().filter(|book| book.closed.is_some());
        let waiting = closed.flat_map(SealedBook::waiting);
        let deposited = waiting.filter_map(|known| Some((known, known.deposit.as_deref()?)));
        let order = |(known, deposit): (&Commitment, &Deposit)| {
            let opening = Opening { commitment: known.hash, salt: deposit.salt };
            (opening, deposit.order(known.account))
        };
        deposited.map(order).take(ROUND_MAX).collect()
    }

    /// Whether all that is sealed in a slot was opened, or may not be opened any more at `now`.
    pub(super) fn is_revealed(&self, slot: Timestamp, now: Timestamp) -> bool {
        let Some(book) = self.sealed_book(slot) else { return true };
        let over = self.revealed_until(slot).is_some_and(|until| now >= until);
        book.closed.is_some() && book.waiting().all(|known| over && known.deposit.is_none())
    }

    /// Whether a standing rule committed: to an order of a delegate that is no member, and only the
    /// market's own can be that.
    fn is_by_rule(&self, known: &Commitment) -> bool {
        let Some(Deposit { terms, .. }) = known.deposit.as_deref() else { return false };
        !terms.delegate.is_zero() && !self.is_members(terms.delegate)
    }

    pub(super) fn sealed(&mut self, commitment: &Commitment) {
        // So that it is cleared, even if nothing is opened.
        self.slots.entry(commitment.slot).or_default();
        let book = self.sealing.books.entry(commitment.slot).or_default();
        let place = (commitment.slot, book.commitments.len());
        if let Some(Deposit { terms, .. }) = commitment.deposit.as_deref() {
            book.nonces.insert((terms.account, terms.nonce));
        }
        book.commitments.push(commitment.clone());
        self.sealing.places.insert(commitment.hash, place);
    }

    /// Of a slot that was just cleared: what nobody opened expires, and counts against its account,
    /// unless the account could not help it: where nothing trades, or it may not trade.
    pub(super) fn expire(&mut self, slot: Timestamp, over: bool) {
        let halted = over || self.stopped().is_some() || self.is_curtailed(slot);
        let Some(mut book) = self.sealing.books.remove(&slot) else { return };
        for known in &mut book.commitments {
            let excused = match &known.state {
                SealState::Waiting => {
                    halted || self.suspension(Trader::Account(known.account)).is_some()
                }
                // The market went on for a rule after its mandate was used up.
                SealState::Refused { why } if why == Rejection::Delegate.code() => {
                    self.is_by_rule(known)
                }
                SealState::Refused { why } => EXCUSED.iter().any(|code| code.code() == why),
                _ => continue,
            };
            if known.state == SealState::Waiting {
                known.state = SealState::Expired;
            }
            known.counted = !excused;
            if known.counted {
                let slots = self.sealing.unrevealed.entry(known.account).or_default();
                *slots.entry(slot).or_default() += 1;
            }
        }
        self.sealing.books.insert(slot, book);
    }
}

impl Deposit {
    /// The order as it was left by `account`.
    fn order(&self, account: AccountId) -> NewOrder {
        NewOrder {
            id: OrderId::derived(&self.hash.to_string()),
            account,
            terms: self.terms.clone(),
            hash: self.hash,
            signer: Some(self.signer),
            signature: self.signature.clone(),
            replaces: None,
            time_in_force: TimeInForce::GoodTillGate,
            beyond_reference: self.beyond_reference,
        }
    }
}

impl Accepted {
    /// The commitment that it opened, if its slot is sealed.
    pub fn commitment(&self) -> Option<B256> {
        self.opens.map(|opening| opening.commitment)
    }
}

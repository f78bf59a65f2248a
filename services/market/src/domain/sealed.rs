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
//! bounded instead: [`COMMITMENTS_PER_ACCOUNT_MAX`] a slot, [`UNDEPOSITED_PER_PARTY_MAX`] of a
//! party over all slots that its accounts would open themselves, and none is taken any more from a
//! party that has left [`UNREVEALED_MAX`] unopened in a day. What it had sent before stands.

mod books;

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, U256, keccak256};
use calendar::{Slot, Timestamp};
use contracts::OrderTerms;
use ids::{AccountId, OrderId};
use serde::{Deserialize, Serialize};

use super::order::slot_start;
use super::place::{ORDERS_PER_SLOT_MAX, Way, ensure};
use super::unrevealed::UNREVEALED_MAX;
use super::{
    Accepted, Entry, Exchange, NewOrder, OrderSignature, Parameters, Placement, Rejection,
    RuleName, TimeInForce, Trader,
};

pub use books::SealedBook;
pub(super) use books::Sealing;

/// The most commitments of one account in one slot, withdrawn ones included.
pub const COMMITMENTS_PER_ACCOUNT_MAX: usize = 8;
/// The most commitments of a party, over all slots, that are not deposited and wait: what it could
/// leave unopened before the first one counts. Eight hours of quarter-hours.
pub const UNDEPOSITED_PER_PARTY_MAX: usize = 32;
/// The most deposited orders that are opened in one round.
const ROUND_MAX: usize = 2_000;

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
        let book = self.sealed_book(slot)?;
        let begun = book.resumed.or(book.closed)?;
        Some(begun.plus_seconds(i64::from(self.reveal_seconds(slot)?)))
    }

    /// Slots of which commitments that nobody else opens could not be opened for some of the time
    /// until `now`, because the market was away; without those that are over.
    pub fn cut_short(&self, parameters: &Parameters, now: Timestamp) -> Vec<Timestamp> {
        let cut = self.sealing.pending.iter().filter(|slot| {
            let book = &self.sealing.books[*slot];
            let begun = book.resumed.or(book.closed);
            begun.is_some_and(|begun| begun < now)
                && now < parameters.end(**slot)
                && book.waiting().any(|known| known.deposit.is_none())
        });
        cut.copied().collect()
    }

    /// Deposited orders of contracts in a slot that are not opened yet.
    pub(super) fn contract_deposits(&self, slot: Timestamp) -> usize {
        self.sealed_book(slot).map_or(0, SealedBook::contracts)
    }

    /// How many commitments of the party of an account wait that are not deposited.
    fn undeposited(&self, account: AccountId) -> usize {
        let waiting = self.accounts_of_party(account);
        let waiting = waiting.filter_map(|account| self.sealing.undeposited.get(account));
        waiting.map(BTreeSet::len).sum()
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
        let bounded =
            new.deposit.is_some() || self.undeposited(new.account) < UNDEPOSITED_PER_PARTY_MAX;
        ensure(few && bounded, Rejection::TooMany)?;
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
        let over = self.sealing.pending.iter().take_while(|slot| parameters.gate(**slot) <= now);
        over.filter(|slot| self.sealing.books[*slot].closed.is_none()).copied().collect()
    }

    /// What was deposited and can be opened, a round of it.
    pub fn deposits_due(&self) -> Vec<(Opening, NewOrder)> {
        // Gates close in the order of their slots.
        let places = self.sealing.deposits.iter().map(|(slot, n)| (&self.sealing.books[slot], *n));
        let closed = places.take_while(|(book, _)| book.closed.is_some()).take(ROUND_MAX);
        let order = |(book, place): (&SealedBook, usize)| {
            let known = book.commitments.get(place)?;
            let deposit = known.deposit.as_deref()?;
            let opening = Opening { commitment: known.hash, salt: deposit.salt };
            Some((opening, deposit.order(known.account)))
        };
        closed.filter_map(order).collect()
    }

    /// Whether all that is sealed in a slot was opened, or may not be opened any more at `now`.
    pub(super) fn is_revealed(&self, slot: Timestamp, now: Timestamp) -> bool {
        let Some(book) = self.sealed_book(slot) else { return true };
        let over = self.revealed_until(slot).is_some_and(|until| now >= until);
        book.closed.is_some() && book.waiting().all(|known| over && known.deposit.is_none())
    }

    /// Whether a standing rule committed: to an order of a delegate that is no member, and only the
    /// market's own can be that.
    pub(super) fn is_by_rule(&self, known: &Commitment) -> bool {
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
            self.sealing.deposits.insert(place);
        } else {
            let waiting = self.sealing.undeposited.entry(commitment.account).or_default();
            waiting.insert(commitment.hash);
        }
        book.commitments.push(commitment.clone());
        self.sealing.places.insert(commitment.hash, place);
        self.sealing.pending.insert(commitment.slot);
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

//! Energy that is shared out after its slot: standing members, their shares, and what their meters
//! saw becomes orders.
//!
//! ```text
//! join, leave: Membership --+
//! shares from a slot on  ---+                       account grants the delegate a mandate, once
//! slot ........ readings: Metered --all members, or the deadline--> orders, signed by it --> clear
//!    (no orders before)                                             what each fed in and took
//! ```
//!
//! A slot is shared out when its mechanism is an allocation and the market's policy settles after
//! the slot. Nobody orders for it: afterwards each member has an order to buy what it took and one
//! to sell what it fed in, at the price of the mechanism, so the contract holds both to the
//! member's mandate and a trade is never more than was metered.
//!
//! Invariants: a slot is shared out once, between its end and the end of settling; who joins,
//! leaves or gets another share does so for slots that have not begun; all shares together are at
//! most the whole.
//! Deliberately absent: keys; readings that come after a slot was shared out: less than was sold is
//! taken back by a later run of billing, more goes to the retailer.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use calendar::{Slot, Timestamp};
use contracts::requests::mandated_nonce;
use contracts::{BuyerRule, OrderTerms, SellerRule, Side};
use ids::{AccountId, ConnectionPointId, PartyId};
use matching::Share;
use serde::{Deserialize, Serialize};
use units::{Energy, Money, Overflow, Price};

use super::place::ensure;
use super::{Accepted, Entry, Exchange, NewOrder, Parameters, Rejection, Status};

/// The most members of a market at a time.
pub const MEMBERS_MAX: usize = 5_000;
/// The most tables of shares that a market knows at a time.
pub const SHARES_MAX: usize = 1_000;
/// The whole of what is shared out, in basis points.
pub const SHARES_SUM: u32 = 10_000;
/// The most slots that are shared out in one round.
const ROUND_SLOTS_MAX: usize = 8;

/// An account that shares in what the community generates, with one connection point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Whose.
    pub account: AccountId,
    /// Where its energy is metered.
    pub connection_point: ConnectionPointId,
    /// Start of its first slot.
    pub from: Timestamp,
    /// Start of the first slot in which it shares no more; `None` while it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Membership {
    /// Whether it holds in the slot that starts then.
    pub fn holds_in(&self, slot: Timestamp) -> bool {
        self.from <= slot && self.until.is_none_or(|until| slot < until)
    }
}

/// The part of a connection point in what is generated, where shares are fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointShare {
    /// Whose.
    pub connection_point: ConnectionPointId,
    /// In basis points, 1 to 10 000.
    pub bps: u32,
}

/// What a member's meter saw in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    /// Where.
    pub connection_point: ConnectionPointId,
    /// Taken from the grid.
    pub import: Energy,
    /// Fed into it.
    pub export: Energy,
    /// Which version of the interval says so: the highest counts.
    pub version: u32,
}

/// An order of a member, for the delegate to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedOrder {
    /// Whose.
    pub account: AccountId,
    /// What is signed.
    pub terms: OrderTerms,
}

/// Who shares in what, and what was metered of slots that are not shared out yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Sharing {
    /// By account, in the order of their slots; at most the last one has no end.
    members: BTreeMap<AccountId, Vec<Membership>>,
    /// By the first slot in which it holds.
    shares: BTreeMap<Timestamp, Vec<PointShare>>,
    metered: BTreeMap<Timestamp, BTreeMap<ConnectionPointId, Metered>>,
}

impl Sharing {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.shares.is_empty() && self.metered.is_empty()
    }

    pub(super) fn join(&mut self, membership: &Membership) {
        self.members.entry(membership.account).or_default().push(membership.clone());
    }

    pub(super) fn leave(&mut self, account: AccountId, until: Timestamp) {
        let Some(all) = self.members.get_mut(&account) else { return };
        // One that has not begun never holds.
        all.retain(|known| known.from < until);
        if let Some(last) = all.last_mut() {
            last.until = Some(last.until.map_or(until, |known| known.min(until)));
        }
        self.members.retain(|_, all| !all.is_empty());
    }

    pub(super) fn share(&mut self, from: Timestamp, shares: &[PointShare]) {
        self.shares.insert(from, shares.to_vec());
    }

    pub(super) fn meter(&mut self, slot: Timestamp, points: &[Metered]) {
        let known = self.metered.entry(slot).or_default();
        for point in points {
            let newer =
                known.get(&point.connection_point).is_none_or(|k| k.version < point.version);
            if newer {
                known.insert(point.connection_point, *point);
            }
        }
    }

    /// A slot was cleared: what was metered of it is in its orders.
    pub(super) fn done(&mut self, slot: Timestamp) {
        self.metered.remove(&slot);
    }

    /// Forgets memberships that ended before `moment`, and shares that no slot since then has.
    pub(super) fn forget(&mut self, moment: Timestamp) {
        for all in self.members.values_mut() {
            all.retain(|known| known.until.is_none_or(|until| until > moment));
        }
        self.members.retain(|_, all| !all.is_empty());
        self.metered.retain(|slot, _| *slot >= moment);
        if let Some((&holds, _)) = self.shares.range(..=moment).next_back() {
            self.shares.retain(|from, _| *from >= holds);
        }
    }
}

impl Parameters {
    /// Until when trades of the slot that starts at `slot` are settled.
    pub fn settled_until(&self, slot: Timestamp) -> Timestamp {
        self.end(slot).plus_seconds(i64::from(self.terms.settle_seconds))
    }

    /// Whether trades are settled after their slot, of what was delivered, so that allocations
    /// share out what was metered and nobody can owe anything for being short.
    pub fn shares_after_slot(&self) -> bool {
        self.terms.settle_seconds > 0
    }

    /// Whether somebody may owe something for being short.
    pub(super) fn has_shortfalls(&self) -> bool {
        let paid_as_delivered = self.terms.seller_short == SellerRule::PayActual
            && self.terms.buyer_short == BuyerRule::PayActual;
        !paid_as_delivered
    }
}

/// A buyer's all-in and a seller's net limit at an energy price, each on the tick: the nearest at
/// which it still trades.
pub fn limits_at(price: Price, parameters: &Parameters) -> Result<(Price, Price), Overflow> {
    let (fees, tick) = (&parameters.fees, parameters.tick.n_per_wh());
    let all_in = price.plus(fees.network)?.plus(fees.buyer)?;
    let net = price.minus(fees.seller)?.at_least_zero();
    let beyond = all_in.n_per_wh() % tick;
    let up = if beyond == 0 { 0 } else { tick - beyond };
    let down = net.n_per_wh() % tick;
    Ok((all_in.plus(Price::from_n_per_wh(up))?, net.minus(Price::from_n_per_wh(down))?))
}

impl Exchange {
    /// Whether the slot that starts then takes no orders: what was metered is shared out after it.
    pub fn is_shared_out(&self, slot: Timestamp, parameters: &Parameters) -> bool {
        parameters.shares_after_slot() && self.mechanism(slot, parameters).is_allocation()
    }

    /// What is known of a slot that waits; of one that was cleared meanwhile nothing is.
    pub(super) fn metered_members(&mut self, slot: Timestamp, points: &[Metered]) {
        let cleared = self.slots.get(&slot).is_some_and(|book| book.cleared.is_some());
        if !cleared {
            self.sharing.meter(slot, points);
        }
    }

    /// The memberships of an account, in the order of their slots.
    pub fn memberships(&self, account: AccountId) -> &[Membership] {
        self.sharing.members.get(&account).map(Vec::as_slice).unwrap_or_default()
    }

    /// All memberships that are remembered, by account.
    pub fn all_memberships(&self) -> impl Iterator<Item = &Membership> {
        self.sharing.members.values().flatten()
    }

    /// Those who share in the slot that starts then.
    fn members_in(&self, slot: Timestamp) -> impl Iterator<Item = &Membership> {
        self.all_memberships().filter(move |known| known.holds_in(slot))
    }

    /// The tables of shares, each with the start of its first slot.
    pub fn shares(&self) -> impl Iterator<Item = (Timestamp, &[PointShare])> {
        self.sharing.shares.iter().map(|(from, shares)| (*from, shares.as_slice()))
    }

    /// The shares of the slot that starts then; none where no table says any.
    pub fn shares_in(&self, slot: Timestamp) -> &[PointShare] {
        let holds = self.sharing.shares.range(..=slot).next_back();
        holds.map(|(_, shares)| shares.as_slice()).unwrap_or_default()
    }

    /// Shares as the mechanism takes them: of members by their address, what nobody has by none.
    pub(super) fn weights(&self, slot: Timestamp) -> Vec<Share> {
        let shares = self.shares_in(slot);
        let of = |member: &Membership| {
            let share = shares.iter().find(|s| s.connection_point == member.connection_point)?;
            let owner = self.address_at(member.account, slot)?.into_array();
            Some(Share { owner, weight: share.bps })
        };
        let mut weights: Vec<Share> = self.members_in(slot).filter_map(of).collect();
        weights.sort_by_key(|share| share.owner);
        let given: u32 = weights.iter().map(|share| share.weight).sum();
        if given < SHARES_SUM {
            weights.push(Share { owner: Address::ZERO.into_array(), weight: SHARES_SUM - given });
        }
        weights
    }

    /// Judges whether an account joins with a connection point, for the slots from `from` on.
    pub(super) fn check_join(
        &self,
        membership: &Membership,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        ensure(parameters.shares_after_slot(), Rejection::NotSharing)?;
        let point = self.points.get(&membership.connection_point).ok_or(Rejection::Unknown)?;
        ensure(point.account == membership.account, Rejection::Unknown)?;
        ensure(parameters.covers(point.zone), Rejection::Policy)?;
        not_begun(membership.from, parameters, now)?;
        let until = membership.until.map(|until| (until, not_begun(until, parameters, now)));
        if let Some((until, whole)) = until {
            whole?;
            ensure(until > membership.from, Rejection::Slot)?;
        }
        // A delegate has one order a slot and side, so one connection point of an account shares.
        let before = self.memberships(membership.account).last();
        let over = |known: &Membership| known.until.is_some_and(|end| end <= membership.from);
        ensure(before.is_none_or(over), Rejection::Member)?;
        // One that holds and one to come.
        let open = |known: &&Membership| known.until.is_none_or(|until| until > now);
        let few = self.memberships(membership.account).iter().filter(open).count() < 2;
        ensure(few, Rejection::Member)?;
        let few = self.members_in(membership.from).count() < MEMBERS_MAX;
        ensure(few, Rejection::TooMany)
    }

    /// Judges a table of shares for the slots from `from` on.
    pub(super) fn check_shares(
        &self,
        from: Timestamp,
        shares: &[PointShare],
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        ensure(parameters.shares_after_slot(), Rejection::NotSharing)?;
        not_begun(from, parameters, now)?;
        let known = |share: &PointShare| self.points.contains_key(&share.connection_point);
        ensure(shares.iter().all(known), Rejection::Unknown)?;
        let mut named: Vec<ConnectionPointId> =
            shares.iter().map(|share| share.connection_point).collect();
        named.sort_unstable();
        let once = named.windows(2).all(|pair| pair[0] != pair[1]);
        let each = shares.iter().all(|share| (1..=SHARES_SUM).contains(&share.bps));
        ensure(once && each, Rejection::Shares)?;
        let sum: u64 = shares.iter().map(|share| u64::from(share.bps)).sum();
        ensure(sum <= u64::from(SHARES_SUM), Rejection::Shares)?;
        let tables = &self.sharing.shares;
        let few = tables.len() < SHARES_MAX || tables.contains_key(&from);
        ensure(few && shares.len() <= MEMBERS_MAX, Rejection::TooMany)
    }

    /// What an interval says of a member that a slot still waits for.
    pub fn awaits(
        &self,
        slot: Timestamp,
        point: ConnectionPointId,
        parameters: &Parameters,
    ) -> bool {
        let cleared = self.slots.get(&slot).is_some_and(|book| book.cleared.is_some());
        !cleared
            && self.is_shared_out(slot, parameters)
            && self.members_in(slot).any(|member| member.connection_point == point)
    }

    /// The slots that can be shared out at `now`, oldest first: of all members everything is known
    /// and trading is not stopped, or the time for that is over.
    pub fn due_shares(&self, parameters: &Parameters, now: Timestamp) -> Vec<Timestamp> {
        let waited = |slot: Timestamp| {
            let deadline = parameters.end(slot).plus_seconds(parameters.allocation_seconds);
            now >= deadline
        };
        let complete = |slot: Timestamp, known: &BTreeMap<ConnectionPointId, Metered>| {
            self.members_in(slot).all(|member| known.contains_key(&member.connection_point))
        };
        let due = self.sharing.metered.iter().filter(|(slot, known)| {
            now >= parameters.end(**slot)
                && self.is_shared_out(**slot, parameters)
                && (waited(**slot) || self.stopped().is_none() && complete(**slot, known))
        });
        due.map(|(slot, _)| *slot).take(ROUND_SLOTS_MAX).collect()
    }

    /// The orders of the members of a slot, for `delegate` to sign: none where nobody fed anything
    /// in, or nobody took anything.
    pub fn shared_orders(
        &self,
        slot: Slot,
        parameters: &Parameters,
        delegate: Address,
    ) -> Vec<SharedOrder> {
        let mechanism = self.mechanism(slot.start, parameters);
        let price = mechanism.given_price().filter(|_| mechanism.is_allocation());
        let limits = price.and_then(|price| limits_at(price, parameters).ok());
        let (Some((all_in, net)), Some(known)) = (limits, self.sharing.metered.get(&slot.start))
        else {
            return Vec::new();
        };
        let mut orders = Vec::new();
        for member in self.members_in(slot.start) {
            let owner = self.address_at(member.account, slot.start);
            let (Some(owner), Some(metered)) = (owner, known.get(&member.connection_point)) else {
                continue;
            };
            let sides = [(Side::Buy, metered.import, all_in), (Side::Sell, metered.export, net)];
            for (side, quantity, limit) in sides {
                if quantity == Energy::ZERO {
                    continue;
                }
                let start = slot.start.unsigned();
                let terms = OrderTerms {
                    account: owner,
                    side,
                    slot: start,
                    quantity,
                    limit_price: limit.n_per_wh().unsigned_abs(),
                    min_fill: Energy::ZERO,
                    community: parameters.community,
                    zone: parameters.zone,
                    connection_point: member.connection_point,
                    policy: parameters.policy,
                    delegate,
                    nonce: mandated_nonce(delegate, start, parameters.terms.slot_seconds, side),
                    expiry: parameters.settled_until(slot.start).unsigned(),
                };
                orders.push(SharedOrder { account: member.account, terms });
            }
        }
        let any = |side: Side| orders.iter().any(|order| order.terms.side == side);
        if any(Side::Buy) && any(Side::Sell) { orders } else { Vec::new() }
    }

    /// Judges an order of [`Exchange::shared_orders`] that the delegate has signed. What metering
    /// said bounds it, so that no limit of what may be wanted does.
    pub fn place_shared(
        &self,
        order: &NewOrder,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Box<Accepted>, Rejection> {
        let terms = &order.terms;
        let owner = self.owner_of(order, parameters)?;
        ensure(order.is_delegated() && self.is_mandated(terms, parameters), Rejection::Delegate)?;
        let may = self.may_trade(owner, terms.connection_point) && self.may_take(terms.side, owner);
        ensure(may, Rejection::Suspended)?;
        ensure(self.may_owe(terms.side, owner), Rejection::BuyingHeld)?;
        ensure(self.stopped().is_none(), Rejection::KillSwitch)?;
        let hold = match terms.side {
            Side::Buy => {
                let hold = terms.limit().and_then(|limit| limit.cost_of(terms.quantity));
                hold.map_err(|Overflow| Rejection::Funds)?
            }
            // What was delivered already cannot be short.
            Side::Sell => Money::ZERO,
        };
        let tradable = self.wallet(terms.account).tradable();
        ensure(hold <= tradable || hold == Money::ZERO, Rejection::Funds)?;
        ensure(self.nonces.is_free(terms.account, terms.nonce), Rejection::Nonce)?;
        Ok(Box::new(Accepted {
            id: order.id,
            sequence: self.sequence + 1,
            account: owner,
            terms: terms.clone(),
            hash: order.hash,
            signature: order.signature.clone(),
            hold,
            no_gain: false,
            at: now,
            status: Status::Open,
            cancelled_by: None,
            cancelled_at: None,
            filled: Energy::ZERO,
            arrival: None,
            netted: Energy::ZERO,
            opens: None,
        }))
    }

    /// The entry with which an account shares no more from the first slot on that has not begun at
    /// `now`; `None` where it does not anyway.
    pub(super) fn leaving(
        &self,
        account: AccountId,
        by: PartyId,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Option<Entry> {
        let until = next_slot(parameters, now);
        let stands = |known: &Membership| known.until.is_none_or(|end| end > until);
        let last = self.memberships(account).last().filter(|known| stands(known));
        last.map(|_| Entry::Left { account, until, by, at: now })
    }
}

/// The start of the first slot that has not begun at `now`.
pub fn next_slot(parameters: &Parameters, now: Timestamp) -> Timestamp {
    let current = Slot::containing(now, parameters.slot_length);
    if current.start == now { now } else { current.end() }
}

/// A slot starts then, and has not begun.
fn not_begun(from: Timestamp, parameters: &Parameters, now: Timestamp) -> Result<(), Rejection> {
    Slot::starting(from, parameters.slot_length).ok_or(Rejection::Slot)?;
    ensure(from >= now, Rejection::GateClosed)
}

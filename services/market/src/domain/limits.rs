//! What whoever runs the market or the grid decides: suspended accounts and connection points,
//! curtailed slots, mechanisms of slots to come; and what accounts decide: their standing rules.
//!
//! ```text
//! change --decide--> Entry | nothing to do | Rejection
//! suspended: new orders are refused, open ones are taken back; trades and cash stay as they are
//! stopped:   the same for everybody, here or in all zones; all of it is lifted by two persons
//! curtailed: new orders are refused, open ones stay; they clear to nothing unless it is lifted;
//!            of a slot that has traded nobody owes for what is not delivered (billing follows it)
//! mechanism: for slots whose books are not open, so that who places an order knows it
//! ```
//!
//! Deliberately absent: who may decide this (the REST door), and what is delivered and owed of the
//! trades of a slot that was cleared before it was curtailed: they stand.

use std::collections::{BTreeMap, BTreeSet};

use calendar::{Slot, Timestamp};
use contracts::{OrderTerms, Side};
use events::market::{CancelledBy, Tripped};
use ids::{AccountId, ConnectionPointId, OrderId, PartyId, Uuid};
use matching::{Fees, Mechanism};
use serde::{Deserialize, Serialize};
use units::Overflow;

use super::{
    Accepted, Buying, Entry, Exchange, LinkLimit, Membership, Movement, Parameters, PointShare,
    RETAINED_SECONDS, Rejection, Rule, RuleName, Status, Wish,
};

/// The most curtailments that a market knows at a time.
pub const CURTAILMENTS_MAX: usize = 1_000;

/// The most choices of a mechanism that a market knows at a time.
pub const CHOICES_MAX: usize = 1_000;

/// Who is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trader {
    /// An account with all its connection points.
    Account(AccountId),
    /// One connection point.
    ConnectionPoint(ConnectionPointId),
    /// A standing rule, whatever it orders; by hand its account may still trade.
    Rule(RuleName),
    /// What an account sells; it may still buy.
    Seller(AccountId),
}

/// Why somebody may not trade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// In words.
    pub reason: String,
    /// Who decided.
    pub by: PartyId,
    /// Since when.
    pub at: Timestamp,
    /// What was found, where the market decided by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tripped: Option<Tripped>,
}

/// Slots in which the grid carries no trades, or less on some links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curtailment {
    /// Start of the first slot.
    pub from: Timestamp,
    /// End of the last slot.
    pub to: Timestamp,
    /// In words.
    pub reason: String,
    /// Who decided.
    pub by: PartyId,
    /// When.
    pub at: Timestamp,
    /// What links carry at most, where it is not all that is curtailed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkLimit>,
}

/// What someone who runs the market or the grid decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nobody trades for `trader`.
    Suspend {
        /// Who.
        trader: Trader,
        /// In words.
        reason: String,
    },
    /// Nobody trades.
    Stop {
        /// In words.
        reason: String,
    },
    /// Nobody trades, in this zone or in any other: it is decided in each market.
    StopAll {
        /// In words.
        reason: String,
    },
    /// Something that one person cannot do alone is asked for, or agreed to where another one has
    /// asked for it.
    Ask {
        /// The name of the request, if it becomes one.
        consent: Uuid,
        /// What is asked for.
        wish: Wish,
    },
    /// A request is decided.
    Decide {
        /// Which.
        consent: Uuid,
        /// Agreed to, not refused.
        given: bool,
    },
    /// No trades in the slots of `[from, to)`.
    Curtail {
        /// Start of the first slot.
        from: Timestamp,
        /// End of the last slot.
        to: Timestamp,
        /// In words.
        reason: String,
    },
    /// Links carry less in the slots of `[from, to)`.
    Limit {
        /// Start of the first slot.
        from: Timestamp,
        /// End of the last slot.
        to: Timestamp,
        /// In words.
        reason: String,
        /// Which links, and what they carry at most.
        links: Vec<LinkLimit>,
    },
    /// Slots that start then or later are cleared by `mechanism`.
    Choose {
        /// Start of the first slot.
        from: Timestamp,
        /// How prices and quantities are found.
        mechanism: Mechanism,
    },
    /// Orders of slots that start then or later are sealed, or are not any more.
    Seal {
        /// Start of the first slot.
        from: Timestamp,
        /// For how many seconds after the gate they are opened; `None`: orders are open.
        reveal_seconds: Option<u32>,
    },
    /// A standing rule places orders, or others than before.
    SetRule(Rule),
    /// A standing rule places no orders any more. Those that it has placed stay.
    EndRule(RuleName),
    /// An account shares in what is generated.
    Join(Membership),
    /// An account shares in it no more, from the next slot on.
    Leave(AccountId),
    /// Slots that start then or later are shared out by these shares.
    Share {
        /// Start of the first slot.
        from: Timestamp,
        /// All of them.
        shares: Vec<PointShare>,
    },
    /// The curtailment of exactly `[from, to)` is over.
    Lift {
        /// Start of the first slot.
        from: Timestamp,
        /// End of the last slot.
        to: Timestamp,
    },
}

/// All that may not trade.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Limits {
    pub(super) accounts: BTreeMap<AccountId, Suspension>,
    pub(super) points: BTreeMap<ConnectionPointId, Suspension>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) rules: BTreeMap<ConnectionPointId, BTreeMap<Side, Suspension>>,
    /// Who sells nothing any more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) sellers: BTreeMap<AccountId, Suspension>,
    /// Who buys nothing because of what it owes, and who may again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) buying: BTreeMap<AccountId, Buying>,
    curtailments: Vec<Curtailment>,
    pub(super) stopped: Option<Suspension>,
    /// In all zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stopped_all: Option<Suspension>,
}

impl Limits {
    pub(super) fn curtail(&mut self, curtailment: Curtailment) {
        self.lift(curtailment.from, curtailment.to);
        self.curtailments.push(curtailment);
    }

    pub(super) fn lift(&mut self, from: Timestamp, to: Timestamp) {
        self.curtailments.retain(|known| (known.from, known.to) != (from, to));
    }

    /// Forgets what ended before `moment`.
    pub(super) fn forget(&mut self, moment: Timestamp) {
        self.curtailments.retain(|known| known.to >= moment);
    }
}

impl Exchange {
    /// Judges a change by `by` at `now`: the entry that makes it, or `None` when it stands like
    /// this already. Changes nothing.
    pub fn change(
        &self,
        change: &Change,
        by: PartyId,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Option<Entry>, Rejection> {
        match change {
            Change::Suspend { trader, reason } => {
                self.owner(*trader).ok_or(Rejection::Unknown)?;
                let same = self.suspension(*trader).is_some_and(|known| known.reason == *reason);
                let suspension = Suspension { reason: reason.clone(), by, at: now, tripped: None };
                Ok((!same).then_some(Entry::Suspended { trader: *trader, suspension }))
            }
            Change::Stop { reason } | Change::StopAll { reason } => {
                let why = Suspension { reason: reason.clone(), by, at: now, tripped: None };
                Ok(self.stopping(why, matches!(change, Change::StopAll { .. })))
            }
            Change::Ask { consent, wish } => self.ask(*consent, wish, by, now),
            Change::Decide { consent, given } => self.decide(*consent, *given, by, now),
            Change::Curtail { from, to, reason } => {
                let (from, to, reason, links) = (*from, *to, reason.clone(), Vec::new());
                self.curtailing(Curtailment { from, to, reason, by, at: now, links }, parameters)
            }
            Change::Limit { from, to, reason, links } => {
                let sound = if links.is_empty() { Err(Rejection::Link) } else { Ok(()) };
                sound.and_then(|()| self.check_links(links, parameters))?;
                let (from, to, reason, links) = (*from, *to, reason.clone(), links.clone());
                self.curtailing(Curtailment { from, to, reason, by, at: now, links }, parameters)
            }
            Change::Choose { from, mechanism } => {
                if self.mechanisms.get(from) == Some(mechanism) {
                    return Ok(None);
                }
                self.check_choice(*from, mechanism, parameters, now)?;
                let (from, mechanism) = (*from, *mechanism);
                Ok(Some(Entry::MechanismChosen { from, mechanism, by, at: now }))
            }
            Change::Seal { from, reveal_seconds } => {
                let (from, reveal_seconds) = (*from, *reveal_seconds);
                let other = self.check_sealing(from, reveal_seconds, parameters, now)?;
                Ok(other.then_some(Entry::SealingChosen { from, reveal_seconds, by, at: now }))
            }
            Change::SetRule(rule) => {
                self.check_rule(rule, parameters)?;
                let same = self.rule(rule.name) == Some(rule);
                let set = Entry::RuleSet { rule: rule.clone(), by, at: now };
                Ok((!same).then_some(set))
            }
            Change::EndRule(name) => {
                let ended = Entry::RuleEnded { rule: *name, by, at: now };
                Ok(self.rule(*name).map(|_| ended))
            }
            Change::Join(membership) => {
                if self.memberships(membership.account).contains(membership) {
                    return Ok(None);
                }
                self.check_join(membership, parameters, now)?;
                Ok(Some(Entry::Joined { membership: membership.clone(), by, at: now }))
            }
            Change::Leave(account) => Ok(self.leaving(*account, by, parameters, now)),
            Change::Share { from, shares } => {
                if self.shares().any(|known| known == (*from, shares.as_slice())) {
                    return Ok(None);
                }
                self.check_shares(*from, shares, parameters, now)?;
                let (from, shares) = (*from, shares.clone());
                Ok(Some(Entry::SharesSet { from, shares, by, at: now }))
            }
            Change::Lift { from, to } => {
                let lifted = Entry::Lifted { from: *from, to: *to, by, at: now };
                Ok(self.curtailment(*from, *to).map(|_| lifted))
            }
        }
    }

    /// The entry that curtails, unless it stands like this.
    fn curtailing(
        &self,
        wanted: Curtailment,
        parameters: &Parameters,
    ) -> Result<Option<Entry>, Rejection> {
        let known = self.curtailment(wanted.from, wanted.to);
        let same =
            |known: &Curtailment| (&known.reason, &known.links) == (&wanted.reason, &wanted.links);
        if known.is_some_and(same) {
            return Ok(None);
        }
        self.check_curtailment(&wanted, parameters)?;
        Ok(Some(Entry::Curtailed(wanted)))
    }

    /// What links are limited to in the slot that starts at `slot`.
    pub(super) fn limited_links(&self, slot: Timestamp) -> impl Iterator<Item = &LinkLimit> {
        let holds = move |known: &&Curtailment| known.from <= slot && slot < known.to;
        self.limits.curtailments.iter().filter(holds).flat_map(|known| &known.links)
    }

    /// Whole slots. Of links the book of the last slot can still be closed; of the grid as a whole
    /// the market still knows the slot: outages come unannounced.
    fn check_curtailment(
        &self,
        wanted: &Curtailment,
        parameters: &Parameters,
    ) -> Result<(), Rejection> {
        let Curtailment { from, to, at: now, .. } = *wanted;
        let whole = |moment| Slot::starting(moment, parameters.slot_length).ok_or(Rejection::Slot);
        let (first, end) = (whole(from)?, whole(to)?);
        let last = end.later(-1);
        if last < first {
            return Err(Rejection::Slot);
        }
        let until = match wanted.links.is_empty() {
            true => last.start.plus_seconds(RETAINED_SECONDS),
            false => parameters.gate(last.start),
        };
        if now >= until {
            return Err(Rejection::GateClosed);
        }
        let known = self.curtailment(from, to).is_some();
        let few = known || self.limits.curtailments.len() < CURTAILMENTS_MAX;
        if few { Ok(()) } else { Err(Rejection::TooMany) }
    }

    /// What else becomes true with `entry`: orders that it takes back, what was agreed to. To be
    /// asked before the entry is applied, and applied after it.
    pub fn consequences(&self, entry: &Entry) -> Vec<Entry> {
        if let Entry::ConsentDecided { consent, decision } = entry {
            return self.agreed(*consent, decision).into_iter().collect();
        }
        let (orders, by, at): (Vec<OrderId>, _, _) = match entry {
            Entry::Connected { timestamp, movements, .. } => {
                let ended = movements.iter().filter_map(|movement| match movement {
                    Movement::NonceEnded { address, nonce } => self.nonces.order(*address, *nonce),
                    _ => None,
                });
                (ended.collect(), CancelledBy::Chain, *timestamp)
            }
            Entry::Suspended { trader, suspension } => {
                (self.open_of(*trader), CancelledBy::Suspension, suspension.at)
            }
            Entry::BuyingChanged { account, buying } if !buying.reasons.is_empty() => {
                (self.open_buys(*account), CancelledBy::Suspension, buying.at)
            }
            Entry::Stopped(why) | Entry::StoppedAll(why) => {
                let open = self.slots.values().flat_map(|book| book.open.values()).flatten();
                (open.copied().collect(), CancelledBy::Suspension, why.at)
            }
            _ => return Vec::new(),
        };
        let mut seen = BTreeSet::new();
        let open = orders
            .into_iter()
            .filter(|order| self.orders[order].status == Status::Open && seen.insert(*order));
        open.map(|order| Entry::Cancelled { order, by, at }).collect()
    }

    /// All curtailments, in the order in which they were decided.
    pub fn curtailments(&self) -> &[Curtailment] {
        &self.limits.curtailments
    }

    /// The curtailment of exactly `[from, to)`.
    pub fn curtailment(&self, from: Timestamp, to: Timestamp) -> Option<&Curtailment> {
        self.limits.curtailments.iter().find(|known| (known.from, known.to) == (from, to))
    }

    /// Whether the slot that starts at `slot` is curtailed as a whole.
    pub fn is_curtailed(&self, slot: Timestamp) -> bool {
        let all = self.limits.curtailments.iter().filter(|known| known.links.is_empty());
        all.into_iter().any(|known| known.from <= slot && slot < known.to)
    }

    /// Whether an order of `account` could meet an open one of the same party in its slot: of any
    /// of the party's accounts, and between any of its connection points; not the one that it takes
    /// the place of.
    pub(super) fn meets_itself(
        &self,
        account: AccountId,
        order: (&OrderTerms, Option<&Accepted>),
        slot: Slot,
        parameters: &Parameters,
    ) -> bool {
        self.meets_own(account, order, slot, (&parameters.fees, |_| true))
    }

    /// The same of orders that another address of the party signed: a clearing nets the orders of
    /// one address, and knows no parties.
    pub(super) fn meets_another_address(
        &self,
        account: AccountId,
        order: (&OrderTerms, Option<&Accepted>),
        slot: Slot,
        parameters: &Parameters,
    ) -> bool {
        let own = order.0.account;
        self.meets_own(account, order, slot, (&parameters.fees, |other| other.account != own))
    }

    fn meets_own(
        &self,
        account: AccountId,
        (terms, replaced): (&OrderTerms, Option<&Accepted>),
        slot: Slot,
        (fees, counts): (&Fees, impl Fn(&OrderTerms) -> bool),
    ) -> bool {
        let (Some(member), Some(book)) = (self.members.get(&account), self.slots.get(&slot.start))
        else {
            return false;
        };
        let accounts = self.parties.get(&member.party).into_iter().flatten();
        let open = accounts.filter_map(|account| book.open.get(account)).flatten();
        let others = open.filter(|id| replaced.is_none_or(|replaced| replaced.id != **id));
        others
            .map(|id| &self.orders[id].terms)
            .any(|other| counts(other) && cross(terms, other, fees).unwrap_or(true))
    }
}

/// Whether a buyer and a seller with these terms could trade.
fn cross(one: &OrderTerms, other: &OrderTerms, fees: &Fees) -> Result<bool, Overflow> {
    let (buy, sell) = match (one.side, other.side) {
        (Side::Buy, Side::Sell) => (one, other),
        (Side::Sell, Side::Buy) => (other, one),
        _ => return Ok(false),
    };
    Ok(fees.energy_bid(buy.limit()?)? >= fees.energy_ask(sell.limit()?)?)
}

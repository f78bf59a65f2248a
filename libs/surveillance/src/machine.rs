//! The machine: a fact in, the cases that changed out.

use std::collections::{BTreeMap, BTreeSet};

use calendar::Timestamp;
use ids::{AccountId, CaseId};
use serde::Serialize;
use units::Energy;

use crate::book::{Book, Taken};
use crate::case::{Finding, Incident};
use crate::cases::{Cases, start_of};
use crate::day::Day;
use crate::flows::Flows;
use crate::kinds::{Runs, Spikes};
use crate::owners::{Full, Owners};
use crate::window::{Slot, Traded, WINDOW_DAYS, Window, day_of};
use crate::{Case, Cleared, Decision, Evidence, Fact, Metered, Owner, Refusal, State, Thresholds};

/// The most slots whose books are open at a time.
pub const BOOKS_MAX: usize = 1_000;

/// Why a fact was left out. Nothing else of the machine changes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNoted {
    /// An energy or price beyond what anybody means.
    #[error("an energy or price of the fact is out of range")]
    Range,
    /// About a slot that was cleared before, or is no longer remembered.
    #[error("the fact is about a slot that is past")]
    Past,
    /// One of the machine's limits is reached.
    #[error("there is no room for the fact")]
    Full,
}

impl NotNoted {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            NotNoted::Range => "RANGE",
            NotNoted::Past => "PAST",
            NotNoted::Full => "FULL",
        }
    }
}

impl From<Full> for NotNoted {
    fn from(Full: Full) -> NotNoted {
        NotNoted::Full
    }
}

/// How much was left out, so that nobody takes silence for innocence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Missed {
    /// Facts with [`NotNoted::Range`].
    pub range: u64,
    /// Facts with [`NotNoted::Past`].
    pub past: u64,
    /// Facts with [`NotNoted::Full`], also parts of them.
    pub full: u64,
    /// Trades of orders that nobody told of.
    pub strangers: u64,
    /// Findings for which there was no room among open cases.
    pub cases: u64,
}

/// The watch over one market: the fold of its facts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Surveillance {
    pub(crate) thresholds: Thresholds,
    pub(crate) owners: Owners,
    pub(crate) window: Window,
    pub(crate) flows: Flows,
    pub(crate) days: BTreeMap<i64, Day>,
    pub(crate) runs: Runs,
    pub(crate) spikes: Spikes,
    books: BTreeMap<Timestamp, Book>,
    cases: Cases,
    /// The UTC day of the newest slot that was cleared or metered.
    newest: Option<i64>,
    missed: Missed,
}

impl Surveillance {
    /// The watch over `market`, whose cases have names of their own, with these limits;
    /// [`Thresholds::check`] says whether they make sense.
    pub fn new(market: &str, thresholds: Thresholds) -> Surveillance {
        Surveillance { thresholds, cases: Cases::new(market), ..Surveillance::default() }
    }

    /// Takes a fact in; the cases that were opened or grew, each once.
    ///
    /// # Errors
    /// Why the fact is left out. Whoever feeds a journal goes on: [`Surveillance::missed`] counts.
    pub fn note(&mut self, fact: &Fact) -> Result<Vec<CaseId>, NotNoted> {
        let noted = self.judge(fact);
        match noted {
            Err(NotNoted::Range) => self.missed.range += 1,
            Err(NotNoted::Past) => self.missed.past += 1,
            Err(NotNoted::Full) => self.missed.full += 1,
            Ok(_) => {}
        }
        Ok(self.keep(noted?))
    }

    fn judge(&mut self, fact: &Fact) -> Result<Vec<Finding>, NotNoted> {
        if !fact.is_in_range() {
            return Err(NotNoted::Range);
        }
        match fact {
            Fact::Owned { account, party } => {
                let new = self.owners.own(*account, *party)?;
                Ok(if new { self.regroup() } else { Vec::new() })
            }
            Fact::Controlled { party, by } => {
                let new = self.owners.control(*party, *by)?;
                Ok(if new { self.regroup() } else { Vec::new() })
            }
            Fact::Sited { connection_point, account, solar } => {
                self.owners.site(*connection_point, *account, *solar)?;
                Ok(Vec::new())
            }
            Fact::Accepted(order) => self.book(order.slot)?.accept(order).map(|()| Vec::new()),
            Fact::Cancelled { order, slot, own, at } => {
                let taken = Taken { at: *at, own: *own };
                self.book(*slot)?.take(*order, taken).map(|()| Vec::new())
            }
            Fact::Cleared(cleared) => return self.clear(cleared),
            Fact::Metered(metered) => return self.meter(metered),
        }
        .map_err(NotNoted::from)
    }

    /// Judges every day that is not over yet as if it were: for who has no more facts.
    pub fn finish(&mut self) -> Vec<CaseId> {
        let found = self.end_days(i64::MAX);
        self.keep(found)
    }

    /// All cases, in the order in which they were opened.
    pub fn cases(&self) -> impl DoubleEndedIterator<Item = &Case> {
        self.cases.all()
    }

    /// One case.
    pub fn case(&self, id: CaseId) -> Option<&Case> {
        self.cases.get(id)
    }

    /// Whether a case can be decided.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] or [`Refusal::Decided`].
    pub fn may_decide(&self, id: CaseId) -> Result<(), Refusal> {
        self.cases.judge(id)
    }

    /// Notes that a case was no abuse. It grows no more; the same is not found again.
    ///
    /// # Errors
    /// As [`Surveillance::may_decide`], and [`Refusal::Reason`] where there is none of 1 to
    /// [`REASON_MAX`](crate::REASON_MAX) characters.
    pub fn dismiss(&mut self, id: CaseId, decision: Decision) -> Result<(), Refusal> {
        self.cases.decide(id, decision, State::Dismissed)
    }

    /// Notes that a case was abuse and was dealt with. What follows is another case.
    ///
    /// # Errors
    /// As [`Surveillance::dismiss`].
    pub fn close(&mut self, id: CaseId, decision: Decision) -> Result<(), Refusal> {
        self.cases.decide(id, decision, State::Closed)
    }

    /// The limits.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// What was left out so far.
    pub fn missed(&self) -> Missed {
        self.missed
    }

    fn keep(&mut self, found: Vec<Finding>) -> Vec<CaseId> {
        let mut changed = Vec::new();
        for finding in found {
            let raised_from = self.thresholds.raised_from;
            let case = self.cases.take(finding, raised_from, &mut self.missed.cases);
            if let Some(case) = case.filter(|case| !changed.contains(case)) {
                changed.push(case);
            }
        }
        changed
    }

    /// The book of a slot that was not cleared yet.
    fn book(&mut self, slot: Timestamp) -> Result<&mut Book, NotNoted> {
        if self.is_past(slot) || self.window.get(slot).is_some() {
            return Err(NotNoted::Past);
        }
        if self.books.len() >= BOOKS_MAX && !self.books.contains_key(&slot) {
            return Err(NotNoted::Full);
        }
        Ok(self.books.entry(slot).or_default())
    }

    fn is_past(&self, slot: Timestamp) -> bool {
        self.newest.is_some_and(|newest| day_of(slot) <= newest - WINDOW_DAYS)
    }

    /// Somebody turns out to own something else: trades of the window may be between accounts of
    /// one owner.
    fn regroup(&mut self) -> Vec<Finding> {
        self.days.values_mut().for_each(|day| day.judged = false);
        let mut found = Vec::new();
        for (start, slot) in self.window.all() {
            found.extend(self.wash_trades(start, &slot.trades));
        }
        found
    }

    fn clear(&mut self, cleared: &Cleared) -> Result<Vec<Finding>, NotNoted> {
        if self.is_past(cleared.slot) || self.window.get(cleared.slot).is_some() {
            return Err(NotNoted::Past);
        }
        let mut found = self.reach(day_of(cleared.slot));
        let book = self.books.remove(&cleared.slot).unwrap_or_default();
        let trades = self.resolve(cleared, &book);
        let reference = self.window.reference(cleared);
        let slot = Slot {
            clearing: cleared.clearing,
            price: cleared.price,
            volume: cleared.volume,
            trades: trades.clone(),
        };
        if !self.window.put(cleared.slot, slot) {
            self.missed.full += 1;
        }
        found.extend(self.wash_trades(cleared.slot, &trades));
        found.extend(self.withholding(cleared, &book, &reference));
        found.extend(self.pumping(cleared, &trades, &reference));
        found.extend(self.alike(cleared, &book));
        self.note_activity(cleared.slot, &book);
        found.extend(self.flow(cleared.slot, &trades));
        Ok(found)
    }

    /// The trades with the accounts and connection points of their orders.
    fn resolve(&mut self, cleared: &Cleared, book: &Book) -> Vec<Traded> {
        let mut trades = Vec::with_capacity(cleared.trades.len());
        for trade in &cleared.trades {
            let (Some(buy), Some(sell)) = (book.get(trade.buy), book.get(trade.sell)) else {
                self.missed.strangers += 1;
                continue;
            };
            trades.push(Traded {
                trade: trade.trade,
                buyer: buy.account,
                buyer_point: buy.connection_point,
                seller: sell.account,
                seller_point: sell.connection_point,
                quantity: trade.quantity,
            });
        }
        trades
    }

    /// Adds what was traded to what connection points bought and sold.
    fn flow(&mut self, slot: Timestamp, trades: &[Traded]) -> Vec<Finding> {
        let mut points = BTreeSet::new();
        for trade in trades {
            let wh = trade.quantity;
            for (point, sells) in [(trade.seller_point, true), (trade.buyer_point, false)] {
                let Ok(flow) = self.flows.flow(point, slot) else {
                    self.missed.full += 1;
                    continue;
                };
                let side = if sells { &mut flow.sold } else { &mut flow.bought };
                *side = side.plus(wh).unwrap_or(*side);
                points.insert(point);
            }
        }
        let judged = points.into_iter().flat_map(|point| self.metered_kinds(point, slot));
        judged.collect()
    }

    fn meter(&mut self, metered: &Metered) -> Result<Vec<Finding>, NotNoted> {
        if self.is_past(metered.slot) {
            return Err(NotNoted::Past);
        }
        let mut found = self.reach(day_of(metered.slot));
        if self.flows.meter(metered)? {
            found.extend(self.metered_kinds(metered.connection_point, metered.slot));
        }
        Ok(found)
    }

    /// Goes on to a UTC day: those before it are over, those long before it forgotten.
    fn reach(&mut self, day: i64) -> Vec<Finding> {
        if self.newest.is_some_and(|newest| day <= newest) {
            return Vec::new();
        }
        let found = self.end_days(day);
        self.newest = Some(day);
        let oldest = day - WINDOW_DAYS + 1;
        self.window.forget(oldest);
        self.flows.forget(start_of(oldest));
        self.days = self.days.split_off(&oldest);
        // A day that is over for longer than another one is not cleared any more.
        self.days.range_mut(..day - 1).for_each(|(_, day)| day.activity.clear());
        self.books = self.books.split_off(&start_of(oldest));
        self.runs.forget(start_of(oldest));
        self.spikes.forget(oldest);
        self.cases.forget(oldest);
        found
    }

    /// Judges the days before `day` that were not judged as they stand.
    fn end_days(&mut self, day: i64) -> Vec<Finding> {
        let open = self.days.range(..day).filter(|(_, day)| !day.judged);
        let open: Vec<i64> = open.map(|(day, _)| *day).collect();
        let mut found = Vec::new();
        for day in open {
            found.extend(self.circles(day));
            found.extend(self.layering(day));
            self.days.entry(day).or_default().judged = true;
        }
        found
    }

    /// Starts an incident about accounts, with whose they are.
    pub(crate) fn incident(
        &self,
        at: Timestamp,
        accounts: impl IntoIterator<Item = AccountId>,
    ) -> Incident {
        let mut incident = Incident::new(at);
        incident.accounts.extend(accounts);
        let owned = incident.accounts.iter().filter_map(|account| {
            let party = self.owners.party(*account)?;
            Some(Evidence::Owned { account: *account, party })
        });
        let owned: Vec<Evidence> = owned.collect();
        incident.prove(owned);
        incident
    }

    /// The owners of accounts.
    pub(crate) fn owners(&self, accounts: &[AccountId]) -> BTreeSet<Owner> {
        accounts.iter().map(|account| self.owners.of(*account)).collect()
    }
}

/// A sum of watt-hours as an energy.
pub(crate) fn energy(wh: u128) -> Energy {
    Energy::from_wh(u64::try_from(wh).unwrap_or(u64::MAX))
}

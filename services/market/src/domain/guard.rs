//! What makes a market stop by itself, as far as it is counted in what is sent: orders, refusals.
//!
//! ```text
//! order, answer --> Guard::saw --> counts of the last minute or hour, in tenths
//!                                     |  more than the figure of RiskLimits
//!                                     v
//!                                   Trip --Exchange::stopped_by--> Suspended | Stopped
//! ```
//!
//! Refusals are answers and no facts: the journal does not have them, so the counts begin anew with
//! each start of the service. What they brought about is an entry like any other.
//! Deliberately absent: refusals that a stop brings itself, and orders of standing rules, which one
//! look a minute places.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use calendar::Timestamp;
use events::market::Tripped;
use ids::{AccountId, OrderId, PartyId};

use super::{Entry, Exchange, Rejection, RiskLimits, Suspension, Trader};

/// Into how many parts a window is divided: it moves on by one of them at a time.
const PARTS: i64 = 10;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
/// From how many accounts on collar hits are not theirs to answer for.
const COLLAR_ACCOUNTS_MIN: usize = 3;
/// The most accounts that are counted at a time; who sent nothing for longest is forgotten.
pub const ACCOUNTS_COUNTED_MAX: usize = 10_000;
/// The most lines of evidence.
pub const EVIDENCE_LINES_MAX: usize = 20;

/// Why a market stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// An account sends orders too fast.
    OrderRate,
    /// Too much of what an account sends is refused.
    Refusals,
    /// Several accounts' prices are refused.
    CollarHits,
    /// Nothing is metered any more.
    MissingData,
    /// No block comes any more.
    SilentChain,
    /// A standing rule orders by a forecast that does not hold.
    Forecast,
    /// A standing rule loses money.
    Loss,
    /// A standing rule loses what it had gained.
    Drawdown,
    /// An account delivers little of what it sells.
    Undelivered,
    /// A clearing comes out otherwise for another one who computes it.
    Disagreement,
    /// A rule of the books does not hold.
    Invariant,
}

impl Trigger {
    /// Its stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Trigger::OrderRate => "order_rate",
            Trigger::Refusals => "refusals",
            Trigger::CollarHits => "collar_hits",
            Trigger::MissingData => "missing_data",
            Trigger::SilentChain => "silent_chain",
            Trigger::Forecast => "forecast",
            Trigger::Loss => "loss",
            Trigger::Drawdown => "drawdown",
            Trigger::Undelivered => "undelivered",
            Trigger::Disagreement => "disagreement",
            Trigger::Invariant => "invariant",
        }
    }

    /// Whether it stops all zones: what it is about is not of one of them.
    const fn is_global(self) -> bool {
        matches!(self, Trigger::Invariant)
    }

    /// What those concerned read.
    const fn reason(self) -> &'static str {
        match self {
            Trigger::OrderRate => "more orders within a minute than an account may send",
            Trigger::Refusals => "more refused orders within an hour than an account may have",
            Trigger::CollarHits => {
                "prices of several accounts are refused: their measure is in doubt"
            }
            Trigger::MissingData => "nothing is metered any more",
            Trigger::SilentChain => "no block comes any more",
            Trigger::Forecast => "what is metered is far off what the rule orders by",
            Trigger::Loss => "the rule loses against the tariff",
            Trigger::Drawdown => "the rule loses what it had gained against the tariff",
            Trigger::Undelivered => "too little of what the account sells is delivered",
            Trigger::Disagreement => {
                "a clearing comes out otherwise for another one who computes it"
            }
            Trigger::Invariant => "a rule that must always hold of the books does not",
        }
    }
}

/// A limit that was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// Which.
    pub trigger: Trigger,
    /// Who is stopped; everybody when `None`.
    pub trader: Option<Trader>,
    /// What was measured.
    pub measured: u64,
    /// The most that was allowed.
    pub most: u64,
    /// From when to when.
    pub span: (Timestamp, Timestamp),
    /// What it stands on.
    pub evidence: Vec<String>,
}

/// Who stops when the market does it by itself: nobody's party.
pub fn machine() -> PartyId {
    PartyId::derived("the market itself")
}

impl Exchange {
    /// What a passed limit brings at `now`; `None` where it stands already.
    pub fn stopped_by(&self, trip: Trip, now: Timestamp) -> Option<Entry> {
        let global = trip.trigger.is_global();
        let stop = if global { self.stopped_all() } else { self.stopped_zone() };
        let stands = trip.trader.map_or(stop, |trader| self.suspension(trader));
        if stands.is_some() || trip.trader.is_some_and(|trader| self.owner(trader).is_none()) {
            return None;
        }
        let mut evidence = trip.evidence;
        evidence.truncate(EVIDENCE_LINES_MAX);
        let suspension = Suspension {
            reason: trip.trigger.reason().to_owned(),
            by: machine(),
            at: now,
            tripped: Some(Tripped {
                trigger: trip.trigger.code().to_owned(),
                measured: trip.measured,
                most: trip.most,
                from: trip.span.0,
                to: trip.span.1,
                evidence,
            }),
        };
        Some(match trip.trader {
            None if global => Entry::StoppedAll(suspension),
            None => Entry::Stopped(suspension),
            Some(trader) => Entry::Suspended { trader, suspension },
        })
    }
}

/// How many there were in a window that ends now, to a tenth of it.
#[derive(Debug, Clone, Default)]
struct Rate(VecDeque<(i64, u64)>);

impl Rate {
    /// Counts one at `now`; how many there are in the last `seconds`.
    fn add(&mut self, now: Timestamp, seconds: i64) -> u64 {
        let part = now.seconds().div_euclid(seconds / PARTS);
        // A clock that went back counts into the newest part.
        let part = self.0.back().map_or(part, |(newest, _)| part.max(*newest));
        self.0.retain(|(known, _)| *known > part - PARTS);
        match self.0.back_mut() {
            Some((newest, count)) if *newest == part => *count += 1,
            _ => self.0.push_back((part, 1)),
        }
        self.0.iter().map(|(_, count)| count).sum()
    }
}

/// What was counted of an account.
#[derive(Debug, Clone)]
struct Seen {
    orders: Rate,
    refusals: Rate,
    /// The newest that were sent.
    newest: VecDeque<OrderId>,
    /// The newest that were refused, and why.
    refused: VecDeque<(OrderId, Rejection)>,
    at: Timestamp,
}

/// The counts of one market.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    accounts: BTreeMap<AccountId, Seen>,
    collar: Rate,
    collar_newest: VecDeque<(AccountId, OrderId, Timestamp)>,
}

impl Guard {
    /// Counts an order that `account` sent and what it was answered; the limits that are passed
    /// with it.
    pub fn saw(
        &mut self,
        (account, order): (AccountId, OrderId),
        refused: Option<Rejection>,
        limits: &RiskLimits,
        now: Timestamp,
    ) -> Vec<Trip> {
        let echo = [Rejection::Suspended, Rejection::KillSwitch, Rejection::ZoneCurtailed];
        if refused.is_some_and(|why| echo.contains(&why)) {
            return Vec::new();
        }
        self.make_room(account);
        let seen = self.accounts.entry(account).or_insert_with(|| Seen::new(now));
        let mut trips: Vec<Trip> = seen.saw(order, refused, limits, now).into_iter().collect();
        if let Some(trip) = trips.first_mut() {
            trip.trader = Some(Trader::Account(account));
            self.accounts.remove(&account);
        }
        let priced = [Some(Rejection::PriceCollar), Some(Rejection::PriceReference)];
        if priced.contains(&refused) {
            trips.extend(self.hit_collar(account, order, limits, now));
        }
        trips
    }

    fn make_room(&mut self, account: AccountId) {
        if self.accounts.len() < ACCOUNTS_COUNTED_MAX || self.accounts.contains_key(&account) {
            return;
        }
        let oldest = self.accounts.iter().min_by_key(|(_, seen)| seen.at);
        if let Some(oldest) = oldest.map(|(account, _)| *account) {
            self.accounts.remove(&oldest);
        }
    }

    fn hit_collar(
        &mut self,
        account: AccountId,
        order: OrderId,
        limits: &RiskLimits,
        now: Timestamp,
    ) -> Option<Trip> {
        let measured = self.collar.add(now, HOUR);
        keep(&mut self.collar_newest, (account, order, now));
        let most = u64::from(limits.collar_hits_per_hour?);
        let since = now.plus_seconds(-HOUR);
        let recent = self.collar_newest.iter().filter(|(_, _, at)| *at > since);
        let accounts: BTreeSet<AccountId> = recent.map(|(account, ..)| *account).collect();
        if measured <= most || accounts.len() < COLLAR_ACCOUNTS_MIN {
            return None;
        }
        let line = |(account, order, at): &(AccountId, OrderId, Timestamp)| {
            format!("{at}: order {order} of account {account}")
        };
        let evidence = self.collar_newest.iter().map(line).collect();
        (self.collar, self.collar_newest) = Default::default();
        let (trigger, span) = (Trigger::CollarHits, (since, now));
        Some(Trip { trigger, trader: None, measured, most, span, evidence })
    }
}

impl Seen {
    fn new(now: Timestamp) -> Seen {
        let (orders, refusals) = Default::default();
        Seen { orders, refusals, newest: VecDeque::new(), refused: VecDeque::new(), at: now }
    }

    /// The limit of an account that is passed with an order.
    fn saw(
        &mut self,
        order: OrderId,
        refused: Option<Rejection>,
        limits: &RiskLimits,
        now: Timestamp,
    ) -> Option<Trip> {
        self.at = now;
        keep(&mut self.newest, order);
        let sent = self.orders.add(now, MINUTE);
        if let Some(why) = refused {
            keep(&mut self.refused, (order, why));
            let count = self.refusals.add(now, HOUR);
            if let Some(most) = limits.refusals_per_hour.map(u64::from).filter(|m| count > *m) {
                let line = |(order, why): &(OrderId, Rejection)| {
                    format!("order {order} was refused: {}", why.code())
                };
                let evidence = self.refused.iter().map(line).collect();
                return Some(trip(Trigger::Refusals, (count, most), (HOUR, now), evidence));
            }
        }
        let most = limits.orders_per_minute.map(u64::from).filter(|most| sent > *most)?;
        let evidence = self.newest.iter().map(|order| format!("order {order} was sent")).collect();
        Some(trip(Trigger::OrderRate, (sent, most), (MINUTE, now), evidence))
    }
}

fn trip(
    trigger: Trigger,
    (measured, most): (u64, u64),
    (seconds, now): (i64, Timestamp),
    evidence: Vec<String>,
) -> Trip {
    let span = (now.plus_seconds(-seconds), now);
    Trip { trigger, trader: None, measured, most, span, evidence }
}

/// Keeps the newest few.
fn keep<T>(newest: &mut VecDeque<T>, one: T) {
    if newest.len() == EVIDENCE_LINES_MAX {
        newest.pop_front();
    }
    newest.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> RiskLimits {
        let few = Some(3);
        RiskLimits {
            orders_per_minute: few,
            refusals_per_hour: few,
            collar_hits_per_hour: few,
            ..RiskLimits::default()
        }
    }

    /// Sends orders: `seconds account [refusal]`; what is stopped by each.
    fn check(story: &[(i64, &str, Option<Rejection>)], expected: &[Option<Trigger>]) {
        let mut guard = Guard::default();
        let mut found = Vec::new();
        for (place, (seconds, account, refused)) in story.iter().enumerate() {
            let (account, now) = (AccountId::derived(account), Timestamp::from_seconds(*seconds));
            let order = OrderId::derived(&place.to_string());
            let trips = guard.saw((account, order), *refused, &limits(), now);
            assert!(trips.len() < 2 && trips.iter().all(|trip| trip.measured == 4));
            found.push(trips.first().map(|trip| trip.trigger));
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn an_account_that_sends_too_fast_is_stopped_and_counted_anew() {
        let one = |seconds| (seconds, "a", None);
        let stopped = Some(Trigger::OrderRate);
        let all = [one(600), one(601), one(602), one(603), one(604), one(605)];
        check(&all, &[None, None, None, stopped, None, None]);
        check(&[one(0), one(20), one(40), one(60), one(80)], &[None; 5]);
        let other = (602, "b", None);
        check(&[one(600), one(601), other, one(602), one(603)], &[None, None, None, None, stopped]);
    }

    #[test]
    fn refusals_are_counted_over_an_hour_and_those_of_a_stop_are_not() {
        let one = |minutes: i64, why| (minutes * 60, "a", Some(why));
        let funds = |minutes| one(minutes, Rejection::Funds);
        let all = [funds(0), funds(10), funds(20), funds(30)];
        check(&all, &[None, None, None, Some(Trigger::Refusals)]);
        check(&[funds(0), funds(20), funds(40), funds(61), funds(121)], &[None; 5]);
        let echo = |minutes| one(minutes, Rejection::KillSwitch);
        check(&[funds(0), echo(1), echo(2), echo(3), echo(4)], &[None; 5]);
    }

    #[test]
    fn prices_that_three_accounts_have_refused_put_their_measure_in_doubt() {
        let hit = |minutes: i64, who| (minutes * 60, who, Some(Rejection::PriceCollar));
        let stopped = Some(Trigger::CollarHits);
        check(
            &[hit(0, "a"), hit(5, "b"), hit(10, "c"), hit(15, "a")],
            &[None, None, None, stopped],
        );
        check(&[hit(0, "a"), hit(5, "b"), hit(10, "a"), hit(15, "b")], &[None; 4]);
    }
}

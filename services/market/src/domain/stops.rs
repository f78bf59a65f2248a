//! Who may not trade, and why: what suspensions and stops say of an order.
//!
//! ```text
//! account | connection point | standing rule | what an account sells     suspended
//! zone | all zones                                                       stopped
//! ```
//!
//! The stop of all zones stands beside that of the zone: either is lifted for itself, and nobody
//! trades while one stands. Each market has both in its own journal.
//! Deliberately absent: who decides about them (`limits.rs`, `consents.rs`), and what is found by
//! itself (`guard.rs`, `feeds.rs`, `reputation.rs`).

use calendar::Timestamp;
use contracts::Side;
use ids::{AccountId, ConnectionPointId, OrderId};

use super::limits::Limits;
use super::{Entry, Exchange, RuleName, Suspension, Trader};

impl Limits {
    pub(super) fn suspend(&mut self, trader: Trader, suspension: Suspension) {
        match trader {
            Trader::Account(account) => self.accounts.insert(account, suspension),
            Trader::ConnectionPoint(point) => self.points.insert(point, suspension),
            Trader::Rule(RuleName { connection_point, side }) => {
                self.rules.entry(connection_point).or_default().insert(side, suspension)
            }
            Trader::Seller(account) => self.sellers.insert(account, suspension),
        };
    }

    pub(super) fn resume(&mut self, trader: Trader) {
        match trader {
            Trader::Account(account) => self.accounts.remove(&account),
            Trader::ConnectionPoint(point) => self.points.remove(&point),
            Trader::Rule(RuleName { connection_point, side }) => {
                let sides = self.rules.get_mut(&connection_point);
                let suspension = sides.and_then(|sides| sides.remove(&side));
                self.rules.retain(|_, sides| !sides.is_empty());
                suspension
            }
            Trader::Seller(account) => self.sellers.remove(&account),
        };
    }
}

impl Exchange {
    /// The entry that stops trading, here or in all zones, unless it stands like this.
    pub(super) fn stopping(&self, why: Suspension, all: bool) -> Option<Entry> {
        let stands = if all { self.stopped_all() } else { self.stopped_zone() };
        let same = stands.is_some_and(|known| known.reason == why.reason);
        let entry = if all { Entry::StoppedAll(why) } else { Entry::Stopped(why) };
        (!same).then_some(entry)
    }

    /// Trading was stopped, or goes on, here or in all zones, as `entry` says.
    pub(super) fn stop_or_start(&mut self, entry: &Entry, why: Option<&Suspension>) {
        let all = matches!(entry, Entry::StoppedAll(_) | Entry::StartedAll { .. });
        let stop = if all { &mut self.limits.stopped_all } else { &mut self.limits.stopped };
        *stop = why.cloned();
    }

    /// A trader may trade again; what a seller delivered begins anew.
    pub(super) fn resumed(&mut self, trader: Trader, at: Timestamp) {
        self.limits.resume(trader);
        self.deliveries.resumed(trader, at);
    }

    /// The open orders of a trader, by slot.
    pub(super) fn open_of(&self, trader: Trader) -> Vec<OrderId> {
        let Some(account) = self.owner(trader) else { return Vec::new() };
        let open = self.slots.values().filter_map(|book| book.open.get(&account)).flatten();
        let concerned = open.filter(|order| match trader {
            Trader::Account(_) => true,
            Trader::ConnectionPoint(point) => self.orders[*order].terms.connection_point == point,
            Trader::Rule(RuleName { connection_point, side }) => {
                let order = &self.orders[*order];
                let terms = &order.terms;
                (terms.connection_point, terms.side) == (connection_point, side)
                    && self.is_of_rule(order)
            }
            Trader::Seller(_) => self.orders[*order].terms.side == Side::Sell,
        });
        concerned.copied().collect()
    }

    /// The account that a trader is, or belongs to; `None` when this market does not know it.
    pub fn owner(&self, trader: Trader) -> Option<AccountId> {
        match trader {
            Trader::Account(account) | Trader::Seller(account) => {
                self.members.get(&account).map(|member| member.account)
            }
            Trader::ConnectionPoint(point)
            | Trader::Rule(RuleName { connection_point: point, .. }) => {
                self.points.get(&point).map(|point| point.account)
            }
        }
    }

    /// Why a trader may not trade; `None` when it may.
    pub fn suspension(&self, trader: Trader) -> Option<&Suspension> {
        match trader {
            Trader::Account(account) => self.limits.accounts.get(&account),
            Trader::ConnectionPoint(point) => self.limits.points.get(&point),
            Trader::Rule(RuleName { connection_point, side }) => {
                self.limits.rules.get(&connection_point)?.get(&side)
            }
            Trader::Seller(account) => self.limits.sellers.get(&account),
        }
    }

    /// All suspensions: of accounts, of connection points, of standing rules, from selling.
    pub fn suspensions(&self) -> impl Iterator<Item = (Trader, &Suspension)> {
        let accounts = self.limits.accounts.iter().map(|(id, why)| (Trader::Account(*id), why));
        let points = self.limits.points.iter();
        let rules = self.limits.rules.iter().flat_map(|(point, sides)| {
            let named = |side| Trader::Rule(RuleName { connection_point: *point, side });
            sides.iter().map(move |(side, why)| (named(*side), why))
        });
        let sellers = self.limits.sellers.iter().map(|(id, why)| (Trader::Seller(*id), why));
        let points = points.map(|(id, why)| (Trader::ConnectionPoint(*id), why));
        accounts.chain(points).chain(rules).chain(sellers)
    }

    /// Why nobody may trade here; `None` while trading goes on. Where all zones are stopped, that.
    pub fn stopped(&self) -> Option<&Suspension> {
        self.stopped_all().or(self.stopped_zone())
    }

    /// Why nobody may trade in any zone.
    pub fn stopped_all(&self) -> Option<&Suspension> {
        self.limits.stopped_all.as_ref()
    }

    /// Why nobody may trade in this zone, whatever holds in all of them.
    pub fn stopped_zone(&self) -> Option<&Suspension> {
        self.limits.stopped.as_ref()
    }

    /// Neither the account nor the connection point is suspended.
    pub(super) fn may_trade(&self, account: AccountId, point: ConnectionPointId) -> bool {
        [Trader::Account(account), Trader::ConnectionPoint(point)]
            .into_iter()
            .all(|trader| self.suspension(trader).is_none())
    }

    /// Whether an account may place orders of a side.
    pub(super) fn may_take(&self, side: Side, account: AccountId) -> bool {
        side == Side::Buy || self.suspension(Trader::Seller(account)).is_none()
    }
}

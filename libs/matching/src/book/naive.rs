//! The slow twin of [`super::Book`]: one list of orders in the order in which they came to rest,
//! searched from end to end for every question. It is the oracle of the tests, and shares no code
//! with the book but what both are told and answer.
//!
//! Limits: every message takes time in proportion to the resting orders, and a fill-or-kill order
//! is tried on a copy of the whole.

use super::{
    Cause, Entry, Level, Limits, Message, QUANTITY_MAX, Reason, Report, Resting, SelfTrade,
    Snapshot, TimeInForce,
};
use crate::Side;

/// A resting order, and all that was said of it.
#[derive(Debug, Clone)]
struct Slow {
    order: u32,
    entry: Entry,
}

/// A list of orders that trades as a book does.
#[derive(Debug, Clone)]
pub struct Twin {
    limits: Limits,
    resting: Vec<Slow>,
    entered: u32,
    now: u64,
}

impl Twin {
    /// An empty list. The limits are taken as they are.
    pub fn new(limits: Limits) -> Twin {
        Twin { limits, resting: Vec::new(), entered: 0, now: 0 }
    }

    /// Takes a message; gives what came of it.
    pub fn submit(&mut self, message: &Message) -> Vec<Report> {
        let mut reports = Vec::new();
        match *message {
            Message::New(entry) => self.enter(entry, &mut reports),
            Message::Cancel { order } => match self.take_out(order) {
                Some(slow) => reports.push(Report::Cancelled {
                    order,
                    quantity: slow.entry.quantity,
                    cause: Cause::Asked,
                }),
                None => reports.push(Report::Rejected { order, reason: Reason::Unknown }),
            },
            Message::Modify { order, price, quantity } => {
                self.modify(order, price, quantity, &mut reports);
            }
            Message::Expire { now } => self.expire(now, &mut reports),
        }
        reports
    }

    fn enter(&mut self, entry: Entry, reports: &mut Vec<Report>) {
        let order = self.entered;
        if let Some(reason) = self.objection(&entry) {
            self.entered += u32::from(reason != Reason::Exhausted);
            reports.push(Report::Rejected { order, reason });
            return;
        }
        self.entered += 1;
        reports.push(Report::Accepted { order });
        self.match_and_rest(Slow { order, entry }, reports);
    }

    fn objection(&self, entry: &Entry) -> Option<Reason> {
        let late = matches!(entry.time_in_force, TimeInForce::GoodTill(until) if until <= self.now);
        if entry.price < self.limits.price_min || entry.price > self.limits.price_max {
            Some(Reason::Price)
        } else if entry.quantity == 0 || entry.quantity > QUANTITY_MAX {
            Some(Reason::Quantity)
        } else if late {
            Some(Reason::Late)
        } else if self.entered >= self.limits.entries_max {
            Some(Reason::Exhausted)
        } else if self.resting.len() as u64 >= u64::from(self.limits.orders_max) {
            Some(Reason::Full)
        } else if entry.time_in_force == TimeInForce::FillOrKill && !self.would_fill(entry) {
            Some(Reason::NotFillable)
        } else {
            None
        }
    }

    /// Lets the order in on a copy, and counts.
    fn would_fill(&self, entry: &Entry) -> bool {
        let immediate = Entry { time_in_force: TimeInForce::ImmediateOrCancel, ..*entry };
        let traded: u64 = self.clone().submit(&Message::New(immediate)).iter().map(traded).sum();
        traded == entry.quantity
    }

    fn modify(&mut self, order: u32, price: i32, quantity: u64, reports: &mut Vec<Report>) {
        let found = self.resting.iter_mut().find(|slow| slow.order == order);
        let objection = match found {
            None => Some(Reason::Unknown),
            Some(_) if price < self.limits.price_min || price > self.limits.price_max => {
                Some(Reason::Price)
            }
            Some(_) if quantity == 0 || quantity > QUANTITY_MAX => Some(Reason::Quantity),
            Some(slow) => {
                reports.push(Report::Modified { order, price, quantity });
                if slow.entry.price == price && quantity <= slow.entry.quantity {
                    slow.entry.quantity = quantity;
                    return;
                }
                None
            }
        };
        if let Some(reason) = objection {
            reports.push(Report::Rejected { order, reason });
        } else if let Some(mut slow) = self.take_out(order) {
            slow.entry.price = price;
            slow.entry.quantity = quantity;
            self.match_and_rest(slow, reports);
        }
    }

    fn expire(&mut self, now: u64, reports: &mut Vec<Report>) {
        self.now = self.now.max(now);
        let mut due: Vec<(u64, u32)> = Vec::new();
        for slow in &self.resting {
            match slow.entry.time_in_force {
                TimeInForce::GoodTill(until) if until <= self.now => due.push((until, slow.order)),
                _ => {}
            }
        }
        due.sort_unstable();
        for (_, order) in due {
            if let Some(slow) = self.take_out(order) {
                reports.push(Report::Expired { order, quantity: slow.entry.quantity });
            }
        }
    }

    fn take_out(&mut self, order: u32) -> Option<Slow> {
        let place = self.resting.iter().position(|slow| slow.order == order)?;
        Some(self.resting.remove(place))
    }

    /// The place of the order that this one would meet first.
    fn best_against(&self, entry: &Entry) -> Option<usize> {
        let crossing = self.resting.iter().enumerate().filter(|(_, slow)| {
            slow.entry.side != entry.side
                && match entry.side {
                    Side::Buy => slow.entry.price <= entry.price,
                    Side::Sell => slow.entry.price >= entry.price,
                }
        });
        // Of equal ones the first counts, which came first.
        let cost = |slow: &Slow| match entry.side {
            Side::Buy => i64::from(slow.entry.price),
            Side::Sell => -i64::from(slow.entry.price),
        };
        crossing.min_by_key(|(_, slow)| cost(slow)).map(|(place, _)| place)
    }

    fn match_and_rest(&mut self, mut taker: Slow, reports: &mut Vec<Report>) {
        while let Some(place) = self.best_against(&taker.entry) {
            let maker = &self.resting[place];
            let (order, open, price) = (maker.order, maker.entry.quantity, maker.entry.price);
            let both = open.min(taker.entry.quantity);
            let own = maker.entry.owner == taker.entry.owner;
            let (maker_goes, taker_goes) = match (own, taker.entry.self_trade) {
                (true, SelfTrade::CancelNewest) => (false, true),
                (true, SelfTrade::CancelOldest) => (true, false),
                (true, SelfTrade::CancelBoth) => (true, true),
                _ => (false, false),
            };
            if maker_goes {
                self.resting.remove(place);
                reports.push(Report::Cancelled { order, quantity: open, cause: Cause::SelfTrade });
            }
            if taker_goes {
                let (order, quantity) = (taker.order, taker.entry.quantity);
                reports.push(Report::Cancelled { order, quantity, cause: Cause::SelfTrade });
                return;
            }
            if maker_goes {
                continue;
            }
            let name = taker.order;
            reports.push(if own {
                Report::Netted { taker: name, maker: order, quantity: both }
            } else {
                Report::Trade { taker: name, maker: order, price, quantity: both }
            });
            taker.entry.quantity -= both;
            if both == open {
                self.resting.remove(place);
                reports.push(Report::Done { order });
            } else {
                self.resting[place].entry.quantity -= both;
            }
            if taker.entry.quantity == 0 {
                reports.push(Report::Done { order: name });
                return;
            }
        }
        match taker.entry.time_in_force {
            TimeInForce::GoodTillCancelled | TimeInForce::GoodTill(_) => self.resting.push(taker),
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => {
                let (order, quantity) = (taker.order, taker.entry.quantity);
                reports.push(Report::Cancelled { order, quantity, cause: Cause::Immediate });
            }
        }
    }

    /// All that rests, in the order in which it would trade.
    pub fn snapshot(&self) -> Snapshot {
        let side = |side: Side| {
            let mut levels: Vec<Level> = Vec::new();
            for slow in self.resting.iter().filter(|slow| slow.entry.side == side) {
                let entry = slow.entry;
                let until = match entry.time_in_force {
                    TimeInForce::GoodTill(until) => Some(until),
                    _ => None,
                };
                let Entry { owner, quantity, self_trade, .. } = entry;
                let resting = Resting { order: slow.order, owner, quantity, until, self_trade };
                match levels.iter_mut().find(|level| level.price == entry.price) {
                    Some(level) => {
                        level.quantity += quantity;
                        level.orders.push(resting);
                    }
                    None => {
                        levels.push(Level { price: entry.price, quantity, orders: vec![resting] })
                    }
                }
            }
            levels.sort_by_key(|level| level.price);
            levels
        };
        let mut bids = side(Side::Buy);
        bids.reverse();
        Snapshot { bids, asks: side(Side::Sell) }
    }
}

fn traded(report: &Report) -> u64 {
    match *report {
        Report::Trade { quantity, .. } => quantity,
        _ => 0,
    }
}

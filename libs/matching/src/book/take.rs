//! An order meets the other side.

use super::queues::NONE;
use super::{Book, Cause, Entry, MODE_SHIFT, Report, SIDE, SelfTrade, index};

/// An order on its way in.
pub(super) struct Taker {
    pub(super) order: u32,
    pub(super) owner: u32,
    /// Its limit, counted from the lowest price.
    pub(super) price: u32,
    /// What is open of it; above zero.
    pub(super) quantity: u64,
    pub(super) flags: u32,
    /// Till when it is good, where it has not rested before.
    pub(super) until: Option<u64>,
}

impl Book {
    /// Trades while prices cross; what is left rests, or is cancelled.
    #[inline(always)]
    pub(super) fn meet(&mut self, taker: &mut Taker, rests: bool, reports: &mut Vec<Report>) {
        let against = (taker.flags & SIDE ^ 1) as usize;
        let limit = self.turn(taker.price, against);
        // Without orders the best merit is above every limit.
        if self.sides[against].best() <= limit && !self.take(taker, against, limit, reports) {
            return;
        }
        if rests {
            self.rest(taker);
        } else {
            let (order, quantity) = (taker.order, taker.quantity);
            reports.push(Report::Cancelled { order, quantity, cause: Cause::Immediate });
        }
    }

    /// Takes from the best price and who came first there; says whether something is left to rest.
    fn take(
        &mut self,
        taker: &mut Taker,
        against: usize,
        limit: u32,
        reports: &mut Vec<Report>,
    ) -> bool {
        loop {
            let best = self.sides[against].best();
            if best > limit {
                return true;
            }
            let price = self.turn(best, against);
            let (slot, ticks) = (self.queues.first(price), self.ticks(price));
            let maker = self.queues.at_mut(slot);
            if maker.owner == taker.owner {
                if !self.own(taker, slot, reports) {
                    return false;
                }
                continue;
            }
            let quantity = maker.quantity.min(taker.quantity);
            maker.quantity -= quantity;
            taker.quantity -= quantity;
            let (order, left) = (maker.order, maker.quantity);
            reports.push(Report::Trade {
                taker: taker.order,
                maker: order,
                price: ticks,
                quantity,
            });
            if left == 0 {
                self.remove(slot);
                reports.push(Report::Done { order });
            }
            if taker.quantity == 0 {
                reports.push(Report::Done { order: taker.order });
                return false;
            }
        }
    }

    /// An order meets one of its owner; says whether it goes on.
    #[cold]
    fn own(&mut self, taker: &mut Taker, slot: u32, reports: &mut Vec<Report>) -> bool {
        let cause = Cause::SelfTrade;
        let mode = mode(taker.flags);
        if mode == SelfTrade::Decrement {
            return self.net(taker, slot, reports);
        }
        if mode != SelfTrade::CancelNewest {
            let maker = self.remove(slot);
            let (order, quantity) = (maker.order, maker.quantity);
            reports.push(Report::Cancelled { order, quantity, cause });
        }
        if mode != SelfTrade::CancelOldest {
            let (order, quantity) = (taker.order, taker.quantity);
            reports.push(Report::Cancelled { order, quantity, cause });
        }
        mode == SelfTrade::CancelOldest
    }

    /// Both lose the smaller of their quantities; says whether the taker goes on.
    fn net(&mut self, taker: &mut Taker, slot: u32, reports: &mut Vec<Report>) -> bool {
        let maker = self.queues.at_mut(slot);
        let quantity = maker.quantity.min(taker.quantity);
        maker.quantity -= quantity;
        taker.quantity -= quantity;
        let (order, left) = (maker.order, maker.quantity);
        reports.push(Report::Netted { taker: taker.order, maker: order, quantity });
        if left == 0 {
            self.remove(slot);
            reports.push(Report::Done { order });
        }
        if taker.quantity == 0 {
            reports.push(Report::Done { order: taker.order });
        }
        taker.quantity > 0
    }

    /// Whether an order would trade at least this much on coming in, now.
    ///
    /// It looks at the orders that it would meet, one by one. False where its price is outside of
    /// the book's range.
    pub fn can_fill(&self, entry: &Entry, least: u64) -> bool {
        let Ok(price) = self.counted(entry.price) else { return false };
        let against = index(entry.side) ^ 1;
        let limit = self.turn(price, against);
        let (mut traded, mut left) = (0, entry.quantity);
        let mut merit = self.sides[against].best();
        while traded < least && merit <= limit {
            let mut slot = self.queues.first(self.turn(merit, against));
            while traded < least && slot != NONE {
                let maker = self.queues.at(slot);
                let quantity = maker.quantity.min(left);
                match (maker.owner == entry.owner, entry.self_trade) {
                    (false, _) => {
                        traded += quantity;
                        left -= quantity;
                    }
                    (true, SelfTrade::Decrement) => left -= quantity,
                    (true, SelfTrade::CancelOldest) => {}
                    (true, SelfTrade::CancelNewest | SelfTrade::CancelBoth) => left = 0,
                }
                if left == 0 {
                    return traded >= least;
                }
                slot = self.queues.after(slot);
            }
            merit = self.sides[against].next(merit + 1);
        }
        traded >= least
    }
}

/// What happens when the order would meet its own owner.
pub(super) fn mode(flags: u32) -> SelfTrade {
    match flags >> MODE_SHIFT & 3 {
        0 => SelfTrade::CancelNewest,
        1 => SelfTrade::CancelOldest,
        2 => SelfTrade::CancelBoth,
        _ => SelfTrade::Decrement,
    }
}

//! The books of the season.

use billing::domain::journal::{Book, Entry, Fact, PointMetered, Settled, Totals};
use billing::domain::reconcile::{Delivery, Metered};
use contracts::Reconciled;
use units::Money;

use super::{HOMES, HOURS, Season, address, home_of, point};

/// The journal, told of everything.
#[derive(Default)]
pub(super) struct Books {
    pub(super) book: Book,
    pub(super) entries: Vec<Entry>,
}

impl Books {
    pub(super) fn post(&mut self, source: &str, fact: Fact) {
        self.entries.push(self.book.post(source, fact).unwrap());
    }

    /// Everybody has cash enough, and every trade is settled.
    pub(super) fn open(season: &Season) -> Books {
        let mut books = Books::default();
        let amount = Money::from_n(1_000_000_000_000);
        for home in 0..HOMES {
            books.post("minted", Fact::Minted { amount });
            books.post("deposited", Fact::Deposited { account: address(home), amount });
        }
        for (hour, trades) in season.trades.iter().enumerate() {
            for trade in trades {
                let terms = season.terms[&trade.id];
                let (buyer, seller) = (home_of(trade.buyer), home_of(trade.seller));
                let day = u32::try_from(season.slot(hour).unsigned() / 86_400).unwrap();
                let settled = Settled {
                    trade: trade.id,
                    buyer: address(buyer),
                    seller: address(seller),
                    buyer_point: trade.buyer,
                    seller_point: trade.seller,
                    slot: season.slot(hour),
                    day,
                    escrow: terms.escrow().unwrap(),
                    collateral: terms.collateral().unwrap(),
                    terms,
                    network_account: season.policy.network_account,
                    platform_account: season.policy.platform_account,
                    difference_account: season.policy.difference_account,
                    balance_account: season.policy.balance_account,
                };
                books.post("settled", Fact::Settled(Box::new(settled)));
            }
        }
        books
    }

    /// What is known at a stage and was not before: intervals, and the runs that follow from them.
    pub(super) fn learn(&mut self, season: &Season, stage: usize) {
        for hour in 0..HOURS {
            let before = stage.checked_sub(1);
            let known = |home: usize| {
                let now = season.meters[home][hour][stage]?;
                let told = before.and_then(|before| season.meters[home][hour][before]);
                let Metered { import, export } = now;
                (told != Some(now)).then_some(PointMetered { point: point(home), import, export })
            };
            let intervals: Vec<PointMetered> = (0..HOMES).filter_map(known).collect();
            if intervals.is_empty() {
                continue;
            }
            let slot = season.slot(hour);
            self.post("interval", Fact::Metered { slot, intervals });
            let last = before.map(|before| season.deliveries(hour, before));
            for (place, delivery) in season.deliveries(hour, stage).into_iter().enumerate() {
                if last.as_ref().is_some_and(|last| last[place] == delivery) {
                    continue;
                }
                let Delivery { trade, delivered, seller_short, buyer_short } = delivery;
                let run = u8::try_from(stage).unwrap();
                let run = Reconciled { trade, run, delivered, seller_short, buyer_short };
                let totals = Totals::of(&season.terms[&trade], &run).unwrap();
                self.post("run", Fact::Reconciled { trade, totals });
            }
        }
    }
}

//! Random days: the journal alone gives the same market, and holds are always explained.

use contracts::Side;
use events::market::CancelledBy;
use ids::{PartyId, Uuid};
use market::domain::{
    Buying, Change, Entry, Exchange, Export, Movement, Placement, Status, Trader, Wish,
};
use units::{Energy, Money};

use crate::town::*;

/// A small generator whose seed is printed by every failing test.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// The market and the journal it is the fold of.
struct Day {
    exchange: Exchange,
    journal: Vec<String>,
    blocks: u64,
    feed: u64,
    pending: Vec<u64>,
}

impl Day {
    fn record(&mut self, entry: &Entry) {
        let consequences = self.exchange.consequences(entry);
        for entry in std::iter::once(entry).chain(&consequences) {
            self.exchange.apply(entry);
            self.journal.push(serde_json::to_string(entry).unwrap());
        }
    }

    fn connect(&mut self, finalized: u64, movements: Vec<Movement>) {
        self.blocks += 1;
        self.feed += 1;
        let mut entry = block(self.blocks, finalized, movements);
        if let Entry::Connected { sequence, .. } = &mut entry {
            *sequence = self.feed;
        }
        self.pending.push(self.blocks);
        self.pending.retain(|number| *number > finalized);
        self.record(&entry);
    }

    fn disconnect(&mut self) {
        let Some(number) = self.pending.pop() else { return };
        self.feed += 1;
        self.blocks = number - 1;
        let hash = block_hash(number);
        self.record(&Entry::Disconnected { sequence: self.feed, number, hash });
    }
}

/// What the wallets must hold, from the orders and trades alone.
fn check_holds(day: &Day, seed: u64) {
    for name in NAMES {
        let address = neighbour(name).address();
        let own = day.exchange.orders().filter(|order| order.terms.account == address);
        let open = own.filter(|order| order.status == Status::Open).map(|order| order.hold.n());
        let mut expected: i64 = open.sum();
        for trade in day
            .exchange
            .slots()
            .flat_map(|(_, book)| book.cleared.iter().flat_map(|cleared| cleared.trades.clone()))
        {
            let of = |order| day.exchange.order(order).unwrap().terms.account;
            if day.exchange.settlement(trade.trade) == "pending" {
                expected += if of(trade.buy) == address { trade.escrow.n() } else { 0 };
                expected += if of(trade.sell) == address { trade.collateral.n() } else { 0 };
            }
        }
        let held = day.exchange.wallet(address).held().n();
        assert_eq!(held, expected, "holds of {name}, seed {seed}");
    }
}

fn step(day: &mut Day, dice: &mut Dice, nonce: u64) {
    let name = NAMES[usize::try_from(dice.below(6)).unwrap()];
    let (who, start) = (neighbour(name), slot().later(i64::try_from(dice.below(9)).unwrap()));
    match dice.below(11) {
        0..6 => {
            let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
            let (quantity, price) = (10 + dice.below(3000), (500 + dice.below(2500)) * 100);
            let mut terms = who.terms(side, quantity, price);
            terms.slot = start.start.unsigned();
            terms.expiry = start.end().unsigned();
            terms.nonce = contracts::U256::from(nonce);
            terms.min_fill = Energy::from_wh(if dice.below(5) == 0 { quantity } else { 0 });
            let order = who.sign(terms);
            if let Ok(Placement::New(accepted)) =
                day.exchange.place(&order, &parameters(), morning())
            {
                day.record(&Entry::Accepted(*accepted));
            }
        }
        6 => {
            let open: Vec<_> =
                day.exchange.orders().filter(|order| order.status == Status::Open).collect();
            if let Some(order) = open.first() {
                let (id, account) = (order.id, order.account);
                let entry = day.exchange.cancel(id, account, &parameters(), morning());
                day.record(&entry.unwrap().unwrap());
            }
        }
        7 => {
            let last = at("2026-06-01T23:00:00Z");
            if let Some(&first) = day.exchange.due(&parameters(), last).first() {
                let slot = calendar::Slot { start: first, ..start };
                let gate = parameters().gate(first);
                let cleared = day.exchange.clear(slot, &parameters(), gate);
                let apart = day.exchange.of_slot(first).clear(slot, &parameters(), gate);
                assert_eq!(apart, cleared, "a slot apart from the rest clears alike");
                day.record(&Entry::Cleared(cleared));
            }
        }
        8 => {
            let mut movements = vec![Movement::In {
                address: who.address(),
                amount: Money::from_n(i64::try_from(dice.below(1_000_000)).unwrap()),
            }];
            let trades = day.exchange.slots().flat_map(|(_, book)| {
                book.cleared.iter().flat_map(|cleared| cleared.trades.clone())
            });
            let exchange = &day.exchange;
            let waiting = trades.filter(|trade| exchange.settlement(trade.trade) == "pending");
            for trade in waiting.take(2) {
                let buyer = exchange.order(trade.buy).unwrap().terms.account;
                movements.push(Movement::Ended { trade: trade.trade, settled: true });
                movements.push(Movement::Out { address: buyer, amount: trade.escrow });
            }
            let finalized = day.blocks.saturating_sub(dice.below(3));
            day.connect(finalized.max(day.blocks.saturating_sub(2)), movements);
        }
        9 => day.disconnect(),
        _ => limit(day, dice, &who),
    }
}

/// Something about who and what may trade.
fn limit(day: &mut Day, dice: &mut Dice, who: &Neighbour) {
    let (from, to) = (slot().start, slot().later(2).start);
    let reason = || "a test".to_owned();
    let change = match dice.below(13) {
        0 => Change::Suspend { trader: Trader::Account(who.account()), reason: reason() },
        1..4 => Change::Ask {
            consent: Uuid::from_u128(u128::from(dice.below(1_000_000))),
            wish: Wish::Resume { trader: Trader::Account(who.account()) },
        },
        12 => {
            let held = dice.below(3) == 0;
            let reasons = held.then(|| "dunning".to_owned()).into_iter().collect();
            let number = 1 + day.feed + dice.below(3);
            let said = Buying { number, reasons, at: morning() };
            if let Some(entry) = day.exchange.buying_told(who.account(), said) {
                day.record(&entry);
            }
            return;
        }
        4 => Change::Curtail { from, to, reason: reason() },
        5..7 => Change::Lift { from, to },
        7..9 => {
            let days = i64::try_from(dice.below(40)).unwrap();
            let slot = from.plus_seconds(-days * 86_400);
            let quantity = Energy::from_wh(dice.below(3000));
            let version = u32::try_from(dice.below(4)).unwrap();
            let exports = vec![Export { connection_point: who.point(), quantity, version }];
            return day.record(&Entry::Exported { slot, exports, imports: Vec::new() });
        }
        _ => {
            let open = day.exchange.orders().rfind(|order| order.status == Status::Open);
            let open = open.filter(|_| dice.below(2) == 0);
            let (address, nonce) = open
                .map(|order| (order.terms.account, order.terms.nonce))
                .unwrap_or((who.address(), contracts::U256::from(dice.below(200))));
            let finalized = day.blocks.saturating_sub(2);
            return day.connect(finalized, vec![Movement::NonceEnded { address, nonce }]);
        }
    };
    let by = PartyId::derived(["operator", "second"][usize::from(dice.below(2) == 1)]);
    if let Ok(Some(entry)) = day.exchange.change(&change, by, &parameters(), morning()) {
        day.record(&entry);
    }
}

#[test]
fn random_days_are_the_fold_of_their_journal() {
    let (mut trades, mut cancelled) = (0, Vec::new());
    for seed in 0..100 {
        let mut dice = Dice(seed);
        let mut day =
            Day { exchange: town(), journal: Vec::new(), blocks: 1, feed: 1, pending: vec![] };
        for nonce in 0..200 {
            step(&mut day, &mut dice, nonce);
            check_holds(&day, seed);
        }
        let mut replayed = town();
        let half = day.journal.len() / 2;
        for (place, entry) in day.journal.iter().enumerate() {
            if place == half {
                // What a snapshot of then tells is what was there.
                let state = serde_json::to_string(&replayed).unwrap();
                let read: Exchange = serde_json::from_str(&state).unwrap();
                assert_eq!((read.hash(), &read), (replayed.hash(), &replayed), "seed {seed}");
                replayed = read;
            }
            let entry = serde_json::from_str(entry).unwrap();
            replayed.fits(&entry).unwrap();
            replayed.apply(&entry);
        }
        assert_eq!(replayed, day.exchange, "seed {seed}");
        assert_eq!(replayed.hash(), day.exchange.hash(), "seed {seed}");
        cancelled.extend(day.exchange.orders().map(|order| order.cancelled_by));
        let cleared = day.exchange.slots().filter_map(|(_, book)| book.cleared.as_ref());
        trades += cleared.map(|cleared| cleared.trades.len()).sum::<usize>();
    }
    assert!(trades > 200, "the days are too dull: {trades} trades");
    for by in [CancelledBy::Account, CancelledBy::Chain, CancelledBy::Suspension] {
        assert!(cancelled.contains(&Some(by)), "no order was taken back by {by:?}");
    }
}

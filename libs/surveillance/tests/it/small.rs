//! Hand-made cases: each rule at its thresholds and just below them.

use calendar::Timestamp;
use ids::OrderId;
use matching::{Side, Trade};
use surveillance::{Case, Day, Evidence, Order, Rule, Thresholds, Watch};
use units::{Energy, Price};

use crate::town::{CENT, FIRST_DAY, account, gate_of, interval, party, slot, slot_at};

/// Days that are written by hand.
pub(crate) struct Hand {
    pub(crate) days: Vec<Day>,
    count: u128,
}

/// A slot of a day.
#[derive(Clone, Copy)]
pub(crate) struct At(pub(crate) u32, pub(crate) usize);

impl At {
    fn start(self) -> Timestamp {
        slot_at(self.0, self.1)
    }
}

impl Hand {
    /// So many days, each with slots that have no price yet.
    pub(crate) fn new(days: u32) -> Hand {
        let day = |day: u32| Day {
            number: FIRST_DAY + day,
            slots: (0..96).map(|place| slot(slot_at(day, place), None)).collect(),
            ..Day::default()
        };
        Hand { days: (0..days).map(day).collect(), count: 0 }
    }

    fn day(&mut self, at: At) -> &mut Day {
        &mut self.days[at.0 as usize]
    }

    fn price(&mut self, at: At, n: i64) {
        self.day(at).slots[at.1].price = Some(Price::from_n_per_wh(n));
    }

    /// An order, so many seconds before the gate, at a limit in cents.
    pub(crate) fn order(
        &mut self,
        at: At,
        who: usize,
        side: Side,
        (wh, cents): (u64, i64),
        seconds: i64,
    ) -> OrderId {
        self.count += 1;
        let order = OrderId::from_uuid(ids::Uuid::from_u128(self.count));
        let placed = gate_of(at.start()).plus_seconds(-seconds);
        self.day(at).orders.push(Order {
            order,
            account: account(who),
            owner: party(who),
            side,
            slot: at.start(),
            quantity: Energy::from_wh(wh),
            limit: Price::from_n_per_wh(cents * CENT),
            placed,
            cancelled: None,
        });
        order
    }

    fn cancel(&mut self, at: At, order: OrderId, seconds: i64) {
        let moment = gate_of(at.start()).plus_seconds(-seconds);
        let orders = &mut self.day(at).orders;
        orders.iter_mut().find(|known| known.order == order).unwrap().cancelled = Some(moment);
    }

    /// A trade between orders of two homes that are placed for it.
    pub(crate) fn trade(&mut self, at: At, seller: usize, buyer: usize, wh: u64, cents: i64) {
        let buy = self.order(at, buyer, Side::Buy, (wh, cents), 600);
        let sell = self.order(at, seller, Side::Sell, (wh, cents), 600);
        self.meet(at, sell, buy, wh, cents);
    }

    fn meet(&mut self, at: At, seller: OrderId, buyer: OrderId, wh: u64, cents: i64) {
        let price = Price::from_n_per_wh(cents * CENT);
        let quantity = Energy::from_wh(wh);
        let (buy_price, sell_price) = (price, price);
        let trade = Trade { buyer, seller, quantity, buy_price, sell_price };
        self.day(at).trades.push(trade);
    }

    pub(crate) fn fed(&mut self, at: At, who: usize, wh: u64) {
        let interval = interval(who, party(who), at.start(), wh);
        self.day(at).intervals.push(interval);
    }

    /// The cases as of the last day.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let mut watch = Watch::new("village", Thresholds::default()).unwrap();
        let mut last = Vec::new();
        for day in &self.days {
            last = watch.day(day).unwrap();
        }
        last
    }

    /// Whether this rule finds these homes, and nothing else is found.
    fn check(&self, rule: Rule, homes: Option<&[usize]>, what: &str) -> Option<Case> {
        let mut cases = self.cases();
        let told: Vec<_> = cases.iter().map(|case| (case.rule, case.owners.clone())).collect();
        let owners = |homes: &[usize]| homes.iter().map(|home| party(*home)).collect();
        let expected: Vec<_> = homes.into_iter().map(|homes| (rule, owners(homes))).collect();
        assert_eq!(told, expected, "{what}: {cases:#?}");
        cases.pop()
    }
}

/// The place of the n-th slot and day, so many a day.
fn nth(n: usize, a_day: usize) -> At {
    At(u32::try_from(n / a_day).unwrap(), 30 + n % a_day)
}

#[test]
fn w1_round_trips_that_were_not_delivered() {
    let wash = |slots: usize, fed_in: u64| {
        let mut hand = Hand::new(4);
        for at in (0..slots).map(|n| nth(n, 10)) {
            hand.trade(at, 0, 1, 500, 20);
            hand.trade(at, 2, 0, 500, 20);
            hand.fed(at, 0, fed_in);
            hand.fed(at, 2, 500);
        }
        hand
    };
    let case = wash(32, 50).check(Rule::W1, Some(&[0]), "32 slots").unwrap();
    let figures: Vec<i128> = case.figures.iter().map(|figure| figure.value).collect();
    assert_eq!(figures, [32, 14_400, 90, 90]);
    assert_eq!((case.score, case.severity), (100, 3), "32 slots are just enough");
    assert_eq!(case.evidence.len(), 96, "two trades and an interval of each slot");
    assert_eq!(
        case.sentence(),
        "W1: buys and sells at once with no energy behind it: slots without delivery 32 slots (at \
         least 32), round trips without delivery 14400 Wh (at least 5000), of all round trips 90% \
         (at least 90), of all that it sold 90% (at least 75)"
    );
    wash(31, 50).check(Rule::W1, None, "a slot less");
    wash(32, 500).check(Rule::W1, None, "all of it was fed in");
    wash(32, 55).check(Rule::W1, None, "11 % of it was");
    let mut farm = wash(32, 50);
    (0..32).for_each(|n| farm.trade(nth(n, 10), 0, 3, 180, 20));
    farm.check(Rule::W1, None, "it sells a good quarter to others");
    let mut unknown = wash(32, 50);
    unknown.days.iter_mut().for_each(|day| day.intervals.clear());
    unknown.check(Rule::W1, None, "nobody knows what was fed in");
}

#[test]
fn w2_flows_that_close() {
    let circle = |days: u32, back: u64| {
        let mut hand = Hand::new(days);
        for day in 0..days {
            hand.trade(At(day, 10), 0, 1, 4_000, 20);
            hand.trade(At(day, 20), 1, 2, 4_000, 20);
            hand.trade(At(day, 30), 2, 0, back, 20);
        }
        hand
    };
    circle(3, 3_950).check(Rule::W2, Some(&[0, 1, 2]), "50 of 11 950 Wh are left");
    circle(3, 3_870).check(Rule::W2, None, "130 of 11 870 Wh are 1 %");
    circle(2, 3_950).check(Rule::W2, None, "two days");
    let mut among_others = circle(3, 3_950);
    for day in 0..3 {
        among_others.trade(At(day, 40), 0, 3, 13_000, 20);
    }
    among_others.check(Rule::W2, None, "0 sells four times as much elsewhere");
}

#[test]
fn l1_layers_that_go_before_the_gate() {
    let layers = |slots: usize, seconds: i64, kept: u64, first: i64| {
        let mut hand = Hand::new(1);
        for at in (0..slots).map(|n| At(0, n)) {
            let buy = hand.order(at, 0, Side::Buy, (200, 30), first);
            let layer = hand.order(at, 0, Side::Sell, (5_000, 20), 900);
            hand.cancel(at, layer, seconds);
            if kept > 0 {
                hand.order(at, 0, Side::Sell, (kept, 29), 900);
            }
            let sell = hand.order(at, 1, Side::Sell, (9_000, 10), 3_600);
            hand.meet(at, sell, buy, 200, 15);
        }
        hand
    };
    let case = layers(8, 60, 0, 300).check(Rule::L1, Some(&[0]), "8 slots").unwrap();
    let orders = case.evidence.iter().filter(|piece| matches!(piece, Evidence::Order { .. }));
    assert_eq!(orders.count(), 8, "every layer is named");
    layers(7, 60, 0, 300).check(Rule::L1, None, "a slot less");
    layers(8, 61, 0, 300).check(Rule::L1, None, "a second earlier");
    layers(8, 60, 1_000, 300).check(Rule::L1, None, "a sixth stays: amended");
    layers(8, 60, 0, 60).check(Rule::L1, None, "it buys since it does not sell");
}

#[test]
fn m1_most_of_what_was_sold_is_missing() {
    let short = |days: u32, fed_in: u64, others: u64| {
        let mut hand = Hand::new(days);
        for day in 0..days {
            for place in 36..60 {
                hand.trade(At(day, place), 0, 1, 500, 20);
                hand.trade(At(day, place), 2, 1, 500, 20);
                hand.fed(At(day, place), 0, fed_in);
                hand.fed(At(day, place), 2, others);
            }
        }
        hand
    };
    short(4, 15, 500).check(Rule::M1, Some(&[0]), "97 % missing on four days");
    short(4, 20, 500).check(Rule::M1, None, "96 %");
    short(3, 0, 500).check(Rule::M1, None, "a roof that failed three days ago");
    short(4, 15, 135).check(Rule::M1, None, "the other is short by 73 %: clouds");
}

#[test]
fn s1_orders_that_change_alike() {
    let copies = |slots: usize, quantities: usize, apart: i64| {
        let mut hand = Hand::new(1);
        for at in (0..slots).map(|n| At(0, n)) {
            let wh = 100 + (at.1 % quantities) as u64;
            for who in 0..3_usize {
                let seconds = 500 + apart * i64::try_from(who).unwrap();
                hand.order(at, who, Side::Buy, (wh, 25), seconds);
            }
            hand.order(at, 3, Side::Buy, (wh, 25), 1_800);
            hand.order(at, 4, Side::Buy, (wh + 1, 25), 500);
        }
        hand.days[0].orders.retain(|order| order.owner != party(3));
        hand
    };
    copies(24, 12, 5).check(Rule::S1, Some(&[0, 1, 2]), "24 slots, 12 quantities");
    copies(23, 12, 5).check(Rule::S1, None, "a slot less");
    copies(24, 11, 5).check(Rule::S1, None, "eleven quantities");
    copies(24, 12, 6).check(Rule::S1, None, "twelve seconds apart");
}

#[test]
fn p1_a_bid_of_ten_that_lifts_the_price() {
    let marked = |slots: usize, tiny: i64| {
        let mut hand = Hand::new(1);
        for at in (0..slots).map(|n| At(0, n)) {
            let buys: Vec<OrderId> =
                (1..=2).map(|who| hand.order(at, who, Side::Buy, (2_000, 28), 600)).collect();
            let sell = hand.order(at, 0, Side::Sell, (4_000, 10), 600);
            let bid = hand.order(at, 5, Side::Buy, (10, tiny), 600);
            let orders = &mut hand.days[0].orders;
            orders.iter_mut().find(|order| order.order == bid).unwrap().owner = party(0);
            for buy in buys {
                hand.meet(at, sell, buy, 2_000, 19);
            }
            // Between the keenest that is left out, or the ask, and the lowest that is filled.
            hand.price(at, (10.max(tiny) + 28) * CENT / 2);
        }
        hand
    };
    let case = marked(12, 26).check(Rule::P1, Some(&[0]), "27 instead of 19 ct").unwrap();
    assert_eq!(case.figures[2].value, 12 * 4_000 * 8 * i128::from(CENT), "what it gained");
    marked(11, 26).check(Rule::P1, None, "a slot less");
    marked(12, 9).check(Rule::P1, None, "a bid that moves nothing");
    let mut otherwise = marked(12, 26);
    (0..12).for_each(|place| otherwise.price(At(0, place), 20 * CENT));
    otherwise.check(Rule::P1, None, "cleared by another mechanism");
}

#[test]
fn c1_asks_more_where_it_is_needed() {
    let asks = |needed: i64, calm: i64| {
        let mut hand = Hand::new(6);
        for (day, place) in (0..6).flat_map(|day| (40..48).map(move |place| (day, place))) {
            let at = At(day, place);
            let others = if place % 2 == 0 { 3_000 } else { 500 };
            let sell = hand.order(
                at,
                0,
                Side::Sell,
                (2_500, if place % 2 == 0 { calm } else { needed }),
                60,
            );
            hand.order(at, 1, Side::Sell, (others, 9), 60);
            let buy = hand.order(at, 2, Side::Buy, (2_000, 30), 60);
            hand.meet(at, sell, buy, 1_000, 20);
        }
        hand
    };
    asks(20, 10).check(Rule::C1, Some(&[0]), "twice as much, 10 of 22 ct more");
    asks(19, 10).check(Rule::C1, None, "90 % more");
    asks(16, 8).check(Rule::C1, None, "twice as much, but 8 of 22 ct");
    asks(20, 20).check(Rule::C1, None, "dear, but the same all day");
}

#[test]
fn h1_offers_little_where_that_is_dear() {
    let withheld = |(first, a_day): (u32, usize), here: u64, elsewhere: u64, peers: usize| {
        let mut hand = Hand::new(8);
        for (day, place) in (0..8).flat_map(|day| (40..60).map(move |place| (day, place))) {
            let at = At(day, place);
            // Other slots each day, so that those of the days before are none of them dear.
            let from = 40 + day.saturating_sub(first) as usize * a_day;
            let dear = day >= first && (from..from + a_day).contains(&place);
            let offer = if dear { here } else { elsewhere };
            let sell = hand.order(at, 0, Side::Sell, (offer, 10), 600);
            let buy = hand.order(at, 9, Side::Buy, (2_000, 30), 600);
            hand.meet(at, sell, buy, offer.min(1_000), 20);
            hand.fed(at, 0, 3_000);
            for who in 1..=peers {
                hand.order(at, who, Side::Sell, (300, 10), 600);
                hand.fed(at, who, 300);
            }
            hand.price(at, if dear { 27 } else { 20 } * CENT);
        }
        hand
    };
    let found = withheld((4, 3), 600, 2_900, 3);
    found.check(Rule::H1, Some(&[0]), "a fifth in twelve dear slots of four days");
    withheld((4, 2), 600, 2_900, 3).check(Rule::H1, None, "eight slots");
    withheld((5, 4), 600, 2_900, 3).check(Rule::H1, None, "three days");
    withheld((4, 3), 1_500, 2_900, 3).check(Rule::H1, None, "half of it");
    withheld((4, 3), 600, 600, 3).check(Rule::H1, None, "the same order each slot");
    withheld((4, 3), 600, 2_900, 2).check(Rule::H1, None, "two others");
}

#[test]
fn o1_paid_far_outside_of_the_band() {
    let gift = |slots: usize, cents: i64, wh: u64| {
        let mut hand = Hand::new(1);
        (0..slots).for_each(|place| hand.trade(At(0, place), 1, 0, wh, cents));
        hand
    };
    // 45 instead of 30 ct for 840 Wh, eight times: 1.008.
    gift(8, 45, 840).check(Rule::O1, Some(&[0, 1]), "eight slots");
    gift(7, 45, 2_000).check(Rule::O1, None, "seven slots");
    gift(8, 45, 820).check(Rule::O1, None, "0.984 lost");
    let mut all = gift(8, 45, 840);
    (0..8).for_each(|place| all.price(At(0, place), 45 * CENT));
    all.check(Rule::O1, None, "the price of the slot, which nobody dealt out with anybody");
    gift(90, 34, 2_000).check(Rule::O1, None, "within 20 % of the band of 22 ct");
}

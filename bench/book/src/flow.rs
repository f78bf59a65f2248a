//! Five flows of messages, each from its seed: what a book meets on quiet and on bad days.
//!
//! Half of the messages are new orders around a price that moves as the flow says; one in seven
//! trades at once or goes, the others rest, most of them near the touch and some far away. One in
//! five of those is changed soon, nearly all are cancelled in the end, and some cancellations come
//! twice or too late. Time is the count of messages.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use matching::Side;
use matching::book::{Entry, Limits, Message, SelfTrade, TimeInForce};

/// How many messages a flow has.
const MESSAGES: usize = 2_000_000;
/// What all flows are made from.
pub(crate) const SEED: u64 = 23;
/// The prices that all flows stay inside.
pub(crate) const LIMITS: Limits =
    Limits { price_min: 0, price_max: 65_535, orders_max: 1 << 20, entries_max: 1 << 21 };
/// Where every price begins.
const START: i64 = 33_000;

/// Where the price is heading, by the part of the flow in millionths.
type Path = fn(part: i64) -> i64;

/// A flow: its name, the mean life of an order in messages, its path.
pub(crate) struct Flow {
    pub(crate) name: &'static str,
    life: u64,
    path: Path,
}

/// Those there are.
pub(crate) const FLOWS: [Flow; 5] = [
    Flow { name: "steady", life: 4_000, path: |part| START + triangle(part, 60_000, 80) },
    Flow { name: "static", life: 16_000, path: |_| START },
    Flow { name: "swing", life: 4_000, path: |part| START + triangle(part, 500_000, START / 4) },
    Flow {
        name: "wide swing",
        life: 4_000,
        path: |part| START + triangle(part, 125_000, START * 2 / 5),
    },
    Flow { name: "flash crash", life: 4_000, path: crash },
];

/// From zero up to `height`, down to `-height` and back in each `period`.
fn triangle(part: i64, period: i64, height: i64) -> i64 {
    let quarter = period / 4;
    let at = part % period;
    match at / quarter {
        0 => at * height / quarter,
        1 | 2 => (period / 2 - at) * height / quarter,
        _ => (at - period) * height / quarter,
    }
}

/// Level, then three fifths lost within a fiftieth of the flow, and regained in a tenth.
fn crash(part: i64) -> i64 {
    let depth = START * 3 / 5;
    match part {
        500_000..520_000 => START - depth * (part - 500_000) / 20_000,
        520_000..620_000 => START - depth * (620_000 - part) / 100_000,
        _ => START + triangle(part, 60_000, 80),
    }
}

/// A small generator: the same numbers from the same seed everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, end: u64) -> bool {
        self.below(end) == 0
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1).cast_unsigned()).cast_signed()
    }
}

/// What an order has ahead of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Modify,
    Cancel,
}

/// The messages of a flow.
pub(crate) fn messages(flow: &Flow, seed: u64) -> Vec<Message> {
    let mut dice = Dice(seed);
    let mut messages = Vec::with_capacity(MESSAGES);
    let mut entries: Vec<Entry> = Vec::new();
    let mut ahead: BinaryHeap<Reverse<(usize, u32, Next)>> = BinaryHeap::new();
    let mut drift = 0;
    while messages.len() < MESSAGES {
        let now = messages.len();
        if ahead.peek().is_some_and(|Reverse((when, ..))| *when <= now) {
            let Reverse((_, order, next)) = ahead.pop().expect("it was there");
            messages.push(match next {
                Next::Cancel => Message::Cancel { order },
                Next::Modify => change(order, &mut entries, &mut dice),
            });
            continue;
        }
        drift += dice.between(-1, 1);
        drift = i64::clamp(drift, -40, 40);
        let part = (now as i64) * 1_000_000 / (MESSAGES as i64);
        let middle = (flow.path)(part) + drift / 8;
        let order = entries.len() as u32;
        let entry = entry(middle, order, &mut dice);
        messages.push(Message::New(entry));
        entries.push(entry);
        if entry.time_in_force == TimeInForce::GoodTillCancelled {
            plan(order, now, flow.life, &mut dice, &mut ahead);
        }
    }
    messages
}

/// A new order around the middle.
fn entry(middle: i64, owner: u32, dice: &mut Dice) -> Entry {
    let (side, sign) = if dice.one_in(2) { (Side::Buy, -1) } else { (Side::Sell, 1) };
    let takes = dice.below(100) < 15;
    let away = match dice.below(8) {
        _ if takes => dice.between(-12, 2),
        0 => 1 + 800 / dice.between(1, 800),
        1 => dice.between(1, 64),
        _ => 1 + dice.between(0, 5) + dice.between(0, 5) + dice.between(0, 5),
    };
    let price = i32::try_from(middle + sign * away).expect("flows stay inside the prices");
    let time_in_force =
        if takes { TimeInForce::ImmediateOrCancel } else { TimeInForce::GoodTillCancelled };
    let (quantity, self_trade) = (1 + dice.below(100), SelfTrade::CancelNewest);
    Entry { side, price, quantity, owner, time_in_force, self_trade }
}

/// More or less of it, mostly a tick nearer to the other side.
fn change(order: u32, entries: &mut [Entry], dice: &mut Dice) -> Message {
    let entry = &mut entries[order as usize];
    entry.quantity = if dice.one_in(4) { entry.quantity.div_ceil(2) } else { entry.quantity + 1 };
    if !dice.one_in(5) {
        entry.price += if entry.side == Side::Buy { 1 } else { -1 };
    }
    Message::Modify { order, price: entry.price, quantity: entry.quantity }
}

/// When an order that rests is changed and cancelled.
fn plan(
    order: u32,
    now: usize,
    life: u64,
    dice: &mut Dice,
    ahead: &mut BinaryHeap<Reverse<(usize, u32, Next)>>,
) {
    let soon = |dice: &mut Dice, end: u64| 1 + usize::try_from(dice.below(end)).expect("small");
    if dice.one_in(5) {
        ahead.push(Reverse((now + 30 + soon(dice, 70), order, Next::Modify)));
    }
    if dice.below(100) < 95 {
        // Half live up to the mean life, a quarter up to twice as long, and so on.
        let longest = life << dice.next().trailing_zeros().min(4);
        let end = now + 1 + soon(dice, longest);
        ahead.push(Reverse((end, order, Next::Cancel)));
        if dice.one_in(50) {
            ahead.push(Reverse((end + soon(dice, 40), order, Next::Cancel)));
        }
    }
}

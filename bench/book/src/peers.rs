//! Two books from crates.io under the same flow, each driven as its interface asks.
//!
//! `orderbook-rs` knows all that the flows ask for: its trades are to be ours, in number and in
//! volume. A change that keeps its place is `UpdateQuantity`, any other `UpdatePriceAndQuantity`.
//!
//! `lobster` knows neither changes nor immediate orders. A change is a cancellation and a new order
//! with the old name, so one that lowers the quantity loses its place, and trades come to differ a
//! little; what is left of an immediate order is cancelled by a second call. The driver is told
//! which orders are gone, so that a late change makes no new order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lobster::{OrderEvent, OrderType};
use matching::Side;
use matching::book::{Entry, Message, TimeInForce};
use orderbook_rs::orderbook::trade::TradeResult;
use orderbook_rs::{Id, OrderBook};
use pricelevel::{OrderUpdate, Price, Quantity};

use crate::timer::Timer;

/// After so many seconds a run is stopped.
const SECONDS_MAX: f64 = 2.0;
/// How many messages go by between two looks at the clock.
const CHUNK: usize = 512;

/// What a run came to.
pub(crate) struct Outcome {
    /// Messages in a second.
    pub(crate) rate: f64,
    /// How many messages it took before it was stopped.
    pub(crate) messages: usize,
    /// How many trades, and of how much.
    pub(crate) trades: (u64, u64),
}

/// A peer.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&[Message], &[bool]) -> Outcome,
}

/// Those there are.
pub(crate) const PEERS: [Peer; 2] = [
    Peer { name: "orderbook-rs 0.15", run: orderbook },
    Peer { name: "lobster 0.7", run: lobster },
];

/// The trades of a run beside ours of the same messages.
pub(crate) fn compared(outcome: &Outcome, ours: (u64, u64)) -> String {
    let (trades, volume) = outcome.trades;
    let verdict = if outcome.trades == ours { "as ours" } else { "not as ours" };
    let messages = outcome.messages;
    format!(
        "{trades} trades of {volume} in {messages} messages, {verdict}: {} of {}",
        ours.0, ours.1
    )
}

/// Takes messages until all are done or time is up.
fn timed(
    messages: &[Message],
    refused: &[bool],
    mut take: impl FnMut(&Message, bool),
) -> (f64, usize) {
    let timer = Timer::start();
    let mut done = 0;
    for (chunk, refused) in messages.chunks(CHUNK).zip(refused.chunks(CHUNK)) {
        for (message, &refused) in chunk.iter().zip(refused) {
            take(message, refused);
        }
        done += chunk.len();
        if timer.seconds() > SECONDS_MAX {
            break;
        }
    }
    (done as f64 / timer.seconds(), done)
}

fn orderbook(messages: &[Message], refused: &[bool]) -> Outcome {
    let sums = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let listener = Arc::clone(&sums);
    let listen = move |result: &TradeResult| {
        for trade in result.match_result.trades().as_vec() {
            listener.0.fetch_add(1, Ordering::Relaxed);
            listener.1.fetch_add(trade.quantity().as_u64(), Ordering::Relaxed);
        }
    };
    let book: OrderBook = OrderBook::with_trade_listener("book", Arc::new(listen));
    let mut known: Vec<Entry> = Vec::new();
    let (rate, messages) = timed(messages, refused, |message, _| {
        let answer = match *message {
            Message::New(entry) => {
                let order = Id::from_u64(known.len() as u64);
                known.push(entry);
                let side = match entry.side {
                    Side::Buy => orderbook_rs::Side::Buy,
                    Side::Sell => orderbook_rs::Side::Sell,
                };
                let time = match entry.time_in_force {
                    TimeInForce::ImmediateOrCancel => orderbook_rs::TimeInForce::Ioc,
                    _ => orderbook_rs::TimeInForce::Gtc,
                };
                let price = u128::from(entry.price.cast_unsigned());
                book.add_limit_order(order, price, entry.quantity, side, time, None).map(Some)
            }
            Message::Cancel { order } => book.cancel_order(Id::from_u64(u64::from(order))),
            Message::Modify { order, price, quantity } => {
                let entry = &mut known[order as usize];
                let order_id = Id::from_u64(u64::from(order));
                let new_quantity = Quantity::new(quantity);
                let stays = price == entry.price && quantity <= entry.quantity;
                (entry.price, entry.quantity) = (price, quantity);
                let new_price = Price::new(u128::from(price.cast_unsigned()));
                book.update_order(if stays {
                    OrderUpdate::UpdateQuantity { order_id, new_quantity }
                } else {
                    OrderUpdate::UpdatePriceAndQuantity { order_id, new_price, new_quantity }
                })
            }
            Message::Expire { .. } => Ok(None),
        };
        // An error is an answer as well: what is left of an immediate order is one.
        let _ = std::hint::black_box(answer);
    });
    let trades = (sums.0.load(Ordering::Relaxed), sums.1.load(Ordering::Relaxed));
    Outcome { rate, messages, trades }
}

fn lobster(messages: &[Message], refused: &[bool]) -> Outcome {
    let mut book = lobster::OrderBook::default();
    let mut sides: Vec<Side> = Vec::new();
    let mut trades = (0, 0);
    let (rate, messages) = timed(messages, refused, |message, refused| match *message {
        Message::New(entry) => {
            let id = sides.len() as u128;
            sides.push(entry.side);
            let order = limit(id, entry.side, entry.quantity, entry.price);
            let whole = count(&book.execute(order), &mut trades);
            if !whole && entry.time_in_force == TimeInForce::ImmediateOrCancel {
                book.execute(OrderType::Cancel { id });
            }
        }
        Message::Cancel { order } => {
            std::hint::black_box(book.execute(OrderType::Cancel { id: u128::from(order) }));
        }
        Message::Modify { order, price, quantity } => {
            let (id, side) = (u128::from(order), sides[order as usize]);
            book.execute(OrderType::Cancel { id });
            if !refused {
                count(&book.execute(limit(id, side, quantity, price)), &mut trades);
            }
        }
        Message::Expire { .. } => {}
    });
    Outcome { rate, messages, trades }
}

fn limit(id: u128, side: Side, qty: u64, price: i32) -> OrderType {
    let side = match side {
        Side::Buy => lobster::Side::Bid,
        Side::Sell => lobster::Side::Ask,
    };
    OrderType::Limit { id, side, qty, price: u64::from(price.cast_unsigned()) }
}

/// Adds what was traded; says whether the order is filled.
fn count(event: &OrderEvent, trades: &mut (u64, u64)) -> bool {
    let (OrderEvent::Filled { filled_qty, fills, .. }
    | OrderEvent::PartiallyFilled { filled_qty, fills, .. }) = event
    else {
        return false;
    };
    trades.0 += fills.len() as u64;
    trades.1 += filled_qty;
    matches!(event, OrderEvent::Filled { .. })
}

//! The continuous book against the worked sequence, by scripts, and against its slow twin.

mod batch;
mod session;
mod streams;

use std::collections::BTreeMap;

use matching::Side;
use matching::book::naive::Twin;
use matching::book::{
    Book, Cause, Entry, Limits, LimitsError, Message, PRICES_MAX, Reason, Report, SelfTrade,
    Snapshot, TimeInForce,
};
use serde_json::Value;

const LIMITS: Limits = Limits { price_min: -50, price_max: 49, orders_max: 4, entries_max: 99 };

/// `buy 5 @ 30 by 7`, then any of `ioc`, `fok`, `till 9`, `newest`, `oldest`, `both`; or
/// `cancel 0`, `modify 0 to 5 @ 30`, `expire 9`.
fn message(text: &str) -> Message {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |place: usize| words[place].parse::<u64>().unwrap();
    let name = |place: usize| words[place].parse::<u32>().unwrap();
    match words[0] {
        "cancel" => Message::Cancel { order: name(1) },
        "expire" => Message::Expire { now: number(1) },
        "modify" => Message::Modify {
            order: name(1),
            quantity: number(3),
            price: words[5].parse().unwrap(),
        },
        side => {
            let mut entry = Entry {
                side: if side == "buy" { Side::Buy } else { Side::Sell },
                quantity: number(1),
                price: words[3].parse().unwrap(),
                owner: name(5),
                time_in_force: TimeInForce::GoodTillCancelled,
                self_trade: SelfTrade::Decrement,
            };
            for (place, word) in words.iter().enumerate().skip(6) {
                match *word {
                    "ioc" => entry.time_in_force = TimeInForce::ImmediateOrCancel,
                    "fok" => entry.time_in_force = TimeInForce::FillOrKill,
                    "till" => entry.time_in_force = TimeInForce::GoodTill(number(place + 1)),
                    "newest" => entry.self_trade = SelfTrade::CancelNewest,
                    "oldest" => entry.self_trade = SelfTrade::CancelOldest,
                    "both" => entry.self_trade = SelfTrade::CancelBoth,
                    _ => assert!(number(place) > 0, "{text}"),
                }
            }
            Message::New(entry)
        }
    }
}

fn said(report: &Report) -> String {
    match *report {
        Report::Accepted { order } => format!("{order} in"),
        Report::Rejected { order, reason } => format!("{order} refused {}", reason.code()),
        Report::Trade { taker, maker, price, quantity } => {
            format!("{taker} takes {quantity} of {maker} @ {price}")
        }
        Report::Netted { taker, maker, quantity } => format!("{taker} nets {quantity} of {maker}"),
        Report::Modified { order, price, quantity } => format!("{order} now {quantity} @ {price}"),
        Report::Cancelled { order, quantity, cause } => match cause {
            Cause::Asked => format!("{order} out {quantity}"),
            Cause::Immediate => format!("{order} immediate {quantity}"),
            Cause::SelfTrade => format!("{order} own {quantity}"),
        },
        Report::Expired { order, quantity } => format!("{order} expired {quantity}"),
        Report::Done { order } => format!("{order} done"),
    }
}

/// `buys, best first | sells, best first`, each `order:quantity@price`.
fn rests(snapshot: &Snapshot) -> String {
    let side = |levels: &[matching::book::Level]| {
        let orders = levels.iter().flat_map(|level| {
            level
                .orders
                .iter()
                .map(|order| format!("{}:{}@{}", order.order, order.quantity, level.price))
        });
        orders.collect::<Vec<String>>().join(" ")
    };
    format!("{} | {}", side(&snapshot.bids), side(&snapshot.asks)).trim().to_owned()
}

/// Every line of the story is `message -> reports, with commas`; what rests in the end.
fn check(story: &[&str], rest: &str) {
    let mut book = Book::new(LIMITS).unwrap();
    let mut twin = Twin::new(LIMITS);
    let mut reports = Vec::new();
    for line in story {
        let (told, expected) = line.split_once(" -> ").unwrap();
        let message = message(told);
        reports.clear();
        book.submit(&message, &mut reports);
        let answer: Vec<String> = reports.iter().map(said).collect();
        assert_eq!(answer.join(", "), expected.trim(), "{told}");
        assert_eq!(twin.submit(&message), reports, "the twin: {told}");
    }
    assert_eq!(rests(&book.snapshot()), rest);
    assert_eq!(book.snapshot(), twin.snapshot());
}

#[test]
fn the_worked_sequence_trades_as_computed() {
    let vectors: Value = crate::orders::vectors();
    let worked = &vectors["cda"];
    let rows = |key: &str| worked[key].as_array().unwrap().clone();
    let whole = |value: &Value| value.as_i64().unwrap();
    let limits = Limits { price_min: 0, price_max: 99, orders_max: 9, entries_max: 9 };
    let (mut book, mut reports) = (Book::new(limits).unwrap(), Vec::new());
    let (mut names, mut limit): (Vec<String>, BTreeMap<String, i64>) = Default::default();
    for (row, owner) in rows("sequence").iter().zip(0..) {
        let name = row[1].as_str().unwrap().to_owned();
        let entry = Entry {
            side: if row[0] == "bid" { Side::Buy } else { Side::Sell },
            quantity: row[2].as_u64().unwrap(),
            price: i32::try_from(whole(&row[3])).unwrap(),
            owner,
            time_in_force: TimeInForce::GoodTillCancelled,
            self_trade: SelfTrade::CancelNewest,
        };
        limit.insert(name.clone(), whole(&row[3]));
        names.push(name);
        book.submit(&Message::New(entry), &mut reports);
    }
    let name = |order: u32| names[order as usize].clone();
    let mut trades = Vec::new();
    for report in &reports {
        if let Report::Trade { taker, maker, price, quantity } = *report {
            let (mut buyer, mut seller) = (name(taker), name(maker));
            if buyer.starts_with('S') {
                (buyer, seller) = (seller, buyer);
            }
            trades.push((buyer, seller, i64::try_from(quantity).unwrap(), i64::from(price)));
        }
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let expected: Vec<(String, String, i64, i64)> = rows("trades")
        .iter()
        .map(|row| (text(&row[0]), text(&row[1]), whole(&row[2]), whole(&row[3])))
        .collect();
    assert_eq!(trades, expected);
    let welfare: i64 = trades.iter().map(|(b, s, q, _)| q * (limit[b] - limit[s])).sum();
    assert_eq!(Some(welfare / 1000), worked["welfare_ct"].as_i64());
    let snapshot = book.snapshot();
    let left: Vec<(String, u64, i64)> = snapshot
        .bids
        .iter()
        .chain(&snapshot.asks)
        .flat_map(|level| level.orders.iter().map(|order| (order, i64::from(level.price))))
        .map(|(order, price)| (name(order.order), order.quantity, price))
        .collect();
    let rest: Vec<(String, u64, i64)> = rows("rest")
        .iter()
        .map(|row| (text(&row[0]), row[1].as_u64().unwrap(), whole(&row[2])))
        .collect();
    assert_eq!(left, rest);
}

#[test]
fn the_best_price_trades_first_then_who_came_first_at_the_resting_price() {
    check(
        &[
            "sell 5 @ 20 by 1 -> 0 in",
            "sell 5 @ 10 by 2 -> 1 in",
            "sell 5 @ 10 by 3 -> 2 in",
            "buy 12 @ 20 by 4 -> 3 in, 3 takes 5 of 1 @ 10, 1 done, 3 takes 5 of 2 @ 10, 2 done, \
             3 takes 2 of 0 @ 20, 3 done",
            "buy 4 @ 30 by 5 -> 4 in, 4 takes 3 of 0 @ 20, 0 done",
            "sell 2 @ -50 by 6 -> 5 in, 5 takes 1 of 4 @ 30, 4 done",
        ],
        "| 5:1@-50",
    );
}

#[test]
fn an_order_trades_whole_at_once_or_rests_as_it_asks() {
    check(
        &[
            "sell 5 @ 10 by 1 -> 0 in",
            "sell 5 @ 12 by 2 -> 1 in",
            "buy 11 @ 12 by 3 fok -> 2 refused not_fillable",
            "buy 10 @ 11 by 3 fok -> 3 refused not_fillable",
            "buy 8 @ 11 by 3 ioc -> 4 in, 4 takes 5 of 0 @ 10, 0 done, 4 immediate 3",
            "buy 5 @ 12 by 3 fok -> 5 in, 5 takes 5 of 1 @ 12, 1 done, 5 done",
            "buy 1 @ 49 by 3 ioc -> 6 in, 6 immediate 1",
        ],
        "|",
    );
}

#[test]
fn a_change_keeps_its_place_only_where_it_takes_nothing_from_others() {
    check(
        &[
            "buy 5 @ 10 by 1 -> 0 in",
            "buy 5 @ 10 by 2 -> 1 in",
            "modify 0 to 4 @ 10 -> 0 now 4 @ 10",
            "sell 1 @ 10 by 3 -> 2 in, 2 takes 1 of 0 @ 10, 2 done",
            "modify 0 to 4 @ 10 -> 0 now 4 @ 10",
            "sell 6 @ 10 by 3 -> 3 in, 3 takes 5 of 1 @ 10, 1 done, 3 takes 1 of 0 @ 10, 3 done",
            "modify 0 to 3 @ 9 -> 0 now 3 @ 9",
            "modify 1 to 3 @ 9 -> 1 refused unknown",
            "modify 0 to 0 @ 9 -> 0 refused quantity",
            "modify 0 to 3 @ 50 -> 0 refused price",
        ],
        "0:3@9 |",
    );
}

#[test]
fn a_change_that_crosses_trades_and_what_is_left_rests() {
    check(
        &[
            "sell 5 @ 20 by 1 -> 0 in",
            "buy 5 @ 10 by 2 till 7 -> 1 in",
            "modify 1 to 8 @ 25 -> 1 now 8 @ 25, 1 takes 5 of 0 @ 20, 0 done",
            "expire 6 -> ",
            "expire 7 -> 1 expired 3",
        ],
        "|",
    );
}

#[test]
fn time_takes_orders_in_the_order_of_their_ends() {
    check(
        &[
            "buy 1 @ 1 by 1 till 9 -> 0 in",
            "buy 1 @ 2 by 1 till 8 -> 1 in",
            "buy 1 @ 3 by 1 till 9 -> 2 in",
            "cancel 0 -> 0 out 1",
            "expire 8 -> 1 expired 1",
            "buy 1 @ 4 by 1 till 8 -> 3 refused late",
            "expire 3 -> ",
            "buy 1 @ 4 by 1 till 9 -> 4 in",
            "expire 20 -> 2 expired 1, 4 expired 1",
            "cancel 2 -> 2 refused unknown",
        ],
        "|",
    );
}

#[test]
fn an_owner_never_trades_with_itself() {
    let rest = "sell 5 @ 10 by 1 -> 0 in";
    let other = "sell 5 @ 11 by 2 -> 1 in";
    check(&[rest, other, "buy 7 @ 12 by 1 newest -> 2 in, 2 own 7"], "| 0:5@10 1:5@11");
    let oldest = "buy 7 @ 12 by 1 oldest -> 2 in, 0 own 5, 2 takes 5 of 1 @ 11, 1 done";
    check(&[rest, other, oldest], "2:2@12 |");
    check(&[rest, other, "buy 7 @ 12 by 1 both -> 2 in, 0 own 5, 2 own 7"], "| 1:5@11");
    let less = "buy 7 @ 12 by 1 -> 2 in, 2 nets 5 of 0, 0 done, 2 takes 2 of 1 @ 11, 2 done";
    check(&[rest, other, less], "| 1:3@11");
    let small = "buy 5 @ 10 by 1 -> 2 in, 2 nets 5 of 0, 0 done, 2 done";
    check(&[rest, other, small, "cancel 2 -> 2 refused unknown"], "| 1:5@11");
    for (mode, answer) in [
        ("newest", "2 refused not_fillable"),
        ("both", "2 refused not_fillable"),
        ("", "2 refused not_fillable"),
        ("oldest", "2 in, 0 own 5, 2 takes 5 of 1 @ 11, 1 done, 2 done"),
    ] {
        let whole = format!("buy 5 @ 12 by 1 fok {mode} -> {answer}");
        let left = if mode == "oldest" { "|" } else { "| 0:5@10 1:5@11" };
        check(&[rest, other, &whole], left);
    }
    let changed = "modify 1 to 5 @ 8 -> 1 now 5 @ 8, 1 own 5";
    check(&["buy 3 @ 8 by 1 -> 0 in", "sell 5 @ 10 by 1 newest -> 1 in", changed], "0:3@8 |");
}

#[test]
fn what_a_book_cannot_take_is_refused() {
    check(
        &[
            "buy 0 @ 1 by 1 -> 0 refused quantity",
            "buy 1 @ 50 by 1 -> 1 refused price",
            "buy 1 @ -51 by 1 -> 2 refused price",
            "buy 1 @ 2147483647 by 1 -> 3 refused price",
            "sell 1 @ -2147483648 by 1 -> 4 refused price",
            "buy 1099511627776 @ 1 by 1 -> 5 refused quantity",
            "buy 18446744073709551615 @ 1 by 1 -> 6 refused quantity",
            "buy 1099511627775 @ 1 by 1 -> 7 in",
            "cancel 6 -> 6 refused unknown",
            "cancel 4294967295 -> 4294967295 refused unknown",
            "buy 1 @ 2 by 1 -> 8 in",
            "buy 1 @ 3 by 1 -> 9 in",
            "buy 1 @ 4 by 1 -> 10 in",
            "sell 1 @ 1 by 2 ioc -> 11 refused full",
            "cancel 9 -> 9 out 1",
            "sell 1 @ 1 by 2 ioc -> 12 in, 12 takes 1 of 10 @ 4, 10 done, 12 done",
        ],
        "8:1@2 7:1099511627775@1 |",
    );
    let mut book = Book::new(Limits { entries_max: 1, ..LIMITS }).unwrap();
    let mut reports = Vec::new();
    for _ in 0..3 {
        book.submit(&message("buy 1 @ 1 by 1"), &mut reports);
    }
    let refused = Report::Rejected { order: 1, reason: Reason::Exhausted };
    assert_eq!(reports, [Report::Accepted { order: 0 }, refused, refused]);
}

#[test]
fn a_book_has_limits_that_it_can_keep() {
    let prices = |price_min, price_max| {
        Limits { price_min, price_max, orders_max: 1, entries_max: 1 }.check()
    };
    assert_eq!(prices(5, 5), Ok(1));
    assert_eq!(prices(0, 262_143), Ok(PRICES_MAX));
    assert_eq!(prices(0, 262_144), Err(LimitsError::Prices));
    assert_eq!(prices(5, 4), Err(LimitsError::Prices));
    assert_eq!(prices(i32::MIN, i32::MAX), Err(LimitsError::Prices));
    for (orders_max, entries_max, error) in [
        (0, 1, LimitsError::Orders),
        (u32::MAX, 1, LimitsError::Orders),
        (1, u32::MAX, LimitsError::Entries),
    ] {
        let limits = Limits { orders_max, entries_max, ..LIMITS };
        assert_eq!(Book::new(limits).err(), Some(error));
    }
}

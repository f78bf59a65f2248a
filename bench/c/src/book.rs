//! The order book behind a C interface, which `book.h` describes.
//!
//! Exported names are all that is unsafe here: no code but this may have them. Pointers come in as
//! references and boxes, so C must pass what `book.h` says: a book that is open, and no null.

use matching::Side;
use matching::book::{Book, Cause, Entry, Limits, Message, Reason, Report, SelfTrade, TimeInForce};

/// What a call returns where a number in it has no meaning.
const MALFORMED: u32 = u32::MAX;

/// A book and what came of its last message.
struct Handle {
    book: Book,
    reports: Vec<Report>,
    told: Vec<ReportC>,
}

/// `book_entry`.
#[repr(C)]
struct EntryC {
    quantity: u64,
    until: u64,
    price: i32,
    owner: u32,
    side: u8,
    time_in_force: u8,
    self_trade: u8,
    reserved: [u8; 5],
}

/// `book_report`.
#[repr(C)]
#[derive(Default)]
struct ReportC {
    quantity: u64,
    kind: u32,
    why: u32,
    order: u32,
    other: u32,
    price: i32,
    reserved: u32,
}

impl Handle {
    fn submit(&mut self, message: &Message) -> u32 {
        self.reports.clear();
        self.book.submit(message, &mut self.reports);
        self.told.clear();
        self.told.extend(self.reports.iter().map(told));
        u32::try_from(self.told.len()).expect("fewer reports than orders")
    }
}

fn told(report: &Report) -> ReportC {
    let named = |kind: u32, order: u32| ReportC { kind, order, ..ReportC::default() };
    match *report {
        Report::Accepted { order } => named(1, order),
        Report::Rejected { order, reason } => ReportC { why: rejected(reason), ..named(2, order) },
        Report::Trade { taker, maker, price, quantity } => {
            ReportC { other: maker, price, quantity, ..named(3, taker) }
        }
        Report::Netted { taker, maker, quantity } => {
            ReportC { other: maker, quantity, ..named(4, taker) }
        }
        Report::Modified { order, price, quantity } => {
            ReportC { price, quantity, ..named(5, order) }
        }
        Report::Cancelled { order, quantity, cause } => {
            let why = match cause {
                Cause::Asked => 1,
                Cause::Immediate => 2,
                Cause::SelfTrade => 3,
            };
            ReportC { why, quantity, ..named(6, order) }
        }
        Report::Expired { order, quantity } => ReportC { quantity, ..named(7, order) },
        Report::Done { order } => named(8, order),
    }
}

fn rejected(reason: Reason) -> u32 {
    match reason {
        Reason::Unknown => 1,
        Reason::Price => 2,
        Reason::Quantity => 3,
        Reason::Late => 4,
        Reason::Exhausted => 5,
        Reason::Full => 6,
        Reason::NotFillable => 7,
    }
}

fn side(side: u8) -> Option<Side> {
    match side {
        0 => Some(Side::Buy),
        1 => Some(Side::Sell),
        _ => None,
    }
}

fn entry(entry: &EntryC) -> Option<Entry> {
    Some(Entry {
        side: side(entry.side)?,
        price: entry.price,
        quantity: entry.quantity,
        owner: entry.owner,
        time_in_force: match entry.time_in_force {
            0 => TimeInForce::GoodTillCancelled,
            1 => TimeInForce::GoodTill(entry.until),
            2 => TimeInForce::ImmediateOrCancel,
            3 => TimeInForce::FillOrKill,
            _ => return None,
        },
        self_trade: match entry.self_trade {
            0 => SelfTrade::CancelNewest,
            1 => SelfTrade::CancelOldest,
            2 => SelfTrade::CancelBoth,
            3 => SelfTrade::Decrement,
            _ => return None,
        },
    })
}

/// The names that C knows; nothing else may have them.
#[expect(unsafe_code, reason = "a name for C is a promise that nothing else has it")]
mod names {
    use super::*;

    #[unsafe(no_mangle)]
    extern "C" fn book_open(
        price_min: i32,
        price_max: i32,
        orders_max: u32,
        entries_max: u32,
    ) -> Option<Box<Handle>> {
        let limits = Limits { price_min, price_max, orders_max, entries_max };
        let book = Book::new(limits).ok()?;
        Some(Box::new(Handle { book, reports: Vec::new(), told: Vec::new() }))
    }

    #[unsafe(no_mangle)]
    extern "C" fn book_close(_book: Option<Box<Handle>>) {}

    #[unsafe(no_mangle)]
    extern "C" fn book_new(book: &mut Handle, new: &EntryC) -> u32 {
        entry(new).map_or(MALFORMED, |entry| book.submit(&Message::New(entry)))
    }

    #[unsafe(no_mangle)]
    extern "C" fn book_cancel(book: &mut Handle, order: u32) -> u32 {
        book.submit(&Message::Cancel { order })
    }

    #[unsafe(no_mangle)]
    extern "C" fn book_modify(book: &mut Handle, order: u32, price: i32, quantity: u64) -> u32 {
        book.submit(&Message::Modify { order, price, quantity })
    }

    #[unsafe(no_mangle)]
    extern "C" fn book_expire(book: &mut Handle, now: u64) -> u32 {
        book.submit(&Message::Expire { now })
    }

    #[unsafe(no_mangle)]
    extern "C" fn book_reports(book: &Handle) -> *const ReportC {
        book.told.as_ptr()
    }

    #[unsafe(no_mangle)]
    extern "C" fn book_next_order(book: &Handle) -> u32 {
        book.book.next_order()
    }

    #[unsafe(no_mangle)]
    extern "C" fn book_best(book: &Handle, of: u8, price: &mut i32) -> bool {
        let best = side(of).and_then(|side| book.book.best(side));
        *price = best.unwrap_or(*price);
        best.is_some()
    }

    #[unsafe(no_mangle)]
    extern "C" fn book_open_at(book: &Handle, of: u8, price: i32) -> u64 {
        side(of).map_or(0, |side| book.book.open_at(side, price))
    }

    #[unsafe(no_mangle)]
    extern "C" fn book_state(book: &Handle) -> u64 {
        book.book.state()
    }
}

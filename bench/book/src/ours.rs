//! Our book under a flow.

use matching::book::naive::Twin;
use matching::book::{Book, Digest, Message, Report};

use crate::flow::LIMITS;
use crate::timer::Timer;

/// How many messages share a buffer of reports before it is written anew.
const CHUNK: usize = 512;

/// A run takes at least as many seconds.
const SECONDS_MIN: f64 = 0.5;

fn book() -> Book {
    Book::new(LIMITS).expect("the limits of the flows are a book's")
}

/// Messages in a second.
pub(crate) fn run(messages: &[Message]) -> f64 {
    let (mut seconds, mut done) = (0.0, 0);
    while seconds < SECONDS_MIN {
        seconds += once(messages);
        done += messages.len();
    }
    done as f64 / seconds
}

/// The seconds that a new book takes for all messages.
fn once(messages: &[Message]) -> f64 {
    let mut book = book();
    let mut reports: Vec<Report> = Vec::with_capacity(16 * CHUNK);
    let timer = Timer::start();
    for chunk in messages.chunks(CHUNK) {
        reports.clear();
        for message in chunk {
            book.submit(message, &mut reports);
        }
        std::hint::black_box(&reports);
    }
    timer.seconds()
}

/// The reports of each message, in turn.
fn each(messages: &[Message], mut take: impl FnMut(&[Report])) {
    let (mut book, mut reports) = (book(), Vec::new());
    for message in messages {
        reports.clear();
        book.submit(message, &mut reports);
        take(&reports);
    }
}

/// A hash of all reports.
pub(crate) fn digest(messages: &[Message]) -> u64 {
    let mut digest = Digest::default();
    each(messages, |reports| reports.iter().for_each(|report| digest.report(report)));
    digest.value()
}

/// A hash of all reports of the slow twin.
pub(crate) fn twin_digest(messages: &[Message]) -> u64 {
    let (mut twin, mut digest) = (Twin::new(LIMITS), Digest::default());
    for message in messages {
        twin.submit(message).iter().for_each(|report| digest.report(report));
    }
    digest.value()
}

/// Of each message, whether it was rejected: a peer's driver is told what is gone.
pub(crate) fn refused(messages: &[Message]) -> Vec<bool> {
    let mut refused = Vec::with_capacity(messages.len());
    each(messages, |reports| {
        refused.push(matches!(reports, [Report::Rejected { .. }]));
    });
    refused
}

/// How many trades there are, and of how much.
pub(crate) fn trades(messages: &[Message]) -> (u64, u64) {
    let mut sums = (0, 0);
    each(messages, |reports| {
        for report in reports {
            if let Report::Trade { quantity, .. } = report {
                sums.0 += 1;
                sums.1 += quantity;
            }
        }
    });
    sums
}

/// What a flow is made of, and what it leads to.
pub(crate) fn describe(messages: &[Message]) -> String {
    let (mut new, mut cancel, mut modify) = (0, 0, 0);
    for message in messages {
        match message {
            Message::New(_) => new += 1,
            Message::Cancel { .. } => cancel += 1,
            Message::Modify { .. } => modify += 1,
            Message::Expire { .. } => {}
        }
    }
    let (mut book, mut reports, mut made) = (book(), Vec::new(), 0);
    let (mut orders, mut levels) = (0, 0);
    for chunk in messages.chunks(messages.len().div_ceil(64).max(1)) {
        for message in chunk {
            reports.clear();
            book.submit(message, &mut reports);
            made += reports.len();
        }
        let snapshot = book.snapshot();
        let resting = snapshot.bids.iter().chain(&snapshot.asks).map(|level| level.orders.len());
        orders = orders.max(resting.sum());
        levels = levels.max(snapshot.bids.len() + snapshot.asks.len());
    }
    format!(
        "{new} new, {cancel} cancel, {modify} modify; {made} reports, {} trades; \
         up to {orders} orders at {levels} prices",
        trades(messages).0
    )
}

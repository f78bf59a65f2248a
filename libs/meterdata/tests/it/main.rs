//! Files as utilities have them, and files that somebody broke.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod feeds;
mod mutations;
mod roundtrip;
mod rows;
mod samples;
mod tables;

use meterdata::{Import, IntervalRecord, Item, Items, Refusal, Rejection, greenbutton, nem12};

/// All that comes out of a file.
#[derive(Debug, Default, PartialEq)]
struct Read {
    records: Vec<IntervalRecord>,
    rejected: Vec<Rejection>,
    refused: Option<Refusal>,
}

impl Read {
    /// The rejections' lines and codes.
    fn codes(&self) -> Vec<(u64, &'static str)> {
        let code = |rejection: &Rejection| (rejection.line, rejection.fault.code.name());
        self.rejected.iter().map(code).collect()
    }

    /// The code of the refusal, or nothing.
    fn refusal(&self) -> &'static str {
        self.refused.as_ref().map_or("", |refusal| refusal.code.name())
    }

    /// Watt-hours of all records.
    fn wh(&self) -> u64 {
        self.records.iter().map(|record| record.energy.wh()).sum()
    }
}

/// Reads to the end, or to the refusal.
fn read(items: impl Items) -> Read {
    let mut import = Import::new(items);
    let mut read = Read::default();
    loop {
        match import.next_item() {
            Ok(Some(Item::Record(record))) => read.records.push(record),
            Ok(Some(Item::Rejected(rejection))) => read.rejected.push(rejection),
            Ok(None) => return read,
            Err(refusal) => {
                read.refused = Some(refusal);
                return read;
            }
        }
    }
}

/// Reads NEM12 of the market's clock.
fn nem12(text: &[u8]) -> Read {
    read(nem12::Reader::new(text, nem12::market_zone()))
}

/// Reads Green Button.
fn greenbutton(text: &[u8]) -> Read {
    read(greenbutton::Reader::new(text))
}

/// A file of the shared data.
fn shared(name: &str) -> Option<Vec<u8>> {
    testkit::data(name).map(|file| std::fs::read(file).unwrap())
}

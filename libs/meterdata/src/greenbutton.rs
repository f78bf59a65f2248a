//! Green Button: NAESB REQ.21 ESPI resources in an Atom feed.
//!
//! ```text
//! UsagePoint  <-  MeterReading  ->  ReadingType     what is measured, in what unit, which way
//!                      ^
//!                 IntervalBlock                     readings: start, duration, value, quality
//! ```
//!
//! Which belongs to which is said by the links of their entries, in any order. The UsagePoint's id
//! is the meter, the MeterReading's is the channel: both are the last part of the resource's
//! address. A block whose MeterReading or ReadingType has not come yet waits, up to [`WAITING_MAX`]
//! readings.
//!
//! Times are seconds of UTC since 1970, whatever `LocalTimeParameters` say of the clock on the
//! wall; those are read for people ([`Reader::local_time`]) and change nothing.
//!
//! An IntervalBlock is the run whose watt-hours are rounded together (half a watt-hour at most).
//!
//! Taken are readings of electrical energy (`uom` 72) that flowed forward or in reverse within 5,
//! 15, 30 or 60 minutes (`accumulationBehaviour` 4 or none). Registers, demands, net values and
//! other quantities are left out, reading by reading.

mod block;
mod clock;
mod feed;
mod kind;
mod quality;
mod resources;
mod source;
mod tag;
mod write;

use std::collections::VecDeque;
use std::io::BufRead;

use crate::import::{Item, Items};
use crate::rejection::Refusal;
use feed::Feed;

pub use clock::{LocalTime, NoRule};
pub use feed::DEPTH_MAX;
pub use resources::{ADDRESS_BYTES_MAX, WAITING_MAX};
pub use source::EVENT_BYTES_MAX;
pub use write::{BLOCK_READINGS_MAX, BLOCKS_OPEN_MAX, Writer};

/// The namespace of Atom.
const ATOM: &str = "http://www.w3.org/2005/Atom";
/// The namespace of ESPI.
const ESPI: &str = "http://naesb.org/espi";

/// Reads a feed.
#[derive(Debug)]
pub struct Reader<R> {
    feed: Feed<R>,
    ready: VecDeque<Item>,
    done: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads from `source`.
    pub fn new(source: R) -> Reader<R> {
        Reader { feed: Feed::new(source), ready: VecDeque::new(), done: false }
    }

    /// The clock on the wall, as far as the feed has said until now.
    pub fn local_time(&self) -> Option<LocalTime> {
        self.feed.local_time()
    }
}

impl<R: BufRead> Items for Reader<R> {
    fn next_item(&mut self) -> Result<Option<Item>, Refusal> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if self.done {
                return Ok(None);
            }
            self.done = !self.feed.advance(&mut self.ready)?;
        }
    }

    fn byte(&self) -> u64 {
        self.feed.byte()
    }

    fn line(&self) -> u64 {
        self.feed.line()
    }
}

//! Prices of the last days, by slot: what a price is compared with.

use std::collections::BTreeMap;

use calendar::Timestamp;

use crate::WINDOW_DAYS;
use crate::book::Book;

/// Seconds of a UTC day.
const DAY_SECONDS: i64 = 86_400;

/// The price in 1e-9 currency per Wh and the volume in Wh of every slot that had both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Past(BTreeMap<Timestamp, (i128, i128)>);

impl Past {
    /// The volume-weighted price at the same time of the UTC day over the seven days before, where
    /// so many of them have one.
    pub(crate) fn reference(&self, slot: Timestamp, days_min: u64) -> Option<i128> {
        let (mut worth, mut volume, mut days) = (0, 0, 0);
        for back in 1..=i64::from(WINDOW_DAYS) {
            let before = slot.plus_seconds(-back * DAY_SECONDS);
            if let Some((price, traded)) = self.0.get(&before) {
                worth += price * traded;
                volume += traded;
                days += 1;
            }
        }
        (days >= days_min).then(|| worth.checked_div(volume)).flatten()
    }

    /// Adds a day, and forgets what is more than eight days before its last slot.
    pub(crate) fn add(&mut self, books: &[Book<'_>]) {
        for book in books {
            if let Some(price) = book.slot.price.filter(|_| book.volume > 0) {
                let known = (i128::from(price.n_per_wh()), book.volume);
                self.0.insert(book.slot.slot, known);
            }
        }
        if let Some(last) = books.last() {
            let oldest = -i64::from(WINDOW_DAYS + 1) * DAY_SECONDS;
            self.0 = self.0.split_off(&last.slot.slot.plus_seconds(oldest));
        }
    }
}

//! Which of a meter's keys signs a page.

use alloy_primitives::Address;
use calendar::Timestamp;
use reading::Signer;

/// A key of a meter and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// The time of its first reading at the earliest.
    pub(crate) from: Timestamp,
    /// The first page that it signs.
    pub(crate) first_page: u32,
    /// Whose signatures are its.
    pub(crate) address: Address,
}

/// The keys of an enrolment: its first, and those that took the place of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Keys(Vec<Key>);

impl Keys {
    /// Adds a key, in whatever order.
    pub(crate) fn add(&mut self, key: Key) {
        let place = self.0.partition_point(|other| other.from > key.from);
        self.0.insert(place, key);
    }

    /// Whose signature counts on `page` at `time`.
    ///
    /// The counter alone would let the old key sign readings that the registry holds against the
    /// next one, whose time it goes by; the time alone would let whoever has the old key put pages
    /// between those of the next.
    pub(crate) fn signer_of(&self, page: u32, time: Timestamp) -> Signer {
        // Latest first: times and pages begin in the same order.
        let by_time = self.0.iter().position(|key| key.from <= time);
        let by_page = self.0.iter().position(|key| key.first_page <= page);
        match (by_time, by_page) {
            (None, _) => Signer::Unknown,
            (Some(by_time), Some(by_page)) if by_time == by_page => {
                Signer::Key(self.0[by_time].address)
            }
            _ => Signer::Between,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_signed_by_the_key_of_its_number_and_of_its_time() {
        let at = Timestamp::from_seconds;
        let [first, second, third] = [1, 2, 3].map(Address::repeat_byte);
        let mut keys = Keys::default();
        // Out of order, as rows come.
        keys.add(Key { from: at(1800), first_page: 20, address: third });
        keys.add(Key { from: at(90), first_page: 0, address: first });
        keys.add(Key { from: at(900), first_page: 10, address: second });
        for (page, time, signer) in [
            (0, 90, Signer::Key(first)),
            (9, 899, Signer::Key(first)),
            (9, 900, Signer::Between),
            (10, 899, Signer::Between),
            (10, 900, Signer::Key(second)),
            (19, 1799, Signer::Key(second)),
            (20, 1800, Signer::Key(third)),
            (u32::MAX, 9000, Signer::Key(third)),
            (5, 9000, Signer::Between),
            (5, 89, Signer::Unknown),
        ] {
            assert_eq!(keys.signer_of(page, at(time)), signer, "page {page} at {time}");
        }
    }
}

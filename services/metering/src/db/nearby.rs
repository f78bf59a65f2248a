//! The readings around some pages, all read at once.

use std::collections::{BTreeMap, HashMap};

use db::{Cell, DbError, Tx, with_rows};
use ids::MeterId;
use reading::{Neighbours, SignedReading};

use super::readings::{COLUMNS, Stored, stored};

/// Readings by meter and page: those of the pages that were asked for, where they are stored, and
/// on both sides of each the stored reading of the nearest page.
#[derive(Debug, Default)]
pub(crate) struct Nearby(HashMap<MeterId, BTreeMap<u32, Stored>>);

impl Nearby {
    /// Reads what is around `pages`.
    pub(crate) async fn of(tx: &mut Tx, pages: &[(MeterId, u32)]) -> Result<Nearby, DbError> {
        let wanted = |(meter, page): &(MeterId, u32)| {
            vec![Cell::Text(meter.to_string()), Cell::Int((*page).into())]
        };
        let sql = format!(
            "with wanted (of_meter, of_page) as ({{rows}}), \
             around (of_meter, lowest, highest) as (select of_meter, \
             coalesce((select max(page) from reading where meter = of_meter and page < of_page), \
             of_page), \
             coalesce((select min(page) from reading where meter = of_meter and page > of_page), \
             of_page) from wanted) \
             select {COLUMNS} from around \
             join reading on meter = of_meter and page >= lowest and page <= highest"
        );
        let mut nearby = Nearby::default();
        for row in with_rows(tx, &sql, 2, pages.iter().map(wanted).collect()).await? {
            nearby.add(stored(&row)?);
        }
        Ok(nearby)
    }

    /// Counts `reading` as stored from now on.
    pub(crate) fn add(&mut self, reading: Stored) {
        let pages = self.0.entry(reading.reading().meter).or_default();
        pages.insert(reading.reading().page, reading);
    }

    /// The reading of `page` and its neighbours.
    pub(crate) fn neighbours(&self, meter: MeterId, page: u32) -> Neighbours {
        let [before, same, after] =
            self.found(meter, page).map(|stored| stored.map(|stored| *stored.reading()));
        Neighbours { same, before, after }
    }

    /// The highest page of `meter` here.
    pub(crate) fn last(&self, meter: MeterId) -> Option<Stored> {
        self.0.get(&meter)?.values().next_back().copied()
    }

    /// The reading of `page` between its neighbours, in page order.
    pub(crate) fn around(&self, meter: MeterId, page: u32) -> Vec<&Stored> {
        self.found(meter, page).into_iter().flatten().collect()
    }

    /// The readings around `page`, itself included, that no event has carried, in page order. They
    /// count as carried from now on.
    pub(crate) fn carry(&mut self, meter: MeterId, page: u32) -> Vec<SignedReading> {
        let around = self.around(meter, page).into_iter();
        let news: Vec<_> =
            around.filter(|stored| !stored.published).map(|stored| stored.signed).collect();
        let pages = self.0.entry(meter).or_default();
        for signed in &news {
            pages.entry(signed.reading.page).and_modify(|stored| stored.published = true);
        }
        news
    }

    /// The nearest below `page`, the one of it, the nearest above.
    fn found(&self, meter: MeterId, page: u32) -> [Option<&Stored>; 3] {
        let Some(pages) = self.0.get(&meter) else { return [None; 3] };
        let before = pages.range(..page).next_back().map(|(_, stored)| stored);
        let after = pages.range(page..).find(|(other, _)| **other > page);
        [before, pages.get(&page), after.map(|(_, stored)| stored)]
    }
}

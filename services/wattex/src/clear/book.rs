//! A book of orders from a file; every fault is named by file, line and column.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use alloy_primitives::keccak256;
use ids::{OrderId, ZoneId};
use matching::Order;

use crate::data::DataError;
use crate::rows::{Columns, Row, read as read_rows};

/// The columns of a book.
const COLUMNS: Columns = Columns {
    known: &["order_id", "account", "side", "qty_wh", "price", "zone", "time", "min_fill_wh"],
    needed: &["order_id", "side", "qty_wh", "price"],
};

/// Orders, and the names that the file has for them.
pub(super) struct Book {
    pub(super) orders: Vec<Order>,
    /// The zones in which orders stand; an empty name is of those that name none.
    pub(super) zones: BTreeSet<String>,
    names: HashMap<OrderId, (usize, String, String)>,
}

impl Book {
    /// The order.
    pub(super) fn order(&self, order: OrderId) -> &Order {
        &self.orders[self.names[&order].0]
    }

    /// What the file calls it.
    pub(super) fn name(&self, order: OrderId) -> &str {
        &self.names[&order].1
    }

    /// Whose it is.
    pub(super) fn account(&self, order: OrderId) -> &str {
        &self.names[&order].2
    }
}

/// Reads a book: JSON where the file's name ends so, else CSV.
pub(super) fn read(path: &Path) -> Result<Book, DataError> {
    book(read_rows(path, &COLUMNS)?)
}

/// The owner that an account of a file is.
pub(super) fn owner(account: &str) -> [u8; 20] {
    let mut owner = [0; 20];
    owner.copy_from_slice(&keccak256(account)[12..]);
    owner
}

fn book(rows: Vec<Row>) -> Result<Book, DataError> {
    let mut book = Book { orders: Vec::new(), zones: BTreeSet::new(), names: HashMap::new() };
    let mut times = Vec::new();
    for row in rows {
        let name = row.needed("order_id")?.to_owned();
        let account = row.get("account").unwrap_or(&name).to_owned();
        let id = OrderId::derived(&name);
        let owner = owner(&account);
        let zone = row.get("zone").unwrap_or_default();
        book.zones.insert(zone.to_owned());
        let quantity = row.needed_energy("qty_wh")?;
        let min_fill = row.energy("min_fill_wh")?;
        let limit = row.price("price")?;
        if book.names.insert(id, (book.orders.len(), name.clone(), account)).is_some() {
            return Err(row.error("order_id", format!("{name:?} stands here for the second time")));
        }
        times.push(row.number("time")?.unwrap_or(i64::MAX));
        book.orders.push(Order {
            id,
            owner,
            side: row.side()?,
            quantity,
            price: limit,
            min_fill: min_fill.unwrap_or_default(),
            hash: keccak256(&name).0,
            sequence: 0,
            zone: ZoneId::derived(zone),
        });
    }
    let mut places: Vec<usize> = (0..times.len()).collect();
    places.sort_by_key(|place| (times[*place], *place));
    for (sequence, place) in (1..).zip(places) {
        book.orders[place].sequence = sequence;
    }
    Ok(book)
}

//! Days of a market from files: orders, trades, and what was fed in.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use calendar::{LocalDay, TimeZone, Timestamp};
use ids::{AccountId, ConnectionPointId, OrderId, PartyId};
use matching::{Fees, Trade};
use surveillance::{Day, Interval, Order, Slot};
use units::Price;

use crate::data::DataError;
use crate::rows::{self, Columns, Row};

const ORDERS: Columns = Columns {
    known: &[
        "order_id",
        "account",
        "owner",
        "side",
        "slot",
        "qty_wh",
        "price",
        "placed",
        "cancelled",
    ],
    needed: &["order_id", "account", "side", "slot", "qty_wh", "price", "placed"],
};

const TRADES: Columns = Columns {
    known: &["buy_order", "sell_order", "qty_wh", "price", "sell_price"],
    needed: &["buy_order", "sell_order", "qty_wh", "price"],
};

const INTERVALS: Columns = Columns {
    known: &["slot", "connection_point", "owner", "export_wh"],
    needed: &["slot", "connection_point", "owner", "export_wh"],
};

/// What all slots have in common.
pub(super) struct Setting {
    pub(super) retail: Price,
    pub(super) feed_in: Price,
    pub(super) tick: Price,
    pub(super) fees: Fees,
    pub(super) gate_seconds: i64,
    pub(super) timezone: TimeZone,
}

/// What the files call orders and owners.
#[derive(Default)]
pub(super) struct Names {
    orders: HashMap<OrderId, String>,
    owners: HashMap<PartyId, String>,
}

impl Names {
    pub(super) fn order(&self, order: OrderId) -> &str {
        self.orders.get(&order).map_or("", String::as_str)
    }

    pub(super) fn owner(&self, owner: PartyId) -> &str {
        self.owners.get(&owner).map_or("", String::as_str)
    }

    fn party(&mut self, name: &str) -> PartyId {
        let party = PartyId::derived(name);
        self.owners.entry(party).or_insert_with(|| name.to_owned());
        party
    }
}

/// A day of a case.
pub(super) fn day(number: u32) -> LocalDay {
    LocalDay::from_number(number)
}

/// Reads the files into days, in order.
pub(super) fn read(
    orders: &Path,
    trades: &Path,
    intervals: Option<&Path>,
    setting: &Setting,
) -> Result<(Vec<Day>, Names), DataError> {
    let mut days = Days { setting, days: BTreeMap::new(), slots: HashMap::new() };
    let mut names = Names::default();
    let mut slots_of: HashMap<OrderId, Timestamp> = HashMap::new();
    for row in rows::read(orders, &ORDERS)? {
        let order = order(&row, &mut names)?;
        if slots_of.insert(order.order, order.slot).is_some() {
            return Err(row.error("order_id", "stands here for the second time"));
        }
        days.of(order.slot).orders.push(order);
    }
    let mut met = HashSet::new();
    for row in rows::read(trades, &TRADES)? {
        let trade = trade(&row)?;
        let slot =
            slots_of.get(&trade.buyer).filter(|slot| slots_of.get(&trade.seller) == Some(*slot));
        let slot = *slot.ok_or_else(|| row.error("buy_order", "no two orders of one slot"))?;
        if !met.insert((trade.buyer, trade.seller)) {
            return Err(row.error("buy_order", "these two orders meet for the second time"));
        }
        days.of(slot).trades.push(trade);
        days.priced(slot, &trade);
    }
    for row in intervals.map(|file| rows::read(file, &INTERVALS)).transpose()?.unwrap_or_default() {
        let interval = Interval {
            slot: slot(&row)?,
            connection_point: ConnectionPointId::derived(row.needed("connection_point")?),
            owner: names.party(row.needed("owner")?),
            export: row.needed_energy("export_wh")?,
        };
        days.of(interval.slot).intervals.push(interval);
    }
    Ok((days.finish(), names))
}

fn slot(row: &Row) -> Result<Timestamp, DataError> {
    row.needed("slot")?;
    Ok(row.moment("slot")?.unwrap_or_default())
}

fn order(row: &Row, names: &mut Names) -> Result<Order, DataError> {
    let (name, account) = (row.needed("order_id")?, row.needed("account")?);
    let order = OrderId::derived(name);
    names.orders.insert(order, name.to_owned());
    row.needed("placed")?;
    let (placed, cancelled) = (row.moment("placed")?.unwrap_or_default(), row.moment("cancelled")?);
    if cancelled.is_some_and(|cancelled| cancelled < placed) {
        return Err(row.error("cancelled", "is before the order was placed"));
    }
    Ok(Order {
        order,
        account: AccountId::derived(account),
        owner: names.party(row.get("owner").unwrap_or(account)),
        side: row.side()?,
        slot: slot(row)?,
        quantity: row.needed_energy("qty_wh")?,
        limit: row.price("price")?,
        placed,
        cancelled,
    })
}

fn trade(row: &Row) -> Result<Trade, DataError> {
    let buy_price = row.price("price")?;
    let sell_price = row.get("sell_price").map(|_| row.price("sell_price")).transpose()?;
    Ok(Trade {
        buyer: OrderId::derived(row.needed("buy_order")?),
        seller: OrderId::derived(row.needed("sell_order")?),
        quantity: row.needed_energy("qty_wh")?,
        buy_price,
        sell_price: sell_price.unwrap_or(buy_price),
    })
}

/// The price of a slot, as its trades tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Priced {
    Not,
    At(Price),
    Differently,
}

struct Days<'a> {
    setting: &'a Setting,
    days: BTreeMap<u32, Day>,
    slots: HashMap<Timestamp, Priced>,
}

impl Days<'_> {
    /// The day of a slot, which has the slot from now on.
    fn of(&mut self, slot: Timestamp) -> &mut Day {
        self.slots.entry(slot).or_insert(Priced::Not);
        let number = self.setting.timezone.day_of(slot).number();
        self.days.entry(number).or_insert_with(|| Day { number, ..Day::default() })
    }

    fn priced(&mut self, slot: Timestamp, trade: &Trade) {
        let price = trade.buy_price;
        let one = trade.sell_price == price;
        let known = self.slots.entry(slot).or_insert(Priced::Not);
        *known = match *known {
            Priced::Not if one => Priced::At(price),
            Priced::At(before) if one && before == price => *known,
            _ => Priced::Differently,
        };
    }

    fn finish(mut self) -> Vec<Day> {
        let setting = self.setting;
        for (start, priced) in std::mem::take(&mut self.slots) {
            let slot = Slot {
                slot: start,
                gate: start.plus_seconds(-setting.gate_seconds),
                price: if let Priced::At(price) = priced { Some(price) } else { None },
                retail: setting.retail,
                feed_in: setting.feed_in,
                tick: setting.tick,
                fees: setting.fees,
            };
            self.of(start).slots.push(slot);
        }
        self.days.into_values().collect()
    }
}

//! What is paid for energy fed in, and what is carried over.

use super::super::{Bank, Export, Leftover, Mode};
use super::pricing;
use crate::UnitPrice;
use crate::problem::Code;
use crate::reader::{Field, Reader};

/// The member `export` of a sheet.
pub(super) fn export<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Export> {
    let mut keys = vec!["mode", "bank", "year_end"];
    keys.extend(pricing::KEYS);
    reader.known(field, &keys);
    let words = [
        ("feed_in", Mode::FeedIn),
        ("net_billing", Mode::NetBilling),
        ("net_metering", Mode::NetMetering),
        ("buy_all_sell_all", Mode::BuyAllSellAll),
    ];
    let mode = reader.need(field, "mode").and_then(|it| reader.word(&it, &words))?;
    let words = [
        ("none", Bank::None),
        ("energy", Bank::Energy),
        ("money", Bank::Money(true)),
        ("money_next_month", Bank::Money(false)),
    ];
    let banked = field.get("bank");
    let bank = banked.as_ref().and_then(|it| reader.word(it, &words)).unwrap_or(Bank::None);
    let fits = match mode {
        Mode::FeedIn | Mode::BuyAllSellAll => bank == Bank::None,
        Mode::NetBilling => bank != Bank::Energy,
        Mode::NetMetering => true,
    };
    if let (Some(banked), false) = (banked, fits) {
        reader.wrong(&banked, Code::Contradiction, "this mode has no such bank");
    }
    let priced = pricing::KEYS.iter().any(|key| field.get(key).is_some());
    let price = if priced { Some(pricing::pricing(reader, field)?) } else { None };
    if price.is_none() && bank != Bank::Energy {
        reader.wrong(field, Code::Missing, "a price is missing: this mode pays for export");
    }
    let (year_end, leftover) = match field.get("year_end") {
        Some(end) => leftover(reader, &end, bank)?,
        None => (12, Leftover::Keep),
    };
    Some(Export { mode, price, bank, year_end, leftover, source: field.path.clone() })
}

/// The member `year_end`: `{ "month": 12, "leftover": "pay", "price": "0.03" }`.
fn leftover<'a>(reader: &mut Reader<'a>, field: &Field<'a>, bank: Bank) -> Option<(u8, Leftover)> {
    reader.known(field, &["month", "leftover", "price"]);
    let month = reader.need(field, "month").and_then(|it| reader.integer(&it, 1, 12))?;
    let words = [("keep", 0), ("expire", 1), ("pay", 2), ("credit", 3)];
    let kind = reader.need(field, "leftover")?;
    let word = reader.word(&kind, &words)?;
    let price = match field.get("price") {
        Some(price) => reader.amount(&price)?,
        None if word >= 2 && bank == Bank::Energy => {
            reader.wrong(field, Code::Missing, "price is missing: energy becomes money at one");
            return None;
        }
        None => UnitPrice::ZERO,
    };
    if word == 3 && bank != Bank::Energy {
        reader.wrong(&kind, Code::Contradiction, "only energy is turned into a credit");
    }
    let leftover = match word {
        0 => Leftover::Keep,
        1 => Leftover::Expire,
        2 => Leftover::Pay(price),
        _ => Leftover::Credit(price),
    };
    Some((u8::try_from(month).unwrap_or(12), leftover))
}

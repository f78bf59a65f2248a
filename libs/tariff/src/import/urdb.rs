//! OpenEI's Utility Rate Database, version 3 to 8 of its JSON.
//!
//! Field names are taken in any case, as versions differ in it. Prices are the text's decimals.
//! How an import is read where the database leaves it open, with what decided it:
//! * hour `h` of a schedule is local time `[h, h+1)`; the database knows no daylight saving;
//! * `rate + adj` is the price; a tier that has neither is a fault, not a free tier;
//! * the last tier is open, whatever its `max`; REopt's files close it with 0, SAM's with 1e38;
//! * tiers fill over all periods together, as SAM and PySAM have them;
//! * `dgrules` as PySAM maps them; without them net metering is assumed, and a note says so;
//! * a ratchet takes the month's own peak in full, and the given percentage of earlier ones.
//!
//! What costs money and is not rated is noted where a load is rated, and refused where a tariff is
//! to be published: its bills would be too low.

mod charges;
mod power;
mod structure;

use calendar::{LocalDay, TimeZone, Timestamp};

use crate::json::{Node, Value};
use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::sheet::{Across, Sheet};

/// Fields of which at least one is in every rate.
pub(super) const STRUCTURES: [&str; 7] = [
    "energyratestructure",
    "energyweekdayschedule",
    "flatdemandstructure",
    "demandratestructure",
    "fixedmonthlycharge",
    "fixedchargefirstmeter",
    "dgrules",
];

/// Fields that cost money and are not rated.
const UNRATED: [(&str, &str); 6] = [
    ("coincidentratestructure", "charges on the peak of the grid"),
    ("demandreactivepowercharge", "a charge for reactive power"),
    ("fixedchargeeaaddl", "charges for further meters"),
    ("energyattrs", "attributes of the energy charge"),
    ("demandattrs", "attributes of the demand charge"),
    ("fixedattrs", "attributes of the fixed charge"),
];

/// What becomes of charges that are not rated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unrated {
    /// A note says so.
    Noted,
    /// They are faults, where anything is charged.
    Refused,
}

/// The rate, or the wanted one of several in `items`.
pub(super) fn sheet<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    wanted: Option<&str>,
    unrated: Unrated,
) -> Option<Sheet> {
    match field.find("items") {
        Some(items) => {
            let rates = reader.list(&items, 10_000);
            let rate = super::unsw::choose(reader, &items, &rates, wanted, &["label", "name"])?;
            rate_sheet(reader, &rate, unrated)
        }
        None => rate_sheet(reader, field, unrated),
    }
}

fn rate_sheet<'a>(reader: &mut Reader<'a>, field: &Field<'a>, unrated: Unrated) -> Option<Sheet> {
    let label = field.find("label").and_then(|it| reader.text(&it));
    let name = field.find("name").and_then(|it| reader.text(&it));
    let label = label.unwrap_or_else(|| "urdb".to_owned());
    let name = name.unwrap_or_else(|| label.clone());
    let mut sheet = Sheet::empty(&label, &name, "USD", 2);
    published(reader, field);
    let metering = charges::metering(reader, field);
    let netted = metering.as_ref().is_some_and(|it| it.nets);
    let across = if netted { Across::Share } else { Across::Time };
    structure::energy(reader, field, across, &mut sheet);
    power::demand(reader, field, &mut sheet);
    charges::fixed(reader, field, &mut sheet);
    charges::minimum(reader, field, &mut sheet);
    if let Some(metering) = metering {
        charges::export(reader, field, &metering, across, &mut sheet);
    }
    for (key, what) in UNRATED {
        let Some(found) = field.find(key) else { continue };
        let reason = format!("{what}: this is not rated");
        match unrated {
            Unrated::Refused if charges_something(found.node) => {
                let reason = format!("{reason}, so bills would be too low");
                reader.wrong(&found, Code::Unsupported, reason);
            }
            _ => reader.note(format!("{}: {reason}", found.path)),
        }
    }
    let empty = sheet.energy.is_empty() && sheet.demand.is_empty() && sheet.fixed.is_empty();
    if empty && reader.is_clean() {
        reader.wrong(field, Code::Missing, "there is no rate in it");
    }
    Some(sheet)
}

/// Whether a field that is not rated says more than that nothing is charged. Of tiers only what
/// they cost counts, not up to where they reach.
fn charges_something(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => number.bytes().any(|digit| (b'1'..=b'9').contains(&digit)),
        Value::Text(text) => !text.trim().is_empty(),
        Value::List(items) => items.iter().any(charges_something),
        Value::Object(members) => {
            let costs = |key: &str| ["rate", "adj"].iter().any(|it| key.eq_ignore_ascii_case(it));
            let is_tier = members.iter().any(|(key, _)| costs(key));
            let mut said = members.iter().filter(|(key, _)| !is_tier || costs(key));
            said.any(|(_, member)| charges_something(member))
        }
    }
}

/// When the database says that the rate held. Rates of the past are what the database has most
/// of, so this is said and not enforced.
fn published<'a>(reader: &mut Reader<'a>, field: &Field<'a>) {
    let mut day = |key| {
        let at = field.find(key)?;
        let seconds = reader.integer(&at, 0, i64::MAX)?;
        Some(TimeZone::utc().day_of(Timestamp::from_seconds(seconds)))
    };
    let (from, to): (Option<LocalDay>, Option<LocalDay>) = (day("startdate"), day("enddate"));
    match (from, to) {
        (Some(from), Some(to)) => {
            reader.note(format!("the database has this rate from {from} to {to}"));
        }
        (Some(from), None) => reader.note(format!("the database has this rate from {from}")),
        (None, Some(to)) => reader.note(format!("the database has this rate to {to}")),
        (None, None) => {}
    }
}

//! Energy, windows, blocks and demand of an Australian tariff.

use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::schedule::{DAY_MINUTES, Days, When, Window};
use crate::sheet::{
    Across, DemandCharge, DemandPeriod, DemandTier, Limit, Periods, Pricing, Reset, Tier, TouPeriod,
};

/// The parameters that are rated.
pub(super) const KNOWN: [&str; 9] = [
    "Daily",
    "FiT",
    "FiT_TOU",
    "FlatRate",
    "TOU",
    "BlockDaily",
    "BlockQuarterly",
    "BlockAnnual",
    "Demand",
];

pub(super) fn energy<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Pricing> {
    let blocks = [
        ("BlockDaily", Reset::Day),
        ("BlockQuarterly", Reset::Quarter),
        ("BlockAnnual", Reset::Year),
    ];
    let periods = if let Some(flat) = field.get("FlatRate") {
        let value = reader.need(&flat, "Value")?;
        Periods::flat(reader.price(&value)?, &value.path)
    } else if let Some(windowed) = field.get("TOU") {
        windows(reader, &windowed)?
    } else if let Some((found, reset)) =
        blocks.iter().find_map(|(key, reset)| Some((field.get(key)?, *reset)))
    {
        tiers(reader, &found, reset)?
    } else {
        reader.wrong(field, Code::Unsupported, "no energy price of a known kind");
        return None;
    };
    Some(Pricing::Periods(periods))
}

/// Windows with names and prices. What no window is for has the price of the last.
pub(super) fn windows<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Periods> {
    let mut all = Vec::new();
    let mut periods = Vec::new();
    for (name, member) in field.members() {
        let value = reader.need(&member, "Value")?;
        let price = reader.price(&value)?;
        let place = u8::try_from(periods.len()).ok()?;
        all.extend(of_member(reader, &member, place)?);
        let tiers = vec![Tier { max: None, price, source: value.path }];
        periods.push(TouPeriod { name: name.to_owned(), tiers });
    }
    let otherwise = u8::try_from(periods.len().checked_sub(1)?).ok()?;
    let when = When::Windows { windows: all, otherwise };
    Some(Periods { when, periods, across: Across::Period, reset: Reset::Month })
}

fn of_member<'a>(reader: &mut Reader<'a>, field: &Field<'a>, period: u8) -> Option<Vec<Window>> {
    let mut flag = |key| field.get(key).and_then(|it| reader.bool(&it)).unwrap_or(true);
    let (weekday, weekend) = (flag("Weekday"), flag("Weekend"));
    let days = match (weekday, weekend) {
        (true, true) => Days::ALL,
        (true, false) => Days::WEEKDAY,
        (false, true) => Days::WEEKEND.and(Days::HOLIDAY),
        (false, false) => Days(0),
    };
    let mut seasons = Vec::new();
    if let Some(months) = field.get("Month") {
        for month in reader.list(&months, 24) {
            let month = reader.integer(&month, 1, 12).and_then(|it| u8::try_from(it).ok())?;
            if !seasons.contains(&((month, 1), (month, 31))) {
                seasons.push(((month, 1), (month, 31)));
            }
        }
    }
    let mut windows = Vec::new();
    match field.get("TimeIntervals") {
        Some(intervals) => {
            for (_, interval) in intervals.members() {
                let ends = reader.list(&interval, 2);
                let [from, to] = ends.as_slice() else {
                    reader.wrong(&interval, Code::Missing, "a beginning and an end");
                    return None;
                };
                let (from, to) = (reader.clock(from)?, reader.clock(to)?);
                let (from, to) = (from % DAY_MINUTES, to % DAY_MINUTES);
                windows.push(Window { period, from, to, days, seasons: seasons.clone() });
            }
        }
        None => windows.push(Window { period, from: 0, to: 0, days, seasons }),
    }
    Some(windows)
}

/// Blocks with their upper ends, lowest first.
fn tiers<'a>(reader: &mut Reader<'a>, field: &Field<'a>, reset: Reset) -> Option<Periods> {
    let members = field.members();
    let mut tiers = Vec::new();
    for (place, (_, member)) in members.iter().enumerate() {
        let value = reader.need(member, "Value")?;
        let price = reader.price(&value)?;
        let last = place + 1 == members.len();
        // The end of the last block is the text "Infinity".
        let max = match member.get("HighBound").filter(|_| !last) {
            Some(bound) => Some(Limit::of(reader.quantity(&bound)?)),
            None => None,
        };
        if !last && max.is_none() {
            reader.wrong(
                member,
                Code::Missing,
                "HighBound is missing: only the last block is open",
            );
        }
        let below = tiers.last().and_then(|tier: &Tier| tier.max).map(|max| max.energy);
        if max.is_some() && max.map(|max| max.energy) <= below {
            reader.wrong(member, Code::Contradiction, "HighBound is not above the block below");
        }
        tiers.push(Tier { max, price, source: value.path });
    }
    let period = TouPeriod { name: String::new(), tiers };
    let periods = vec![period];
    Some(Periods { when: When::Always, periods, across: Across::Period, reset })
}

/// Demand of one peak a month; what averages several peaks is not rated.
pub(super) fn demand<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Vec<DemandCharge> {
    let mut charges = Vec::new();
    for (name, member) in field.members() {
        charges.extend(charge(reader, name, &member));
    }
    charges
}

fn charge<'a>(reader: &mut Reader<'a>, name: &str, field: &Field<'a>) -> Option<DemandCharge> {
    let peaks = field.get("Number of Peaks").and_then(|it| reader.integer(&it, 0, 366));
    let averaged = field.get("Day Average").and_then(|it| reader.bool(&it)) == Some(true);
    let grid = field.get("Based on Network Peak").and_then(|it| reader.bool(&it)) == Some(true);
    if peaks.is_some_and(|peaks| peaks > 1) || averaged || grid {
        let reason = "a mean of several peaks, or the grid's own peak, cannot be rated";
        reader.wrong(field, Code::Unsupported, reason);
        return None;
    }
    let value = reader.need(field, "Value")?;
    let price = reader.price(&value)?;
    let monthly = field.get("Unit").and_then(|it| reader.text(&it));
    if monthly.as_deref().is_some_and(|unit| !unit.eq_ignore_ascii_case("$/kW/Month")) {
        reader.wrong(field, Code::Unsupported, "only charges in $/kW/Month can be rated");
        return None;
    }
    let windows = of_member(reader, field, 0)?;
    let free = DemandTier { max: None, price: crate::UnitPrice::ZERO, source: value.path.clone() };
    let charged = DemandTier { price, ..free.clone() };
    let period = |name: &str, tier, counts| DemandPeriod {
        name: name.to_owned(),
        tiers: vec![tier],
        counts,
        ratcheted: true,
    };
    let periods = vec![period(name, charged, true), period("other times", free, false)];
    let when = When::Windows { windows, otherwise: 1 };
    Some(DemandCharge { name: "demand".to_owned(), when, periods })
}

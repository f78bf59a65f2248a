//! Windows with prices, as the ACN portal's tariff schedules have them: per season and kind of day
//! the hours at which a price begins, and one demand charge.

use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::schedule::{DAY_MINUTES, Days, When, Window};
use crate::sheet::{
    Across, Class, DemandCharge, DemandPeriod, DemandTier, EnergyCharge, On, Periods, Pricing,
    Reset, Sheet, TIERS_MAX, Tier, TouPeriod,
};

/// What one entry of the schedule becomes.
#[derive(Default)]
struct Made {
    windows: Vec<Window>,
    periods: Vec<TouPeriod>,
    seasons: Vec<Window>,
    demand: Vec<DemandPeriod>,
}

pub(super) fn sheet<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Sheet> {
    let name = field.get("name").and_then(|it| reader.text(&it))?;
    let mut sheet = Sheet::empty(&name, &name, "USD", 2);
    let entries = reader.need(field, "schedule").map(|it| reader.list(&it, TIERS_MAX))?;
    let mut made = Made::default();
    for (place, row) in entries.iter().enumerate() {
        entry(reader, row, place, &mut made);
    }
    if made.periods.is_empty() {
        reader.wrong(field, Code::Missing, "no prices");
        return None;
    }
    // A day that no entry is for has the prices of the last: an open hole is said, not hidden.
    let otherwise = u8::try_from(made.periods.len() - 1).ok()?;
    let when = When::Windows { windows: made.windows, otherwise };
    let (periods, across, reset) = (made.periods, Across::Period, Reset::Month);
    sheet.energy.push(EnergyCharge {
        name: "energy".to_owned(),
        class: Class::Energy,
        on: On::Residual,
        netted: true,
        pricing: Pricing::Periods(Periods { when, periods, across, reset }),
    });
    let charged = made.demand.iter().any(|period| !period.tiers[0].price.is_zero());
    if charged {
        let otherwise = u8::try_from(made.demand.len() - 1).ok()?;
        let when = When::Windows { windows: made.seasons, otherwise };
        let name = "demand".to_owned();
        sheet.demand.push(DemandCharge { name, when, periods: made.demand });
    }
    reader.note("the file says nothing of export: nothing is paid for it");
    Some(sheet)
}

fn entry<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    place: usize,
    made: &mut Made,
) -> Option<()> {
    let name = field.get("id").and_then(|it| reader.text(&it));
    let name = name.unwrap_or_else(|| format!("schedule {place}"));
    let first = reader.need(field, "effective_start").and_then(|it| month_day(reader, &it));
    let last = reader.need(field, "effective_end").and_then(|it| month_day(reader, &it));
    let masks = [("ALL", Days::ALL), ("WEEKDAYS", Days::WEEKDAY), ("WEEKENDS", Days::WEEKEND)];
    let days = reader.need(field, "dow_mask").and_then(|it| reader.word(&it, &masks));
    let times = reader.need(field, "times").map(|it| reader.list(&it, 96))?;
    let prices = reader.need(field, "tariffs").map(|it| reader.list(&it, 96))?;
    if times.len() != prices.len() || times.is_empty() {
        reader.wrong(field, Code::Contradiction, "times and tariffs are not equally many");
        return None;
    }
    let starts: Vec<u16> = times.iter().filter_map(|it| minute(reader, it)).collect();
    let season = (first?, last?);
    let window = |period, from, to| Window {
        period,
        from,
        to,
        days: days.unwrap_or(Days::ALL),
        seasons: vec![season],
    };
    for (place, price) in prices.iter().enumerate() {
        let value = reader.price(price)?;
        let from = *starts.get(place)?;
        let to = starts.get(place + 1).copied().unwrap_or(0);
        let period = u8::try_from(made.periods.len()).ok()?;
        made.windows.push(window(period, from, to));
        let tier = Tier { max: None, price: value, source: price.path.clone() };
        let label = format!("{name} from {}:{:02}", from / 60, from % 60);
        made.periods.push(TouPeriod { name: label, tiers: vec![tier] });
    }
    if let Some(charge) = field.get("demand_charge") {
        let price = reader.amount(&charge)?;
        let tier = DemandTier { max: None, price, source: charge.path.clone() };
        // The season's peak counts once, whatever the day.
        let known = made.seasons.iter().zip(&made.demand).find(|(it, _)| it.seasons == [season]);
        if known.is_some_and(|(_, period)| period.tiers[0].price != price) {
            let reason = "the same season has another demand charge already";
            reader.wrong(&charge, Code::Contradiction, reason);
        } else if known.is_none() {
            let period = u8::try_from(made.demand.len()).ok()?;
            made.seasons.push(Window { days: Days::ALL, ..window(period, 0, 0) });
            made.demand.push(DemandPeriod {
                name,
                tiers: vec![tier],
                counts: true,
                ratcheted: true,
            });
        }
    }
    Some(())
}

/// `9-30` or `09-30`.
fn month_day(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<(u8, u8)> {
    crate::sheet::month_day(reader, field)
}

/// Hours since midnight, such as 8.5.
fn minute(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<u16> {
    let hours = reader.decimal(field)?;
    let minutes = hours.to_scale(6).map(|micro| micro * 60).filter(|it| it % 1_000_000 == 0);
    let minute = minutes.and_then(|it| u16::try_from(it / 1_000_000).ok());
    let minute = minute.filter(|minute| *minute < DAY_MINUTES);
    if minute.is_none() {
        reader.wrong(field, Code::OutOfRange, "hours from 0 to 24, in whole minutes");
    }
    minute
}

//! Energy per day, and its drawing.

use std::collections::BTreeMap;
use std::fmt::Write;

use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use units::{Decimal, Energy, Overflow};

use super::{Facts, Side};

/// Energy of one local day, by where it came from and where it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The day.
    pub day: LocalDay,
    /// From neighbours.
    pub bought: Energy,
    /// From the supplier.
    pub supplied: Energy,
    /// To neighbours.
    pub sold: Energy,
    /// To the grid.
    pub fed_in: Energy,
}

/// Energy of each day of the period.
///
/// # Errors
/// [`Overflow`] when a sum does not fit.
pub fn daily(facts: &Facts<'_>) -> Result<Vec<Day>, Overflow> {
    let zone = &facts.tariff.head().timezone;
    let mut sums: BTreeMap<LocalDay, [Energy; 4]> = BTreeMap::new();
    for day in facts.period.days() {
        sums.insert(day, [Energy::ZERO; 4]);
    }
    for trade in facts.trades {
        let sum = sums.entry(zone.day_of(trade.slot)).or_default();
        let place = if trade.side == Side::Buyer { 0 } else { 2 };
        sum[place] = sum[place].plus(trade.delivered)?;
    }
    for slot in facts.slots() {
        let Some(used) = facts.used.get(&slot.start) else { continue };
        let sum = sums.entry(zone.day_of(slot.start)).or_default();
        sum[1] = sum[1].plus(used.import)?;
        sum[3] = sum[3].plus(used.export)?;
    }
    let day = |(day, [bought, import, sold, export]): (LocalDay, [Energy; 4])| Day {
        day,
        bought,
        supplied: import.less(bought),
        sold,
        fed_in: export.less(sold),
    };
    Ok(sums.into_iter().map(day).collect())
}

const WIDTH: u64 = 640;
const HEIGHT: u64 = 90;

/// Two bars per day: above the axis what was taken, below what was fed in.
pub(super) fn svg(days: &[Day]) -> String {
    let wh = |energy: Energy| energy.wh();
    let taken = |day: &Day| wh(day.bought).saturating_add(wh(day.supplied));
    let given = |day: &Day| wh(day.sold).saturating_add(wh(day.fed_in));
    let most = days.iter().map(|day| taken(day).max(given(day))).max().unwrap_or(0).max(1);
    let count = u64::try_from(days.len()).unwrap_or(u64::MAX).max(1);
    let step = WIDTH / count;
    let scale = |energy: u64| {
        u64::try_from(u128::from(energy) * u128::from(HEIGHT) / u128::from(most)).unwrap_or(HEIGHT)
    };
    let mut bars = String::new();
    for (place, day) in (0_u64..).zip(days) {
        let x = place * step + step / 8;
        let width = (step * 3 / 4).max(1);
        let mut bar = |class: &str, y: u64, height: u64| {
            let _ = write!(
                bars,
                r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#
            );
        };
        let (bought, supplied) = (scale(wh(day.bought)), scale(wh(day.supplied)));
        bar("bought", HEIGHT.saturating_sub(bought), bought);
        bar("supplied", HEIGHT.saturating_sub(bought + supplied), supplied);
        let (sold, fed_in) = (scale(wh(day.sold)), scale(wh(day.fed_in)));
        bar("sold", HEIGHT + 1, sold);
        bar("fed", HEIGHT + 1 + sold, fed_in);
    }
    let height = 2 * HEIGHT + 1;
    let title =
        format!("Energy per day; the tallest bar is {} kWh", Decimal::new(i128::from(most), 3));
    format!(
        concat!(
            r#"<svg viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>"#,
            r#"{}<line x1="0" x2="{}" y1="{}" y2="{}"/></svg>"#
        ),
        WIDTH, height, title, title, bars, WIDTH, HEIGHT, HEIGHT
    )
}

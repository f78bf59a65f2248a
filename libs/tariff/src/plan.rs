//! A tariff laid out over a span of time, once for any number of customers.
//!
//! ```text
//! versions of a sheet + zone + days + interval -> Plan
//!
//! Plan   months -> parts (one version each) -> runs: so many intervals in this period, then ...
//!        items: every line that can be on a bill, with its name and the field it came from
//! ```
//!
//! All that depends on clocks, seasons, holidays and changes of the tariff is decided here, so
//! that rating a customer adds up runs and looks nothing up.

mod blocks;
mod grid;
mod items;
pub(crate) mod spot;

use calendar::{LocalDay, TimeZone, Timestamp};
use units::Decimal;

use crate::schedule::{Kind, When};
use crate::sheet::{Pricing, Reset, Sheet, Spot};
use crate::{Refusal, UnitPrice};

pub(crate) use blocks::{Block, all as all_blocks};
pub(crate) use grid::{Day, Run};
pub use items::{Item, Unit};
pub(crate) use items::{Items, Places};
pub(crate) use spot::SpotPrices;

/// The most days of a span: twenty years.
pub const DAYS_MAX: u32 = 7_306;
/// Minutes of the clock at which a surplus looks for its period in the next month: 0, 5, 11 and 17
/// o'clock on a working day, as SAM's utility rate model (NREL) does.
const ANCHORS: [u16; 4] = [0, 300, 660, 1020];

/// A tariff laid out over a span.
#[derive(Debug, Clone)]
pub struct Plan {
    zone: TimeZone,
    from: LocalDay,
    to: LocalDay,
    start: Timestamp,
    interval_minutes: u32,
    intervals: usize,
    pub(crate) sheets: Vec<Layout>,
    pub(crate) items: Items,
    pub(crate) months: Vec<Month>,
}

/// A version with its distinct schedules.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) sheet: Sheet,
    /// Distinct schedules, and whether a run ends with each day.
    schedules: Vec<(When, bool)>,
    /// The schedule of each energy charge, by place.
    pub(crate) energy: Vec<usize>,
    /// The schedule of the export price.
    pub(crate) export: usize,
    /// Intervals in a demand window.
    pub(crate) window: usize,
    /// Where its items begin.
    pub(crate) items: Places,
    /// The taxes as parts of one.
    pub(crate) taxes: Vec<UnitPrice>,
    /// Whether anything is charged or limited by power.
    pub(crate) asks_for_power: bool,
}

/// A calendar month, or what the span has of it.
#[derive(Debug, Clone)]
pub(crate) struct Month {
    pub(crate) first: LocalDay,
    /// The first day after what the span has of it.
    pub(crate) end: LocalDay,
    /// Days that the calendar month has.
    pub(crate) of: u32,
    /// Days that its year has.
    pub(crate) year_days: u32,
    /// 1 to 12.
    pub(crate) number: u8,
    /// Whether the span has the end of the calendar month.
    pub(crate) ends: bool,
    pub(crate) parts: Vec<Part>,
}

/// Days of a month with one version.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The place in [`Plan::sheets`].
    pub(crate) layout: usize,
    pub(crate) days: u32,
    /// The intervals.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// By schedule.
    pub(crate) runs: Vec<Vec<Run>>,
    /// By demand charge; in windows.
    pub(crate) demand: Vec<Vec<Run>>,
    /// First interval and number of intervals of each window, where a window has several.
    pub(crate) windows: Vec<(usize, usize)>,
    /// By schedule: the periods at [`ANCHORS`], and which periods there are at all.
    pub(crate) anchors: Vec<[u8; 4]>,
    pub(crate) present: Vec<u64>,
    /// Price series of the energy charges, by place, and of the export after them.
    pub(crate) spots: Vec<Option<SpotPrices>>,
    /// Blocks of the same, where they do not depend on the month's demand.
    pub(crate) blocks: Vec<Option<Vec<Vec<Block>>>>,
}

impl Plan {
    /// Lays `versions` out over the local days `[from, to)` of `zone`, in intervals of
    /// `interval_minutes`. `given` are the prices of series that the tariff leaves open.
    ///
    /// Of several versions that hold on a day the one that began last counts.
    ///
    /// # Errors
    /// A span, an interval or versions that cannot be rated.
    pub fn new(
        versions: Vec<Sheet>,
        zone: &TimeZone,
        (from, to): (LocalDay, LocalDay),
        interval_minutes: u32,
        given: &[Spot],
    ) -> Result<Plan, Refusal> {
        let days = to.number().saturating_sub(from.number());
        if days == 0 || days > DAYS_MAX {
            return Err(Refusal::Span { from, to });
        }
        let known = (1..=1440).contains(&interval_minutes);
        if !known || !1440_u32.is_multiple_of(interval_minutes) {
            return Err(Refusal::Interval(interval_minutes));
        }
        one_currency(&versions)?;
        let grid = grid::days(zone, (from, to), interval_minutes)?;
        let mut items = Items::default();
        let mut sheets = Vec::new();
        for (place, sheet) in versions.into_iter().enumerate() {
            sheets.push(layout(place, sheet, interval_minutes, &mut items));
        }
        let intervals = grid.last().map_or(0, |day| day.first + day.count);
        let start = zone.start_of(from);
        let (zone, months) = (zone.clone(), Vec::new());
        let mut plan =
            Plan { zone, from, to, start, interval_minutes, intervals, sheets, items, months };
        plan.months = plan.lay_out(&grid, given)?;
        Ok(plan)
    }

    fn lay_out(&self, grid: &[Day], given: &[Spot]) -> Result<Vec<Month>, Refusal> {
        let mut months: Vec<Month> = Vec::new();
        let mut begin = 0;
        while begin < grid.len() {
            let layout = self.version(grid[begin].day)?;
            let month = grid[begin].day.month_start();
            let mut end = begin + 1;
            while end < grid.len()
                && grid[end].day.month_start() == month
                && self.version(grid[end].day)? == layout
            {
                end += 1;
            }
            let of = month.next_month_start().number() - month.number();
            let part = self.part(layout, &grid[begin..end], of, given)?;
            let after = grid[end - 1].day.next();
            let ends = after == month.next_month_start();
            match months.last_mut() {
                Some(last) if last.first.month_start() == month => {
                    last.parts.push(part);
                    (last.end, last.ends) = (after, ends);
                }
                _ => {
                    let (first, number) = (grid[begin].day, month.month());
                    let year_days = days_of_year(month);
                    let parts = vec![part];
                    months.push(Month { first, end: after, of, year_days, number, ends, parts });
                }
            }
            begin = end;
        }
        Ok(months)
    }

    /// The version that holds on `day`.
    fn version(&self, day: LocalDay) -> Result<usize, Refusal> {
        let holding = self.sheets.iter().enumerate().filter(|(_, it)| it.sheet.holds_on(day));
        let newest = holding.max_by_key(|(_, it)| (it.sheet.valid_from, it.sheet.version));
        newest.map(|(place, _)| place).ok_or(Refusal::NoTariff(day))
    }

    fn part(&self, place: usize, days: &[Day], of: u32, given: &[Spot]) -> Result<Part, Refusal> {
        let layout = &self.sheets[place];
        let holidays = &layout.sheet.holidays;
        let (first, last) = (&days[0], &days[days.len() - 1]);
        let (from, to) = (first.first, last.first + last.count);
        let mut part = Part {
            layout: place,
            days: u32::try_from(days.len()).unwrap_or(u32::MAX),
            from,
            to,
            runs: Vec::new(),
            demand: Vec::new(),
            windows: Vec::new(),
            anchors: Vec::new(),
            present: Vec::new(),
            spots: Vec::new(),
            blocks: Vec::new(),
        };
        for (when, daily) in &layout.schedules {
            let runs = grid::runs(days, when, holidays, self.interval_minutes, 1, *daily);
            part.present.push(runs.iter().fold(0, |all, run| all | 1 << run.period));
            part.runs.push(runs);
            // A part without any working day looks at its first day.
            let kinds = days.iter().map(|day| Kind::of(day.day, holidays));
            let kind = kinds.clone().find(|kind| kind.is_working());
            let kind = kind.unwrap_or_else(|| Kind::of(first.day, holidays));
            part.anchors.push(ANCHORS.map(|minute| when.period(kind, minute)));
        }
        for charge in &layout.sheet.demand {
            let minutes = self.interval_minutes;
            let runs = grid::runs(days, &charge.when, holidays, minutes, layout.window, false);
            part.demand.push(runs);
        }
        if layout.window > 1 {
            part.windows = grid::windows(days, layout.window);
        }
        let charged = layout.sheet.energy.iter().map(|charge| Some(&charge.pricing));
        let export = layout.sheet.export.as_ref().and_then(|export| export.price.as_ref());
        for pricing in charged.chain([export]) {
            let (mut spots, mut blocks) = (None, None);
            match pricing {
                Some(Pricing::Dynamic(series)) => {
                    let minutes = self.interval_minutes;
                    spots = Some(spot::prices(series, days, self.start, minutes, given)?);
                }
                Some(Pricing::Periods(periods)) if !periods.needs_demand() => {
                    blocks = Some(all_blocks(periods, (part.days, of), 0));
                }
                _ => {}
            }
            part.spots.push(spots);
            part.blocks.push(blocks);
        }
        Ok(part)
    }

    /// How many intervals the span has.
    pub fn intervals(&self) -> usize {
        self.intervals
    }

    /// Minutes of an interval.
    pub fn interval_minutes(&self) -> u32 {
        self.interval_minutes
    }

    /// When the interval at `place` begins.
    pub fn moment(&self, place: usize) -> Timestamp {
        let minutes = i64::from(self.interval_minutes) * i64::try_from(place).unwrap_or(i64::MAX);
        self.start.plus_seconds(minutes.saturating_mul(60))
    }

    /// Whose clock counts.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first day and the day after the last.
    pub fn span(&self) -> (LocalDay, LocalDay) {
        (self.from, self.to)
    }

    /// The line that can be on a bill, by its place.
    pub fn item(&self, place: usize) -> Option<&Item> {
        self.items.list.get(place)
    }

    /// The versions of the tariff, in the order they were given in.
    pub fn versions(&self) -> impl Iterator<Item = &Sheet> {
        self.sheets.iter().map(|layout| &layout.sheet)
    }

    /// The currency, and the decimals of its minor unit.
    pub fn currency(&self) -> (&str, u32) {
        let sheet = &self.sheets[0].sheet;
        (&sheet.currency, u32::from(sheet.currency_digits))
    }
}

impl Part {
    /// How many of the month's days it has, and how many the month has.
    pub(crate) fn share(&self, month: &Month) -> (u32, u32) {
        (self.days, month.of)
    }
}

fn one_currency(versions: &[Sheet]) -> Result<(), Refusal> {
    let Some(first) = versions.first() else {
        return Err(Refusal::NoTariff(LocalDay::from_number(0)));
    };
    let shown =
        |sheet: &Sheet| format!("{} with {} decimals", sheet.currency, sheet.currency_digits);
    match versions.iter().find(|other| shown(other) != shown(first)) {
        Some(other) => Err(Refusal::Currencies(shown(first), shown(other))),
        None => Ok(()),
    }
}

fn layout(place: usize, sheet: Sheet, interval_minutes: u32, items: &mut Items) -> Layout {
    let mut schedules: Vec<(When, bool)> = Vec::new();
    let mut scheduled = |pricing: Option<&Pricing>| {
        let wanted = match pricing {
            Some(Pricing::Periods(periods)) => (periods.when.clone(), periods.reset == Reset::Day),
            _ => (When::Always, false),
        };
        let known = schedules.iter().position(|known| *known == wanted);
        known.unwrap_or_else(|| {
            schedules.push(wanted);
            schedules.len() - 1
        })
    };
    let energy = sheet.energy.iter().map(|charge| scheduled(Some(&charge.pricing))).collect();
    let export = scheduled(sheet.export.as_ref().and_then(|export| export.price.as_ref()));
    let window = u32::from(sheet.demand_window.unwrap_or(0)) / interval_minutes;
    let window = usize::try_from(window.max(1)).unwrap_or(1);
    let items = items.add(place, &sheet);
    let taxes = sheet.taxes.iter().map(|tax| part_of_one(tax.percent)).collect();
    let by_demand = |pricing: &Pricing| pricing.needs_demand();
    let asks_for_power = sheet.ratchet.is_some()
        || !sheet.demand.is_empty()
        || sheet.energy.iter().any(|charge| by_demand(&charge.pricing))
        || sheet.export.as_ref().is_some_and(|it| it.price.as_ref().is_some_and(by_demand));
    Layout { sheet, schedules, energy, export, window, items, taxes, asks_for_power }
}

/// A percentage as a price of one.
fn part_of_one(percent: UnitPrice) -> UnitPrice {
    let digits = percent.at_scale(percent.scale()).unwrap_or(0);
    UnitPrice::of(Decimal::new(digits, percent.scale() + 2)).unwrap_or_default()
}

fn days_of_year(day: LocalDay) -> u32 {
    let january = |year| LocalDay::new(year, 1, 1).map_or(0, LocalDay::number);
    match january(day.year().saturating_add(1)) {
        0 => 365,
        next => next - january(day.year()),
    }
}

/// What an item's price is when a series has many: the mean, to six decimals.
pub(crate) fn mean_price(amount_atto: i128, quantity: i128) -> UnitPrice {
    // 10^-18 currency over 10^-9 kWh, in 10^-6 currency per kWh.
    let micro = quantity.checked_mul(1_000).filter(|over| *over != 0);
    let micro = micro.map_or(0, |over| (amount_atto + over / 2).div_euclid(over));
    UnitPrice::of(Decimal::new(micro, 6)).unwrap_or_default()
}

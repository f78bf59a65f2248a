//! A sheet as JSON in its one spelling: what `read` makes the same sheet of, apart from the fields
//! that lines name as their sources.
//!
//! Decimals are texts, so that no reader makes floats of them; a member that says what is said
//! anyhow is left out. [`Ratchet::own`] has no spelling.

use calendar::Timestamp;
use serde_json::{Map, Value, json};
use units::Decimal;

use super::read::CLASSES;
use super::{
    Across, Bank, Class, DemandCharge, DemandPeriod, Dynamic, EnergyCharge, Export, Leftover,
    Limit, Mode, On, Per, Periods, Prices, Pricing, Ratchet, Reset, Sheet, Spot, Tax, Tier,
    TouPeriod,
};
use crate::UnitPrice;
use crate::schedule::{Days, Season, When, Window};

/// What a sheet calls its own form.
const FORMAT: &str = "wattex-tariff-1";

type Members = Map<String, Value>;

impl Sheet {
    /// The sheet as JSON.
    pub fn document(&self) -> Value {
        let mut all = Members::new();
        put(&mut all, "format", FORMAT);
        put(&mut all, "id", &*self.id);
        put(&mut all, "name", &*self.name);
        put(&mut all, "version", self.version);
        put(&mut all, "currency", &*self.currency);
        put(&mut all, "currency_digits", self.currency_digits);
        maybe(&mut all, "valid_from", self.valid_from.map(|day| day.to_string()));
        maybe(&mut all, "valid_to", self.valid_to.map(|day| day.to_string()));
        maybe(&mut all, "timezone", self.timezone.as_ref().map(|zone| zone.name().to_owned()));
        rows(&mut all, "holidays", self.holidays.iter().map(|day| json!(day.to_string())));
        let fixed = self
            .fixed
            .iter()
            .map(|it| json!({ "name": it.name, "per": per(it.per), "amount": decimal(it.amount) }));
        rows(&mut all, "fixed", fixed);
        rows(&mut all, "energy", self.energy.iter().map(energy));
        rows(&mut all, "demand", self.demand.iter().map(demand));
        maybe(&mut all, "demand_window_minutes", self.demand_window);
        maybe(&mut all, "ratchet", self.ratchet.as_ref().map(ratchet));
        maybe(&mut all, "export", self.export.as_ref().map(export));
        let minimum = self.minimum.iter();
        let minimum = minimum.map(|it| json!({ "per": per(it.per), "amount": decimal(it.amount) }));
        rows(&mut all, "minimum", minimum);
        rows(&mut all, "taxes", self.taxes.iter().map(tax));
        Value::Object(all)
    }
}

fn put(members: &mut Members, key: &str, value: impl Into<Value>) {
    members.insert(key.to_owned(), value.into());
}

fn maybe<T: Into<Value>>(members: &mut Members, key: &str, value: Option<T>) {
    if let Some(value) = value {
        put(members, key, value);
    }
}

fn rows(members: &mut Members, key: &str, rows: impl Iterator<Item = Value>) {
    let rows: Vec<Value> = rows.collect();
    if !rows.is_empty() {
        put(members, key, rows);
    }
}

fn decimal(price: UnitPrice) -> Value {
    Value::from(price.to_string())
}

/// 10^-9 of a unit.
fn quantity(nano: i64) -> Value {
    Value::from(Decimal::new(i128::from(nano), 9).to_string())
}

fn per(per: Per) -> &'static str {
    match per {
        Per::Day => "day",
        Per::Month => "month",
        Per::Year => "year",
    }
}

fn word(class: Class) -> &'static str {
    CLASSES.iter().find(|(_, known)| *known == class).map_or("", |(word, _)| word)
}

fn energy(charge: &EnergyCharge) -> Value {
    let mut all = Members::new();
    put(&mut all, "name", &*charge.name);
    put(&mut all, "class", word(charge.class));
    let (on, zone) = match &charge.on {
        On::Residual => ("residual", None),
        On::Local(zone) => ("local", zone.clone()),
        On::Import => ("import", None),
        On::Sold => ("sold", None),
    };
    put(&mut all, "on", on);
    maybe(&mut all, "zone", zone);
    put(&mut all, "netted", charge.netted);
    pricing(&charge.pricing, &mut all);
    Value::Object(all)
}

fn pricing(pricing: &Pricing, all: &mut Members) {
    let periods = match pricing {
        Pricing::Dynamic(series) => return put(all, "dynamic", dynamic(series)),
        Pricing::Periods(periods) => periods,
    };
    if let ([TouPeriod { name, tiers }], When::Always) = (&periods.periods[..], &periods.when)
        && let ("", [Tier { max: None, price, .. }]) = (&**name, &tiers[..])
    {
        return put(all, "price", decimal(*price));
    }
    let demand = periods.needs_demand();
    rows(all, "periods", periods.periods.iter().map(|it| period(it, demand)));
    let names: Vec<&str> = periods.periods.iter().map(|period| &*period.name).collect();
    maybe(all, "schedule", schedule(&periods.when, &names));
    put(all, "tiers", tier_rule(periods));
}

fn tier_rule(periods: &Periods) -> Value {
    let across = match periods.across {
        Across::Period => "period",
        Across::Time => "time",
        Across::Share => "share",
    };
    let reset = match periods.reset {
        Reset::Day => "day",
        Reset::Month => "month",
        Reset::Quarter => "quarter",
        Reset::Year => "year",
    };
    json!({ "across": across, "per": reset })
}

fn period(period: &TouPeriod, demand: bool) -> Value {
    let mut all = Members::new();
    if !period.name.is_empty() {
        put(&mut all, "name", &*period.name);
    }
    if let ([Tier { max: None, price, .. }], false) = (&period.tiers[..], demand) {
        put(&mut all, "price", decimal(*price));
        return Value::Object(all);
    }
    let mixed = demand || period.tiers.iter().any(|it| it.max.is_some_and(|max| max.per_day));
    rows(&mut all, "tiers", period.tiers.iter().map(|it| tier(it, mixed)));
    Value::Object(all)
}

/// `mixed`: whether units differ, so that each is said.
fn tier(tier: &Tier, mixed: bool) -> Value {
    let mut all = Members::new();
    let limit = tier.max.unwrap_or(Limit::of(Limit::OPEN));
    if limit.energy != Limit::OPEN {
        put(&mut all, "max", quantity(limit.energy));
    }
    if mixed {
        let unit = match (limit.per_kw, limit.per_day) {
            (false, false) => "kWh",
            (true, false) => "kWh/kW",
            (false, true) => "kWh daily",
            (true, true) => "kWh/kW daily",
        };
        put(&mut all, "unit", unit);
    }
    put(&mut all, "price", decimal(tier.price));
    Value::Object(all)
}

fn dynamic(series: &Dynamic) -> Value {
    let mut all = Members::new();
    let moment = |at: Timestamp| at.to_string();
    match &series.prices {
        Prices::Spot(spots) => {
            let row = |spot: &Spot| {
                let (from, to) = (moment(spot.from), moment(spot.to));
                json!({ "from": from, "to": to, "price": decimal(spot.price) })
            };
            rows(&mut all, "prices", spots.iter().map(row));
        }
        Prices::Year(year) => rows(&mut all, "year", year.iter().map(|price| decimal(*price))),
        Prices::Given => {}
    }
    put(&mut all, "multiplier", decimal(series.multiplier));
    put(&mut all, "markup", decimal(series.markup));
    maybe(&mut all, "floor", series.floor.map(decimal));
    maybe(&mut all, "cap", series.cap.map(decimal));
    maybe(&mut all, "fallback", series.fallback.map(decimal));
    Value::Object(all)
}

fn schedule(when: &When, names: &[&str]) -> Option<Value> {
    let name = |place: u8| names.get(usize::from(place)).copied().unwrap_or_default();
    match when {
        When::Always => None,
        When::Table { weekday, weekend } => Some(json!({ "weekday": weekday, "weekend": weekend })),
        When::Windows { windows, otherwise } => {
            let windows: Vec<Value> =
                windows.iter().map(|it| window(it, name(it.period))).collect();
            Some(json!({ "windows": windows, "otherwise": name(*otherwise) }))
        }
    }
}

fn window(window: &Window, period: &str) -> Value {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let mut all = Members::new();
    put(&mut all, "period", period);
    put(&mut all, "from", clock(window.from));
    put(&mut all, "to", clock(window.to));
    if window.days != Days::ALL {
        let words = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"];
        let held = words.iter().enumerate().filter(|(bit, _)| window.days.0 >> bit & 1 == 1);
        rows(&mut all, "days", held.map(|(_, word)| Value::from(*word)));
    }
    let whole = |((first, begin), (last, end)): &Season| {
        (first == last && (*begin, *end) == (1, 31)).then_some(*first)
    };
    rows(&mut all, "months", window.seasons.iter().filter_map(whole).map(Value::from));
    // A file has one season besides whole months.
    let season = window.seasons.iter().find(|season| whole(season).is_none());
    let day = |(month, day): (u8, u8)| format!("{month:02}-{day:02}");
    let season = season.map(|(from, to)| json!({ "from": day(*from), "to": day(*to) }));
    maybe(&mut all, "season", season);
    Value::Object(all)
}

fn demand(charge: &DemandCharge) -> Value {
    let mut all = Members::new();
    put(&mut all, "name", &*charge.name);
    if let ([one], When::Always) = (&charge.periods[..], &charge.when)
        && one.name.is_empty()
    {
        powers(one, &mut all);
        return Value::Object(all);
    }
    let period = |period: &DemandPeriod| {
        let mut all = Members::new();
        if !period.name.is_empty() {
            put(&mut all, "name", &*period.name);
        }
        powers(period, &mut all);
        put(&mut all, "counts", period.counts);
        put(&mut all, "ratcheted", period.ratcheted);
        Value::Object(all)
    };
    rows(&mut all, "periods", charge.periods.iter().map(period));
    let names: Vec<&str> = charge.periods.iter().map(|period| &*period.name).collect();
    maybe(&mut all, "schedule", schedule(&charge.when, &names));
    Value::Object(all)
}

fn powers(period: &DemandPeriod, all: &mut Members) {
    if let [only] = &period.tiers[..]
        && only.max.is_none()
    {
        return put(all, "price", decimal(only.price));
    }
    let tiers = period.tiers.iter().map(|tier| {
        let mut all = Members::new();
        maybe(&mut all, "max", tier.max.map(quantity));
        put(&mut all, "price", decimal(tier.price));
        Value::Object(all)
    });
    rows(all, "tiers", tiers);
}

fn ratchet(ratchet: &Ratchet) -> Value {
    let percent = |ppm: u32| Value::from(Decimal::new(i128::from(ppm), 4).to_string());
    let all: Vec<Value> = ratchet.ppm.iter().map(|ppm| percent(*ppm)).collect();
    json!({ "percent": all, "months": ratchet.months, "minimum_kw": quantity(ratchet.minimum) })
}

fn export(export: &Export) -> Value {
    let mut all = Members::new();
    let mode = match export.mode {
        Mode::FeedIn => "feed_in",
        Mode::NetBilling => "net_billing",
        Mode::NetMetering => "net_metering",
        Mode::BuyAllSellAll => "buy_all_sell_all",
    };
    put(&mut all, "mode", mode);
    let bank = match export.bank {
        Bank::None => "none",
        Bank::Energy => "energy",
        Bank::Money(true) => "money",
        Bank::Money(false) => "money_next_month",
    };
    put(&mut all, "bank", bank);
    let (leftover, price) = match export.leftover {
        Leftover::Keep => ("keep", None),
        Leftover::Expire => ("expire", None),
        Leftover::Pay(price) => ("pay", Some(price)),
        Leftover::Credit(price) => ("credit", Some(price)),
    };
    let mut end = Members::new();
    put(&mut end, "month", export.year_end);
    put(&mut end, "leftover", leftover);
    maybe(&mut end, "price", price.map(decimal));
    put(&mut all, "year_end", end);
    if let Some(price) = &export.price {
        pricing(price, &mut all);
    }
    Value::Object(all)
}

fn tax(tax: &Tax) -> Value {
    let on: Vec<&str> = tax.on.iter().map(|class| word(*class)).collect();
    json!({
        "name": tax.name, "class": word(tax.class), "percent": decimal(tax.percent), "on": on,
    })
}

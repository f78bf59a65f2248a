//! Bills as JSON and as tables.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tariff::bill::{Bill, Line, MonthBill};
use tariff::{Class, Document, Plan, Unit};
use units::{Decimal, Money};

use super::intervals::{Gap, Rows};
use crate::amount::shown;

/// What was rated.
pub struct Report<'a> {
    /// The tariff's file.
    pub document: &'a Document,
    /// The tariff over the span.
    pub plan: &'a Plan,
    /// The intervals' file.
    pub rows: &'a Rows,
    /// Intervals without a row.
    pub gaps: &'a [Gap],
    /// Rows before and after the span.
    pub outside: usize,
    /// Intervals that set no peak.
    pub estimated: usize,
    /// The bills.
    pub bill: &'a Bill,
}

/// The gaps that a table names one by one.
const GAPS_SHOWN: usize = 5;

impl Report<'_> {
    /// The documented form; amounts, prices and quantities are decimals in text.
    pub fn json(&self) -> Value {
        let (from, to) = self.plan.span();
        let gap = |gap: &Gap| json!({ "from": gap.from, "to": gap.to, "intervals": gap.intervals });
        json!({
            "format": "wattex-rating-1",
            "tariff": {
                "form": self.document.form.name(),
                "hash": self.document.hash,
                "currency": self.plan.currency().0,
                "versions": self.plan.versions().map(|sheet| json!({
                    "id": sheet.id, "name": sheet.name, "version": sheet.version,
                    "valid_from": sheet.valid_from, "valid_to": sheet.valid_to,
                })).collect::<Vec<Value>>(),
                "notes": self.document.notes,
            },
            "span": {
                "from": from, "to": to, "timezone": self.plan.zone(),
                "interval_minutes": self.plan.interval_minutes(),
                "intervals": self.plan.intervals(),
            },
            "data": {
                "rows": self.rows.count, "outside": self.outside,
                "duplicates": self.rows.duplicates, "estimated": self.estimated,
                "missing": self.gaps.iter().map(|gap| gap.intervals).sum::<usize>(),
                "gaps": self.gaps.iter().map(gap).collect::<Vec<Value>>(),
                "notes": self.rows.notes,
            },
            "months": self.bill.months.iter().map(|it| self.month(it)).collect::<Vec<Value>>(),
            "totals": self.totals(),
        })
    }

    fn month(&self, month: &MonthBill) -> Value {
        json!({
            "from": month.first, "to": month.end,
            "import_kwh": nano(month.import), "export_kwh": nano(month.export),
            "peak_kw": month.peak.map(|peak| nano(peak.into())),
            "lines": month.lines.iter().map(|line| self.line(line)).collect::<Vec<Value>>(),
            "net": month.net, "vat": month.vat, "gross": month.gross, "exact": month.exact,
        })
    }

    fn line(&self, line: &Line) -> Value {
        let item = self.plan.item(line.item);
        let version = item.and_then(|item| self.plan.versions().nth(item.version));
        json!({
            "class": item.map(|item| item.class),
            "name": item.map(|item| &item.name),
            "period": item.and_then(|item| item.period.as_ref()),
            "tier": item.and_then(|item| item.tier),
            "quantity": nano(line.quantity),
            "unit": item.map(|item| item.unit),
            "price": line.price,
            "amount": line.amount,
            "exact": line.exact,
            "peak_at": line.peak_at.map(|place| self.plan.moment(place)),
            "left_out": line.left_out,
            "source": item.map(|item| &item.source),
            "version": version.map(|sheet| sheet.version),
        })
    }

    fn totals(&self) -> Value {
        let sum = |of: fn(&MonthBill) -> i128| self.bill.months.iter().map(of).sum::<i128>();
        let classes: serde_json::Map<String, Value> = self
            .by_class()
            .into_iter()
            .filter_map(|(class, n)| {
                let name = serde_json::to_value(class).ok()?.as_str()?.to_owned();
                Some((name, Value::from(Decimal::new(n, 9).to_string())))
            })
            .collect();
        json!({
            "import_kwh": nano(sum(|month| month.import)),
            "export_kwh": nano(sum(|month| month.export)),
            "classes": classes,
            "net": Decimal::new(sum(|month| month.net.n().into()), 9).to_string(),
            "vat": Decimal::new(sum(|month| month.vat.n().into()), 9).to_string(),
            "gross": Decimal::new(sum(|month| month.gross.n().into()), 9).to_string(),
            "exact": Decimal::new(sum(|month| month.exact.atto()), 18).to_string(),
        })
    }

    fn by_class(&self) -> BTreeMap<Class, i128> {
        let mut sums = BTreeMap::new();
        for line in self.bill.months.iter().flat_map(|month| &month.lines) {
            if let Some(item) = self.plan.item(line.item) {
                *sums.entry(item.class).or_insert(0) += i128::from(line.amount.n());
            }
        }
        sums
    }

    /// A table a month, and totals.
    pub fn print(&self) {
        let (from, to) = self.plan.span();
        let (currency, _) = self.plan.currency();
        for sheet in self.plan.versions() {
            println!("Tariff     {} ({}, version {})", sheet.name, sheet.id, sheet.version);
        }
        let minutes = self.plan.interval_minutes();
        let zone = self.plan.zone().name();
        println!("Span       {from} to {to} (not included), {zone}, intervals of {minutes} min");
        self.print_data();
        for month in &self.bill.months {
            self.print_month(month, currency);
        }
        println!();
        println!("All months");
        for (class, n) in self.by_class() {
            let class = format!("{class:?}").to_lowercase();
            println!("  {class:<44}{:>37} {currency}", shown(money(n)));
        }
        let gross = self.bill.months.iter().map(|month| i128::from(month.gross.n())).sum();
        println!("  {:<44}{:>37} {currency}", "to pay", shown(money(gross)));
    }

    fn print_data(&self) {
        for note in self.document.notes.iter().chain(&self.rows.notes) {
            println!("* {note}");
        }
        if self.rows.duplicates > 0 {
            println!("* {} rows repeat another and count once", self.rows.duplicates);
        }
        if self.estimated > 0 {
            println!("* {} intervals are estimated and set no peak", self.estimated);
        }
        if self.outside > 0 {
            println!("* {} rows are outside the span", self.outside);
        }
        for gap in self.gaps.iter().take(GAPS_SHOWN) {
            let Gap { from, intervals, .. } = gap;
            let from = self.plan.zone().display(*from);
            println!("! {intervals} intervals from {from} have no row: rated as nothing");
        }
        if self.gaps.len() > GAPS_SHOWN {
            let rest = &self.gaps[GAPS_SHOWN..];
            let missing: usize = rest.iter().map(|gap| gap.intervals).sum();
            println!("! and {missing} intervals in {} more gaps", rest.len());
        }
    }

    fn print_month(&self, month: &MonthBill, currency: &str) {
        println!();
        let export = match month.export {
            0 => String::new(),
            export => format!(", fed in {} kWh", short(export)),
        };
        let peak = month.peak.map(|peak| format!(", peak {} kW", short(peak.into())));
        println!(
            "{} to {}: {} kWh{export}{}",
            month.first,
            month.end,
            short(month.import),
            peak.unwrap_or_default()
        );
        for line in &month.lines {
            let Some(item) = self.plan.item(line.item) else { continue };
            let mut label = item.name.clone();
            if let Some(period) = &item.period {
                label = format!("{label}, {period}");
            }
            if let Some(tier) = item.tier {
                label = format!("{label}, tier {tier}");
            }
            let unit = if item.unit == Unit::Money { currency } else { item.unit.name() };
            let (quantity, price) = (short(line.quantity), line.price.to_string());
            let amount = shown(line.amount);
            println!("  {label:<44}{quantity:>14} {unit:<5} x {price:>10} {amount:>10} {currency}");
        }
        if month.vat != Money::ZERO {
            println!("  {:<44}{:>37} {currency}", "without VAT", shown(month.net));
        }
        println!("  {:<44}{:>37} {currency}", "to pay", shown(month.gross));
    }
}

/// 10^-9 of a unit as a decimal.
fn nano(n: i128) -> String {
    Decimal::new(n, 9).to_string()
}

/// The same with at most three decimals.
fn short(n: i128) -> String {
    let thousandths = Decimal::new(n, 9).rounded_to_scale(3).unwrap_or(n / 1_000_000);
    Decimal::new(thousandths, 3).to_string()
}

fn money(n: i128) -> Money {
    Money::from_n(i64::try_from(n).unwrap_or(i64::MAX))
}

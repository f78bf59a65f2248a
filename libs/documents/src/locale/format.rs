//! Numbers, money, energy and days as a language writes them.

use calendar::LocalDay;
use units::{Energy, Money};

use super::{Locale, filled};
use crate::{Line, Quantity, Unit};

/// As printers have it, not a hyphen.
const MINUS: char = '\u{2212}';
/// The most decimals of a price: a thousandth of a cent.
const PRICE_DIGITS_MAX: u32 = 5;

impl Locale {
    /// `digits / 10^decimals`, grouped: `-1.234,50`.
    pub fn number(&self, digits: i128, decimals: u32) -> String {
        let unit = 10_u128.pow(decimals.min(30));
        let (whole, fraction) = (digits.unsigned_abs() / unit, digits.unsigned_abs() % unit);
        let mut text = String::new();
        if digits < 0 {
            text.push(MINUS);
        }
        text.push_str(&self.grouped(&whole.to_string()));
        if decimals > 0 {
            let width = usize::try_from(decimals.min(30)).unwrap_or(30);
            text.push_str(&self.format.decimal);
            text.push_str(&format!("{fraction:0width$}"));
        }
        text
    }

    fn grouped(&self, digits: &str) -> String {
        let [first, others] = self.format.group_sizes.map(usize::from);
        let mut parts = Vec::new();
        let (mut rest, mut size) = (digits, first);
        while rest.len() > size {
            let (head, tail) = rest.split_at(rest.len() - size);
            parts.push(tail);
            (rest, size) = (head, others);
        }
        parts.push(rest);
        parts.reverse();
        parts.join(&self.format.group)
    }

    /// An amount with its currency and exactly `digits` decimals, rounded half away from zero:
    /// `1.234,50 €`.
    pub fn money(&self, amount: Money, currency: &str, digits: u8) -> String {
        let decimals = u32::from(digits.min(9));
        let rounded = amount.decimal().rounded_to_scale(decimals).unwrap_or(i128::from(amount.n()));
        self.with_symbol(&self.number(rounded, decimals), currency)
    }

    /// A number with its currency; a minus goes in front of both.
    fn with_symbol(&self, number: &str, currency: &str) -> String {
        let own = self.format.symbols.get(currency);
        let (sign, plain) = match number.strip_prefix(MINUS) {
            Some(plain) => ("\u{2212}", plain),
            None => ("", number),
        };
        // Where a code stands in the place of a symbol, letters and digits need a space.
        let symbol = own.cloned().unwrap_or_else(|| match self.format.money.find("{symbol}") {
            Some(0) => format!("{currency}\u{a0}"),
            _ => currency.to_owned(),
        });
        let money = filled(&self.format.money, &[("amount", plain), ("symbol", &symbol)]);
        format!("{sign}{}", money.replace("\u{a0}\u{a0}", "\u{a0}"))
    }

    /// The price of a printed unit, with as many decimals as it has, at least the minor unit's and
    /// at most five.
    pub fn price(&self, price: Money, currency: &str, digits: u8) -> String {
        let least = u32::from(digits.min(5));
        let exact = |decimals: &u32| price.decimal().to_scale(*decimals).is_some();
        let decimals = (least..=PRICE_DIGITS_MAX).find(exact).unwrap_or(PRICE_DIGITS_MAX);
        let rounded = price.decimal().rounded_to_scale(decimals).unwrap_or(0);
        self.with_symbol(&self.number(rounded, decimals), currency)
    }

    /// Watt-hours as kWh with one decimal; whole from a thousand on.
    pub fn energy(&self, energy: Energy) -> String {
        let wh = i128::from(energy.wh());
        let number = match wh {
            0..1_000_000 => self.number((wh + 50) / 100, 1),
            _ => self.number((wh + 500) / 1000, 0),
        };
        format!("{number}\u{a0}{}", self.text("unit.wh"))
    }

    /// A quantity with its unit, exact: `356,000 kWh`, `30 days`.
    pub fn quantity(&self, quantity: Quantity) -> String {
        let decimals = quantity.unit.decimals();
        let number = self.number(i128::from(quantity.amount), decimals);
        format!("{number}\u{a0}{}", self.unit(quantity)).trim_end().to_owned()
    }

    /// The word for what a quantity counts.
    fn unit(&self, quantity: Quantity) -> &str {
        let one = matches!(quantity.amount, -1 | 1);
        self.text(match quantity.unit {
            Unit::Wh => "unit.wh",
            Unit::W => "unit.w",
            Unit::Day if one => "unit.day",
            Unit::Day => "unit.days",
            Unit::Month if one => "unit.month",
            Unit::Month => "unit.months",
            Unit::Piece => "unit.piece",
        })
    }

    /// What one of the unit is called in a price: `kWh`, `day`.
    pub fn per(&self, unit: Unit) -> &str {
        self.unit(Quantity { amount: 1, unit })
    }

    /// Hundredths of a percent, without needless decimals: `19 %`, `5,5 %`.
    pub fn percent(&self, bps: i128) -> String {
        let decimals = match (bps % 100, bps % 10) {
            (0, _) => 0,
            (_, 0) => 1,
            _ => 2,
        };
        let number = self.number(bps / 10_i128.pow(2 - decimals), decimals);
        filled(&self.format.percent, &[("number", &number)])
    }

    /// `1 June 2026`.
    pub fn day(&self, day: LocalDay) -> String {
        self.day_in(&self.format.day, day)
    }

    /// `1 June`.
    pub fn short_day(&self, day: LocalDay) -> String {
        self.day_in(&self.format.short_day, day)
    }

    fn day_in(&self, pattern: &str, day: LocalDay) -> String {
        let number = 1 + day.number() - day.month_start().number();
        let month = &self.format.months[usize::from(day.month()) - 1];
        let (number, year) = (number.to_string(), day.year().to_string());
        filled(pattern, &[("day", &number), ("month", month), ("year", &year)])
    }

    /// What a line is called: its class, and what sets it apart.
    pub fn label(&self, line: &Line) -> String {
        let class = self.text(&format!("class.{}", line.class.name()));
        match (line.class, line.name.as_str()) {
            (_, "") => class.to_owned(),
            // The name of a levy says it all.
            (crate::Class::Levy | crate::Class::Other, name) => name.to_owned(),
            (_, name) => format!("{class}, {name}"),
        }
    }

    /// What a line is for, in a sentence; empty where there is nothing to say.
    pub fn explanation(&self, line: &Line) -> String {
        let class = self.text(&format!("explain.{}", line.class.name()));
        match line.explanation.as_str() {
            "" => class.to_owned(),
            own => own.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(render: impl Fn(&Locale) -> String) -> [String; 4] {
        ["en", "de", "fr", "en-IN"].map(|name| render(&Locale::named(name).unwrap()))
    }

    #[test]
    fn money_is_written_as_at_home() {
        let amount = Money::from_n(-12_345_678_500_000_000);
        assert_eq!(
            all(|locale| locale.money(amount, "EUR", 2)),
            [
                "−€12,345,678.50",
                "−12.345.678,50\u{a0}€",
                "−12\u{202f}345\u{202f}678,50\u{a0}€",
                "−€1,23,45,678.50",
            ]
        );
        let dutch = Locale::named("nl").unwrap();
        assert_eq!(dutch.money(amount, "EUR", 2), "−€\u{a0}12.345.678,50");
        assert_eq!(dutch.money(amount, "CHF", 2), "−CHF\u{a0}12.345.678,50");
        let yen = Money::from_n(1_234_000_000_000);
        assert_eq!(all(|locale| locale.money(yen, "JPY", 0))[0], "¥1,234");
        assert_eq!(all(|locale| locale.money(yen, "BHD", 3))[0], "BHD\u{a0}1,234.000");
        assert_eq!(all(|locale| locale.money(yen, "BHD", 3))[1], "1.234,000\u{a0}BHD");
    }

    #[test]
    fn days_and_shares_are_written_as_at_home() {
        let day = LocalDay::new(2026, 3, 29).unwrap();
        assert_eq!(
            all(|locale| locale.day(day)),
            ["29 March 2026", "29. März 2026", "29 mars 2026", "29 March 2026"]
        );
        assert_eq!(all(|locale| locale.percent(1900))[1], "19\u{a0}%");
        assert_eq!(all(|locale| locale.percent(550))[1], "5,5\u{a0}%");
        assert_eq!(all(|locale| locale.percent(-1501))[0], "−15.01%");
    }

    #[test]
    fn quantities_are_exact_and_totals_are_short() {
        let english = Locale::named("en").unwrap();
        let of = |amount, unit| english.quantity(Quantity { amount, unit });
        assert_eq!(of(-1_234_567, Unit::Wh), "−1,234.567\u{a0}kWh");
        assert_eq!(
            (of(1, Unit::Day), of(30, Unit::Day)),
            ("1\u{a0}day".into(), "30\u{a0}days".into())
        );
        assert_eq!(of(1, Unit::Piece), "1");
        let energy = |wh| english.energy(Energy::from_wh(wh));
        assert_eq!(
            (energy(356_049).as_str(), energy(0).as_str()),
            ("356.0\u{a0}kWh", "0.0\u{a0}kWh")
        );
        assert_eq!(energy(1_234_567), "1,235\u{a0}kWh");
        let price = |n| english.price(Money::from_n(n), "EUR", 2);
        assert_eq!((price(180_000_000), price(20_500_000)), ("€0.18".into(), "€0.0205".into()));
        assert_eq!(price(123_456_789), "€0.12346");
    }
}

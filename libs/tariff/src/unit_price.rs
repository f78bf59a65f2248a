//! What one unit costs, exactly as the tariff's text says it, and what many units cost.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{Decimal, Money, Overflow, Price};

/// The decimals that a price may have.
pub const PRICE_DECIMALS_MAX: u32 = 24;
/// The decimals of an [`Exact`] amount.
const EXACT_DECIMALS: u32 = 18;
/// Quantities are counted in 10^-9 of their unit.
const QUANTITY_DECIMALS: u32 = 9;

/// Currency per kWh, kW, day or month: an integer over a power of ten, so that a decimal of any
/// tariff file is kept as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnitPrice {
    digits: i64,
    scale: u32,
}

/// An amount in 10^-18 currency: what a line is before it rounds. It is itself exact while the
/// price has at most nine decimals, else within half of 10^-18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Exact(i128);

impl UnitPrice {
    /// Free.
    pub const ZERO: UnitPrice = UnitPrice { digits: 0, scale: 0 };

    /// `digits / 10^scale`.
    pub const fn new(digits: i64, scale: u32) -> UnitPrice {
        UnitPrice { digits, scale }
    }

    /// The price that a decimal says; `None` with more than 18 digits or 24 decimals.
    pub fn of(decimal: Decimal) -> Option<UnitPrice> {
        (0..=PRICE_DECIMALS_MAX).find_map(|scale| {
            let digits = i64::try_from(decimal.to_scale(scale)?).ok()?;
            Some(UnitPrice { digits, scale })
        })
    }

    /// The decimal that it is.
    pub fn decimal(self) -> Decimal {
        Decimal::new(i128::from(self.digits), self.scale)
    }

    /// Whether it takes nothing.
    pub fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// Whether it is a credit.
    pub fn is_negative(self) -> bool {
        self.digits < 0
    }

    /// The same on the other side.
    ///
    /// # Errors
    /// [`Overflow`] for the least price there is.
    pub fn negated(self) -> Result<UnitPrice, Overflow> {
        let digits = self.digits.checked_neg().ok_or(Overflow)?;
        Ok(UnitPrice { digits, ..self })
    }

    /// Sum.
    ///
    /// # Errors
    /// [`Overflow`] when it has more digits than a price can.
    pub fn plus(self, other: UnitPrice) -> Result<UnitPrice, Overflow> {
        let scale = self.scale.max(other.scale);
        let sum = self.at_scale(scale)?.checked_add(other.at_scale(scale)?).ok_or(Overflow)?;
        UnitPrice::of(Decimal::new(sum, scale)).ok_or(Overflow)
    }

    /// The price in units of `10^-scale`.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit, or not exactly.
    pub fn at_scale(self, scale: u32) -> Result<i128, Overflow> {
        self.decimal().to_scale(scale).ok_or(Overflow)
    }

    /// Decimals.
    pub fn scale(self) -> u32 {
        self.scale
    }

    /// What `quantity` (10^-9 units) over `divisor` costs: before and after it rounds half away
    /// from zero to `currency_digits` decimals. The rounding is that of the exact product.
    ///
    /// # Errors
    /// [`Overflow`] when the product or the amount does not fit.
    pub fn cost(
        self,
        quantity: i128,
        divisor: u32,
        currency_digits: u32,
    ) -> Result<(Exact, Money), Overflow> {
        cost_of(i128::from(self.digits), self.scale, quantity, divisor, currency_digits)
    }
}

/// `digits / 10^scale` times `quantity / 10^9 / divisor`, as [`UnitPrice::cost`] has it.
pub(crate) fn cost_of(
    digits: i128,
    scale: u32,
    quantity: i128,
    divisor: u32,
    currency_digits: u32,
) -> Result<(Exact, Money), Overflow> {
    let product = times(digits, quantity)?;
    let decimals = scale + QUANTITY_DECIMALS;
    let over = power(decimals - currency_digits.min(QUANTITY_DECIMALS))?;
    let over = times(over, i128::from(divisor))?;
    let minor = i64::try_from(divide(product, over)?).map_err(|_| Overflow)?;
    let unit = i64::try_from(power(9 - currency_digits.min(9))?).map_err(|_| Overflow)?;
    let money = Money::from_n(minor.checked_mul(unit).ok_or(Overflow)?);
    let exact = if decimals <= EXACT_DECIMALS {
        let more = times(product, power(EXACT_DECIMALS - decimals)?)?;
        if divisor == 1 { more } else { divide(more, i128::from(divisor))? }
    } else {
        let over = power(decimals - EXACT_DECIMALS)?;
        divide(product, over.checked_mul(i128::from(divisor)).ok_or(Overflow)?)?
    };
    Ok((Exact(exact), money))
}

/// The product. Most factors fit into 64 bits, whose product always fits, and that is many times
/// faster than looking whether one of 128 bits does.
fn times(one: i128, other: i128) -> Result<i128, Overflow> {
    match (i64::try_from(one), i64::try_from(other)) {
        (Ok(one), Ok(other)) => Ok(i128::from(one).wrapping_mul(i128::from(other))),
        _ => one.checked_mul(other).ok_or(Overflow),
    }
}

/// Half away from zero.
fn divide(number: i128, over: i128) -> Result<i128, Overflow> {
    let (whole, of) = (number.unsigned_abs(), over.unsigned_abs());
    // Most lines fit into 64 bits, and those divide many times faster.
    let rounded = match (u64::try_from(whole), u64::try_from(of)) {
        (Ok(whole), Ok(of)) => u128::from(whole / of + u64::from(whole % of >= of - of / 2)),
        _ => whole / of + u128::from(whole % of >= of - of / 2),
    };
    let rounded = i128::try_from(rounded).map_err(|_| Overflow)?;
    Ok(if number < 0 { -rounded } else { rounded })
}

/// Powers of ten, because computing one takes longer than the division it is for.
const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut place = 1;
    while place < powers.len() {
        powers[place] = powers[place - 1] * 10;
        place += 1;
    }
    powers
};

fn power(of_ten: u32) -> Result<i128, Overflow> {
    usize::try_from(of_ten).ok().and_then(|place| POWERS.get(place)).copied().ok_or(Overflow)
}

impl Exact {
    /// Nothing.
    pub const ZERO: Exact = Exact(0);

    /// An amount of `n` 10^-18 currency units.
    pub const fn from_atto(n: i128) -> Exact {
        Exact(n)
    }

    /// 10^-18 currency units.
    pub const fn atto(self) -> i128 {
        self.0
    }

    /// The amount of money that it is.
    pub fn of(money: Money) -> Exact {
        Exact(i128::from(money.n()) * 1_000_000_000)
    }

    /// Sum.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn plus(self, other: Exact) -> Result<Exact, Overflow> {
        self.0.checked_add(other.0).map(Exact).ok_or(Overflow)
    }

    /// Difference.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn minus(self, other: Exact) -> Result<Exact, Overflow> {
        self.0.checked_sub(other.0).map(Exact).ok_or(Overflow)
    }

    /// Rounded half away from zero to `currency_digits` decimals.
    ///
    /// # Errors
    /// [`Overflow`] when money cannot hold it.
    pub fn rounded(self, currency_digits: u32) -> Result<Money, Overflow> {
        let digits = currency_digits.min(9);
        let minor = divide(self.0, power(EXACT_DECIMALS - digits)?)?;
        let n = minor.checked_mul(power(9 - digits)?).ok_or(Overflow)?;
        i64::try_from(n).map(Money::from_n).map_err(|_| Overflow)
    }

    /// The amount in major units.
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.0, EXACT_DECIMALS)
    }
}

impl From<Price> for UnitPrice {
    fn from(price: Price) -> UnitPrice {
        UnitPrice::of(price.per_kwh()).unwrap_or(UnitPrice { digits: price.n_per_wh(), scale: 6 })
    }
}

impl fmt::Display for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(f)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(f)
    }
}

impl Serialize for UnitPrice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Exact, D::Error> {
        let text = String::deserialize(deserializer)?;
        let decimal: Decimal = text.parse().map_err(Error::custom)?;
        let atto = decimal.to_scale(EXACT_DECIMALS);
        atto.map(Exact).ok_or_else(|| Error::custom("an amount has at most 18 decimals"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> UnitPrice {
        UnitPrice::of(text.parse().unwrap()).unwrap()
    }

    fn cost(text: &str, kwh: &str, digits: u32) -> (String, String) {
        let quantity = kwh.parse::<Decimal>().unwrap().to_scale(9).unwrap();
        let (exact, money) = price(text).cost(quantity, 1, digits).unwrap();
        (exact.to_string(), money.to_string())
    }

    #[test]
    fn a_price_is_what_its_text_says() {
        for text in ["0.07076899707317352", "0.000123456789012345", "1000000", "-0.05", "0"] {
            assert_eq!(price(text).to_string(), text);
        }
        assert_eq!(price("0.10"), price("0.1"));
        assert_eq!(UnitPrice::of("1234567890123456789.5".parse().unwrap()), None);
        assert_eq!(UnitPrice::from(Price::from_n_per_wh(180_000)), price("0.18"));
    }

    #[test]
    fn a_cost_rounds_once_and_half_away_from_zero() {
        assert_eq!(cost("0.18", "210.4", 2), ("37.872".into(), "37.87".into()));
        assert_eq!(cost("3.335", "1", 2), ("3.335".into(), "3.34".into()));
        assert_eq!(cost("-2.345", "1", 2), ("-2.345".into(), "-2.35".into()));
        assert_eq!(cost("2.5", "1", 0), ("2.5".into(), "3".into()));
        assert_eq!(cost("0.0045", "1", 3), ("0.0045".into(), "0.005".into()));
        // The exact amount has lost its 19th decimal; the line has not.
        assert_eq!(cost("0.0049999999999999999", "1", 2).1, "0");
        assert_eq!(price("1").cost(1_000_000_000, 3, 2).unwrap().1.to_string(), "0.33");
        assert_eq!(price("2").cost(1_000_000_000, 3, 2).unwrap().1.to_string(), "0.67");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(price("1000000").cost(i128::MAX / 2, 1, 2), Err(Overflow));
        assert_eq!(price("1000000").cost(1_i128 << 80, 1, 2), Err(Overflow));
        assert_eq!(price("999999999999999999").plus(price("0.1")), Err(Overflow));
        assert_eq!(price("0.1").plus(price("0.20")).unwrap(), price("0.3"));
    }
}

//! Energy, power, price and money as integers that cannot be mixed up.
//!
//! One resolution each, chosen once: energy in watt-hours, price in 1e-9 currency per watt-hour,
//! money in 1e-9 currency. Then `price x energy` is exact, and nothing rounds before an invoice
//! line ([`Money::rounded`]).
//!
//! ```text
//! Price x Energy -> Money        price.cost_of(energy)
//! Register - Register -> Energy  later.since(earlier)     None if the meter ran backwards
//! Money / weights -> [Money]     energy.split(weights)    largest remainder, exact sum
//! ```
//!
//! Invariants: no floats; no silent wrap (every operation that can overflow returns [`Overflow`]);
//! a [`Register`] (running total) is not an [`Energy`] (what flowed in an interval).
//! Deliberately absent: currencies (they belong to the account) and time.
#![forbid(unsafe_code)]

mod decimal;
mod split;

use serde::{Deserialize, Serialize};

pub use decimal::{Decimal, DecimalError};
pub use split::{largest_remainder, pro_rata};

/// A result does not fit its type: the operation is refused, never wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the amount does not fit")]
pub struct Overflow;

/// Energy that flowed in an interval, in watt-hours. Never negative.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Energy(u64);

impl Energy {
    /// No energy.
    pub const ZERO: Energy = Energy(0);

    /// Energy of `wh` watt-hours.
    pub const fn from_wh(wh: u64) -> Self {
        Energy(wh)
    }

    /// Watt-hours.
    pub const fn wh(self) -> u64 {
        self.0
    }

    /// Sum, refused when it does not fit.
    pub fn plus(self, other: Energy) -> Result<Energy, Overflow> {
        self.0.checked_add(other.0).map(Energy).ok_or(Overflow)
    }

    /// What is left of `self` after `other`, or `None` when `other` is the larger.
    pub fn minus(self, other: Energy) -> Option<Energy> {
        self.0.checked_sub(other.0).map(Energy)
    }

    /// What is left of `self` after `other`, at least zero.
    pub fn less(self, other: Energy) -> Energy {
        Energy(self.0.saturating_sub(other.0))
    }

    /// Sum of many, refused when it does not fit.
    pub fn sum(parts: impl IntoIterator<Item = Energy>) -> Result<Energy, Overflow> {
        parts.into_iter().try_fold(Energy::ZERO, Energy::plus)
    }

    /// The energy of a constant power over `seconds`, rounded down to the watt-hour.
    pub fn of_power(power: Power, seconds: u64) -> Energy {
        Energy(u64::try_from(u128::from(power.0) * u128::from(seconds) / 3600).unwrap_or(u64::MAX))
    }
}

/// A meter's running total, in watt-hours. Not an energy: only [`Register::since`] makes one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Register(u64);

impl Register {
    /// A register that shows `wh` watt-hours.
    pub const fn from_wh(wh: u64) -> Self {
        Register(wh)
    }

    /// What the register shows, in watt-hours.
    pub const fn wh(self) -> u64 {
        self.0
    }

    /// The energy between two readings of one register; `None` if the meter ran backwards.
    pub fn since(self, earlier: Register) -> Option<Energy> {
        self.0.checked_sub(earlier.0).map(Energy)
    }

    /// The register after `energy` more has flowed.
    pub fn advanced(self, energy: Energy) -> Result<Register, Overflow> {
        self.0.checked_add(energy.0).map(Register).ok_or(Overflow)
    }
}

/// Power in watts, without direction.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Power(u64);

impl Power {
    /// Power of `w` watts.
    pub const fn from_w(w: u64) -> Self {
        Power(w)
    }

    /// Watts.
    pub const fn w(self) -> u64 {
        self.0
    }
}

/// Price in 1e-9 currency per watt-hour (= 1e-6 per kWh). May be negative.
///
/// One cent per kWh is 10 000.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Price(i64);

impl Price {
    /// Free.
    pub const ZERO: Price = Price(0);

    /// A price in 1e-9 currency per watt-hour.
    pub const fn from_n_per_wh(n: i64) -> Self {
        Price(n)
    }

    /// 1e-9 currency per watt-hour.
    pub const fn n_per_wh(self) -> i64 {
        self.0
    }

    /// Sum, refused when it does not fit.
    pub fn plus(self, other: Price) -> Result<Price, Overflow> {
        self.0.checked_add(other.0).map(Price).ok_or(Overflow)
    }

    /// Difference, refused when it does not fit.
    pub fn minus(self, other: Price) -> Result<Price, Overflow> {
        self.0.checked_sub(other.0).map(Price).ok_or(Overflow)
    }

    /// The price, or zero where it is negative.
    pub fn at_least_zero(self) -> Price {
        Price(self.0.max(0))
    }

    /// What `energy` costs at this price: exact.
    pub fn cost_of(self, energy: Energy) -> Result<Money, Overflow> {
        let exact = i128::from(self.0) * i128::from(energy.0);
        i64::try_from(exact).map(Money).map_err(|_| Overflow)
    }

    /// The price in currency per kWh as a decimal, e.g. `0.18`.
    pub fn per_kwh(self) -> Decimal {
        Decimal::new(i128::from(self.0), 6)
    }
}

/// An amount of money in 1e-9 currency. Negative amounts are credits of the one who owes.
///
/// Serialised as a decimal string in major units (`"0.9"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// An amount of `n` 1e-9 currency units.
    pub const fn from_n(n: i64) -> Self {
        Money(n)
    }

    /// 1e-9 currency units.
    pub const fn n(self) -> i64 {
        self.0
    }

    /// Sum, refused when it does not fit.
    pub fn plus(self, other: Money) -> Result<Money, Overflow> {
        self.0.checked_add(other.0).map(Money).ok_or(Overflow)
    }

    /// Difference, refused when it does not fit.
    pub fn minus(self, other: Money) -> Result<Money, Overflow> {
        self.0.checked_sub(other.0).map(Money).ok_or(Overflow)
    }

    /// The same amount on the other side.
    pub fn negated(self) -> Result<Money, Overflow> {
        self.0.checked_neg().map(Money).ok_or(Overflow)
    }

    /// This amount `count` times.
    pub fn times(self, count: u64) -> Result<Money, Overflow> {
        let exact = i128::from(self.0) * i128::from(count);
        i64::try_from(exact).map(Money).map_err(|_| Overflow)
    }

    /// Sum of many, refused when it does not fit.
    pub fn sum(parts: impl IntoIterator<Item = Money>) -> Result<Money, Overflow> {
        parts.into_iter().try_fold(Money::ZERO, Money::plus)
    }

    /// Rounded half away from zero to `digits` decimals of the major unit (ISO 4217 minor unit).
    ///
    /// The one place where money rounds: an invoice line.
    pub fn rounded(self, digits: u32) -> Result<Money, Overflow> {
        assert!(digits <= 9, "a currency has at most nine decimals");
        let unit = 10_i128.pow(9 - digits);
        let exact = i128::from(self.0);
        let half_up = (exact.abs() + unit / 2) / unit * unit * exact.signum();
        i64::try_from(half_up).map(Money).map_err(|_| Overflow)
    }

    /// The amount in major units, e.g. `0.9`.
    pub fn decimal(self) -> Decimal {
        Decimal::new(i128::from(self.0), 9)
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.decimal().fmt(f)
    }
}

impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.per_kwh().fmt(f)
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let decimal: Decimal = text.parse().map_err(serde::de::Error::custom)?;
        decimal
            .to_scale(9)
            .and_then(|n| i64::try_from(n).ok())
            .map(Money)
            .ok_or_else(|| serde::de::Error::custom("an amount of money has at most nine decimals"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn price_times_energy_is_exact() {
        let cost = Price::from_n_per_wh(180_000).cost_of(Energy::from_wh(5000));
        assert_eq!(cost, Ok(Money::from_n(900_000_000)));
        assert_eq!(cost.unwrap().to_string(), "0.9");
    }

    #[test]
    fn a_line_rounds_half_away_from_zero() {
        let round = |n| Money::from_n(n).rounded(2).unwrap().to_string();
        assert_eq!(round(3_335_000_000), "3.34");
        assert_eq!(round(2_345_000_000), "2.35");
        assert_eq!(round(-2_345_000_000), "-2.35");
        assert_eq!(round(2_344_999_999), "2.34");
        assert_eq!(round(0), "0");
    }

    #[test]
    fn three_lines_round_before_they_are_added() {
        let line = Money::from_n(3_335_000_000).rounded(2).unwrap();
        assert_eq!(Money::sum([line; 3]).unwrap().to_string(), "10.02");
    }

    #[test]
    fn overflow_is_refused() {
        assert_eq!(Price::from_n_per_wh(i64::MAX).cost_of(Energy::from_wh(2)), Err(Overflow));
        assert_eq!(Energy::from_wh(u64::MAX).plus(Energy::from_wh(1)), Err(Overflow));
        assert_eq!(Money::from_n(i64::MIN).negated(), Err(Overflow));
        assert_eq!(Money::from_n(i64::MAX).rounded(0), Err(Overflow));
    }

    #[test]
    fn a_register_that_ran_backwards_gives_no_energy() {
        assert_eq!(Register::from_wh(5).since(Register::from_wh(6)), None);
        assert_eq!(Register::from_wh(7).since(Register::from_wh(5)), Some(Energy::from_wh(2)));
    }

    #[test]
    fn money_travels_as_a_decimal_string() {
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        struct Row {
            amount: Money,
        }
        let row = Row { amount: Money::from_n(-51_000_000) };
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(json, r#"{"amount":"-0.051"}"#);
        assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), row);
        assert!(serde_json::from_str::<Row>(r#"{"amount":"0.0000000001"}"#).is_err());
    }
}

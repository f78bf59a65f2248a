//! Energy from text, exact to 1e-9 Wh, and whole watt-hours that do not drift.
//!
//! A meter that shows whole watt-hours shows its running total rounded. So do we: of a run of
//! intervals, the energy of each is the rounded total after it less the rounded total before it.
//! Then the whole run is off by half a watt-hour at most, and any part of it by one, however long
//! it is. What a run is, every format says for itself.
//!
//! ```text
//! kWh     0.0004  0.0004  0.0004  0.0004
//! total   0.4     0.8     1.2     1.6    Wh
//! rounded 0       1       1       2
//! energy  0       1       0       1
//! ```

use serde::{Deserialize, Serialize};
use units::{Decimal, Energy};

use crate::record::INTERVAL_WH_MAX;
use crate::rejection::{Code, Fault, quote};

/// 1e-9 Wh in one Wh.
const NANO: u32 = 1_000_000_000;
/// The decimals of a watt-hour that count.
const NANO_DIGITS: u32 = 9;
/// The most digits of a number, zeros at its ends apart.
pub const DIGITS_MAX: usize = 19;

/// A unit of energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Watt-hours.
    Wh,
    /// 1000 Wh.
    #[serde(rename = "kWh")]
    Kwh,
    /// 1000 kWh.
    #[serde(rename = "MWh")]
    Mwh,
    /// 1000 MWh.
    #[serde(rename = "GWh")]
    Gwh,
}

impl Unit {
    /// The power of ten that makes it of a watt-hour.
    pub const fn exponent(self) -> i8 {
        match self {
            Unit::Wh => 0,
            Unit::Kwh => 3,
            Unit::Mwh => 6,
            Unit::Gwh => 9,
        }
    }
}

/// An exact amount of energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amount {
    wh: u64,
    nano: u32,
}

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadAmount {
    Malformed,
    Negative,
    Precision,
    TooLarge,
}

impl BadAmount {
    /// What to say of the text in this field.
    pub(crate) fn fault(
        self,
        field: impl Into<std::borrow::Cow<'static, str>>,
        text: &str,
    ) -> Fault {
        let quoted = quote(text);
        let (code, text) = match self {
            BadAmount::Malformed => (Code::Value, format!("{quoted} is not a decimal number")),
            BadAmount::Negative => (Code::Negative, format!("{quoted} is below zero")),
            BadAmount::Precision => (Code::Precision, format!("{quoted} has digits below 1e-9 Wh")),
            BadAmount::TooLarge => {
                (Code::TooLarge, format!("{quoted} is more than {INTERVAL_WH_MAX} Wh"))
            }
        };
        Fault::new(code, field, text)
    }
}

impl Amount {
    /// No energy.
    pub(crate) const ZERO: Amount = Amount { wh: 0, nano: 0 };

    /// The amount that `text` says, in units of `10^exponent` Wh, with `point` before decimals.
    pub(crate) fn parse(text: &str, point: u8, exponent: i8) -> Result<Amount, BadAmount> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let amount = match plain(digits.as_bytes(), point) {
            Some((mantissa, decimals)) => {
                Amount::scaled(mantissa, i32::from(exponent) - i32::from(decimals))?
            }
            None => Amount::long(digits, point, exponent)?,
        };
        let zero = amount.wh == 0 && amount.nano == 0;
        if negative && !zero { Err(BadAmount::Negative) } else { Ok(amount) }
    }

    /// `mantissa x 10^exponent` Wh.
    pub(crate) fn scaled(mantissa: u64, exponent: i32) -> Result<Amount, BadAmount> {
        let power = |exponent: u32| 10_u64.checked_pow(exponent);
        let Ok(below) = u32::try_from(-exponent) else {
            let unit = power(exponent.unsigned_abs()).ok_or(BadAmount::TooLarge);
            let wh = if mantissa == 0 { Some(0) } else { mantissa.checked_mul(unit?) };
            return Amount::of(wh.ok_or(BadAmount::TooLarge)?, 0);
        };
        // Below 10^19 there is nothing but digits that are too small to count.
        let Some(unit) = power(below) else {
            return if mantissa == 0 { Amount::of(0, 0) } else { Err(BadAmount::Precision) };
        };
        let (wh, rest) = (mantissa / unit, mantissa % unit);
        let nano = match below.checked_sub(NANO_DIGITS) {
            None | Some(0) => rest * power(NANO_DIGITS - below).unwrap_or(1),
            Some(more) => {
                let unit = power(more).ok_or(BadAmount::Precision)?;
                if rest % unit != 0 {
                    return Err(BadAmount::Precision);
                }
                rest / unit
            }
        };
        Amount::of(wh, u32::try_from(nano).map_err(|_| BadAmount::TooLarge)?)
    }

    /// What is not just a few digits: with an exponent, or with more zeros than needed.
    fn long(digits: &str, point: u8, exponent: i8) -> Result<Amount, BadAmount> {
        let text = if point == b'.' {
            digits.to_owned()
        } else if digits.contains('.') {
            return Err(BadAmount::Malformed);
        } else {
            digits.replace(char::from(point), ".")
        };
        if text.starts_with('-') {
            return Err(BadAmount::Malformed);
        }
        let number: Decimal = text.parse().map_err(|_| BadAmount::Malformed)?;
        let scale = NANO_DIGITS.saturating_add_signed(i32::from(exponent));
        let nano = number.to_scale(scale).ok_or(BadAmount::Precision)?;
        let nano = u128::try_from(nano).map_err(|_| BadAmount::Negative)?;
        let wh = u64::try_from(nano / u128::from(NANO)).map_err(|_| BadAmount::TooLarge)?;
        let rest = u32::try_from(nano % u128::from(NANO)).unwrap_or_default();
        Amount::of(wh, rest)
    }

    fn of(wh: u64, nano: u32) -> Result<Amount, BadAmount> {
        let fits = wh < INTERVAL_WH_MAX || (wh == INTERVAL_WH_MAX && nano == 0);
        if fits { Ok(Amount { wh, nano }) } else { Err(BadAmount::TooLarge) }
    }
}

/// The digits of a number as an integer, and how many of them are decimals; `None` where that is
/// not all there is to it.
fn plain(text: &[u8], point: u8) -> Option<(u64, u8)> {
    if text.is_empty() || text.len() > DIGITS_MAX {
        return None;
    }
    let (mut mantissa, mut decimals, mut seen) = (0_u64, 0_u8, false);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                decimals += u8::from(seen);
            }
            other if *other == point && !seen && text.len() > 1 => seen = true,
            _ => return None,
        }
    }
    Some((mantissa, decimals))
}

/// What of a run's total is below the watt-hours that were given out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carry {
    /// In 1e-9 Wh, half a watt-hour ahead, so that the total is rounded half up.
    rest: u32,
}

impl Default for Carry {
    fn default() -> Carry {
        Carry { rest: NANO / 2 }
    }
}

impl Carry {
    /// The whole watt-hours of the run's next interval.
    pub(crate) fn take(&mut self, amount: Amount) -> Result<Energy, BadAmount> {
        let rest = self.rest + amount.nano;
        let wh = amount.wh + u64::from(rest >= NANO);
        if wh > INTERVAL_WH_MAX {
            return Err(BadAmount::TooLarge);
        }
        self.rest = rest % NANO;
        Ok(Energy::from_wh(wh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, exponent: i8, expected: Result<(u64, u32), BadAmount>) {
        let found = Amount::parse(text, b'.', exponent).map(|amount| (amount.wh, amount.nano));
        assert_eq!(found, expected, "{text} x 10^{exponent}");
    }

    #[test]
    fn text_becomes_energy_exactly_or_not_at_all() {
        check("1.111", 3, Ok((1_111, 0)));
        check(".005", 3, Ok((5, 0)));
        check("5.", 3, Ok((5_000, 0)));
        check("0.0004", 3, Ok((0, 400_000_000)));
        check("1.5", 6, Ok((1_500_000, 0)));
        check("000012.5000", 0, Ok((12, 500_000_000)));
        check("282", -3, Ok((0, 282_000_000)));
        check("1.5e-3", 3, Ok((1, 500_000_000)));
        check("-0.000", 3, Ok((0, 0)));
        check("0", 12, Ok((0, 0)));
        check("-0.1", 3, Err(BadAmount::Negative));
        check("0.0000000000001", 3, Err(BadAmount::Precision));
        check("1", -12, Err(BadAmount::Precision));
        check("9007199254740991", 0, Ok((INTERVAL_WH_MAX, 0)));
        check("9007199254740992", 0, Err(BadAmount::TooLarge));
        check("9007199254740991.5", 0, Err(BadAmount::TooLarge));
        for bad in ["", ".", "-", "1.2.3", "1,5", "+1", "--1", "nan", "1 2", "0x1", "١"] {
            check(bad, 3, Err(BadAmount::Malformed));
        }
    }

    #[test]
    fn a_comma_is_a_point_where_it_is_said_so() {
        let parse = |text| Amount::parse(text, b',', 3);
        assert_eq!(parse("1,5"), Ok(Amount { wh: 1_500, nano: 0 }));
        assert_eq!(parse("1,5e-3"), Ok(Amount { wh: 1, nano: 500_000_000 }));
        assert_eq!(parse("1.5"), Err(BadAmount::Malformed));
        assert_eq!(parse("1.000,5"), Err(BadAmount::Malformed));
    }

    #[test]
    fn a_run_is_off_by_half_a_watt_hour_at_most() {
        let mut carry = Carry::default();
        let amount = Amount::parse("0.0004", b'.', 3).unwrap();
        let run: Vec<u64> = (0..10).map(|_| carry.take(amount).unwrap().wh()).collect();
        assert_eq!(run, [0, 1, 0, 1, 0, 0, 1, 0, 1, 0]);
        assert_eq!(run.iter().sum::<u64>(), 4);
    }
}

//! A decimal number as text sees it: digits and a point, no float in between.

use std::fmt;
use std::str::FromStr;

/// `digits / 10^scale`, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    digits: i128,
    scale: u32,
}

/// Why a text is not a decimal number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Something other than digits, one sign and one point.
    #[error("{0:?} is not a decimal number")]
    Malformed(String),
    /// More than 30 digits.
    #[error("{0:?} has too many digits")]
    TooLong(String),
}

/// The most digits a number may have.
const DIGITS_MAX: usize = 30;

/// The most decimal places a number may have.
const SCALE_MAX: u32 = 30;

impl Decimal {
    /// `digits / 10^scale`.
    pub const fn new(digits: i128, scale: u32) -> Self {
        Decimal { digits, scale }
    }

    /// The number in units of `10^-scale`; `None` when it does not fit exactly.
    pub fn to_scale(self, scale: u32) -> Option<i128> {
        if scale >= self.scale {
            return self.digits.checked_mul(10_i128.checked_pow(scale - self.scale)?);
        }
        let unit = 10_i128.checked_pow(self.scale - scale)?;
        (self.digits % unit == 0).then_some(self.digits / unit)
    }

    /// The number in units of `10^-scale`, rounded down: what a register that counts in these
    /// units shows. A scale below zero counts in tens, hundreds and so on.
    pub fn floored_to_scale(self, scale: i32) -> Option<i128> {
        let lost = i64::from(self.scale) - i64::from(scale);
        if lost <= 0 {
            let unit = 10_i128.checked_pow(u32::try_from(-lost).ok()?)?;
            return self.digits.checked_mul(unit);
        }
        // More digits than any number has leave nothing of it but its sign.
        let unit = u32::try_from(lost).ok().and_then(|lost| 10_i128.checked_pow(lost));
        Some(unit.map_or(self.digits.signum().min(0), |unit| self.digits.div_euclid(unit)))
    }

    /// This number times `10^exponent`; `None` when it has more digits than are kept.
    pub fn shifted(self, exponent: i32) -> Option<Decimal> {
        let scale = i64::from(self.scale) - i64::from(exponent);
        if scale >= 0 {
            let scale = u32::try_from(scale).ok().filter(|scale| *scale <= SCALE_MAX)?;
            return Some(Decimal { scale, ..self });
        }
        let unit = 10_i128.checked_pow(u32::try_from(-scale).ok()?)?;
        let digits = self.digits.checked_mul(unit)?;
        (digits.unsigned_abs() < 10_u128.pow(SCALE_MAX)).then_some(Decimal { digits, scale: 0 })
    }

    /// Is it below zero?
    pub const fn is_negative(self) -> bool {
        self.digits < 0
    }

    /// The number without its sign.
    pub const fn magnitude(self) -> Decimal {
        Decimal { digits: self.digits.abs(), ..self }
    }

    /// The number in units of `10^-scale`, rounded half away from zero.
    pub fn rounded_to_scale(self, scale: u32) -> Option<i128> {
        if scale >= self.scale {
            return self.to_scale(scale);
        }
        let unit = 10_i128.checked_pow(self.scale - scale)?;
        Some((self.digits.abs() + unit / 2) / unit * self.digits.signum())
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Parses `-12.340`, also `1.5e-3` as spreadsheets and Python write small numbers.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let malformed = || DecimalError::Malformed(text.to_owned());
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, exponent.parse::<i32>().map_err(|_| malformed())?)
            }
            None => (text, 0),
        };
        let (negative, unsigned) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits_only(whole) || !digits_only(fraction) || whole.len() + fraction.len() == 0 {
            return Err(malformed());
        }
        let digits: String = [whole, fraction].concat();
        let fraction_len = i32::try_from(fraction.len()).map_err(|_| malformed())?;
        let scale = fraction_len.checked_sub(exponent).ok_or_else(malformed)?;
        let zeros = usize::try_from(-scale.min(0)).map_err(|_| malformed())?;
        if digits.len() > DIGITS_MAX || zeros > DIGITS_MAX || scale > 30 {
            return Err(DecimalError::TooLong(text.to_owned()));
        }
        let padded = digits + &"0".repeat(zeros);
        let value: i128 = padded.parse().map_err(|_| DecimalError::TooLong(text.to_owned()))?;
        let scale = u32::try_from(scale.max(0)).map_err(|_| malformed())?;
        Ok(Decimal { digits: if negative { -value } else { value }, scale })
    }
}

impl fmt::Display for Decimal {
    /// The shortest exact form: no trailing zeros, no point without a fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u128.pow(self.scale);
        let magnitude = self.digits.unsigned_abs();
        let sign = if self.digits < 0 { "-" } else { "" };
        let fraction = format!("{:0width$}", magnitude % unit, width = self.scale as usize);
        let fraction = if self.scale == 0 { "" } else { fraction.trim_end_matches('0') };
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{}{point}{fraction}", magnitude / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, scale: u32, expected: Option<i128>) {
        assert_eq!(
            text.parse::<Decimal>().ok().and_then(|d| d.to_scale(scale)),
            expected,
            "{text}"
        );
    }

    #[test]
    fn text_becomes_integers_exactly_or_not_at_all() {
        check("2.2758", 4, Some(22758));
        check("2.2758", 3, None);
        check("-0.051", 9, Some(-51_000_000));
        check("1.5e-3", 4, Some(15));
        check("2e3", 0, Some(2000));
        check("", 0, None);
        check(".", 0, None);
        check("1.2.3", 2, None);
        check("+1", 2, None);
        check("nan", 2, None);
        check("1e400", 2, None);
    }

    #[test]
    fn the_shortest_form_is_printed() {
        for (digits, scale, text) in
            [(900_000_000, 9, "0.9"), (-5, 2, "-0.05"), (100, 2, "1"), (0, 9, "0"), (7, 0, "7")]
        {
            assert_eq!(Decimal::new(digits, scale).to_string(), text);
        }
    }

    #[test]
    fn a_register_shows_what_it_has_counted_in_full() {
        let floor = |text: &str, scale| text.parse::<Decimal>().unwrap().floored_to_scale(scale);
        assert_eq!(floor("1234.5678", 3), Some(1_234_567));
        assert_eq!(floor("-0.0001", 3), Some(-1));
        assert_eq!(floor("199", -2), Some(1));
        assert_eq!(floor("2", 3), Some(2000));
        assert_eq!(floor("5", -300), Some(0));
        assert_eq!(floor("5", 300), None);
    }

    #[test]
    fn a_shifted_number_is_a_power_of_ten_away() {
        let shift = |text: &str, exponent| {
            text.parse::<Decimal>().unwrap().shifted(exponent).map(|number| number.to_string())
        };
        assert_eq!(shift("12.5", 1).as_deref(), Some("125"));
        assert_eq!(shift("12.5", 3).as_deref(), Some("12500"));
        assert_eq!(shift("-12.5", -2).as_deref(), Some("-0.125"));
        assert_eq!(shift("1", 29).map(|text| text.len()), Some(30));
        assert_eq!((shift("1", 30), shift("1", -31)), (None, None));
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        assert_eq!(Decimal::new(25, 1).rounded_to_scale(0), Some(3));
        assert_eq!(Decimal::new(-25, 1).rounded_to_scale(0), Some(-3));
        assert_eq!(Decimal::new(24, 1).rounded_to_scale(0), Some(2));
    }
}

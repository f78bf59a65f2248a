//! A number as a payload writes it.

use std::borrow::Cow;

use units::{Decimal, DecimalError};

use crate::Reason;

/// A number: its text, and what it comes to exactly.
#[derive(Debug, Clone)]
pub(crate) struct Number<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) decimal: Decimal,
}

impl<'a> Number<'a> {
    /// The number that `text` is, with spaces around it or not.
    pub(crate) fn parse(text: &'a str) -> Result<Number<'a>, Reason> {
        let text = text.trim();
        let word = text.trim_start_matches(['-', '+']).to_ascii_lowercase();
        if ["nan", "inf", "infinity"].contains(&word.as_str()) {
            return Err(Reason::NotFinite);
        }
        let decimal =
            text.strip_prefix('+').unwrap_or(text).parse().map_err(|error| match error {
                DecimalError::Malformed(_) => Reason::Type("a number"),
                DecimalError::TooLong(_) => Reason::Range,
            })?;
        Ok(Number { text: Cow::Borrowed(text), decimal })
    }

    /// An integer from binary.
    pub(crate) fn integer(integer: i128) -> Number<'static> {
        Number { text: Cow::Owned(integer.to_string()), decimal: Decimal::new(integer, 0) }
    }

    /// A binary float, as the shortest decimal that is read back as the same float.
    #[expect(clippy::disallowed_types, reason = "a payload has floats; they become decimals here")]
    pub(crate) fn float(float: f64) -> Result<Number<'static>, Reason> {
        Number::shortest(float.is_finite(), float.to_string())
    }

    /// The same of a single float, whose shortest decimal is another than that of the same double.
    #[expect(clippy::disallowed_types, reason = "a payload has floats; they become decimals here")]
    pub(crate) fn single(float: f32) -> Result<Number<'static>, Reason> {
        Number::shortest(float.is_finite(), float.to_string())
    }

    fn shortest(is_finite: bool, text: String) -> Result<Number<'static>, Reason> {
        if !is_finite {
            return Err(Reason::NotFinite);
        }
        let decimal = text.parse().map_err(|_| Reason::Range)?;
        Ok(Number { text: Cow::Owned(text), decimal })
    }

    /// This number times a power of ten; the text stays.
    pub(crate) fn shifted(self, exponent: i32) -> Result<Number<'a>, Reason> {
        let decimal = self.decimal.shifted(exponent).ok_or(Reason::Range)?;
        Ok(Number { decimal, ..self })
    }

    /// The integer below.
    pub(crate) fn floor(&self) -> Option<i64> {
        self.decimal.floored_to_scale(0).and_then(|integer| i64::try_from(integer).ok())
    }

    /// The integer that the number is.
    pub(crate) fn whole(&self) -> Option<i64> {
        self.decimal.to_scale(0).and_then(|integer| i64::try_from(integer).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_number_are_told_apart() {
        let parse = |text| Number::parse(text).map(|number| number.decimal.to_string());
        assert_eq!(parse(" +12.50\n"), Ok("12.5".to_owned()));
        assert_eq!(parse("-Infinity"), Err(Reason::NotFinite));
        assert_eq!(parse("nan"), Err(Reason::NotFinite));
        assert_eq!(parse("on"), Err(Reason::Type("a number")));
        assert_eq!(parse("1e99"), Err(Reason::Range));
    }

    #[test]
    fn a_float_is_the_shortest_decimal_that_means_it() {
        let single = |bits| Number::single(bits).map(|number| number.decimal.to_string());
        assert_eq!(single(0.1), Ok("0.1".to_owned()));
        assert_eq!(Number::float(1234.5678).unwrap().decimal.to_string(), "1234.5678");
        assert_eq!(Number::float(1e300).unwrap_err(), Reason::Range);
        assert_eq!(single(f32::NAN), Err(Reason::NotFinite));
    }
}

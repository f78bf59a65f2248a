//! Amounts as bank files write them: digits and a point, no sign, no exponent.

use units::{Decimal, Money};

/// The most digits an amount has (ISO 20022).
const DIGITS_MAX: usize = 18;

/// The amount that `text` says; `None` where it says none, or one that does not fit.
pub(crate) fn parse(text: &str) -> Option<Money> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !plain || digits == 0 || digits > DIGITS_MAX {
        return None;
    }
    let decimal: Decimal = text.parse().ok()?;
    i64::try_from(decimal.to_scale(9)?).ok().map(Money::from_n)
}

/// `amount` with exactly `digits` decimals; `None` where it has more, or is negative.
pub(crate) fn text(amount: Money, digits: u32) -> Option<String> {
    let exact = amount.decimal().to_scale(digits).filter(|exact| *exact >= 0)?;
    let unit = 10_i128.pow(digits);
    if digits == 0 {
        return Some(exact.to_string());
    }
    let width = usize::try_from(digits).ok()?;
    Some(format!("{}.{:0width$}", exact / unit, exact % unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(written: &str, n: Option<i64>) {
        assert_eq!(parse(written), n.map(Money::from_n), "{written:?}");
    }

    #[test]
    fn an_amount_is_read_exactly_or_not_at_all() {
        check("0.29", Some(290_000_000));
        check("25", Some(25_000_000_000));
        check("25.", Some(25_000_000_000));
        check("007.10", Some(7_100_000_000));
        check("9223372036.854775807", None);
        check("9223372036.85477580", Some(9_223_372_036_854_775_800));
        check("9223372037", None);
        for bad in ["", ".", "-1", "+1", "1e3", "1,00", "1.2.3", " 1", "0.0000000001", "NaN", "٣"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn an_amount_is_written_in_its_minor_unit_or_not_at_all() {
        let written = |n, digits| text(Money::from_n(n), digits);
        assert_eq!(written(1_500_000_000, 2).as_deref(), Some("1.50"));
        assert_eq!(written(0, 2).as_deref(), Some("0.00"));
        assert_eq!(written(7_000_000_000, 0).as_deref(), Some("7"));
        assert_eq!(written(1_005_000_000, 2), None);
        assert_eq!(written(-10_000_000, 2), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(minor in 0..900_000_000_000_i64) {
            let amount = Money::from_n(minor * 10_000_000);
            prop_assert_eq!(parse(&text(amount, 2).unwrap()), Some(amount));
        }

        #[test]
        fn no_text_is_read_as_another_amount(written in "[0-9.]{0,20}") {
            if let Some(amount) = parse(&written) {
                let again: Decimal = written.parse().unwrap();
                prop_assert_eq!(again.to_scale(9), Some(i128::from(amount.n())));
            }
        }
    }
}

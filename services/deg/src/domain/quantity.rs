//! Amounts of kWh, kW and the like, in whole thousandths: no float is computed with.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

/// The largest amount, in thousandths: a terawatt-hour.
const MAX: i64 = 1_000_000_000_000;

/// A number with at most three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thousandths(pub(crate) i64);

impl Thousandths {
    /// The number that is written so; `None` where it has more decimals, or is too large.
    fn read(text: &str) -> Option<Thousandths> {
        let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let part = part.trim_end_matches('0');
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > 3 || !digits(whole) || !digits(part) {
            return None;
        }
        let value: i64 = format!("{whole}{part:0<3}").parse().ok()?;
        (value <= MAX).then_some(Thousandths(sign * value))
    }

    fn text(self) -> String {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let text = format!("{sign}{}.{:03}", size / 1000, size % 1000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl Serialize for Thousandths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: Number = self.text().parse().expect("digits are a number");
        number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Thousandths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Thousandths, D::Error> {
        let number = Number::deserialize(deserializer)?.to_string();
        Thousandths::read(&number).ok_or_else(|| {
            D::Error::custom(format!("{number} is no number with at most three decimals"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_as_it_is_written() {
        for (text, thousandths) in
            [("12.5", 12_500), ("0", 0), ("-0.25", -250), ("11.900", 11_900), ("7.001", 7_001)]
        {
            let number: Thousandths = serde_json::from_str(text).unwrap();
            assert_eq!(number, Thousandths(thousandths), "{text}");
            let again = serde_json::to_string(&number).unwrap();
            assert_eq!(serde_json::from_str::<Thousandths>(&again).unwrap(), number, "{again}");
        }
        assert_eq!(Thousandths(12_500).text(), "12.5");
        for bad in ["0.0001", "1e300", "1000000001", "\"1\""] {
            assert!(serde_json::from_str::<Thousandths>(bad).is_err(), "{bad}");
        }
    }
}

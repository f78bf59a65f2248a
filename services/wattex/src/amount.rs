//! Money as people read it.

use units::Money;

/// `amount` with at least two decimals, so that columns line up: `4.70`, `0.00`, `-0.0013`.
pub fn shown(amount: Money) -> String {
    let text = amount.to_string();
    match text.split_once('.') {
        None => format!("{text}.00"),
        Some((_, decimals)) if decimals.len() < 2 => format!("{text}0"),
        Some(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_at_least_two_decimals() {
        let shown = |n| shown(Money::from_n(n));
        assert_eq!(shown(0), "0.00");
        assert_eq!(shown(-4_700_000_000), "-4.70");
        assert_eq!(shown(12_340_000_000), "12.34");
        assert_eq!(shown(-1_300_000), "-0.0013");
    }
}

//! What terms must be like, and which field is not.

use units::{Money, Price};

use crate::{EnergyTerms, Terms};

/// The most bytes of an id or a name.
pub const TEXT_LEN_MAX: usize = 120;
/// The most periods of a tariff.
pub const PERIODS_MAX: usize = 24;
/// The most levies of a tariff.
pub const LEVIES_MAX: usize = 16;
/// The highest price per Wh: a million currency units per kWh.
pub const PRICE_MAX: Price = Price::from_n_per_wh(1_000_000_000_000);
/// The most decimals of a minor unit.
pub const CURRENCY_DIGITS_MAX: u8 = 4;
/// The highest standing charge per day: a million currency units.
const FIXED_MAX: Money = Money::from_n(1_000_000_000_000_000);
/// The whole.
const VAT_BPS_MAX: u16 = 10_000;

/// A field that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// Where: `energy.weekday[3][7]`; `.` for the document as a whole.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The terms in a JSON text.
pub(crate) fn parse(json: &str) -> Result<Terms, FieldError> {
    let mut source = serde_json::Deserializer::from_str(json);
    let terms = serde_path_to_error::deserialize(&mut source)
        .map_err(|error| wrong(error.path().to_string(), error.inner().to_string()))?;
    source.end().map_err(|error| wrong(".", error.to_string()))?;
    Ok(terms)
}

/// The first field of `terms` that is at fault.
pub(crate) fn check(terms: &Terms) -> Result<(), FieldError> {
    text("id", &terms.id)?;
    text("name", &terms.name)?;
    holds(terms.version >= 1, "version", "versions start at 1")?;
    let letters = terms.currency.bytes().all(|byte| byte.is_ascii_uppercase());
    holds(terms.currency.len() == 3 && letters, "currency", "three capital letters of ISO 4217")?;
    let digits = terms.currency_digits <= CURRENCY_DIGITS_MAX;
    holds(digits, "currency_digits", "a minor unit has at most 4 decimals")?;
    let fixed = (Money::ZERO..=FIXED_MAX).contains(&terms.fixed_per_day);
    holds(fixed, "fixed_per_day", "between 0 and 1000000")?;
    energy(&terms.energy)?;
    price("network_fee", terms.network_fee)?;
    price("local_network_fee", terms.local_network_fee)?;
    holds(terms.levies.len() <= LEVIES_MAX, "levies", "at most 16 levies")?;
    for (place, levy) in terms.levies.iter().enumerate() {
        text(&format!("levies[{place}].name"), &levy.name)?;
        price(&format!("levies[{place}].price"), levy.price)?;
    }
    price("platform_fees.buyer", terms.platform_fees.buyer)?;
    price("platform_fees.seller", terms.platform_fees.seller)?;
    price("feed_in_price", terms.feed_in_price)?;
    holds(terms.vat_bps <= VAT_BPS_MAX, "vat_bps", "at most 10000, which is 100 %")
}

fn energy(terms: &EnergyTerms) -> Result<(), FieldError> {
    let count = terms.periods.len();
    holds((1..=PERIODS_MAX).contains(&count), "energy.periods", "between 1 and 24 periods")?;
    for (place, period) in terms.periods.iter().enumerate() {
        let name = format!("energy.periods[{place}].name");
        text(&name, &period.name)?;
        let earlier = terms.periods[..place].iter().all(|other| other.name != period.name);
        holds(earlier, &name, "another period has this name")?;
        price(&format!("energy.periods[{place}].price"), period.price)?;
    }
    schedule("energy.weekday", &terms.weekday, count)?;
    schedule("energy.weekend", &terms.weekend, count)
}

fn schedule(field: &str, months: &[Vec<u8>], periods: usize) -> Result<(), FieldError> {
    holds(months.len() == 12, field, &format!("twelve months, not {}", months.len()))?;
    for (month, hours) in months.iter().enumerate() {
        let row = format!("{field}[{month}]");
        holds(hours.len() == 24, &row, &format!("24 hours, not {}", hours.len()))?;
        for (hour, &period) in hours.iter().enumerate() {
            let known = usize::from(period) < periods;
            holds(known, &format!("{row}[{hour}]"), &format!("there is no period {period}"))?;
        }
    }
    Ok(())
}

fn text(field: &str, text: &str) -> Result<(), FieldError> {
    let plain = !text.trim().is_empty() && !text.chars().any(char::is_control);
    holds(plain && text.len() <= TEXT_LEN_MAX, field, "between 1 and 120 bytes of plain text")
}

fn price(field: &str, price: Price) -> Result<(), FieldError> {
    let fits = (Price::ZERO..=PRICE_MAX).contains(&price);
    holds(fits, field, "between 0 and 1000000 currency per kWh")
}

fn holds(condition: bool, field: &str, reason: &str) -> Result<(), FieldError> {
    if condition { Ok(()) } else { Err(wrong(field, reason)) }
}

fn wrong(field: impl Into<String>, reason: impl Into<String>) -> FieldError {
    FieldError { field: field.into(), reason: reason.into() }
}

//! Value-added tax per category and rate, and the totals that follow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{Money, Overflow};

use crate::Content;

/// A category of value-added tax, a subset of UNCL5305.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Taxed at a rate above zero.
    Standard,
    /// Taxed at zero.
    Zero,
    /// Exempt, as a small business is.
    Exempt,
    /// The buyer owes the tax.
    ReverseCharge,
    /// Outside the scope of the tax: a private person sells. Alone in its document (BR-O-11).
    NotSubject,
}

impl Category {
    /// The code in UNCL5305.
    pub fn code(self) -> &'static str {
        match self {
            Category::Standard => "S",
            Category::Zero => "Z",
            Category::Exempt => "E",
            Category::ReverseCharge => "AE",
            Category::NotSubject => "O",
        }
    }

    /// Whether EN 16931 wants a reason with it.
    pub fn needs_reason(self) -> bool {
        matches!(self, Category::Exempt | Category::ReverseCharge | Category::NotSubject)
    }
}

/// How something is taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxRate {
    /// The category.
    pub category: Category,
    /// Hundredths of a percent: 1900 is 19 %. Above zero in the standard category, zero elsewhere.
    #[serde(default)]
    pub bps: u16,
}

/// Why a category of the document bears no tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// The category.
    pub category: Category,
    /// Why, in the document's language.
    pub reason: String,
}

/// The tax of one category and rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tax {
    /// Category and rate.
    pub rate: TaxRate,
    /// What is taxed: the sum of the rounded lines and adjustments.
    pub base: Money,
    /// Base x rate, rounded to the minor unit.
    pub amount: Money,
}

/// The totals of a document (BG-22). For a credit note they are what is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Sum of the lines (BT-106).
    pub lines: Money,
    /// Taken off the document as a whole, not below zero (BT-107).
    pub allowances: Money,
    /// Put on the document as a whole (BT-108).
    pub charges: Money,
    /// Without tax (BT-109).
    pub net: Money,
    /// Tax (BT-110).
    pub tax: Money,
    /// With tax (BT-112).
    pub gross: Money,
    /// Paid before (BT-113).
    pub paid: Money,
    /// Rounding of what is to be paid (BT-114).
    pub rounding: Money,
    /// To be paid; below zero in the other direction (BT-115).
    pub payable: Money,
}

/// Taxes in the order of their rates, and the totals.
pub(crate) fn reckon(content: &Content) -> Result<(Vec<Tax>, Totals), Overflow> {
    let mut bases: BTreeMap<TaxRate, Money> = BTreeMap::new();
    let lines = content.lines.iter().map(|line| (line.tax, line.net));
    let whole = content.adjustments.iter().map(|whole| (whole.tax, whole.amount));
    for (rate, amount) in lines.chain(whole) {
        let base = bases.entry(rate).or_default();
        *base = base.plus(amount)?;
    }
    let digits = u32::from(content.currency_digits.min(9));
    let mut taxes = Vec::with_capacity(bases.len());
    for (rate, base) in bases {
        taxes.push(Tax { rate, base, amount: share(base, rate.bps)?.rounded(digits)? });
    }
    let sign = |wanted: i64| {
        let of_sign = content.adjustments.iter().filter(move |a| a.amount.n().signum() == wanted);
        Money::sum(of_sign.map(|adjustment| adjustment.amount))
    };
    let (allowances, charges) = (sign(-1)?.negated()?, sign(1)?);
    let lines = Money::sum(content.lines.iter().map(|line| line.net))?;
    let net = lines.minus(allowances)?.plus(charges)?;
    let tax = Money::sum(taxes.iter().map(|tax| tax.amount))?;
    let gross = net.plus(tax)?;
    let paid = Money::sum(content.prepaid.iter().map(|prepaid| prepaid.amount))?;
    let rounding = content.rounding;
    let payable = gross.minus(paid)?.plus(rounding)?;
    Ok((taxes, Totals { lines, allowances, charges, net, tax, gross, paid, rounding, payable }))
}

/// `bps` hundredths of a percent of `base`, to the nearest 1e-9.
fn share(base: Money, bps: u16) -> Result<Money, Overflow> {
    let exact = i128::from(base.n()) * i128::from(bps);
    let nearest = (exact.abs() + 5_000) / 10_000 * exact.signum();
    i64::try_from(nearest).map(Money::from_n).map_err(|_| Overflow)
}

//! Lines: what for, how much, at which price.

use serde::{Deserialize, Serialize};
use units::{Energy, Money, Overflow, Price};

use crate::TaxRate;

/// What a line is for, in the order of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A standing charge.
    Fixed,
    /// Energy bought from neighbours.
    P2pBought,
    /// The retailer's energy in one period, tier or slot.
    Retail,
    /// A charge for power.
    Demand,
    /// The grid's fee on a neighbour's energy.
    NetworkLocal,
    /// The grid's fee on the retailer's energy.
    Network,
    /// The meter and its reading.
    Metering,
    /// A levy or tax per kWh.
    Levy,
    /// The platform's fee on energy that was bought.
    PlatformBought,
    /// The platform's fee on energy that was sold.
    PlatformSold,
    /// Energy sold to neighbours: a credit.
    P2pSold,
    /// The retailer's payment for the rest of the export: a credit.
    FeedIn,
    /// For what a neighbour sold and did not deliver: a credit.
    MakeWhole,
    /// For what a neighbour bought and did not take: a credit.
    Compensation,
    /// For an outage: a credit.
    Outage,
    /// Given without a duty: a credit.
    Goodwill,
    /// For what was sold and not delivered.
    SellerPenalty,
    /// For what was bought and not taken.
    BuyerPenalty,
    /// For what was agreed and missed, to who balances the grid.
    Imbalance,
    /// From readings that were corrected after an earlier document.
    Adjustment,
    /// Anything else; its name says what.
    Other,
}

/// On which side of a meter the energy of a class flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the customer.
    Taken,
    /// From the customer.
    Given,
}

impl Class {
    /// Every class, in the order of a bill.
    pub const ALL: [Class; 21] = [
        Class::Fixed,
        Class::P2pBought,
        Class::Retail,
        Class::Demand,
        Class::NetworkLocal,
        Class::Network,
        Class::Metering,
        Class::Levy,
        Class::PlatformBought,
        Class::PlatformSold,
        Class::P2pSold,
        Class::FeedIn,
        Class::MakeWhole,
        Class::Compensation,
        Class::Outage,
        Class::Goodwill,
        Class::SellerPenalty,
        Class::BuyerPenalty,
        Class::Imbalance,
        Class::Adjustment,
        Class::Other,
    ];

    /// Its name in JSON, in XML (BT-155) and in locales.
    pub fn name(self) -> &'static str {
        match self {
            Class::Fixed => "fixed",
            Class::P2pBought => "p2p_bought",
            Class::Retail => "retail",
            Class::Demand => "demand",
            Class::NetworkLocal => "network_local",
            Class::Network => "network",
            Class::Metering => "metering",
            Class::Levy => "levy",
            Class::PlatformBought => "platform_bought",
            Class::PlatformSold => "platform_sold",
            Class::P2pSold => "p2p_sold",
            Class::FeedIn => "feed_in",
            Class::MakeWhole => "make_whole",
            Class::Compensation => "compensation",
            Class::Outage => "outage",
            Class::Goodwill => "goodwill",
            Class::SellerPenalty => "seller_penalty",
            Class::BuyerPenalty => "buyer_penalty",
            Class::Imbalance => "imbalance",
            Class::Adjustment => "adjustment",
            Class::Other => "other",
        }
    }
}

/// What a quantity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Watt-hours; printed as kWh.
    Wh,
    /// Watts; printed as kW.
    W,
    /// Local days.
    Day,
    /// Calendar months.
    Month,
    /// Pieces, such as one connection.
    Piece,
}

impl Unit {
    /// Decimals between what is counted and what is printed: 1000 Wh are 1 kWh.
    pub fn decimals(self) -> u32 {
        match self {
            Unit::Wh | Unit::W => 3,
            Unit::Day | Unit::Month | Unit::Piece => 0,
        }
    }

    /// The code of what is printed, in UN/ECE recommendation 20.
    pub fn code(self) -> &'static str {
        match self {
            Unit::Wh => "KWH",
            Unit::W => "KWT",
            Unit::Day => "DAY",
            Unit::Month => "MON",
            Unit::Piece => "C62",
        }
    }

    /// How many are one of what is printed.
    pub fn per_printed(self) -> i64 {
        10_i64.pow(self.decimals())
    }
}

/// How much of what. Below zero where a line gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// How much.
    pub amount: i64,
    /// Of what.
    pub unit: Unit,
}

/// A price, exact also where it is an average: `amount` for `per` units of the line's quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitPrice {
    /// Money for `per` units.
    pub amount: Money,
    /// How many units it is for, from one on: 1000 Wh for a price per kWh.
    pub per: i64,
}

impl UnitPrice {
    /// What `quantity` costs, to the nearest 1e-9 of the currency, half away from zero.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit. `per` must be above zero.
    pub fn cost_of(self, quantity: Quantity) -> Result<Money, Overflow> {
        let exact = i128::from(self.amount.n()) * i128::from(quantity.amount);
        quotient(exact, i128::from(self.per)).map(Money::from_n)
    }

    /// The price of one printed unit (a kWh, a day), to the nearest 1e-9 of the currency.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn per_printed(self, unit: Unit) -> Result<Money, Overflow> {
        self.cost_of(Quantity { amount: unit.per_printed(), unit })
    }
}

/// `dividend / divisor`, half away from zero; a divisor below one is refused.
fn quotient(dividend: i128, divisor: i128) -> Result<i64, Overflow> {
    if divisor < 1 {
        return Err(Overflow);
    }
    let nearest = (dividend.abs() + divisor / 2) / divisor * dividend.signum();
    i64::try_from(nearest).map_err(|_| Overflow)
}

/// One thing that a line was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it is.
    pub name: String,
    /// Its value, with its unit.
    pub value: String,
}

/// How a line's amount follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// The formula, such as `energy x price`.
    pub formula: String,
    /// What it was applied to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
}

/// Money taken off (below zero) or put on (above zero) beside quantity and price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// In minor units; never zero.
    pub amount: Money,
    /// Why.
    pub reason: String,
}

/// An adjustment of the document as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentAdjustment {
    /// In minor units; never zero.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// How it is taxed.
    pub tax: TaxRate,
}

/// One line of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What for.
    pub class: Class,
    /// What sets it apart from others of its class: a period, a tier, a levy. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// More to read, in the document's language. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub explanation: String,
    /// How much.
    pub quantity: Quantity,
    /// At which price.
    pub price: UnitPrice,
    /// Quantity x price, in 1e-9 of the currency.
    pub exact: Money,
    /// Taken off and put on, in minor units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<Adjustment>,
    /// The amount on the bill: `exact`, rounded to the minor unit, and the adjustments.
    pub net: Money,
    /// How it is taxed.
    pub tax: TaxRate,
    /// How the amount follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
}

impl Line {
    /// A line of quantity x price, rounded to `digits` decimals.
    ///
    /// # Errors
    /// [`Overflow`] when the amount does not fit, or the price is for less than one unit.
    pub fn new(
        class: Class,
        name: &str,
        quantity: Quantity,
        price: UnitPrice,
        (tax, digits): (TaxRate, u8),
    ) -> Result<Line, Overflow> {
        let exact = price.cost_of(quantity)?;
        Ok(Line {
            class,
            name: name.to_owned(),
            explanation: String::new(),
            quantity,
            price,
            exact,
            adjustments: Vec::new(),
            net: exact.rounded(u32::from(digits.min(9)))?,
            tax,
            trace: None,
        })
    }

    /// A line of energy at a price; a credit where `given` by the customer.
    ///
    /// # Errors
    /// [`Overflow`] when the energy or the amount does not fit.
    pub fn energy(
        class: Class,
        name: &str,
        (energy, side): (Energy, Side),
        price: Price,
        taxed: (TaxRate, u8),
    ) -> Result<Line, Overflow> {
        let wh = i64::try_from(energy.wh()).map_err(|_| Overflow)?;
        let amount = if side == Side::Given { -wh } else { wh };
        let price = UnitPrice { amount: Money::from_n(price.n_per_wh()).times(1000)?, per: 1000 };
        Line::new(class, name, Quantity { amount, unit: Unit::Wh }, price, taxed)
    }

    /// A line whose `exact` amount is known, such as a sum over trades: its price is the average.
    /// Where nothing was counted, it is one piece.
    ///
    /// # Errors
    /// [`Overflow`] when an amount does not fit.
    pub fn sum(
        class: Class,
        name: &str,
        quantity: Quantity,
        exact: Money,
        taxed: (TaxRate, u8),
    ) -> Result<Line, Overflow> {
        let count = quantity.amount.checked_abs().ok_or(Overflow)?;
        let (amount, unit) = if count == 0 { (1, Unit::Piece) } else { (count, quantity.unit) };
        let price = Money::from_n(exact.n().checked_abs().ok_or(Overflow)?);
        let quantity = Quantity { amount: amount * exact.n().signum(), unit };
        let quantity = if exact == Money::ZERO { Quantity { amount, unit } } else { quantity };
        Line::new(class, name, quantity, UnitPrice { amount: price, per: amount }, taxed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Category;

    const TAX: (TaxRate, u8) = (TaxRate { category: Category::Standard, bps: 1900 }, 2);

    #[test]
    fn the_names_of_classes_are_those_of_json() {
        for class in Class::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
        }
        assert!(Class::ALL.is_sorted());
    }

    #[test]
    fn a_line_rounds_once_half_away_from_zero() {
        let net = |n, quantity| {
            let price = UnitPrice { amount: Money::from_n(n), per: 1 };
            let quantity = Quantity { amount: quantity, unit: Unit::Piece };
            Line::new(Class::Other, "", quantity, price, TAX).unwrap().net.n()
        };
        assert_eq!(net(3_335_000_000, 1), 3_340_000_000);
        assert_eq!(net(2_345_000_000, 1), 2_350_000_000);
        assert_eq!(net(2_345_000_000, -1), -2_350_000_000);
    }

    #[test]
    fn energy_that_is_given_is_a_credit() {
        let (energy, price) = (Energy::from_wh(5_000), Price::from_n_per_wh(180_000));
        let line = Line::energy(Class::P2pSold, "", (energy, Side::Given), price, TAX).unwrap();
        assert_eq!((line.quantity.amount, line.net.n()), (-5_000, -900_000_000));
        assert_eq!(line.price.per_printed(Unit::Wh).unwrap().n(), 180_000_000);
    }

    #[test]
    fn a_sum_of_nothing_is_one_piece() {
        let none = Quantity { amount: 0, unit: Unit::Wh };
        let exact = Money::from_n(-1_234_567);
        let line = Line::sum(Class::Compensation, "", none, exact, TAX).unwrap();
        assert_eq!(line.quantity, Quantity { amount: -1, unit: Unit::Piece });
        assert_eq!(line.exact, exact);
    }

    proptest! {
        #[test]
        fn the_average_price_of_a_sum_gives_the_sum_again(
            n in -1_000_000_000_000_000_000_i64..=1_000_000_000_000_000_000,
            wh in 0..1_000_000_000_000_i64,
        ) {
            let quantity = Quantity { amount: wh, unit: Unit::Wh };
            let line = Line::sum(Class::P2pBought, "", quantity, Money::from_n(n), TAX).unwrap();
            prop_assert_eq!(line.exact.n(), n);
            prop_assert_eq!(line.price.cost_of(line.quantity).unwrap(), line.exact);
            prop_assert!(line.price.amount >= Money::ZERO);
        }
    }
}

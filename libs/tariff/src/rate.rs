//! From intervals to lines: exact amounts, rounded once per line.

use calendar::{LocalDay, Slot};
use serde::{Deserialize, Serialize};
use units::{Energy, Money, Overflow, Price};

use crate::Tariff;

/// What a line charges for, in the order of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charge {
    /// The standing charge.
    Fixed,
    /// The retailer's energy in one period.
    Energy,
    /// The grid's fee.
    Network,
    /// A levy or tax per Wh.
    Levy,
    /// Energy that was fed in: a credit.
    FeedIn,
}

/// What is counted on a line, and what one of it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quantity {
    /// Watt-hours at a price.
    Energy {
        /// How much.
        energy: Energy,
        /// Per Wh.
        price: Price,
    },
    /// Local days.
    Days {
        /// How many.
        days: u32,
        /// Per day.
        each: Money,
    },
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What for.
    pub charge: Charge,
    /// The tariff's name for it: the period, the levy; empty where there is only one.
    pub label: String,
    /// What is counted.
    pub quantity: Quantity,
    /// Quantity times price, exact; below zero for a credit.
    pub amount: Money,
}

impl Line {
    /// The amount as the bill shows it: half away from zero at the tariff's minor unit.
    pub fn rounded(&self, tariff: &Tariff) -> Result<Money, Overflow> {
        self.amount.rounded(u32::from(tariff.terms().currency_digits))
    }
}

impl Tariff {
    /// Rates energy from the retailer: what is left of the import once a neighbour's energy is
    /// taken out, slot by slot. One line per period that has energy, in their order, then the
    /// network, then each levy that is above zero.
    ///
    /// # Errors
    /// [`Overflow`] when a sum does not fit.
    pub fn rate(&self, intervals: &[(Slot, Energy)]) -> Result<Vec<Line>, Overflow> {
        let terms = self.terms();
        let mut used = vec![Energy::ZERO; terms.energy.periods.len()];
        for &(slot, energy) in intervals {
            let place = self.period(slot);
            used[place] = used[place].plus(energy)?;
        }
        let all = Energy::sum(used.iter().copied())?;
        let mut lines = Vec::new();
        for (period, &energy) in terms.energy.periods.iter().zip(&used) {
            lines.push(energy_line(Charge::Energy, &period.name, energy, period.price)?);
        }
        lines.push(energy_line(Charge::Network, "", all, terms.network_fee)?);
        for levy in &terms.levies {
            lines.push(energy_line(Charge::Levy, &levy.name, all, levy.price)?);
        }
        lines.retain(|line| line.charge == Charge::Energy || line.amount != Money::ZERO);
        lines
            .retain(|line| !matches!(line.quantity, Quantity::Energy { energy: Energy::ZERO, .. }));
        Ok(lines)
    }

    /// The standing charge of the local days in `[from, to)`.
    ///
    /// # Errors
    /// [`Overflow`] when the amount does not fit.
    pub fn fixed(&self, from: LocalDay, to: LocalDay) -> Result<Line, Overflow> {
        let days = to.number().saturating_sub(from.number());
        let each = self.terms().fixed_per_day;
        Ok(Line {
            charge: Charge::Fixed,
            label: String::new(),
            quantity: Quantity::Days { days, each },
            amount: each.times(u64::from(days))?,
        })
    }

    /// The credit for energy fed in to the retailer: what is left of the export once sales to
    /// neighbours are taken out.
    ///
    /// # Errors
    /// [`Overflow`] when a sum does not fit.
    pub fn feed_in(&self, intervals: &[(Slot, Energy)]) -> Result<Line, Overflow> {
        let all = Energy::sum(intervals.iter().map(|&(_, energy)| energy))?;
        let mut line = energy_line(Charge::FeedIn, "", all, self.terms().feed_in_price)?;
        line.amount = line.amount.negated()?;
        Ok(line)
    }
}

fn energy_line(
    charge: Charge,
    label: &str,
    energy: Energy,
    price: Price,
) -> Result<Line, Overflow> {
    let amount = price.cost_of(energy)?;
    Ok(Line {
        charge,
        label: label.to_owned(),
        quantity: Quantity::Energy { energy, price },
        amount,
    })
}

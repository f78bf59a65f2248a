//! What a bill tells besides what is to be paid: use then and now, where the energy came from, and
//! what the customer may do (Directive (EU) 2019/944, Annex I).

use serde::{Deserialize, Serialize};
use units::Energy;

use crate::{EnergyTotals, Period};

/// What a bill tells of use and supply.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Information {
    /// Energy of the same days a year before, where all of them were billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_year: Option<LastYear>,
    /// Energy of one's own and of the community in all that was used, in hundredths of a percent;
    /// left out where nothing was used. What is made and used behind the meter is not known to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_sufficiency_bps: Option<u16>,
    /// From which sources the supplier's energy comes, in the issuer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_mix: Option<String>,
    /// Carbon dioxide of the supplier's energy, in grams per kWh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co2_grams_per_kwh: Option<u32>,
    /// The right to change the supplier and how that is done, in the issuer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switching: Option<String>,
}

/// Energy of a year before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastYear {
    /// Its days.
    pub period: Period,
    /// Taken: from neighbours and from the supplier.
    pub taken: Energy,
    /// Given: to neighbours and to the grid.
    pub given: Energy,
}

impl Information {
    /// Whether it tells nothing.
    pub fn is_empty(&self) -> bool {
        *self == Information::default()
    }

    /// The part of what was used that came from the community, in hundredths of a percent, rounded;
    /// `None` where nothing was used.
    pub fn of_the_community(energy: &EnergyTotals) -> Option<u16> {
        let (bought, supplied) = (u128::from(energy.bought.wh()), u128::from(energy.supplied.wh()));
        let used = bought + supplied;
        let bps = (bought * 10_000 + used / 2).checked_div(used)?;
        u16::try_from(bps).ok()
    }
}

//! V6: what a connection can carry.

use units::{Energy, Overflow, Power};

use crate::{Channel, Meter, Policy, Site};

/// The highest power that `meter` can show at `site` in one direction: what the connection can
/// carry, or what the meter can measure, or what the modules can make, whichever is least.
///
/// # Errors
/// [`Overflow`] when the meter's rating does not fit.
pub fn power_max(channel: Channel, meter: &Meter, site: &Site) -> Result<Power, Overflow> {
    let connection = match channel {
        Channel::Import => site.import,
        Channel::Export => site.export,
        Channel::Generation => {
            site.modules.map_or(Power::from_w(u64::MAX), |modules| modules.power)
        }
    };
    let rated = meter.rating.map(|rating| rating.power(meter.dial.multiplier())).transpose()?;
    Ok(rated.map_or(connection, |rated| rated.min(connection)))
}

/// Can `power`, with the tolerance of V6, bring `energy` in `seconds`? Nothing is rounded.
pub fn is_possible(energy: Energy, power: Power, seconds: u64, policy: &Policy) -> bool {
    let asked = u128::from(energy.wh()) * 3600 * 100;
    let percent = u128::from(policy.physical_percent);
    asked <= u128::from(power.w()).saturating_mul(u128::from(seconds) * percent)
}

/// The most energy that [`is_possible`] in `seconds`.
pub fn energy_max(power: Power, seconds: u64, policy: &Policy) -> Energy {
    let percent = u128::from(policy.physical_percent);
    let exact = u128::from(power.w()).saturating_mul(u128::from(seconds) * percent) / 360_000;
    Energy::from_wh(u64::try_from(exact).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use calendar::Timestamp;

    use super::*;
    use crate::{Cadence, Dial, Kind, Rating};

    #[test]
    fn a_twentieth_above_the_connection_is_the_limit() {
        let policy = Policy::default();
        let possible = |wh| is_possible(Energy::from_wh(wh), Power::from_w(4000), 900, &policy);
        assert!(possible(1050) && !possible(1051));
        assert_eq!(energy_max(Power::from_w(4000), 900, &policy), Energy::from_wh(1050));
        assert_eq!(energy_max(Power::from_w(u64::MAX), 86_400, &policy), Energy::from_wh(u64::MAX));
        assert!(is_possible(Energy::from_wh(u64::MAX), Power::from_w(u64::MAX), 3600, &policy));
    }

    #[test]
    fn the_least_of_connection_and_plate_counts() {
        let site = Site {
            import: Power::from_w(30_000),
            export: Power::from_w(10_000),
            place: None,
            modules: None,
            storage: false,
        };
        let meter = |rating| Meter {
            kind: Kind::Grid,
            cadence: Cadence::Slots,
            dial: Dial::new(6, 1, 2).unwrap(),
            rating,
            installed: Timestamp::default(),
            removed: None,
        };
        let max = |channel, rating| power_max(channel, &meter(rating), &site).unwrap().w();
        assert_eq!(max(Channel::Import, None), 30_000);
        assert_eq!(max(Channel::Export, None), 10_000);
        let plate = Some(Rating::Amperes { amperes: 40, volts: 230, phases: 1 });
        assert_eq!(max(Channel::Import, plate), 18_400);
        assert_eq!(max(Channel::Export, plate), 10_000);
    }
}

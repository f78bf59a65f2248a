//! From where on something is suspicious: data, with defaults.
//!
//! Figures of the defaults: a soft collar of 30 % around the reference price, 25 % of a zone's
//! volume as the mark of market power and a tolerance of 50 Wh are those of this market's risk
//! limits; 90 %, 60 seconds, 50 %, 1 %, "more than three slots" and "three accounts" are its list
//! of abuses. What the list leaves open is marked "ours" at its field.

use serde::{Deserialize, Serialize};
use units::Energy;

/// The limits of every type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// W1: the least energy of a trade between accounts of one owner.
    pub wash_quantity_min: Energy,
    /// W2: flows there and back are a circle where what is left between them is below so many
    /// percent of both together.
    pub circle_net_percent: u32,
    /// W2: the least energy each way in a day. Ours: two homes that both buy and sell swap a
    /// little by chance.
    pub circle_quantity_min: Energy,
    /// L1: orders taken back in a day are above so many percent of those accepted, by energy.
    pub layer_cancelled_percent: u32,
    /// L1: an order is taken back late less than so many seconds before the gate.
    pub layer_seconds: u32,
    /// L1: what is taken back late is large from so many percent of its side of the book on.
    pub layer_large_percent: u32,
    /// L1: the least orders of a day, so that a ratio means something. Ours.
    pub layer_orders_min: u32,
    /// H1: less than so many percent of what was available is offered.
    pub withheld_offered_percent: u32,
    /// H1: the price is above the reference price by more than so many percent.
    pub withheld_spike_percent: u32,
    /// H1: what is withheld is at least so many percent of what was traded. Ours: a home that
    /// does not sell moves no price.
    pub withheld_power_percent: u32,
    /// H1: from so many other owners who offer on, their median says what part of what is likely
    /// the weather leaves. Ours.
    pub withheld_peers_min: u32,
    /// M1: a slot counts where less than so many percent of what was sold was fed in.
    pub unmetered_percent: u32,
    /// M1: slots with sales up to this are within the tolerance of deliveries.
    pub unmetered_tolerance: Energy,
    /// M1: more than so many slots in seven days.
    pub unmetered_slots: u32,
    /// M2: the least energy that is taken from the grid and sold again in one night. Ours.
    pub resold_quantity_min: Energy,
    /// M2: local minute of the day from which on the sun is surely down, where who feeds the
    /// facts knows no better. Ours.
    pub dark_from: u16,
    /// M2: local minute of the day until which it is. Ours.
    pub dark_until: u16,
    /// B1: so many owners have the same limits.
    pub alike_owners: u32,
    /// B1: in so many slots running in which each of them has orders of that side. Ours: as many
    /// as are more than three. At most [`ALIKE_SLOTS_MAX`].
    pub alike_slots: u32,
    /// B1: with at least so many different limits among them, so that a price which somebody set
    /// once and left is not one. Ours.
    pub alike_prices: u32,
    /// P1: the price is above the reference price by more than so many percent.
    pub pump_spike_percent: u32,
    /// P1: one owner buys more than so many percent of what is traded. Ours.
    pub pump_share_percent: u32,
    /// P1: at the same time of day, on so many days of the seven that the next reference price is
    /// made of. Ours.
    pub pump_days: u32,
    /// P1: the least known days behind a reference price. Ours.
    pub pump_reference_days: u32,
    /// From so many incidents on a case is one step more severe. Ours.
    pub raised_from: u32,
}

/// The most slots that [`Thresholds::alike_slots`] may ask for.
pub const ALIKE_SLOTS_MAX: u32 = 96;

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds {
            wash_quantity_min: Energy::from_wh(1),
            circle_net_percent: 1,
            circle_quantity_min: Energy::from_wh(1_000),
            layer_cancelled_percent: 90,
            layer_seconds: 60,
            layer_large_percent: 25,
            layer_orders_min: 5,
            withheld_offered_percent: 50,
            withheld_spike_percent: 30,
            withheld_power_percent: 25,
            withheld_peers_min: 3,
            unmetered_percent: 1,
            unmetered_tolerance: Energy::from_wh(50),
            unmetered_slots: 3,
            resold_quantity_min: Energy::from_wh(1_000),
            dark_from: 22 * 60,
            dark_until: 4 * 60,
            alike_owners: 3,
            alike_slots: 4,
            alike_prices: 3,
            pump_spike_percent: 30,
            pump_share_percent: 50,
            pump_days: 3,
            pump_reference_days: 3,
            raised_from: 5,
        }
    }
}

/// A threshold that would find everything, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct NotAThreshold {
    /// Which.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Thresholds {
    /// Refuses limits outside of what can be meant.
    ///
    /// # Errors
    /// The first field that is wrong, by name.
    pub fn check(&self) -> Result<(), NotAThreshold> {
        let percents = [
            ("circle_net_percent", self.circle_net_percent),
            ("layer_cancelled_percent", self.layer_cancelled_percent),
            ("layer_large_percent", self.layer_large_percent),
            ("withheld_offered_percent", self.withheld_offered_percent),
            ("unmetered_percent", self.unmetered_percent),
            ("pump_share_percent", self.pump_share_percent),
        ];
        let ensure = |holds: bool, field, why| {
            if holds { Ok(()) } else { Err(NotAThreshold { field, why }) }
        };
        for (field, percent) in percents {
            ensure((1..=100).contains(&percent), field, "1 to 100 percent")?;
        }
        let beyond = [
            ("withheld_spike_percent", self.withheld_spike_percent),
            ("withheld_power_percent", self.withheld_power_percent),
            ("pump_spike_percent", self.pump_spike_percent),
        ];
        for (field, percent) in beyond {
            ensure((1..=10_000).contains(&percent), field, "1 to 10000 percent")?;
        }
        for (field, days) in
            [("pump_days", self.pump_days), ("pump_reference_days", self.pump_reference_days)]
        {
            ensure((1..=7).contains(&days), field, "1 to 7 days")?;
        }
        ensure((1..=3600).contains(&self.layer_seconds), "layer_seconds", "1 to 3600 seconds")?;
        let minutes = [("dark_from", self.dark_from), ("dark_until", self.dark_until)];
        for (field, minute) in minutes {
            ensure(minute < 24 * 60, field, "a minute of the day, 0 to 1439")?;
        }
        ensure(self.wash_quantity_min > Energy::ZERO, "wash_quantity_min", "above zero")?;
        ensure(self.circle_quantity_min > Energy::ZERO, "circle_quantity_min", "above zero")?;
        ensure(self.resold_quantity_min > Energy::ZERO, "resold_quantity_min", "above zero")?;
        ensure(self.alike_owners >= 2, "alike_owners", "at least 2")?;
        let slots = (1..=ALIKE_SLOTS_MAX).contains(&self.alike_slots);
        ensure(slots, "alike_slots", "1 to 96")?;
        let prices = (1..=self.alike_slots).contains(&self.alike_prices);
        ensure(prices, "alike_prices", "from 1 to alike_slots")?;
        ensure(self.raised_from >= 1, "raised_from", "at least 1")
    }

    /// Whether the sun is surely down at a local minute of the day.
    pub fn is_dark(&self, minute: u16) -> bool {
        if self.dark_from <= self.dark_until {
            (self.dark_from..self.dark_until).contains(&minute)
        } else {
            minute >= self.dark_from || minute < self.dark_until
        }
    }
}

/// Whether `part` is more than `percent` of `whole`.
pub(crate) fn is_above(part: u128, percent: u32, whole: u128) -> bool {
    part * 100 > whole * u128::from(percent)
}

/// Whether `part` is less than `percent` of `whole`.
pub(crate) fn is_below(part: u128, percent: u32, whole: u128) -> bool {
    part * 100 < whole * u128::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_usable_and_nonsense_is_named() {
        assert_eq!(Thresholds::default().check(), Ok(()));
        let wrong = [
            (Thresholds { circle_net_percent: 0, ..Thresholds::default() }, "circle_net_percent"),
            (Thresholds { pump_days: 8, ..Thresholds::default() }, "pump_days"),
            (Thresholds { dark_from: 1440, ..Thresholds::default() }, "dark_from"),
            (Thresholds { alike_prices: 5, ..Thresholds::default() }, "alike_prices"),
            (Thresholds { alike_slots: 97, ..Thresholds::default() }, "alike_slots"),
            (Thresholds { raised_from: 0, ..Thresholds::default() }, "raised_from"),
        ];
        for (thresholds, field) in wrong {
            assert_eq!(thresholds.check().unwrap_err().field, field);
        }
    }

    #[test]
    fn a_threshold_that_is_not_named_keeps_its_default() {
        let read: Thresholds = serde_json::from_str(r#"{"pump_days": 5}"#).unwrap();
        assert_eq!(read, Thresholds { pump_days: 5, ..Thresholds::default() });
        assert!(serde_json::from_str::<Thresholds>(r#"{"pump_dayz": 5}"#).is_err());
    }

    #[test]
    fn the_night_goes_over_midnight() {
        let thresholds = Thresholds::default();
        let dark = [1319, 1320, 1439, 0, 239, 240, 720].map(|minute| thresholds.is_dark(minute));
        assert_eq!(dark, [false, true, true, true, true, false, false]);
        let noon = Thresholds { dark_from: 700, dark_until: 800, ..thresholds };
        assert_eq!([699, 700, 799, 800].map(|m| noon.is_dark(m)), [false, true, true, false]);
    }
}

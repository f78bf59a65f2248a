//! The project's own sample: homes and a sky that follow physics and a seed.
//!
//! PV: the sun's position (Cooper's declination, hour angle), clear-sky irradiance after Haurwitz,
//! a cloud cover that drifts, a panel facing south. Load: a base, morning and evening peaks,
//! appliances that come and go. The same seed, home and day give the same series, whatever else is
//! asked for.
#![expect(
    clippy::disallowed_types,
    reason = "a model of weather; it ends in whole milliwatt-hours"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, not negative"
)]

use std::f64::consts::PI;

use calendar::{LocalDay, Slot, SlotLength, TimeZone, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::prices::Prices;
use super::table::DataError;
use super::{Dataset, Home, Wanted};

/// Homes unless told.
const HOMES: usize = 12;
/// The most homes a sample has.
const HOMES_MAX: usize = 2_000;
/// The first day unless told.
const FIRST: (i16, i8, i8) = (2026, 6, 1);
/// Where the homes are: degrees north and east, and their clock.
const LATITUDE: f64 = 48.1;
const LONGITUDE: f64 = 11.6;
const ZONE: &str = "Europe/Berlin";
/// Tilt of the panels, in degrees, facing south.
const TILT: f64 = 30.0;
/// What reaches the meter of what the cells make.
const SYSTEM_EFFICIENCY: f64 = 0.86;
/// Every K-th home has PV unless told.
const PV_EVERY: usize = 2;
const BASE: SlotLength = match SlotLength::from_minutes(5) {
    Ok(length) => length,
    Err(_) => SlotLength::QUARTER_HOUR,
};
const BASE_HOURS: f64 = 5.0 / 60.0;

/// Generates what is wanted.
pub(super) fn generate(wanted: &Wanted, seed: u64) -> Result<Dataset, DataError> {
    let zone: TimeZone = ZONE.parse().expect("a zone of the bundled database");
    let first = wanted.start.or(LocalDay::new(FIRST.0, FIRST.1, FIRST.2));
    let first = first.expect("the default day exists");
    let count = wanted.homes.unwrap_or(HOMES);
    if count > HOMES_MAX {
        return Err(DataError::Homes { wanted: count, available: HOMES_MAX });
    }
    let days: Vec<LocalDay> =
        (0..wanted.days).map(|day| first.later(i32::try_from(day).unwrap_or(i32::MAX))).collect();
    let skies: Vec<Vec<f64>> = days.iter().map(|day| sky(&zone, *day, seed)).collect();
    let homes = (0..count)
        .map(|place| {
            let traits = Traits::of(place, seed);
            let has_pv = place % wanted.pv_every.unwrap_or(PV_EVERY).max(1) == 0;
            let mut home = Home { name: format!("H{:02}", place + 1), load: vec![], pv: vec![] };
            for (day, clearness) in days.iter().zip(&skies) {
                home.load.extend(traits.load(&zone, *day));
                if has_pv {
                    home.pv.extend(traits.pv(&zone, *day, clearness));
                }
            }
            home
        })
        .collect();
    Ok(Dataset {
        name: format!("sample community, seed {seed}"),
        timezone: zone,
        first,
        days: wanted.days,
        base_minutes: BASE.minutes(),
        homes,
        prices: Prices::default_community(),
    })
}

fn dice(seed: u64, kind: u64, place: u64, day: u64) -> ChaCha8Rng {
    let mut bytes = [0; 32];
    for (chunk, value) in bytes.chunks_exact_mut(8).zip([seed, kind, place, day]) {
        chunk.copy_from_slice(&value.to_be_bytes());
    }
    ChaCha8Rng::from_seed(bytes)
}

fn steps(zone: &TimeZone, day: LocalDay) -> impl Iterator<Item = Slot> {
    zone.slots_of(day, BASE)
}

/// How much of the clear sky's light arrives in each step: a cover that drifts about the day's
/// mean.
fn sky(zone: &TimeZone, day: LocalDay, seed: u64) -> Vec<f64> {
    let mut rng = dice(seed, 1, 0, u64::from(day.number()));
    let mean: f64 = rng.random_range(0.45..0.95);
    let mut clearness = mean;
    steps(zone, day)
        .map(|_| {
            clearness += 0.08 * (mean - clearness) + rng.random_range(-0.06..0.06);
            clearness = clearness.clamp(0.12, 1.0);
            clearness
        })
        .collect()
}

/// Irradiance of a clear sky on the panels, in W/m2.
fn clear_sky(moment: Timestamp, day: LocalDay) -> f64 {
    let year_start = LocalDay::new(day.year(), 1, 1).map_or(0, LocalDay::number);
    let day_of_year = f64::from(day.number() - year_start) + 1.0;
    let declination = (23.45_f64).to_radians() * (2.0 * PI * (284.0 + day_of_year) / 365.0).sin();
    let utc_hours = (moment.seconds().rem_euclid(86_400)) as f64 / 3600.0;
    let hour_angle = ((utc_hours + LONGITUDE / 15.0 - 12.0) * 15.0).to_radians();
    let height = |latitude: f64| {
        latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * hour_angle.cos()
    };
    let cos_zenith = height(LATITUDE.to_radians());
    if cos_zenith <= 0.01 {
        return 0.0;
    }
    let global = 1098.0 * cos_zenith * (-0.057 / cos_zenith).exp();
    // A south panel at this tilt sees the sun as level ground does further south by the tilt.
    let cos_incidence = height((LATITUDE - TILT).to_radians()).max(0.0);
    0.75 * global * (cos_incidence / cos_zenith).min(4.0) + 0.25 * global
}

/// What makes one home differ from the next.
struct Traits {
    place: u64,
    seed: u64,
    /// PV size in kWp.
    kwp: f64,
    /// Always on, in W.
    base_w: f64,
    /// Height of the evening peak, in W.
    evening_w: f64,
    /// Height of the morning peak, in W.
    morning_w: f64,
    /// Hour of the evening peak.
    evening_hour: f64,
}

impl Traits {
    fn of(place: usize, seed: u64) -> Traits {
        let place = place as u64;
        let mut rng = dice(seed, 2, place, 0);
        Traits {
            place,
            seed,
            kwp: rng.random_range(3.5..8.0),
            base_w: rng.random_range(90.0..240.0),
            evening_w: rng.random_range(500.0..1400.0),
            morning_w: rng.random_range(200.0..700.0),
            evening_hour: rng.random_range(18.0..20.5),
        }
    }

    fn load(&self, zone: &TimeZone, day: LocalDay) -> Vec<u64> {
        let mut rng = dice(self.seed, 3, self.place, u64::from(day.number()));
        let morning = if day.is_weekend() { 9.5 } else { 7.0 } + rng.random_range(-0.5..0.5);
        let bell = |hour: f64, centre: f64, width: f64| (-((hour - centre) / width).powi(2)).exp();
        let mut appliance: (u32, f64) = (0, 0.0);
        steps(zone, day)
            .map(|step| {
                let hour = f64::from(zone.local(step.start).minute) / 60.0;
                if appliance.0 == 0 && rng.random_bool(if hour > 6.5 { 0.012 } else { 0.001 }) {
                    appliance = (rng.random_range(1..18), rng.random_range(300.0..2200.0));
                }
                let runs = appliance.0 > 0;
                appliance.0 = appliance.0.saturating_sub(1);
                let fridge = if rng.random_bool(0.35) { 90.0 } else { 0.0 };
                let watts = self.base_w
                    + self.morning_w * bell(hour, morning, 1.2)
                    + self.evening_w * bell(hour, self.evening_hour, 2.0)
                    + if day.is_weekend() { 180.0 * bell(hour, 13.0, 2.5) } else { 0.0 }
                    + fridge
                    + if runs { appliance.1 } else { 0.0 };
                let noisy = watts * rng.random_range(0.85..1.15);
                (noisy * BASE_HOURS * 1000.0).round() as u64
            })
            .collect()
    }

    fn pv(&self, zone: &TimeZone, day: LocalDay, clearness: &[f64]) -> Vec<u64> {
        let mut rng = dice(self.seed, 4, self.place, u64::from(day.number()));
        steps(zone, day)
            .zip(clearness)
            .map(|(step, clearness)| {
                let irradiance = clear_sky(step.start.plus_seconds(150), day);
                let local = (clearness * rng.random_range(0.93..1.07)).min(1.0);
                let watts = self.kwp * irradiance * local * SYSTEM_EFFICIENCY;
                (watts * BASE_HOURS * 1000.0).round() as u64
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(homes: usize, days: u32) -> Wanted {
        Wanted {
            homes: Some(homes),
            pv_every: Some(1),
            start: None,
            days,
            slot: SlotLength::QUARTER_HOUR,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_homes_whatever_else_is_asked_for() {
        let small = generate(&wanted(2, 1), 7).unwrap();
        let large = generate(&wanted(5, 3), 7).unwrap();
        assert_eq!(small.homes[1].load, large.homes[1].load[..288]);
        assert_eq!(small.homes[1].pv, large.homes[1].pv[..288]);
        assert_ne!(small.homes[0].load, generate(&wanted(1, 1), 8).unwrap().homes[0].load);
    }

    #[test]
    fn the_sun_shines_by_day_as_much_as_a_roof_can_take() {
        let homes = generate(&wanted(4, 5), 1).unwrap().homes;
        for home in &homes {
            let night: u64 = home.pv[..36].iter().sum();
            assert_eq!(night, 0, "three hours after midnight in June it is dark");
            let daily_kwh = home.pv.iter().sum::<u64>() / 5 / 1_000_000;
            assert!((5..60).contains(&daily_kwh), "{daily_kwh} kWh a day");
            let load_kwh = home.load.iter().sum::<u64>() / 5 / 1_000_000;
            assert!((4..25).contains(&load_kwh), "{load_kwh} kWh a day");
        }
    }
}

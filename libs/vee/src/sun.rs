//! How high the sun stands, and what it sends from a clear sky.
//!
//! The Astronomical Almanac's low-precision formula, as in J. J. Michalsky, "The Astronomical
//! Almanac's algorithm for approximate solar position (1950-2050)", Solar Energy 40 (1988): good to
//! a hundredth of a degree, without refraction. Irradiance of a clear sky on the horizontal:
//! B. Haurwitz, "Insolation in relation to cloudiness and cloud density", Journal of Meteorology 2
//! (1945).
#![expect(clippy::disallowed_types, reason = "physics; what leaves is an integer")]
#![expect(clippy::cast_possible_truncation, reason = "rounded values of known, small range")]

use calendar::{Slot, Timestamp};

use crate::Place;

/// Noon of the first of January 2000.
const J2000_SECONDS: i64 = 946_728_000;

/// The elevation of the sun's centre over the horizon at `moment`, in thousandths of a degree,
/// from -90 000 to 90 000.
pub fn elevation_millidegrees(place: Place, moment: Timestamp) -> i32 {
    (sine(place, moment).asin().to_degrees() * 1000.0).round() as i32
}

/// The highest elevation in `slot`, of its start, middle and end.
pub fn highest_millidegrees(place: Place, slot: Slot) -> i32 {
    let middle = slot.start.plus_seconds(slot.length.seconds() / 2);
    let elevations = [slot.start, middle, slot.end()].map(|at| elevation_millidegrees(place, at));
    elevations.into_iter().fold(i32::MIN, i32::max)
}

/// The mean irradiance of a clear sky on the horizontal in `slot`, in watts per square metre.
pub fn clear_sky_w_per_m2(place: Place, slot: Slot) -> u32 {
    const PARTS: i64 = 3;
    let part = slot.length.seconds() / PARTS;
    let watts: f64 = (0..PARTS)
        .map(|count| slot.start.plus_seconds(count * part + part / 2))
        .map(|moment| {
            let sine = sine(place, moment);
            if sine > 0.0 { 1098.0 * sine * (-0.057 / sine).exp() } else { 0.0 }
        })
        .sum();
    let mean = (watts / PARTS as f64).round() as i64;
    u32::try_from(mean).unwrap_or(0)
}

/// The sine of the elevation.
fn sine(place: Place, moment: Timestamp) -> f64 {
    let days = (moment.seconds() - J2000_SECONDS) as f64 / 86_400.0;
    let mean_longitude = 280.460 + 0.985_647_4 * days;
    let anomaly = (357.528 + 0.985_600_3 * days).to_radians();
    let longitude = mean_longitude + 1.915 * anomaly.sin() + 0.020 * (2.0 * anomaly).sin();
    let (sin_longitude, cos_longitude) = longitude.to_radians().sin_cos();
    let (sin_tilt, cos_tilt) = (23.439 - 0.000_000_4 * days).to_radians().sin_cos();
    // The sun's direction, seen from the middle of the Earth: x to the equinox, z to the pole.
    let (x, y, z) = (cos_longitude, cos_tilt * sin_longitude, sin_tilt * sin_longitude);
    // The direction of the place turns with the stars.
    let hours = (moment.seconds() % 86_400) as f64 / 3600.0;
    let sidereal_hours = 6.697_375 + 0.065_709_824_2 * days + hours;
    let degrees = |millionths: i32| f64::from(millionths) / 1e6;
    let turned = (15.0 * sidereal_hours + degrees(place.longitude)).to_radians();
    let (sin_latitude, cos_latitude) = degrees(place.latitude).to_radians().sin_cos();
    let sine = sin_latitude * z + cos_latitude * (x * turned.cos() + y * turned.sin());
    sine.clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use calendar::SlotLength;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Computed with the Solar Position Algorithm of NREL (pvlib 0.13), without refraction.
    const POSITIONS: [(i32, i32, [i32; 5]); 5] = [
        (52_520_000, 13_405_000, [36_549, 60_018, -41_927, -60_905, 2251]),
        (37_770_000, -122_420_000, [-26_470, -20_682, 2983, 16_644, -48_453]),
        (-33_870_000, 151_210_000, [-45_553, -43_901, 66_403, 50_878, 27_597]),
        (27_700_000, 85_300_000, [5781, 34_184, 6684, -26_911, 54_334]),
        (69_650_000, 18_960_000, [19_366, 43_725, -27_639, -43_714, -622]),
    ];

    #[test]
    fn the_sun_stands_where_a_precise_algorithm_sees_it() {
        let moments = [
            "2026-03-20T12:00:00Z",
            "2026-06-21T10:30:00Z",
            "2026-10-25T01:00:00Z",
            "2027-12-21T23:00:00Z",
            "2028-02-29T06:15:00Z",
        ];
        for (latitude, longitude, expected) in POSITIONS {
            for (moment, expected) in moments.into_iter().zip(expected) {
                let found = elevation_millidegrees(Place { latitude, longitude }, at(moment));
                let off = (found - expected).abs();
                assert!(off < 30, "{latitude} {longitude} {moment}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn a_clear_sky_sends_what_the_model_says_and_nothing_at_night() {
        let berlin = Place { latitude: 52_520_000, longitude: 13_405_000 };
        let sent = |start: &str| {
            let slot = Slot::starting(at(start), SlotLength::QUARTER_HOUR).unwrap();
            clear_sky_w_per_m2(berlin, slot)
        };
        // pvlib's model of Haurwitz says 891.5 and 210.0 in the middle of the slots.
        assert!((888..=895).contains(&sent("2026-06-21T10:30:00Z")));
        assert!((205..=215).contains(&sent("2026-12-21T11:00:00Z")));
        assert_eq!(sent("2026-06-21T23:00:00Z"), 0);
    }

    #[test]
    fn a_slot_is_as_light_as_its_lightest_moment() {
        let berlin = Place { latitude: 52_520_000, longitude: 13_405_000 };
        let slot = Slot::starting(at("2026-06-21T03:00:00Z"), SlotLength::QUARTER_HOUR).unwrap();
        assert_eq!(highest_millidegrees(berlin, slot), elevation_millidegrees(berlin, slot.end()));
    }
}

//! Where the sun is, what comes through a clear sky, and what of it falls on a tilted plane.
//!
//! Position: the Astronomical Almanac's low-precision formulas (Michalsky, Solar Energy 40 (1988)),
//! 0.01 degrees from 1950 to 2050. Clear sky: Haurwitz, J. Meteorology 2 (1945). Diffuse part:
//! Erbs, Klein and Duffie, Solar Energy 28 (1982). On the plane: an isotropic sky (Liu and Jordan
//! 1963).

use serde::{Deserialize, Serialize};

/// Seconds since 1970 at noon of 1 January 2000, UTC.
const EPOCH_2000: f64 = 946_728_000.0;
/// What the ground reflects.
const ALBEDO: f64 = 0.2;
/// The sun outside of the atmosphere, in W/m2, at the mean distance.
const SOLAR_CONSTANT: f64 = 1_366.1;
/// Below this elevation (its sine: 5 degrees) a beam measured on the ground says nothing of one on
/// a plane.
const LOWEST: f64 = 0.087;

/// Where a generator stands and looks to, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// North of the equator.
    pub latitude: f64,
    /// East of Greenwich.
    pub longitude: f64,
    /// 0 lies flat, 90 stands.
    pub tilt: f64,
    /// From north over east: 180 is south.
    pub azimuth: f64,
}

/// Where the sun is, seen from a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sun {
    /// Sine of its elevation; below zero at night.
    pub height: f64,
    /// From north over east, in radians.
    pub azimuth: f64,
    /// Irradiance on a plane that faces it outside of the atmosphere, in W/m2.
    pub outside: f64,
}

impl Site {
    /// The sun at a moment, in seconds since 1970 UTC.
    pub fn sun(&self, seconds: f64) -> Sun {
        let days = (seconds - EPOCH_2000) / 86_400.0;
        let degrees = |constant: f64, per_day: f64| {
            (constant + per_day * days).rem_euclid(360.0).to_radians()
        };
        let (mean, anomaly) = (degrees(280.460, 0.985_647_4), degrees(357.528, 0.985_600_3));
        let longitude = mean + (1.915 * anomaly.sin() + 0.020 * (2.0 * anomaly).sin()).to_radians();
        let tilt = (23.439 - 4e-7 * days).to_radians();
        let ascension = (tilt.cos() * longitude.sin()).atan2(longitude.cos());
        let declination = (tilt.sin() * longitude.sin()).asin();
        let hours = 6.697_375 + 0.065_709_824_2 * days + seconds.rem_euclid(86_400.0) / 3_600.0;
        let sidereal = (hours * 15.0 + self.longitude).to_radians();
        let hour = sidereal - ascension;
        let latitude = self.latitude.to_radians();
        let height =
            latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * hour.cos();
        let east = -declination.cos() * hour.sin();
        let north =
            declination.sin() * latitude.cos() - declination.cos() * latitude.sin() * hour.cos();
        let distance = 1.000_14 - 0.016_71 * anomaly.cos() - 0.000_14 * (2.0 * anomaly).cos();
        Sun { height, azimuth: east.atan2(north), outside: SOLAR_CONSTANT / (distance * distance) }
    }

    /// What falls on the plane, in W/m2, of so much on the horizontal.
    pub fn on_plane(&self, sun: &Sun, horizontal: f64) -> f64 {
        let horizontal = horizontal.max(0.0);
        if sun.height <= 0.0 {
            return horizontal;
        }
        let tilt = self.tilt.to_radians();
        let clearness = (horizontal / (sun.outside * sun.height.max(LOWEST))).min(1.0);
        let diffuse = horizontal * diffuse_part(clearness);
        let elevation = sun.height.asin();
        let facing = sun.height * tilt.cos()
            + elevation.cos() * tilt.sin() * (sun.azimuth - self.azimuth.to_radians()).cos();
        let beam = (horizontal - diffuse) / sun.height.max(LOWEST) * facing.max(0.0);
        beam + diffuse * 0.5 * (1.0 + tilt.cos()) + horizontal * ALBEDO * 0.5 * (1.0 - tilt.cos())
    }
}

impl Sun {
    /// What a clear sky lets through to the horizontal, in W/m2.
    pub fn clear(&self) -> f64 {
        if self.height <= 0.0 { 0.0 } else { 1_098.0 * self.height * (-0.059 / self.height).exp() }
    }
}

/// The diffuse part of what falls on the horizontal, by the clearness of the sky.
fn diffuse_part(clearness: f64) -> f64 {
    let k = clearness;
    if k <= 0.22 {
        1.0 - 0.09 * k
    } else if k <= 0.8 {
        0.9511 + k * (-0.1604 + k * (4.388 + k * (-16.638 + k * 12.336)))
    } else {
        0.165
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Near Golden, Colorado, as the measurements of the tests.
    const GOLDEN: Site = Site { latitude: 39.742, longitude: -105.18, tilt: 45.0, azimuth: 158.0 };

    #[test]
    fn the_sun_stands_where_the_almanac_says() {
        // 2022-03-20 15:33 UTC is the equinox: the sun is over the equator.
        let equinox = 1_647_790_380.0;
        let equator = Site { latitude: 0.0, longitude: 0.0, tilt: 0.0, azimuth: 0.0 };
        let noon = equinox - 3.0 * 3_600.0 - 33.0 * 60.0 + 7.0 * 60.0 + 25.0;
        assert!(equator.sun(noon).height > 0.999_99);
        // Solar noon in Golden on that day is at 19:08 UTC, at 90 - latitude degrees.
        let sun = GOLDEN.sun(equinox + 3.0 * 3_600.0 + 35.0 * 60.0);
        let elevation = sun.height.asin().to_degrees();
        assert!((elevation - (90.0 - 39.742)).abs() < 0.1, "{elevation}");
        assert!((sun.azimuth.to_degrees().abs() - 180.0).abs() < 1.0, "{}", sun.azimuth);
        assert!(GOLDEN.sun(equinox - 8.0 * 3_600.0).height < 0.0);
    }

    #[test]
    fn a_flat_plane_gets_what_the_ground_gets() {
        let flat = Site { tilt: 0.0, ..GOLDEN };
        let sun = flat.sun(1_647_805_000.0);
        for horizontal in [0.0, 100.0, 500.0, 900.0] {
            assert!((flat.on_plane(&sun, horizontal) - horizontal).abs() < 1e-9);
        }
        let clear = sun.clear();
        assert!(clear > 700.0 && clear < 900.0);
        assert!(GOLDEN.on_plane(&sun, clear) > 1.1 * clear);
    }
}

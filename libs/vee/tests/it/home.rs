//! A home that tests share: in Berlin, 10 kW in, 8 kW out, 5 kW of modules.

use calendar::{Slot, SlotLength, Timestamp};
use units::{Energy, Power};
use vee::{
    Aids, Cadence, Channel, Days, Dial, Kind, Known, Meter, Modules, Place, Policy, Read, Series,
    Signature, Site, Span,
};

pub(crate) const LENGTH: SlotLength = SlotLength::QUARTER_HOUR;

/// Monday, 1 June 2026, midnight in Berlin.
pub(crate) const MIDNIGHT: i64 = 1_780_264_800;

/// The start of a slot, counted from [`MIDNIGHT`].
pub(crate) fn at(slot: i64) -> Timestamp {
    Timestamp::from_seconds(MIDNIGHT + slot * 900)
}

pub(crate) fn span(from: i64, to: i64) -> Span {
    Span { from: at(from), to: at(to) }
}

pub(crate) fn meter() -> Meter {
    Meter {
        kind: Kind::Grid,
        cadence: Cadence::Slots,
        dial: Dial::wh(9).unwrap(),
        rating: None,
        installed: at(-100_000),
        removed: None,
    }
}

pub(crate) fn site() -> Site {
    Site {
        import: Power::from_w(10_000),
        export: Power::from_w(8000),
        place: Some(Place { latitude: 52_520_000, longitude: 13_405_000 }),
        modules: Some(Modules { power: Power::from_w(5000), yield_per_mille: Some(800) }),
        storage: false,
    }
}

pub(crate) fn days() -> Days {
    Days::of("Europe/Berlin".parse().unwrap())
}

/// A signed page, read at the start of `slot` and received a second later.
pub(crate) fn page(page: u32, slot: i64, import: u64, export: u64) -> Read {
    Read {
        page,
        time: at(slot),
        received_at: at(slot).plus_seconds(1),
        clock_ahead_seconds: None,
        import,
        export,
        signature: Signature::Valid,
        energy_error: false,
        multiplier: None,
    }
}

/// Measured energies from `first` on; `None` is missing.
pub(crate) fn series(first: i64, energies: impl IntoIterator<Item = Option<u64>>) -> Series {
    let known = energies
        .into_iter()
        .map(|energy| energy.map_or(Known::MISSING, |wh| Known::measured(Energy::from_wh(wh))));
    Series::new(Slot::starting(at(first), LENGTH).unwrap(), known.collect()).unwrap()
}

pub(crate) fn wh(series: &Series) -> Vec<u64> {
    series.known().iter().map(|known| known.energy.wh()).collect()
}

/// Aids of an import register that knows nothing but days.
pub(crate) fn aids<'a>(days: &'a Days, policy: &'a Policy) -> Aids<'a> {
    Aids {
        channel: Channel::Import,
        days,
        power_max: Power::from_w(10_000),
        profile: None,
        day: None,
        irradiance: None,
        modules: None,
        failed: &[],
        policy,
    }
}

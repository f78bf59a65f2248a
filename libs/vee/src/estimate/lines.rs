//! E2: a straight line of power over a short gap.

use std::ops::Range;

use units::Energy;

use super::{Aids, Estimate, Refused, taken};
use crate::{Method, Quality, Series};

/// The slots of `run` on the straight line from the slot before it to the slot after it, rounded
/// half up.
pub(super) fn estimate(
    series: &Series,
    run: Range<usize>,
    aids: &Aids<'_>,
) -> Result<Estimate, Refused> {
    let seconds = series.length().seconds().unsigned_abs() * run.len() as u64;
    if seconds > u64::from(aids.policy.interpolate_seconds_max) {
        return Err(Refused::TooLong);
    }
    let read = |place: Option<usize>| {
        let known = series.known().get(place?)?;
        known.quality.is_read().then_some(known.energy.wh())
    };
    let (Some(before), Some(after)) = (read(run.start.checked_sub(1)), read(Some(run.end))) else {
        return Err(Refused::NoNeighbours);
    };
    let steps = run.len() as u128 + 1;
    let slots = run.clone().map(|place| {
        let done = (place - run.start) as u128 + 1;
        let weighed = u128::from(before) * (steps - done) + u128::from(after) * done;
        // A mean of two energies is not above the larger, so it fits.
        let wh = u64::try_from((2 * weighed + steps) / (2 * steps)).unwrap_or(u64::MAX);
        let energy = Energy::from_wh(wh).min(aids.most(series));
        taken(series, place, energy, Quality::Substituted, Method::Interpolated)
    });
    Ok(Estimate { slots: slots.collect(), ..Estimate::default() })
}

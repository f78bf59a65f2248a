//! E1: the advance of the registers, in the form of something alike.

use units::Energy;

use super::open::like;
use super::{Aids, Estimate, Estimated, Refused};
use crate::share::{DoesNotFit, Part, share};
use crate::{Channel, Gap, Known, Method, Series, Shape, Span};

/// How much of what is missing falls to the slot at a place, where a form knows it.
type Weight<'a> = &'a dyn Fn(usize) -> Option<u64>;

pub(super) fn estimate(series: &Series, gap: Gap, aids: &Aids<'_>) -> Estimate {
    let mut estimate = Estimate::default();
    let places: Vec<usize> =
        series.places(gap.span).filter(|place| series.known()[*place].quality.is_open()).collect();
    if places.is_empty() {
        return estimate;
    }
    let span = series.span();
    if gap.span.from < span.from || span.to < gap.span.to {
        estimate.refuse(Refused::NotCovered);
        estimate.open = places.iter().map(|place| series.slot(*place).start).collect();
        return estimate;
    }
    let missing = series.sum(gap.span).ok().and_then(|known| gap.advance.minus(known));
    let shared = missing.ok_or(Refused::KnownExceedsAdvance).and_then(|missing| {
        form(series, &places, missing, aids).map_err(|_| Refused::AdvanceDoesNotFit)
    });
    match shared {
        Ok((shape, parts)) => {
            let both = places.iter().zip(parts);
            estimate.slots = both
                .map(|(place, part)| Estimated {
                    start: series.slot(*place).start,
                    known: Known::substituted(part.energy, Method::Bounded(shape)),
                    odd: part.odd,
                })
                .collect();
        }
        Err(refused) => {
            estimate.refuse(refused);
            estimate.open = places.iter().map(|place| series.slot(*place).start).collect();
        }
    }
    estimate
}

/// The best form that is known of the slots, and the parts that it gives.
fn form(
    series: &Series,
    places: &[usize],
    missing: Energy,
    aids: &Aids<'_>,
) -> Result<(Shape, Vec<Part>), DoesNotFit> {
    let made = aids.channel != Channel::Import;
    let forms: [(Shape, Weight<'_>); 3] = [
        (Shape::LikeDays, &|place| {
            // Thousandths, so that the form of small energies is not lost.
            like(series, place, 1, aids).map(|(sum, count)| sum.saturating_mul(1000) / count)
        }),
        (Shape::Irradiance, &|place| {
            let irradiance = aids.irradiance.filter(|_| made)?;
            irradiance.at(series.slot(place).start).map(u64::from)
        }),
        (Shape::Profile, &|place| {
            let profile = aids.profile.filter(|_| !made)?;
            Some(profile.weight(aids.days, series.slot(place)))
        }),
    ];
    for (shape, weight) in &forms {
        let weights: Option<Vec<u64>> = places.iter().map(|place| weight(*place)).collect();
        if let Some(weights) = weights.filter(|weights| weights.iter().any(|it| *it > 0)) {
            return share(missing, &weights, aids.most(series)).map(|parts| (*shape, parts));
        }
    }
    let even = vec![1; places.len()];
    share(missing, &even, aids.most(series)).map(|parts| (Shape::Even, parts))
}

/// Scales all intervals of `span` to `advance`, in their own form: what V4 asks for where intervals
/// and registers disagree, and the registers are believed.
///
/// # Errors
/// [`Refused::AdvanceDoesNotFit`] when it is more than can flow there, or there is no slot.
pub fn rescale(
    series: &Series,
    span: Span,
    advance: Energy,
    aids: &Aids<'_>,
) -> Result<Vec<Estimated>, Refused> {
    let places = series.places(span);
    if places.is_empty() {
        return Err(Refused::AdvanceDoesNotFit);
    }
    let weights: Vec<u64> = places.clone().map(|place| series.known()[place].energy.wh()).collect();
    let parts = share(advance, &weights, aids.most(series));
    let parts = parts.map_err(|_| Refused::AdvanceDoesNotFit)?;
    let own = Method::Bounded(Shape::Own);
    let scaled = places.zip(parts).map(|(place, part)| Estimated {
        start: series.slot(place).start,
        known: Known::substituted(part.energy, own),
        odd: part.odd,
    });
    Ok(scaled.collect())
}

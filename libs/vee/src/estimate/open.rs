//! E3 to E5: like days, profiles and the sun, nothing.

use std::ops::Range;

use units::Energy;

use super::{Aids, Estimate, Refused, taken};
use crate::profile::Carry;
use crate::{Channel, DayClass, Method, Quality, Series, Span};

/// Seconds of a day of the calendar, for the mean use of a day.
const DAY_SECONDS: u128 = 86_400;

pub(super) fn estimate(
    series: &Series,
    run: Range<usize>,
    quality: Quality,
    aids: &Aids<'_>,
) -> Estimate {
    let mut estimate = Estimate::default();
    let usual = Usual::of(series, run.start, aids);
    let mut carry = Carry::default();
    let most = aids.most(series);
    for place in run {
        let needed = usize::from(aids.policy.like_days_min);
        if let Some((sum, count)) = like(series, place, needed, aids) {
            let mean = sum.saturating_add(count / 2) / count;
            let energy = Energy::from_wh(mean).min(most);
            estimate.slots.push(taken(series, place, energy, quality, Method::LikeDays));
            continue;
        }
        estimate.refuse(Refused::TooFewLikeDays);
        if let Some((energy, method)) = usual.energy(series, place, aids, &mut carry) {
            estimate.slots.push(taken(series, place, energy.min(most), quality, method));
            continue;
        }
        estimate.refuse(Refused::NoProfile);
        let slot = series.slot(place);
        let failed = aids.channel != Channel::Import
            && aids.failed.iter().any(|span| span.from <= slot.start && slot.end() <= span.to);
        if failed {
            estimate.slots.push(taken(series, place, Energy::ZERO, quality, Method::Zero));
        } else {
            estimate.refuse(Refused::NotFailed);
            estimate.open.push(slot.start);
        }
    }
    estimate
}

/// The sum and the count of the same slot on the nearest like days, at least `needed` of them.
///
/// Only what was read counts. A holiday without enough holidays before it is like a weekend.
pub(super) fn like(
    series: &Series,
    place: usize,
    needed: usize,
    aids: &Aids<'_>,
) -> Option<(u64, u64)> {
    let local = aids.days.timezone.local(series.slot(place).start);
    let found = |class: DayClass| {
        let like = aids.days.like(local.day, class, aids.policy.look_back_days);
        let first = series.span().from;
        let energies: Vec<u64> = like
            .map_while(|day| {
                let moment = aids.days.moment(day, local.minute);
                // No day before this one can be in the series.
                let past = moment.is_some_and(|moment| moment < first);
                (!past).then_some(moment)
            })
            .flatten()
            .map(|moment| series.at(moment))
            .filter(|known| known.quality.is_read())
            .map(|known| known.energy.wh())
            .take(usize::from(aids.policy.like_days_max))
            .collect();
        (energies.len() >= needed.max(1)).then_some(energies)
    };
    let class = aids.days.class(local.day);
    let weekend = || (class == DayClass::Holiday).then(|| found(DayClass::Weekend)).flatten();
    let energies = found(class).or_else(weekend)?;
    // A sum that does not fit is no mean of anything.
    let sum = energies.iter().try_fold(0_u64, |sum, wh| sum.checked_add(*wh))?;
    Some((sum, energies.len() as u64))
}

/// What was used or made in the days before a gap, for scaling a profile to it.
pub(super) struct Usual {
    /// The energy of a mean day.
    pub(super) day: Option<Energy>,
    /// What was made, and what the irradiance of the same slots could have made at one watt of
    /// modules.
    sun: Option<(u128, u128)>,
}

impl Usual {
    /// From the slots that were read within [`crate::Policy::look_back_days`] before `place`, where
    /// these make at least a day.
    pub(super) fn of(series: &Series, place: usize, aids: &Aids<'_>) -> Usual {
        let to = series.slot(place).start;
        let back = i64::from(aids.policy.look_back_days) * 86_400;
        let span = Span { from: to.plus_seconds(-back), to };
        let seconds = u128::from(series.length().seconds().unsigned_abs());
        let (mut energy, mut read, mut made, mut sent) = (0_u128, 0_u128, 0_u128, 0_u128);
        for (slot, known) in series.within(span).filter(|(_, known)| known.quality.is_read()) {
            let wh = u128::from(known.energy.wh());
            energy += wh;
            read += seconds;
            if let Some(watts) = aids.irradiance.and_then(|it| it.at(slot.start)) {
                made += wh;
                sent += u128::from(watts);
            }
        }
        let enough = read >= DAY_SECONDS;
        let mean = energy.saturating_mul(DAY_SECONDS) / read.max(1);
        let day = enough.then(|| Energy::from_wh(u64::try_from(mean).unwrap_or(u64::MAX)));
        let sun = (enough && sent > 0).then_some((made, sent));
        Usual { day: day.or(aids.day), sun }
    }

    /// E4 for one slot.
    fn energy(
        &self,
        series: &Series,
        place: usize,
        aids: &Aids<'_>,
        carry: &mut Carry,
    ) -> Option<(Energy, Method)> {
        let slot = series.slot(place);
        if aids.channel == Channel::Import {
            let (profile, day) = (aids.profile?, self.day?);
            let weight = u128::from(profile.weight(aids.days, slot));
            let exact = weight.saturating_mul(u128::from(day.wh()));
            let energy = carry.next(exact, u128::from(profile.day()));
            return Some((energy, Method::Profile));
        }
        let irradiance = aids.irradiance?;
        if let Some((made, sent)) = self.sun {
            let exact = made.saturating_mul(u128::from(irradiance.at(slot.start)?));
            return Some((carry.next(exact, sent), Method::Irradiance));
        }
        // Without a history the modules say what they make; what is fed in of it, nobody knows.
        let modules = aids.modules.filter(|_| aids.channel == Channel::Generation)?;
        let made = irradiance.made_mwh(slot, modules.power, modules.yield_per_mille?)?;
        Some((carry.next(made, 1000), Method::Irradiance))
    }
}

//! A load: energy by interval, in 10^-9 kWh.

use std::borrow::Cow;

use crate::{Refusal, kernel};

/// The most energy of an interval: 100 MWh. A calendar month of minutes then fits 64 bits.
pub const INTERVAL_ENERGY_MAX: i64 = 100_000_000_000_000;
/// The highest power of two in that: what is below it need not be looked at one by one.
const SURELY_WITHIN: i64 = 1 << INTERVAL_ENERGY_MAX.ilog2();

/// What flowed in each interval of a span, as meters or a model have it.
/// What somebody keeps as it was read is borrowed, not copied.
#[derive(Debug, Clone, Default)]
pub struct Series<'a> {
    import: Cow<'a, [i64]>,
    export: Cow<'a, [i64]>,
    /// Consumption and generation, where they are known apart from the meter at the grid.
    gross: Option<(Vec<i64>, Vec<i64>)>,
    local: Vec<(String, Vec<i64>)>,
    /// What is left of the import once neighbours' energy is taken out, where there is some.
    residual: Option<Vec<i64>>,
    /// Which intervals nobody has measured; empty where all were.
    estimated: Vec<bool>,
}

impl<'a> Series<'a> {
    /// What a meter at the grid has counted. Where two meters count consumption and generation
    /// apart, they are import and export.
    ///
    /// # Errors
    /// [`Refusal::Energy`] for an interval below zero or above [`INTERVAL_ENERGY_MAX`],
    /// [`Refusal::Intervals`] when the lengths differ.
    pub fn metered(
        import: impl Into<Cow<'a, [i64]>>,
        export: impl Into<Cow<'a, [i64]>>,
    ) -> Result<Self, Refusal> {
        let (import, export) = (import.into(), export.into());
        same_length(&import, &export)?;
        in_limits(&import)?;
        in_limits(&export)?;
        Ok(Series { import, export, ..Series::default() })
    }

    /// Consumption and generation behind one meter, which counts their difference by interval.
    ///
    /// # Errors
    /// As [`Series::metered`].
    pub fn behind_the_meter(load: Vec<i64>, generation: Vec<i64>) -> Result<Self, Refusal> {
        same_length(&load, &generation)?;
        in_limits(&load)?;
        in_limits(&generation)?;
        let (import, export) = kernel::netted(&load, &generation);
        let (import, export) = (Cow::Owned(import), Cow::Owned(export));
        let gross = Some((load, generation));
        Ok(Series { import, export, gross, ..Series::default() })
    }

    /// Adds energy that came from neighbours over the path `zone`; it is part of the import.
    ///
    /// # Errors
    /// As [`Series::metered`], and [`Refusal::Energy`] where neighbours' energy is more than the
    /// import.
    pub fn with_local(mut self, zone: &str, energy: Vec<i64>) -> Result<Self, Refusal> {
        same_length(&self.import, &energy)?;
        in_limits(&energy)?;
        let left = self.residual();
        let residual: Vec<i64> =
            left.iter().zip(&energy).map(|(left, local)| left - local).collect();
        if let Some(place) = residual.iter().position(|left| *left < 0) {
            let reason = "more energy from neighbours than the meter has imported";
            return Err(Refusal::Energy { place, reason });
        }
        self.residual = Some(residual);
        self.local.push((zone.to_owned(), energy));
        Ok(self)
    }

    /// Marks the intervals whose energy was estimated, or shared out of a longer span: it is
    /// charged as any other, and no peak is found in it.
    ///
    /// # Errors
    /// [`Refusal::Intervals`] when there are more or fewer marks than intervals.
    pub fn with_estimated(mut self, marks: Vec<bool>) -> Result<Self, Refusal> {
        let (expected, got) = (self.len(), marks.len());
        if expected != got {
            return Err(Refusal::Intervals { expected, got });
        }
        self.estimated = if marks.contains(&true) { marks } else { Vec::new() };
        Ok(self)
    }

    /// How many intervals.
    pub fn len(&self) -> usize {
        self.import.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.import.is_empty()
    }

    /// What the grid's meter has counted in.
    pub fn import(&self) -> &[i64] {
        &self.import
    }

    /// What the grid's meter has counted out.
    pub fn export(&self) -> &[i64] {
        &self.export
    }

    /// All consumption, and all generation.
    pub(crate) fn gross(&self) -> (&[i64], &[i64]) {
        match &self.gross {
            Some((load, generation)) => (load, generation),
            None => (&self.import, &self.export),
        }
    }

    /// Whether consumption and generation are known apart from the meter at the grid.
    pub(crate) fn is_behind_the_meter(&self) -> bool {
        self.gross.is_some()
    }

    /// The import without neighbours' energy.
    pub(crate) fn residual(&self) -> &[i64] {
        self.residual.as_deref().unwrap_or(&self.import)
    }

    /// Whether neighbours' energy is known apart.
    pub(crate) fn has_local(&self) -> bool {
        self.residual.is_some()
    }

    /// Whether energy of an interval was estimated; `None` where all was measured.
    pub(crate) fn estimated(&self) -> Option<&[bool]> {
        (!self.estimated.is_empty()).then_some(&self.estimated)
    }

    /// Neighbours' energy over one path, or all of it; `None` where there is none.
    pub(crate) fn local(&self, zone: Option<&str>) -> Option<Cow<'_, [i64]>> {
        let mut wanted = self.local.iter().filter(|(name, _)| zone.is_none_or(|zone| zone == name));
        let (_, first) = wanted.next()?;
        let mut sum = Cow::Borrowed(first.as_slice());
        for (_, more) in wanted {
            // The sum is at most the import, which is in its limits.
            sum.to_mut().iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
        Some(sum)
    }
}

fn same_length(one: &[i64], other: &[i64]) -> Result<(), Refusal> {
    let (expected, got) = (one.len(), other.len());
    if expected == got { Ok(()) } else { Err(Refusal::Intervals { expected, got }) }
}

fn in_limits(energy: &[i64]) -> Result<(), Refusal> {
    if kernel::are_below(energy, SURELY_WITHIN) {
        return Ok(());
    }
    match energy.iter().position(|energy| !(0..=INTERVAL_ENERGY_MAX).contains(energy)) {
        None => Ok(()),
        Some(place) => {
            let below = energy[place] < 0;
            let reason = if below { "energy below zero" } else { "more than 100 MWh" };
            Err(Refusal::Energy { place, reason })
        }
    }
}

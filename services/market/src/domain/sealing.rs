//! What a community chooses for slots whose books are not open yet: by which mechanism they are
//! cleared, and whether their orders are sealed.

use calendar::{Slot, Timestamp};
use matching::Mechanism;

use super::clearing::check_mechanism;
use super::limits::CHOICES_MAX;
use super::place::ensure;
use super::{Exchange, Parameters, Rejection};

/// The shortest and the longest time that a slot is opened in, in seconds.
pub const REVEAL_SECONDS: std::ops::RangeInclusive<u32> = 30..=600;
/// What is left between the latest end of that time and the start of the slot, in seconds.
const REST_SECONDS: i64 = 60;

impl Exchange {
    /// A slot starts then, its book is not open yet, and what is chosen can be settled.
    pub(super) fn check_choice(
        &self,
        from: Timestamp,
        mechanism: &Mechanism,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        Slot::starting(from, parameters.slot_length).ok_or(Rejection::Slot)?;
        check_mechanism(mechanism, parameters)?;
        ensure(now < parameters.opens(from), Rejection::BookOpen)?;
        self.check_sealable(from, mechanism, parameters)?;
        let few = self.mechanisms.len() < CHOICES_MAX || self.mechanisms.contains_key(&from);
        ensure(few, Rejection::TooMany)
    }

    /// For how many seconds after its gate the slot that starts then is opened; `None` where its
    /// orders are not sealed.
    pub fn reveal_seconds(&self, slot: Timestamp) -> Option<u32> {
        self.sealing.choices.range(..=slot).next_back().and_then(|(_, seconds)| *seconds)
    }

    /// What was chosen, each with the start of its first slot.
    pub fn sealing(&self) -> impl Iterator<Item = (Timestamp, Option<u32>)> {
        self.sealing.choices.iter().map(|(from, seconds)| (*from, *seconds))
    }

    /// Judges what is chosen for the slots from `from` on: the entry, or `None` where it stands
    /// like this.
    pub(super) fn check_sealing(
        &self,
        from: Timestamp,
        reveal_seconds: Option<u32>,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<bool, Rejection> {
        let choices = &self.sealing.choices;
        if choices.get(&from) == Some(&reveal_seconds) {
            return Ok(false);
        }
        Slot::starting(from, parameters.slot_length).ok_or(Rejection::Slot)?;
        ensure(now < parameters.opens(from), Rejection::BookOpen)?;
        let few = choices.len() < CHOICES_MAX || choices.contains_key(&from);
        ensure(few, Rejection::TooMany)?;
        if let Some(seconds) = reveal_seconds {
            self.check_window(from, seconds, parameters)?;
        }
        Ok(true)
    }

    /// Slots that are sealed from `from` on have time to be opened in, and mechanisms that can be.
    fn check_window(
        &self,
        from: Timestamp,
        seconds: u32,
        parameters: &Parameters,
    ) -> Result<(), Rejection> {
        let rest = parameters.gate_seconds - i64::from(seconds);
        let fits = REVEAL_SECONDS.contains(&seconds) && rest >= REST_SECONDS;
        ensure(fits, Rejection::RevealWindow)?;
        let until = self.choice_after(from);
        let first = self.mechanism(from, parameters);
        let later = self
            .mechanisms
            .range(from..)
            .take_while(|(start, _)| until.is_none_or(|until| **start < until));
        let mut all = later.map(|(_, mechanism)| *mechanism).chain([first]);
        let sealable = all.all(|mechanism| is_sealable(&mechanism, parameters));
        ensure(sealable, Rejection::NotSealable)
    }

    /// When another choice than the one of `from` begins to hold.
    fn choice_after(&self, from: Timestamp) -> Option<Timestamp> {
        self.sealing.choices.range(from.plus_seconds(1)..).next().map(|(until, _)| *until)
    }

    /// Whether what was chosen still goes with how the market runs, which may have changed since;
    /// but for choices that hold for no slot from `now` on.
    ///
    /// # Errors
    /// The start of the first slot that could not be opened, and why.
    pub fn check_sealed(
        &self,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<(), (Timestamp, Rejection)> {
        let sealed = self.sealing().filter_map(|(from, seconds)| Some((from, seconds?)));
        let mut holding =
            sealed.filter(|(from, _)| self.choice_after(*from).is_none_or(|until| until > now));
        holding.try_for_each(|(from, seconds)| {
            self.check_window(from, seconds, parameters).map_err(|why| (from, why))
        })
    }

    /// Slots that `mechanism` is chosen for, from `from` on, are not sealed, or can be.
    pub(super) fn check_sealable(
        &self,
        from: Timestamp,
        mechanism: &Mechanism,
        parameters: &Parameters,
    ) -> Result<(), Rejection> {
        let until = self.mechanisms.range(from.plus_seconds(1)..).next().map(|(until, _)| *until);
        let later = self.sealing.choices.range(from..);
        let mut later = later.take_while(|(start, _)| until.is_none_or(|until| **start < until));
        let sealed = self.reveal_seconds(from).is_some() || later.any(|(_, s)| s.is_some());
        ensure(!sealed || is_sealable(mechanism, parameters), Rejection::NotSealable)
    }
}

/// Orders that meet when they come cannot be sealed, nor can what was metered.
fn is_sealable(mechanism: &Mechanism, parameters: &Parameters) -> bool {
    let shared = parameters.shares_after_slot() && mechanism.is_allocation();
    *mechanism != Mechanism::Continuous && !shared
}

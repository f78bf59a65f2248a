//! Editing: somebody corrects intervals, such as an arbitrator who read the meter again.
//!
//! A correction is a new version like any other and leaves its reason. It has to agree with what
//! the registers say, unless it says itself that they are wrong.

use calendar::Timestamp;
use units::{Energy, Overflow};

use crate::{Known, Method, Quality, Series, Span};

/// The longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 500;

/// The most slots of one correction: fourteen months of five minutes.
pub const EDIT_SLOTS_MAX: usize = 130_000;

/// What a correction rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Both sides agreed on it.
    Agreed,
    /// It was computed from other registers.
    Calculated,
}

/// A correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The start of the first slot.
    pub from: Timestamp,
    /// The energies of consecutive slots.
    pub energies: Vec<Energy>,
    /// What it rests on.
    pub basis: Basis,
    /// Why, in words.
    pub reason: String,
    /// What the registers say of the same time, where they are believed.
    pub registers: Option<Energy>,
}

/// A correction that is refused, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditRefused {
    /// Nobody could say later why.
    #[error("a correction says why, in 1 to {REASON_BYTES_MAX} bytes")]
    Reason,
    /// None, or more than [`EDIT_SLOTS_MAX`].
    #[error("a correction has 1 to {EDIT_SLOTS_MAX} slots, not {0}")]
    Slots(usize),
    /// The slots are not all in the series.
    #[error("the series has no slot at {0}")]
    NoSlot(Timestamp),
    /// More than the connection can carry.
    #[error("slot {slot}: {} Wh are more than the {} Wh that can flow", energy.wh(), most.wh())]
    TooMuch {
        /// The start of the slot.
        slot: Timestamp,
        /// What it was to have.
        energy: Energy,
        /// What can flow.
        most: Energy,
    },
    /// It contradicts the registers.
    #[error("the slots sum to {} Wh, the registers say {} Wh", sum.wh(), registers.wh())]
    Sum {
        /// Of the correction.
        sum: Energy,
        /// Of the registers.
        registers: Energy,
    },
    /// The sum does not fit.
    #[error("the sum of the slots does not fit")]
    Overflow(#[from] Overflow),
}

impl EditRefused {
    /// The stable code, as shown.
    pub const fn code(&self) -> &'static str {
        match self {
            EditRefused::Reason => "EDIT_REASON",
            EditRefused::Slots(_) => "EDIT_SLOTS",
            EditRefused::NoSlot(_) => "EDIT_NO_SLOT",
            EditRefused::TooMuch { .. } => "EDIT_TOO_MUCH",
            EditRefused::Sum { .. } => "EDIT_SUM",
            EditRefused::Overflow(_) => "EDIT_OVERFLOW",
        }
    }
}

/// What is known by `edit`: the start of each slot and its new value. `most` is what a slot can
/// carry (V6).
///
/// # Errors
/// [`EditRefused`]; then nothing of the correction counts.
pub fn edit(
    series: &Series,
    edit: &Edit,
    most: Energy,
) -> Result<Vec<(Timestamp, Known)>, EditRefused> {
    if edit.reason.trim().is_empty() || edit.reason.len() > REASON_BYTES_MAX {
        return Err(EditRefused::Reason);
    }
    let slots = edit.energies.len();
    if slots == 0 || slots > EDIT_SLOTS_MAX {
        return Err(EditRefused::Slots(slots));
    }
    let first = series.place(edit.from).ok_or(EditRefused::NoSlot(edit.from))?;
    if first + slots > series.known().len() {
        return Err(EditRefused::NoSlot(series.span().to));
    }
    let quality = match edit.basis {
        Basis::Agreed => Quality::Substituted,
        Basis::Calculated => Quality::Calculated,
    };
    let mut all = Vec::with_capacity(slots);
    for (place, energy) in (first..).zip(&edit.energies) {
        let slot = series.slot(place).start;
        if *energy > most {
            return Err(EditRefused::TooMuch { slot, energy: *energy, most });
        }
        all.push((slot, Known { energy: *energy, quality, method: Some(Method::Edit) }));
    }
    let sum = Energy::sum(edit.energies.iter().copied())?;
    match edit.registers {
        Some(registers) if registers != sum => Err(EditRefused::Sum { sum, registers }),
        _ => Ok(all),
    }
}

/// The time that a correction is about.
pub fn span_of(series: &Series, edit: &Edit) -> Option<Span> {
    let first = series.place(edit.from)?;
    Some(Span { from: edit.from, to: series.slot(first + edit.energies.len()).start })
}

#[cfg(test)]
mod tests {
    use calendar::{Slot, SlotLength};

    use super::*;

    const MOST: Energy = Energy::from_wh(1000);

    fn at(slot: i64) -> Timestamp {
        Timestamp::from_seconds(1_780_272_000 + slot * 900)
    }

    fn series() -> Series {
        let first = Slot::starting(at(0), SlotLength::QUARTER_HOUR).unwrap();
        Series::missing(first, 4).unwrap()
    }

    fn correction() -> Edit {
        Edit {
            from: at(1),
            energies: vec![Energy::from_wh(30), Energy::from_wh(12)],
            basis: Basis::Agreed,
            reason: "meter read again on site".to_owned(),
            registers: Some(Energy::from_wh(42)),
        }
    }

    #[test]
    fn a_correction_names_its_slots_and_how_they_are_known() {
        let known = edit(&series(), &correction(), MOST).unwrap();
        let substituted = |wh| Known::substituted(Energy::from_wh(wh), Method::Edit);
        assert_eq!(known, [(at(1), substituted(30)), (at(2), substituted(12))]);
        assert_eq!(span_of(&series(), &correction()), Some(Span { from: at(1), to: at(3) }));
        let calculated = Edit { basis: Basis::Calculated, ..correction() };
        let known = edit(&series(), &calculated, MOST).unwrap();
        assert_eq!(known[0].1.quality, Quality::Calculated);
    }

    #[test]
    fn a_correction_that_contradicts_what_is_known_is_refused() {
        let refused = |edited: Edit| edit(&series(), &edited, MOST).unwrap_err().code();
        assert_eq!(refused(Edit { reason: " ".to_owned(), ..correction() }), "EDIT_REASON");
        let long = "x".repeat(REASON_BYTES_MAX + 1);
        assert_eq!(refused(Edit { reason: long, ..correction() }), "EDIT_REASON");
        assert_eq!(refused(Edit { energies: vec![], ..correction() }), "EDIT_SLOTS");
        assert_eq!(refused(Edit { from: at(3), ..correction() }), "EDIT_NO_SLOT");
        assert_eq!(refused(Edit { from: at(9), ..correction() }), "EDIT_NO_SLOT");
        let registers = Some(Energy::from_wh(43));
        assert_eq!(refused(Edit { registers, ..correction() }), "EDIT_SUM");
        let most = vec![MOST];
        let all = Edit { energies: most, registers: None, ..correction() };
        assert!(edit(&series(), &all, MOST).is_ok());
        let more = vec![Energy::from_wh(1001)];
        assert_eq!(refused(Edit { energies: more, ..correction() }), "EDIT_TOO_MUCH");
    }
}

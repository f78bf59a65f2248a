//! The cases: found once, growing, decided by a person.

use std::collections::BTreeMap;

use calendar::Timestamp;
use ids::{CaseId, Uuid};
use serde::Serialize;

use crate::case::Finding;
use crate::{Case, Decision, REASON_MAX, State, day_of};

/// The most cases that are kept: the oldest decided one makes room.
pub const CASES_MAX: usize = 10_000;

/// A case grows while it is open and its last incident is not longer ago than so many days.
pub const GROWS_DAYS: i64 = 7;

/// Why a decision is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No case has this id.
    #[error("there is no such case")]
    Unknown,
    /// Somebody decided it before.
    #[error("the case was decided before")]
    Decided,
    /// No reason, or one above [`REASON_MAX`] characters.
    #[error("a reason of 1 to 500 characters is needed")]
    Reason,
}

impl Refusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Refusal::Unknown => "NOT_FOUND",
            Refusal::Decided => "CASE_DECIDED",
            Refusal::Reason => "REASON",
        }
    }
}

/// All cases, in the order of their first finding.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Cases {
    market: String,
    /// By the place in which they were opened.
    cases: BTreeMap<u64, Case>,
    places: BTreeMap<CaseId, u64>,
    next: u64,
    /// By day of the incident: in which case it is, so that it is found once, also after somebody
    /// has decided.
    known: BTreeMap<i64, BTreeMap<Uuid, CaseId>>,
}

impl Cases {
    pub(crate) fn new(market: &str) -> Cases {
        Cases { market: market.to_owned(), ..Cases::default() }
    }

    /// Makes what was found part of a case; the case, if it changed by this. `None` also where
    /// there is no room for another case, and then `full` is told.
    pub(crate) fn take(
        &mut self,
        found: Finding,
        raised_from: u32,
        full: &mut u64,
    ) -> Option<CaseId> {
        let (name, day) = (found.id(), day_of(found.incident.at));
        let before = self.known.get(&day).and_then(|known| known.get(&name)).copied();
        let place = match before {
            Some(case) => self.places.get(&case).copied(),
            None => self.growing(&found, day),
        };
        let place = match (place, before) {
            (Some(place), _) => place,
            // It was found before, and its case has made room since.
            (None, Some(_)) => return None,
            (None, None) => match self.open(&found, day) {
                Some(place) => place,
                None => {
                    *full += 1;
                    return None;
                }
            },
        };
        let case = self.cases.get_mut(&place).filter(|case| case.is_open())?;
        // It was found before, and left out.
        if before.is_some() && !case.incidents.contains_key(&name) {
            return None;
        }
        let id = case.id;
        self.known.entry(day).or_default().insert(name, id);
        case.add(found, raised_from).then_some(id)
    }

    /// The open case that a finding belongs to: of its kind, about the same, and not long ago.
    fn growing(&self, found: &Finding, day: i64) -> Option<u64> {
        let belongs = |case: &Case| {
            let near = case.span().is_some_and(|(first, last)| {
                day_of(first) - GROWS_DAYS <= day && day <= day_of(last) + GROWS_DAYS
            });
            case.is_open()
                && case.kind == found.kind
                && near
                && case.subject.covers(&found.subject, case.kind)
        };
        self.cases.iter().find(|(_, case)| belongs(case)).map(|(place, _)| *place)
    }

    fn open(&mut self, found: &Finding, day: i64) -> Option<u64> {
        if self.cases.len() >= CASES_MAX {
            let decided = self.cases.iter().find(|(_, case)| !case.is_open())?;
            let (place, id) = (*decided.0, decided.1.id);
            self.cases.remove(&place);
            self.places.remove(&id);
        }
        // A case of the same kind, subject and day that was decided keeps its name.
        let Finding { kind, subject, .. } = found;
        let name = |time: u32| format!("{}|{kind}|{subject}|{day}|{time}", self.market);
        let mut ids = (0..).map(|time| CaseId::derived(&name(time)));
        let id = ids.find(|id| !self.places.contains_key(id))?;
        let place = self.next;
        self.next += 1;
        self.places.insert(id, place);
        self.cases.insert(place, Case::open(id, found.kind, found.subject.clone()));
        Some(place)
    }

    /// Forgets which incidents were found before `day`; the cases stay.
    pub(crate) fn forget(&mut self, day: i64) {
        self.known = self.known.split_off(&day);
    }

    pub(crate) fn get(&self, id: CaseId) -> Option<&Case> {
        self.cases.get(self.places.get(&id)?)
    }

    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &Case> {
        self.cases.values()
    }

    /// Whether a case can be decided.
    pub(crate) fn judge(&self, id: CaseId) -> Result<(), Refusal> {
        let case = self.get(id).ok_or(Refusal::Unknown)?;
        if case.is_open() { Ok(()) } else { Err(Refusal::Decided) }
    }

    pub(crate) fn decide(
        &mut self,
        id: CaseId,
        decision: Decision,
        state: fn(Decision) -> State,
    ) -> Result<(), Refusal> {
        self.judge(id)?;
        let length = decision.reason.chars().count();
        if !(1..=REASON_MAX).contains(&length) {
            return Err(Refusal::Reason);
        }
        let case = self.places.get(&id).and_then(|place| self.cases.get_mut(place));
        case.ok_or(Refusal::Unknown)?.state = state(decision);
        Ok(())
    }
}

/// The start of a UTC day.
pub(crate) fn start_of(day: i64) -> Timestamp {
    Timestamp::from_seconds(day.saturating_mul(86_400))
}

//! What takes two of those who run the market: one asks, another one agrees.
//!
//! ```text
//! ask --> open --agree, by another one--> given: it happens in the same commit
//!           |-----refuse, by anybody----> refused
//!           |-----a day passes----------> expired
//!           '-----what it is about changes (stopped anew, lifted): forgotten
//! ```
//!
//! A stop, by whomever, is lifted by two; so is a suspension. Stopping takes one, since it has to
//! be quick. A curtailment says what the grid carries, which nobody has to agree to.

use calendar::Timestamp;
use ids::{PartyId, Uuid};
use serde::{Deserialize, Serialize};

use super::{Entry, Exchange, Rejection, RiskChange, RiskLimits, Trader};

/// The most requests that a market remembers, those that are over too.
pub const CONSENTS_MAX: usize = 200;
/// How long a request may wait.
pub const CONSENT_SECONDS: i64 = 24 * 3600;

/// What one person cannot do alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wish {
    /// Trading goes on. Cancelled orders do not come back.
    Start,
    /// The same of all zones: it is asked for in each market.
    StartAll,
    /// A trader may trade again. Its orders do not come back.
    Resume {
        /// Who.
        trader: Trader,
    },
    /// Other figures, of which one at least is looser.
    Limits {
        /// All of them.
        #[serde(deserialize_with = "super::risk::journaled")]
        limits: RiskLimits,
    },
}

/// Something that one person asks for and another one decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Its name.
    pub id: Uuid,
    /// What is asked for.
    pub wish: Wish,
    /// Who asked.
    pub by: PartyId,
    /// When.
    pub at: Timestamp,
    /// Until when it can be decided.
    pub until: Timestamp,
    /// What was decided, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// What somebody decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Agreed, not refused.
    pub given: bool,
    /// Who decided.
    pub by: PartyId,
    /// When.
    pub at: Timestamp,
}

impl Consent {
    /// Whether it still waits at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.decision.is_none() && now < self.until
    }

    /// `open`, `given`, `refused` or `expired`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.decision {
            Some(Decision { given: true, .. }) => "given",
            Some(Decision { given: false, .. }) => "refused",
            None if self.is_open(now) => "open",
            None => "expired",
        }
    }
}

/// All requests, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Consents(Vec<Consent>);

impl Consents {
    pub(super) fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::ConsentAsked(consent) => {
                if self.0.len() >= CONSENTS_MAX {
                    let over = self.0.iter().position(|known| !known.is_open(consent.at));
                    self.0.remove(over.unwrap_or(0));
                }
                self.0.push(consent.clone());
            }
            Entry::ConsentDecided { consent, decision } => {
                let found = self.0.iter_mut().find(|known| known.id == *consent);
                if let Some(found) = found {
                    found.decision = Some(*decision);
                }
            }
            // What waits was about something else.
            Entry::Stopped(_) | Entry::Started { .. } => self.void(|wish| *wish == Wish::Start),
            Entry::StoppedAll(_) | Entry::StartedAll { .. } => {
                self.void(|wish| *wish == Wish::StartAll);
            }
            Entry::Suspended { trader, .. } | Entry::Resumed { trader, .. } => {
                self.void(|wish| *wish == Wish::Resume { trader: *trader });
            }
            Entry::RiskLimitsSet(_) => self.void(|wish| matches!(wish, Wish::Limits { .. })),
            _ => {}
        }
    }

    fn void(&mut self, about: impl Fn(&Wish) -> bool) {
        self.0.retain(|consent| consent.decision.is_some() || !about(&consent.wish));
    }
}

impl Exchange {
    /// Requests for consent, in the order in which they were made.
    pub fn consents(&self) -> &[Consent] {
        &self.risk.consents.0
    }

    /// The request for `wish` that waits at `now`.
    pub fn waiting(&self, wish: &Wish, now: Timestamp) -> Option<&Consent> {
        self.consents().iter().find(|consent| consent.is_open(now) && consent.wish == *wish)
    }

    /// Judges that `by` asks for `wish` at `now`; a second person who asks for the same agrees.
    pub(super) fn ask(
        &self,
        id: Uuid,
        wish: &Wish,
        by: PartyId,
        now: Timestamp,
    ) -> Result<Option<Entry>, Rejection> {
        let needed = match wish {
            Wish::Start => self.stopped_zone().is_some(),
            Wish::StartAll => self.stopped_all().is_some(),
            Wish::Resume { trader } => {
                self.owner(*trader).ok_or(Rejection::Unknown)?;
                self.suspension(*trader).is_some()
            }
            Wish::Limits { limits } => {
                let holds = self.risk_limits();
                if !limits.is_looser_than(&holds) {
                    let change = RiskChange { limits: *limits, by, agreed_by: None, at: now };
                    return Ok((*limits != holds).then_some(Entry::RiskLimitsSet(change)));
                }
                true
            }
        };
        if !needed {
            return Ok(None);
        }
        match self.waiting(wish, now) {
            Some(waiting) if waiting.by == by => Ok(None),
            Some(waiting) => self.decide(waiting.id, true, by, now),
            None if self.consents().iter().filter(|known| known.is_open(now)).count()
                >= CONSENTS_MAX =>
            {
                Err(Rejection::TooMany)
            }
            None => Ok(Some(Entry::ConsentAsked(Consent {
                id,
                wish: wish.clone(),
                by,
                at: now,
                until: now.plus_seconds(CONSENT_SECONDS),
                decision: None,
            }))),
        }
    }

    /// Judges what `by` decides about a request at `now`. Who asked may take it back, and agrees to
    /// nothing; nor does whom it is about.
    pub(super) fn decide(
        &self,
        id: Uuid,
        given: bool,
        by: PartyId,
        now: Timestamp,
    ) -> Result<Option<Entry>, Rejection> {
        let found = self.consents().iter().find(|known| known.id == id);
        let found = found.ok_or(Rejection::Unknown)?;
        if found.decision.is_some_and(|known| known.given == given && known.by == by) {
            return Ok(None);
        }
        if given && (found.by == by || self.is_about(&found.wish, by)) {
            return Err(Rejection::SecondPerson);
        }
        if !found.is_open(now) {
            return Err(Rejection::Decided);
        }
        let decision = Decision { given, by, at: now };
        Ok(Some(Entry::ConsentDecided { consent: id, decision }))
    }

    /// Whether `party` is the one who may trade again.
    fn is_about(&self, wish: &Wish, party: PartyId) -> bool {
        let Wish::Resume { trader } = wish else { return false };
        let owner = self.owner(*trader).and_then(|account| self.members.get(&account));
        owner.is_some_and(|member| member.party == party)
    }

    /// What a decision brings: what was asked for, if it was agreed to.
    pub(super) fn agreed(&self, id: Uuid, decision: &Decision) -> Option<Entry> {
        let asked = self.consents().iter().find(|known| known.id == id && decision.given)?;
        let (by, at) = (decision.by, decision.at);
        Some(match &asked.wish {
            Wish::Start => Entry::Started { by, at },
            Wish::StartAll => Entry::StartedAll { by, at },
            Wish::Resume { trader } => Entry::Resumed { trader: *trader, by, at },
            Wish::Limits { limits } => Entry::RiskLimitsSet(RiskChange {
                limits: *limits,
                by: asked.by,
                agreed_by: Some(by),
                at,
            }),
        })
    }
}

//! A case: what is suspicious, of whom, since when, and what speaks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use alloy_primitives::B256;
use calendar::Timestamp;
use ids::{AccountId, CaseId, ConnectionPointId, OrderId, PartyId, Uuid};
use serde::{Deserialize, Serialize};
use units::Energy;

use crate::Owner;

/// The most incidents that a case keeps; more are counted.
pub const INCIDENTS_MAX: usize = 200;
/// The most pieces of evidence that an incident keeps; more are counted.
pub const EVIDENCE_MAX: usize = 1_000;
/// The most characters of a reason.
pub const REASON_MAX: usize = 500;

/// A type of market abuse. REMIT (Regulation (EU) No 1227/2011), Article 5, prohibits it; Article
/// 2(2) says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Wash trades: between accounts of one owner.
    W1,
    /// Circular flows: there and back within a day, and next to nothing is left.
    W2,
    /// Layering and spoofing: large orders that are gone just before the gate.
    L1,
    /// Withholding: little of what is available is offered while the price is high.
    H1,
    /// Sales without production.
    M1,
    /// Energy from the grid sold again as made by the sun.
    M2,
    /// Collusion: several owners with the same moving prices.
    B1,
    /// Pumping: the price that later prices are measured by is driven up.
    P1,
}

impl Kind {
    /// Every type.
    pub const ALL: [Kind; 8] =
        [Kind::W1, Kind::W2, Kind::L1, Kind::H1, Kind::M1, Kind::M2, Kind::B1, Kind::P1];

    /// Its code.
    pub const fn code(self) -> &'static str {
        match self {
            Kind::W1 => "W1",
            Kind::W2 => "W2",
            Kind::L1 => "L1",
            Kind::H1 => "H1",
            Kind::M1 => "M1",
            Kind::M2 => "M2",
            Kind::B1 => "B1",
            Kind::P1 => "P1",
        }
    }

    /// How severe a single incident is: high where the facts leave little room for chance.
    const fn severity(self) -> Severity {
        match self {
            Kind::W1 | Kind::M1 | Kind::P1 => Severity::High,
            Kind::W2 | Kind::L1 | Kind::H1 | Kind::M2 => Severity::Medium,
            Kind::B1 => Severity::Low,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// How soon somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// May well be chance.
    Low,
    /// Needs an explanation.
    Medium,
    /// Hard to explain otherwise.
    High,
}

/// Of whom a case is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// One owner, or several who act together.
    Owners(BTreeSet<Owner>),
    /// What is metered at one place.
    ConnectionPoint(ConnectionPointId),
}

impl Subject {
    /// Whether more about `other` belongs to a case about this: the same, or two owners of a group
    /// who act together.
    pub(crate) fn covers(&self, other: &Subject, kind: Kind) -> bool {
        match (self, other) {
            (Subject::Owners(one), Subject::Owners(two)) if kind == Kind::B1 => {
                one.intersection(two).count() >= 2
            }
            _ => self == other,
        }
    }

    /// Both together.
    fn join(&mut self, other: Subject) {
        if let (Subject::Owners(one), Subject::Owners(two)) = (self, other) {
            one.extend(two);
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Owners(owners) => {
                for owner in owners {
                    write!(f, "{owner},")?;
                }
                Ok(())
            }
            Subject::ConnectionPoint(point) => write!(f, "connection-point/{point}"),
        }
    }
}

/// A fact that an incident stands on, by the name it has in the journal and on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// An account is a party's.
    Owned {
        /// The account.
        account: AccountId,
        /// The party.
        party: PartyId,
    },
    /// An order, accepted and perhaps taken back.
    Order {
        /// Its name.
        order: OrderId,
        /// The hash that was signed.
        hash: B256,
        /// The start of its slot.
        slot: Timestamp,
    },
    /// A trade.
    Trade {
        /// Its name on chain.
        trade: B256,
        /// The start of its slot.
        slot: Timestamp,
    },
    /// A clearing, with all orders that took part: its journal is published.
    Clearing {
        /// The clearing's name on chain.
        clearing: B256,
        /// The start of the slot.
        slot: Timestamp,
    },
    /// What was metered.
    Interval {
        /// Where.
        connection_point: ConnectionPointId,
        /// The start of the slot.
        slot: Timestamp,
        /// Which version.
        version: u32,
    },
}

impl Evidence {
    /// The start of the slot that it is of.
    pub fn slot(&self) -> Option<Timestamp> {
        match self {
            Evidence::Owned { .. } => None,
            Evidence::Order { slot, .. }
            | Evidence::Trade { slot, .. }
            | Evidence::Clearing { slot, .. }
            | Evidence::Interval { slot, .. } => Some(*slot),
        }
    }
}

/// Something that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// What.
    pub what: &'static str,
    /// How much.
    pub value: i128,
    /// In what: `Wh`, `%`, `n/Wh` (1e-9 currency per Wh), or what is counted.
    pub unit: &'static str,
}

impl Figure {
    pub(crate) fn wh(what: &'static str, value: u128) -> Figure {
        Figure::new(what, value, "Wh")
    }

    pub(crate) fn percent(what: &'static str, part: u128, whole: u128) -> Figure {
        Figure::new(what, (part * 100).checked_div(whole).unwrap_or(0), "%")
    }

    pub(crate) fn price(what: &'static str, value: i64) -> Figure {
        Figure { what, value: value.into(), unit: "n/Wh" }
    }

    pub(crate) fn count(what: &'static str, value: usize) -> Figure {
        Figure::new(what, value as u128, what)
    }

    fn new(what: &'static str, value: u128, unit: &'static str) -> Figure {
        Figure { what, value: i128::try_from(value).unwrap_or(i128::MAX), unit }
    }
}

/// One time that it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// When: the start of a slot, or of the UTC day.
    pub at: Timestamp,
    /// The slots concerned, by their start.
    pub slots: BTreeSet<Timestamp>,
    /// The accounts concerned.
    pub accounts: BTreeSet<AccountId>,
    /// The connection points concerned.
    pub connection_points: BTreeSet<ConnectionPointId>,
    /// How much energy it is about.
    pub energy: Energy,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// What it stands on.
    pub evidence: Vec<Evidence>,
    /// Pieces of evidence beyond [`EVIDENCE_MAX`].
    pub evidence_left_out: u64,
}

impl Incident {
    /// An incident without anything yet.
    pub(crate) fn new(at: Timestamp) -> Incident {
        Incident {
            at,
            slots: BTreeSet::new(),
            accounts: BTreeSet::new(),
            connection_points: BTreeSet::new(),
            energy: Energy::ZERO,
            figures: Vec::new(),
            evidence: Vec::new(),
            evidence_left_out: 0,
        }
    }

    /// Takes evidence as far as there is room, sorted and each piece once.
    pub(crate) fn prove(&mut self, evidence: impl IntoIterator<Item = Evidence>) {
        let mut all: BTreeSet<Evidence> = self.evidence.drain(..).collect();
        for piece in evidence {
            if all.len() < EVIDENCE_MAX {
                self.slots.extend(piece.slot());
                all.insert(piece);
            } else if !all.contains(&piece) {
                self.evidence_left_out += 1;
            }
        }
        self.evidence = all.into_iter().collect();
    }
}

/// What was found, before it is part of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) subject: Subject,
    /// What makes it one incident and not another one of the same kind.
    pub(crate) name: String,
    pub(crate) incident: Incident,
}

impl Finding {
    /// The same finding has the same.
    pub(crate) fn id(&self) -> Uuid {
        CaseId::derived(&format!("{}|{}", self.kind, self.name)).uuid()
    }
}

/// What somebody decided about a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Why, in words.
    pub reason: String,
    /// Who.
    pub by: PartyId,
    /// When.
    pub at: Timestamp,
}

/// Where a case stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum State {
    /// Somebody has to look; more of the same is added.
    Open,
    /// It was abuse, and was dealt with.
    Closed(Decision),
    /// It was none.
    Dismissed(Decision),
}

/// A suspicion, with all incidents that belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Its name: follows from type, subject and day of what was found first.
    pub id: CaseId,
    /// The type.
    pub kind: Kind,
    /// Of whom.
    pub subject: Subject,
    /// How soon somebody should look.
    pub severity: Severity,
    /// Where it stands.
    pub state: State,
    /// What happened, by the name of each incident.
    pub incidents: BTreeMap<Uuid, Incident>,
    /// Incidents beyond [`INCIDENTS_MAX`].
    pub incidents_left_out: u64,
}

impl Case {
    pub(crate) fn open(id: CaseId, kind: Kind, subject: Subject) -> Case {
        Case {
            id,
            kind,
            subject,
            severity: kind.severity(),
            state: State::Open,
            incidents: BTreeMap::new(),
            incidents_left_out: 0,
        }
    }

    /// Adds what was found, or takes it in place of what was found under this name before; whether
    /// anything changed.
    pub(crate) fn add(&mut self, found: Finding, raised_from: u32) -> bool {
        let name = found.id();
        if self.incidents.get(&name) == Some(&found.incident) {
            return false;
        }
        if self.incidents.len() < INCIDENTS_MAX || self.incidents.contains_key(&name) {
            self.incidents.insert(name, found.incident);
        } else {
            self.incidents_left_out += 1;
        }
        self.subject.join(found.subject);
        self.severity = match (self.kind.severity(), self.incidents.len() >= raised_from as usize) {
            (Severity::Low, true) => Severity::Medium,
            (Severity::Medium, true) => Severity::High,
            (severity, _) => severity,
        };
        true
    }

    /// Whether somebody still has to look.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The accounts concerned.
    pub fn accounts(&self) -> BTreeSet<AccountId> {
        self.incidents.values().flat_map(|incident| incident.accounts.iter().copied()).collect()
    }

    /// The connection points concerned.
    pub fn connection_points(&self) -> BTreeSet<ConnectionPointId> {
        let points = self.incidents.values().flat_map(|incident| &incident.connection_points);
        points.copied().collect()
    }

    /// The slots concerned, by their start.
    pub fn slots(&self) -> BTreeSet<Timestamp> {
        self.incidents.values().flat_map(|incident| incident.slots.iter().copied()).collect()
    }

    /// How much energy it is about, over all incidents that are kept.
    pub fn energy_wh(&self) -> u128 {
        self.incidents.values().map(|incident| u128::from(incident.energy.wh())).sum()
    }

    /// When it happened first and last.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let times = || self.incidents.values().map(|incident| incident.at);
        Some((times().min()?, times().max()?))
    }
}

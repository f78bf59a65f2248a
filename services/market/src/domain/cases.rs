//! A case of surveillance as it is kept: what was found, what it stands on, what was decided.
//!
//! ```text
//! found --> open --dismiss--> dismissed        found again within a week: the same case
//!             '----confirm--> confirmed        who it is about does not decide
//! ```

use calendar::{LocalDay, Timestamp};
use ids::{AccountId, CaseId, ConnectionPointId, OrderId, PartyId, ZoneId};
use serde::{Deserialize, Serialize};
use surveillance::{Case, Day, Evidence};
use utoipa::ToSchema;

/// The most pieces of evidence that are kept of a case, over all days on which it was found.
pub const CASE_EVIDENCE_MAX: usize = 2_000;

/// Where a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseState {
    /// Nobody has decided.
    Open,
    /// It has another reason.
    Dismissed,
    /// It is what it looks like.
    Confirmed,
}

impl CaseState {
    /// How it is kept and shown.
    pub const fn name(self) -> &'static str {
        match self {
            CaseState::Open => "open",
            CaseState::Dismissed => "dismissed",
            CaseState::Confirmed => "confirmed",
        }
    }

    /// The state with that name.
    pub fn of(name: &str) -> Option<CaseState> {
        let all = [CaseState::Open, CaseState::Dismissed, CaseState::Confirmed];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCase {
    /// Its place among all cases.
    pub place: i64,
    /// Its name.
    pub id: CaseId,
    /// The grid area.
    pub zone: ZoneId,
    /// The rule's code.
    pub kind: String,
    /// Whom it is about.
    pub owners: Vec<PartyId>,
    /// Their accounts.
    pub accounts: Vec<AccountId>,
    /// The day on which it was first found.
    pub opened: LocalDay,
    /// The day on which it was last found.
    pub last: LocalDay,
    /// 1 to 3.
    pub severity: u8,
    /// How far the weakest figure is beyond its threshold, in percent: 100 to 1000.
    pub score: u16,
    /// When it was first found.
    pub found_at: Timestamp,
    /// What it stands on.
    pub findings: Findings,
    /// Where it is.
    pub state: CaseState,
    /// Why somebody decided so, who, and when.
    pub decision: Option<(String, PartyId, Timestamp)>,
}

/// What a case stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// The figures, all at or beyond their thresholds.
    pub figures: Vec<FoundFigure>,
    /// Orders, trades and intervals, by slot.
    pub evidence: Vec<FoundEvidence>,
    /// Pieces for which there was no room.
    pub left_out: u64,
}

/// A figure with its threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundFigure {
    /// What was measured.
    pub what: String,
    /// How much.
    pub value: i64,
    /// In what.
    pub unit: String,
    /// What it is at least, or at most.
    pub threshold: i64,
    /// Whether the threshold is the most that is suspicious, and not the least.
    pub at_most: bool,
}

/// A fact that a case stands on, as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FoundEvidence {
    /// An order, accepted and perhaps taken back.
    Order {
        /// The start of its slot.
        #[schema(value_type = String, format = DateTime)]
        slot: Timestamp,
        /// Its name.
        #[schema(value_type = String, format = "uuid")]
        order: OrderId,
        /// Whose it is.
        #[schema(value_type = String, format = "uuid")]
        account: AccountId,
        /// `buy` or `sell`.
        side: String,
        /// How much at most.
        quantity_wh: u64,
        /// A buyer's all-in limit, a seller's net limit, in currency per kWh.
        limit: String,
        /// When it was accepted.
        #[schema(value_type = String, format = DateTime)]
        placed: Timestamp,
        /// When it was taken back, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = DateTime)]
        cancelled: Option<Timestamp>,
    },
    /// Two orders that met.
    Trade {
        /// The start of its slot.
        #[schema(value_type = String, format = DateTime)]
        slot: Timestamp,
        /// The buyer's order.
        #[schema(value_type = String, format = "uuid")]
        buy_order: OrderId,
        /// The seller's order.
        #[schema(value_type = String, format = "uuid")]
        sell_order: OrderId,
        /// How much.
        quantity_wh: u64,
        /// The energy price that the buyer pays, in currency per kWh.
        buy_price: String,
        /// The energy price that the seller gets.
        sell_price: String,
    },
    /// What an owner fed in in a slot.
    Interval {
        /// The start of the slot.
        #[schema(value_type = String, format = DateTime)]
        slot: Timestamp,
        /// Whose.
        #[schema(value_type = String, format = "uuid")]
        owner: PartyId,
        /// Where, and how much: of every connection point that is known.
        fed_in: Vec<FedIn>,
    },
}

/// What a connection point fed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FedIn {
    /// Where.
    #[schema(value_type = String, format = "uuid")]
    pub connection_point: ConnectionPointId,
    /// How much.
    pub export_wh: u64,
}

impl Findings {
    /// What `case` stands on, told by the days it is of.
    pub fn of<'a>(case: &Case, days: impl Iterator<Item = &'a Day> + Clone) -> Findings {
        let narrow = |value: i128| i64::try_from(value).unwrap_or(i64::MAX);
        let figures = case.figures.iter().map(|figure| FoundFigure {
            what: figure.what.to_owned(),
            value: narrow(figure.value),
            unit: figure.unit.to_owned(),
            threshold: narrow(figure.threshold),
            at_most: figure.at_most,
        });
        let told = case.evidence.iter().filter_map(|piece| told(piece, days.clone()));
        let evidence: Vec<FoundEvidence> = told.collect();
        let untold = (case.evidence.len() - evidence.len()) as u64;
        let left_out = case.evidence_left_out + untold;
        Findings { figures: figures.collect(), evidence, left_out }
    }

    /// These findings, and the evidence of the ones before as far as there is room.
    pub fn after(mut self, before: Findings) -> Findings {
        for piece in before.evidence {
            if self.evidence.contains(&piece) {
                continue;
            }
            if self.evidence.len() < CASE_EVIDENCE_MAX {
                self.evidence.push(piece);
            } else {
                self.left_out += 1;
            }
        }
        self.evidence.sort_by_key(FoundEvidence::slot);
        self
    }
}

impl FoundEvidence {
    fn slot(&self) -> Timestamp {
        match self {
            FoundEvidence::Order { slot, .. }
            | FoundEvidence::Trade { slot, .. }
            | FoundEvidence::Interval { slot, .. } => *slot,
        }
    }
}

/// A piece of evidence as the days tell it; `None` where they do not have it any more.
fn told<'a>(piece: &Evidence, days: impl Iterator<Item = &'a Day>) -> Option<FoundEvidence> {
    let mut days = days;
    match *piece {
        Evidence::Order { slot, order } => days.find_map(|day| {
            let found = day.orders.iter().find(|known| known.order == order)?;
            Some(FoundEvidence::Order {
                slot,
                order,
                account: found.account,
                side: match found.side {
                    matching::Side::Buy => "buy".to_owned(),
                    matching::Side::Sell => "sell".to_owned(),
                },
                quantity_wh: found.quantity.wh(),
                limit: found.limit.to_string(),
                placed: found.placed,
                cancelled: found.cancelled,
            })
        }),
        Evidence::Trade { slot, buyer, seller } => days.find_map(|day| {
            let mut trades = day.trades.iter();
            let found = trades.find(|known| (known.buyer, known.seller) == (buyer, seller))?;
            Some(FoundEvidence::Trade {
                slot,
                buy_order: buyer,
                sell_order: seller,
                quantity_wh: found.quantity.wh(),
                buy_price: found.buy_price.to_string(),
                sell_price: found.sell_price.to_string(),
            })
        }),
        Evidence::Interval { slot, owner } => days.find_map(|day| {
            let intervals = day.intervals.iter();
            let own = intervals.filter(|known| (known.slot, known.owner) == (slot, owner));
            let fed_in = own.map(|known| FedIn {
                connection_point: known.connection_point,
                export_wh: known.export.wh(),
            });
            let fed_in: Vec<FedIn> = fed_in.collect();
            (!fed_in.is_empty()).then_some(FoundEvidence::Interval { slot, owner, fed_in })
        }),
    }
}

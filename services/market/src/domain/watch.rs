//! The watch over the market: what the journal says, as facts of market surveillance.
//!
//! ```text
//! Entry ──facts──> Surveillance ──> cases      fed as entries are applied, so replay rebuilds it
//! case, two people ──> DismissalProposed, CaseDismissed
//! ```
//!
//! Deliberately absent: owners behind parties, of which no event tells yet, and where the sun
//! stands: dark are the hours that the thresholds name, by the market's local clock.

use std::collections::BTreeMap;

use calendar::{TimeZone, Timestamp};
use contracts::Side;
use events::market::CancelledBy;
use ids::{AccountId, CaseId, ConnectionPointId, PartyId};
use serde::Serialize;
use surveillance::{Cleared, Decision, Fact, Likely, Metered, Order, Refusal, Surveillance, Trade};
use units::{Energy, Power};

use super::{
    Accepted, ClearedSlot, ClearedTrade, Entry, Exchange, Export, Parameters, Rejection, RuleName,
};

/// The gate of a market that nobody configured.
const GATE_SECONDS: i64 = 15 * 60;

/// That a case is none, as somebody proposed, and who agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// Who proposed it, why and when.
    pub decision: Decision,
    /// Who agreed.
    pub agreed: Option<PartyId>,
}

/// Surveillance, and what it needs to know of the market.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Watch {
    gate_seconds: i64,
    timezone: TimeZone,
    surveillance: Surveillance,
    proposals: BTreeMap<CaseId, Proposal>,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            gate_seconds: GATE_SECONDS,
            timezone: TimeZone::utc(),
            surveillance: Surveillance::default(),
            proposals: BTreeMap::new(),
        }
    }
}

impl Watch {
    pub(super) fn propose(&mut self, case: CaseId, reason: &str, by: PartyId, at: Timestamp) {
        let known = &self.surveillance;
        self.proposals.retain(|case, _| known.case(*case).is_some());
        let decision = Decision { reason: reason.to_owned(), by, at };
        self.proposals.insert(case, Proposal { decision, agreed: None });
    }

    /// Dismisses a case as was proposed.
    pub(super) fn dismiss(&mut self, case: CaseId, by: PartyId, at: Timestamp) {
        let Some(proposal) = self.proposals.get_mut(&case) else { return };
        proposal.agreed = Some(by);
        let decision = Decision { at, ..proposal.decision.clone() };
        // A case that made room for others since needs no decision.
        let _ = self.surveillance.dismiss(case, decision);
    }

    fn is_dark(&self, slot: Timestamp) -> bool {
        self.surveillance.thresholds().is_dark(self.timezone.local(slot).minute)
    }
}

impl Exchange {
    /// An empty market with these parameters' watch over it.
    pub fn watched(parameters: &Parameters) -> Exchange {
        let market = format!("{}/{}", parameters.community, parameters.zone);
        let watch = Watch {
            gate_seconds: parameters.gate_seconds,
            timezone: parameters.timezone.clone(),
            surveillance: Surveillance::new(&market, parameters.surveillance.clone()),
            proposals: BTreeMap::new(),
        };
        Exchange { watch, ..Exchange::default() }
    }

    /// What looks like market abuse.
    pub fn surveillance(&self) -> &Surveillance {
        &self.watch.surveillance
    }

    /// Who proposed to dismiss a case, and who agreed.
    pub fn proposal(&self, case: CaseId) -> Option<&Proposal> {
        self.watch.proposals.get(&case)
    }

    /// Tells the watch of an entry that is about to be applied.
    pub(super) fn watch(&mut self, entry: &Entry) {
        for fact in self.facts(entry) {
            // What is left out is counted.
            let _ = self.watch.surveillance.note(&fact);
        }
    }

    /// Judges the wish of `by` to dismiss a case: a proposal, or what somebody else proposed
    /// before becomes true.
    pub(super) fn dismissal(
        &self,
        case: CaseId,
        reason: &str,
        by: PartyId,
        at: Timestamp,
    ) -> Result<Option<Entry>, Rejection> {
        let decided = self.watch.surveillance.may_decide(case);
        decided.map_err(|why| match why {
            Refusal::Decided => Rejection::CaseDecided,
            Refusal::Unknown | Refusal::Reason => Rejection::Unknown,
        })?;
        let accused = self.watch.surveillance.case(case).map(surveillance::Case::accounts);
        let own = |account: &AccountId| self.members.get(account).is_some_and(|m| m.party == by);
        if accused.unwrap_or_default().iter().any(own) {
            return Err(Rejection::OwnCase);
        }
        let reason = reason.to_owned();
        Ok(match self.proposal(case) {
            None => Some(Entry::DismissalProposed { case, reason, by, at }),
            Some(proposal) if proposal.decision.by == by => None,
            Some(_) => Some(Entry::CaseDismissed { case, reason, by, at }),
        })
    }

    /// What an entry says about how people trade.
    fn facts(&self, entry: &Entry) -> Vec<Fact> {
        match entry {
            Entry::Member(member) => {
                vec![Fact::Owned { account: member.account, party: member.party }]
            }
            Entry::Point(point) => {
                let (connection_point, account) = (point.connection_point, point.account);
                // No order says what its energy is made of: what a home sells counts as made by
                // the sun.
                vec![Fact::Sited { connection_point, account, solar: true }]
            }
            Entry::Accepted(order) => vec![Fact::Accepted(self.order_fact(order))],
            Entry::Cancelled { order, by, at } => {
                let own = *by != CancelledBy::Suspension;
                let known = self.order(*order);
                let cancelled = |known: &Accepted| Fact::Cancelled {
                    order: *order,
                    slot: known.slot(),
                    own,
                    at: *at,
                };
                known.map(cancelled).into_iter().collect()
            }
            Entry::Cleared(cleared) => vec![Fact::Cleared(self.cleared_fact(cleared))],
            Entry::Exported { slot, exports, imports } => {
                let metered = metered(*slot, exports, imports, self.watch.is_dark(*slot));
                metered.into_iter().map(Fact::Metered).collect()
            }
            _ => Vec::new(),
        }
    }

    fn order_fact(&self, order: &Accepted) -> Order {
        Order {
            order: order.id,
            hash: order.hash,
            account: order.account,
            connection_point: order.terms.connection_point,
            side: match order.terms.side {
                Side::Buy => matching::Side::Buy,
                Side::Sell => matching::Side::Sell,
            },
            slot: order.slot(),
            gate: order.slot().plus_seconds(-self.watch.gate_seconds),
            quantity: order.terms.quantity,
            limit: order.limit(),
            at: order.at,
        }
    }

    fn cleared_fact(&self, cleared: &ClearedSlot) -> Cleared {
        let trade = |trade: &ClearedTrade| Trade {
            trade: trade.trade,
            buy: trade.buy,
            sell: trade.sell,
            quantity: trade.quantity,
        };
        let sellers = self.points.values().filter(|point| point.export_max > Power::from_w(0));
        let likely = sellers.filter_map(|point| {
            let connection_point = point.connection_point;
            let name = RuleName { connection_point, side: Side::Sell };
            let quantity = self.likely(name, cleared.slot)?;
            Some(Likely { connection_point, quantity })
        });
        Cleared {
            slot: cleared.slot,
            clearing: cleared.clearing,
            price: cleared.price,
            volume: cleared.volume,
            retail: cleared.retail_price,
            feed_in: cleared.feed_in_price,
            trades: cleared.trades.iter().map(trade).collect(),
            likely: likely.collect(),
        }
    }
}

/// What was metered in a slot, both ways of a connection point together.
fn metered(slot: Timestamp, exports: &[Export], imports: &[Export], dark: bool) -> Vec<Metered> {
    let mut points: BTreeMap<(ConnectionPointId, u32), [Option<Energy>; 2]> = BTreeMap::new();
    for (way, flows) in [(0, imports), (1, exports)] {
        for flow in flows {
            let known = points.entry((flow.connection_point, flow.version)).or_default();
            known[way] = Some(flow.quantity);
        }
    }
    let metered = points.into_iter().map(|((connection_point, version), [import, export])| {
        Metered { slot, connection_point, version, import, export, dark }
    });
    metered.collect()
}

//! What connection points generate from: said by staff, sent with the certifier's key, and followed
//! from the chain's logs like everything else.

use std::sync::Arc;

use alloy_primitives::B256;
use anyhow::Result;
use calendar::Timestamp;
use client::{Sender, Transaction};
use contracts::Call;
use ids::{AccountId, CommunityId, ConnectionPointId, PartyId, RequestId};
use service::Problem;

use crate::Billing;
use crate::db::certifying::{self, SourceOrder};
use crate::db::chain::{self, kind};
use crate::db::members;
use crate::db::requests::RequestState;
use crate::domain::certificate::{SourceChange, SourceCode, Span, spans};

const SOURCE_GAS: u64 = 200_000;

/// A connection point with its sources.
#[derive(Debug, Clone)]
pub(crate) struct Sourced {
    pub(crate) point: ConnectionPointId,
    pub(crate) account: AccountId,
    /// Oldest first, as the best branch has them.
    pub(crate) spans: Vec<Span>,
    /// What staff said last.
    pub(crate) order: Option<SourceOrder>,
    /// Why that was refused, as the contract says now.
    pub(crate) reason: Option<String>,
}

impl Billing {
    /// Says from the next block on what a connection point generates from; `None` ends its source.
    ///
    /// # Errors
    /// A [`Problem`] where the community has no such connection point, where another change is on
    /// its way, where it has another source, and where there is none to end.
    pub(crate) async fn say_source(
        &self,
        (community, point): (CommunityId, ConnectionPointId),
        code: Option<SourceCode>,
        by: PartyId,
        now: Timestamp,
    ) -> Result<Sourced> {
        let account = self.owner_of(community, point).await?;
        let in_force = self.spans_of(point).await?.pop().filter(|span| span.to.is_none());
        let in_force = in_force.map(|span| span.code);
        let text = code.map(|code| code.to_string()).unwrap_or_default();
        let call = self.source_call(point, code.map(|code| code.word()));
        let certifier = self.certifier.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let newest = certifying::newest_source(tx, point).await?;
                    if let Some(open) = newest.filter(|one| one.state == RequestState::Sent) {
                        return if open.code == text { Ok(()) } else { Err(on_its_way().into()) };
                    }
                    match (in_force, code.map(|code| code.word())) {
                        (Some(old), Some(new)) if old == new => return Ok(()),
                        (Some(_), Some(_)) => return Err(another().into()),
                        (None, None) => return Err(none().into()),
                        (Some(_), None) | (None, Some(_)) => {}
                    }
                    let said = certifying::sources_said(tx, point).await?;
                    let order = SourceOrder {
                        id: RequestId::derived(&format!("source/{point}/{said}")),
                        community,
                        point,
                        code: text,
                        by,
                        at: now,
                        state: RequestState::Sent,
                    };
                    certifying::put_source(tx, &order).await?;
                    send(&certifier, tx, order.id, call).await
                })
            })
            .await?;
        self.sourced_point(point, account).await
    }

    /// A connection point of a community with its sources.
    ///
    /// # Errors
    /// A [`Problem`] where there is no such connection point.
    pub(crate) async fn sources_at(
        &self,
        community: CommunityId,
        point: ConnectionPointId,
    ) -> Result<Sourced> {
        let account = self.owner_of(community, point).await?;
        self.sourced_point(point, account).await
    }

    /// A connection point with its sources.
    pub(crate) async fn sourced_point(
        &self,
        point: ConnectionPointId,
        account: AccountId,
    ) -> Result<Sourced> {
        let (spans, order) =
            (self.spans_of(point).await?, certifying::last_source(&self.db, point).await?);
        let reason = match &order {
            Some(order) if order.state == RequestState::Failed => {
                let code = order.code.parse::<SourceCode>().ok().map(|code| code.word());
                let call = self.source_call(point, code);
                Some(self.reason_for(self.certifier.address(), call).await)
            }
            _ => None,
        };
        Ok(Sourced { point, account, spans, order, reason })
    }

    async fn owner_of(
        &self,
        community: CommunityId,
        point: ConnectionPointId,
    ) -> Result<AccountId> {
        let owner = members::owner_of(&self.db, community, point).await?;
        Ok(owner.ok_or_else(|| Problem::not_found("connection point"))?)
    }

    async fn spans_of(&self, point: ConnectionPointId) -> Result<Vec<Span>> {
        let changes: Vec<(u64, SourceChange)> =
            chain::all(&self.db, kind::SOURCE, point.to_string()).await?;
        let changes: Vec<SourceChange> = changes.into_iter().map(|(_, change)| change).collect();
        Ok(spans(&changes))
    }

    fn source_call(&self, point: ConnectionPointId, code: Option<B256>) -> Call {
        match code {
            Some(code) => self.deployment.register_source(point, code),
            None => self.deployment.end_source(point),
        }
    }
}

async fn send(
    certifier: &Arc<Sender>,
    tx: &mut db::Tx,
    order: RequestId,
    Call { to, data }: Call,
) -> Result<()> {
    let cause = certifying::source_cause(order);
    certifier.enqueue(tx, &Transaction { cause, to, data, gas: SOURCE_GAS }).await
}

fn on_its_way() -> Problem {
    Problem::refused("SOURCE_ON_ITS_WAY", "Another change waits for a block")
}

fn another() -> Problem {
    Problem::refused("SOURCE_IN_FORCE", "The connection point has another source: end it first")
}

fn none() -> Problem {
    Problem::refused("NO_SOURCE", "The connection point has no source")
}

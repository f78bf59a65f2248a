//! The books held against themselves, the chain and the invoices.

use alloy_primitives::{B256, U256};
use anyhow::{Context, Result};
use calendar::TimeZone;
use client::RpcError;
use contracts::SolCall;
use contracts::bindings::SettlementToken;
use ids::CommunityId;
use serde_json::json;
use units::Money;

use crate::Billing;
use crate::db::chain::Head;
use crate::db::{invoices, journal, members};
use crate::domain::bill::Invoice;
use crate::domain::journal::{Book, Verified, Violation, check_each, check_invoice};

/// The most invoices, the newest, that are held against the journal at once.
const INVOICES_MAX: u32 = 1_000;

/// What an audit found.
pub(crate) struct Audit {
    pub(crate) book: Book,
    /// How many entries were replayed; those before were found in order by an audit before.
    pub(crate) replayed: u64,
    /// What the market contract holds as of the block that was followed last; `None` where no node
    /// could say.
    pub(crate) reserve: Option<Money>,
    /// Invoices that were held against the journal.
    pub(crate) invoices: u64,
    /// Those of them whose posting is to come.
    pub(crate) invoices_unposted: u64,
    pub(crate) violations: Vec<Violation>,
}

impl Billing {
    /// Checks the journals. What an audit since the start found in order is not replayed again,
    /// unless `full`.
    pub(crate) async fn audit(&self, community: CommunityId, full: bool) -> Result<Audit> {
        let mut audited = self.audited.lock().await;
        let (book, head) = {
            let state = self.state.lock().await;
            (state.book.clone(), state.head)
        };
        let from = if full { Verified::default() } else { std::mem::take(&mut *audited) };
        let first = from.entries();
        let (verified, chained) = self.verified(from, book.head().1).await?;
        let replayed = verified.entries() - first;
        let reserve = match head {
            Some(head) => self.reserve(head).await,
            None => None,
        };
        let issued = invoices::list(&self.db, community, None, INVOICES_MAX).await?;
        let issued: Vec<Invoice> = issued.into_iter().map(|issued| issued.invoice).collect();
        let zone = members::timezone(&self.db, community).await?.unwrap_or_else(TimeZone::utc);
        let checked = tokio::task::spawn_blocking(move || {
            let mut violations = check_each(&book, reserve);
            violations.extend(chained.and_then(|()| verified.agrees(&book)).err());
            violations
                .extend(issued.iter().filter_map(|one| check_invoice(&book, one, &zone).err()));
            let unposted = issued.iter().filter(|one| book.invoiced(&one.number).is_none());
            let (invoices, invoices_unposted) = (issued.len() as u64, unposted.count() as u64);
            let audit = Audit { book, replayed, reserve, invoices, invoices_unposted, violations };
            (audit, verified)
        });
        let (audit, verified) = checked.await?;
        *audited = verified;
        Ok(audit)
    }

    /// Follows the journal up to entry `end`.
    pub(super) async fn verified(
        &self,
        mut verified: Verified,
        end: u64,
    ) -> Result<(Verified, Result<(), Violation>)> {
        let mut found = Ok(());
        while found.is_ok() && verified.entries() < end {
            let entries = journal::following(&self.db, verified.entries(), end).await?;
            if entries.is_empty() {
                found = Err(Violation::I8(verified.entries()));
                break;
            }
            let followed = tokio::task::spawn_blocking(move || {
                let found = verified.follow(&entries);
                (verified, found)
            });
            (verified, found) = followed.await?;
        }
        Ok((verified, found))
    }

    /// The tokens that the market contract holds as of a block.
    async fn reserve(&self, head: Head) -> Option<Money> {
        match self.held_at(head.hash).await {
            Ok(held) => Some(held),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the reserve could not be read");
                None
            }
        }
    }

    async fn held_at(&self, block: B256) -> Result<Money> {
        let question = SettlementToken::balanceOfCall { account: self.deployment.market };
        let call = json!({
            "to": self.deployment.token,
            "data": alloy_primitives::Bytes::from(question.abi_encode()),
        });
        let params = json!([call, { "blockHash": block }]);
        let answer = self.node.request("eth_call", params).await;
        let answer = answer.map_err(|error: RpcError| anyhow::anyhow!(error))?;
        let answer: alloy_primitives::Bytes = serde_json::from_value(answer)?;
        let held: U256 = SettlementToken::balanceOfCall::abi_decode_returns(&answer)?;
        i64::try_from(held).map(Money::from_n).context("more tokens than there can be")
    }
}

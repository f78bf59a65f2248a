//! Signing orders with held keys.

use access::Action;
use alloy_primitives::B256;
use anyhow::{Context, Result};
use contracts::{OrderTerms, Side};
use keys::{SecretKey, Signature};
use serde::Serialize;
use service::{Principal, Problem};
use utoipa::ToSchema;

use super::limits::beyond_limit;
use super::people::purpose;
use crate::Identity;
use crate::db::people::Holder;
use crate::db::{grid, people};
use crate::domain::approvals::{Approval, ApprovalState};
use crate::domain::audit::Outcome;
use crate::domain::limits::amount_of;

/// A signature of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignedOrder {
    /// The order's hash, which is its name everywhere.
    #[schema(value_type = String)]
    pub hash: B256,
    /// Over the hash, 64 bytes (EIP-2098).
    #[schema(value_type = String)]
    pub signature: Signature,
}

/// What became of the wish to have an order signed.
pub enum Signing {
    /// It is signed.
    Signed(SignedOrder),
    /// It is large: a member of staff has to consent, then it is asked for again.
    Waits(Approval),
}

impl Identity {
    /// Signs `terms` with the held key of the caller's account.
    ///
    /// Refused with 403 for another's account, `OWN_KEY` when only the owner has the key,
    /// `COMMUNITY` and `CONNECTION_POINT` when the order is for a place that is not the account's,
    /// `SIGNING_LIMIT` when it is more than is signed in a day; a large one with
    /// `APPROVAL_REFUSED`, with `EXPIRED` when its slot has begun, and with `APPROVALS_OPEN` when
    /// too many requests of the account wait.
    pub async fn sign_order(
        &self,
        who: &Principal,
        terms: &OrderTerms,
    ) -> Result<Signing, Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for an account")?;
        let holder = people::holder_of_address(&mut conn, terms.account).await?;
        let point = grid::connection_point(&mut conn, terms.connection_point).await?;
        drop(conn);
        let holder = holder.ok_or_else(|| Problem::not_found("account"))?;
        let (thing, about) = (self.thing_of(holder.account), holder.account.to_string());
        let side = match terms.side {
            Side::Buy => Action::PlaceBuyOrder,
            Side::Sell => Action::PlaceSellOrder,
        };
        for action in [Action::SignOrder, side] {
            self.require(who, action, thing, &about).await?;
        }
        if terms.community != holder.community {
            return Err(Problem::refused("COMMUNITY", "The account trades elsewhere"));
        }
        if point.is_none_or(|point| point.account != holder.account) {
            let title = "The connection point is not the account's";
            return Err(Problem::refused("CONNECTION_POINT", title));
        }
        let key = self.held_key(&holder)?.ok_or_else(|| {
            Problem::refused(
                "OWN_KEY",
                "Only the account's owner has its key: sign with the wallet",
            )
        })?;
        let hash = terms.hash(self.place.chain_id, self.place.market);
        let sign = || Signing::Signed(SignedOrder { hash, signature: key.sign(hash) });
        let amount = amount_of(terms).map_err(|_| beyond_limit())?;
        if amount <= self.settings.limits.approval_above {
            self.spend(holder.account, hash, amount).await?;
            return Ok(sign());
        }
        let approval = self.consent(who, holder.account, terms, hash, amount).await?;
        match approval.state {
            ApprovalState::Done => Ok(sign()),
            ApprovalState::Approved => {
                self.spend(holder.account, hash, amount).await?;
                let about = format!("{} order {hash}", approval.approval);
                let by = who.party.to_string();
                let act = self.act(&by, Action::SignOrder.name(), &about, Outcome::Done);
                self.use_up(&approval, act).await?;
                Ok(sign())
            }
            _ => Ok(Signing::Waits(approval)),
        }
    }

    /// The key of `holder`, if it is held here.
    pub(super) fn held_key(&self, holder: &Holder) -> Result<Option<SecretKey>> {
        let Some(wrapped) = &holder.wrapped_key else { return Ok(None) };
        let secret = self.master_key.unwrap(&purpose(holder.account), wrapped)?;
        let bytes = <&[u8; 32]>::try_from(&secret[..]).context("a key has 32 bytes")?;
        Ok(Some(SecretKey::from_bytes(bytes)?))
    }
}

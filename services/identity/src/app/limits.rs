//! How much is signed with a held key in a day, and changing that.

use access::{Action, Role};
use alloy_primitives::B256;
use anyhow::{Context, Result};
use ids::{AccountId, Uuid};
use service::{Principal, Problem};
use units::Money;

use super::approvals::keep;
use crate::Identity;
use crate::db::{audit, people, signing};
use crate::domain::approvals::{Approval, ApprovalKind, ApprovalState};
use crate::domain::audit::Outcome;
use crate::domain::limits::{LIMIT_MAX, SigningLimit, day_of, part_of};

/// What the change of a limit is called in the audit log.
const CHANGE: &str = "change_signing_limit";

/// What became of the wish for another limit.
pub enum LimitChange {
    /// It is in force: it is not above the one before.
    Set(SigningLimit),
    /// It waits for the consent of another member of staff.
    Waits(Approval),
}

impl Identity {
    /// Lets `amount` be signed as `hash` with the held key of `account`, or refuses with
    /// `SIGNING_LIMIT`. What was signed lately is signed again for nothing.
    pub(super) async fn spend(
        &self,
        account: AccountId,
        hash: B256,
        amount: Money,
    ) -> Result<(), Problem> {
        let day = day_of(self.clock.now());
        let mut purses = self.purses.lock().await;
        if purses.has_signed(account, hash) {
            return Ok(());
        }
        let left = purses.left(account, day);
        let fits = |of: Money| of.minus(amount).context("amounts are below the highest limit");
        if left >= amount {
            purses.set(account, day, fits(left)?, hash);
            return Ok(());
        }
        let needed = amount.minus(left).context("what is left is not negative")?;
        let standard = self.settings.limits.daily;
        let taken = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let limit = signing::limit(tx.conn(), account).await?.unwrap_or(standard);
                    for wanted in [part_of(limit, needed), needed] {
                        if signing::reserve(tx, account, day, wanted, limit).await? {
                            return anyhow::Ok(Some(wanted));
                        }
                    }
                    Ok(None)
                })
            })
            .await?;
        let taken = taken.ok_or_else(beyond_limit)?;
        let filled = left.plus(taken).context("a purse holds less than a limit")?;
        purses.set(account, day, fits(filled)?, hash);
        Ok(())
    }

    /// What is signed for `account` in a day. For its owner and for staff.
    pub async fn signing_limit(
        &self,
        who: &Principal,
        account: AccountId,
    ) -> Result<SigningLimit, Problem> {
        let (thing, about) = (self.thing_of(account), account.to_string());
        self.require(who, Action::ReadAccount, thing, &about).await?;
        self.held_account(account).await?;
        Ok(self.limit_of(account).await?)
    }

    /// Sets the limit of a day for `account`. A lower one is in force at once, a higher one when
    /// another member of staff consents. For operators and admins.
    ///
    /// Refused with `AMOUNT`, and with `OWN_KEY` where nothing is signed here.
    pub async fn change_signing_limit(
        &self,
        who: &Principal,
        account: AccountId,
        daily: Money,
    ) -> Result<LimitChange, Problem> {
        let about = format!("{account} {daily}");
        self.require_staff(who, CHANGE, &about).await?;
        if daily < Money::ZERO || daily > LIMIT_MAX {
            let title = format!("A limit is between 0 and {LIMIT_MAX}");
            return Err(Problem::refused("AMOUNT", title));
        }
        self.held_account(account).await?;
        let current = self.limit_of(account).await?;
        if daily > current.daily {
            return Ok(LimitChange::Waits(self.ask_for_limit(who, account, daily).await?));
        }
        let act = self.act(&who.party.to_string(), CHANGE, &about, Outcome::Done);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    signing::set_limit(tx, account, daily).await?;
                    audit::append(tx, act).await
                })
            })
            .await?;
        self.purses.lock().await.forget(account);
        Ok(LimitChange::Set(self.limit_of(account).await?))
    }

    async fn ask_for_limit(
        &self,
        who: &Principal,
        account: AccountId,
        daily: Money,
    ) -> Result<Approval, Problem> {
        let now = self.clock.now();
        let wanted = Approval {
            approval: Uuid::now_v7(),
            account,
            kind: ApprovalKind::Limit,
            amount: daily,
            order: None,
            payout: None,
            request: None,
            state: ApprovalState::Open,
            requested_by: who.party,
            requested_at: now,
            expires_at: now.plus_seconds(self.settings.limits.approval_seconds),
            decided_by: None,
            decided_at: None,
        };
        let about = format!("{account} {daily}");
        let act = self.act(&who.party.to_string(), CHANGE, &about, Outcome::Done);
        let (community, subject) = (self.community, format!("limit {account}"));
        let asked = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let newest = signing::newest_about(tx.conn(), &subject).await?;
                    let newest = newest.map(|newest| newest.at(now));
                    let same = |newest: &Approval| {
                        newest.state == ApprovalState::Open
                            && newest.amount == wanted.amount
                            && newest.requested_by == wanted.requested_by
                    };
                    match newest.filter(same) {
                        Some(newest) => anyhow::Ok(newest),
                        None => keep(tx, community, &subject, wanted, act).await,
                    }
                })
            })
            .await?;
        Ok(asked)
    }

    async fn limit_of(&self, account: AccountId) -> Result<SigningLimit> {
        let day = day_of(self.clock.now());
        // Held while the database is read, so that what is in a purse is not counted twice.
        let purses = self.purses.lock().await;
        let mut conn = self.db.read().acquire().await.context("reading a limit")?;
        let daily = signing::limit(&mut conn, account).await?;
        let reserved = signing::reserved(&mut conn, account, day).await?;
        Ok(SigningLimit {
            account,
            daily: daily.unwrap_or(self.settings.limits.daily),
            signed_today: reserved.minus(purses.left(account, day))?,
            approval_above: self.settings.limits.approval_above,
        })
    }

    /// Refuses an account that is not of this community, or whose key is not held.
    async fn held_account(&self, account: AccountId) -> Result<(), Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for an account")?;
        let holder = people::holder(&mut conn, account, self.clock.now()).await?;
        let holder = holder.filter(|holder| holder.community == self.community);
        let holder = holder.ok_or_else(|| Problem::not_found("account"))?;
        if holder.wrapped_key.is_none() {
            return Err(Problem::refused("OWN_KEY", "The account's owner signs, without a limit"));
        }
        Ok(())
    }

    /// Lets operators and admins of this community through; the denial of others is recorded.
    pub(super) async fn require_staff(
        &self,
        who: &Principal,
        action: &str,
        about: &str,
    ) -> Result<(), Problem> {
        if who.community == self.community && who.is_any(&[Role::Operator, Role::Admin]) {
            return Ok(());
        }
        self.record(self.act(&who.party.to_string(), action, about, Outcome::Denied)).await?;
        Err(Problem::forbidden())
    }
}

/// The refusal of what would exceed a day's limit.
pub(super) fn beyond_limit() -> Problem {
    let title = "This is more than is signed for the account in a day";
    Problem::refused("SIGNING_LIMIT", title)
}

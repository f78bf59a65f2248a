//! How much is signed with a held key in a day, and changing that.

use access::{Action, Role};
use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use contracts::Cash;
use ids::{AccountId, Uuid};
use service::{Principal, Problem};

use super::approvals::keep;
use crate::Identity;
use crate::db::{audit, people, signing};
use crate::domain::approvals::{Approval, ApprovalKind, ApprovalState};
use crate::domain::audit::Outcome;
use crate::domain::limits::{Amount, LIMIT_MAX, SigningLimit, Unit, day_of, part_of};

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
    /// The currency that energy is traded in.
    pub(super) fn first_unit(&self) -> Unit {
        Unit::Currency(self.currencies[0].code.clone())
    }

    /// The currency whose cash a market holds; a market of nobody here is refused.
    pub(super) fn unit_of(&self, market: Address) -> Result<Unit, Problem> {
        let known = self.currencies.iter().find(|currency| currency.cash.market == market);
        let unknown = || Problem::malformed("market: of no currency");
        Ok(Unit::Currency(known.ok_or_else(unknown)?.code.clone()))
    }

    /// The currency that has these contracts; others are refused.
    pub(super) fn unit_of_cash(&self, cash: Cash) -> Result<Unit, Problem> {
        if self.currencies.iter().any(|currency| currency.cash == cash) {
            return self.unit_of(cash.market);
        }
        Err(Problem::malformed("cash: of no currency"))
    }

    /// The unit of this name; the currency that energy is traded in when absent.
    pub(crate) fn unit(&self, named: Option<&str>) -> Result<Unit, Problem> {
        let unit = named.map_or_else(|| self.first_unit(), Unit::named);
        let is_known = match &unit {
            Unit::Currency(code) => self.currencies.iter().any(|known| known.code == *code),
            Unit::Certified => true,
        };
        let unknown = || Problem::refused("CURRENCY", "Neither a currency of ours, nor Wh");
        is_known.then_some(unit).ok_or_else(unknown)
    }

    /// Lets `amount` be signed as `hash` with the held key of `account`, or refuses with
    /// `SIGNING_LIMIT`. What was signed lately is signed again for nothing.
    pub(super) async fn spend(
        &self,
        account: AccountId,
        hash: B256,
        amount: &Amount,
    ) -> Result<(), Problem> {
        let (day, of) = (day_of(self.clock.now()), (account, amount.unit().clone()));
        let mut purses = self.purses.lock().await;
        if purses.has_signed(&of, hash) {
            return Ok(());
        }
        let left = purses.left(&of, day);
        if left >= amount.n() {
            purses.set(&of, day, left - amount.n(), hash);
            return Ok(());
        }
        let needed = amount.n() - left;
        let (standard, counted) = (self.settings.limits.daily_of(&of.1), of.clone());
        let taken = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let limit = signing::limit(tx.conn(), &counted).await?.unwrap_or(standard);
                    for wanted in [part_of(limit, needed), needed] {
                        if signing::reserve(tx, &counted, day, wanted, limit).await? {
                            return anyhow::Ok(Some(wanted));
                        }
                    }
                    Ok(None)
                })
            })
            .await?;
        let taken = taken.ok_or_else(beyond_limit)?;
        purses.set(&of, day, taken - needed, hash);
        Ok(())
    }

    /// What is signed for `account` in a day, in a unit by its name or in the currency that energy
    /// is traded in. For its owner and for staff.
    pub async fn signing_limit(
        &self,
        who: &Principal,
        account: AccountId,
        unit: Option<&str>,
    ) -> Result<SigningLimit, Problem> {
        let (thing, about) = (self.thing_of(account), account.to_string());
        self.require(who, Action::ReadAccount, thing, &about).await?;
        let unit = self.unit(unit)?;
        self.held_account(account).await?;
        Ok(self.limit_of(account, unit).await?)
    }

    /// Sets the limit of a day for `account`, as it is written in the unit of this name. A lower
    /// one is in force at once, a higher one when another member of staff consents. For operators
    /// and admins.
    ///
    /// Refused with `AMOUNT`, `CURRENCY`, and with `OWN_KEY` where nothing is signed here.
    pub async fn change_signing_limit(
        &self,
        who: &Principal,
        account: AccountId,
        (daily, unit): (&str, Option<&str>),
    ) -> Result<LimitChange, Problem> {
        let unit = self.unit(unit)?;
        let malformed = || Problem::malformed("daily: not an amount");
        let daily = unit.clone().parse(daily).ok_or_else(malformed)?;
        let about = format!("{account} {daily} {}", unit.name());
        self.require_staff(who, CHANGE, &about).await?;
        if !(0..=LIMIT_MAX.n()).contains(&daily.n()) {
            let title = format!("A limit is between 0 and {}", unit.of(LIMIT_MAX.n()));
            return Err(Problem::refused("AMOUNT", title));
        }
        self.held_account(account).await?;
        let current = self.limit_of(account, unit.clone()).await?;
        if daily.n() > current.daily.n() {
            return Ok(LimitChange::Waits(self.ask_for_limit(who, account, daily).await?));
        }
        let act = self.act(&who.party.to_string(), CHANGE, &about, Outcome::Done);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    signing::set_limit(tx, account, &daily).await?;
                    audit::append(tx, act).await
                })
            })
            .await?;
        self.purses.lock().await.forget(&(account, unit.clone()));
        Ok(LimitChange::Set(self.limit_of(account, unit).await?))
    }

    async fn ask_for_limit(
        &self,
        who: &Principal,
        account: AccountId,
        daily: Amount,
    ) -> Result<Approval, Problem> {
        let (now, unit) = (self.clock.now(), daily.unit().clone());
        let unit_name = unit.name().to_owned();
        let about = format!("{account} {daily} {unit_name}");
        let wanted = Approval {
            approval: Uuid::now_v7(),
            account,
            kind: ApprovalKind::Limit,
            amount: daily,
            unit,
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
        let act = self.act(&who.party.to_string(), CHANGE, &about, Outcome::Done);
        let (community, subject) = (self.community, format!("limit {account} {unit_name}"));
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

    async fn limit_of(&self, account: AccountId, unit: Unit) -> Result<SigningLimit> {
        let (day, of) = (day_of(self.clock.now()), (account, unit));
        // Held while the database is read, so that what is in a purse is not counted twice.
        let purses = self.purses.lock().await;
        let mut conn = self.db.read().acquire().await.context("reading a limit")?;
        let daily = signing::limit(&mut conn, &of).await?;
        let reserved = signing::reserved(&mut conn, &of, day).await?;
        let (left, limits, unit) = (purses.left(&of, day), self.settings.limits, of.1);
        let amount = |n| unit.clone().of(n);
        Ok(SigningLimit {
            account,
            daily: amount(daily.unwrap_or(limits.daily_of(&unit))),
            signed_today: amount(reserved - left),
            approval_above: amount(limits.approval_above_of(&unit)),
            unit: unit.clone(),
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

//! Consent of a second person: asked for, given, refused.

use ::db::Tx;
use access::Action;
use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::{AccountRequest, OrderTerms, PayoutTerms, Quote};
use events::Envelope;
use events::identity::ApprovalRequested;
use ids::{AccountId, CommunityId, Uuid};
use service::{Page, PageQuery, Principal, Problem};

use super::limits::beyond_limit;
use crate::Identity;
use crate::db::{Part, audit, signing};
use crate::domain::approvals::{Approval, ApprovalKind, ApprovalState, OPEN_MAX};
use crate::domain::audit::{Act, Outcome};
use crate::domain::limits::Amount;

/// What asking is called in the audit log.
const REQUEST: &str = "request_approval";
/// What consent is called there.
const APPROVE: &str = "approve";
/// What refusing it is called there.
const REFUSE: &str = "refuse";

/// What is to be signed with a held key.
pub(super) struct ToSign {
    pub(super) kind: ApprovalKind,
    /// What the signature is of, or the first of them.
    pub(super) hash: B256,
    /// What it counts.
    pub(super) amount: Amount,
    pub(super) order: Option<Box<OrderTerms>>,
    pub(super) payout: Option<Box<PayoutTerms>>,
    pub(super) request: Option<Box<AccountRequest>>,
    /// When it is too late, where it ever is.
    pub(super) until: Option<Timestamp>,
}

impl ToSign {
    /// The quote, where it is an exchange. Quotes are over long before anybody has consented: so
    /// consent is for the exchange, and is used for any one quote that is no worse than the one
    /// that was shown.
    fn quote(&self) -> Option<&Quote> {
        match self.request.as_deref() {
            Some(AccountRequest::Exchange { quote, .. }) => Some(quote),
            _ => None,
        }
    }

    /// What consent is asked for about.
    fn subject(&self) -> String {
        match self.quote() {
            Some(of) => {
                format!("exchange {} {} {} {}", of.account, of.from, of.to, of.given.n())
            }
            None => format!("{} {}", self.kind.name(), self.hash),
        }
    }

    /// Which of the requests about its subject, newest first, is about this as well.
    fn meant(&self, asked: Vec<Approval>, now: Timestamp) -> Option<Approval> {
        let Some(quote) = self.quote() else {
            return asked.into_iter().next().filter(|one| one.state != ApprovalState::Expired);
        };
        let is_meant = |one: &Approval| match one.state {
            ApprovalState::Open | ApprovalState::Approved => one.covers(quote),
            ApprovalState::Refused => now < one.expires_at,
            ApprovalState::Done => one.quote() == Some(quote),
            ApprovalState::Expired => false,
        };
        let rank = |one: &Approval| match one.state {
            ApprovalState::Done => 0,
            ApprovalState::Approved => 1,
            _ => 2,
        };
        asked.into_iter().filter(is_meant).min_by_key(rank)
    }
}

impl Identity {
    /// Lets `what` be signed with the held key of `account`: `None` where it may be at once,
    /// otherwise the request that waits for consent.
    ///
    /// Refused as [`Identity::sign_order`] says.
    pub(super) async fn let_sign(
        &self,
        who: &Principal,
        account: AccountId,
        (action, what): (Action, ToSign),
    ) -> Result<Option<Approval>, Problem> {
        let (hash, amount, kind) = (what.hash, what.amount.clone(), what.kind.name());
        if amount.n() <= self.settings.limits.approval_above_of(amount.unit()) {
            self.spend(account, hash, &amount).await?;
            return Ok(None);
        }
        let exchanged = what.quote().is_some().then(|| what.request.clone()).flatten();
        let approval = self.consent(who, account, what).await?;
        match approval.state {
            ApprovalState::Done => Ok(None),
            ApprovalState::Approved => {
                self.spend(account, hash, &amount).await?;
                let about = format!("{} {kind} {hash}", approval.approval);
                let act = self.act(&who.party.to_string(), action.name(), &about, Outcome::Done);
                let several = exchanged.is_some();
                if !self.use_up(&approval, exchanged, act).await? && several {
                    return Err(Problem::conflict("the consent was used for another quote"));
                }
                Ok(None)
            }
            _ => Ok(Some(approval)),
        }
    }

    /// Consent to sign `what`: asked for when nobody has yet.
    async fn consent(
        &self,
        who: &Principal,
        account: AccountId,
        what: ToSign,
    ) -> Result<Approval, Problem> {
        let limits = self.settings.limits;
        let now = self.clock.now();
        let last = now.plus_seconds(limits.approval_seconds);
        let wanted = Approval {
            approval: Uuid::now_v7(),
            account,
            kind: what.kind,
            amount: what.amount.clone(),
            unit: what.amount.unit().clone(),
            order: what.order.clone(),
            payout: what.payout.clone(),
            request: what.request.clone(),
            state: ApprovalState::Open,
            requested_by: who.party,
            requested_at: now,
            expires_at: what.until.map_or(last, |until| until.min(last)),
            decided_by: None,
            decided_at: None,
        };
        let subject = what.subject();
        let about = format!("{} {subject}", wanted.approval);
        let act = self.act(&who.party.to_string(), REQUEST, &about, Outcome::Done);
        let (community, of) = (self.community, (account, what.amount.unit().clone()));
        let standard = limits.daily_of(&of.1);
        let consent = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let asked = signing::about(tx.conn(), &subject).await?;
                    let asked = asked.into_iter().map(|one| one.at(now)).collect();
                    match what.meant(asked, now) {
                        Some(newest) if newest.state == ApprovalState::Refused => {
                            let title = "A member of staff refused to have this signed";
                            Err(Problem::refused("APPROVAL_REFUSED", title).into())
                        }
                        Some(newest) => anyhow::Ok(newest),
                        None => {
                            let limit = signing::limit(tx.conn(), &of).await?;
                            if what.amount.n() > limit.unwrap_or(standard) {
                                return Err(beyond_limit().into());
                            }
                            keep(tx, community, &subject, wanted, act).await
                        }
                    }
                })
            })
            .await?;
        Ok(consent)
    }

    /// Notes that what was approved is signed, and what it was where consent stood for several;
    /// `false` where that was noted before.
    async fn use_up(
        &self,
        approval: &Approval,
        signed: Option<Box<AccountRequest>>,
        act: Act,
    ) -> Result<bool> {
        let id = approval.approval;
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let (from, to) = (ApprovalState::Approved, ApprovalState::Done);
                    let moved = signing::move_approval(tx, id, from, to).await?;
                    if moved {
                        if let Some(signed) = &signed {
                            signing::set_signed(tx, id, signed).await?;
                        }
                        audit::append(tx, act).await?;
                    }
                    Ok(moved)
                })
            })
            .await
    }

    /// What waits for consent or did: staff sees all, others what concerns their account.
    pub async fn approvals(
        &self,
        who: &Principal,
        query: &PageQuery,
    ) -> Result<Page<Approval>, Problem> {
        let own = self.scope(who, Action::ReadAccount, who.account).await?;
        let part = Part::of(query)?;
        let now = self.clock.now();
        let mut conn = self.db.read().acquire().await.context("listing approvals")?;
        let page = signing::approvals(&mut conn, self.community, own, part).await?;
        let items = page.items.into_iter().map(|approval| approval.at(now)).collect();
        Ok(Page { items, next: page.next })
    }

    /// Consents to the request `id`: an order or a payout may be signed, a limit is in force. For
    /// operators and admins.
    ///
    /// Refused with `FOUR_EYES` for who asked and whose account it is, and with `DECIDED` when
    /// somebody has decided or it is too late.
    pub async fn approve(&self, who: &Principal, id: Uuid) -> Result<Approval, Problem> {
        self.decide(who, id, APPROVE).await
    }

    /// Refuses the request `id`. For and refused like [`Identity::approve`].
    pub async fn refuse(&self, who: &Principal, id: Uuid) -> Result<Approval, Problem> {
        self.decide(who, id, REFUSE).await
    }

    async fn decide(
        &self,
        who: &Principal,
        id: Uuid,
        action: &'static str,
    ) -> Result<Approval, Problem> {
        let by = who.party.to_string();
        self.require_staff(who, action, &id.to_string()).await?;
        let found = self.approval(id).await?;
        let amount = format!("{} {}", found.amount, found.unit.name());
        let about = match found.kind {
            kind @ (ApprovalKind::Order | ApprovalKind::Payout | ApprovalKind::Redemption) => {
                format!("{id} {} of {} for {amount}", kind.name(), found.account)
            }
            ApprovalKind::Request => {
                let kind = found.request.as_ref().map_or("request", |request| request.kind());
                format!("{id} {kind} of {} for {amount}", found.account)
            }
            ApprovalKind::Limit => format!("{id} limit of {} to {amount}", found.account),
        };
        if found.concerns(who.party, who.account) {
            self.record(self.act(&by, action, &about, Outcome::Denied)).await?;
            let title = "Another person than the one who asked must decide";
            return Err(Problem::refused("FOUR_EYES", title));
        }
        let to = match (action, found.kind) {
            (REFUSE, _) => ApprovalState::Refused,
            (_, ApprovalKind::Limit) => ApprovalState::Done,
            (
                _,
                ApprovalKind::Order
                | ApprovalKind::Payout
                | ApprovalKind::Redemption
                | ApprovalKind::Request,
            ) => ApprovalState::Approved,
        };
        let act = self.act(&by, action, &about, Outcome::Done);
        let (now, party, account) = (self.clock.now(), who.party, found.account);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let late = found.clone().at(now).state == ApprovalState::Expired;
                    if late || !signing::move_approval(tx, id, ApprovalState::Open, to).await? {
                        let title = "The request was decided before, or is over";
                        return Err(Problem::refused("DECIDED", title).into());
                    }
                    signing::decide(tx, id, party, now).await?;
                    if to == ApprovalState::Done {
                        signing::set_limit(tx, account, &found.amount).await?;
                    }
                    audit::append(tx, act).await
                })
            })
            .await?;
        self.approval(id).await
    }

    async fn approval(&self, id: Uuid) -> Result<Approval, Problem> {
        let mut conn = self.db.read().acquire().await.context("loading an approval")?;
        let found = signing::approval(&mut conn, self.community, id).await?;
        let found = found.ok_or_else(|| Problem::not_found("approval"))?;
        Ok(found.at(self.clock.now()))
    }
}

/// Keeps a new request.
pub(super) async fn keep(
    tx: &mut Tx,
    community: CommunityId,
    subject: &str,
    wanted: Approval,
    act: Act,
) -> Result<Approval> {
    if wanted.expires_at <= wanted.requested_at {
        return Err(Problem::refused("EXPIRED", "The slot of the order has begun").into());
    }
    if signing::open_approvals(tx, wanted.account, wanted.requested_at).await? >= OPEN_MAX {
        let title = format!("{OPEN_MAX} requests of this account wait for a decision");
        return Err(Problem::refused("APPROVALS_OPEN", title).into());
    }
    signing::insert_approval(tx, community, subject, &wanted).await?;
    audit::append(tx, act).await?;
    let event = ApprovalRequested {
        approval: wanted.approval,
        account: wanted.account,
        community,
        kind: wanted.kind.name().to_owned(),
        expires_at: wanted.expires_at,
    };
    let cause = wanted.approval.to_string();
    bus::append(tx, &Envelope::of(&event, &cause, wanted.requested_at)).await?;
    Ok(wanted)
}

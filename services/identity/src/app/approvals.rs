//! Consent of a second person: asked for, given, refused.

use ::db::Tx;
use access::Action;
use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::{AccountRequest, OrderTerms, PayoutTerms};
use events::Envelope;
use events::identity::ApprovalRequested;
use ids::{AccountId, CommunityId, Uuid};
use service::{Page, PageQuery, Principal, Problem};
use units::Money;

use super::limits::beyond_limit;
use crate::Identity;
use crate::db::{Part, audit, signing};
use crate::domain::approvals::{Approval, ApprovalKind, ApprovalState, OPEN_MAX};
use crate::domain::audit::{Act, Outcome};

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
    pub(super) amount: Money,
    pub(super) order: Option<Box<OrderTerms>>,
    pub(super) payout: Option<Box<PayoutTerms>>,
    pub(super) request: Option<Box<AccountRequest>>,
    /// When it is too late, where it ever is.
    pub(super) until: Option<Timestamp>,
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
        let (hash, amount, kind) = (what.hash, what.amount, what.kind.name());
        if amount <= self.settings.limits.approval_above {
            self.spend(account, hash, amount).await?;
            return Ok(None);
        }
        let approval = self.consent(who, account, what).await?;
        match approval.state {
            ApprovalState::Done => Ok(None),
            ApprovalState::Approved => {
                self.spend(account, hash, amount).await?;
                let about = format!("{} {kind} {hash}", approval.approval);
                let act = self.act(&who.party.to_string(), action.name(), &about, Outcome::Done);
                self.use_up(&approval, act).await?;
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
        let ToSign { kind, hash, amount, order, payout, request, until } = what;
        let last = now.plus_seconds(limits.approval_seconds);
        let wanted = Approval {
            approval: Uuid::now_v7(),
            account,
            kind,
            amount,
            order,
            payout,
            request,
            state: ApprovalState::Open,
            requested_by: who.party,
            requested_at: now,
            expires_at: until.map_or(last, |until| until.min(last)),
            decided_by: None,
            decided_at: None,
        };
        let subject = format!("{} {hash}", kind.name());
        let about = format!("{} {subject}", wanted.approval);
        let act = self.act(&who.party.to_string(), REQUEST, &about, Outcome::Done);
        let community = self.community;
        let consent = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let newest = signing::newest_about(tx.conn(), &subject).await?;
                    let newest = newest.map(|newest| newest.at(now));
                    match newest.filter(|newest| newest.state != ApprovalState::Expired) {
                        Some(newest) if newest.state == ApprovalState::Refused => {
                            let title = "A member of staff refused to have this signed";
                            Err(Problem::refused("APPROVAL_REFUSED", title).into())
                        }
                        Some(newest) => anyhow::Ok(newest),
                        None => {
                            let limit = signing::limit(tx.conn(), account).await?;
                            if amount > limit.unwrap_or(limits.daily) {
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

    /// Notes that what was approved is signed.
    pub(super) async fn use_up(&self, approval: &Approval, act: Act) -> Result<()> {
        let id = approval.approval;
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let (from, to) = (ApprovalState::Approved, ApprovalState::Done);
                    if signing::move_approval(tx, id, from, to).await? {
                        audit::append(tx, act).await?;
                    }
                    Ok(())
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
        let about = match found.kind {
            kind @ (ApprovalKind::Order | ApprovalKind::Payout | ApprovalKind::Redemption) => {
                format!("{id} {} of {} for {}", kind.name(), found.account, found.amount)
            }
            ApprovalKind::Request => {
                let kind = found.request.as_ref().map_or("request", |request| request.kind());
                format!("{id} {kind} of {} for {}", found.account, found.amount)
            }
            ApprovalKind::Limit => format!("{id} limit of {} to {}", found.account, found.amount),
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
                        signing::set_limit(tx, account, found.amount).await?;
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

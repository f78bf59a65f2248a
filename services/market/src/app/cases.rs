//! What staff do about what surveillance found.

use access::Action;
use anyhow::Context;
use events::Envelope;
use events::market::CaseDecided;
use ids::CaseId;
use service::{Page, Principal, Problem};

use crate::api::may;
use crate::db::cases::{self, Wanted};
use crate::domain::{CaseState, KeptCase, Rejection};
use crate::market::Market;

impl Market {
    /// Cases of the caller's community, the newest first, and whether there are more.
    pub(crate) async fn cases(
        &self,
        caller: &Principal,
        wanted: &Wanted,
    ) -> Result<Page<KeptCase>, Problem> {
        if !may(caller, Action::ReadSurveillance, None) {
            return Err(Problem::forbidden());
        }
        let one_more = Wanted { limit: wanted.limit + 1, ..wanted.clone() };
        let mut items = cases::cases(self.db(), caller.community, &one_more).await?;
        let more = items.len() > wanted.limit as usize;
        items.truncate(wanted.limit as usize);
        let next = items.last().filter(|_| more).map(|case| case.place.to_string());
        Ok(Page { items, next })
    }

    /// A case of the caller's community.
    pub(crate) async fn case(&self, caller: &Principal, id: CaseId) -> Result<KeptCase, Problem> {
        if !may(caller, Action::ReadSurveillance, None) {
            return Err(Problem::forbidden());
        }
        let mut conn = self.db().read().acquire().await.context("loading a case")?;
        let found = cases::case(&mut conn, caller.community, id).await?;
        found.ok_or_else(|| Problem::not_found("case"))
    }

    /// Decides an open case. Whom it is about is refused with `SECOND_PERSON`, what was decided
    /// otherwise before with `DECIDED`; a repeat changes nothing.
    pub(crate) async fn decide_case(
        &self,
        caller: &Principal,
        id: CaseId,
        (state, reason): (CaseState, String),
    ) -> Result<KeptCase, Problem> {
        if !may(caller, Action::DecideCase, None) {
            return Err(Problem::forbidden());
        }
        let found = self.case(caller, id).await?;
        let own = caller.account.is_some_and(|account| found.accounts.contains(&account));
        if own || found.owners.contains(&caller.party) {
            let why = Rejection::SecondPerson;
            return Err(Problem::refused(why.code(), why.to_string()));
        }
        let (by, at) = (caller.party, self.now());
        let (community, zone) = (caller.community, found.zone);
        let commit = self.db().transact::<bool, anyhow::Error, _>(move |tx| {
            Box::pin(async move {
                if !cases::decide(tx, id, state, (reason, by, at)).await? {
                    return Ok(false);
                }
                let decision = state.name().to_owned();
                let event = CaseDecided { community, zone, case: id, decision, by };
                bus::append(tx, &Envelope::of(&event, &id.to_string(), at)).await?;
                Ok(true)
            })
        });
        let decided = commit.await.context("deciding a case")?;
        let stands = self.case(caller, id).await?;
        let same = stands.decision.as_ref().is_some_and(|(_, who, _)| *who == by);
        if decided || (same && stands.state == state) {
            return Ok(stands);
        }
        let why = Rejection::Decided;
        Err(Problem::refused(why.code(), why.to_string()))
    }
}

//! What surveillance found, for those who run the market, and what they decide about it.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use ids::CaseId;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use surveillance::Rule;
use utoipa::{IntoParams, ToSchema};

use super::limits::ReasonBody;
use crate::db::cases::Wanted;
use crate::domain::{CaseState, FoundEvidence, FoundFigure, KeptCase};
use crate::market::Market;

/// A case: a reason to look, never a verdict.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CaseView {
    /// Its name.
    #[schema(format = "uuid")]
    case: String,
    /// The grid area.
    #[schema(format = "uuid")]
    zone: String,
    /// The rule's code, such as `W1`.
    kind: String,
    /// What the rule finds, in a few words.
    title: String,
    /// Whom it is about: parties.
    owners: Vec<String>,
    /// Their accounts.
    accounts: Vec<String>,
    /// The local day on which it was first found.
    #[schema(format = Date)]
    opened: String,
    /// The local day on which it was last found.
    #[schema(format = Date)]
    last: String,
    /// When it was first found.
    found_at: String,
    /// 1 may well have another reason, 2 needs an explanation, 3 is hard to explain otherwise.
    severity: u8,
    /// How far the weakest figure is beyond its threshold, in percent: 100 to 1000.
    score: u16,
    /// The figures, all at or beyond their thresholds.
    figures: Vec<FoundFigure>,
    /// `open`, `dismissed` or `confirmed`.
    state: String,
    /// Why somebody decided so.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The party that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    decided_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
}

/// A case with what it stands on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CaseFile {
    /// The case.
    #[serde(flatten)]
    case: CaseView,
    /// Orders, trades and intervals, as they were when they were judged, by slot.
    evidence: Vec<FoundEvidence>,
    /// Pieces of evidence that there was no room for.
    evidence_left_out: u64,
}

impl From<&KeptCase> for CaseView {
    fn from(case: &KeptCase) -> CaseView {
        let title = Rule::ALL.into_iter().find(|rule| rule.code() == case.kind);
        CaseView {
            case: case.id.to_string(),
            zone: case.zone.to_string(),
            kind: case.kind.clone(),
            title: title.map_or("", Rule::title).to_owned(),
            owners: case.owners.iter().map(ToString::to_string).collect(),
            accounts: case.accounts.iter().map(ToString::to_string).collect(),
            opened: case.opened.to_string(),
            last: case.last.to_string(),
            found_at: case.found_at.to_string(),
            severity: case.severity,
            score: case.score,
            figures: case.findings.figures.clone(),
            state: case.state.name().to_owned(),
            reason: case.decision.as_ref().map(|(reason, ..)| reason.clone()),
            decided_by: case.decision.as_ref().map(|(_, by, _)| by.to_string()),
            decided_at: case.decision.as_ref().map(|(.., at)| at.to_string()),
        }
    }
}

impl From<KeptCase> for CaseFile {
    fn from(case: KeptCase) -> CaseFile {
        CaseFile {
            case: CaseView::from(&case),
            evidence: case.findings.evidence,
            evidence_left_out: case.findings.left_out,
        }
    }
}

/// Which cases are wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CasesQuery {
    /// `open`, `dismissed` or `confirmed`; all when absent.
    state: Option<String>,
    /// The code of the rule, such as `W1`; all when absent.
    kind: Option<String>,
    /// About the owner of this account; all when absent.
    account: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

impl CasesQuery {
    fn parse(self) -> Result<Wanted, Problem> {
        let state = self.state.map(|name| {
            CaseState::of(&name)
                .ok_or_else(|| Problem::malformed("state: open, dismissed or confirmed"))
        });
        let account = self
            .account
            .map(|account| account.parse().map_err(|_| Problem::malformed("account: not a UUID")));
        let before = self.cursor.as_deref().map(|cursor| {
            cursor.parse().map_err(|_| Problem::malformed("cursor: not of this list"))
        });
        Ok(Wanted {
            state: state.transpose()?,
            kind: self.kind,
            account: account.transpose()?,
            before: before.transpose()?,
            limit: PageQuery { limit: self.limit, cursor: None }.limit(),
        })
    }
}

/// Lists what surveillance found, the newest first. Needs the role operator, auditor or admin.
#[utoipa::path(
    tag = "market",
    params(CasesQuery),
    responses((status = 200, body = Page<CaseView>), Problems)
)]
#[get("/v1/surveillance/cases")]
pub(crate) async fn list_cases(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<CasesQuery>,
) -> Result<Json<Page<CaseView>>, Problem> {
    let found = market.cases(&caller, &query.parse()?).await?;
    Ok(Json(Page { items: found.items.iter().map(CaseView::from).collect(), next: found.next }))
}

/// A case with its evidence. Needs the role operator, auditor or admin.
#[utoipa::path(
    tag = "market",
    params(("id" = String, Path, format = "uuid", description = "The case")),
    responses((status = 200, body = CaseFile), Problems)
)]
#[get("/v1/surveillance/cases/{id}")]
pub(crate) async fn get_case(
    market: Data<Market>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<CaseFile>, Problem> {
    Ok(Json(market.case(&caller, case_of(&id)?).await?.into()))
}

fn case_of(id: &str) -> Result<CaseId, Problem> {
    id.parse().map_err(|_| Problem::malformed("id: not a UUID"))
}

/// What somebody decides about a case.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// It has another reason.
    Dismiss,
    /// It is what it looks like.
    Confirm,
}

/// What somebody decides about a case, and why.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionBody {
    /// `dismiss` or `confirm`.
    decision: Verdict,
    /// In words, 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Decides an open case: dismisses or confirms it, for a reason.
///
/// Nothing else follows: who shall not trade is suspended for itself. Whom it is about is refused
/// with `SECOND_PERSON`, what was decided before with `DECIDED`. Needs the role operator or admin.
/// A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(("id" = String, Path, format = "uuid", description = "The case")),
    request_body = DecisionBody,
    responses((status = 200, body = CaseFile), Problems)
)]
#[post("/v1/surveillance/cases/{id}/decision")]
pub(crate) async fn decide_case(
    market: Data<Market>,
    caller: Principal,
    id: Path<String>,
    Json(body): Json<DecisionBody>,
) -> Result<Json<CaseFile>, Problem> {
    let state = match body.decision {
        Verdict::Dismiss => CaseState::Dismissed,
        Verdict::Confirm => CaseState::Confirmed,
    };
    let reason = ReasonBody::of(body.reason).checked()?;
    Ok(Json(market.decide_case(&caller, case_of(&id)?, (state, reason)).await?.into()))
}

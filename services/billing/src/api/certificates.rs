//! Certificates of energy that was delivered: who has them, for whom they were retired, and what is
//! still to be certified.

use access::Action;
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::{account_of, may};
use crate::Billing;
use crate::db::certificates::{self, About, Holding, Of, Retirement};
use crate::db::certifying::{self, Issue, Stage};
use crate::domain::certificate::name_of;

/// What an account has of a certificate.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CertificateView {
    /// Whose.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// The certificate's number, 32 bytes.
    pub(crate) certificate: String,
    /// What it says.
    #[serde(flatten)]
    pub(crate) about: AboutView,
    /// What the account has of it, in Wh.
    pub(crate) held_wh: u64,
    /// What the account used up of it, in Wh.
    pub(crate) retired_wh: u64,
}

/// What a certificate says of its energy.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct AboutView {
    /// Where it was fed in.
    #[schema(format = "uuid")]
    pub(crate) connection_point: String,
    /// The meter that measured it.
    #[schema(format = "uuid")]
    pub(crate) device: String,
    /// What it was generated from (EECS).
    #[schema(example = "F01040100")]
    pub(crate) source: String,
    /// The same in words.
    #[schema(example = "Solar")]
    pub(crate) source_name: String,
    /// Start of the slot in which it was delivered.
    #[schema(format = DateTime)]
    pub(crate) slot: String,
    /// How long the slot is.
    pub(crate) slot_seconds: u32,
}

/// Certificates, newest slot first, and what all of them come to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CertificatePage {
    /// The certificates.
    pub(crate) items: Vec<CertificateView>,
    /// The cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// By source, over all pages.
    pub(crate) totals: Vec<SourceTotal>,
}

/// What there is of a source.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SourceTotal {
    /// The source (EECS).
    pub(crate) source: String,
    /// The same in words.
    pub(crate) source_name: String,
    /// In Wh.
    pub(crate) held_wh: u64,
    /// In Wh.
    pub(crate) retired_wh: u64,
}

/// Certified energy that was used up, for somebody and for good.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct RetirementView {
    /// Who used it up.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// The certificate's number, 32 bytes.
    pub(crate) certificate: String,
    /// What it says.
    #[serde(flatten)]
    pub(crate) about: AboutView,
    /// How much, in Wh.
    pub(crate) wh: u64,
    /// For whom.
    pub(crate) beneficiary: String,
    /// When: the time of the block.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// The block's height.
    pub(crate) block: i64,
    /// The transaction.
    pub(crate) transaction: String,
}

/// A trade whose energy is certified, or is to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct IssueView {
    /// The trade.
    pub(crate) trade: String,
    /// The seller.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// Start of the slot.
    #[schema(format = DateTime)]
    pub(crate) slot: String,
    /// What was delivered, in Wh.
    pub(crate) wh: u64,
    /// `waiting`, `sent`, `issued`, `refused`: is tried again, or `given_up`.
    pub(crate) state: String,
    /// The certificate's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<String>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) next_try: Option<String>,
}

/// Which certificates.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CertificatesQuery {
    /// The account; the caller's own when absent, and all of the community for staff.
    account: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Which trades.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IssuesQuery {
    /// The seller; the caller's own account when absent, and all of the community for staff.
    account: Option<String>,
    /// Only those that were refused.
    #[serde(default)]
    refused: bool,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Certificates of delivered energy, newest slot first: the caller's own, or for staff all.
#[utoipa::path(
    tag = "billing",
    params(CertificatesQuery),
    responses((status = 200, body = CertificatePage), Problems)
)]
#[get("/v1/certificates")]
pub(crate) async fn list_certificates(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<CertificatesQuery>,
) -> Result<Json<CertificatePage>, Problem> {
    let of = whose(&billing, &caller, query.account.as_deref()).await?;
    let limit = PageQuery { limit: query.limit, cursor: None }.limit();
    let below = match query.cursor.as_deref().map(parts::<3>).transpose()? {
        None => None,
        Some([slot, certificate, account]) => {
            Some((number(slot)?, certificate.to_owned(), account.to_owned()))
        }
    };
    let found = certificates::holdings(&billing.db, of, below, limit).await?;
    let next = found
        .last()
        .filter(|_| is_full(found.len(), limit))
        .map(|last| format!("{}_{}_{}", last.about.slot.seconds(), last.certificate, last.account));
    let totals = certificates::totals(&billing.db, of).await?;
    let total = |(source, held_wh, retired_wh): (String, u64, u64)| SourceTotal {
        source_name: name_of(&source).to_owned(),
        source,
        held_wh,
        retired_wh,
    };
    Ok(Json(CertificatePage {
        items: found.iter().map(holding).collect(),
        next,
        totals: totals.into_iter().map(total).collect(),
    }))
}

/// Retirements, newest first: the caller's own, or for staff all of the community.
///
/// Each names for whom the energy was used up, and the transaction that proves it.
#[utoipa::path(
    tag = "billing",
    params(CertificatesQuery),
    responses((status = 200, body = Page<RetirementView>), Problems)
)]
#[get("/v1/certificates/retirements")]
pub(crate) async fn list_retirements(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<CertificatesQuery>,
) -> Result<Json<Page<RetirementView>>, Problem> {
    let of = whose(&billing, &caller, query.account.as_deref()).await?;
    let limit = PageQuery { limit: query.limit, cursor: None }.limit();
    let below = match query.cursor.as_deref().map(parts::<2>).transpose()? {
        None => (i64::MAX, i64::MAX),
        Some([height, place]) => (number(height)?, number(place)?),
    };
    let found = certificates::retirements(&billing.db, of, below, limit).await?;
    let last = found.last().filter(|_| is_full(found.len(), limit));
    let next = last.map(|last| format!("{}_{}", last.number, last.place));
    Ok(Json(Page { items: found.into_iter().map(retirement).collect(), next }))
}

/// Trades that are certified or are to be, newest slot first: the caller's sales, or for staff all.
///
/// A trade is certified when its corrections and challenges are over, if its seller's connection
/// point had a source during the slot. What is refused is tried again for two days.
#[utoipa::path(
    tag = "billing",
    params(IssuesQuery),
    responses((status = 200, body = Page<IssueView>), Problems)
)]
#[get("/v1/certificates/issues")]
pub(crate) async fn list_issues(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<IssuesQuery>,
) -> Result<Json<Page<IssueView>>, Problem> {
    let of = whose(&billing, &caller, query.account.as_deref()).await?;
    let limit = PageQuery { limit: query.limit, cursor: None }.limit();
    let below = match query.cursor.as_deref().map(parts::<2>).transpose()? {
        None => (i64::MAX, String::new()),
        Some([slot, trade]) => (number(slot)?, trade.to_owned()),
    };
    let found = certifying::page(&billing.db, of, query.refused, below, limit).await?;
    let last = found.last().filter(|_| is_full(found.len(), limit));
    let next = last.map(|last| format!("{}_{:#x}", last.slot.seconds(), last.trade));
    let mut certified = certifying::certified(&billing.db, &found).await?;
    let view = |one: &Issue| issue(one, certified.remove(&one.trade));
    Ok(Json(Page { items: found.iter().map(view).collect(), next }))
}

/// Whose certificates a caller sees.
async fn whose(billing: &Billing, caller: &Principal, named: Option<&str>) -> Result<Of, Problem> {
    let everybody = named.is_none() && may(caller, Action::ReadAccount, None);
    let account = match everybody {
        true => None,
        false => Some(account_of(billing, caller, named).await?.account),
    };
    Ok((caller.community, account))
}

fn is_full(found: usize, limit: u32) -> bool {
    found == usize::try_from(limit).unwrap_or(usize::MAX)
}

/// The parts of a cursor of ours.
fn parts<const N: usize>(cursor: &str) -> Result<[&str; N], Problem> {
    let all: Vec<&str> = cursor.split('_').collect();
    all.try_into().map_err(|_| Problem::malformed("cursor: unknown"))
}

fn number(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::malformed("cursor: unknown"))
}

fn about(of: &About) -> AboutView {
    AboutView {
        connection_point: of.point.to_string(),
        device: of.meter.to_string(),
        source_name: name_of(&of.source).to_owned(),
        source: of.source.clone(),
        slot: of.slot.to_string(),
        slot_seconds: of.slot_seconds,
    }
}

fn holding(of: &Holding) -> CertificateView {
    CertificateView {
        account: of.account.to_string(),
        certificate: of.certificate.clone(),
        about: about(&of.about),
        held_wh: of.held,
        retired_wh: of.retired,
    }
}

fn retirement(of: Retirement) -> RetirementView {
    RetirementView {
        account: of.account.to_string(),
        about: about(&of.about),
        certificate: of.certificate,
        wh: of.wh,
        beneficiary: of.beneficiary,
        at: of.at.to_string(),
        block: of.number,
        transaction: of.hash,
    }
}

fn issue(of: &Issue, certificate: Option<String>) -> IssueView {
    let waits = of.stage == Stage::Waiting;
    let state = match of.stage {
        _ if certificate.is_some() => "issued",
        Stage::Waiting if of.reason.is_empty() => "waiting",
        Stage::Waiting => "refused",
        Stage::Sent | Stage::Done => "sent",
        Stage::GivenUp => "given_up",
    };
    let refused = certificate.is_none() && !of.reason.is_empty();
    IssueView {
        trade: format!("{:#x}", of.trade),
        account: of.account.to_string(),
        slot: of.slot.to_string(),
        wh: of.wh,
        state: state.to_owned(),
        certificate,
        reason: refused.then(|| of.reason.clone()),
        next_try: (refused && waits).then(|| of.due.to_string()),
    }
}
